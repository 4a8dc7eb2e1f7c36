"""Operations that rearrange, cut, join and index axes; products of tensors."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN
from shapecalc.importers.keras.operations import operation, whole_values
from shapecalc.importers.keras.trees import Array, SliceKey
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.keras.operations import OperationCall

_FAR = 2**31


def _vector(values: list[int]) -> Constant:
    return Constant((len(values),), tuple(values))


def _sizes(op: OperationCall, given: Any) -> list[int]:
    """Return sizes, of which None is the batch. Errors: `NotCoveredError`."""
    many = given if isinstance(given, (list, tuple)) else [given]
    found = whole_values([op.batch if one is None else one for one in many])
    if found is None:
        raise NotCoveredError("the sizes that it makes are computed from data")
    return found


@operation("Reshape")
def _reshape(op: OperationCall) -> Any:
    given = op.argument(("newshape", "shape"), 1)
    x, sizes = op.operand(("x", "tensor"), 0), _sizes(op, given)
    if isinstance(x, Constant):
        return x._replace(dims=_filled(sizes, x.dims))
    return op.onnx("Reshape", x, _vector(sizes), allowzero=1)


def _filled(sizes: list[int], dims: tuple[int, ...]) -> tuple[int, ...]:
    known = prod(size for size in sizes if size != -1)
    return tuple([prod(dims) // known if size == -1 and known else size for size in sizes])


@operation("Ravel")
def _ravel(op: OperationCall) -> Any:
    return op.onnx("Reshape", op.x, _vector([-1]))


@operation("Shape")
def _shape(op: OperationCall) -> Constant:
    x = op.operand(("x", "input"), 0)
    return _vector(list(x.full(op.batch)))


@operation("Transpose")
def _transpose(op: OperationCall) -> Any:
    x, given = op.x, op.argument(("axes", "perm"), 1)
    order = list(range(x.rank))[::-1] if given is None else whole_values(given)
    if order is None:
        raise NotCoveredError("the order of its axes is computed from data")
    return op.onnx("Transpose", x, perm=[op.call.frame.axis(axis, x.rank) for axis in order])


@operation("Swapaxes")
def _swapaxes(op: OperationCall) -> Any:
    x = op.x
    one, other = (op.call.frame.axis(op.whole(name, at, 0), x.rank) for name, at in (("axis1", 1), ("axis2", 2)))
    order = list(range(x.rank))
    order[one], order[other] = other, one
    return op.onnx("Transpose", x, perm=order)


@operation("Moveaxis")
def _moveaxis(op: OperationCall) -> Any:
    x = op.x
    source, due = whole_values(op.argument("source", 1)), whole_values(op.argument("destination", 2))
    if source is None or due is None or len(source) != len(due):
        raise LayerError("it has not as many sources as destinations")
    source, due = ([op.call.frame.axis(axis, x.rank) for axis in axes] for axes in (source, due))
    order = [axis for axis in range(x.rank) if axis not in source]
    for at, axis in sorted(zip(due, source, strict=True)):
        order.insert(at, axis)
    return op.onnx("Transpose", x, perm=order)


@operation("ExpandDims")
def _expand_dims(op: OperationCall) -> Any:
    x = op.operand(("x", "input"), 0)
    if isinstance(x, Constant):
        return x._replace(dims=(*x.dims, 1)) if x.rank < 1 else x
    return op.onnx("Unsqueeze", x, _vector(whole_values(op.argument("axis", 1)) or [0]))


@operation("Squeeze")
def _squeeze(op: OperationCall) -> Any:
    x, given = op.x, op.argument(("axis", "squeeze_dims"), 1)
    axes = whole_values(given) if given is not None else None
    if not axes:
        axes = [axis for axis, size in enumerate(x.full(op.batch)) if size == 1 and axis != x.batch.axis]
    return op.onnx("Squeeze", x, _vector(axes)) if axes else x


@operation("Concatenate", "Append", "Hstack", "Vstack", "Dstack")
def _concatenate(op: OperationCall) -> Any:
    tensors = op.tensors() if op.name == "Concatenate" or len(op.call.args) < 2 else op.tensors(position=0) + op.tensors("x2", 1)
    default = {"Hstack": 1, "Dstack": 2}.get(op.name, 0)
    if all(isinstance(one, Constant) for one in tensors):
        values = whole_values(tensors)
        if values is None:
            raise NotCoveredError("it joins constants")
        return _vector(values)
    return op.onnx("Concat", *tensors, axis=op.whole("axis", 1, default))


@operation("Stack")
def _stack(op: OperationCall) -> Any:
    tensors = op.tensors()
    if all(isinstance(one, Constant) for one in tensors):
        values = whole_values(tensors)
        if values is None:
            raise NotCoveredError("it joins constants")
        return _vector(values)
    data = [op.as_data(one) for one in tensors]
    axis = op.call.frame.axis(op.whole("axis", 1, 0), data[0].rank + 1)
    if any(one.batch != OWN for one in data) or axis == 0:
        added = [op.onnx("Unsqueeze", one, _vector([axis])) for one in data]
        return op.onnx("Concat", *added, axis=axis)
    return op.call.one("stack", *data, dim=axis)


@operation("Unstack")
def _unstack(op: OperationCall) -> Any:
    x = op.operand(("x", "value"), 0)
    if isinstance(x, Constant):
        return [Constant((), (item,)) for item in x.items or ()]
    axis = op.call.frame.axis(op.whole("axis", 2, 0), x.rank)
    pieces = op.onnx("Split", x, axis=axis, outputs=x.full(op.batch)[axis])
    return [op.onnx("Squeeze", piece, _vector([axis])) for piece in pieces]


@operation("Split", "Hsplit", "Vsplit", "ArraySplit")
def _split(op: OperationCall) -> Any:
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
        sizes = [size // found[0]] * found[0]
    elif op.argument("num_or_size_splits") is not None:
        sizes = [size - sum(n for n in found if n != -1) if n == -1 else n for n in found]
    else:
        ends = [*found, size]
        sizes = [end - start for start, end in zip([0, *found], ends, strict=True)]
    if min(sizes) < 1 or sum(sizes) != size:
        raise LayerError(f"it cuts axis {axis}, whose size is {size}, into parts of {sizes}")
    return op.onnx("Split", x, _vector(sizes), axis=axis, outputs=len(sizes))


@operation("GetItem", "StridedSlice")
def _get_item(op: OperationCall) -> Any:
    x = op.operand(("x", "tensor", "input"), 0)
    given = op.argument(("key", "slice_spec"), 1)
    keys = list(given) if isinstance(given, list) else [given]
    if isinstance(x, Constant):
        return _of_values(x, keys)
    named = sum(key is not None and key is not ... for key in keys)
    if named > x.rank:
        raise LayerError(f"it indexes {named} axes of an input that has {x.rank}")
    if ... in keys:
        at = keys.index(...)
        keys[at : at + 1] = [SliceKey(None, None, None)] * (x.rank - named)
    axis = 0
    for key in keys:
        if key is None:
            x = op.onnx("Unsqueeze", x, _vector([axis]))
            axis += 1
            continue
        x, kept = _along(op, x, key, axis)
        axis += kept
    return x


def _along(op: OperationCall, x: Any, key: Any, axis: int) -> tuple[Any, int]:
    """Return a tensor after the key of one axis, and whether that axis is still there."""
    if isinstance(key, SliceKey):
        if (key.start, key.stop, key.step) == (None, None, None):
            return x, 1
        bounds = [None if one is None else whole_values(one) for one in key]
        if any(bound is not None and len(bound) != 1 for bound in bounds) or bounds != [
            None if one is None else whole_values(one) for one in key
        ]:
            raise NotCoveredError("where it cuts is computed from data")
        start, stop, step = (None if bound is None else bound[0] for bound in bounds)
        step = 1 if step is None else step
        start = (0 if step > 0 else _FAR) if start is None else start
        stop = (_FAR if step > 0 else -_FAR) if stop is None else stop
        return op.onnx("Slice", x, _vector([start]), _vector([stop]), _vector([axis]), _vector([step])), 1
    if isinstance(key, (Data, Constant, Array, list)):
        tensor = key if isinstance(key, (Data, Constant)) else op.tensor(key)
        return op.onnx("Gather", x, tensor, axis=axis), tensor.rank
    if type(key) is not int:
        raise NotCoveredError("its index is no whole number")
    return op.onnx("Gather", x, Constant((), (key,)), axis=axis), 0


def _of_values(x: Constant, keys: list[Any]) -> Constant:
    """Return some of known values. Errors: `NotCoveredError`."""
    if len(keys) != 1 or x.items is None or x.rank != 1:
        raise NotCoveredError("it indexes a constant")
    key = keys[0]
    if isinstance(key, SliceKey):
        bounds = [one if one is None or type(one) is int else 0 for one in key]
        if bounds[2] == 0:
            raise NotCoveredError("its step is 0")
        found = list(x.items)[slice(*bounds)]
        return _vector(found)
    values = whole_values(key)
    if values is None or len(values) != 1 or not -len(x.items) <= values[0] < len(x.items):
        raise NotCoveredError("its index is not known")
    return Constant((), (x.items[values[0]],))


@operation("Take", "Gather")
def _take(op: OperationCall) -> Any:
    x, index = op.operand(("x", "params"), 0), op.operand("indices", 1)
    given = op.argument("axis", 2)
    return op.onnx("Gather", x, index, axis=op.whole("axis", 2, 0) if given is not None else 0)


@operation("TakeAlongAxis")
def _take_along(op: OperationCall) -> Any:
    return op.onnx("GatherElements", op.x, op.as_data(op.operand("indices", 1)), axis=op.whole("axis", 2, -1))


@operation("Roll")
def _roll(op: OperationCall) -> Data:
    x = op.x
    shifts, axes = whole_values(op.argument(("shift", "shifts"), 1)), op.axes(x, 2)
    if shifts is None or len(shifts) != len(axes):
        raise NotCoveredError("how far it shifts is not known of each axis")
    return op.call.one("roll", x, shifts=shifts, dims=[op.call.frame.within(x, axis) for axis in axes])


@operation("Repeat")
def _repeat(op: OperationCall) -> Any:
    x, times = op.x, whole_values(op.argument("repeats", 1))
    if times is None or len(times) != 1 or op.argument("axis", 2) is None:
        raise NotCoveredError("it repeats elements by different numbers, or those of all axes")
    axis = op.call.frame.axis(op.whole("axis", 2, 0), x.rank)
    return op.onnx("Tile", x, _vector([times[0] if i == axis else 1 for i in range(x.rank)]))


@operation("Tile")
def _tile(op: OperationCall) -> Any:
    x, times = op.x, whole_values(op.argument(("repeats", "multiples"), 1))
    if times is None:
        raise NotCoveredError("its repeats are computed from data")
    times = [1] * (x.rank - len(times)) + times
    return op.onnx("Tile", x, _vector(times))


@operation("BroadcastTo")
def _broadcast(op: OperationCall) -> Any:
    return op.onnx("Expand", op.x, _vector(_sizes(op, op.argument("shape", 1))))


@operation("Pad", "MirrorPad")
def _pad(op: OperationCall) -> Any:
    x, given = op.x, op.argument(("pad_width", "paddings"), 1)
    found = whole_values(given.items if isinstance(given, Constant) and given.items else given)
    if found is None:
        raise NotCoveredError("its padding is computed from data")
    if len(found) == 2:
        found = found * x.rank
    mode = {"constant": "constant", "reflect": "reflect", "symmetric": "edge", "edge": "edge"}.get(
        str(op.argument("mode", 2, "constant")).lower(), "constant"
    )
    return op.onnx("Pad", x, _vector([*found[::2], *found[1::2]]), plain=True, mode=mode)


@operation("Matmul", "Dot")
def _matmul(op: OperationCall) -> Any:
    a, b = op.operand(("x1", "a", "x"), 0), op.operand(("x2", "b", "y"), 1)
    turned = []
    for tensor, name in ((a, "transpose_a"), (b, "transpose_b")):
        if op.flag(name, name.replace("transpose", "adj")):
            order = list(range(tensor.rank))
            order[-2:] = order[-2:][::-1]
            tensor = op.onnx("Transpose", op.as_data(tensor), perm=order)  # noqa: PLW2901
        turned.append(tensor)
    if isinstance(turned[0], Data) and isinstance(turned[1], Constant) and turned[1].rank == 2:
        turned[1] = op.as_data(turned[1])  # a constant of the code, not learned
    return op.onnx("MatMul", *turned)


@operation("Einsum")
def _einsum(op: OperationCall) -> Any:
    operands = [op.tensor(one) for one in op.call.args if not isinstance(one, str)]
    equation = op.argument(("subscripts", "equation"), default="")
    return op.onnx("Einsum", *operands, equation=str(equation or next((a for a in op.call.args if isinstance(a, str)), "")))


@operation("TopK")
def _top_k(op: OperationCall) -> Any:
    return op.onnx("TopK", op.x, _vector([op.whole("k", 1, 1)]), axis=-1, outputs=2)


@operation("OneHot")
def _one_hot(op: OperationCall) -> Any:
    return op.onnx("OneHot", op.as_data(op.operand(("x", "indices"), 0)), _vector([op.whole(("num_classes", "depth"), 1, 1)]),
                   axis=op.whole("axis", 2, -1))  # fmt: skip
