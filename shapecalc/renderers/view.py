"""What a renderer draws: the lines of a report at a depth, its cells, its title and its footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from shapecalc.escaping import clean
from shapecalc.model.report import check_depth as report_depth
from shapecalc.model.rows import ReportLine, Totals
from shapecalc.renderers.cells import FIELD, NOTHING, show_size
from shapecalc.renderers.columns import COLUMNS, DEFAULT, SHARES, check_columns
from shapecalc.renderers.footer import footer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.report import Report
    from shapecalc.renderers.columns import Column
    from shapecalc.renderers.selection import Selection

_T = TypeVar("_T")

__all__ = ["CellGrid", "View", "check_depth"]

AUTO = "auto"
"""The depth that expands as many levels of blocks as fit on a screen."""

_SCREENFUL = 60
_DEEPEST = 8
SHARED = "shared"
"""Shown for the parameters of a layer, or of a block, that shares those of another."""


class CellGrid(NamedTuple):
    """Cells as shown: the columns' headings and types, the rows, and the row of totals."""

    columns: list[Column]
    rows: list[tuple[str, ...]]
    totals: list[str]


class View:
    """A report with its options. `asked` are the columns instead of a renderer's own, `added` those in addition.

    `columns` are all that it has; those of another question than the report itself may be added.
    """

    def __init__(  # noqa: PLR0913  (each is an option of its own)
        self,
        report: Report,
        columns: Sequence[str] = (),
        *,
        depth: int | str | None = AUTO,
        width: int | None = None,
        color: bool = False,
        flops: bool = False,
        shares: bool = False,
        fold: bool | None = None,
        selection: Selection | None = None,
    ) -> None:
        self.report = report
        self.width = width
        self.color = color
        self.flops = flops
        self.shares = shares
        self.is_depth_given = depth != AUTO
        adding = bool(columns) and columns[0].startswith("+")
        names = self._operations(check_columns([name.lstrip("+") for name in columns])) if columns else []
        self.asked = [] if adding else names
        self.added = names if adding else []
        self.is_fold_asked = bool(fold)
        self.folds = fold is not False and not any(COLUMNS[name].sort is FIELD for name in names)
        self.selection = selection
        self.columns = COLUMNS
        self._closed: frozenset[str] = frozenset()
        if selection and selection.is_of_layers and depth == AUTO:
            depth = None
            self._closed = selection.block_kinds(report)
        self._depth = check_depth(depth)
        self._all: list[ReportLine] = []
        self._picked: list[int] | None = None
        self._cells: dict[str, list[str]] = {}
        self._sums: dict[str, str] = {}

    @property
    def depth(self) -> int | None:
        """How many levels of blocks are expanded; None: all."""
        if isinstance(self._depth, str):
            self._depth = _depth_that_fits(self.report)
        return self._depth

    @property
    def lines(self) -> list[ReportLine]:
        """The lines that are shown: all, the inputs first, or the selected ones."""
        return self.shown_of(self.all_lines)

    @property
    def all_lines(self) -> list[ReportLine]:
        """The lines of the whole network at the depth, the inputs first."""
        if not self._all:
            self._all = [*_input_lines(self.report), *self.lines_at(self.depth, folds=self.folds)]
        return self._all

    def lines_at(self, depth: int | None, *, folds: bool) -> list[ReportLine]:
        """Return the lines of the layers at a depth, repeated ones as one where it folds."""
        lines = self.report.lines(depth, self._closed)
        if folds and _may_repeat(lines):
            from shapecalc.renderers.folding import fold  # most networks shown have nothing to fold

            lines = fold(lines)
        return lines

    def shown_of(self, items: Sequence[_T]) -> list[_T]:
        """Return the items of the shown lines, from one item for each of all lines."""
        if self.selection is None:
            return list(items)
        if self._picked is None:
            self._picked = self.selection.picked(self.report, self.all_lines)
        return [items[index] for index in self._picked]

    def names(self, default: Sequence[str] = DEFAULT) -> list[str]:
        """Return the columns to show; `default` are a renderer's own."""
        own = SHARES if self.shares else self._operations(default)
        return self.asked or list(dict.fromkeys([*own, *self.added]))

    def _operations(self, names: Sequence[str]) -> list[str]:
        """Return the columns with MACs or FLOPs, as requested."""
        return list(dict.fromkeys("flops" if name == "macs" and self.flops else name for name in names))

    def cells(self, name: str) -> list[str]:
        """Return the cells of a column, one for each line."""
        if name not in self._cells:
            column = self.columns[name]
            values = column.values(self.report, self.all_lines)
            shown = column.sort.shown
            self._cells[name] = [shown(value) for value in self.shown_of(values)]
            if name == "params":
                self._cells[name] = [
                    SHARED if cell == NOTHING and _is_shared(line) else cell
                    for cell, line in zip(self._cells[name], self.lines, strict=True)
                ]
            self._sums[name] = shown(sum(value for value in values if value is not None)) if column.sort.adds else ""
        return self._cells[name]

    def sum(self, name: str) -> str:
        """Return the sum of a column, or empty if its values do not add up."""
        self.cells(name)
        return self._sums[name]

    def grid(self, names: Sequence[str]) -> CellGrid:
        """Return the cells of these columns."""
        totals = [self.sum(name) for name in names]
        if any(totals) and not self.columns[names[0]].sort.is_number:
            totals[0] = "total"
        flops = COLUMNS["flops"].heading
        columns = [
            self.columns[name]._replace(heading=flops) if name == "macs_share" and self.flops else self.columns[name]
            for name in names
        ]
        return CellGrid(columns, list(zip(*[self.cells(name) for name in names], strict=True)), totals)

    @property
    def title(self) -> str:
        """The name of the network and its input sizes."""
        inputs = self.report.inputs
        if len(inputs) == 1:
            sizes = f"input {show_size(next(iter(inputs.values())))}"
        else:
            sizes = ", ".join(f"{clean(name)} {show_size(size)}" for name, size in inputs.items())
        words = [clean(self.report.name), sizes, f"batch {self.report.batch:,}" if self.report.batch != 1 else ""]
        return " · ".join(word for word in words if word)

    def footer(self, names: Sequence[str]) -> list[str]:
        """Return the totals and the convention, for a report shown with these columns."""
        blocks = [line for line in self.lines if line.rows and line.is_block]
        names = [*names, "flops"] if self.flops else names
        notes = footer(self.report, names, sum(line.copies for line in blocks), self.depth)
        folded = [line for line in self.lines if line.copies > 1]
        if folded:
            what = f"{clean(folded[0].name)} are repeated {'block' if folded[0].is_block else 'layer'}s"
            words = f"{what}, with the sum of their counts; list each with --no-fold"
            notes.insert(len(notes) - len(self.report.notes), words)
        if sum(line.copies for line in blocks) > 1:
            from shapecalc.renderers.differing import differences

            found = differences(self.report.lines(self.depth, self._closed))
            end = len(notes) - len(self.report.notes)
            notes[end:end] = map(clean, found)
        if self.selection:
            whole = len(self.all_lines) - len(self.report.inputs)
            notes.insert(0, self.selection.words(len(self.lines), whole))
        return notes


