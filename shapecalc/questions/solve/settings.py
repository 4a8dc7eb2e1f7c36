"""The result of a search for settings of variables, and the variables that can be searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.model.answer import Answer
from shapecalc.questions.memory.totals import MemoryQuestion
from shapecalc.questions.solve.quantities import BUDGETS, MEMORY
from shapecalc.questions.solve.spans import Searched, has_fractions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.model.graph import Graph

__all__ = ["INPUT", "BudgetSolution", "BudgetSolutions", "check_variable", "closeness", "searchable",
           "unchanging"]  # fmt: skip

VERSION = 1
"""The version of the JSON contract."""

INPUT = "input"
"""The name under which the spatial size of the input is a variable."""


class BudgetSolution(NamedTuple):
    """A setting of the variables that meets the budgets, and what the network needs with it."""

    settings: dict[str, float]
    amounts: dict[str, int]
    used: float

    def to_dict(self) -> dict[str, Any]:
        """Return the solution in the form of the JSON contract."""
        return {"settings": self.settings, "amounts": self.amounts, "used": round(self.used, 6)}


class _BudgetSolutionsFields(NamedTuple):
    name: str
    budgets: dict[str, int]
    searched: dict[str, Searched]
    how: str
    meeting: int
    solutions: tuple[BudgetSolution, ...]
    least: BudgetSolution | None
    notes: tuple[str, ...] = ()
    question: MemoryQuestion = MemoryQuestion()


class BudgetSolutions(Answer, _BudgetSolutionsFields):
    """Settings that meet the budgets, the closest below them first; if there are none, the smallest setting.

    `searched` has for each variable the values tried, and `how`; `meeting` is the number of settings that meet the
    budgets, of which the best are in `solutions`. `question` is what was asked of memory. `notes` are the limits of the
    search.
    """

    __slots__ = ()
    drawn_by = "answers.solve.draw_budget"
    table = "solutions"

    @property
    def minimum(self) -> BudgetSolution | None:
        """The setting that needs the minimum, where no setting meets the budgets."""
        return self.least

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.name,
            "budgets": self.budgets,
            **(self.question.to_dict() if MEMORY in self.budgets else {}),
            "searched": {name: values.to_dict() for name, values in self.searched.items()},
            "how": self.how,
            "count": self.meeting,
            "solutions": [solution.to_dict() for solution in self.solutions],
            "minimum": self.minimum.to_dict() if self.minimum else None,
            "least": self.minimum.to_dict() if self.minimum else None,  # its name before
            "notes": list(self.notes),
        }


def closeness(solution: BudgetSolution) -> tuple[float, tuple[float, ...]]:
    """Return a sort key: how close a solution is to its budgets, the closest first."""
    return -solution.used, tuple(solution.settings.values())


def searchable(graph: Graph) -> list[str]:
    """Return the variables that can be searched without values: those that are numbers, and the input."""
    return [*[name for name, value in graph.variables.items() if type(value) in (int, float)], INPUT]


def check_variable(graph: Graph, name: str, values: Sequence[float] | None) -> None:
    """Check that a variable exists and may have these values. Errors: `UsageError`."""
    if name != INPUT and name not in graph.variables:
        known = [*graph.variables, INPUT]
        hint = did_you_mean(name, known)
        if not graph.is_written and not graph.variables:
            raise UsageError(Problem(f"there is no variable {name}: the file has none", hint="write --for input"))
        raise UsageError(Problem(f"there is no variable {name}", hint=hint))
    if name == INPUT and has_fractions(values):
        raise UsageError(Problem("the input has only whole sizes", hint="--for input=32:256:32"))
    if values is None and name not in searchable(graph):
        raise UsageError(
            Problem(
                f"{name} is not a number in the specification, but {_written(graph.variables[name])}",
                hint="only variables that are numbers can be searched",
            )
        )


def _written(value: Any) -> str:
    """Return the value of a variable as a specification writes it."""
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def unchanging(name: str, amounts: Mapping[str, int], *, over: bool) -> str:
    """Return the note that a variable does not change any quantity with a budget."""
    where = "beyond the budget" if over else "within the budget"
    shown = " and ".join(f"{amount:,} {BUDGETS[what].partition(',')[0]}" for what, amount in amounts.items())
    if MEMORY in amounts:
        shown = " and ".join(f"{amount:,} {'bytes' if what == MEMORY else what}" for what, amount in amounts.items())
    return f"{name} does not change {' and '.join(amounts)}: there are {shown} for any value, {where}"
