"""What the commands print: answers on standard output or in a file, warnings and errors on standard error."""

from __future__ import annotations

import os
import re
import sys
from typing import IO, TYPE_CHECKING, Any, TypedDict

import click

from shapecalc.errors import Problem, ShapeError, UsageError, count_noun
from shapecalc.escaping import defuse, join_lines
from shapecalc.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.errors import ShapecalcError
    from shapecalc.model.answer import Answer
    from shapecalc.model.report import Report
    from shapecalc.network import Network

__all__ = [
    "Layout",
    "check_picture",
    "check_plot",
    "complain",
    "emit",
    "emit_answer",
    "emit_json",
    "inferred",
    "layout_of",
    "show_error",
    "terminal_width",
    "wants_color",
    "warn",
    "wrapped_line",
    "write_to_screen",
]

_MAX_SHOWN = 50
_DIGITS = 6
_MIN_ROOM = 20
_HANG = 3
_CITED = re.compile(r" *\d* *│")
"""The beginning of a line of a specification, and of the carets below it."""


def warn(warnings: Iterable[Problem]) -> None:
    """Write warnings to standard error, each once per command."""
    printed = click.get_current_context().meta.setdefault(f"{__name__}.printed", set())
    for warning in warnings:
        lines = _wrapped(warning, "warning")
        if lines[0] not in printed:
            printed.add(lines[0])
            complain([*lines, ""])


def inferred(network: Network, output: str | None, **options: Any) -> tuple[Report, ShapeError | None]:
    """Return the report of a network, and the shape error to raise after the layers before it are shown.

    `options` are those of `infer`. Only complete reports are written to a file: with an `output` the error is raised.
    """
    try:
        return network.infer(**options), None
    except ShapeError as error:
        if output is not None or not error.report.rows:
            raise
        return error.report, error


class Layout(TypedDict):
    """How a text is laid out: its width in columns (None: unlimited), and whether in colour."""

    width: int | None
    color: bool


def layout_of(output: str | None, format_: str) -> Layout:
    """Return the layout of a command's answer: fitted to the screen if it is text on the screen."""
    to_screen = output is None and format_ == "text"
    stream: Any = sys.stdout
    if to_screen and hasattr(stream, "write_as"):  # of an encoding that lacks characters
        from shapecalc.renderers.plain import longer_in
        from shapecalc.text.cells import count_longer

        count_longer(longer_in(stream.stream.encoding))
    return {"width": terminal_width() if to_screen else None, "color": to_screen and wants_color()}


def terminal_width(stream: IO[str] | None = None) -> int | None:
    """Return the columns of the terminal, or None if the stream is not a terminal and COLUMNS is not set.

    The stream is standard output where none is given.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and 0 < len(columns) <= _DIGITS and int(columns):
        return int(columns)
    if not (stream or sys.stdout).isatty():
        return None
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


def wants_color() -> bool:
    """Return whether colour is wanted: not if NO_COLOR is set; otherwise with FORCE_COLOR, or on a terminal.

    A dumb terminal (TERM=dumb) has no colour; FORCE_COLOR=0 is the same as leaving it out.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def emit(
    written: str | bytes, output: str | None = None, format_: str = "text", title: str = "shapecalc", *,
    theme: str = "auto",
) -> None:  # fmt: skip
    """Write text or bytes to standard output, or to a file as a whole. Errors: `UsageError` if it cannot be written.

    `format_` is its format: in plain text, lines that a CI would read as commands are escaped; HTML is wrapped in a
    page with the title, light or dark as its `theme` says; bytes are not written to a terminal.
    """
    if isinstance(written, bytes):
        _check_terminal(format_, output)
        data = written
    else:
        if format_ == "html":
            from shapecalc.renderers.html import draw_page

            written = draw_page(written, title, theme)
        written = written if written.endswith("\n") else f"{written}\n"
        if output is None:
            write_to_screen(written, format_)
            return
        data = written.encode("utf-8", "replace")
    if output is None:
        stream: Any = sys.stdout
        getattr(stream, "stream", stream).buffer.write(data)
    else:
        write_file(output, data)


