"""Which blocks and layers of a report are repeated, at every depth: a picture has each of them once."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.exporters.chart import Copies, Group, RepeatedPeriod, draw_chart
from shapecalc.model.report import check_depth
from shapecalc.renderers.differing import marks_of
from shapecalc.renderers.folding import name_of, runs_of

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine
    from shapecalc.renderers.folding import RepeatedLines

__all__ = ["AUTO", "Repeats", "find_repeats"]

AUTO = "auto"
_SCREENFUL = 40
_FRAME = 2
_DEEPEST = 8


class Repeats(NamedTuple):
    """Repeated blocks and layers down to a depth.

    `marks` has, by the name of a block, what tells it apart from those beside it; `boxes` is how many boxes a picture
    at this depth has.
    """

    depth: int | None
    copies: Copies
    marks: dict[str, str]
    boxes: int


def find_repeats(report: Report, depth: int | str | None) -> Repeats:
    """Return the repeats down to a depth, by default the deepest at which the boxes fit on a page."""
    wanted = AUTO if depth == AUTO else check_depth(depth)
    deepest = min(report.max_depth, _DEEPEST) if wanted == AUTO else report.max_depth
    last = deepest if wanted in (AUTO, None) else min(int(wanted), deepest)
    best: Repeats | None = None
    finder = _Finder(report)
    for level in range(1, last + 1):
        found = finder.down_to(level)
        if best is None or wanted != AUTO or found.boxes + _frames(report, found) <= _SCREENFUL:
            best = found
    assert best is not None  # there is a first level
    is_all = best.depth == report.max_depth
    return best._replace(depth=None) if is_all else best


def _frames(report: Report, found: Repeats) -> int:
    """Return how many boxes there is room for in place of the frames within what is repeated in turn.

    These stand in one column.
    """
    if not found.copies.periods:
        return 0
    return _FRAME * _expanded(draw_chart(report, found.depth, found.copies).group, 0)


def _expanded(group: Group, within: int) -> int:
    """Return how many frames are in a frame of what is repeated in turn."""
    groups = [member for member in group.members if isinstance(member, Group)]
    return sum(within + _expanded(one, 1 if one.copies > 1 else within) for one in groups)


class _Finder:
    """The repeats that are found level by level, among what is no copy itself."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.number = {id(row): index for index, row in enumerate(report.rows)}
        self.same = list(range(len(report.rows)))
        self.within: list[dict[int, int]] = [{} for _ in self.same]
        self.runs: dict[str, tuple[str, int]] = {}
        self.marks: dict[str, str] = {}
        self.periods: list[RepeatedPeriod] = []
        self.counted = count()

    def down_to(self, level: int) -> Repeats:
        """Return the repeats down to a level; those down to the level before are known."""
        lines = [line for line in self.report.lines(level) if self._is_first(line)]
        runs = runs_of(lines)
        self.marks.update(marks_of(runs, self.report.graph))
        for run in runs:
            self._add(run)
        resolved, within = [*self.same], [*self.within]
        for index, other in enumerate(self.same):
            if other != index:  # of what is repeated within a copy, only the first one was looked at
                resolved[index], within[index] = resolved[other], {**within[other], **within[index]}
        boxes = sum(self._is_first(line) for line in lines)
        copies = Copies(resolved, within, (*self.periods,), {**self.runs})
        return Repeats(level, copies, {**self.marks}, boxes)

    def _is_first(self, line: ReportLine) -> bool:
        index = self.number[id(line.rows[0])]
        return self.same[index] == index

    def _block(self, line: ReportLine) -> int:
        """Return the number of the block that a line is."""
        blocks, block = self.report.graph.blocks, line.rows[0].block
        while blocks[block].name != line.name and blocks[block].parent >= 0:
            block = blocks[block].parent
        return block

    def _add(self, run: RepeatedLines) -> None:
        if run.period > 1:
            self._add_period(run)
        turn = next(self.counted)
        for groups in run.members:
            number = next(self.counted)
            if len(groups) > 1 or len(groups[0]) > 1:
                self.runs[groups[0][0].name] = name_of(groups), len(groups[0])
            for time, group in enumerate(groups):
                for copy, line in enumerate(group):
                    self._note(line, groups[0][0], {turn: time, number: copy})

    def _note(self, line: ReportLine, first: ReportLine, within: dict[int, int]) -> None:
        for row, base in zip(line.rows, first.rows, strict=True):
            index = self.number[id(row)]
            self.same[index] = min(self.same[index], self.number[id(base)])
            self.within[index].update(within)

    def _add_period(self, run: RepeatedLines) -> None:
        """Add what is repeated in turn: it is drawn within a frame."""
        lines = [*chain(*run.groups[: run.period])]
        self.periods.append(
            RepeatedPeriod(
                run.name,
                run.copies,
                frozenset(self._block(line) for line in lines if line.is_block),
                frozenset(self.number[id(line.rows[0])] for line in lines if not line.is_block),
            )
        )
