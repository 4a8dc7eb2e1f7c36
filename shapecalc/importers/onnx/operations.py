"""The table of operations: a function for each, from a node and its inputs to layers.

A family is a module of this folder whose functions register themselves with `operation`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.alike import likeness
from shapecalc.importers.call import ImportedCall
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.messages import MOST_ITEMS
from shapecalc.importers.onnx.places import place_by_weights
from shapecalc.importers.onnx.uses import TensorUses
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Constant, Data, inferred_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.importers.alike import Likeness
    from shapecalc.importers.frame import Frame
    from shapecalc.importers.onnx.messages import NodeMessage
    from shapecalc.importers.tensors import NodePlace

    Tensor = Data | Constant
    Result = Tensor | Sequence[Tensor | None]
    Operation = Callable[["NodeCall"], Result]

__all__ = ["NodeCall", "every_output", "operation"]

operation: OperationTable[Operation] = OperationTable(
    "onnx",
    ("windows", "pointwise", "axes", "products", "norms", "selection", "sampling", "recurrent", "quantised", "fused",
     "blocked", "sized", "sequences"),
)  # fmt: skip
"""The operations of ONNX itself, and those of other domains as DOMAIN.OPERATION."""


_REWRITTEN = "pkg.onnxscript.rewriter.rule_name"
"""In the metadata of a node of PyTorch's newer exporter: the rules by which it was rewritten."""
_WEIGHTED = frozenset(("Conv", "BatchNormalization", "LayerNormalization"))
_ALIKE = _WEIGHTED | {"Relu", "Add", "MaxPool", "AveragePool", "GlobalAveragePool", "Tanh", "Softmax", "Gelu"}
"""Operations that become the same layer wherever their attributes and the sizes of their inputs are equal."""
_NO_USES = TensorUses((), (), {})


