"""Which blocks and layers of a report are repeated, at every depth: a picture has each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.exporters.chart import Copies
from shapecalc.model.report import check_depth
from shapecalc.renderers.folding import run_name, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.model.report import Report

__all__ = ["AUTO", "Repeats", "find_repeats"]

AUTO = "auto"
_SCREENFUL = 40
_DEEPEST = 8


class Repeats(NamedTuple):
    """Repeated blocks and layers down to a depth.

    `runs` has, by the name of the first of a run, the name of all and how many they are; `boxes` is how many boxes a
    picture at this depth has.
    """

    depth: int | None
    copies: Copies
    runs: dict[str, tuple[str, int]]
    boxes: int


def find_repeats(report: Report, depth: int | str | None) -> Repeats:
    """Return the repeats down to a depth, by default the deepest at which the boxes fit on a page."""
    wanted = AUTO if depth == AUTO else check_depth(depth)
    deepest = min(report.max_depth, _DEEPEST) if wanted == AUTO else report.max_depth
    last = deepest if wanted in (AUTO, None) else min(int(wanted), deepest)
    best: Repeats | None = None
    for found in _levels(report, last):
        if best is None or wanted != AUTO or found.boxes <= _SCREENFUL:
            best = found
    assert best is not None  # there is a first level
    is_all = best.depth == report.max_depth
    return best._replace(depth=None) if is_all else best


def _levels(report: Report, last: int) -> Iterator[Repeats]:
    """Yield the repeats down to each depth."""
    number = {id(row): index for index, row in enumerate(report.rows)}
    same = list(range(len(report.rows)))
    within: list[dict[int, int]] = [{} for _ in same]
    runs: dict[str, tuple[str, int]] = {}
    count = 0
    for level in range(1, last + 1):
        groups = runs_of(report.lines(level))
        for run in groups:
            if len(run) == 1:
                continue
            count += 1
            first = [number[id(row)] for row in run[0].rows]
            for copy, line in enumerate(run):
                for base, row in zip(first, line.rows, strict=True):
                    index = number[id(row)]
                    same[index] = min(same[index], base)
                    within[index][count] = copy
            runs[run[0].name] = run_name(run), len(run)
        resolved = list(same)
        for index, other in enumerate(resolved):
            resolved[index] = resolved[other]
        boxes = sum(resolved[at] == at for run in groups for at in [number[id(run[0].rows[0])]])
        yield Repeats(level, Copies(resolved, [dict(one) for one in within]), dict(runs), boxes)
