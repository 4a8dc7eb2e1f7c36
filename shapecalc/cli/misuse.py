"""Usage errors as they are shown: within the width of the terminal, with a hint on what was probably meant."""

from __future__ import annotations

import os
import re
import sys
from itertools import takewhile
from typing import TYPE_CHECKING

import click

from shapecalc.cli.output import complain, wrapped_line
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["setting_meant", "show_misuse"]


def show_misuse(error: click.ClickException, group: click.Group) -> None:
    """Write a usage error of a command of a group to standard error: line breaks in the user's words are escaped."""
    shown = type(error).show
    if shown not in (click.UsageError.show, click.ClickException.show):
        error.show()
        return
    lines: list[str] = []
    message = error.format_message()
    if isinstance(error, click.UsageError):
        message = (_option_meant(error) or message) + _hint_for_extra(error) + _help_of_option(error, group)
        ctx = error.ctx
        if ctx is not None:
            names = ctx.help_option_names
            lines = [*ctx.get_usage().splitlines(), f"Try '{ctx.command_path} {names[0]}' for help.", ""]
    complain([*lines, *wrapped_line(clean(f"Error: {message}"))])


_OF_OTHERS = """
devices | gpus num-gpus
device | gpu
batch | b bs
weights | dtype bits quantization quantize quant
precision | fp16 bf16 amp
input | size shape input-shape image-size img-size
context | seq-len max-length
checkpoint | gradient-checkpointing activation-checkpointing recompute
set | var vars
macs | flops
sort | sort-by
top | limit head
where | filter
optimizer | opt
lora | adapter
"""
"""Options, and what other programs call them: hints in a command that has them."""


def _option_of_others(name: str) -> str:
    """Return what an option of another program is called here; empty if it is not known."""
    rows = [line.split(" | ") for line in _OF_OTHERS.strip().splitlines()]
    return next((own for own, others in rows if name in others.split()), "")


