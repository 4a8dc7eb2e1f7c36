"""Activation checkpointing: only the inputs of some blocks are saved; the rest is recomputed in the backward pass.

Chen et al. 2016 (arXiv:1604.06174); PyTorch's `torch.utils.checkpoint`. A segment is what is recomputed at once: a
block, or several blocks in a row.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.training.stages import outermost_blocks
from shapecalc.text.given import read_names
from shapecalc.text.units import read_whole

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.questions.memory.plan import MemoryPlan

__all__ = ["Checkpointing", "Segment", "read_checkpointing", "segments_of"]

BLOCKS = "blocks"
_ALL = ("all", "true", "yes", "full", "every")
_MOST = 10**6


class Checkpointing(NamedTuple):
    """Which blocks are checkpointed: those of these names (with `*`), or all outermost, `every` so many as one."""

    names: tuple[str, ...] = ()
    every: int = 1

    @property
    def text(self) -> str:
        """The option as it is written."""
        return ",".join(self.names) if self.names else BLOCKS if self.every == 1 else str(self.every)


class Segment(NamedTuple):
    """The steps from `first` up to, not with, `end`, and the storages that they read from before them."""

    first: int
    end: int
    inputs: tuple[int, ...]


def read_checkpointing(given: Any) -> Checkpointing | None:
    """Return what `blocks`, a number of blocks or names of blocks mean; None for `none`. Errors: `UsageError`."""
    if given is None or given == "none":
        return None
    number = given if type(given) is int else read_whole(given) if isinstance(given, str) else None
    if number is not None:
        if not 1 <= number <= _MOST:
            raise UsageError(Problem(f"checkpoint is {number}", hint="give a number of blocks of at least 1"))
        return Checkpointing(every=number)
    listed = given.split(",") if isinstance(given, str) else read_names(given, "checkpoint")
    names = tuple([name.strip() for name in listed if name.strip()])
    if not names:
        raise UsageError(Problem(f"checkpoint is {given!r}", hint="give blocks, a number, or names of blocks"))
    return Checkpointing() if names == (BLOCKS,) else Checkpointing(names)


def segments_of(report: Report, plan: MemoryPlan, option: Checkpointing) -> list[Segment]:
    """Return the segments of a plan. Errors: `UsageError` if the network has no such blocks."""
    outermost = outermost_blocks(report)
    around = [report.blocks_of(row) for row in report.rows]
    _check(option, {name for names in around for name in names} if option.names else {*outermost} - {""}, report.name)
    chosen = [_named(around[step.node], option) if option.names else outermost[step.node] for step in plan.steps]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(name for name in chosen if name))}
    groups = [numbers[name] // option.every if name else -1 for name in chosen]
    segments, first = [], 0
    for i in range(1, len(groups) + 1):
        if i == len(groups) or groups[i] != groups[first]:
            if groups[first] >= 0:
                segments.append(_segment(plan, first, i))
            first = i
    return segments


def _check(option: Checkpointing, blocks: set[str], network: str) -> None:
    if not blocks:
        hint = "write the layers that repeat as blocks, or leave it out"
        raise UsageError(Problem(f"{network or 'the network'} has no blocks to checkpoint", hint=hint))
    for name in option.names:
        if not any(fnmatchcase(block, name) for block in blocks):
            every = f"write {BLOCKS} for every block" if name.lower() in _ALL else ""
            near = every or did_you_mean(name, [BLOCKS, *blocks])
            raise UsageError(Problem(f"there is no block {name} to checkpoint", hint=near))


def _named(names: tuple[str, ...], option: Checkpointing) -> str:
    """Return the outermost block around a layer that is named; empty for none."""
    return next((name for name in names if any(fnmatchcase(name, wanted) for wanted in option.names)), "")


def _segment(plan: MemoryPlan, first: int, end: int) -> Segment:
    steps = plan.steps[first:end]
    own = {storage for step in steps for storage in step.writes}
    return Segment(first, end, tuple(dict.fromkeys(i for step in steps for i in step.reads if i not in own)))
