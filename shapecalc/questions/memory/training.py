"""The memory of a training step: parameters, their gradients, the optimizer's state; activations and their gradients.

In the forward pass, every layer saves what its backward step needs (`Layer.saves` and `Layer.kept`, after PyTorch's
derivatives.yaml), in addition to what is live. In the backward pass, in reverse order, the step of a layer reads the
gradient of its output and writes the gradient of its input; then its saved tensors are released. Saved tensors are
never overwritten.

After the last layer comes the loss, if there is one: a step of its own, which reads the scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import prod
from shapecalc.questions.memory.liveness import overwritten
from shapecalc.questions.memory.loss import CROSS_ENTROPY, LossBytes, loss_bytes, scores_of
from shapecalc.questions.memory.optimizers import Trained
from shapecalc.questions.memory.plan import make_plan, stored
from shapecalc.questions.memory.results import Training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.report import Report
    from shapecalc.questions.memory.plan import MemoryPlan
    from shapecalc.questions.memory.training_options import TrainingOptions

__all__ = ["BACKWARD", "FORWARD", "Pass", "train", "training_of"]

FORWARD = "forward"
BACKWARD = "backward"
LOSS = "the loss"
"""The name of its step."""
_MASTER_BITS = 32
_AUTOCAST_BITS = 16


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


def training_of(
    report: Report,
    options: TrainingOptions,
    in_place: Callable[[Layer], bool],
    read: Sequence[tuple[int, ...]] | None = None,
) -> Training:
    """Return the memory of training, besides weights and buffers; the last two arguments are those of `make_plan`."""
    precision = options.precision
    bits = precision.activations
    plan = make_plan(report, bits, in_place, training=True, read=read, autocast=precision.autocast)
    losses = _losses(report, options)
    moments = train(plan, losses)
    peak = max(moments, key=lambda moment: moment.live, default=Pass("", -1, 0, 0, 0))
    tensors = _trained(report)
    trainable = sum(tensor.elements for tensor in tensors)
    state_bits = precision.state if options.state_bits is None else options.state_bits
    return Training(
        optimizer=options.optimizer.name,
        mixed_precision=precision.master,
        gradients=sum(stored(tensor.elements, precision.weights) for tensor in tensors),
        state=options.optimizer.state(tensors, state_bits)
        + (stored(trainable, _MASTER_BITS) if precision.master else 0),
        kept=max((moment.kept for moment in moments), default=0),
        peak=peak.live,
        at=_name(report, plan, peak),
        direction=peak.direction,
        activation_gradients=peak.gradients,
        precision=precision.name,
        state_bits=8 if options.optimizer.in_bytes else state_bits,
        trainable=trainable,
        weight_copies=_copies(report) if precision.autocast else 0,
        loss=options.loss if losses else "none",
        scores=sum(loss.scores for loss in losses),
        loss_saved=sum(loss.saved for loss in losses),
        loss_at_peak=peak.loss,
    )


def _name(report: Report, plan: MemoryPlan, moment: Pass) -> str:
    if moment.step < 0:
        return ""
    return report.rows[plan.steps[moment.step].node].name if moment.step < len(plan.steps) else LOSS


def _losses(report: Report, options: TrainingOptions) -> list[LossBytes]:
    if options.loss != CROSS_ENTROPY:
        return []
    bits = _AUTOCAST_BITS if options.precision.autocast else options.precision.activations
    trains = any(row.trainable for row in report.rows)
    return [loss_bytes(report, scores, bits) for scores in scores_of(report)] if trains else []


def _trained(report: Report) -> list[Trained]:
    """Return every tensor that is trained; a shared one once."""
    scores = {reference.node for reference in scores_of(report)}
    tensors = []
    for index, row in enumerate(report.rows):
        if row.node.frozen or row.node.shares >= 0 or row.node.layer is None:
            continue
        multiplies = bool(row.sizing.macs) and index not in scores
        trained = [sizes for name, sizes in row.sizing.weight_shapes.items() if name not in row.node.layer.untrained]
        tensors += [Trained(sizes, multiplies and len(sizes) == _MATRIX) for sizes in trained]
    return tensors


_MATRIX = 2


def _copies(report: Report) -> int:
    """Return the bytes of the copies that autocast makes of the weights of layers that multiply, once for each."""
    owners = {row.node.shares if row.node.shares >= 0 else i for i, row in enumerate(report.rows) if row.sizing.macs}
    shapes = [report.rows[i].sizing.weight_shapes for i in owners]
    return sum(stored(int(prod(sizes)), _AUTOCAST_BITS) for own in shapes for sizes in own.values())


def train(plan: MemoryPlan, losses: Sequence[LossBytes] = ()) -> list[Pass]:
    """Return all moments of a training step, in order."""
    training = _Training(plan, losses)
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
    def __init__(self, plan: MemoryPlan, losses: Sequence[LossBytes]) -> None:
        self.plan, self.losses = plan, losses
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
        saved = sum(loss.saved for loss in self.losses)
        if self.losses:
            yield self._moment(FORWARD, len(self.plan.steps), saved + max(loss.forward for loss in self.losses))

    def backward(self) -> Iterator[Pass]:
        """Yield the moments of the backward pass."""
        trained = {storage for step in self.plan.steps if step.trains for storage in step.writes}
        self.gradients.add(storage for storage in self.outputs if storage in trained)
        if self.losses:
            saved = sum(loss.saved for loss in self.losses)
            yield self._moment(BACKWARD, len(self.plan.steps), saved + max(loss.backward for loss in self.losses))
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
