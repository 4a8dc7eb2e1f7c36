"""Which stage runs in patches, and in how many: as they are asked for, or those with the lowest peak."""

from __future__ import annotations

import heapq
import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.plan import MemoryPlan, make_plan
from shapecalc.questions.memory.small_devices.patches import PatchedRun, Patcher, ancestors
from shapecalc.questions.memory.small_devices.regions import spatial_axes
from shapecalc.text.units import read_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.in_place import InPlace

__all__ = ["read_patches", "run_patched"]

_MOST = 64
"""The most patches along an axis."""

_MOST_ENDS = 400
"""The most ends of a stage that are tried."""

AUTO = "auto"
_GRIDS = (2, 3, 4, 5, 6, 8)
"""The patches along every axis that are tried where their number is to be chosen."""


def read_patches(given: Any) -> tuple[tuple[int, ...], str]:
    """Return the patches along each axis, and the layer or block that ends the stage: of `4x4` or `4x4,stage3`.

    Without an end it is empty; of `auto` there are no counts. Errors: `UsageError`.
    """
    text = given if isinstance(given, str) else "x".join(map(str, given)) if isinstance(given, (list, tuple)) else ""
    counts, _, end = text.partition(",")
    if counts.strip().lower() == AUTO:
        return (), end.strip()
    found = read_sizes(counts) if re.fullmatch(r"[\dx× ]+", counts) else None
    if not found or not all(1 <= count <= _MOST for count in found):
        hint = f"write auto, 4x4, or 4x4,LAYER to end the stage there; at most {_MOST} along an axis"
        raise UsageError(Problem(f"patches are {given!r}", hint=hint))
    return tuple(found), end.strip()


def run_patched(
    report: Report, asked: tuple[tuple[int, ...], str], bits: int | Fraction, may: InPlace, budget: int | None = None
) -> PatchedRun:
    """Return what is live if a stage runs in patches, of which `asked` are the counts and the end, as they are read.

    Without an end, it is the one with the lowest peak. Without counts they are the fewest within the budget, or those
    with the lowest peak. Errors: `UsageError` where the stage cannot be run by itself.
    """
    counts, end = asked
    ends = [_index(report, end)] if end else range(len(report.rows))
    grids = [counts] if counts else _grids(report, ends)
    apart = {index: _not_apart(report, index) for index in ends}
    stages = [
        (grid, index) for grid in grids for index in ends if not (_indivisible(report, index, grid) or apart[index])
    ]
    if not stages:
        problem = _indivisible(report, ends[0], grids[0]) or apart[ends[0]] if end else None
        raise UsageError(problem or _no_stage(report.rows, counts))
    search = _Search(report, make_plan(report, bits, may), bits)
    for grid in grids if budget is not None else ():
        run = search.best([stage for stage in stages if stage[0] == grid][:_MOST_ENDS], budget)
        if run:
            return run
    run = search.best(stages[: _MOST_ENDS * len(grids)])
    assert run is not None
    return run


class _Search:
    """A search for the stage with the lowest peak. The rest has one peak in every grid."""

    def __init__(self, report: Report, plan: MemoryPlan, bits: int | Fraction) -> None:
        self.report, self.plan, self.bits = report, plan, bits
        self.rests: dict[int, int] = {}

    def best(self, stages: Sequence[tuple[tuple[int, ...], int]], budget: int | None = None) -> PatchedRun | None:
        """Return the run with the lowest peak, of equal ones the first; None if it is not within a budget.

        Each stage has a lower bound of its peak: that of the rest, then that of one patch besides, then its own. Only
        the lowest is made exact.
        """
        heap: list[tuple[int, int, PatchedRun | None]] = []
        patchers: dict[int, Patcher] = {}
        for number, (_, end) in enumerate(stages):
            if end not in self.rests:
                self.rests[end] = self._patcher(stages[number]).rest().peak().live
            heap.append((self.rests[end], number, None))
        heapq.heapify(heap)
        while heap and (budget is None or heap[0][0] <= budget):
            _, number, run = heapq.heappop(heap)
            if run:
                return run
            if number in patchers:
                run = patchers[number].run()
                heapq.heappush(heap, (run.peak, number, run))
            else:
                patchers[number] = self._patcher(stages[number])
                heapq.heappush(heap, (patchers[number].estimate(), number, None))
        return None

    def _patcher(self, stage: tuple[tuple[int, ...], int]) -> Patcher:
        grid, end = stage
        return Patcher(self.report, self.plan, end, grid, self.bits)


def _no_stage(rows: Sequence[Row], counts: tuple[int, ...]) -> Problem:
    of = f" of {'×'.join(map(str, counts))}" if counts else ""
    hint = _axes_hint(rows, counts) or "its output must be a feature map that all later layers read alone"
    return Problem(f"no stage can run in patches{of}", hint=hint)


def _grids(report: Report, ends: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the grids that are tried, of as many axes as the feature maps have."""
    shapes = [report.rows[index].sizing.outputs[0] for index in ends]
    axes = max((len(spatial_axes(shape)) for shape in shapes if shape.is_map), default=1)
    return [(count,) * max(axes, 1) for count in _GRIDS]


def _index(report: Report, name: str) -> int:
    """Return the index of a layer, or of the last layer of a block. Errors: `UsageError`."""
    line = report.line(name)
    if line is None:
        names = [*[row.name for row in report.rows], *[block.name for block in report.graph.blocks]]
        raise UsageError(Problem(f"{report.name or 'the network'} has no layer {name}", hint=did_you_mean(name, names)))
    return report.rows.index(line.rows[-1])


def _axes_hint(rows: Sequence[Row], counts: tuple[int, ...]) -> str:
    """Return how to write one count for feature maps of more axes; nothing where it is not that."""
    shapes = [row.sizing.outputs[0] for row in rows]
    axes = {len(spatial_axes(shape)) for shape in shapes if shape.is_map}
    return f"write {'x'.join(map(str, counts * max(axes)))}" if len(counts) == 1 and axes and min(axes) > 1 else ""


def _indivisible(report: Report, end: int, counts: tuple[int, ...]) -> Problem | None:
    """Return why the output of a layer cannot be divided into patches; None if it can."""
    row = report.rows[end]
    name, shape = row.name, row.sizing.outputs[0]
    if len(row.sizing.outputs) > 1 or not shape.is_map or len(spatial_axes(shape)) != len(counts):
        message = f"the output of {name} has no {len(counts)} spatial axes to divide into patches"
        return Problem(
            message, hint=_axes_hint([row], counts) or "end the stage at a layer whose output is a feature map"
        )
    if any(count > shape.sizes[axis] for count, axis in zip(counts, spatial_axes(shape), strict=True)):
        message = f"{'×'.join(map(str, counts))} patches are more than the positions of {name}"
        return Problem(message, hint="choose fewer patches, or an earlier end")
    return None


def _not_apart(report: Report, end: int) -> Problem | None:
    """Return why what follows a layer cannot run apart from the stage that ends at it; None if it can."""
    name, stage = report.rows[end].name, ancestors(report, end)
    for index, other in enumerate(report.rows):
        for ref in () if index in stage else other.node.inputs:
            if ref.node < 0 or (ref.node in stage and ref.node != end):
                message = (
                    f"{other.name} reads {report.graph.name_of(ref)}, which is inside the stage that ends at {name}"
                )
                return Problem(message, hint="end the stage at a layer that all others read alone")
    early = [ref for ref in report.graph.outputs if ref.node in stage and ref.node != end]
    if early:
        return Problem(f"{report.graph.name_of(early[0])} is an output of the network inside the stage",
                       hint="end the stage before it")  # fmt: skip
    return None
