"""Where feature maps stand: in a row from left to right, with branches below, or in a U of levels of resolution."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log2, prod
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from shapecalc.renderers.pictures.volumes.maps import main_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap

__all__ = ["GridPoint", "Lanes", "Upright", "gathers", "in_rows", "joined", "places_in_row", "places_in_u"]

_Key = TypeVar("_Key")

_MANY = 4
"""A map gathers others if they are at least so many, made of different ones but for one."""
_LEVELS = 2
"""A U falls and rises by at least so many levels, each in at least so many steps."""


class GridPoint(NamedTuple):
    """A position on a grid: the lane, from the top, and the column. No two maps have the same."""

    lane: int
    column: int


class Upright(NamedTuple):
    """Where an arrow goes up or down, from a height to another: after a column (side 1) or before it (-1)."""

    column: int
    side: int
    begin: float
    end: float


class Lanes:
    """Lanes with spans, of columns or of heights, that do not overlap."""

    def __init__(self) -> None:
        self.spans: list[list[tuple[float, float]]] = []

    def place(self, begin: float, end: float) -> int:
        """Return the first lane with room from a position to another (exclusive), which is then taken."""
        free = (lane for lane, spans in enumerate(self.spans) if all(b <= begin or end <= a for a, b in spans))
        lane = next(free, len(self.spans))
        if lane == len(self.spans):
            self.spans.append([])
        self.spans[lane].append((begin, end))
        return lane


def joined(spans: Mapping[_Key, tuple[int, int]]) -> list[tuple[tuple[int, int], list[_Key]]]:
    """Return spans, with exclusive ends, that overlap as one, each with the keys of its parts."""
    found: list[tuple[tuple[int, int], list[_Key]]] = []
    for key, (begin, end) in sorted(spans.items(), key=lambda one: one[1]):
        if found and begin < found[-1][0][1]:
            (first, last), keys = found.pop()
            found.append(((first, max(last, end)), [*keys, key]))
        else:
            found.append(((begin, end), [key]))
    return found


def places_in_u(maps: Sequence[FeatureMap]) -> list[GridPoint] | None:
    """Return places by levels of resolution: high ones above, a column for each map; None where they form no U.

    The resolution along the longest path falls to its minimum, and rises again.
    """
    path = main_path(maps)
    levels = _levels(maps)
    along = [levels[index] for index in path]
    lowest = max(along, default=0)
    at = along.index(lowest) if along else 0
    down, up = along[: at + 1], along[at:]
    falls = sum(a < b for a, b in pairwise(down))
    rises = sum(a > b for a, b in pairwise(up))
    ranks = {len(maps[index].sides.positions) for index in path} - {0}
    is_deep = bool(along) and lowest - max(along[0], along[-1]) >= _LEVELS and min(falls, rises) >= _LEVELS
    if not is_deep or len(ranks) > 1 or sorted(down) != down or sorted(up, reverse=True) != up:
        return None
    lanes = {level: lane for lane, level in enumerate(sorted(set(levels)))}
    return [GridPoint(lanes[level], column) for column, level in enumerate(levels)]


def _levels(maps: Sequence[FeatureMap]) -> list[int]:
    """Return how often the resolution of each map is halved, in steps from map to map: padding does not count."""
    levels: list[int] = []
    for one in maps:
        if not one.sources:
            levels.append(0)
            continue
        source = max(one.sources)
        old, new = _resolution(maps[source]), _resolution(one)
        levels.append(levels[source] + (round(log2(old / new)) if old and new else 0))
    return levels


def _resolution(one: FeatureMap) -> float:
    """Return the number of positions along an axis, on average."""
    positions = one.sides.positions
    return float(prod(positions) ** (1 / len(positions))) if positions else 1.0


def places_in_row(maps: Sequence[FeatureMap]) -> list[GridPoint]:
    """Return places from left to right: the longest path at the top, other chains of maps in lanes below it."""
    path = main_path(maps)
    gathering = gathers(maps)
    if path and path[-1] in gathering:  # all of what it gathers stands below
        path = path[:-2]
    columns = _columns(maps, set(path))
    uses: list[list[int]] = [[] for _ in maps]
    for index, one in enumerate(maps):
        for source in one.sources:
            uses[source].append(index)
    lanes = dict.fromkeys(path, 0)
    below = Lanes()
    for chain in _chains(maps, lanes, gathering):
        first, last = chain[0], chain[-1]
        begin = max([columns[source] + 1 for source in maps[first].sources], default=columns[first])
        end = max([columns[user] - 1 for user in uses[last] if user not in gathering], default=columns[last])
        begin, end = min(begin, columns[first]), max(end, columns[last])
        lanes.update(dict.fromkeys(chain, 1 + below.place(begin, end + 1)))
    return [GridPoint(lanes[index], columns[index]) for index in range(len(maps))]


def _columns(maps: Sequence[FeatureMap], path: set[int]) -> list[int]:
    """Return the column of each map: after its sources; what only inputs lead to stands right before its use."""
    columns: list[int] = []
    for one in maps:
        columns.append(1 + max([columns[source] for source in one.sources], default=-1))
    behind: set[int] = set()
    for index, one in enumerate(maps):
        if index in path or any(source in behind for source in one.sources):
            behind.add(index)
    earliest: dict[int, int] = {}
    for index in range(len(maps) - 1, -1, -1):
        if index not in behind and index in earliest:
            columns[index] = earliest[index] - 1
        for source in maps[index].sources:
            earliest[source] = min(earliest.get(source, columns[index]), columns[index])
    return columns


def _chains(maps: Sequence[FeatureMap], placed: dict[int, int], gathering: set[int]) -> list[list[int]]:
    """Return the other maps as chains, each of a map and those that continue it; what gathers others begins one."""
    chains: list[list[int]] = []
    ends: dict[int, list[int]] = {}
    for index, one in enumerate(maps):
        if index in placed:
            continue
        near = [source for source in one.sources if source in ends and index not in gathering]
        chain = ends[near[0]] if near else None
        if chain is None:
            chain = []
            chains.append(chain)
        else:
            del ends[chain[-1]]
        chain.append(index)
        ends[index] = chain
    return chains


def gathers(maps: Sequence[FeatureMap]) -> set[int]:
    """Return the numbers of maps that gather many, as the heads of a detector: each is of a map that others use too."""
    uses = Counter(source for one in maps for source in one.sources)
    found = set()
    for index, one in enumerate(maps):
        heads = [maps[source] for source in one.sources if source not in one.sized_by]
        trunks = {source for head in heads for source in head.sources[:1] if uses[source] > 1}
        if len(heads) >= _MANY and len(trunks) >= _MANY - 1:
            found.add(index)
    return found


def in_rows(widths: Sequence[float], cuts: set[int], rows: int) -> list[tuple[int, int]]:
    """Return rows of columns, the first of each and the end: about so many, as equally wide as the cuts let them be."""
    target = sum(widths) / max(1, rows)
    if not cuts or rows < 2:
        return [(0, len(widths))]
    places = [0, *sorted(cuts), len(widths)]
    best: dict[int, tuple[float, int]] = {0: (0.0, 0)}
    for number, end in enumerate(places[1:], 1):
        best[end] = min((best[begin][0] + (sum(widths[begin:end]) - target) ** 2, begin) for begin in places[:number])
    found = []
    end = len(widths)
    while end:
        found.append((best[end][1], end))
        end = best[end][1]
    return found[::-1]
