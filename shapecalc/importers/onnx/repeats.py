"""Stored tensors that an exporter made of parameters: for each sample of a batch, or as the transpose of a table.

As learned queries and first states, which are expanded to the batch of the example: their parts along an axis are the
same.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.importers.onnx.elements import BITS, FLOATS
from shapecalc.importers.rearranging import expanded
from shapecalc.importers.tensors import Constant, on_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.checkpoints.wire import WireReader
    from shapecalc.importers.onnx.external import Neighbours
    from shapecalc.importers.onnx.messages import GraphMessage, Model, TensorMessage
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["of_each_sample", "repeated_along", "stored", "transposed_tables"]

_MOST = 2**24
"""The most bytes of a tensor that are compared."""


def repeated_along(graph: GraphMessage, reader: WireReader, neighbours: Neighbours) -> dict[str, tuple[int, ...]]:
    """Return the axes along which all parts of a stored tensor are the same, of those that may be of a batch.

    A tensor whose elements could not be read is left out. One of a single value, as zeros, that no exporter made says
    nothing: it may be a weight before the training.
    """
    inputs = [info.dims for info in graph.inputs if info.dims and info.name not in graph.weights]
    batches = {size for dims in inputs for size in dims[:2] if isinstance(size, int) and size > 1}
    found = {}
    for tensor in graph.weights.values() if batches else ():
        dims = tensor.dims
        may_be = [axis for axis, size in enumerate(dims[:2]) if size and any(size % one == 0 for one in batches)]
        axes = [axis for axis in may_be if prod(dims) > dims[axis]]
        if axes and tensor.type in FLOATS:
            read = _Elements(tensor, reader, neighbours)
            alike = [axis for axis in axes if read.size and read.are_alike(axis)]
            if read.size and (_is_made(graph, tensor) or not alike or not read.is_of_one_value()):
                found[tensor.name] = tuple(alike)
    return found


def transposed_tables(graph: GraphMessage, reader: WireReader, neighbours: Neighbours) -> dict[str, str]:
    """Return the tables of rows that an exporter has stored again as their transposes, by the names of these.

    Weights are tied so: PyTorch's older exporter transposes those of a linear layer. Some elements are compared.
    """
    names = [name for node in graph.nodes if node.op == "Gather" for name in node.inputs[:1]]
    tables = [graph.weights[name] for name in names if name in graph.weights]
    by_size = {one.dims[::-1]: one for one in tables if len(one.dims) == _MATRIX and one.type in FLOATS}
    found = {}
    for tensor in graph.weights.values() if by_size else ():
        other = by_size.get(tensor.dims)
        if other is not None and _is_made(graph, tensor) and tensor.type == other.type and other.name != tensor.name:
            one, two = _Elements(tensor, reader, neighbours), _Elements(other, reader, neighbours)
            at = [(i * 7919 % tensor.dims[0], i * 104_729 % tensor.dims[1]) for i in range(_COMPARED)]
            values = [one.element(*index) for index in at]
            are_same = None not in values and values == [two.element(*index[::-1]) for index in at]
            if are_same and len(set(values)) > _COMPARED // 4:
                found[tensor.name] = other.name
    return found


def _is_made(graph: GraphMessage, tensor: TensorMessage) -> bool:
    """Return whether one of PyTorch's exporters computed a stored tensor."""
    return tensor.name in graph.folded or tensor.name.startswith("onnx::")


_MATRIX = 2
_COMPARED = 64
"""How many elements of two matrices are compared."""


def stored(model: Model, weight: TensorMessage, b: int) -> Constant:
    """Return a tensor of a file whose batch is b: learned if it is of fractions, or stands for them, and no mask."""
    name = weight.name
    found = weight.constant(is_quantised=name in model.quantised)
    if name in model.masks or name in model.scales:
        found = found._replace(learned=False)
    own = model.graph.folded.get(name, frozenset()) & model.graph.parameters
    if len(own) == 1 and (first := model.graph.weights.get(next(iter(own)))) and prod(first.dims) == prod(found.dims):
        found = found._replace(sources=(first.name,))  # that parameter, transposed
    found = found._replace(sources=(model.tied[name],)) if name in model.tied else found
    alike = model.repeated.get(name)
    if alike is None or b == 1 or all(size % b for size in weight.dims[:2]):
        return found
    axis = next((axis for axis in alike if weight.dims[axis] % b == 0), -1)
    if found.learned:
        return found._replace(repeated=axis)
    return found._replace(is_of_no_batch=axis < 0 and found.items != tuple(range(b)))


def of_each_sample(call: NodeCall) -> tuple[Any, ...]:
    """Return the inputs of a node, with one sample of a weight that was made for each, where it is not its weight."""
    return tuple([
        expanded(call, x._replace(dims=on_axis(x.dims, x.repeated, 1)), x.dims)
        if isinstance(x, Constant) and x.repeated >= 0 and not call.uses.is_weight(call.node, i) else x
        for i, x in enumerate(call.inputs)
    ])  # fmt: skip


class _Elements:
    """The bytes of a stored tensor, of which only as many are read as differ; `size` is 0 where there are none."""

    def __init__(self, tensor: TensorMessage, reader: WireReader, neighbours: Neighbours) -> None:
        self.tensor = tensor
        self.reader = reader
        self.neighbours = neighbours
        self.width = BITS.get(tensor.type, 0) // 8
        size = self.width * prod(tensor.dims)
        self.size = size if (tensor.data or tensor.outside) and 0 < size <= _MOST else 0

    def element(self, row: int, column: int) -> bytes | None:
        """Return an element of a matrix."""
        tensor = self.tensor
        if not self.width or not (tensor.data or tensor.outside):
            return None
        return self._read(self.width * (row * tensor.dims[1] + column), self.width)

    def are_alike(self, axis: int) -> bool:
        """Return whether all parts along an axis are the same."""
        return all(parts[0] is not None and len(set(parts)) == 1 for parts in self._blocks(axis))

    def is_of_one_value(self) -> bool:
        """Return whether all elements are the same."""
        return (self._read(0, self.size) or b"") == (self._read(0, self.width) or b"") * prod(self.tensor.dims)

    def _blocks(self, axis: int) -> Iterator[list[bytes | None]]:
        """Yield the parts along an axis, for each position of the axes before it: the first two come first."""
        dims = self.tensor.dims
        part = self.width * prod(dims[axis + 1 :])
        for number in range(prod(dims[:axis])):
            start = number * part * dims[axis]
            for count in (2, dims[axis]):
                yield [self._read(start + i * part, part) for i in range(count)]

    def _read(self, at: int, count: int) -> bytes | None:
        if self.tensor.outside:
            return self.neighbours.read(self.tensor.outside, at, count)
        data = self.tensor.data
        return self.reader.data[data.start + at : data.start + at + count] if data else None
