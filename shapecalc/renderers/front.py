"""The Pareto front of a sweep as a plot: every variant is a dot, those of the front are joined by a line.

Needs matplotlib.
"""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Any

from shapecalc.errors import MissingExtraError, Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.files import write_file
from shapecalc.text.cells import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["INK", "check_picture", "draw_front", "save_picture"]

_FORMATS = (".svg", ".png", ".pdf")
_LABELS = {
    "params": "parameters", "macs": "multiply-accumulates", "memory": "peak memory in bytes (fp32)",
    "activations": "activations", "buffers": "buffers",
}  # fmt: skip
_CROWD = 60
_LINE_HEIGHT = 0.05
_WIDE = 90
INK = "#333333"
"""The colour of texts in plots."""

_CLOUD, _LINE = "#b8c4d0", "#c2410c"


def check_picture(path: str, what: str = "plotting a front") -> None:
    """Check that a plot can be drawn; `what` is for the error.

    Errors: `UsageError` for an unknown file format, `MissingExtraError`.
    """
    if os.path.splitext(path)[1].lower() not in _FORMATS:
        raise UsageError(Problem(f"{path} is not a format of plots", hint="use the suffix .svg, .png or .pdf"))
    try:
        import matplotlib.figure  # noqa: F401  (an extra, and slow to load)
    except ModuleNotFoundError:
        raise MissingExtraError(what, "matplotlib", "plot") from None


def draw_front(path: str, title: str, names: Sequence[str], cloud: Any, front: Any, labels: Sequence[str]) -> None:
    """Write the plot of two columns: `cloud` and `front` are points, `labels` the names of those on the front.

    Errors: as `check_picture`, and `UsageError` if the file cannot be written.
    """
    save_picture(path, lambda: _drawn(title, names, cloud, front, labels))


def save_picture(path: str, draw: Callable[[], Any], what: str = "plotting a front") -> None:
    """Write the figure that `draw` returns to a file, in the format of its suffix. Errors: as `draw_front`."""
    check_picture(path, what)
    import io
    import warnings

    import matplotlib as mpl  # an extra, and slow to load

    picture = io.BytesIO()
    with mpl.rc_context({"text.usetex": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about letters that are not in its font, and about little room
        draw().savefig(picture, dpi=160, format=os.path.splitext(path)[1][1:].lower())
    write_file(path, picture.getvalue())


def _drawn(title: str, names: Sequence[str], cloud: Any, front: Any, labels: Sequence[str]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.add_subplot()
    if len(cloud):
        axes.scatter(cloud[:, 0], cloud[:, 1], s=6, color=_CLOUD, linewidths=0, rasterized=True, label="variants")
    if len(front):
        crowded = len(front) > _CROWD
        axes.plot(front[:, 0], front[:, 1], color=_LINE, linewidth=1, alpha=0.6)
        axes.plot(front[:, 0], front[:, 1], "o", color=_LINE, markersize=2.2 if crowded else 4.5, markeredgewidth=0,
                  label=f"Pareto front ({len(front):,})")  # fmt: skip
    _dress(axes, names, cloud, front)
    _label(axes, front, labels)
    head, _, rest = title.rpartition(": ")
    lines = textwrap.wrap(_safe(rest, 5 * _WIDE), 95)
    axes.set_title(_safe(head, _WIDE), loc="left", fontsize=12, fontweight="bold", color=INK, parse_math=False,
                   pad=10 + 12 * len(lines))  # fmt: skip
    axes.annotate("\n".join(lines), (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points",
                  fontsize=9, color=INK, parse_math=False)  # fmt: skip
    return figure


def _safe(text: str, room: int) -> str:
    """Return a text from a specification, safe for a plot: matplotlib does not read it as TeX."""
    return shorten(clean(text), room)


def _dress(axes: Any, names: Sequence[str], cloud: Any, front: Any) -> None:
    """Set the names and scales of the axes."""
    from matplotlib.ticker import EngFormatter

    sides = ((axes.xaxis, axes.set_xscale, axes.set_xlabel), (axes.yaxis, axes.set_yscale, axes.set_ylabel))
    for column, (side, scale, label) in enumerate(sides):
        values = [float(value) for points in (cloud, front) for value in points[:, column]]
        if values and min(values) > 0 and max(values) / min(values) > 20:
            scale("log")
        side.set_major_formatter(EngFormatter(sep="\u2009"))
        label(_LABELS.get(names[column]) or _safe(names[column], _WIDE), color=INK, parse_math=False)
    axes.grid(visible=True, which="major", color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _label(axes: Any, front: Any, labels: Sequence[str]) -> None:
    """Label the ends of the front, and its middle."""
    axes.figure.draw_without_rendering()  # so that the positions of the points are known
    used: list[float] = []
    for index in sorted({0, len(front) // 2, len(front) - 1}) if len(front) else []:
        across, up = axes.transAxes.inverted().transform(axes.transData.transform(front[index]))
        if any(abs(up - other) < _LINE_HEIGHT for other in used):
            continue
        used.append(up)
        axes.annotate(
            _safe(labels[index], _WIDE), front[index], xytext=(8 if across < 0.5 else -8, 0),
            textcoords="offset points", fontsize=8, color=INK, parse_math=False, va="center",
            ha="left" if across < 0.5 else "right",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        ).set_in_layout(False)  # fmt: skip
