"""The size of one tensor, without the batch axis."""

from __future__ import annotations

from typing import NamedTuple

from shapecalc.dims import Dim, broadcast, prod
from shapecalc.errors import LayerError, UsageError

__all__ = ["CHW", "HWC", "LAYOUTS", "UNKNOWN", "Shape", "broadcast_sizes", "read_layout"]

CHW = "CHW"
HWC = "HWC"
LAYOUTS = (CHW, HWC)


class Shape(NamedTuple):
    """The sizes of a tensor's axes, in the layout of its network.

    `channels_last` is the layout: which axis is the channels where a layer expects channels and spatial axes. `is_map`
    is whether it is a feature map, with channels and spatial axes: it is shown in the layout of the report; any other
    tensor (features, tokens) is shown as it is.
    """

    sizes: tuple[Dim, ...]
    channels_last: bool = False
    is_map: bool = False

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.sizes)

    @property
    def channels(self) -> Dim:
        """The size of the channel axis. Errors: `LayerError` where there are no axes."""
        return self.sizes[self.channel_axis]

    @property
    def spatial(self) -> tuple[Dim, ...]:
        """The sizes of the spatial axes: (length,), (height, width) or (depth, height, width)."""
        return self.sizes[:-1] if self.channels_last else self.sizes[1:]

    @property
    def channel_axis(self) -> int:
        """The index of the channel axis. Errors: `LayerError` where there are no axes."""
        if not self.sizes:
            raise LayerError("it needs channels, but its input is a scalar without axes")
        return len(self.sizes) - 1 if self.channels_last else 0

    @property
    def elements(self) -> Dim:
        """The number of elements of the tensor."""
        return prod(self.sizes)

    @property
    def text(self) -> str:
        """The sizes as an error writes them: `3×224×224`."""
        return "×".join(map(str, self.sizes)) or "a scalar"

    def without_first_axis(self) -> Shape:
        """Return the shape without its first axis: of one sample, if that is the batch axis."""
        return self._replace(sizes=self.sizes[1:])

    def map_of(self, channels: Dim, spatial: tuple[Dim, ...]) -> Shape:
        """Return the feature map of these channels and spatial sizes, in this layout."""
        sizes = (*spatial, channels) if self.channels_last else (channels, *spatial)
        return Shape(sizes, self.channels_last, is_map=True)

    def plain(self, *sizes: Dim) -> Shape:
        """Return a tensor of these sizes that is not a feature map, in a network of this layout."""
        return Shape(sizes, self.channels_last, is_map=False)

    def with_axis(self, axis: int, size: Dim) -> Shape:
        """Return this shape with another size on one axis."""
        axis %= len(self.sizes)
        return self._replace(sizes=(*self.sizes[:axis], size, *self.sizes[axis + 1 :]))

    def in_layout(self, layout: str) -> tuple[Dim, ...]:
        """Return the sizes as `layout` (CHW or HWC) writes them."""
        if not self.is_map or self.channels_last == (layout == HWC):
            return self.sizes
        return (self.channels, *self.spatial) if layout == CHW else (*self.spatial, self.channels)


UNKNOWN = Shape((0,))
"""The size of an input that has none, or an invalid one."""


def broadcast_sizes(inputs: tuple[Shape, ...]) -> tuple[Dim, ...]:
    """Return the sizes of the inputs broadcast together, from the last axis on."""
    sizes = inputs[0].sizes
    for x in inputs[1:]:
        few, many = (sizes, x.sizes) if len(sizes) < len(x.sizes) else (x.sizes, sizes)
        extra = len(many) - len(few)
        sizes = many[:extra] + tuple([broadcast(a, b) for a, b in zip(many[extra:], few, strict=True)])
    return sizes


def read_layout(layout: str) -> str:
    """Return a layout's name in upper case. Errors: `UsageError` for another than CHW and HWC."""
    name = layout.upper() if isinstance(layout, str) else None
    if name is None or (name and name not in LAYOUTS):
        raise UsageError(f"layout must be {CHW.lower()} or {HWC.lower()}, not {layout}")
    return name
