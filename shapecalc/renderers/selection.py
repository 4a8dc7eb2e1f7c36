"""Which lines of a report are shown, and in which order: only some kinds, the largest first, at most N of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.layers import find_kind
from shapecalc.renderers.cells import FIELD, TEXT
from shapecalc.renderers.columns import COLUMNS, check_columns
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine
    from shapecalc.renderers.columns import Column

__all__ = ["Selection", "sortable"]

_WORDS = {"macs": "MACs", "flops": "FLOPs"}


def sortable(columns: Mapping[str, Column] = COLUMNS) -> list[str]:
    """Return the columns that lines can be sorted by."""
    return [name for name, column in columns.items() if column.sort.order]


class Selection(NamedTuple):
    """A selection of lines of a report: kinds (none: all), a column to sort by, and how many to keep.

    A column sorts from the smallest to the largest, with a leading `-` from the largest: one of sizes by their
    elements, one of texts alphabetically. (A leading `+` is the same as none.)
    """

    kinds: tuple[str, ...] = ()
    sort: str | None = None
    top: int | None = None
    usual: str = "-params"
    """The default order of `top`."""
    columns: Mapping[str, Column] = COLUMNS
    """The columns that there are."""

    @property
    def is_of_layers(self) -> bool:
        """Whether single layers are selected, inside blocks too."""
        return bool(self.kinds) or self.top is not None

    @property
    def column(self) -> str:
        """The column to sort by; empty to keep the order."""
        return self._order.lstrip("+-").strip().lower()

    @property
    def _order(self) -> str:
        """The column with its sign."""
        if self.sort is None:
            return self.usual if self.top is not None else ""
        return self.sort.strip()

    @property
    def is_upwards(self) -> bool:
        """Whether the smallest, or the first of the alphabet, comes first."""
        return not self._order.startswith("-")

    def check(self) -> None:
        """Check the selection. Errors: `UsageError` for an unknown column, one without an order, or a bad number."""
        if self.sort is not None:
            read_string(self.sort, "sort")
            known = sortable(self.columns)
            listed = f"choose from: {', '.join(known)}"
            if not self.column:
                raise UsageError(Problem("no column is named to sort by", hint=listed))
            check_columns([self.column], self.columns)
            if self.column not in known:
                raise UsageError(Problem(f"lines cannot be sorted by {self.column}", hint=listed))
        if self.top is not None and (type(self.top) is not int or self.top < 1):
            raise UsageError(Problem(f"top is {self.top}", hint="give a whole number of at least 1"))

    def block_kinds(self, report: Report) -> frozenset[str]:
        """Return the kinds of blocks that are selected: those of the words by which no layer is called."""
        known = {block.kind for block in report.graph.blocks}
        rows = report.lines() if known and self.kinds else []
        found: set[str] = set()
        for word in self.kinds if known else ():
            cls = find_kind(word)
            if not any(_is_of(word, cls, row) for row in rows):
                found.update(kind for kind in known if _is_named(kind, word, cls))
        return frozenset(found)

    def picked(self, report: Report, lines: Sequence[ReportLine]) -> list[int]:
        """Return the indices of the lines shown, in order. Errors: `UsageError` for an unknown kind."""
        found = [index for index, line in enumerate(lines) if line.rows]
        if self.kinds:
            chosen = {index for word in self.kinds for index in _lines_of(word, report, lines, self.kinds)}
            found = [index for index in found if index in chosen]
        if self.column:
            column = self.columns[self.column]
            order = column.sort.order or str
            keys = [order(value) for value in column.values(report, lines)]
            found.sort(key=keys.__getitem__, reverse=not self.is_upwards)
        return found[: self.top]

    def words(self, shown: int, whole: int, *, adds: bool = True) -> str:
        """Return the note on which lines are shown; `adds` is whether there are totals."""
        parts = [f"{shown:,} of {whole:,} lines shown"]
        parts += [f"of kind{'s' if len(self.kinds) > 1 else ''} {', '.join(self.kinds)}"] if self.kinds else []
        if self.column:
            column = self.columns[self.column]
            is_text = column.sort is TEXT
            plain = column.doc.partition(":")[0] if column.sort is FIELD else self.column.replace("_", " ")
            word = _WORDS.get(self.column, plain)
            first = f"{'smallest' if self.is_upwards else 'largest'} {word} first"
            downwards = "" if self.is_upwards else ", from z to a"
            parts.append(f"sorted by {self.column}{downwards}" if is_text else first)
        return f"{', '.join(parts)}{'; totals are those of all lines' if adds else ''}."


def _lines_of(word: str, report: Report, lines: Sequence[ReportLine], asked: Sequence[str]) -> list[int]:
    """Return the indices of the lines of a kind, by any of its names. Errors: `UsageError` where there is none.

    `asked` are all kinds that are selected: blocks of one may contain those of this one.
    """
    cls = find_kind(word)
    found = [index for index, line in enumerate(lines) if line.rows and _is_of(word, cls, line)]
    if not found:
        if around := _kinds_around(word, report, lines, asked):
            message = f"the table has blocks of kind {around} as one line each, and {word} only inside them"
            raise UsageError(Problem(message, hint="ask for one of the two kinds at a time"))
        depth = _depth_with(word, report)
        if depth:
            hint = f"choose --depth {depth} (depth={depth} in Python), at which there are some"
            raise UsageError(Problem(f"no line is of kind {word} at this depth", hint=hint))
        blocks = [block.kind for block in report.graph.blocks]
        there = dict.fromkeys([*[line.kind for line in lines if line.rows], *blocks])
        names = [] if cls else [name for line in lines if line.rows for name in _names_of(line)]
        listed = f"known here: {', '.join(sorted(map(clean, there)))}"
        row = next((row for row in report.rows if row.name == word), None)
        if row is not None:
            hint = f'{clean(word)} is a layer of kind {row.kind}: write --kind {row.kind} (kind="{row.kind}" in Python)'
            raise UsageError(Problem(f"the network has no layer of kind {word}", hint=hint))
        hint_of_names = did_you_mean(word, [*names, *blocks], listed, lists=False)
        raise UsageError(Problem(f"the network has no layer of kind {word}", hint=hint_of_names))
    return found


def _kinds_around(word: str, report: Report, lines: Sequence[ReportLine], asked: Sequence[str]) -> str:
    """Return the kinds of the selected blocks, a line each, that contain what is of a kind; empty for none."""
    cls = find_kind(word)
    kinds = {block.name: block.kind for block in report.graph.blocks}
    rows = {line.rows[0].name for line in report.lines() if _is_of(word, cls, line)} if kinds else set()
    found: dict[str, None] = {}
    for line in lines:
        if line.is_block and any(_is_named(line.kind, other, find_kind(other)) for other in asked if other != word):
            scopes = {scope for row in line.rows for scope in report.blocks_of(row)} - {line.name}
            if any(row.name in rows for row in line.rows) or any(_is_named(kinds[s], word, cls) for s in scopes):
                found[clean(line.kind)] = None
    return " and ".join(found)


def _depth_with(word: str, report: Report) -> int:
    """Return the minimum depth at which a line is of a kind; 0 if there is none."""
    cls = find_kind(word)
    depths = range(1, report.max_depth + 1)
    return next((depth for depth in depths if any(_is_of(word, cls, line) for line in report.lines(depth))), 0)


def _is_of(word: str, cls: type[Layer] | None, line: ReportLine) -> bool:
    """Return whether a line is of the kind `cls`, called `word`: a name that states a rank is held to it."""
    if line.is_block or line.kind == word or cls is None:
        return _is_named(line.kind, word, cls)
    layer, inputs = line.rows[0].node.layer, line.rows[0].sizing.inputs
    if layer is None or cls.kind not in (layer.kind, *layer.is_a):
        return False
    return not inputs or layer.expects_rank(layer.spatial_rank(inputs[0]), word)


def _is_named(kind: str, word: str, cls: type[Layer] | None) -> bool:
    """Return whether a kind, of a block or without other names, is the one called `word`."""
    return kind == word or (cls is not None and kind == cls.kind)


def _names_of(line: ReportLine) -> list[str]:
    """Return the words that find a line: its kind, and all names of that."""
    layer = None if line.is_block else line.rows[0].node.layer
    kinds = [find_kind(kind) for kind in (layer.kind, *layer.is_a)] if layer else []
    return [line.kind, *[name for cls in kinds if cls for name in (cls.kind, *cls.also)]]
