"""Which lines of a report are shown, and in which order: of some kinds alone, the largest first, so many of them."""

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
"""What `top` goes by where no order is given."""

_WORDS = {"macs": "MACs", "flops": "FLOPs"}


class Selection(NamedTuple):
    """What is asked of the lines of a report: kinds (none: all), a column to order by, and how many to keep.

    A column of counts orders from the largest to the smallest, behind `+` the other way; one of texts by the alphabet.
    """

    kinds: tuple[str, ...] = ()
    sort: str = ""
    top: int | None = None

    @property
    def is_of_layers(self) -> bool:
        """Whether it is layers that are looked for, whatever block they are in."""
        return bool(self.kinds) or self.top is not None

    @property
    def column(self) -> str:
        """The column to order by; none where the order stays."""
        return self.sort.lstrip("+-").strip().lower() or (_USUAL if self.top is not None else "")

    def check(self) -> None:
        """See that it can be. Errors: `UsageError` for an unknown column, or one without an order; no such number."""
        if self.sort:
            check_columns(self.sort.lstrip("+- ").lower().split())
        if self.column:
            check_columns([self.column])
            if COLUMNS[self.column].sort is FIELD:
                raise UsageError(Problem(f"{self.column} is no order", hint="params, macs or output_bytes would do"))
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
                message = f"the network has no layer of the kind {word}"
                raise UsageError(Problem(message, hint=did_you_mean(word, there)))
            wanted.add(kind)
        return wanted

    def words(self, shown: int, whole: int) -> str:
        """Return in words what is shown of so many lines."""
        parts = [f"{shown:,} of {whole:,} lines are shown"]
        parts += [f"of the kind{'s' if len(self.kinds) > 1 else ''} {', '.join(self.kinds)}"] if self.kinds else []
        if self.column:
            first = "smallest" if self.sort.strip().startswith("+") else "largest"
            word = _WORDS.get(self.column, self.column.replace("_", " "))
            first = f"the {first} {word} first" if COLUMNS[self.column].sort.adds else f"by {self.column}"
            parts.append(first)
        return f"{', '.join(parts)}; the totals are those of the whole network."
