"""The terminal table drawn with rich: all that comes from a specification is `Text`, never markup."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapecalc.renderers.cells import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.view import Grid

__all__ = ["draw_table"]

_STYLES = {"kind": "cyan", "params": "bold", "params_share": "blue", "macs_share": "green",
           "output_bytes_share": "magenta"}  # fmt: skip
_WIDE_ENOUGH = 1_000_000
"""Of a console: what is drawn was made to fit, and must not be cut here."""


def draw_table(
    title: Sequence[str], grid: Grid, widths: Sequence[int], names: Sequence[str], footer: Sequence[str], gap: int,
    *, color: bool = True,
) -> str:  # fmt: skip
    """Return title, table (columns of these widths) and footer, with the terminal's codes or without."""
    file = io.StringIO()
    console = Console(
        file=file, width=_WIDE_ENOUGH, height=1, force_terminal=color, no_color=not color, legacy_windows=False,
        color_system="standard" if color else None, force_jupyter=False, highlight=False, markup=False, emoji=False,
        _environ={},
    )  # fmt: skip
    for line in title:
        console.print(Text(line, "bold"))
    console.print()
    console.print(_table(grid, widths, names, gap))
    console.print()
    for number, line in enumerate(footer):
        console.print(Text(line, "dim" if number else ""))
    return "\n".join([line.rstrip() for line in file.getvalue().splitlines()])


def _table(grid: Grid, widths: Sequence[int], names: Sequence[str], gap: int) -> Table:
    """Return the table; rich is told the widths and pads nothing, which takes it half as long as finding them out."""
    table = Table(
        box=SIMPLE, show_edge=False, pad_edge=False, padding=0, show_footer=any(grid.totals), header_style="bold",
        footer_style="bold", border_style="dim",
    )  # fmt: skip
    leads = [""]  # what stands before the words of a column; numbers stand at its right edge
    leads += ["" if column.sort.is_number else " " * (gap - 1) for column in grid.columns[1:]]
    for i, (column, total, width, lead) in enumerate(zip(grid.columns, grid.totals, widths, leads, strict=True)):
        table.add_column(
            Text(lead + column.heading), Text(lead + total), justify="right" if column.sort.is_number else "left",
            no_wrap=True, width=width + (gap - 1 if i else 0),
        )  # fmt: skip
    styles = [_STYLES.get(name, "") for name in names]
    for row in grid.rows:
        cells = zip(row, styles, leads, strict=True)
        table.add_row(*[Text(lead + cell, "dim" if cell == NOTHING else style) for cell, style, lead in cells])
    return table
