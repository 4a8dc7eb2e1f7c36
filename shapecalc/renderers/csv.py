"""A report as CSV: a row for every layer, numbers without separators, sizes as 55x55x96, output bytes as a number.

Strings are as in the specification, except for unprintable characters, and an apostrophe before a string that begins
with = + - or @ and is not a number: a spreadsheet would read it as a formula.
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
        "weights", "biases", "params", "active_params", "trainable", "buffers", "macs")  # fmt: skip


def draw(view: View) -> str:
    """Return the report as CSV: a header of column names, then the lines.

    All blocks are expanded unless a depth is given, and none is folded unless `fold` is true.
    """
    names = view.names(_OWN)
    lines = view.lines_at(view.depth if view.is_depth_given else None, folds=view.is_fold_asked and view.folds)
    picked = view.selection.picked(view.report, lines) if view.selection else range(len(lines))
    columns = []
    for name in names:
        plain, values = COLUMNS[name].sort.plain, COLUMNS[name].values(view.report, lines)
        columns.append([plain(values[index]) for index in picked])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().removesuffix("\n")
