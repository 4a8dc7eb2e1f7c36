"""The command line run in the tests' own process."""

from __future__ import annotations

import contextlib
import gc
import io
import re
import sys
from typing import NamedTuple

import click

from shapecalc.cli import cli, main
from shapecalc.text.cells import count_longer


class Ran(NamedTuple):
    status: int
    out: str
    err: str


class _Stream(io.TextIOWrapper):
    def __init__(self, *, is_terminal: bool = False, encoding: str = "utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def run(*arguments, text: str | bytes = b"", columns: int = 0, color: bool = False, encoding: str = "utf-8") -> Ran:
    """Run `shapecalc ARGUMENTS`; `columns` makes its output a terminal of that width."""
    out, err = _Stream(is_terminal=bool(columns), encoding=encoding), _Stream(encoding=encoding)
    given = io.TextIOWrapper(io.BytesIO(text.encode() if isinstance(text, str) else text), encoding="utf-8")
    before = sys.argv, sys.stdin
    width = str(columns or 80) if columns or {"--help", "-h"}.intersection(arguments) else ""  # no terminal, no width
    environment = {"COLUMNS": width, "TERM": "xterm-256color" if color else "dumb", "NO_COLOR": "",
                   "FORCE_COLOR": ""}  # fmt: skip
    import os

    saved = {key: os.environ.get(key) for key in environment}
    os.environ.update(environment)
    sys.argv, sys.stdin = ["shapecalc", *map(str, arguments)], given
    status = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as leaving:
        status = leaving.code or 0
    finally:
        sys.argv, sys.stdin = before
        count_longer({})
        gc.unfreeze()
        for key, value in saved.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
    return Ran(status, out.text(), err.text())


def as_xml(text: str) -> str:
    """A page of HTML, or a fragment, as XML."""
    body = re.sub(r"<(br|meta [^>]*)>", r"<\1/>", text.removeprefix("<!doctype html>\n"))
    return body if body.startswith(("<html", "<svg")) else f"<body>{body}</body>"


def commands() -> dict[str, click.Command]:
    """Every command by its name, as click lists them."""
    context = click.Context(cli)
    assert isinstance(cli, click.Group)
    return {name: command for name in cli.list_commands(context) if (command := cli.get_command(context, name))}


def formats_of(name: str) -> list[str]:
    """The choices of a command's --format; the empty name for a command without."""
    command = commands()[name]
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), "conv")
        assert command
    found = [parameter.type for parameter in command.params if "--format" in parameter.opts]
    return list(found[0].choices) if found else [""]  # type: ignore[attr-defined]
