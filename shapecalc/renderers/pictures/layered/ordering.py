"""The order of the nodes of each row: few crossings, by sweeps in which each node goes to where its neighbours are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapecalc.renderers.pictures.layered.ranks import Rows, Stretch

__all__ = ["crossings", "order"]

_SWEEPS = 8


def order(rows: Rows) -> None:
    """Order the rows, in place."""
    if all(len(row) < 2 for row in rows.rows):
        return
    best, fewest = [list(row) for row in rows.rows], crossings(rows)
    idle = 0
    for sweep in range(_SWEEPS):
        if not fewest or idle > 2:
            break
        _sweep(rows, downwards=sweep % 2 == 0)
        found = crossings(rows)
        idle += 1
        if found < fewest:
            best, fewest, idle = [list(row) for row in rows.rows], found, 0
    rows.rows[:] = best


def _sweep(rows: Rows, *, downwards: bool) -> None:
    position = _positions(rows)
    for row in rows.rows if downwards else reversed(rows.rows):
        wanted = {}
        for node in row:
            near = rows.ups[node] if downwards else rows.downs[node]
            at = [_at(rows, position, one, upper=downwards) for one in near]
            wanted[node] = sum(at) / len(at) if at else float(position[node])
        row.sort(key=wanted.__getitem__)
        for index, node in enumerate(row):
            position[node] = index


def _positions(rows: Rows) -> list[int]:
    position = [0] * len(rows.rank)
    for row in rows.rows:
        for index, node in enumerate(row):
            position[node] = index
    return position


def _at(rows: Rows, position: list[int], segment: Stretch, *, upper: bool) -> float:
    """Return where a segment ends, in positions: a port is a little beside the middle."""
    node, port = (segment.upper, segment.upper_port) if upper else (segment.lower, segment.lower_port)
    return position[node] + (0.8 * port / rows.widths[node] if port else 0.0)


def crossings(rows: Rows) -> int:
    """Return how many pairs of segments cross."""
    position = _positions(rows)
    found = 0
    for row in rows.rows:
        ends = [
            (_at(rows, position, one, upper=True), _at(rows, position, one, upper=False))
            for node in row
            for one in rows.downs[node]
        ]
        found += _inversions(end for _, end in sorted(ends))
    return found


def _inversions(values: Iterable[float]) -> int:
    """Return how many pairs of values are in the wrong order, by merging."""
    count = 0

    def merged(items: list[float]) -> list[float]:
        nonlocal count
        if len(items) < 2:
            return items
        half = len(items) // 2
        left, right = merged(items[:half]), merged(items[half:])
        whole, i = [], 0
        for value in right:
            while i < len(left) and left[i] <= value:
                whole.append(left[i])
                i += 1
            count += len(left) - i
            whole.append(value)
        return whole + left[i:]

    work: Callable[[list[float]], list[float]] = merged
    work(list(values))
    return count