def _may_repeat(lines: Sequence[ReportLine]) -> bool:
    """Return whether lines may be repeated: several are blocks, or an item is repeated."""
    marks = [id(line.rows[0].node.mark) for line in lines if not line.is_block and line.rows[0].node.mark]
    return sum(line.is_block for line in lines) > 1 or len(set(marks)) < len(marks)


def _is_shared(line: ReportLine) -> bool:
    return any(row.shares and row.sizing.weight_shapes for row in line.rows)


def check_depth(depth: int | str | None) -> int | str | None:
    """Return a depth that blocks may be expanded to, `auto` too. Errors: `UsageError`."""
    return AUTO if isinstance(depth, str) and depth == AUTO else report_depth(depth)


def _depth_that_fits(report: Report) -> int | None:
    """Return the maximum depth whose lines fit on a screen; 1 (outermost blocks collapsed) if none does."""
    if len(report.rows) <= _SCREENFUL:
        return None
    deepest = min(report.max_depth, _DEEPEST)
    fitting = [depth for depth in range(2, deepest + 1) if len(report.lines(depth)) <= _SCREENFUL]
    return max(fitting, default=1)


def _input_lines(report: Report) -> list[ReportLine]:
    nothing = Totals(*[0] * len(Totals._fields))
    return [ReportLine(name, "input", [], [size], nothing, 0, {}, "", ()) for name, size in report.inputs.items()]
