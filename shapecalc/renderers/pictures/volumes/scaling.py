"""Lengths of sizes: proportional to them, to their square roots, or to their logarithms."""

from __future__ import annotations

from math import log2, sqrt
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.renderers.pictures import SCALES, check_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapecalc.renderers.pictures.volumes.feature_map import Sides

__all__ = ["SHORTEST", "Lengths", "read_scale"]

_FUNCTIONS: dict[str, Callable[[float], float]] = dict(
    zip(SCALES, (sqrt, float, lambda size: log2(size + 1)), strict=True)
)

SHORTEST = 4.0
"""No side is drawn shorter, in pixels."""
_UPRIGHT = 170.0
_CHANNELS = 84.0
_VECTOR = 150.0


def read_scale(name: str) -> str:
    """Return the name of a scale, by default the first. Errors: `UsageError` for another."""
    name = name or next(iter(SCALES))
    check_choice(name, SCALES, "scale")
    return name


class Lengths(NamedTuple):
    """The lengths of sizes on one picture, in pixels: positions on one scale, channels and features on another.

    Sequences that are longer than every side of a map, as those of all positions of several maps, have a third.
    """

    scale: str
    per_position: float
    per_step: float
    per_channel: float

    @classmethod
    def fitting(cls, sides: Iterable[Sides], scale: str, largest: float = 1.0) -> Lengths:
        """Return the lengths for which the largest of some sides have a good size, or this part of it."""
        work = _FUNCTIONS[scale]
        positions, steps, channels, features = 0.0, 0.0, 0.0, 0.0
        for one in sides:
            if not one.positions:
                features = max(features, work(one.channels))
                continue
            channels = max(channels, work(one.channels))
            if one.width is None:
                steps = max(steps, work(one.height))
            else:
                positions = max(positions, work(one.height), work(one.width))
        units = [largest * room / most for room, most in ((_CHANNELS, channels), (_VECTOR, features)) if most]
        longest = max(positions, steps)
        return cls(
            scale,
            largest * _UPRIGHT / (positions or longest or _UPRIGHT),
            largest * _UPRIGHT / (longest or _UPRIGHT),
            min(units, default=1.0),
        )

    def of_positions(self, size: float, *, is_sequence: bool = False) -> float:
        """Return the length of an axis of positions: of a sequence, or of a map."""
        return max(SHORTEST, _FUNCTIONS[self.scale](size) * (self.per_step if is_sequence else self.per_position))

    def of_channels(self, size: float) -> float:
        """Return the length of channels or features."""
        return max(SHORTEST, _FUNCTIONS[self.scale](size) * self.per_channel)
