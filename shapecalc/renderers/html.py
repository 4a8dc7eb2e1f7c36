"""A report as an HTML fragment, as notebooks show it: no colours of its own, so that it is read on any theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import html

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.renderers.columns import Column
    from shapecalc.renderers.view import View

__all__ = ["draw"]

_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
_CAPTION = "caption-side:top;text-align:left;font-weight:bold;padding:0.3em 0.6em"
_NOTES = "text-align:left;font-size:85%;opacity:0.75;padding:0.5em 0.6em;max-width:0"  # as wide as the columns make it
_CELL = "padding:0.1em 0.6em;text-align:"
_RULE = "1px solid currentColor"


def draw(view: View) -> str:
    """Return the report as one `<table>`."""
    names = view.names()
    grid = view.grid(names)
    notes = "<br>".join(html(line) for line in view.footer(names))
    return "\n".join([
        f'<table style="{_TABLE}">',
        f'<caption style="{_CAPTION}">{html(view.title)}</caption>',
        f'<thead style="border-bottom:{_RULE}">',
        _row("th", [column.heading for column in grid.columns], grid.columns, ' scope="col"'),
        "</thead>",
        "<tbody>",
        *[_row("td", row, grid.columns) for row in grid.rows],
        "</tbody>",
        f'<tfoot style="border-top:{_RULE}">',
        _row("th", grid.totals, grid.columns),
        f'<tr><td colspan="{len(names)}" style="{_NOTES}">{notes}</td></tr>',
        "</tfoot>",
        "</table>",
    ])  # fmt: skip


def _row(tag: str, cells: Iterable[str], columns: Sequence[Column], attributes: str = "") -> str:
    drawn = [
        f'<{tag}{attributes} style="{_CELL}{"right" if column.sort.is_number else "left"}">{html(cell)}</{tag}>'
        for cell, column in zip(cells, columns, strict=True)
    ]
    return f"<tr>{''.join(drawn)}</tr>"
