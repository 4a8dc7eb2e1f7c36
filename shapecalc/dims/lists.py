"""Lists of dimensions: many candidates in one pass, in plain Python; and whether each division left a remainder.

Like `columns`, but without numpy, for a few thousand candidates at a time. Each number has a flag whether all divisions
in its computation were exact: otherwise rows were dropped by rounding.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import TYPE_CHECKING, Any

from shapecalc import dims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["Many", "exact", "mask", "values_of"]


class Many:
    """A dimension that has a value for each of several candidates.

    `inexact` is None if every division was exact for every candidate, else a tuple of flags.
    """

    __slots__ = ("inexact", "values")

    def __init__(self, values: Sequence[int], inexact: tuple[bool, ...] | None = None) -> None:
        self.values = values
        self.inexact = inexact

    def __add__(self, other: Any) -> Many:
        if type(other) is int:
            return Many(_moved(self.values, other), self.inexact) if other else self
        return _each(operator.add, self, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Many:
        return self + -other if type(other) is int else _each(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Many:
        return self.__neg__().__add__(other)

    def __mul__(self, other: Any) -> Many:
        if type(other) is int:
            return Many(_times(self.values, other), self.inexact) if other != 1 else self
        return _each(operator.mul, self, other)

    __rmul__ = __mul__

    def __neg__(self) -> Many:
        return Many(_times(self.values, -1), self.inexact)

    def __floordiv__(self, other: Any) -> Many:
        return _divide(self, other)

    def __rfloordiv__(self, other: Any) -> Many:
        return _divide(other, self)

    # The structure of a network cannot depend on many values: comparing them is an error.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        raise dims.UndecidedError("many numbers are neither equal to another nor not")

    def __bool__(self) -> bool:
        raise dims.UndecidedError("many numbers are neither true nor false")

    def __repr__(self) -> str:
        return f"Many({list(self.values)[:4]}…)"


def _moved(values: Sequence[int], by: int) -> Sequence[int]:
    """Return numbers plus another. A range stays a range, so windows of stride 1 cost nothing per candidate."""
    if type(values) is range:
        return range(values.start + by, values.stop + by, values.step)
    return [a + by for a in values]


def _times(values: Sequence[int], by: int) -> Sequence[int]:
    """Return numbers times another."""
    if type(values) is range and by:
        return range(values.start * by, values.stop * by, values.step * by)
    return [a * by for a in values]


def _columns(a: Any, b: Any) -> tuple[Iterable[Any], Iterable[Any]]:
    """Return the values of two dimensions, candidate by candidate; at least one of them is `Many`."""
    if not isinstance(a, Many):
        return itertools.repeat(a, len(b.values)), b.values
    return a.values, b.values if isinstance(b, Many) else itertools.repeat(b, len(a.values))


def _pairs(a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
    return zip(*_columns(a, b), strict=True)


def _either(*numbers: Any) -> tuple[bool, ...] | None:
    """Return for which candidates one of the numbers comes from an inexact division."""
    flags = [number.inexact for number in numbers if isinstance(number, Many) and number.inexact is not None]
    if len(flags) < 2 or flags[0] is flags[1]:
        return flags[0] if flags else None
    return tuple([any(flag) for flag in zip(*flags, strict=True)])


def _each(work: Callable[[Any, Any], Any], a: Any, b: Any) -> Many:
    return Many(list(map(work, *_columns(a, b))), _either(a, b))


def _chosen(choose: Callable[[Any], Any], a: Any, b: Any) -> Many:
    """Return one of two numbers for each candidate, exact if the chosen one is."""
    pairs = list(_pairs(a, b))
    values = [choose(pair) for pair in pairs]
    if _either(a, b) is None:
        return Many(values)
    rough = [[not flag for flag in exact(number, len(pairs))] for number in (a, b)]
    flags = [
        first if value == x else second for value, (x, _), first, second in zip(values, pairs, *rough, strict=True)
    ]
    return Many(values, tuple(flags) if any(flags) else None)


def _divide(a: Any, b: Any) -> Many:
    # A candidate that breaks an earlier constraint may divide by zero: its result does not matter.
    quotients: Iterable[tuple[int, int]]
    if type(b) is int:
        if b in (1, 0):
            return a if b else Many([0] * len(a.values), (True,) * len(a.values))
        quotients = [divmod(x, b) for x in a.values]
    else:
        quotients = [divmod(x, y) if y else (0, 1) for x, y in _pairs(a, b)]
    rests = tuple([rest != 0 for _, rest in quotients])
    own = Many([], rests) if any(rests) else None
    return Many([quotient for quotient, _ in quotients], _either(own, a, b))


class _Lists:
    def ceil_div(self, a: Any, b: Any) -> Any:
        return -(-a // b)

    def maximum(self, a: Any, b: Any) -> Any:
        return _chosen(max, a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        return _chosen(min, a, b)

    def broadcast(self, a: Any, b: Any) -> Any:
        if isinstance(a, Many) and isinstance(b, Many) and a.values == b.values and a.inexact == b.inexact:
            return a  # the same object, so that later layers are known to have the same input
        return _chosen(max, a, b)

    def scaled(self, size: Any, factor: float) -> Any:
        products = [value * factor for value in size.values]
        rests = tuple([not product.is_integer() for product in products])
        own = Many([], rests) if any(rests) else None
        return Many([math.floor(product) for product in products], _either(own, size))

    def matched(self, size: Any, others: Sequence[Any]) -> Any:
        count = next(len(number.values) for number in (size, *others) if isinstance(number, Many))
        columns = [values_of(other, count) for other in others]
        rows = zip(*columns, strict=True) if columns else [()] * count
        return Many([own if own in row else 0 for own, row in zip(values_of(size, count), rows, strict=True)])

    def one_of(self, value: Any) -> int:
        return max(1, int(value.values[-1]))

    def exact_where(self, value: Any, ends: Any) -> Any:
        end, due = ends(Many(value.values))
        rests = tuple([a != b for a, b in _pairs(end, due)])
        own = Many([], rests) if any(rests) else None
        return Many(value.values, _either(own, end, due))


dims.register(Many, _Lists())

_COMPARISONS = {dims.UP_TO: operator.le, dims.EQUAL: operator.eq, dims.LESS: operator.lt}


def values_of(number: Any, candidates: int) -> Sequence[Any]:
    """Return a dimension's value for each candidate."""
    return number.values if isinstance(number, Many) else [number] * candidates


def mask(constraint: dims.Constraint, candidates: int) -> list[bool]:
    """Return for each candidate whether a constraint is met."""
    left, relation, right = constraint[:3]
    if not isinstance(left, Many) and not isinstance(right, Many):
        return [dims.holds(constraint)] * candidates
    if relation == dims.DIVIDES:
        return [a != 0 and b % a == 0 for a, b in _pairs(left, right)]
    if relation == dims.BROADCASTS:
        return [a in (1, b) for a, b in _pairs(left, right)]
    return list(map(_COMPARISONS[relation], *_columns(left, right)))


def exact(number: Any, candidates: int) -> Sequence[bool]:
    """Return for each candidate whether every division of a dimension was exact."""
    if not isinstance(number, Many) or number.inexact is None:
        return [True] * candidates
    return [not flag for flag in number.inexact]
