"""Elements at positions, axes of size 1, and copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.pytorch.table import (
    NoCounterpartError,
    call,
    in_own_order,
    module,
    reduced_in_own_order,
    writes,
)
from shapecalc.exporters.source.operations import with_axes
from shapecalc.layers.base.axis_numbers import axis_of

if TYPE_CHECKING:
    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []


@writes("squeeze")
@in_own_order
def _squeeze(site: Site) -> Operation:
    dims = tuple([axis_of(dim, site.x.rank) + 1 for dim in site.given["dim"]])
    return call("{0}.squeeze({dim})", dim=dims[0] if len(dims) == 1 else dims)


@writes("unsqueeze")
@in_own_order
def _unsqueeze(site: Site) -> Operation:
    return call("{0}.unsqueeze({dim})", dim=axis_of(site.given["dim"], site.x.rank + 1) + 1)


@writes("expand", "repeat_vector")
@in_own_order
def _expand(site: Site) -> Operation:
    sizes = tuple(site.outputs[0].sizes)
    return call(f"{with_axes(len(sizes) - site.x.rank)}.expand(-1, {{*sizes}})", sizes=sizes)


@writes("tile")
@in_own_order
def _tile(site: Site) -> Operation:
    dims, rank = site.given["dims"], site.outputs[0].rank
    return call(f"{with_axes(rank - site.x.rank)}.repeat(1, {{*dims}})", dims=(*[1] * (rank - len(dims)), *dims))


@writes("stack")
@in_own_order
def _stack(site: Site) -> Operation:
    dim = axis_of(site.given["dim"], site.x.rank + 1) + 1
    return call(f"torch.stack([{', '.join(site.per_sample())}], {{dim}})", dim=dim)


@writes("gather")
@reduced_in_own_order
def _gather(site: Site) -> Operation:
    given, dim = site.given, site.axis(site.given["dim"])
    index = given["index"]
    if index is None:
        if any(x.is_map and x.channels_last for x in (*site.inputs, *site.outputs)):
            raise NoCounterpartError("positions that are data, in a map with channels last")
        return module("GatherAt", "{m}({*})", dim=dim, elements=given["mode"] == "elements")
    if given["keepdim"]:
        return call(f"{{0}}[{':, ' * dim}{{index}}]", index=[*index])
    return call("{0}.select({dim}, {index})", dim=dim, index=index[0])


@writes("named_operation")
def _named_operation(site: Site) -> Operation:
    if site.named() == "cumsum":
        return call("{0}.cumsum(1)")
    return call("{0}[torch.arange({0}.shape[0], device={0}.device), {1}]")


@writes("top_k")
def _top_k(site: Site) -> Operation:
    given = site.given
    largest = "" if given["largest"] else ", largest=False"
    return call(f"{{0}}.topk({{k}}, {{dim}}{largest})", k=given["k"], dim=site.axis(given["dim"]))
