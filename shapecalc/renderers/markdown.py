"""A report as a GitHub table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.renderers.view import View

__all__ = ["draw", "escape"]

_special = re.compile(r"[\\`*\[\]<>|&~$!#]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")


def draw(view: View) -> str:
    """Return the report as a Markdown table, with its title above and its footer below."""
    names = view.names()
    grid = view.grid(names)
    rule = ["---:" if column.sort.is_number else ":---" for column in grid.columns]
    totals = [f"**{escape(cell)}**" if cell else "" for cell in grid.totals]
    return "\n".join([
        f"**{escape(view.title)}**",
        "",
        _row(column.heading for column in grid.columns),
        _row(rule),
        *[_row(map(escape, row)) for row in grid.rows],
        _row(totals),
        "",
        *"\n\n".join(escape(line) for line in view.footer(names)).split("\n"),
    ])  # fmt: skip


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape(text: str) -> str:
    """Return text in which Markdown finds nothing to act on."""
    return _special.sub(r"\\\g<0>", text)
