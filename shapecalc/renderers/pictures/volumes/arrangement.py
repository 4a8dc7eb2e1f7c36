"""The marks of feature maps at their places: columns and lanes as wide and high as what is in them, and arrows between.

Arrows run along lanes at the middles of boxes, and up and down between columns: they cross neither boxes nor labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.lines import apart, towards
from shapecalc.renderers.pictures.scene import Curve, shifted
from shapecalc.renderers.pictures.volumes.boxes import SIZE, Box, labels_of, size_texts
from shapecalc.renderers.pictures.volumes.captions import LINE
from shapecalc.renderers.pictures.volumes.places import Lanes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.pictures.scene import Label, Point
    from shapecalc.renderers.pictures.volumes.maps import FeatureMap
    from shapecalc.renderers.pictures.volumes.places import GridPoint

__all__ = ["MapGrid", "Volume"]

_GAP = 28.0
_OUT, _IN = 9.0, 13.0
"""Where arrows go up and down between columns: after their source, before their target."""
_TRACK = 9.0
_ABOVE, _BELOW = SIZE + 8, SIZE + 11
_BETWEEN = 22.0
_ROUND = 5.0
_WIDEST = 1500.0
"""Longer pictures are in several rows, where they can be."""


class Volume(NamedTuple):
    """A feature map with its box, its caption, and its place."""

    map: FeatureMap
    box: Box
    caption: list[Label]
    place: GridPoint

    @property
    def half(self) -> float:
        """Half of the width that it takes, around the middle of its box."""
        labels = [*labels_of(self.box.centred(0, 0), self.map.sides, ""), *self.caption]
        found = [
            self.box.outline.width,
            *[2 * abs(edge) for one in labels for edge in (one.outline.left, one.outline.right)],
        ]
        return max(found) / 2


class MapGrid:
    """The positions of items, and the paths of arrows."""

    def __init__(self, items: Sequence[Volume], *, wraps: bool) -> None:
        self.items = items
        self.wraps = wraps
        self.edges = [(source, index) for index, item in enumerate(items) for source in item.map.sources]
        self.columns: dict[int, float] = {}
        for item in items:
            self.columns[item.place.column] = max(self.columns.get(item.place.column, 0.0), item.half)
        self.row_of: dict[int, int] = {}
        self.middle: dict[int, float] = {}
        self._set_columns()
        self.spans: dict[tuple[int, int], list[int]] = {}
        for item in items:
            self.spans.setdefault(self._lane(item), []).append(item.place.column)
        self.tracks = self._tracks()
        self.lane_y: dict[tuple[int, int], float] = {}
        self.top: dict[tuple[int, int], float] = {}
        self.bottoms: dict[tuple[int, int], float] = {}
        self.row_bottom: dict[int, float] = {}
        self._set_lanes()
        self.boxes = [item.box.centred(self.middle[item.place.column], self.lane_y[self._lane(item)]) for item in items]

    def _lane(self, item: Volume) -> tuple[int, int]:
        return self.row_of[item.place.column], item.place.lane

    def _set_columns(self) -> None:
        order = sorted(self.columns)
        for row, (first, end) in enumerate(
            _rows([2 * self.columns[column] + _GAP for column in order], self._cuts(order))
        ):
            x = 0.0
            for column in order[first:end]:
                self.row_of[column] = row
                self.middle[column] = x + self.columns[column]
                x += 2 * self.columns[column] + _GAP

    def _cuts(self, order: Sequence[int]) -> set[int]:
        """Return the numbers of columns before which a row may begin.

        All arrows from before such a column lead from one item, right before it.
        """
        if not self.wraps:
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
            if self.way(source, target) in ("over", "next row over"):
                lane = self._lane(self.items[target])
                begin = self.items[source].place.column
                begin = begin if self.row_of[begin] == lane[0] else self._first(lane[0]) - 1
                wanted.setdefault(lane, {}).setdefault(source, []).extend((begin, self.items[target].place.column))
        for lane, sources in wanted.items():
            tracks = Lanes()
            for source, ends in sorted(sources.items(), key=lambda one: max(one[1]) - min(one[1])):
                track = tracks.place(min(ends), max(ends))
                for target in [b for a, b in self.edges if a == source]:
                    if self._lane(self.items[target]) == lane:
                        found[source, target] = track
        return found

    def way(self, source: int, target: int) -> str:
        """Return how an arrow runs: along its lane, first down or up, first along, over others, or to the next row."""
        a, b = self.items[source], self.items[target]
        if self.row_of[a.place.column] != self.row_of[b.place.column]:
            ahead = range(self._first(self.row_of[b.place.column]), b.place.column)
            return "next row" if not any(column in ahead for column in self.spans[self._lane(b)]) else "next row over"
        if self._is_free(self._lane(b), a, b):
            return "along" if a.place.lane == b.place.lane else "first across"
        return "first along" if a.place.lane != b.place.lane and self._is_free(self._lane(a), a, b) else "over"

    def _first(self, row: int) -> int:
        return min(column for column, number in self.row_of.items() if number == row)

    def _is_free(self, lane: tuple[int, int], a: Volume, b: Volume) -> bool:
        return not any(a.place.column < column < b.place.column for column in self.spans[lane])

    def _set_lanes(self) -> None:
        is_close = not self.wraps and self._may_overlap()
        y = 0.0
        for row in sorted({*self.row_of.values()}):
            taken = {column: y for column, number in self.row_of.items() if number == row}
            lowest = middle = y
            for lane in sorted(lane for lane in self.spans if lane[0] == row):
                here = [item for item in self.items if self._lane(item) == lane]
                tracks = [track for (_, target), track in self.tracks.items() if self._lane(self.items[target]) == lane]
                half = max(item.box.height + item.box.back for item in here) / 2
                runs = self._runs(lane)
                if not is_close:  # as high as what is above it in its columns lets it be
                    y = max(taken[column] for column in (taken if tracks else self.spans[lane]))
                    y = max(y, max([middle, *[taken[column] for column in runs]]) - _ABOVE - half)
                y += _TRACK * (max(tracks) + 1) + 4 if tracks else 0
                self.top[lane] = y
                self.lane_y[lane] = y + _ABOVE + half
                below = max(_BELOW if size_texts(item.map.sides)[1] else 6 for item in here)
                self.bottoms[lane] = y + _ABOVE + 2 * half + below
                y = self.bottoms[lane] + max(len(item.caption) for item in here) * LINE + _BETWEEN
                lowest = max(lowest, y)
                middle = self.lane_y[lane] + _BETWEEN
                for column in [*runs, *(taken if tracks else ())]:
                    taken[column] = max(taken[column], middle)
                taken.update({column: max(taken[column], y) for column in self.spans[lane]})
                y = middle if is_close else y
            self.row_bottom[row] = lowest - _BETWEEN / 2
            y = lowest + _BETWEEN

    def _runs(self, lane: tuple[int, int]) -> set[int]:
        """Return the columns through which arrows run at the middle of a lane."""
        found: set[int] = set()
        for source, target in self.edges:
            a, b = self.items[source], self.items[target]
            way = self.way(source, target)
            if self._lane(a if way == "first along" else b) == lane and "over" not in way:
                begin = self._first(lane[0]) if way == "next row" else a.place.column + 1
                found.update(column for column in range(begin, b.place.column) if column in self.middle)
        return found

    def _may_overlap(self) -> bool:
        """Return whether a lane may begin right below the middle of the one above it: no arrow would cross a box.

        No two items are in one column, and where an arrow runs along a lane, all items on its way are in lower ones.
        """
        lane_of = {item.place.column: item.place.lane for item in self.items}
        if len(lane_of) < len(self.items):
            return False
        for source, target in self.edges:
            a, b = self.items[source].place, self.items[target].place
            along = a.lane if self.way(source, target) == "first along" else b.lane
            over = self.way(source, target) == "over"
            between = [lane for column, lane in lane_of.items() if a.column < column < b.column]
            if any(lane < along or (lane == along and not over) for lane in between):
                return False
        return True

    def y_of(self, index: int) -> float:
        """Return the middle of an item's lane."""
        return self.lane_y[self._lane(self.items[index])]

    def captions(self, index: int) -> list[Label]:
        """Return the caption of an item at its position: below the lowest box of its lane."""
        item = self.items[index]
        x, y = self.middle[item.place.column], self.bottoms[self._lane(item)]
        return [shifted(label, x, y) for label in item.caption]  # type: ignore[misc]

    def arrow(self, source: int, target: int) -> Curve:
        """Return the arrow from an item to another."""
        a, b = self.boxes[source], self.boxes[target]
        way = self.way(source, target)
        lanes = self._lane(self.items[source]), self._lane(self.items[target])
        y, end = self.lane_y[lanes[0]], self.lane_y[lanes[1]]
        if way == "along":
            points = [(a.right_at(y), y), (b.left_at(y), y)]
            return self._curve(points, source, target)
        after = self._edge(source, 1) + _OUT
        before = self._edge(target, -1) - _IN
        if way.startswith("next row"):
            first = self._first(lanes[1][0])
            between, left = self.row_bottom[lanes[0][0]], self.middle[first] - self.columns[first] - _IN
            middle = [(after, y), (after, between), (left, between), (left, end)]
            if way == "next row over":
                end += self._aside(target, 0, -1)
                over = self.top[lanes[1]] - 4 - _TRACK * self.tracks[source, target]
                middle[-1:] = [(left, over), (before, over), (before, end)]
        elif way == "over":
            y, end = y + self._aside(source, 1, -1), end + self._aside(target, 0, -1)
            over = self.top[lanes[1]] - 4 - _TRACK * self.tracks[source, target]
            middle = [(after, y), (after, over), (before, over), (before, end)]
        else:
            down = 1 if end > y else -1
            y, end = y + self._aside(source, 1, down), end + self._aside(target, 0, -down)
            x = after if way == "first across" else before
            middle = [(x, y), (x, end)]
        return self._curve([(a.right_at(y), y), *middle, (b.left_at(end), end)], source, target)

    def _edge(self, index: int, side: int) -> float:
        column = self.items[index].place.column
        return self.middle[column] + side * self.columns[column]

    def _aside(self, index: int, end: int, down: int) -> float:
        """Return how far from the middle an arrow begins (end 1) or ends (0) where one along the lane does too."""
        mine = [edge for edge in self.edges if edge[1 - end] == index]
        box = self.boxes[index]
        room = min(9.0, (box.height - box.back) / 4, box.height / 4)
        return down * max(room, 0.0) if any(self.way(*edge) == "along" for edge in mine) else 0.0

    def _curve(self, points: list[Point], source: int, target: int) -> Curve:
        steps: list[tuple[Point, ...]] = []
        for before, corner, after in zip(points, points[1:], points[2:], strict=False):
            start, stop = [towards(corner, end, min(_ROUND, apart(corner, end) / 2)) for end in (before, after)]
            steps += [(start,), (corner, corner, stop)]
        steps.append((points[-1],))
        return Curve(points[0], tuple(steps), arrow=6, key=f"arrow {source} {target}", ends=(f"{source}", f"{target}"))


def _rows(widths: Sequence[float], cuts: set[int]) -> list[tuple[int, int]]:
    """Return rows of columns, the first of each and the end, as equally wide as the places to cut at let them be."""
    target = sum(widths) / max(1, -(-sum(widths) // _WIDEST))
    if not cuts or sum(widths) <= _WIDEST:
        return [(0, len(widths))]
    places = [0, *sorted(cuts), len(widths)]
    best: dict[int, tuple[float, int]] = {0: (0.0, 0)}
    for number, end in enumerate(places[1:], 1):
        best[end] = min((best[begin][0] + (sum(widths[begin:end]) - target) ** 2, begin) for begin in places[:number])
    rows = []
    end = len(widths)
    while end:
        rows.append((best[end][1], end))
        end = best[end][1]
    return rows[::-1]
