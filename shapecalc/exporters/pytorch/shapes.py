"""Merges of branches, and what only rearranges tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.pytorch.table import (
    NoCounterpartError,
    broadcast,
    broadcast_in_own_order,
    call,
    in_own_order,
    module,
    reduced_in_own_order,
    torch_size,
    writes,
)
from shapecalc.exporters.sites import crop_sides
from shapecalc.exporters.source.operations import sliced
from shapecalc.layers.base.per_axis import per_axis, sides_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []

_SIGNS = {"add": "+", "mul": "*", "sub": "-", "div": "/"}


def _by_sign(sign: str) -> Callable[[Site], Operation]:
    def write(site: Site) -> Operation:
        if len(site.inputs) == 1:
            return _with_number(site, "{other} - {0}" if sign == "-" else f"{{0}} {sign} {{other}}")
        return call(f" {sign} ".join(broadcast(site)))

    return broadcast_in_own_order(write)


def _with_number(site: Site, text: str) -> Operation:
    """Return an operation with a number, or, where that is not known, with a note on what it leaves out."""
    other = site.other
    if other is None:
        return call("{0}", note=f"{site.layer.kind}: with a number that is not known")
    return call(text, other=other)


for _kind, _sign in _SIGNS.items():
    writes(_kind)(_by_sign(_sign))


@writes("maximum", "minimum")
@broadcast_in_own_order
def _extreme(site: Site) -> Operation:
    text, *others = broadcast(site)
    if not others:
        return _with_number(
            site, "{0}.clamp(min={other})" if site.layer.kind == "maximum" else "{0}.clamp(max={other})"
        )
    for other in others:
        text = f"torch.{site.layer.kind}({text}, {other})"
    return call(text)


@writes("average")
@broadcast_in_own_order
def _average(site: Site) -> Operation:
    return call(f"({' + '.join(broadcast(site))}) / {len(site.inputs)}")


@writes("concat")
@broadcast_in_own_order
def _concat(site: Site) -> Operation:
    return call(f"torch.cat([{', '.join(site.per_sample())}], {{dim}})", dim=site.axis(site.given["dim"]))


@writes("matmul", "bmm")
@in_own_order
def _matmul(site: Site) -> Operation:
    if any(x.rank < 2 for x in site.inputs):
        if all(x.rank == 1 for x in site.inputs):
            return call("({0} * {1}).sum(-1)")
        row, columns = (", None" * (site.inputs[i].rank - 1) for i in (1, 0))
        if site.x.rank == 1:
            text = "{1}.transpose(-2, -1)" if site.given.get("transpose_b") else "{1}"
            return call(f"({{0}}[:{row}] @ {text}).squeeze(-2)")
        text = "{0}.transpose(-2, -1)" if site.given.get("transpose_a") else "{0}"
        return call(f"({text} @ {{1}}[:{columns[: -len(', None')]}, :, None]).squeeze(-1)")
    turned = [".transpose(-2, -1)" if site.given.get(name) else "" for name in ("transpose_a", "transpose_b")]
    return call(f"{{0}}{turned[0]} @ {{1}}{turned[1]}")


@writes("flatten")
def _flatten(site: Site) -> Operation:
    if not site.x.rank:
        return call("{0}[:, None]")
    return call("{0}.flatten(1)") if site.outputs[0].rank == 1 else _flatten_some(site)


@in_own_order
def _flatten_some(site: Site) -> Operation:
    start, end = site.given["start_dim"], site.given["end_dim"]
    return call("{0}.flatten({start_dim}, {end_dim})", start_dim=start, end_dim=end)


@writes("reshape", "view")
@in_own_order
def _reshape(site: Site) -> Operation:
    return call("{0}.reshape({0}.shape[0], {*shape})", shape=tuple(site.size(site.outputs[0])))


@writes("unflatten")
@in_own_order
def _unflatten(site: Site) -> Operation:
    given = site.given
    return call("{0}.unflatten({dim}, {sizes})", dim=site.axis(given["dim"]), sizes=tuple(given["unflattened_size"]))


@writes("gather_patches")
def _gather_patches(site: Site) -> Operation:
    return module("GatherPatches", size=tuple(per_axis(site.given["patch_size"], site.rank)))


@writes("window_partition")
def _window_partition(site: Site) -> Operation:
    size = tuple(per_axis(site.given["window_size"], site.rank))
    return module("WindowPartition", size=size, grid=site.given["grid"])


@writes("window_reverse")
def _window_reverse(site: Site) -> Operation:
    if site.x.is_map:
        raise NoCounterpartError("windows that are a feature map")
    return module("WindowReverse", "{m}({*})", size=tuple(per_axis(site.given["window_size"], site.inputs[1].rank - 1)))


@writes("permute")
@in_own_order
def _permute(site: Site) -> Operation:
    dims = site.given["dims"]
    return call("{0}.permute({*dims})", dims=tuple(dims) if dims[0] == 0 else (0, *dims))


@writes("transpose")
@in_own_order
def _transpose(site: Site) -> Operation:
    return call("{0}.transpose({dim0}, {dim1})", dim0=site.axis(site.given["dim0"]), dim1=site.axis(site.given["dim1"]))


writes("slice")(sliced)


@writes("chunk")
def _chunk(site: Site) -> Operation:
    return call("{0}.chunk({chunks}, {dim})", chunks=site.given["chunks"], dim=site.axis(site.given["dim"]))


@writes("split")
def _split(site: Site) -> Operation:
    axis = site.axis(site.given["dim"])
    sizes = [torch_size(shape)[axis - 1] for shape in site.outputs]
    return call("{0}.split({sizes}, {dim})", sizes=sizes, dim=axis)


@writes("roll")
def _roll(site: Site) -> Operation:
    given = site.given
    shifts = per_axis(given["shifts"], 1)
    if given["dims"] is None:
        raise NoCounterpartError("all axes at once")
    dims = tuple(site.axis(dim) for dim in per_axis(given["dims"], 1))
    return call("{0}.roll({shifts}, {dims})", shifts=shifts, dims=dims)


@writes("pad", "reflection_pad", "replication_pad", "circular_pad")
def _pad(site: Site) -> Operation:
    before, after = torch_size(site.x), torch_size(site.outputs[0])
    mode = site.given["mode"]
    sides = sides_of(site.given["padding"], site.rank)
    sides = [(0, 0)] * (site.x.rank - len(sides)) + sides
    if tuple(size + sum(pair) for size, pair in zip(before, sides, strict=True)) != tuple(after):
        raise NoCounterpartError("axes that are not spatial")
    while sides and sides[0] == (0, 0):
        del sides[0]
    pad = tuple(one for pair in reversed(sides) for one in pair)
    if mode in ("zeros", "constant"):
        value = {"value": site.given["value"]} if mode == "constant" else {}
        return call(f"F.pad({{0}}, {{pad}}{', value={value}' if value else ''})", pad=pad, **value)
    if not site.x.is_map:
        raise NoCounterpartError(f"mode {mode} of axes that are not spatial")
    return call("F.pad({0}, {pad}, {mode})", pad=pad, mode=mode)


@writes("crop")
def _crop(site: Site) -> Operation:
    sides = crop_sides(site.given["cropping"], site.x, site.outputs[0])
    return call("F.pad({0}, {pad})", pad=tuple(-one for pair in reversed(sides) for one in pair))


@writes("upsample")
def _upsample(site: Site) -> Operation:
    mode = site.given["mode"]
    if mode not in ("nearest", "bilinear", "linear", "trilinear", "bicubic"):
        raise NoCounterpartError(f"mode {mode}")
    if len(site.inputs) > 1:
        return call("F.interpolate({0}, size={1}.shape[2:], mode={mode})", mode=mode)
    return call("F.interpolate({0}, size={size}, mode={mode})", size=tuple(site.outputs[0].spatial), mode=mode)


@writes("channel_shuffle")
def _channel_shuffle(site: Site) -> Operation:
    return module("nn.ChannelShuffle", groups=site.given["groups"])


@writes("pixel_shuffle")
def _pixel_shuffle(site: Site) -> Operation:
    return module("nn.PixelShuffle", upscale_factor=site.given["upscale_factor"])


@writes("pixel_unshuffle")
def _pixel_unshuffle(site: Site) -> Operation:
    return module("nn.PixelUnshuffle", downscale_factor=site.given["downscale_factor"])


@writes("mean")
@reduced_in_own_order
def _mean(site: Site) -> Operation:
    given = site.given
    dims = tuple(sorted(site.axis(dim) for dim in per_axis(given["dim"], 1)))
    return call("{0}.mean({dim}, keepdim={keepdim})", dim=dims, keepdim=given["keepdim"])


@writes("to_tokens")
def _to_tokens(_: Site) -> Operation:
    return call("{0}.flatten(2).transpose(1, 2)")


@writes("to_map")
def _to_map(_: Site) -> Operation:
    return call("{0}.transpose(1, 2).unflatten(2, {1}.shape[2:])")