class NodeCall(ImportedCall):
    """A node with its inputs: what the function of its operation works on."""

    def __init__(self, node: NodeMessage, place: NodePlace, inputs: Sequence[Any], opset: int, frame: Frame) -> None:
        super().__init__(place, inputs, frame)
        self.node = node
        self.opset = opset
        self.uses = _NO_USES
        """What the graph around it does with its tensors."""
        self.is_of_constants = False
        """Whether its inputs are constants, so that only the size of its output matters."""

    @property
    def likeness(self) -> Likeness | None:
        """What the node has in common with those that become the same layer; None where there may be no other."""
        node = self.node
        if node.op not in _ALIKE or node.domain or len(node.outputs) != 1:
            return None
        arguments = (node.op, self.opset, *map(id, node.attributes.values()))
        return likeness(arguments, self.inputs, with_weights=node.op in _WEIGHTED, owner=node.attributes)

    def place_with(self, weights: Sequence[Constant]) -> NodePlace:
        """Return where a layer with these weights is: in a file without modules, their names say so."""
        if self.node.metadata.get(_REWRITTEN, "").startswith("FuseBatchNorm"):  # it has the place of what is fused
            found = place_by_weights(self.place._replace(blocks=()), weights)
            return found if found.name != self.place.name else self.place
        return place_by_weights(self.place, weights)

    def is_used(self, output: int) -> bool:
        """Return whether one of its outputs is used."""
        name = "".join(self.node.outputs[output : output + 1])
        return bool(name) and self.uses.is_used(name)

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute, or None."""
        found = self.node.attributes.get(name)
        return found.value if found else None

    def number(self, name: str, default: int) -> int:
        """Return an attribute that is a whole number. Errors: `LayerError`."""
        value = self.attribute(name)
        if value is not None and type(value) is not int:
            raise LayerError(f"its attribute {name} is not a whole number")
        return default if value is None else value

    def numbers(self, name: str) -> list[int]:
        """Return an attribute that is a list of whole numbers: empty if it is left out. Errors: `LayerError`."""
        value = self.attribute(name)
        if value is not None and not (isinstance(value, list) and all(type(n) is int for n in value)):
            raise LayerError(f"its attribute {name} is not a list of whole numbers")
        return value or []

    def word(self, name: str, default: str) -> str:
        """Return an attribute that is a text."""
        value = self.attribute(name)
        return value if isinstance(value, str) and value else default

    def items(self, index: int) -> list[Any] | None:
        """Return the values of an input; None where it is left out. Errors: `NotCoveredError` if they are not known."""
        found = self.given(index)
        if found is None:
            return None
        if not isinstance(found, Constant) or found.items is None:
            raise NotCoveredError(f"its input {self.node.inputs[index]} {_unknown(found)}")
        return list(found.items)

    def listed(self, name: str, index: int) -> list[int] | None:
        """Return a list that is an attribute in older versions, and an input in later ones; None where it is neither.

        Errors: `NotCoveredError`.
        """
        if name in self.node.attributes:
            return self.numbers(name)
        items = self.items(index)
        return None if items is None else [int(item) for item in items]

    def as_map(self, index: int = 0) -> Data:
        """Return an input as channels and spatial axes, with the batch in front of them. Errors: `NotCoveredError`."""
        return self.map_of(self.data(index))

    # InputSizes and positions, of data and of values alike.

    def new_sizes(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        """Return the sizes that a node which only rearranges makes of others. Errors: `LayerError`."""
        work = {"Reshape": self._reshaped, "Squeeze": self._squeezed, "Unsqueeze": self._unsqueezed}
        return work.get(self.node.op, self._flattened)(dims)

    def _reshaped(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self.listed("shape", 1)
        if wanted is None:
            raise LayerError("it has no shape")
        zero = self.number("allowzero", 0)
        if any(size == 0 and not zero and i >= len(dims) for i, size in enumerate(wanted)):
            raise LayerError(f"its shape {wanted} keeps an axis that its input does not have")
        sizes = [dims[i] if size == 0 and not zero else size for i, size in enumerate(wanted)]
        return tuple(inferred_sizes("shape", wanted, prod(dims), sizes))

    def _squeezed(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        axes = self.listed("axes", 1)
        if axes is None:
            return tuple([size for size in dims if size != 1])
        gone = {self.frame.axis(axis, len(dims)) for axis in axes}
        for axis in gone:
            if dims[axis] != 1:
                raise LayerError(f"it removes axis {axis}, whose size is {dims[axis]}, not 1")
        return tuple([size for axis, size in enumerate(dims) if axis not in gone])

    def _unsqueezed(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        axes = self.listed("axes", 1) or []
        rank = len(dims) + len(axes)
        added = {self.frame.axis(axis, rank) for axis in axes}
        if len(added) < len(axes):
            raise LayerError(f"its axes {axes} are not different ones")
        rest = iter(dims)
        return tuple([1 if axis in added else next(rest) for axis in range(rank)])

    def _flattened(self, dims: tuple[int, ...]) -> tuple[int, ...]:
        axis = self.number("axis", 1)
        axis = axis + len(dims) if axis < 0 else axis
        return (prod(dims[:axis]), prod(dims[axis:]))

    def slices(self, rank: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the axis, start, end and step of each part that Slice cuts. Errors: `NotCoveredError`, `LayerError`."""
        starts, ends = self.listed("starts", 1), self.listed("ends", 2)
        if starts is None or ends is None or len(starts) != len(ends):
            raise LayerError("it has not as many starts as ends")
        axes = self.listed("axes", 3)
        steps = self.items(4) if self.opset >= 10 else None
        axes = list(range(len(starts))) if axes is None else axes
        steps = [1] * len(starts) if steps is None else steps
        if len(axes) != len(starts) or len(steps) != len(starts) or 0 in steps:
            raise LayerError("it has not an axis and a step for each start")
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            yield self.frame.axis(axis, rank), start, end, step


def _unknown(tensor: Tensor) -> str:
    """Return why the elements of an input are not known."""
    if isinstance(tensor, Data):
        return "is computed from data"
    if tensor.unread:
        return f"is in {tensor.unread}"
    elements = prod(tensor.dims)
    if elements > MOST_ITEMS:
        return f"has {elements:,} elements, and the values of at most {MOST_ITEMS:,} are read"
    return "is a constant whose values are not in the file, or computed from such"


def every_output(call: NodeCall, found: Any) -> Sequence[Any]:
    """Return the outputs of a node. Errors: `NotCoveredError` if one is used that its function does not return."""
    several: Sequence[Any] = [found] if isinstance(found, (Data, Constant)) else found
    for name in call.node.outputs[len(several) :]:
        if name and call.uses.is_used(name):
            raise NotCoveredError(f"its further output {name} is used")
    return several
