"""Shares of a whole as bars: eighths of a cell, and percent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = ["show_bar", "show_percent", "show_share"]

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_CELLS = 10


def show_bar(share: Fraction, cells: int = _CELLS) -> str:
    """Return a bar for a share from 0 to 1 of a number of cells: any share above 0 is visible."""
    eighths = round(share * cells * 8)
    eighths = min(max(eighths, 1 if share else 0), cells * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()).ljust(cells)


def show_percent(share: Fraction) -> str:
    """Return a share in percent with one decimal; one too small for that as `<0.1%`."""
    if 0 < share * 1000 < 1:
        return "<0.1%"
    return "100%" if share == 1 else f"{min(float(share * 100), 99.9):.1f}%"


def show_share(share: Fraction, cells: int = _CELLS) -> str:
    """Return a share as a bar and in percent; empty for 0."""
    return f"{show_bar(share, cells)} {show_percent(share):>5}" if share else "–"
