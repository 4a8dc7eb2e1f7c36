"""Patch-based inference: the first stage of a network runs patch by patch.

The output of the stage is divided into patches. For each, every layer of the stage works only on the part that the
patch depends on: the patch and a halo, so that neighbouring patches compute some positions twice. The output of the
stage is in memory as a whole; of the input only the part of the patch, as when an image is decoded piece by piece. The
rest of the network then runs layer by layer. Source: MCUNetV2, Lin et al. 2021, arXiv:2110.15352, figure 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.model.graph import Reference
from shapecalc.questions.memory.liveness import Moment, run
from shapecalc.questions.memory.plan import MemoryPlan, Storage, stored
from shapecalc.questions.memory.results import Held
from shapecalc.questions.memory.small_devices.regions import Region, divided, elements_of, regions_of
from shapecalc.questions.memory.small_devices.results import Patches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from shapecalc.model.report import Report

__all__ = ["PatchedRun", "Patcher", "ancestors"]


class PatchedRun(NamedTuple):
    """What is live while a network runs with its first stage in patches.

    `live` is the most of every step, by its layer, and `overwrites` what it overwrites in all patches; `at` is the
    layer at the peak, and `held` are the tensors that are live then.
    """

    patches: Patches
    peak: int
    at: str
    held: tuple[Held, ...]
    live: dict[int, int]
    overwrites: dict[int, str]


class _Phase(NamedTuple):
    """The stage, or the rest: the plan of its steps, their indices, and the bytes that are live besides."""

    plan: MemoryPlan
    steps: Sequence[int]
    beside: int = 0

    def peak(self) -> Moment:
        return run(self.plan, self.steps).peak


def ancestors(report: Report, end: int) -> set[int]:
    """Return the layers that a layer depends on, and itself."""
    found = {end}
    for index in range(end, -1, -1):
        if index in found:
            found.update(ref.node for ref in report.rows[index].node.inputs if ref.node >= 0)
    return found


class Patcher:
    """A network whose stage up to a layer runs in patches."""

    def __init__(
        self, report: Report, plan: MemoryPlan, end: int, counts: tuple[int, ...], bits: int | Fraction
    ) -> None:
        self.report, self.plan, self.end, self.counts, self.bits = report, plan, end, counts, bits
        self.stage = ancestors(report, end)
        self.inside = [i for i, step in enumerate(plan.steps) if step.node in self.stage]
        self.outside = [i for i, step in enumerate(plan.steps) if step.node not in self.stage]
        self.shape = report.rows[end].sizing.outputs[0]
        self.whole = self._bytes(prod(self.shape.sizes))
        self.buffer = self._buffer()

    def _bytes(self, elements: int) -> int:
        return stored(elements, self.bits) * self.report.batch

    def _buffer(self) -> int:
        """Return the storage of the stage's output, which may be a view."""
        node = self.end
        written = {step.node: step.writes[0] for step in self.plan.steps if step.writes}
        while node not in written:
            node = self.report.rows[node].node.inputs[0].node
        return written[node]

    def patches(self) -> list[Region]:
        return list(divided(self.shape, self.counts))

    def estimate(self) -> int:
        """Return the peak with a patch in the middle, where few others are larger; that of all is not lower."""
        middle = 0
        for count in self.counts:
            middle = middle * count + count // 2
        return max(self.in_patch(self.patches()[middle])[0].peak().live + self.whole, self.rest().peak().live)

    def in_patch(self, patch: Region) -> tuple[_Phase, dict[Reference, Region]]:
        """Return the stage for one patch, whose output goes to the buffer; and the region of every tensor."""
        regions = regions_of(self.report, self.end, patch)
        sizes = [0] * len(self.plan.storages)
        for i, ref in enumerate(Reference(-1 - i) for i in range(self.plan.inputs)):
            sizes[i] = self._bytes(elements_of(regions[ref])) if ref in regions else 0
        for step in (self.plan.steps[i] for i in self.inside):
            for output, storage in enumerate(step.writes):
                region = regions.get(Reference(step.node, output), ())
                sizes[storage] = self._bytes(elements_of(region)) if region else 0
        sizes[self.buffer] = 0
        steps = set(self.inside)
        storages = tuple([
            Storage(storage.name, sizes[i], storage.users & steps, i == self.buffer)
            for i, storage in enumerate(self.plan.storages)
        ])  # fmt: skip
        return _Phase(self.plan._replace(storages=storages), self.inside, self.whole), regions

    def rest(self) -> _Phase:
        """Return the rest of the network, whose input is the buffer."""
        order = [self.buffer, *[i for i in range(len(self.plan.storages)) if i != self.buffer]]
        moved = {storage: number for number, storage in enumerate(order)}
        steps = [
            step._replace(
                reads=tuple([moved[i] for i in step.reads]),
                writes=tuple([moved[i] for i in step.writes]),
                onto=tuple([moved[i] for i in step.onto]),
            )
            for step in self.plan.steps
        ]
        outside = set(self.outside)
        storages = tuple([
            self.plan.storages[i]._replace(users=self.plan.storages[i].users & outside) for i in order
        ])  # fmt: skip
        return _Phase(MemoryPlan(storages, tuple(steps), 1), self.outside)

    def run(self) -> PatchedRun:
        """Return what is live in all patches, and in the rest."""
        name = self.report.rows[self.end].name
        live: dict[int, int] = {}
        overwrites: dict[int, str] = {}
        best: tuple[int, str, tuple[Held, ...]] = (-1, "", ())
        computed = 0
        largest: Region = ()
        known: dict[tuple[Any, ...], int] = {}
        for phase, regions in self._phases():
            key = tuple([storage.size for storage in phase.plan.storages])
            if regions is not None:
                computed += self._macs(regions)
                first = [elements_of(regions[ref]) for ref in regions if ref.node < 0]
                if not largest or sum(first) > elements_of(largest):
                    largest = next(regions[ref] for ref in regions if ref.node < 0)
            if key in known:
                continue
            found = run(phase.plan, phase.steps)
            known[key] = found.peak.live
            for moment in found.moments:
                if moment.step >= 0:
                    node = phase.plan.steps[moment.step].node
                    live[node] = max(live.get(node, 0), moment.live + phase.beside)
                    over = phase.plan.storages[moment.overwritten].name if moment.overwritten >= 0 else ""
                    overwrites[node] = over if overwrites.get(node, over) == over else ""
            if found.peak.live + phase.beside > best[0]:
                at = self.report.rows[phase.plan.steps[found.peak.step].node].name if found.peak.step >= 0 else name
                held = [Held(phase.plan.storages[i].name, phase.plan.storages[i].size) for i in found.held]
                held += [Held(name, phase.beside)] if phase.beside else []
                best = found.peak.live + phase.beside, at, tuple([one for one in held if one.bytes])
        peaks = [
            max(live[self.plan.steps[i].node] for i in steps) if steps else 0 for steps in (self.inside, self.outside)
        ]
        patches = Patches(self.counts, name, peaks[0], peaks[1], self._input(largest), self._macs(None), computed)
        return PatchedRun(patches, *best, live, overwrites)

    def _phases(self) -> Iterator[tuple[_Phase, dict[Reference, Region] | None]]:
        for patch in self.patches():
            yield self.in_patch(patch)
        yield self.rest(), None

    def _input(self, region: Region) -> tuple[int, ...]:
        return tuple(len(positions) for positions in region)

    def _macs(self, regions: dict[Reference, Region] | None) -> int:
        """Return the MACs of the stage: of a patch those of the positions that it computes, or (None) of all."""
        whole = 0
        for index in self.stage:
            row = self.report.rows[index]
            if regions is None:
                whole += row.macs
            elif row.macs and Reference(index) in regions:
                whole += row.macs * elements_of(regions[Reference(index)]) // prod(row.sizing.outputs[0].sizes)
        return whole
