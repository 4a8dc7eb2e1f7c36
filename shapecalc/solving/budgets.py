"""Which settings of variables meet a budget of parameters, MACs or memory: exact, and the closest below it first.

Where the variables only make sizes, many settings are worked out in one pass, on lists of numbers; where they decide
how the network is built, each setting is built and inferred by itself. The best answers are worked out once more on
plain numbers.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.lists import Many, mask, values_of
from shapecalc.errors import Problem, ShapeError, UsageError, did_you_mean
from shapecalc.evaluation import evaluate
from shapecalc.sizes import free_sizes, with_sizes
from shapecalc.solving.quantities import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.graph import Graph

    Rebuild = Callable[[Mapping[str, Any]], tuple[Graph, list[Problem]]]

__all__ = ["INPUT", "BudgetSolution", "BudgetSolutions", "solve_budget"]

VERSION = 1
"""The version of the JSON contract."""

INPUT = "input"
"""The name under which the spatial size of the input is a variable."""

_MOST_SETTINGS = 100_000
_MOST_BUILDS = 3_000
_CHUNK = 4_096
_MOST_VALUE = 2**24
_KEPT = 1_000
_INFERRED = 10


class BudgetSolution(NamedTuple):
    """A setting of the variables that meets the budgets, and what the network then needs."""

    settings: dict[str, int]
    amounts: dict[str, int]
    used: float

    def to_dict(self) -> dict[str, Any]:
        """Return the solution as the JSON contract has it."""
        return {"settings": self.settings, "amounts": self.amounts, "used": round(self.used, 6)}


class BudgetSolutions(NamedTuple):
    """Settings that meet the budgets, the closest below them first; where there is none, the least there is.

    `searched` says of each variable which values were tried (first, last, step) and `how`; `meeting` is how many
    settings meet the budgets, of which the best are in `solutions`.
    """

    name: str
    budgets: dict[str, int]
    searched: dict[str, tuple[int, int, int]]
    how: str
    meeting: int
    solutions: tuple[BudgetSolution, ...]
    least: BudgetSolution | None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as the JSON contract has it."""
        return {
            "version": VERSION,
            "name": self.name,
            "budgets": self.budgets,
            "searched": {
                name: {"first": low, "last": high, "step": step} for name, (low, high, step) in self.searched.items()
            },
            "how": self.how,
            "count": self.meeting,
            "solutions": [solution.to_dict() for solution in self.solutions],
            "least": self.least.to_dict() if self.least else None,
        }


def solve_budget(
    graph: Graph,
    rebuild: Rebuild,
    variables: Mapping[str, range | None],
    budgets: Mapping[str, int],
    *,
    bits: int = 32,
) -> BudgetSolutions:
    """Return the settings of variables that meet every budget.

    `variables` has for each the values to try, or None for all that can matter; `input` stands for the spatial size.
    Errors: `UsageError` for a variable that is not there, or a search too large.
    """
    if not variables or not budgets:
        raise UsageError(Problem("a search needs a variable and a budget", mend="--for width --params 5M"))
    search = _Search(graph, rebuild, dict(variables), dict(budgets), bits)
    return search.answer()


