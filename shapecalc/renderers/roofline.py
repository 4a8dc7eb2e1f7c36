"""A roofline plot: layers as points of arithmetic intensity and attainable rate, under the limits of a device.

Needs matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.escaping import clean
from shapecalc.renderers.cells import show_scaled
from shapecalc.renderers.front import INK, save_picture
from shapecalc.renderers.serving import show_bits
from shapecalc.text.cells import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.questions.speed import Speed

__all__ = ["draw_roofline"]

_ROOF, _MEMORY, _COMPUTE, _STEP = "#1f2937", "#2563eb", "#c2410c", "#0f766e"
_WIDE = 90
_LABELLED = 5
_NAME = 34
_SMALLEST, _LARGEST = 10, 420
"""Areas of the points, in square points: that of the largest is the layer with the longest time."""

_NEAR, _BESIDE = 0.035, 0.25
"""Labels closer than these parts of the height and the width of the plot would overlap."""


class _Point(NamedTuple):
    """Layers with the same intensity and limit: their names, and the sum of their times."""

    names: tuple[str, ...]
    intensity: float
    seconds: float
    is_memory: bool


def draw_roofline(path: str, speed: Speed) -> None:
    """Write the roofline plot of bounds to an .svg, .png or .pdf file.

    Errors: `UsageError` for another suffix, or if the file cannot be written; `MissingExtraError` without matplotlib.
    """
    save_picture(path, lambda: _drawn(speed), "plotting a roofline")


def _drawn(speed: Speed) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    points = _points(speed)
    low, high = _range(speed, points)
    _roof(axes, speed, low, high)
    for is_memory, color, word in ((True, _MEMORY, "memory-bound"), (False, _COMPUTE, "compute-bound")):
        own = [point for point in points if point.is_memory == is_memory]
        if own:
            label = f"{sum(len(point.names) for point in own):,} layers {word}"
            axes.scatter([point.intensity for point in own], [_rate(speed, point.intensity) for point in own],
                         s=[_area(point, points) for point in own], color=color, alpha=0.55, linewidths=0.6,
                         edgecolors="white", label=label, zorder=3)  # fmt: skip
    _wholes(axes, speed)
    _dress(axes, speed, low, high)
    _label(axes, speed, points, low)
    return figure


def _points(speed: Speed) -> list[_Point]:
    """Return the layers that do arithmetic; equal ones together."""
    found: dict[tuple[float, bool], _Point] = {}
    for layer in speed.layers:
        intensity = layer.bound.intensity
        if not intensity:  # a view, or without MACs: it has no place on a logarithmic axis
            continue
        is_memory = intensity < speed.roofline.ridge
        before = found.get((intensity, is_memory), _Point((), intensity, 0.0, is_memory))
        names = (*before.names, layer.name)
        found[intensity, is_memory] = _Point(names, intensity, before.seconds + layer.bound.seconds, is_memory)
    return list(found.values())


def _rate(speed: Speed, intensity: float) -> float:
    """Return the attainable rate at an intensity: min(peak, intensity · bandwidth)."""
    return min(float(speed.roofline.peak.rate), intensity * speed.roofline.bandwidth)


def _area(point: _Point, points: Sequence[_Point]) -> float:
    longest = max(other.seconds for other in points) or 1.0
    return _SMALLEST + (_LARGEST - _SMALLEST) * point.seconds / longest


def _range(speed: Speed, points: Sequence[_Point]) -> tuple[float, float]:
    """Return the ends of the axis of intensities: all points and the ridge lie well within."""
    every = [*[point.intensity for point in points], *[value for _, value in _marks(speed)], speed.roofline.ridge]
    return min(every) / 3, max(max(every) * 3, speed.roofline.ridge * 10)


def _marks(speed: Speed) -> list[tuple[str, float]]:
    """Return the intensities of the whole network, or of a decoder's two phases, and their names."""
    bounds = [("whole network", speed.network)]
    if speed.prompt and speed.decoding:
        bounds = [("first token", speed.prompt.bound), ("next token", speed.decoding.bound)]
    return [(name, bound.intensity) for name, bound in bounds if bound.intensity]


