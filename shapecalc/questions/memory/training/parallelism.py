"""Training on several devices: how they share the work, and what of a tensor each of them has.

Devices form groups: `tensor` share each layer, `pipeline` the layers, and what remains (`data`) have samples of their
own; `expert` of those share the experts. ZeRO (Rajbhandari et al. 2020, arXiv:1910.02054; FSDP is its stage 3) divides
over the data group the optimizer's state (1), gradients too (2), and weights too (3). Tensor and sequence parallelism
are Megatron's (Korthikanti et al. 2022, arXiv:2205.05198): of attention each device has its heads, of two matrices in a
row its part of the features; with `sequence` it has its part of the positions of everything else. Heads of keys and
values that are fewer than the devices are on several of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError
from shapecalc.layers.base.arguments import HEADS, KV_HEADS
from shapecalc.questions.memory.implementation import with_rows
from shapecalc.text.given import read_flag

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.plan import MemoryPlan

__all__ = [
    "ONE_DEVICE",
    "Parallelism",
    "Splits",
    "check_experts",
    "check_heads",
    "read_parallelism",
    "repeated_heads",
    "splits_of",
    "with_repeated_heads",
]

_MOST = 10**7
_STAGES = 3


class Parallelism(NamedTuple):
    """How many devices there are in all, and in each group; `zero` is the stage of ZeRO.

    `microbatches` are the parts of a batch that follow one another through a pipeline.
    """

    devices: int = 1
    zero: int = 0
    tensor: int = 1
    sequence: bool = False
    pipeline: int = 1
    expert: int = 1
    microbatches: int = 1

    @property
    def data(self) -> int:
        """The number of devices that have samples of their own."""
        return self.devices // (self.tensor * self.pipeline)


ONE_DEVICE = Parallelism()


def read_parallelism(
    *,
    devices: Any = None,
    zero: Any = None,
    tensor: Any = None,
    sequence: Any = False,
    pipeline: Any = None,
    expert: Any = None,
    microbatches: Any = None,
) -> Parallelism | None:
    """Return how devices share the work; None for one device. Errors: `UsageError` for groups that do not fit."""
    shared = read_flag(sequence, "sequence")
    if not shared and all(given is None for given in (devices, zero, tensor, pipeline, expert, microbatches)):
        return None
    groups = {"tensor": tensor, "pipeline": pipeline, "expert": expert}
    sizes = {name: _count(given, name) for name, given in groups.items()}
    least = prod(sizes.values())
    all_of_them = int(least) if devices is None else _count(devices, "devices")
    stage = 0 if zero is None else zero
    if type(stage) is not int or not 0 <= stage <= _STAGES:
        raise UsageError(Problem(f"zero is {zero!r}", hint="its stages are 1, 2 and 3; 0 is without it"))
    if all_of_them % least:
        message = f"{all_of_them:,} devices cannot be divided into groups of {_times(sizes)}"
        raise UsageError(Problem(message, hint=f"give a multiple of {least:,} devices"))
    if shared and sizes["tensor"] == 1:
        hint = "give the number of devices that share each layer: --tensor 8"
        raise UsageError(Problem("sequence parallelism goes with tensor parallelism", hint=hint))
    if stage > 1 and sizes["pipeline"] > 1:
        hint = "use stage 1 with a pipeline (gradients of its microbatches add up)"
        raise UsageError(Problem(f"stage {stage} of ZeRO does not go with a pipeline", hint=hint))
    number = sizes["pipeline"] if microbatches is None else _count(microbatches, "microbatches")
    return Parallelism(all_of_them, stage, sizes["tensor"], shared, sizes["pipeline"], sizes["expert"], number)


def _count(given: Any, name: str) -> int:
    if given is None:
        return 1
    if type(given) is not int or not 1 <= given <= _MOST:
        raise UsageError(Problem(f"{name} is {given!r}", hint=f"give a number of devices from 1 to {_MOST:,}"))
    return given


def _times(sizes: dict[str, int]) -> str:
    return " × ".join([f"{size} ({name})" for name, size in sizes.items() if size > 1])


class Splits(NamedTuple):
    """What a group that shares each layer splits: the layers whose output each has a part of, and those in between.

    `outputs` are the indices of layers whose output is split, `inside` of those that are split inside (attention,
    experts); `rows` of those whose input is split and whose output is not.
    """

    outputs: frozenset[int]
    inside: frozenset[int]
    rows: frozenset[int]

    def divisor(self, index: int, row: Row, name: str, parallel: Parallelism) -> int:
        """Return on how many devices a weight is divided among those that share layers and experts."""
        sizes = row.sizing.weight_shapes[name]
        experts = parallel.expert if self.is_routed(row, name) else 1
        return experts * (parallel.tensor if self._is_split(index, row, name, sizes) else 1)

    @staticmethod
    def is_routed(row: Row, name: str) -> bool:
        """Return whether a weight is that of experts: a token does not use all of it."""
        layer = row.node.layer
        if layer is None or not row.sizing.inactive:
            return False
        return bool(layer.active_weights(*row.sizing.inputs).get(name) != row.sizing.weight_shapes[name])

    def _is_split(self, index: int, row: Row, name: str, sizes: tuple[Any, ...]) -> bool:
        layer = row.node.layer
        if layer is None:
            return False
        if len(sizes) > 1:
            is_table = layer.looks_up or self.is_routed(row, name)
            return is_table or index in self.outputs or index in self.inside or index in self.rows
        if index in self.inside:  # the biases of what is split, not of the last matrix
            return not any(
                name.startswith(last) for last, p in layer.projections(*row.sizing.inputs).items() if p.input < 0
            )
        return index in self.outputs

    def apply(self, plan: MemoryPlan, parallel: Parallelism) -> MemoryPlan:
        """Return a plan with what one device has of every storage."""
        parts = parallel.tensor
        split = {i for step in plan.steps if step.node in self.outputs for i in step.writes}
        storages = tuple(
            [
                storage._replace(size=-(-storage.size // parts)) if parallel.sequence or i in split else storage
                for i, storage in enumerate(plan.storages)
            ]
        )
        within = self.outputs | self.inside
        steps = tuple(
            [
                step._replace(extra=-(-step.extra // parts)) if parallel.sequence or step.node in within else step
                for step in plan.steps
            ]
        )
        return plan._replace(storages=storages, steps=steps)


def check_heads(report: Report, parallel: Parallelism) -> None:
    """Check that the devices that share a layer can have whole heads of it, as Megatron requires. Errors: `UsageError`.

    Fewer heads of keys and values than devices are repeated, if every one is on as many devices.
    """
    for row in report.rows:
        for role, what in ((HEADS, "heads"), (KV_HEADS, "heads of keys and values")):
            number = _heads(row, role)
            if number is None or number % parallel.tensor == 0 or (role == KV_HEADS and parallel.tensor % number == 0):
                continue
            message = f"{row.name}: {number:,} {what} cannot be divided among {parallel.tensor:,} devices (tensor)"
            most = max(size for size in range(1, min(number, parallel.tensor) + 1) if number % size == 0)
            more = f", or a multiple of {number:,}" if role == KV_HEADS else ""
            raise UsageError(Problem(message, hint=f"give --tensor a divisor of {number:,}: {most:,}{more}"))


def check_experts(report: Report, parallel: Parallelism) -> None:
    """Check that there are experts for the devices that share them. Errors: `UsageError`."""
    if parallel.expert > 1 and not any(
        Splits.is_routed(row, name) for row in report.rows for name in row.sizing.weight_shapes
    ):
        message = f"{report.name or 'the network'} has no experts to divide among {parallel.expert:,} devices (expert)"
        raise UsageError(Problem(message, hint="leave --expert out; --tensor shares each layer among devices"))


def _heads(row: Row, role: str) -> int | None:
    layer = row.node.layer
    name = layer.argument_roles().get(role) if layer is not None else None
    return getattr(layer, name) if name else None


def repeated_heads(report: Report, parallel: Parallelism) -> int:
    """Return the least number of heads of keys and values that are on several devices; 0 if all are on one."""
    numbers = [number for row in report.rows if (number := _heads(row, KV_HEADS)) is not None]
    return min((number for number in numbers if number < parallel.tensor), default=0)


def with_repeated_heads(report: Report, parallel: Parallelism) -> Report:
    """Return the report of a network whose layers have a head of keys and values for each device that shares them.

    That is what a runtime keeps that repeats them where there are fewer (vLLM's QKVParallelLinear: a device has
    max(1, heads / devices) of them).
    """

    def repeated(row: Row) -> Row:
        layer, number = row.node.layer, _heads(row, KV_HEADS)
        if layer is None or number is None or number >= parallel.tensor:
            return row
        layer = layer.with_values({layer.argument_roles()[KV_HEADS]: parallel.tensor})
        sizing = row.sizing._replace(weight_shapes=layer.weights(*row.sizing.inputs))
        return row._replace(node=row.node._replace(layer=layer), sizing=sizing)

    return with_rows(report, [repeated(row) for row in report.rows])


def splits_of(report: Report) -> Splits:
    """Return what tensor parallelism splits: pairs of matrices with element-wise layers between, and attention."""
    accepts = _accepting(report)
    outputs: set[int] = set()
    inside: set[int] = set()
    rows: set[int] = set()
    for index, row in enumerate(report.rows):
        layer = row.node.layer
        assert layer is not None
        matrices = layer.projections(*row.sizing.inputs)
        are_split = [ref.node in outputs for ref in row.node.inputs]
        if len(matrices) > 1 or row.sizing.inactive:
            inside.add(index)
        elif matrices and any(are_split):
            rows.add(index)
        elif accepts[index] and (matrices or (_passes(row) and are_split and all(are_split))):
            outputs.add(index)
    return Splits(frozenset(outputs), frozenset(inside), frozenset(rows))


def _accepting(report: Report) -> list[bool]:
    """Return of every layer whether what reads its output can read a part of its features."""
    readers: dict[int, list[int]] = {}
    for index, row in enumerate(report.rows):
        for ref in row.node.inputs:
            readers.setdefault(ref.node, []).append(index)
    outputs = {ref.node for ref in report.graph.outputs}
    accepts = [False] * len(report.rows)
    for index in range(len(report.rows) - 1, -1, -1):
        layer = report.rows[index].node.layer
        if index in outputs:
            accepts[index] = layer is not None and (layer.scores or layer.of_scores)  # the loss is computed in parts
            continue
        accepts[index] = bool(readers.get(index)) and all(
            (_passes(report.rows[reader]) and accepts[reader]) or _is_one_matrix(report.rows[reader])
            for reader in readers[index]
        )
    return accepts


def _passes(row: Row) -> bool:
    layer = row.node.layer
    return layer is not None and (layer.elementwise or layer.view) and not row.sizing.weight_shapes


def _is_one_matrix(row: Row) -> bool:
    layer = row.node.layer
    return layer is not None and len(layer.projections(*row.sizing.inputs)) == 1
