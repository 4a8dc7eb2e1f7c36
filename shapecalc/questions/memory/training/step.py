"""The memory of training a network: gradients, the optimizer's state, and the peak of a training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import prod
from shapecalc.questions.memory.plan import make_plan, stored
from shapecalc.questions.memory.training.backward import FORWARD, Pass, train
from shapecalc.questions.memory.training.checkpointing import segments_of
from shapecalc.questions.memory.training.lora import weights_added_to, with_lora
from shapecalc.questions.memory.training.loss import CROSS_ENTROPY, LossBytes, layers_of_scores, loss_bytes, scores_of
from shapecalc.questions.memory.training.optimizers import Trained
from shapecalc.questions.memory.training.parallelism import (
    ONE_DEVICE,
    Splits,
    check_experts,
    check_heads,
    repeated_heads,
    splits_of,
    with_repeated_heads,
)
from shapecalc.questions.memory.training.results import Training, TrainingMoment
from shapecalc.questions.memory.training.stages import in_flight, stage_numbers, stage_plan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shapecalc.layers.base.layer import WeightShapes
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.in_place import InPlace
    from shapecalc.questions.memory.plan import MemoryPlan
    from shapecalc.questions.memory.training.checkpointing import Segment
    from shapecalc.questions.memory.training.options import TrainingOptions

__all__ = ["training_of"]

LOSS = "the loss"
"""The name of its step."""
_STATE, _GRADIENTS, _WEIGHTS = 1, 2, 3
"""The stages of ZeRO that divide them."""
_MATRIX = 2
_MASTER_BITS = 32
_AUTOCAST_BITS = 16


def training_of(
    report: Report,
    options: TrainingOptions,
    in_place: InPlace,
    read: Sequence[tuple[int, ...]] | None = None,
    tensors: Sequence[Mapping[str, int]] = (),
    *,
    eager: bool = False,
) -> Training:
    """Return the memory of training on one device, besides buffers: on that of a pipeline that needs the most.

    `tensors` are the bytes of the weights of every layer, by their names, without adapters. `in_place`, `read` and
    `eager` are those of `make_plan`.
    """
    precision, parallel = options.precision, options.parallel or ONE_DEVICE
    check_heads(report, parallel)
    check_experts(report, parallel)
    repeated = repeated_heads(report, parallel)
    whole, report = report, with_repeated_heads(report, parallel) if parallel.tensor > 1 else report
    if options.lora:
        whole, report = with_lora(whole, options.lora), with_lora(report, options.lora)
    shapes = [row.sizing.weight_shapes for row in whole.rows]
    plan = make_plan(
        report, precision.activations, in_place, training=True, read=read, autocast=precision.autocast, eager=eager
    )
    splits = splits_of(report) if parallel.tensor > 1 or parallel.expert > 1 else Splits(*[frozenset[int]()] * 3)
    plan = splits.apply(plan, parallel) if parallel.tensor > 1 else plan
    if parallel.pipeline == 1:
        return _Stage(report, options, plan, splits, tensors, shapes).training()._replace(repeated_heads=repeated)
    numbers = stage_numbers(report, parallel.pipeline)
    stages = [
        _Stage(report, options, stage_plan(plan, numbers, number), splits, tensors, shapes, numbers, number)
        for number in range(parallel.pipeline)
    ]
    found = max((stage.training() for stage in stages), key=lambda training: training.on_device)
    return found._replace(repeated_heads=repeated)


class _Stage:
    """The layers of a network that are on one device: all, or those of a stage of a pipeline."""

    def __init__(
        self,
        report: Report,
        options: TrainingOptions,
        plan: MemoryPlan,
        splits: Splits,
        tensors: Sequence[Mapping[str, int]],
        shapes: Sequence[WeightShapes],
        numbers: Sequence[int] = (),
        number: int = 0,
    ) -> None:
        self.report, self.options, self.plan, self.splits = report, options, plan, splits
        self.tensors, self.shapes = tensors, shapes
        self.numbers, self.number = numbers, number
        self.parallel = options.parallel or ONE_DEVICE

    def training(self) -> Training:
        """Return the memory of training."""
        options, parallel, precision = self.options, self.parallel, self.options.precision
        weights = self.weights()
        trained = [weight for weight in weights if weight.trains]
        losses = self.losses()
        segments = segments_of(self.report, self.plan, options.checkpoint) if options.checkpoint else []
        moments = train(self.plan, losses, segments)
        peak = max(moments, key=lambda moment: moment.live, default=Pass("", -1, 0, 0, 0))
        kept = max((moment.kept for moment in moments if moment.direction == FORWARD), default=0)
        waiting = in_flight(self.number, parallel.pipeline, parallel.microbatches) - 1
        state_bits = precision.state if options.state_bits is None else options.state_bits
        owned = _bytes(trained, parallel.zero >= _WEIGHTS)
        frozen = _bytes([weight for weight in weights if not weight.trains], parallel.zero >= _WEIGHTS)
        state = [weight.divided(parallel.zero >= _STATE) for weight in trained]
        master = sum(stored(tensor.elements, _MASTER_BITS) for tensor in state) if precision.master else 0
        return Training(
            optimizer=options.optimizer.name,
            mixed_precision=precision.master,
            gradients=_bytes(trained, parallel.zero >= _GRADIENTS),
            state=options.optimizer.state(state, state_bits) + master,
            kept=kept,
            peak=peak.live + waiting * kept,
            at=_name(self.report, self.plan, peak),
            direction=peak.direction,
            activation_gradients=peak.gradients,
            precision=precision.name,
            state_bits=8 if options.optimizer.in_bytes else state_bits,
            trainable=sum(weight.parameters for weight in trained),
            weight_copies=_copies(self.report) if precision.autocast else 0,
            loss=options.loss if losses else "none",
            scores=sum(loss.scores for loss in losses),
            loss_saved=sum(loss.saved for loss in losses),
            loss_at_peak=peak.loss,
            loss_bits=max((loss.bits for loss in losses), default=0),
            checkpoint=options.checkpoint.text if options.checkpoint else "none",
            segments=len(segments),
            lora=options.lora.text if options.lora else "",
            adapters=owned if options.lora else 0,
            adapted=self.adapted(segments) if options.lora else 0,
            weights=frozen + (0 if options.lora else owned),
            gathered=self.gathered() if parallel.zero >= _WEIGHTS and parallel.data > 1 else 0,
            parallelism=options.parallel,
            stage=self.number,
            moments=tuple([self._moment(moment, waiting * kept) for moment in moments]),
        )

    def _moment(self, moment: Pass, waiting: int) -> TrainingMoment:
        """Return a moment, with the bytes of microbatches that wait."""
        at = _name(self.report, self.plan, moment)
        live, saved = moment.live + waiting, moment.kept + waiting
        return TrainingMoment(at, moment.direction, live, saved, moment.gradients, moment.loss)

    def losses(self) -> list[LossBytes]:
        """Return what the losses need that are computed on this device."""
        if self.options.loss != CROSS_ENTROPY or not any(row.trainable for row in self.report.rows):
            return []
        autocast = self.options.precision.autocast
        bits = _AUTOCAST_BITS if autocast else self.options.precision.activations
        found = [
            loss_bytes(self.report, scores, bits, autocast=autocast)
            for scores in scores_of(self.report)
            if not self.numbers or self.numbers[scores.node] == self.number
        ]
        return [loss.divided(self.parallel.tensor) for loss in found]

    def weights(self) -> list[_Weight]:
        """Return every tensor of weights on this device; one that layers share once, adapters of each beside it."""
        scores = layers_of_scores(self.report)
        found: list[_Weight] = []
        owners: set[int] = set()
        for index, row in enumerate(self.report.rows):
            owner = row.node.shares if row.node.shares >= 0 else index
            if self.numbers and self.numbers[index] != self.number:
                continue
            if owner not in owners:
                owners.add(owner)
                found += self._of(owner, self.report.rows[owner], is_last=owner in scores)
            if owner != index:  # what it has besides: an adapter of the scores, whose matrix is the embedding's
                shared = self.report.rows[owner].sizing.weight_shapes
                found += self._of(index, row, is_last=index in scores, without=shared)
        return found

    def _of(self, index: int, row: Row, *, is_last: bool, without: Collection[str] = ()) -> list[_Weight]:
        assert row.node.layer is not None
        multiplies = bool(row.sizing.macs) and not is_last
        found = []
        for name, sizes in row.sizing.weight_shapes.items():
            if name in without:
                continue
            parts = self.splits.divisor(index, row, name, self.parallel)
            experts = self.parallel.expert if self.splits.is_routed(row, name) else 1
            tensor = Trained(sizes, multiplies and len(sizes) == _MATRIX, parts)
            trains = not row.node.frozen and name not in row.node.layer.untrained
            parameters, elements = int(prod(self.shapes[index][name])), int(prod(sizes))
            size = self.tensors[index].get(name)
            if size is None:  # that of an adapter
                size = stored(parameters, self.options.precision.weights)
            size = -(-size * elements // max(parameters, 1))  # more with heads that are repeated
            copies = max(self.parallel.data // experts, 1)
            found.append(_Weight(tensor, size, trains, copies, index, parameters))
        return found

    def adapted(self, segments: Sequence[Segment]) -> int:
        """Return the bytes of the copies of experts' weights with what adapters add, which are kept for their step.

        Those of segments that are recomputed are there one segment at a time.
        """
        own = [self._copied(step.node) for step in self.plan.steps]
        within = [sum(own[segment.first : segment.end]) for segment in segments]
        return sum(own) - sum(within) + max(within, default=0)

    def _copied(self, index: int) -> int:
        """Return the bytes of a layer's weights that adapters are added to."""
        row, bits = self.report.rows[index], self.options.precision.weights
        sizes = {name: int(prod(row.sizing.weight_shapes[name])) for name in weights_added_to(row)}
        parts = {name: self.splits.divisor(index, row, name, self.parallel) for name in sizes}
        return sum(stored(-(-size // parts[name]), bits) for name, size in sizes.items())

    def gathered(self) -> int:
        """Return the bytes of the largest layer's weights, and of their gradients, while it runs undivided."""
        layers: dict[int, int] = {}
        for weight in self.weights():
            own = weight.on_device(is_divided=False) * (2 if weight.trains else 1)
            layers[weight.layer] = layers.get(weight.layer, 0) + own
        return max(layers.values(), default=0)


class _Weight(NamedTuple):
    """A tensor of weights, its bytes, whether it is trained, how many devices have the same part of it, its layer.

    Its `parameters` are those of the network: heads that are repeated count once.
    """

    tensor: Trained
    bytes: int
    trains: bool
    copies: int
    layer: int
    parameters: int

    def divided(self, is_divided: bool) -> Trained:
        """Return the part of a device, where those that would have the same divide it."""
        return self.tensor._replace(parts=self.tensor.parts * self.copies) if is_divided else self.tensor

    def on_device(self, *, is_divided: bool) -> int:
        """Return the bytes of that part."""
        whole = max(int(prod(self.tensor.sizes)), 1)
        return -(-self.bytes * self.divided(is_divided).elements // whole)


def _bytes(weights: Iterable[_Weight], is_divided: bool) -> int:
    return sum(weight.on_device(is_divided=is_divided) for weight in weights)


def _name(report: Report, plan: MemoryPlan, moment: Pass) -> str:
    if moment.step < 0:
        return ""
    return report.rows[plan.steps[moment.step].node].name if moment.step < len(plan.steps) else LOSS


def _copies(report: Report) -> int:
    """Return the bytes of the copies that autocast makes of the weights of layers that multiply, once for each."""
    owners = {row.node.shares if row.node.shares >= 0 else i for i, row in enumerate(report.rows) if row.sizing.macs}
    shapes = [report.rows[i].sizing.weight_shapes for i in owners]
    return sum(stored(int(prod(sizes)), _AUTOCAST_BITS) for own in shapes for sizes in own.values())
