"""What the operators of an expression do."""

from __future__ import annotations

import ast
import math
import operator
from typing import TYPE_CHECKING, Any

from shapecalc.language.expressions.operands import Piece, is_plain, items_of, name_of_kind, number_of, on_any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ARITHMETIC", "COMPARISONS", "MAX_EXPONENT", "divided"]

MAX_EXPONENT = 64
"""The maximum exponent."""


def _simple(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Piece], Any]:
    return lambda a, b, piece: on_any(work, piece, a, b)


def divided(work: Callable[[Any, Any], Any], a: Any, b: Any, piece: Piece) -> Any:
    """Return a divided by b with the operation `work`."""
    if is_plain(b) and b == 0:
        piece.refuse("{} divides by zero")
    return on_any(work, piece, a, b)


def _quotient_of(a: Any, b: Any) -> Any:
    """Return a / b; an int if two ints divide without remainder."""
    return a // b if type(a) is int and type(b) is int and a % b == 0 else a / b


def _power(a: Any, b: Any, piece: Piece) -> Any:
    if not is_plain(b):
        piece.refuse("{} has an exponent that is not a plain number")
    if abs(b) > MAX_EXPONENT:
        piece.refuse(f"the exponent of {{}} is {b:,}: at most {MAX_EXPONENT}")
    if is_plain(a) and a == 0 and b < 0:
        piece.refuse("{} divides by zero")
    if is_plain(a) and a < 0 and b != int(b):
        piece.refuse("{} is not a real number")
    try:
        return a**b
    except OverflowError:
        return math.inf  # rejected as too large
    except (TypeError, ValueError, AttributeError):
        return piece.refuse(f"{{}} cannot be computed on {name_of_kind(a)}")


ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any, Piece], Any]] = {
    ast.Add: _simple(operator.add),
    ast.Sub: _simple(operator.sub),
    ast.Mult: _simple(operator.mul),
    ast.Div: lambda a, b, piece: divided(_quotient_of, a, b, piece),
    ast.FloorDiv: lambda a, b, piece: divided(operator.floordiv, a, b, piece),
    ast.Mod: lambda a, b, piece: divided(operator.mod, a, b, piece),
    ast.Pow: _power,
}


def _ordered(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Piece, Piece], Any]:
    return lambda a, b, left, right: on_any(work, left, number_of(a, left), number_of(b, right))


def _contained(a: Any, b: Any, left: Piece, right: Piece) -> bool:
    return bool(on_any(operator.contains, left, items_of(b, right), a))


COMPARISONS: dict[type[ast.AST], Callable[[Any, Any, Piece, Piece], Any]] = {
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
    ast.Eq: lambda a, b, left, _: on_any(operator.eq, left, a, b),
    ast.NotEq: lambda a, b, left, _: on_any(operator.ne, left, a, b),
    ast.In: _contained,
    ast.NotIn: lambda a, b, left, right: not _contained(a, b, left, right),
}
