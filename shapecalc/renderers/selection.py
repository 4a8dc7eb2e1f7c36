"""Which lines of a report are shown, and in which order: only some kinds, the largest first, at most N of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.layers import find_kind
from shapecalc.renderers.cells import FIELD
from shapecalc.renderers.columns import COLUMNS, check_columns
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine

__all__ = ["Selection", "sortable"]

_USUAL = "params"
"""The default column that `top` sorts by."""

_WORDS = {"macs": "MACs", "flops": "FLOPs"}


def sortable() -> list[str]:
    """Return the columns that lines can be sorted by."""
    return [name for name, column in COLUMNS.items() if column.sort is not FIELD]


class Selection(NamedTuple):
    """A selection of lines of a report: kinds (none: all), a column to sort by, and how many to keep.

    A column of counts sorts from the largest to the smallest, with a leading `+` the other way; one of strings
    alphabetically.
    """

    kinds: tuple[str, ...] = ()
    sort: str = ""
    top: int | None = None

    @property
    def is_of_layers(self) -> bool:
        """Whether single layers are selected, inside blocks too."""
        return bool(self.kinds) or self.top is not None

    @property
    def column(self) -> str:
        """The column to sort by; empty to keep the order."""
        return self.sort.lstrip("+-").strip().lower() or (_USUAL if self.top is not None else "")

    def check(self) -> None:
        """Check the selection. Errors: `UsageError` for an unknown column, one without an order, or a bad number."""
        read_string(self.sort, "sort")
        if self.sort:
            check_columns(self.sort.lstrip("+- ").lower().split())
        if self.column:
            check_columns([self.column])
            if self.column not in sortable():
                raise UsageError(
                    Problem(f"lines cannot be sorted by {self.column}", hint="use params, macs or output_bytes")
                )
        if self.top is not None and (type(self.top) is not int or self.top < 1):
            raise UsageError(Problem(f"top is {self.top}", hint="give a whole number of at least 1"))

    def picked(self, report: Report, lines: Sequence[ReportLine]) -> list[int]:
        """Return the indices of the lines shown, in order. Errors: `UsageError` for an unknown kind."""
        found = [index for index, line in enumerate(lines) if line.rows]
        if self.kinds:
            chosen = {index for word in self.kinds for index in _lines_of(word, lines)}
            found = [index for index in found if index in chosen]
        if self.column:
            column = COLUMNS[self.column]
            values = column.values(report, lines)
            keys: list[Any] = [value if column.sort.adds else column.sort.plain(value) for value in values]
            found.sort(key=keys.__getitem__, reverse=column.sort.adds and not self.sort.strip().startswith("+"))
        return found[: self.top]

    def words(self, shown: int, whole: int) -> str:
        """Return the note on which lines are shown."""
        parts = [f"{shown:,} of {whole:,} lines shown"]
        parts += [f"of kind{'s' if len(self.kinds) > 1 else ''} {', '.join(self.kinds)}"] if self.kinds else []
        if self.column:
            first = "smallest" if self.sort.strip().startswith("+") else "largest"
            word = _WORDS.get(self.column, self.column.replace("_", " "))
            first = f"{first} {word} first" if COLUMNS[self.column].sort.adds else f"sorted by {self.column}"
            parts.append(first)
        return f"{', '.join(parts)}; totals are those of the whole network."


def _lines_of(word: str, lines: Sequence[ReportLine]) -> list[int]:
    """Return the indices of the lines of a kind, by any of its names. Errors: `UsageError` where there is none."""
    cls = find_kind(word)
    found = [index for index, line in enumerate(lines) if line.rows and _is_of(word, cls, line)]
    if not found:
        there = dict.fromkeys(line.kind for line in lines if line.rows)
        names = [] if cls else [name for line in lines if line.rows for name in _names_of(line)]
        listed = f"known here: {', '.join(sorted(map(clean, there)))}"
        hint = did_you_mean(word, names, listed, lists=False)
        raise UsageError(Problem(f"the network has no layer of kind {word}", hint=hint))
    return found


def _is_of(word: str, cls: type[Layer] | None, line: ReportLine) -> bool:
    """Return whether a line is of the kind `cls`, called `word`: a name that states a rank is held to it."""
    if line.kind == word or cls is None or line.is_block:
        return line.kind == word or (line.is_block and cls is not None and line.kind == cls.kind)
    layer, inputs = line.rows[0].node.layer, line.rows[0].sizing.inputs
    if layer is None or cls.kind not in (layer.kind, *layer.is_a):
        return False
    return not inputs or layer.expects_rank(layer.spatial_rank(inputs[0]), word)


def _names_of(line: ReportLine) -> list[str]:
    """Return the words that find a line: its kind, and all names of that."""
    layer = None if line.is_block else line.rows[0].node.layer
    kinds = [find_kind(kind) for kind in (layer.kind, *layer.is_a)] if layer else []
    return [line.kind, *[name for cls in kinds if cls for name in (cls.kind, *cls.also)]]
