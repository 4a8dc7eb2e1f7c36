"""What is live while a network runs: a tensor lives from the step that writes it to the last one that reads it.

Inputs live from the beginning to the last step that reads them, outputs to the end. While a step runs, all that it
reads and all that it writes is live. A step that may do so writes over one of the storages that it reads: one of the
size of its output that nothing else needs any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.memory.plan import Plan, Step

__all__ = ["Moment", "Run", "overwritten", "run"]

BEGINNING = -1
"""In place of a step: before the first one, when the inputs are there."""


class Moment(NamedTuple):
    """While a step runs: the bytes that are live, in which storages, and which of them was written over (or -1).

    `step` is its index in the plan. `held` are all live storages; one that is being written over counts for what is
    written, and is not among them.
    """

    step: int
    live: int
    held: tuple[int, ...]
    overwritten: int = -1


class Run(NamedTuple):
    """All moments of a run, in order, the beginning first."""

    moments: tuple[Moment, ...]

    @property
    def peak(self) -> Moment:
        """The first moment at which most is live."""
        return max(self.moments, key=lambda moment: moment.live)


def run(plan: Plan, order: Sequence[int] | None = None) -> Run:
    """Return what is live at every step, in the order of the plan or another."""
    storages = plan.storages
    left = [len(storage.users) for storage in storages]
    live = dict.fromkeys(range(plan.inputs))  # a set that keeps its order
    moments = [_moment(plan, BEGINNING, live)]
    _release(plan, live, left)
    for index in range(len(plan.steps)) if order is None else order:
        step = plan.steps[index]
        over = overwritten(plan, step, left)
        if over >= 0:
            live.pop(over)
        live.update(dict.fromkeys(step.writes))
        moments.append(_moment(plan, index, live)._replace(overwritten=over))
        for storage in step.reads:
            left[storage] -= 1
        _release(plan, live, left, (*step.reads, *step.writes))
    return Run(tuple(moments))


def overwritten(plan: Plan, step: Step, left: Sequence[int], kept: Sequence[int] = ()) -> int:
    """Return the storage that a step writes over, or -1. `left` is how many steps each storage has still to be read by.

    `kept` counts for each storage, in training, the steps that need it again.
    """
    if not step.may_overwrite or len(step.writes) != 1:
        return -1
    size = plan.storages[step.writes[0]].size
    for storage in step.reads:
        other = plan.storages[storage]
        if other.size == size and left[storage] == 1 and not other.is_output and not (kept and kept[storage]):
            return storage
    return -1


def _moment(plan: Plan, step: int, live: Iterable[int]) -> Moment:
    held = tuple(live)
    return Moment(step, sum([plan.storages[storage].size for storage in held]), held)


def _release(plan: Plan, live: dict[int, None], left: Sequence[int], among: Iterable[int] | None = None) -> None:
    """Let go of what no step needs any more."""
    for storage in tuple(live) if among is None else among:
        if storage in live and not left[storage] and not plan.storages[storage].is_output:
            live.pop(storage)
