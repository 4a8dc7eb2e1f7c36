"""The functions that an expression may call."""

from __future__ import annotations

import math
import operator
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc import dims
from shapecalc.language.expressions.operands import Piece, bounded, described, is_plain, items_of, number_of, on_any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "ROUNDED_QUOTIENTS", "Function", "Given"]


class Given(NamedTuple):
    """An argument of a function: the parameter, its value, and its text."""

    name: str
    value: Any
    piece: Piece

    def number(self) -> Any:
        """Return the value, which must be a number."""
        return number_of(self.value, self.piece)

    def plain(self) -> Any:
        """Return the argument as an int or a float."""
        value = self.number()
        if not is_plain(value):
            self.piece.refuse(f"{{}} is {described(value, self.piece)}, not a plain number")
        return value


class Function(NamedTuple):
    """A function that expressions may call."""

    usage: str
    work: Callable[[list[Given], Piece], Any]
    parameters: tuple[str, ...]
    required: int = 1
    is_variadic: bool = False


def _several(arguments: list[Given], piece: Piece) -> list[Any]:
    """Return the numbers of `f(a, b, c)` or of `f(list)`."""
    if len(arguments) > 1 or not isinstance(arguments[0].value, (list, tuple)):
        return [argument.number() for argument in arguments]
    values = items_of(bounded(arguments[0].value, arguments[0].piece), arguments[0].piece)
    if not values:
        piece.refuse("{} is of an empty list")
    return [number_of(value, arguments[0].piece) for value in values]


def _sum(arguments: list[Given], piece: Piece) -> Any:
    first = arguments[0]
    total: Any = 0
    for value in items_of(bounded(first.value, first.piece), first.piece):
        total = bounded(on_any(operator.add, piece, total, number_of(value, first.piece)), piece)
    return total


def _ceil(arguments: list[Given], piece: Piece) -> Any:
    value = arguments[0].number()
    return math.ceil(value) if is_plain(value) else on_any(dims.ceil_div, piece, value, 1)


def _floor(arguments: list[Given], piece: Piece) -> Any:
    value = arguments[0].number()
    return math.floor(value) if is_plain(value) else on_any(operator.floordiv, piece, value, 1)


def _round(arguments: list[Given], piece: Piece) -> Any:
    value = arguments[0].number()
    if len(arguments) == 1:
        return on_any(round, piece, value)
    digits = arguments[1].value
    if type(digits) is not int or abs(digits) > _MOST_DIGITS:
        arguments[1].piece.refuse(f"{{}} is not a number of digits: from -{_MOST_DIGITS} to {_MOST_DIGITS}")
    return on_any(round, piece, value, digits)


_MOST_DIGITS = 18


def _make_divisible(arguments: list[Given], piece: Piece) -> Any:
    """Return the multiple nearest to a number, never less than 9/10 of it.

    Source: `_make_divisible` of tensorflow/models, research/slim/nets/mobilenet/mobilenet.py.
    """
    given = {argument.name: argument for argument in arguments}
    value = given["v"].plain()
    divisor = given["divisor"].plain() if "divisor" in given else 8
    lowest = divisor
    if "min_value" in given and given["min_value"].value is not None:
        lowest = given["min_value"].plain()
    if divisor <= 0 or divisor != int(divisor):
        piece.refuse(f"{{}} has the divisor {divisor:,}, not a whole number of at least 1")
    divisor = int(divisor)
    result = max(lowest, int(value + divisor / 2) // divisor * divisor)
    return result + divisor if result < 0.9 * value else result


def _length(arguments: list[Given], _: Piece) -> int:
    return len(items_of(arguments[0].value, arguments[0].piece))


def _extreme(work: Callable[[Any, Any], Any]) -> Callable[[list[Given], Piece], Any]:
    return lambda arguments, piece: on_any(lambda values: reduce(work, values), piece, _several(arguments, piece))


ROUNDED_QUOTIENTS: dict[str, Callable[[Any, Any], Any]] = {"ceil": dims.ceil_div, "floor": operator.floordiv}

FUNCTIONS: dict[str, Function] = {
    "ceil": Function("ceil(x)", _ceil, ("x",)),
    "floor": Function("floor(x)", _floor, ("x",)),
    "len": Function("len(list)", _length, ("list",)),
    "make_divisible": Function("make_divisible(v, divisor, min_value)", _make_divisible, ("v", "divisor", "min_value")),
    "max": Function("max(a, b) or max(list)", _extreme(dims.maximum), ("a",), is_variadic=True),
    "min": Function("min(a, b) or min(list)", _extreme(dims.minimum), ("a",), is_variadic=True),
    "round": Function("round(x) or round(x, digits)", _round, ("x", "digits")),
    "sum": Function("sum(list)", _sum, ("list",)),
}
"""The functions that expressions may call, by name."""
