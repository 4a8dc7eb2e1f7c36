"""A condition on the columns of a sweep, computed on many rows at once, with the results of Python's numbers."""

from __future__ import annotations

import ast
import operator
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecalc.errors import Problem, UsageError
from shapecalc.language.expressions import FUNCTIONS, ExpressionError
from shapecalc.language.expressions.arithmetic import ARITHMETIC, COMPARISONS, divided
from shapecalc.language.expressions.functions import ROUNDED_QUOTIENTS, Given
from shapecalc.language.expressions.operands import number_of, truth_of
from shapecalc.language.expressions.reading import Reader
from shapecalc.language.expressions.syntax import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shapecalc.language.expressions.operands import Piece

__all__ = ["RowCondition"]

_IN_64_BITS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip

_MOST = 2**63 - 1
_EXACT_FLOAT = 2**53


class RowCondition:
    """A parsed expression of the specification language that is computed on whole columns.

    Every row has the result of Python's numbers: numpy's are used only where they cannot differ. `and` and `or`
    short-circuit per row. `text` is the expression as written, `plain` the same without units.
    """

    def __init__(self, text: str, plain: str, names: frozenset[str]) -> None:
        self.text = text
        self.plain = plain
        self.names = names

    def holds(self, columns: Mapping[str, Any], rows: int) -> Any:
        """Return for every row whether the condition holds. Errors: `UsageError`."""
        try:
            with np.errstate(all="ignore"):
                found = _Rows(self.plain, columns, rows).value(tree_of(self.plain))
        except ExpressionError as error:
            message = f"`{self.text}` cannot be computed for every variant"
            raise UsageError(Problem(message, why=(error.message,), hint=error.hint)) from None
        if _kind(found) != "b" and rows:
            raise UsageError(Problem(f"`{self.text}` is not true or false", hint="compare, as in params < 5M"))
        return np.broadcast_to(np.asarray(found, dtype=bool), (rows,))


