"""Pictures of a network: each style is a function from a report to a scene, which is written as SVG, HTML, PNG or PDF.

A scene (`scene.py`) is shapes and texts at positions, in colours by their role; a style does not know formats, and a
format does not know styles. Sizes are in pixels of a screen at 100 %, y downwards.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.model.answer import Answer
    from shapecalc.renderers.pictures.scene import Scene

__all__ = [
    "BINARY", "DIRECTIONS", "FORMATS", "SCALES", "STYLES", "THEMES", "Picture", "Style", "check_choice", "check_format",
    "draw_picture", "format_of",
]  # fmt: skip

BINARY = ("png", "pdf")
"""The formats that matplotlib writes, an extra: bytes, not text."""

FORMATS = ("svg", "html", *BINARY)
"""The formats of pictures."""

THEMES = ("auto", "light", "dark")
"""Colours on white, on black, or as the reader's system has it (then light in PNG and PDF)."""

SCALES = {
    "sqrt": "proportional to the square roots of sizes",
    "linear": "proportional to sizes",
    "log": "proportional to the logarithms of sizes plus one",
}
"""The scales that feature maps are drawn to: what lengths are; the first is the default."""


DIRECTIONS = ("down", "right")
"""Which way a graph goes."""


class Style(NamedTuple):
    """A style of pictures: what it shows, the module of this folder that draws it, its options, the answers it draws.

    The module has `draw(answer, **options) -> Scene`.
    """

    doc: str
    module: str
    options: tuple[str, ...] = ()
    of: tuple[str, ...] = ("Report",)


STYLES: dict[str, Style] = {
    "graph": Style(
        "the graph of layers and blocks, with sizes, parameters and skip connections", "graph", ("depth", "direction")
    ),
    "volumes": Style(
        "feature maps to scale, as boxes in perspective: height × width × channels", "volumes", ("depth", "scale")
    ),
    "shares": Style(
        "where the parameters, MACs and bytes of outputs are: bars for each layer or block",
        "charts.shares",
        ("of", "depth"),
    ),
    "memory": Style(
        "live bytes over time, with the peak, and what the total is made of", "charts.memory", of=("Report", "Memory")
    ),
    "receptive-field": Style(
        "the part of the input that a position of a layer sees",
        "charts.field",
        ("layer", "at"),
        ("Report", "ReceptiveFields"),
    ),
    "roofline": Style("layers under the bandwidth and the peak of a device", "charts.roofline", of=("Speed",)),
    "front": Style("the variants of a sweep, and the Pareto front of two columns", "charts.front", ("of",), ("Sweep",)),
}
"""Every style of `draw`; the first is the default."""


class Picture:
    """A picture of a network: `save("net.svg")` writes it, a notebook shows it. Immutable.

    `svg` is its text, `scene` its shapes.
    """

    __slots__ = ("scene", "theme")

    def __init__(self, scene: Scene, theme: str = "auto") -> None:
        self.scene = scene
        self.theme = theme

    def __repr__(self) -> str:
        return f"<Picture of {clean(self.scene.title)}: save() writes it>"

    @property
    def svg(self) -> str:
        """The picture as an SVG document."""
        from shapecalc.renderers.pictures.vector import write_svg

        return write_svg(self.scene, self.theme)

    def _repr_svg_(self) -> str:
        """Return the picture for a notebook, some of which put it into a page with others."""
        from shapecalc.renderers.pictures.vector import write_svg

        return write_svg(self.scene, self.theme, within_page=True)

    def write(self, format: str = "svg") -> str | bytes:  # noqa: A002  (the option's own name)
        """Return the picture in a format: text for SVG and HTML (a fragment), bytes for PNG and PDF.

        Errors: `UsageError` for an unknown format, `MissingExtraError` for PNG and PDF without matplotlib.
        """
        check_format(format)
        if format not in BINARY:
            return self.svg
        from shapecalc.renderers.pictures.raster import write_image

        return write_image(self.scene, format, self.theme)

    def save(self, path: str) -> None:
        """Write the picture to a file, in the format of its suffix. Errors: as `format_of`, `write`, and of writing."""
        from shapecalc.files import write_file

        format = format_of(path)  # noqa: A001
        drawn = self.write(format)
        if format == "html":
            from shapecalc.renderers.html import draw_page

            drawn = draw_page(str(drawn), self.scene.title, self.theme)
        write_file(path, drawn if isinstance(drawn, bytes) else drawn.encode("utf-8", "replace"))


def draw_picture(answer: Answer, style: str = "", *, theme: str = "auto", **options: Any) -> Picture:
    """Return the picture of an answer in a style, by default the first that draws such answers.

    Options are those of the style. Errors: `UsageError` for an unknown style, theme or option.
    """
    kind = type(answer).__name__
    known = {name: one for name, one in STYLES.items() if kind in one.of}
    if not known:
        raise UsageError(Problem(f"no style draws a {kind}", hint="draw a report: net.infer().draw()"))
    style = style or next(iter(known))
    check_choice(style, known, f"style for a {kind.lower()}")
    check_choice(theme, THEMES, "theme")
    chosen = STYLES[style]
    for option in options:
        if option not in chosen.options:
            takers = [name for name, one in known.items() if option in one.options]
            hint = f"it is an option of {', '.join(takers)}" if takers else did_you_mean(option, chosen.options)
            raise UsageError(Problem(f"the style {style} has no option {option}", hint=hint))
    return Picture(import_module(f"{__name__}.{chosen.module}").draw(answer, **options), theme)


def format_of(path: str) -> str:
    """Return the format of a file's suffix. Errors: `UsageError` for one that is no format of pictures."""
    format = os.path.splitext(path)[1][1:].lower()  # noqa: A001
    if format not in FORMATS:
        *others, last = [f".{name}" for name in FORMATS]
        hint = f"use the suffix {', '.join(others)} or {last}"
        raise UsageError(Problem(f"{path} is not a format of pictures", hint=hint))
    return format


def check_format(format: str, what: str = "a picture") -> None:  # noqa: A002
    """Check that pictures can be written in a format, before there is one; `what` is for the error.

    Errors: `UsageError` for an unknown format, `MissingExtraError` for PNG and PDF without matplotlib.
    """
    check_choice(format, FORMATS, "format of pictures")
    if format in BINARY:
        from shapecalc.renderers.pictures.raster import check_installed

        check_installed(f"{what} as {format.upper()}")


def check_choice(name: str, known: Iterable[str], what: str) -> None:
    """Check that a name is one of those that are known; `what` they are is for the error. Errors: `UsageError`."""
    if name not in known:
        raise UsageError(Problem(f"there is no {what} {name}", hint=did_you_mean(name, known)))
