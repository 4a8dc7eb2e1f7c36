"""Conditions of formulas between several symbols, in their simplest form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from shapecalc.dims import BROADCASTS, DIVIDES, EQUAL, LESS, UP_TO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shapecalc.dims import Constraint
    from shapecalc.questions.formula.floors import Collapse

__all__ = ["joint_conditions"]


def joint_conditions(
    constraints: Iterable[Constraint], collapse: Collapse, minima: Mapping[Any, int], write: Callable[[Any], str]
) -> tuple[str, ...]:
    """Return the constraints on two or more symbols as text, without trivial ones.

    `minima` are the minimum values of symbols.
    """
    shifted = {symbol: sympy.Dummy(integer=True, nonnegative=True) + low for symbol, low in minima.items()}
    written: dict[str, None] = {}
    seen = set()
    for left, relation, right, *_ in constraints:
        free = getattr(left, "free_symbols", set()) | getattr(right, "free_symbols", set())
        if len(free) < 2 or (left, relation, right) in seen:
            continue
        seen.add((left, relation, right))
        text = _condition(collapse(left), relation, collapse(right), shifted, write)
        if text:
            written[text] = None
    return tuple(written)


def _condition(left: Any, relation: str, right: Any, shifted: Mapping[Any, Any], write: Callable[[Any], str]) -> str:
    """Return a condition as text; empty where it is always met."""
    difference = sympy.expand(sympy.sympify(right - left).subs(shifted))
    always = {
        UP_TO: difference.is_nonnegative,
        LESS: difference.is_positive,
        EQUAL: difference.is_zero,
        BROADCASTS: difference.is_zero or left == 1,
        DIVIDES: relation == DIVIDES and sympy.cancel(right / left).is_integer,
    }[relation]
    if always:
        return ""
    a, b = write(left), write(right)
    if relation == DIVIDES:
        return f"{a} divides {b}"
    if relation == BROADCASTS:
        return f"{a} = {b} or {a} = 1"
    return f"{a} {relation} {b}"
