"""A long chain in several pieces beside one another, as the columns of a newspaper; cut where one line goes on."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.layered.parts import BOX_GAP, LANE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.pictures.layered.ranks import Rows

__all__ = ["ABOVE", "BELOW", "Strip", "wrapped"]

LONGEST = 2000.0
"""What is longer is wrapped, if it can be."""
_MOST = 16
_SLACK = 1.2  # a piece may be longer, before the rest of it is a piece of its own
_GAP = 2 * BOX_GAP
BELOW = LANE
"""From the end of a piece to the line that goes on from there."""
ABOVE = 24.0
"""From that line to the beginning of the next piece."""
_PAGE = 1.6


class Strip(NamedTuple):
    """Rows up to one (exclusive) that are moved right and down together; the line after them goes up at `lane`."""

    first: int
    end: int
    right: float
    down: float
    lane: float


def wrapped(
    rows: Rows, across: Sequence[float], tops: Sequence[float], cuts: Sequence[int], *, turned: bool
) -> tuple[list[Strip], float, float]:
    """Return the pieces of rows, of which one may end before each of the `cuts`, and the size of them all.

    `tops` are where rows begin, and where the last one ends.
    """
    sides = [_sides(rows, across, row) for row in range(len(rows.rows))]
    if not sides:
        return [], 0.0, 0.0
    length = tops[-1]
    best = _pieces(sides, tops, [])
    if length <= LONGEST * (_PAGE if turned else 1) or not cuts:
        return best
    least = _extent(best, turned=turned)
    for count in range(2, _MOST + 1):
        chosen = _chosen(tops, cuts, length / count)
        longest = max(tops[end] - tops[first] for first, end in pairwise([0, *chosen, len(tops) - 1]))
        found = _pieces(sides, tops, _chosen(tops, cuts, longest * _SLACK))
        extent = _extent(found, turned=turned)
        if extent < least:
            best, least = found, extent
    return best


def _sides(rows: Rows, across: Sequence[float], row: int) -> tuple[float, float]:
    left = min(across[node] - rows.widths[node] / 2 for node in rows.rows[row])
    return left, max(across[node] + rows.widths[node] / 2 for node in rows.rows[row])


def _extent(found: tuple[list[Strip], float, float], *, turned: bool) -> float:
    """Return the height of the page that a layout fits on."""
    _, wide, long = found
    return max(wide, long / _PAGE) if turned else max(wide / _PAGE, long)


def _chosen(tops: Sequence[float], cuts: Sequence[int], longest: float) -> list[int]:
    """Return the cuts at which pieces are about this long, and longer only where there is no cut."""
    chosen: list[int] = []
    begin, last = 0.0, None
    for cut in [*cuts, len(tops) - 1]:
        if last is not None and tops[cut] - begin > longest:
            chosen.append(last)
            begin = tops[last]
        last = cut
    return chosen


def _pieces(
    sides: Sequence[tuple[float, float]], tops: Sequence[float], cuts: Sequence[int]
) -> tuple[list[Strip], float, float]:
    pieces: list[Strip] = []
    x = long = 0.0
    for first, end in zip([0, *cuts], [*cuts, len(tops) - 1], strict=True):
        left, right = min(side[0] for side in sides[first:end]), max(side[1] for side in sides[first:end])
        down = ABOVE + BELOW - tops[first] if first else 0.0
        pieces.append(Strip(first, end, x - left, down, x + right - left + _GAP / 2))
        x += right - left + _GAP
        long = max(long, tops[end] + down)
    return pieces, x - _GAP, long + (BELOW if cuts else 0.0)
