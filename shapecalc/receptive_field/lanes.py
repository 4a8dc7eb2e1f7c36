"""Lanes: what the places of a tensor see of an input of the network, along one axis, as a pattern that comes round.

A lane follows one axis of a tensor. Its pattern is exact: for each place of a period, the first and the last place of
the network's input that it sees; with every period, both move on by `advance`. A sliding window has a period of 1; what
is enlarged r times over has one of r.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.sight import Sight

__all__ = ["Lane", "hull", "joined", "through"]

_LONGEST = 20_000

Span = tuple[int, int] | None
"""The first and the last place that are seen; None where none is."""


class Lane(NamedTuple):
    """One way in which a tensor sees an axis of the network's input.

    Place o of the tensor's axis sees `spans[o]`, before anything is clipped to the input; `axis` is -1 where all
    places see the same (and then the one span is clipped).
    """

    spans: tuple[Span, ...]
    advance: int
    axis: int

    def at(self, place: int) -> Span:
        """Return what a place sees."""
        turns, phase = divmod(place, len(self.spans))
        span = self.spans[phase]
        on = turns * self.advance
        return span and (span[0] + on, span[1] + on)

    @property
    def jump(self) -> Fraction:
        """How far what is seen moves on with every place."""
        return Fraction(self.advance, len(self.spans))


def hull(spans: Iterable[Span]) -> Span:
    """Return the least span that holds all of these."""
    first = last = None
    for span in spans:
        if span:
            first = span[0] if first is None else min(first, span[0])
            last = span[1] if last is None else max(last, span[1])
    return None if first is None or last is None else (first, last)


def through(lane: Lane, sight: Sight, axis: int, size: int, limit: int) -> Lane | None:
    """Return what is seen through a layer whose places have this sight of a tensor with this lane.

    `axis` is the output's, `size` that of the tensor's axis, `limit` that of the network's input. None: nothing.
    """
    if axis < 0:
        span = _at_all(lane, sight.at(0), size)
        return Lane((span,), 0, -1) if span and (span := _clipped(span, limit)) else None
    period, own = len(lane.spans), len(sight.seen)
    turns = period // gcd(period, sight.advance)
    _check(own * turns)
    spans = tuple([_seen(lane, sight.at(place)) for place in range(own * turns)])
    if not any(spans):
        return None
    return Lane(spans, lane.advance * (sight.advance * turns // period), axis)


def _seen(lane: Lane, places: range) -> Span:
    """Return what a run of places sees: what they see moves on with them, so the ends tell, unless they see nothing."""
    if not places:
        return None
    first, last = lane.at(places[0]), lane.at(places[-1])
    if first and last:
        return first[0], last[1]
    return hull(map(lane.at, _ends(places, len(lane.spans))))


def _at_all(lane: Lane, places: range, size: int) -> Span:
    return _seen(lane, range(max(places.start, 0), min(places.stop, size)))


def _ends(places: Sequence[int], period: int) -> Iterator[int]:
    """Yield places enough at either end to find there the first and the last that see anything."""
    yield from places[:period]
    yield from places[-period:]


def _clipped(span: tuple[int, int], limit: int) -> Span:
    first, last = max(span[0], 0), min(span[1], limit - 1)
    return (first, last) if first <= last else None


def joined(lanes: Iterable[Lane]) -> tuple[Lane, ...]:
    """Return the lanes of what sees by all of these: those that move alike are one, that sees what any of them does."""
    groups: dict[tuple[int, Fraction], list[Lane]] = {}
    for lane in lanes:
        alike = groups.setdefault((lane.axis, lane.jump), [])
        if lane not in alike:
            alike.append(lane)
    return tuple([alike[0] if len(alike) == 1 else _together(alike) for alike in groups.values()])


def _together(lanes: Sequence[Lane]) -> Lane:
    period = lcm(*[len(lane.spans) for lane in lanes])
    _check(period)
    spans = tuple([hull([lane.at(place) for lane in lanes]) for place in range(period)])
    return Lane(spans, lanes[0].advance * period // len(lanes[0].spans), lanes[0].axis)


def _check(period: int) -> None:
    if period > _LONGEST:
        raise UsageError(
            f"what the places of this network see comes round only after {period:,} of them: "
            "its receptive fields are too long to be worked out"
        )
