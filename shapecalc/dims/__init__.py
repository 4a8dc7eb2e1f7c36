"""Arithmetic on dimensions of any kind: ints, traced numbers, sympy symbols or columns of numbers.

A formula of a layer is written once, with `+ - * //` and the functions below, and runs on all four. So a formula never
branches on a dimension, never uses `/ % max min math.*` on one and never calls `int()` on one. Conditions on the
numbers are data, not branches: a `Constraint`, which each kind of number uses in its own way.

The kinds of number other than int are in the modules of this package (`traces`, `symbols`, `columns`, `lists`), each
imported by the question that needs it; importing one registers how its numbers are compared and rounded.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from shapecalc.errors import LayerError, Problem, Proposal, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "BROADCASTS",
    "DIVIDES",
    "EQUAL",
    "LESS",
    "UP_TO",
    "Constraint",
    "Dim",
    "Numbers",
    "UndecidedError",
    "broadcast",
    "ceil_div",
    "exact_where",
    "holds",
    "matched",
    "maximum",
    "minimum",
    "one_of",
    "plain_of",
    "prod",
    "register",
    "scaled",
    "total",
    "within",
]

Dim: TypeAlias = Any
"""A dimension: an int, a traced number, a sympy expression or a column of integers."""

UP_TO = "≤"
LESS = "<"
EQUAL = "="
DIVIDES = "divides"
BROADCASTS = "is 1 or"


class UndecidedError(TypeError):
    """A branch depends on a dimension that has several values: only the text of an error may."""


class Numbers(Protocol):
    """The operations of a kind of number other than int."""

    def ceil_div(self, a: Dim, b: Dim) -> Dim:
        """Return a / b rounded up."""

    def maximum(self, a: Dim, b: Dim) -> Dim:
        """Return the maximum of the two."""

    def minimum(self, a: Dim, b: Dim) -> Dim:
        """Return the minimum of the two."""

    def broadcast(self, a: Dim, b: Dim) -> Dim:
        """Return the size to which two sizes are broadcast: the one that is not 1."""

    def scaled(self, size: Dim, factor: float) -> Dim:
        """Return size·factor rounded down, in floating point."""


_registered: dict[type, Numbers] = {}


def register(base: type, numbers: Numbers) -> None:
    """Register `numbers` for dimensions of class `base` (and its subclasses)."""
    _registered[base] = numbers


def _numbers(a: Dim, b: Dim) -> Numbers | None:
    for value in (a, b):
        for base in type(value).__mro__:
            if base in _registered:
                return _registered[base]
    return None


def ceil_div(a: Dim, b: Dim) -> Dim:
    """Return a / b rounded up."""
    numbers = None if type(a) is int and type(b) is int else _numbers(a, b)
    return numbers.ceil_div(a, b) if numbers else -(-a // b)


def maximum(a: Dim, b: Dim) -> Dim:
    """Return the maximum of two dimensions."""
    numbers = None if type(a) is int and type(b) is int else _numbers(a, b)
    return numbers.maximum(a, b) if numbers else max(a, b)


def minimum(a: Dim, b: Dim) -> Dim:
    """Return the minimum of two dimensions."""
    numbers = None if type(a) is int and type(b) is int else _numbers(a, b)
    return numbers.minimum(a, b) if numbers else min(a, b)


def broadcast(a: Dim, b: Dim) -> Dim:
    """Return the size of axes of sizes a and b broadcast together.

    A `BROADCASTS` constraint checks that one of two unequal sizes is 1.
    """
    numbers = None if type(a) is int and type(b) is int else _numbers(a, b)
    return numbers.broadcast(a, b) if numbers else max(a, b)


def scaled(size: Dim, factor: Dim) -> Dim:
    """Return size·factor rounded down; the factor may be a fraction (0.5, 1.25), as in resizing layers."""
    if type(factor) is not float:
        return size * factor
    numbers = None if type(size) is int else _numbers(size, factor)
    return numbers.scaled(size, factor) if numbers else math.floor(size * factor)


def matched(size: Dim, others: Sequence[Dim]) -> Dim:
    """Return a size if one of the others is equal, else 0: on ints, lists and columns."""
    if any(other is size for other in others):
        return size
    for number in (size, *others):
        work = getattr(_numbers(number, number), "matched", None)
        if work:
            return work(size, others)
    return size if size in others else 0


def within(value: Dim, low: float, high: float) -> Dim:
    """Return a dimension of another kind than int, checked against the range of ints in specifications."""
    check = getattr(_numbers(value, value), "within", None)
    if check:
        check(value, low, high)
    return value


def one_of(value: Dim) -> Dim:
    """Return one of the values of a dimension that has several, at least 1; any other dimension unchanged."""
    choose = None if type(value) is int else getattr(_numbers(value, value), "one_of", None)
    return choose(value) if choose else value


def plain_of(value: Dim, what: str, hint: str) -> int:
    """Return the int of a dimension that decides `what`: how many outputs a layer has.

    Errors: `UsageError` for one without a single value (a symbol, several candidates); columns raise their own.
    """
    known = getattr(_numbers(value, value), "plain_of", None)
    try:
        return operator.index(known(value) if known else value)
    except TypeError:
        message = f"{what} depends on a size that is a symbol, or has several values at once"
        raise UsageError(Problem(message, hint=hint)) from None


def exact_where(value: Dim, ends: Callable[[Dim], tuple[Dim, Dim]]) -> Dim:
    """Return a number of windows unchanged; lists of candidates mark it as exact if two numbers are equal.

    `ends` returns the two for a number of windows: where the last one ends, and where it should.
    """
    note = None if type(value) is int else getattr(_numbers(value, value), "exact_where", None)
    return note(value, ends) if note else value


def prod(values: Iterable[Dim]) -> Dim:
    """Return the product of the dimensions; 1 for none."""
    return math.prod(values)


def total(values: Iterable[Dim]) -> Dim:
    """Return the sum of the dimensions; 0 for none."""
    return sum(values)


class Constraint(NamedTuple):
    """A constraint on two dimensions: `left relation right`.

    `left_name` and `right_name` name the two in errors; `own_error`, if given, returns the complete error of an unmet
    constraint, with its hint.
    """

    left: Dim
    relation: str
    right: Dim
    left_name: str
    right_name: str
    own_error: Callable[[], LayerError] | None = None

    def error(self) -> LayerError:
        """Return the error of a constraint between ints that is not met."""
        if self.own_error:
            return self.own_error()
        must = {UP_TO: "must be at most", LESS: "must be less than", EQUAL: "must equal", DIVIDES: "must divide"}
        must[BROADCASTS] = "must be 1 or equal"
        if not self.left_name and self.relation == UP_TO:
            return LayerError(f"{self.right_name} (={self.right}) must be at least {self.left}", too_small=True)
        left = f"{self.left_name} (={self.left})" if self.left_name else str(self.left)
        right = f"{self.right_name} (={self.right})" if self.right_name else str(self.right)
        return LayerError(f"{left} {must[self.relation]} {right}", proposals=tuple(_proposals(self)))


def _proposals(constraint: Constraint) -> Iterator[Proposal]:
    """Yield changes that would meet a constraint between ints, if one of its sides is an argument."""
    left, relation, right, left_name, right_name = constraint[:5]
    more = 1 if relation == LESS else 0
    if relation == DIVIDES:
        divisors = [d for d in range(1, min(right, _MOST_TRIED) + 1) if right % d == 0]
        near = sorted(divisors, key=lambda d: abs(d - left))[:_MOST_PROPOSED]
        below, above = min(near[:2], default=0), max(near[:2], default=0)
        if below < left < above <= 2 * below:
            yield Proposal(f"{left_name}: {below} or {above}", left_name, tuple(near[:2]))
        yield from (Proposal(f"{left_name}: {d}", left_name, (d,)) for d in (*near, 1))
    elif relation != BROADCASTS:
        yield Proposal(f"{left_name}: {right - more}", left_name, (right - more,))
        yield Proposal(f"{right_name}: {left + more}", right_name, (left + more,))


_MOST_TRIED = 4096
_MOST_PROPOSED = 16


def holds(constraint: Constraint) -> bool:
    """Return whether a constraint between ints is met."""
    left, relation, right = constraint[:3]
    if relation == UP_TO:
        return bool(left <= right)
    if relation == EQUAL:
        return bool(left == right)
    if relation == DIVIDES:
        return bool(left != 0 and right % left == 0)
    if relation == BROADCASTS:
        return bool(left in (1, right))
    return bool(left < right)
