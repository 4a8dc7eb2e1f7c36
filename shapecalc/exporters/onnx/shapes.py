"""What only rearranges, cuts, joins and repeats tensors."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.onnx.table import MAP, OWN, NoCounterpartError, onnx_size, writes
from shapecalc.exporters.onnx.windows import pad
from shapecalc.exporters.sites import is_mixed
from shapecalc.layers.base.axis_numbers import axis_of
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.onnx.table import LayerSite

_FAR = 2**62


@writes("concat")
def _concat(site: LayerSite) -> str:
    orders = {is_mixed(shape) for shape in site.inputs}
    if len(orders) > 1:
        raise NoCounterpartError("it joins a map with channels last and another tensor")
    parts = [site.whole(i) for i in range(len(site.names))]
    return str(site.op("Concat", *parts, axis=site.axis(site.given["dim"])))


@writes("stack", order=OWN)
def _stack(site: LayerSite) -> str:
    at, sizes = axis_of(site.given["dim"], site.x.rank + 1), site.x.sizes
    parts = [site.reshape(site.whole(i), (*sizes[:at], 1, *sizes[at:])) for i in range(len(site.names))]
    return str(site.op("Concat", *parts, axis=at + 1))


@writes("flatten")
def _flatten(site: LayerSite) -> str:
    x, out = site.names[0], site.outputs[0]
    if out.rank == 1:
        return str(site.op("Flatten", x, axis=1)) if site.x.rank > 1 else site.reshape(x, out.sizes)
    return _rearranged(site)


def _rearranged(site: LayerSite) -> str:
    """Add a reshape of the elements in the order that they have in the report."""
    x = site.to_own(site.names[0], site.x)
    y = site.reshape(x, site.outputs[0].sizes)
    return site.from_own(y, site.outputs[0])


@writes("reshape", "unflatten", "squeeze", "unsqueeze")
def _reshape(site: LayerSite) -> str:
    return _rearranged(site)


@writes("permute", "transpose", order=OWN)
def _permute(site: LayerSite) -> str:
    order = site.layer._order(site.x)  # type: ignore[attr-defined]  # noqa: SLF001
    return site.transpose(site.names[0], [0, *[axis + 1 for axis in order]])


@writes("slice")
def _slice(site: LayerSite) -> str:
    given, axis = site.given, site.axis(site.given["dim"])
    step = given["step"]
    start = given["start"] if given["start"] is not None else (0 if step > 0 else -1)
    end = given["end"] if given["end"] is not None else (_FAR if step > 0 else -_FAR)
    return site.slice(site.names[0], axis, start, end, step)


@writes("split", "chunk")
def _split(site: LayerSite) -> Any:
    axis = site.axis(site.given["dim"])
    sizes = [site.size(shape)[axis - 1] for shape in site.outputs]
    if len(sizes) == 1:
        return site.names[0]
    return site.op("Split", site.names[0], site.graph.numbers(*sizes), outputs=len(sizes), axis=axis)


@writes("expand", order=OWN)
def _expand(site: LayerSite) -> str:
    sizes = site.outputs[0].sizes
    x = site.reshape(site.names[0], (*[1] * (len(sizes) - site.x.rank), *site.x.sizes))
    return str(site.op("Expand", x, site.graph.numbers(1, *sizes)))


@writes("tile", order=OWN)
def _tile(site: LayerSite) -> str:
    rank = site.outputs[0].rank
    x = (
        site.reshape(site.names[0], (*[1] * (rank - site.x.rank), *site.x.sizes))
        if rank > site.x.rank
        else site.names[0]
    )
    dims = site.given["dims"]
    return str(site.op("Tile", x, site.graph.numbers(1, *[1] * (rank - len(dims)), *dims)))


@writes("repeat_vector", order=OWN)
def _repeat_vector(site: LayerSite) -> str:
    x = site.reshape(site.names[0], (1, *site.x.sizes))
    return str(site.op("Expand", x, site.graph.numbers(1, *site.outputs[0].sizes)))


@writes("roll", order=OWN)
def _roll(site: LayerSite) -> str:
    x = site.names[0]
    for shift, dim in zip(site.given["shifts"], site.given["dims"], strict=True):
        axis = axis_of(dim, site.x.rank, "dims")
        at = -shift % site.x.sizes[axis]
        if at:
            parts = site.slice(x, axis + 1, at, _FAR), site.slice(x, axis + 1, 0, at)
            x = site.op("Concat", *parts, axis=axis + 1)
    return x


@writes("gather", order=OWN)
def _gather(site: LayerSite) -> str:
    given = site.given
    axis = axis_of(given["dim"], site.x.rank) + 1 if given["dim"] != "channels" else site.x.channel_axis + 1
    if given["index"] is not None:
        at = given["index"]
        if not given["keepdim"]:
            return str(site.op("Gather", site.names[0], site.graph.number(at[0]), axis=axis))
        return str(site.op("Gather", site.names[0], site.graph.numbers(*at), axis=axis))
    if given["mode"] == "elements":
        return str(site.op("GatherElements", site.whole(0), site.whole(1), axis=axis))
    return _picked(site, axis)


def _picked(site: LayerSite, axis: int) -> str:
    """Add a gather at positions: those of constants, or of each sample, with the axis in front."""
    x, index = site.inputs
    if site.names[1] in site.graph.fixed:
        positions = site.op("Reshape", site.names[1], site.graph.numbers(*index.sizes))
        return str(site.op("Gather", site.names[0], positions, axis=axis))
    before, after = [*range(1, axis)], [*range(axis + 1, x.rank + 1)]
    moved = site.transpose(site.whole(0), [0, axis, *before, *after]) if before else site.whole(0)
    found = site.op("GatherND", moved, site.reshape(site.names[1], (*index.sizes, 1)), batch_dims=1)
    if not before:
        return str(found)
    new = 1 + index.rank
    last = new + len(before)
    return site.transpose(found, [0, *range(new, last), *range(1, new), *range(last, last + len(after))])


@writes("named_operation", order=OWN)
def _named_operation(site: LayerSite) -> str:
    if site.named() == "cumsum":
        return str(site.op("CumSum", site.names[0], site.graph.number(1)))
    return _picked(site, 1)


@writes("top_k", order=OWN)
def _top_k(site: LayerSite) -> Any:
    given = site.given
    axis = axis_of(given["dim"], site.x.rank) + 1
    values, indices = site.op("TopK", site.names[0], site.graph.numbers(given["k"]), outputs=2, axis=axis,
                              largest=int(given.get("largest", True)))  # fmt: skip
    return [values, indices]


# Maps as tokens, patches and windows.


@writes("to_tokens", order=MAP)
def _to_tokens(site: LayerSite) -> str:
    channels, *space = onnx_size(site.x)
    flat = site.reshape(site.names[0], (channels, prod(space))) if len(space) > 1 else site.names[0]
    return site.transpose(flat, (0, 2, 1))


@writes("to_map")
def _to_map(site: LayerSite) -> str:
    rank = site.inputs[0].rank
    if rank != 2:
        raise NoCounterpartError("its tokens have further axes")
    return site.reshape(site.transpose(site.names[0], (0, 2, 1)), onnx_size(site.outputs[0]))


def _whole_tiles(site: LayerSite, x: str, sizes: Sequence[int], side: Sequence[int]) -> tuple[str, list[int]]:
    """Return a map (in ONNX's order) that is padded to whole tiles, and how many there are along each axis."""
    missing = [-size % one for size, one in zip(sizes, side, strict=True)]
    if any(missing):
        x = pad(site, x, {axis: (0, more) for axis, more in enumerate(missing, 2)})
    return x, [(size + more) // one for size, more, one in zip(sizes, missing, side, strict=True)]


@writes("gather_patches", order=MAP)
def _gather_patches(site: LayerSite) -> str:
    channels, *space = onnx_size(site.x)
    side = per_axis(site.given["patch_size"], len(space))
    x, counts = _whole_tiles(site, site.names[0], space, side)
    rank = len(space)
    x = site.reshape(x, (channels, *[one for pair in zip(counts, side, strict=True) for one in pair]))
    order = [0, *[3 + 2 * i for i in range(rank)], 1, *[2 + 2 * i for i in range(rank)]]
    return site.reshape(site.transpose(x, order), onnx_size(site.outputs[0]))


@writes("window_partition", order=MAP)
def _window_partition(site: LayerSite) -> str:
    channels, *space = onnx_size(site.x)
    rank, side = len(space), per_axis(site.given["window_size"], len(space))
    x, counts = _whole_tiles(site, site.names[0], space, side)
    outer, inner = (side, counts) if site.given["grid"] else (counts, side)
    x = site.reshape(x, (channels, *[one for pair in zip(outer, inner, strict=True) for one in pair]))
    window = [3 + 2 * i - site.given["grid"] for i in range(rank)]
    count = [2 + 2 * i + site.given["grid"] for i in range(rank)]
    return site.reshape(site.transpose(x, [0, *count, *window, 1]), site.outputs[0].sizes)


@writes("window_reverse")
def _window_reverse(site: LayerSite) -> str:
    windows, like = site.inputs
    space = like.spatial
    rank, side = len(space), per_axis(site.given["window_size"], len(space))
    counts = [-(-size // one) for size, one in zip(space, side, strict=True)]
    x = site.reshape(site.names[0], (*counts, *side, windows.sizes[2]))
    order = [0, 2 * rank + 1, *[axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]]
    whole = [count * one for count, one in zip(counts, side, strict=True)]
    x = site.reshape(site.transpose(x, order), (windows.sizes[2], *whole))
    for axis, (size, full) in enumerate(zip(space, whole, strict=True), 2):
        x = x if size == full else site.slice(x, axis, 0, size)
    return x
