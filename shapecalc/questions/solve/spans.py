"""The values of a variable that a search tries: given as `width=16:128:8` or `width=0.25:1:0.25`, or the default.

Fractions are exact decimals: 0.1, 0.2, 0.3, without rounding errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.text.given import plain, short

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Searched", "decimal", "default_fractions", "has_fractions", "read_range", "read_values", "searched"]

_MOST_VALUES = 100_000
_NUMBER = r"\s*(\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})\s*"
_SPAN = re.compile(rf"{_NUMBER}(?::{_NUMBER})?(?::{_NUMBER})?", re.ASCII)
_STEP = Fraction(1, 20)
_TIMES = 4


class Searched(NamedTuple):
    """The values of a variable: `tried` is their number from first to last; `step` is None where it varies."""

    first: float
    last: float
    step: float | None
    tried: int

    def to_dict(self) -> dict[str, Any]:
        """Return the values in the form of the JSON contract."""
        return self._asdict()


def read_range(text: str) -> tuple[str, Sequence[float] | None]:
    """Return the variable and the values of `width`, `width=32`, `width=16:128:8` or `width=0.25:1:0.25`.

    Lists of these with commas too, as in `width=0.25,0.5,1:4`. Whole numbers are a range of ints.
    Errors: `UsageError` for anything else.
    """
    name, equals, bounds = text.partition("=")
    if not equals:
        return name.strip(), None
    spans = [_span(piece, text) for piece in bounds.split(",")]
    if len(spans) == 1:
        return name.strip(), spans[0]
    return name.strip(), sorted({value for span in spans for value in span})


def read_values(name: str, given: Any) -> Sequence[float] | None:
    """Return the values that are given for a variable: a number, several, or a text such as `16:128:8`; None: any.

    Errors: `UsageError` for anything else.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return read_range(f"{name}={given}")[1]
    if isinstance(given, range) and given and min(given[0], given[-1]) >= 0:
        return given if given.step > 0 else given[::-1]
    found = plain(given)
    every = list(found) if isinstance(found, Iterable) and not isinstance(found, Mapping) else [found]
    if not every or len(every) > _MOST_VALUES:
        what = f"{len(every):,} values: the maximum is {_MOST_VALUES:,}" if every else "no values"
        raise UsageError(Problem(f"{name} has {what}", hint=_RANGES))
    for value in every:
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise UsageError(Problem(f"{name} cannot be {short(value)}", hint=_RANGES))
    return sorted({int(value) if float(value).is_integer() else value for value in every})


_RANGES = "give numbers of at least 0: a list, a range, or a text such as '16:128:8'"


def _span(piece: str, text: str) -> Sequence[float]:
    found = _SPAN.fullmatch(piece)
    if not found:
        raise UsageError(
            Problem(f"'{text}' is not a range", hint="write for instance width=16:128:8, or width=0.25:1:0.25")
        )
    words = [word for word in found.groups() if word is not None]
    numbers = [Fraction(word) for word in words]
    first, last, step = numbers[0], numbers[min(1, len(numbers) - 1)], numbers[2] if len(numbers) > 2 else Fraction(1)
    if last < first or step <= 0:
        raise UsageError(
            Problem(f"the range {text} is empty", hint="the first number is the minimum, and the step is above 0")
        )
    if first.denominator == step.denominator == 1:
        return range(int(first), int(last) + 1, int(step))
    return _fractions(first, int((last - first) / step) + 1, step, text)


def _fractions(first: Fraction, count: int, step: Fraction, text: str) -> list[float]:
    if count > _MOST_VALUES:
        raise UsageError(f"the range {text} has {count:,} values: the maximum is {_MOST_VALUES:,}")
    return [_plain(first + i * step) for i in range(count)]


def _plain(number: Fraction) -> float:
    return int(number) if number.denominator == 1 else float(number)


def default_fractions(given: float) -> list[float]:
    """Return the candidates for a variable whose value is a fraction: it, and multiples of 0.05 up to four times it.

    While that makes hundreds of values, or only a few, the step is multiplied or divided by ten.
    """
    most, step = _TIMES * decimal(given), _STEP
    while most / step > 20 * 20:
        step *= 10
    while 0 < most / step < 10:
        step /= 10
    multiples = _fractions(step, max(1, int(most / step)), step, "")
    return multiples if given in multiples else sorted([*multiples, given])


def decimal(number: float) -> Fraction:
    """Return a number as the decimal that it is written as."""
    return Fraction(str(number))


def has_fractions(values: Sequence[float] | None) -> bool:
    """Return whether a number among values is not an int."""
    return values is not None and not isinstance(values, range) and any(type(value) is not int for value in values)


def searched(values: Sequence[float]) -> Searched:
    """Return a summary of the values tried."""
    if isinstance(values, range):
        return Searched(values[0], values[-1], values.step, len(values))
    exact = [decimal(value) for value in values]
    steps = {b - a for a, b in pairwise(exact)} or {Fraction(1)}
    return Searched(values[0], values[-1], _plain(steps.pop()) if len(steps) == 1 else None, len(values))
