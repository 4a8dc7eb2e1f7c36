"""The page of the commands: each with its `--help`, in the order and the groups of `shapecalc --help`."""

from __future__ import annotations

import re

import click

from shapecalc.cli import cli

__all__ = ["files"]

WIDTH = 80 - 2
"""The columns of a terminal, without the margin that click leaves."""

_GROUP = re.compile(r"^(?!Options:|Usage:)(\S.*):\n((?:  .*\n?)+)", re.MULTILINE)
_NAME = re.compile(r"^  (\S+)", re.MULTILINE)


def files() -> dict[str, str]:
    """Return the text of each file by its path."""
    top = help_of("shapecalc", cli)
    lines = ["# Commands", "", "What each command prints with `--help` on a terminal of 80 columns.",
             "Formats and shared options: [Output](../output.md); exit status: [Use it in scripts](../scripts.md).",
             "", *console("shapecalc", top)]  # fmt: skip
    known = cli.list_commands(click.Context(cli))
    listed = [(title, _NAME.findall(text)) for title, text in _GROUP.findall(top)]
    groups = [(title, names) for title, names in listed if {*names} <= {*known}]
    for title, names in groups:
        lines += [f"## {title}", ""] if len(groups) > 1 else []
        for name in names:
            command = cli.get_command(click.Context(cli), name)
            assert command is not None, name
            words = f"shapecalc {name}"
            lines += [f"{'###' if len(groups) > 1 else '##'} {name}", "", *console(words, help_of(words, command))]
    return {"commands.md": "\n".join(lines)}


def help_of(words: str, command: click.Command) -> str:
    """Return the help of a command."""
    context = command.context_class(command, info_name=words, terminal_width=WIDTH, help_option_names=["-h", "--help"])
    return command.get_help(context).rstrip()


def console(words: str, text: str) -> list[str]:
    """Return a block of a command and its help."""
    return ["```console", f"$ {words} --help", text, "```", ""]
