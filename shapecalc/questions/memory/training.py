"""The memory of a training step: parameters, their gradients, the optimizer's state; activations and their gradients.

In the forward pass, every layer saves what its backward step needs (`Layer.saves` and `Layer.kept`, after PyTorch's
derivatives.yaml), in addition to what is live. In the backward pass, in reverse order, the step of a layer reads the
gradient of its output and writes the gradient of its input; then its saved tensors are released. Saved tensors are
never overwritten.

The optimizer's state is as in PyTorch's `torch.optim`, in fp32. Mixed precision is that of Micikevicius et al. 2018
(arXiv:1710.03740) as ZeRO counts it (Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1): weights and gradients of
16 bits, and of 32 bits a master copy of the weights and the state; with Adam 2 + 2 + 4 + 4 + 4 = 16 bytes a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.liveness import overwritten
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.questions.memory.plan import MemoryPlan

__all__ = ["BACKWARD", "FORWARD", "OPTIMIZERS", "Pass", "check_optimizer", "optimizer_bytes", "train"]

OPTIMIZERS: dict[str, int] = {
    "none": 0, "sgd": 0, "momentum": 1, "rmsprop": 1, "adagrad": 1, "lion": 1, "adam": 2, "adamw": 2,
}  # fmt: skip
"""The number of values in an optimizer's state per trainable parameter: momentum, mean square, or both (Adam)."""

FORWARD = "forward"
BACKWARD = "backward"
_STATE_BYTES = 4
_MASTER_BYTES = 4


class Pass(NamedTuple):
    """A moment of a training step: in which pass, at which step, and the bytes of activations and their gradients.

    `kept` are those of saved activations, `gradients` those of gradients of activations, `live` all.
    """

    direction: str
    step: int
    live: int
    kept: int
    gradients: int


def check_optimizer(name: str) -> str:
    """Return an optimizer's name. Errors: `UsageError` for an unknown one."""
    known = read_string(name, "optimizer").lower()  # PyTorch's classes are Adam, AdamW
    if known not in OPTIMIZERS:
        hint = did_you_mean(name, OPTIMIZERS)
        raise UsageError(Problem(f"there is no optimizer {name}", hint=hint))
    return known


def optimizer_bytes(name: str, trainable: int, *, mixed_precision: bool) -> int:
    """Return the bytes of an optimizer's state by the number of parameters, with the master copy of mixed precision."""
    return trainable * (OPTIMIZERS[name] * _STATE_BYTES + (_MASTER_BYTES if mixed_precision else 0))


def train(plan: MemoryPlan) -> list[Pass]:
    """Return all moments of a training step, in order."""
    training = _Training(plan)
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
    def __init__(self, plan: MemoryPlan) -> None:
        self.plan = plan
        self.held, self.kept, self.gradients = _Bag(plan), _Bag(plan), _Bag(plan)
        self.extra = 0  # saved in addition to the storages
        self.outputs = [i for i, storage in enumerate(plan.storages) if storage.is_output]

    def _moment(self, direction: str, step: int) -> Pass:
        live = self.held.bytes + self.extra + self.gradients.bytes
        return Pass(direction, step, live, self.kept.bytes + self.extra, self.gradients.bytes)

    def forward(self) -> Iterator[Pass]:
        """Yield the moments of the forward pass."""
        storages = self.plan.storages
        left = [len(storage.users) for storage in storages]
        self.held.add(i for i in range(self.plan.inputs) if left[i] or storages[i].is_output)
        for index, step in enumerate(self.plan.steps):
            self.held.add(step.saves)
            self.kept.add(step.saves)
            over = overwritten(self.plan, step, left, self.kept.reasons)
            self.held.add(step.writes)
            self.held.remove([over] if over >= 0 else [])
            self.extra += step.extra
            yield self._moment(FORWARD, index)
            for storage in step.reads:
                left[storage] -= 1
            gone = [i for i in (*step.reads, *step.writes) if not left[i] and i != over]
            self.held.remove(i for i in gone if not storages[i].is_output)

    def backward(self) -> Iterator[Pass]:
        """Yield the moments of the backward pass."""
        trained = {storage for step in self.plan.steps if step.trains for storage in step.writes}
        self.gradients.add(storage for storage in self.outputs if storage in trained)
        for index in range(len(self.plan.steps) - 1, -1, -1):
            step = self.plan.steps[index]
            if not step.trains:
                continue
            found = [storage for storage in step.writes if self.gradients.reasons[storage]]
            if found:
                read = [i for i in step.reads if i in trained and not self.gradients.reasons[i]]
                self.gradients.add(read)
                yield self._moment(BACKWARD, index)
            self.gradients.remove(found)
            self.extra -= step.extra
            self.held.remove(step.saves)
            self.kept.remove(step.saves)
