"""Layers where several samples of a layer are one of the network, as the frames of a video: on one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from shapecalc.importers.frame import JoinedBatchError, NotCoveredError
from shapecalc.importers.tensors import LOST, Batch, Data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.call import ImportedCall

__all__ = ["check_joined", "worked"]

_MOST = 10_000
"""How many layers one graph has at most for parts of joined batches."""

Call = TypeVar("Call", bound="ImportedCall")


def worked(call: Call, work: Callable[[Call], Any]) -> Any:
    """Return what the function of an operation makes of a node; where it has a joined batch, of each of its parts.

    The layers share their weights, which count once. Errors: `NotCoveredError`.
    """
    try:
        return work(call)
    except JoinedBatchError as error:
        return _of_each(call, work, error)


def check_joined(call: ImportedCall, x: Data, axis: int, states: Sequence[Any], at: int) -> None:
    """Check that a layer over steps, with the batch at an axis, has no joined batch. Errors: `JoinedBatchError`.

    Its states, which have the batch at another, may be the same for all samples. Of a file with one sample, what has
    lost its batch has it there.
    """
    is_lost = x.batch == LOST and call.frame.batch == 1 and x.rank == _OF_SEQUENCES
    if x.batch.own or x.shape.sizes[axis] < 2 or (x.batch.axis != axis and not is_lost):
        return
    count, frame = x.shape.sizes[axis], call.frame
    fixed = [one for one in states if isinstance(one, Data) and one.shape.sizes[at] in (count, count * frame.batch)
             and (one.batch.is_fixed or (one.batch == LOST and is_lost))]  # fmt: skip
    others = {one: frame.first_part(call.place, one, at, count)._replace(batch=Batch(at)) for one in fixed}
    joined = x._replace(batch=Batch(axis))
    raise JoinedBatchError(joined, {**others, x: joined})


_OF_SEQUENCES = 3


def _of_each(call: Call, work: Callable[[Call], Any], error: JoinedBatchError) -> Any:
    """Return the outputs of a layer for each of the samples that are joined to a batch, stacked again.

    Errors: `NotCoveredError` for too many.
    """
    x, others = error.x, error.others
    count = _joined(x)
    if count < 2:
        raise NotCoveredError("the first axis of its input is not the batch alone")
    if call.frame.parts + count > _MOST:
        raise NotCoveredError(f"it is used on {count:,} samples of one of the network, which are too many to show each")
    call.frame.parts += count
    joined = [
        one for one in dict.fromkeys(call.tensors())
        if one == x or one in others or (one.batch.axis >= 0 and _joined(one) == count)
    ]  # fmt: skip
    parts = [_parts(call, others.get(one, one), count) for one in joined]
    made: list[list[Any]] = []
    for part in zip(*parts, strict=True):
        trial = call.with_tensors(dict(zip(joined, part, strict=True)))
        found = work(trial)
        made.append([found] if isinstance(found, Data) else list(found))
        call.absorbed = trial.absorbed
    return [_stacked(call, one, x.batch) if call.is_used(i) or not i else None
            for i, one in enumerate(zip(*made, strict=True))]  # fmt: skip


def _joined(x: Data) -> int:
    """Return how many samples of a layer are joined to the batch along its axis: the first, if it is not followed."""
    return 0 if x.batch.own or not x.shape.rank else x.shape.sizes[max(x.batch.axis, 0)]


def _parts(call: ImportedCall, x: Data, count: int) -> list[Data]:
    """Return the samples of a layer that are joined to a batch, in which that has an axis of its own."""
    at = max(x.batch.axis, 0)
    cut = call.emit("chunk", x, batch=x.batch, chunks=count, dim=at + 1)
    return [call.frame.without_axis(call.place, one, at)._replace(batch=Batch(at, own=True)) for one in cut]


def _stacked(call: ImportedCall, parts: tuple[Any, ...], batch: Batch) -> Data:
    """Return the outputs for each sample as one, along the axis on which their batch is. Errors: `NotCoveredError`."""
    at = parts[0].batch.axis if isinstance(parts[0], Data) else -1
    if any(not isinstance(one, Data) or one.batch != Batch(at, own=True) for one in parts):
        raise NotCoveredError("what it makes of each sample could not be joined")
    return call.one("stack", *parts, batch=batch._replace(axis=at) if batch.axis >= 0 else batch, dim=at + 1)
