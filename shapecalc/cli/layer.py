"""`shapecalc layer`: compute one layer without a file. The options are the arguments of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from shapecalc.cli.argument_values import NO, YES, read_argument
from shapecalc.cli.formats import format_options
from shapecalc.cli.options import OneOf, batch_option, completed, parameters_of
from shapecalc.cli.output import emit, layout_of
from shapecalc.errors import LayerError, ShapecalcError, did_you_mean
from shapecalc.layers.base.arguments import REQUIRED, Choice, Flag, Integer, Number
from shapecalc.layers.base.per_axis import Factors, Padding, PerAxis
from shapecalc.layers.base.sizes import Integers, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.layer import Layer
    from shapecalc.network import Network
    from shapecalc.questions.explain import LayerExplanation

__all__ = ["command"]

_FORMATS = ("text", "json", "csv", "markdown", "latex", "html", "svg")
_OF_AXES = (PerAxis, Factors)


class _Kinds(click.Group):
    """The kinds as commands, each generated from its declaration when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        from shapecalc.layers import KINDS  # it loads every family

        return list(KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        from shapecalc.layers import find_kind

        cls = find_kind(cmd_name)
        return None if cls is None else _command_of(cls, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from shapecalc.layers import kind_words

            hint = did_you_mean(args[0], kind_words, "`shapecalc layers` lists the kinds", lists=False)
            raise click.UsageError(f"there is no kind of layer called {args[0]!r}: {hint}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Omit the list of kinds: there are more than a hundred."""


class _Kind(click.Command):
    """A kind as a command, with hints on the words that are left over."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)  # parsing empties the list
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            given = [part for word in given for part in (word.split("=", 1) if word.startswith("--") else [word])]
            if type(error) in (click.UsageError, click.BadOptionUsage) and (hint := self._hint(given)):
                raise click.UsageError(f"{error.message.removesuffix('.')}: {hint}", ctx) from error
            raise

    def _hint(self, args: list[str]) -> str:
        """Return how the first option is written that more words follow than it has; empty if there is none."""
        options = {name: param for param in self.params for name in (*param.opts, *param.secondary_opts)}
        starts = [i for i, word in enumerate(args) if word in options]
        for start, end in zip(starts, [*starts[1:], len(args)], strict=False):
            option, words = options[args[start]], args[start + 1 : end]
            if isinstance(option, click.Option) and option.is_flag and words:
                answers = {
                    **dict.fromkeys(YES, option.opts[0]),
                    **dict.fromkeys(NO, "".join(option.secondary_opts[:1])),
                }
                chosen = answers.get(words[0].lower()) if args[start] in option.opts else ""
                return f"write {chosen} alone" if chosen else f"{args[start]} has no value"
            if len(words) > 1:
                return f"write a list as one word: {args[start]} {'x'.join(words)}"
        return ""


@click.group(
    cls=_Kinds,
    short_help="Compute one layer, without a file.",
    subcommand_metavar="KIND [OPTIONS]",
    options_metavar="",
    epilog="`shapecalc layers` lists the kinds; `shapecalc layer KIND --help` lists the options of a kind.",
)
def command() -> None:
    """Compute the output size, parameters and MACs of one layer. The options are the arguments of its KIND.

    \b
    shapecalc layer conv --input 227x227x3 --layout hwc --out-channels 96 \\
        --kernel-size 11 --stride 4
    """  # noqa: D301  (click wants the character \\b itself)


def _reader(argument: Argument) -> Callable[[click.Context, click.Parameter, Sequence[str]], Any]:
    """Return a function that parses the value of an argument on the command line: 3, 3x3, 0:1x0:1, same.

    An option that is repeated is a list.
    """

    def read(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> Any:
        if not texts:
            return None
        if len(texts) > 1 and not isinstance(argument, Integers):
            alone = f"it is given {len(texts)} times, but is one value"
            hint = f"; for different axes, write {param.opts[0]} {'x'.join(texts)}"
            raise click.BadParameter(alone + (hint if isinstance(argument, _OF_AXES) else ""), ctx, param)
        try:
            value = read_argument(texts, argument)
        except LayerError as error:
            message = error.message + (f": {error.hint}" if error.hint else "")
            raise click.BadParameter(message, ctx, param) from None
        return value

    return read


def _metavar(argument: Argument) -> str:
    if isinstance(argument, Choice):
        return "|".join(argument.words) if len(argument.words) <= 5 else "WORD"
    words = "".join([f"|{word}" for word in argument.words])
    if isinstance(argument, Sizes):
        return "NxN"
    if isinstance(argument, Padding):
        return f"N|NxN|BEFORE:AFTERx..{words}"
    if isinstance(argument, (*_OF_AXES, Integers)):
        return f"N|NxN{words}"
    if isinstance(argument, (Integer, Number)):
        return f"N{words}"
    return "TEXT"


def _command_of(cls: type[Layer], word: str) -> click.Command:
    """Return the command of a kind, under one of its names."""
    options: list[click.Parameter] = [*_shared_options(cls), *map(_option, cls.arguments.values())]

    def work_out(**options: Any) -> None:
        own = {field: options.pop(field) for field in _Request._fields}
        _work_out(cls, word, _Request(**own), options)

    from shapecalc.renderers.answers.examples import example_lines

    example = "\n".join(example_lines(cls))
    return _Kind(
        cls.kind,
        params=options,
        callback=work_out,
        help=f"{cls.summary()}\n\n\b\n{example}",
        epilog=f"`shapecalc layers {cls.kind}` shows its rules and examples.",
    )


def _shared_options(cls: type[Layer]) -> Iterator[click.Parameter]:
    several = cls.inputs[1] != 1
    words = "Set the input size: 3x224x224." + (" Repeat it for each input." if several else "")
    yield click.Option(["--input", "inputs"], metavar="SIZE", multiple=True, help=words)
    layouts = OneOf(["chw", "hwc"])
    yield click.Option(
        ["--layout"], type=layouts, default="chw", help="Choose the order of the axes of sizes.  [default: chw]"
    )
    yield click.Option(["--explain"], is_flag=True, help="Show the arithmetic.")
    yield from parameters_of(batch_option)
    for names, attributes in format_options(_FORMATS):
        yield click.Option(names, **attributes)


def _option(argument: Argument) -> click.Option:
    words = (argument.name, *argument.also)
    spelled = [word.replace("_", "-") for word in words]
    help_ = argument.doc + _default(argument)
    if isinstance(argument, Flag):
        names = [f"--{word}/--no-{word}" for word in dict.fromkeys(spelled)]
        return click.Option([*names, _key(argument)], default=None, help=help_)
    names = [f"--{word}" for word in dict.fromkeys(spelled)]
    return click.Option(
        [*names, _key(argument)], callback=_reader(argument), metavar=_metavar(argument), help=help_, multiple=True,
        shell_complete=completed("among", argument.words),
    )  # fmt: skip


def _key(argument: Argument) -> str:
    return f"argument_{argument.name}"


def _default(argument: Argument) -> str:
    if argument.default is REQUIRED:
        return "  [required]"
    if argument.default_from:
        return f"  [default: {argument.default_from}]"
    if argument.default is None:
        return ""
    shown = ("yes" if argument.default else "no") if isinstance(argument.default, bool) else argument.default
    return f"  [default: {shown}]"


class _Request(NamedTuple):
    """The options that every kind has."""

    inputs: Sequence[str]
    layout: str
    explain: bool
    batch: int
    format_: str
    output: str | None


def _work_out(cls: type[Layer], word: str, request: _Request, values: dict[str, Any]) -> None:
    given = {name: values[_key(argument)] for name, argument in cls.arguments.items()}
    given = {name: value for name, value in given.items() if value is not None}
    missing = [argument for argument in cls.arguments.values() if argument.required and argument.name not in given]
    if missing:
        wanted = ", ".join([f"--{argument.name.replace('_', '-')} ({argument.doc})" for argument in missing])
        raise click.UsageError(f"{cls.kind} needs {wanted}", click.get_current_context())
    if not request.inputs and cls.inputs != (0, 0):
        raise click.UsageError(
            f"{cls.kind} needs --input: its input size, such as --input 3x32x32", click.get_current_context()
        )
    try:
        text = _written(_network(word, given, request), request)
    except ShapecalcError as error:
        problems = [problem._replace(mark=None, subject="", also=()) for problem in error.problems]
        raise type(error)(problems) from None
    emit(text, request.output, request.format_, cls.kind)


def _network(word: str, given: dict[str, Any], request: _Request) -> Network:
    """Return the network of one layer of the named kind."""
    from shapecalc.layers.base.sizes import parse_sizes
    from shapecalc.network import load

    sizes = [list(parse_sizes(text)) for text in request.inputs]
    names = ["input"] if len(sizes) == 1 else [f"input{number}" for number in range(1, len(sizes) + 1)]
    item: dict[str, Any] = {word: given or None}
    if len(names) > 1:
        item["from"] = names
    inputs = dict(zip(names, sizes, strict=True))
    return load({"layout": request.layout.upper(), "inputs": inputs, "layers": [item]})


def _written(network: Network, request: _Request) -> str:
    layout = layout_of(request.output, request.format_)
    if request.explain:
        from shapecalc.questions.explain import Explanation, explain

        found = explain(network, layout=request.layout, batch=request.batch)
        found = Explanation(found.report, tuple(map(_without_location, found)), found.what, found.asked)
        return found.render(request.format_, width=layout["width"])
    report = network.infer(batch=request.batch, layout=request.layout)
    if request.format_ == "text" and len(report) == 1:
        from shapecalc.renderers.answers.brief import draw_row

        return draw_row(report, layout["width"])
    from shapecalc.renderers import render

    return render(report, request.format_, **layout)


def _without_location(layer: LayerExplanation) -> LayerExplanation:
    """Return a layer without its location in a file."""
    row = layer.row
    return layer._replace(row=row._replace(node=row.node._replace(mark=None, uses=())))
