"""Sets of places along one axis, as runs, and what such a set sees through a layer: exact to the gaps in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.sight import CIRCULAR, REFLECT, ZEROS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.sight import Sight

__all__ = ["Places", "seen", "united"]

Places = list[tuple[int, int]]
"""Runs of places, first and last, in order and apart."""

_MOST = 1_000_000
"""Places that are looked at one by one; of more, the gaps are not told."""


def united(runs: Iterable[tuple[int, int]]) -> Places:
    """Return the runs in order, those that touch as one."""
    found: Places = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def seen(places: Places, sight: Sight, size: int) -> Places:
    """Return what a set of places sees of an axis of this size."""
    runs = [run for place in places for run in _through(place, sight)]
    return united(inside for run in united(runs) for inside in _folded(run, size, sight.beyond))


def _through(run: tuple[int, int], sight: Sight) -> Iterable[tuple[int, int]]:
    """Return what a run of places sees, beyond the edges too."""
    first, last = run
    taps = sight.seen[0]
    if len(sight.seen) == 1 and taps:
        start, end, step = first * sight.advance, last * sight.advance, sight.advance
        if taps.step == 1 and (len(taps) >= step or first == last):
            return [(start + taps[0], end + taps[-1])]
        if step == 1 and len(taps) <= _MOST:
            return [(start + tap, end + tap) for tap in taps]
    if (last - first + 1) * max(map(len, sight.seen)) > _MOST:
        ends = [place for end in (first, last) for place in sight.at(end)]
        return [(min(ends), max(ends))] if ends else []
    return _one_by_one(first, last, sight)


def _one_by_one(first: int, last: int, sight: Sight) -> Iterator[tuple[int, int]]:
    for place in range(first, last + 1):
        taps = sight.at(place)
        if taps and taps.step == 1:
            yield taps[0], taps[-1]
        else:
            yield from ((tap, tap) for tap in taps)


def _folded(run: tuple[int, int], size: int, beyond: str) -> Iterator[tuple[int, int]]:
    """Yield the places of an axis that a run stands for: beyond the edges are zeros, or the axis' own numbers."""
    first, last = run
    if first < size and last >= 0:
        yield max(first, 0), min(last, size - 1)
    if beyond == ZEROS or (first >= 0 and last < size):
        return
    before, after = (first, min(last, -1)), (max(first, size), last)
    for start, end, mirror, edge in ((*before, 0, 0), (*after, 2 * (size - 1), size - 1)):
        if start > end:
            continue
        if beyond == CIRCULAR:
            yield from [(0, size - 1)] if end - start >= size else _wrapped(start % size, end % size, size)
        elif beyond == REFLECT:
            yield max(mirror - end, 0), min(mirror - start, size - 1)
        else:
            yield edge, edge


def _wrapped(start: int, end: int, size: int) -> list[tuple[int, int]]:
    return [(start, end)] if start <= end else [(0, end), (start, size - 1)]
