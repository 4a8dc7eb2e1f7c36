"""What reads feature maps at positions that are data: grids, boxes, offsets, indices; and tables by several indices."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.pointwise import real
from shapecalc.importers.onnx.windows import convolution
from shapecalc.importers.picking import boxes_of_samples
from shapecalc.importers.tensors import LOST, Batch, Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


@operation("GridSample")
def _grid_sample(call: NodeCall) -> Data:
    x, grid = call.as_map(), call.as_map(1)
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(call.word("mode", "linear"), call.word("mode", "linear"))
    mode = mode if mode in ("bilinear", "nearest", "bicubic") else "bilinear"
    arguments: dict[str, Any] = {} if mode == "bilinear" else {"mode": mode}
    if call.word("padding_mode", "zeros") in ("border", "reflection"):
        arguments["padding_mode"] = call.word("padding_mode", "zeros")
    if call.number("align_corners", 0):
        arguments["align_corners"] = True
    return call.one("grid_sample", x, grid, **arguments)


@operation("RoiAlign")
def _roi_align(call: NodeCall) -> Data:
    size = [call.number("output_height", 1), call.number("output_width", 1)]
    boxes = boxes_of_samples(call, call.data(1))
    more: dict[str, Any] = {}
    if call.number("sampling_ratio", 0) > 0:
        more["sampling_ratio"] = call.number("sampling_ratio", 0)
    scale = real(call, "spatial_scale", 1.0)
    return call.one("roi_align", call.as_map(), boxes, batch=boxes.batch, output_size=size, spatial_scale=scale, **more)


@operation("MaxUnpool")
def _max_unpool(call: NodeCall) -> Data:
    x, rank = call.as_map(), call.as_map().shape.rank - 1
    pads = call.numbers("pads") or [0] * (2 * rank)
    if pads[:rank] != pads[rank:]:
        raise NotCoveredError(f"its pads {pads} differ at both ends")
    arguments: dict[str, Any] = {"stride": call.numbers("strides") or [1] * rank, "padding": pads[:rank]}
    if size := call.items(2):
        arguments["output_size"] = [int(n) for n in size[-rank:]]
    return call.one("max_unpool", x, call.as_map(1), kernel_size=call.numbers("kernel_shape"), **arguments)


@operation("DeformConv")
def _deformable(call: NodeCall) -> Data:
    others = [call.as_map(2), *([call.as_map(4)] if call.given(4) is not None else [])]
    call.inputs = (call.inputs[0], call.inputs[1], call.given(3))
    groups = call.number("offset_group", 1)
    return convolution(call, "deformable_conv", others, **({"offset_groups": groups} if groups > 1 else {}))


@operation("Col2Im")
def _fold(call: NodeCall) -> Data:
    x, size, kernel = call.data(0), call.items(1), call.items(2)
    rank, batch = len(size or ()), Batch(0, own=True)
    if x.batch != batch or x.rank != 3 or not size or not kernel:
        raise LayerError("its input is not batch × columns × positions")
    pads = call.numbers("pads") or [0] * (2 * rank)
    if pads[:rank] != pads[rank:]:
        raise NotCoveredError(f"its pads {pads} differ at both ends")
    return call.one(
        "fold", x, output_size=[int(n) for n in size], kernel_size=[int(n) for n in kernel], padding=pads[:rank],
        stride=call.numbers("strides") or [1] * rank, dilation=call.numbers("dilations") or [1] * rank,
    )  # fmt: skip


@operation("GatherND")
def _gather_nd(call: NodeCall) -> Data:
    """Rows at positions that several indices are of: one gather along the axes that they count, as one."""
    x, index, first = call.data(0), call.given(1), call.number("batch_dims", 0)
    if index is None:
        raise LayerError("it has no indices")
    count = index.full(1)[-1] if index.rank else 0
    if not 0 < count <= x.rank - first:
        raise LayerError(f"its indices have {count} numbers, but its input has {x.rank - first} axes")
    if first or isinstance(index, Data):
        return _picked_elements(call, x, index, first)
    own = _of_each_sample(x, index, call.frame.batch)
    if own is None and call.frame.batch > 1 and x.batch.axis >= 0:
        raise NotCoveredError("it picks from all samples of the batch")
    x = x if own is not None else call.frame.whole(call.place, x)
    batch = x.batch if own is not None or x.batch.is_fixed else LOST
    positions = own or index
    *dims, count = positions.dims
    joined = (prod(x.shape.sizes[:count]), *x.shape.sizes[count:])
    rows = call.frame.reshape(
        call.place, x._replace(batch=batch), joined if own is None else (call.frame.batch, *joined)
    )
    rows = call.frame.whole(call.place, rows) if own is None else rows
    at = call.frame.as_data(call.place, positions._replace(dims=tuple(dims), sources=(), items=None), tuple(dims))
    return call.one("gather", rows, at, batch=batch, dim=1)


def _picked_elements(call: NodeCall, x: Data, index: Data | Constant, first: int) -> Data:
    """Return rows at positions that are data, or are for each of the first axes. Errors: `NotCoveredError`.

    Where one of their numbers counts samples, those of each sample are its own: `x[arange(b), i]`.
    """
    b, at, theirs = call.frame.batch, x.batch.axis, index.batch.axis
    full = index.full(b)
    end = first + full[-1]
    sizes = [*x.full(b)[:first], *full[first:-1], *x.full(b)[end:]]
    is_own = first <= at < end and ((end - first > 1) if x.batch.own else x.batch == Batch(first))
    if theirs >= 0 and (at < 0 or is_own or (at == theirs < first and x.batch == index.batch)):
        batch = index.batch
    elif theirs < 0 <= at and (at >= end or at < first):
        batch = x.batch._replace(axis=at + len(full) - 1 - end + first if at >= end else at)
    elif b > 1 and max(at, theirs) >= 0:
        raise NotCoveredError("it picks from data at positions that are data")
    else:
        batch = LOST
        x = call.frame.whole(call.place, x)
    if batch.own:
        del sizes[batch.axis]
    elif batch.axis >= 0:
        sizes[batch.axis] //= b
    return call.one("named_operation", x, call.data(1), batch=batch, output_sizes=[tuple(sizes)], op_type="GatherND")


def _of_each_sample(x: Data, index: Constant, batch: int) -> Constant | None:
    """Return the positions within a sample, where every sample picks from itself, and at the same ones."""
    if x.batch != Batch(0, own=True) or not index.items or index.rank < 3:
        return None
    count, each = index.dims[-1], prod(index.dims[1:-1])
    rows = [index.items[i : i + count] for i in range(0, len(index.items), count)]
    due = [(sample, *rows[i][1:]) for sample in range(index.dims[0]) for i in range(each)]
    if index.dims[0] != batch or count < 2 or rows != due:
        return None
    return Constant((*index.dims[1:-1], count - 1), tuple([item for row in rows[:each] for item in row[1:]]))


@operation("OneHot")
def _one_hot(call: NodeCall) -> Data:
    x, depth = call.data(0), call.items(1)
    if not depth:
        raise LayerError("it has no depth")
    axis = call.frame.axis(call.number("axis", -1), x.rank + 1)
    at = axis - (x.batch.own and x.batch.axis < axis)
    sizes = (*x.shape.sizes[:at], int(depth[0]), *x.shape.sizes[at:])
    batch = x.batch._replace(axis=x.batch.axis + (0 <= axis <= x.batch.axis))
    return call.one("named_operation", x, batch=batch, output_sizes=[sizes], op_type="OneHot")
