"""The output formats of a command: the options --format and --output, and the formats of file suffixes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shapecalc.cli.options import OneOf, together
from shapecalc.errors import Problem, UsageError
from shapecalc.renderers import ALSO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "AS_SPECIFICATION",
    "SUFFIXES",
    "check_name_of_specification",
    "format_options",
    "output_formats",
    "plot_option",
    "read_show",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

SUFFIXES = {
    ".txt": "text", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".json": "json",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tex": "latex", ".svg": "svg", ".py": "python",
    ".png": "png", ".pdf": "pdf", ".parquet": "parquet",
}  # fmt: skip
"""The format of each file suffix; hints name the first suffix of a format."""

_OF_SPECIFICATIONS = ("", ".yaml", ".yml", ".txt")

AS_SPECIFICATION = "shapecalc.as_specification"
"""Set in `Context.meta`, by an eager option, if a command writes a specification instead of an answer."""


class _Format(OneOf):
    """The name of a format, or an alias of it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(ALSO.get(value, value), param, ctx)


def output_formats(*formats: str, output: Sequence[str] = ("--output", "-o")) -> Callable[[_Command], _Command]:
    """Add --format and --output to a command that writes these formats; the first one is the default."""
    return together(*[click.option(*names, **attributes) for names, attributes in format_options(formats, output)])


def plot_option(what: str) -> Callable[[_Command], _Command]:
    """Add --plot to a command that draws an answer; `what` is in its help."""
    from shapecalc.renderers.pictures import FORMATS  # of commands that draw

    *others, last = [f".{name}" for name in FORMATS]
    help_ = f"Plot {what}: {', '.join(others)} or {last}."
    return click.option("--plot", metavar="FILE", type=click.Path(dir_okay=False), help=help_)


def format_options(
    formats: Sequence[str], output: Sequence[str] = ("--output", "-o")
) -> list[tuple[list[str], dict[str, Any]]]:
    """Return the names and attributes of --format and --output, for a command that writes these formats."""

    def read_format(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
        output = ctx.params.get("output")
        if AS_SPECIFICATION not in ctx.meta:
            return value or _named_by(output, formats)
        if value not in (None, "text"):
            raise click.BadParameter(f"a specification is YAML, not {value}", ctx, param)
        check_name_of_specification(output)
        return "text"

    names = ", ".join(formats)
    help_ = f"Choose the output format: {names}. Default: from the suffix of FILE, else {formats[0]}."
    return [
        (["--format", "format_"],
         {"type": _Format(formats), "metavar": "FORMAT", "callback": read_format, "help": help_}),
        ([*output, "output"],
         {"metavar": "FILE", "type": click.Path(dir_okay=False), "callback": _read_output, "is_eager": True,
          "help": "Write to FILE instead of the screen."}),
    ]  # fmt: skip


def read_show(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """Record that --show writes YAML: that decides which --format and suffix of --output are valid."""
    if value is not None:
        ctx.meta[AS_SPECIFICATION] = True
    return value


def check_name_of_specification(output: str | None) -> None:
    """Check the suffix of a file for a specification. Errors: `UsageError` for that of another format."""
    suffix = os.path.splitext(output or "")[1]
    if suffix.lower() not in _OF_SPECIFICATIONS:
        raise UsageError(Problem(f"{output}: a specification is YAML, not {suffix}", hint="name it .yaml"))


def _read_output(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return the file to write to, or None for the screen; `-` is the screen too."""
    if value == "":
        raise click.BadParameter("the name of the file is empty", ctx, param)
    return None if value == "-" else value


def _named_by(output: str | None, formats: Sequence[str]) -> str:
    """Return the format of a file's suffix. Errors: `UsageError` for one that the command does not write."""
    suffix = os.path.splitext(output or "")[1]
    if not suffix:
        return formats[0]
    found = SUFFIXES.get(suffix.lower())
    if found in formats:
        return str(found)
    message = f"{output}: {f'this command does not write {found}' if found else f'no format has the suffix {suffix}'}"
    own = [next(ending for ending, name in SUFFIXES.items() if name == one) for one in formats if one != "github"]
    listed = f"{', '.join(own[:-1])} or {own[-1]}" if len(own) > 1 else own[0]
    raise UsageError(Problem(message, hint=f"name it {listed}, or choose with --format"))
