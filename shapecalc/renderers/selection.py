"""Which lines of a report are shown, and in which order: only some kinds, the largest first, at most N of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.layers import find_kind
from shapecalc.renderers.cells import FIELD
from shapecalc.renderers.columns import COLUMNS, check_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.report import Report, ReportLine

__all__ = ["Selection"]

_USUAL = "params"
"""The default column that `top` sorts by."""

_WORDS = {"macs": "MACs", "flops": "FLOPs"}


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
        if self.sort:
            check_columns(self.sort.lstrip("+- ").lower().split())
        if self.column:
            check_columns([self.column])
            if COLUMNS[self.column].sort is FIELD:
                raise UsageError(
                    Problem(f"lines cannot be sorted by {self.column}", hint="use params, macs or output_bytes")
                )
        if self.top is not None and (type(self.top) is not int or self.top < 1):
            raise UsageError(Problem(f"top is {self.top}", hint="give a whole number of at least 1"))

    def picked(self, report: Report, lines: Sequence[ReportLine]) -> list[int]:
        """Return the indices of the lines shown, in order. Errors: `UsageError` for a kind that is not there."""
        wanted = self._kinds_in(lines)
        found = [index for index, line in enumerate(lines) if line.rows and (not wanted or line.kind in wanted)]
        if self.column:
            column = COLUMNS[self.column]
            values = column.values(report, lines)
            keys: list[Any] = [value if column.sort.adds else column.sort.plain(value) for value in values]
            found.sort(key=keys.__getitem__, reverse=column.sort.adds and not self.sort.strip().startswith("+"))
        return found[: self.top]

    def _kinds_in(self, lines: Sequence[ReportLine]) -> set[str]:
        there = dict.fromkeys(line.kind for line in lines if line.rows)
        wanted = set()
        for word in self.kinds:
            cls = find_kind(word)
            kind = word if word in there or cls is None else cls.kind
            if kind not in there:
                message = f"the network has no layer of kind {word}"
                raise UsageError(Problem(message, hint=did_you_mean(word, there)))
            wanted.add(kind)
        return wanted

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