def _check_terminal(format_: str, output: str | None) -> None:
    """Check that bytes are not for a terminal. Errors: `UsageError`."""
    if output is None and sys.stdout.isatty():
        message = f"{format_} is binary, and would garble the terminal"
        raise UsageError(Problem(message, hint="name a file with -o, or write to a pipe"))


def emit_answer(answer: Answer, output: str | None, format_: str, title: str, **options: Any) -> None:
    """Write an answer in a format, as `emit` does; `options` are those of its renderer. JSON is its contract."""
    if format_ == "json":
        emit_json(answer.to_dict(), output)
    else:
        emit(answer.render(format_, **options, **layout_of(output, format_)), output, format_, title)


def emit_json(contract: dict[str, Any], output: str | None = None) -> None:
    """Write an answer's JSON contract to standard output, or to a file. Errors: as `emit`."""
    from shapecalc.renderers.json import write_contract

    emit(write_contract(contract), output, "json")


def write_to_screen(text: str, format_: str = "text") -> None:
    """Write text of a format to standard output, in characters of its encoding."""
    text = defuse(text) if format_ == "text" else text
    if hasattr(sys.stdout, "write_as"):
        sys.stdout.write_as(text, format_)
    else:
        sys.stdout.write(text)


def complain(lines: Iterable[str]) -> None:
    """Write lines to standard error."""
    sys.stderr.write(f"{defuse(join_lines(lines))}\n")


def _wrapped(problem: Problem, level: str = "") -> list[str]:
    """Return the lines of a problem within the width of the terminal."""
    return [part for line in problem.lines(level, terminal_width(sys.stderr)) for part in wrapped_line(line)]


def wrapped_line(line: str) -> list[str]:
    """Return a line for standard error as lines within the width of the terminal, without cutting a word."""
    width = terminal_width(sys.stderr)
    if width is None or _CITED.match(line):
        return [line]
    from shapecalc.text.cells import wrap

    indent = len(line) - len(line.lstrip())
    hang = 0 if indent else _HANG  # a path stays whole, to be copied
    return [" " * indent + part for part in wrap(line.lstrip(), max(width - indent, _MIN_ROOM), hang, splits=False)]


def show_error(error: ShapecalcError) -> None:
    """Write an error to standard error: all its problems, up to a maximum number."""
    problems = error.problems
    shown = problems[:_MAX_SHOWN]
    lines: list[str] = []
    for problem in shown:
        own = _wrapped(problem)
        lines += ["", *own] if lines else own
    if len(problems) > len(shown):
        lines += ["", f"… and {count_noun(len(problems) - len(shown), 'more problem')}"]
    for warning in getattr(error, "warnings", ()):
        lines += ["", *_wrapped(warning, "warning")]
    complain(lines)


def check_picture(format_: str, output: str | None, what: str = "a picture") -> None:
    """Check that a picture can be written in a format, before there is one; `what` is for the error.

    Errors: `UsageError` for bytes on a terminal, `MissingExtraError`.
    """
    from shapecalc.renderers.pictures import BINARY, check_format

    if format_ in BINARY:
        _check_terminal(format_, output)
    check_format(format_, what)


def check_plot(path: str, output: str | None, what: str) -> None:
    """Check the file of a plot beside the one of `--output`, before there is anything to write.

    The files that the command reads are read before: a plot does not replace them.

    Errors: `UsageError`, `MissingExtraError`.
    """
    from shapecalc.files import check_writable, find_target
    from shapecalc.renderers.pictures import format_of

    check_picture(format_of(path), path, what)
    check_writable(path)
    if output and find_target(path).path == find_target(output).path:
        raise UsageError(Problem(f"--plot and --output are both {output}", hint="name two files"))
