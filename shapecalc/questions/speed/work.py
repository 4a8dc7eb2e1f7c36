"""The work of a network: the bytes that it must move, and the multiply-accumulates that it must do.

A layer on its own reads its weights and its inputs from memory, each once, and writes its outputs. In a whole network
only the weights, the inputs and the outputs of the network are certain to be moved: what lies between layers stays on
the device where they are fused. Views move nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import prod
from shapecalc.model.rows import once
from shapecalc.questions.memory.plan import stored
from shapecalc.questions.memory.weights.stored_bytes import used_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from shapecalc.layers.base.dependence import AxisDependence
    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.weights.stored_bytes import Storing

__all__ = ["LayerWork", "layers_work", "needed_macs", "network_bytes", "weights_at_most"]


class LayerWork(NamedTuple):
    """The work of a layer: needed multiply-accumulates, bytes of weights read, of inputs read and outputs written."""

    macs: int
    weights: int
    activations: int

    @property
    def bytes(self) -> int:
        """All bytes moved."""
        return self.weights + self.activations


def layers_work(report: Report, storing: Storing, activation_bits: int | Fraction) -> list[LayerWork]:
    """Return the work of every layer on its own, for the batch of the report."""
    columns = needed_macs(report), used_bytes(report, storing, least=True), _moved(report, activation_bits)
    return [LayerWork(*work) for work in zip(*columns, strict=True)]


def needed_macs(report: Report) -> list[int]:
    """Return the multiply-accumulates of every layer, without those of hidden attention scores, for the batch."""

    @once
    def needed(row: Row) -> int:
        assert row.node.layer is not None
        return row.node.layer.needed_macs(row.sizing.output, *row.sizing.inputs)

    return [needed(row) * report.batch for row in report.rows]


def weights_at_most(report: Report, storing: Storing, tokens: int) -> list[int]:
    """Return the bytes of weights that every layer reads if no two of so many tokens use the same rows or experts."""
    columns = zip(used_bytes(report, storing), used_bytes(report, storing, least=True), strict=True)
    return [min(every, tokens * least) for every, least in columns]


def network_bytes(report: Report, weights: Sequence[int], activation_bits: int | Fraction) -> int:
    """Return the bytes that a network must move: its weights once, shared ones too, its inputs and its outputs."""
    inputs = [shape.elements for shape in report.graph.inputs.values()]
    outputs = [report.shape_of(ref.node, ref.output).elements for ref in dict.fromkeys(report.graph.outputs)]
    return once_each(report, weights) + report.batch * sum(stored(n, activation_bits) for n in (*inputs, *outputs))


def once_each(report: Report, weights: Sequence[int]) -> int:
    """Return the sum over all weights, of which those that layers share count once: as much as one layer reads."""
    read: dict[int, int] = {}
    for index, (row, size) in enumerate(zip(report.rows, weights, strict=True)):
        owner = index if row.node.shares < 0 else row.node.shares
        read[owner] = max(read.get(owner, 0), size)
    return sum(read.values())


def _moved(report: Report, bits: int | Fraction) -> list[int]:
    """Return the bytes that every layer on its own reads and writes besides weights; 0 for a view."""
    stored_at = _stored_elements(report)

    @once
    def read(row: Row) -> dict[int, int]:
        return _elements_read(row)

    moved = []
    for row, written in zip(report.rows, stored_at, strict=True):
        each: dict[Reference, int] = {}
        for i, elements in read(row).items():
            ref = row.node.inputs[i]
            whole = stored_at[ref.node][ref.output] if ref.node >= 0 else report.shape_of(ref.node).elements
            each[ref] = max(each.get(ref, 0), min(elements, whole))
        sizes = [] if _is_view(row) else [*each.values(), *written]
        samples = report.batch if row.node.inputs else 1
        moved.append(samples * sum(stored(elements, bits) for elements in sizes))
    return moved


def _is_view(row: Row) -> bool:
    layer = row.node.layer
    assert layer is not None
    return layer.view or layer.only_training


def _stored_elements(report: Report) -> list[list[int]]:
    """Return for each layer how many elements of memory its outputs are: of a view no more than of what it views.

    A view without an input is one of weights, which are counted as such: 0.
    """
    found: list[list[int]] = []
    for row in report.rows:
        own = [shape.elements for shape in row.sizing.outputs]
        if _is_view(row):
            ref = row.node.inputs[0] if row.node.inputs else None
            whole = 0 if ref is None else found[ref.node][ref.output] if ref.node >= 0 else sum(own)
            own = [min(elements, whole) for elements in own]
        found.append(own)
    return found


def _elements_read(row: Row) -> dict[int, int]:
    """Return how many elements a layer reads of each input: strides and crops leave some out; of some none is read."""
    found: dict[int, int] = {}
    for look in row.looks():
        sizes = row.sizing.inputs[look.input].sizes
        outputs = row.sizing.outputs[0].sizes
        each = [
            _positions_read(dependence, size, outputs[axis] if axis >= 0 else 1)
            for (dependence, axis), size in zip(look.axes, sizes, strict=True)
        ]
        found[look.input] = max(found.get(look.input, 0), prod(each))
    return found


def _positions_read(dependence: AxisDependence, size: int, outputs: int) -> int:
    """Return how many positions of an axis are read at least, of which windows that do not overlap may skip some."""
    if dependence.period > 1:
        return size if dependence.advance else min(size, dependence.period)
    seen = dependence.at(0)
    if not dependence.advance:
        return min(size, len(seen))
    if dependence.advance < seen.stop - seen.start:  # the windows overlap
        return size
    first = max(0, -(seen.start // dependence.advance))
    last = min(outputs - 1, (size - seen.stop) // dependence.advance)
    return max(0, last - first + 1) * len(seen)
