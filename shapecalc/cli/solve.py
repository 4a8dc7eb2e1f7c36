"""`shapecalc solve`: backwards, from an output size or a budget to arguments, variables or changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    WholeNumber,
    batch_option,
    completed,
    layout_option,
    load_network,
    read_inputs,
    set_option,
)
from shapecalc.cli.output import emit_answer, emit_json
from shapecalc.cli.serving import asked_of_memory, memory_options
from shapecalc.errors import LayerError, Problem, UsageError, did_you_mean
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.layer import Layer
    from shapecalc.questions.solve import WindowSolutions

__all__ = ["command"]


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    short_help="Find arguments for a size, variables for a budget, or fixes.",
)
@click.argument("target", metavar="TARGET", shell_complete=completed("targets"))
@click.option("--input", "inputs", metavar="SIZE", multiple=True, help="Set the input size, of a KIND or a SPEC.")
@click.option(
    "--output-size", "--output", "wanted", metavar="SIZE", help="KIND: the output size to reach: 55 or 55x55."
)
@click.option(
    "--for",
    "names",
    metavar="NAME[=A:B:STEP]",
    multiple=True,
    shell_complete=completed("searched"),
    help="SPEC: search the values of a variable, or input sizes (--for input); A, B and STEP (1 if left out) may be "
    "fractions.",
)
@click.option("--params", metavar="N", help="SPEC: the maximum number of parameters: 5M, 300k.")
@click.option("--macs", metavar="N", help="SPEC: the maximum number of MACs, for the batch: 300M, 1.5G.")
@click.option(
    "--memory", metavar="BYTES", help="SPEC: the maximum memory, the total of `shapecalc memory`: 512KiB, 24GiB."
)
@click.option(
    "--bits", type=WholeNumber(1, 64), metavar="N", help="SPEC: the bits of weights, activations and buffers."
)
@memory_options
@batch_option
@click.option("--fix", is_flag=True, help="SPEC: find the smallest changes that fix its shape errors.")
@set_option
@layout_option
@click.option(
    "--top", type=WholeNumber(1, 1000), default=10, show_default=True, metavar="N", help="Show at most N answers."
)
@output_formats("text", "json", "markdown", "html", output=["-o"])
@click.pass_context
def command(
    ctx: click.Context,
    /,
    target: str,
    inputs: Sequence[str],
    wanted: str | None,
    names: Sequence[str],
    top: int,
    format_: str,
    output: str | None,
    **asked: Any,
) -> int:
    """Solve for arguments, variables or fixes. TARGET is a KIND of layer or a SPEC (if both exist, the SPEC).

    \b
    shapecalc solve conv --input 227 --output 55 [--stride 4]
        find the arguments of a kind that lead to an output size; any may be fixed
    shapecalc solve unet --for width --params 5M
        find the values of variables that meet a budget, the closest to it first
    shapecalc solve mine.yaml --fix
        find the smallest changes that fix the shape errors of a specification

    In the table of a kind, `exact` is whether every window ends at the edge of the padded input, so that no row is left
    out. The exit status is 1 if there is no solution; the nearest one is then shown.
    """  # noqa: D301  (click wants the character \\b itself)
    from shapecalc.network import kind_of

    cls = kind_of(target)
    if cls is not None:
        own = [option for param in ctx.command.params for option in param.opts]
        arguments = _arguments(target, cls, ctx.args, own)
        _check_window(target, cls, inputs, wanted, asked)
        _check_size(wanted)
        answer: Any = _window(target, inputs, wanted, arguments)
        good = bool(answer.solutions)
    else:
        _check_options(ctx)
        _check_network(target, wanted, ctx.args[:1], asked)
        answer = _network(target, inputs, names, asked)
        good = bool(answer.fixes) or not answer.problems if asked["fix"] else bool(answer.solutions)
    if format_ == "json":
        emit_json(_cut(answer.to_dict(), top), output)
    else:
        emit_answer(answer, output, format_, f"{target}, solved", top=top)
    return 0 if good else 1


def _cut(answer: dict[str, Any], top: int) -> dict[str, Any]:
    return {key: value[:top] if key in ("solutions", "fixes") else value for key, value in answer.items()}


def _check_window(
    target: str, cls: type[Layer], inputs: Sequence[str], wanted: str | None, asked: Mapping[str, Any]
) -> None:
    options = {word: asked[word] for word in ("params", "macs", "memory", "fix", "layout")}
    options |= {**asked_of_memory(asked), "batch": asked["batch"] > 1}
    budgets = [f"--{word.replace('_', '-')}" for word, value in options.items() if value]
    _refuse(budgets, f"{target} is a kind of layer")
    if not inputs or not wanted:
        what = "its output size" if inputs else "its input size" if wanted else "its input and output sizes"
        hint = clean(f"--input {_spatial(target, cls, inputs[0]) if inputs else 227} --output {wanted or 55}")
        raise UsageError(Problem(f"to solve {target}, give {what}", hint=hint))


def _spatial(kind: str, cls: type[Layer], size: str) -> str:
    """Return the size of an input without the channels and the batch that the name of a kind leaves no room for."""
    from shapecalc.layers.base.sizes import parse_sizes
    from shapecalc.questions.solve import spatial_part

    ranks = cls.ranks_under(kind)
    if not ranks or ranks[0] != ranks[1]:
        return size
    return "x".join(map(str, spatial_part(parse_sizes(size), ranks[0])))


def _names_file(text: str) -> bool:
    return os.path.splitext(text)[1][1:2].isalpha() or os.sep in text


def _check_size(wanted: str | None) -> None:
    """Check that --output is not the name of a file: in this command it is a size. Errors: `UsageError`."""
    if wanted and _names_file(wanted):
        hint = f"--output is the output size to reach: 55 or 55x55. To write to a file, use -o {wanted}"
        raise UsageError(Problem(f"{wanted} is not a size", hint=clean(hint)))


def _check_options(ctx: click.Context) -> None:
    """Check that the first option that the command does not have is an argument of some kind. Errors: `UsageError`."""
    from shapecalc.network import kind_of
    from shapecalc.questions.solve import sliding_kinds

    word = ctx.args[0].partition("=")[0] if ctx.args else ""
    name = word[2:].replace("-", "_").removeprefix("no_")
    kinds = [kind_of(kind) for kind in sliding_kinds()] if word.startswith("--") else []
    if not kinds or any(name in cls.argument_names() for cls in kinds if cls):
        return
    options = [option for param in ctx.command.params for option in param.opts if option.startswith("--")]
    from shapecalc.cli.misuse import setting_meant

    setting = setting_meant(word)
    hint = f"write --for {setting}" if setting else ""
    hint = hint or _OTHERWISE.get(name) or str(did_you_mean(word, options, lists=False))
    raise UsageError(Problem(f"no such option {clean(word)}", hint=hint or "see shapecalc solve --help"))


_OTHERWISE = {"flops": "use --macs with half the number: a multiply-accumulate is two FLOPs"}


def _check_network(target: str, wanted: str | None, foreign: Sequence[str], asked: Mapping[str, Any]) -> None:
    if wanted and not (hint := _like(target)):
        file = wanted if _names_file(wanted) else "FILE"
        hint = f"--output is a size, for kinds only. To write to a file, use -o {file}"
        _refuse(["--output"], f"{target} is not a kind of layer", clean(hint))
    foreign = [*(["--output"] if wanted else []), *foreign]
    if foreign:
        _refuse(foreign, f"{target} is not a kind of layer", _like(target))
    if not any(asked[word] for word in ("params", "macs", "memory", "fix")) and (hint := _like(target)):
        raise UsageError(Problem(f"{target} is neither a kind of layer nor a specification", hint=hint))


def _refuse(words: Sequence[str], why: str, hint: str = "") -> None:
    if words:
        raise UsageError(Problem(f"{words[0]} does not apply: {why}", hint=hint or "see shapecalc solve --help"))


def _like(target: str) -> str:
    """Return the kind that may have been meant; empty if none is similar, or if a specification has that name."""
    from shapecalc.errors import ShapecalcError
    from shapecalc.language.files import locate
    from shapecalc.network import kind_of
    from shapecalc.questions.solve import sliding_kinds

    try:
        locate(target)
    except ShapecalcError:
        last = target.rpartition(".")[2]  # nn.Conv2d
        if last != target and kind_of(last):
            return f"did you mean {last}?"
        return str(did_you_mean(target, sliding_kinds(), lists=False))
    return ""


def _window(kind: str, inputs: Sequence[str], wanted: str | None, arguments: Mapping[str, Any]) -> WindowSolutions:
    from shapecalc.network import solve

    answer: Any = solve(kind, input=read_inputs(inputs), output=wanted, **arguments)
    return answer  # type: ignore[no-any-return]


def _arguments(kind: str, cls: type[Layer], words: Sequence[str], own: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a kind from `--kernel-size 3`, `--kernel-size=3`, `--ceil-mode` or `--no-ceil-mode`.

    `own` are the options of the command itself, for hints.
    """
    from shapecalc.layers.base.arguments import Flag

    known = cls.argument_names()
    flags = {word for word, name in known.items() if isinstance(cls.arguments[name], Flag)}
    found: dict[str, Any] = {}
    waiting = list(words)
    while waiting:
        word, equals, value = waiting.pop(0).partition("=")
        name = word[2:].replace("-", "_")
        is_alone = not equals and (not waiting or waiting[0].startswith("--"))
        if is_alone and word.startswith("--") and name.removeprefix("no_") in flags:
            found[name.removeprefix("no_")] = not name.startswith("no_")
            continue
        if word.startswith("--") and name not in known:
            options = [f"--{one.replace('_', '-')}" for one in known]
            hint = did_you_mean(word, [*options, *own], lists=False) or did_you_mean(word, options)
            raise UsageError(Problem(f"{kind} has no argument {clean(word)}", hint=hint))
        if not word.startswith("--") or is_alone:
            raise UsageError(Problem(f"{word} is not an option with a value", hint="write for instance --stride 2"))
        if name in found:
            raise UsageError(Problem(f"{word} is given twice", hint="give each option once"))
        found[name] = _value(cls.arguments[known[name]], word, value if equals else waiting.pop(0))
    return found


def _value(argument: Argument, option: str, text: str) -> Any:
    """Return the value of an option that is an argument of a kind, as `layer` reads it. Errors: `UsageError`."""
    from shapecalc.cli.argument_values import read_argument

    try:
        return read_argument([text], argument)
    except LayerError as error:
        raise UsageError(Problem(f"{option}: {error.message}", hint=error.hint)) from None


def _network(spec: str, inputs: Sequence[str], names: Sequence[str], asked: Mapping[str, Any]) -> Any:
    from shapecalc.network import solve
    from shapecalc.questions.solve import read_range

    find = dict(read_range(name) for name in names)
    budgets = {what: asked[what] for what in ("params", "macs", "memory")}
    if not asked["fix"] and not any(budgets.values()):
        raise UsageError(
            Problem(
                f"give the budget that {spec} has to meet", hint="--params 5M, --macs 300M or --memory 512KiB; or --fix"
            )
        )
    network = load_network(spec, inputs, asked["settings"], asked["layout"] or "")
    memory = {"bits": asked["bits"], "batch": asked["batch"], **asked_of_memory(asked)}
    return solve(network, find=find, **budgets, **memory, fix=asked["fix"])
