"""Choosing among the variants of a sweep: conditions on their columns, orders, and the front of the best."""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.spec.expressions import ExpressionError, parse
from shapecalc.spec.expressions.syntax import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["front", "order", "read_condition", "read_objectives", "read_order"]

_ARITHMETIC: dict[type[ast.AST], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.Lt: operator.lt,
    ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: np.logical_not,
}  # fmt: skip

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ceil": np.ceil, "floor": np.floor, "round": np.round, "max": lambda *v: _fold(np.maximum, v),
    "min": lambda *v: _fold(np.minimum, v), "sum": lambda values: _fold(np.add, (values,)), "len": len,
}  # fmt: skip

_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}


def _fold(work: Any, values: Sequence[Any]) -> Any:
    items = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    result = items[0]
    for item in items[1:]:
        result = work(result, item)
    return result


class Condition:
    """An expression of the specification language, read, that is worked out on whole columns."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.names = names

    def holds(self, columns: Mapping[str, Any], rows: int) -> Any:
        """Return for every row whether the condition holds. Errors: `UsageError`."""
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(_value(tree_of(self.text), columns))
        except (TypeError, ValueError, ArithmeticError, IndexError, KeyError):
            raise UsageError(Problem(f"`{self.text}` cannot be worked out for every variant")) from None
        if found.dtype == object and found.size and all(isinstance(value, (bool, np.bool_)) for value in found.flat):
            found = found.astype(bool)
        if found.dtype != bool:
            raise UsageError(Problem(f"`{self.text}` is not true or false", mend="compare, as in params < 5e6"))
        return np.broadcast_to(found, (rows,))


def read_condition(text: str, known: Sequence[str]) -> Condition:
    """Return the condition that a text is. Errors: `UsageError` where it is none, or names what is no column."""
    try:
        expression = parse(text)
    except ExpressionError as error:
        raise UsageError(Problem(f"--where: {error.message}", mend=error.mend)) from None
    for name in sorted(expression.names):
        check_column(name, known)
    return Condition(text, expression.names)


def check_column(name: str, known: Sequence[str]) -> None:
    """Raise `UsageError` for what is no column of the sweep."""
    if name not in known:
        raise UsageError(Problem(f"the sweep has no column {name}", mend=did_you_mean(name, known)))


def _value(node: ast.expr, columns: Mapping[str, Any]) -> Any:  # noqa: PLR0911, C901  (one for each sort of part)
    """Return what a part of an expression comes to; what may stand in one was seen to when it was read."""

    def value(part: ast.expr) -> Any:
        return _value(part, columns)

    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return _CONSTANTS[node.id] if node.id in _CONSTANTS else columns[node.id]
    if isinstance(node, ast.UnaryOp):
        return _ARITHMETIC[type(node.op)](value(node.operand))
    if isinstance(node, ast.BinOp):
        return _ARITHMETIC[type(node.op)](value(node.left), value(node.right))
    if isinstance(node, ast.BoolOp):
        return _fold(np.logical_and if isinstance(node.op, ast.And) else np.logical_or, [*map(value, node.values)])
    if isinstance(node, ast.Compare):
        parts = [value(part) for part in (node.left, *node.comparators)]
        pairs = zip(node.ops, parts, parts[1:], strict=False)
        return _fold(np.logical_and, [_compared(sign, a, b) for sign, a, b in pairs])
    if isinstance(node, ast.IfExp):
        return np.where(value(node.test), value(node.body), value(node.orelse))
    if isinstance(node, ast.List):
        return [value(item) for item in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        return _FUNCTIONS[node.func.id](*map(value, node.args))
    raise ValueError(type(node).__name__)


def _compared(sign: ast.AST, a: Any, b: Any) -> Any:
    if isinstance(sign, (ast.In, ast.NotIn)):
        among = _fold(np.logical_or, [np.equal(a, item) for item in b])
        return np.logical_not(among) if isinstance(sign, ast.NotIn) else among
    return _ARITHMETIC[type(sign)](a, b)


def read_objectives(text: str, known: Sequence[str]) -> list[tuple[str, int]]:
    """Return what is to be least (1) or, with a leading `+`, greatest (-1): `params,macs`. Errors: `UsageError`."""
    found = [(part.strip().lstrip("+-").strip(), -1 if part.strip().startswith("+") else 1) for part in text.split(",")]
    for name, _ in found:
        check_column(name, known)
    if len(found) < 2:
        raise UsageError(Problem(f"a front of {text} alone is its least", mend="name two or more: params,macs"))
    return found


def read_order(text: str, known: Sequence[str]) -> list[tuple[str, int]]:
    """Return what to sort by: least first (1) or, with a leading `-`, greatest first (-1). Errors: `UsageError`."""
    found = [(part.strip().lstrip("+-").strip(), -1 if part.strip().startswith("-") else 1) for part in text.split(",")]
    for name, _ in found:
        check_column(name, known)
    return found


def order(columns: Mapping[str, Any], by: Sequence[tuple[str, int]]) -> Any:
    """Return the numbers of the rows in order; those that are equal stay as they stand."""
    keys = [_ranked(columns[name]) * sign for name, sign in by]
    return np.lexsort(keys[::-1])


def _ranked(values: Any) -> Any:
    """Return numbers in the order of the values: themselves, or their ranks where they are no numbers."""
    if values.dtype == bool:
        return values.astype(np.int8)
    if values.dtype != object:
        return values
    plain = values.tolist()
    if not all(isinstance(value, (int, float)) for value in plain):
        plain = [str(value) for value in plain]
    ranks = {value: rank for rank, value in enumerate(sorted(set(plain)))}
    return np.array([ranks[value] for value in plain], dtype=np.int64)


def front(columns: Mapping[str, Any], objectives: Sequence[tuple[str, int]]) -> Any:
    """Return the numbers of the rows that no other row beats: none is as good in everything and better in one.

    They are in order of the first objective; rows that are equal in all stand together.
    """
    points = np.stack([_ranked(columns[name]) * sign for name, sign in objectives], axis=1)
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    sorted_rows = np.lexsort(points.T[::-1])
    points = points[sorted_rows]
    return sorted_rows[_front_of_two(points) if points.shape[1] == 2 else _front_of_many(points)]


def _front_of_two(points: Any) -> Any:
    """Tell which of sorted pairs are on the front: those below all before them, and their equals."""
    second = points[:, 1]
    least = np.minimum.accumulate(second)
    better = np.concatenate(([True], second[1:] < least[:-1]))
    first_of_its_kind = np.concatenate(([True], (points[1:] != points[:-1]).any(axis=1)))
    group = np.cumsum(first_of_its_kind) - 1
    return better[first_of_its_kind][group]


def _front_of_many(points: Any) -> Any:
    """Tell which of sorted points are on the front: each is compared to those found so far."""
    kept = np.zeros(len(points), dtype=bool)
    left = np.arange(len(points))
    while left.size:
        best = points[left[0]]
        same = (points[left] == best).all(axis=1)
        kept[left[same]] = True
        left = left[~(points[left] >= best).all(axis=1)]
    return kept
