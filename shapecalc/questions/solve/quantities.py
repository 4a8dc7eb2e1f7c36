"""The quantities of budgets, their notation (5M, 300k, 512KiB), and how much of them a network needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.totals import OPTIONS, MemoryQuestion
from shapecalc.questions.memory.totals import read_question as question_of
from shapecalc.text.units import parse_bytes, parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shapecalc.model.generic_inference import GenericReport

__all__ = ["BUDGETS", "MEMORY", "measure", "read_budget", "read_question"]

MEMORY = "memory"

BUDGETS = {
    "params": "parameters",
    "macs": "MACs, for the batch",
    MEMORY: "bytes that `shapecalc memory` totals: weights, buffers, and live activations at their peak",
}
"""The quantities that can have a budget."""


def read_budget(what: str, given: Any) -> int:
    """Return a budget as a count, from an int or a string such as 5M, 300k, 1.5G; for memory 512KiB, 24GiB, 2MB.

    Errors: `UsageError` for anything else.
    """
    if what not in BUDGETS:
        raise UsageError(Problem(f"there is no budget of {what}", hint=did_you_mean(what, BUDGETS)))
    read = parse_bytes if what == MEMORY else parse_count
    return read(given, f"the budget of {what}")


def read_question(target: Any, given: Mapping[str, Any], batch: int, *, is_needed: bool) -> MemoryQuestion:
    """Return what is asked of memory, from the options of it. Errors: `UsageError`, also for options without use."""
    asked = {name: value for name, value in given.items() if value is not None}
    for name in asked:
        if name not in OPTIONS:
            raise UsageError(Problem(f"{name} is an argument of a kind of layer, but {target} is not one"))
        if not is_needed:
            hint = "add --memory 24GiB, or leave it out"
            raise UsageError(Problem(f"{name.replace('_', ' ')} is for a budget of memory", hint=hint))
    return question_of(asked, batch)


def measure(inferred: GenericReport, budgets: Iterable[str], batch: int, memory: Callable[[], Any]) -> dict[str, Any]:
    """Return how much a network needs, in the kind of number of its inference; `memory` returns its bytes."""
    samples = {"macs": batch}
    return {
        what: memory() if what == MEMORY else getattr(inferred.totals(), what) * samples.get(what, 1)
        for what in budgets
    }
