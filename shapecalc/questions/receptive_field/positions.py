"""Sets of positions along one axis, as runs, and the positions that they depend on through a layer, gaps included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.layers.base.dependence import CIRCULAR, REFLECT, ZEROS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.layers.base.dependence import AxisDependence

__all__ = ["Gaps", "Positions", "seen", "united"]

Positions = list[tuple[int, int]]
"""Runs of positions, first and last, in order and disjoint."""

_MOST = 1_000_000


class Gaps:
    """How many positions and runs may still be computed one by one, over a whole network; beyond, gaps are ignored."""

    def __init__(self, most: int = _MOST) -> None:
        self.left = most

    def afford(self, number: int) -> bool:
        """Return whether that many may be computed, and count them."""
        if number > self.left:
            return False
        self.left -= number
        return True


def united(runs: Iterable[tuple[int, int]]) -> Positions:
    """Return the runs in order, adjacent ones merged."""
    found: Positions = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def seen(positions: Positions, dependence: AxisDependence, size: int, gaps: Gaps) -> Positions:
    """Return the positions that a set of positions depends on, of an axis of this size."""
    if positions and not gaps.afford(len(positions)):
        positions = [(positions[0][0], positions[-1][1])]
    runs = [run for position in positions for run in _through(position, dependence, gaps)]
    return united(inside for run in united(runs) for inside in _folded(run, size, dependence))


def _through(run: tuple[int, int], dependence: AxisDependence, gaps: Gaps) -> Positions:
    """Return the positions that a run depends on, beyond the edges too."""
    first, last = run
    taps = dependence.seen[0]
    if dependence.period == 1 and taps:
        start, end, step = first * dependence.advance, last * dependence.advance, dependence.advance
        if taps.step == 1 and (taps.stop - taps.start >= step or first == last):
            return [(start + taps[0], end + taps[-1])]
        if step == 1 and gaps.afford(_count(taps)):
            return [(start + tap, end + tap) for tap in taps]
    found = _one_by_one(first, last, dependence, gaps)
    return _without_gaps(first, last, dependence) if found is None else found


def _count(positions: range) -> int:
    """Return the number of positions (`len` fails from 2⁶³ on)."""
    return -((positions.start - positions.stop) // positions.step)


def _one_by_one(first: int, last: int, dependence: AxisDependence, gaps: Gaps) -> Positions | None:
    """Return the positions that each position of a run depends on; None if there are too many."""
    if not gaps.afford(last - first + 1):
        return None
    found: Positions = []
    for position in range(first, last + 1):
        taps = dependence.at(position)
        if not taps:
            continue
        if taps.step == 1:
            found.append((taps[0], taps[-1]))
        elif gaps.afford(_count(taps)):
            found += [(tap, tap) for tap in taps]
        else:
            return None
    return found


def _without_gaps(first: int, last: int, dependence: AxisDependence) -> Positions:
    """Return the first and last position that a run depends on: found within a period of either end."""
    starts, ends = range(first, last + 1)[: dependence.period], range(first, last + 1)[-dependence.period :]
    firsts = [taps[0] for taps in map(dependence.at, starts) if taps]
    lasts = [taps[-1] for taps in map(dependence.at, ends) if taps]
    return [(min(firsts), max(lasts))] if firsts and lasts else []


def _folded(run: tuple[int, int], size: int, dependence: AxisDependence) -> Iterator[tuple[int, int]]:
    """Yield the positions of an axis that a run maps to: beyond the edges are zeros, or the axis' own elements."""
    first, last = run
    beyond = dependence.beyond
    low, high = (dependence.cropped[0], size - dependence.cropped[1] - 1) if beyond == CIRCULAR else (0, size - 1)
    if first <= high and last >= low:
        yield max(first, low), min(last, high)
    if beyond == ZEROS or (first >= low and last <= high):
        return
    before, after = (first, min(last, low - 1)), (max(first, high + 1), last)
    for start, end, edge in ((*before, low), (*after, high)):
        if start > end:
            continue
        if beyond == CIRCULAR:
            yield from _wrapped(start, end, low, high)
        elif beyond == REFLECT:
            yield max(2 * edge - end, low), min(2 * edge - start, high)
        else:
            yield edge, edge


def _wrapped(start: int, end: int, low: int, high: int) -> list[tuple[int, int]]:
    size = high - low + 1
    if end - start >= size:
        return [(low, high)]
    start, end = low + (start - low) % size, low + (end - low) % size
    return [(start, end)] if start <= end else [(low, end), (start, high)]
