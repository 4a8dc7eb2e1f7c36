"""Timeloop's problems (version 0.4): a document of YAML for each convolution or product; Timeloop reads one at a time.

The letters are Timeloop's (its problem-shapes/cnn_layer.yaml, with M for K as in its exercises): the width has R, P and
Wstride, the height S, Q and Hstride. An input has no size of its own: it is what the windows cover, with the padding.
Groups are a dimension G of all three tensors, as in pytorch2timeloop's grouped_convolution.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import clean, json_text
from shapecalc.exporters.workloads import Axis, find_workloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.workloads import Workload
    from shapecalc.model.report import Report

__all__ = ["write"]

_COEFFICIENTS = ("Wstride", "Hstride", "Wdilation", "Hdilation")


def write(report: Report, _: int | str | None, __: Callable[[str], Report] | None = None) -> str:
    """Return the problems of a report.

    Errors: `UsageError` with the first layer that is no problem of Timeloop, and for a network that does not multiply.
    """
    workloads = find_workloads(report, "Timeloop")
    count = f"{len(workloads):,} problems" if len(workloads) > 1 else "1 problem"
    macs = sum(one.macs for one in workloads)
    head = f"# {clean(report.name)}: {count} for Timeloop, {macs:,} MACs."
    return f"{head} Timeloop reads one document (from --- on) at a time.\n" + "".join(
        _document(one) for one in workloads
    )


def _document(workload: Workload) -> str:
    """Return a problem: the sizes of its dimensions, and how they index the three tensors."""
    across, down = (*reversed(workload.axes), Axis(1))[:2]
    sizes = {"C": workload.channels, "M": workload.filters, "R": across.kernel, "S": down.kernel, "N": 1,
             "P": across.positions, "Q": down.positions}  # fmt: skip
    group = ""
    if workload.groups > 1:
        sizes["G"], group = workload.groups, "[[G]], "
    factors = zip(_COEFFICIENTS, (across.stride, down.stride, across.dilation, down.dilation), strict=True)
    instance = ", ".join(f"{name}: {size}" for name, size in (*sizes.items(), *factors))
    defaults = "\n".join(f"      - {{name: {name}, default: 1}}" for name in _COEFFICIENTS)
    return f"""\
---
problem:
  version: 0.4
  instance: {{{instance}}}
  shape:
    name: {json_text(clean(workload.name))}
    dimensions: [{", ".join(sizes)}]
    coefficients:
{defaults}
    data_spaces:
      - name: Weights
        projection: [{group}[[C]], [[M]], [[R]], [[S]]]
      - name: Inputs
        projection: [[[N]], {group}[[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]]
      - name: Outputs
        projection: [[[N]], {group}[[M]], [[Q]], [[P]]]
        read_write: true
"""
