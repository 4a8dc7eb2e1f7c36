"""The memory of a training step: parameters, their gradients, the optimizer's state; activations and their gradients.

In the forward pass, every layer saves what its backward step needs (`Layer.saves` and `Layer.kept`, after PyTorch's
derivatives.yaml), in addition to what is live. In the backward pass, in reverse order, the step of a layer reads the
gradient of its output and writes the gradient of its input; then its saved tensors are released. Saved tensors are
never overwritten.

After the last layer comes the loss, if there is one: a step of its own, which reads the scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.questions.memory.liveness import overwritten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.questions.memory.plan import MemoryPlan
    from shapecalc.questions.memory.training.checkpointing import Segment
    from shapecalc.questions.memory.training.loss import LossBytes

__all__ = ["BACKWARD", "FORWARD", "RECOMPUTE", "Pass", "train"]

FORWARD = "forward"
BACKWARD = "backward"
RECOMPUTE = "recomputing"


class Pass(NamedTuple):
    """A moment of a training step: in which pass, at which step, and the bytes of activations and their gradients.

    `kept` are those of saved activations, `gradients` those of gradients of activations, `loss` those of the loss,
    `live` all. The step after the last one is the loss.
    """

    direction: str
    step: int
    live: int
    kept: int
    gradients: int
    loss: int = 0


def train(plan: MemoryPlan, losses: Sequence[LossBytes] = (), segments: Sequence[Segment] = ()) -> list[Pass]:
    """Return all moments of a training step, in order; with segments that are recomputed."""
    training = _Training(plan, losses, segments)
    return [*training.forward(), *training.backward()]


class _Bag:
    """Live storages with reference counts, and their total bytes."""

    def __init__(self, plan: MemoryPlan) -> None:
        self.sizes = [storage.size for storage in plan.storages]
        self.reasons = [0] * len(self.sizes)
        self.bytes = 0

    def add(self, storages: Iterable[int]) -> None:
        for storage in storages:
            self.bytes += 0 if self.reasons[storage] else self.sizes[storage]
            self.reasons[storage] += 1

    def remove(self, storages: Iterable[int]) -> None:
        for storage in storages:
            self.reasons[storage] -= 1
            self.bytes -= 0 if self.reasons[storage] else self.sizes[storage]


class _Training:
    def __init__(self, plan: MemoryPlan, losses: Sequence[LossBytes], segments: Sequence[Segment]) -> None:
        self.plan, self.losses = plan, losses
        self.starts = {segment.first: segment for segment in segments}
        self.ends = {segment.end - 1: segment for segment in segments}
        self.recomputed = {index for segment in segments for index in range(segment.first, segment.end)}
        self.held, self.kept, self.gradients = _Bag(plan), _Bag(plan), _Bag(plan)
        self.extra = 0  # saved in addition to the storages
        self.outputs = [i for i, storage in enumerate(plan.storages) if storage.is_output]

    def _moment(self, direction: str, step: int, loss: int = 0) -> Pass:
        live = self.held.bytes + self.extra + self.gradients.bytes + loss
        return Pass(direction, step, live, self.kept.bytes + self.extra, self.gradients.bytes, loss)

    def forward(self) -> Iterator[Pass]:
        """Yield the moments of the forward pass."""
        storages = self.plan.storages
        left = [len(storage.users) for storage in storages]
        self.held.add(i for i in range(self.plan.inputs) if left[i] or storages[i].is_output)
        for index, step in enumerate(self.plan.steps):
            if index in self.starts:
                self._keep(self.starts[index].inputs)
            if index not in self.recomputed:
                self._keep(step.saves)
                self.extra += step.extra
            over = overwritten(self.plan, step, left, self.kept.reasons)
            self.held.add(step.writes)
            self.held.remove([over] if over >= 0 else [])
            yield self._moment(FORWARD, index)
            for storage in (*step.reads, *step.holds):
                left[storage] -= 1
            gone = [i for i in (*step.reads, *step.holds, *step.writes) if not left[i] and i != over]
            self.held.remove(i for i in gone if not storages[i].is_output)
        saved = sum(loss.saved for loss in self.losses)
        if self.losses:
            yield self._moment(FORWARD, len(self.plan.steps), saved + max(loss.forward for loss in self.losses))

    def _keep(self, storages: Iterable[int]) -> None:
        self.held.add(storages)
        self.kept.add(storages)

    def _release(self, storages: Iterable[int]) -> None:
        self.held.remove(storages)
        self.kept.remove(storages)

    def _recompute(self, segment: Segment) -> Iterator[Pass]:
        """Yield the moments in which a segment runs again, and saves what it did not before."""
        steps = range(segment.first, segment.end)
        last = {storage: index for index in steps for storage in self.plan.steps[index].reads}
        live: list[int] = []
        for index in steps:
            step = self.plan.steps[index]
            self._keep(step.saves)
            self.extra += step.extra
            self.held.add(step.writes)
            live += step.writes
            yield self._moment(RECOMPUTE, index)
            gone = [storage for storage in live if last.get(storage, segment.first) <= index]
            self.held.remove(gone)
            live = [storage for storage in live if storage not in gone]
        self.held.remove(live)

    def backward(self) -> Iterator[Pass]:
        """Yield the moments of the backward pass."""
        trained = {storage for step in self.plan.steps if step.trains for storage in step.writes}
        self.gradients.add(storage for storage in self.outputs if storage in trained)
        if self.losses:
            saved = sum(loss.saved for loss in self.losses)
            yield self._moment(BACKWARD, len(self.plan.steps), saved + max(loss.backward for loss in self.losses))
        for index in range(len(self.plan.steps) - 1, -1, -1):
            step = self.plan.steps[index]
            if index in self.ends:
                yield from self._recompute(self.ends[index])
            if not step.trains:
                if index in self.starts:
                    self._release(self.starts[index].inputs)
                continue
            found = [storage for storage in step.writes if self.gradients.reasons[storage]]
            if found:
                read = [i for i in step.reads if i in trained and not self.gradients.reasons[i]]
                self.gradients.add(read)
                yield self._moment(BACKWARD, index)
            self.gradients.remove(found)
            self.extra -= step.extra
            self._release(step.saves)
            if index in self.starts:
                self._release(self.starts[index].inputs)
