"""A list of things, such as the bundled networks, as a table for the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shapecalc.renderers.text import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["draw_listing"]

_UNLIMITED = 1_000


def draw_listing(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    width: int | None = None,
    color: bool = False,
) -> str:
    """Return a table of texts: the columns whose indices are in `numbers` to the right, the last one cut to fit.

    `width` is the terminal's columns; None is unlimited.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    last = len(headings) - 1
    for index, heading in enumerate(headings):
        justify = "right" if index in numbers else "left"
        # Numbers and names are never cut or wrapped: the last column gives way.
        table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis" if index == last else "fold",
                         min_width=0 if index == last else max(len(heading), *(len(row[index]) for row in rows)))  # fmt: skip
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    target = io.StringIO()
    console = Console(
        file=target,
        width=width or _UNLIMITED,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines())
