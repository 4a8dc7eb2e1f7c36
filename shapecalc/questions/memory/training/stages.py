"""The stages of a pipeline: which layers each device of it has, and its part of a plan.

The outermost blocks are shared out evenly; what comes before them is in the first stage, what comes after in the last.
With one forward and one backward pass in turn (1F1B; Narayanan et al. 2021, arXiv:2104.04473) the first of p stages
has saved the activations of p microbatches, the last those of one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.plan import MemoryPlan

if TYPE_CHECKING:
    from shapecalc.model.report import Report

__all__ = ["in_flight", "outermost_blocks", "stage_numbers", "stage_plan"]


def outermost_blocks(report: Report) -> list[str]:
    """Return the name of the outermost block around every layer; empty for none, or one of that layer alone."""
    names = [next(iter(report.blocks_of(row)), "") for row in report.rows]
    counts = Counter(names)
    return [name if counts[name] > 1 else "" for name in names]


def stage_numbers(report: Report, stages: int) -> list[int]:
    """Return the stage of every layer. Errors: `UsageError` for more stages than blocks."""
    around = outermost_blocks(report)
    blocks = {name: i for i, name in enumerate(dict.fromkeys(name for name in around if name))}
    if len(blocks) < stages:
        message = f"{report.name or 'the network'} has {len(blocks):,} blocks for {stages:,} stages of a pipeline"
        raise UsageError(Problem(message, hint=f"give at most {max(len(blocks), 1):,}"))
    numbers: list[int] = []
    seen = 0
    for name in around:
        seen = blocks[name] + 1 if name else seen
        number = (seen - 1) * stages // len(blocks) if name else numbers[-1] if numbers else 0
        numbers.append(stages - 1 if seen == len(blocks) else number)
    return numbers


def in_flight(stage: int, stages: int, microbatches: int) -> int:
    """Return of how many microbatches a stage has saved activations at once."""
    return min(stages - stage, microbatches)


def stage_plan(plan: MemoryPlan, numbers: list[int], stage: int) -> MemoryPlan:
    """Return the steps of a stage, with the storages that they read and write; those from before come first."""
    chosen = [i for i, step in enumerate(plan.steps) if numbers[step.node] == stage]
    steps = [plan.steps[i] for i in chosen]
    written = [i for step in steps for i in step.writes]
    before = dict.fromkeys(i for step in steps for i in (*step.reads, *step.saves) if i not in set(written))
    at = {old: new for new, old in enumerate([*before, *written])}
    place = {old: new for new, old in enumerate(chosen)}
    storages = []
    for old in at:
        storage = plan.storages[old]
        users = frozenset(place[user] for user in storage.users if user in place)
        is_sent = old not in before and len(users) < len(storage.users)
        storages.append(storage._replace(users=users, is_output=is_sent or (storage.is_output and old not in before)))
    moved = [
        step._replace(
            reads=tuple([at[i] for i in step.reads]),
            writes=tuple([at[i] for i in step.writes]),
            saves=tuple([at[i] for i in step.saves]),
            holds=tuple([at[i] for i in step.holds if i in at]),
        )
        for step in steps
    ]
    return MemoryPlan(tuple(storages), tuple(moved), len(before))
