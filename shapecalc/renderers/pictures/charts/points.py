"""What plots of points have in common: dots that would cover one another once, and labels where there is room."""

from __future__ import annotations

from itertools import pairwise, product
from math import dist
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.renderers.pictures.charts.heads import NOTE
from shapecalc.renderers.pictures.letters import fitted
from shapecalc.renderers.pictures.scene import Label, Outline, Rectangle, polyline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.renderers.pictures.scene import Mark, Point

__all__ = ["Labels", "thinned"]

MOST = 4_000
"""Dots of a plot, however many points there are."""

_LONGEST = 230.0
_NEAR = 5.0
"""The distance of the points of a line that are covered by nothing."""

_SPACE = 9.0
"""The least distance of labels on one line, which would be read as one."""

_OWN = 16.0
"""So near its point a line to a label may cross others, and go through points: they cover one another there."""

_FAR = 20.0
"""A label farther away than this has a line to its point."""

_PLACES = (
    (9, -8, "left"),
    (-9, -8, "right"),
    (9, 14, "left"),
    (-9, 14, "right"),
    (0, 24, "middle"),
    (0, -20, "middle"),
)
"""Where a label may be beside its point: how far to the right and down, and its end there."""


def thinned(points: Iterable[Point], cell: float = 1.0) -> tuple[Point, ...]:
    """Return points without those that would cover another: one of each cell, whose size grows until there are few."""
    found = [*points]
    while True:
        cells: dict[tuple[int, int], Point] = {}
        for x, y in found:
            cells.setdefault((round(x / cell), round(y / cell)), (x, y))
        if len(cells) <= MOST:
            return tuple(cells.values())
        cell *= 1.5


class Labels:
    """Labels in a plot that cover neither one another, nor what they are to avoid; one without room is left out."""

    def __init__(self, within: Outline) -> None:
        self.within = within
        self.points: list[Point] = []
        self.dots: list[Outline] = []
        self.lines: list[Outline] = []
        self.texts: list[Outline] = []
        self.leaders: list[Outline] = []
        self.segments: list[tuple[Point, Point]] = []

    def avoid(self, x: float, y: float, radius: float) -> None:
        """Cover nothing around a point."""
        self.points.append((x, y))
        self.dots.append(Outline(x - radius, y - radius, x + radius, y + radius))

    def avoid_line(self, points: Sequence[Point]) -> None:
        """Cover nothing of a line."""
        self.lines += _along(points, _NEAR, 1.0)

    def beside(
        self, at: Point, text: str, key: str, *, color: str = "ink", bold: bool = False,
        places: Sequence[tuple[float, float, str]] = _PLACES, is_needed: bool = False,
    ) -> Iterator[Mark]:  # fmt: skip
        """Yield a label beside a point on a ground of paper, with a line to it from farther away, or near others.

        The line goes through nothing, unless the label is needed and there is no other room; near its point it crosses
        another only if there is no other room.
        """
        words = fitted(clean(text), NOTE, _LONGEST, bold=bold)
        allowed = ("", "crossing", "through") if is_needed else ("", "crossing")
        for may, (right, down, anchor) in product(allowed, places):
            label = Label(at[0] + right, at[1] + down, words, NOTE, anchor, color, bold, key=key)
            place = label.outline
            beside = {"left": -3, "middle": 0, "right": 3}[anchor]
            middle = label.y - NOTE * 0.3
            edge = place.top - 1.5 if down > 0 else place.bottom + 1.5
            above = min(max(at[0], place.left + 4), place.right - 4)
            near = (label.x + beside, middle) if beside else (above, edge)
            leader = _along((at, near), 1.0, 0.5) if self._needs_line(label, at) else []
            far = [step for step in leader if dist((step.left, step.top), at) > _OWN]
            if (
                self.within.contains(place)
                and self._is_free(place, leader)
                and (may == "through" or self._is_clear(far))
                and (may or not leader or not self._crosses(at, near))
            ):
                self.texts.append(place)
                self.leaders += leader
                if leader:
                    self.segments.append((at, near))
                    yield polyline((at, near), "quiet", 0.5, key=f"{key} leader")
                yield Rectangle(
                    place.left - 1, place.top, place.width + 2, place.height, "paper", "", key=f"{key} ground"
                )
                yield label
                return

    def _needs_line(self, label: Label, at: Point) -> bool:
        """Return whether a label is far from its point, or nearer to another."""
        away = dist((label.x, label.y), at)
        return away > _FAR or any(dist((label.x, label.y), other) < away for other in self.points if other != at)

    def _is_free(self, place: Outline, leader: Sequence[Outline]) -> bool:
        """Return whether a label covers nothing, and neither its line nor that of another goes through a label."""
        wide = place._replace(left=place.left - _SPACE, right=place.right + _SPACE)
        return not (
            any(place.meets(other, 1) for other in (*self.dots, *self.lines, *self.leaders))
            or any(wide.meets(other, 1) for other in self.texts)
            or any(step.meets(other, 1) for step in leader for other in self.texts)
        )

    def _is_clear(self, leader: Sequence[Outline]) -> bool:
        """Return whether a line goes through no point and no other line, but near its own."""
        others = (*self.dots, *self.lines, *self.leaders)
        return not any(step.meets(other) for step in leader for other in others)

    def _crosses(self, start: Point, end: Point) -> bool:
        """Return whether a line crosses another outside of all dots: their labels would look exchanged."""
        for first, last in self.segments:
            one, other = _turn(first, last, start), _turn(first, last, end)
            if one * other < 0 and _turn(start, end, first) * _turn(start, end, last) < 0:
                share = one / (one - other)
                x, y = start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
                if not any(dot.left <= x <= dot.right and dot.top <= y <= dot.bottom for dot in self.dots):
                    return True
        return False


def _turn(start: Point, end: Point, point: Point) -> float:
    """Return on which side of a line a point is, as the sign."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _along(points: Sequence[Point], distance: float, radius: float) -> list[Outline]:
    """Return squares on a line, at most so far apart."""
    found: list[Outline] = []
    for (x, y), (right, down) in pairwise(points):
        steps = int(max(abs(right - x), abs(down - y)) // distance) + 1
        middles = [(x + (right - x) * step / steps, y + (down - y) * step / steps) for step in range(steps + 1)]
        found += [Outline(x - radius, y - radius, x + radius, y + radius) for x, y in middles]
    return found
