"""A feature map that is drawn: its sides, its layers, its colour, and the window that slides over the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.layers.base.windowed import Windowed
from shapecalc.model.rows import sum_rows
from shapecalc.renderers.pictures.palette import group_of

if TYPE_CHECKING:
    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.base.window import WindowAxis
    from shapecalc.model.rows import ReportLine, Row

__all__ = ["FeatureMap", "Sides"]

_NARROW = ("convolutions", "norms", "merges", "activations", "reshapes", "others")
_CHARACTER = ("attentions", "recurrences", "convolutions", "embeddings", "matrices", "pools", "norms", "merges")
"""What characterises a block, before what is beside it: a layer of a transformer has attention, and matrix products."""


class Sides(NamedTuple):
    """The sides of a feature map: its channels, or the features of each position, and its positions along each axis.

    Without positions it is a flat vector; no channels (0) are those of a sequence of numbers.
    """

    channels: int
    positions: tuple[int, ...] = ()

    @property
    def height(self) -> int:
        """What is drawn upright: the rows, or the length of a sequence."""
        return self.positions[-2] if len(self.positions) > 1 else self.positions[-1]

    @property
    def width(self) -> int | None:
        """What is drawn backwards: the columns; None for a sequence."""
        return self.positions[-1] if len(self.positions) > 1 else None

    @classmethod
    def of(cls, shape: Shape) -> Sides:
        """Return the sides of a tensor; with one position, or one axis, it is a vector."""
        if not shape.sizes:
            return cls(1)
        if shape.is_map:
            channels, positions = shape.channels, shape.spatial
        else:
            *others, channels = shape.sizes
            positions = tuple(others)
        return cls(channels) if all(size == 1 for size in positions) else cls(channels, positions)


class FeatureMap(NamedTuple):
    """A feature map that is drawn as a box: an input of the network, or the output of a layer or a block.

    `line` are the layers that made it, as a report shows them, None for an input; `merged` are lines that keep its size
    and follow it; `stored` are lines whose parameters nothing uses. `sources` are the numbers of the maps that it is
    made of; of those in `sized_by` only the sizes are used. `dropped` are layers between them that are drawn as a part
    of the arrow. `passed` are further outputs that others read, if `is_read` besides the one that is drawn: their names
    and sides. `is_output` is whether it is one of several outputs of the network; `mark` is what tells a block apart
    from those beside it.
    """

    name: str
    sides: Sides
    line: ReportLine | None = None
    merged: tuple[ReportLine, ...] = ()
    sources: tuple[int, ...] = ()
    dropped: tuple[str, ...] = ()
    sized_by: tuple[int, ...] = ()
    stored: tuple[ReportLine, ...] = ()
    passed: tuple[tuple[str, Sides], ...] = ()
    is_read: bool = True
    is_output: bool = False
    mark: str = ""

    @property
    def rows(self) -> list[Row]:
        """The layers that made it, and those that follow it."""
        lines = [self.line, *self.merged] if self.line else []
        return [row for line in lines for row in line.rows]

    @property
    def params(self) -> Any:
        """The number of parameters of its layers; None where that is unknown."""
        rows = self.rows
        if not rows:
            return 0
        return None if all(row.is_unknown for row in rows) else sum_rows(rows).params

    @property
    def fill(self) -> str:
        """The role of its colour: the group of layers that characterises its block, whatever the sizes."""
        if self.line is None:
            return "input"
        found = {_group_of(row): None for row in self.line.rows}
        return next((group for group in _CHARACTER if group in found), next(iter(found)))

    @property
    def slid(self) -> Row | None:
        """Its one layer that slides a window, of several copies that of the first; None for none, or several.

        In a block other layers may look at one position at a time only: with attention it would see more.
        """
        rows = self.line.rows[: len(self.line.rows) // self.line.copies] if self.line else ()
        sliding = [row for row in rows if isinstance(row.node.layer, Windowed)]
        wide = [row for row in sliding if _is_wide(row)]
        found = wide[0] if len(wide) == 1 else sliding[0] if len(sliding) == 1 else None
        return found if all(_group_of(row) in _NARROW for row in rows if row is not found) else None

    @property
    def window(self) -> tuple[WindowAxis, ...]:
        """The window of that layer along each axis; empty without one."""
        sliding = self.slid.node.layer if self.slid else None
        return sliding.axes(self.slid.sizing.inputs[0]) if self.slid and isinstance(sliding, Windowed) else ()

    @property
    def is_seen_by_window(self) -> bool:
        """Return whether the layer that slides a window reads what the line does, of the same size or transposed."""
        row = self.slid
        if row is None or not self.line:
            return False
        read, whole = row.sizing.inputs[:1], self.line.rows[0].sizing.inputs[:1]
        return read == whole or [Sides.of(x._replace(is_map=True)) for x in read] == [Sides.of(x) for x in whole]

    def reach_over(self, source: FeatureMap) -> tuple[int, ...]:
        """Return how many positions of a map one of its own depends on along each axis, if a window slides over it."""
        row = self.slid
        x = row.sizing.inputs[0]._replace(is_map=True) if row else None
        if row is None or x is None or len(self.sources) != 1 or Sides.of(x) != source.sides:
            return ()
        looks = [look.axes for look in row.looks()]
        if len(looks) != 1 or len(source.sides.positions) != len(x.spatial):
            return ()
        seen = [looks[0][axis][0].at(0) for axis in range(x.rank) if axis != x.channel_axis]
        reach = [max(one[-1], one[0]) - min(one[-1], one[0]) + 1 if len(one) else 0 for one in seen]
        return tuple(reach) if reach == [axis.reach for axis in self.window] and max(reach) > 1 else ()


def _group_of(row: Row) -> str:
    """Return the group of a layer; a convolution of each channel alone, at each position, is a scale and a shift."""
    layer = row.node.layer
    is_scale = isinstance(layer, Windowed) and not _is_wide(row) and layer.works_by_channel(*row.sizing.inputs)
    return "norms" if is_scale else group_of(layer)


def _is_wide(row: Row) -> bool:
    """Return whether a layer that slides a window looks at more than one position at once."""
    sliding = row.node.layer
    return isinstance(sliding, Windowed) and any(axis.kernel != 1 for axis in sliding.axes(row.sizing.inputs[0]))
