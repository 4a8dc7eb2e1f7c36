"""A report as a table for the terminal, drawn with rich.

The columns are chosen to fit the width: no number is ever wrapped or cut. All that comes from a specification goes
through `Text`, never through markup. A very long table is drawn line by line, with the same look: rich takes a third
of a millisecond a row.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapecalc.renderers.cells import NOTHING
from shapecalc.renderers.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.view import Grid, View

__all__ = ["draw"]

_WIDE = ("name", "kind", "input", "kernel", "stride", "padding", "output", "weights", "biases", "params", "macs",
         "memory")  # fmt: skip
_DROPPED = (("memory",), ("kernel", "stride", "padding"), ("input",), ("biases",), ("weights",), ("kind",), ("macs",),
            ("output",))  # fmt: skip
"""Groups of columns in the order in which a narrower terminal does without them."""

_MAYBE_EMPTY = frozenset({"kernel", "stride", "padding"})
_GAP = 2
_NAME_KEPT = 28
"""Cells of a longer name that are kept before columns are dropped: longer ones are cut in the middle."""

_NAME_LEAST = 8
_UNLIMITED = 1_000_000
_HEIGHT = 100
_LONG = 2_000

_STYLES = {"kind": "cyan", "params": "bold"}


def draw(view: View) -> str:
    """Return the report as a table that fits the view's width, unless the columns were asked for by name."""
    names = _fitting(view)
    grid = view.grid(names)
    if view.width is not None and not view.asked:
        grid = _with_short_names(grid, names, view.width)
    widths = _widths(grid)
    parts = [
        _print(view, view.width, Text(view.title, "bold")),
        _print(view, _total(widths), _table(grid, names)) if len(grid.rows) <= _LONG else _long_table(grid, widths),
        _print(view, view.width, *[Text(line, "dim" if n else "") for n, line in enumerate(view.footer(names))]),
    ]
    return "\n\n".join(parts)


def _print(view: View, width: int | None, *what: Text | Table) -> str:
    """Return what rich prints, without spaces at the ends of lines."""
    file = io.StringIO()
    console = Console(
        file=file, width=width or _UNLIMITED, height=_HEIGHT, force_terminal=view.color, no_color=not view.color,
        color_system="standard" if view.color else None, force_jupyter=False, legacy_windows=False, highlight=False,
        markup=False, emoji=False, _environ={},
    )  # fmt: skip
    for one in what:
        console.print(one)
    return "\n".join([line.rstrip() for line in file.getvalue().splitlines()])


def _fitting(view: View) -> list[str]:
    """Return the columns: those asked for, or as many as fit the width, those that were added in any case."""
    if view.asked:
        return view.names()
    kept = [name for name in view.names(_WIDE) if name in view.added or not _is_idle(view, name)]
    if view.width is None:
        return kept
    widths = {name: _natural_width(view, name) for name in kept}
    for group in _DROPPED:
        if _total([widths[name] for name in kept]) <= view.width:
            break
        gone = {view.in_place_of_macs if name == "macs" else name for name in group}
        kept = [name for name in kept if name in view.added or name not in gone]
    return kept


def _is_idle(view: View, name: str) -> bool:
    """Tell whether a column has nothing to say of this network."""
    return name in _MAYBE_EMPTY and not any(view.cells(name))


def _natural_width(view: View, name: str) -> int:
    column = COLUMNS[name]
    cells = max(map(_cells, [column.heading, view.sum(name), *view.cells(name)]))
    return min(cells, _NAME_KEPT) if name == "name" else cells


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _widths(grid: Grid) -> list[int]:
    """Return the width of every column."""
    headings = [column.heading for column in grid.columns]
    return [max(map(_cells, column)) for column in zip(headings, grid.totals, *grid.rows, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _with_short_names(grid: Grid, names: Sequence[str], width: int) -> Grid:
    """Return the grid with the names cut in the middle where the table would be too wide."""
    excess = _total(_widths(grid)) - width
    if excess <= 0 or names[0] != "name":
        return grid
    room = max(_widths(grid)[0] - excess, _NAME_LEAST)
    return grid._replace(rows=[(_shorten(row[0], room), *row[1:]) for row in grid.rows])


def _shorten(name: str, room: int) -> str:
    if _cells(name) <= room:
        return name
    tail = room // 2
    end = name[-tail:]
    while _cells(end) > tail:
        end = end[1:]
    return f"{set_cell_size(name, room - tail - 1)}…{end}"


def _table(grid: Grid, names: Sequence[str]) -> Table:
    table = Table(
        box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), show_footer=True,
        header_style="bold", footer_style="bold", border_style="dim",
    )  # fmt: skip
    for column, total in zip(grid.columns, grid.totals, strict=True):
        side = "right" if column.sort.is_number else "left"
        table.add_column(Text(column.heading), Text(total), justify=side, no_wrap=True)  # type: ignore[arg-type]
    styles = [_STYLES.get(name, "") for name in names]
    for row in grid.rows:
        table.add_row(*[
            Text(cell, "dim" if cell == NOTHING else style) for cell, style in zip(row, styles, strict=True)
        ])  # fmt: skip
    return table


def _long_table(grid: Grid, widths: Sequence[int]) -> str:
    """Return the table as rich draws it, without colour, in a hundredth of the time."""
    pads = [(width, column.sort.is_number) for width, column in zip(widths, grid.columns, strict=True)]

    def line(cells: Sequence[str]) -> str:
        drawn = []
        for cell, (width, is_number) in zip(cells, pads, strict=True):
            space = " " * (width - _cells(cell))
            drawn.append(space + cell if is_number else cell + space)
        return (" " * _GAP).join(drawn).rstrip()

    rule = "─" * _total(widths)
    headings = [column.heading for column in grid.columns]
    return "\n".join([line(headings), rule, *map(line, grid.rows), rule, line(grid.totals)])
