"""Merges of branches, and what only rearranges tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.keras.layouts import in_order_of_output, in_own_order, reduced_in_own_order
from shapecalc.exporters.keras.table import (
    NoCounterpartError,
    call,
    is_moved,
    module,
    moved_last,
    order_of,
    permute,
    stored,
    writes,
)
from shapecalc.exporters.source import operations
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []

_MERGES = {"add": ("Add", "+"), "mul": ("Multiply", "*"), "sub": ("Subtract", "-"), "average": ("Average", ""),
           "maximum": ("Maximum", ""), "minimum": ("Minimum", ""), "div": ("", "/")}  # fmt: skip


def _merge(name: str, sign: str) -> Callable[[Site], Operation]:
    @in_order_of_output
    def write(site: Site) -> Operation:
        ranks = [x.rank for x in site.inputs]
        count = len(ranks)
        if site.other is not None:
            forward = f"ops.{name.lower()}({{0}}, {{other}})" if not sign else f"{{0}} {sign} {{other}}"
            return call("{other} - {0}" if sign == "-" else forward, other=site.other)
        if len({*ranks}) == 1 and name and ranks[0] and not (name == "Subtract" and count != 2):
            if count == 1:
                return call("{0}")
            return module(f"layers.{name}", "{m}([{*}])")
        if not sign:
            raise NoCounterpartError("tensors with different numbers of axes")
        return call(f" {sign} ".join(operations.broadcast(site)))

    return write


for _kind, (_name, _sign) in _MERGES.items():
    writes(_kind)(_merge(_name, _sign))


@writes("concat")
@in_order_of_output
def _concat(site: Site) -> Operation:
    if len(site.inputs) == 1:
        return call("{0}")
    axis = site.axis(site.given["dim"])
    return module("layers.Concatenate", "{m}([{*}])", axis=-1 if axis == site.x.rank else axis)


@writes("stack")
@in_own_order
def _stack(site: Site) -> Operation:
    dim = site.given["dim"]
    return call("ops.stack([{*}], axis={axis})", axis=dim if dim < 0 else max(dim, 1))


@writes("matmul", "bmm")
@in_own_order
def _matmul(site: Site) -> Operation:
    if any(x.rank < 2 for x in site.inputs):
        if all(x.rank == 1 for x in site.inputs):
            return call("ops.sum({0} * {1}, axis=-1)")
        raise NoCounterpartError("a vector and a matrix")
    turned = [site.given["transpose_a"], site.given["transpose_b"]]
    return call(" @ ".join([f"ops.swapaxes({{{i}}}, -2, -1)" if turn else f"{{{i}}}" for i, turn in enumerate(turned)]))


def _reshaped(site: Site) -> Operation:
    """Return the reshape to the output: of the elements in the order that they have here."""
    x, y = site.x, site.outputs[0]
    if is_moved(x) and is_moved(y) and x.sizes[0] == y.sizes[0]:
        return module("layers.Reshape", target_shape=(*y.sizes[1:], y.sizes[0]))
    before = permute([stored(x).index(axis) for axis in range(x.rank)])
    after = permute(stored(y))
    steps = [before] if before != "{0}" else []
    steps += ["{m}({0})", *([after] if after != "{0}" else [])]
    return module("layers.Reshape", ";".join(steps), target_shape=tuple(y.sizes))


writes("reshape", "view", "unflatten", "unsqueeze", "squeeze")(_reshaped)


@writes("flatten")
def _flatten(site: Site) -> Operation:
    return call("layers.Flatten()({0})") if site.outputs[0].rank == 1 else _reshaped(site)


@writes("to_tokens")
def _to_tokens(site: Site) -> Operation:
    return call(moved_last(site) + "layers.Reshape((-1, {0}.shape[-1]))({0})")


@writes("to_map")
def _to_map(_: Site) -> Operation:
    return call("layers.Reshape((*{1}.shape[1:-1], {0}.shape[-1]))({0})")


@writes("permute", "transpose")
def _permute(site: Site) -> Operation:
    order, had = order_of(site), stored(site.x)
    return call(permute([had.index(order[axis]) for axis in stored(site.outputs[0])]))


writes("slice")(operations.sliced)


@writes("chunk", "split")
def _split(site: Site) -> Operation:
    axis = site.axis(site.given["dim"])
    sizes = [site.size(shape)[axis - 1] for shape in site.outputs]
    ends: Any = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    places = len(sizes) if len({*sizes}) == 1 else ends
    return call("ops.split({0}, {places}, axis={axis})", places=places, axis=-1 if axis == site.x.rank else axis)


@writes("roll")
def _roll(site: Site) -> Operation:
    given = site.given
    if given["dims"] is None:
        raise NoCounterpartError("all axes at once")
    axes = tuple(site.axis(dim) for dim in per_axis(given["dims"], 1))
    shifts = per_axis(given["shifts"], 1)
    return call("ops.roll({0}, {shifts}, axis={axes})", shifts=tuple(shifts), axes=axes)


@writes("mean")
@reduced_in_own_order
def _mean(site: Site) -> Operation:
    given = site.given
    axes = tuple(sorted(site.axis(dim) for dim in per_axis(given["dim"], 1)))
    axis = axes[0] if len(axes) == 1 else axes
    return call("ops.mean({0}, axis={axis}, keepdims={keepdims})", axis=axis, keepdims=given["keepdim"])


@writes("channel_shuffle")
def _channel_shuffle(site: Site) -> Operation:
    return call("channel_shuffle({0}, {groups})", groups=site.given["groups"])


@writes("pixel_shuffle")
def _pixel_shuffle(site: Site) -> Operation:
    return call("pixel_shuffle({0}, {factor})", factor=site.given["upscale_factor"])


@writes("pixel_unshuffle")
def _pixel_unshuffle(site: Site) -> Operation:
    return call("pixel_unshuffle({0}, {factor})", factor=site.given["downscale_factor"])


@writes("gather_patches")
def _gather_patches(site: Site) -> Operation:
    return call("gather_patches({0}, {size})", size=tuple(per_axis(site.given["patch_size"], site.rank)))


@writes("window_partition")
def _window_partition(site: Site) -> Operation:
    size = tuple(per_axis(site.given["window_size"], site.rank))
    grid = ", grid=True" if site.given["grid"] else ""
    return call(f"window_partition({{0}}, {{size}}{grid})", size=size)


@writes("window_reverse")
def _window_reverse(site: Site) -> Operation:
    size = tuple(per_axis(site.given["window_size"], site.inputs[1].rank - 1))
    height, width = site.outputs[0].spatial
    return call("window_reverse({0}, {size}, {height}, {width})", size=size, height=height, width=width)
