"""Receptive fields: which part of the network's input each position of a layer depends on, and how that moves.

    size     how many positions of the input, along an axis, one position of the layer depends on
    jump     how far the field moves with every position: the effective stride
    padding  how far the field of the first position begins before the input: the effective padding

The field of merged branches is their exact union if they have the same effective stride. Other branches (misaligned
ones) are reported, and the size is then the maximum over all positions. A layer that depends on all of an axis (a
global pool, a fully connected layer, attention) sees all of it; the local field of its other paths is still reported.
Definitions: Araujo, Norris & Sim, Computing receptive fields of convolutional neural networks, Distill 2019.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.model.answer import Answer
from shapecalc.model.graph import Reference
from shapecalc.questions.receptive_field.lanes import Lane, hull
from shapecalc.questions.receptive_field.tracing import input_axes, lanes_of, traced
from shapecalc.text.given import plain, read_string, short
from shapecalc.text.units import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.receptive_field.tracing import Box

__all__ = ["Field", "Misalignment", "ReceptiveFields", "Region", "receptive_fields"]

VERSION = 1
"""The version of the JSON contract."""


class Field(NamedTuple):
    """The receptive field of a layer along one axis of one input of the network.

    `common` is how many positions all positions of the layer depend on (from the first to the last), through a layer
    that reads all of its input; `sees_all` is whether they are the whole axis. If there is no other path, `size` is
    `common`, and `jump` is 0. `aligned` is false if branches with different effective strides are merged: `jump` is
    then their maximum.
    """

    input: str
    axis: str
    size: int
    jump: Fraction
    padding: int
    sees_all: bool
    aligned: bool
    common: int = 0

    @property
    def effective_stride(self) -> Fraction:
        """How far the field moves from one position to the next."""
        return self.jump

    def to_dict(self) -> dict[str, Any]:
        """Return the field in the form of the JSON contract: a fractional jump is a string, `1/2`."""
        jump = self.jump.numerator if self.jump.denominator == 1 else str(self.jump)
        return {**self._asdict(), "jump": jump, "effective_stride": jump}


class Misalignment(NamedTuple):
    """A layer that merges branches with different effective strides."""

    layer: str
    axis: str
    jumps: tuple[Fraction, ...]


class Region(NamedTuple):
    """The part of an input's axis that one position of a layer depends on: first and last, counted from 0."""

    input: str
    axis: str
    first: int
    last: int

    @property
    def size(self) -> int:
        """The number of positions."""
        return self.last - self.first + 1


