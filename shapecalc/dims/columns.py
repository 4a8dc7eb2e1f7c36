"""Columns of candidates: exact integers, many at once, that overflow into Python's ints and cannot be branched on.

A `ColumnNumber` is a dimension that has one value for each candidate of a sweep. It extends along some axes of a grid,
and the product of two along different axes extends along both: whatever depends only on the width is computed once for
each width. Each column has bounds, so that no sum or product wraps around undetected.

Any operation that needs a single value (a comparison, a count of copies) raises `NeedsValueError` with the axes of the
column: these are then tried value by value. So a formula on columns has the same results as on ints, or none at all.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NoReturn

from shapecalc import dims
from shapecalc.errors import MissingExtraError

try:
    import numpy as np
except ModuleNotFoundError as error:
    raise MissingExtraError("working on many sizes at once", "numpy", "sweep") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ColumnNumber", "Ledger", "NeedsValueError", "array_of", "mask"]

_MOST = 2**62
"""The limit beyond which 64 bits are not used."""

_MOST_WRITTEN = 10**18
"""The maximum of numbers in a specification."""

_EXACT_FLOAT = 2**53


class NeedsValueError(Exception):
    """An operation needs a single value, which a column does not have; `axes` are those of the column."""

    def __init__(self, axes: frozenset[int]) -> None:
        self.axes = axes
        super().__init__(axes)


class Ledger:
    """Problems of some of the candidates, found while computing with their columns.

    `is_reading` is whether a specification is being read, whose numbers are bounded.
    """

    def __init__(self) -> None:
        self.is_reading = True
        self.holding: Any = True

    def require(self, good: Any) -> None:
        """Record which candidates are valid: a truth value, or an array of them."""
        if good is not True:
            self.holding = np.logical_and(self.holding, good)


class ColumnNumber:
    """A dimension with one value for each candidate; see the module."""

    __slots__ = ("high", "ledger", "low", "values")

    def __init__(self, values: Any, ledger: Ledger, bounds: tuple[int, int] | None = None) -> None:
        self.values = values
        self.ledger = ledger
        self.low, self.high = bounds or (int(values.min()), int(values.max()))

    def __repr__(self) -> str:
        return "(many values)"

    @property
    def axes(self) -> frozenset[int]:
        """The axes of the grid along which the values differ."""
        return frozenset(axis for axis, size in enumerate(self.values.shape) if size > 1)

    def refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Raise `NeedsValueError`."""
        raise NeedsValueError(self.axes)

    __bool__ = __int__ = __index__ = __float__ = __abs__ = __len__ = __iter__ = refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = refuse
    __contains__ = __rpow__ = __rtruediv__ = refuse
    __hash__ = object.__hash__

    def __add__(self, other: Any) -> ColumnNumber:
        if type(other) is int and other == 0:  # what `sum` starts with
            return self
        low, high = _bounds_of(self, other)
        return self._made(operator.add, self, other, (self.low + low, self.high + high))

    __radd__ = __add__

    def __sub__(self, other: Any) -> ColumnNumber:
        low, high = _bounds_of(self, other)
        return self._made(operator.sub, self, other, (self.low - high, self.high - low))

    def __rsub__(self, other: Any) -> ColumnNumber:
        low, high = _bounds_of(self, other)
        return self._made(operator.sub, other, self, (low - self.high, high - self.low))

    def __mul__(self, other: Any) -> ColumnNumber:
        if type(other) is int and other == 1:  # what `prod` starts with
            return self
        corners = [a * b for a in (self.low, self.high) for b in _bounds_of(self, other)]
        return self._made(operator.mul, self, other, (min(corners), max(corners)))

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> ColumnNumber:
        if type(other) is int and other == 1:
            return self
        return _divided(self, self, other, operator.floordiv)

    def __rfloordiv__(self, other: Any) -> ColumnNumber:
        return _divided(self, other, self, operator.floordiv)

    def __mod__(self, other: Any) -> ColumnNumber:
        return _divided(self, self, other, operator.mod)

    def __rmod__(self, other: Any) -> ColumnNumber:
        return _divided(self, other, self, operator.mod)

    def __truediv__(self, other: Any) -> ColumnNumber:
        """Return the quotient if it is whole for every candidate: ints would have a fraction otherwise."""
        _bounds_of(self, other)
        values, divisor = _operands(self, other)
        if np.any(np.equal(divisor, 0)) or np.any(np.mod(values, divisor)):
            self.refuse()
        quotient: ColumnNumber = self // other
        return quotient

    def __neg__(self) -> ColumnNumber:
        return self._made(operator.sub, 0, self, (-self.high, -self.low))

    def __pos__(self) -> ColumnNumber:
        return self

    def __round__(self, digits: int | None = None) -> ColumnNumber:
        if digits is not None and digits < 0:
            self.refuse()
        return self

    def __pow__(self, exponent: Any) -> ColumnNumber:
        if type(exponent) is not int or exponent < 1:
            self.refuse()
        power = self
        for _ in range(exponent - 1):
            power = power * self
        return power

    def _made(self, work: Callable[[Any, Any], Any], a: Any, b: Any, bounds: tuple[int, int]) -> ColumnNumber:
        """Return the result of an operation, in 64 bits if its bounds allow that, else in Python's ints."""
        if self.ledger.is_reading and (bounds[0] < -_MOST_WRITTEN or bounds[1] > _MOST_WRITTEN):
            raise NeedsValueError(self.axes | (b.axes if isinstance(b, ColumnNumber) else self.axes))
        if bounds[0] < -_MOST or bounds[1] > _MOST:
            return _narrowed(ColumnNumber(np.asarray(work(_large(a), _large(b)), dtype=object), self.ledger))
        return _narrowed(ColumnNumber(np.asarray(work(*_operands(a, b))), self.ledger, bounds))


