"""The part of every layer that one patch of a stage's output depends on, with the halo that windows add.

A region is a range of positions on each axis of a layer's output. Going back from the end of the stage, each layer
needs of its inputs what its window sees, clipped to the input: the dependences are those of the receptive fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.model.graph import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.dependence import AxisDependence
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["Region", "divided", "elements_of", "regions_of", "spatial_axes"]

Region = tuple[range, ...]
"""Positions on each axis of a tensor."""

_STEPPED = 4_096
"""The most positions of an axis that are followed one by one; of more, the whole input is taken."""


def elements_of(region: Region) -> int:
    """Return the elements of a region."""
    elements = 1
    for positions in region:
        elements *= len(positions)
    return elements


def spatial_axes(shape: Shape) -> list[int]:
    """Return the spatial axes of a feature map."""
    return [axis for axis in range(shape.rank) if axis != shape.channel_axis]


def divided(shape: Shape, patches: Sequence[int]) -> Iterator[Region]:
    """Yield the patches of a feature map: so many along each spatial axis, as equal as they can be."""
    whole = [range(size) for size in shape.sizes]
    ways: list[Region] = [tuple(whole)]
    for axis, count in zip(spatial_axes(shape), patches, strict=True):
        size = shape.sizes[axis]
        parts = [range(i * size // count, (i + 1) * size // count) for i in range(count)]
        ways = [(*region[:axis], part, *region[axis + 1 :]) for region in ways for part in parts]
    yield from ways


def regions_of(report: Report, end: int, patch: Region) -> dict[Reference, Region]:
    """Return the region of every tensor that a patch of the output of layer `end` depends on."""
    found: dict[Reference, Region] = {Reference(end): patch}
    for index in range(end, -1, -1):
        row = report.rows[index]
        own = [found[Reference(index, i)] for i in range(len(row.sizing.outputs)) if Reference(index, i) in found]
        if not own:
            continue
        region = own[0] if len(row.sizing.outputs) == 1 else tuple([range(n) for n in row.sizing.outputs[0].sizes])
        for ref, needed in _needed(row, region):
            found[ref] = _joined(found[ref], needed) if ref in found else needed
    return found


def _needed(row: Row, region: Region) -> Iterator[tuple[Reference, Region]]:
    """Yield what a layer needs of its inputs for a region of its output."""
    for look in row.looks():
        sizes = row.sizing.inputs[look.input].sizes
        yield row.node.inputs[look.input], tuple([
            _seen(dependence, size, region[axis] if axis >= 0 else None)
            for (dependence, axis), size in zip(look.axes, sizes, strict=True)
        ])  # fmt: skip


def _seen(dependence: AxisDependence, size: int, positions: range | None) -> range:
    """Return the range of an input's axis that positions of the output depend on; None: all the same."""
    followed: Sequence[int] = range(1) if positions is None else positions
    if len(followed) > 2 * dependence.period:  # in between they move on evenly, from the first to the last
        followed = [*followed[: dependence.period], *followed[-dependence.period :]]
    if dependence.beyond != "zeros" or len(followed) > _STEPPED:
        return range(size)
    start, stop = size, 0
    for position in followed:
        seen = dependence.at(position)
        if seen:
            start, stop = min(start, seen[0], seen[-1]), max(stop, seen[0] + 1, seen[-1] + 1)
    start, stop = max(start, 0), min(stop, size)
    return range(start, stop) if start < stop else range(0)


def _joined(one: Region, other: Region) -> Region:
    """Return the smallest region that contains two."""
    joined = []
    for a, b in zip(one, other, strict=True):
        parts = [part for part in (a, b) if part]
        joined.append(range(min(p.start for p in parts), max(p.stop for p in parts)) if parts else range(0))
    return tuple(joined)