def _roof(axes: Any, speed: Speed, low: float, high: float) -> None:
    """Draw the limits, and the ridge between them."""
    roofline = speed.roofline
    ridge, peak = roofline.ridge, float(roofline.peak.rate)
    axes.axvspan(low, ridge, color=_MEMORY, alpha=0.04, linewidth=0)
    axes.axvspan(ridge, high, color=_COMPUTE, alpha=0.04, linewidth=0)
    axes.plot([low, ridge, high], [low * roofline.bandwidth, peak, peak], color=_ROOF, linewidth=1.8, zorder=2)
    axes.plot([ridge, ridge], [low * roofline.bandwidth / 100, peak], color=_ROOF, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.annotate(f"{roofline.peak.format} peak {show_scaled(peak, 'FLOP/s')}", (high, peak), xytext=(-4, 16),
                  textcoords="offset points", ha="right", fontsize=9, color=INK)  # fmt: skip
    shown = f"{ridge:,.0f}" if ridge >= 10 else f"{ridge:.1f}"
    axes.annotate(f"ridge {shown} FLOP/B", (ridge, 0),
                  xytext=(5, 6), xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=9,
                  color=INK)  # fmt: skip


def _wholes(axes: Any, speed: Speed) -> None:
    """Draw the whole network, or the phases of a decoder, as diamonds."""
    marks = _marks(speed)
    if not marks:
        return
    rates = [_rate(speed, intensity) for _, intensity in marks]
    axes.scatter([intensity for _, intensity in marks], rates, marker="D", s=58, color=_STEP, edgecolors="white",
                 linewidths=0.8, zorder=5)  # fmt: skip


def _dress(axes: Any, speed: Speed, low: float, high: float) -> None:
    from matplotlib.ticker import EngFormatter, FuncFormatter, NullFormatter

    peak = float(speed.roofline.peak.rate)
    rates = [_rate(speed, point.intensity) for point in _points(speed)] or [low * speed.roofline.bandwidth]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(min(*rates, low * speed.roofline.bandwidth, peak / 20) / 1.5, peak * 3)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.yaxis.set_major_formatter(EngFormatter(sep="\u2009"))
    for side in (axes.xaxis, axes.yaxis):
        side.set_minor_formatter(NullFormatter())
    axes.set_xlabel("arithmetic intensity: FLOP per byte moved", color=INK)
    axes.set_ylabel("attainable FLOP/s", color=INK)
    axes.grid(visible=True, which="major", color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="upper left", markerscale=0.7)
    bits, batch = speed.widths, speed.report.batch
    shown = show_bits(bits.weights)
    weights = f"{bits.format} weights (on average {shown} bits)" if bits.format else f"{shown}-bit weights"
    words = [speed.device.name, f"{weights}, {show_bits(bits.activations)}-bit activations"]
    words += [f"batch {batch:,}"] if batch != 1 else []
    axes.set_title(shorten(clean(speed.name or "network"), _WIDE), loc="left", fontsize=12, fontweight="bold",
                   color=INK, parse_math=False, pad=22)  # fmt: skip
    axes.annotate(shorten(clean(" · ".join(words)), _WIDE), (0, 1), xytext=(0, 8), xycoords="axes fraction",
                  textcoords="offset points", fontsize=9, color=INK, parse_math=False)  # fmt: skip


def _label(axes: Any, speed: Speed, points: Sequence[_Point], low: float) -> None:
    """Name the bandwidth along its slope, the whole network, and the layers with the longest times where there is room.

    Layers at the slope have their names at its upper left, those at the peak below them.
    """
    axes.figure.draw_without_rendering()  # so that the positions of the points are known
    _label_slope(axes, speed, low)
    for name, intensity in _marks(speed):
        at = (intensity, _rate(speed, intensity))
        across, _ = _position(axes, at)
        axes.annotate(name, at, xytext=(9, -13) if across < 0.85 else (0, -17), textcoords="offset points",
                      fontsize=8.5, ha="left" if across < 0.85 else "center", color=_STEP, fontweight="bold",
                      zorder=6)  # fmt: skip
    used: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda one: -one.seconds)[: 3 * _LABELLED]:
        if len(used) == _LABELLED:
            return
        at = (point.intensity, _rate(speed, point.intensity))
        across, up = _position(axes, at)
        if any(abs(up - other_up) < _NEAR and abs(across - other) < _BESIDE for other, other_up in used):
            continue
        used.append((across, up))
        more = f" and {len(point.names) - 1:,} like it" if len(point.names) > 1 else ""
        left = point.is_memory and across > 0.3
        place = {"xytext": (-12, 6), "ha": "right"} if left else {"xytext": (12, -12), "ha": "left"}
        place = place if point.is_memory else {"xytext": (0, -31), "ha": "center"}
        axes.annotate(f"{shorten(clean(point.names[0]), _NAME)}{more}", at, textcoords="offset points", fontsize=8,
                      color=INK, parse_math=False, zorder=4, **place).set_in_layout(False)  # fmt: skip


def _label_slope(axes: Any, speed: Speed, low: float) -> None:
    """Name the bandwidth, along the slope."""
    from math import atan2, degrees

    bandwidth, ridge = speed.roofline.bandwidth, speed.roofline.ridge
    start, end = (axes.transData.transform((at, at * bandwidth)) for at in (low, ridge))
    angle = degrees(atan2(end[1] - start[1], end[0] - start[0]))
    middle = low**0.72 * ridge**0.28
    axes.annotate(f"memory {show_scaled(bandwidth, 'B/s')}", (middle, middle * bandwidth), xytext=(-6, 8),
                  textcoords="offset points", rotation=angle, rotation_mode="anchor", fontsize=9,
                  color=INK)  # fmt: skip


def _position(axes: Any, at: tuple[float, float]) -> tuple[float, float]:
    """Return where a point is in the plot: from 0 to 1 across and up."""
    across, up = axes.transAxes.inverted().transform(axes.transData.transform(at))
    return float(across), float(up)