class ReceptiveFields(Answer):
    """The receptive fields of all layers of a report. Immutable.

    `fields["conv5"]` are those of a layer (or of a block: its last layer), one for each axis of each input that it
    sees; `fields.region("conv5", (3, 4))` is the part of the input that one position depends on.
    """

    __slots__ = ("_axes", "_fields", "_indices", "_lanes", "misaligned", "report")
    drawn_by = "answers.receptive_field.draw_fields"
    table = "layers"

    def __init__(self, report: Report) -> None:
        self.report = report
        self._axes = input_axes(report)
        self._lanes = lanes_of(report, self._axes)
        self._indices = _indices(report)
        self._fields: dict[int, tuple[Field, ...]] = {}
        self.misaligned = tuple(self._misalignments())

    def __repr__(self) -> str:
        return f"<ReceptiveFields {clean(self.report.name)}: {len(self._lanes)} layers>"

    def _index(self, name: str) -> int:
        if read_string(name, "the name of a layer") not in self._indices:
            hint = did_you_mean(name, self._indices)
            raise UsageError(Problem(f"{self.report.name or 'the network'} has no layer {name}", hint=hint))
        return self._indices[name]

    def __getitem__(self, name: str) -> tuple[Field, ...]:
        """Return the fields of a layer. Errors: `UsageError` for an unknown layer, with the nearest name."""
        index = self._index(name)
        if index not in self._fields:
            shape = self.report.rows[index].sizing.outputs[0]
            inputs = list(self.report.graph.inputs.items())
            found = []
            for (number, axis), lanes in self._lanes[index].items():
                name_of, sizes = inputs[number]
                found.append(_field(name_of, self._axes[number, axis], sizes.sizes[axis], lanes, shape))
            self._fields[index] = tuple(found)
        return self._fields[index]

    def places(self, name: str) -> tuple[int, ...]:
        """Return how many positions a layer has along each axis of its positions."""
        index = self._index(name)
        return tuple([self.report.rows[index].sizing.outputs[0].sizes[axis] for axis in self._position_axes(index)])

    def _position_axes(self, index: int) -> list[int]:
        return sorted({lane.axis for lanes in self._lanes[index].values() for lane in lanes if lane.axis >= 0})

    def region(self, name: str, place: Sequence[int] | str = ()) -> tuple[Region, ...]:
        """Return the part of every input that one position of a layer depends on: exactly, at the edges too.

        `place` is counted from 0 along each axis of `places(name)`, in their order: `(0, 3)` or `0x3`. An input that it
        does not depend on is left out. Errors: `UsageError` for an unknown layer or position.
        """
        index, place = self._index(name), self.position(name, place)
        shape = self.report.rows[index].sizing.outputs[0]
        start: Box = [[(0, size - 1)] for size in shape.sizes]
        for axis, at in zip(self._position_axes(index), place, strict=True):
            start[axis] = [(at, at)]
        found = traced(self.report, Reference(index), start)
        inputs = list(self.report.graph.inputs)
        return tuple(
            Region(
                inputs[number],
                name,
                min(box[axis][0][0] for box in found[number]),
                max(box[axis][-1][1] for box in found[number]),
            )
            for (number, axis), name in self._axes.items()
            if number in found
        )

    def window(self, name: str, place: Sequence[int] | str = ()) -> tuple[Region, ...]:
        """Return the local fields of one position before they are clipped to the inputs: at the edges, padding too.

        Axes of which all positions see the same are left out. Errors: as `region`.
        """
        index, place = self._index(name), self.position(name, place)
        at = dict(zip(self._position_axes(index), place, strict=True))
        inputs, found = list(self.report.graph.inputs), []
        for (number, axis), lanes in self._lanes[index].items():
            span = hull(lane.at(at[lane.axis]) for lane in lanes if _is_local(lane))
            if span:
                found.append(Region(inputs[number], self._axes[number, axis], *span))
        return tuple(found)

    def position(self, name: str, place: Sequence[int] | str) -> tuple[int, ...]:
        """Return a position of a layer, as `region` expects it. Errors: as `region`."""
        sizes = self.places(name)
        found = _read_place(place, name, sizes)
        if len(found) != len(sizes) or not all(0 <= at < size for at, size in zip(found, sizes, strict=True)):
            raise UsageError(_no_such_position(name, found, sizes))
        return found

    def middle(self, name: str) -> tuple[int, ...]:
        """Return the position in the middle of a layer: the later one of two."""
        return tuple([size // 2 for size in self.places(name)])

    def region_dict(self, name: str, place: Sequence[int] = ()) -> dict[str, Any]:
        """Return a region, and the fields of its layer, in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.report.name,
            **self.notes_to_dict(),
            "layer": name,
            "position": list(place),
            "place": list(place),  # its name before
            "sees": [{**region._asdict(), "size": region.size} for region in self.region(name, place)],
            "receptive_field": [field.to_dict() for field in self[name]],
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake."""
        return self.report.notes

    def _misalignments(self) -> Iterable[Misalignment]:
        rows = self.report.rows
        for row, lanes in zip(rows, self._lanes, strict=True):
            for key, own in lanes.items():
                jumps = _jumps(own)
                given = [self._lanes[ref.node].get(key, ()) for ref in row.node.inputs if ref.node >= 0]
                if len(jumps) > 1 and all(len(_jumps(before)) < len(jumps) for before in given):
                    yield Misalignment(row.name, self._axes[key], jumps)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.report.name,
            "layout": self.report.layout,
            **self.report.gap_to_dict(),
            **self.notes_to_dict(),
            "inputs": {name: list(sizes) for name, sizes in self.report.inputs.items()},
            "layers": [self._entry(row) for row in self.report.rows],
            "misaligned": [
                {"layer": found.layer, "axis": found.axis, "jumps": list(map(str, found.jumps))}
                for found in self.misaligned
            ],
        }

    def _entry(self, row: Row) -> dict[str, Any]:
        return {
            "name": row.name,
            "kind": row.kind,
            "output_shapes": [list(shape) for shape in row.output_shapes],
            "receptive_field": [field.to_dict() for field in self[row.name]],
        }


def receptive_fields(report: Report) -> ReceptiveFields:
    """Return the receptive fields of all layers.

    Errors: `UsageError` for a network whose input has no spatial axes: features, or tokens.
    """
    fields = ReceptiveFields(report)
    if not fields._axes:  # noqa: SLF001  (its own)
        raise UsageError(
            Problem(
                f"{report.name or 'the network'} has no receptive fields: no input has channels and spatial axes",
                hint="receptive fields need an input with spatial axes: audio, images, volumes",
            )
        )
    return fields


def _read_place(place: Any, name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return a position as it is given: numbers, or a text of them. Errors: `UsageError` for anything else."""
    found = re.split("[x×,]", place) if isinstance(place, str) else plain(place)
    items = list(found) if isinstance(found, (list, tuple, range)) else [found]
    numbers = [read_whole(item) if isinstance(item, str) else item for item in items]
    if any(type(number) is not int for number in numbers):
        last = "×".join(str(size - 1) for size in sizes)
        hint = f"positions of {name} are {'×'.join('0' * len(sizes))} to {last}" if sizes else "leave the position out"
        raise UsageError(Problem(f"{short(place)} is not a position", hint=hint))
    return tuple(number for number in numbers if type(number) is int)


def _no_such_position(name: str, place: Sequence[int], sizes: Sequence[int]) -> Problem:
    if not sizes:
        return Problem(f"{name} has no positions: all of it depends on the same input", hint="leave the position out")
    shown = "×".join(map(str, sizes))
    if not place:
        first = f"({', '.join('0' * len(sizes))}{',' if len(sizes) == 1 else ''})"
        return Problem(f"{name} has {shown} positions", hint=f'give one: region("{name}", {first})')
    given, first = "×".join(map(str, place)), "×".join("0" * len(sizes))
    last = "×".join(str(size - 1) for size in sizes)
    return Problem(f"{name} has {shown} positions, but none at {given}", hint=f"positions are {first} to {last}")


def _indices(report: Report) -> dict[str, int]:
    """Return the index of every layer by its name, and that of the last layer of every block by the block's."""
    found = {}
    blocks = report.graph.blocks
    for index, row in enumerate(report.rows):
        block = row.block
        while block >= 0:
            found[blocks[block].name] = index
            block = blocks[block].parent
    return {**found, **{row.name: index for index, row in enumerate(report.rows)}}


def _jumps(lanes: Iterable[Lane]) -> tuple[Fraction, ...]:
    return tuple(sorted({lane.jump for lane in lanes if lane.jump}))


def _is_local(lane: Lane) -> bool:
    """Return whether positions of a layer may differ in what they see through a lane."""
    return bool(lane.jump) or (lane.axis >= 0 and len(lane.spans) > 1)


def _field(name: str, axis: str, limit: int, lanes: tuple[Lane, ...], shape: Shape) -> Field:
    own = [lane for lane in lanes if _is_local(lane)]
    first, last = hull(lane.at(0) for lane in lanes if not _is_local(lane)) or (0, -1)
    common = min(last, limit - 1) - max(first, 0) + 1
    if not own:
        return Field(name, axis, common, Fraction(0), -first, sees_all=common == limit, aligned=True, common=common)
    jumps = _jumps(own)
    period = max(len(lane.spans) for lane in own)
    positions = shape.sizes[own[0].axis]
    # Sizes repeat with the period; if lanes diverge, they are widest at one of the ends.
    tried = {*range(min(period, positions)), *(range(max(positions - period, 0), positions) if len(own) > 1 else ())}
    spans = {position: hull(lane.at(position) for lane in own) for position in tried}
    size = max((span[1] - span[0] + 1 for span in spans.values() if span), default=0)
    start = next((spans[position] for position in sorted(spans) if spans[position]), None) or (0, -1)
    return Field(
        name,
        axis,
        size,
        jumps[-1] if jumps else Fraction(0),
        -start[0],
        sees_all=common == limit,
        aligned=len(own) == 1,
        common=common,
    )
