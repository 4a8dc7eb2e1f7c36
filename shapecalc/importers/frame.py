"""From another library's operations to a graph: what is hard about it, once for all formats.

The frame follows where the batch axis is, which shapes here are without; it makes layers, and works out their sizes as
they are added.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.collection import new_tuple
from shapecalc.errors import LayerError, Mark, Source, count_noun
from shapecalc.importers.ownership import WeightOwners
from shapecalc.importers.tensors import (
    FIXED,
    LOST,
    NO_BATCH,
    Batch,
    Constant,
    Data,
    FailedError,
    JoinedBatchError,
    NodePlace,
    NotCoveredError,
    Unsized,
    batch_after,
    common_axis,
    on_axis,
    rearrangement,
    sizes_text,
)
from shapecalc.importers.understanding import UnresolvedLayer
from shapecalc.layers import find_kind
from shapecalc.model.graph import Node, Reference
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.rows import Sizing

__all__ = ["FailedError", "Frame", "JoinedBatchError", "NotCoveredError"]

_NONE: frozenset[str] = frozenset()


class Frame:
    """The graph as it grows: its nodes, where they are, and the sizes of their outputs.

    `batch` is the size of the batch in the file; `repeats` are axes along which what has no batch is repeated for it.
    """

    def __init__(self, name: str, batch: int = 1, repeats: tuple[int, ...] = (0,)) -> None:
        self.source = Source(name)
        self.batch = batch
        self.repeats = repeats
        self.inputs: dict[str, Shape] = {}
        self.nodes: list[Node] = []
        self.places: list[NodePlace] = []
        self._layers: dict[Any, Layer] = {}
        self._sizings: dict[Any, Sizing] = {}
        self.owners = WeightOwners()
        self.joined: set[int] = set()  # how many samples of a layer are joined to the batch
        self.parts = 0  # the layers that work on a part of a joined batch
        self.sources: dict[int, list[str]] = {}
        """The tensors of the file that are weights of each node."""
        self._parameters: dict[Any, Data] = {}
        self._kept: list[Constant] = []
        self.notes: dict[str, None] = {}

    def add_input(self, name: str, shape: Shape, batch: Batch) -> Data:
        """Add an input of the network."""
        self.inputs[name] = shape
        return Data(Reference(-len(self.inputs)), shape, batch)

    def mark(self, place: NodePlace) -> Mark:
        """Return the location of a node for errors."""
        return place.mark or new_tuple(Mark, (self.source, 0, 0, 1, place.path))

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
        """Add a layer, and return its outputs. `weights` are the tensors of the file that are its weights.

        `frozen` is whether the file says that they are not trained.

        Errors: `LayerError` where it cannot be made, `FailedError` where its sizes cannot be.
        """
        layer = self._layer(kind, arguments)
        refs = tuple([x.ref for x in inputs])
        try:
            sizing = self.sizing(layer, tuple([x.shape for x in inputs]))
        except LayerError:
            self._add(Node(place.name, layer, refs, self.mark(place)), place)
            raise FailedError(len(self.nodes) - 1) from None
        index = self.add_layer(place, layer, sizing, refs, weights, frozen=frozen)
        if len(sizing.outputs) == 1:
            return [(Reference(index), sizing.outputs[0])]
        return [(Reference(index, number), shape) for number, shape in enumerate(sizing.outputs)]

    def sizing(self, layer: Layer, shapes: tuple[Shape, ...]) -> Sizing:
        """Return the results of a layer for inputs of these shapes. Errors: `LayerError`."""
        found = self._sizings.get((id(layer), shapes))
        if found is None:
            found = self._sizings[id(layer), shapes] = size_layer(layer, shapes)
        return found

    def add_layer(
        self, place: NodePlace, layer: Layer, sizing: Sizing, refs: tuple[Reference, ...],
        weights: Sequence[Constant] = (), *, frozen: bool = False,
    ) -> int:  # fmt: skip
        """Add a layer whose sizes are known, and return its index."""
        index = len(self.nodes)
        if not weights:
            self._add(new_tuple(Node, (place.name, layer, refs, self.mark(place), (), -1, frozen, -1, _NONE)), place)
            return index
        shares, held = self.owners.shared(weights, sizing, index)
        self._add(new_tuple(Node, (place.name, layer, refs, self.mark(place), (), shares, frozen, -1, held)), place)
        self.sources[index] = [name for weight in weights if weight.learned for name in weight.sources]
        return index

    def fix_weights(self, index: int, names: Iterable[str]) -> None:
        """Note that these weights of a node are not learned: constants that the file states as such."""
        node = self.nodes[index]
        fixed = frozenset(names) - node.held
        self.owners.fixed += len(fixed)
        self.nodes[index] = node._replace(held=node.held | fixed)

    def _add(self, node: Node, place: NodePlace) -> None:
        self.nodes.append(node)
        self.places.append(place)

    def forget(self, index: int) -> None:
        """Leave out the layers from an index on: those of a node that turned out to be none."""
        if index >= len(self.nodes):
            return
        del self.nodes[index:], self.places[index:]
        self._parameters = {key: x for key, x in self._parameters.items() if x.ref.node < index}
        self.sources = {key: names for key, names in self.sources.items() if key < index}
        self.owners.forget(index)

    def _layer(self, kind: str, arguments: dict[str, Any]) -> Layer:
        """Return the layer of a kind with these arguments: one and the same for equal ones."""
        key = (kind, *[(name, _hashable(value) if isinstance(value, (list, tuple)) else value)
                       for name, value in arguments.items()])  # fmt: skip
        layer = self._layers.get(key)
        if layer is None:
            cls = find_kind(kind)
            assert cls is not None, kind
            layer = self._layers[key] = cls(**arguments)
        return layer

    def unresolved(self, place: NodePlace, kind: str, inputs: Sequence[Reference], error: LayerError) -> Unsized:
        """Add a node that could not be read: inference reports the error, and goes on where it can."""
        layer = object.__new__(UnresolvedLayer)
        layer.__dict__.update({"kind": kind or "?", "error": error})
        self._add(Node(place.name, layer, tuple(inputs), self.mark(place)), place)
        return Unsized(Reference(len(self.nodes) - 1))

    def as_data(self, place: NodePlace, constant: Constant, dims: tuple[int, ...]) -> Data:
        """Return a constant as the output of a layer of its own: a parameter, if it is learned. It is added once."""
        key = (constant.sources or id(constant), prod(dims))
        found = self._parameters.get(key)
        if found is None:
            name = constant.sources[0] if len(constant.sources) == 1 else f"{place.name}_constant"
            name = name.removeprefix(".".join(place.blocks) + ".")
            own = NodePlace(place.path, place.blocks, name.rpartition("/")[2].replace(".", "_"))
            kind = "parameter" if constant.learned else "constant"
            self._kept.append(constant)  # so that its identity stays its own
            ((ref, shape),) = self.emit(own, kind, {"shape": dims}, (), [constant] if kind == "parameter" else ())
            found = self._parameters[key] = Data(ref, shape, constant.batch)
        return self._reshaped(place, found, dims, constant.batch)

    def shared_tensors(self) -> str:
        """Return the note on weights that layers share singly; empty for none."""
        return self.owners.note(sum(len(node.held) for node in self.nodes))

    # Where the batch is.

    def index(self, x: Data, axis: int) -> int:
        """Return which axis of the size without the batch an axis of the file is; -1 for the batch itself.

        Errors: `LayerError` where there is no such axis.
        """
        axis = self.axis(axis, x.rank)
        if not x.batch.own:
            return axis
        return -1 if axis == x.batch.axis else axis - (axis > x.batch.axis)

    @staticmethod
    def axis(axis: int, rank: int) -> int:
        """Return the index of an axis, which may be counted from the end. Errors: `LayerError` where there is none."""
        if not -rank <= axis < rank:
            raise LayerError(f"there is no axis {axis}: its input has {rank} {'axis' if rank == 1 else 'axes'}")
        return axis % rank

    def within(self, x: Data, axis: int) -> int:
        """Return the number of an axis, as in arguments of layers. Errors: `NotCoveredError` for that of the batch."""
        index = self.index(x, axis)
        carries = self.batch > 1 and not x.batch.own and index == x.batch.axis
        if index < 0 or carries:
            raise NotCoveredError(f"it works along axis {axis}, which is that of the batch")
        return index + 1

    def whole(self, place: NodePlace, x: Data) -> Data:
        """Return a tensor of one sample with its batch axis as an axis of size 1 like any other."""
        return self.of_size_one(place, x) if self.batch == 1 else x

    def of_size_one(self, place: NodePlace, x: Data) -> Data:
        """Return one sample of a tensor, with an axis of size 1 where its batch is."""
        return self._reshaped(place, x, x.full(1), LOST) if x.batch.own else x

    def without_axis(self, place: NodePlace, x: Data, axis: int) -> Data:
        """Return a tensor of one sample, with its batch like any other axis, without an axis of size 1."""
        full = x.full(1)
        return self._reshaped(place, x, (*full[:axis], *full[axis + 1 :]), x.batch if x.batch.is_fixed else LOST)

    def one_sample(self, place: NodePlace, x: Data, axis: int) -> Data:
        """Return a tensor that depends on no input without the axis along which it is repeated for the whole batch.

        Errors: `LayerError` where its size there is neither 1 nor that of the batch.
        """
        size = x.shape.sizes[axis]
        if size == 1:
            return self.without_axis(place, x, axis)
        if x.batch != FIXED or size != self.batch:
            raise LayerError(f"its input {x.shape.text} differs along the batch axis")
        ((ref, shape),) = self.emit(place, "gather", {"index": [0], "dim": axis + 1, "keepdim": False}, (x,))
        return Data(ref, shape, FIXED)

    def _reshaped(
        self, place: NodePlace, x: Data, sizes: tuple[Any, ...], batch: Batch, inferred: tuple[int, ...] = ()
    ) -> Data:
        if sizes == x.shape.sizes:
            return x._replace(batch=batch)
        kind, arguments = rearrangement(x.shape.sizes, sizes)
        if kind == "reshape" and inferred:
            arguments = {"shape": inferred}
        ((ref, shape),) = self.emit(place, kind, arguments, (x,))
        return Data(ref, shape, batch)

    def reshape(self, place: NodePlace, x: Data, full: tuple[int, ...], inferred: int = -1) -> Data:
        """Return a tensor with other sizes, as the file has them, with the batch; that of one axis is `inferred`.

        Errors: `LayerError`.
        """
        own = x.full(self.batch)
        if prod(own) != prod(full):
            here, there = count_noun(prod(own), "element"), count_noun(prod(full), "element")
            raise LayerError(f"it makes {sizes_text(full)} ({there}) of its input, which is {sizes_text(own)} ({here})")
        batch = batch_after(x, full, self.batch)
        if self.batch > 1 and batch == Batch(batch.axis) != LOST:
            self.joined.add(full[batch.axis] // self.batch)
        if batch.axis < 0:
            sizes = full
        elif batch.own:
            sizes = (*full[: batch.axis], *full[batch.axis + 1 :])
        else:
            sizes = on_axis(full, batch.axis, full[batch.axis] // self.batch)
        written: tuple[int, ...] = ()
        if inferred >= 0 and inferred != batch.axis:
            written = on_axis(sizes, inferred - (batch.own and batch.axis < inferred), -1)
        return self._reshaped(place, x, sizes, batch, written)

    def moved(self, x: Data, order: Sequence[int]) -> Batch:
        """Return where the batch is once the axes of the file are in another order."""
        return x.batch._replace(axis=list(order).index(x.batch.axis)) if x.batch.axis >= 0 else x.batch

    def aligned(self, place: NodePlace, operands: Sequence[Data | Constant]) -> tuple[list[Data], Batch]:
        """Return operands that are broadcast together, as data without the batch axis; and where that then is."""
        rank = max(x.rank for x in operands)
        at = common_axis(operands, rank, self.batch)
        found = []
        for x in operands:
            axis = at - (rank - x.rank)
            is_own = isinstance(x, Data) and x.batch.own
            covers = at >= 0 and axis >= 0
            if isinstance(x, Constant):
                found.append(self.as_data(place, x, (*x.dims[:axis], *x.dims[axis + 1 :]) if covers else x.dims))
            elif is_own and (at < 0 or x.batch.axis != axis):  # only in a batch of one
                found.append(self.without_axis(place, x, axis) if covers else self.whole(place, x))
            else:
                found.append(self.one_sample(place, x, axis) if covers and not is_own else x)
        if at >= 0:
            return found, Batch(at, own=True)
        return self.of_joined(place, found, rank), self.carried(operands, rank)

    def of_joined(self, place: NodePlace, operands: list[Data], rank: int) -> list[Data]:
        """Return operands without what is repeated for the batch, where that is joined with others in one of them."""
        carrier = next((x for x in operands if x.batch.axis >= 0), None)
        if carrier is None or self.batch == 1:
            return operands
        at = carrier.batch.axis + rank - carrier.rank
        size = carrier.shape.sizes[carrier.batch.axis]
        return [self.first_part(place, x, at - (rank - x.rank), size) for x in operands]

    def first_part(self, place: NodePlace, x: Data, axis: int, size: int) -> Data:
        """Return a tensor that depends on no input without what is repeated for the batch, a factor of an axis."""
        if axis < 0 or x.batch != FIXED or x.shape.sizes[axis] != size * self.batch:
            return x
        ((ref, shape),) = self.emit(place, "slice", {"dim": axis + 1, "end": size}, (x,))
        return Data(ref, shape, FIXED)

    @staticmethod
    def carried(operands: Sequence[Data | Constant], rank: int) -> Batch:
        """Return where the batch is in what is made of tensors of which none has an axis of its own for it."""
        carrier = next((x for x in operands if isinstance(x, Data) and x.batch.axis >= 0 and not x.batch.own), None)
        if carrier is not None:
            return carrier.batch._replace(axis=carrier.batch.axis + rank - carrier.rank)
        if all(x.batch.is_fixed for x in operands):
            made = any(x.batch == FIXED and prod(x.full(1)) != 1 for x in operands)
            return FIXED if made else NO_BATCH
        return LOST


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value