def values_of(number: Any) -> Any:
    """Return the values of a column, or the number itself."""
    return number.values if isinstance(number, ColumnNumber) else number


def array_of(number: Any) -> Any:
    """Return the values of a column, or the number itself, as an array: of Python's ints if 64 bits are too few."""
    if isinstance(number, ColumnNumber):
        return number.values
    return np.asarray(number, dtype=np.int64 if _is_small(number) else object)


def _operands(a: Any, b: Any) -> tuple[Any, Any]:
    """Return the values of two dimensions for numpy: both in 64 bits, or both as Python's ints."""
    if _is_small(a) and _is_small(b):
        return values_of(a), values_of(b)
    return _large(a), _large(b)


def _is_small(number: Any) -> bool:
    if isinstance(number, ColumnNumber):
        return bool(number.values.dtype != object)
    return bool(-_MOST <= number <= _MOST)


def _large(number: Any) -> Any:
    return number.values.astype(object) if isinstance(number, ColumnNumber) else number


def _narrowed(column: ColumnNumber) -> ColumnNumber:
    """Return a column of Python's ints in 64 bits, if they fit."""
    if column.values.dtype == object:
        column.low, column.high = int(column.values.min()), int(column.values.max())
        if column.low >= -_MOST and column.high <= _MOST:
            column.values = column.values.astype(np.int64)
    return column


def _bounds_of(column: ColumnNumber, other: Any) -> tuple[int, int]:
    """Return the bounds of the other operand of a column. Errors: `NeedsValueError` for a fraction or a list."""
    if isinstance(other, ColumnNumber):
        return other.low, other.high
    if isinstance(other, int):
        return other, other
    return column.refuse()


