"""What is above a graph: the name of the network, its totals, and what the colours mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.palette import COLOURS
from shapecalc.renderers.pictures.scene import Label, Rectangle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.model.report import Report
    from shapecalc.renderers.pictures.scene import Mark, Outline

__all__ = ["heading"]

_WORDS = {"collapsed": "collapsed blocks", "matrices": "matrix products", "others": "other layers"}
_NARROWEST = 420.0
_SIZE = 11.0
_SWATCH = 12.0
_LINE = 19.0
_BELOW = 26.0


def heading(report: Report, fills: Iterable[str], below: Outline) -> list[Mark]:
    """Return the heading of a picture, to stand above what has this outline."""
    width = max(below.right - below.left, _NARROWEST)
    left = below.left
    marks: list[Mark] = [
        Label(left, 0.0, fitted(clean(report.name), 16.0, width, bold=True), 16.0, bold=True, key="title"),
        Label(left, 19.0, fitted(_totals(report), 12.0, width), 12.0, color="quiet", key="totals"),
    ]
    found = set(fills)
    x, y = left, 42.0
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
    return [mark._replace(y=mark.y + up) for mark in marks]


def _totals(report: Report) -> str:
    total = report.total
    active = f" ({total.active_params:,} active)" if total.active_params != total.params else ""
    batch = f" · batch {report.batch:,}" if report.batch != 1 else ""
    return f"{total.params:,} params{active} · {total.macs:,} MACs{batch}"
