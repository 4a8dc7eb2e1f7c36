"""Operations of `keras.ops`, and of TensorFlow in models of Keras 2: most are operations that ONNX has too.

An operation that ONNX has is worked out as ONNX's, which follows the batch through any change of axes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.tf_names import keras_name
from shapecalc.importers.keras.trees import SliceKey
from shapecalc.importers.onnx.messages import NodeAttribute, NodeMessage
from shapecalc.importers.onnx.operations import NodeCall
from shapecalc.importers.onnx.operations import find_operation as find_onnx
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.keras.calls import LayerCall

    Function = Callable[["OperationCall"], Any]

__all__ = ["MISSING", "OperationCall", "convert", "operation", "whole_values"]

_OPERATIONS: dict[str, Function] = {}
_FAMILIES = ("ops_pointwise", "ops_axes", "ops_windows")
MISSING = object()
_OPSET = 20
_MOST_ITEMS = 2**16


def operation(*names: str) -> Callable[[Function], Function]:
    """Return a decorator that registers the function of operations."""

    def add(function: Function) -> Function:
        _OPERATIONS.update(dict.fromkeys(names, function))
        return function

    return add


def convert(call: LayerCall) -> Any:
    """Return the outputs of an operation. Errors: `NotCoveredError`, `LayerError`."""
    if not _OPERATIONS:
        for family in _FAMILIES:
            import_module(f"shapecalc.importers.keras.{family}")
    name = call.record.op if call.record.is_op else keras_name(call)
    function = _OPERATIONS.get(name)
    if function is None:
        raise NotCoveredError("no layer here does what it does")
    return function(OperationCall(name, call))


def whole_values(tree: Any) -> list[int] | None:
    """Return the whole numbers that a tree of numbers and known tensors is; None where one is not known."""
    if isinstance(tree, Constant):
        found = tree.items
        if found is None or len(tree.dims) > 1 or any(type(item) is not int for item in found):
            return None
        return list(found)
    if type(tree) is int:
        return [tree]
    if isinstance(tree, (list, tuple)):
        parts = [whole_values(one) for one in tree]
        return None if any(part is None for part in parts) else [item for part in parts if part for item in part]
    return None


class OperationCall:
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

    def tensors(self, names: str | Sequence[str] = ("xs", "inputs", "values", "arrays"), position: int = 0) -> list[Any]:
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
            from shapecalc.importers.keras.trees import array_of

            array = array_of(given)
            if array.items is None or all(isinstance(item, (int, float)) for item in array.items):
                return Constant(array.dims, array.items)
        raise LayerError("one of its inputs is no tensor")

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
            raise LayerError(f"its {name} is no whole number")
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

    def onnx(self, op: str, *inputs: Data | Constant | None, outputs: int = 1, plain: bool = False, **attributes: Any) -> Any:
        """Return the outputs of the ONNX operation that does the same; `plain` inputs are no maps of channels first."""
        given = [_as_plain(x) if plain and isinstance(x, Data) else x for x in inputs]
        names = tuple([f"x{i}" if x is not None else "" for i, x in enumerate(given)])
        fields = {name: NodeAttribute(name, value) for name, value in attributes.items()}
        node = NodeMessage(op, "", "", names, tuple([f"y{i}" for i in range(outputs)]), fields, {})
        function = find_onnx(op)
        assert function is not None, op
        return function(NodeCall(node, self.call.place, given, _OPSET, self.call.frame))

    def same(self, *further: Data) -> Data:
        """Return an opaque layer with an output of the size of its input: a function that has no kind here."""
        x = self.x
        return self.call.one("opaque", x, *further, output_sizes=[list(x.shape.sizes)], op_type=self.name)


def _as_plain(x: Data) -> Data:
    return x._replace(shape=x.shape._replace(is_map=False))


def is_full(key: Any) -> bool:
    """Return whether a key of an index keeps a whole axis."""
    return isinstance(key, SliceKey) and (key.start, key.stop, key.step) in ((None, None, None), (0, None, None))
