"""Networks side by side, and the differences between two of them, layer by layer."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from shapecalc.dims import total
from shapecalc.model.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine, Row

__all__ = ["TOTALS", "Change", "Comparison", "Difference", "aligned", "compare", "diff", "telling_totals"]

VERSION = 1
"""The version of both JSON contracts."""

TOTALS = ("params", "active_params", "macs", "buffers", "activations", "layers")
"""The totals by which networks are compared."""

ADDED, REMOVED, CHANGED, SAME = "added", "removed", "changed", "same"

_LONGEST_ALIGNED = 5_000
"""The maximum number of layers of a stretch that are matched by a further sort of key, such as kinds."""


def totals_of(report: Report) -> dict[str, Any]:
    """Return the totals of a network: MACs and activations for the batch of the report."""
    sums = report.total
    activations = total(row.activations for row in report.rows) * report.batch
    return _figures(sums, activations, len(report.rows))


def _figures(counts: Any, activations: Any, layers: int) -> dict[str, Any]:
    """Return the figures by which networks are compared, of the counts of a network or a layer."""
    return {**{name: getattr(counts, name) for name in TOTALS[:-2]}, "activations": activations, "layers": layers}


def telling_totals(sums: Iterable[dict[str, Any]]) -> list[str]:
    """Return the totals to show of networks: without the active parameters where all parameters are active."""
    routed = any(each["active_params"] != each["params"] for each in sums)
    return [name for name in TOTALS if routed or name != "active_params"]


def notes_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Return the notes of networks, each with the name of its own if the others do not have it too."""
    every = dict.fromkeys(note for report in reports for note in report.notes)
    lacking = {note for note in every if any(note not in report.notes for report in reports)}
    return tuple(
        dict.fromkeys(
            f"{report.name or 'network'}: {note}" if note in lacking else note
            for report in reports
            for note in report.notes
        )
    )


def kinds_of(report: Report) -> dict[str, dict[str, Any]]:
    """Return the number of layers of every kind in a network, and their sums."""
    kinds: dict[str, dict[str, Any]] = {}
    for row in report.rows:
        sums = kinds.setdefault(row.kind, dict.fromkeys(TOTALS, 0))
        activations = row.activations * report.batch
        for name, value in _figures(row, activations, 1).items():
            sums[name] = sums[name] + value
    return kinds


class _ComparisonFields(NamedTuple):
    reports: tuple[Report, ...]


class Comparison(Answer, _ComparisonFields):
    """Networks side by side; ratios are to the first."""

    __slots__ = ()
    drawn_by = "answers.comparison.draw_comparison"
    table = "networks"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake, in any of the networks."""
        return notes_of(self.reports)

    @property
    def totals(self) -> list[dict[str, Any]]:
        """The sums of each network."""
        return [totals_of(report) for report in self.reports]

    @property
    def kinds(self) -> list[dict[str, dict[str, Any]]]:
        """The sums over the layers of each kind, of each network."""
        return [kinds_of(report) for report in self.reports]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison in the form of the JSON contract."""
        first = self.totals[0]
        return {
            "version": VERSION,
            "networks": [
                {
                    "name": report.name,
                    "layout": report.layout,
                    **report.batch_to_dict(),
                    **report.notes_to_dict(),
                    "inputs": {name: list(sizes) for name, sizes in report.inputs.items()},
                    "outputs": {name: list(sizes) for name, sizes in report.outputs.items()},
                    "total": sums,
                    "ratio": {name: ratio(sums[name], first[name]) for name in TOTALS},
                    "kinds": [{"kind": kind, **values} for kind, values in kinds_of(report).items()],
                }
                for report, sums in zip(self.reports, self.totals, strict=True)
            ],
        }


def ratio(value: int, to: int) -> float | None:
    """Return a ratio; None for a divisor of 0."""
    return value / to if to else None


def compare(reports: Sequence[Report]) -> Comparison:
    """Return networks side by side."""
    return Comparison(tuple(reports))


