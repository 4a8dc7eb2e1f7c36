"""From another library's operations to a graph: what is hard about it, once for all formats.

The frame follows where the batch axis is, which shapes here are without; it makes layers, and works out their sizes as
they are added.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Mark, Source, count_noun
from shapecalc.importers.tensors import LOST, Batch, Constant, Data, NodePlace, Unsized, on_axis, rearrangement
from shapecalc.layers import find_kind
from shapecalc.layers.base.layer import Layer
from shapecalc.model.graph import Node, Reference
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.layers.base.shape import Shape

__all__ = ["FailedError", "Frame", "NotCoveredError"]


class NotCoveredError(Exception):
    """A node is used in a way that no layer here is: it is opaque. The text says why."""


class FailedError(Exception):
    """A layer was added whose sizes cannot be: inference reports why. `index` is that of its node."""

    def __init__(self, index: int) -> None:
        self.index = index
        super().__init__(index)


class _Unresolved(Layer):
    """Stands for a node that could not be read: its sizes are unknown, and inference reports why."""

    inputs = (0, None)
    error: LayerError

    def constraints(self, *_: Shape) -> Any:
        error = self.error
        raise LayerError(error.message, error.why, error.hint)


class Frame:
    """The graph as it grows: its nodes, where they are, and the sizes of their outputs.

    `batch` is the size of the batch in the file.
    """

    def __init__(self, name: str, batch: int = 1) -> None:
        self.source = Source(name)
        self.batch = batch
        self.inputs: dict[str, Shape] = {}
        self.nodes: list[Node] = []
        self.places: list[NodePlace] = []
        self._layers: dict[Any, Layer] = {}
        self._sizes: dict[Any, tuple[Shape, ...]] = {}
        self._owners: dict[frozenset[str], tuple[int, list[Any]]] = {}
        self._owner_of: dict[str, int] = {}
        self._parameters: dict[Any, Data] = {}
        self._partly: list[str] = []

    def add_input(self, name: str, shape: Shape, batch: Batch) -> Data:
        """Add an input of the network."""
        self.inputs[name] = shape
        return Data(Reference(-len(self.inputs)), shape, batch)

    def mark(self, path: str) -> Mark:
        """Return the location of a node for errors."""
        return Mark(self.source, 0, 0, 1, path)

    def emit(
        self,
        place: NodePlace,
        kind: str,
        arguments: dict[str, Any],
        inputs: Sequence[Data],
        weights: Iterable[Constant] = (),
        *,
        frozen: bool = False,
    ) -> list[tuple[Reference, Shape]]:
        """Add a layer, and return its outputs. `weights` are the tensors of the file that are its weights.

        `frozen` is whether the file says that they are not trained.

        Errors: `LayerError` where it cannot be made, `FailedError` where its sizes cannot be.
        """
        layer = self._layer(kind, arguments)
        shapes = tuple([x.shape for x in inputs])
        key = (id(layer), shapes)
        outputs = self._sizes.get(key)
        index = len(self.nodes)
        if outputs is None:
            try:
                outputs = size_layer(layer, shapes).outputs
            except LayerError:
                self._add(Node(place.name, layer, tuple([x.ref for x in inputs]), self.mark(place.path)), place)
                raise FailedError(index) from None
            self._sizes[key] = outputs
        shares, held = self._shared(list(weights), layer, shapes, index)
        refs = tuple([x.ref for x in inputs])
        mark = self.mark(place.path)
        self._add(Node(place.name, layer, refs, mark, shares=shares, frozen=frozen, held=held), place)
        return [(Reference(index, number), shape) for number, shape in enumerate(outputs)]

    def _add(self, node: Node, place: NodePlace) -> None:
        self.nodes.append(node)
        self.places.append(place)

    def forget(self, index: int) -> None:
        """Leave out the layers from an index on: those of a node that turned out to be none."""
        del self.nodes[index:], self.places[index:]
        self._parameters = {key: x for key, x in self._parameters.items() if x.ref.node < index}
        self._owners = {key: owner for key, owner in self._owners.items() if owner[0] < index}
        self._owner_of = {key: owner for key, owner in self._owner_of.items() if owner < index}

    def _layer(self, kind: str, arguments: dict[str, Any]) -> Layer:
        """Return the layer of a kind with these arguments: one and the same for equal ones."""
        key = (kind, *[(name, _hashable(value)) for name, value in arguments.items()])
        layer = self._layers.get(key)
        if layer is None:
            cls = find_kind(kind)
            assert cls is not None, kind
            layer = self._layers[key] = cls(**arguments)
        return layer

    def _shared(
        self, weights: Sequence[Constant], layer: Layer, shapes: tuple[Shape, ...], index: int
    ) -> tuple[int, frozenset[str]]:
        """Return the node that has used all of these weights before, or -1; or those of them that others have used."""
        names = [name for weight in weights for name in weight.sources]
        if not names:
            return -1, frozenset()
        own = layer.weights(*shapes)
        if not own and not layer.buffers(*shapes):
            return -1, frozenset()
        sizes = sorted(own.values())
        owner, owned = self._owners.setdefault(frozenset(names), (index, sizes))
        if owner != index:
            return (owner, frozenset()) if owned == sizes else (-1, frozenset(own))
        used = {name for name in names if self._owner_of.setdefault(name, index) != index}
        if not used:
            return -1, frozenset()
        if len(own) != len(weights):
            self._partly += sorted(used)
            return -1, frozenset()
        pairs = zip(own, weights, strict=True)
        return -1, frozenset([name for name, weight in pairs if not used.isdisjoint(weight.sources)])

    def unresolved(self, place: NodePlace, kind: str, inputs: Sequence[Reference], error: LayerError) -> Unsized:
        """Add a node that could not be read: inference reports the error, and goes on where it can."""
        layer = object.__new__(_Unresolved)
        layer.__dict__.update({"kind": kind or "?", "error": error})
        self._add(Node(place.name, layer, tuple(inputs), self.mark(place.path)), place)
        return Unsized(Reference(len(self.nodes) - 1))

    def as_data(self, place: NodePlace, constant: Constant, dims: tuple[int, ...]) -> Data:
        """Return a constant as the output of a layer of its own: a parameter, if it is learned. It is added once."""
        key = constant.sources or id(constant)
        found = self._parameters.get(key)
        if found is None:
            name = constant.sources[0] if len(constant.sources) == 1 else f"{place.name}_constant"
            own = NodePlace(place.path, place.blocks, name.rpartition("/")[2].replace(".", "_"))
            kind = "parameter" if constant.learned and prod(constant.dims) > 1 else "constant"
            ((ref, shape),) = self.emit(own, kind, {"shape": dims}, (), [constant] if kind == "parameter" else ())
            found = self._parameters[key] = Data(ref, shape)
        return self._reshaped(place, found, dims, LOST)

    def is_held(self, name: str) -> bool:
        """Return whether a tensor of the file is the weight of a layer."""
        return name in self._owner_of or any(name in names for names in self._owners)

    def shared_tensors(self) -> str:
        """Return the note on weights that layers share singly; empty for none."""
        held = sum(len(node.held) for node in self.nodes)
        notes = [f"{count_noun(held, 'tensor')} of several layers counted once"] if held else []
        if self._partly:
            notes.append(f"{count_noun(len(self._partly), 'tensor')} of several layers counted in each")
        return ", ".join(notes)

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
        if not x.batch.own or self.batch != 1:
            return x
        return self._reshaped(place, x, x.full(1), LOST)

    def without_axis(self, place: NodePlace, x: Data, axis: int) -> Data:
        """Return a tensor that has no batch without an axis of size 1."""
        return self._reshaped(place, x, (*x.shape.sizes[:axis], *x.shape.sizes[axis + 1 :]), LOST)

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
        batch = self._batch_after(x, full)
        if batch.axis < 0:
            sizes = full
        elif batch.own:
            sizes = (*full[: batch.axis], *full[batch.axis + 1 :])
        else:
            sizes = on_axis(full, batch.axis, full[batch.axis] // self.batch)
        if prod(sizes) != x.shape.elements:
            here, there = (count_noun(n, "element") for n in (x.shape.elements, prod(sizes)))
            raise LayerError(f"it makes {there} of the {here} of its input {x.shape.text}")
        written: tuple[int, ...] = ()
        if inferred >= 0 and inferred != batch.axis:
            written = on_axis(sizes, inferred - (batch.own and batch.axis < inferred), -1)
        return self._reshaped(place, x, sizes, batch, written)

    def _batch_after(self, x: Data, full: tuple[int, ...]) -> Batch:
        """Return where the batch is once a tensor has other sizes: what stands before it stays before it."""
        b, at = self.batch, x.batch.axis
        if at < 0:
            return Batch(0, own=True) if b == 1 and full[:1] == (1,) else LOST
        own = x.full(b)
        before = prod(own[:at]) * x.batch.outer
        products = [prod(full[:i]) for i in range(len(full))]
        for i, size in enumerate(full):
            if size == b and products[i] == before:
                return Batch(i, own=True)
        found = [
            Batch(i, outer=before // products[i])
            for i, size in enumerate(full)
            if products[i] and before % products[i] == 0 and size and size % (before // products[i] * b) == 0
        ]
        if not found:
            if b == 1:
                return LOST
            raise LayerError(f"the batch of {b} could not be followed from {_text(own)} to {_text(full)}")
        # In a batch of one several are possible: it joins what stands before it where what follows stays as it is.
        joined = full[found[0].axis + 1 :] == own[at + 1 :] if x.batch.own else True
        return found[0] if joined or not before > 1 else found[-1]

    def moved(self, x: Data, order: Sequence[int]) -> Batch:
        """Return where the batch is once the axes of the file are in another order."""
        return x.batch._replace(axis=list(order).index(x.batch.axis)) if x.batch.axis >= 0 else LOST

    def aligned(self, place: NodePlace, operands: Sequence[Data | Constant]) -> tuple[list[Data], Batch]:
        """Return operands that are broadcast together, as data without the batch axis; and where that then is."""
        rank = max(x.rank for x in operands)
        at = next((rank - x.rank + x.batch.axis for x in operands if isinstance(x, Data) and x.batch.own), -1)
        found = []
        for x in operands:
            axis = at - (rank - x.rank)
            is_own = isinstance(x, Data) and x.batch.own
            if is_own and isinstance(x, Data) and x.batch.axis != axis:  # only in a batch of one
                x = self.whole(place, x)  # noqa: PLW2901
                is_own = False
            covers = at >= 0 and axis >= 0 and not is_own
            if covers and x.full(1)[axis] != 1:
                raise LayerError(f"its inputs {' and '.join(_text(y.full(self.batch)) for y in operands)} differ along "
                                 "the batch axis")  # fmt: skip
            if isinstance(x, Constant):
                found.append(self.as_data(place, x, (*x.dims[:axis], *x.dims[axis + 1 :]) if covers else x.dims))
            else:
                found.append(self.without_axis(place, x, axis) if covers else x)
        if at >= 0:
            return found, Batch(at, own=True)
        carrier = next((x for x in operands if isinstance(x, Data) and x.batch.axis >= 0), None)
        batch = LOST if carrier is None else carrier.batch._replace(axis=carrier.batch.axis + rank - carrier.rank)
        return found, batch


def _text(sizes: Sequence[Any]) -> str:
    return "×".join(map(str, sizes)) or "a scalar"


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value
