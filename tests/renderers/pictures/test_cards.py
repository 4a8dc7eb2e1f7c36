"""What is written on the boxes and frames of a graph."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.renderers.pictures.graph import draw
from shapecalc.renderers.pictures.palette import group_of
from shapecalc.renderers.pictures.scene import Label


def words(scene, what):
    return [mark.text for mark in scene.marks if isinstance(mark, Label) and mark.key.startswith(f"{what} ")]


def drawn(layers, size="4x8x8", more="", depth="all"):
    return draw(shapecalc.load(f"input: {size}\n{more}layers: [{layers}]\n").infer(), depth)


def test_experts_say_how_many_they_are():
    """Jiang et al. 2024, Mixtral: 8 experts, of which each token uses two."""
    assert "8 experts, top 2" in words(draw(shapecalc.load("mixtral-8x7b").infer(), "all"), "mark")
    assert "128 experts, top 4" in words(draw(shapecalc.load("gpt-oss-120b").infer(), "all"), "mark")


def test_a_block_of_one_member_has_no_frame():
    norm = "blocks: {norm: [rms_norm], both: [norm: {}, linear: 4], outer: [both: {}]}\n"
    scene = drawn("{norm: , name: first}, {outer: , name: o}", "5x4", norm)
    assert words(scene, "kind") == ["o.both1", "input", "rms_norm", "rms_norm", "linear", "output"]
    assert words(scene, "name")[1:3] == ["first", "norm1"]
    repeated = drawn("{norm: , name: n, repeat: 3}, {linear: 4}", "5x4", norm)
    assert "n.0–2 ×3" in words(repeated, "kind"), "the frame says how many"


def test_names_that_are_the_kind_and_a_number():
    """`relu61` reads as another number, `activation1` as another layer than the gelu that it is."""
    scene = drawn("relu6, {activation: gelu}, relu")
    assert words(scene, "name") == ["relu1", "relu1"], "that of the layer, and that of the output"
    assert "gelu" in words(scene, "kind")


@pytest.mark.parametrize(
    ("layer", "group"),
    [
        ("dropout: 0.5", "others"), ("identity: ", "others"), ("relu: ", "activations"), ("softmax: ", "activations"),
("class_token: ", "embeddings"),
    ],
)  # fmt: skip
def test_families(layer, group):
    report = shapecalc.load(f"input: 4x8x8\nlayers: [to_tokens: , {{{layer}}}]\n").infer()
    assert group_of(report.rows[1].node.layer) == group


def test_long_names_are_cut_between_words():
    name = "weights_of_the_first_attention_of_the_second_stage_of_the_encoder"
    scene = drawn(f"{{linear: 4, name: {name}}}", "5x4")
    (shown,) = [text for text in words(scene, "name") if "…" in text][:1]
    before, after = shown.split("…")
    assert name.startswith(f"{before}_") and name.endswith(f"_{after}")  # noqa: PT018


def test_a_box_is_wider_for_a_name_but_not_for_a_number():
    text = "layers: [{position_embedding: , name: position_embeddings}, {rotary_embedding: }, {linear: 4}]"
    scene = draw(shapecalc.load(f"input: 1000000000x64\n{text}\n").infer())
    widths = {mark.key: mark.width for mark in scene.marks if mark.key.startswith("box v")}
    assert widths["box v0"] > widths["box v1"] == widths["box v2"]
    assert "position_embeddings" in words(scene, "name")


def test_the_maps_of_lenet_are_numbered():
    """LeCun et al. 1998, table I: C3 has 16 maps; `map_of_c3` and a number read as 31, 32, …."""
    report = shapecalc.load("lenet5_1998").infer()
    assert [line.name for line in report.lines(2) if line.kind == "c3_map"] == [f"c3.c3_map{i}" for i in range(1, 17)]
