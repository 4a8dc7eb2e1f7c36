"""How far a search for a variable goes: from 1 to beyond the last value that meets the budgets.

Values are sampled in octaves (1, 2, 3 to 4, 5 to 8, …), at least until beyond the value in the specification: both ends
of an octave, where sizes with a period are found, and multiples of that value. Only legal settings count: what an
illegal one would need is no indication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.questions.solve.settings import BudgetSolution

    Probe = Callable[[Sequence[int]], Mapping[int, BudgetSolution]]

__all__ = ["Extent", "find_extent", "sampled"]

_MOST_VALUE = 2**24
_LEGAL_WITHIN = 64
"""A legal value is sought up to so many times the value in the specification."""


class Extent(NamedTuple):
    """The values to search, 1 to `end`; 0: every legal value up to the maximum is within the budget.

    `constant` are the amounts, if no legal value changes them. `within` is the last value sampled that meets the
    budgets, and `beyond` the first after it that does not. `grows`: the needs grow with the value.
    """

    end: int
    constant: dict[str, int] | None
    within: int
    beyond: int
    grows: bool


def sampled(first: int, last: int, given: int, count: int) -> list[int]:
    """Return the values from first to last: at most about 3·count of them, with those of the form given·2^k."""
    if last - first < 3 * count:
        return list(range(first, last + 1))
    chosen = {*range(first, first + count), *range(last - count + 1, last + 1)}
    chosen.update(range(first, last, (last - first) // count) if count > 1 else ())
    multiple = max(given, 1)
    while multiple <= last:
        chosen.update([multiple] if multiple >= first else [])
        multiple *= 2
    return sorted(chosen)


def find_extent(given: int, probe: Probe, count: Callable[[int], int], times: int = _LEGAL_WITHIN) -> Extent:
    """Return how far to search a variable with the value `given` in the specification.

    `probe` returns the legal ones of some values, with what they need; `count` is how many are tried of an octave that
    ends at a value. The search ends where two octaves beyond that value do not meet the budgets: their needs do not
    fall, or none of their values is legal.
    """
    legal: dict[int, BudgetSolution] = {}
    first = last = 1
    passed, lowest, end = 0, None, 0
    while last <= _MOST_VALUE:
        found = probe(sampled(first, last, given, count(last)))
        legal.update(found)
        least = min((one.used for one in found.values()), default=None)
        falls = least is not None and (least <= 1 or (lowest is not None and least < lowest))
        passed = 0 if falls else passed + 1
        lowest = least
        end = last if least is not None and least <= 1 else end
        amounts = [one.amounts for one in legal.values()]
        changes = len(amounts) < 2 or any(one != amounts[0] for one in amounts)
        if passed >= 2 and last >= 2 * given and changes and (legal or last >= times * given):
            return _extent(legal, end or last, None)
        first, last = last + 1, 2 * last
    return _extent(legal, 0, None if changes else amounts[0])


def _extent(legal: Mapping[int, Any], end: int, constant: dict[str, int] | None) -> Extent:
    used = [one.used for _, one in sorted(legal.items())]
    within = max((value for value, one in legal.items() if one.used <= 1), default=1)
    beyond = min((value for value, one in legal.items() if value > within and one.used > 1), default=end)
    if end and used:  # where few values are legal, the limit may be in the next octave
        end = max(end, beyond)
    return Extent(end, constant, within, beyond, grows=used == sorted(used))
