"""The quantities of budgets, their notation (5M, 300k, 512KiB), and how much of them a network needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.questions.memory.totals import bytes_of
from shapecalc.text.units import parse_bytes, parse_count

if TYPE_CHECKING:
    from shapecalc.model.generic_inference import GenericReport
    from shapecalc.questions.memory.totals import Live

__all__ = ["BUDGETS", "measure", "read_budget"]

BUDGETS = {
    "params": "parameters",
    "macs": "MACs, for one sample",
    "memory": "bytes that `shapecalc memory` totals: weights, buffers, and live activations at their peak",
}
"""The quantities that can have a budget."""


def read_budget(what: str, given: Any) -> int:
    """Return a budget as a count, from an int or a string such as 5M, 300k, 1.5G; for memory 512KiB, 24GiB, 2MB.

    Errors: `UsageError` for anything else.
    """
    if what not in BUDGETS:
        raise UsageError(Problem(f"there is no budget of {what}", hint=did_you_mean(what, BUDGETS)))
    read = parse_bytes if what == "memory" else parse_count
    return read(given, f"the budget of {what}")


def measure(inferred: GenericReport, what: str, live: Live | None = None, bits: int = 32) -> Any:
    """Return how much a network needs, in the kind of number of its inference; `bits` are those of an element.

    `live` has the liveness of tensors, for memory; without one activations are left out.
    """
    return bytes_of(inferred, live, bits) if what == "memory" else getattr(inferred.totals(), what)
