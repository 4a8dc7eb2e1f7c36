"""A list of things, such as the bundled networks, as a table for the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapecalc.escaping import clean
from shapecalc.renderers.text import cell_width

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["draw_listing"]

_UNLIMITED = 1_000
_GAP = 3
_LEAST = 12
"""Cells that are left of a text that is cut."""


def draw_listing(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    spare: Sequence[int] = (),
    cut: Collection[int] = (),
    width: int | None = None,
    color: bool = False,
) -> str:
    """Return a table of texts: the columns whose indices are in `numbers` to the right.

    `width` is the terminal's columns; None is unlimited. A narrower one does without the columns `spare`, in that
    order, and cuts those in `cut` and the last one; numbers and names are never cut or wrapped.
    """
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = {
        i: max(cell_width(cell) for cell in (heading, *(row[i] for row in rows))) for i, heading in enumerate(headings)
    }
    cut = {*cut, len(headings) - 1}.difference(numbers)
    if width is not None:
        widths = _fitting(widths, spare, cut, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for index, room in widths.items():
        table.add_column(
            Text(clean(headings[index])),
            justify="right" if index in numbers else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=room,
        )
    for row in rows:
        table.add_row(*(Text(row[index]) for index in widths))
    target = io.StringIO()
    console = Console(
        file=target,
        width=max(_UNLIMITED, _total(widths)),
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())


def _fitting(widths: Mapping[int, int], spare: Sequence[int], cut: set[int], room: int) -> dict[int, int]:
    """Return the columns that are shown, with the width of each."""
    kept = dict(widths)
    for index in (*spare, None):
        shortest = {i: min(width, _LEAST) if i in cut else width for i, width in kept.items()}
        if _total(shortest) <= room or index is None:
            break
        del kept[index]
    for index in sorted(cut.intersection(kept), reverse=True):
        beyond = _total(kept) - room
        if beyond > 0:
            kept[index] = max(kept[index] - beyond, min(kept[index], _LEAST))
    return kept


def _total(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
