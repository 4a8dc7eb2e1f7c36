"""The feature maps of a network that are drawn: each with its sizes, its layers, and the maps that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.exporters.chart import read_inputs
from shapecalc.layers.base.layer import CHANNELS_FIRST
from shapecalc.layers.base.windowed import Windowed
from shapecalc.model.rows import sum_rows
from shapecalc.renderers.folding import fold
from shapecalc.renderers.pictures.palette import group_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.base.window import WindowAxis
    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine, Row

__all__ = ["FeatureMap", "Sides", "feature_maps", "main_path"]


class Sides(NamedTuple):
    """The sides of a feature map: its channels, or the features of each position, and its positions along each axis.

    Without positions it is a flat vector; no channels (0) are those of a sequence of numbers.
    """

    channels: int
    positions: tuple[int, ...] = ()

    @property
    def height(self) -> int:
        """What is drawn upright: the rows, or the length of a sequence."""
        return self.positions[-2] if len(self.positions) > 1 else self.positions[-1]

    @property
    def width(self) -> int | None:
        """What is drawn backwards: the columns; None for a sequence."""
        return self.positions[-1] if len(self.positions) > 1 else None

    @classmethod
    def of(cls, shape: Shape) -> Sides:
        """Return the sides of a tensor; with one position, or one axis, it is a vector."""
        if not shape.sizes:
            return cls(1)
        if shape.is_map:
            channels, positions = shape.channels, shape.spatial
        else:
            *others, channels = shape.sizes
            positions = tuple(others)
        return cls(channels) if all(size == 1 for size in positions) else cls(channels, positions)


class FeatureMap(NamedTuple):
    """A feature map that is drawn as a box: an input of the network, or the output of a layer or a block.

    `line` are the layers that made it, as a report shows them, None for an input; `merged` are lines that keep its size
    and follow it. `sources` are the numbers of the maps that it is made of; of those in `sized_by` only the sizes are
    used. `dropped` are names of layers between them that are drawn as a part of the arrow.
    """

    name: str
    sides: Sides
    line: ReportLine | None = None
    merged: tuple[ReportLine, ...] = ()
    sources: tuple[int, ...] = ()
    dropped: tuple[str, ...] = ()
    sized_by: tuple[int, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """The layers that made it, and those that follow it."""
        lines = [self.line, *self.merged] if self.line else []
        return [row for line in lines for row in line.rows]

    @property
    def params(self) -> Any:
        """The number of parameters of its layers; None where that is unknown."""
        rows = self.rows
        if not rows:
            return 0
        return None if all(row.is_unknown for row in rows) else sum_rows(rows).params

    @property
    def fill(self) -> str:
        """The role of its colour: the group of layers with most MACs, or the first."""
        if self.line is None:
            return "input"
        macs: dict[str, Any] = {}
        for row in self.line.rows:
            group = group_of(row.node.layer)
            macs[group] = macs.get(group, 0) + row.macs
        return max(macs, key=lambda group: macs[group])

    @property
    def slid(self) -> Row | None:
        """Its one layer that slides a window; None for none, or several."""
        rows = [row for row in self.line.rows if isinstance(row.node.layer, Windowed)] if self.line else []
        return rows[0] if len(rows) == 1 else None

    @property
    def window(self) -> tuple[WindowAxis, ...]:
        """The window of that layer along each axis; empty without one."""
        sliding = self.slid.node.layer if self.slid else None
        return sliding.axes(self.slid.sizing.inputs[0]) if self.slid and isinstance(sliding, Windowed) else ()

    def reach_over(self, source: FeatureMap) -> tuple[int, ...]:
        """Return how many positions of a map one of its own depends on along each axis, if a window slides over it."""
        row = self.slid
        x = row.sizing.inputs[0]._replace(is_map=True) if row else None
        if row is None or x is None or len(self.sources) != 1 or Sides.of(x) != source.sides:
            return ()
        looks = [look.axes for look in row.looks()]
        if len(looks) != 1 or len(source.sides.positions) != len(x.spatial):
            return ()
        seen = [looks[0][axis][0].at(0) for axis in range(x.rank) if axis != x.channel_axis]
        reach = [max(one[-1], one[0]) - min(one[-1], one[0]) + 1 if len(one) else 0 for one in seen]
        return tuple(reach) if reach == [axis.reach for axis in self.window] and max(reach) > 1 else ()


def feature_maps(report: Report, depth: Any) -> list[FeatureMap]:
    """Return the feature maps of a report at a depth, in the order of computation.

    Layers that only change values (they multiply nothing, slide no window, and keep the size) belong to the map before.
    Errors: `UsageError` for a depth that is none.
    """
    builder = _Builder(report, fold(report.lines(depth)))
    for index in range(len(builder.lines)):
        builder.add(index)
    return without_small(builder.maps)


def without_small(maps: Sequence[FeatureMap]) -> list[FeatureMap]:
    """Return maps without those that are cropped or the like on their way to where they are merged.

    They are not on the longest path, have no weights and no MACs, and are used once, with others.
    """
    path = {*main_path(maps)}
    users: list[list[int]] = [[] for _ in maps]
    for index, one in enumerate(maps):
        for source in one.sources:
            users[source].append(index)
    gone: dict[int, int] = {}
    for index, one in enumerate(maps):
        user = maps[users[index][0]] if len(users[index]) == 1 else None
        free = one.line and not any(_works(row) or row.sizing.weight_shapes or row.is_unknown for row in one.rows)
        if index not in path and free and len(one.sources) == 1 and user and len(user.sources) > 1:
            gone[index] = gone.get(one.sources[0], one.sources[0])
    number = {index: new for new, index in enumerate(i for i in range(len(maps)) if i not in gone)}
    kept = []
    for index in number:
        sources = dict.fromkeys(number[gone.get(source, source)] for source in maps[index].sources)
        dropped = [maps[source].name for source in maps[index].sources if source in gone]
        sized_by = [number[gone.get(source, source)] for source in maps[index].sized_by]
        kept.append(maps[index]._replace(sources=tuple(sources), dropped=tuple(dropped), sized_by=tuple(sized_by)))
    return kept


def main_path(maps: Sequence[FeatureMap]) -> list[int]:
    """Return the longest path of maps, of several that with most parameters."""
    lengths: list[tuple[int, int]] = []
    before: list[int] = []
    for one in maps:
        best = max(one.sources, key=lambda source: lengths[source], default=-1)
        count, params = lengths[best] if best >= 0 else (0, 0)
        lengths.append((count + 1, params + (one.params or 0)))
        before.append(best)
    path = [max(range(len(maps)), key=lambda index: lengths[index])] if maps else []
    while path and before[path[-1]] >= 0:
        path.append(before[path[-1]])
    return path[::-1]


class _Builder:
    """Finds the maps line by line."""

    def __init__(self, report: Report, lines: Sequence[ReportLine]) -> None:
        self.report = report
        self.lines = lines
        self.maps: list[FeatureMap] = []
        line_of = {id(row): number for number, line in enumerate(lines) for row in line.rows}
        self._line_of = [line_of[id(row)] for row in report.rows]
        self._used = self._used_outside()
        self._readers = self._read_by()
        self._channels_first = self._read_channels_first()
        self._map_of_line: dict[int, int] = {}
        self._end_of_map: list[int] = []  # the line whose output a map is, or the number of an input
        for index, name in enumerate(report.graph.inputs):
            self._map_of_line[-1 - index] = len(self.maps)
            self._end_of_map.append(-1 - index)
            self.maps.append(FeatureMap(name, self._sides_of_input(index)))

    def _sides_of_input(self, index: int) -> Sides:
        """Return the sides of an input: what its axes are is decided by the layers that read it.

        A vector is a sequence of numbers (of tokens) where one of them outputs as many positions.
        """
        shape = list(self.report.graph.inputs.values())[index]
        users = [row for row in self.report.rows if any(ref.node == -1 - index for ref in row.node.inputs)]
        if shape.rank > 1 and -1 - index in self._channels_first:
            return Sides.of(shape._replace(is_map=True))
        outputs = [Sides.of(row.sizing.outputs[0]) for row in users if row.sizing.outputs]
        if shape.rank == 1 and any(one.positions == shape.sizes for one in outputs):
            return Sides(0, shape.sizes)
        return Sides.of(shape)

    def _reads(self) -> Iterator[tuple[Reference, int, int]]:
        """Yield what is read of other lines: the tensor, the line or the number of the input that it is of, its reader.

        The reader of an output of the network is -1.
        """
        refs = [(ref, self._line_of[i]) for i, row in enumerate(self.report.rows) for ref in row.node.inputs]
        for ref, user in [*refs, *[(ref, -1) for ref in self.report.graph.outputs]]:
            line = self._line_of[ref.node] if ref.node >= 0 else ref.node
            if ref.node < 0 or line != user:
                yield ref, line, user

    def _used_outside(self) -> dict[int, tuple[int, int]]:
        """Return the last output of each line that others use, or that the network outputs: its layer and number."""
        found: dict[int, tuple[int, int]] = {}
        for ref, line, _ in self._reads():
            if line >= 0:
                node, output = found.get(line, (-1, 0))
                found[line] = (ref.node, ref.output) if ref.node > node else (node, min(output, ref.output))
        return found

    def _read_by(self) -> dict[int, set[int]]:
        """Return the other lines that read an output of each line or input; -1, if it is one of the network's."""
        found: dict[int, set[int]] = {}
        for _, line, user in self._reads():
            found.setdefault(line, set()).add(user)
        return found

    def _read_channels_first(self) -> set[int]:
        """Return the layers and inputs whose tensors are read as feature maps, also after element-wise layers.

        What was transposed and transposed back is one for the convolution that reads it.
        """
        found: set[int] = set()
        for node in range(len(self.report.rows) - 1, -1, -1):
            row = self.report.rows[node]
            layer = row.node.layer
            if layer and (layer.axis_order == CHANNELS_FIRST or (layer.elementwise and node in found)):
                found.update(ref.node for ref in row.node.inputs)
        return found

    def add(self, index: int) -> None:
        """Add the map of a line, or the line to the map before it."""
        line = self.lines[index]
        node, output = self._used.get(index, (-1, 0))
        row = self.report.rows[node] if node >= 0 else line.rows[-1]
        shape = row.sizing.outputs[output if node >= 0 else 0]
        sides = Sides.of(shape._replace(is_map=shape.is_map or (shape.rank > 1 and node in self._channels_first)))
        sources, sized_by = self._sources(index)
        last = max(sources, default=-1)
        if last >= 0 and self._continues(index, sides, last, sources):
            before = self.maps[last]
            more = tuple([source for source in sources if source != last])
            self.maps[last] = before._replace(
                merged=(*before.merged, line), sources=before.sources + more, sized_by=before.sized_by + sized_by
            )
            self._map_of_line[index], self._end_of_map[last] = last, index
            return
        self._map_of_line[index] = len(self.maps)
        self._end_of_map.append(index)
        self.maps.append(FeatureMap(line.name, sides, line, (), sources, sized_by=sized_by))

    def _continues(self, index: int, sides: Sides, last: int, sources: Sequence[int]) -> bool:
        """Return whether a line only changes the values of the last of its sources, or adds what that was made of.

        What it changes is read by it alone, and it is in the block of that, or around it. What it adds is not what that
        was made of directly: there would be no second arrow from one to the other.
        """
        line, before = self.lines[index], self.maps[last]
        others = {*sources} - {last}
        is_same = before.sides == sides and not any(map(_works, line.rows))
        if not is_same or not others.isdisjoint(before.sources):
            return False
        end = self._end_of_map[last]
        around, own = line.name.rpartition(".")[0], (self.lines[end].name if end >= 0 else "")
        is_around = not around or own.startswith(f"{around}.")
        return is_around and self._readers.get(end, set()) <= {index} and self._is_made_of(last, others)

    def _is_made_of(self, number: int, others: set[int]) -> bool:
        """Return whether each of these maps is among those that a map is computed from."""
        seen: set[int] = set()
        waiting = [number] if others else []
        while waiting:
            near = [one for one in self.maps[waiting.pop()].sources if one >= min(others) and one not in seen]
            seen.update(near)
            waiting += near
        return others <= seen

    def _sources(self, index: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the maps that a line reads, and those of them of which it uses only the sizes."""
        found: dict[int, bool] = {}
        for row in self.lines[index].rows:
            seen = read_inputs(row)
            for number, ref in enumerate(row.node.inputs):
                line = self._line_of[ref.node] if ref.node >= 0 else ref.node
                if line < index:  # what is repeated in turn also reads of the copy before
                    source = self._map_of_line[line]
                    found[source] = found.get(source, False) or number in seen
        return tuple(found), tuple([source for source, is_read in found.items() if not is_read])


def _works(row: Row) -> bool:
    """Return whether a layer does more than to change values: it multiplies, or slides a window."""
    return bool(row.macs) or isinstance(row.node.layer, Windowed)
