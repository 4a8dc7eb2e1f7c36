"""SCALE-Sim's table of layers (its topology file): what a systolic array multiplies, one row a convolution or product.

The height and width of an input are those that the windows cover, so that padding is a part of it: SCALE-Sim has none,
and rounds the number of windows up (scalesim 3.0.0, topology_utils.py: `ofmap_h`). The rows of a layer have its
multiply-accumulates, which a test checks with that formula.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.exporters.workloads import Axis, NoWorkloadError, Workload, find_workloads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.model.report import Report

__all__ = ["write"]

_HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
_BY_CHANNEL = "DP"
"""In a name: a convolution of each channel by itself."""


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the table of a report.

    Errors: `UsageError` with the first layer that multiplies in a way that has no rows, and for none that multiplies.
    """
    workloads = find_workloads(report, "SCALE-Sim", _check_strides)
    return "\n".join([_HEADER, *[line for one in workloads for line in _lines(one)]]) + "\n"


def _strides(workload: Workload) -> set[int]:
    """Return the strides of a workload, without those of a single position."""
    return {axis.stride for axis in workload.axes if axis.positions > 1} or {1}


def _check_strides(workload: Workload) -> None:
    if len(_strides(workload)) > 1:
        raise NoWorkloadError(f"its strides differ: {' and '.join(str(axis.stride) for axis in workload.axes)}")


def _lines(workload: Workload) -> Iterator[str]:
    """Yield the rows of a workload: one, or one for each of its groups, unless each has one channel."""
    name = clean(workload.name).replace(",", "_").replace(_BY_CHANNEL, _BY_CHANNEL.lower())
    stride = _strides(workload).pop()
    axes = (*workload.axes, Axis(1))[:2]
    sides = [(axis.positions - 1) * stride + axis.kernel for axis in axes]
    names, channels = [name], workload.channels
    if workload.has_heads:
        names = [f"{name}{head}" for head in range(workload.groups)]
    elif workload.groups > 1 and channels == 1:
        names, channels = [f"{name}_{_BY_CHANNEL}"], workload.groups
    elif workload.groups > 1:
        names = [f"{name}_group{group}" for group in range(workload.groups)]
    numbers = (*sides, *[axis.kernel for axis in axes], channels, workload.filters, stride)
    for one in names:
        yield f"{one}, {', '.join(map(str, numbers))},"
