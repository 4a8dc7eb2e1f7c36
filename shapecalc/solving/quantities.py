"""What a budget can be of, how it is written (5M, 300k, 512KiB), and what a network needs of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.dims import maximum, total
from shapecalc.errors import Problem, UsageError, did_you_mean

if TYPE_CHECKING:
    from shapecalc.evaluation import Evaluation

__all__ = ["BUDGETS", "measure", "read_budget"]

BUDGETS = {
    "params": "parameters",
    "macs": "MACs, for one sample",
    "memory": "bytes of parameters, buffers, and the inputs and outputs of the layer where these are most",
}
"""What a budget can be of."""

_POWERS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
          "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}  # fmt: skip
_WRITTEN = re.compile(r"(\d+(?:[\d_,]*\d)?(?:\.\d+)?(?:e\d{1,2})?)\s*([a-z]*)")
_DIGITS = 30


def read_budget(what: str, given: Any) -> int:
    """Return a budget as a count: an int, or text as 5M, 300k, 1.5G; for memory 512KiB, 24GiB, 2MB.

    Errors: `UsageError` for what is no such number.
    """
    if what not in BUDGETS:
        raise UsageError(Problem(f"there is no budget of {what}", mend=did_you_mean(what, BUDGETS)))
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 0 < given < 10**_DIGITS:
        return int(given)
    found = _WRITTEN.fullmatch(str(given).strip().lower()) if len(str(given)) <= _DIGITS else None
    units = _BYTES if what == "memory" else _POWERS
    if found is None or found[2] not in units:
        mend = "write for instance 512KiB, 24GiB or 2MB" if what == "memory" else "write for instance 5M, 300k or 1.5G"
        raise UsageError(Problem(f"'{str(given)[:40]}' is not a budget of {what}", mend=mend))
    number = found[1].replace(",", "").replace("_", "")
    amount = int(number) * units[found[2]] if number.isdigit() else int(round(float(number) * units[found[2]], 3))
    if not 1 <= amount < 10**_DIGITS:
        raise UsageError(Problem(f"a budget of {what} is at least 1 and less than 10^{_DIGITS}, not {given}"))
    return amount


def measure(evaluation: Evaluation, what: str, bits: int = 32) -> Any:
    """Return how much a network needs, as the kind of number that it was evaluated on; `bits` are those of a number."""
    totals = evaluation.totals()
    if what != "memory":
        return getattr(totals, what)
    most: Any = 0
    for sizing in evaluation.sizings:
        most = maximum(most, total(shape.elements for shape in (*sizing.inputs, *sizing.outputs)))
    numbers = totals.params + totals.buffers + most
    return (numbers * bits + 7) // 8