class _Search:
    """One search: what was asked, and what is tried."""

    def __init__(
        self, graph: Graph, rebuild: Rebuild, variables: dict[str, range | None], budgets: dict[str, int], bits: int
    ) -> None:
        self.graph, self.rebuild, self.budgets, self.bits = graph, rebuild, budgets, bits
        self.names = list(variables)
        for name in self.names:
            _check(graph, name)
        self.in_one_pass = self._takes_many()
        self.how = ""
        own = [name for name, values in variables.items() if values is None]
        self.ranges = {name: values or range(1, 2) for name, values in variables.items()}
        for name in own:
            self.ranges[name] = self._reach(name)
        if len(own) > 1:
            self._thin(own)

    def answer(self) -> BudgetSolutions:
        """Try every setting, and return the best."""
        count = 0
        best: list[BudgetSolution] = []
        least: BudgetSolution | None = None
        settings = 1
        for values in self.ranges.values():
            settings *= len(values)
        most = _MOST_SETTINGS if self.in_one_pass else _MOST_BUILDS
        if settings > most:
            raise UsageError(
                Problem(
                    f"the search would try {settings:,} settings: at most {most:,} are tried",
                    mend=f"give a narrower range, as --for {self.names[0]}=16:128:8",
                )
            )
        for found in self._amounts(itertools.product(*self.ranges.values())):
            if least is None or found.used < least.used:
                least = found
            if all(found.amounts[what] <= most for what, most in self.budgets.items()):
                count += 1
                best.append(found)
                if len(best) > 2 * _KEPT:
                    best = sorted(best, key=_closeness)[:_KEPT]
        self.how = "many settings in one pass" if self.in_one_pass else "each setting built by itself"
        searched = {name: (r[0], r[-1], r.step) for name, r in self.ranges.items()}
        chosen = tuple(sorted(best, key=_closeness)[:_KEPT])
        for solution in chosen[:_INFERRED]:
            again = self._evaluate(solution.settings, 1)
            if again is None or {what: int(values[0]) for what, values in again[1].items()} != solution.amounts:
                raise ShapeError(f"what {solution.settings} needs could not be confirmed by inference")
        return BudgetSolutions(
            self.graph.name, self.budgets, searched, self.how, count, chosen, None if count else least
        )

    def _takes_many(self) -> bool:
        """Tell whether every variable only makes sizes, and decides nothing of how the network is built."""
        numbers = {name: Many([self._given(name)]) for name in self.names if name != INPUT}
        _, problems = self.rebuild(numbers) if numbers else (None, [])
        return not problems

    def _given(self, name: str) -> int:
        return int(self.graph.variables.get(name, 1) or 1)

    def _amounts(self, settings: Iterator[tuple[int, ...]]) -> Iterator[BudgetSolution]:
        """Yield what a network needs with each of the settings that it takes."""
        size = _CHUNK if self.in_one_pass else 1
        while chunk := list(itertools.islice(settings, size)):
            columns: list[Any] = [Many(column) for column in zip(*chunk, strict=True)] if size > 1 else list(chunk[0])
            numbers = dict(zip(self.names, columns, strict=True))
            found = self._evaluate(numbers, len(chunk))
            if found is None:
                continue
            right, amounts = found
            for index, values in enumerate(chunk):
                if right[index]:
                    own = {what: int(column[index]) for what, column in amounts.items()}
                    used = max(own[what] / most for what, most in self.budgets.items())
                    yield BudgetSolution(dict(zip(self.names, values, strict=True)), own, used)

    def _evaluate(
        self, numbers: Mapping[str, Any], candidates: int
    ) -> tuple[list[bool], dict[str, Sequence[int]]] | None:
        variables = {name: value for name, value in numbers.items() if name != INPUT}
        graph, problems = self.rebuild(variables) if variables else (self.graph, [])
        if problems:
            return None
        if INPUT in numbers:
            places = [(name, axis) for name, s in graph.inputs.items() for axis in range(len(free_sizes(s)))]
            graph = with_sizes(graph, dict.fromkeys(places, numbers[INPUT]))
        try:
            evaluation = evaluate(graph)
        except ShapeError:
            return None
        right = [True] * candidates
        for constraint in evaluation.constraints:
            right = [a and b for a, b in zip(right, mask(constraint, candidates), strict=True)]
        return right, {what: values_of(measure(evaluation, what, self.bits), candidates) for what in self.budgets}

    def _reach(self, name: str) -> range:
        """Return the values of a variable from 1 to beyond where a budget is always passed, the others at their least.

        What is needed is tried at doubling values; a variable that budgets do not bound is refused.
        """
        at = {other: values[0] for other, values in self.ranges.items() if other != name}
        value, passed, low = 1, 0, 1
        while value <= _MOST_VALUE:
            over = self._is_over({**at, name: value})
            passed = passed + 1 if over else 0
            if passed == 2:
                alone = len(self.names) == 1 and value // 2 > self._room()
                return self._narrowed(at, name, low, value // 2) if alone else range(1, value // 2 + 1)
            if over is False:
                low = value
            value *= 2
        raise UsageError(
            Problem(
                f"no value of {name} up to {_MOST_VALUE:,} goes beyond the budget",
                mend=f"give a range: --for {name}=1:{4 * self._given(name)}",
            )
        )

    def _thin(self, own: Sequence[str]) -> None:
        """Try of several variables that no range was given for as many values each as can be tried in all."""
        left = _MOST_SETTINGS if self.in_one_pass else _MOST_BUILDS
        left //= math.prod(len(self.ranges[name]) for name in self.names if name not in own)
        waiting = sorted(own, key=lambda name: len(self.ranges[name]))
        for turn, name in enumerate(waiting):
            values = self.ranges[name]
            each = max(2, int(left ** (1 / (len(waiting) - turn))))
            step = -(-len(values) // each)
            self.ranges[name] = range(step if step > 1 else values[0], values[-1] + 1, step)
            left = max(1, left // len(self.ranges[name]))

    def _room(self) -> int:
        return _MOST_SETTINGS // 8 if self.in_one_pass else _MOST_BUILDS // 8

    def _narrowed(self, at: Mapping[str, int], name: str, low: int, high: int) -> range:
        """Return the values next to where a budget is passed, found by halving: what is needed grows with them."""
        while high - low > self._room():
            middle = (low + high) // 2
            if self._is_over({**at, name: middle}):
                high = middle
            else:
                low = middle
        return range(low, high + 1)

    def _is_over(self, setting: Mapping[str, int]) -> bool | None:
        """Tell whether a setting is beyond a budget, legal or not; None where the network cannot be built with it."""
        found = self._evaluate(setting, 1)
        if found is None:
            return None
        return any(found[1][what][0] > most for what, most in self.budgets.items())


def _closeness(solution: BudgetSolution) -> tuple[float, tuple[int, ...]]:
    return -solution.used, tuple(solution.settings.values())


def _check(graph: Graph, name: str) -> None:
    if name != INPUT and name not in graph.variables:
        known = [*graph.variables, INPUT]
        raise UsageError(Problem(f"there is no variable {name}", mend=did_you_mean(name, known)))
