"""Sizes that depend on dynamic dimensions: expressions of sympy, as text, worked out without it.

Older versions of PyTorch wrote `2*s0 + 1`, later ones `Add(Mul(Integer(2), Symbol('s0')), Integer(1))`.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["depends_on_data", "plain_size", "text_of", "value_of"]

_LONGEST = 4096
_LARGEST = 2**63
_OF_DATA = re.compile(r"\b[iu]\d+\b")
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip


def _divided(a: Any, b: Any) -> Any:
    return Fraction(a) / b


def _power(a: Any, b: Any) -> Any:
    if abs(b) > 64:
        raise ValueError(b)
    return Fraction(a) ** int(b) if b < 0 else a**b


def _rounded(a: Any, *_: Any) -> Any:
    return round(a)


_CALLS: dict[str, Callable[..., Any]] = {
    "Integer": int, "Float": _rounded, "Rational": _divided, "Add": lambda *a: sum(a), "Mul": lambda *a: math.prod(a),
    "Pow": _power, "FloorDiv": operator.floordiv, "CleanDiv": operator.floordiv, "CeilDiv": lambda a, b: -(-a // b),
    "Mod": operator.mod, "PythonMod": operator.mod, "Max": max, "Min": min, "NonNegativeInteger": int,
    "ModularIndexing": lambda a, b, c: a // b % c,
    "floor": math.floor, "ceiling": math.ceil, "FloorToInt": math.floor, "CeilToInt": math.ceil, "Abs": abs,
    "TruncToInt": math.trunc, "IntTrueDiv": _divided, "FloatTrueDiv": _divided, "ToFloat": Fraction,
    "Identity": lambda a: a, "PowByNatural": _power, "TrueDiv": _divided,
}  # fmt: skip


def value_of(text: str, symbols: Mapping[str, int]) -> int | None:
    """Return the whole number that an expression is; None where a symbol of it is not known, or it is no size."""
    if text in symbols:
        return symbols[text]
    if len(text) > _LONGEST:
        return None
    try:
        found = _worked(ast.parse(text, mode="eval").body, symbols)
        whole = int(found)
    except (ArithmeticError, KeyError, TypeError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return whole if whole == found and abs(whole) < _LARGEST else None


def plain_size(size: int | str | None, symbols: Mapping[str, int]) -> int | None:
    """Return a size that is a number or an expression as a number; None where it is not known."""
    return value_of(size, symbols) if isinstance(size, str) else size


def depends_on_data(sizes: Iterable[int | str]) -> bool:
    """Return whether one of these sizes has a symbol of torch.export for what only the content of a tensor says."""
    return any(type(size) is str and _OF_DATA.search(size) for size in sizes)


def text_of(text: str) -> str:
    """Return an expression as people write it: `4*s39` for Mul(Integer(4), Symbol('s39')); itself if it has no form."""
    if len(text) > _LONGEST or "(" not in text:
        return text
    try:
        return _text(ast.parse(text, mode="eval").body)
    except (KeyError, ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _text(tree: ast.expr) -> str:
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or not tree.args:
        return ast.unparse(tree)
    name, first = tree.func.id, tree.args[0]
    if name in ("Symbol", "Dummy", "Integer"):
        return str(ast.literal_eval(first))
    found = [_text(one) for one in tree.args]
    if name == "Add":
        return " + ".join(found).replace("+ -", "- ")
    if name in ("Max", "Min"):
        return f"{name}({', '.join(found)})"
    return _SIGNS[name].join([one if one.isalnum() else f"({one})" for one in found])


_SIGNS = {"Mul": "*", "FloorDiv": "//"}


def _worked(tree: ast.expr, symbols: Mapping[str, int]) -> Any:  # noqa: PLR0911  (one for each sort of node)
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        return tree.value
    if isinstance(tree, ast.Name):
        return symbols[tree.id]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return -_worked(tree.operand, symbols)
    if isinstance(tree, ast.BinOp):
        a, b = _worked(tree.left, symbols), _worked(tree.right, symbols)
        if abs(a) > _LARGEST or abs(b) > _LARGEST:
            raise ValueError(tree)
        if isinstance(tree.op, ast.Div):
            return _divided(a, b)
        return _power(a, b) if isinstance(tree.op, ast.Pow) else _BINARY[type(tree.op)](a, b)
    if isinstance(tree, ast.Call) and isinstance(tree.func, (ast.Name, ast.Attribute)):
        name = tree.func.id if isinstance(tree.func, ast.Name) else tree.func.attr
        if name in ("Symbol", "Dummy") and tree.args and isinstance(tree.args[0], ast.Constant):
            return symbols[str(tree.args[0].value)]
        found = [_worked(one, symbols) for one in tree.args]
        if any(abs(one) > _LARGEST for one in found):
            raise ValueError(tree)
        return _CALLS[name](*found)
    raise ValueError(tree)
