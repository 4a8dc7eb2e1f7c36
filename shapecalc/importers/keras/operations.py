"""Operations of `keras.ops`, and of TensorFlow in models of Keras 2, which are known by the names of the former."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import layer
from shapecalc.importers.keras.tf_names import keras_name
from shapecalc.importers.keras.trees import array_of
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Constant, Data, inferred_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.keras.calls import LayerCall

    Function = Callable[["OpsCall"], Any]

__all__ = ["WITHOUT_MACS", "OpsCall", "convert", "operation", "vector", "whole_values"]

operation: OperationTable[Function] = OperationTable("keras", ("ops_pointwise", "ops_axes", "ops_index", "ops_windows"))


def convert(call: LayerCall) -> Any:
    """Return the outputs of an operation. Errors: `NotCoveredError`, `LayerError`."""
    name = call.record.op if call.record.is_op else keras_name(call)
    function = operation.find(name)
    if function is not None:
        return function(OpsCall(name, call))
    of_layer = layer.find(name)  # keras.activations.relu is an operation with the class and the arguments of the layer
    if of_layer is None:
        raise NotCoveredError("no layer here does what it does")
    return of_layer(call)


def whole_values(tree: Any) -> list[int] | None:
    """Return the whole numbers that a tree of numbers and known tensors is; None where one is not known."""
    if isinstance(tree, Constant):
        found = tree.items
        if found is None or len(tree.dims) > 1 or any(type(item) is not int for item in found):
            return None
        return list(found)
    if type(tree) is int:
        return [tree]
    if type(tree) in (list, tuple):
        parts = [whole_values(one) for one in tree]
        return None if any(part is None for part in parts) else [item for part in parts if part for item in part]
    return None


def vector(values: list[int]) -> Constant:
    """Return whole numbers as a known tensor of one axis."""
    return Constant((len(values),), tuple(values))


_WITH_MACS = ("GaussianBlur",)
"""Convolutions with a window that is no parameter."""
WITHOUT_MACS = (
    "RFFT", "IRFFT", "STFT", "ISTFT", "Unfold", "ViewAsComplex", "ViewAsReal", "SegmentSum",
    "SegmentMax", "Diff", "Bincount", "Digitize", "Searchsorted", "Histogram", "Scatter", "Nonzero", "InTopK",
)  # fmt: skip
"""Operations without parameters and MACs: their outputs have the sizes that the file states."""


class OpsCall:
    """An operation with its arguments: by name, by position, or in its config."""

    def __init__(self, name: str, call: LayerCall) -> None:
        self.name = name
        self.call = call
        self.batch = call.frame.batch

    def argument(self, names: str | Sequence[str], position: int = -1, default: Any = None) -> Any:
        """Return an argument by one of its names, or by its position among those of the call."""
        for name in (names,) if isinstance(names, str) else names:
            if name in self.call.kwargs:
                return self.call.kwargs[name]
            if name in self.call.config and name != "name":
                return self.call.config[name]
        return self.call.args[position] if 0 <= position < len(self.call.args) else default

    def tensors(
        self, names: str | Sequence[str] = ("xs", "inputs", "values", "arrays"), position: int = 0
    ) -> list[Any]:
        """Return an argument that is a list of tensors."""
        found = self.argument(names, position)
        many = found if isinstance(found, list) else [found]
        return [self.tensor(one) for one in many]

    def operand(self, names: str | Sequence[str], position: int) -> Data | Constant:
        """Return an argument that is a tensor or a number. Errors: `LayerError`."""
        return self.tensor(self.argument(names, position))

    def tensor(self, given: Any) -> Data | Constant:
        """Return a tensor, or a number or list of them as a constant one. Errors: `LayerError`."""
        if isinstance(given, (Data, Constant)):
            return given
        if isinstance(given, (bool, int, float)):
            return Constant((), (given,))
        if isinstance(given, list) and given:
            array = array_of(given)
            if array.items is None or all(isinstance(item, (int, float)) for item in array.items):
                return Constant(array.dims, array.items)
        raise LayerError("one of its inputs is not a tensor")

    @property
    def x(self) -> Data:
        """Its first input as data."""
        found = self.operand(("x", "input", "inputs", "a", "tensor", "features", "input_tensor", "array", "images"), 0)
        return self.as_data(found)

    def as_data(self, given: Data | Constant) -> Data:
        """Return a tensor as data: a constant becomes a layer."""
        return self.call.frame.as_data(self.call.place, given, given.dims) if isinstance(given, Constant) else given

    def whole(self, names: str | Sequence[str], position: int, default: int) -> int:
        """Return an argument that is a whole number. Errors: `LayerError`."""
        found = whole_values(self.argument(names, position, default))
        if found is None or len(found) != 1:
            name = names if isinstance(names, str) else names[0]
            raise LayerError(f"its {name} is not a whole number")
        return found[0]

    def axes(self, x: Data | Constant, position: int = 1) -> list[int]:
        """Return the axes that it works along: all by default. Errors: `LayerError`, `NotCoveredError`."""
        given = self.argument(("axis", "axes", "dims"), position)
        if given is None:
            return list(range(x.rank))
        found = whole_values(given)
        if found is None:
            raise NotCoveredError("its axis is not known")
        return found

    def flag(self, *names: str) -> bool:
        """Return whether an argument is true."""
        return self.argument(names) is True

    def one(self, kind: str, *data: Data, **arguments: Any) -> Data:
        """Add a layer, and return its first output."""
        return self.call.one(kind, *data, **arguments)

    def reshaped(self, x: Data, sizes: Sequence[int]) -> Data:
        """Return a tensor with these sizes, with the batch; one may be -1. Errors: `LayerError`."""
        given = list(sizes)
        full = inferred_sizes("sizes", given, prod(x.full(self.batch)))
        return self.call.frame.reshape(self.call.place, x, tuple(full), given.index(-1) if -1 in given else -1)

    def unsqueezed(self, x: Data, axes: Sequence[int]) -> Data:
        """Return a tensor with further axes of size 1. Errors: `LayerError`."""
        full = list(x.full(self.batch))
        rank = len(full) + len(axes)
        for axis in sorted(self.call.frame.axis(axis, rank) for axis in axes):
            full.insert(axis, 1)
        return self.call.frame.reshape(self.call.place, x, tuple(full))

    def squeezed(self, x: Data, axes: Sequence[int]) -> Data:
        """Return a tensor without axes of size 1. Errors: `LayerError`."""
        full = x.full(self.batch)
        gone = {self.call.frame.axis(axis, len(full)) for axis in axes}
        for axis in gone:
            if full[axis] != 1:
                raise LayerError(f"it removes axis {axis}, whose size is {full[axis]}, not 1")
        kept = tuple([size for axis, size in enumerate(full) if axis not in gone])
        return self.call.frame.reshape(self.call.place, x, kept)

    def same(self, *further: Data) -> Data:
        """Return an output of the size of its input: of a function that has no kind here, and no MACs as a rule."""
        x = self.x
        if self.name in _WITH_MACS:
            return self.one("opaque", x, *further, output_sizes=[list(x.shape.sizes)], op_type=self.name)
        return self.one("named_operation", x, *further, op_type=self.name)
