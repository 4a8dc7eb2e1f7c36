"""Simplification of rounded quotients: nested floors collapsed, maximum and minimum decided where possible.

The identity used is ⌊(⌊x⌋ + n) / q⌋ = ⌊(x + n) / q⌋ for whole n and q > 0 (Graham, Knuth & Patashnik, Concrete
Mathematics, section 3.2): a window over a window is one division.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import sympy

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Collapse"]


class Collapse:
    """Simplifies expressions, each part of them once.

    `residues` are known remainders of symbols: H = 12 mod 16 makes ⌊H/4⌋ be H/4.
    """

    def __init__(self, residues: Mapping[Any, tuple[int, int]] | None = None) -> None:
        self._residues = dict(residues or {})
        self._known: dict[Any, Any] = {}

    def __call__(self, expression: Any) -> Any:
        """Return an equal expression, simplified."""
        expression = sympy.sympify(expression)
        if expression.is_Atom:
            return expression
        found = self._known.get(expression)
        if found is None:
            parts = [self(part) for part in expression.args]
            found = self._known[expression] = self._simplified(expression.func, parts)
        return found

    def _simplified(self, function: Any, parts: list[Any]) -> Any:
        if function is sympy.floor:
            return self._floor(parts[0])
        if function is sympy.ceiling:
            (part,) = parts
            divisor = _denominator(part)
            return self._floor(part + sympy.Rational(divisor - 1, divisor))
        if function in (sympy.Max, sympy.Min):
            return _decided(function, parts)
        result = function(*parts)
        return self._absorbed(result) if function is sympy.Add else result

    def _absorbed(self, total: Any) -> Any:
        """Return ⌊x⌋ + n as ⌊x + n⌋."""
        floors = [term for term in total.args if isinstance(term, sympy.floor)] if total.is_Add else []
        rest = total - floors[0] if len(floors) == 1 else None
        if rest is not None and rest.is_Integer:
            return self._floor(floors[0].args[0] + rest)
        return total

    def _floor(self, part: Any) -> Any:
        divisor = _denominator(part)
        whole = sympy.expand(part * divisor)
        for term in sympy.Add.make_args(whole):
            if isinstance(term, sympy.floor) and (whole - term).is_integer:
                return self._floor((term.args[0] + (whole - term)) / divisor)
        constant, others = whole.as_coeff_Add()
        step = sympy.gcd([term.as_coeff_Mul()[0] for term in sympy.Add.make_args(others)] + [sympy.Integer(divisor)])
        if others.is_integer and constant.is_Integer and step > 1:
            constant = step * (constant // step)
        exact = self._known_quotient(others + constant, divisor)
        return sympy.floor((others + constant) / divisor) if exact is None else exact

    def _known_quotient(self, whole: Any, divisor: int) -> Any:
        """Return ⌊whole / divisor⌋ without the floor, if the remainder of the division is known."""
        if divisor == 1:
            return whole if whole.is_integer else None
        rest, constant = 0, whole.as_coeff_Add()[0]
        for term in sympy.Add.make_args(whole - constant):
            factor, symbol = term.as_coeff_Mul()
            if symbol not in self._residues or not factor.is_Integer:
                return None
            residue, period = self._residues[symbol]
            if (factor * period) % divisor:
                return None
            rest += factor * residue
        return (whole - (rest + constant) % divisor) / divisor


def _denominator(part: Any) -> int:
    """Return the common denominator of the coefficients of a sum."""
    terms = sympy.Add.make_args(sympy.expand(part))
    return math.lcm(*[int(term.as_coeff_Mul()[0].q) for term in terms if term.as_coeff_Mul()[0].is_Rational])


def _decided(function: Any, parts: list[Any]) -> Any:
    """Return the maximum or minimum of expressions, without those that can never be it."""
    kept: list[Any] = []
    for part in parts:
        if not any(_is_beyond(function, other, part) for other in kept):
            kept = [other for other in kept if not _is_beyond(function, part, other)] + [part]
    return function(*kept)


def _is_beyond(function: Any, one: Any, other: Any) -> bool:
    """Return whether one expression is always at least as large (as small, for Min) as the other."""
    difference = one - other if function is sympy.Max else other - one
    if isinstance(one, sympy.floor) and isinstance(other, sympy.floor):
        inner = sympy.expand(one.args[0] - other.args[0])
        difference = inner if function is sympy.Max else -inner
    return bool(sympy.expand(difference).is_nonnegative)
