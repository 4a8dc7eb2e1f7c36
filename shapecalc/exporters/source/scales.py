"""Scales and shifts; after a batch normalisation without weights they are one layer with it: Caffe has them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.sites import NoCounterpartError
from shapecalc.exporters.source.operations import call, module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.sites import Site
    from shapecalc.exporters.structure.parts import Operation
    from shapecalc.model.report import Report

__all__ = ["layer_scale", "with_scales"]


def with_scales(
    report: Report,
    sites: Sequence[Site],
    operations: Sequence[Operation],
    words: Callable[[bool, bool], dict[str, Any]],
) -> list[Operation]:
    """Return operations with a scale and shift as a part of the batch normalisation before it.

    `words(scale, shift)` are the arguments of the normalisation that has them; none if there are no such.
    """
    found = [*operations]
    readers = report.graph.readers()
    shared = {node.shares for node in report.graph.nodes}
    for index, (row, site) in enumerate(zip(report.rows, sites, strict=True)):
        before = row.node.inputs[0].node if row.node.inputs else -1
        if row.kind not in ("layer_scale", "bias_add") or before < 0 or report.rows[before].kind != "batch_norm":
            continue
        norm, sizes = report.rows[before], [*site.weights.values()]
        given = words("weight" in site.weights, "bias" in site.weights)
        is_apart = norm.node.shares >= 0 or row.node.shares >= 0 or {before, index} & shared or row.node.frozen
        fits = sizes[0] == (norm.sizing.inputs[0].channels,) and _axis(site) == sites[before].axis("channels")
        if not norm.sizing.weight_shapes and readers[before] == 1 and fits and given and not is_apart:
            found[before] = found[before]._replace(arguments={**found[before].arguments, **given})
            found[index] = call("{0}")
    return found


def layer_scale(site: Site, features: str) -> Operation:
    """Return the operation of a scale and shift; `features` is what the layer beside the network calls their number."""
    (size, *others), dims = next(iter(site.weights.values())), site.given["dim"]
    if others or (isinstance(dims, tuple) and len(dims) > 1):
        raise NoCounterpartError("several axes")
    given: dict[str, Any] = {features: size, "axes": site.x.rank - _axis(site)}
    return module("LayerScale", **given, scale="weight" in site.weights, shift="bias" in site.weights)


def _axis(site: Site) -> int:
    """Return the axis that a scale is along."""
    dims = site.given["dim"]
    if dims is None:
        dims = "channels" if site.x.is_map or site.x.rank > 2 else -1
    return site.axis(dims[0] if isinstance(dims, tuple) else dims)
