"""Traced numbers: integers that record how they were computed, so that the arithmetic can be shown.

A `Trace` is a leaf (a number with a symbol, such as `H_in = 227`) or an operation on other numbers. Its `value`
is the result of plain arithmetic; `dims` registers how traces round and compare.
"""

from __future__ import annotations

import math
from typing import Any

from shapecalc import dims

__all__ = ["Trace", "leaf", "value_of"]


class Trace:
    """A number and the operation that computed it.

    `operation` is "" for a leaf, else one of `+ - * // ceil max min floor` (ceil is ⌈a/b⌉, floor is ⌊a·b⌋);
    `operands` are its operands (traces, ints or, for floor, a fraction; `-` may have only one). `symbol`
    is the usual symbol of a leaf (`C_in`, `k_h`), `origin` any data of its creator.
    """

    __slots__ = ("operands", "operation", "origin", "symbol", "value")

    def __init__(
        self, value: int, operation: str = "", operands: tuple[Any, ...] = (), symbol: str = "", origin: Any = None
    ) -> None:
        self.value = value
        self.operation = operation
        self.operands = operands
        self.symbol = symbol
        self.origin = origin

    def __add__(self, other: Any) -> Trace:
        return Trace(self.value + value_of(other), "+", (self, other))

    def __radd__(self, other: Any) -> Trace:
        # The start value of `sum` is not a term of the formula.
        return self if _is_int(other, 0) else Trace(value_of(other) + self.value, "+", (other, self))

    def __sub__(self, other: Any) -> Trace:
        return Trace(self.value - value_of(other), "-", (self, other))

    def __rsub__(self, other: Any) -> Trace:
        return Trace(value_of(other) - self.value, "-", (other, self))

    def __mul__(self, other: Any) -> Trace:
        return Trace(self.value * value_of(other), "*", (self, other))

    def __rmul__(self, other: Any) -> Trace:
        # The start value of `prod` is not a factor of the formula.
        return self if _is_int(other, 1) else Trace(value_of(other) * self.value, "*", (other, self))

    def __floordiv__(self, other: Any) -> Trace:
        return Trace(self.value // value_of(other), "//", (self, other))

    def __rfloordiv__(self, other: Any) -> Trace:
        return Trace(value_of(other) // self.value, "//", (other, self))

    def __neg__(self) -> Trace:
        return Trace(-self.value, "-", (self,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trace) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"{self.symbol}={self.value}" if self.symbol else f"Trace({self.value})"


def _is_int(value: Any, number: int) -> bool:
    return type(value) is int and value == number


def leaf(value: int, symbol: str, origin: Any = None) -> Trace:
    """Return a traced number without operands."""
    return Trace(value, "", (), symbol, origin)


def value_of(number: Any) -> Any:
    """Return the plain number of a trace, or the number itself."""
    return number.value if isinstance(number, Trace) else number


class _Traces:
    def ceil_div(self, a: Any, b: Any) -> Trace:
        return Trace(-(-value_of(a) // value_of(b)), "ceil", (a, b))

    def maximum(self, a: Any, b: Any) -> Trace:
        return Trace(max(value_of(a), value_of(b)), "max", (a, b))

    def minimum(self, a: Any, b: Any) -> Trace:
        return Trace(min(value_of(a), value_of(b)), "min", (a, b))

    def broadcast(self, a: Any, b: Any) -> Any:
        return a if value_of(a) >= value_of(b) else b  # one of the two sizes unchanged: nothing was computed

    def plain_of(self, value: Any) -> Any:
        return value_of(value)

    def scaled(self, size: Any, factor: float) -> Trace:
        return Trace(math.floor(value_of(size) * factor), "floor", (size, factor))


dims.register(Trace, _Traces())
