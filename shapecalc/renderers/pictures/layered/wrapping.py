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

__all__ = ["ABOVE", "BELOW", "Cut", "Strip", "longest_piece", "page_size", "pieces_of", "wrapped"]

LONGEST = 850.0
"""What is longer is wrapped within a cluster, if it can be: a page of this height is legible on a slide."""
_SLIDE = 1280.0, 720.0
_AROUND = 32.0, 122.0
"""What a picture has beside and above its graph: margins, and a heading."""
PAGE = _SLIDE[0] / _SLIDE[1]
_STEPS = 100
_STEP = 0.95
_MOST_LINES = 6
_PIECE = 0.06  # what a piece more costs, of the size of the page
_LINE = 0.04  # a line more that goes on to the next piece
_TORN = 0.08  # a cut within what belongs together
_RAGGED = 0.04  # a last piece that is nearly empty
_EMPTY = 0.3  # of the longest piece: what is nearly empty
_GAP = 2 * BOX_GAP
BELOW = LANE
"""From the end of a piece to the first line that goes on from there."""
ABOVE = LANE + ARROW_ROOM
"""From the last of these lines to the beginning of the next piece."""


class Cut(NamedTuple):
    """Where a piece may end: how many lines go on there, and whether it is within what belongs together."""

    lines: int
    is_torn: bool = False


class Strip(NamedTuple):
    """Rows up to one (exclusive) that are moved right and down together; lines after them go up from `lane` on."""

    first: int
    end: int
    right: float
    down: float
    lane: float


def page_size(across: float, along: float, *, turned: bool) -> float:
    """Return how large a page is needed for a graph and what is around it, of a slide: texts are smaller by that."""
    wide, high = (along, across) if turned else (across, along)
    return max((wide + _AROUND[0]) / _SLIDE[0], (high + _AROUND[1]) / _SLIDE[1])


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
    sides: Sequence[tuple[float, float]], tops: Sequence[float], cuts: Mapping[int, Cut], longest: float | None, *,
    turned: bool,
) -> dict[int, int]:  # fmt: skip
    """Return before which rows pieces end, with the number of lines that go on there.

    `sides` are where rows are from left to right, `tops` where they begin, and where the last one ends. Pieces are
    not longer than `longest`, if there are cuts for that; without it, they are those of the page on which texts are
    largest. What has room at full size is one piece. Within a cluster one line goes on.
    """
    most = _MOST_LINES if longest is None else 1
    cuts = {row: cut for row, cut in cuts.items() if cut.lines <= most}

    def cost(chosen: Mapping[int, int]) -> tuple[float, float]:
        pieces, wide, long = pieces_of(sides, tops, chosen)
        size = max(page_size(wide, long, turned=turned), 1.0) if longest is None else max(long / longest, 1.0)
        lengths = [tops[piece.end] - tops[piece.first] for piece in pieces]
        further = sum(chosen.values()) - len(chosen)
        torn = sum(cuts[row].is_torn for row in chosen)
        ragged = lengths[-1] < _EMPTY * max(lengths)
        return size * (1 + _PIECE * len(chosen) + _LINE * further + _TORN * torn + _RAGGED * ragged), wide * long

    best: dict[int, int] = {}
    if not cuts or (least := cost(best))[0] <= 1.0:
        return best
    tried: list[dict[int, int]] = []
    for torn in (False, True):
        for lines in sorted({cut.lines for cut in cuts.values()}):
            allowed = {row: cut.lines for row, cut in cuts.items() if cut.lines <= lines and cut.is_torn <= torn}
            tried += [one for one in _choices(tops, allowed) if one not in tried[-_STEPS:]]
    for chosen in tried:
        found = cost(chosen)
        if found < least:
            best, least = chosen, found
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
