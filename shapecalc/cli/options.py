"""What the commands share: options that select and change a network, and functions that write output."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from shapecalc.errors import Problem, ShapeError, UsageError, count_noun
from shapecalc.escaping import defuse, join_lines
from shapecalc.files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from shapecalc.errors import ShapecalcError
    from shapecalc.model.answer import Answer
    from shapecalc.model.report import Report
    from shapecalc.network import Network

__all__ = [
    "Layout",
    "WholeNumber",
    "batch_option",
    "complain",
    "completed",
    "depth_option",
    "emit",
    "emit_answer",
    "emit_json",
    "inferred",
    "input_option",
    "layout_of",
    "layout_option",
    "load_network",
    "network_options",
    "parameters_of",
    "read_settings",
    "set_option",
    "show_error",
    "sized_network",
    "spec_argument",
    "terminal_width",
    "wants_color",
    "warn",
    "write_to_screen",
]

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_MAX_SHOWN = 50
_DIGITS = 6


class WholeNumber(click.IntRange):
    """A whole number within a range: what is none is called so (click says "not a valid integer range")."""

    name = "whole number"


def completed(what: str, *given: Any) -> Callable[..., Any]:
    """Return a function that completes words in a shell: specs, layers, settings, kinds and others.

    It is `complete_*` of the module `completion`, or with something given what that function returns for it.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        from shapecalc.cli import completion  # only for completion

        found = getattr(completion, f"complete_{what}")
        return (found(*given) if given else found)(ctx, param, incomplete)

    return complete


def spec_argument(name: str = "spec", metavar: str = "SPEC", **attributes: Any) -> Callable[[_Command], _Command]:
    """Return a decorator that adds an argument for specifications."""
    return click.argument(name, metavar=metavar, shell_complete=completed("specs"), **attributes)


set_option = click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    shell_complete=completed("settings"),
    help="Set a variable of the specification. May be repeated.",
)

input_option = click.option(
    "--input",
    "inputs",
    metavar="SIZE",
    multiple=True,
    help="Set the input size: 3x256x256, or NAME=SIZE for one of several inputs.",
)

batch_option = click.option(
    "--batch",
    type=WholeNumber(1, 10**9),
    default=1,
    metavar="N",
    help="Set the batch size that MACs and bytes are for.",
)


def network_options(function: _Command) -> _Command:
    """Add SPEC, --input and --set to a command; `load_network(spec, input, set)` then returns the network."""
    return spec_argument()(input_option(set_option(function)))


def _read_depth(ctx: click.Context, param: click.Parameter, value: str) -> int | str:
    """Return the value of `--depth`: a number, all or auto."""
    if value in ("auto", "all"):
        return value
    from shapecalc.text.units import read_whole

    depth = read_whole(value)
    if depth:
        return depth
    raise click.BadParameter(f"{value!r} is not a depth: 1, 2, … or all", ctx, param)


depth_option = click.option(
    "--depth",
    default="auto",
    metavar="N",
    callback=_read_depth,
    shell_complete=completed("depth"),
    help="Expand blocks to this depth: 1, 2, … or all.",
)


layout_option = click.option(
    "--layout",
    type=click.Choice(["hwc", "chw"], case_sensitive=False),
    help="Choose the order of the axes of sizes, of --input too.",
)


def parameters_of(*options: Callable[..., Any]) -> list[click.Parameter]:
    """Return options as parameters, for a command that is not made of a function."""

    def bare() -> None: ...

    for option in reversed(options):
        option(bare)
    return [*reversed(vars(bare)["__click_params__"])]


_SEVERAL = r"[^\s'\"\[\](){}]*,[^'\"\[\](){}]*|(?a:-?[\d.]+(?::-?[\d.]+){1,2})"
"""Several values, as `sweep` reads them: 8,16 or 8:64:8."""


