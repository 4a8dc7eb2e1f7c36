"""The options that the commands share: they select and change a network."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from shapecalc.cli.output import warn
from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from shapecalc.network import Network

__all__ = [
    "DIRECTION", "GroupedCommand", "ListingCommand", "OneOf", "WholeNumber", "all_or_depth", "batch_option",
    "completed", "depth_option", "grouped", "input_option", "layout_option", "load_network", "load_one_of",
    "network_options", "parameters_of", "read_selection", "read_settings", "selection_options", "separated",
    "set_option", "settings_option", "sized_network", "spec_argument", "together",
]  # fmt: skip

_Command = TypeVar("_Command", bound="Callable[..., Any]")


class GroupedCommand(click.Command):
    """A command whose help lists the options that `grouped` adds under names of their own, after the others."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "help_group", "Options"), []).append(record)
        for name in sorted(sections, key=lambda name: name != "Options"):
            with formatter.section(name):
                formatter.write_dl(sections[name])


def grouped(name: str, options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds options to a `GroupedCommand`, which its help lists under a name."""

    def add(function: _Command) -> _Command:
        before = len(getattr(function, "__click_params__", ()))
        function = options(function)
        for param in vars(function)["__click_params__"][before:]:
            param.help_group = name
        return function

    return add


def together(*options: Callable[[Any], Any]) -> Callable[[_Command], _Command]:
    """Return a decorator that adds several options to a command, in this order."""

    def add(function: _Command) -> _Command:
        for option in reversed(options):
            function = option(function)
        return function

    return add


class ListingCommand(click.Command):
    """A command whose help ends with a list: its title, and names with what each is."""

    def __init__(self, *args: Any, listing: tuple[str, Sequence[tuple[str, str]]], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.listing = listing

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        title, rows = self.listing
        with formatter.section(title):
            formatter.write_dl(rows)


class WholeNumber(click.IntRange):
    """A whole number within a range: what is none is called so (click says "not a valid integer range")."""

    name = "whole number"

    def _describe_range(self) -> str:
        """Return the range in words, for help and errors: a very large maximum only bounds the work."""
        is_open = self.max is None or self.max >= _LARGE
        return f"{self.min} or more" if is_open else f"{self.min} to {self.max}"


_LARGE = 10**7


class OneOf(click.Choice[str]):
    """One of a few words, in small letters or large ones, with - or _; the hint for another is the nearest of them."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(words, case_sensitive=False)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        same = [word for word in self.choices if word == value or _plain(word) == _plain(value)]
        if same:
            return same[0]
        from shapecalc.errors import did_you_mean

        near = did_you_mean(value, self.choices, lists=False)
        listed = ", ".join(self.choices)
        return self.fail(f"{value!r} is not one of {listed}{f': {near}' if near else ''}", param, ctx)


def _plain(word: str) -> str:
    """Return a word without what differs between spellings: `AdamW-8bit`, adamw8bit. A sign before it counts."""
    return word[:1].lower() + re.sub("[-_ ]", "", word[1:].lower())


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


settings_option = partial(click.option, metavar="NAME=VALUE", multiple=True, shell_complete=completed("settings"))

set_option = settings_option(
    "--set",
    "--value",
    "settings",
    help="Set a variable of the specification: width=64; of an imported file, a dynamic dimension or the value of a "
    "small input: sr=16000. May be repeated.",
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
    show_default=True,
    metavar="N",
    help="Set the batch size that MACs and bytes are for.",
)

network_options = together(spec_argument(), input_option, set_option)
"""SPEC, --input and --set; `load_network(spec, input, set)` then returns the network."""

DIRECTION = "smallest first; -{} for largest first"
"""How every --sort orders, for its help, with a column."""

_AUTO = "auto"


def _read_depth(ctx: click.Context, param: click.Parameter, value: str) -> int | str | None:
    """Return the value of `--depth`: a number, auto, or None for all."""
    if value in (_AUTO, "all"):
        return _AUTO if value == _AUTO else None
    from shapecalc.text.units import read_whole

    depth = read_whole(value)
    if depth:
        return depth
    raise click.BadParameter(f"{value!r} is not a depth: 1, 2, … or all", ctx, param)


def depth_option(default: str = "as deep as fits on a screen") -> Callable[[_Command], _Command]:
    """Return a decorator that adds --depth; its help ends with the `default`, in words."""
    return click.option(
        "--depth", default=_AUTO, metavar="N", callback=_read_depth, shell_complete=completed("depth"),
        help=f"Expand blocks to this depth: 1, 2, … or all.  [default: {default}]",
    )  # fmt: skip


def selection_options(columns: str, largest: str, order: str = "line_order") -> Callable[[_Command], _Command]:
    """Return a decorator that adds --kind, --sort and --top; --top alone shows the lines with the `largest`.

    `order` is what completes a column to sort by.
    """
    return together(
        click.option("--kind", "kinds", metavar="KIND", multiple=True, shell_complete=completed("kinds_there"),
                     help="Show only layers of this kind. May be repeated."),
        click.option("--sort", metavar="COLUMN", shell_complete=completed(order),
                     help=f"Sort by a column ({columns}, …), {DIRECTION.format(columns.partition(',')[0])}. "
                     "Names and kinds are sorted alphabetically."),
        click.option("--top", type=WholeNumber(1), metavar="N",
                     help=f"Show only the first N layers by --sort, by default the N with the {largest}."),
    )  # fmt: skip


def read_selection(kinds: Sequence[str], sort: str | None, top: int | None, why_none: str) -> dict[str, Any]:
    """Return what `selection_options` select. Errors: `click.UsageError` if they do not apply, for a reason."""
    selection = {"kind": tuple(kinds), "sort": sort, "top": top}
    given = [f"--{name}" for name, value in selection.items() if value not in (None, ())]
    if given and why_none:
        raise click.UsageError(f"{given[0]} does not apply: {why_none}")
    return selection


def all_or_depth(depth: int | str | None) -> int | None:
    """Return the depth of a command that expands all blocks where none is given."""
    return depth if isinstance(depth, int) else None


layout_option = click.option(
    "--layout",
    type=OneOf(["hwc", "chw"]),
    help="Choose the order of the axes of sizes, also in --input.  [default: that of the file, else chw]",
)


def parameters_of(*options: Callable[..., Any]) -> list[click.Parameter]:
    """Return options as parameters, for a command that is not made of a function."""

    def bare() -> None: ...

    together(*options)(bare)
    return [*reversed(vars(bare)["__click_params__"])]


_SEVERAL = r"[^\s'\"\[\](){}]*,[^'\"\[\](){}]*|(?a:-?[\d.]+(?::-?[\d.]+){1,2})"
"""Several values, as `sweep` reads them: 8,16 or 8:64:8."""
_SETTABLE = r"[\w.:/-]*[^\W\d][\w.:/-]*"  # as onnx::Cast_1


def read_settings(pairs: Iterable[str], option: str = "--set") -> dict[str, Any]:
    """Return the variables of `--set NAME=VALUE`, with values parsed as in a specification."""
    from shapecalc.language.values import BadValueError, plain
    from shapecalc.source import read_text

    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(_SETTABLE, name):
            hint = f"write for instance {option} width=32"
            raise UsageError(Problem(f"{option} {pair} is not NAME=VALUE", hint=hint))
        if not text.strip():
            raise UsageError(Problem(f"{option} {pair} has no value", hint=f"write for instance {option} {name}=32"))
        if name in found:
            raise UsageError(Problem(f"the variable {name} is set twice", hint=f"give each {option} once"))
        if re.fullmatch(_SEVERAL, text.strip()):
            hint = f"try several values with shapecalc sweep SPEC --set {pair.strip()}, or with solve --for"
            if "," in text:
                hint = f"if {name} is a list, write {option} '{name}=[{text.strip()}]'; otherwise {hint}"
            raise UsageError(Problem(f"{option} {pair} is more than one value", hint=hint))
        value, problems = read_text(text, f"{option} {name}")
        if value is None or problems:
            raise UsageError(problems or f"{option} {pair} gives no value")
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


def separated(lists: Iterable[str]) -> list[str]:
    """Return the words of an option that may be repeated, each time with several words, separated by commas."""
    return [word.strip() for listed in lists for word in listed.split(",") if word.strip()]


def load_network(spec: Any, inputs: Sequence[str] = (), settings: Sequence[str] = (), layout: str = "") -> Network:
    """Return the network of a command: its SPEC, with --input (in the layout shown) and --set applied."""
    network = sized_network(spec, read_settings(settings), read_inputs(inputs), layout)
    warn(network.warnings)
    return network


def load_one_of(
    spec: str, inputs: Sequence[str] = (), variables: Mapping[str, Any] | None = None, layout: str = "", which: str = ""
) -> Network:
    """Return the network of one SPEC of several: as `load_network`, but errors of its variables and inputs name it.

    `which` is the one that it is, where several have one name.
    """
    from shapecalc.escaping import clean

    variables, sizes = variables or {}, read_inputs(inputs)
    name = f"{clean(spec)}{f' ({which})' if which else ''}"
    try:
        network = sized_network(spec, variables, sizes, layout)
    except UsageError as error:
        named = [
            problem if spec in problem.message and not which else problem._replace(message=f"{name}: {problem.message}")
            for problem in error.problems
        ]
        raise UsageError(named) from None
    warn(network.warnings)
    return network


def sized_network(spec: Any, variables: Mapping[str, Any], sizes: Any, layout: str = "") -> Network:
    """Return the network of a specification with variables, and with input sizes in a layout."""
    from shapecalc.layers.base.shape import read_layout
    from shapecalc.network import load

    if sizes is None or not layout:
        return load(spec, vars=variables, input=sizes)
    return load(spec, vars=variables).with_overrides(sizes, None, read_layout(layout))
