"""The feature maps of a network that are drawn: each with its sizes, its layers, and the maps that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.chart import is_unused, read_inputs
from shapecalc.layers.base.layer import CHANNELS_FIRST
from shapecalc.layers.base.windowed import Windowed
from shapecalc.model.report import check_depth
from shapecalc.renderers.differing import marks_of
from shapecalc.renderers.folding import fold, runs_of
from shapecalc.renderers.pictures.repeats import AUTO
from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap, Sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine, Row

__all__ = ["feature_maps", "lines_at", "main_path"]


def lines_at(report: Report, depth: Any) -> tuple[list[ReportLine], int | None]:
    """Return the lines of a report at a depth, and that depth: by default the outermost blocks are one line each.

    But of one block that has all other blocks in it, those inside. Errors: `UsageError` for a depth that is none.
    """
    if depth != AUTO:
        return report.lines(depth), check_depth(depth)
    level, lines = 1, report.lines(1)
    closed: set[str] = set()
    while True:
        working = [line for line in lines if line.is_block and line.total.macs]
        closed |= {line.kind for line in lines if line.is_block and line not in working}
        if len(working) != 1 or working[0].kind in closed:
            return lines, level
        inside = report.lines(level + 1, closed)
        if not any(line.is_block and line.name.startswith(f"{working[0].name}.") for line in inside):
            return lines, level
        level, lines = level + 1, inside


def feature_maps(report: Report, depth: Any = AUTO) -> list[FeatureMap]:
    """Return the feature maps of a report at a depth, in the order of computation.

    Layers that only change values (they multiply nothing, slide no window, and keep the size) belong to the map before.
    Errors: `UsageError` for a depth that is none.
    """
    lines = lines_at(report, depth)[0]
    marks = marks_of(runs_of(lines), report.graph)
    first = {id(line.rows[0]): marks[line.name] for line in lines if line.name in marks}
    builder = _Builder(report, fold(lines), first)
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
        dropped = [
            f"{maps[source].name} ({maps[gone[source]].name} → {maps[index].name})"
            for source in maps[index].sources
            if source in gone
        ]
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
    """Finds the maps line by line; `marks` are what tells blocks apart, by the identity of their first layer."""

    def __init__(self, report: Report, lines: Sequence[ReportLine], marks: Mapping[int, str]) -> None:
        self.report = report
        self.lines = lines
        self._number = {id(row): number for number, row in enumerate(report.rows)}
        self.maps: list[FeatureMap] = []
        line_of = {id(row): number for number, line in enumerate(lines) for row in line.rows}
        self._line_of = [line_of[id(row)] for row in report.rows]
        self._in_last = self._in_last_copies()
        self._marks = marks
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

    def _in_last_copies(self) -> list[int]:
        """Return for each layer the one in its place in the last copy, if others run between the copies of its line."""
        found = [*range(len(self.report.rows))]
        for line in self.lines:
            own = [self._number[id(row)] for row in line.rows]
            if line.copies > 1 and own[-1] - own[0] >= len(own):
                each = len(own) // line.copies
                for at, number in enumerate(own):
                    found[number] = own[at % each - each]
        return found

    def _reads(self) -> Iterator[tuple[Reference, int, int]]:
        """Yield what is read of other lines: the tensor, the line or the number of the input that it is of, its reader.

        The reader of an output of the network is -1.
        """
        refs = [(ref, self._line_of[i]) for i, row in enumerate(self.report.rows) for ref in row.node.inputs]
        for ref, user in [*refs, *[(ref, -1) for ref in self.report.graph.outputs]]:
            line = self._line_of[ref.node] if ref.node >= 0 else ref.node
            if ref.node < 0 or line != user:
                yield ref, line, user

    def _used_outside(self) -> dict[int, list[tuple[int, int]]]:
        """Return the outputs of each line that others use, or that the network outputs: the layer and number of each.

        The last layer is first. Of blocks that take turns, that of the last copy stands for those of all.
        """
        found: dict[int, set[tuple[int, int]]] = {}
        for ref, line, _ in self._reads():
            if line >= 0:
                found.setdefault(line, set()).add((self._in_last[ref.node], ref.output))
        return {line: sorted(every, key=lambda one: (-one[0], one[1])) for line, every in found.items()}

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
        used = self._used.get(index, [])
        drawn = self._drawn(line, used)
        sides = self._sides_of(drawn)
        sources, sized_by = self._sources(index)
        last = max(sources, default=-1)
        is_stored = all(map(is_unused, line.rows))
        if last >= 0 and (is_stored or self._continues(index, sides, last, sources)):
            before = self.maps[last]
            more = tuple([source for source in sources if source != last])
            self.maps[last] = before._replace(
                merged=before.merged if is_stored else (*before.merged, line),
                stored=(*before.stored, line) if is_stored else before.stored,
                sources=before.sources + more, sized_by=before.sized_by + sized_by,
                is_output=before.is_output or self._is_output(index),
            )  # fmt: skip
            self._map_of_line[index], self._end_of_map[last] = last, index
            return
        self._map_of_line[index] = len(self.maps)
        self._end_of_map.append(index)
        passed = {self._name_of(line, one): self._sides_of(one) for one in used if one != drawn}
        if line.copies > 1:  # others may read what any copy outputs
            passed.pop(self._name_of(line, drawn), None)
        self.maps.append(
            FeatureMap(
                line.name, sides, line, (), sources, sized_by=sized_by, passed=tuple(passed.items()),
                is_read=drawn in used or not used, is_output=self._is_output(index),
                mark=self._marks.get(id(line.rows[0]), ""),
            )
        )  # fmt: skip

    def _is_output(self, index: int) -> bool:
        """Return whether a line has one of several outputs of the network."""
        return len(self.report.graph.outputs) > 1 and -1 in self._readers.get(index, ())

    def _drawn(self, line: ReportLine, used: Sequence[tuple[int, int]]) -> tuple[int, int]:
        """Return the output of a line that is drawn: that which others use, and of a recurrence its sequence."""
        node, output = used[0] if used else (self._number[id(line.rows[-1])], 0)
        layer = self.report.rows[node].node.layer
        return node, 0 if layer and layer.output_names() else output

    def _sides_of(self, one: tuple[int, int]) -> Sides:
        """Return the sides of an output of a layer."""
        node, output = one
        shape = self.report.rows[node].sizing.outputs[output]
        return Sides.of(shape._replace(is_map=shape.is_map or (shape.rank > 1 and node in self._channels_first)))

    def _name_of(self, line: ReportLine, one: tuple[int, int]) -> str:
        """Return the name of an output of a line: that of what is in its block, or of an output of a layer."""
        row = self.report.rows[one[0]]
        names = row.node.layer.output_names() if row.node.layer else ()
        own = names[one[1]] if one[1] < len(names) else f"output {one[1]}" if one[1] else ""
        inner = row.name.split(".")[line.name.count(".") + 1 :][:1] if line.is_block else []
        return " ".join(filter(None, (*inner, own)))

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
