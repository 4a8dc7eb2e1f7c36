"""Lines of a graph with round corners: those from one box share a line, from which each branches off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.renderers.pictures.scene import Curve

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from shapecalc.renderers.pictures.scene import Point

__all__ = ["drawn_lines"]

_ROUND = 6.0
_ARROW = 6.5


def drawn_lines(routes: Mapping[tuple[str, str], tuple[Point, ...]]) -> Iterator[Curve]:
    """Yield the lines of routes, which a start has together only once."""
    drawn: dict[str, set[Point]] = {}
    for (start, end), points in routes.items():
        corners = drawn.setdefault(start, set())
        first = 0
        while first + 2 < len(points) and points[first + 1] in corners:
            first += 1
        corners.update(points)
        own = points[first:]
        if first:  # beyond the round corner of the shared line
            own = (_towards(own[0], own[1], min(_ROUND, _apart(own[0], own[1]) / 2)), *own[1:])
        yield _rounded(own, f"edge {start} {end}", (f"box {start}", f"box {end}"))


def _rounded(points: tuple[Point, ...], key: str, ends: tuple[str, str]) -> Curve:
    steps: list[tuple[Point, ...]] = []
    last = points[0]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_ROUND, _apart(before, corner) / 2, _apart(corner, after) / 2)
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        if enter != last:
            steps.append((enter,))
        steps.append((_towards(corner, before, radius * 0.45), _towards(corner, after, radius * 0.45), leave))
        last = leave
    steps.append((points[-1],))
    return Curve(points[0], tuple(steps), arrow=_ARROW, key=key, ends=ends)


def _apart(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(point: Point, other: Point, by: float) -> Point:
    """Return a point moved towards another, which is above, below or beside it."""
    whole = _apart(point, other) or 1.0
    return point[0] + (other[0] - point[0]) * by / whole, point[1] + (other[1] - point[1]) * by / whole
