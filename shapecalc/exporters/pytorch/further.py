"""Layers that are rare in PyTorch: those of Keras, and windows other than of convolutions and pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.pytorch.table import NoCounterpartError, call, module, writes
from shapecalc.exporters.pytorch.windows import class_of, padding_of, window
from shapecalc.exporters.sites import einsum_equation
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation
    from shapecalc.layers.base.shape import Shape

__all__: list[str] = []


@writes("separable_conv")
def _separable_conv(site: Site) -> Operation:
    given = site.given
    return module(
        class_of("Conv", site).replace("nn.", "Separable"),
        in_channels=site.x.channels,
        out_channels=given["out_channels"],
        kernel_size=window(given["kernel_size"]),
        stride=window(given["stride"]),
        **padding_of(site),
        dilation=window(given["dilation"]),
        depth_multiplier=given["depth_multiplier"],
        bias=given["bias"],
    )


def _moved(sizes: tuple[int, ...], x: Shape) -> tuple[int, ...]:
    """Return sizes along the axes of an input, in the order of PyTorch."""
    is_mixed = x.is_map and x.channels_last and len(sizes) == x.rank
    return (sizes[-1], *sizes[:-1]) if is_mixed else sizes


@writes("prelu")
def _prelu(site: Site) -> Operation:
    x, size = site.x, site.weights["weight"]
    if len(size) == 1:
        is_last = not x.is_map and x.channels_last and x.rank > 1 and size[0] > 1
        return module("ElementPReLU", size=size) if is_last else module("nn.PReLU", num_parameters=size[0])
    size = _moved(size, x)
    if x.is_map and all(one == 1 for one in size[1:]):
        return module("nn.PReLU", num_parameters=size[0])
    return module("ElementPReLU", size=size)


@writes("normalization")
def _normalization(site: Site) -> Operation:
    """Write the statistics as buffers; the numbers that the code of a file multiplies by are not kept."""
    if not site.given["buffer"]:
        return module("Rescaling")
    sizes = site.layer.buffers(site.x)["mean"]
    axes = () if site.given["per_tensor"] else sorted(site.layer.axes_of(site.x))  # type: ignore[attr-defined]
    full = [1] * site.x.rank
    for axis, size in zip(axes, sizes, strict=True):
        full[axis] = size
    return module("Normalization", size=_moved(tuple(full), site.x))


@writes("einsum_dense")
def _einsum_dense(site: Site) -> Operation:
    plan = site.layer._plan(site.x)  # type: ignore[attr-defined]  # noqa: SLF001
    if site.is_mixed:
        raise NoCounterpartError("a map with channels last")
    equation = einsum_equation(plan.terms, plan.result, [True, False])
    return module("EinsumDense", equation=equation, size=site.weights["weight"], bias=site.weights.get("bias"))


@writes("up_sampling")
def _up_sampling(site: Site) -> Operation:
    size, mode = tuple(site.outputs[0].spatial), site.given["interpolation"]
    return call("F.interpolate({0}, size={size}, mode={mode})", size=size, mode=mode)


@writes("lp_pool")
def _lp_pool(site: Site) -> Operation:
    given = site.given
    if padding_of(site) != {"padding": 0, "pad": None} or per_axis(given["dilation"], 1) != (1,):
        raise NoCounterpartError("padding or dilation")
    return module(
        class_of("LPPool", site),
        norm_type=given["norm_type"],
        kernel_size=window(given["kernel_size"]),
        stride=window(given["stride"] or given["kernel_size"]),
        ceil_mode=given["ceil_mode"] or given["rounding"] == "ceil",
    )


@writes("fractional_max_pool")
def _fractional_max_pool(site: Site) -> Operation:
    name = class_of("FractionalMaxPool", site)
    if site.rank < 2:
        raise NoCounterpartError("one spatial axis")
    return module(
        name, kernel_size=window(site.given["kernel_size"]), output_size=window(tuple(site.outputs[0].spatial))
    )


def _window_arguments(given: dict[str, Any]) -> dict[str, Any]:
    return {name: window(given[name]) for name in ("kernel_size", "stride", "padding", "dilation")}


@writes("unfold")
def _unfold(site: Site) -> Operation:
    if site.x.channels_last:
        raise NoCounterpartError("a map with channels last")
    return module("nn.Unfold", **_window_arguments(site.given))


@writes("fold")
def _fold(site: Site) -> Operation:
    return module("nn.Fold", output_size=tuple(site.outputs[0].spatial), **_window_arguments(site.given))


@writes("grid_sample")
def _grid_sample(site: Site) -> Operation:
    given = site.given
    if site.is_mixed:
        raise NoCounterpartError("a map with channels last")
    words = {name: given[name] for name in ("mode", "padding_mode", "align_corners")}
    return call("F.grid_sample({0}, {1}, {mode}, {padding_mode}, {align_corners})", **words)


@writes("bilinear")
def _bilinear(site: Site) -> Operation:
    if site.is_mixed or any(site.fixed):
        raise NoCounterpartError("a map with channels last, or an input that is the same for every sample")
    out, first, second = site.weights["weight"]
    sizes = {"in1_features": first, "in2_features": second, "out_features": out}
    return module("nn.Bilinear", "{m}({*})", **sizes, bias="bias" in site.weights)


@writes("grouped_linear")
def _grouped_linear(site: Site) -> Operation:
    groups, out, features = site.weights["weight"]
    return module("GroupedLinear", "{m}({*})", num_groups=groups, in_features=features, out_features=out)


@writes("unused_parameter")
def _unused_parameter(site: Site) -> Operation:
    return module("UnusedParameter", size=site.weights["weight"])
