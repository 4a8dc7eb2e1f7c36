"""Axes of plots: scales, linear and logarithmic, ticks at round values, and the lines and texts of both."""

from __future__ import annotations

from math import ceil, floor, inf, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.charts.heads import NOTE, TEXT
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.scene import Label, polyline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.renderers.pictures.scene import Mark

__all__ = ["PlotAxis", "across", "axis_of", "byte_axis", "log_axis", "show_tick", "up"]

_MOST_TICKS = 6
_WIDE_RANGE = 20
"""From this ratio of the largest to the smallest value on, a scale is logarithmic."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_PREFIXES = " kMGTPE"
_ROUND = (1, 2, 5)


class PlotAxis(NamedTuple):
    """A scale: values from `low` to `high` are positions from `start` to `end`; its ticks, and what they mean.

    `words` are what is written at the ticks.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    words: tuple[str, ...]
    name: str
    is_log: bool = False

    def at(self, value: float) -> float:
        """Return the position of a value."""
        low, high, value = (log10(one) for one in (self.low, self.high, value)) if self.is_log else (
            self.low, self.high, value)  # fmt: skip
        return self.start + (value - low) / ((high - low) or 1) * (self.end - self.start)


def axis_of(values: Sequence[float], name: str, start: float, end: float) -> PlotAxis:
    """Return an axis around values, which need not be near 0: logarithmic if they are far apart."""
    found = [value for value in values if isfinite(value)] or [0.0, 1.0]
    low, high = min(found), max(found)
    if low > 0 and _WIDE_RANGE < high / low < inf:
        room = (high / low) ** 0.06
        return log_axis(low / room, high * room, name, start, end)
    room = (high - low) * 0.06 or abs(high) * 0.5 or 1.0
    low, high = (0.0 if 0 <= low < room * 2 else low - room), high + room
    ticks = _linear_ticks(low, high)
    return PlotAxis(low, high, start, end, ticks, tuple(map(show_tick, ticks)), name)


def log_axis(low: float, high: float, name: str, start: float, end: float) -> PlotAxis:
    """Return a logarithmic axis from one value above 0 to another."""
    ticks = _log_ticks(low, high)
    return PlotAxis(low, high, start, end, ticks, tuple(map(show_tick, ticks)), name, is_log=True)


def byte_axis(most: int, name: str, start: float, end: float) -> PlotAxis:
    """Return an axis from 0 to a number of bytes or a little more, with ticks at round numbers of a binary unit."""
    power = max(index for index in range(len(_UNITS)) if index == 0 or most >= 1024**index)
    unit = 1024.0**power
    step = max(_step(most / unit, 5), 0 if power else 1)
    last = max(ceil(most / unit / step), 1)
    ticks = tuple([step * index * unit for index in range(last + 1)])
    words = tuple([_plain(step * index) for index in range(last + 1)])
    return PlotAxis(0.0, ticks[-1], start, end, ticks, words, f"{name}, {_UNITS[power]}")


def show_tick(value: float) -> str:
    """Return a value with a decimal prefix, without needless zeros: `2.5 M`."""
    power = 0
    while abs(value) >= 1000 and power < len(_PREFIXES) - 1:
        value, power = value / 1000, power + 1
    return f"{_plain(value)} {_PREFIXES[power]}".rstrip()


def _plain(value: float) -> str:
    shown = f"{value:,.10f}".rstrip("0").rstrip(".") if abs(value) >= 1e-4 or not value else f"{value:g}"
    return shown or "0"


def _step(span: float, most: int) -> float:
    """Return the smallest round step with which a span has no more steps than this."""
    if span <= 0:
        return 1.0
    power = 10.0 ** floor(log10(span / most))
    return next(step * power for step in (*_ROUND, 10, 20) if span / (step * power) <= most)


def _linear_ticks(low: float, high: float) -> tuple[float, ...]:
    step = _step(high - low, _MOST_TICKS)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return tuple([index * step for index in range(first, last + 1)])


def _log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Return powers of ten, with 2 and 5 between them where there are few of those; or linear ones within a power."""
    first, last = floor(log10(low)), ceil(log10(high))
    for each in (_ROUND, (1,)):
        ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in each]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= _MOST_TICKS + 1:
            break
    every = -(-len(ticks) // _MOST_TICKS)
    ticks = ticks[:: every if len(ticks) > _MOST_TICKS + 1 else 1]
    return tuple(ticks) if len(ticks) > 1 else _linear_ticks(low, high)


def up(axis: PlotAxis, left: float, right: float, above: float = 16.0) -> Iterator[Mark]:
    """Yield the lines of a vertical axis across a plot, what is written at them, and its name so far above it."""
    for tick, words in zip(axis.ticks, axis.words, strict=True):
        y = axis.at(tick)
        yield polyline(((left, y), (right, y)), thickness=0.75, key=f"y {words}")
        yield Label(left - 8, y + NOTE * 0.36, words, NOTE, "right", "quiet", key=f"y {words}")
    widest = max([text_width(words, NOTE) for words in axis.words], default=0.0)
    name = fitted(axis.name, TEXT, (right - left) / 2)
    yield Label(left - 8 - widest, min(axis.start, axis.end) - above, name, TEXT, color="quiet", key="y name")


def across(axis: PlotAxis, top: float, bottom: float) -> Iterator[Mark]:
    """Yield the line of a horizontal axis, its ticks, what is written at them as far as there is room, and its name."""
    yield polyline(((axis.start, bottom), (axis.end, bottom)), "quiet", key="x")
    free = -float("inf")
    for tick, words in zip(axis.ticks, axis.words, strict=True):
        x = axis.at(tick)
        yield polyline(((x, top), (x, bottom + 4)), thickness=0.75, key=f"x {words}")
        half = text_width(words, NOTE) / 2
        if x - half > free:
            yield Label(x, bottom + 17, words, NOTE, "middle", "quiet", key=f"x {words}")
            free = x + half + 6
    name = fitted(axis.name, TEXT, axis.end - axis.start)
    yield Label(axis.end, bottom + 34, name, TEXT, "right", "quiet", key="x name")