class Change(NamedTuple):
    """One layer or block of two networks: in the first and in the second (None: absent)."""

    before: Row | ReportLine | None
    after: Row | ReportLine | None

    @property
    def status(self) -> str:
        """Whether the layer was added, removed, changed or is the same."""
        if self.before is None:
            return ADDED
        if self.after is None:
            return REMOVED
        return CHANGED if self.differing else SAME

    @property
    def differing(self) -> tuple[str, ...]:
        """What differs between the two: name, kind, output, params, macs, buffers, arguments; or a block's layers."""
        if self.before is None or self.after is None:
            return ()
        one, other = facts_of(self.before), facts_of(self.after)
        found = tuple(name for name in one if one[name] != other[name])
        return found or (("layers",) if _inside(self.before) != _inside(self.after) else ())


def facts_of(row: Row | ReportLine) -> dict[str, Any]:
    """Return the keys by which a layer, or a block, is compared."""
    sums = row.total
    return {
        "name": row.name,
        "kind": row.kind,
        "output": [list(sizes) for sizes in row.output_shapes],
        "params": sums.params,
        "macs": sums.macs,
        "buffers": sums.buffers,
        "arguments": row.arguments,
    }


def _inside(row: Row | ReportLine) -> list[dict[str, Any]]:
    """Return those keys of the layers in a block, with their names within it; empty for a layer."""
    if not getattr(row, "is_block", False):
        return []
    return [{**facts_of(one), "name": one.name.removeprefix(row.name)} for one in getattr(row, "rows", ())]


class _DifferenceFields(NamedTuple):
    before: Report
    after: Report
    changes: tuple[Change, ...]


class Difference(Answer, _DifferenceFields):
    """The differences between two networks: every layer of both, aligned, in order."""

    __slots__ = ()
    drawn_by = "answers.difference.draw_difference"
    table = "layers"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake, in either network."""
        return notes_of((self.before, self.after))

    def count(self, status: str) -> int:
        """Return how many layers were added, removed, changed or are the same."""
        return sum(change.status == status for change in self.changes)

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs: no layer, no input or output, no sum."""
        return self.count(SAME) == len(self.changes) and _header(self.before) == {
            **_header(self.after),
            "name": self.before.name,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the difference in the form of the JSON contract: unchanged layers are only counted."""
        sides = {"a": self.before, "b": self.after}
        return {
            "version": VERSION,
            **{side: {**_header(report), **report.notes_to_dict()} for side, report in sides.items()},
            "layers": [_entry(change) for change in self.changes if change.status != SAME],
            "counts": {status: self.count(status) for status in (ADDED, REMOVED, CHANGED, SAME)},
            "difference": {name: value - totals_of(self.before)[name] for name, value in totals_of(self.after).items()},
        }


def _header(report: Report) -> dict[str, Any]:
    return {
        "name": report.name,
        **report.batch_to_dict(),
        "inputs": {name: list(sizes) for name, sizes in report.inputs.items()},
        "outputs": {name: list(sizes) for name, sizes in report.outputs.items()},
        "total": totals_of(report),
    }


def _entry(change: Change) -> dict[str, Any]:
    return {
        "status": change.status,
        "differing": list(change.differing),
        "a": facts_of(change.before) if change.before else None,
        "b": facts_of(change.after) if change.after else None,
    }


def diff(before: Report, after: Report, depth: int | None = None) -> Difference:
    """Return the differences between two networks, layer by layer; with a depth, collapsed blocks as a whole.

    Layers with the same name and kind are matched, in order; between those, layers of the same kind.
    """

    def rows_of(report: Report) -> Sequence[Row | ReportLine]:
        return report.rows if depth is None else report.lines(depth)

    pairs = aligned(rows_of(before), rows_of(after), [lambda row: (row.name, row.kind), lambda row: row.kind])
    return Difference(before, after, tuple([Change(*pair) for pair in pairs]))


_Layer = TypeVar("_Layer")


def aligned(
    before: Sequence[_Layer], after: Sequence[_Layer], keys: Sequence[Callable[[_Layer], Hashable]]
) -> Iterator[tuple[_Layer | None, _Layer | None]]:
    """Yield the layers of two networks in pairs: of equal keys, in order; between those by the next sort of key."""
    key, *others = keys
    matcher = difflib.SequenceMatcher(None, [key(row) for row in before], [key(row) for row in after], autojunk=False)
    for what, first, last, start, end in matcher.get_opcodes():
        one, other = before[first:last], after[start:end]
        if what == "equal":
            yield from zip(one, other, strict=True)
        elif others and len(one) * len(other) <= _LONGEST_ALIGNED**2:
            yield from aligned(one, other, others)
        else:
            yield from [*((row, None) for row in one), *((None, row) for row in other)]
