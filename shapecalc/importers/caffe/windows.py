"""Convolutions, pools and resizing: what slides over, or changes, the spatial axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.caffe.messages import BadFieldError
from shapecalc.importers.caffe.operations import layer_type, where
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.rearranging import excess_padding

if TYPE_CHECKING:
    from shapecalc.importers.caffe.messages import Params
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data

__all__ = ["outputs"]


def _alike(values: list[int]) -> Any:
    """Return one number for all axes where they are equal, as people write it."""
    return values[0] if len(set(values)) == 1 else values


def _each_axis(params: Params, name: str, rank: int, default: int, short: str = "") -> list[int]:
    """Return an argument for each spatial axis: one number, one for each, or `_h` and `_w`. Errors: `LayerError`."""
    short = short or name
    least = 1 if name != "pad" else 0
    pair = [params.integers(f"{short}_{side}", least) for side in "hw"]
    values = params.integers(name, least)
    if any(pair):
        if rank != 2:
            raise LayerError(f"{short}_h and {short}_w need 2 spatial axes, but its input has {rank}")
        if name == "kernel_size" and not all(pair):
            raise LayerError("it needs both kernel_h and kernel_w, or kernel_size")
        if values:
            raise LayerError(f"it has both {name} and {short}_h or {short}_w: one of them is too much")
        return [side[-1] if side else default for side in pair]
    if len(values) not in (0, 1, rank):
        raise LayerError(f"it has {len(values)} values of {name} for {rank} spatial axes")
    values = values or [default]
    return values * rank if len(values) == 1 else values


def _window(params: Params, rank: int) -> dict[str, Any]:
    """Return the arguments of a sliding window."""
    if not {"kernel_size", "kernel_h", "kernel_w"} & params.message.fields.keys():
        raise LayerError("it has no kernel_size")
    found = {
        "kernel_size": _each_axis(params, "kernel_size", rank, 0, "kernel"),
        "stride": _each_axis(params, "stride", rank, 1),
        "padding": _each_axis(params, "pad", rank, 0),
        "dilation": _each_axis(params, "dilation", rank, 1),
    }
    return {
        name: _alike(values)
        for name, values in found.items()
        if name == "kernel_size" or set(values) != {1 if name != "padding" else 0} or name == "stride"
    }


def outputs(params: Params) -> int:
    """Return the number of outputs of a layer. Errors: `LayerError`."""
    if "num_output" not in params:
        raise LayerError("it has no num_output")
    return params.integer("num_output", 0, 1)


@layer_type("convolution", "deconvolution", "depthwiseconvolution", "convolutiondepthwise", "convolution3d", "conv",
            "cudnnconvolution", "convolutionnd")  # fmt: skip
def _conv(call: CaffeCall) -> list[Data]:
    params, is_deconv = call.param("convolution_param"), call.layer.key == "deconvolution"
    if params.message.fields == {} and "convolution3d_param" in call.layer.own.fields:
        raise NotCoveredError("its arguments are those of another branch of Caffe")
    found = []
    for index in range(max(len(call.inputs), 1)):  # each input with the same weights
        x = call.as_map(index)
        if call.axis(x, "axis", "convolution_param", 1) != 1:
            raise NotCoveredError("its channels are not axis 1")
        channels, rank = x.shape.channels, x.shape.rank - 1
        arguments = _window(params, rank)
        groups = params.integer("group", 1, 1)
        if groups == 1 and "depthwise" in call.layer.key:
            groups = channels
        arguments |= {"groups": groups} if groups != 1 else {}
        if not params.flag("bias_term", default=True):
            arguments["bias"] = False
        if index and not any(call.layer.shared_names()):
            raise NotCoveredError("it has several inputs, which share its weights without a name")
        found.append(call.one("transposed_conv" if is_deconv else "conv", x, out_channels=outputs(params), **arguments))
    return found


@layer_type("local", "locallyconnected")
def _local(call: CaffeCall) -> Data:
    params, x = call.param("local_param"), call.as_map()
    bias = where(not params.flag("bias_term", default=True), bias=False)
    window = _window(params, x.shape.rank - 1)
    return call.one("locally_connected", x, out_channels=outputs(params), **window, **bias)


@layer_type("pooling")
def _pool(call: CaffeCall) -> list[Data]:
    params, x = call.param("pooling_param"), call.as_map(least=3)
    how = params.choice("pool", ("MAX", "AVE", "STOCHASTIC"), "MAX")
    kind = "max" if how == "MAX" else "avg"
    if how == "STOCHASTIC":
        call.notes.append(f"{call.layer.name} is stochastic pooling, shown as average pooling: it has the same sizes")
    if params.flag("global_pooling", default=False):
        _check_global(params)
        return [call.one(f"global_{kind}_pool", x, keepdims=True)]
    arguments = _window(params, x.shape.rank - 1)
    pads = arguments.get("padding", 0)
    _check_padding(params, pads, arguments["kernel_size"])
    ceil = params.choice("round_mode", ("CEIL", "FLOOR"), "CEIL") == "CEIL" and params.flag("ceil_mode", default=True)
    if ceil:  # Caffe keeps the last window inside where any axis is padded, as PyTorch does on all
        arguments["rounding"] = "ceil" if isinstance(pads, list) and 0 in pads else "caffe"
    if pads:
        arguments["padding_limit"] = "window"
    if kind == "max" and len(call.layer.tops) > 1:
        return call.emit("max_pool", x, batch=x.batch, return_indices=True, **arguments)
    return [call.one(f"{kind}_pool", x, **arguments)]


def _check_padding(params: Params, pads: Any, kernel: Any) -> None:
    """Check the padding of a pool as Caffe does (CHECK_LT in pooling_layer.cpp). Errors: `BadFieldError`."""
    found = excess_padding(pads, kernel)
    if found is not None:
        pad, size = found
        fields = params.message.fields
        entry = next(value for name in ("pad", "pad_h", "pad_w") for value in fields.get(name, ())
                     if params.integer(name, 0) == pad or name == "pad")  # fmt: skip
        message = f"pad {pad} is not less than kernel_size {size}: a window would be padding alone, and Caffe stops"
        raise BadFieldError(message, entry, f"pad must be at most {size - 1}")


def _check_global(params: Params) -> None:
    """Check that a global pool has no window of its own. Errors: `LayerError`."""
    fields = params.message.fields
    wrong: list[str] = [name for name in ("kernel_size", "kernel_h", "kernel_w") if name in fields]
    wrong += [name for name in ("pad", "pad_h", "pad_w") if params.integer(name, 0)]
    wrong += [name for name in ("stride", "stride_h", "stride_w") if params.integer(name, 1) != 1]
    if wrong:
        hint = f"leave out {wrong[0]}: its window is the whole input, or global_pooling"
        raise BadFieldError(f"it has both global_pooling and {wrong[0]}", params.message.fields[wrong[0]][-1], hint)


@layer_type("im2col")
def _im2col(call: CaffeCall) -> Data:
    x = call.as_map(least=3)
    columns = call.one("unfold", x, part="columns", **_window(call.param("convolution_param"), x.shape.rank - 1))
    arguments = _window(call.param("convolution_param"), x.shape.rank - 1) | {"out_channels": 1}
    sizes = call.frame.sizes_of("conv", arguments, [x])[1:]
    return call.reshape(columns, (call.frame.batch, columns.shape.sizes[0], *sizes))


@layer_type("spp")
def _pyramid(call: CaffeCall) -> Data:
    params, x = call.param("spp_param"), call.as_map(least=3)
    how = params.choice("pool", ("MAX", "AVE", "STOCHASTIC"), "MAX")
    kind = "adaptive_max_pool" if how == "MAX" else "adaptive_avg_pool"
    levels = params.integer("pyramid_height", 0)
    if not 1 <= levels <= 16:
        raise LayerError(f"pyramid_height must be between 1 and 16, not {levels}")
    if levels == 1:
        return call.one(kind, x, output_size=1)
    flat = []
    for level in range(levels):
        pooled = call.one(kind, x, output_size=2**level, part=f"pool{level}")
        full = call.full(pooled)
        flat.append(call.reshape(pooled, (full[0], prod(full[1:])), f"flatten{level}"))
    return call.one("concat", *flat, dim=1)


@layer_type("interp")
def _interp(call: CaffeCall) -> Data:
    """Bilinear interpolation of DeepLab and PSPNet. Source: interp_layer.cpp of their branches."""
    params, x = call.param("interp_param"), call.as_map(least=3)
    if len(call.inputs) > 1:
        sizes = list(call.as_map(1, 3).shape.spatial)
    elif "height" in params and "width" in params:
        sizes = [params.integer("height", 0, 1), params.integer("width", 0, 1)]
    else:
        shrink, zoom = params.integer("shrink_factor", 1, 1), params.integer("zoom_factor", 1, 1)
        pads = params.integer("pad_beg", 0) + params.integer("pad_end", 0)
        if not {"shrink_factor", "zoom_factor"} & params.message.fields.keys():
            raise LayerError("it has neither height and width, nor shrink_factor or zoom_factor")
        shrunk = [(size + pads - 1) // shrink + 1 for size in x.shape.spatial]
        sizes = [size + (size - 1) * (zoom - 1) for size in shrunk]
    return call.one("upsample", x, size=_alike(sizes), mode="bilinear")


@layer_type("upsample", "unpooling")
def _upsample(call: CaffeCall) -> Data:
    """The unpooling of SegNet and DeconvNet, at the positions of a pooling's second output; without them nearest."""
    params, x = call.param("upsample_param"), call.as_map(least=3)
    pool = call.param("pooling_param")
    if "unpool_size" in pool:
        sizes, scale = [pool.integer("unpool_size", 0, 1)] * 2, 0
    else:
        scale = params.integer("scale", params.integer("stride", 2, 1), 1)
        sizes = [params.integer(f"upsample_{side}", params.integer(name, 0), 0) or size * scale
                 for side, name, size in zip("hw", ("height", "width"), x.shape.spatial, strict=True)]  # fmt: skip
    plain = tuple(sizes) == tuple([size * scale for size in x.shape.spatial])
    if len(call.inputs) < 2:
        return call.one("upsample", x, **where(plain, scale_factor=scale), **where(not plain, size=_alike(sizes)))
    window: dict[str, Any] = {"kernel_size": scale, "stride": scale}
    if "kernel_size" in pool:
        window = _window(pool, 2)
    return call.one("max_unpool", x, call.as_map(1, 3), **window, **where(not plain, output_size=_alike(sizes)))


