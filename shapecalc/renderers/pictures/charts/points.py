"""What plots of points have in common: dots that would cover one another once, and labels where there is room."""

from __future__ import annotations

from itertools import pairwise
from math import hypot
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
        self.used: list[Outline] = []

    def avoid(self, x: float, y: float, radius: float) -> None:
        """Cover nothing around a point."""
        self.used.append(Outline(x - radius, y - radius, x + radius, y + radius))

    def avoid_line(self, points: Sequence[Point]) -> None:
        """Cover nothing of a line."""
        for (x, y), (right, down) in pairwise(points):
            steps = int(max(abs(right - x), abs(down - y)) // _NEAR) + 1
            for step in range(steps + 1):
                self.avoid(x + (right - x) * step / steps, y + (down - y) * step / steps, 1.0)

    def beside(
        self, at: Point, text: str, key: str, *, color: str = "ink", bold: bool = False,
        places: Sequence[tuple[float, float, str]] = _PLACES,
    ) -> Iterator[Mark]:  # fmt: skip
        """Yield a label beside a point on a ground of paper, with a line to it from farther away."""
        words = fitted(clean(text), NOTE, _LONGEST, bold=bold)
        for right, down, anchor in places:
            label = Label(at[0] + right, at[1] + down, words, NOTE, anchor, color, bold, key=key)
            place = label.outline
            if self.within.contains(place) and not any(place.meets(other, 1) for other in self.used):
                self.used.append(place)
                if hypot(right, down) > _FAR:
                    near = label.x + {"left": -3, "middle": 0, "right": 3}[anchor], label.y - NOTE * 0.3
                    yield polyline((at, near), "quiet", 0.5, key=f"{key} leader")
                yield Rectangle(
                    place.left - 1, place.top, place.width + 2, place.height, "paper", "", key=f"{key} ground"
                )
                yield label
                return
