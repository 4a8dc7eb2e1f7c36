"""Sequences of tensors, as `SequenceConstruct` and `SplitToSequence` make them: followed tensor by tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.picking import at_positions
from shapecalc.importers.rearranging import cut, joined
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["TensorList", "stacked"]


_MOST_PARTS = 1000


class TensorList(NamedTuple):
    """A sequence of tensors."""

    tensors: tuple[Any, ...]


def _tensors(call: NodeCall) -> tuple[Any, ...]:
    """Return those of the first input. Errors: `NotCoveredError` where it is none whose tensors are known."""
    found: Any = call.given(0)
    if not isinstance(found, TensorList):
        raise NotCoveredError("the tensors of its sequence are not known")
    return found.tensors


def _position(call: NodeCall, index: int, default: int, count: int) -> int:
    """Return a position in a sequence, which has so many. Errors: `LayerError` where there is none."""
    items = call.items(index)
    at = int(items[0]) if items else default
    if not -count <= at < count:
        raise LayerError(f"there is no position {at}: its sequence has {count} tensors")
    return at % count


@operation("SequenceEmpty", "SequenceConstruct")
def _construct(call: NodeCall) -> Any:
    return [TensorList(tuple([x for x in call.inputs if x is not None]))]


@operation("SequenceInsert")
def _insert(call: NodeCall) -> Any:
    tensors = _tensors(call)
    at = _position(call, 2, len(tensors), len(tensors) + 1)
    return [TensorList((*tensors[:at], call.inputs[1], *tensors[at:]))]


@operation("SequenceErase")
def _erase(call: NodeCall) -> Any:
    tensors = _tensors(call)
    at = _position(call, 1, len(tensors) - 1, len(tensors))
    return [TensorList((*tensors[:at], *tensors[at + 1 :]))]


@operation("SequenceAt")
def _at(call: NodeCall) -> Any:
    tensors = _tensors(call)
    return [tensors[_position(call, 1, 0, len(tensors))]]


@operation("SequenceLength")
def _length(call: NodeCall) -> Any:
    return Constant((), (len(_tensors(call)),))


@operation("SplitToSequence")
def _split(call: NodeCall) -> Any:
    x = call.data(0)
    axis, split = call.frame.axis(call.number("axis", 0), x.rank), call.given(1)
    size = x.full(call.frame.batch)[axis]
    if split is None:
        parts = [1] * size
    else:
        parts = call.items(1) or []
        if not split.rank:  # equal parts, of which the last may be smaller
            parts = [min(parts[0], size - start) for start in range(0, size, parts[0])]
    if sum(parts) != size or min(parts, default=0) < 0 or len(parts) > _MOST_PARTS:
        raise NotCoveredError(f"it cuts {size} into {len(parts)} parts")
    if split is None and not call.number("keepdims", 1):
        return [TensorList(tuple([at_positions(call, x, Constant((), (i,)), axis) for i in range(size)]))]
    starts = [sum(parts[:i]) for i in range(len(parts))]
    cuts = [cut(call, x, axis, start, start + part, 1) for start, part in zip(starts, parts, strict=True)]
    return [TensorList(tuple(cuts))]


@operation("ConcatFromSequence")
def _joined(call: NodeCall) -> Any:
    if isinstance(call.given(0), Data):  # a list of which only the whole size is known
        return call.data(0)
    tensors, axis = _tensors(call), call.number("axis", 0)
    return stacked(call, tensors, axis) if call.number("new_axis", 0) else joined(call, tensors, axis)


def stacked(call: NodeCall, tensors: Sequence[Any], axis: int) -> Data | Constant:
    """Return tensors along a new axis. Errors: `NotCoveredError` where there are none, or no tensors."""
    first = tensors[0] if tensors else None
    if not isinstance(first, (Data, Constant)) or {*map(type, tensors)} - {Data, Constant}:
        raise NotCoveredError("what it joins is not known")
    axis = call.frame.axis(axis, first.rank + 1)
    if all(isinstance(x, Constant) for x in tensors):
        dims = (*first.full(1)[:axis], len(tensors), *first.full(1)[axis:])
        is_known = not axis and all(x.items is not None for x in tensors)
        return Constant(dims, tuple([one for x in tensors for one in x.items]) if is_known else None)
    data = [call.as_data(x) for x in tensors]
    batch = next((x.batch for x in data if x.batch.axis >= 0), data[0].batch)
    if any(x.batch != batch for x in data):
        raise NotCoveredError("the batch is not on the same axis of what it joins")
    index = axis - (batch.own and batch.axis < axis)
    return call.one("stack", *data, batch=batch._replace(axis=batch.axis + (0 <= axis <= batch.axis)), dim=index + 1)


@operation("Optional", "OptionalGetElement")
def _optional(call: NodeCall) -> Any:
    return [call.inputs[0]]


@operation("OptionalHasElement")
def _has_element(call: NodeCall) -> Any:
    return Constant((), (bool(call.inputs and call.inputs[0] is not None),))
