"""The map that a vector is meant as, if a convolution reads it: of the stated channels, an image, or one position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import Insertion
from shapecalc.layers.base.arguments import CHANNELS_OUT, STATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.dims import Dim
    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape

__all__ = ["map_of_vector"]

_IMAGE_CHANNELS = (1, 3)
_MIN_IMAGE = 16
_USUAL_RANK = 2


def map_of_vector(layer: Layer, x: Shape, fits: Callable[[Layer, Shape], bool]) -> Insertion | None:
    """Return the reshape that makes a vector the input of a convolution that it fits; None for none."""
    if type(x.sizes[0]) is not int or CHANNELS_OUT not in layer.argument_roles():
        return None
    fewest, most = layer.expected_ranks() or (0, 0)
    rank = max(fewest, min(_USUAL_RANK, most or _USUAL_RANK))
    for channels, side in _maps(layer, x.sizes[0], rank):
        spatial = (side,) * rank
        sizes = (*spatial, channels) if x.channels_last else (channels, *spatial)
        if fits(layer, x._replace(sizes=sizes, is_map=True)):
            return Insertion(f"reshape: {[*sizes]}")
    return None


def _maps(layer: Layer, size: Dim, rank: int) -> Iterator[tuple[int, int]]:
    """Yield the channels and the side of maps of so many elements, the most likely first."""
    stated = layer.argument_roles().get(STATED, "")
    channels = getattr(layer, stated) if stated else None
    for each in (channels,) if channels else _IMAGE_CHANNELS:
        side = round((size / each) ** (1 / rank))
        if each * side**rank == size and (channels or side >= _MIN_IMAGE):
            yield each, side
    yield int(size), 1
