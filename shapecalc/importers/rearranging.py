"""What rearranges, cuts, joins, pads and repeats axes, whatever the format calls it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.tensors import FIXED, LOST, NO_BATCH, Batch, Constant, Data, fits, on_axis, rearrangement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.importers.call import ImportedCall

__all__ = ["along", "cut", "divided", "excess_padding", "expanded", "joined", "of_each_sample",
           "padded", "permuted", "repeated", "repeated_axis", "tiled", "tiled_axes", "with_ones"]  # fmt: skip


def excess_padding(padding: Any, kernel: Any) -> tuple[int, int] | None:
    """Return the padding and the kernel of the first axis on which a window would be padding alone; None for none."""
    kernels = kernel if isinstance(kernel, list) else [kernel]
    pads = padding if isinstance(padding, list) else [padding] * len(kernels)
    for pad, size in zip(pads, kernels * len(pads), strict=False):
        most = max(pad) if isinstance(pad, (list, tuple)) else pad
        if most >= size:
            return most, size
    return None


def permuted(call: ImportedCall, x: Data, order: Sequence[int]) -> Data:
    """Return a tensor whose axes are in another order. Errors: `LayerError` if it is none."""
    if sorted(order) != list(range(x.rank)):
        raise LayerError(f"its perm {list(order)} is not an order of the {x.rank} axes of its input")
    batch = call.frame.moved(x, order)
    indices = [call.frame.index(x, axis) for axis in order if not (x.batch.own and axis == x.batch.axis)]
    if indices == list(range(len(indices))):  # only the batch moves
        return x._replace(batch=batch)
    return call.one("permute", x, batch=batch, dims=[index + 1 for index in indices])


def joined(call: ImportedCall, given: Sequence[Data | Constant], axis: int) -> Data:
    """Return tensors joined along an axis. Errors: `LayerError`, `NotCoveredError`."""
    parts = [x for x in given if prod(x.full(1)) or isinstance(x, Data)]  # empty constants add nothing
    if len(parts) == 1:
        return call.as_data(parts[0])
    if len({x.rank for x in parts}) != 1:
        raise LayerError("its inputs have different numbers of axes")
    axis = call.frame.axis(axis, parts[0].rank)
    at = next((x.batch.axis for x in parts if isinstance(x, Data) and x.batch.own), -1)
    b = call.frame.batch
    if at >= 0 and axis != at and not all(fits(x, at, b) for x in parts):
        if b > 1:
            raise NotCoveredError("its inputs have the batch on different axes")
        parts = [call.frame.whole(call.place, x) if isinstance(x, Data) else x for x in parts]
        at = -1
    if axis == at:
        if b > 1 and not all(isinstance(x, Data) and x.batch.own for x in parts):
            raise NotCoveredError("it joins samples of the batch")
        if b > 1:
            stacked = [x for x in parts if isinstance(x, Data)]
            return call.one("stack", *stacked, batch=Batch(axis, outer=len(parts)), dim=axis + 1)
        data = [call.frame.whole(call.place, x) for x in map(call.as_data, parts)]
        return call.one("concat", *data, batch=LOST, dim=axis + 1)
    data = [_without_batch(call, x, at) for x in parts]
    data = data if at >= 0 else call.frame.of_joined(call.place, data, data[0].rank)
    batch = next(x.batch for x in data if x.batch.own) if at >= 0 else call.frame.carried(data, data[0].rank)
    return call.one("concat", *data, batch=batch, dim=axis + 1 - (0 <= at < axis))


def _without_batch(call: ImportedCall, x: Data | Constant, at: int) -> Data:
    """Return a tensor that is joined with others whose batch is at an axis. Errors: `LayerError`."""
    if isinstance(x, Constant):
        dims = (*x.dims[:at], *x.dims[at + 1 :]) if at >= 0 else x.dims
        if at >= 0 and x.dims[at] not in (1, call.frame.batch):
            raise LayerError(f"its constant input has {x.dims[at]} along the batch axis")
        return call.frame.as_data(call.place, x, dims)
    if at >= 0 and x.batch.own and x.batch.axis != at:  # only in a batch of one
        return call.frame.without_axis(call.place, x, at)
    if at >= 0 and not x.batch.own:
        return call.frame.one_sample(call.place, x, at)
    return x


def along(call: ImportedCall, x: Data, axis: int) -> tuple[Data, int]:
    """Return a tensor, and which of its axes an axis of the file is; in a batch of one that of the batch too."""
    if call.frame.batch == 1 and call.frame.index(x, axis) < 0:
        x = call.frame.whole(call.place, x)
    return x, call.frame.within(x, axis) - 1


def divided(call: ImportedCall, x: Data, axis: int, pieces: Callable[[int], list[int]]) -> list[Data]:
    """Return the pieces of an axis, whose sizes depend on its own: of batches that were joined, whole ones.

    Errors: `NotCoveredError`.
    """
    b, are_batches = call.frame.batch, _are_batches(call, x, axis)
    if are_batches:
        whole = pieces(x.shape.sizes[axis] * b)
        if any(size % b for size in whole):
            raise NotCoveredError("it cuts a batch in two")
        sizes = [size // b for size in whole]
    else:
        x, axis = along(call, x, axis)
        sizes = pieces(x.shape.sizes[axis])
    if len(sizes) == 1:
        return [x]
    if min(sizes) < 1:
        raise NotCoveredError("one of its pieces is empty")
    if len(set(sizes)) == 1 and sizes[0] * len(sizes) == x.shape.sizes[axis]:
        found = call.emit("chunk", x, batch=x.batch, chunks=len(sizes), dim=axis + 1)
    else:
        found = call.emit("split", x, batch=x.batch, sizes=sizes, dim=axis + 1)
    return [_batches(call, one, axis) for one in found] if are_batches else found


def _are_batches(call: ImportedCall, x: Data, axis: int) -> bool:
    """Return whether an axis is that of several batches, one after the other."""
    is_joined = call.frame.batch > 1 and x.batch.axis == axis and not x.batch.own
    return is_joined and x.batch.outer == x.shape.sizes[axis]


def _batches(call: ImportedCall, x: Data, axis: int) -> Data:
    """Return a piece of several batches that were joined along an axis: one of them has an axis of its own again."""
    if x.shape.sizes[axis] > 1:
        return x._replace(batch=Batch(axis, outer=x.shape.sizes[axis]))
    return call.frame.without_axis(call.place, x, axis)._replace(batch=Batch(axis, own=True))


def cut(call: ImportedCall, x: Data, axis: int, start: int, end: int, step: int = 1) -> Data:
    """Return the part of an axis from `start` to `end`, which may be beyond it. Errors: `LayerError`."""
    size = x.full(call.frame.batch)[axis]
    kept = range(size)[slice(start, end if step > 0 or end >= -size else None, step)]
    if not kept:
        raise LayerError(f"it keeps nothing of axis {axis}, whose size is {size}")
    if kept == range(size):
        return x
    if _are_batches(call, x, axis) and step == 1 and not (kept[0] % call.frame.batch or len(kept) % call.frame.batch):
        first, count = kept[0] // call.frame.batch, len(kept) // call.frame.batch
        return _batches(call, call.one("slice", x, dim=axis + 1, start=first, end=first + count), axis)
    x = x if call.frame.index(x, axis) >= 0 or call.frame.batch > 1 else call.frame.whole(call.place, x)
    arguments: dict[str, Any] = {"dim": call.frame.within(x, axis)}
    if start not in (0, -size) or step < 0:
        arguments["start"] = max(start, -size) if step > 0 else min(start, size - 1)
    if end < size if step > 0 else end >= -size:
        arguments["end"] = end
    if step != 1:
        arguments["step"] = step
    return call.one("slice", x, **arguments)


def with_ones(call: ImportedCall, x: Data, sizes_of: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Data:
    """Return a tensor with axes of size 1 more or less, as `sizes_of` makes sizes of others. Errors: `LayerError`.

    A batch that is joined with others stays on its axis: a new axis of 1 is not the batch, as it may be in a reshape.
    """
    at = x.batch.axis
    if at < 0 or x.batch.own or x.shape.sizes[at] == 1:
        return call.frame.reshape(call.place, x, sizes_of(x.full(call.frame.batch)))
    after = sizes_of(on_axis(x.shape.sizes, at, _OTHER))
    axis = after.index(_OTHER)
    sizes, batch = on_axis(after, axis, x.shape.sizes[at]), x.batch._replace(axis=axis)
    if sizes == x.shape.sizes:
        return x
    kind, arguments = rearrangement(x.shape.sizes, sizes)
    return call.one(kind, x, batch=batch, **arguments)


_OTHER = -7
"""A size that no axis has."""


def padded(call: ImportedCall, x: Data, pairs: Mapping[int, Sequence[int]], mode: str = "zeros") -> Data:
    """Return a tensor with so many elements more before and after these axes. Errors: `NotCoveredError`."""
    pairs = {axis: list(pair) for axis, pair in pairs.items() if any(pair)}
    if not pairs:
        return x
    dims = [call.frame.within(x, axis) for axis in pairs]
    arguments: dict[str, Any] = {} if mode == "zeros" else {"mode": mode}
    if x.shape.is_map and not x.shape.channels_last and all(dim > 1 for dim in dims):
        sides = dict(zip(dims, pairs.values(), strict=True))
        each = [sides.get(dim, [0, 0]) for dim in range(2, x.shape.rank + 1)]
        return call.one("pad", x, padding=each, **arguments)
    return call.one("pad", x, padding=list(pairs.values()), dim=dims, **arguments)


def repeated_axis(call: ImportedCall, own: Sequence[int], sizes: Sequence[int]) -> int:
    """Return the axis along which what has no batch is repeated for each of its samples; -1 for none.

    The second can be it in a sequence with its length first, as in states of recurrent layers: of three axes.
    """
    b = call.frame.batch
    axes = [axis for axis in call.frame.repeats if len(own) == 3 or (not axis and len(own) > 1)]
    return next((axis for axis in axes if own[axis] == 1 and sizes[axis] == b > 1), -1)


def _joined_axis(call: ImportedCall, own: Sequence[int], sizes: Sequence[int]) -> int:
    """Return the axis along which what has no batch is repeated for all samples that are joined to it; -1 for none."""
    axes = [axis for axis in call.frame.repeats if len(own) == 3]
    each = [call.frame.batch * count for count in call.frame.joined]
    return next((axis for axis in axes if own[axis] == 1 and sizes[axis] in each), -1)


def of_each_sample(call: ImportedCall, x: Data | Constant) -> Data | Constant:
    """Return a constant that is made for every sample of the batch, as states of zeros, as one that has the batch."""
    at = repeated_axis(call, (1,) * x.rank, x.dims) if isinstance(x, Constant) and x.batch == FIXED else -1
    if at < 0 or not isinstance(x, Constant):
        return x
    return expanded(call, x._replace(dims=on_axis(x.dims, at, 1), items=None), x.dims)


def expanded(call: ImportedCall, x: Data | Constant, wanted: Sequence[int]) -> Data:
    """Return a tensor broadcast with these sizes. Errors: `LayerError`."""
    b = call.frame.batch
    full = x.full(b)
    rank = max(len(full), len(wanted))
    own, due = (1,) * (rank - len(full)) + tuple(full), (1,) * (rank - len(wanted)) + tuple(map(int, wanted))
    if any(a not in (1, c) and c != 1 for a, c in zip(own, due, strict=True)):
        raise LayerError(f"its input {full} does not broadcast to {list(wanted)}")
    sizes = tuple([max(a, c) for a, c in zip(own, due, strict=True)])
    data = call.as_data(x)
    if sizes == full:
        return data
    data = data if data.rank == rank else call.frame.reshape(call.place, data, own)
    batch = data.batch
    at = repeated_axis(call, own, sizes) if batch.axis < 0 else -1
    if at >= 0:  # for each sample of the batch
        data = call.frame.without_axis(call.place, data, at)
        batch = Batch(at, own=True)
        data = data._replace(batch=batch)
    elif batch.is_fixed and (at := _joined_axis(call, own, sizes)) >= 0:
        batch = Batch(at)
    if batch.own and sizes[batch.axis] != b:  # the only sample of the batch is repeated
        data, batch = call.frame.whole(call.place, data), LOST
    if batch.own:
        sizes = (*sizes[: batch.axis], *sizes[batch.axis + 1 :])
    elif batch.axis >= 0:
        sizes = on_axis(sizes, batch.axis, sizes[batch.axis] // b)
    if sizes == data.shape.sizes:
        return data
    return call.one("expand", data, batch=repeated(call, batch, own, sizes), sizes=sizes)


def repeated(call: ImportedCall, batch: Batch, own: Sequence[int], sizes: Sequence[int]) -> Batch:
    """Return where the batch is in what was repeated from its own sizes to others: in a parameter it may be made so."""
    b = call.frame.batch
    may_be = batch == NO_BATCH and any(size != a and size // a % b == 0 for a, size in zip(own, sizes, strict=False))
    return FIXED if may_be and b > 1 else batch


def tiled(call: ImportedCall, x: Data, repeats: list[int]) -> Data:
    """Return a tensor that is repeated so often along each axis. Errors: `NotCoveredError`."""
    b, full = call.frame.batch, x.full(call.frame.batch)
    at = repeated_axis(call, full, repeats) if not x.batch.own else -1
    at = _joined_axis(call, full, repeats) if at < 0 and x.batch.is_fixed else at
    if at >= 0:  # for each sample of the batch
        x, repeats = expanded(call, x, on_axis(full, at, repeats[at])), list(on_axis(repeats, at, 1))
    elif x.batch.is_fixed and len(full) == 3 and repeats == [b, 1, 1] and b > 1:
        return x._replace(batch=Batch(0))  # so many for each sample, as biases of heads
    if x.batch.own and repeats[x.batch.axis] != 1:
        if b > 1:
            raise NotCoveredError("it repeats the samples of the batch")
        x = call.frame.whole(call.place, x)
    elif x.batch.own:
        repeats = [n for axis, n in enumerate(repeats) if axis != x.batch.axis]
    return x if all(n == 1 for n in repeats) else tiled_axes(call, x, repeats)


def tiled_axes(call: ImportedCall, x: Data, repeats: list[int]) -> Data:
    """Return a tensor without its batch that is repeated so often along each axis."""
    own = x.shape.sizes
    sizes = [size * count for size, count in zip(own, repeats, strict=True)]
    return call.one("tile", x, batch=repeated(call, x.batch, own, sizes), dims=repeats)
