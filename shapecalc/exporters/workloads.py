"""What a network multiplies: one workload for each convolution, product of matrices, or product of attention.

A workload is what simulators of accelerators read. Padding is a part of the input: only the positions of the windows
are known, and the input is what they cover. The workloads of a layer have its multiply-accumulates.
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

__all__ = ["Axis", "NoWorkloadError", "Workload", "find_workloads"]

_PLANE = 2
_LENGTHS = "original0"
"""The weight of a weight-normed convolution that has the lengths of its filters, which are multiplied once."""
_MATRICES = ("matmul", "bmm")
_ATTENTION = "scaled_dot_product_attention"


class Axis(NamedTuple):
    """An axis of a window: how many positions it has, and its size, stride and dilation."""

    positions: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1


class Workload(NamedTuple):
    """A name, the axes of the window (one, or height and width), the channels and filters of a group, and the groups.

    Groups are of a convolution, or heads, of which each has a product of its own.
    """

    name: str
    axes: tuple[Axis, ...]
    channels: int
    filters: int
    groups: int = 1
    has_heads: bool = False

    @property
    def macs(self) -> int:
        """The multiply-accumulates of all groups."""
        window = math.prod(axis.positions * axis.kernel for axis in self.axes)
        return window * self.channels * self.filters * self.groups


class NoWorkloadError(Exception):
    """A layer that multiplies in a way that is no workload. The text says why."""


def find_workloads(
    report: Report, simulator: str, check: Callable[[Workload], None] = lambda _: None
) -> list[Workload]:
    """Return the workloads of a report, in the order of its layers; `check` may refuse one.

    Errors: `UsageError` with the first layer that has none, and for a network that does not multiply.
    """
    found: list[Workload] = []
    for row in report.rows:
        if not row.is_unknown and not row.macs:
            continue
        macs = row.macs // report.batch
        try:
            of_row = [*(_windows(row, macs) if isinstance(row.node.layer, Windowed) else _products(row, macs))]
            for one in of_row:
                check(one)
        except NoWorkloadError as error:
            message = f"{clean(row.name)} ({row.kind}) cannot be written for {simulator}: {error}"
            raise UsageError(Problem(message, row.node.mark)) from None
        assert sum(one.macs for one in of_row) == macs
        found += of_row
    if not found:
        raise UsageError(Problem(f"no layer of {clean(report.name)} multiplies: {simulator} has nothing to simulate"))
    return found


def _windows(row: Row, macs: int) -> Iterator[Workload]:
    """Yield the workloads of a convolution, or the product that a transposed one is at each position of its input.

    A convolution with several kernels, as a separable one, applies one after the other; but for the first they are 1×1.
    """
    x, y = row.sizing.inputs[0], row.sizing.outputs[0]
    if len(x.spatial) > _PLANE:
        raise NoWorkloadError(f"it has {len(x.spatial)} spatial axes, not 2")
    kernels = {
        name: one
        for name, one in row.sizing.weight_shapes.items()
        if len(one) == len(x.spatial) + 2 and name != _LENGTHS
    }
    first = next(iter(kernels.values()), ())
    if (
        kernels
        and macs == prod(y.spatial) * sum(map(prod, kernels.values()))
        and (*kernels.values(),)[-1][0] == y.channels
    ):
        windows, channels = spatial_axes(row.node.layer, x), x.channels
        axes = [Axis(size, one.kernel, one.stride, one.dilation) for size, one in zip(y.spatial, windows, strict=True)]
        for name, (filters, own, *_) in kernels.items():
            groups = channels // own
            part = f".{name.removesuffix('_weight')}" if len(kernels) > 1 else ""
            yield Workload(f"{row.name}{part}", tuple(axes), own, filters // groups, groups)
            axes, channels = [Axis(size) for size in y.spatial], filters
    elif macs == prod(x.spatial) * prod(first):
        yield Workload(row.name, (Axis(prod(x.spatial)),), x.channels, macs // prod(x.spatial) // x.channels)
    else:
        raise NoWorkloadError("it is not a convolution")


def _products(row: Row, macs: int) -> Iterator[Workload]:
    """Yield the matrices that multiply positions, and the two products of attention, with a group for each head."""
    layer, inputs = row.node.layer, row.sizing.inputs
    assert layer is not None
    if row.is_unknown:
        raise NoWorkloadError("what it multiplies is unknown")
    found = layer.projections(*inputs)
    rest = macs
    if layer.kind in _MATRICES or layer.kind == _ATTENTION:
        yield from _products_of_tensors(row, macs)
        return
    for part, one in found.items():
        if one.count != 1:
            raise NoWorkloadError("each position passes through some of its matrices")
        name = f"{row.name}.{part}" if part else row.name
        product = Workload(name, (Axis(one.positions),), one.in_features, one.out_features)
        rest -= product.macs
        yield product
    if not rest:
        return
    heads = layer.score_heads(*inputs)
    pairs = heads * inputs[0].sizes[-2] * inputs[-1].sizes[-2] if heads and inputs[0].rank == _PLANE else 0
    if not found or not pairs or rest % (2 * pairs):
        raise NoWorkloadError("its products are not those of windows, matrices or attention")
    queries, keys, size = inputs[0].sizes[-2], inputs[-1].sizes[-2], rest // (2 * pairs)
    yield Workload(f"{row.name}.scores", (Axis(queries),), size, keys, heads, has_heads=True)
    yield Workload(f"{row.name}.values", (Axis(queries),), keys, size, heads, has_heads=True)


def _products_of_tensors(row: Row, macs: int) -> Iterator[Workload]:
    """Yield the products of two tensors, with a group for each of their matrices: of attention by hand, or as one."""
    inputs, out = row.sizing.inputs, row.sizing.outputs[0]
    if row.kind == _ATTENTION:
        (queries, size), (keys, width) = inputs[0].sizes[-2:], inputs[2].sizes[-2:]
        heads = prod(out.sizes[:-2])
        yield Workload(f"{row.name}.scores", (Axis(queries),), size, keys, heads, has_heads=True)
        yield Workload(f"{row.name}.values", (Axis(queries),), keys, width, heads, has_heads=True)
        return
    if any(x.rank < _PLANE for x in inputs):
        rows = prod(out.sizes)
        yield Workload(row.name, (Axis(rows),), macs // rows, 1)
        return
    *leading, rows, columns = out.sizes
    count = prod(leading)
    inner = macs // (count * rows * columns)
    yield Workload(row.name, (Axis(rows),), inner, columns, count, has_heads=count > 1)
