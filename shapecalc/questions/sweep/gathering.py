"""The rows kept from the parts of a sweep: all, the first, the best, or the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from shapecalc.questions.sweep.plan import joined

if TYPE_CHECKING:
    from shapecalc.questions.sweep.plan import SweepPlan
    from shapecalc.questions.sweep.result import Sweep
    from shapecalc.questions.sweep.selection import RowCondition

__all__ = ["Gathering", "Wish"]

_POINTS = 20_000
"""The maximum number of points plotted with a front."""


class Wish(NamedTuple):
    """The selection of a sweep's rows: conditions, the front of objectives, an order, a maximum number."""

    condition: RowCondition | None = None
    pareto: str = ""
    sort: str = ""
    top: int | None = None

    @property
    def needs_all(self) -> bool:
        """Whether no row can be returned before all are known."""
        return bool(self.pareto or self.sort)


class Gathering:
    """Collects the parts of a sweep and keeps the rows that may be selected in the end."""

    def __init__(self, plan: SweepPlan, wish: Wish, cloud: tuple[str, ...] = ()) -> None:
        self.plan = plan
        self.wish = wish
        self.seen = self.valid = self.kept = self.on_front = 0
        self.first_wrong: int | None = None
        self._parts: list[Sweep] = []
        self._cloud = cloud
        self._points: list[Any] = []
        self._each = 1

    def add(self, part: Sweep) -> Sweep:
        """Add a part; return its rows that meet the condition."""
        valid = part["valid"]
        self.seen += len(part)
        self.valid += int(valid.sum())
        if self.first_wrong is None and not valid.all():
            self.first_wrong = int(part["variant"][int(np.argmin(valid))])
        part = part.kept(self.wish.condition)
        self.kept += len(part)
        if self._cloud:
            shown = part.rows(part["valid"]).rows(slice(None, None, self._each))
            self._points.append(np.stack([shown[name].astype(float) for name in self._cloud], axis=1))
            if sum(map(len, self._points)) > 2 * _POINTS:
                self._points = [np.concatenate(self._points)[::2]]
                self._each *= 2
        return part

    def keep(self, part: Sweep) -> None:
        """Keep the rows of a part that may be selected in the end."""
        wish, held = self.wish, sum(map(len, self._parts))
        if not wish.needs_all and wish.top is not None and held >= wish.top:
            return
        self._parts.append(part)
        if wish.pareto or wish.top is not None:
            self._parts = [self._chosen()]

    def _chosen(self) -> Sweep:
        rows, wish = joined(self.plan, self._parts), self.wish
        if wish.pareto:
            return rows.pareto(wish.pareto)  # dominated rows stay dominated
        if wish.sort:
            rows = rows.sort(wish.sort)
        return rows.rows(slice(wish.top))

    def front(self) -> Sweep:
        """Return all the rows on the front."""
        return joined(self.plan, self._parts)

    def result(self) -> Sweep:
        """Return the selected rows, in their order."""
        rows = self._chosen()
        self.on_front = len(rows)
        if self.wish.pareto and self.wish.sort:
            rows = rows.sort(self.wish.sort)
        return rows.rows(slice(self.wish.top))

    def cloud(self) -> Any:
        """Return a sample of points of all rows, for the plot."""
        return np.concatenate(self._points) if self._points else np.zeros((0, len(self._cloud)))
