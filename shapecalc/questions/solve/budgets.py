"""Which settings of variables meet a budget of parameters, MACs or memory: exact, and the closest below it first.

If the variables only change sizes, many settings are computed in one pass, on lists of numbers; if they change the
structure of the network, each setting is built and inferred separately. The best answers are computed again on plain
numbers. A search is one class: what it tries next depends on its results so far.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.dims.lists import Many, mask, values_of
from shapecalc.errors import Problem, ShapeError, UsageError
from shapecalc.model.generic_inference import infer_generic
from shapecalc.questions.memory.totals import MemoryQuestion
from shapecalc.questions.sizes import free_sizes, with_sizes
from shapecalc.questions.solve.extent import find_extent, sampled
from shapecalc.questions.solve.quantities import MEMORY, measure
from shapecalc.questions.solve.settings import (
    INPUT,
    BudgetSolution,
    BudgetSolutions,
    check_variable,
    closeness,
    unchanging,
)
from shapecalc.questions.solve.spans import default_fractions, has_fractions, searched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.model.generic_inference import GenericReport
    from shapecalc.model.graph import Graph
    from shapecalc.questions.memory.totals import Live

    Rebuild = Callable[[Mapping[str, Any]], tuple[Graph, list[Problem]]]

__all__ = ["solve_budget"]


_MOST_SETTINGS = 100_000
_MOST_BUILDS = 3_000
_MOST_BUILT = 300_000
"""The maximum number of layers built, if each setting is built separately: seconds."""
_MEMORY = 4
"""The number of layers that are built in the time of computing the live tensors of one layer."""
_MOST_SIZED = 40_000_000
"""The maximum number of layers inferred, if many settings are computed in one pass."""
_MOST_LAYERS = 100_000
"""The maximum number of layers of a network that is searched."""
_CHUNK = 4_096
_SAMPLED, _SAMPLED_BUILDS = 200_000, 2_000
"""The maximum number of layers inferred, and built, for the values of one octave."""
_LEGAL_WITHIN = 4
"""A legal value is sought up to so many times that in the specification, if each setting is built on its own."""
_TRIED = 64
"""The maximum number of values in a row that are tried for one that is legal."""
_KEPT = 1_000
_INFERRED = 10


def solve_budget(
    graph: Graph,
    rebuild: Rebuild,
    variables: Mapping[str, Sequence[float] | None],
    budgets: Mapping[str, int],
    question: MemoryQuestion | None = None,
) -> BudgetSolutions:
    """Return the settings of variables that meet every budget.

    `variables` maps each to the values to try, or None for all that may meet the budgets; `input` stands for the
    spatial size. `question` is what is asked of memory.
    Errors: `UsageError` for an unknown variable, or a search that is too large.
    """
    if not variables or not budgets:
        raise UsageError(Problem("a search needs a variable and a budget", hint="--for width --params 5M"))
    if len(graph.nodes) > _MOST_LAYERS:
        raise UsageError(f"a search is for networks of at most {_MOST_LAYERS:,} layers: this has {len(graph.nodes):,}")
    for name, values in variables.items():
        check_variable(graph, name, values)
    asked = question or MemoryQuestion()
    if MEMORY in budgets:
        asked = asked.of(graph)
    try:
        search = _Search(graph, rebuild, dict(variables), dict(budgets), asked)
        try:
            return search.answer()
        except _UnlikeInferenceError:
            search.in_one_pass = False
            return search.answer()
    except _UnchangingError as error:
        return BudgetSolutions(graph.name, dict(budgets), {}, "", 0, (), None, (str(error),), asked)


class _UnlikeInferenceError(Exception):
    """The results of many settings in one pass differ from inference of one of them."""


class _UnchangingError(Exception):
    """A variable does not change any quantity with a budget."""


class _Search:
    """One search: its question and its candidates."""

    def __init__(
        self,
        graph: Graph,
        rebuild: Rebuild,
        variables: dict[str, Sequence[float] | None],
        budgets: dict[str, int],
        question: MemoryQuestion,
    ) -> None:
        self.graph, self.rebuild, self.budgets, self.question = graph, rebuild, budgets, question
        self.names = list(variables)
        own = [name for name, values in variables.items() if values is None]
        fractions = {name: default_fractions(self._given(name)) for name in own if type(self._given(name)) is float}
        self.in_one_pass = (
            not fractions
            and not any(map(has_fractions, variables.values()))
            and (MEMORY not in budgets or question.is_for_many(graph))
            and self._only_changes_sizes()
        )
        self.plan: Live | None = None
        self.built = 0
        self.longest: dict[str, int] = {}
        self.variables: dict[str, Sequence[float] | None] = {
            name: values or fractions.get(name) for name, values in variables.items()
        }
        whole = [name for name in own if name not in fractions]
        self.cheapest: dict[str, float] = {}
        for name in self.names if whole and len(self.names) > 1 else ():
            self.cheapest.update(self._cheapest(name))
        self.ranges = {name: values or self._reach(name) for name, values in self.variables.items()}
        if len(own) > 1 or (whole and len(self.ranges[whole[0]]) > self._most()):
            self._thin(own)
        self.notes = tuple(self._note(name) for name in whole if self._may_have_fractions(name))

    def answer(self) -> BudgetSolutions:
        """Try every setting, and return the best."""
        self._check_size()
        count = 0
        best: list[BudgetSolution] = []
        smallest: BudgetSolution | None = None
        for found in self._amounts(itertools.product(*self.ranges.values())):
            if smallest is None or found.used < smallest.used:
                smallest = found
            if all(found.amounts[what] <= most for what, most in self.budgets.items()):
                count += 1
                best.append(found)
                if len(best) > 2 * _KEPT:
                    best = sorted(best, key=closeness)[:_KEPT]
        how = "many settings in one pass" if self.in_one_pass else "each setting built on its own"
        chosen = tuple(sorted(best, key=closeness)[:_KEPT])
        if count:
            smallest = None
        for solution in (*chosen[:_INFERRED], *([smallest] if smallest else [])):
            self._confirm(solution)
        tried = {name: searched(values) for name, values in self.ranges.items()}
        notes = (*self.notes, *self.graph.notes)
        return BudgetSolutions(self.graph.name, self.budgets, tried, how, count, chosen, smallest, notes, self.question)

    def _check_size(self) -> None:
        settings = math.prod(len(values) for values in self.ranges.values())
        most = self._most()
        if settings > most:
            raise UsageError(
                Problem(
                    f"the search would try {settings:,} settings: at most {most:,} are tried",
                    hint=f"give a narrower range, as --for {self.names[0]}=16:128:8",
                )
            )

    def _most(self) -> int:
        return self._most_settings() if self.in_one_pass else _MOST_BUILDS

    def _confirm(self, solution: BudgetSolution) -> None:
        """Compute the needs of a setting again on plain numbers: memory as `shapecalc memory` does."""
        graph = self._graph(solution.settings)
        again: dict[str, int] = {}
        if graph is not None:
            found = measure(infer_generic(graph), self.budgets, self.question.batch, lambda: self.question.total(graph))
            again = {what: int(amount) for what, amount in found.items()}
        if again != solution.amounts:
            if self.in_one_pass:
                raise _UnlikeInferenceError
            raise ShapeError(f"what {solution.settings} needs could not be confirmed by inference")

    def _may_have_fractions(self, name: str) -> bool:
        """Return whether a variable, a whole number in the specification, could be a fraction."""
        if name == INPUT:
            return False
        variables = {name: self._given(name) + 0.5}
        return not self.rebuild(variables)[1]

    def _note(self, name: str) -> str:
        given = self._given(name)
        return (
            f"only whole numbers were tried for {name}, which is {given} in the specification; it may be a fraction: "
            f"--for {name}=0.25:{4 * given}:0.25 tries some"
        )

    def _only_changes_sizes(self) -> bool:
        """Return whether every variable only changes sizes, not the structure of the network."""
        numbers = {name: Many([int(self._given(name))]) for name in self.names if name != INPUT}
        _, problems = self.rebuild(numbers) if numbers else (None, [])
        return not problems

    def _given(self, name: str) -> float:
        value: Any = self.graph.variables.get(name)
        if name == INPUT:
            sizes = [size for one in self.graph.inputs for size in free_sizes(self.graph, one)]
            value = max([size for size in sizes if type(size) is int], default=1)
        return value if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 1

    def _amounts(self, settings: Iterator[tuple[float, ...]]) -> Iterator[BudgetSolution]:
        """Yield the needs of a network with each valid setting."""
        size = _CHUNK if self.in_one_pass else 1
        while chunk := list(itertools.islice(settings, size)):
            columns: list[Any] = [Many(column) for column in zip(*chunk, strict=True)] if size > 1 else list(chunk[0])
            numbers = dict(zip(self.names, columns, strict=True))
            found = self._needed(numbers, len(chunk))
            if found is None:
                continue
            right, amounts = found
            for index, values in enumerate(chunk):
                if right[index]:
                    own = {what: int(column[index]) for what, column in amounts.items()}
                    used = max(own[what] / most for what, most in self.budgets.items())
                    yield BudgetSolution(dict(zip(self.names, values, strict=True)), own, used)

    def _needed(
        self, numbers: Mapping[str, Any], candidates: int
    ) -> tuple[list[bool], dict[str, Sequence[int]]] | None:
        graph = self._graph(numbers)
        if graph is None:
            return None
        try:
            inferred = infer_generic(graph)
        except ShapeError:
            return None
        right = [True] * candidates
        asked = self.question.constraints(graph) if MEMORY in self.budgets else ()
        for constraint in (*inferred.constraints, *asked):
            right = [a and b for a, b in zip(right, mask(constraint, candidates), strict=True)]
        if MEMORY in self.budgets and not self.in_one_pass and not all(right):
            return None
        try:
            amounts = measure(
                inferred, self.budgets, self.question.batch, lambda: self._bytes(inferred, numbers, right)
            )
        except (ShapeError, UsageError):  # it cannot be asked of this setting: a context is too long
            return None
        return right, {what: values_of(amount, candidates) for what, amount in amounts.items()}

    def _graph(self, numbers: Mapping[str, Any]) -> Graph | None:
        """Return the network with these values for its variables and input; None if it cannot be built."""
        variables = {name: value for name, value in numbers.items() if name != INPUT}
        if self.built > _MOST_BUILT:
            raise UsageError(
                Problem(
                    f"the search would build more than {_MOST_BUILT:,} layers in all",
                    hint=f"give a narrower range, or fewer values: --for {self.names[0]}=16:128:16",
                )
            )
        graph, problems = self.rebuild(variables) if variables else (self.graph, [])
        if problems:
            return None
        if variables and not self.in_one_pass:
            self.built += len(graph.nodes) * (_MEMORY if MEMORY in self.budgets else 1)
        if INPUT in numbers:
            axes = [(name, axis) for name in graph.inputs for axis in range(len(graph.free_axes(name)))]
            graph = with_sizes(graph, dict.fromkeys(axes, numbers[INPUT]))
        return graph

    def _bytes(self, inferred: GenericReport, numbers: Mapping[str, Any], right: Sequence[bool]) -> Any:
        """Return the bytes of memory: with the plan of one valid setting if only sizes change, else each on its own."""
        graph = inferred.graph
        if not self.in_one_pass:
            return self.question.total(graph)
        if self.plan is None and any(right):
            first = right.index(True)
            one = self._graph({name: values_of(value, len(right))[first] for name, value in numbers.items()})
            self.plan = self.question.plan(one) if one else None
        return self.question.total_of(inferred, inferred.totals(), self.plan) if self.plan else 0

    def _reach(self, name: str) -> Sequence[float]:
        """Return the values of a variable that may meet the budgets. Errors: `UsageError` if nothing limits it."""
        given = int(self._given(name))
        times = {} if self.in_one_pass else {"times": _LEGAL_WITHIN}
        found = find_extent(given, lambda values: self._legal(name, values), self._samples, **times)
        if found.constant:
            over = any(found.constant[what] > most for what, most in self.budgets.items())
            raise _UnchangingError(unchanging(name, found.constant, over=over))
        if not found.end:
            raise UsageError(
                Problem(
                    f"no value of {name} up to {2**24:,} exceeds the budget",
                    hint=f"give a range: --for {name}=1:{4 * given}",
                )
            )
        if len(self.names) == 1 and found.grows and found.end > self._room():
            return self._narrowed(name, found.within, max(found.beyond, found.end))
        return range(1, found.end + 1)

    def _samples(self, value: int) -> int:
        """Return how many values are tried of an octave that ends at a value."""
        layers = max(len(self.graph.nodes), 1)
        if self.in_one_pass:
            return max(1, min(64, _SAMPLED // layers))
        return max(1, min(4, _SAMPLED_BUILDS // (layers * value)))

    def _legal(self, name: str, values: Sequence[float]) -> dict[Any, BudgetSolution]:
        """Return the legal ones of the values of a variable, and what they need at least.

        The other variables are as in the specification, and where the network needs the least.
        """
        best: dict[Any, BudgetSolution] = {}
        given = {other: self._own_value(other) for other in self.names}
        for at in ({**given, **self.cheapest}, given)[: 2 if len(self.names) > 1 else 1]:
            for chunk in [values] if self.in_one_pass else [[value] for value in values]:
                before = self.built
                settings = (tuple({**at, name: value}.values()) for value in chunk)
                for found in self._amounts(settings):
                    value = found.settings[name]
                    best[value] = min(found, best.get(value, found), key=lambda one: one.used)
                self.longest[name] = max(self.longest.get(name, 0), self.built - before)
        return best

    def _own_value(self, name: str) -> float:
        """Return the value of a variable in the specification, or the nearest of the values to try."""
        values = self.variables[name]
        given = self._given(name)
        return min(values, key=lambda value: abs(value - given)) if values else given

    def _cheapest(self, name: str) -> dict[str, float]:
        """Return the legal value of a variable, among some up to the specification's, that needs the least."""
        values = self.variables[name]
        count = self._samples(int(self._given(name))) * (16 if self.in_one_pass else 1)
        places = sampled(1, len(values) if values else int(self._given(name)), 1, count)
        tried = [values[place - 1] for place in places] if values else places
        legal = self._legal(name, tried)
        return {name: min(legal, key=lambda value: (legal[value].used, value))} if legal else {}

    def _thin(self, own: Sequence[str]) -> None:
        """Reduce the values of several variables without ranges to as many each as can be tried in total."""
        left = self._most_settings() if self.in_one_pass else self._most_builds()
        left = max(left, 1) // math.prod(len(self.ranges[name]) for name in self.names if name not in own)
        waiting = sorted(own, key=lambda name: len(self.ranges[name]))
        for turn, name in enumerate(waiting):
            values = self.ranges[name]
            if not isinstance(values, range):
                left = max(1, left // len(values))
                continue
            each = max(2, int(left ** (1 / (len(waiting) - turn))))
            step = -(-len(values) // each)
            first = int(self._given(name)) % step or step  # so that the specification's own value is tried
            self.ranges[name] = range(first if step > 1 else values[0], values[-1] + 1, step)
            left = max(1, left // len(self.ranges[name]))

    def _most_settings(self) -> int:
        """Return the number of settings per pass: fewer for a large network."""
        return min(_MOST_SETTINGS, _MOST_SIZED // max(len(self.graph.nodes), 1))

    def _most_builds(self) -> int:
        """Return how many settings can be built: each is assumed to have half the layers of the longest."""
        longest = sum(self.longest.values())
        return min(_MOST_BUILDS, 2 * max(_MOST_BUILT - self.built, 0) // max(longest, 1))

    def _room(self) -> int:
        return self._most_settings() // 8 if self.in_one_pass else _MOST_BUILDS // 8

    def _narrowed(self, name: str, low: int, high: int) -> range:
        """Return the values next to the limit of a budget, found by bisection: the needs grow with them."""
        while high - low > self._room():
            middle = (low + high) // 2
            if self._is_beyond(name, range(middle, min(middle + _TRIED, high))):
                high = middle
            else:
                low = middle
        return range(low, high + 1)

    def _is_beyond(self, name: str, values: Sequence[int]) -> bool:
        """Return whether the first value whose needs are known is over a budget; False if there is none."""
        needed = (self._needed({name: value}, 1) for value in values)
        found = next(filter(None, needed), None)
        return found is not None and any(int(found[1][what][0]) > most for what, most in self.budgets.items())
