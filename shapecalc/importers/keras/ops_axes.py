"""Operations that rearrange, cut, join and repeat axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN
from shapecalc.importers.keras.operations import operation, vector, whole_values
from shapecalc.importers.rearranging import along, expanded, joined, padded, permuted
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.keras.operations import OpsCall

_MOST_PIECES = 1024


def _sizes(op: OpsCall, given: Any) -> list[int]:
    """Return sizes, of which None is the batch. Errors: `NotCoveredError`."""
    many = given if type(given) in (list, tuple) else [given]
    found = whole_values([op.batch if one is None else one for one in many])
    if found is None:
        raise NotCoveredError("the sizes that it makes are computed from data")
    return found


@operation("Reshape")
def _reshape(op: OpsCall) -> Any:
    given = op.argument(("newshape", "shape"), 1)
    x, sizes = op.operand(("x", "tensor"), 0), _sizes(op, given)
    if isinstance(x, Constant):
        return x._replace(dims=_filled(sizes, x.dims))
    return op.reshaped(x, sizes)


def _filled(sizes: list[int], dims: tuple[int, ...]) -> tuple[int, ...]:
    known = prod(size for size in sizes if size != -1)
    return tuple([prod(dims) // known if size == -1 and known else size for size in sizes])


@operation("Ravel")
def _ravel(op: OpsCall) -> Any:
    return op.reshaped(op.x, [-1])


@operation("Shape")
def _shape(op: OpsCall) -> Constant:
    x = op.operand(("x", "input"), 0)
    return vector(list(x.full(op.batch)))


@operation("Transpose")
def _transpose(op: OpsCall) -> Any:
    x, given = op.x, op.argument(("axes", "perm"), 1)
    order = list(range(x.rank))[::-1] if given is None else whole_values(given)
    if order is None:
        raise NotCoveredError("the order of its axes is computed from data")
    return permuted(op.call, x, [op.call.frame.axis(axis, x.rank) for axis in order])


@operation("Swapaxes")
def _swapaxes(op: OpsCall) -> Any:
    x = op.x
    one, other = (op.call.frame.axis(op.whole(name, at, 0), x.rank) for name, at in (("axis1", 1), ("axis2", 2)))
    order = list(range(x.rank))
    order[one], order[other] = other, one
    return permuted(op.call, x, order)


@operation("Moveaxis")
def _moveaxis(op: OpsCall) -> Any:
    x = op.x
    source, due = whole_values(op.argument("source", 1)), whole_values(op.argument("destination", 2))
    if source is None or due is None or len(source) != len(due):
        raise LayerError("it has not as many sources as destinations")
    source, due = ([op.call.frame.axis(axis, x.rank) for axis in axes] for axes in (source, due))
    order = [axis for axis in range(x.rank) if axis not in source]
    for at, axis in sorted(zip(due, source, strict=True)):
        order.insert(at, axis)
    return permuted(op.call, x, order)


@operation("ExpandDims")
def _expand_dims(op: OpsCall) -> Any:
    x = op.operand(("x", "input"), 0)
    if isinstance(x, Constant):
        return x._replace(dims=(*x.dims, 1)) if x.rank < 1 else x
    return op.unsqueezed(x, whole_values(op.argument("axis", 1)) or [0])


@operation("Squeeze")
def _squeeze(op: OpsCall) -> Any:
    x, given = op.x, op.argument(("axis", "squeeze_dims"), 1)
    axes = whole_values(given) if given is not None else None
    if not axes:
        axes = [axis for axis, size in enumerate(x.full(op.batch)) if size == 1 and axis != x.batch.axis]
    return op.squeezed(x, axes) if axes else x


@operation("Concatenate", "Append", "Hstack", "Vstack", "Dstack")
def _concatenate(op: OpsCall) -> Any:
    tensors = (
        op.tensors()
        if op.name == "Concatenate" or len(op.call.args) < 2
        else op.tensors(position=0) + op.tensors("x2", 1)
    )
    default = {"Hstack": 1, "Dstack": 2}.get(op.name, 0)
    if all(isinstance(one, Constant) for one in tensors):
        values = whole_values(tensors)
        if values is None:
            raise NotCoveredError("it joins constants")
        return vector(values)
    return joined(op.call, tensors, op.whole("axis", 1, default))


@operation("Stack")
def _stack(op: OpsCall) -> Any:
    tensors = op.tensors()
    if all(isinstance(one, Constant) for one in tensors):
        values = whole_values(tensors)
        if values is None:
            raise NotCoveredError("it joins constants")
        return vector(values)
    data = [op.as_data(one) for one in tensors]
    axis = op.call.frame.axis(op.whole("axis", 1, 0), data[0].rank + 1)
    if any(one.batch != OWN for one in data) or axis == 0:
        return joined(op.call, [op.unsqueezed(one, [axis]) for one in data], axis)
    return op.call.one("stack", *data, dim=axis)


@operation("Unstack")
def _unstack(op: OpsCall) -> Any:
    x = op.operand(("x", "value"), 0)
    if isinstance(x, Constant):
        return [Constant((), (item,)) for item in x.items or ()]
    axis = op.call.frame.axis(op.whole("axis", 2, 0), x.rank)
    count = x.full(op.batch)[axis]
    if count > _MOST_PIECES:
        raise NotCoveredError(f"it has {count:,} outputs")
    pieces = [op.as_data(x)] if count == 1 else _pieces(op, op.as_data(x), axis, [1] * count)
    return [op.squeezed(piece, [axis]) for piece in pieces]


def _pieces(op: OpsCall, x: Data, axis: int, sizes: list[int]) -> list[Data]:
    """Return a tensor in pieces along an axis. Errors: `LayerError`, `NotCoveredError`."""
    x, index = along(op.call, x, axis)
    if len(set(sizes)) == 1:
        return op.call.emit("chunk", x, chunks=len(sizes), dim=index + 1)
    return op.call.emit("split", x, sizes=sizes, dim=index + 1)


@operation("Split", "Hsplit", "Vsplit", "ArraySplit")
def _split(op: OpsCall) -> Any:
    x = op.x if op.argument("value") is None else op.as_data(op.operand("value", 0))
    axis = op.call.frame.axis(op.whole("axis", 2, {"Hsplit": 1}.get(op.name, 0)), x.rank)
    size = x.full(op.batch)[axis]
    given = op.argument(("indices_or_sections", "num_or_size_splits"), 1)
    found = whole_values(given)
    if not found:
        raise NotCoveredError("where it cuts is computed from data")
    if not isinstance(given, list):
        if found[0] < 1 or size % found[0]:
            raise LayerError(f"it cuts axis {axis}, whose size is {size}, into {found[0]} parts")
        if found[0] > _MOST_PIECES:
            raise NotCoveredError(f"it has {found[0]:,} outputs")
        sizes = [size // found[0]] * found[0]
    elif op.argument("num_or_size_splits") is not None:
        sizes = [size - sum(n for n in found if n != -1) if n == -1 else n for n in found]
    else:
        ends = [*found, size]
        sizes = [end - start for start, end in zip([0, *found], ends, strict=True)]
    if min(sizes) < 1 or sum(sizes) != size:
        raise LayerError(f"it cuts axis {axis}, whose size is {size}, into parts of {sizes}")
    return [x] if len(sizes) == 1 else _pieces(op, x, axis, sizes)


@operation("Roll")
def _roll(op: OpsCall) -> Data:
    x = op.x
    shifts, axes = whole_values(op.argument(("shift", "shifts"), 1)), op.axes(x, 2)
    if shifts is None or len(shifts) != len(axes):
        raise NotCoveredError("how far it shifts is not known of each axis")
    return op.call.one("roll", x, shifts=shifts, dims=[op.call.frame.within(x, axis) for axis in axes])


@operation("Repeat")
def _repeat(op: OpsCall) -> Any:
    x, times = op.x, whole_values(op.argument("repeats", 1))
    if times is None or len(times) != 1 or op.argument("axis", 2) is None:
        raise NotCoveredError("it repeats elements by different numbers, or those of all axes")
    axis = op.call.frame.axis(op.whole("axis", 2, 0), x.rank)
    return _tiled(op, x, [times[0] if i == axis else 1 for i in range(x.rank)])


@operation("Tile")
def _tile(op: OpsCall) -> Data:
    x, times = op.x, whole_values(op.argument(("repeats", "multiples"), 1))
    if times is None or len(times) > x.rank:
        raise NotCoveredError("its repeats are computed from data, or make further axes")
    return _tiled(op, x, [1] * (x.rank - len(times)) + times)


def _tiled(op: OpsCall, x: Data, times: list[int]) -> Data:
    if x.batch.own:
        if times[x.batch.axis] != 1:
            raise NotCoveredError("it repeats the samples of the batch")
        times = [n for axis, n in enumerate(times) if axis != x.batch.axis]
    return x if all(n == 1 for n in times) else op.one("tile", x, dims=times)


@operation("BroadcastTo")
def _broadcast(op: OpsCall) -> Any:
    return expanded(op.call, op.x, _sizes(op, op.argument("shape", 1)))


@operation("Pad", "MirrorPad")
def _pad(op: OpsCall) -> Any:
    x, given = op.x, op.argument(("pad_width", "paddings"), 1)
    found = whole_values(given.items if isinstance(given, Constant) and given.items else given)
    if found is None:
        raise NotCoveredError("its padding is computed from data")
    if len(found) == 2:
        found = found * x.rank
    if len(found) != 2 * x.rank:
        raise LayerError(f"it has {len(found)} pads for {x.rank} axes")
    mode = {"reflect": "reflect", "symmetric": "replicate", "edge": "replicate"}.get(
        str(op.argument("mode", 2, "constant")).lower(), "zeros"
    )
    return padded(op.call, x, {axis: found[2 * axis : 2 * axis + 2] for axis in range(x.rank)}, mode)
