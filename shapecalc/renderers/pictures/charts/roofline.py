"""A roofline plot: layers as points of arithmetic intensity and attainable rate, under the limits of a device."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.answers.serving import show_bits
from shapecalc.renderers.cells import show_scaled
from shapecalc.renderers.pictures.charts.axes import across, log_axis, up
from shapecalc.renderers.pictures.charts.heads import chart, legend
from shapecalc.renderers.pictures.charts.points import Labels
from shapecalc.renderers.pictures.scene import Dots, Outline, Polygon, polyline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.speed import Speed
    from shapecalc.renderers.pictures.scene import Mark, Scene

__all__ = ["draw", "points_of"]

_WIDE, _HIGH = 640.0, 350.0
_LABELLED, _NEEDED = 5, 2
"""Layers with the longest times that have names, where there is room, and those that have them at any rate."""

_SMALLEST, _LARGEST = 2.5, 13.0
"""Radii of points: the area is the time, that of the largest point the longest."""

_MOST = 1_000
"""Points that are drawn: those with the longest times."""

_MEMORY, _COMPUTE = "data", "accent"


class LayerPoint(NamedTuple):
    """Layers with the same intensity and limit: their names, and the sum of their times."""

    names: tuple[str, ...]
    intensity: float
    seconds: float
    is_memory: bool

    @property
    def words(self) -> str:
        """The first name, and how many there are."""
        return f"{self.names[0]}{f' ×{len(self.names):,}' if len(self.names) > 1 else ''}"


def draw(speed: Speed) -> Scene:
    """Return the roofline plot of bounds on speed."""
    points = points_of(speed)
    drawn = sorted(points, key=lambda one: -one.seconds)[:_MOST]
    plot = _Plot(speed, points)
    marks: list[Mark] = [*up(plot.y, 0.0, _WIDE, 16.0), *across(plot.x, -_HIGH, 0.0)]
    marks += [*plot.roof(), *plot.dots(drawn), *plot.wholes(), *plot.words(drawn)]
    marks += legend(_legend(points), _WIDE, -_HIGH - 16, 4.0)
    bits, batch = speed.widths, speed.report.batch
    shown = show_bits(bits.weights)
    weights = f"{bits.format} weights (on average {shown} bits)" if bits.format else f"{shown}-bit weights"
    words = [speed.device.name, f"{weights}, {show_bits(bits.activations)}-bit activations"]
    words += [f"batch {batch:,}"] if batch != 1 else []
    several = ", or of N like it (×N)" if any(len(point.names) > 1 for point in drawn) else ""
    notes = [f"Area: the least time of a layer{several}." if points else "No layer has both MACs and bytes to move."]
    if len(drawn) < len(points):
        notes.append(f"The {len(drawn):,} of {len(points):,} points with the longest times are drawn.")
    return chart(marks, speed.name or "network", " · ".join(words), notes)


def points_of(speed: Speed) -> list[LayerPoint]:
    """Return the layers that do arithmetic; equal ones together."""
    found: dict[tuple[float, bool], LayerPoint] = {}
    for layer in speed.layers:
        intensity = layer.bound.intensity
        if not intensity:  # a view, or without MACs: it has no position on a logarithmic axis
            continue
        is_memory = intensity < speed.roofline.ridge
        before = found.get((intensity, is_memory), LayerPoint((), intensity, 0.0, is_memory))
        names = (*before.names, layer.name)
        found[intensity, is_memory] = LayerPoint(names, intensity, before.seconds + layer.bound.seconds, is_memory)
    return list(found.values())


def _wholes(speed: Speed) -> list[tuple[str, float]]:
    """Return the intensities of the whole network, or of a decoder's two phases, and their names."""
    bounds = [("whole network", speed.network)]
    if speed.prompt and speed.decoding:
        bounds = [("first token", speed.prompt.bound), ("next token", speed.decoding.bound)]
    return [(name, bound.intensity) for name, bound in bounds if bound.intensity]


