"""Layers and functions of Keras beside those that most networks have: preprocessing, separable windows, sums."""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.keras.layouts import in_own_order
from shapecalc.exporters.keras.table import (
    NoCounterpartError,
    call,
    module,
    moved_last,
    short,
    stored,
    writes,
)
from shapecalc.exporters.keras.windows import class_of, is_same, pad, sides_needed
from shapecalc.exporters.sites import einsum_equation
from shapecalc.exporters.source.operations import with_axes
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []


@writes("normalization")
def _normalization(site: Site) -> Operation:
    """Write statistics as a layer; numbers that the code of a file multiplies by are not kept."""
    if not site.given["buffer"]:
        return module("layers.Rescaling", scale=1.0)
    axes = sorted([site.axis(axis + 1) for axis in site.layer.axes_of(site.x)])  # type: ignore[attr-defined]
    chosen: Any = tuple(-1 if axis == site.x.rank else axis for axis in axes)
    if site.given["per_tensor"] or len(chosen) == 1:
        chosen = None if site.given["per_tensor"] else chosen[0]
    return module("layers.Normalization", axis=chosen)


@writes("prelu")
def _prelu(site: Site) -> Operation:
    x, size = site.x, site.weights["weight"]
    if len(size) == 1:
        channels = site.axis("channels") if size[0] > 1 else 0
        shared = [axis for axis in range(1, x.rank + 1) if axis != channels]
    else:
        shared = [number for number, axis in enumerate(stored(x), 1) if size[axis] == 1]
    return module("layers.PReLU", shared_axes=shared or None)


@writes("separable_conv")
def _separable_conv(site: Site) -> Operation:
    given, sides = site.given, sides_needed(site)
    name = class_of("SeparableConv", site, most=2)
    strides, dilation = short(given["stride"]), short(given["dilation"])
    if dilation != 1 and strides != 1:
        raise NoCounterpartError("a stride and a dilation")
    step, more = moved_last(site), {}
    is_padded = any(map(any, sides))
    if is_padded and not is_same(site, sides):
        own, more["pad"] = pad(site, sides)
        step += own
    return module(
        name,
        step + "{m}({0})",
        filters=given["out_channels"],
        kernel_size=short(given["kernel_size"]),
        strides=strides,
        padding="same" if is_padded and not more else "valid",
        dilation_rate=dilation,
        depth_multiplier=given["depth_multiplier"],
        use_bias=given["bias"],
        **more,
    )


@writes("conv_lstm")
def _conv_lstm(site: Site) -> Operation:
    given, padding = site.given, site.given["padding"]
    if not site.x.channels_last:
        raise NoCounterpartError("steps with channels first")
    if padding != "same" and any(per_axis(padding, 1)):
        raise NoCounterpartError(f"padding {padding}")
    return module(
        f"layers.ConvLSTM{site.x.rank - 2}D",
        filters=given["out_channels"],
        kernel_size=short(given["kernel_size"]),
        strides=short(given["stride"]),
        padding="same" if padding == "same" else "valid",
        dilation_rate=short(given["dilation"]),
        use_bias=given["bias"],
        return_sequences=given["return_sequences"],
    )


@writes("einsum_dense")
@in_own_order
def _einsum_dense(site: Site) -> Operation:
    left, _, right = site.given["equation"].replace(" ", "").partition("->")
    term, _, kernel = left.partition(",")
    if "..." not in term and len(term) == site.x.rank:
        batch = next(letter for letter in ascii_letters if letter not in left + right)
        term, right = batch + term, batch + right
    sizes = tuple(None if size == -1 else size for size in per_axis(site.given["output_shape"], 1))
    sizes = tuple(site.outputs[0].sizes) if len(sizes) == site.outputs[0].rank else sizes
    return module("layers.EinsumDense", equation=f"{term},{kernel}->{right}", output_shape=sizes,
                  bias_axes=site.given["bias_axes"])  # fmt: skip


@writes("einsum")
@in_own_order
def _einsum(site: Site) -> Operation:
    plan = site.layer._plan(site.inputs)  # type: ignore[attr-defined]  # noqa: SLF001
    equation = einsum_equation(plan.terms, plan.result, [True] * len(plan.terms))
    return call(f'ops.einsum("{equation}", {{*}})')