class _Rows:
    """Some rows of a sweep, and the values of an expression's parts on them: arrays, or one value for all."""

    def __init__(self, text: str, columns: Mapping[str, Any], rows: int) -> None:
        self.text, self.columns, self.rows = text, columns, rows
        self._piece = Reader(text).piece

    def among(self, chosen: Any) -> _Rows:
        """Return the chosen rows."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return _Rows(self.text, columns, int(chosen.sum()))

    def value(self, node: ast.expr) -> Any:  # noqa: PLR0911  (one for each sort of part)
        """Return the value of a part, which parsing has checked."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return _CONSTANTS[node.id] if node.id in _CONSTANTS else self.columns[node.id]
        if isinstance(node, ast.List):
            return [self.value(item) for item in node.elts]
        if isinstance(node, ast.UnaryOp):
            return self._signed(node)
        if isinstance(node, ast.BinOp):
            return self._calculated(node.op, node, node.left, node.right)
        if isinstance(node, ast.BoolOp):
            return self._joined(node)
        if isinstance(node, ast.Compare):
            return self._compared(node)
        if isinstance(node, ast.IfExp):
            return self._either(node)
        if isinstance(node, ast.Call):
            return self._called(node)
        return self._piece(node).refuse("{} is not allowed in a condition on columns")

    def _signed(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return np.logical_not(self._truth(node.operand))
        minus = ast.Sub() if isinstance(node.op, ast.USub) else ast.Add()
        return self._worked_out(minus, self._piece(node), 0, self.value(node.operand))

    def _calculated(self, sign: ast.AST, node: ast.expr, left: ast.expr, right: ast.expr) -> Any:
        return self._worked_out(sign, self._piece(node), self.value(left), self.value(right))

    def _worked_out(self, sign: ast.AST, piece: Piece, a: Any, b: Any) -> Any:
        """Return the result of arithmetic."""
        if _is_exact(type(sign), a, b):
            return _IN_64_BITS[type(sign)](a, b)
        work = ARITHMETIC[type(sign)]
        return _each(lambda x, y: work(number_of(x, piece), number_of(y, piece), piece), a, b)

    def _truth(self, node: ast.expr) -> Any:
        """Return a truth value for each row; anything else is an error."""
        found, piece = self.value(node), self._piece(node)
        if _kind(found) != "b":
            found = _each(lambda value: truth_of(value, piece), found)
        return np.broadcast_to(np.asarray(found, dtype=bool), (self.rows,))

    def _joined(self, node: ast.BoolOp) -> Any:
        continues = isinstance(node.op, ast.And)
        held = self._truth(node.values[0]).copy()
        for part in node.values[1:]:
            open_rows = held == continues
            if open_rows.any():
                held[open_rows] = self.among(open_rows)._truth(part)  # noqa: SLF001
        return held

    def _compared(self, node: ast.Compare) -> Any:
        held = np.ones(self.rows, dtype=bool)
        rows, left, left_node = self, self.value(node.left), node.left
        for sign, right_node in zip(node.ops, node.comparators, strict=True):
            right = rows.value(right_node)
            found = rows._compared_once(sign, left, right, left_node, right_node)
            held[held] = found
            if not held.any():
                break
            if right_node is not node.comparators[-1]:
                chosen = np.broadcast_to(found, (rows.rows,))
                rows, left, left_node = rows.among(chosen), _chosen_rows(right, chosen), right_node
        return held

    def _compared_once(self, sign: ast.AST, a: Any, b: Any, *nodes: ast.expr) -> Any:
        left, right = map(self._piece, nodes)
        if isinstance(sign, (ast.In, ast.NotIn)) and isinstance(b, list):
            among = np.zeros(self.rows, dtype=bool)
            for item in b:
                among = among | self._compared_once(ast.Eq(), a, item, *nodes)
            return ~among if isinstance(sign, ast.NotIn) else among
        if _is_exact(type(sign), a, b):
            return _IN_64_BITS[type(sign)](a, b)
        work = COMPARISONS[type(sign)]
        return np.asarray(_each(lambda x, y: work(x, y, left, right), a, b), dtype=bool)

    def _either(self, node: ast.IfExp) -> Any:
        test = self._truth(node.test)
        if test.all() or not test.any():
            return self.value(node.body if test.all() else node.orelse)
        found = np.empty(self.rows, dtype=object)
        for chosen, part in ((test, node.body), (~test, node.orelse)):
            found[chosen] = _each(lambda value: value, self.among(chosen).value(part))
        return _settled(found)

    def _called(self, node: ast.Call) -> Any:
        """Return the value of a function; a quotient within `ceil` or `floor` is rounded as one exact operation."""
        assert isinstance(node.func, ast.Name)
        name, piece = node.func.id, self._piece(node)
        function = FUNCTIONS[name]
        given = dict(zip(function.parameters, node.args, strict=False))
        given |= {word.arg: word.value for word in node.keywords if word.arg}
        parts = [*given.values(), *node.args[len(function.parameters) :]]
        if name in ROUNDED_QUOTIENTS and isinstance(parts[0], ast.BinOp) and isinstance(parts[0].op, ast.Div):
            return self._rounded(name, parts[0], piece)
        names = [*given, *([""] * (len(parts) - len(given)))]
        values = [self.value(part) for part in parts]
        pieces = [self._piece(part) for part in parts]
        if name in ("max", "min", "sum") and len(values) == 1 and isinstance(values[0], list):
            values = values[0]
            if name == "sum":
                return reduce(lambda a, b: self._worked_out(ast.Add(), piece, a, b), values, 0)
            names, pieces = [""] * len(values), pieces * len(values)
        if name in ("ceil", "floor", "round") and len(values) == 1 and _kind(values[0]) == "i":
            return values[0]

        def work(*each: Any) -> Any:
            return function.work([Given(*one) for one in zip(names, each, pieces, strict=True)], piece)

        return _each(work, *values)

    def _rounded(self, name: str, node: ast.BinOp, piece: Piece) -> Any:
        a, b = self.value(node.left), self.value(node.right)
        if name == "floor" and _is_exact(ast.FloorDiv, a, b) and _kind(a) == _kind(b) == "i":
            return a // b

        def work(x: Any, y: Any) -> Any:
            return int(divided(ROUNDED_QUOTIENTS[name], number_of(x, piece), number_of(y, piece), piece))

        return _each(work, a, b)


_CONSTANTS = {"true": True, "false": False, "none": None, "null": None}


def _kind(value: Any) -> str:
    """Return b, i or f for truth values, ints (of 64 bits, or Python's) and floats; O for anything else."""
    if isinstance(value, np.ndarray):
        return str(value.dtype.kind)
    return {bool: "b", int: "i", float: "f"}.get(type(value), "O")


def _is_exact(sign: type[ast.AST], a: Any, b: Any) -> bool:  # noqa: PLR0911  (one for each sort of arithmetic)
    """Return whether numpy has the same result on these as Python's numbers."""
    kinds = {_kind(a), _kind(b)}
    if kinds == {"b"}:
        return sign in (ast.Eq, ast.NotEq)
    if not kinds <= {"i", "f"} or sign not in _IN_64_BITS:
        return False
    is_division = sign in (ast.Div, ast.FloorDiv, ast.Mod)
    if is_division and np.any(np.equal(b, 0)):
        return False
    reach = [_reach(number) for number in (a, b) if _kind(number) == "i"]
    if "f" in kinds:
        return sign not in (ast.FloorDiv, ast.Mod) and max(reach, default=0) <= _EXACT_FLOAT
    if sign is ast.Div:  # a quotient that is whole is an int
        return max(reach) <= _EXACT_FLOAT and bool(np.all(np.mod(a, b)))
    if sign in (ast.Add, ast.Sub):
        return sum(reach) <= _MOST
    return (reach[0] * reach[1] if sign is ast.Mult else max(reach)) <= _MOST


def _reach(number: Any) -> int:
    """Return the maximum magnitude among ints."""
    if isinstance(number, np.ndarray):
        return max(abs(int(number.min())), abs(int(number.max()))) if number.size else 0
    return abs(int(number))


def _each(work: Callable[..., Any], *values: Any) -> Any:
    """Return the result of an operation on each row; computed once if none of the values is an array."""
    varying = [isinstance(value, np.ndarray) for value in values]
    if not any(varying):
        return work(*values)

    def on_row(*row: Any) -> Any:
        own = iter(row)
        return work(*[next(own) if varies else value for value, varies in zip(values, varying, strict=True)])

    columns = [value for value, varies in zip(values, varying, strict=True) if varies]
    return _settled(np.frompyfunc(on_row, len(columns), 1)(*columns))


def _settled(values: Any) -> Any:
    """Return an array of Python's values as numpy's, if that represents them exactly."""
    kinds = set(map(type, values.tolist()))
    if kinds == {bool}:
        return values.astype(bool)
    if kinds == {float}:
        return values.astype(np.float64)
    if kinds == {int} and max(map(abs, values.tolist())) <= _MOST:
        return values.astype(np.int64)
    return values


def _chosen_rows(value: Any, chosen: Any) -> Any:
    """Return the values of some of the rows."""
    if isinstance(value, list):
        return [_chosen_rows(item, chosen) for item in value]
    return value[chosen] if isinstance(value, np.ndarray) else value
