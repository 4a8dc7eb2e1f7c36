"""What is above a graph: the name of the network, its totals, and what the colours mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.footer import incomplete
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.palette import COLOURS
from shapecalc.renderers.pictures.scene import Label, Rectangle, shifted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.model.report import Report
    from shapecalc.renderers.pictures.scene import Mark, Outline

__all__ = ["heading"]

_WORDS = {
    "collapsed": "collapsed blocks", "matrices": "matrix products", "others": "other layers",
    "reshapes": "reshapes and resizing",
}  # fmt: skip
_NARROWEST = 420.0
_SIZE, _TOTALS = 11.0, 12.0
_SWATCH = 12.0
_LINE = 19.0
_BELOW = 26.0


def heading(report: Report, fills: Iterable[str], below: Outline) -> list[Mark]:
    """Return the heading of a picture, to stand above what has this outline."""
    width = max(below.width, _NARROWEST, text_width(_totals(report), _TOTALS))  # numbers are never cut
    left, y = below.left, 0.0
    marks: list[Mark] = []
    for words, size, role in _lines(report):
        shown = fitted(words, size, width, bold=role == "title")
        marks.append(
            Label(left, y, shown, size, color="ink" if role == "title" else "quiet", bold=role == "title", key=role)
        )
        y += _LINE
    found = set(fills)
    x, y = left, y + 4.0
    for role in COLOURS:
        if role not in found or role == "input":
            continue
        words = _WORDS.get(role, role)
        needed = _SWATCH + 6.0 + text_width(words, _SIZE)
        if x > left and x + needed > left + width:
            x, y = left, y + _LINE
        marks.append(Rectangle(x, y - 10.0, _SWATCH, _SWATCH, role, "ink", 2.0, key=f"legend {role}"))
        marks.append(Label(x + _SWATCH + 6.0, y, words, _SIZE, key=f"legend words {role}"))
        x += needed + 16.0
    up = below.top - _BELOW - y
    return [shifted(mark, 0.0, up) for mark in marks]


def _lines(report: Report) -> list[tuple[str, float, str]]:
    """Return the lines above the legend: their text, size and key."""
    lines = [(clean(report.name), 16.0, "title"), (_totals(report), _TOTALS, "totals")]
    if not report.is_complete:
        lines.append((incomplete(report), _TOTALS, "incomplete"))
    return [line for line in lines if line[0]]


def _totals(report: Report) -> str:
    total = report.total
    active = f" ({total.active_params:,} active)" if total.active_params != total.params else ""
    batch = f" · batch {report.batch:,}" if report.batch != 1 else ""
    return f"{count_noun(total.params, 'param')}{active} · {count_noun(total.macs, 'MAC')}{batch}"
