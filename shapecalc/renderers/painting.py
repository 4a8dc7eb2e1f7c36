"""Tables whose lines have styles, drawn with rich, and the same in Markdown, for what is no report."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.escaping import clean, markdown

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Line", "draw_lines", "draw_markdown"]

_WIDE_ENOUGH = 1_000_000
"""Of a console: what is drawn was made to fit, and must not be cut here."""


class Line(NamedTuple):
    """One line of a table, and its style: bold, dim, red, green, yellow, or none. One without cells is a rule."""

    cells: tuple[str, ...]
    style: str = ""


def draw_lines(headings: Sequence[str], lines: Sequence[Line], *, numbers: Collection[int] = (), color: bool) -> str:
    """Return a table for the terminal; the columns whose indices are in `numbers` to the right."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  (Markdown does without it)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", border_style="dim",
                  padding=(0, 1, 0, 0))  # fmt: skip
    for index, heading in enumerate(headings):
        table.add_column(Text(clean(heading)), justify="right" if index in numbers else "left", no_wrap=True)
    for line in lines:
        if line.cells:
            table.add_row(*[Text(clean(cell), line.style) for cell in line.cells])
        else:
            table.add_section()
    file = io.StringIO()
    Console(
        file=file, width=_WIDE_ENOUGH, height=1, force_terminal=color, no_color=not color, legacy_windows=False,
        color_system="standard" if color else None, force_jupyter=False, highlight=False, markup=False, emoji=False,
        _environ={},
    ).print(table)  # fmt: skip
    return "\n".join([line.rstrip() for line in file.getvalue().splitlines()])


def draw_markdown(headings: Sequence[str], lines: Sequence[Line], *, numbers: Collection[int] = ()) -> str:
    """Return a GitHub table; what is bold on a terminal is so here."""
    rule = ["---:" if index in numbers else ":---" for index in range(len(headings))]
    rows = [[_cell(cell, line.style) for cell in line.cells] for line in lines if line.cells]
    heads = [_cell(heading, "") for heading in headings]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _cell(text: str, style: str) -> str:
    escaped = markdown(text.strip())
    return f"**{escaped}**" if style == "bold" and escaped else escaped
