"""A feature map as a box in perspective: its corners, its faces, its sizes on it, and a window on its side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.cells import show_size
from shapecalc.renderers.pictures.scene import Label, Outline, Polygon

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.renderers.pictures.scene import Mark, Point
    from shapecalc.renderers.pictures.volumes.feature_map import Sides
    from shapecalc.renderers.pictures.volumes.scaling import Lengths

__all__ = ["BACK", "SIZE", "Box", "labels_of", "size_texts"]

BACK = 0.38
"""How far back an axis goes on the paper, to the right and up, of its length."""
_THICKNESS = 7.0
_FLAT = 5.0
_COVERED = 0.75
"""The share of a side from which on a window is drawn as its edges alone."""
SIZE = 11.0
"""The size of the letters of sizes."""


class Box(NamedTuple):
    """A box: the lengths of its front, how far back it goes, and the top left corner of its front."""

    width: float
    height: float
    back: float
    x: float = 0.0
    y: float = 0.0

    @classmethod
    def of(cls, sides: Sides, lengths: Lengths) -> Box:
        """Return the box of a feature map; a vector is an upright bar, a sequence is flat."""
        if not sides.positions:
            return cls(_THICKNESS, lengths.of_channels(sides.channels), _FLAT)
        back = _FLAT if sides.width is None else lengths.of_positions(sides.width) * BACK
        height = lengths.of_positions(sides.height, is_sequence=sides.width is None)
        return cls(lengths.of_channels(sides.channels), height, back)

    @property
    def outline(self) -> Outline:
        """The rectangle around it."""
        return Outline(self.x, self.y - self.back, self.x + self.width + self.back, self.y + self.height)

    def centred(self, x: float, y: float) -> Box:
        """Return the box with the middle of its outline at a point."""
        return self._replace(x=x - (self.width + self.back) / 2, y=y - (self.height - self.back) / 2)

    def left_at(self, y: float) -> float:
        """Return where its left edge is at a height."""
        return self.x + max(0.0, self.y - y)

    def right_at(self, y: float) -> float:
        """Return where its right edge is at a height."""
        return self.x + self.width + min(self.back, self.y + self.height - y)

    def faces(self, fill: str, key: str, title: str) -> Iterator[Mark]:
        """Yield its three faces that are seen."""
        left, right, top, bottom, back = self.x, self.x + self.width, self.y, self.y + self.height, self.back
        lid = (left, top), (left + back, top - back), (right + back, top - back), (right, top)
        side = (right, top), (right + back, top - back), (right + back, bottom - back), (right, bottom)
        front = (left, top), (right, top), (right, bottom), (left, bottom)
        yield Polygon(lid, f"{fill}-lit", title=title, key=f"top {key}")
        yield Polygon(side, f"{fill}-shaded", title=title, key=f"side {key}")
        yield Polygon(front, fill, title=title, key=f"front {key}")

    def on_side(self, height: float, width: float) -> tuple[Point, Point, Point, Point]:
        """Return the corners of a window in the middle of its right side: as long as given upright and backwards."""
        high, deep = min(height, self.height) / 2, min(width, self.back) / 2
        across, down = self.x + self.width + self.back / 2, self.y + (self.height - self.back) / 2
        return (
            (across - deep, down + deep - high), (across + deep, down - deep - high),
            (across + deep, down - deep + high), (across - deep, down + deep + high),
        )  # fmt: skip

    def is_covered_by(self, window: Sequence[Point]) -> bool:
        """Return whether a window is nearly its whole right side, of which nothing would be seen behind it."""
        (left, top), (right, _), _, (_, bottom) = window
        return (right - left) * (bottom - top) > _COVERED * self.back * self.height


def size_texts(sides: Sides) -> tuple[str, str]:
    """Return what is written above and below a box: the positions and the channels, or above all features."""
    if not sides.positions:
        return str(sides.channels), ""
    return show_size(sides.positions), str(sides.channels) if sides.channels else ""


def labels_of(box: Box, sides: Sides, key: str) -> list[Label]:
    """Return the labels of its sizes: above the middle of its top edge, and below its front."""
    above, below = size_texts(sides)
    outline = box.outline
    labels = [Label((outline.left + outline.right) / 2, outline.top - 5, above, SIZE, "middle", key=f"size {key}")]
    if below:
        at = box.x + box.width / 2
        labels.append(Label(at, outline.bottom + SIZE + 2, below, SIZE, "middle", key=f"channels {key}"))
    return labels
