"""Dynamic dimensions: names, and expressions of names as exporters write them (`2*h`, `past_length + 1`)."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["size_of", "symbols_of"]

_LONGEST = 400
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_FUNCTIONS = {"floor": 1, "ceiling": 1, "Max": 2, "Min": 2, "max": 2, "min": 2, "FloorDiv": 2, "CleanDiv": 2, "Mod": 2}
"""Functions of sympy, in whose notation PyTorch's exporter names dimensions; how many arguments they have at least."""


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
        return isinstance(node.op, _OPERATORS) and _is_arithmetic(node.left) and _is_arithmetic(node.right)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_arithmetic(node.operand)
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return len(node.args) >= _FUNCTIONS.get(name, _LONGEST) and all(map(_is_arithmetic, node.args))
    return isinstance(node, ast.Name) or (isinstance(node, ast.Constant) and type(node.value) is int)


def _value(node: ast.AST, known: Mapping[str, int]) -> Any:
    """Return the value of an expression, exactly: ⌊h/2 − 1/2⌋ + 1."""
    from fractions import Fraction
    from math import ceil, floor

    if isinstance(node, ast.Constant):
        return Fraction(node.value)  # type: ignore[arg-type]  (checked to be an int)
    if isinstance(node, ast.Name):
        return Fraction(known[node.id])
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, known)
    if isinstance(node, ast.BinOp):
        a, b = _value(node.left, known), _value(node.right, known)
        work: dict[type[ast.operator], Any] = {
            ast.Add: lambda: a + b, ast.Sub: lambda: a - b, ast.Mult: lambda: a * b, ast.Div: lambda: a / b,
            ast.FloorDiv: lambda: a // b, ast.Mod: lambda: a % b,
        }  # fmt: skip
        return work[type(node.op)]()
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    given = [_value(one, known) for one in node.args]
    name = node.func.id.lower()
    if name in ("max", "min"):
        return max(given) if name == "max" else min(given)
    if name in ("floor", "ceiling"):
        return floor(given[0]) if name == "floor" else ceil(given[0])
    return given[0] % given[1] if name == "mod" else given[0] // given[1]
