"""What reads feature maps at positions that are data: grids, boxes, offsets, indices; and tables by several indices."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.pointwise import real
from shapecalc.importers.onnx.windows import convolution
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
    if call.frame.batch > 1:
        raise NotCoveredError("its boxes are of several samples of the batch")
    size = [call.number("output_height", 1), call.number("output_width", 1)]
    boxes = call.frame.whole(call.place, call.data(1))
    more: dict[str, Any] = {}
    if call.number("sampling_ratio", 0) > 0:
        more["sampling_ratio"] = call.number("sampling_ratio", 0)
    scale = real(call, "spatial_scale", 1.0)
    return call.one("roi_align", call.as_map(), boxes, batch=LOST, output_size=size, spatial_scale=scale, **more)


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
    x, index = call.data(0), call.given(1)
    if index is None or call.number("batch_dims", 0):
        raise NotCoveredError("it picks for each sample of the batch")
    batch, own = LOST, _of_each_sample(x, index, call.frame.batch)
    if own is not None:
        batch, index = x.batch, own
    elif call.frame.batch > 1 and (x.batch.axis >= 0 or (isinstance(index, Data) and index.batch.axis >= 0)):
        raise NotCoveredError("it picks from data at positions that are data")
    else:
        x = call.frame.whole(call.place, x)
        batch = x.batch if x.batch.is_fixed and isinstance(index, Constant) else LOST
    positions = index if isinstance(index, Constant) else call.frame.whole(call.place, index)
    *dims, count = positions.full(1)
    sizes = x.shape.sizes
    if not 0 < count <= len(sizes):
        raise LayerError(f"its indices have {count} numbers, but its input has {len(sizes)} axes")
    if not isinstance(positions, Constant) or not dims:
        at = positions if isinstance(positions, Data) else call.frame.as_data(call.place, positions, positions.dims)
        return call.one(
            "named_operation", x, at, batch=batch, output_sizes=[(*dims, *sizes[count:])], op_type="GatherND"
        )
    joined = (prod(sizes[:count]), *sizes[count:])
    rows = call.frame.reshape(
        call.place, x._replace(batch=batch), joined if own is None else (call.frame.batch, *joined)
    )
    rows = call.frame.whole(call.place, rows) if own is None else rows
    at = call.frame.as_data(call.place, positions._replace(dims=tuple(dims), sources=(), items=None), tuple(dims))
    return call.one("gather", rows, at, batch=batch, dim=1)


def _of_each_sample(x: Data, index: Data | Constant, batch: int) -> Constant | None:
    """Return the positions within a sample, where every sample picks from itself, and at the same ones."""
    if x.batch != Batch(0, own=True) or not isinstance(index, Constant) or not index.items or index.rank < 3:
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
