"""Convolutions, pools and resizing: what slides over, or changes, the spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.rearranging import excess_padding
from shapecalc.importers.tensors import Constant, sizes_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.onnx.operations import NodeCall
    from shapecalc.importers.tensors import Data

_FAR = 10**9


def _padding(call: NodeCall, x: Data, kernel: list[int], stride: list[int], dilation: list[int]) -> Any:
    """Return the padding of a window: a number for each axis, or pairs where they are not even."""
    rank, word = x.shape.rank - 1, call.word("auto_pad", "NOTSET")
    if word == "VALID":
        return 0
    pads = call.numbers("pads") or [0] * (2 * rank)
    if len(pads) != 2 * rank:
        raise LayerError(f"it has {len(pads)} pads for {rank} spatial axes")
    pairs = list(zip(pads[:rank], pads[rank:], strict=True))
    if word in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for size, k, s, d in zip(x.shape.spatial, kernel, stride, dilation, strict=True):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            pairs.append((total // 2, total - total // 2) if word == "SAME_UPPER" else (total - total // 2, total // 2))
    elif word != "NOTSET":
        raise LayerError(f"its auto_pad cannot be {word}")
    if all(before == after for before, after in pairs):
        return _alike([before for before, _ in pairs])
    return [list(pair) for pair in pairs]


def _alike(values: list[int]) -> Any:
    """Return one number for all axes where they are equal, as people write it."""
    return values[0] if len(set(values)) == 1 else values


def _window(call: NodeCall, x: Data, kernel: list[int]) -> dict[str, Any]:
    """Return the arguments of a sliding window. Errors: `LayerError` for another number of axes than its input has."""
    rank = x.shape.rank - 1
    if len(kernel) != rank:
        raise LayerError(f"its window has {len(kernel)} axes, but its input {x.shape.text} has {rank} spatial ones")
    stride, dilation = call.numbers("strides") or [1] * rank, call.numbers("dilations") or [1] * rank
    for what, numbers in (("strides", stride), ("dilations", dilation), ("window", kernel)):
        if len(numbers) != rank:
            raise LayerError(f"its {what} {numbers} are not {rank}, one for each spatial axis of its input")
        if min(numbers) < 1:
            raise LayerError(f"its {what} {numbers} must be at least 1")
    arguments: dict[str, Any] = {"kernel_size": _alike(kernel), "stride": _alike(stride)}
    padding = _padding(call, x, kernel, stride, dilation)
    if padding != 0:
        arguments["padding"] = padding
    if max(dilation) > 1:
        arguments["dilation"] = _alike(dilation)
    return arguments


def _weights(call: NodeCall) -> tuple[Constant, Constant | None]:
    """Return the kernel and the bias. Errors: `NotCoveredError` if they are computed from data."""
    kernel, bias = call.given(1), call.given(2)
    if not isinstance(kernel, Constant) or not (bias is None or isinstance(bias, Constant)):
        raise NotCoveredError("its kernel or its bias is computed from data")
    if kernel.rank < 3:
        raise LayerError(f"its kernel has {kernel.rank} axes: it needs at least 3")
    stated = call.numbers("kernel_shape")
    if stated and tuple(stated) != kernel.dims[2:]:
        raise LayerError(f"its kernel_shape is {sizes_text(stated)}, but its kernel is {sizes_text(kernel.dims[2:])}")
    return kernel, bias


@operation("Conv", "ConvInteger")
def _conv(call: NodeCall) -> Data:
    if call.node.op == "ConvInteger":
        call.inputs = call.inputs[:2]
    return convolution(call, "conv")


def convolution(call: NodeCall, kind: str, others: Sequence[Data] = (), **more: Any) -> Data:
    """Return a convolution of a kind: its kernel and its bias are the inputs 1 and 2 of the node."""
    x = call.as_map()
    kernel, bias = _weights(call)
    groups = call.number("group", 1)
    arguments = {**_window(call, x, list(kernel.dims[2:])), **more}
    if groups != 1:
        arguments["groups"] = groups
    if bias is None:
        arguments["bias"] = False
    elif bias.dims != kernel.dims[:1]:
        raise LayerError(f"its bias has the size {bias.dims}, but there are {kernel.dims[0]} output channels")
    weights = [kernel] if bias is None else [kernel, bias]
    return call.one(
        kind, x, *others, out_channels=kernel.dims[0], in_channels=kernel.dims[1] * groups, weights=weights,
        **arguments,
    )  # fmt: skip


@operation("ConvTranspose")
def _conv_transpose(call: NodeCall) -> Data:
    x = call.as_map()
    kernel, bias = _weights(call)
    groups = call.number("group", 1)
    arguments = _window(call, x, list(kernel.dims[2:]))
    extra, size = call.numbers("output_padding"), call.numbers("output_shape")
    if size:
        arguments.pop("padding", None)
        arguments.update(_padding_for(call, x, list(kernel.dims[2:]), size[-(x.shape.rank - 1) :]))
    else:
        if call.word("auto_pad", "NOTSET").startswith("SAME"):
            arguments["padding"] = "same"
        if any(extra):
            arguments["output_padding"] = _alike(extra)
    if groups != 1:
        arguments["groups"] = groups
    if bias is None:
        arguments["bias"] = False
    weights = [kernel] if bias is None else [kernel, bias]
    return call.one(
        "transposed_conv", x, out_channels=kernel.dims[1] * groups, in_channels=kernel.dims[0], weights=weights,
        **arguments,
    )  # fmt: skip


def _padding_for(call: NodeCall, x: Data, kernel: list[int], size: list[int]) -> dict[str, Any]:
    """Return the padding by which a transposed convolution has a stated output size, as ONNX works it out.

    What is missing after the last window is `output_padding`. Source: ONNX 1.23, operator ConvTranspose.
    """
    rank = len(kernel)
    stride, dilation = call.numbers("strides") or [1] * rank, call.numbers("dilations") or [1] * rank
    extra = call.numbers("output_padding") or [0] * rank
    whole = [(n - 1) * s + (k - 1) * d + 1 + e
             for n, s, k, d, e in zip(x.shape.spatial, stride, kernel, dilation, extra, strict=True)]  # fmt: skip
    total = [full - due for full, due in zip(whole, size, strict=True)]
    missing = [max(-n, 0) + e for n, e in zip(total, extra, strict=True)]
    if any(n >= max(s, d) for n, s, d in zip(missing, stride, dilation, strict=True)):
        raise NotCoveredError("its output_shape is larger than all of its windows")
    halves = [(n // 2, n - n // 2) if call.word("auto_pad", "NOTSET") == "SAME_UPPER" else (n - n // 2, n // 2)
              for n in (max(n, 0) for n in total)]  # fmt: skip
    even = all(before == after for before, after in halves)
    padding = _alike([before for before, _ in halves]) if even else [list(pair) for pair in halves]
    return {"padding": padding, **({"output_padding": _alike(missing)} if any(missing) else {})}


@operation("MaxPool", "AveragePool", "LpPool")
def _pool(call: NodeCall) -> Any:
    x = call.as_map()
    kind = {"MaxPool": "max_pool", "AveragePool": "avg_pool", "LpPool": "lp_pool"}[call.node.op]
    arguments = _window(call, x, call.numbers("kernel_shape"))
    if call.number("ceil_mode", 0):
        arguments["ceil_mode"] = True
    pads = arguments.get("padding", 0)
    found = excess_padding(pads, arguments["kernel_size"])
    if found is not None:
        message = f"its padding {found[0]} is not less than its kernel_shape {found[1]}"
        raise LayerError(message, ("a window would be padding alone, and onnxruntime refuses it",),
                         f"pads must be at most {found[1] - 1}")  # fmt: skip
    if pads:
        arguments["padding_limit"] = "window"
    if kind == "avg_pool" and pads and not call.number("count_include_pad", 0):
        arguments["count_include_pad"] = False
    if kind == "max_pool" and len(call.node.outputs) > 1:
        return call.emit(kind, x, batch=x.batch, return_indices=True, **arguments)
    return call.one(kind, x, **arguments)


@operation("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(call: NodeCall) -> Data:
    kind = "global_avg_pool" if call.node.op == "GlobalAveragePool" else "global_max_pool"
    return call.one(kind, call.as_map(), keepdims=True)


@operation("Resize", "Upsample")
def _resize(call: NodeCall) -> Data:
    x = call.as_map()
    rank = x.shape.rank - 1
    is_old = call.node.op == "Upsample" or call.opset < 11
    scales = call.items(1) if is_old else call.items(2)
    sizes = None if is_old else call.items(3)
    if scales is None and is_old:
        scales = call.attribute("scales")
    axes = call.numbers("axes")
    if sizes and call.word("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotCoveredError("it keeps the aspect ratio")
    full = x.full(call.frame.batch)
    if axes:
        order = [call.frame.axis(axis, len(full)) for axis in axes]
        scales = [dict(zip(order, scales, strict=True)).get(i, 1) for i in range(len(full))] if scales else scales
        sizes = [dict(zip(order, sizes, strict=True)).get(i, n) for i, n in enumerate(full)] if sizes else sizes
    mode = {"linear": ("linear", "bilinear", "trilinear")[min(rank, 3) - 1], "cubic": "bicubic"}.get(
        call.word("mode", "nearest"), "nearest"
    )
    arguments: dict[str, Any] = {} if mode == "nearest" or (mode == "bicubic" and rank != 2) else {"mode": mode}
    if sizes:
        if tuple(sizes[:2]) != full[:2]:
            raise NotCoveredError("it resizes the batch or the channels")
        return call.one("upsample", x, size=_alike([int(size) for size in sizes[2:]]), **arguments)
    if not scales or len(scales) != len(full) or tuple(scales[:2]) != (1, 1):
        raise NotCoveredError("its scales are not one for each axis, or resize the batch or the channels")
    factors = [int(factor) if float(factor).is_integer() else factor for factor in scales[2:]]
    # Its size is ⌊size·factor⌋ in the float32 of the file, which is not always the same as in exact arithmetic.
    due = [int(size * factor) for size, factor in zip(full[2:], scales[2:], strict=True)]
    if all(type(factor) is int for factor in factors):
        return call.one("upsample", x, scale_factor=_alike(factors), **arguments)
    return call.one("upsample", x, size=_alike(due), **arguments)


@operation("DepthToSpace")
def _depth_to_space(call: NodeCall) -> Data:
    return call.one("pixel_shuffle", call.as_map(), upscale_factor=call.number("blocksize", 0))


@operation("SpaceToDepth")
def _space_to_depth(call: NodeCall) -> Data:
    return call.one("pixel_unshuffle", call.as_map(), downscale_factor=call.number("blocksize", 0))


@operation("LRN")
def _lrn(call: NodeCall) -> Data:
    return call.one("local_response_norm", call.as_map(), size=call.number("size", 5))
