"""Columns: nodes that follow one another are below one another; all others are as near to their neighbours as fits."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING

from shapecalc.renderers.pictures.layered.parts import BOX_GAP, LANE
from shapecalc.renderers.pictures.layered.ranks import FORK

if TYPE_CHECKING:
    from collections.abc import Collection

    from shapecalc.renderers.pictures.layered.ranks import Rows, Stretch

__all__ = ["place_across"]

_SWEEPS = 10


def place_across(rows: Rows, breaks: Collection[int] = ()) -> list[float]:
    """Return the middle of each node, from left to right, of which the leftmost begins at 0.

    Nodes above a row of `breaks` are not in line with those below.
    """
    apart = {one for row in breaks for node in rows.rows[row] for one in rows.ups[node]}
    straight = [one for row in rows.rows for one in _straight(rows, row) if one not in apart]
    stacks = _Stacks(rows, straight, apart)
    if not stacks.sorted():
        stacks = _Stacks(rows, [], apart)
        stacks.sorted()
    stacks.settle()
    at = [float(round(x)) for x in stacks.at]
    across = [at[stack] + shift for stack, shift in zip(stacks.stack, stacks.shift, strict=True)]
    left = min([x - width / 2 for x, width in zip(across, rows.widths, strict=True)], default=0.0)
    return [x - left for x in across]


def _straight(rows: Rows, row: list[int]) -> list[Stretch]:
    """Return the segments below a row that are to be vertical: no two of them cross."""
    position: dict[int, int] = {}
    kept: list[tuple[int, Stretch]] = []
    for node in row:
        one = _main(rows, rows.downs[node], upper=False)
        if one is None or _main(rows, rows.ups[one.lower], upper=True) is not one:
            continue
        if not position:
            position = {lower: index for index, lower in enumerate(rows.rows[rows.rank[one.lower]])}
        bends = (one.upper >= rows.real) + (one.lower >= rows.real)
        weight = (3, 1, 2)[bends]
        while kept and position[kept[-1][1].lower] > position[one.lower] and kept[-1][0] < weight:
            kept.pop()
        if not kept or position[kept[-1][1].lower] < position[one.lower]:
            kept.append((weight, one))
    return [one for _, one in kept]


def _main(rows: Rows, near: list[Stretch], *, upper: bool) -> Stretch | None:
    """Return the segment of a node along which the main chain goes on, upwards or downwards."""
    if len(near) == 1:
        return near[0]
    ends = [(one.upper if upper else one.lower, one) for one in near]
    if upper and len({end for end, _ in ends}) > FORK:
        return None
    if upper:  # a constant is a side branch
        most = max(rows.history[end] for end, _ in ends)
        ends = [(end, one) for end, one in ends if rows.history[end] == most]
    real = [(end, one) for end, one in ends if end < rows.real]
    if not real:
        return ends[0][1] if len(ends) == 1 else None
    if not upper and near[0].upper >= rows.real:  # a line goes on past what branches off
        return next((one for end, one in ends if end >= rows.real), real[0][1])
    fewest = min(rows.slack[end] for end, _ in real)
    best = {end: one for end, one in reversed(real) if rows.slack[end] == fewest}
    return next(iter(best.values())) if len(best) == 1 else None


class _Stacks:
    """Nodes in stacks, which move from left to right as a whole; each node has a shift from its stack."""

    def __init__(self, rows: Rows, straight: list[Stretch], apart: Collection[Stretch]) -> None:
        self.rows = rows
        self.apart = apart
        self.stack = [-1] * len(rows.rank)
        self.shift = [0.0] * len(rows.rank)
        count = 0
        above = {one.lower: one for one in straight}
        for row in rows.rows:
            for node in row:
                one = above.get(node)
                if one is None:
                    self.stack[node] = count
                    count += 1
                else:
                    self.stack[node] = self.stack[one.upper]
                    self.shift[node] = self.shift[one.upper] + one.upper_port - one.lower_port
        self.left: list[dict[int, float]] = [{} for _ in range(count)]
        self.right: list[dict[int, float]] = [{} for _ in range(count)]
        for row in rows.rows:
            for before, after in pairwise(row):
                self._keep_apart(before, after)
        self.at = [0.0] * count
        self.is_line = [True] * count
        for node in range(rows.real):
            self.is_line[self.stack[node]] = False
        self.order: list[int] = []

    def _keep_apart(self, before: int, after: int) -> None:
        widths, real = self.rows.widths, self.rows.real
        bends = (before >= real) + (after >= real)
        gap = (BOX_GAP, LANE + 6, LANE)[bends] + (widths[before] + widths[after]) / 2
        gap += self.shift[before] - self.shift[after]
        one, other = self.stack[before], self.stack[after]
        self.right[one][other] = self.left[other][one] = max(gap, self.right[one].get(other, gap))

    def sorted(self) -> bool:
        """Place every stack as far left as can be; return whether there is an order from left to right."""
        waiting = [len(left) for left in self.left]
        self.order = [stack for stack, count in enumerate(waiting) if not count]
        for stack in self.order:
            for other, gap in self.right[stack].items():
                self.at[other] = max(self.at[other], self.at[stack] + gap)
                waiting[other] -= 1
                if not waiting[other]:
                    self.order.append(other)
        return len(self.order) == len(self.at)

    def settle(self) -> None:
        """Move stacks towards the stacks that they are joined to, as far as there is room."""
        joined: list[list[tuple[int, float, bool]]] = [[] for _ in self.at]
        for one in self.rows.segments:
            upper, lower = self.stack[one.upper], self.stack[one.lower]
            if upper != lower and one not in self.apart:
                is_real = one.upper < self.rows.real and one.lower < self.rows.real
                apart = self.shift[one.upper] + one.upper_port - self.shift[one.lower] - one.lower_port
                joined[lower].append((upper, apart, is_real))
                joined[upper].append((lower, -apart, is_real))
        for sweep in range(_SWEEPS):
            for stack in reversed(self.order) if sweep % 2 == 0 else self.order:
                near = joined[stack]
                if len(near) <= FORK:
                    near = [one for one in near if one[2]] or near
                if near:
                    wanted = sorted(self.at[other] + apart for other, apart, _ in near)
                    middle = (wanted[(len(wanted) - 1) // 2] + wanted[len(wanted) // 2]) / 2
                    low = max([self.at[one] + gap for one, gap in self.left[stack].items()], default=-inf)
                    high = min([self.at[one] - gap for one, gap in self.right[stack].items()], default=inf)
                    if self.is_line[stack]:  # with one corner fewer, if there is room
                        middle = max([x for x in wanted if low <= x <= high], default=middle)
                    self.at[stack] = max(min(middle, high), low)
