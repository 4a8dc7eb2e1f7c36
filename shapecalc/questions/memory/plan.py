"""The tensors of a running network, their storages, and the steps that read and write them.

Tensors that share memory (a view and its source) are one *storage*. Layers that are views are not steps: they cost
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.layers.base.layer import (
    AS_INPUT,
    BOTH,
    DERIVED,
    IN_FP32,
    INPUTS,
    NOTHING,
    OUTPUTS,
    TRAINED,
    UPCAST,
    WIDENED,
)
from shapecalc.model.graph import Reference
from shapecalc.model.rows import once

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.in_place import InPlace

__all__ = ["MemoryPlan", "Step", "Storage", "inputs_read", "make_plan", "stored"]


_FP32 = 32
_AUTOCAST = 16
"""The bits that autocast computes multiplications in, and what it leaves."""


class Storage(NamedTuple):
    """Memory of one or more tensors: its name, its bytes, the steps that read it, and whether it is kept to the end."""

    name: str
    size: int
    users: frozenset[int]
    is_output: bool


class Step(NamedTuple):
    """A layer that computes: the storages it reads and writes, and whether it may overwrite one that it reads.

    `temporary` are bytes that are live while it runs alone: the scores of eager attention.
    In training, `saves` are the storages that its backward step needs again, and `extra` the bytes that it saves in
    addition; `trains` is whether a gradient flows through it. `channel` are bytes of a buffer for one channel, by which
    it overwrites a storage that is larger than its output too. As eager PyTorch runs, `holds` are storages that are
    alive until then, though no later step reads them, and `work` the bytes that it writes besides its outputs.
    `onto` are the storages that it may add its output onto as it is computed: the other operands of the sum that alone
    reads that output.
    """

    node: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    may_overwrite: bool
    saves: tuple[int, ...] = ()
    holds: tuple[int, ...] = ()
    work: int = 0
    extra: int = 0
    trains: bool = False
    temporary: int = 0
    channel: int = 0
    onto: tuple[int, ...] = ()


class MemoryPlan(NamedTuple):
    """The storages and the steps, in the order of the graph. The first `inputs` storages are the network's inputs."""

    storages: tuple[Storage, ...]
    steps: tuple[Step, ...]
    inputs: int


