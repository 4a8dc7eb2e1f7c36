"""Feature maps of whole families: members of one architecture are drawn alike."""

from __future__ import annotations

import re

import pytest
from searching import FAMILIES, some

import shapecalc
from shapecalc.renderers.pictures.scene import Label
from shapecalc.renderers.pictures.volumes.maps import feature_maps

_HYBRIDS = {"jamba-v0.1", "qwen3-next-80b-a3b"}
"""Members whose layers are of two kinds under one name: with attention, and with a recurrence."""


@pytest.mark.parametrize("path", some(FAMILIES, 12))
def test_members_of_a_family_have_the_same_colours(path):
    """Whatever their sizes: of a layer of a transformer either attention or the MLP has more MACs."""
    colours: dict[tuple[str, str], set[str]] = {}
    for name in FAMILIES[path]:
        for one in feature_maps(shapecalc.load(name).infer()) if name not in _HYBRIDS else ():
            name_without_number = re.sub(r"[\d–]+( ×\d+)?", "", one.name)
            colours.setdefault((name_without_number, one.line.kind if one.line else ""), set()).add(one.fill)
    assert all(len(fills) == 1 for fills in colours.values()), colours


@pytest.mark.parametrize(
    ("name", "block", "group"),
    [
        ("phi-3-mini-4k", "layers.0–31 ×32", "attentions"),
        ("whisper-large", "encoder.0–31 ×32", "attentions"),
        ("swin_t", "stage1", "attentions"),
        ("maxvit_t", "stage1", "attentions"),
        ("jamba-v0.1", "layers.0, 8, 16, 24 ×4", "recurrences"),
        ("convnext_tiny", "stage1", "convolutions"),
        ("vgg11", "conv1_1", "convolutions"),
        ("albert-base-v2", "word_embeddings", "embeddings"),
    ],
)
def test_a_block_has_the_colour_of_what_characterises_it(name, block, group):
    found = {one.name: one.fill for one in feature_maps(shapecalc.load(name).infer(), 1)}
    assert found[block] == group


_SLIDE = 1270, 710
_SMALLEST = {"ssd300_vgg16": 7.5}
"""The heads of SSD are below one another."""


@pytest.mark.parametrize("path", some(FAMILIES, 12))
def test_texts_are_legible_on_a_slide(path):
    """On a slide of 1280×720 no letters are smaller than 9 pixels."""
    for name in FAMILIES[path]:
        scene = shapecalc.load(name).infer().draw("volumes").scene
        larger = min(_SLIDE[0] / scene.width, _SLIDE[1] / scene.height)
        smallest = min(mark.size for mark in scene.marks if isinstance(mark, Label))
        assert smallest * larger >= _SMALLEST.get(name, 9.0), name
