"""What is live while a network runs: a tensor is live from the step that writes it to the last one that reads it.

Inputs are live from the start to the last step that reads them, outputs to the end. While a step runs, everything that
it reads and writes is live. A step that may run in place overwrites one of the storages that it reads: one with the
size of its output that no later step needs. A depthwise convolution may do so channel by channel, with a buffer for one
channel; its output may then be smaller (MCUNet, Lin et al. 2020, section 3.2). A step whose output is only added to a
tensor that nothing else needs any more may add it onto that one as it is computed (oneDNN's `sum` post-operation); the
addition itself then has nothing left to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from shapecalc.questions.memory.plan import MemoryPlan, Step

__all__ = ["Moment", "Run", "overwritten", "run"]

BEGINNING = -1
"""The index of the moment before the first step, when only the inputs are live."""


class Moment(NamedTuple):
    """While a step runs: the bytes that are live, and the storage that is overwritten (or -1).

    `step` is its index in the plan.
    """

    step: int
    live: int
    overwritten: int = -1


class Run(NamedTuple):
    """All moments of a run, in order, the start first; `held` are the storages that are live at the peak.

    One that is overwritten at the peak is not among them: its bytes are those of the output.
    """

    moments: tuple[Moment, ...]
    held: tuple[int, ...]

    @property
    def peak(self) -> Moment:
        """The first moment with the maximum of live bytes."""
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
    merged: set[int] = set()  # the storages onto which the output of a step has been added
    total = sum(storage.size for storage in storages[: plan.inputs])
    yield Moment(BEGINNING, total), live

    def release(among: Iterable[int]) -> int:
        """Release the storages that no later step needs, and return their bytes."""
        gone = [i for i in dict.fromkeys(among) if i in live and not left[i] and not storages[i].is_output]
        for i in gone:
            del live[i]
        return sum([storages[i].size for i in gone])

    total -= release(range(plan.inputs))
    for index in order:
        step = plan.steps[index]
        onto, before = _added_onto(plan, step, left, live), total
        over = onto if onto >= 0 else _overwritten_besides(plan, step, left, merged)
        if over >= 0:
            del live[over]
            total -= storages[over].size
            merged.update([over] if onto >= 0 else [])
        live.update(dict.fromkeys(step.writes))
        total += sum([storages[i].size for i in step.writes])
        during = max(total, before) + (step.channel if onto < 0 else 0) if over >= 0 else total
        yield Moment(index, during + step.temporary + step.work, over), live
        for i in (*step.reads, *step.holds):
            left[i] -= 1
        total -= release((*step.reads, *step.holds, *step.writes))


def _added_onto(plan: MemoryPlan, step: Step, left: Sequence[int], live: Container[int]) -> int:
    """Return the storage that a step adds its output onto, or -1: one that only the sum still reads."""
    for storage in step.onto:
        other = plan.storages[storage]
        fits = other.size == plan.storages[step.writes[0]].size
        if fits and storage in live and left[storage] == 1 and not other.is_output:
            return storage
    return -1


def _overwritten_besides(plan: MemoryPlan, step: Step, left: Sequence[int], merged: Container[int]) -> int:
    """Return the storage that a step overwrites, or -1, where outputs of others may have been added onto its inputs."""
    reads = tuple([storage for storage in step.reads if storage not in merged])
    if len(reads) == 1 < len(step.reads):  # the whole sum is there
        return reads[0]
    return overwritten(plan, step._replace(reads=reads) if len(reads) < len(step.reads) else step, left)


def overwritten(plan: MemoryPlan, step: Step, left: Sequence[int], kept: Sequence[int] = ()) -> int:
    """Return the storage that a step overwrites, or -1. `left` counts the steps still to read each storage.

    `kept` counts for each storage, in training, the steps that need it again.
    """
    if not step.may_overwrite or len(step.writes) != 1:
        return -1
    size = plan.storages[step.writes[0]].size
    for storage in step.reads:
        other = plan.storages[storage]
        fits = other.size == size or (step.channel and other.size > size)
        if fits and left[storage] == 1 and not other.is_output and not (kept and kept[storage]):
            return storage
    return -1
