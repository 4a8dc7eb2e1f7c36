"""A report as CSV: a row for every layer, numbers without separators, sizes as 55x55x96, output bytes as a number.

Texts stand as the specification has them, but for what cannot be printed, and for what a spreadsheet would take for a
formula: an apostrophe stands before a text that begins with = + - or @ and is not a number.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from shapecalc.renderers.columns import COLUMNS

if TYPE_CHECKING:
    from shapecalc.renderers.view import View

__all__ = ["draw"]

_OWN = ("name", "kind", "from", "input", "output", "kernel", "stride", "padding",
        "weights", "biases", "params", "trainable", "buffers", "macs")  # fmt: skip


def draw(view: View) -> str:
    """Return the report as CSV: a header of column names, then the lines, all blocks open unless a depth was given."""
    names = view.names(_OWN)
    lines = view.report.lines(view.depth if view.is_depth_given else None)
    columns = []
    for name in names:
        plain = COLUMNS[name].sort.plain
        columns.append([plain(value) for value in COLUMNS[name].values(view.report, lines)])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().removesuffix("\n")