@layer_type("crop")
def _crop(call: CaffeCall) -> Data:
    x, like = call.data(0), call.data(1)
    params = call.param("crop_param")
    axis = call.axis(x, "axis", "crop_param", 2)
    offsets = params.integers("offset", 0)
    if x.rank != like.rank:
        raise LayerError(f"its inputs have {x.rank} and {like.rank} axes")
    if len(offsets) not in (0, 1, x.rank - axis):
        raise LayerError(f"it has {len(offsets)} offsets for {x.rank - axis} axes")
    offsets = offsets * (x.rank - axis) if len(offsets) == 1 else offsets or [0] * (x.rank - axis)
    full, due = call.full(x), call.full(like)
    for i, offset in enumerate(offsets, axis):
        if offset + due[i] > full[i]:
            raise LayerError(
                f"it cuts {due[i]} from position {offset} on, along axis {i}, of which there are {full[i]}"
            )
    if axis == 2 and x.rank > 2 and x.batch == like.batch and x.batch.own and x.shape.is_map:
        sides = [[offset, full[i] - offset - due[i]] for i, offset in enumerate(offsets, axis)]
        return call.one("crop", x, cropping=sides)
    for i, offset in enumerate(offsets, axis):
        if due[i] != full[i]:
            part = f"axis{i}" if i < x.rank - 1 else ""
            x = call.one("slice", x, dim=call.frame.within(x, i), start=offset, end=offset + due[i], part=part)
    return x if x is not call.data(0) else call.one("identity", x)


@layer_type("padding")
def _pad(call: CaffeCall) -> Data:
    return call.one("pad", call.as_map(least=3), padding=call.layer.param("padding_param").integer("pad", 0, 0))


@layer_type("reorg")
def _reorg(call: CaffeCall) -> Data:
    params, x = call.param("reorg_param"), call.as_map(least=3)
    stride = params.integer("stride", 2, 1)
    if params.flag("reverse", default=False):
        return call.one("pixel_shuffle", x, upscale_factor=stride)
    return call.one("pixel_unshuffle", x, downscale_factor=stride)


@layer_type("shufflechannel", "channelshuffle")
def _shuffle(call: CaffeCall) -> Data:
    params = call.param("shuffle_channel_param")
    return call.one("channel_shuffle", call.as_map(least=3), groups=params.integer("group", 1, 1))
