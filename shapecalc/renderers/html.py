"""A report as an HTML fragment, as notebooks show it, without colours; and the page of any fragment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import html
from shapecalc.renderers.drawing import RULE_STYLE, TABLE_STYLE, html_row

if TYPE_CHECKING:
    from shapecalc.renderers.view import View

__all__ = ["draw", "draw_page"]

_CAPTION = "caption-side:top;text-align:left;font-weight:bold;padding:0.3em 0.6em"
_NOTES = "text-align:left;font-size:85%;opacity:0.75;padding:0.5em 0.6em;max-width:0"  # as wide as the columns


def draw(view: View) -> str:
    """Return the report as one `<table>`."""
    names = view.names()
    grid = view.grid(names)
    numbers = [index for index, column in enumerate(grid.columns) if column.sort.is_number]
    notes = "<br>".join(html(line) for line in view.footer(names))
    return "\n".join([
        f'<table style="{TABLE_STYLE}">',
        f'<caption style="{_CAPTION}">{html(view.title)}</caption>',
        f'<thead style="border-bottom:{RULE_STYLE}">',
        html_row("th", [column.heading for column in grid.columns], numbers, attributes=' scope="col"'),
        "</thead>",
        "<tbody>",
        *[html_row("td", row, numbers) for row in grid.rows],
        "</tbody>",
        f'<tfoot style="border-top:{RULE_STYLE}">',
        *([html_row("th", grid.totals, numbers)] if any(grid.totals) else []),
        f'<tr><td colspan="{len(names)}" style="{_NOTES}">{notes}</td></tr>',
        "</tfoot>",
        "</table>",
    ])  # fmt: skip


def draw_page(body: str, title: str, theme: str = "auto") -> str:
    """Return a complete page of HTML, `light`, `dark`, or like the reader's system; around a picture it is as that."""
    from shapecalc.renderers.pictures.palette import COLOURS  # not for a report in a notebook

    scheme = {"auto": "light dark"}.get(theme, theme)
    paper = f"light-dark({', '.join(COLOURS['paper'])})"
    return "\n".join([
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html(title)}</title>",
        f"<style>:root {{ color-scheme: {scheme}; background: {paper} }}",
        "body { font-family: system-ui, sans-serif; margin: 2em }</style>",
        "</head>",
        "<body>",
        body,
        "</body>",
        "</html>",
    ])  # fmt: skip
