"""Convolutions, pools, padding, cropping and resizing: what slides over, or changes, the spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.activations import activated
from shapecalc.importers.keras.calls import alike, layer, when
from shapecalc.importers.keras.lora import LoraLayers, adapted

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data

_RANKS = ("1D", "2D", "3D")


def rank_of(call: LayerCall) -> int:
    """Return how many spatial axes the class of a layer names: 2 for `Conv2D`, `Conv2DTranspose`."""
    return next(rank for rank, end in enumerate(_RANKS, 1) if end in call.record.op)


def _window(call: LayerCall, lead: int, rank: int, size: str = "kernel_size", step: Any = 1) -> dict[str, Any]:
    """Return the arguments of a sliding window."""
    ones = [1] * lead
    kernel = call.wholes(size, rank, 2 if size == "pool_size" else None)
    stride, dilation = call.wholes("strides", rank, step or kernel), call.wholes("dilation_rate", rank, 1)
    found: dict[str, Any] = {"kernel_size": alike([*ones, *kernel]), "stride": alike([*ones, *stride])}
    word = call.word("padding", "valid").lower()
    if word == "causal":
        pairs = [[0, 0]] * lead + [[d * (k - 1), 0] for d, k in zip(dilation, kernel, strict=True)]
        found["padding"] = pairs
    elif word == "same":
        found["padding"] = word
    elif word == "full":  # of Keras 1, on one backend
        raise NotCoveredError("its padding is full")
    elif word != "valid":
        raise call.wrong("padding", "valid, same or causal")
    if any(one != 1 for one in dilation):
        found["dilation"] = alike([*ones, *dilation])
    return found


def _convolved(call: LayerCall, kind: str, **more: Any) -> Data:
    """Return the output of a convolution, with its activation."""
    rank = rank_of(call)
    x, lead = call.as_map(call.data(), rank)
    arguments = {**_window(call, lead, rank), **more}
    if kind != "depthwise_conv":
        arguments["out_channels"] = call.whole("filters")
    if kind in ("depthwise_conv", "separable_conv") and call.whole("depth_multiplier", 1) != 1:
        arguments["depth_multiplier"] = call.whole("depth_multiplier", 1)
    if kind == "transposed_conv":
        extra = call.argument("output_padding")
        if extra is not None:
            arguments["output_padding"] = alike([0] * lead + call.wholes("output_padding", rank))
    bias = when(not call.flag("use_bias", default=True), bias=False)

    def adapter(lora_rank: int) -> LoraLayers:
        if arguments.get("groups", 1) != 1:
            raise NotCoveredError("its adapters of LoRA are those of groups")
        return LoraLayers(
            {**arguments, "out_channels": lora_rank}, "conv", {"kernel_size": 1, "out_channels": call.whole("filters")}
        )

    y = activated(call, adapted(call, x, kind, arguments, adapter, bias=bias, no_bias={"bias": False}))
    return call.as_it_was(y, lead, rank)


@layer("Conv1D", "Conv2D", "Conv3D")
def _conv(call: LayerCall) -> Data:
    groups = call.whole("groups", 1)
    return _convolved(call, "conv", **when(groups != 1, groups=groups))


@layer("DepthwiseConv1D", "DepthwiseConv2D")
def _depthwise(call: LayerCall) -> Data:
    return _convolved(call, "depthwise_conv")


@layer("SeparableConv1D", "SeparableConv2D")
def _separable(call: LayerCall) -> Data:
    return _convolved(call, "separable_conv")


@layer("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Convolution3DTranspose")
def _transposed(call: LayerCall) -> Data:
    return _convolved(call, "transposed_conv")


@layer("LocallyConnected1D", "LocallyConnected2D")
def _locally_connected(call: LayerCall) -> Data:
    return _convolved(call, "locally_connected")


@layer("MaxPooling1D", "MaxPooling2D", "MaxPooling3D")
def _max_pool(call: LayerCall) -> Data:
    return _pooled(call, "max_pool")


@layer("AveragePooling1D", "AveragePooling2D", "AveragePooling3D")
def _avg_pool(call: LayerCall) -> Data:
    return _pooled(call, "avg_pool")


def _pooled(call: LayerCall, kind: str) -> Data:
    rank = rank_of(call)
    x, lead = call.as_map(call.data(), rank)
    arguments = _window(call, lead, rank, "pool_size", None)
    if kind == "avg_pool" and "padding" in arguments:
        arguments["count_include_pad"] = False
    return call.as_it_was(call.one(kind, x, **arguments), lead, rank)


_GLOBAL = {
    f"{prefix}{rank}": kind
    for prefix, kind in (("GlobalAveragePooling", "mean"), ("GlobalMaxPooling", "max"), ("GlobalAvgPool", "mean"),
                         ("GlobalMaxPool", "max"))
    for rank in _RANKS
}  # fmt: skip


@layer(*_GLOBAL)
def _global_pool(call: LayerCall) -> Data:
    kind, rank, x, keeps = _GLOBAL[call.record.op], rank_of(call), call.data(), call.flag("keepdims", default=False)
    lead = x.shape.rank - 1 - rank
    if lead <= 0 and call.is_last == call.importing.is_last:
        x, _ = call.as_map(x, rank)
        return call.one("global_avg_pool" if kind == "mean" else "global_max_pool", x, **when(keeps, keepdims=True))
    first = lead + 1 if call.is_last else lead + 2
    return call.one(kind, x, dim=list(range(first, first + rank)), **when(keeps, keepdim=True))


@layer(*[f"Adaptive{what}Pooling{rank}" for what in ("Average", "Max") for rank in _RANKS])
def _adaptive(call: LayerCall) -> Data:
    rank = rank_of(call)
    x, lead = call.as_map(call.data(), rank)
    if lead:
        raise NotCoveredError("its input has an axis before the spatial ones")
    kind = "adaptive_max_pool" if "Max" in call.record.op else "adaptive_avg_pool"
    return call.as_it_was(call.one(kind, x, output_size=alike(call.wholes("output_size", rank))), lead, rank)


def _pairs(call: LayerCall, name: str, rank: int, default: int) -> list[list[int]]:
    """Return what is added or cut at the start and end of each spatial axis."""
    value = call.argument(name)
    if isinstance(value, dict):  # Keras 1
        sides = [("top", "bottom"), ("left", "right")] if "top_pad" in value else []
        value = [[value.get(f"{one}_pad", 0) for one in pair] for pair in sides]
    if rank == 1 and isinstance(value, list) and len(value) == 2:
        value = [value]
    if value is None or type(value) is int:
        value = [default if value is None else value] * rank
    if not isinstance(value, list) or len(value) != rank:
        raise call.wrong(name, f"a number or a pair for each of {rank} axes")
    pairs = [[one, one] if type(one) is int else one for one in value]
    if any(not isinstance(pair, list) or len(pair) != 2 or any(type(n) is not int for n in pair) for pair in pairs):
        raise call.wrong(name, f"a number or a pair for each of {rank} axes")
    return pairs


def _short(pairs: list[list[int]]) -> Any:
    return alike([a for a, _ in pairs]) if all(a == b for a, b in pairs) else pairs


def _with_sides(call: LayerCall, kind: str, argument: str) -> Data:
    """Return the output of a layer with an argument of pairs: a start and an end for each axis."""
    rank = rank_of(call)
    x, lead = call.as_map(call.data(), rank)
    pairs = [[0, 0]] * lead + _pairs(call, argument, rank, 1)
    return call.as_it_was(call.one(kind, x, **{argument: _short(pairs)}), lead, rank)


@layer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def _padded(call: LayerCall) -> Data:
    return _with_sides(call, "pad", "padding")


@layer("Cropping1D", "Cropping2D", "Cropping3D")
def _cropped(call: LayerCall) -> Data:
    return _with_sides(call, "crop", "cropping")


@layer("UpSampling1D", "UpSampling2D", "UpSampling3D")
def _upsampled(call: LayerCall) -> Data:
    rank = rank_of(call)
    x, lead = call.as_map(call.data(), rank)
    size = alike([1] * lead + call.wholes("size", rank, 2))
    mode = call.word("interpolation", "nearest")
    more = when(mode != "nearest", interpolation=mode)
    return call.as_it_was(call.one("up_sampling", x, size=size, **more), lead, rank)
