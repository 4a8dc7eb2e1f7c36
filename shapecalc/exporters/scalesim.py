"""SCALE-Sim's table of layers (its topology file): what a systolic array multiplies, one row a convolution or product.

The height and width of an input are those that the windows cover, so that padding is a part of it: SCALE-Sim has none,
and rounds the number of windows up (scalesim 3.0.0, topology_utils.py: `ofmap_h`). The rows of a layer have its
multiply-accumulates, which a test checks with that formula.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.layers.base.window import spatial_axes
from shapecalc.layers.base.windowed import Windowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["write"]

_HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
_PLANE = 2
_BY_CHANNEL = "DP"
"""In a name: a convolution of each channel by itself."""


class _Line(NamedTuple):
    """A row of the table: its name, the window along both axes, how many positions it has, channels and filters."""

    name: str
    positions: tuple[int, int]
    kernel: tuple[int, int]
    channels: int
    filters: int
    stride: int = 1

    def text(self) -> str:
        """Return the row."""
        sides = [(count - 1) * self.stride + side for count, side in zip(self.positions, self.kernel, strict=True)]
        numbers = (*sides, *self.kernel, self.channels, self.filters, self.stride)
        return f"{self.name}, {', '.join(map(str, numbers))},"

    @property
    def macs(self) -> int:
        """The multiply-accumulates of the row; of one for each channel, with all of its channels."""
        return math.prod((*self.positions, *self.kernel, self.channels, self.filters))


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the table of a report.

    Errors: `UsageError` with the first layer that multiplies in a way that has no rows, and for none that multiplies.
    """
    lines: list[_Line] = []
    for row in report.rows:
        if row.is_unknown or row.macs:
            lines += _lines(row, row.macs // report.batch)
    if not lines:
        raise UsageError(Problem(f"no layer of {clean(report.name)} multiplies: SCALE-Sim has no rows for it"))
    return "\n".join([_HEADER, *[line.text() for line in lines]]) + "\n"


def _lines(row: Row, macs: int) -> list[_Line]:
    """Return the rows of a layer, which have its multiply-accumulates."""
    name = clean(row.name).replace(",", "_").replace(_BY_CHANNEL, _BY_CHANNEL.lower())
    try:
        lines = [*(_windows(row, name, macs) if isinstance(row.node.layer, Windowed) else _products(row, name, macs))]
    except _NoLineError as error:
        message = f"{clean(row.name)} ({row.kind}) has no rows in a table of SCALE-Sim: {error}"
        raise UsageError(Problem(message, row.node.mark)) from None
    assert sum(line.macs for line in lines) == macs
    return lines


class _NoLineError(Exception):
    """A layer that has no rows. The text says why."""


def _windows(row: Row, name: str, macs: int) -> Iterator[_Line]:
    """Yield the rows of a convolution: one, or one for each of its groups."""
    x, y = row.sizing.inputs[0], row.sizing.outputs[0]
    if len(x.spatial) > _PLANE:
        raise _NoLineError(f"it has {len(x.spatial)} spatial axes, not 2")
    weight = next(iter(row.sizing.weight_shapes.values()), ())
    if macs != prod(y.spatial) * prod(weight) or weight[0] != y.channels:
        if macs != prod(x.spatial) * prod(weight):
            raise _NoLineError("it is no convolution")
        products = macs // prod(x.spatial) // x.channels  # for each position of the input: a transposed one
        yield _Line(name, (prod(x.spatial), 1), (1, 1), x.channels, products)
        return
    axes = spatial_axes(row.node.layer, x)
    strides = {axis.stride for axis, size in zip(axes, y.spatial, strict=True) if size > 1} or {1}
    if len(strides) > 1:
        raise _NoLineError(f"its strides differ: {' and '.join(str(axis.stride) for axis in axes)}")
    positions, kernel = ((*sizes, 1)[:_PLANE] for sizes in (y.spatial, [axis.kernel for axis in axes]))
    groups = x.channels // weight[1]
    line = _Line(name, positions, kernel, weight[1], y.channels // groups, strides.pop())
    if groups > 1 and weight[1] == 1:
        yield line._replace(name=f"{name}_{_BY_CHANNEL}", channels=groups)
    elif groups > 1:
        yield from [line._replace(name=f"{name}_group{group}") for group in range(groups)]
    else:
        yield line


def _products(row: Row, name: str, macs: int) -> Iterator[_Line]:
    """Yield the rows of matrices that multiply positions, and of the two products of attention in each head."""
    layer, inputs = row.node.layer, row.sizing.inputs
    assert layer is not None
    if row.is_unknown:
        raise _NoLineError("what it multiplies is unknown")
    found = layer.projections(*inputs)
    rest = macs
    for part, one in found.items():
        if one.count != 1:
            raise _NoLineError("each position passes through some of its matrices")
        line = _Line(f"{name}.{part}" if part else name, (one.positions, 1), (1, 1), one.in_features, one.out_features)
        rest -= line.macs
        yield line
    if not rest:
        return
    heads = layer.score_heads(*inputs)
    pairs = heads * inputs[0].sizes[-2] * inputs[-1].sizes[-2] if heads and inputs[0].rank == _PLANE else 0
    if not found or not pairs or rest % (2 * pairs):
        raise _NoLineError("its products are not those of windows, matrices or attention")
    queries, keys, size = inputs[0].sizes[-2], inputs[-1].sizes[-2], rest // (2 * pairs)
    for head in range(heads):
        yield _Line(f"{name}.scores{head}", (queries, 1), (1, 1), size, keys)
        yield _Line(f"{name}.values{head}", (queries, 1), (1, 1), keys, size)
