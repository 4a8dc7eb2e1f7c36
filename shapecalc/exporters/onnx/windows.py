"""Convolutions, pools and changes of resolution: what slides over, or changes, the spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.exporters.onnx.table import OWN, NoCounterpartError, writes
from shapecalc.exporters.sites import crop_sides
from shapecalc.layers.base.per_axis import per_axis, sides_of
from shapecalc.layers.base.window import spatial_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.onnx.table import LayerSite

_MODES = {"zeros": "constant", "constant": "constant", "reflect": "reflect", "replicate": "edge"}
_LOWEST = -3.4028234663852886e38


def pad(site: LayerSite, x: str, sides: dict[int, tuple[int, int]], mode: str = "zeros", value: float = 0.0) -> str:
    """Add padding of axes, by their numbers: so much before and after each; negative padding crops."""
    if mode not in _MODES:
        raise NoCounterpartError(f"ONNX has no mode {mode} of padding before opset 19")
    rank = site.x.rank + 1
    before = [sides.get(axis, (0, 0))[0] for axis in range(rank)]
    after = [sides.get(axis, (0, 0))[1] for axis in range(rank)]
    more = [site.typed(value)] if value else []
    return str(site.op("Pad", x, site.graph.numbers(*before, *after), *more, mode=_MODES[mode]))


class _Window(NamedTuple):
    """A window over the spatial axes: its attributes, and so much padding before and after each axis."""

    attributes: dict[str, Any]
    sides: list[tuple[int, int]]
    beyond: list[int]
    """How far the last window of each axis goes beyond the padded input."""

    @property
    def pads(self) -> list[int]:
        """The padding as ONNX states it."""
        return [before for before, _ in self.sides] + [after for _, after in self.sides]

    @property
    def is_padded(self) -> bool:
        """Whether there is any."""
        return any(self.pads)


def _window(site: LayerSite) -> _Window:
    axes = spatial_axes(site.layer, site.x)
    sides = [axis.same_padding() if axis.same else (axis.before, axis.after) for axis in axes]
    due = site.outputs[0].spatial
    beyond = [
        max((size - 1) * axis.stride + axis.reach - axis.size - before - after, 0)
        for size, axis, (before, after) in zip(due, axes, sides, strict=True)
    ]
    attributes: dict[str, Any] = {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
    }
    if any(axis.dilation > 1 for axis in axes):
        attributes["dilations"] = [axis.dilation for axis in axes]
    return _Window(attributes, sides, beyond)


def _padded(site: LayerSite, x: str, window: _Window, mode: str = "zeros", value: float = 0.0) -> str:
    return pad(site, x, {i + 2: side for i, side in enumerate(window.sides)}, mode, value) if window.is_padded else x


@writes("conv", "depthwise_conv")
def _conv(site: LayerSite) -> str:
    site.refuse("parametrization")
    x, window = site.names[0], _window(site)
    mode = site.given.get("padding_mode", "zeros")
    pads = {} if mode != "zeros" or not window.is_padded else {"pads": window.pads}
    x = x if mode == "zeros" else _padded(site, x, window, mode)
    groups = site.x.channels // site.weights["weight"][1]
    bias = [site.weight("bias")] if "bias" in site.weights else []
    return str(site.op("Conv", x, site.weight("weight"), *bias, group=groups, **window.attributes, **pads))


@writes("separable_conv")
def _separable_conv(site: LayerSite) -> str:
    window = _window(site)
    pads = {"pads": window.pads} if window.is_padded else {}
    x = site.op("Conv", site.names[0], site.weight("depthwise_weight"), group=site.x.channels, **window.attributes,
                **pads)  # fmt: skip
    bias = [site.weight("bias")] if "bias" in site.weights else []
    return str(site.op("Conv", x, site.weight("pointwise_weight"), *bias, kernel_shape=[1] * site.rank))


@writes("transposed_conv")
def _transposed_conv(site: LayerSite) -> str:
    site.refuse("parametrization")
    given, rank = site.given, site.rank
    kernel, stride, dilation = (per_axis(given[name], rank) for name in ("kernel_size", "stride", "dilation"))
    due = site.outputs[0].spatial
    covered = [
        (n - 1) * s + d * (k - 1) + 1 for n, s, k, d in zip(site.x.spatial, stride, kernel, dilation, strict=True)
    ]
    padding = given["padding"]
    sides: Sequence[tuple[int, int]]
    if isinstance(padding, str):
        cut = [max(size - out, 0) for size, out in zip(covered, due, strict=True)]
        sides = [(n // 2, n - n // 2) for n in cut]
    else:
        sides = sides_of(padding, rank)
    extra = [out - size + before + after for out, size, (before, after) in zip(due, covered, sides, strict=True)]
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)) or min(extra) < 0:
        raise NoCounterpartError("its output is larger than ONNX's output_padding permits")
    bias = [site.weight("bias")] if "bias" in site.weights else []
    attributes: dict[str, Any] = {"kernel_shape": list(kernel), "strides": list(stride), "dilations": list(dilation),
                                  "group": given["groups"]}  # fmt: skip
    attributes["pads"] = [a for a, _ in sides] + [b for _, b in sides]
    if any(extra):
        attributes["output_padding"] = extra
    return str(site.op("ConvTranspose", site.names[0], site.weight("weight"), *bias, **attributes))


@writes("max_pool", "avg_pool", "lp_pool")
def _pool(site: LayerSite) -> str | list[str]:
    kind, x, window = site.layer.kind, site.names[0], _window(site)
    attributes = dict(window.attributes)
    if "dilations" in attributes and kind != "max_pool":
        raise NoCounterpartError("ONNX dilates averages from opset 19 on")
    counted = site.given.get("count_include_pad", False) and window.is_padded
    if counted and any(window.beyond):  # beyond the padding nothing is counted
        attributes["ceil_mode"] = 1
        sides = window.sides
    else:  # the same as rounding up, whichever rounding it is
        sides = [(a, b + more) for (a, b), more in zip(window.sides, window.beyond, strict=True)]
    if kind == "lp_pool":
        attributes["p"] = int(site.given["norm_type"])
    if any(max(side) >= k for side, k in zip(sides, attributes["kernel_shape"], strict=True)):
        if kind == "avg_pool" and not counted:
            raise NoCounterpartError("its padding is as large as its window")
        x = _padded(site, x, _Window({}, sides, []), value=_LOWEST if kind == "max_pool" else 0.0)
        sides = [(0, 0)] * site.rank
    if any(map(any, sides)):
        attributes["pads"] = [a for a, _ in sides] + [b for _, b in sides]
    if counted:
        attributes["count_include_pad"] = 1
    op = {"max_pool": "MaxPool", "avg_pool": "AveragePool", "lp_pool": "LpPool"}[kind]
    if not site.given.get("return_indices"):
        return str(site.op(op, x, **attributes))
    found = site.op(op, x, outputs=2, **attributes)
    return list(found)


@writes("grid_sample")
def _grid_sample(site: LayerSite) -> str:
    given = site.given
    modes = {"bilinear": "bilinear", "nearest": "nearest", "bicubic": "bicubic"}
    if site.rank != 2 or given["mode"] not in modes:
        raise NoCounterpartError("ONNX samples maps of two spatial axes before opset 20")
    return str(site.op("GridSample", *site.names, mode=modes[given["mode"]], padding_mode=given["padding_mode"],
                       align_corners=int(given["align_corners"] or 0)))  # fmt: skip


@writes("adaptive_avg_pool", "adaptive_max_pool")
def _adaptive(site: LayerSite) -> str:
    word = "Average" if "avg" in site.layer.kind else "Max"
    pairs = list(zip(site.x.spatial, site.outputs[0].spatial, strict=True))
    if all(out == 1 for _, out in pairs):
        return str(site.op(f"Global{word}Pool", site.names[0]))
    if all(size % out == 0 for size, out in pairs):  # windows of one size, one after the other
        window = [size // out for size, out in pairs]
        return str(site.op(f"{word}Pool", site.names[0], kernel_shape=window, strides=window))
    x = site.names[0]
    op = "ReduceMean" if word == "Average" else "ReduceMax"
    for axis, (size, out) in enumerate(pairs, 2):  # windows of several sizes: one after the other, along each axis
        if size == out:
            continue
        ends = [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]
        parts = [site.op(op, site.slice(x, axis, start, end), axes=[axis], keepdims=1) for start, end in ends]
        x = site.op("Concat", *parts, axis=axis) if out > 1 else parts[0]
    return x


@writes("global_avg_pool", "global_max_pool")
def _global(site: LayerSite) -> str:
    found = site.op("GlobalAveragePool" if "avg" in site.layer.kind else "GlobalMaxPool", site.names[0])
    return str(found) if site.given["keepdims"] else site.reshape(found, (site.x.channels,))


@writes("upsample", "up_sampling")
def _upsample(site: LayerSite) -> str:
    mode = site.given.get("mode") or site.given.get("interpolation")
    kinds = {"nearest": "nearest", "bilinear": "linear", "linear": "linear", "trilinear": "linear", "bicubic": "cubic"}
    if mode not in kinds:
        raise NoCounterpartError(f"ONNX has no mode {mode} of resizing")
    attributes = {"mode": kinds[mode], "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if kinds[mode] != "nearest":
        corners = site.given.get("align_corners")
        attributes = {"mode": kinds[mode],
                      "coordinate_transformation_mode": "align_corners" if corners else "half_pixel"}  # fmt: skip
    if kinds[mode] == "cubic":
        attributes["cubic_coeff_a"] = -0.75  # type: ignore[assignment]  # (as PyTorch)
    x, before, after = site.names[0], site.x.spatial, site.outputs[0].spatial
    if all(out % size == 0 for size, out in zip(before, after, strict=True)):
        factors = [float(out // size) for size, out in zip(before, after, strict=True)]
        return str(site.op("Resize", x, "", site.graph.fractions(1.0, 1.0, *factors), **attributes))
    graph = site.graph
    first = graph.op("Slice", graph.op("Shape", x), graph.numbers(0), graph.numbers(2), graph.numbers(0))
    sizes = graph.op("Concat", first, graph.numbers(*after), axis=0)
    return str(site.op("Resize", x, "", "", sizes, **attributes))


@writes("pixel_shuffle")
def _pixel_shuffle(site: LayerSite) -> str:
    return str(site.op("DepthToSpace", site.names[0], blocksize=site.given["upscale_factor"], mode="CRD"))


@writes("pixel_unshuffle")
def _pixel_unshuffle(site: LayerSite) -> str:
    """PyTorch's order of channels, which SpaceToDepth has not."""
    r, (channels, height, width) = site.given["downscale_factor"], site.size(site.x)
    parts = site.reshape(site.names[0], (channels, height // r, r, width // r, r))
    moved = site.transpose(parts, (0, 1, 3, 5, 2, 4))
    return site.reshape(moved, site.size(site.outputs[0]))


@writes("channel_shuffle")
def _channel_shuffle(site: LayerSite) -> str:
    channels, *space = site.size(site.x)
    groups = site.given["groups"]
    parts = site.reshape(site.names[0], (groups, channels // groups, *space))
    order = [0, 2, 1, *range(3, 3 + len(space))]
    return site.reshape(site.transpose(parts, order), (channels, *space))


@writes("local_response_norm")
def _local_response_norm(site: LayerSite) -> str:
    given = site.given
    if given["norm_region"] != "across_channels":
        raise NoCounterpartError("ONNX's LRN works across channels alone")
    return str(site.op("LRN", site.names[0], size=given["size"], alpha=float(given["alpha"]),
                       beta=float(given["beta"]), bias=float(given["k"])))  # fmt: skip


@writes("pad", "reflection_pad", "replication_pad", "circular_pad", order=OWN)
def _pad(site: LayerSite) -> str:
    sides = site.layer.sides(site.x)  # type: ignore[attr-defined]
    pairs = {side.axis + 1: (side.before, side.after) for side in sides}
    return pad(site, site.names[0], pairs, site.given["mode"], site.given.get("value") or 0.0)


@writes("crop")
def _crop(site: LayerSite) -> str:
    starts = [start for start, _ in crop_sides(site.given["cropping"], site.x, site.outputs[0])]
    ends = [start + size for start, size in zip(starts, site.outputs[0].spatial, strict=True)]
    numbers = site.graph.numbers
    return str(site.op("Slice", site.names[0], numbers(*starts), numbers(*ends), numbers(*range(2, 2 + site.rank))))
