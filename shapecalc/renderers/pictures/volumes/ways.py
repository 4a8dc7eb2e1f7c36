"""How arrows run between feature maps on a grid: rows of columns, lanes, and tracks of lanes; without lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.volumes.boxes import labels_of
from shapecalc.renderers.pictures.volumes.places import Lanes, gathers, in_rows
from shapecalc.renderers.pictures.volumes.spacing import GAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.pictures.scene import Label
    from shapecalc.renderers.pictures.volumes.boxes import Box
    from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap
    from shapecalc.renderers.pictures.volumes.places import GridPoint

__all__ = ["Volume", "Ways"]


class Volume(NamedTuple):
    """A feature map with its box, its caption, its place, and half of the width that it takes around its middle."""

    map: FeatureMap
    box: Box
    caption: list[Label]
    place: GridPoint
    half: float

    @classmethod
    def of(cls, one: FeatureMap, box: Box, caption: list[Label], place: GridPoint) -> Volume:
        """Return a feature map at its place."""
        labels = [*labels_of(box.centred(0, 0), one.sides, ""), *caption]
        edges = [2 * abs(edge) for label in labels for edge in (label.outline.left, label.outline.right)]
        return cls(one, box, caption, place, max([box.outline.width, *edges]) / 2)


class Ways:
    """Items on a grid in about so many rows, none (0) for a U, and the ways of the arrows between them."""

    def __init__(self, items: Sequence[Volume], rows: int) -> None:
        self.items = items
        self.rows = rows
        self.edges = [(source, index) for index, item in enumerate(items) for source in item.map.sources]
        self.columns: dict[int, float] = {}
        for item in items:
            self.columns[item.place.column] = max(self.columns.get(item.place.column, 0.0), item.half)
        self.row_of = self._row_of()
        self.spans: dict[tuple[int, int], list[int]] = {}
        for item in items:
            self.spans.setdefault(self.lane(item), []).append(item.place.column)
        self.gathering = gathers([item.map for item in items]) if rows else set()
        self.ways = {edge: self._way(*edge) for edge in self.edges}
        self.tracks = self._tracks()

    def lane(self, item: Volume) -> tuple[int, int]:
        """Return the row and the lane of an item."""
        return self.row_of[item.place.column], item.place.lane

    def _row_of(self) -> dict[int, int]:
        order = sorted(self.columns)
        rows = in_rows([2 * self.columns[column] + GAP for column in order], self._cuts(order), self.rows)
        return {column: row for row, (first, end) in enumerate(rows) for column in order[first:end]}

    def _cuts(self, order: Sequence[int]) -> set[int]:
        """Return the numbers of columns before which a row may begin.

        All arrows from before such a column lead from one item, right before it.
        """
        if self.rows < 2:
            return set()
        ends = [(self.items[a].place.column, self.items[b].place.column, a) for a, b in self.edges]
        crossing = {
            number: [(before, source) for before, after, source in ends if before < column <= after]
            for number, column in enumerate(order)
        }
        return {
            number
            for number, found in crossing.items()
            if number and len({source for _, source in found}) == 1 and found[0][0] == order[number - 1]
        }

    def _tracks(self) -> dict[tuple[int, int], int]:
        """Return the number of the track of each source that has arrows over others, in the lane of their target."""
        found: dict[tuple[int, int], int] = {}
        wanted: dict[tuple[int, int], dict[int, list[int]]] = {}
        for source, target in self.edges:
            if self.ways[source, target] in ("over", "next row over"):
                lane = self.lane(self.items[target])
                wanted.setdefault(lane, {}).setdefault(source, []).extend(self.span(source, target))
        for lane, sources in wanted.items():
            tracks = Lanes()
            for source, ends in sorted(sources.items(), key=lambda one: max(one[1]) - min(one[1])):
                track = tracks.place(min(ends), max(ends))
                for target in [b for a, b in self.edges if a == source]:
                    if self.lane(self.items[target]) == lane:
                        found[source, target] = track
        return found

    def _way(self, source: int, target: int) -> str:
        """Return how an arrow runs: along its lane, first down or up, first along, over others, or to the next row.

        Those to a map that gathers many are on a bus below them.
        """
        a, b = self.items[source], self.items[target]
        if self.row_of[a.place.column] != self.row_of[b.place.column]:
            ahead = range(self.first(self.row_of[b.place.column]), b.place.column)
            return "next row" if not any(column in ahead for column in self.spans[self.lane(b)]) else "next row over"
        is_near = a.place.lane == b.place.lane and self._is_free(self.lane(b), a, b)
        if target in self.gathering and not is_near:
            return "bus"
        if self._is_free(self.lane(b), a, b):
            return "along" if a.place.lane == b.place.lane else "first across"
        return "first along" if a.place.lane != b.place.lane and self._is_free(self.lane(a), a, b) else "over"

    def span(self, source: int, target: int) -> tuple[int, int]:
        """Return the columns between which an arrow is in the row of its target; it enters that before the first."""
        begin, end = self.items[source].place.column, self.items[target].place.column
        return (begin if self.row_of[begin] == self.row_of[end] else self.first(self.row_of[end]) - 1), end

    def first(self, row: int) -> int:
        """Return the first column of a row."""
        return min(column for column, number in self.row_of.items() if number == row)

    def _is_free(self, lane: tuple[int, int], a: Volume, b: Volume) -> bool:
        return not any(a.place.column < column < b.place.column for column in self.spans[lane])

    def runs(self, lane: tuple[int, int]) -> set[int]:
        """Return the columns through which arrows run at the middle of a lane."""
        found: set[int] = set()
        for source, target in self.edges:
            a, b = self.items[source], self.items[target]
            way = self.ways[source, target]
            if self.lane(a if way == "first along" else b) == lane and "over" not in way and way != "bus":
                begin = self.first(lane[0]) if way == "next row" else a.place.column + 1
                found.update(column for column in range(begin, b.place.column) if column in self.columns)
        return found

    def may_overlap(self) -> bool:
        """Return whether a lane may begin right below the middle of the one above it: no arrow would cross a box.

        No two items are in one column, and where an arrow runs along a lane, all items on its way are in lower ones.
        """
        lane_of = {item.place.column: item.place.lane for item in self.items}
        if len(lane_of) < len(self.items):
            return False
        for source, target in self.edges:
            a, b = self.items[source].place, self.items[target].place
            along = a.lane if self.ways[source, target] == "first along" else b.lane
            over = self.ways[source, target] == "over"
            between = [lane for column, lane in lane_of.items() if a.column < column < b.column]
            if any(lane < along or (lane == along and not over) for lane in between):
                return False
        return True
