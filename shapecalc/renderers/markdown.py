"""A report as a GitHub table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.renderers.view import View

__all__ = ["draw"]


def draw(view: View) -> str:
    """Return the report as a Markdown table, with its title above and its footer below."""
    names = view.names()
    grid = view.grid(names)
    rule = ["---:" if column.sort.is_number else ":---" for column in grid.columns]
    totals = [f"**{markdown(cell)}**" if cell else "" for cell in grid.totals]
    return "\n".join([
        f"**{markdown(view.title)}**",
        "",
        _row(column.heading for column in grid.columns),
        _row(rule),
        *[_row(map(markdown, row)) for row in grid.rows],
        *([_row(totals)] if any(totals) else []),
        "",
        *"\n\n".join(markdown(line) for line in view.footer(names)).split("\n"),
    ])  # fmt: skip


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
