"""The page of the commands: each with its `--help`, in the order and the groups of `shapecalc --help`."""

from __future__ import annotations

import re
from itertools import chain, zip_longest
from pathlib import Path

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
            lines += examples(name)
    return {"commands.md": "\n".join(lines)}


def help_of(words: str, command: click.Command) -> str:
    """Return the help of a command."""
    context = command.context_class(command, info_name=words, terminal_width=WIDTH, help_option_names=["-h", "--help"])
    return command.get_help(context).rstrip()


def console(words: str, text: str) -> list[str]:
    """Return a block of a command and its help."""
    return ["```console", f"$ {words} --help", text, "```", ""]


def examples(name: str) -> list[str]:
    """Return a list of a command's uses on the pages, in turn, one of each section, with a link to it."""
    found = [uses(name, page.name, page.read_text(encoding="utf-8")) for page in PAGES]
    in_turn = zip_longest(*sorted(found, key=len, reverse=True))
    lines = [f"- [`{line}`](../{place})" for place, line in filter(None, chain.from_iterable(in_turn))][:EXAMPLES]
    return ["Examples, and what they print or write:", "", *lines, ""] if lines else []


PAGES = sorted(page for page in Path(__file__).parent.parent.glob("*.md") if page.stem != "index")
EXAMPLES = 6
"""The maximum number of examples of a command."""

_HEADING_OR_USE = re.compile(r"^(?:##+ (.+)|(?:\$ )?(shapecalc (\S+)[^`\n]*))$", re.MULTILINE)


def uses(name: str, page: str, text: str) -> list[tuple[str, str]]:
    """Return the first use of a command in each section of a page: the page and section, and the command."""
    place = page
    found: dict[str, str] = {}
    for heading, line, command in _HEADING_OR_USE.findall(text):
        if heading:
            place = f"{page}#{anchor(heading)}"
        elif command == name:
            found.setdefault(place, line.partition("  #")[0].rstrip())
    return [*found.items()]


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
