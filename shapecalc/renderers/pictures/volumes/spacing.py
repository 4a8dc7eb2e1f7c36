"""How far columns of feature maps are from one another: as near as boxes, texts and lines beside one another can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures.scene import outline_of, shifted
from shapecalc.renderers.pictures.volumes.boxes import labels_of
from shapecalc.renderers.pictures.volumes.places import Lanes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shapecalc.renderers.pictures.scene import Label, Outline
    from shapecalc.renderers.pictures.volumes.boxes import Box
    from shapecalc.renderers.pictures.volumes.feature_map import Sides

__all__ = ["GAP", "Obstacle", "line_offsets", "middles", "parts_of"]

GAP = 28.0
"""Between boxes: an arrow."""
_TEXTS = 14.0
_OUT, _IN = 12.0, 13.0
"""Where the first lines go up and down between columns: after what is in the column, and before, with an arrowhead."""
_LINES = 6.0
_BESIDE_TEXT = 11.0
_SLACK = 4.0
_ROUND = 5.0
_LEAST = 12.0
_CAPTION = "caption"
"""The outline of the lines of a caption, which only other captions are not to reach into."""


class Obstacle(NamedTuple):
    """A part of a column: its sides from the middle of the column, its top and bottom, and what it is."""

    left: float
    right: float
    top: float
    bottom: float
    what: str

    @classmethod
    def of(cls, outline: Outline, what: str) -> Obstacle:
        """Return the part that has this outline."""
        return cls(outline.left, outline.right, outline.top, outline.bottom, what)


def parts_of(box: Box, sides: Sides, caption: Iterable[Label], bottom: float) -> list[Obstacle]:
    """Return the parts of a box that is centred in its column, and of its labels, the caption from a height on."""
    lines = [shifted(label, 0.0, bottom) for label in caption]
    texts = [Obstacle.of(label.outline, "text") for label in (*labels_of(box, sides, ""), *lines)]
    return [Obstacle.of(box.outline, "box"), *texts, Obstacle.of(outline_of(lines), _CAPTION)]


def line_offsets(
    spans: Mapping[tuple[int, int], Mapping[int, Sequence[float]]], parts: Mapping[int, list[Obstacle]]
) -> dict[tuple[int, int, int], float]:
    """Return where lines go up and down, from the middle of their column, and add them to the parts of the columns.

    `spans` has, for each column and side, the heights of every trunk of lines. Trunks that go past one another are
    beside one another: short ones on the side of their sources.
    """
    found: dict[tuple[int, int, int], float] = {}
    for (column, side), trunks in spans.items():
        top = min(min(ends) for ends in trunks.values()) - _SLACK
        bottom = max(max(ends) for ends in trunks.values()) + _SLACK
        beside = [
            one for one in parts[column] if one.what not in ("line", _CAPTION) and one.top < bottom and top < one.bottom
        ]
        reach = max(one.right if side > 0 else -one.left for one in beside)
        tracks = Lanes()
        for trunk, ends in sorted(trunks.items(), key=lambda one: side * (max(one[1]) - min(one[1]))):
            number = tracks.place(min(ends) - _ROUND, max(ends) + _ROUND)
            x = side * (reach + (_OUT if side > 0 else _IN) + _LINES * number)
            found[column, side, trunk] = x
            parts[column].append(Obstacle(x, x, min(ends), max(ends), "line"))
    return found


def middles(parts: Mapping[int, Sequence[Obstacle]], row_of: Mapping[int, int]) -> dict[int, float]:
    """Return the middles of columns, those of each row from the left: no parts beside one another are too near."""
    found: dict[int, float] = {}
    row: list[tuple[float, float, Sequence[Obstacle]]] = []
    """The middle of each column of the row, how far right it and those before it reach, and its parts."""
    for column in sorted(parts):
        own = parts[column]
        left = min(one.left for one in own)
        if row and row_of[column] != row_of[next(reversed(found))]:
            row = []
        x = row[-1][0] + _LEAST if row else -left
        for middle, reach, others in reversed(row):
            if reach + GAP - left <= x:
                break
            x = max([x, *[middle + one.right + _gap(one, two) - two.left
                          for one in others for two in own if _is_beside(one, two)]])  # fmt: skip
        row.append((x, max([x + one.right for one in own] + [reach for _, reach, _ in row[-1:]]), own))
        found[column] = x
    return found


def _is_beside(one: Obstacle, other: Obstacle) -> bool:
    if (one.what == _CAPTION) != (other.what == _CAPTION):
        return False
    return one.top < other.bottom + _SLACK and other.top < one.bottom + _SLACK


def _gap(before: Obstacle, after: Obstacle) -> float:
    """Return how far from one another two parts of different columns are."""
    kinds = before.what, after.what
    if kinds == ("box", "box"):
        return GAP
    if "line" not in kinds:
        return _TEXTS
    if kinds == ("line", "line"):
        return _LINES
    return _BESIDE_TEXT if "text" in kinds else _IN if kinds == ("line", "box") else _OUT
