"""Lines of a graph with round corners: those from one box share a line, from which each branches off."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from shapecalc.renderers.pictures.scene import Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shapecalc.renderers.pictures.scene import Point

    _Way = tuple[Point, bool, bool]

__all__ = ["apart", "drawn_lines", "rises", "towards"]

_ROUND = 6.0
_OVER = 1.0  # of two lines at a fork, so that there is no gap: longer it would look darker
_ARROW = 6.5


def drawn_lines(routes: Mapping[tuple[str, str], tuple[Point, ...]]) -> Iterator[Curve]:
    """Yield the lines of routes, in which what those of a start have in common is drawn once."""
    corners: dict[str, set[Point]] = {}
    ways: dict[str, dict[_Way, tuple[float, float]]] = {}
    for (start, end), points in routes.items():
        known, left_by = corners.setdefault(start, set()), ways.setdefault(start, {})
        shared = 0
        while shared + 2 < len(points) and points[shared + 1] in known:
            shared += 1
        if shared and _way(points[shared], points[shared + 1]) not in left_by:
            shared -= 1  # it turns off where others do not: with a corner of its own
        own = points[shared:]
        length = apart(own[0], own[1])
        longest, radius = left_by.get(_way(own[0], own[1]), (0.0, _ROUND))
        drawn = min(longest, length) - _ROUND - _OVER
        if shared or drawn > 0:  # beyond what others have drawn, and their round corner
            own = (towards(own[0], own[1], max(min(radius, length / 2) if shared else 0.0, drawn)), *own[1:])
        known.update(points)
        for before, one, other in zip((None, *points), points, points[1:], strict=False):
            way = _way(one, other)
            longest, least = left_by.get(way, (0.0, _ROUND))
            radius = _radius(before, one, other) if before else _ROUND
            left_by[way] = max(apart(one, other), longest), min(radius, least)
        yield _rounded(own, f"edge {start} {end}", (f"box {start}", f"box {end}"))


def rises(points: tuple[Point, ...], *, across: bool) -> int:
    """Return how often a line goes back up, to the beginning of a further column, or back to the left."""
    at = [point[not across] for point in points]
    ways = [after < before for before, after in pairwise(at) if after != before]
    return sum(is_up and not was_up for was_up, is_up in pairwise([False, *ways]))


def _way(point: Point, other: Point) -> _Way:
    """Return a point, and in which direction a line leaves it."""
    is_across = abs(point[0] - other[0]) > abs(point[1] - other[1])
    return point, is_across, other > point


def _rounded(points: tuple[Point, ...], key: str, ends: tuple[str, str]) -> Curve:
    steps: list[tuple[Point, ...]] = []
    last = points[0]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = _radius(before, corner, after)
        enter, leave = towards(corner, before, radius), towards(corner, after, radius)
        if enter != last:
            steps.append((enter,))
        steps.append((towards(corner, before, radius * 0.45), towards(corner, after, radius * 0.45), leave))
        last = leave
    steps.append((points[-1],))
    return Curve(points[0], tuple(steps), arrow=_ARROW, key=key, ends=ends)


def _radius(before: Point, corner: Point, after: Point) -> float:
    """Return the radius of a corner between two points: half of the shorter way to them, if that is little."""
    return min(_ROUND, apart(before, corner) / 2, apart(corner, after) / 2)


def apart(one: Point, other: Point) -> float:
    """Return the length of a line between two points that goes across and down."""
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def towards(point: Point, other: Point, by: float) -> Point:
    """Return a point moved towards another, which is above, below or beside it."""
    whole = apart(point, other) or 1.0
    return point[0] + (other[0] - point[0]) * by / whole, point[1] + (other[1] - point[1]) * by / whole