def read_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the variables of `--set NAME=VALUE`, with values parsed as in a specification."""
    from shapecalc.language.values import BadValueError, plain
    from shapecalc.source import read_text

    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise UsageError(Problem(f"--set {pair} is not NAME=VALUE", hint="write for instance --set width=32"))
        if not text.strip():
            raise UsageError(Problem(f"--set {pair} has no value", hint=f"write for instance --set {name}=32"))
        if name in found:
            raise UsageError(Problem(f"the variable {name} is set twice", hint="give each --set once"))
        if re.fullmatch(_SEVERAL, text.strip()):
            hint = f"try several values with shapecalc sweep SPEC --set {pair.strip()}, or with solve --for"
            raise UsageError(Problem(f"--set {pair} is more than one value", hint=hint))
        value, problems = read_text(text, f"--set {name}")
        if value is None or problems:
            raise UsageError(problems or f"--set {pair} gives no value")
        try:
            found[name] = plain(value, {})
        except BadValueError as error:
            raise UsageError(error.problem) from None
    return found


def read_inputs(texts: Sequence[str]) -> Any:
    """Return the input sizes of `--input`: one size, or a mapping of names to sizes; None for none."""
    if not texts:
        return None
    named = {}
    for text in texts:
        name, equals, size = text.partition("=")
        named[name if equals else ""] = size if equals else text
    if len(named) < len(texts):
        raise UsageError(Problem("one input is given two sizes", hint="name each: --input left=3x105x105"))
    return named[""] if set(named) == {""} else named


def load_network(spec: str, inputs: Sequence[str] = (), settings: Sequence[str] = (), layout: str = "") -> Network:
    """Return the network of a command: its SPEC, with --input (in the layout shown) and --set applied."""
    network = sized_network(spec, read_settings(settings), read_inputs(inputs), layout)
    warn(network.warnings)
    return network


def sized_network(spec: Any, variables: Mapping[str, Any], sizes: Any, layout: str = "") -> Network:
    """Return the network of a specification with variables, and with input sizes in a layout."""
    from shapecalc.layers.base.shape import read_layout
    from shapecalc.network import load

    if sizes is None or not layout:
        return load(spec, vars=variables, input=sizes)
    return load(spec, vars=variables).with_overrides(sizes, None, read_layout(layout))


def warn(warnings: Iterable[Problem]) -> None:
    """Write warnings to standard error, each once per command."""
    printed = click.get_current_context().meta.setdefault(f"{__name__}.printed", set())
    for warning in warnings:
        lines = warning.lines("warning")
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
    return {"width": terminal_width() if to_screen else None, "color": to_screen and wants_color()}


def terminal_width() -> int | None:
    """Return the columns of the terminal, or None if the output is not a terminal and COLUMNS is not set."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and 0 < len(columns) <= _DIGITS and int(columns):
        return int(columns)
    if not sys.stdout.isatty():
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


def emit(text: str, output: str | None = None, format_: str = "text", title: str = "shapecalc") -> None:
    """Write text to standard output, or to a file as a whole. Errors: `UsageError` if it cannot be written.

    `format_` is its format: in plain text, lines that a CI would read as commands are escaped; HTML is wrapped in a
    page with the title.
    """
    if format_ == "html":
        from shapecalc.renderers.html import draw_page

        text = draw_page(text, title)
    text = text if text.endswith("\n") else f"{text}\n"
    if output is None:
        write_to_screen(text, format_)
    else:
        write_file(output, text.encode("utf-8", "replace"))


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


def show_error(error: ShapecalcError) -> None:
    """Write an error to standard error: all its problems, up to a maximum number."""
    problems = error.problems
    shown = problems[:_MAX_SHOWN]
    lines: list[str] = []
    for problem in shown:
        lines += ["", *problem.lines()] if lines else problem.lines()
    if len(problems) > len(shown):
        lines += ["", f"… and {count_noun(len(problems) - len(shown), 'more problem')}"]
    for warning in getattr(error, "warnings", ()):
        lines += ["", *warning.lines("warning")]
    complain(lines)
