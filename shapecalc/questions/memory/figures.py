"""From a run of a plan to figures: the activations at the peak, and the memory of every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.questions.memory.liveness import run
from shapecalc.questions.memory.results import Activations, Held, LayerMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.report import Report
    from shapecalc.questions.memory.liveness import Moment, Run
    from shapecalc.questions.memory.plan import MemoryPlan

__all__ = ["activations_of", "layers_of"]


def activations_of(report: Report, plan: MemoryPlan, found: Run) -> Activations:
    """Return the activations of a run."""
    peak = found.peak
    names = [storage.name for storage in plan.storages]
    nothing = found
    if any(step.may_overwrite or step.onto for step in plan.steps):
        kept = plan._replace(steps=tuple([step._replace(may_overwrite=False, onto=()) for step in plan.steps]))
        nothing = run(kept, [moment.step for moment in found.moments[1:]])
    temporary = plan.steps[peak.step].temporary if peak.step >= 0 else 0
    scores = [Held(f"scores of {name_of_step(report, plan, peak)}", temporary)] if temporary else []
    return Activations(
        peak=peak.live,
        at=name_of_step(report, plan, peak),
        held=tuple([Held(names[i], plan.storages[i].size) for i in found.held if plan.storages[i].size] + scores),
        overwritten=names[peak.overwritten] if peak.overwritten >= 0 else "",
        peak_without_in_place=nothing.peak.live,
        inputs=sum(storage.size for storage in plan.storages[: plan.inputs]),
        outputs=sum(storage.size for storage in plan.storages if storage.is_output),
        written=sum(plan.storages[i].size for step in plan.steps for i in step.writes),
    )


def name_of_step(report: Report, plan: MemoryPlan, moment: Moment) -> str:
    return report.rows[plan.steps[moment.step].node].name if moment.step >= 0 else ""


def layers_of(
    report: Report, plan: MemoryPlan, found: Run, weights: Sequence[int], buffers: Sequence[int]
) -> tuple[LayerMemory, ...]:
    """Return every layer in the order in which they run; views right after their input."""
    moments = {plan.steps[moment.step].node: moment for moment in found.moments if moment.step >= 0}
    layers = []
    for node in _execution(report, list(moments)):
        row, moment = report.rows[node], moments.get(node)
        written = sum(plan.storages[i].size for i in plan.steps[moment.step].writes) if moment else 0
        layers.append(
            LayerMemory(
                name=row.name,
                kind=row.kind,
                weights=weights[node],
                buffers=buffers[node],
                output=written,
                live=moment.live if moment else None,
                overwrites=plan.storages[moment.overwritten].name if moment and moment.overwritten >= 0 else "",
                scopes=report.blocks_of(row),
            )
        )
    return tuple(layers)


def _execution(report: Report, order: Sequence[int]) -> list[int]:
    """Return the indices of all layers: the steps in their order, each view as early as possible."""
    views = set(range(len(report.rows))).difference(order)
    takers: dict[int, list[int]] = {}
    for view in sorted(views):
        for ref in report.rows[view].node.inputs[:1] or [None]:
            takers.setdefault(ref.node if ref and ref.node >= 0 else -1, []).append(view)
    sequence: list[int] = []
    waiting = [*reversed(order), -1]
    while waiting:
        node = waiting.pop()
        if node >= 0:
            sequence.append(node)
        waiting.extend(reversed(takers.pop(node, [])))
    return sequence
