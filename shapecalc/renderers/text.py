"""A report as a table for the terminal. The columns are chosen to fit the width: no number is ever wrapped or cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.renderers.drawing import TableLine, draw_lines, draw_texts
from shapecalc.text.cells import PROSE, cell_width, shorten, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.renderers.view import CellGrid, View

__all__ = ["draw"]

_WIDE = ("name", "kind", "input", "kernel", "stride", "padding", "output", "weights", "biases", "params",
         "active_params", "macs", "output_bytes")  # fmt: skip
_DROPPED = (("output_bytes",), ("kernel", "stride", "padding"), ("input",), ("biases",), ("weights",),
            ("active_params",), ("kind",), ("macs", "flops"), ("output",))  # fmt: skip
"""Groups of columns in the order in which they are left out on a narrower terminal."""

_MAYBE_EMPTY = frozenset({"kernel", "stride", "padding"})
_GAP = 2
_NAME_KEPT = 28
"""The minimum width of a longer name before columns are dropped: names are cut in the middle."""

_NAME_MIN = 8
_STYLES = {"kind": "cyan", "params": "bold", "params_share": "blue", "macs_share": "green",
           "output_bytes_share": "magenta"}  # fmt: skip


def draw(view: View) -> str:
    """Return the report as a table that fits the view's width, unless columns were requested by name."""
    names = _columns_that_fit(view)
    grid = view.grid(names)
    if view.width is not None and not view.asked:
        grid = _with_short_names(grid, names, view.width)
    room = view.width or PROSE
    title = wrap(view.title, room, hang=2)
    footer = [part for line in view.footer(names) for part in wrap(line, room)]
    drawn = draw_lines(
        [column.heading for column in grid.columns],
        [TableLine(row) for row in grid.rows],
        total=grid.totals if any(grid.totals) else (),
        numbers=[index for index, column in enumerate(grid.columns) if column.sort.is_number],
        styles=[_STYLES.get(name, "") for name in names],
        gap=_GAP,
        color=view.color,
    )
    if view.color:
        title, footer = draw_texts(title, "bold"), [*footer[:1], *draw_texts(footer[1:], "dim")]
    return "\n".join([*title, "", drawn, "", *footer])


def _columns_that_fit(view: View) -> list[str]:
    """Return the columns: the requested ones, or as many as fit the width, with added ones in any case."""
    if view.asked:
        return view.names()
    kept = [name for name in view.names(_WIDE) if name in view.added or not _is_idle(view, name)]
    if view.width is None:
        return kept
    widths = {name: _natural_width(view, name) for name in kept}
    own = [name for name in kept if name not in view.added]
    beside = _total([widths[name] for name in view.added]) + _GAP if view.added else 0
    fewest = _fewer(own, widths, view.width - beside)
    if _total([widths[name] for name in fewest]) > view.width - beside:  # useless: the added ones are too wide
        fewest = _fewer(own, widths, view.width)
    return [name for name in kept if name in fewest or name in view.added]


def _fewer(names: list[str], widths: Mapping[str, int], room: int) -> list[str]:
    """Return the columns that fit the room, or those that are never dropped."""
    for group in _DROPPED:
        if _total([widths[name] for name in names]) <= room:
            break
        names = [name for name in names if name not in group]
    return names


def _is_idle(view: View, name: str) -> bool:
    """Return whether a column has no information for this network."""
    if name == "active_params":
        return bool(view.report.total.active_params == view.report.total.params)
    return name in _MAYBE_EMPTY and not any(view.cells(name))


def _natural_width(view: View, name: str) -> int:
    column = view.columns[name]
    cells = max(map(cell_width, [column.heading, view.sum(name), *view.cells(name)]))
    return min(cells, _NAME_KEPT) if name == "name" else cells


def _widths(grid: CellGrid) -> list[int]:
    """Return the width of every column: that of its widest cell."""
    headings = [column.heading for column in grid.columns]
    return [max(map(cell_width, column)) for column in zip(headings, grid.totals, *grid.rows, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _with_short_names(grid: CellGrid, names: Sequence[str], width: int) -> CellGrid:
    """Return the grid with the names cut in the middle if the table would be too wide."""
    widths = _widths(grid)
    if names[0] != "name" or _total(widths) <= width:
        return grid
    room = width - (_total(widths) - widths[0])
    if room < _NAME_MIN:  # useless: other columns are too wide
        room = _NAME_KEPT
    return grid._replace(rows=[(shorten(row[0], room), *row[1:]) for row in grid.rows])
