"""The table of layer types: a function for each, from a layer of the file and its inputs to layers.

A family is a module of this folder whose functions register themselves with `layer_type`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.alike import likeness
from shapecalc.importers.call import ImportedCall
from shapecalc.importers.frame import Frame
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Batch, Constant, Data, NodePlace
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.alike import Likeness
    from shapecalc.importers.caffe.messages import CaffeLayer, Params
    from shapecalc.importers.caffe.text import ProtoText
    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Reference
    from shapecalc.model.rows import Sizing

    Converter = Callable[["CaffeCall"], Data | Sequence[Data]]

__all__ = ["CaffeCall", "CaffeFrame", "find_layer_type", "layer_type", "likeness_of", "where"]

_MOST = 2**31 - 1
layer_type: OperationTable[Converter] = OperationTable(
    "caffe", ("windows", "pointwise", "axes", "products", "norms", "detection", "losses")
)
"""The types of layers, written as words of lower case."""
_ALIKE = frozenset(("convolution", "batchnorm", "scale", "relu", "prelu", "sigmoid", "tanh", "eltwise", "concat",
                    "pooling", "lrn", "dropout", "innerproduct"))  # fmt: skip
"""Types that become the same layer wherever their arguments and the sizes of their inputs are equal."""


def likeness_of(layer: CaffeLayer, inputs: Sequence[Data]) -> Likeness | None:
    """Return what a layer has in common with those that become the same one; None where there may be no other."""
    if layer.key not in _ALIKE:
        return None
    return likeness((layer.key, len(layer.tops), *layer.own.plain(_OWN)), inputs, with_weights=False)


_OWN = ("name", "type", "bottom", "top")


def where(condition: object, **arguments: Any) -> dict[str, Any]:
    """Return arguments of a layer where a condition holds, and none where not."""
    return arguments if condition else {}


def find_layer_type(key: str) -> Converter | None:
    """Return the function of a type, or None."""
    return layer_type.find(key) or (layer_type.find("loss") if key.endswith("loss") else None)


class CaffeFrame(Frame):
    """The graph as it grows, with the parameters that layers share by name."""

    def __init__(self, file: ProtoText, batch: int) -> None:
        super().__init__(file.source.name, batch)
        self.source = file.source
        self.layer: CaffeLayer | None = None
        self._held: dict[str, tuple[tuple[Any, ...], str]] = {}
        self.guessed: set[Reference] = set()
        """Labels whose sizes the file does not state."""
        self.shapes: dict[int, Shape] = {}
        """The sizes of the (first) outputs of nodes, by their index."""

    def emit(
        self,
        place: NodePlace,
        kind: str,
        arguments: dict[str, Any],
        inputs: Sequence[Data],
        weights: Sequence[Constant] = (),
        *,
        frozen: bool = False,
    ) -> list[tuple[Reference, Shape]]:
        layer, index = self.layer, len(self.nodes)
        names = layer.shared_names() if layer else []
        if not any(names) and not (layer and layer.is_frozen):
            return super().emit(place, kind, arguments, inputs, weights, frozen=frozen)
        shapes = tuple([x.shape for x in inputs])
        try:
            own = self._layer(kind, arguments).weights(*shapes)
        except LayerError:  # its sizes cannot be: below
            own = {}
        named = [names[i] if i < len(names) and names[i] else f"{place.path}/{index}/{i}" for i in range(len(own))]
        for name, sizes in zip(named, own.values(), strict=True):
            self._check_shared(name, sizes, layer.name if layer else "")
        pairs = zip(named, own.values(), strict=True) if any(names) else ()
        shared = [Constant(sizes, None, (name,), learned=True) for name, sizes in pairs]
        frozen = frozen or bool(own and layer and layer.is_frozen)
        return super().emit(place, kind, arguments, inputs, shared, frozen=frozen)

    def add_layer(
        self, place: NodePlace, layer: Layer, sizing: Sizing, refs: tuple[Reference, ...],
        weights: Sequence[Constant] = (), *, frozen: bool = False,
    ) -> int:  # fmt: skip
        elements = prod(sizing.outputs[0].sizes)
        if elements > _MOST:
            raise LayerError(f"its output would have {elements:,} elements: Caffe counts to {_MOST:,}")
        index = super().add_layer(place, layer, sizing, refs, weights, frozen=frozen)
        self.shapes[index] = sizing.outputs[0]
        return index

    def sizes_of(self, kind: str, arguments: dict[str, Any], inputs: Sequence[Data]) -> tuple[Any, ...]:
        """Return the size of the output that a layer would have. Errors: `LayerError`."""
        return size_layer(self._layer(kind, arguments), tuple([x.shape for x in inputs])).outputs[0].sizes

    def _check_shared(self, name: str, sizes: tuple[Any, ...], layer: str) -> None:
        before, owner = self._held.setdefault(name, (sizes, layer))
        if before != sizes:
            own, other = ("×".join(map(str, each)) for each in (sizes, before))
            raise LayerError(f"its parameter {name} is {own} here, but {other} in the layer {owner}, which shares it")


class CaffeCall(ImportedCall):
    """A layer of the file with its inputs: what the function of its type works on."""

    frame: CaffeFrame

    def __init__(self, layer: CaffeLayer, place: NodePlace, inputs: Sequence[Data], frame: CaffeFrame) -> None:
        super().__init__(place, inputs, frame)
        self.layer = layer
        self.notes: list[str] = []
        """What is said of the layer under the report."""

    def param(self, name: str) -> Params:
        """Return the arguments under a name."""
        return self.layer.param(name)

    def data(self, index: int = 0) -> Data:
        if index >= len(self.inputs):
            raise LayerError(f"its input {index} is missing: it has {len(self.inputs)} (bottom)")
        return super().data(index)

    def part(self, name: str) -> NodePlace:
        """Return the place of a layer that is a part of this one."""
        return self.place._replace(name=f"{self.place.name}_{name}")

    def emit(
        self,
        kind: str,
        *data: Data,
        batch: Batch,
        weights: Sequence[Constant] = (),
        part: str = "",
        **arguments: Any,
    ) -> list[Data]:
        """Add a layer, and return its outputs. `part` is its name, if it is one of several that this layer is here."""
        place = self.part(part) if part else self.place
        return [Data(ref, shape, batch) for ref, shape in self.frame.emit(place, kind, arguments, data, weights)]

    def full(self, x: Data) -> tuple[Any, ...]:
        """Return the sizes of a tensor as Caffe has them, with the batch."""
        return x.full(self.frame.batch)

    def as_map(self, index: int = 0, least: int = 2) -> Data:
        """Return an input as channels and spatial axes, with the batch in front. Errors: `LayerError`."""
        x = self.map_of(self.data(index))
        if x.shape.rank < least:
            axes = "channels and spatial axes" if least > 1 else "channels"
            ranks = {shape.rank: name for name, shape in self.frame.inputs.items()}
            own = ranks.get(2) if max(ranks, default=0) == least - 1 == 2 else ""
            hint = f"the first dim of {own} is taken for the batch: write dim: 1 before its dims" if own else ""
            raise LayerError(f"it needs {axes}, but its input is {x.shape.text}, without the batch", hint=hint)
        return x

    def axis(self, x: Data, name: str, param: str, default: int) -> int:
        """Return the index of an axis that is an argument, as Caffe counts it. Errors: `LayerError`."""
        return self.frame.axis(self.param(param).integer(name, default), x.rank)

    def reshape(self, x: Data, full: Sequence[Any], part: str = "", inferred: int = -1) -> Data:
        """Return a tensor with other sizes, as Caffe has them, with the batch. Errors: `LayerError`."""
        return self.frame.reshape(self.part(part) if part else self.place, x, tuple(full), inferred)
