"""The colours of pictures, by role, on white and on black.

Fills are tints that black text (white in the dark) is legible on; their lightness differs, so that neighbours differ in
black and white too. No picture says something by colour alone. Text has a contrast of at least 4.5 to what it is on
(WCAG 2.2, 1.4.3): `quiet` has it on the page, `soft` on every fill.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from shapecalc.layers.base.layer import Layer

__all__ = ["COLOURS", "Colour", "colour", "group_of", "in_order"]


class Colour(NamedTuple):
    """A colour on white, and on black."""

    light: str
    dark: str


COLOURS = {
    "paper": Colour("#ffffff", "#0d1117"),
    "ink": Colour("#1f2328", "#e6edf3"),
    "quiet": Colour("#59636e", "#9198a1"),
    "soft": Colour("#424a53", "#c9d1d9"),
    "rule": Colour("#d1d9e0", "#3d444d"),
    "edge": Colour("#59636e", "#9198a1"),
    "accent": Colour("#c2410c", "#fb923c"),
    "warm": Colour("#e8a33d", "#d9480f"),
    "data": Colour("#3b6ea5", "#6ba3d6"),
    "pale": Colour("#bcd0e5", "#2f4f70"),
    "group": Colour("#f6f8fa", "#161b22"),
    "input": Colour("#ffffff", "#21262d"),
    "convolutions": Colour("#9ecae1", "#1f4e79"),
    "matrices": Colour("#fdd49e", "#7a4a12"),
    "pools": Colour("#d9f0d3", "#1e4d2b"),
    "norms": Colour("#ecd9ea", "#4d2f52"),
    "activations": Colour("#fff7bc", "#5c5210"),
    "attentions": Colour("#fcb8b0", "#7d2a22"),
    "recurrences": Colour("#c7b3e5", "#51368a"),
    "embeddings": Colour("#b2e2d8", "#135b4e"),
    "merges": Colour("#f4f4f4", "#30363d"),
    "reshapes": Colour("#d4d4d4", "#21262d"),
    "collapsed": Colour("#dbe4f0", "#27364a"),
    "others": Colour("#e3e3e3", "#3a3f46"),
}
"""Colours by role: those of the page, and of data in charts (no text is on them), then fills of layers."""


_FACES = {"lit": (255, 0.45, 0.14), "shaded": (0, 0.14, 0.28)}
"""The faces of a box in perspective: the grey that is mixed into its colour, and how much, on white and on black."""


def colour(role: str, theme: str) -> str:
    """Return the colour of a role, or of a face of a box in it (`pools-lit`, `pools-shaded`), in a theme.

    `auto` is light.
    """
    name, _, face = role.partition("-")
    found = COLOURS[name].dark if theme == "dark" else COLOURS[name].light
    if not face:
        return found
    grey, light, dark = _FACES[face]
    mixed = dark if theme == "dark" else light
    parts = [int(found[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join([f"{round(part + (grey - part) * mixed):02x}" for part in parts])


def in_order(roles: Collection[str]) -> list[str]:
    """Return roles in the order of `COLOURS`, each with its faces."""
    every = [f"{name}{face}" for name in COLOURS for face in ("", *[f"-{face}" for face in _FACES])]
    return [role for role in every if role in roles]


def group_of(layer: Layer | None) -> str:
    """Return the role of a layer's fill: its own, or the `GROUP` that the file of its family declares."""
    group = layer.group or getattr(sys.modules[type(layer).__module__], "GROUP", "") if layer else ""
    return group if group in COLOURS else "others"
