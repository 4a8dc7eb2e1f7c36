"""Layers that arrange, join and cut tensors along their axes."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import LayerError
from shapecalc.importers.caffe.operations import layer_type, where
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.rearranging import joined, permuted
from shapecalc.importers.tensors import FIXED, LOST, inferred_sizes

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data


@layer_type("concat")
def _concat(call: CaffeCall) -> Data:
    first = call.data()
    params = call.param("concat_param")
    old = "concat_dim" in params and "axis" not in params
    axis = call.frame.axis(params.integer("concat_dim" if old else "axis", 1), first.rank)
    for number, x in enumerate(call.inputs[1:], 2):
        if x.rank != first.rank:
            raise LayerError(f"its inputs have different numbers of axes: input 1 has {first.rank}, input {number} has "
                             f"{x.rank}, with that of the batch")  # fmt: skip
        if x.batch != first.batch and call.frame.batch > 1:
            raise NotCoveredError("the batch is not along the same axis of all its inputs")
    if len(call.inputs) == 1:
        return call.one("concat", first, dim=call.frame.within(first, axis))
    return joined(call, call.inputs, axis)


@layer_type("slice")
def _slice(call: CaffeCall) -> list[Data]:
    x, params, count = call.data(), call.param("slice_param"), len(call.layer.tops)
    old = "slice_dim" in params and "axis" not in params
    axis = call.frame.axis(params.integer("slice_dim" if old else "axis", 1), x.rank)
    if count == 1 and not params.integers("slice_point"):
        return [call.one("identity", x)]
    if x.batch.own and x.batch.axis == axis:
        call.notes.append(f"{call.layer.name} cuts the batch into {count}: one sample of each part is shown")
        return [call.one("identity", x, part=f"part{i}") for i in range(count)]
    dim = call.frame.within(x, axis)
    size, points = call.full(x)[axis], params.integers("slice_point", 0)
    if points and len(points) != count - 1:
        raise LayerError(f"it has {len(points)} values of slice_point for {count} outputs: it needs {count - 1}")
    if not points and size % count:
        raise LayerError(f"axis {axis} of {size} cannot be cut into {count} equal parts")
    ends = [0, *points, size] if points else [size // count * i for i in range(count + 1)]
    sizes = [end - start for start, end in pairwise(ends)]
    if min(sizes) < 1:
        raise LayerError(f"its slice_points {points} do not rise from 1 to below {size}, the size of axis {axis}")
    return call.emit("split", x, batch=x.batch, sizes=sizes, dim=dim)


@layer_type("flatten")
def _flatten(call: CaffeCall) -> Data:
    x = call.data()
    first = call.axis(x, "axis", "flatten_param", 1)
    last = call.axis(x, "end_axis", "flatten_param", -1)
    if last < first:
        raise LayerError(f"its end_axis {last} is before its axis {first}")
    full = call.full(x)
    return _arranged(call, x, (*full[:first], prod(full[first : last + 1]), *full[last + 1 :]))


def _arranged(call: CaffeCall, x: Data, full: tuple[int, ...], inferred: int = -1) -> Data:
    """Return a tensor with other sizes, by a layer of its own also where they are the same."""
    if full == call.full(x):
        return call.one("identity", x)
    return call.reshape(x, full, inferred=inferred)


@layer_type("reshape")
def _reshape(call: CaffeCall) -> Data:
    x, params = call.data(), call.param("reshape_param")
    full = call.full(x)
    stated = params.inner("shape").integers("dim", -1)
    first = params.integer("axis", 0)
    first = first + len(full) + 1 if first < 0 else first
    count = params.integer("num_axes", -1, -1)
    last = len(full) if count == -1 else first + count
    if not 0 <= first <= last <= len(full):
        raise LayerError(f"its axis and num_axes are beyond the {len(full)} axes of its input")
    sizes = list(stated)
    for i, size in enumerate(stated):
        if size == 0 and first + i >= last:
            raise LayerError(f"its dim {i} of 0 keeps an axis that its input does not have")
        sizes[i] = full[first + i] if size == 0 else size
    if sizes.count(-1) > 1:
        raise LayerError("more than one of its dims is -1: only one can be inferred")
    sizes = inferred_sizes("dims", stated, prod(full[first:last]), sizes)
    inferred = first + stated.index(-1) if -1 in stated else -1
    return _arranged(call, x, (*full[:first], *sizes, *full[last:]), inferred)


@layer_type("permute")
def _permute(call: CaffeCall) -> Data:
    x = call.data()
    given = call.param("permute_param").integers("order", 0)
    if len(set(given)) < len(given) or max(given, default=0) >= x.rank:
        raise LayerError(f"its order {given} is not an arrangement of {x.rank} axes")
    found = permuted(call, x, [*given, *[axis for axis in range(x.rank) if axis not in given]])
    return call.one("identity", x, batch=found.batch) if found.ref == x.ref else found


@layer_type("tile")
def _tile(call: CaffeCall) -> Data:
    x = call.data()
    dim = call.frame.within(x, call.axis(x, "axis", "tile_param", 1))
    tiles = call.param("tile_param").integer("tiles", 1, 1)
    return call.one("tile", x, dims=[tiles if i == dim else 1 for i in range(1, x.shape.rank + 1)])


@layer_type("reduction")
def _reduction(call: CaffeCall) -> Data:
    x, params = call.data(), call.param("reduction_param")
    how = params.choice("operation", ("SUM", "ASUM", "SUMSQ", "MEAN"), "SUM", 1)
    axis = call.axis(x, "axis", "reduction_param", 0)
    dims = [call.frame.index(x, i) + 1 for i in range(axis, x.rank) if call.frame.index(x, i) >= 0]
    batch = x.batch if x.batch.axis < axis else LOST
    arguments = where(len(dims) < x.shape.rank, dim=dims[0] if len(dims) == 1 else dims)
    if how in ("SUM", "MEAN"):
        return call.one(how.lower(), x, batch=batch, **arguments)
    return call.one("reduce", x, batch=batch, function={"ASUM": "l1", "SUMSQ": "sum_square"}[how], **arguments)


@layer_type("argmax")
def _argmax(call: CaffeCall) -> Data:
    """The index of the maximum, or of several, along one axis; or of all, with the maximum beside it."""
    x, params = call.data(), call.param("argmax_param")
    count, pairs = params.integer("top_k", 1, 1), params.flag("out_max_val", default=False)
    if "axis" in params:
        dim = call.frame.within(x, call.axis(x, "axis", "argmax_param", 1))
        if count == 1:
            return call.one("argmax", x, dim=dim, keepdim=True)
        return call.emit("top_k", x, batch=x.batch, k=count, dim=dim)[0 if pairs else 1]
    x = call.as_map(least=0)
    ones = [1] * max(x.rank - 3, 0)
    flat = x if x.shape.rank == 1 else call.one("flatten", x, part="flatten")
    values, indices = call.emit("top_k", flat, batch=flat.batch, k=count, part="top_k")
    if not pairs:
        return call.reshape(indices, (call.frame.batch, 1, count, *ones))
    both = call.one("stack", indices, values, dim=1, part="stack")
    return call.reshape(both, (call.frame.batch, 2, count, *ones))


@layer_type("split")
def _split(call: CaffeCall) -> list[Data]:
    return [call.data()] * max(len(call.layer.tops), 1)


@layer_type("silence", "hdf5output")
def _unused(call: CaffeCall) -> list[Data]:
    call.data()
    return []


@layer_type("parameter")
def _parameter(call: CaffeCall) -> Data:
    shapes = call.param("parameter_param").shapes()
    if not shapes:
        raise LayerError("it has no shape")
    return call.one("parameter", batch=FIXED, shape=list(shapes[0]))


@layer_type("filter", "batchreindex")
def _selected(call: CaffeCall) -> list[Data]:
    """Some of the samples of a batch, each as it was."""
    count = max(len(call.layer.tops), 1)
    return [call.one("identity", call.data(i), part=str(i) if i else "") for i in range(count)]
