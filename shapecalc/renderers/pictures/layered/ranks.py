"""Rows: each box is below all boxes that it depends on; an edge over several rows has a bend point in each."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.layered.parts import UNSEEN

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["FORK", "Link", "Rows", "Stretch", "make_rows"]

FORK = 2
"""A main chain and one side branch."""


class Link(NamedTuple):
    """An edge between two nodes, and where on them it is, from their middle. Links of one `net` share a line."""

    start: int
    end: int
    net: Hashable
    start_port: float = 0.0
    end_port: float = 0.0


class Stretch(NamedTuple):
    """A part of a link, from a row to the next; a line that is not seen is one end below the other."""

    upper: int
    lower: int
    net: Hashable
    upper_port: float
    lower_port: float
    is_seen: bool = True


class Rows:
    """Nodes in rows, the first `real` of which are given and the others bend points; segments between them.

    `rows` has the nodes of each row in their order, `paths` the segments of each link, and whether it goes upwards.
    """

    def __init__(self, sizes: Sequence[tuple[float, float]]) -> None:
        self.real = len(sizes)
        self.widths = [width for width, _ in sizes]
        self.heights = [height for _, height in sizes]
        self.rank: list[int] = []
        self.slack: list[int] = []
        self.history: list[float] = []
        self.rows: list[list[int]] = []
        self.segments: list[Stretch] = []
        self.ups: list[list[Stretch]] = [[] for _ in sizes]
        self.downs: list[list[Stretch]] = [[] for _ in sizes]
        self.paths: dict[Link, tuple[list[Stretch], bool]] = {}

    def add_bend(self, rank: int) -> int:
        """Return a new bend point in a row."""
        self.widths.append(0.0)
        self.heights.append(0.0)
        self.rank.append(rank)
        self.slack.append(0)
        self.history.append(inf)
        self.ups.append([])
        self.downs.append([])
        return len(self.rank) - 1

    def join(self, segment: Stretch) -> Stretch:
        """Add a segment."""
        self.segments.append(segment)
        self.downs[segment.upper].append(segment)
        self.ups[segment.lower].append(segment)
        return segment


def make_rows(sizes: Sequence[tuple[float, float]], links: Sequence[Link], first: int = 0, last: int = 0) -> Rows:
    """Return nodes in rows: the first ones alone in the first row, the last ones in the last.

    A link from a node to an earlier one goes upwards.
    """
    rows = Rows(sizes)
    below: list[list[int]] = [[] for _ in sizes]
    above: list[list[int]] = [[] for _ in sizes]
    for link in links:
        upper, lower = min(link.start, link.end), max(link.start, link.end)
        below[upper].append(lower)
        above[lower].append(upper)
    rows.rank, rows.slack, rows.history = _ranks(below, above, first, last)
    _add_segments(rows, links)
    rows.rows = [[] for _ in range(max(rows.rank, default=-1) + 1)]
    for node, rank in enumerate(rows.rank):
        rows.rows[rank].append(node)
    for row in rows.rows:  # the main chain at the left, a side branch and bend points at its right
        if sum(node < rows.real for node in row) <= FORK:
            row.sort(key=lambda node: (node >= rows.real, rows.slack[node]))
    return rows


def _ranks(
    below: list[list[int]], above: list[list[int]], first: int, last: int
) -> tuple[list[int], list[int], list[float]]:
    """Return the row of each node, as high as can be, by how many rows it could be lower, and how much is before it.

    What depends on nothing else is just above the node that it is for; of other nodes all is before it.
    """
    count = len(below)
    rank = [0] * count
    for node in range(first, count):
        rank[node] = max([rank[upper] + 1 for upper in above[node]], default=0)
        if first:
            rank[node] = max(rank[node], 1)
    bottom = max(rank[first : count - last], default=0) + 1
    for node in range(count - last, count):
        rank[node] = bottom
    free = [node >= first for node in range(count - last)]
    for node in range(first, len(free)):
        free[node] = all(free[upper] and len(set(below[upper])) == 1 for upper in above[node])
    for node in reversed(range(first, len(free))):
        if free[node] and below[node]:
            rank[node] = min(rank[lower] for lower in below[node]) - 1
    lowest = [max(rank, default=0)] * count
    for node in reversed(range(count)):
        lowest[node] = min([lowest[lower] - 1 for lower in below[node]], default=lowest[node])
    history = [inf] * count
    for node, is_free in enumerate(free):
        if is_free:
            history[node] = max([history[upper] + 1 for upper in above[node]], default=0)
    return rank, [low - high for low, high in zip(lowest, rank, strict=True)], history


def _add_segments(rows: Rows, links: Sequence[Link]) -> None:
    nets: dict[Hashable, list[Link]] = {}
    for link in links:
        is_up = link.start > link.end
        key = (link.net, link.start, link.start_port, link.end if is_up else -1)
        nets.setdefault(key, []).append(link)
    for net, members in nets.items():
        trunk: list[Stretch] = []
        members.sort(key=lambda link: abs(rows.rank[link.end] - rows.rank[link.start]))
        for link in members:
            is_up = link.start > link.end
            ends = (link.start, link.start_port), (link.end, link.end_port)
            (upper, upper_port), (lower, lower_port) = reversed(ends) if is_up else ends
            while rows.rank[upper] + len(trunk) + 1 < rows.rank[lower]:
                bend = rows.add_bend(rows.rank[upper] + len(trunk) + 1)
                before, port = (trunk[-1].lower, 0.0) if trunk else (upper, upper_port)
                trunk.append(rows.join(Stretch(before, bend, net, port, 0.0, link.net != UNSEEN)))
            before, port = (trunk[-1].lower, 0.0) if trunk else (upper, upper_port)
            own = rows.join(Stretch(before, lower, net, port, lower_port, link.net != UNSEEN))
            rows.paths[link] = [*trunk, own], is_up
