"""Convolutions and pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.pytorch.table import NoCounterpartError, call, module, writes
from shapecalc.layers import find_kind
from shapecalc.layers.base.per_axis import per_axis
from shapecalc.layers.base.window import spatial_axes
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__ = ["class_of", "padding_of", "window"]


def _short(values: tuple[Any, ...] | list[Any]) -> Any:
    return values[0] if len({*values}) == 1 else tuple(values)


def class_of(name: str, site: Site) -> str:
    """Return the class of a module by the number of spatial axes: nn.Conv2d."""
    if not 1 <= site.rank <= 3:
        raise NoCounterpartError(f"{site.rank} spatial axes")
    return f"nn.{name}{site.rank}d"


def padding_of(site: Site, *, halves: bool = False) -> dict[str, Any]:
    """Return the padding of a window; where it is not the same on both sides, as `pad`, in front of the layer."""
    axes = spatial_axes(site.layer, site.x)
    sides = [axis.same_padding() if axis.same else (axis.before, axis.after) for axis in axes]
    even = all(before == after for before, after in sides)
    fits = not halves or all(2 * before <= axis.kernel for axis, (before, _) in zip(axes, sides, strict=True))
    if even and fits:
        return {"padding": _short([before for before, _ in sides]), "pad": None}
    return {"padding": 0, "pad": tuple(side for pair in reversed(sides) for side in pair)}


@writes("conv", "depthwise_conv")
def _conv(site: Site) -> Operation:
    given = site.given
    weight = site.weights.get("original1") or site.weights["weight"]
    return module(
        class_of("Conv", site),
        in_channels=site.x.channels,
        out_channels=weight[0],
        kernel_size=window(given["kernel_size"]),
        stride=window(given["stride"]),
        **padding_of(site),
        dilation=window(given["dilation"]),
        groups=site.x.channels // weight[1],
        bias="bias" in site.weights,
        padding_mode=given.get("padding_mode", "zeros"),
    )


def window(value: Any) -> Any:
    """Return one number for several equal ones."""
    return _short(value) if isinstance(value, tuple) else value


@writes("transposed_conv")
def _transposed_conv(site: Site) -> Operation:
    given = site.given
    kernel, stride, dilation = (per_axis(given[name], site.rank) for name in ("kernel_size", "stride", "dilation"))
    paddings, added, is_cut = [], [], False
    for size, out, k, s, d, padding in zip(
        site.x.spatial, site.outputs[0].spatial, kernel, stride, dilation, per_axis(given["padding"], site.rank),
        strict=True,
    ):  # fmt: skip
        full = (size - 1) * s + d * (k - 1) + 1
        paddings.append(padding if isinstance(padding, int) else max(full - out, 0) // 2)
        added.append(max(out - full + 2 * paddings[-1], 0))
        is_cut = is_cut or full - 2 * paddings[-1] > out
    ends = ", ".join([f":{out}" for out in site.outputs[0].spatial])
    return module(
        class_of("ConvTranspose", site),
        "{m}({0})" + (f"[..., {ends}]" if is_cut else ""),
        in_channels=site.x.channels,
        out_channels=given["out_channels"],
        kernel_size=window(given["kernel_size"]),
        stride=window(given["stride"]),
        padding=_short(paddings),
        output_padding=_short(added),
        groups=given["groups"],
        bias="bias" in site.weights,
        dilation=window(given["dilation"]),
    )


@writes("max_pool", "avg_pool")
def _pool(site: Site) -> Operation:
    given = site.given
    is_max = "count_include_pad" not in given
    arguments: dict[str, Any] = {
        "kernel_size": window(given["kernel_size"]),
        "stride": window(given["stride"] or given["kernel_size"]),
        **padding_of(site, halves=True),
    }
    if is_max:
        arguments["dilation"] = window(given["dilation"])
    elif per_axis(given["dilation"], 1) != (1,):
        raise NoCounterpartError("dilation")
    arguments["ceil_mode"] = _rounds_up(site)
    if not is_max:
        arguments["count_include_pad"] = given["count_include_pad"]
    if given.get("return_indices"):
        if arguments["pad"]:
            raise NoCounterpartError("positions in an input that is padded before")
        arguments["return_indices"] = True
    return module(class_of("MaxPool" if is_max else "AvgPool", site), **arguments)


@writes("max_unpool")
def _max_unpool(site: Site) -> Operation:
    given = site.given
    size = "" if given["output_size"] is None else f", output_size={tuple(site.outputs[0].spatial)}"
    return module(
        class_of("MaxUnpool", site),
        f"{{m}}({{0}}, {{1}}.long(){size})",
        kernel_size=window(given["kernel_size"]),
        stride=window(given["stride"] or given["kernel_size"]),
        padding=window(given["padding"]),
    )


def _rounds_up(site: Site) -> bool:
    """Return whether the output is that of PyTorch's `ceil_mode`. Errors: `NoCounterpartError` for neither."""
    words = {
        name: value for name, value in site.given.items() if name not in ("ceil_mode", "rounding", "padding_limit")
    }
    cls = find_kind(type(site.layer).kind)
    assert cls is not None
    for up in (False, True):
        if size_layer(cls(**words, ceil_mode=up), site.inputs).outputs == site.outputs:
            return up
    raise NoCounterpartError(f"rounding {site.given['rounding']}")


@writes("adaptive_avg_pool", "adaptive_max_pool")
def _adaptive(site: Site) -> Operation:
    name = "AdaptiveAvgPool" if "avg" in site.layer.kind else "AdaptiveMaxPool"
    size = site.given["output_size"]
    return module(class_of(name, site), output_size=window(size))


@writes("global_avg_pool", "global_max_pool")
def _global(site: Site) -> Operation:
    dims = tuple(range(2, site.rank + 2))
    function = "mean" if "avg" in site.layer.kind else "amax"
    return call(f"{{0}}.{function}({{dim}}, keepdim={{keepdim}})", dim=dims, keepdim=site.given["keepdims"])
