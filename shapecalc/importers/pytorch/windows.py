"""Convolutions, pools and resizing: what slides over, or changes, the spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import merged, product
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.picking import boxes_of_samples
from shapecalc.importers.pytorch.operations import operation
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.pytorch.operations import AtenCall


def alike(values: list[Any]) -> Any:
    """Return one number for all axes where they are equal, as people write it."""
    return values[0] if values and len(set(values)) == 1 else values


def map_of(call: AtenCall, x: Data, rank: int) -> Data:
    """Return a tensor with so many spatial axes as a map, with or without the batch. Errors: `NotCoveredError`."""
    if x.rank == rank + 1:  # without the batch, as PyTorch allows it
        if x.batch.own:
            raise NotCoveredError("its input has the batch on the axis of the channels, or a spatial one")
        return x._replace(shape=x.shape._replace(is_map=True))
    if x.rank != rank + 2:
        raise LayerError(f"its input has {x.rank} axes: it needs {rank + 1}, or {rank + 2} with the batch")
    return call.map_of(x)


def _kernel(call: AtenCall) -> tuple[Constant, Constant | None]:
    kernel, bias = call.weight("weight"), call.weight("bias")
    if kernel is None:
        raise LayerError("it has no weight")
    if kernel.rank < 3:
        raise LayerError(f"its weight has {kernel.rank} axes: it needs at least 3")
    return kernel, bias


@operation("conv1d", "conv2d", "conv3d", "convolution", "_convolution", "cudnn_convolution", "mkldnn_convolution",
           "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")  # fmt: skip
def _conv(call: AtenCall) -> Data:
    computed = call.tensor("weight")
    if isinstance(computed, Data):
        return _of_computed(call, computed)
    kernel, bias = _kernel(call)
    rank = kernel.rank - 2
    x = map_of(call, call.x("input", "self"), rank)
    stride, dilation = call.ints("stride", (1,), rank), call.ints("dilation", (1,), rank)
    groups = call.number("groups", 1)
    arguments: dict[str, Any] = {"kernel_size": alike(list(kernel.dims[2:])), "stride": alike(stride)}
    padding = call.get("padding", 0)
    padding = padding if isinstance(padding, str) else alike(call.ints("padding", (0,), rank))
    if padding not in (0, "valid"):
        arguments["padding"] = padding
    if any(step != 1 for step in dilation):
        arguments["dilation"] = alike(dilation)
    if groups != 1:
        arguments["groups"] = groups
    if bias is None:
        arguments["bias"] = False
    weights = [kernel] if bias is None else [kernel, bias]
    if call.flag("transposed", "transpose" in call.name):
        extra = call.ints("output_padding", (0,), rank)
        if any(extra):
            arguments["output_padding"] = alike(extra)
        return call.one("transposed_conv", x, out_channels=kernel.dims[1] * groups, in_channels=kernel.dims[0],
                        weights=weights, **arguments)  # fmt: skip
    return call.one("conv", x, out_channels=kernel.dims[0], in_channels=kernel.dims[1] * groups, weights=weights,
                    **arguments)  # fmt: skip


def _of_computed(call: AtenCall, kernel: Data) -> Data:
    """Return a convolution with a kernel that is computed of data: the product of it and the windows of the map."""
    if kernel.rank != 4 or kernel.batch.axis >= 0 or call.flag("transposed", "transpose" in call.name):
        raise NotCoveredError("its weight is computed from data")
    x, frame, groups = map_of(call, call.x("input", "self"), 2), call.frame, call.number("groups", 1)
    channels, inputs, *window = kernel.full(1)
    if isinstance(call.get("padding", 0), str) or channels % groups:
        raise NotCoveredError("its weight is computed from data, and its padding is a word")
    stride, padding = call.ints("stride", (1,), 2), call.ints("padding", (0,), 2)
    dilation = call.ints("dilation", (1,), 2)
    sizes = [(size + 2 * pad - step * (length - 1) - 1) // move + 1 for size, pad, step, length, move
             in zip(x.shape.sizes[1:], padding, dilation, window, stride, strict=True)]  # fmt: skip
    windows = call.one("unfold", x, kernel_size=window, stride=stride, padding=padding, dilation=dilation)
    several, taps, b = ((groups,) if groups > 1 else ()), inputs * window[0] * window[1], frame.batch
    if several:
        windows = frame.reshape(call.place, windows, (b, groups, taps, sizes[0] * sizes[1]))
    matrix = frame.reshape(call.place, kernel, (*several, channels // groups, taps))
    found = frame.reshape(call.place, product(call, matrix, windows), (b, channels, *sizes))
    found, bias = found._replace(shape=found.shape._replace(is_map=True)), call.tensor("bias")
    if bias is None:
        return found
    if isinstance(bias, Constant) and bias.learned:
        return call.one("bias_add", found, weights=[bias])
    bias = bias._replace(dims=(channels, 1, 1)) if isinstance(bias, Constant) else bias
    column = bias if isinstance(bias, Constant) else frame.reshape(call.place, bias, (channels, 1, 1))
    return merged(call, "add", [found, column])


@operation("torchvision.deform_conv2d")
def _deformable(call: AtenCall) -> Data:
    kernel, bias = _kernel(call)
    x, offset = map_of(call, call.x("input"), 2), map_of(call, call.x("offset"), 2)
    masks = [map_of(call, call.x("mask"), 2)] if call.flag("use_mask", True) and call.get("mask") is not None else []
    named = {"stride": "stride", "padding": "pad", "dilation": "dilation"}
    sizes = {name: alike([call.number(f"{word}_{axis}", name != "padding") for axis in "hw"])
             for name, word in named.items()}  # fmt: skip
    groups, offsets = call.number("groups", 1), call.number("offset_groups", 1)
    more: dict[str, Any] = {} if bias is not None else {"bias": False}
    weights = [kernel] if bias is None else [kernel, bias]
    return call.one("deformable_conv", x, offset, *masks, weights=weights, out_channels=kernel.dims[0],
                    in_channels=kernel.dims[1] * groups, kernel_size=alike(list(kernel.dims[2:])), groups=groups,
                    offset_groups=offsets, **sizes, **more)  # fmt: skip


@operation("torchvision.roi_align", "torchvision.roi_pool")
def _roi_align(call: AtenCall) -> Any:
    """Boxes with the number of their sample in front: both return a map for each, and where its maxima are."""
    x, boxes = map_of(call, call.x("input"), 2), boxes_of_samples(call, call.x("rois"))
    boxes = call.one("slice", boxes, dim=2, start=1)
    size = [call.number("pooled_height", 1), call.number("pooled_width", 1)]
    more: dict[str, Any] = {}
    if call.number("sampling_ratio", -1) > 0:
        more["sampling_ratio"] = call.number("sampling_ratio", -1)
    if call.flag("aligned", False):
        more["aligned"] = True
    scale = call.get("spatial_scale", 1.0)
    found = call.one("roi_align", x, boxes, batch=boxes.batch, output_size=size, spatial_scale=scale, **more)
    return [found] if call.name.endswith("pool") else found


def _rank(call: AtenCall) -> int:
    return next((int(c) for c in call.name if c in "123"), 2)


@operation("max_pool1d", "max_pool2d", "max_pool3d", "max_pool1d_with_indices", "max_pool2d_with_indices",
           "max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d")  # fmt: skip
def _pool(call: AtenCall) -> Any:
    rank = _rank(call)
    x = map_of(call, call.x(), rank)
    kernel = call.ints("kernel_size", (), rank)
    stride = call.ints("stride", kernel, rank) or kernel
    padding, dilation = call.ints("padding", (0,), rank), call.ints("dilation", (1,), rank)
    arguments: dict[str, Any] = {"kernel_size": alike(kernel), "stride": alike(stride)}
    if any(padding):
        arguments["padding"] = alike(padding)
    if any(step != 1 for step in dilation):
        arguments["dilation"] = alike(dilation)
    if call.flag("ceil_mode", False):
        arguments["ceil_mode"] = True
    if call.name.startswith("avg"):
        if any(padding) and not call.flag("count_include_pad", True):
            arguments["count_include_pad"] = False
        return call.one("avg_pool", x, **arguments)
    if call.is_used(1):
        return call.emit("max_pool", x, batch=x.batch, return_indices=True, **arguments)
    return call.one("max_pool", x, **arguments)


@operation("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d",
           "_adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")  # fmt: skip
def _adaptive(call: AtenCall) -> Data:
    rank = _rank(call)
    x = map_of(call, call.x(), rank)
    kind = "adaptive_max_pool" if "max" in call.name else "adaptive_avg_pool"
    if call.is_used(1):
        raise NotCoveredError("its positions are used")
    return call.one(kind, x, output_size=alike(call.ints("output_size", (1,), rank)))


@operation("fractional_max_pool2d", "fractional_max_pool3d")
def _fractional(call: AtenCall) -> Data:
    rank = _rank(call)
    if call.is_used(1):
        raise NotCoveredError("its positions are used")
    sizes = {name: alike(call.ints(name, (), rank)) for name in ("kernel_size", "output_size")}
    return call.one("fractional_max_pool", map_of(call, call.x(), rank), **sizes)


@operation("max_unpool2d", "max_unpool3d")
def _unpool(call: AtenCall) -> Data:
    rank = _rank(call)
    x, index = map_of(call, call.x(), rank), map_of(call, call.x("indices"), rank)
    size = call.ints("output_size", (), rank)
    kernel = [max(-(-due // own), 1) for due, own in zip(size, x.shape.spatial, strict=True)]
    return call.one("max_unpool", x, index, kernel_size=alike(kernel), output_size=alike(size))


_MODES = {"nearest": "nearest", "nearest_exact": "nearest-exact", "linear": "linear", "bilinear": "bilinear",
          "bicubic": "bicubic", "trilinear": "trilinear"}  # fmt: skip
_RESIZES = [f"upsample_{mode}" for mode in ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d",
                                             "bicubic2d", "trilinear3d")]  # fmt: skip
_RESIZES += [f"_upsample_nearest_exact{rank}d" for rank in (1, 2, 3)]
_RESIZES += ["_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"]


@operation(*_RESIZES)
def _resize(call: AtenCall) -> Data:
    rank = _rank(call)
    x = map_of(call, call.x(), rank)
    mode = _MODES[call.name.partition("upsample_")[2].partition(f"{rank}d")[0]]
    arguments: dict[str, Any] = {} if mode == "nearest" else {"mode": mode}
    if call.flag("align_corners", False):
        arguments["align_corners"] = True
    factors = call.get("scale_factors")
    if factors and call.get("output_size") is None:
        whole = [int(factor) if float(factor).is_integer() else factor for factor in factors]
        return call.one("upsample", x, scale_factor=alike(whole * (rank if len(whole) == 1 else 1)), **arguments)
    return call.one("upsample", x, size=alike(call.ints("output_size", (), rank)), **arguments)


@operation("pixel_shuffle")
def _pixel_shuffle(call: AtenCall) -> Data:
    return call.one("pixel_shuffle", map_of(call, call.x(), 2), upscale_factor=call.number("upscale_factor", 1))


@operation("pixel_unshuffle")
def _pixel_unshuffle(call: AtenCall) -> Data:
    return call.one("pixel_unshuffle", map_of(call, call.x(), 2), downscale_factor=call.number("downscale_factor", 1))


@operation("channel_shuffle", "native_channel_shuffle")
def _channel_shuffle(call: AtenCall) -> Data:
    return call.one("channel_shuffle", map_of(call, call.x(), 2), groups=call.number("groups", 1))


@operation("im2col", "col2im")
def _windows(call: AtenCall) -> Data:
    sizes = {name: alike(call.ints(name, (1,), 2)) for name in ("kernel_size", "dilation", "padding", "stride")}
    if call.name == "im2col":
        return call.one("unfold", map_of(call, call.x(), 2), **sizes)
    return call.one("fold", map_of(call, call.x(), 1), output_size=alike(call.ints("output_size", (), 2)), **sizes)


@operation("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def _grid_sample(call: AtenCall) -> Data:
    x, grid = call.x("input"), call.x("grid")
    return call.one("grid_sample", map_of(call, x, x.rank - 2), map_of(call, grid, x.rank - 2))
