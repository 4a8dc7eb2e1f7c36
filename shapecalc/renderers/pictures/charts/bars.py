"""Horizontal bars: an amount and its share, written after each."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.bars import show_percent
from shapecalc.renderers.cells import NOTHING
from shapecalc.renderers.pictures.charts.heads import TEXT
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.scene import Label, Rectangle, polyline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.renderers.pictures.scene import Mark

__all__ = ["ROW", "Bar", "bars", "names", "width_of"]

ROW = 18.0
"""The height of a row."""

_THICK, _PAD = 10.0, 6.0
_SHORTEST = 0.75
"""The width of the smallest bar: any share above 0 is visible."""


class Bar(NamedTuple):
    """An amount in words and its share of the whole; `fill` is the colour of its bar."""

    words: str
    share: Fraction
    fill: str = "data"

    @property
    def percent(self) -> str:
        """Its share in percent; empty for 0."""
        return show_percent(self.share) if self.share else ""

    def length(self, most: Fraction, room: float) -> float:
        """Return its length, where the longest of all (`most`) has this room."""
        return max(float(self.share / most) * room, _SHORTEST) if self.share else 0.0


def _most(column: Sequence[Bar]) -> Fraction:
    return max([bar.share for bar in column if bar.share], default=Fraction(1))


def width_of(column: Sequence[Bar], room: float) -> float:
    """Return the width of bars with what is written after them, where the longest has this room."""
    most = _most(column)
    texts = [bar.words if not bar.percent else f"{bar.words}  {bar.percent}" for bar in column]
    ends = [bar.length(most, room) + text_width(text, TEXT) for bar, text in zip(column, texts, strict=True)]
    return max([*ends, room]) + _PAD


def bars(column: Sequence[Bar], x: float, top: float, room: float, key: str, row: float = ROW) -> Iterator[Mark]:
    """Yield bars from x on, one below the other, along a line; `row` is their distance."""
    yield polyline(((x, top - 3), (x, top + row * len(column) + 3)))
    most = _most(column)
    for index, bar in enumerate(column):
        own = f"{key} {index}"
        y, length = top + index * row, bar.length(most, room)
        if length:
            yield Rectangle(x, y + (row - _THICK) / 2, length, _THICK, bar.fill, "", key=own)
        if bar.words == NOTHING:
            continue
        at, base = x + length + _PAD, y + row / 2 + TEXT * 0.36
        yield Label(at, base, bar.words, TEXT, key=f"{own} amount")
        if bar.percent:
            after = at + text_width(f"{bar.words}  ", TEXT)
            yield Label(after, base, bar.percent, TEXT, color="quiet", key=f"{own} share")


def names(words: Sequence[str], x: float, top: float, room: float, row: float = ROW) -> Iterator[Mark]:
    """Yield the names of rows, which end at x."""
    for index, name in enumerate(words):
        base = top + index * row + row / 2 + TEXT * 0.36
        yield Label(x, base, fitted(name, TEXT, room), TEXT, "right", key=f"name {index}")
