"""Traces through the graph: the lanes of every layer, forward; the input positions of a layer's positions, backward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.layers.base.dependence import everywhere
from shapecalc.layers.base.ranks import AXIS_NAMES
from shapecalc.model.graph import Reference
from shapecalc.questions.receptive_field.lanes import Lane, Work, hull, joined, through
from shapecalc.questions.receptive_field.positions import Gaps, Positions, seen, united

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.dependence import Look
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["Axes", "Box", "Lanes", "input_axes", "input_lengths", "lanes_of", "traced"]

Axes = dict[tuple[int, int], str]
"""The names of the spatial axes of the network's inputs, by the index of input and axis."""

Box = list[Positions]
"""Positions of a tensor, for each axis: their product."""

_MOST_BOXES = 8
"""The maximum number of boxes of a tensor; with more, positions between them may be included."""

_MOST_TRACED = 20_000
"""The maximum number of layers traced back for layers that depend on all of an axis."""

Lanes = dict[tuple[int, int], tuple[Lane, ...]]
"""The lanes of a tensor for each of them."""


def input_axes(report: Report) -> Axes:
    """Return the spatial axes of the network's inputs, and their names."""
    # A tensor of two axes is channels and a length if a layer slides a window over it, else positions and features.
    is_sound = any(shape.is_map and shape.rank == 2 for row in report.rows for shape in row.sizing.outputs)
    axes: Axes = {}
    for number, shape in enumerate(report.graph.inputs.values()):
        if not (2 if is_sound else 3) <= shape.rank <= max(AXIS_NAMES) + 1:
            continue
        spatial = [axis for axis in range(shape.rank) if axis != shape.channel_axis]
        axes.update({(number, axis): name for axis, name in zip(spatial, AXIS_NAMES[len(spatial)], strict=True)})
    return axes


def input_lengths(report: Report) -> dict[str, dict[str, int]]:
    """Return the sizes of the spatial axes of the network's inputs, by the names of both."""
    found: dict[str, dict[str, int]] = {}
    inputs = list(report.inputs.items())
    for (number, axis), name in input_axes(report).items():
        found.setdefault(inputs[number][0], {})[name] = inputs[number][1][axis]
    return found


def lanes_of(report: Report, axes: Axes) -> list[Lanes]:
    """Return the lanes of every layer, in the order of computation."""
    walk = _Walk(report, axes)
    for row in report.rows:
        walk.step(row)
    return walk.found


class _Walk:
    """A trace of a network, layer by layer: the lanes found, and the work left."""

    def __init__(self, report: Report, axes: Axes) -> None:
        self.report, self.axes, self.work = report, axes, Work()
        shapes = list(report.graph.inputs.values())
        self.limits = {key: shapes[key[0]].sizes[key[1]] for key in axes}
        self.found: list[Lanes] = []
        self.wholes: dict[Reference, dict[int, list[Box]] | None] = {}
        self.left, self.gaps = _MOST_TRACED, Gaps()

    def step(self, row: Row) -> None:
        """Find the lanes of the next layer."""
        gathered: dict[tuple[int, int], list[Lane]] = {}
        for look in row.looks():
            given = _lanes_at(row.node.inputs[look.input], self.found, self.axes)
            moved = {key: [*filter(None, [self.moved(lane, row, look, key) for lane in given[key]])] for key in given}
            unseen = {key[0] for key, lanes in moved.items() if not lanes}  # along an axis, and so not at all
            for key, lanes in moved.items():
                if key[0] not in unseen:
                    gathered.setdefault(key, []).extend(lanes)
        self.found.append({key: joined(gathered[key], self.work) for key in self.axes if key in gathered})

    def moved(self, lane: Lane, row: Row, look: Look, key: tuple[int, int]) -> Lane | None:
        """Return a lane of an input after the layer; None if it is empty."""
        self.work.spend(1)
        if lane.axis < 0:
            return lane
        dependence, axis = look.axes[lane.axis]
        size = row.sizing.inputs[look.input].sizes[lane.axis]
        is_whole = axis < 0 and dependence == everywhere(size)
        if is_whole and (boxes := self.whole(row.node.inputs[look.input])) is not None:
            span = hull([(box[key[1]][0][0], box[key[1]][-1][1]) for box in boxes.get(key[0], [])])
            return span and Lane((span,), 0, -1)
        return through(lane, dependence, axis, size, self.limits[key], self.work)

    def whole(self, giver: Reference) -> dict[int, list[Box]] | None:
        """Return the positions of the inputs that a whole tensor depends on; None if that is too much to trace."""
        if giver not in self.wholes:
            self.left -= max(giver.node, 0)
            shape = _shape_of(self.report, giver)
            start: Box = [[(0, size - 1)] for size in shape.sizes]
            self.wholes[giver] = traced(self.report, giver, start, self.gaps) if self.left >= 0 else None
        return self.wholes[giver]


def _shape_of(report: Report, reference: Reference) -> Shape:
    if reference.node < 0:
        return list(report.graph.inputs.values())[-1 - reference.node]
    return report.rows[reference.node].sizing.outputs[reference.output]


def _lanes_at(reference: Reference, found: Sequence[Lanes], axes: Axes) -> Lanes:
    if reference.node >= 0:
        return found[reference.node]
    number = -1 - reference.node
    return {key: (Lane(((0, 0),), 1, key[1]),) for key in axes if key[0] == number}


def traced(report: Report, of: Reference, start: Box, gaps: Gaps | None = None) -> dict[int, list[Box]]:
    """Return the positions of each input of the network that these positions (per axis) of a tensor depend on."""
    wanted: dict[Reference, list[Box]] = {of: [start]}
    gaps = gaps or Gaps()
    for node in range(of.node, -1, -1):
        row = report.rows[node]
        for output in range(len(row.sizing.outputs)):
            boxes = wanted.pop(Reference(node, output), [])
            for look in row.looks() if boxes else ():
                giver = row.node.inputs[look.input]
                for box in boxes:
                    _add(wanted.setdefault(giver, []), _seen_of(row, look, box, gaps))
    return {-1 - reference.node: boxes for reference, boxes in wanted.items() if boxes}


def _seen_of(row: Row, look: Look, box: Box, gaps: Gaps) -> Box:
    """Return the positions of one input that positions (per axis) of a layer depend on; empty if any axis is empty."""
    sizes = row.sizing.inputs[look.input].sizes
    pairs = zip(look.axes, sizes, strict=True)
    found = [seen(box[axis] if axis >= 0 else [(0, 0)], dependence, size, gaps) for (dependence, axis), size in pairs]
    return found if all(found) else []


def _add(boxes: list[Box], new: Box) -> None:
    """Add a box of a tensor: boxes that differ along one axis are merged, and so are too many boxes."""
    if not new:
        return
    for i, box in enumerate(boxes):
        different = [axis for axis, (a, b) in enumerate(zip(box, new, strict=True)) if a != b]
        if len(different) <= 1 or len(boxes) >= _MOST_BOXES:
            boxes[i] = [united([*a, *b]) for a, b in zip(box, new, strict=True)]
            return
    boxes.append(new)
