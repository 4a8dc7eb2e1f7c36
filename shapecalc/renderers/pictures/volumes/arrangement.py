"""The marks of feature maps at their places: columns and lanes as wide and high as what is in them, and arrows between.

Arrows run along lanes at the middles of boxes, and up and down between columns: they cross neither boxes nor labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.lines import apart, towards
from shapecalc.renderers.pictures.scene import Curve, shifted
from shapecalc.renderers.pictures.volumes.boxes import SIZE, Box, labels_of, size_texts
from shapecalc.renderers.pictures.volumes.captions import LINE
from shapecalc.renderers.pictures.volumes.places import Lanes, Upright, in_rows, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.pictures.scene import Label, Point
    from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap
    from shapecalc.renderers.pictures.volumes.places import GridPoint

__all__ = ["MapGrid", "Volume"]

_GAP = 28.0
_OUT, _IN = 9.0, 13.0
"""Where the first arrows go up and down between columns: after their source, before their target."""
_TRACK, _UPRIGHT = 9.0, 6.0
"""The distance of the arrows of different sources, along lanes and up and down."""
_APART, _SPREAD = 9.0, 16.0
"""How far from one another arrows enter a box, and how far from its middle those that went past columns may."""
_ABOVE, _BELOW = SIZE + 8, SIZE + 11
_BETWEEN = 22.0
_STRAIGHT = ("along", "next row")
"""The ways of arrows that enter a box at its middle."""
_ROUND = 5.0


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
        self.row_of = self._row_of()
        self.spans: dict[tuple[int, int], list[int]] = {}
        for item in items:
            self.spans.setdefault(self._lane(item), []).append(item.place.column)
        self.tracks = self._tracks()
        self.lane_y: dict[tuple[int, int], float] = {}
        self.bottoms: dict[tuple[int, int], float] = {}
        self.row_bottom: dict[int, float] = {}
        self._set_lanes()
        self.over = self._over()
        self.entries = {edge: y for target in range(len(items)) for edge, y in self._entries(target).items()}
        self.bends = {edge: self._bends(*edge) for edge in self.edges}
        self.uprights, self.widened = self._uprights()
        self.middle = self._middles()
        self.boxes = [item.box.centred(self.middle[item.place.column], self.lane_y[self._lane(item)]) for item in items]

    def _lane(self, item: Volume) -> tuple[int, int]:
        return self.row_of[item.place.column], item.place.lane

    def _row_of(self) -> dict[int, int]:
        order = sorted(self.columns)
        rows = in_rows([2 * self.columns[column] + _GAP for column in order], self._cuts(order))
        return {column: row for row, (first, end) in enumerate(rows) for column in order[first:end]}

    def _middles(self) -> dict[int, float]:
        """Return the middle of each column: as far from the one before it as the arrows between them need."""
        found: dict[int, float] = {}
        x, row = 0.0, 0
        for column in sorted(self.columns):
            x = x + self.widened.get((column, -1), 0.0) if self.row_of[column] == row else 0.0
            row = self.row_of[column]
            found[column] = x + self.columns[column]
            x += 2 * self.columns[column] + _GAP + self.widened.get((column, 1), 0.0)
        return found

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
                wanted.setdefault(lane, {}).setdefault(source, []).extend(self._span(source, target))
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

    def _span(self, source: int, target: int) -> tuple[int, int]:
        """Return the columns between which an arrow is in the row of its target; it enters that before the first."""
        begin, end = self.items[source].place.column, self.items[target].place.column
        return (begin if self.row_of[begin] == self.row_of[end] else self._first(self.row_of[end]) - 1), end

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

    def _over(self) -> dict[tuple[int, int], float]:
        """Return the height of each arrow over others: above the highest box that it, or one beside it, is over."""
        found: dict[tuple[int, int], float] = {}
        for lane in self.spans:
            spans = {edge: self._span(*edge) for edge in self.tracks if self._lane(self.items[edge[1]]) == lane}
            for (begin, end), edges in joined(spans):
                below = [item for item in self.items if self._lane(item) == lane and begin < item.place.column < end]
                half = max([item.box.height + item.box.back for item in below]) / 2
                y = self.lane_y[lane] - half - _ABOVE - 4
                found.update({edge: y - _TRACK * self.tracks[edge] for edge in edges})
        return found

    def _runs(self, lane: tuple[int, int]) -> set[int]:
        """Return the columns through which arrows run at the middle of a lane."""
        found: set[int] = set()
        for source, target in self.edges:
            a, b = self.items[source], self.items[target]
            way = self.way(source, target)
            if self._lane(a if way == "first along" else b) == lane and "over" not in way:
                begin = self._first(lane[0]) if way == "next row" else a.place.column + 1
                found.update(column for column in range(begin, b.place.column) if column in self.columns)
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
        y, end = self._ends(source, target)
        points = [(self.boxes[source].right_at(y), y)]
        for bend in self.bends[source, target]:
            away = (_OUT if bend.side > 0 else _IN) + _UPRIGHT * self.uprights[bend.column, bend.side, source]
            x = self.middle[bend.column] + bend.side * (self.columns[bend.column] + away)
            points += [(x, bend.begin), (x, bend.end)]
        return self._curve([*points, (self.boxes[target].left_at(end), end)], source, target)

    def _bends(self, source: int, target: int) -> list[Upright]:
        """Return where an arrow goes up and down."""
        way = self.way(source, target)
        columns = [self.items[index].place.column for index in (source, target)]
        rows = [self._lane(self.items[index]) for index in (source, target)]
        y, end = self._ends(source, target)
        over = self.over.get((source, target), 0.0)
        last = Upright(columns[1], -1, over, end)
        if way.startswith("next row"):
            between, is_over = self.row_bottom[rows[0][0]], way == "next row over"
            begin = Upright(self._first(rows[1][0]), -1, between, over if is_over else end)
            return [Upright(columns[0], 1, y, between), begin, *([last] if is_over else [])]
        if way == "over":
            return [Upright(columns[0], 1, y, over), last]
        if way == "along":
            return []
        return [Upright(columns[0], 1, y, end) if way == "first across" else Upright(columns[1], -1, y, end)]

    def _uprights(self) -> tuple[dict[tuple[int, int, int], int], dict[tuple[int, int], float]]:
        """Return how far from its column each source goes up or down, as a number, and how much wider gaps are so.

        Arrows of different sources that go past one another have a number each: short ones that of the source's side.
        """
        spans: dict[tuple[int, int], dict[int, list[float]]] = {}
        for (source, _), bends in self.bends.items():
            for bend in bends:
                spans.setdefault((bend.column, bend.side), {}).setdefault(source, []).extend((bend.begin, bend.end))
        found: dict[tuple[int, int, int], int] = {}
        widened: dict[tuple[int, int], float] = {}
        for (column, side), sources in spans.items():
            tracks = Lanes()
            for source, ends in sorted(sources.items(), key=lambda one: side * (max(one[1]) - min(one[1]))):
                found[column, side, source] = tracks.place(min(ends) - _ROUND, max(ends) + _ROUND)
            widened[column, side] = _UPRIGHT * (len(tracks.spans) - 1)
        return found, widened

    def _comes_from(self, edge: tuple[int, int]) -> tuple[bool, float]:
        """Return what orders the arrows into an item from the top: those over others, then by their height."""
        way = self.way(*edge)
        return "over" not in way, self.y_of(edge[1] if way in _STRAIGHT else edge[0])

    def _is_past(self, source: int, target: int) -> bool:
        """Return whether an arrow goes past columns."""
        return self.items[target].place.column > self.items[source].place.column + 1

    def _ends(self, source: int, target: int) -> tuple[float, float]:
        """Return the heights at which an arrow begins and ends: beside one along the lane."""
        y, end = self.y_of(source), self.y_of(target)
        way = self.way(source, target)
        if way not in _STRAIGHT and any(self.way(*edge) == "along" for edge in self.edges if edge[0] == source):
            box = self.items[source].box
            room = min(_APART, (box.height - box.back) / 4, box.height / 4)
            y += max(room, 0.0) * (1 if end > y and way != "over" else -1)
        return y, end + self.entries[source, target]

    def _entries(self, target: int) -> dict[tuple[int, int], float]:
        """Return how far below the middle of an item each arrow enters: in the order of where they come from."""
        edges = [edge for edge in self.edges if edge[1] == target]
        order = sorted(edges, key=self._comes_from)
        middle = next(
            (float(order.index(edge)) for edge in edges if self.way(*edge) in _STRAIGHT), (len(edges) - 1) / 2
        )
        box = self.items[target].box
        far = any(self.way(*edge) == "first across" and self._is_past(*edge) for edge in edges)
        room = min(_SPREAD if far else _SPREAD * 3, 0.4 * (box.height + box.back))
        step = min(_APART, room / max(middle, len(edges) - 1 - middle, 1))
        return {edge: step * (number - middle) for number, edge in enumerate(order)}

    def _curve(self, points: list[Point], source: int, target: int) -> Curve:
        steps: list[tuple[Point, ...]] = []
        for before, corner, after in zip(points, points[1:], points[2:], strict=False):
            start, stop = [towards(corner, end, min(_ROUND, apart(corner, end) / 2)) for end in (before, after)]
            steps += [(start,), (corner, corner, stop)]
        steps.append((points[-1],))
        return Curve(
            points[0], tuple(steps), arrow=6, dashed=source in self.items[target].map.sized_by,
            key=f"arrow {source} {target}", ends=(f"{source}", f"{target}"),
        )  # fmt: skip
