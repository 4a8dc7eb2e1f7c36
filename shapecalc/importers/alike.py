"""Nodes like one before: a network has the same layer many times, on other tensors of the same sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.collection import new_tuple
from shapecalc.importers.tensors import Batch, Constant, Data
from shapecalc.model.graph import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.frame import Frame
    from shapecalc.importers.tensors import NodePlace
    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.rows import Sizing

__all__ = ["AlikeNodes", "Likeness", "likeness"]


class Likeness(NamedTuple):
    """What a node has in common with those that become the same layer, and its tensors.

    `owner` is kept as long as the key is: an object whose parts are in it by their identity.
    """

    key: tuple[Any, ...]
    tensors: Sequence[Any]
    owner: object = None


def likeness(
    arguments: tuple[Any, ...], tensors: Sequence[Any], *, with_weights: bool, owner: object = None
) -> Likeness | None:
    """Return the likeness of a node with these arguments; None for one that is to be looked at itself.

    It is for operations that depend on nothing but their arguments and the sizes of their tensors. A constant among
    these is a weight of which only the size matters: otherwise the node has no likeness.
    """
    key: list[Any] = [arguments]
    for x in tensors:
        if type(x) is Data:
            key.append(x[1:])
        elif x is None:
            key.append(None)
        elif with_weights and type(x) is Constant and len(x.sources) == 1 and (x.learned or x.items is None):
            key.append((x.dims, *x[3:]))
        else:
            return None
    return Likeness(tuple(key), tensors, owner)


class _Made(NamedTuple):
    """The layer that a node became: where the batch is in its output, and which tensors are its inputs and weights."""

    layer: Layer
    sizing: Sizing
    batch: Batch
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    frozen: bool
    owner: object


class AlikeNodes:
    """What the nodes of a graph became, by their likeness."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._made: dict[tuple[Any, ...], _Made] = {}

    def again(
        self,
        like: Likeness | None,
        place: NodePlace,
        place_with: Callable[[Sequence[Constant]], NodePlace] | None = None,
    ) -> list[Data] | None:
        """Add the layer that a node like this one became, and return its output; None where there was none.

        It is at this place, or where `place_with` says that a layer with its weights is.
        """
        made = self._made.get(like.key) if like else None
        if made is None or like is None:
            return None
        layer, sizing, batch, inputs, weights, frozen, _ = made
        refs = tuple([like.tensors[i].ref for i in inputs])
        if len(refs) > 1 and len(set(refs)) < len(refs):
            return None
        held = [like.tensors[i] for i in weights]
        at = place_with(held) if place_with else place
        index = self._frame.add_layer(at, layer, sizing, refs, held, frozen=frozen)
        return [new_tuple(Data, (new_tuple(Reference, (index, 0)), sizing.outputs[0], batch))]

    def note(self, like: Likeness | None, before: int, found: Sequence[Any] | None) -> None:
        """Keep what a node became, the layers from an index on: if they are one, of the node's own tensors alone."""
        frame = self._frame
        if not (like and found) or len(found) > 1 or type(found[0]) is not Data:
            return
        output = found[0]
        if output.ref != Reference(before) or len(frame.nodes) != before + 1:
            return
        node = frame.nodes[before]
        if node.layer is None or node.kind == "opaque" or node.held:
            return
        inputs = {x.ref: i for i, x in enumerate(like.tensors) if type(x) is Data}
        weights = {x.sources[0]: i for i, x in enumerate(like.tensors) if type(x) is Constant}
        at = tuple([inputs.get(ref, -1) for ref in node.inputs])
        held = tuple([weights.get(name, -1) for name in frame.sources.get(before, ())])
        if -1 not in (*at, *held) and len(at) == len(inputs):
            sizing = frame.sizing(node.layer, tuple([like.tensors[i].shape for i in at]))
            self._made[like.key] = _Made(node.layer, sizing, output.batch, at, held, node.frozen, like.owner)
