"""Patch-based inference: the first stage of a network runs patch by patch.

The output of the stage is divided into patches. For each, every layer of the stage works only on the part that the
patch depends on: the patch and a halo, so that neighbouring patches compute some positions twice. The output of the
stage is in memory as a whole; of the input only the part of the patch, as when an image is decoded piece by piece. The
rest of the network then runs layer by layer. Source: MCUNetV2, Lin et al. 2021, arXiv:2110.15352, figure 3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.model.graph import Reference
from shapecalc.questions.memory.liveness import Moment, run
from shapecalc.questions.memory.plan import MemoryPlan, Storage, make_plan, stored
from shapecalc.questions.memory.results import Held
from shapecalc.questions.memory.small_devices.regions import Region, divided, elements_of, regions_of, spatial_axes
from shapecalc.questions.memory.small_devices.results import Patches
from shapecalc.text.units import read_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.in_place import InPlace

__all__ = ["PatchedRun", "read_patches", "run_patched"]

_MOST = 64
"""The most patches along an axis."""

_MOST_ENDS = 400
"""The most ends of a stage that are tried."""


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


def read_patches(given: Any) -> tuple[tuple[int, ...], str]:
    """Return the patches along each axis, and the layer or block that ends the stage: of `4x4` or `4x4,stage3`.

    Without an end it is empty. Errors: `UsageError`.
    """
    text = given if isinstance(given, str) else "x".join(map(str, given)) if isinstance(given, (list, tuple)) else ""
    counts, _, end = text.partition(",")
    found = read_sizes(counts) if re.fullmatch(r"[\dx× ]+", counts) else None
    if not found or not all(1 <= count <= _MOST for count in found):
        hint = f"write 4x4, or 4x4,LAYER to end the stage there; at most {_MOST} along an axis"
        raise UsageError(Problem(f"patches are {given!r}", hint=hint))
    return tuple(found), end.strip()


def run_patched(
    report: Report, counts: tuple[int, ...], end: str, bits: int | Fraction, may: InPlace
) -> PatchedRun:  # fmt: skip
    """Return what is live if the stage that ends at a layer, or a block, runs in patches.

    Without an end, it is the one with the lowest peak. Errors: `UsageError` where the stage cannot be run by itself.
    """
    plan = make_plan(report, bits, may)
    if end:
        index = _index(report, end)
        problem = _why_not(report, index, counts)
        if problem:
            raise UsageError(problem)
        return _Patcher(report, plan, index, counts, bits).run(report.rows[index].name)
    ends = [index for index in range(len(report.rows)) if _why_not(report, index, counts) is None][:_MOST_ENDS]
    if not ends:
        message = f"no stage can run in patches of {'×'.join(map(str, counts))}"
        hint = _axes_hint(report.rows, counts) or "its output must be a feature map that all later layers read alone"
        raise UsageError(Problem(message, hint=hint))
    best = min(ends, key=lambda index: _Patcher(report, plan, index, counts, bits).estimate())
    return _Patcher(report, plan, best, counts, bits).run(report.rows[best].name)


def _index(report: Report, name: str) -> int:
    """Return the index of a layer, or of the last layer of a block. Errors: `UsageError`."""
    line = report.line(name)
    if line is None:
        names = [*[row.name for row in report.rows], *[block.name for block in report.graph.blocks]]
        raise UsageError(Problem(f"{report.name or 'the network'} has no layer {name}", hint=did_you_mean(name, names)))
    return report.rows.index(line.rows[-1])


def _ancestors(report: Report, end: int) -> set[int]:
    """Return the layers that a layer depends on, and itself."""
    found = {end}
    for index in range(end, -1, -1):
        if index in found:
            found.update(ref.node for ref in report.rows[index].node.inputs if ref.node >= 0)
    return found


def _axes_hint(rows: Sequence[Row], counts: tuple[int, ...]) -> str:
    """Return how to write one count for feature maps of more axes; nothing where it is not that."""
    shapes = [row.sizing.outputs[0] for row in rows]
    axes = {len(spatial_axes(shape)) for shape in shapes if shape.is_map}
    return f"write {'x'.join(map(str, counts * max(axes)))}" if len(counts) == 1 and axes and min(axes) > 1 else ""


def _why_not(report: Report, end: int, counts: tuple[int, ...]) -> Problem | None:
    """Return why a stage that ends at a layer cannot run in patches; None if it can."""
    row = report.rows[end]
    name, shape = row.name, row.sizing.outputs[0]
    if len(row.sizing.outputs) > 1 or not shape.is_map or len(spatial_axes(shape)) != len(counts):
        message = f"the output of {name} has no {len(counts)} spatial axes to divide into patches"
        return Problem(
            message, hint=_axes_hint([row], counts) or "end the stage at a layer whose output is a feature map"
        )
    if any(count > shape.sizes[axis] for count, axis in zip(counts, spatial_axes(shape), strict=True)):
        message = f"{'×'.join(map(str, counts))} patches are more than the positions of {name}"
        return Problem(message, hint="choose fewer patches, or an earlier end")
    stage = _ancestors(report, end)
    for index, other in enumerate(report.rows):
        for ref in () if index in stage else other.node.inputs:
            if ref.node < 0 or (ref.node in stage and ref.node != end):
                message = (
                    f"{other.name} reads {report.graph.name_of(ref)}, which is inside the stage that ends at {name}"
                )
                return Problem(message, hint="end the stage at a layer that all others read alone")
    early = [ref for ref in report.graph.outputs if ref.node in stage and ref.node != end]
    if early:
        return Problem(f"{report.graph.name_of(early[0])} is an output of the network inside the stage",
                       hint="end the stage before it")  # fmt: skip
    return None


class _Patcher:
    """A network whose stage up to a layer runs in patches."""

    def __init__(
        self, report: Report, plan: MemoryPlan, end: int, counts: tuple[int, ...], bits: int | Fraction
    ) -> None:
        self.report, self.plan, self.end, self.counts, self.bits = report, plan, end, counts, bits
        self.stage = _ancestors(report, end)
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
        """Return the peak with the patch in the middle, which is as large as any."""
        every = self.patches()
        return max(self.in_patch(every[len(every) // 2])[0].peak().live + self.whole, self.rest().peak().live)

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

    def run(self, name: str) -> PatchedRun:
        """Return what is live in all patches, and in the rest."""
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