def stored(numbers: int, bits: int | Fraction) -> int:
    """Return the bytes of a tensor by its number of elements, rounded up; on any kind of number."""
    if type(bits) is not int:  # a fraction: 4.5 bits
        return -(-numbers * bits.numerator // (8 * bits.denominator))
    return numbers * (bits // 8) if bits % 8 == 0 else -(-numbers * bits // 8)


def inputs_read(report: Report) -> list[tuple[int, ...]]:
    """Return for each layer which of its inputs it reads: not those of which it uses only the size."""

    @once
    def read(row: Row) -> tuple[int, ...]:
        return tuple(dict.fromkeys(look.input for look in row.looks()))

    return [read(row) for row in report.rows]


def make_plan(
    report: Report,
    bits: int | Fraction,
    in_place: InPlace,
    *,
    training: bool = False,
    read: Sequence[tuple[int, ...]] | None = None,
    autocast: bool = False,
    eager: bool = False,
) -> MemoryPlan:
    """Return the plan of a network for a batch, with this number of bits per activation.

    `in_place` is which layers may run in place, if nothing else needs their input later. `read` are the `inputs_read`,
    to reuse for several plans of a report. With `autocast` layers that multiply compute in 16 bits.
    `eager` is as PyTorch runs: the input of a module is alive until the module returns, and an operation writes what
    it would save for the backward pass (indices of max pools, statistics of norms) at inference too.
    """
    maker = _Maker(report, bits, autocast=autocast)
    read = inputs_read(report) if read is None else read
    for name, shape in report.graph.inputs.items():
        maker.add(name, prod(shape.sizes))
    number = len(maker.names)
    maker.at = {Reference(-1 - i): i for i in range(number)}
    steps: list[Step] = []
    for index, row in enumerate(report.rows):
        layer = row.node.layer
        assert layer is not None
        reads = tuple(dict.fromkeys(maker.at[row.node.inputs[i]] for i in read[index]))
        if layer.view or (layer.only_training and not training):
            storage = reads[0] if reads else maker.add(row.name, 0)  # a view without an input is a view of its weights
            maker.at.update({Reference(index, i): storage for i in range(len(row.sizing.outputs))})
            continue
        writes = maker.write(index, row, maker.output_bits(row, reads))
        for storage in reads:
            maker.users[storage].add(len(steps))
        by_channel = in_place.by_channel and not training and layer.works_by_channel(*row.sizing.inputs)
        step = Step(index, reads, writes, by_channel or (layer.elementwise and in_place.elementwise(layer)))
        step = step._replace(channel=maker.channel_of(row)) if by_channel else step
        step = step._replace(work=maker.written_besides(row)) if eager and not training else step
        steps.append(maker.trained(step, row) if training else step)
    if eager:
        steps = maker.held(steps, number)
    if in_place.residual and not training:
        steps = maker.added(steps)
    return MemoryPlan(maker.storages(), tuple(steps), number)


class _Maker:
    """The storages while they are collected: `at` is the storage of each tensor."""

    def __init__(self, report: Report, bits: int | Fraction, *, autocast: bool = False) -> None:
        self.report, self.bits, self.autocast = report, bits, autocast
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.widths: list[int | Fraction] = []
        self.users: list[set[int]] = []
        self.trained_storages: set[int] = set()
        self.at: dict[Reference, int] = {}
        self.backward = once(self._backward)

    def add(self, name: str, numbers: int, bits: int | Fraction = 0, *, of_samples: bool = True) -> int:
        """Add a storage; `of_samples` is whether each sample has its own."""
        bits = bits or self.bits
        self.names.append(name)
        self.sizes.append(stored(numbers, bits) * (self.report.batch if of_samples else 1))
        self.widths.append(bits)
        self.users.append(set())
        return len(self.names) - 1

    def computing_bits(self, row: Row) -> int:
        """Return the bits that autocast computes a layer in; 0 for the widest type of its inputs and weights."""
        assert row.node.layer is not None
        if row.node.layer.autocast == IN_FP32:
            return _FP32
        return _AUTOCAST if row.sizing.macs else 0

    def channel_of(self, row: Row) -> int:
        """Return the bytes of one channel of a layer's output, for one sample."""
        shape = row.sizing.outputs[0]
        return stored(prod(shape.sizes) // shape.channels, self.bits)

    def output_bits(self, row: Row, reads: Sequence[int]) -> int | Fraction:
        """Return the bits of the outputs of a layer that reads these storages."""
        if not self.autocast:
            return self.bits
        assert row.node.layer is not None
        is_wide = bool(row.sizing.weight_shapes) and row.node.layer.autocast != AS_INPUT  # its weights have 32 bits
        widest = max((self.widths[i] for i in reads), default=_FP32)
        return self.computing_bits(row) or (_FP32 if is_wide else widest)

    def write(self, index: int, row: Row, bits: int | Fraction) -> tuple[int, ...]:
        """Add the storages that a layer writes."""
        written = []
        for i, shape in enumerate(row.sizing.outputs):
            name = self.report.graph.name_of(Reference(index, i))
            storage = self.add(name, prod(shape.sizes), bits, of_samples=bool(row.node.inputs))
            self.at[Reference(index, i)] = storage
            written.append(storage)
        return tuple(written)

    def trained(self, step: Step, row: Row) -> Step:
        """Return a step with its needs in training."""
        learns = bool(row.sizing.weight_shapes) and not row.node.frozen
        derives = not self.trained_storages.isdisjoint(step.reads)
        if not learns and not derives:
            return step
        self.trained_storages.update(step.writes)
        bits = self.output_bits(row, step.reads)
        saves, extra, extra_for_weights = self.backward(row)[bits]
        saved: tuple[int, ...] = ()
        if saves in (INPUTS, BOTH) or (saves == TRAINED and learns) or (saves == DERIVED and derives):
            due = self.computing_bits(row) if self.autocast else 0
            cast = [i for i in step.reads if due and self.widths[i] != due]  # each layer saves a copy of its own
            saved += tuple([i for i in step.reads if i not in cast])
            extra += sum(self._readers(row, i) * self.sizes[i] * due // self.widths[i] for i in cast)
        if saves in (OUTPUTS, BOTH):
            saved += step.writes
        return step._replace(saves=saved, extra=extra + (extra_for_weights if learns else 0), trains=True)

    def written_besides(self, row: Row) -> int:
        """Return the bytes that an operation writes besides its outputs: those of widths of their own."""
        assert row.node.layer is not None
        kept = row.node.layer.kept(row.sizing.output, *row.sizing.inputs)
        return self._bytes_kept([(elements, bits) for elements, bits in kept if bits > 0], self.bits)

    def held(self, steps: Sequence[Step], inputs: int) -> list[Step]:
        """Return the steps with what they hold: the inputs of each block that they end, and of the network."""
        first: dict[str, dict[int, None]] = {}
        own: dict[str, set[int]] = {}
        last: dict[str, int] = {}
        for index, step in enumerate(steps):
            for block in self.report.blocks_of(self.report.rows[step.node]):
                written = own.setdefault(block, set())
                first.setdefault(block, {}).update(dict.fromkeys(i for i in step.reads if i not in written))
                written.update(step.writes)
                last[block] = index
        holds: list[set[int]] = [set() for _ in steps]
        if steps:
            holds[-1].update(range(inputs))
        for block, index in last.items():
            holds[index].update(first[block])
        for index, held in enumerate(holds):
            for storage in held:
                self.users[storage].add(index)
        return [
            step._replace(holds=tuple(sorted(held.difference(step.reads))))
            for step, held in zip(steps, holds, strict=True)
        ]

    def added(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps with what they may add their output onto: the other operands of a sum."""
        writers = {step.writes[0]: index for index, step in enumerate(steps) if len(step.writes) == 1}
        outputs = {self.at[reference] for reference in self.report.graph.outputs}
        onto: dict[int, tuple[int, ...]] = {}
        for index, step in enumerate(steps):
            operands = self._operands(step)
            for storage in operands:
                layer = self.report.rows[steps[writers[storage]].node].node.layer if storage in writers else None
                if layer and layer.accumulates and self.users[storage] == {index} and storage not in outputs:
                    onto[writers[storage]] = tuple([i for i in operands if i != storage])
        return [step._replace(onto=onto.get(index, ())) for index, step in enumerate(steps)]

    def _operands(self, step: Step) -> list[int]:
        """Return the storages that a sum reads once and whole: no part of them, and not broadcast."""
        row = self.report.rows[step.node]
        if not row.node.layer or not row.node.layer.is_sum:
            return []
        given = [self.at[ref] for ref in row.node.inputs]
        size, elements = self.sizes[step.writes[0]], row.sizing.outputs[0].elements
        whole = [
            x.elements == elements and self.sizes[i] == size for i, x in zip(given, row.sizing.inputs, strict=True)
        ]
        return [i for i, is_whole in zip(given, whole, strict=True) if is_whole and given.count(i) == 1]

    def _readers(self, row: Row, storage: int) -> int:
        """Return how many matrices of a layer multiply a storage that it reads; at least one operation does."""
        assert row.node.layer is not None
        found = row.node.layer.projections(*row.sizing.inputs).values()
        read = [self.at[row.node.inputs[projection.input]] for projection in found if projection.input >= 0]
        return max(read.count(storage), 1)

    def _backward(self, row: Row) -> dict[int | Fraction, tuple[str, int, int]]:
        """Return what the backward step of a layer needs, by the bits that it computes in.

        These are which tensors, and bytes in addition, and for its weights.
        """
        return {bits: self._needs(row, bits) for bits in ((_FP32, _AUTOCAST) if self.autocast else (self.bits,))}

    def _needs(self, row: Row, bits: int | Fraction) -> tuple[str, int, int]:
        layer, sizing = row.node.layer, row.sizing
        assert layer is not None
        kept = layer.kept(sizing.output, *sizing.inputs)
        for_weights = layer.kept_for_weights(sizing.output, *sizing.inputs)
        saves = layer.saved(*sizing.inputs)
        if saves == UPCAST:
            saves = INPUTS if bits >= _FP32 else NOTHING
            kept = [*kept, *[(x.elements, WIDENED) for x in sizing.inputs]]
        return saves, self._bytes_kept(kept, bits), self._bytes_kept(for_weights, bits)

    def _bytes_kept(self, kept: Iterable[tuple[Any, int]], own: int | Fraction) -> int:
        widths = {0: own, WIDENED: _FP32 if own < _FP32 else 0}
        return sum(stored(elements, widths.get(bits, bits)) for elements, bits in kept) * self.report.batch

    def storages(self) -> tuple[Storage, ...]:
        """Return the storages, once all layers are known."""
        outputs = {self.at[reference] for reference in self.report.graph.outputs}
        columns = zip(self.names, self.sizes, self.users, strict=True)
        return tuple(
            [Storage(name, size, frozenset(users), i in outputs) for i, (name, size, users) in enumerate(columns)]
        )
