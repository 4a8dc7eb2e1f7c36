"""Amounts as people read them: bytes in binary units, a count of nothing."""

from __future__ import annotations

__all__ = ["NOTHING", "show_bytes", "show_count"]

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
