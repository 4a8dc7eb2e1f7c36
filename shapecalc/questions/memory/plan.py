"""The tensors of a running network, their storages, and the steps that read and write them.

Tensors that share memory (a view and its source) are one *storage*. Layers that are views are not steps: they cost
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.layers.base.layer import BOTH, DERIVED, INPUTS, OUTPUTS, TRAINED
from shapecalc.model.graph import Reference
from shapecalc.model.rows import once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["MemoryPlan", "Step", "Storage", "inputs_read", "make_plan", "stored"]


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
    it overwrites a storage that is larger than its output too.
    """

    node: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    may_overwrite: bool
    saves: tuple[int, ...] = ()
    extra: int = 0
    trains: bool = False
    temporary: int = 0
    channel: int = 0


class MemoryPlan(NamedTuple):
    """The storages and the steps, in the order of the graph. The first `inputs` storages are the network's inputs."""

    storages: tuple[Storage, ...]
    steps: tuple[Step, ...]
    inputs: int


def stored(numbers: int, bits: int | Fraction) -> int:
    """Return the bytes of a tensor by its number of elements, rounded up."""
    if type(bits) is not int:  # a fraction: 4.5 bits
        return -int(-numbers * bits // 8)
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
    in_place: Callable[[Layer], bool],
    *,
    training: bool = False,
    read: Sequence[tuple[int, ...]] | None = None,
) -> MemoryPlan:
    """Return the plan of a network for a batch, with this number of bits per activation.

    `in_place` is which layers may run in place, if nothing else needs their input later. `read` are the `inputs_read`,
    to reuse for several plans of a report.
    """
    maker = _Maker(report, bits)
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
        writes = maker.write(index, row)
        for storage in reads:
            maker.users[storage].add(len(steps))
        by_channel = in_place(layer) and not training and layer.works_by_channel(*row.sizing.inputs)
        step = Step(index, reads, writes, by_channel or (layer.elementwise and in_place(layer)))
        step = step._replace(channel=maker.channel_of(row)) if by_channel else step
        steps.append(maker.trained(step, row) if training else step)
    return MemoryPlan(maker.storages(), tuple(steps), number)


class _Maker:
    """The storages while they are collected: `at` is the storage of each tensor."""

    def __init__(self, report: Report, bits: int | Fraction) -> None:
        self.report, self.bits = report, bits
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.users: list[set[int]] = []
        self.trained_storages: set[int] = set()
        self.at: dict[Reference, int] = {}
        self.backward = once(self._backward)

    def add(self, name: str, numbers: int, *, of_samples: bool = True) -> int:
        """Add a storage; `of_samples` is whether each sample has its own."""
        self.names.append(name)
        self.sizes.append(self.bytes_of(numbers) if of_samples else stored(numbers, self.bits))
        self.users.append(set())
        return len(self.names) - 1

    def bytes_of(self, numbers: int) -> int:
        return stored(numbers, self.bits) * self.report.batch

    def channel_of(self, row: Row) -> int:
        """Return the bytes of one channel of a layer's output, for one sample."""
        shape = row.sizing.outputs[0]
        return stored(prod(shape.sizes) // shape.channels, self.bits)

    def write(self, index: int, row: Row) -> tuple[int, ...]:
        """Add the storages that a layer writes."""
        written = []
        for i, shape in enumerate(row.sizing.outputs):
            name = self.report.graph.name_of(Reference(index, i))
            storage = self.add(name, prod(shape.sizes), of_samples=bool(row.node.inputs))
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
        saves, extra, extra_for_weights = self.backward(row)
        saved: tuple[int, ...] = ()
        if saves in (INPUTS, BOTH) or (saves == TRAINED and learns) or (saves == DERIVED and derives):
            saved += step.reads
        if saves in (OUTPUTS, BOTH):
            saved += step.writes
        return step._replace(saves=saved, extra=extra + (extra_for_weights if learns else 0), trains=True)

    def _backward(self, row: Row) -> tuple[str, int, int]:
        """Return what the backward step of a layer needs: which tensors, and bytes in addition, and for its weights."""
        layer, sizing = row.node.layer, row.sizing
        assert layer is not None
        kept = layer.kept(sizing.output, *sizing.inputs)
        for_weights = layer.kept_for_weights(sizing.output, *sizing.inputs)
        return layer.saved(*sizing.inputs), self._bytes_kept(kept), self._bytes_kept(for_weights)

    def _bytes_kept(self, kept: Iterable[tuple[Any, int]]) -> int:
        return sum(stored(elements, bits or self.bits) for elements, bits in kept) * self.report.batch

    def storages(self) -> tuple[Storage, ...]:
        """Return the storages, once all layers are known."""
        outputs = {self.at[reference] for reference in self.report.graph.outputs}
        columns = zip(self.names, self.sizes, self.users, strict=True)
        return tuple(
            [Storage(name, size, frozenset(users), i in outputs) for i, (name, size, users) in enumerate(columns)]
        )