def _divided(column: ColumnNumber, a: Any, b: Any, work: Callable[[Any, Any], Any]) -> ColumnNumber:
    """Return a // b or a % b, without the candidates for which b is 0."""
    (low, high), (lowest, highest) = _bounds_of(column, a), _bounds_of(column, b)
    dividend, divisor = _operands(a, b)
    if lowest <= 0 <= highest:
        if not isinstance(b, ColumnNumber):
            raise ZeroDivisionError
        zero = np.equal(divisor, 0)
        if np.any(zero):
            column.ledger.require(~zero)
            divisor = np.where(zero, 1, divisor)
    values = np.asarray(work(dividend, divisor))
    if work is operator.floordiv and lowest > 0:
        corners = [p // q for p in (low, high) for q in (lowest, highest)]
        return _narrowed(ColumnNumber(values, column.ledger, (min(corners), max(corners))))
    return _narrowed(ColumnNumber(values, column.ledger))


class _Columns:
    def ceil_div(self, a: Any, b: Any) -> Any:
        return -(-a // b)

    def maximum(self, a: Any, b: Any) -> Any:
        column = a if isinstance(a, ColumnNumber) else b
        (low, high), (lowest, highest) = _bounds_of(column, a), _bounds_of(column, b)
        if low >= highest or lowest >= high:
            return a if low >= highest else b
        return _narrowed(
            ColumnNumber(np.maximum(*_operands(a, b)), column.ledger, (max(low, lowest), max(high, highest)))
        )

    def minimum(self, a: Any, b: Any) -> Any:
        column = a if isinstance(a, ColumnNumber) else b
        (low, high), (lowest, highest) = _bounds_of(column, a), _bounds_of(column, b)
        if high <= lowest or highest <= low:
            return a if high <= lowest else b
        return _narrowed(
            ColumnNumber(np.minimum(*_operands(a, b)), column.ledger, (min(low, lowest), min(high, highest)))
        )

    def broadcast(self, a: Any, b: Any) -> Any:
        return self.maximum(a, b)

    def scaled(self, size: Any, factor: float) -> Any:
        if abs(factor) * max(abs(size.low), abs(size.high)) < _EXACT_FLOAT:
            return ColumnNumber(np.floor(size.values * factor).astype(np.int64), size.ledger)
        exact = [math.floor(value * factor) for value in size.values.ravel().tolist()]
        return _narrowed(ColumnNumber(np.array(exact, dtype=object).reshape(size.values.shape), size.ledger))

    def matched(self, size: Any, others: Sequence[Any]) -> Any:
        column = next(number for number in (size, *others) if isinstance(number, ColumnNumber))
        own = _bounds_of(column, size)
        near = [other for other in others if _overlap(own, _bounds_of(column, other))]
        if not near:
            return 0
        found: Any = False
        for other in near:
            found = np.logical_or(found, np.equal(*_operands(size, other)))
        return _narrowed(
            ColumnNumber(np.where(found, array_of(size), 0), column.ledger, (min(own[0], 0), max(own[1], 0)))
        )

    def within(self, value: Any, low: float, high: float) -> None:
        """Check the candidates against a range, as reading an argument does for ints."""
        if not (low <= value.low and value.high <= high):
            value.ledger.require(np.logical_and(value.values >= low, value.values <= high))


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


dims.register(ColumnNumber, _Columns())


def mask(constraint: dims.Constraint) -> Any:  # noqa: PLR0911  (one for each relation)
    """Return for which candidates a constraint is met: a truth value for all, or an array."""
    left, relation, right = constraint[:3]
    if not isinstance(left, ColumnNumber) and not isinstance(right, ColumnNumber):
        return dims.holds(constraint)
    column = left if isinstance(left, ColumnNumber) else right
    high, lowest = _bounds_of(column, left)[1], _bounds_of(column, right)[0]
    a, b = _operands(left, right)
    if relation == dims.UP_TO:
        return True if high <= lowest else np.less_equal(a, b)
    if relation == dims.EQUAL:
        return left is right or np.equal(a, b)
    if relation == dims.DIVIDES:
        if not isinstance(left, ColumnNumber):
            return left != 0 and np.equal(np.mod(b, a), 0)
        zero = np.equal(a, 0)
        return np.logical_and(~zero, np.equal(np.mod(b, np.where(zero, 1, a)), 0))
    if relation == dims.BROADCASTS:
        return left is right or np.logical_or(np.equal(a, 1), np.equal(a, b))
    return True if high < lowest else np.less(a, b)
