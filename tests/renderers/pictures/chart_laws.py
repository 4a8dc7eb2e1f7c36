"""Laws of every chart: texts cover neither one another nor bars, all of it is within the picture, and SVG is valid."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations

from shapecalc.renderers.pictures import Picture
from shapecalc.renderers.pictures.scene import Label, Outline, Rectangle

__all__ = ["check", "keyed", "labels"]

MARGIN = 19.9


def labels(scene):
    return [mark for mark in scene.marks if isinstance(mark, Label)]


def keyed(scene, start, sort=Rectangle):
    """The marks of a sort whose key begins so, by the rest of their key."""
    return {mark.key.removeprefix(start): mark for mark in scene.marks
            if isinstance(mark, sort) and mark.key.startswith(start)}  # fmt: skip


def check(scene, bars="data"):
    """Check a scene; `bars` are the fills that no text may be on."""
    texts = labels(scene)
    for one, other in combinations(sorted(texts, key=lambda label: label.outline.left), 2):
        assert not one.outline.meets(other.outline, -0.5), (one, other)
    page = Outline(MARGIN, MARGIN, scene.width - MARGIN, scene.height - MARGIN)
    for mark in scene.marks:
        assert page.contains(mark.outline), mark
    solid = [mark for mark in scene.marks if isinstance(mark, Rectangle) and mark.fill in bars.split()]
    for label in texts:
        assert label.size >= 9
        for bar in solid:
            assert not label.outline.meets(bar.outline), (label, bar)
    root = ET.fromstring(Picture(scene).svg)
    shown = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert shown == [label.text for label in texts], "nothing in a text is changed after its width is known"
