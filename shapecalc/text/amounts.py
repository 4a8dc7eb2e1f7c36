"""Amounts as people read them: bytes in binary units, a count of nothing, numbers in sequence as one span."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NOTHING", "show_bytes", "show_count", "spans_of"]

NOTHING = "–"
"""Shown for a count of 0, so that the layers with a cost stand out."""

_KIB = 1024


def show_bytes(number: int) -> str:
    """Return a number of bytes in binary units, to three figures: `1.11 MiB`, `512 B`."""
    if number < _KIB:
        return f"{number} B" if number else NOTHING
    amount, unit = number / _KIB, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if amount < _KIB - 0.5:
            break
        amount, unit = amount / _KIB, larger
    digits = 2 if amount < 9.995 else 1 if amount < 99.95 else 0
    return f"{amount:,.{digits}f} {unit}"


def show_count(number: int) -> str:
    """Return a count with separators: `1,024`."""
    return f"{number:,}" if number else NOTHING


def spans_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return sorted whole numbers as spans of those that follow one another, each by its first and last."""
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return spans
