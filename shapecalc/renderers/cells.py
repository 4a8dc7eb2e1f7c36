"""Notation of a value in a cell: for readers (separators, ×, KiB) and for machines (plain numbers, x, bytes)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod, total
from shapecalc.escaping import clean, csv_cell
from shapecalc.layers.base.per_axis import WindowSizes
from shapecalc.renderers.bars import show_share
from shapecalc.text.amounts import NOTHING, show_bytes, show_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from fractions import Fraction

__all__ = [
    "ARGUMENTS",
    "BYTES",
    "COUNT",
    "FIELD",
    "NOTHING",
    "SHARE",
    "SIZE",
    "TEXT",
    "UNKNOWN",
    "WINDOW",
    "Sort",
    "shorten_axes",
    "show_bytes",
    "show_scaled",
    "show_size",
    "show_time",
    "show_value",
    "unchanged",
]

UNKNOWN = "?"
"""Shown for a count that is not known: never a 0."""

_LISTED = 3


class Sort(NamedTuple):
    """A type of value: its notation for readers and for machines, whether it is a number, and whether it adds up.

    `order` returns what values are sorted by: a number, or for texts a string; without it they have no order.
    """

    shown: Callable[[Any], str]
    plain: Callable[[Any], str]
    is_number: bool = False
    adds: bool = False
    order: Callable[[Any], Any] | None = None


def show_size(sizes: Sequence[Any], sign: str = "×") -> str:
    """Return sizes as `55×55×96`; an axis of two sides (padding) as `(1,2)`."""
    axes = [f"({','.join(map(str, axis))})" if isinstance(axis, (list, tuple)) else str(axis) for axis in sizes]
    return sign.join(axes) or "scalar"


def _show_count(number: int | None) -> str:
    return UNKNOWN if number is None else show_count(number)


def _plain_count(number: int | None) -> str:
    return "" if number is None else str(number)


def _count_rank(number: int | None) -> int:
    return -1 if number is None else int(number)


def show_scaled(number: float, unit: str, units: str = " kMGTP") -> str:
    """Return a number to three figures with a decimal prefix: `3.35 TB/s`, `209 tokens/s`."""
    power = 0
    while number >= 999.5 and power < len(units) - 1:
        number, power = number / 1000, power + 1
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    shown = f"{number:,.{digits}f}"
    return f"{shown} {units[power].strip()}{unit}"


def show_time(seconds: float) -> str:
    """Return a time to three figures: `4.80 ms`, `12.3 µs`."""
    if not seconds:
        return NOTHING
    if seconds >= 0.9995:
        return show_scaled(seconds, "s", " ")
    return show_scaled(seconds * 1e9, "s", "nµm")


def _show_sizes(sizes: Iterable[Sequence[Any]] | str) -> str:
    if isinstance(sizes, str):
        return clean(sizes)
    every = list(sizes)
    shown = ", ".join([show_size(size) for size in every[:_LISTED]])
    return shown if len(every) <= _LISTED else f"{shown}, +{len(every) - _LISTED}"


def _plain_sizes(sizes: Iterable[Sequence[Any]] | str) -> str:
    return csv_cell(sizes) if isinstance(sizes, str) else "; ".join([show_size(size, "x") for size in sizes])


def _show_arguments(arguments: dict[str, Any], sign: str = "×") -> str:
    return clean(", ".join([_show_argument(name, value, sign) for name, value in arguments.items()]))


def _show_argument(name: str, value: Any, sign: str) -> str:
    """Return an argument as PyTorch writes it, with a value as the specification has it: `bias=false`."""
    return f"{name}={show_value(value, sign)}"


def show_value(value: Any, sign: str = "×") -> str:
    """Return the value of an argument: `false`, `3×3`, `2`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return show_size(shorten_axes(value), sign)
    return str(value)


def shorten_axes(value: Any) -> Any:
    """Return one number if all axes have the same: stride [2, 2] is 2, but a window of [3, 3] stays 3×3."""
    is_one = value and all(axis == value[0] for axis in value) and not isinstance(value, WindowSizes)
    return value[:1] if is_one else value


def _plain_share(share: Fraction) -> str:
    return f"{float(share):.6f}"


def _plain_field(text: str) -> str:
    return clean(text).replace("×", "x")


def _plain_arguments(arguments: dict[str, Any]) -> str:
    return csv_cell(_show_arguments(arguments, "x"))


def unchanged(value: Any) -> Any:
    """Return what is ordered by its value."""
    return value


def _elements(sizes: Iterable[Sequence[int]]) -> Any:
    return total(prod(size) for size in sizes)


def _field_rank(text: str) -> tuple[int, Any]:
    """Return what receptive fields are ordered by: their longest axis; the whole axis is longer than any number."""
    from fractions import Fraction  # it loads decimal: milliseconds

    axes = [axis.removeprefix("≤") for one in text.split(", ") for axis in one.split("×")]
    numbers = [Fraction(axis.removesuffix("+all")) for axis in axes if axis not in (NOTHING, "all")]
    rank = 1 if any(axis.endswith("all") for axis in axes) else 0 if numbers else -1
    return rank, max(numbers, default=0)


TEXT = Sort(clean, csv_cell, order=str)
SIZE = Sort(_show_sizes, _plain_sizes, order=_elements)
WINDOW = Sort(_show_sizes, _plain_sizes)
ARGUMENTS = Sort(_show_arguments, _plain_arguments)
COUNT = Sort(_show_count, _plain_count, is_number=True, adds=True, order=_count_rank)
BYTES = Sort(show_bytes, str, is_number=True, adds=True, order=int)
SHARE = Sort(show_share, _plain_share, adds=True, order=unchanged)
FIELD = Sort(clean, _plain_field, is_number=True, order=_field_rank)
