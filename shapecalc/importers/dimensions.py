"""Dynamic dimensions: names, and expressions of names as exporters write them (`2*h`, `past_length + 1`)."""

from __future__ import annotations

import ast
import math
import operator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["fitting", "size_of", "solved", "symbols_of"]

_LONGEST = 400
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "floor": (1, math.floor), "ceiling": (1, math.ceil), "FloorDiv": (2, operator.floordiv), "Mod": (2, operator.mod),
    "CleanDiv": (2, operator.floordiv), **dict.fromkeys(("Max", "max"), (-2, max)),
    **dict.fromkeys(("Min", "min"), (-2, min)),
}  # fmt: skip
"""Functions of sympy, in whose notation PyTorch names dimensions: the number of arguments, or −2 for at least two."""


def symbols_of(name: str) -> tuple[str, ...]:
    """Return the variables of a dimension: itself, for a name; none for a text that is no expression."""
    parsed = _parsed(name)
    if parsed is None:
        return ()
    called = {id(node.func) for node in ast.walk(parsed) if isinstance(node, ast.Call)}
    names = (node for node in ast.walk(parsed) if isinstance(node, ast.Name) and id(node) not in called)
    return tuple(dict.fromkeys(node.id for node in names))


def size_of(size: int | str, known: Mapping[str, int]) -> int | str:
    """Return the size of a dimension with the variables that are known; the same name where it is not."""
    if not isinstance(size, str) or size in known:
        return known.get(size, size) if isinstance(size, str) else size
    parsed = _parsed(size)
    if parsed is None or not all(name in known for name in symbols_of(size)):
        return size
    try:
        found = _value(parsed, known)
    except (ArithmeticError, ValueError):
        return size
    return int(found) if found == int(found) else size


def solved(name: str, size: int) -> tuple[str, int] | None:
    """Return the variable of a dimension and its value where it has this size: (h, 7) of 2*h + 1 and 15.

    None if no whole number is, or if the dimension is no name and no linear expression of one.
    """
    symbols = symbols_of(name)
    if len(symbols) != 1:
        return None
    (symbol,), parsed = symbols, _parsed(name)
    try:
        none, one, away = (_value(parsed, {symbol: value}) for value in (0, 1, _AWAY))
    except (ArithmeticError, ValueError):
        return None
    slope = one - none
    if not slope or away != none + _AWAY * slope:
        return None
    found = (size - none) / slope
    return (symbol, int(found)) if found == int(found) else None


def fitting(name: str, size: int) -> tuple[int, dict[str, int]]:
    """Return the first size from this on that a dimension can have, and the values of its variables then."""
    for one in range(size, size + _MOST_TRIED):
        found = solved(name, one)
        if found is not None:
            return one, dict([found])
    return size, dict.fromkeys(symbols_of(name), size)


_MOST_TRIED = 64
_AWAY = 1013
"""A number at which a floor, a rest or a maximum is no more on the line through its values at 0 and 1."""


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr | None:
    """Return the expression of a dimension; None for any other text."""
    if not text or len(text) > _LONGEST:
        return None
    try:
        parsed = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return parsed if _is_arithmetic(parsed) else None


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in _OPERATORS and _is_arithmetic(node.left) and _is_arithmetic(node.right)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_arithmetic(node.operand)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        count, given = _FUNCTIONS.get(name, (0, None))[0], len(node.args)
        return name in _FUNCTIONS and (given == count or given >= -count > 0) and all(map(_is_arithmetic, node.args))
    return isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and type(node.value) is int)


def _value(node: Any, known: Mapping[str, int]) -> Any:
    """Return the value of an expression, exactly: ⌊h/2 − 1/2⌋ + 1."""
    from fractions import Fraction

    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int)
        return Fraction(node.value)
    if isinstance(node, ast.Name):
        return Fraction(known[node.id])
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, known)
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, known), _value(node.right, known))
    return _FUNCTIONS[node.func.id][1](*[_value(one, known) for one in node.args])
