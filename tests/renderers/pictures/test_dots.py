"""Dots: many points as one mark of a scene, in every format."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from shapecalc.renderers.pictures import Picture
from shapecalc.renderers.pictures.scene import Dots, Label, Outline, Scene, shifted

DOTS = Dots(((10, 20), (30, 5.5)), 3, "accent", "two <points>", "dots")


def test_dots_are_where_their_points_are():
    assert DOTS.outline == Outline(7, 2.5, 33, 23)
    assert shifted(DOTS, 1, 2) == DOTS._replace(points=((11, 22), (31, 7.5)))


def test_dots_are_one_path_with_round_ends():
    root = ET.fromstring(Picture(Scene(50, 50, (DOTS,))).svg)
    (path,) = root.iter("{http://www.w3.org/2000/svg}path")
    assert path.attrib == {
        "d": "M10,20h0M30,5.5h0", "class": "s-accent", "stroke-width": "6", "stroke-linecap": "round",
    }  # fmt: skip
    assert path[0].text == "two <points>"
    assert ".s-accent{stroke:" in root[0].text


def test_dots_are_drawn_in_images():
    image = pytest.importorskip("matplotlib.image")
    import io

    pixels = image.imread(io.BytesIO(Picture(Scene(40, 30, (DOTS,))).write("png")))
    assert pixels.shape[:2] == (60, 80)
    red, green, blue = pixels[40, 20, :3]
    assert red > 0.7 > green > blue, "the accent, at twice the scale"
    assert pixels[55, 60, :3].min() == 1


def test_texts_of_an_image_are_no_wider_than_their_scene_has_them():
    pytest.importorskip("matplotlib")
    import io

    from matplotlib import image

    marks = [Label(10, 20 + 20 * i, text, 12, bold=bold) for i, (text, bold) in enumerate(TEXTS)]
    scene = Scene(400, 140, tuple(marks))
    pixels = image.imread(io.BytesIO(Picture(scene).write("png")))[:, :, :3].min(axis=2)
    for mark in marks:
        rows = pixels[int(2 * mark.y) - 20 : int(2 * mark.y) + 5]
        dark = (rows < 0.9).any(axis=0).nonzero()[0]
        assert 2 * mark.x + 1.4 * mark.width < dark.max() <= 2 * (mark.x + mark.width) + 4


TEXTS = [
    ("iiiiiiii 1,111", False),
    ("WWWW MMMM", False),
    ("peak 191 MiB while up1.concat1 runs", True),
    ("total", True),
]
