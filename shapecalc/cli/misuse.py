"""Usage errors as they are shown: within the width of the terminal, with a hint on what was probably meant."""

from __future__ import annotations

import re

import click

from shapecalc.cli.output import complain, wrapped_line
from shapecalc.escaping import clean

__all__ = ["show_misuse"]


def show_misuse(error: click.ClickException) -> None:
    """Write a usage error to standard error: line breaks in the user's words are escaped."""
    shown = type(error).show
    if shown not in (click.UsageError.show, click.ClickException.show):
        error.show()
        return
    lines: list[str] = []
    message = error.format_message()
    if isinstance(error, click.UsageError):
        message = (_format_meant(error) or message) + _hint_for_extra(error)
        ctx = error.ctx
        if ctx is not None:
            names = ctx.help_option_names
            lines = [*ctx.get_usage().splitlines(), f"Try '{ctx.command_path} {names[0]}' for help.", ""]
    complain([*lines, *wrapped_line(clean(f"Error: {message}"))])


def _format_meant(error: click.UsageError) -> str:
    """Return the text for an unknown option that is the name of a format, `--json`; empty for any other error."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return ""
    name = error.option_name.lstrip("-")
    for param in error.ctx.command.get_params(error.ctx):
        if "--format" in param.opts and name in getattr(param.type, "choices", ()):
            return f"No such option '{error.option_name}': write --format {name}"
    own = [option for param in error.ctx.command.get_params(error.ctx) for option in param.opts]
    begun = [option for option in own if option.startswith(f"{error.option_name}-")]  # a word of its name is left out
    return f"No such option '{error.option_name}'. Did you mean {begun[0]}?" if len(begun) == 1 and name else ""


def _hint_for_extra(error: click.UsageError) -> str:
    """Return the hint for an argument too many that is written as NAME=VALUE; empty for any other."""
    found = re.fullmatch(r"Got unexpected extra arguments? \((\w+)=(\S*)( .*)?\)", error.message)
    if not found or error.ctx is None:
        return ""
    options = {name for param in error.ctx.command.get_params(error.ctx) for name in param.opts}
    own = f"--{found[1].replace('_', '-')}"
    if own in options:
        return f": write {own} {found[2]}"
    return f": write --set {found[1]}={found[2]}" if "--set" in options else ""
