"""A long chain in several pieces beside one another, as the columns of a newspaper; cut where few lines go on."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.layered.parts import ARROW_ROOM, BORDER, BOX_GAP, CHANNEL, LANE, Cluster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.renderers.pictures.layered.parts import Card

__all__ = ["ABOVE", "BELOW", "PAGE", "Strip", "longest_piece", "pieces_of", "wrapped"]

LONGEST = 850.0
"""What is longer is wrapped, if it can be: a page of this height is legible on a slide."""
_STEPS = 100
_STEP = 0.95
_MOST_LINES = 6
_WORTH = (0.89, 0.75)  # of the page without: what it must be with a piece more that one line joins, or several
_HALF = 0.5  # of the page without: what is enough for any number of pieces
_ENOUGH = 1.25  # of the longest piece: what several lines join need not be shorter
_GAP = 2 * BOX_GAP
BELOW = LANE
"""From the end of a piece to the first line that goes on from there."""
ABOVE = LANE + ARROW_ROOM
"""From the last of these lines to the beginning of the next piece."""
PAGE = 1.6
"""The width of a page, of its height."""


class Strip(NamedTuple):
    """Rows up to one (exclusive) that are moved right and down together; lines after them go up from `lane` on."""

    first: int
    end: int
    right: float
    down: float
    lane: float


def longest_piece(top: Cluster, *, turned: bool) -> float:
    """Return how long a piece may be: as long as a page that all cards and frames fit on, and one of `LONGEST`."""
    area, _ = _needs(top, turned=turned)
    return max(LONGEST * PAGE, sqrt(area * PAGE)) if turned else max(LONGEST, sqrt(area / PAGE))


def _needs(member: Card | Cluster, *, turned: bool) -> tuple[float, float]:
    """Return about how much area cards and frames need with what is between them, and how long they are in one row."""
    if not isinstance(member, Cluster):
        length = (member.width if turned else member.height) + CHANNEL
        return (member.width + BOX_GAP) * (member.height + CHANNEL), length
    inside = [_needs(one, turned=turned) for one in member.members]
    area, length = sum(one for one, _ in inside), sum(one for _, one in inside)
    if not member.head or not length:
        return area, length
    beside = (member.head + BORDER if turned else 2 * BORDER) + BOX_GAP
    along = (2 * BORDER if turned else member.head + BORDER) + CHANNEL
    return area + beside * length + along * area / length, length + along


def wrapped(
    sides: Sequence[tuple[float, float]], tops: Sequence[float], cuts: Mapping[int, int], longest: float, *,
    is_page: bool, turned: bool,
) -> dict[int, int]:  # fmt: skip
    """Return before which rows pieces end, of `cuts`, which have the number of lines that go on there.

    `sides` are where rows are from left to right, `tops` where they begin, and where the last one ends. What is not
    longer than `longest` is one piece. A page is as small as can be, if single lines go on; otherwise few lines do.
    """
    if tops[-1] <= longest or not cuts:
        return {}

    def extent(chosen: dict[int, int]) -> float:
        """Return the length of the page that these pieces fit on."""
        _, wide, long = pieces_of(sides, tops, chosen)
        return max(wide * (PAGE if turned else 1 / PAGE), long)

    best: dict[int, int] = {}
    least = extent(best)
    for lines in sorted({count for count in cuts.values() if count <= _MOST_LINES}):
        choices = _choices(tops, {cut: count for cut, count in cuts.items() if count <= lines})
        enough = longest * _ENOUGH if lines > 1 else 0.0 if is_page else longest
        sizes = [extent(chosen) for chosen in choices]
        counts = [sum(chosen.values()) for chosen in choices]
        _, count, size, at = min((max(size, enough), counts[at], size, at) for at, size in enumerate(sizes))
        more = len(choices[at]) - len(best)
        is_smaller = size < least * max(_HALF, min(_WORTH[lines > 1], _WORTH[0] ** more))
        is_simpler = count < sum(best.values()) and size <= max(least, longest)
        if is_smaller or is_simpler:
            best, least = choices[at], size
    return best


def _choices(tops: Sequence[float], cuts: Mapping[int, int]) -> list[dict[int, int]]:
    """Return some of the cuts, for longer and for shorter pieces."""
    ends = [*cuts, len(tops) - 1]
    at = [tops[end] for end in ends]
    found: list[dict[int, int]] = []
    for step in range(_STEPS):
        chosen: dict[int, int] = {}
        begin, last = 0.0, -1
        while (last := max(bisect_right(at, begin + tops[-1] * _STEP**step) - 1, last + 1)) < len(cuts):
            chosen[ends[last]] = cuts[ends[last]]
            begin = at[last]
        if chosen not in found[-1:]:
            found.append(chosen)
    return found


def pieces_of(
    sides: Sequence[tuple[float, float]], tops: Sequence[float], cuts: Mapping[int, int]
) -> tuple[list[Strip], float, float]:
    """Return the pieces that end before these rows, and the size of them all."""
    pieces: list[Strip] = []
    x = long = before = 0.0
    if not sides:
        return pieces, x, long
    for first, end in pairwise([0, *cuts, len(tops) - 1]):
        left, right = min(side[0] for side in sides[first:end]), max(side[1] for side in sides[first:end])
        further = LANE * (cuts.get(end, 1) - 1)
        down = before + ABOVE + BELOW - tops[first] if first else 0.0
        pieces.append(Strip(first, end, x - left, down, x + right - left + _GAP / 2))
        x += right - left + _GAP + further
        long = max(long, tops[end] + down + (BELOW + further if end in cuts else 0.0))
        before = further
    return pieces, x - _GAP, long