def _option_meant(error: click.UsageError) -> str:
    """Return the text for an unknown option, with the one that may be meant; empty for any other error."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    from shapecalc.suggestions import meant_word

    told, name = f"No such option '{error.option_name}'", error.option_name.lstrip("-").replace("_", "-").lower()
    params = error.ctx.command.get_params(error.ctx)
    removed = _elsewhere(error.ctx, error.option_name) or _removed(error.ctx.info_name or "", name)
    if removed:
        return f"{told}: {removed}"
    for param in params:
        if "--format" in param.opts and name in getattr(param.type, "choices", ()):
            return f"{told}: write --format {name}"
    options = [option for param in params for option in (*param.opts, *param.secondary_opts)]
    known = {option.lstrip("-"): option for option in options if option.startswith("--")}
    begun = [one for one in known if one.startswith(f"{name}-")]  # a word of its name is left out
    other = _option_of_others(name)
    meant = name if name in known else begun[0] if len(begun) == 1 and name else other if other in known else ""
    meant = meant or (meant_word(name, known) if len(name) > 1 else "")
    setting = setting_meant(error.option_name) if "set" in known and not meant else ""
    if setting:
        return f"{told}: write --set {setting}"
    if meant:
        return f"{told}. Did you mean {known[meant]}?"
    elsewhere = _in_others(error.ctx, error.option_name)
    return f"{told}: {elsewhere}" if elsewhere else f"{told}."


def _help_of_option(error: click.UsageError, group: click.Group) -> str:
    """Return what an option without its value expects; empty for any other error."""
    if type(error) is not click.BadOptionUsage or "requires an argument" not in error.message:
        return ""
    ctx = click.Context(group)  # click has none yet
    command = group.get_command(ctx, "".join(sys.argv[1:2]))
    params = command.get_params(ctx) if command else []
    param = next((one for one in params if error.option_name in one.opts), None)
    help_ = getattr(param, "help", None)
    return f" {param.make_metavar(ctx)}: {help_}" if param and help_ else ""


def _in_others(ctx: click.Context, option: str) -> str:
    """Return the hint for an option that other commands have: `compare --columns`; empty for one that none has."""
    if ctx.parent is None or not isinstance(ctx.parent.command, click.Group):
        return ""
    group = ctx.parent.command
    commands = [(name, group.get_command(ctx.parent, name)) for name in group.list_commands(ctx.parent)]
    names = [name for name, one in commands if one and any(option in param.opts for param in one.params)]
    return f"it is an option of {' and '.join(names)}" if 0 < len(names) <= _FEW_COMMANDS else ""


_FEW_COMMANDS = 3


def _elsewhere(ctx: click.Context, option: str) -> str:
    """Return the hint for an option that stands before the command, or is an argument of it: `--layer conv1`."""
    command = ctx.command
    if isinstance(command, click.Group):
        commands = [command.get_command(ctx, name) for name in command.list_commands(ctx)]
        is_one = any(option in param.opts for one in commands if one for param in one.get_params(ctx))
        return "it is written behind the command" if is_one else ""
    word = option.lstrip("-").upper()
    arguments = [param.make_metavar(ctx).strip("[.]") for param in command.params if isinstance(param, click.Argument)]
    return f"{word} is written without it, as in the usage above" if word in arguments else ""


def _removed(word: str, name: str) -> str:
    """Return the hint for an argument of another program that a kind of layer does not need: `--batch-first`."""
    from shapecalc.language.foreign import changes_nothing, hint_for_foreign_argument
    from shapecalc.layers import find_kind

    cls = find_kind(word)
    argument = name.replace("-", "_")
    return hint_for_foreign_argument(argument, cls) if cls and changes_nothing(argument, cls) else ""


def setting_meant(option: str) -> str:
    """Return the NAME=VALUE of an option that is a variable of the network that the command names; empty for none."""
    from shapecalc.errors import ShapecalcError
    from shapecalc.network import load

    name, words = option.lstrip("-").replace("-", "_"), sys.argv[2:]
    for spec in words:
        if spec.startswith("-"):
            continue
        try:
            variables = load(spec).graph.variables
        except ShapecalcError:
            continue
        if name not in variables:
            return ""
        begun = next((word.partition("=")[2] for word in words if word.startswith(f"{option}=")), "")
        after = words[words.index(option) + 1 :][:1] if option in words else []
        return f"{name}={begun or next(iter(after), '…')}"
    return ""


def _hint_for_file(ctx: click.Context, word: str, options: Collection[str]) -> str:
    """Return the hint for one argument too many that is a file: one to write, or another network; or empty."""
    is_free = "-o" in options and not ctx.params.get("output")
    if is_free and _names_output(word, is_converted="--to" in options):
        return f": write -o {word}"
    if "spec" in ctx.params and _names_network(word):
        return (
            ": one network at a time; `shapecalc compare` shows several side by side, `shapecalc diff` layer by layer"
        )
    return ""


def _hint_for_extra(error: click.UsageError) -> str:
    """Return the hint for arguments too many that are written as NAME=VALUE, or as in a call; empty for any other."""
    if error.ctx is None:
        return ""
    options = {name for param in error.ctx.command.get_params(error.ctx) for name in param.opts}
    joined = next((one for at in range(1, len(sys.argv)) if (one := _joined(sys.argv[at:], options))), "")
    if joined and error.message.endswith(")"):
        return f": write {joined}"
    found = re.fullmatch(r"Got unexpected extra arguments? \((\w+)=(\S*)( .*)?\)", error.message)
    if found:
        own = f"--{found[1].replace('_', '-')}"
        if own in options:
            return f": write {own} {found[2]}"
        return f": write --set {found[1]}={found[2]}" if "--set" in options else ""
    spec = re.fullmatch(r"Got unexpected extra arguments? \((\S+)( .*)?\)", error.message)
    if spec and (hint := _hint_for_file(error.ctx, spec[1], options)):
        return hint
    numbers = re.fullmatch(r"Got unexpected extra arguments? \((\d+(?: \d+)*)\)", error.message)
    return _by_position(error.ctx.info_name or "", numbers[1].split(), options) if numbers else ""


def _names_network(word: str) -> bool:
    """Return whether a word is the name of a file that a network can be read from."""
    from shapecalc.importers import endings

    return word.lower().endswith((".yaml", ".yml", ".json", *endings()))


def _names_output(word: str, *, is_converted: bool) -> bool:
    """Return whether a word is the name of a file to write, of the formats of `convert` or of other commands."""
    if is_converted:
        from shapecalc.exporters import FORMATS

        return word.lower().endswith(tuple([end for one in FORMATS.values() for end in one.suffixes]))
    from shapecalc.cli.formats import SUFFIXES

    return os.path.splitext(word)[1].lower() in SUFFIXES and not _names_network(word)


def _joined(words: Sequence[str], options: Collection[str]) -> str:
    """Return an option whose value is cut by spaces as it is meant: `--input 3 64 64`, `--set width 32`; or empty."""
    option, *values = words
    if option == "--input" and option in options:
        sizes = list(takewhile(str.isdecimal, values))
        return f"{option} {'x'.join(sizes)}" if len(sizes) > 1 else ""
    if option == "--set" and option in options and len(values) > 1:
        name, value = values[:2]
        return f"{option} {name}={value}" if name.isidentifier() and re.fullmatch(r"[\d.]+|true|false", value) else ""
    return ""


def _by_position(word: str, numbers: Sequence[str], options: Collection[str]) -> str:
    """Return the hint for numbers by position, as in a call of a kind of layer: `layer conv2d 3 64`."""
    from shapecalc.layers import find_kind

    cls = find_kind(word)
    order = (cls.in_calls or cls.required_arguments()) if cls else ()
    names = [f"--{name.replace('_', '-')}" for name in order[: len(numbers)]]
    if len(names) < len(numbers) or names[0] not in options:
        return ""
    return f": write {' '.join(f'{name} {number}' for name, number in zip(names, numbers, strict=True))}"
