"""The marks of feature maps at their places: columns and lanes as wide and high as what is in them, and arrows between.

Arrows run along lanes at the middles of boxes, and up and down between columns: they cross neither boxes nor labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.renderers.pictures.lines import apart, towards
from shapecalc.renderers.pictures.scene import Curve, shifted
from shapecalc.renderers.pictures.volumes.boxes import SIZE, size_texts
from shapecalc.renderers.pictures.volumes.captions import LINE
from shapecalc.renderers.pictures.volumes.places import Upright, joined
from shapecalc.renderers.pictures.volumes.spacing import line_offsets, middles, parts_of
from shapecalc.renderers.pictures.volumes.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.pictures.scene import Label, Point
    from shapecalc.renderers.pictures.volumes.spacing import Obstacle
    from shapecalc.renderers.pictures.volumes.ways import Volume

__all__ = ["MapGrid"]

_TRACK = 9.0
"""The distance of the arrows of different sources along lanes."""
_APART, _SPREAD = 9.0, 16.0
"""How far from one another arrows enter a box, and how far from its middle those that went past columns may."""
_ABOVE, _BELOW = SIZE + 8, SIZE + 11
_BETWEEN = 22.0
_STRAIGHT = ("along", "next row")
"""The ways of arrows that enter a box at its middle."""
_ROUND = 5.0


class MapGrid(Ways):
    """The positions of items, and the paths of arrows."""

    def __init__(self, items: Sequence[Volume], *, rows: int) -> None:
        """Arrange items in about so many rows; none (0) for a U, whose lanes are levels."""
        super().__init__(items, rows)
        self.lane_y: dict[tuple[int, int], float] = {}
        self.bottoms: dict[int, float] = {}
        self.row_bottom: dict[int, float] = {}
        self.bus: dict[int, float] = {}
        self._set_lanes()
        self.over = self._over()
        self.entries = {edge: y for target in range(len(items)) for edge, y in self._entries(target).items()}
        self.bends = {edge: self._bends(*edge) for edge in self.edges}
        parts = {column: [part for item in self._in_column(column) for part in self._parts(item)]
                 for column in sorted(self.columns)}  # fmt: skip
        self.lines = line_offsets(self._line_spans(), parts)
        self.middle = middles(parts, self.row_of)
        self.boxes = [item.box.centred(self.middle[item.place.column], self.y_of(i)) for i, item in enumerate(items)]

    def _in_column(self, column: int) -> list[int]:
        return [index for index, item in enumerate(self.items) if item.place.column == column]

    def _parts(self, index: int) -> list[Obstacle]:
        item = self.items[index]
        return parts_of(item.box.centred(0.0, self.y_of(index)), item.map.sides, item.caption, self.bottoms[index])

    def _set_lanes(self) -> None:
        is_close = not self.rows and self.may_overlap()
        y = 0.0
        for row in sorted({*self.row_of.values()}):
            taken = {column: y for column, number in self.row_of.items() if number == row}
            lowest = middle = y
            for lane in sorted(lane for lane in self.spans if lane[0] == row):
                here = [index for index, item in enumerate(self.items) if self.lane(item) == lane]
                tracks = [track for (_, target), track in self.tracks.items() if self.lane(self.items[target]) == lane]
                half = {self.items[i].place.column: self.items[i].box.outline.height / 2 + _ABOVE for i in here}
                runs = self.runs(lane)
                if tracks:  # below all of the others, and its own lines over it
                    y = y if is_close else max(taken.values())
                    half = {0: max(half.values()) + _TRACK * (max(tracks) + 1) + 4}
                if is_close or tracks:
                    self.lane_y[lane] = y + max(half.values())
                else:  # as high as what is above it in its columns lets it be
                    above = [taken[column] + high for column, high in half.items()]
                    self.lane_y[lane] = max([middle, *above, *[taken[column] for column in runs]])
                middle = self.lane_y[lane] + _BETWEEN
                for column in [*runs, *(taken if tracks else ())]:
                    taken[column] = max(taken[column], middle)
                for column, end in self._set_captions(lane, here).items():
                    taken[column] = max(taken[column], end)
                self._set_buses(lane, taken)
                lowest = max(lowest, *taken.values())
                y = middle if is_close else lowest
            self.row_bottom[row] = lowest - _BETWEEN / 2
            y = lowest + _BETWEEN

    def _set_captions(self, lane: tuple[int, int], here: Sequence[int]) -> dict[int, float]:
        """Set where the captions of a lane begin: below the lowest of boxes that are beside one another.

        Return where each column ends.
        """
        groups: list[list[int]] = []
        for index in sorted(here, key=lambda index: self.items[index].place.column):
            column = self.items[index].place.column
            if groups and self.items[groups[-1][-1]].place.column == column - 1:
                groups[-1].append(index)
            else:
                groups.append([index])
        ends: dict[int, float] = {}
        for group in groups:
            items = [self.items[index] for index in group]
            below = max(_BELOW if size_texts(item.map.sides)[1] else 6 for item in items)
            bottom = self.lane_y[lane] + max(item.box.outline.height for item in items) / 2 + below
            self.bottoms.update(dict.fromkeys(group, bottom))
            end = bottom + max(len(item.caption) for item in items) * LINE + _BETWEEN
            ends.update({item.place.column: end for item in items})
        return ends

    def _set_buses(self, lane: tuple[int, int], taken: dict[int, float]) -> None:
        """Set the height of each bus whose lowest source is in a lane: below what is in its columns so far."""
        for target in sorted(self.gathering):
            sources = [self.items[a] for a, b in self.edges if b == target and self.ways[a, b] == "bus"]
            if sources and max(map(self.lane, sources)) == lane:
                first, last = min(item.place.column for item in sources), self.items[target].place.column
                crossed = [column for column in taken if first <= column < last]
                self.bus[target] = max(taken[column] for column in crossed) - _BETWEEN / 2
                taken.update(dict.fromkeys(crossed, self.bus[target] + _BETWEEN))

    def _over(self) -> dict[tuple[int, int], float]:
        """Return the height of each arrow over others: above the highest box that it, or one beside it, is over."""
        found: dict[tuple[int, int], float] = {}
        for lane in self.spans:
            spans = {edge: self.span(*edge) for edge in self.tracks if self.lane(self.items[edge[1]]) == lane}
            for (begin, end), edges in joined(spans):
                below = [item for item in self.items if self.lane(item) == lane and begin < item.place.column < end]
                half = max([item.box.height + item.box.back for item in below]) / 2
                y = self.lane_y[lane] - half - _ABOVE - 4
                found.update({edge: y - _TRACK * self.tracks[edge] for edge in edges})
        return found

    def y_of(self, index: int) -> float:
        """Return the middle of an item's lane."""
        return self.lane_y[self.lane(self.items[index])]

    @property
    def size(self) -> tuple[float, float]:
        """The width and the height of the boxes and their captions."""
        edges = [self.middle[item.place.column] + side * item.half for item in self.items for side in (-1, 1)]
        tops = [self.y_of(index) - item.box.outline.height / 2 for index, item in enumerate(self.items)]
        return max(edges) - min(edges), max(self.row_bottom.values()) - min(tops)

    def captions(self, index: int) -> list[Label]:
        """Return the caption of an item at its position: below the lowest box of its lane."""
        item = self.items[index]
        x, y = self.middle[item.place.column], self.bottoms[index]
        return [shifted(label, x, y) for label in item.caption]  # type: ignore[misc]

    def arrow(self, source: int, target: int) -> Curve:
        """Return the arrow from an item to another."""
        y, end = self._ends(source, target)
        points = [(self.boxes[source].right_at(y), y)]
        for bend in self.bends[source, target]:
            x = self.middle[bend.column] + self.lines[bend.column, bend.side, self._trunk(source, target, bend.side)]
            points += [(x, bend.begin), (x, bend.end)]
        return self._curve([*points, (self.boxes[target].left_at(end), end)], source, target)

    def _bends(self, source: int, target: int) -> list[Upright]:
        """Return where an arrow goes up and down."""
        way = self.ways[source, target]
        columns = [self.items[index].place.column for index in (source, target)]
        rows = [self.lane(self.items[index]) for index in (source, target)]
        y, end = self._ends(source, target)
        over = self.over.get((source, target), 0.0)
        last = Upright(columns[1], -1, over, end)
        if way.startswith("next row"):
            between, is_over = self.row_bottom[rows[0][0]], way == "next row over"
            begin = Upright(self.first(rows[1][0]), -1, between, over if is_over else end)
            return [Upright(columns[0], 1, y, between), begin, *([last] if is_over else [])]
        if way == "bus":
            bus = self.bus[target]
            return [Upright(columns[0], 1, y, bus), Upright(columns[1], -1, bus, end)]
        if way == "over":
            return [Upright(columns[0], 1, y, over), last]
        if way == "along":
            return []
        return [Upright(columns[0], 1, y, end) if way == "first across" else Upright(columns[1], -1, y, end)]

    def _trunk(self, source: int, target: int, side: int) -> int:
        """Return the number of the line that an arrow shares with others as it goes up or down.

        It is that of its source, another for what is dashed, or that of the bus at its end.
        """
        if side < 0 and self.ways[source, target] == "bus":
            return -1 - target
        return 2 * source + (source in self.items[target].map.sized_by)

    def _line_spans(self) -> dict[tuple[int, int], dict[int, list[float]]]:
        """Return the heights between which lines go up and down, by column and side, of each trunk."""
        spans: dict[tuple[int, int], dict[int, list[float]]] = {}
        for (source, target), bends in self.bends.items():
            for bend in bends:
                trunk = self._trunk(source, target, bend.side)
                spans.setdefault((bend.column, bend.side), {}).setdefault(trunk, []).extend((bend.begin, bend.end))
        return spans

    def _comes_from(self, edge: tuple[int, int]) -> tuple[bool, float]:
        """Return what orders the arrows into an item from the top: those over others, then by their height."""
        way = self.ways[edge]
        return "over" not in way, self.y_of(edge[1] if way in _STRAIGHT else edge[0])

    def _is_past(self, source: int, target: int) -> bool:
        """Return whether an arrow goes past columns."""
        return self.items[target].place.column > self.items[source].place.column + 1

    def _ends(self, source: int, target: int) -> tuple[float, float]:
        """Return the heights at which an arrow begins and ends: beside one along the lane."""
        y, end = self.y_of(source), self.y_of(target)
        way = self.ways[source, target]
        if way not in _STRAIGHT and any(self.ways[edge] == "along" for edge in self.edges if edge[0] == source):
            box = self.items[source].box
            room = min(_APART, (box.height - box.back) / 4, box.height / 4)
            y += max(room, 0.0) * (1 if end > y and way != "over" else -1)
        return y, end + self.entries[source, target]

    def _entries(self, target: int) -> dict[tuple[int, int], float]:
        """Return how far below the middle of an item each arrow enters: in the order of where they come from.

        Those of a bus enter together, below others.
        """
        edges = [edge for edge in self.edges if edge[1] == target]
        order: list[list[tuple[int, int]]] = [[edge] for edge in edges if self.ways[edge] != "bus"]
        order.sort(key=lambda one: self._comes_from(one[0]))
        order += [bus] if (bus := [edge for edge in edges if self.ways[edge] == "bus"]) else []
        middle = next(
            (float(at) for at, one in enumerate(order) if self.ways[one[0]] in _STRAIGHT), (len(order) - 1) / 2
        )
        box = self.items[target].box
        far = any(self.ways[edge] == "first across" and self._is_past(*edge) for edge in edges)
        room = min(_SPREAD if far else _SPREAD * 3, 0.4 * (box.height + box.back))
        step = min(_APART, room / max(middle, len(order) - 1 - middle, 1))
        return {edge: step * (number - middle) for number, one in enumerate(order) for edge in one}

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
