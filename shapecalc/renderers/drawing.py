"""Tables of lines: drawn for the terminal, in Markdown and in HTML.

In colour they are drawn with rich, from `Text`, never markup. Without colour, and for thousands of lines, they are laid
out here, which looks the same in a hundredth of the time.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.escaping import clean, html, markdown
from shapecalc.text.amounts import NOTHING
from shapecalc.text.cells import cell_width

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console
    from rich.text import Text

__all__ = [
    "RULE_STYLE",
    "TABLE_STYLE",
    "TableLine",
    "draw_html",
    "draw_lines",
    "draw_markdown",
    "draw_texts",
    "html_row",
]

_WIDE_ENOUGH = 1_000_000
"""The width of a console that never cuts: tables are fitted before they are drawn."""

_MANY = 2_000
"""The maximum number of lines that rich draws: it needs half a millisecond for each."""


TABLE_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
_CELL_STYLE = "padding:0.1em 0.6em;text-align:"
RULE_STYLE = "1px solid currentColor"
"""The rule of HTML tables: without a fixed colour, so that it is visible on any theme."""


class TableLine(NamedTuple):
    """One line of a table, and its style: bold, dim, red, green, yellow, or none. A line without cells is empty."""

    cells: Sequence[str]
    style: str = ""


def draw_lines(
    headings: Sequence[str],
    lines: Sequence[TableLine],
    *,
    total: Sequence[str] = (),
    numbers: Collection[int] = (),
    styles: Sequence[str] = (),
    gap: int = 2,
    color: bool = False,
) -> str:
    """Return a table: the columns with indices in `numbers` are right-aligned, `total` is under a rule at its end.

    `styles` are those of the columns, for lines without a style; `gap` is the number of cells between two columns.
    """
    heading, *rows = [[clean(cell) for cell in cells] for cells in (headings, *(line.cells for line in lines))]
    last = [clean(cell) for cell in total]
    cells = [row for row in (heading, *rows, last) if row]
    widths = [max(map(cell_width, column)) for column in zip(*cells, strict=True)]
    sides = [index in numbers for index in range(len(heading))]
    if color and len(rows) <= _MANY:
        drawn = [TableLine(row, line.style) for row, line in zip(rows, lines, strict=True)]
        return _in_color(heading, drawn, last, widths, sides, styles or [""] * len(heading), gap)
    rule = "─" * (sum(widths) + gap * (len(widths) - 1))
    ends = [rule, _laid_out(last, widths, sides, gap)] if last else []
    body = [_laid_out(row, widths, sides, gap) for row in rows]
    return "\n".join([_laid_out(heading, widths, sides, gap), rule, *body, *ends])


def _laid_out(cells: Sequence[str], widths: Sequence[int], sides: Sequence[bool], gap: int) -> str:
    drawn = []
    for cell, width, to_the_right in zip(cells, widths, sides, strict=bool(cells)):
        space = " " * (width - cell_width(cell))
        drawn.append(space + cell if to_the_right else cell + space)
    return (" " * gap).join(drawn).rstrip()


def _in_color(
    heading: Sequence[str], lines: Sequence[TableLine], total: Sequence[str], widths: Sequence[int],
    sides: Sequence[bool], styles: Sequence[str], gap: int,
) -> str:  # fmt: skip
    """Return the table with the terminal's codes; rich gets fixed widths and pads nothing, which halves its work."""
    from rich.box import SIMPLE  # text without colour does not need rich
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=SIMPLE, show_edge=False, pad_edge=False, padding=0, show_footer=bool(total), header_style="bold",
        footer_style="bold", border_style="dim",
    )  # fmt: skip
    leads = [" " * (gap - 1) if index and not to_the_right else "" for index, to_the_right in enumerate(sides)]
    for i, (lead, width) in enumerate(zip(leads, widths, strict=True)):
        table.add_column(
            Text(lead + heading[i]), Text(lead + total[i]) if total else "", justify="right" if sides[i] else "left",
            no_wrap=True, width=width + (gap - 1 if i else 0),
        )  # fmt: skip
    for is_empty, group in groupby(lines, key=lambda line: not line.cells):
        if is_empty:
            table.add_section()
            continue
        held = list(group)
        table.add_row(
            *[_column(held, i, lead, style) for i, (lead, style) in enumerate(zip(leads, styles, strict=True))]
        )
    with (console := _console()).capture() as drawn:
        console.print(table)
    return _without_ends(drawn.get())


def _column(lines: Sequence[TableLine], index: int, lead: str, style: str) -> Text:
    """Return a column of lines as one text: rich would lay out and measure each cell of many rows separately."""
    from rich.text import Text

    parts: list[tuple[str, str]] = []
    for line in lines:
        cell = line.cells[index]
        parts += [("\n", ""), (lead + cell, line.style or ("dim" if cell == NOTHING else style))]
    return Text.assemble(*parts[1:])


def draw_texts(texts: Sequence[str], style: str) -> list[str]:
    """Return lines of text in a style, with the terminal's codes."""
    from rich.color import ColorSystem
    from rich.style import Style

    look = Style.parse(style)
    return [look.render(text, color_system=ColorSystem.STANDARD) for text in texts]


def _console() -> Console:
    from rich.console import Console

    return Console(
        width=_WIDE_ENOUGH, height=1, force_terminal=True, no_color=False, legacy_windows=False,
        color_system="standard", force_jupyter=False, highlight=False, markup=False, emoji=False, _environ={},
    )  # fmt: skip


def _without_ends(drawn: str) -> str:
    return "\n".join([line.rstrip() for line in drawn.splitlines()])


def draw_markdown(headings: Sequence[str], lines: Sequence[TableLine], *, numbers: Collection[int] = ()) -> str:
    """Return a GitHub table; bold lines are bold."""
    rule = ["---:" if index in numbers else ":---" for index in range(len(headings))]
    rows = [[_cell(cell, line.style) for cell in line.cells] for line in lines if line.cells]
    heads = [_cell(heading, "") for heading in headings]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _cell(text: str, style: str) -> str:
    escaped = markdown(text.strip())
    return f"**{escaped}**" if style == "bold" and escaped else escaped


def draw_html(
    headings: Sequence[str], lines: Sequence[TableLine], *, total: Sequence[str] = (), numbers: Collection[int] = ()
) -> str:
    """Return a table of HTML; bold lines are bold, dim ones paler."""
    foot = [f'<tfoot style="border-top:{RULE_STYLE}">', html_row("th", total, numbers), "</tfoot>"] if total else []
    return "\n".join([
        f'<table style="{TABLE_STYLE}">',
        f'<thead style="border-bottom:{RULE_STYLE}">',
        html_row("th", headings, numbers),
        "</thead>",
        "<tbody>",
        *[html_row("th" if line.style == "bold" else "td", line.cells, numbers, line.style)
          for line in lines if line.cells],
        "</tbody>",
        *foot,
        "</table>",
    ])  # fmt: skip


def html_row(tag: str, cells: Sequence[str], numbers: Collection[int], style: str = "", attributes: str = "") -> str:
    """Return a row of an HTML table; `attributes` are those of each cell, with a space before."""
    paler = ";opacity:0.75" if style == "dim" else ""
    drawn = [
        f'<{tag}{attributes} style="{_CELL_STYLE}{"right" if index in numbers else "left"}{paler}">{html(cell)}</{tag}>'
        for index, cell in enumerate(cells)
    ]
    return f"<tr>{''.join(drawn)}</tr>"