class _Plot:
    """The axes of a plot, and the labels that are in it."""

    def __init__(self, speed: Speed, points: Sequence[LayerPoint]) -> None:
        self.speed, self.roofline = speed, speed.roofline
        self.ridge, self.peak = speed.roofline.ridge, float(speed.roofline.peak.rate)
        every = [*[point.intensity for point in points], *[value for _, value in _wholes(speed)], self.ridge]
        low, high = min(every) / 3, max(max(every) * 3, self.ridge * 10)
        self.x = log_axis(low, high, "arithmetic intensity, FLOP per byte moved", 0.0, _WIDE)
        rate = min(low * speed.roofline.bandwidth, self.peak / 20)
        self.y = log_axis(rate / 1.5, self.peak * 3, "attainable FLOP/s", 0.0, -_HIGH)
        self.labels = Labels(Outline(0, -_HIGH, _WIDE, 0))

    def at(self, intensity: float) -> tuple[float, float]:
        """Return where an intensity is on the roof: at min(peak, intensity · bandwidth)."""
        rate = min(self.peak, intensity * self.roofline.bandwidth)
        return self.x.at(intensity), self.y.at(rate)

    def roof(self) -> Iterator[Mark]:
        """Yield the limits, the ridge between them, and their names."""
        start, ridge, end = self.at(self.x.low), self.at(self.ridge), self.at(self.x.high)
        self.labels.avoid_line([start, ridge, end])
        yield polyline((start, ridge, end), "ink", 1.8, key="roof")
        self.labels.avoid_line([ridge, (ridge[0], 0)])
        yield polyline((ridge, (ridge[0], 0)), "ink", 0.8, dashed=True, key="ridge")
        shown = f"{self.ridge:,.0f}" if self.ridge >= 10 else f"{self.ridge:.1f}"
        yield from self.labels.beside(
            (ridge[0], -4), f"ridge {shown} FLOP/B", "ridge words", places=((6, 0, "left"), (-6, 0, "right"))
        )
        peak = f"{self.roofline.peak.format} peak {show_scaled(self.peak, 'FLOP/s')}"
        yield from self.labels.beside((_WIDE, end[1]), peak, "peak words", places=((-2, -19, "right"),))
        middle = self.at(self.x.low**0.6 * self.ridge**0.4)
        memory = f"memory {show_scaled(self.roofline.bandwidth, 'B/s')}"
        yield from self.labels.beside(middle, memory, "memory words", places=((-10, -8, "right"), (10, 18, "left")))

    def dots(self, points: Sequence[LayerPoint]) -> Iterator[Mark]:
        """Yield the layers."""
        longest = max([point.seconds for point in points], default=0.0) or 1.0
        for point in points:
            radius = max(_LARGEST * (point.seconds / longest) ** 0.5, _SMALLEST)
            fill = _MEMORY if point.is_memory else _COMPUTE
            self.labels.avoid(*self.at(point.intensity), radius)
            yield Dots((self.at(point.intensity),), radius + 0.8, "paper", key="ring")
            yield Dots((self.at(point.intensity),), radius, fill, clean(point.words), key=f"layer {point.names[0]}")

    def wholes(self) -> Iterator[Mark]:
        """Yield the whole network, or the phases of a decoder, as diamonds, and their names."""
        for name, intensity in _wholes(self.speed):
            x, y = self.at(intensity)
            self.labels.avoid(x, y, 7)
            corners = ((x, y - 7), (x + 7, y), (x, y + 7), (x - 7, y))
            yield Polygon(corners, "ink", "paper", thickness=1.2, title=name, key=f"whole {name}")
            yield from self.labels.beside((x, y), name, f"whole {name}", bold=True, places=(*_BELOW, *_OVER, *_ABOVE))

    def words(self, points: Sequence[LayerPoint]) -> Iterator[Mark]:
        """Yield the names of the layers with the longest times, where there is room."""
        before = len(self.labels.texts)
        for index, point in enumerate(points[: 2 * _LABELLED]):
            if len(self.labels.texts) - before < _LABELLED:
                places = (*_ABOVE, *_OVER, *_BELOW) if point.is_memory else (*_BELOW[:3], *_OVER, *_BELOW[3:])
                yield from self.labels.beside(
                    self.at(point.intensity), point.words, f"words {point.names[0]}", places=(*places, *_ANYWHERE),
                    is_needed=index < _NEEDED,
                )  # fmt: skip


_ABOVE = tuple([(sign * (12 + 5 * i), sign * (6 + 13 * i) + (5 if sign > 0 else 0), "left" if sign > 0 else "right")
                for i in range(7) for sign in (-1, 1)])  # fmt: skip
_BELOW = ((10, 18, "left"), (0, 28, "middle"), (-10, 18, "right"), (8, 44, "left"), (8, 58, "left"), (8, 72, "left"),
          (18, 72, "right"), (18, 90, "right"), (18, 110, "right"))  # fmt: skip
_OVER = tuple([(right, down, anchor) for down in (-20, -34, -46) for right, anchor in
               ((0, "middle"), (10, "left"), (-10, "right"))])  # fmt: skip
_ANYWHERE = (
    *sorted(
        [(right, down, "middle") for down in (*range(28, 172, 12), -20, -32, -44) for right in range(-96, 97, 12)],
        key=lambda place: abs(place[0]) / 3 + abs(place[1]),
    ),
    *sorted(
        [(right, down, "left" if right > 0 else "right") for down in (*range(-116, -28, 12), *range(32, 184, 12))
         for right in range(-144, 160, 16) if right],
        key=lambda place: hypot(place[0], place[1]),
    ),
)  # fmt: skip
"""Where names of layers may be: at the slope above it at the left, or below it at the right; below the peak; above;
and where none of these is free, the nearest that is."""


def _legend(points: Sequence[LayerPoint]) -> Iterator[tuple[str, str]]:
    """Yield what the colours of points mean, from the right."""
    for is_memory, fill, word in ((False, _COMPUTE, "compute-bound"), (True, _MEMORY, "memory-bound")):
        count = sum(len(point.names) for point in points if point.is_memory == is_memory)
        if count:
            yield f"{count_noun(count, 'layer')} {word}", fill
