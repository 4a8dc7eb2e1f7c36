"""A scene: what is on a picture, as shapes at positions; immutable, and without a format.

Lengths are in pixels, x to the right and y downwards. A colour is a name of `palette.py`: `card`, `ink`, `conv`, …
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.letters import text_width, unstacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Curve", "Dots", "Label", "Mark", "Outline", "Point", "Polygon", "Rectangle", "Scene", "outline_of", "polyline",
    "shifted",
]  # fmt: skip

Point = tuple[float, float]


class Outline(NamedTuple):
    """The smallest upright rectangle around a mark."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Its length across."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Its length downwards."""
        return self.bottom - self.top

    def meets(self, other: Outline, gap: float = 0.0) -> bool:
        """Return whether two share some area, or are closer than a gap."""
        across = self.left < other.right + gap and other.left < self.right + gap
        return across and self.top < other.bottom + gap and other.top < self.bottom + gap

    def contains(self, other: Outline, slack: float = 0.01) -> bool:
        """Return whether the other is inside, but for a slack."""
        across = self.left <= other.left + slack and other.right <= self.right + slack
        return across and self.top <= other.top + slack and other.bottom <= self.bottom + slack


class Rectangle(NamedTuple):
    """A rectangle, with round corners if it has a radius; `title` is shown where a pointer rests on it."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    stroke: str = "ink"
    radius: float = 0.0
    thickness: float = 1.0
    dashed: bool = False
    title: str = ""
    key: str = ""

    @property
    def outline(self) -> Outline:
        """Where it is."""
        return Outline(self.x, self.y, self.x + self.width, self.y + self.height)


class Polygon(NamedTuple):
    """A closed polygon: a face of a box in perspective."""

    points: tuple[Point, ...]
    fill: str = ""
    stroke: str = "ink"
    thickness: float = 1.0
    dashed: bool = False
    title: str = ""
    key: str = ""

    @property
    def outline(self) -> Outline:
        """Where it is."""
        return _around(self.points)


class Curve(NamedTuple):
    """An open line: its start, and steps of one point (a straight line) or three (a cubic Bézier curve).

    `arrow` is the length of the arrowhead at its end, which points as the last step does; `key` and `title` as those
    of a rectangle. `ends` are the keys of the marks that it joins.
    """

    start: Point
    steps: tuple[tuple[Point, ...], ...]
    stroke: str = "edge"
    thickness: float = 1.2
    arrow: float = 0.0
    dashed: bool = False
    title: str = ""
    key: str = ""
    ends: tuple[str, str] = ("", "")

    @property
    def outline(self) -> Outline:
        """Where it is: around its control points too, within which a Bézier curve stays."""
        return _around([self.start, *[point for step in self.steps for point in step]])

    @property
    def end(self) -> Point:
        """Its last point."""
        return self.steps[-1][-1] if self.steps else self.start

    @property
    def head(self) -> tuple[Point, Point, Point] | None:
        """The corners of its arrowhead, the tip first; None without one."""
        if not self.arrow or not self.steps:
            return None
        points = [self.start, *[point for step in self.steps for point in step]]
        tip = points[-1]
        before = next((point for point in reversed(points) if point != tip), None)
        if before is None:
            return None
        length = ((tip[0] - before[0]) ** 2 + (tip[1] - before[1]) ** 2) ** 0.5
        along = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
        base = tip[0] - along[0] * self.arrow, tip[1] - along[1] * self.arrow
        side = -along[1] * self.arrow * 0.4, along[0] * self.arrow * 0.4
        return tip, (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1])


class Label(NamedTuple):
    """One line of text: `x` is its left end, its middle or its right end (`anchor`), `y` its baseline.

    `turned` is by how many degrees it is turned clockwise, around that point: a multiple of 90.
    """

    x: float
    y: float
    text: str
    size: float = 12.0
    anchor: str = "left"
    color: str = "ink"
    bold: bool = False
    turned: int = 0
    key: str = ""

    @property
    def width(self) -> float:
        """The length of the text, in any font that the formats use: writers fit it."""
        return text_width(self.text, self.size, bold=self.bold)

    @property
    def outline(self) -> Outline:
        """Where it is, from the top of its capitals to the bottom of its descenders."""
        left = {"left": 0.0, "middle": -self.width / 2, "right": -self.width}[self.anchor]
        right, top, bottom = left + self.width, -self.size * 0.74, self.size * 0.22
        corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
        for _ in range(self.turned // 90 % 4):
            corners = [(-y, x) for x, y in corners]
        return _around([(self.x + x, self.y + y) for x, y in corners])


class Dots(NamedTuple):
    """Equal dots with their middles at points: those of a scatter plot, as one mark."""

    points: tuple[Point, ...]
    radius: float
    fill: str = "ink"
    title: str = ""
    key: str = ""

    @property
    def outline(self) -> Outline:
        """Where they are."""
        found, radius = _around(self.points), self.radius
        return Outline(found.left - radius, found.top - radius, found.right + radius, found.bottom + radius)


Mark = Rectangle | Polygon | Curve | Label | Dots


class Scene(NamedTuple):
    """A picture: its size, its marks from back to front, and its title and description in words."""

    width: float
    height: float
    marks: tuple[Mark, ...]
    title: str = ""
    description: str = ""

    @classmethod
    def around(cls, marks: Sequence[Mark], title: str = "", description: str = "", margin: float = 16.0) -> Scene:
        """Return the scene of marks anywhere, moved to begin at a margin."""
        found = outline_of(marks)
        flat = [mark._replace(text=unstacked(mark.text)) if isinstance(mark, Label) else mark for mark in marks]
        moved = tuple([shifted(mark, margin - found.left, margin - found.top) for mark in flat])
        return cls(found.width + 2 * margin, found.height + 2 * margin, moved, title, description)


def polyline(
    points: Iterable[Point], stroke: str = "rule", thickness: float = 1.0, *,
    arrow: float = 0.0, dashed: bool = False, key: str = "", ends: tuple[str, str] = ("", ""),
) -> Curve:  # fmt: skip
    """Return the curve of straight lines from point to point."""
    start, *others = points
    return Curve(start, tuple([(point,) for point in others]), stroke, thickness, arrow, dashed, key=key, ends=ends)


def outline_of(marks: Iterable[Mark]) -> Outline:
    """Return the smallest rectangle around marks; an empty one without any."""
    found = [mark.outline for mark in marks]
    return _around([point for one in found for point in ((one.left, one.top), (one.right, one.bottom))])


def shifted(mark: Mark, right: float, down: float) -> Mark:
    """Return a mark at another position."""
    if isinstance(mark, (Polygon, Dots)):
        return mark._replace(points=tuple([(x + right, y + down) for x, y in mark.points]))
    if isinstance(mark, Curve):
        start = mark.start[0] + right, mark.start[1] + down
        steps = tuple([tuple([(x + right, y + down) for x, y in step]) for step in mark.steps])
        return mark._replace(start=start, steps=steps)
    return mark._replace(x=mark.x + right, y=mark.y + down)


def _around(points: Iterable[Point]) -> Outline:
    found = list(points)
    if not found:
        return Outline(0.0, 0.0, 0.0, 0.0)
    across, down = [x for x, _ in found], [y for _, y in found]
    return Outline(min(across), min(down), max(across), max(down))
