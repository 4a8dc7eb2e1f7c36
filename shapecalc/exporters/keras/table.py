"""The table of kinds: how each is written in Keras, by functions that return its operation.

Tensors are as Keras has them: the batch first, the channels of a feature map last. The expression of an operation may
have several steps, divided by semicolons: each is an assignment, whose value is `{0}` of the next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.sites import ROTARY, NoCounterpartError, Site, sites_of
from shapecalc.exporters.source.operations import Writers, call, module
from shapecalc.layers.base.shape import HWC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report

__all__ = ["ROTARY", "WRITERS", "NoCounterpartError", "Site", "call", "first_is_last", "keras_sites", "module",
           "moved_last", "norm_of",
           "order_of", "permute", "short", "stored", "writes"]  # fmt: skip

WRITERS = Writers()
writes = WRITERS.of


def keras_sites(report: Report) -> Iterator[Site]:
    """Yield the site of each layer.

    Where a permutation to channels first undoes another, its output is a feature map, of which Keras has the channels
    last.
    """
    maps: dict[tuple[int, int], Shape] = {}
    for index, site in enumerate(sites_of(report, HWC)):
        refs = report.graph.nodes[index].inputs
        inputs = tuple(maps.get(ref, x) for ref, x in zip(refs, site.inputs, strict=True))
        outputs = site.outputs
        if _makes_map(site, inputs):
            outputs = tuple(one._replace(is_map=True) for one in outputs)
        maps |= {(index, number): one for number, one in enumerate(outputs) if one.is_map}
        yield replace(site, inputs=inputs, outputs=outputs)


def _makes_map(site: Site, inputs: tuple[Shape, ...]) -> bool:
    y = site.outputs[0]
    if y.is_map or y.channels_last or y.rank < 2:
        return False
    if site.layer.kind in ("permute", "transpose"):
        first = order_of(site)[0]
        return not inputs[0].is_map and first == y.rank - 1 and order_of(site)[1:] == [*range(y.rank - 1)]
    is_alike = site.layer.elementwise or site.layer.is_sum
    return is_alike and any(x.is_map and x.rank == y.rank for x in inputs)


def order_of(site: Site) -> list[int]:
    """Return which axes of the input those of the output of a permutation are, without the batch."""
    given, rank = site.given, site.x.rank
    if site.layer.kind == "permute":
        dims = [dim % (rank + 1) if dim < 0 else dim for dim in given["dims"]]
        return [dim - 1 for dim in dims if dim] if 0 in dims else [dim - 1 for dim in dims]
    order = [*range(rank)]
    a, b = (site.axis(given[name], site.x._replace(is_map=False)) - 1 for name in ("dim0", "dim1"))
    order[a], order[b] = order[b], order[a]
    return order


def stored(x: Shape) -> list[int]:
    """Return the axes of a tensor here in the order in which Keras has them."""
    axes = [*range(x.rank)]
    return [*axes[1:], 0] if x.is_map and not x.channels_last and axes else axes


def permute(order: Sequence[int], value: str = "{0}") -> str:
    """Return a step that permutes the axes without the batch; nothing where they stay."""
    if [*order] == [*range(len(order))]:
        return value
    return f"layers.Permute(({', '.join(str(axis + 1) for axis in order)}))({value})"


def moved_last(site: Site) -> str:
    """Return a step before an operation on a feature map: its channels become the last axis, if they are not."""
    x = site.x
    if x.channels_last or x.is_map or x.rank < 2:
        return ""
    return permute([*range(1, x.rank), 0]) + ";"


def norm_of(site: Site) -> str:
    """Return the wrapper of a layer with a spectral normalisation. Errors: `NoCounterpartError` for another one."""
    if site.given.get("parametrization") == "spectral_norm_keras":
        return "@layers.SpectralNormalization(*)"
    site.refuse("parametrization")
    return ""


def short(values: Any) -> Any:
    """Return one number for several equal ones."""
    if isinstance(values, (tuple, list)):
        return values[0] if len({*values}) == 1 else tuple(values)
    return values


def first_is_last(x: Shape) -> str:
    """Return what Keras does with the axes of a map with channels first: heads of attention are one, too."""
    return f"Keras has the first axis of {x.text} last, as the channels of a feature map"
