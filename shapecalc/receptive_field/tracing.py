"""Through the graph: the lanes of every layer from the input on, and what some places of a layer see, back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.graph import Reference
from shapecalc.receptive_field.lanes import Lane, joined, through
from shapecalc.receptive_field.places import Places, seen, united
from shapecalc.window import AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.report import Report, Row
    from shapecalc.sight import Look

__all__ = ["Axes", "Lanes", "input_axes", "lanes_of", "traced"]

Axes = dict[tuple[int, int], str]
"""The axes of the network's inputs that are space, by the input's number and the axis': what they are called."""

Lanes = dict[tuple[int, int], tuple[Lane, ...]]
"""How a tensor sees each of them."""


def input_axes(report: Report) -> Axes:
    """Return the axes of the network's inputs that are space, and what they are called."""
    # A tensor of two axes is channels and a length where a layer slides a window over it, else positions and features.
    is_sound = any(shape.is_map and shape.rank == 2 for row in report.rows for shape in row.sizing.outputs)
    axes: Axes = {}
    for number, shape in enumerate(report.graph.inputs.values()):
        if not (2 if is_sound else 3) <= shape.rank <= max(AXIS_NAMES) + 1:
            continue
        spatial = [axis for axis in range(shape.rank) if axis != shape.channel_axis]
        axes.update({(number, axis): name for axis, name in zip(spatial, AXIS_NAMES[len(spatial)], strict=True)})
    return axes


def _looks(row: Row) -> Iterable[Look]:
    outputs = row.sizing.outputs
    assert row.node.layer is not None
    return row.node.layer.looks(outputs[0] if len(outputs) == 1 else outputs, *row.sizing.inputs)


def lanes_of(report: Report, axes: Axes) -> list[Lanes]:
    """Return the lanes of every layer, in the order of computation."""
    shapes = list(report.graph.inputs.values())
    limits = {key: shapes[key[0]].sizes[key[1]] for key in axes}
    found: list[Lanes] = []
    for row in report.rows:
        gathered: dict[tuple[int, int], list[Lane]] = {}
        for look in _looks(row):
            sizes = row.sizing.inputs[look.input].sizes
            for key, lanes in _lanes_at(row.node.inputs[look.input], found, axes).items():
                moved = [_moved(lane, look, sizes, limits[key]) for lane in lanes]
                gathered.setdefault(key, []).extend(filter(None, moved))
        found.append({key: joined(gathered[key]) for key in axes if gathered.get(key)})
    return found


def _moved(lane: Lane, look: Look, sizes: Sequence[int], limit: int) -> Lane | None:
    if lane.axis < 0:
        return lane
    sight, axis = look.axes[lane.axis]
    return through(lane, sight, axis, sizes[lane.axis], limit)


def _lanes_at(reference: Reference, found: Sequence[Lanes], axes: Axes) -> Lanes:
    if reference.node >= 0:
        return found[reference.node]
    number = -1 - reference.node
    return {key: (Lane(((0, 0),), 1, key[1]),) for key in axes if key[0] == number}


def traced(report: Report, index: int, start: list[Places]) -> dict[int, list[Places]]:
    """Return what of each input of the network is seen by these places (for each axis) of a layer's first output."""
    wanted: dict[Reference, list[Places]] = {Reference(index): start}
    for node in range(index, -1, -1):
        row = report.rows[node]
        for output in range(len(row.sizing.outputs)):
            places = wanted.pop(Reference(node, output), None)
            for look in _looks(row) if places else ():
                _want(wanted, row, look, places or [])
    return {-1 - reference.node: places for reference, places in wanted.items()}


def _want(wanted: dict[Reference, list[Places]], row: Row, look: Look, places: Sequence[Places]) -> None:
    """Add what places (for each axis) of a layer see of one of its inputs."""
    sizes = row.sizing.inputs[look.input].sizes
    pairs = zip(look.axes, sizes, strict=True)
    found = [seen(places[axis] if axis >= 0 else [(0, 0)], sight, size) for (sight, axis), size in pairs]
    if all(found):
        giver = row.node.inputs[look.input]
        before = wanted.get(giver, [[]] * len(found))
        wanted[giver] = [united([*a, *b]) for a, b in zip(before, found, strict=True)]
