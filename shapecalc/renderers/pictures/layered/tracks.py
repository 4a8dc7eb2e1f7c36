"""Tracks of a channel between rows: what a line covers as it goes across, and at which height it does."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.layered.parts import LANE

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

__all__ = ["Crossbar", "Tracks", "order_of"]

_NEAR = 4.0


def order_of(spans: Mapping[Hashable, Crossbar]) -> dict[Hashable, set[Hashable]]:
    """Return for each line those that are to be above it: they start where it ends."""
    starts = sorted((span.start, index) for index, span in enumerate(spans.values()))
    nets = [*spans]
    found: dict[Hashable, set[Hashable]] = {}
    for net, span in spans.items():
        found[net] = set()
        for x in span.ends:
            at = bisect_left(starts, (x - _NEAR, -1))
            while at < len(starts) and starts[at][0] < x + _NEAR:
                found[net].add(nets[starts[at][1]])
                at += 1
        found[net].discard(net)
    return found


def _is_free(x: float, taken: Sequence[float]) -> bool:
    """Return whether no line is near, of those in order."""
    at = bisect_left(taken, x - _NEAR)
    return at == len(taken) or taken[at] >= x + _NEAR


class Tracks:
    """The tracks of a channel, and what is on each."""

    def __init__(self) -> None:
        self.placed: list[tuple[Crossbar, int]] = []

    def place(self, span: Crossbar) -> int:
        """Return a track for a line: below all that it overlaps."""
        track = 1 + max([at for one, at in self.placed if one.overlaps(span)], default=-1)
        self.placed.append((span, track))
        return track


class Crossbar(NamedTuple):
    """What a line covers in a channel: from left to right, where it starts, and where it ends."""

    low: float
    high: float
    start: float
    ends: tuple[float, ...]

    @property
    def order(self) -> tuple[float, float]:
        """From the highest to the lowest: those that go right from the right, those that go left from the left."""
        is_right = self.start - self.low <= self.high - self.start
        return (-self.start if is_right else self.start), self.high - self.low

    def aside(self, taken: Sequence[float]) -> float:
        """Return where to move aside from the start: to the side that it goes to, if there is room."""
        way = 1 if self.start - self.low <= self.high - self.start else -1
        choices = [self.start + way * side * LANE * step / 4 for step in range(2, 60) for side in (1, -1)]
        return next((x for x in choices if _is_free(x, taken)), choices[0])

    def overlaps(self, other: Crossbar) -> bool:
        """Return whether two are to be on different tracks."""
        return self.low <= other.high + _NEAR and other.low <= self.high + _NEAR
