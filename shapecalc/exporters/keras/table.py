"""The table of kinds: how each is written in Keras, by functions that return its operation.

Tensors are as Keras has them: the batch first, the channels of a feature map last. The expression of an operation may
have several steps, divided by semicolons: each is an assignment, whose value is `{0}` of the next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.sites import ROTARY, NoCounterpartError, Site, sites_of
from shapecalc.exporters.source.operations import Writers, call, module
from shapecalc.layers.base.layer import CHANNELS_FIRST, FEATURES_LAST
from shapecalc.layers.base.shape import HWC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report

__all__ = ["ROTARY", "WRITERS", "NoCounterpartError", "Site", "call", "first_is_last", "is_moved", "keras_sites",
           "module", "moved_last", "norm_of", "order_of", "permute", "short", "stored", "writes"]  # fmt: skip

WRITERS = Writers()
writes = WRITERS.of


def keras_sites(report: Report) -> Iterator[Site]:
    """Yield the site of each layer.

    Which tensors are feature maps, whose channels Keras has last, follows from what makes them and what reads them: a
    convolution outputs one, and a function of single elements keeps one. What a permutation, a reshape or a product
    outputs is one where a kind reads it as channels and positions; heads of attention are none.
    """
    maps: dict[tuple[int, int], Shape] = {}
    read = _read_as_maps(report)
    for index, site in enumerate(sites_of(report, HWC)):
        refs = report.graph.nodes[index].inputs
        inputs = tuple(maps.get(ref, x) for ref, x in zip(refs, site.inputs, strict=True))
        outputs = tuple(
            [
                y._replace(is_map=_is_map(site, inputs, y, is_read=(index, number) in read))
                for number, y in enumerate(site.outputs)
            ]
        )
        maps |= {(index, number): one for number, one in enumerate(outputs)}
        yield replace(site, inputs=inputs, outputs=outputs)


_ORDERS = frozenset({"permute", "transpose"})
_RESHAPES = frozenset({"flatten", "reshape", "unflatten"})
_IN_ANY_ORDER = _ORDERS | _RESHAPES | {
    "bmm", "einsum", "einsum_dense", "expand", "matmul", "scaled_dot_product_attention", "squeeze", "stack", "tile",
    "unsqueeze",
}  # fmt: skip
"""Kinds whose output may be a map or not, whatever their inputs are."""


def _is_free(layer: Layer) -> bool:
    return layer.kind in _IN_ANY_ORDER or layer.axis_order_out == FEATURES_LAST


def _read_as_maps(report: Report) -> set[tuple[int, int]]:
    """Return the tensors that are read as channels and positions, by a kind or as an output of the network.

    A kind that outputs a map if its input is one reads it as its output is read. A permutation reads a reshaped map as
    well as any.
    """
    found: set[tuple[int, int]] = {ref for ref in report.graph.outputs if report.shape_of(*ref).is_map}
    for index, row in reversed([*enumerate(report.rows)]):
        layer, refs = row.node.layer, row.node.inputs
        assert layer is not None
        passes = not _is_free(layer) and any((index, number) in found for number in range(len(row.sizing.outputs)))
        is_order = layer.kind in _ORDERS and refs[0].node >= 0 and report.rows[refs[0].node].kind in _RESHAPES
        if layer.axis_order == CHANNELS_FIRST or is_order:
            found.update(refs[:1])
        elif passes:
            found.update(refs)
    return found


def _is_map(site: Site, inputs: tuple[Shape, ...], y: Shape, *, is_read: bool) -> bool:
    """Return whether an output is a feature map in Keras."""
    layer = site.layer
    if y.channels_last or y.rank < 2 or not inputs:
        return y.is_map
    if layer.kind in _ORDERS and is_read and not inputs[0].is_map:
        return y.is_map or order_of(site) == [y.rank - 1, *range(y.rank - 1)]
    if layer.kind in _RESHAPES and is_read and is_moved(inputs[0]) and inputs[0].sizes[0] == y.sizes[0]:
        return True  # of positions, each with its channels
    if _is_free(layer):
        return y.is_map and is_read
    if layer.axis_order_out == CHANNELS_FIRST:
        return y.is_map
    is_unmade = any(x.is_map for x in site.inputs) and not y.is_map  # as where a map is cut into windows
    return not is_unmade and any(x.is_map and x.rank == y.rank for x in inputs)


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


def is_moved(x: Shape) -> bool:
    """Return whether Keras has the axes of a tensor in another order."""
    return x.rank > 1 and stored(x) != [*range(x.rank)]


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
