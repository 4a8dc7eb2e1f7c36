"""What is live while a network runs: a tensor lives from the step that writes it to the last one that reads it.

Inputs live from the beginning to the last step that reads them, outputs to the end. While a step runs, all that it
reads and all that it writes is live. A step that may do so writes over one of the storages that it reads: one of the
size of its output that nothing else needs later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.questions.memory.plan import MemoryPlan, Step

__all__ = ["Moment", "Run", "overwritten", "run"]

BEGINNING = -1
"""In place of a step: before the first one, when the inputs are there."""


class Moment(NamedTuple):
    """While a step runs: the bytes that are live, and which storage was written over (or -1).

    `step` is its index in the plan.
    """

    step: int
    live: int
    overwritten: int = -1


class Run(NamedTuple):
    """All moments of a run, in order, the beginning first; `held` are the storages that are live at the peak.

    One that is being written over then counts for what is written, and is not among them.
    """

    moments: tuple[Moment, ...]
    held: tuple[int, ...]

    @property
    def peak(self) -> Moment:
        """The first moment at which most is live."""
        return max(self.moments, key=lambda moment: moment.live)


def run(plan: MemoryPlan, order: Sequence[int] | None = None) -> Run:
    """Return what is live at every step, in the order of the plan or another."""
    steps = range(len(plan.steps)) if order is None else order
    moments = tuple([moment for moment, _ in _walk(plan, steps)])
    peak = max(moment.live for moment in moments)
    held = next(tuple(live) for moment, live in _walk(plan, steps) if moment.live == peak)
    return Run(moments, held)


def _walk(plan: MemoryPlan, order: Iterable[int]) -> Iterator[tuple[Moment, dict[int, None]]]:
    """Yield every moment with the storages that are live (in a mapping, as a set that keeps its order)."""
    storages = plan.storages
    left = [len(storage.users) for storage in storages]
    live = dict.fromkeys(range(plan.inputs))
    total = sum(storage.size for storage in storages[: plan.inputs])
    yield Moment(BEGINNING, total), live

    def release(among: Iterable[int]) -> int:
        """Release what no later step needs, and return its bytes."""
        gone = [i for i in dict.fromkeys(among) if i in live and not left[i] and not storages[i].is_output]
        for i in gone:
            del live[i]
        return sum([storages[i].size for i in gone])

    total -= release(range(plan.inputs))
    for index in order:
        step = plan.steps[index]
        over = overwritten(plan, step, left)
        if over >= 0:
            del live[over]
            total -= storages[over].size
        live.update(dict.fromkeys(step.writes))
        total += sum([storages[i].size for i in step.writes])
        yield Moment(index, total, over), live
        for i in step.reads:
            left[i] -= 1
        total -= release((*step.reads, *step.writes))


def overwritten(plan: MemoryPlan, step: Step, left: Sequence[int], kept: Sequence[int] = ()) -> int:
    """Return the storage that a step writes over, or -1. `left` counts the steps still to read each storage.

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
