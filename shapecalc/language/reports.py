"""The problems of a network that is expanded: each mistake once, up to a maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import MAX_PROBLEMS, Problem, Problems
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from shapecalc.errors import Mark
    from shapecalc.language.scope import Scope

__all__ = ["Reports", "TooMuchError"]


class TooMuchError(Exception):
    """The network is beyond the limits, or has more problems than the maximum. Carries the problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


class Reports:
    """The problems of one network. Separate from the builder, so that reporters do not keep the builder alive."""

    def __init__(self) -> None:
        self.problems = Problems()
        self._seen: set[tuple[Mark | None, str]] = set()

    def add(self, problem: Problem, scope: Scope) -> None:
        """Record a problem, once for all uses of its block."""
        if scope.mark:
            problem = problem._replace(mark=scope.mark)
        key = (problem.mark, problem.message)
        if key in self._seen:
            return
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooMuchError(Problem(f"there are more than {MAX_PROBLEMS} problems: the rest are not listed"))
        self._seen.add(key)
        if scope.stack and not scope.mark:
            problem = _with_arguments(problem, scope.stack[-1])
        self.problems.append(problem._replace(also=(*problem.also, *scope.uses)))


def _with_arguments(problem: Problem, block: str) -> Problem:
    """Return the problem of a name that is no variable within a block with the hint that it may be an argument."""
    if not problem.message.endswith("` is not a variable"):
        return problem
    from shapecalc.language.expressions.syntax import NO_VARIABLE  # only when something is wrong

    if problem.hint != NO_VARIABLE:
        return problem
    name = problem.message.strip("`").partition("`")[0]
    return problem._replace(hint=clean(f"{NO_VARIABLE}, arguments of {block} under its `args:`, as `{name}: required`"))
