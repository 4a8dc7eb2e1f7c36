"""The command line: options in, exit status out; no arithmetic. Each command is a module of this folder.

Exit status: 0 good, 1 the network or an expectation about it is wrong, 2 the command was used wrongly.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from shapecalc import __version__
from shapecalc.errors import ShapecalcError
from shapecalc.escaping import clean
from shapecalc.files import inputs_noted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["cli", "main", "status_of"]

_INTERRUPTED = 130
_ENDINGS = ("SIGTERM", "SIGHUP")
"""Signals that end a command as Ctrl-C does: after it has cleaned up its unfinished files."""


class _Ended(KeyboardInterrupt):
    """A signal that ends the command."""

    def __init__(self, number: int) -> None:
        self.exit_status = 128 + number


def status_of(interruption: BaseException | None) -> int:
    """Return the exit status of a command that was interrupted: 128 and the number of the signal."""
    return interruption.exit_status if isinstance(interruption, _Ended) else _INTERRUPTED


@contextlib.contextmanager
def _endings_caught() -> Iterator[None]:
    """Turn signals that end a command into an exception, unless the caller ignores them (as nohup does)."""

    def end(number: int, _: FrameType | None) -> None:
        raise _Ended(number)

    caught = [number for name in _ENDINGS if (number := getattr(signal, name, None)) is not None]
    is_main = threading.current_thread() is threading.main_thread()
    caught = [number for number in caught if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in caught:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)


_SHARED = (
    "argument_values",
    "bash",
    "completion",
    "formats",
    "misuse",
    "notebook",
    "options",
    "output",
    "serving",
    "small_devices",
    "training",
)
"""Modules of this folder that are not commands."""


class _Commands(click.Group):
    """The commands, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        files = sorted(os.listdir(os.path.dirname(__file__)))
        names = [os.path.splitext(file)[0] for file in files if file.endswith(".py")]
        known = [name for name in names if not name.startswith("_") and name not in _SHARED]
        return sorted(known, key=lambda name: (name != "summary", name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"shapecalc.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from shapecalc.errors import did_you_mean

            commands = self.list_commands(ctx)
            hint = str(did_you_mean(args[0], commands, "`shapecalc --help` lists the commands", lists=False))
            if _is_network(args[0]):
                hint = f"write shapecalc summary {args[0]}"
            raise click.UsageError(f"there is no command {args[0]!r}: {hint}", ctx) from error


def _is_network(word: str) -> bool:
    """Return whether a word in place of a command is the file, or the name, of a network."""
    from shapecalc.language.files import find_bundled

    return os.path.isfile(word) or find_bundled(word) is not None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="shapecalc %(version)s")
def cli() -> None:
    """Compute the tensor shapes, parameters, MACs and memory of a neural network, and show the arithmetic.

    SPEC is a YAML file, a variant in it (FILE:VARIANT), a file of another format (ONNX, PyTorch's .pt2, Keras, Caffe,
    darknet), the config.json of a model of Hugging Face (or its folder), the name of a bundled network (see `shapecalc
    specs`), or - for standard input.
    """


def main() -> None:
    """Run the command line, and exit with its status."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (for as long as the process is)
    try:
        with inputs_noted(), _endings_caught():
            status = _run()
        sys.exit(status)
    except BrokenPipeError:  # the reader of the output has closed it: exit silently
        _close_quietly()
        sys.exit(1)
    except OSError as error:
        _close_quietly()
        _print_last(clean(f"the output cannot be written: {error.strerror or error}"))
        sys.exit(2)
    except MemoryError:
        _print_last("not enough memory")
        sys.exit(2)
    finally:
        gc.freeze()  # skips the garbage collection at the end of the process as well


def _print_last(words: str) -> None:
    """Write a last line to standard error, if that is possible."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()


def _run() -> int:
    try:
        _open_streams()
        if "_SHAPECALC_COMPLETE" in os.environ:
            import_module("shapecalc.cli.bash")  # it joins words with = in them
        result: Any = cli.main(prog_name="shapecalc", standalone_mode=False)
        sys.stdout.flush()
    except ShapecalcError as error:
        from shapecalc.cli.output import show_error

        sys.stdout.flush()
        show_error(error)
        return error.exit_status
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        from shapecalc.cli.misuse import show_misuse

        show_misuse(error, cli)
        return error.exit_code
    except KeyboardInterrupt as interruption:
        return status_of(interruption)
    except click.Abort as abort:
        return status_of(abort.__cause__)
    return result if isinstance(result, int) else 0


def _open_streams() -> None:
    """Make the output streams accept any character, whatever their encoding."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
            from shapecalc.renderers.plain import PlainStream

            setattr(sys, name, PlainStream(stream))


def _close_quietly() -> None:
    """Leave nothing for the interpreter to flush into a closed pipe."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
