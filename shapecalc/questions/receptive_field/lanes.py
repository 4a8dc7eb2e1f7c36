"""Lanes: what the positions of a tensor depend on of an input of the network, along one axis, as a periodic pattern.

A lane follows one axis of a tensor. Its pattern is exact: for each position of a period, the first and last position of
the network's input that it depends on; every period, both move by `advance`. A sliding window has a period of 1;
upsampling by r has one of r.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.layers.base.dependence import HERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.layers.base.dependence import AxisDependence

__all__ = ["Lane", "Work", "hull", "joined", "through"]

_LONGEST = 20_000

_MOST_WORK = 1_000_000
"""The maximum number of positions computed, over all layers of a network: seconds."""


class Work:
    """The rest of the work allowed for the receptive fields of one network."""

    def __init__(self, most: int = _MOST_WORK) -> None:
        self.left = most

    def spend(self, positions: int) -> None:
        """Count positions to be computed. Errors: `UsageError` if the total is beyond the limit."""
        self.left -= positions
        if self.left < 0:
            raise UsageError(
                Problem(
                    "the receptive fields of this network take too much work: its layers, the branches that do not "
                    f"move alike, and how long their patterns are come to more than {_MOST_WORK:,} positions",
                    hint="use a part of it: fewer layers, or sizes that divide one another",
                )
            )


Span = tuple[int, int] | None
"""The first and the last position of a field; None where it is empty."""


class Lane(NamedTuple):
    """One way in which a tensor depends on an axis of the network's input.

    Position o of the tensor's axis depends on `spans[o]`, before anything is clipped to the input; `axis` is -1 if all
    positions depend on the same (and then the one span is clipped).
    """

    spans: tuple[Span, ...]
    advance: int
    axis: int

    def at(self, position: int) -> Span:
        """Return the span of a position."""
        turns, phase = divmod(position, len(self.spans))
        span = self.spans[phase]
        on = turns * self.advance
        return span and (span[0] + on, span[1] + on)

    def is_steady(self) -> bool:
        """Return whether every position has a span, and its ends never move backwards."""
        spans = [*self.spans, self.at(len(self.spans))]
        return all(a and b and a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))

    @property
    def jump(self) -> Fraction:
        """How far the span moves with each position."""
        return Fraction(self.advance, len(self.spans))


def hull(spans: Iterable[Span]) -> Span:
    """Return the smallest span that contains all of these."""
    first = last = None
    for span in spans:
        if span:
            first = span[0] if first is None else min(first, span[0])
            last = span[1] if last is None else max(last, span[1])
    return None if first is None or last is None else (first, last)


def through(lane: Lane, dependence: AxisDependence, axis: int, size: int, limit: int, work: Work) -> Lane | None:
    """Return the lane of a layer with this dependence on a tensor with this lane.

    `axis` is the output's, `size` that of the tensor's axis, `limit` that of the network's input. None: it depends on
    nothing.
    """
    if axis < 0:
        span = _at_all(lane, dependence.at(0), size, work)
        return Lane((span,), 0, -1) if span and (span := _clipped(span, limit)) else None
    if dependence is HERE:
        return lane if axis == lane.axis else lane._replace(axis=axis)
    period, own = len(lane.spans), dependence.period
    turns = period // gcd(period, dependence.advance)
    _check(own * turns)
    work.spend(own * turns + period)
    is_steady = lane.is_steady()
    spans = tuple([_seen(lane, dependence.at(position), work, is_steady=is_steady) for position in range(own * turns)])
    if not any(spans):
        return None
    return Lane(spans, lane.advance * (dependence.advance * turns // period), axis)


def _seen(lane: Lane, positions: range, work: Work, *, is_steady: bool) -> Span:
    """Return the span of a run of positions: for a steady lane the span of its ends."""
    if not positions:
        return None
    if is_steady:
        first, last = lane.at(positions[0]), lane.at(positions[-1])
        return first and last and (first[0], last[1])
    period = len(lane.spans)
    starts, ends = positions[:period], positions[-period:]
    work.spend(2 * len(starts))
    return hull(map(lane.at, (*starts, *ends)))


def _at_all(lane: Lane, positions: range, size: int, work: Work) -> Span:
    positions = range(max(positions.start, 0), min(positions.stop, size))
    return _seen(lane, positions, work, is_steady=lane.is_steady())


def _clipped(span: tuple[int, int], limit: int) -> Span:
    first, last = max(span[0], 0), min(span[1], limit - 1)
    return (first, last) if first <= last else None


def joined(lanes: Iterable[Lane], work: Work) -> tuple[Lane, ...]:
    """Return the union of lanes: those with the same effective stride are merged."""
    groups: dict[tuple[int, Fraction], dict[Lane, None]] = {}
    for lane in {id(lane): lane for lane in lanes}.values():  # each once
        groups.setdefault((lane.axis, lane.jump), {})[lane] = None
    found = tuple([_together(list(alike), work) for alike in groups.values()])
    work.spend(len(found) * max([len(lane.spans) for lane in found]))  # the fields are then found among them
    return found


def _together(lanes: Sequence[Lane], work: Work) -> Lane:
    if len(lanes) == 1:
        return lanes[0]
    period = lcm(*[len(lane.spans) for lane in lanes])
    _check(period)
    work.spend(period * len(lanes))
    spans = tuple([hull([lane.at(position) for lane in lanes]) for position in range(period)])
    return Lane(spans, lanes[0].advance * period // len(lanes[0].spans), lanes[0].axis)


def _check(period: int) -> None:
    if period > _LONGEST:
        raise UsageError(
            Problem(
                f"the pattern of this network's receptive fields repeats only after {period:,} positions: "
                "that is too long to compute",
                hint=f"sizes that divide one another repeat sooner; the maximum is {_LONGEST:,}",
            )
        )
