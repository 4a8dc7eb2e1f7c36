"""The magics of notebooks: `%%shapecalc` for a cell that is a specification, `%shapecalc SPEC` for any network.

Both show the table of the layers and a picture, and have the options of `shapecalc draw`.
"""

from __future__ import annotations

import contextlib
import io
import keyword
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli import cli, draw
from shapecalc.cli.misuse import show_misuse
from shapecalc.cli.options import load_network
from shapecalc.cli.output import show_error
from shapecalc.errors import Problem, ShapecalcError, ShapeError, UsageError
from shapecalc.language import read_specification
from shapecalc.language.members import Member
from shapecalc.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["add_magic"]

_NAME = "shapecalc"
_OF_FILES = ("format_", "output")
"""Parameters of `draw` that a notebook has no use for."""


class CellError(Exception):
    """The error of a cell, which a notebook shows without a traceback; cells below it are not run."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return str(self).splitlines()


def add_magic(shell: Any) -> None:
    """Add the magics to a shell of IPython."""
    shell.register_magic_function(_Magic(shell), magic_kind="line_cell", magic_name=_NAME)


class _Magic:
    """The function of both magics, in a shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.__name__ = _NAME
        self.__doc__ = f"%{_NAME} SPEC: {_LINE}\n\n%%{_NAME}: {_CELL}"

    def __call__(self, line: str, cell: str | None = None) -> None:
        """Run a line, or a cell. Errors: `CellError`."""
        spec, *parameters = [param for param in draw.command.params if param.name not in _OF_FILES]
        name = f"%{_NAME}"
        if cell is None:
            command = click.Command(name, params=[spec, *parameters], callback=self.show_spec, help=_LINE)
        else:
            name = f"%{name}"
            params = [click.Argument(["name"], required=False), *parameters]
            command = click.Command(name, params=params, callback=partial(self.show_cell, cell), help=_CELL)
        command.context_settings = cli.context_settings
        try:
            with command.make_context(name, _words(line)) as context:
                command.invoke(context)
        except click.exceptions.Exit:  # after --help
            return
        except (ShapecalcError, click.ClickException) as error:
            raise CellError(_text_of(error)) from None

    def show_spec(
        self, *, spec: str, inputs: Sequence[str], settings: Sequence[str], layout: str | None, **options: Any
    ) -> None:
        """Display the network of a SPEC, or of a variable that holds one. Errors: `ShapecalcError`."""
        held = self.shell.user_ns.get(spec)
        try:
            network = load_network(held if isinstance(held, Network) else spec, inputs, settings, layout or "")
        except UsageError:
            if held is None:
                raise
            network = load_network(held, inputs, settings, layout or "")  # its error says how to read such an object
        self.show(network, layout=layout, **options)

    def show_cell(
        self, cell: str, *, name: str | None, inputs: Sequence[str], settings: Sequence[str], layout: str | None,
        **options: Any,
    ) -> None:  # fmt: skip
        """Display the network of a cell, and keep it under the name. Errors: `ShapecalcError`."""
        if name is not None and (not name.isidentifier() or keyword.iskeyword(name)):
            near = name.replace("-", "_")
            hint = f"write for instance %%{_NAME} {near if near != name and near.isidentifier() else 'net'}"
            raise UsageError(Problem(f"{name} is not a name in Python", hint=hint))
        specification = read_specification(f"\n{cell}", name or "cell")  # below the magic, so that lines agree
        network = load_network(Member(specification), inputs, settings, layout or "")
        if name is not None:
            self.shell.push({name: network})
        self.show(network, layout=layout, **options)

    def show(self, network: Network, *, batch: int, layout: str | None, style: str, theme: str, **options: Any) -> None:
        """Display the table and the picture of a network. Errors: `ShapecalcError`."""
        try:
            report = network.infer(batch=batch, layout=layout or "")
        except ShapeError as error:
            if error.report.rows:
                self.display(error.report)
            raise
        picture = report.draw(style, theme=theme, **draw.given_options(options))
        self.display(report)
        self.display(picture)

    def display(self, answer: Any) -> None:
        """Display an answer, or a picture, below the cell."""
        self.shell.display_pub.publish(*self.shell.display_formatter.format(answer))


def _words(line: str) -> list[str]:
    """Return the words of the line of a cell, as a shell reads them. Errors: `UsageError` for an open quote."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(Problem(f"{line.strip()}: {str(error).lower()}")) from None


def _text_of(error: ShapecalcError | click.ClickException) -> str:
    """Return what a command writes about an error."""
    with contextlib.redirect_stderr(io.StringIO()) as written:
        if isinstance(error, ShapecalcError):
            show_error(error)
        else:
            show_misuse(error, cli)
    return written.getvalue().rstrip()


_LINE = (
    "Show the table of the layers of a network, and a picture. SPEC is what it is on the command line, or a variable "
    "that holds a network."
)
_CELL = (
    "The cell is a specification in YAML: show the table of its layers, and a picture. With a NAME, the network is a "
    "variable of that name in the cells below."
)
