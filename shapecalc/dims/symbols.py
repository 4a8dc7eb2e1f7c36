"""Symbolic dimensions: sympy expressions, for closed formulas. Needs the extra `symbolic`."""

from __future__ import annotations

from typing import Any

from shapecalc import dims
from shapecalc.errors import MissingExtraError

try:
    import sympy
except ModuleNotFoundError as error:
    raise MissingExtraError("working with symbols", "sympy", "symbolic") from error

__all__ = ["symbol"]


_EXACT = 2**20


class _Symbols:
    def ceil_div(self, a: Any, b: Any) -> Any:
        return sympy.ceiling(sympy.sympify(a) / b)

    def maximum(self, a: Any, b: Any) -> Any:
        return sympy.Max(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        return sympy.Min(a, b)

    def broadcast(self, a: Any, b: Any) -> Any:
        return sympy.Max(a, b)

    def scaled(self, size: Any, factor: float) -> Any:
        # A factor such as 0.5 or 1.25 is exact, and more readable, as a fraction; others stay as they are.
        exact = factor * _EXACT == int(factor * _EXACT)
        return sympy.floor(size * (sympy.Rational(factor) if exact else sympy.Float(factor)))


dims.register(sympy.Basic, _Symbols())


def symbol(name: str) -> Any:
    """Return a dimension of that name: an integer of at least 1."""
    return sympy.Symbol(name, integer=True, positive=True)
