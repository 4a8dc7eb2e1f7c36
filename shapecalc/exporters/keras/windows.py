"""Convolutions and pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.keras.table import NoCounterpartError, call, module, moved_last, norm_of, short, writes
from shapecalc.exporters.sites import crop_sides
from shapecalc.layers.base.per_axis import per_axis, sides_of
from shapecalc.layers.base.window import spatial_axes

if TYPE_CHECKING:
    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__ = ["class_of", "is_same", "pad", "sides_needed"]

_NEVER_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "softmax", "hardsigmoid", "softplus"})


def class_of(name: str, site: Site, most: int = 3, end: str = "") -> str:
    """Return the class of a layer by the number of spatial axes: layers.Conv2D."""
    if not 1 <= site.rank <= most:
        raise NoCounterpartError(f"{site.rank} spatial axes")
    return f"layers.{name}{site.rank}D{end}"


def sides_needed(site: Site) -> list[tuple[int, int]]:
    """Return how many positions a window needs before and after each axis: more where the output is rounded up.

    What is padded as in PyTorch, alike on both sides, stays so, though the last position may not be needed.
    """
    found = []
    axes = spatial_axes(site.layer, site.x)
    for axis, size, steps in zip(axes, site.x.spatial, site.outputs[0].spatial, strict=True):
        before, after = axis.same_padding() if axis.same else (axis.before, axis.after)
        needed = (steps - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1 - size - before
        fits = 0 <= after - needed < axis.stride
        found.append((before, after if fits else max(needed, 0)))
    return found


def is_same(site: Site, sides: list[tuple[int, int]]) -> bool:
    """Return whether the padding is that of Keras' `same`: the odd position comes after."""
    axes = spatial_axes(site.layer, site.x)
    for axis, size, steps, (before, after) in zip(axes, site.x.spatial, site.outputs[0].spatial, sides, strict=True):
        total = max((steps - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1 - size, 0)
        if steps != -(-size // axis.stride) or (before, after) != (total // 2, total - total // 2):
            return False
    return True


def pad(site: Site, sides: list[tuple[int, int]], mode: str = "zeros", *, lowest: bool = False) -> tuple[str, Any]:
    """Return a step that pads, and its argument."""
    pad: Any = tuple(sides)
    if mode == "zeros" and not lowest:
        is_even = all(a == b for a, b in sides)
        pad = short([a for a, _ in sides]) if is_even else pad if len(sides) > 1 else sides[0]
        return f"layers.ZeroPadding{site.rank}D({{pad}})({{0}});", pad
    pad = ((0, 0), *pad, (0, 0))
    if lowest:
        return 'ops.pad({0}, {pad}, constant_values=float("-inf"));', pad
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in names:
        raise NoCounterpartError(f"padding_mode {mode}")
    return f'ops.pad({{0}}, {{pad}}, mode="{names[mode]}");', pad


@writes("conv", "depthwise_conv")
def _conv(site: Site) -> Operation:
    given, norm = site.given, norm_of(site)
    weight = site.weights["weight"]
    channels, outputs, strides = site.x.channels, weight[0], short(given["stride"])
    groups = channels // weight[1]
    depthwise = groups == channels > 1 and site.rank < 3
    dilation = short(given["dilation"])
    if dilation != 1 and strides != 1:
        raise NoCounterpartError("a stride and a dilation")
    arguments: dict[str, Any] = {} if depthwise else {"filters": outputs}
    arguments |= {"kernel_size": short(given["kernel_size"]), "strides": strides}
    sides, mode = sides_needed(site), given.get("padding_mode", "zeros")
    step = moved_last(site)
    if mode == "zeros" and is_same(site, sides):
        arguments["padding"] = "same" if any(sides) and any(map(any, sides)) else "valid"
    elif any(map(any, sides)):
        more, arguments["pad"] = pad(site, sides, mode)
        step += more
    arguments["dilation_rate"] = dilation
    if depthwise:
        arguments["depth_multiplier"] = outputs // channels
        name = class_of("DepthwiseConv", site)
    else:
        arguments["groups"] = groups
        name = class_of("Conv", site)
    return module(name + norm, step + "{m}({0})", **arguments, use_bias="bias" in site.weights)


@writes("transposed_conv")
def _transposed_conv(site: Site) -> Operation:
    given = site.given
    site.refuse("groups")
    name = class_of("Conv", site, end="Transpose") + norm_of(site)
    rank = site.rank
    kernel, stride, dilation = (per_axis(given[key], rank) for key in ("kernel_size", "stride", "dilation"))
    sizes = zip(site.x.spatial, site.outputs[0].spatial, strict=True)
    cuts = []
    fits = True
    paddings = per_axis(given["padding"], rank)
    for (size, due), k, s, d, padding in zip(sizes, kernel, stride, dilation, paddings, strict=True):
        if d != 1 and s != 1:
            raise NoCounterpartError("a stride and a dilation")
        full = size * s + max(d * (k - 1) + 1 - s, 0)
        if full < due:
            raise NoCounterpartError(f"output_padding {given['output_padding']}")
        before = min(padding, full - due) if isinstance(padding, int) else (full - due) // 2
        cuts.append((before, full - due - before))
        fits = fits and due == size * s and before == (full - due) // 2 and full > due
    arguments = {"filters": given["out_channels"], "kernel_size": short(kernel), "strides": short(stride),
                 "padding": "same" if fits else "valid", "dilation_rate": short(dilation)}  # fmt: skip
    after = ""
    if any(map(any, cuts)) and not fits:
        is_even = all(a == b for a, b in cuts)
        arguments["cropping"] = short([a for a, _ in cuts]) if is_even else tuple(cuts) if rank > 1 else cuts[0]
        after = f";layers.Cropping{rank}D({{cropping}})({{0}})"
    return module(name, moved_last(site) + "{m}({0})" + after, **arguments, use_bias="bias" in site.weights)


@writes("max_pool", "avg_pool")
def _pool(site: Site) -> Operation:
    given = site.given
    is_max = "count_include_pad" not in given
    site.refuse("return_indices")
    if any(one != 1 for one in per_axis(given["dilation"], 1)):
        raise NoCounterpartError("dilation")
    size, stride = short(given["kernel_size"]), short(given["stride"] or given["kernel_size"])
    arguments: dict[str, Any] = {"pool_size": size, "strides": None if stride == size else stride}
    sides = sides_needed(site)
    step = moved_last(site)
    written = any(axis.before or axis.after for axis in spatial_axes(site.layer, site.x) if not axis.same)
    counts = not is_max and bool(given["count_include_pad"]) and written
    if any(map(any, sides)):
        if is_same(site, sides) and not counts:
            arguments["padding"] = "same"
        elif not is_max and not counts:
            raise NoCounterpartError("padding that is not counted, other than same")
        else:
            kind = site.before.values().get("function", site.before.kind) if site.before else ""
            more, arguments["pad"] = pad(site, sides, lowest=is_max and kind not in _NEVER_NEGATIVE)
            step += more
    return module(class_of("MaxPooling" if is_max else "AveragePooling", site), step + "{m}({0})", **arguments)


@writes("adaptive_avg_pool", "adaptive_max_pool")
def _adaptive(site: Site) -> Operation:
    word = "AveragePooling" if "avg" in site.layer.kind else "MaxPooling"
    size = short(tuple(site.outputs[0].spatial))
    step = moved_last(site) + "{m}({0})"
    if size == 1:
        return module(class_of(f"Global{word}", site), step, keepdims=True)
    word = word.replace("Max", "Max")
    return module(class_of(f"Adaptive{word}", site), step, output_size=size)


@writes("global_avg_pool", "global_max_pool")
def _global(site: Site) -> Operation:
    word = "AveragePooling" if "avg" in site.layer.kind else "MaxPooling"
    return module(class_of(f"Global{word}", site), moved_last(site) + "{m}({0})", keepdims=site.given["keepdims"])


@writes("upsample")
def _upsample(site: Site) -> Operation:
    mode = site.given["mode"]
    before, after = site.x.spatial, site.outputs[0].spatial
    factors = [b // a for a, b in zip(before, after, strict=True)]
    step = moved_last(site) + "{m}({0})"
    is_whole = all(a * f == b for a, b, f in zip(before, after, factors, strict=True))
    if is_whole and (mode == "nearest" or (site.rank == 2 and mode in ("bilinear", "bicubic"))):
        more = {"interpolation": mode} if site.rank == 2 else {}
        return module(class_of("UpSampling", site), step, size=short(factors), **more)
    if site.rank != 2 or mode not in ("nearest", "bilinear", "bicubic"):
        raise NoCounterpartError(f"mode {mode} of {site.rank} axes")
    return module("layers.Resizing", step, height=after[0], width=after[1], interpolation=mode)


@writes("crop")
def _crop(site: Site) -> Operation:
    sides = crop_sides(site.given["cropping"], site.x, site.outputs[0])
    value: Any = short([a for a, _ in sides]) if all(a == b for a, b in sides) else tuple(sides)
    value = value[0] if isinstance(value, tuple) and site.rank == 1 else value
    return call(f"{moved_last(site)}layers.Cropping{site.rank}D({{cropping}})({{0}})", cropping=value)


@writes("pad", "reflection_pad", "replication_pad", "circular_pad")
def _zero_pad(site: Site) -> Operation:
    sides = sides_of(site.given["padding"], site.rank)
    if len(sides) != site.rank or site.rank > 3:
        raise NoCounterpartError("axes that are not spatial")
    sizes = tuple(size + sum(pair) for size, pair in zip(site.x.spatial, sides, strict=True))
    if sizes != tuple(site.outputs[0].spatial):
        raise NoCounterpartError("axes that are not spatial")
    if any(side < 0 for pair in sides for side in pair):
        raise NoCounterpartError("negative padding")
    step, given = pad(site, sides, site.given["mode"])
    return call(moved_last(site) + step.rstrip(";"), pad=given)
