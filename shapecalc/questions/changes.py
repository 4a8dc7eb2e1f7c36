"""What changed in specifications between two commits: networks that were added, removed, renamed, changed or broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.answer import Answer
from shapecalc.questions.compare import totals_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.errors import Problem
    from shapecalc.model.report import Report
    from shapecalc.questions.compare import Difference

__all__ = ["ADDED", "BROKEN", "CHANGED", "REMOVED", "RENAMED", "SAME", "Changes", "Inspected", "NetworkChange"]

VERSION = 1
"""The version of the JSON contract."""

ADDED, REMOVED, RENAMED, CHANGED, BROKEN, SAME = "added", "removed", "renamed", "changed", "broken", "same"


class Inspected(NamedTuple):
    """A network at one commit: its report, or without one its problems."""

    report: Report | None
    problems: tuple[Problem, ...] = ()


class NetworkChange(NamedTuple):
    """One network at two commits (None: absent); `name` is its file, or FILE:VARIANT, and `was` another name before.

    `difference` is that of its reports, where both exist.
    """

    name: str
    before: Inspected | None
    after: Inspected | None
    was: str = ""
    difference: Difference | None = None

    @property
    def status(self) -> str:
        """What happened to it: `broken` is that it has errors now, unless it was not edited and had them before."""
        if self.after is None:
            return REMOVED
        if self.after.report is None:
            return SAME if self.before is self.after else BROKEN
        if self.before is None:
            return ADDED
        if self.difference is None or not self.difference.is_empty:
            return CHANGED
        return RENAMED if self.was else SAME

    def to_dict(self) -> dict[str, Any]:
        """Return the change in the form of the JSON contract."""
        return {
            "status": self.status,
            "name": self.name,
            **({"was": self.was} if self.was else {}),
            "a": _side(self.before),
            "b": _side(self.after),
            "diff": self.difference.to_dict() if self.difference and not self.difference.is_empty else None,
        }


def _side(side: Inspected | None) -> dict[str, Any] | None:
    if side is None:
        return None
    report = side.report
    return {
        "total": totals_of(report) if report else None,
        "outputs": {name: list(sizes) for name, sizes in report.outputs.items()} if report else None,
        "problems": [problem.to_dict() for problem in side.problems],
    }


class _ChangesFields(NamedTuple):
    before: str
    after: str
    networks: tuple[NetworkChange, ...]


class Changes(Answer, _ChangesFields):
    """What changed in the networks of a repository: `before` and `after` name what is compared."""

    __slots__ = ()
    drawn_by = "answers.changes.draw_changes"
    table = "networks"

    @property
    def changed(self) -> tuple[NetworkChange, ...]:
        """The networks of which anything changed."""
        return tuple(one for one in self.networks if one.status != SAME)

    def to_dict(self) -> dict[str, Any]:
        """Return the changes in the form of the JSON contract: unchanged networks are only counted."""
        return {
            "version": VERSION,
            "a": self.before,
            "b": self.after,
            "networks": [one.to_dict() for one in self.changed],
            "counts": _counts(one.status for one in self.networks),
        }


def _counts(statuses: Iterable[str]) -> dict[str, int]:
    found = dict.fromkeys((ADDED, REMOVED, RENAMED, CHANGED, BROKEN, SAME), 0)
    for status in statuses:
        found[status] += 1
    return found
