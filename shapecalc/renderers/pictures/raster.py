"""A scene as PNG or PDF, drawn by matplotlib, an extra."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shapecalc.errors import MissingExtraError
from shapecalc.escaping import clean
from shapecalc.renderers.pictures.letters import text_width
from shapecalc.renderers.pictures.palette import colour
from shapecalc.renderers.pictures.scene import Curve, Dots, Label, Rectangle

if TYPE_CHECKING:
    from shapecalc.renderers.pictures.scene import Mark, Scene

__all__ = ["check_installed", "write_image"]

_PER_INCH = 96  # pixels of a screen, as CSS has them
_SCALE = 2  # pixels of a PNG for each
_MAX_SIDE = 30_000  # pixels: matplotlib's own limit is 2^16, and memory grows with the area
_USUAL = "layers.0.attention: 1,234,567 parameters, 89.5 MiB 2×3"
_FAMILIES = ["Helvetica", "Arial", "Liberation Sans", "Nimbus Sans", "DejaVu Sans"]


def check_installed(what: str) -> None:
    """Check that matplotlib is there; `what` needs it. Errors: `MissingExtraError`."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtraError(what, "matplotlib", "plot") from None


def write_image(scene: Scene, format: str, theme: str = "auto") -> bytes:  # noqa: A002
    """Return a scene as an image, where matplotlib is installed."""
    import logging
    import warnings

    import matplotlib as mpl
    from matplotlib.figure import Figure

    written = io.BytesIO()
    rc: Any = {"text.usetex": False, "text.parse_math": False, "pdf.fonttype": 42, "svg.fonttype": "none"}
    scale = min(_SCALE, _MAX_SIDE / max(scene.width, scene.height, 1))
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    with mpl.rc_context(rc), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about letters that are not in its font
        fonts.setLevel(logging.ERROR)  # about families that the machine lacks
        try:
            figure = Figure(figsize=(scene.width / _PER_INCH, scene.height / _PER_INCH))
            figure.patch.set_facecolor(colour("paper", theme))
            axes = figure.add_axes((0, 0, 1, 1), frameon=False)
            axes.set_axis_off()
            axes.set_xlim(0, scene.width)
            axes.set_ylim(scene.height, 0)
            for layer, mark in enumerate(scene.marks):
                _add(axes, mark, theme, layer)
            metadata = {"Title": clean(scene.title)} if scene.title else {}
            figure.savefig(written, format=format, dpi=_PER_INCH * scale, metadata=metadata)
        finally:
            fonts.setLevel(level)
    return written.getvalue()


def _add(axes: Any, mark: Mark, theme: str, layer: int) -> None:
    if isinstance(mark, Label):
        _add_text(axes, mark, theme, layer)
        return
    if isinstance(mark, Dots):
        _add_dots(axes, mark, theme, layer)
        return
    from matplotlib.patches import FancyBboxPatch, PathPatch

    fill = "" if isinstance(mark, Curve) else mark.fill
    style: dict[str, Any] = {
        "facecolor": colour(fill, theme) if fill else "none",
        "edgecolor": colour(mark.stroke, theme) if mark.stroke else "none",
        "linewidth": mark.thickness * 72 / _PER_INCH,
        "linestyle": (0, (4, 3)) if mark.dashed else "solid",
        "zorder": layer,
        "clip_on": False,
    }
    if isinstance(mark, Rectangle) and mark.radius:
        style["boxstyle"] = f"round,pad=0,rounding_size={mark.radius}"
        axes.add_patch(FancyBboxPatch((mark.x, mark.y), mark.width, mark.height, **style))
        return
    axes.add_patch(PathPatch(_path(mark), **style))
    if isinstance(mark, Curve) and mark.head:
        style.update(facecolor=style["edgecolor"], edgecolor="none", linestyle="solid")
        axes.add_patch(PathPatch(_closed(mark.head), **style))


def _add_dots(axes: Any, dots: Dots, theme: str, layer: int) -> None:
    across, down = zip(*dots.points, strict=True)
    diameter = 2 * dots.radius * 72 / _PER_INCH
    axes.scatter(across, down, s=diameter**2, color=colour(dots.fill, theme), linewidths=0, zorder=layer, clip_on=False)


def _path(mark: Any) -> Any:
    from matplotlib.path import Path

    if isinstance(mark, Rectangle):
        right, bottom = mark.x + mark.width, mark.y + mark.height
        return _closed([(mark.x, mark.y), (right, mark.y), (right, bottom), (mark.x, bottom)])
    if not isinstance(mark, Curve):
        return _closed(mark.points)
    points, codes = [mark.start], [Path.MOVETO]
    for step in mark.steps:
        points += step
        codes += [Path.LINETO] if len(step) == 1 else [Path.CURVE4] * 3
    return Path(points, codes)


def _closed(points: Any) -> Any:
    from matplotlib.path import Path

    return Path([*points, points[0]], closed=True)


def _scale(text: str, width: float, bold: bool) -> float:
    """Return by what a text is made smaller to have at most a width, both at size 1."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family=_FAMILIES, weight="bold" if bold else "normal")
    drawn = TextPath((0, 0), text, size=100, prop=font, usetex=False).get_extents()
    return min(1.0, width * 100 / drawn.x1) if drawn.width > 0 and drawn.x1 > 0 else 1.0


@lru_cache
def _usual_scale(*, bold: bool) -> float:
    """Return by what every text is made smaller, so that most have one size: fonts of other measures are wider."""
    return _scale(_USUAL, text_width(_USUAL, 1, bold=bold), bold)


def _add_text(axes: Any, label: Label, theme: str, layer: int) -> None:
    """Draw a text in a font of the machine, smaller where it would be longer than the scene has it."""
    text = clean(label.text)
    if not text.strip():
        return
    size = min(
        label.size * _usual_scale(bold=label.bold), label.size * _scale(text, label.width / label.size, label.bold)
    )
    anchor = "center" if label.anchor == "middle" else label.anchor
    axes.text(
        label.x, label.y, text, size=size * 72 / _PER_INCH, family=_FAMILIES, weight="bold" if label.bold else "normal",
        color=colour(label.color, theme), ha=anchor, va="baseline", rotation=-label.turned, rotation_mode="anchor",
        parse_math=False, zorder=layer, clip_on=False,
    )  # fmt: skip