@writes("gather")
def _gather(site: Site) -> Operation:
    given = site.given
    if given["index"] is None:
        return _gather_at(site)
    if given["keepdim"]:
        return call("ops.take({0}, {index}, axis={axis})", index=[*given["index"]], axis=site.axis(given["dim"]))
    return _picked(site)


@in_own_order
def _gather_at(site: Site) -> Operation:
    """Return a gather at positions: of each element, of all samples, or of each along the first axis."""
    axis = site.axis(site.given["dim"])
    if site.given["mode"] == "elements":
        kept = [":" if own == count or i == axis else f":{count}"
                for i, (own, count) in enumerate(zip(site.x.sizes, site.inputs[1].sizes, strict=True), 1)]  # fmt: skip
        part = "" if {*kept} == {":"} else f"[:, {', '.join(kept)}]"  # PyTorch leaves the rest out where there is more
        return call(f"ops.take_along_axis({{0}}{part}, {{1}}, axis={{axis}})", axis=axis)
    if site.fixed[1]:
        return call("ops.take({0}, {1}[0], axis={axis})", axis=axis)
    if axis != 1:
        raise NoCounterpartError("positions that are data, along another axis than the first")
    return _gather_first(site)


@writes("named_operation")
def _named_operation(site: Site) -> Operation:
    return call("ops.cumsum({0}, axis=1)") if site.named() == "cumsum" else _gather_first(site)


@in_own_order
def _gather_first(site: Site) -> Operation:
    """Return a gather at positions of each sample, along the first axis."""
    sizes = (-1, site.inputs[1].elements, *[1] * (site.x.rank - 1))
    return call("ops.take_along_axis({0}, ops.reshape({1}, {positions}), axis=1);ops.reshape({0}, {sizes})",
                positions=sizes, sizes=(-1, *site.outputs[0].sizes))  # fmt: skip


@in_own_order
def _picked(site: Site) -> Operation:
    given = site.given
    return call(f"{{0}}[{':, ' * site.axis(given['dim'])}{{index}}]", index=given["index"][0])


@writes("tile")
@in_own_order
def _tile(site: Site) -> Operation:
    dims, more = site.given["dims"], site.outputs[0].rank - site.x.rank
    dims = (*[1] * (site.outputs[0].rank - len(dims)), *dims)
    return call(f"ops.tile({with_axes(more)}, {{repeats}})", repeats=(1, *dims))


@writes("expand")
@in_own_order
def _expand(site: Site) -> Operation:
    after = site.outputs[0].sizes
    before = [1] * (len(after) - site.x.rank) + [*site.x.sizes]
    repeats = (1, *[size if own == 1 else 1 for own, size in zip(before, after, strict=True)])
    return call(f"ops.tile({with_axes(len(after) - site.x.rank)}, {{repeats}})", repeats=repeats)


@writes("repeat_vector")
def _repeat_vector(site: Site) -> Operation:
    return module("layers.RepeatVector", n=site.given["n"])


@writes("up_sampling")
def _up_sampling(site: Site) -> Operation:
    mode = site.given["interpolation"]
    if site.rank != 2 and mode != "nearest":
        raise NoCounterpartError(f"interpolation {mode} of {site.rank} axes")
    more = {"interpolation": mode} if site.rank == 2 else {}
    size = short(per_axis(site.given["size"], site.rank))
    return module(class_of("UpSampling", site), moved_last(site) + "{m}({0})", size=size, **more)


@writes("normalize")
def _normalize(site: Site) -> Operation:
    given = site.given
    if given["scale"] != "none" or given["p"] != 2:
        raise NoCounterpartError("a learned scale, or another power than 2")
    dims = given["dim"] if isinstance(given["dim"], tuple) else (given["dim"],)
    axes = tuple(sorted([site.axis(dim) for dim in dims]))
    return module("layers.UnitNormalization", axis=axes[0] if len(axes) == 1 else axes)


@writes("top_k")
def _top_k(site: Site) -> Operation:
    given = site.given
    if not given["largest"] or site.axis(given["dim"]) != site.x.rank:
        raise NoCounterpartError("the smallest, or another axis than the last")
    return call("ops.top_k({0}, {k})", k=given["k"])
