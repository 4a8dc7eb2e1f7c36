"""What picks elements at positions, known ones or such that are data, or puts them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.rearranging import of_each_sample
from shapecalc.importers.tensors import LOST, Batch, Constant, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.call import ImportedCall

__all__ = ["at_positions", "boxes_of_samples", "check_put", "picked", "picked_elements", "scattered_into"]


def picked(call: ImportedCall, x: Data, index: Data, axis: int) -> Data:
    """Return what is at positions that are data themselves. Errors: `NotCoveredError`.

    Positions of each sample among the rows of all samples are its own: `x.flatten(0, 1)[i + arange(b) * n]`.
    """
    if index.batch.axis >= 0 and (x.batch.axis < 0 or x.batch == Batch(axis) or call.frame.batch > 1):
        if x.batch.axis >= 0 and x.batch != Batch(axis):
            raise NotCoveredError("it picks from data at positions that are data")
        batch = index.batch._replace(axis=axis + index.batch.axis)
        return call.one("gather", x, index, batch=batch, dim=axis + 1)
    index = call.frame.whole(call.place, index)
    if call.frame.index(x, axis) < 0:
        x = call.frame.whole(call.place, x)
    more = index.rank - 1 if x.batch.axis > axis else 0
    return call.one(
        "gather", x, index, batch=x.batch._replace(axis=x.batch.axis + more), dim=call.frame.within(x, axis)
    )


def picked_elements(call: ImportedCall, x: Data, index: Data, axis: int) -> Data:
    """Return the elements along an axis at positions of as many axes, with the batch of both.

    Errors: `NotCoveredError`.
    """
    frame = call.frame
    if x.rank == index.rank and x.batch != index.batch:
        x, index = _as_other(call, x, index), _as_other(call, index, x)
    if x.batch != index.batch:
        if frame.batch > 1:
            raise NotCoveredError("its inputs have the batch on different axes")
        x, index = frame.whole(call.place, x), frame.whole(call.place, index)
    return call.one("gather", x, index, dim=frame.within(x, axis), mode="elements")


def _as_other(call: ImportedCall, x: Data, other: Data) -> Data:
    """Return what depends on no input with the batch of another tensor: what it is for one of its samples."""
    if not x.batch.is_fixed or other.batch.axis < 0:
        return x
    at, b = other.batch.axis, call.frame.batch
    if other.batch.own and x.shape.sizes[at] in (1, b):
        return call.frame.one_sample(call.place, x, at)._replace(batch=other.batch)
    if other.batch.own or x.shape.sizes[at] != other.shape.sizes[at] * b:
        return x
    return call.frame.of_joined(call.place, [other, x], x.rank)[1]._replace(batch=other.batch)


def at_positions(call: ImportedCall, x: Data, index: Constant, axis: int) -> Data:
    """Return what is at known positions of an axis. Errors: `LayerError`, `NotCoveredError`."""
    b = call.frame.batch
    each = of_each_sample(call, index) if x.batch.is_fixed and _is_made_for(index, b) else index
    if isinstance(each, Data) and each.batch.own:
        return picked(call, x, each, axis)
    own = _of_own_rows(x, index, axis, b)
    if own is not None:
        at_own = call.frame.as_data(call.place, own, own.dims)
        return call.one("gather", x, at_own, batch=Batch(axis, own=True), dim=axis + 1)
    if call.frame.batch == 1 and call.frame.index(x, axis) < 0:
        if index.rank == 0:  # the only sample of the batch
            return x._replace(batch=LOST)
        x = call.frame.whole(call.place, x)
    at = call.frame.within(x, axis)
    size = x.shape.sizes[at - 1]
    if index.rank == 0:
        batch = LOST if x.batch.axis == axis else x.batch._replace(axis=x.batch.axis - (x.batch.axis > axis))
        position = index.items[0] if index.items else 0
        if not -size <= position < size:
            raise LayerError(f"it picks position {position} of axis {axis}, whose size is {size}")
        return call.one("gather", x, batch=batch, index=[int(position)], dim=at, keepdim=False)
    if index.rank == 1 and index.items is not None and index.dims[0] <= 64:
        return call.one("gather", x, index=[int(item) for item in index.items], dim=at)
    more = index.rank - 1 if x.batch.axis > axis else 0
    positions = call.frame.as_data(call.place, index, index.dims)
    return call.one("gather", x, positions, batch=x.batch._replace(axis=x.batch.axis + more), dim=at)


def _is_made_for(index: Constant, b: int) -> bool:
    """Return whether known positions are the same for each sample of a batch of b, as far as they are known."""
    items = index.items
    return b > 1 and index.rank > 1 and (items is None or items == items[: len(items) // b] * b)


def _of_own_rows(x: Data, index: Constant, axis: int, b: int) -> Constant | None:
    """Return the positions within a sample, where each picks the same ones of its own rows among those of all."""
    if b == 1 or x.batch != Batch(axis) or index.items is None or index.dims[:1] != (b,):
        return None
    first = index.items[: len(index.items) // b]
    due = [item + sample * x.shape.sizes[axis] for sample in range(b) for item in first]
    return Constant(index.dims[1:], first) if list(index.items) == due else None


def scattered_into(call: ImportedCall, x: Data | Constant, put: Sequence[Any]) -> Data:
    """Return what elements are put into: a constant, as zeros, is one for each sample if there are elements of each."""
    batches = [one.batch for one in put if isinstance(one, Data) and one.batch.own]
    at = batches[0].axis if batches else -1
    if not isinstance(x, Constant) or x.learned or at < 0 or x.dims[at : at + 1] != (call.frame.batch,):
        return call.as_data(x)
    return call.frame.as_data(call.place, x, (*x.dims[:at], *x.dims[at + 1 :]))._replace(batch=batches[0])


def check_put(call: ImportedCall, x: Data, others: Sequence[Data]) -> None:
    """Check that what has the batch is put into what has it. Errors: `NotCoveredError`."""
    if call.frame.batch > 1 and x.batch.axis < 0 and any(one.batch.axis >= 0 for one in others):
        raise NotCoveredError("it puts elements of all samples of the batch into one tensor")


def boxes_of_samples(call: ImportedCall, boxes: Data) -> Data:
    """Return boxes of one sample: with the batch joined to them, or as many for each. Errors: `NotCoveredError`."""
    b = call.frame.batch
    if b == 1 or boxes.batch == Batch(0):
        return call.frame.whole(call.place, boxes)
    if boxes.batch.axis >= 0 or boxes.shape.sizes[0] % b:
        raise NotCoveredError("its boxes are not as many for each sample of the batch")
    return call.one("slice", boxes, batch=Batch(0), dim=1, end=boxes.shape.sizes[0] // b)
