"""Memory over time: the picture is that of the answer, at inference and in training."""

from __future__ import annotations

from itertools import combinations

import pytest
from scene_laws import check_chart, keyed
from searching import FAMILY_ENDS, some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.pictures.charts.memory import steps_of
from shapecalc.renderers.pictures.scene import Curve, Label


def drawn_peak(scene):
    """The bytes at the height of the highest column, by the lines of the axis."""
    lines = keyed(scene, "y ", Curve)
    words = keyed(scene, "y ", Label)
    unit = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[words.pop("name").text.split()[-1]]
    heights = {float(label.text.replace(",", "")) * unit: lines[key].start[1] for key, label in words.items()}
    low, high = min(heights), max(heights)
    columns = keyed(scene, "column ").values()
    top = min((column.y for column in columns), default=heights[low])
    return low + (heights[low] - top) / (heights[low] - heights[high]) * (high - low)


def peak_words(scene):
    return keyed(scene, "peak words", Label)[""].text


def check_apart(scene):
    """Names below brackets do not run together."""
    names = sorted((label.outline for label in scene.marks if label.key.startswith("span ") and isinstance(label, Label)),
                   key=lambda outline: outline.left)  # fmt: skip
    for one, other in combinations(names, 2):
        assert not one.meets(other, 2.5)


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 6))
def test_the_drawn_peak_is_that_of_the_answer(name):
    found = shapecalc.load(name).memory()
    scene = found.draw().scene
    check_chart(scene)
    check_apart(scene)
    peak = found.activations.peak
    assert max(step.live for step in steps_of(found)) == peak
    assert drawn_peak(scene) == pytest.approx(peak, rel=1e-6)
    assert f"peak {show_bytes(peak)} " in peak_words(scene)
    assert keyed(scene, "total Memory", Label)[""].text == show_bytes(found.total)
    assert keyed(scene, "total At the peak", Label)[""].text == show_bytes(peak)


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 4))
def test_the_peak_of_training_is_drawn(name):
    found = shapecalc.load(name).memory(optimizer="adam")
    scene = found.draw().scene
    check_chart(scene)
    peak = found.training.peak
    moments = found.training.moments
    assert max((moment.live for moment in moments), default=0) == peak
    assert drawn_peak(scene) == pytest.approx(peak, rel=1e-6)
    first = max(moments, key=lambda moment: moment.live)
    assert (first.at, first.direction) == (found.training.at, found.training.direction)
    assert peak_words(scene).endswith(f", {found.training.direction}")
    assert first.gradients == found.training.activation_gradients
    assert first.loss == found.training.loss_at_peak
    assert keyed(scene, "total Memory", Label)[""].text == show_bytes(found.total)


OPTIONS = [
    {"in_place": "none"}, {"in_place": "torch"}, {"in_place": "depthwise"}, {"in_place": "residual"}, {"order": "best"},
    {"activations": 8}, {"attention": "eager"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", some(["mobilenet_v2", "bert-base-uncased", "unet", "densenet121"], 2))
def test_the_options_of_a_memory_are_those_of_its_picture(name, options):
    found = shapecalc.load(name).memory(**options)
    scene = found.draw("memory").scene
    assert drawn_peak(scene) == pytest.approx(found.activations.peak, rel=1e-6)
    names = [step.name for step in steps_of(found)[1:]]
    assert names == [layer.name for layer in found.layers if layer.live is not None]
    check_chart(scene)


def test_a_cache_is_a_part_of_the_total():
    found = shapecalc.load("llama-3.2-1b").memory(context=8192, weights=16, activations=16)
    scene = found.draw().scene
    check_chart(scene)
    assert any("KV cache" in label.text for label in keyed(scene, "name ", Label).values())
    assert drawn_peak(scene) == pytest.approx(found.activations.peak, rel=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"checkpoint": "blocks"}, {"tensor": 2}, {"pipeline": 2, "microbatches": 4}, {"precision": "amp"},
     {"lora": "rank=8,targets=all-linear"}],
    ids=str,
)  # fmt: skip
def test_training_of_other_sorts_has_its_peak(options):
    found = shapecalc.load("gpt2").memory(optimizer="adam", **options)
    scene = found.draw().scene
    check_chart(scene)
    assert max(moment.live for moment in found.training.moments) == found.training.peak
    assert drawn_peak(scene) == pytest.approx(found.training.peak, rel=1e-6)
    assert "moments" not in found.to_dict()["training"]


def test_the_first_stage_of_a_pipeline_has_microbatches_that_wait():
    found = shapecalc.load("gpt2").memory(optimizer="adam", pipeline=4)
    assert found.training.stage == 0
    assert max(moment.live for moment in found.training.moments) == found.training.peak
    assert min(moment.saved for moment in found.training.moments) >= found.training.kept


def test_columns_are_at_whole_pixels_and_begin_with_the_inputs():
    found = shapecalc.load("resnet50").memory(optimizer="adam")
    for scene in (found.draw().scene, shapecalc.load("alexnet").memory().draw().scene):
        columns = keyed(scene, "column ").values()
        assert all(column.x == int(column.x) and column.width == int(column.width) for column in columns)
    start, first = keyed(scene, "column ")["0 pale"], keyed(scene, "column ")["1 data"]
    assert start.height / first.height == pytest.approx(227 * 227 * 3 / (55 * 55 * 96)), "the input, then conv1"


def test_patches_have_their_own_peak():
    found = shapecalc.load("mobilenet_v2").memory(patches="auto")
    assert found.patches
    scene = found.draw().scene
    check_chart(scene)
    assert drawn_peak(scene) == pytest.approx(found.activations.peak, rel=1e-6)


def test_few_steps_have_their_names_and_more_those_of_blocks():
    few = shapecalc.load("alexnet").infer().draw("memory").scene
    names = [label.text for label in keyed(few, "step ", Label).values()]
    assert names[:4] == ["(start)", "conv1", "relu1", "max_pool1"]
    assert "flatten1" not in names, "a view takes no step"
    many = shapecalc.load("gpt2").infer().draw("memory").scene
    assert [label.text for label in keyed(many, "span ", Label).values()] == [f"h.{i}" for i in range(12)]
    training = shapecalc.load("resnet50").memory(optimizer="sgd").draw().scene
    spans = [label.text for label in training.marks if isinstance(label, Label) and label.key.startswith("span ")]
    assert spans == [*"layer1 layer2 layer3 layer4 layer4 layer3 layer2 layer1".split(), "forward", "backward"]


def test_steps_with_long_names_have_them_within_their_blocks():
    """They were cut: relative.l…lp.linear1."""
    scene = shapecalc.load("deberta-v3-small").infer().draw("memory").scene
    check_chart(scene)
    names = [label.text for label in keyed(scene, "step ", Label).values()]
    assert names[3:7] == ["rel_norm", "attention", "add1", "attention_norm"]
    assert [*keyed(scene, "span ", Label)] == ["relative.layer.0–5"]
    scene = shapecalc.load("dcgan_generator").infer().draw("memory").scene
    names = [label.text for label in keyed(scene, "step ", Label).values()]
    assert names[:2] == ["(start)", "up1.transposed_conv1"]


def test_blocks_of_both_passes_are_not_one():
    """The blocks of DeBERTa, forward and backward, were relative.layer.0–0."""
    scene = shapecalc.load("deberta-v3-base").memory(training=True).draw().scene
    names = [label.text for label in scene.marks if isinstance(label, Label) and label.key.startswith("span ")]
    assert names == ["relative.layer.0–11", "relative.layer.11–0", "forward", "backward"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("googlenet", ["inception_3a–5b", "inception_5b–3a"]), ("fcn_resnet50", ["backbone", "backbone"])],
)
def test_blocks_have_a_name_at_any_rate(name, words):
    """GoogLeNet's blocks, of which none has room for its own, had none; those of a backbone were backbone–layer4."""
    scene = shapecalc.load(name).memory(training=True).draw().scene
    check_apart(scene)
    names = [label.text for label in scene.marks if isinstance(label, Label) and label.key.startswith("span ")]
    assert names == [*words, "forward", "backward"]


def test_blocks_without_room_that_differ_by_a_number_have_one_name():
    scene = shapecalc.load("mobilenet_v1").infer().draw("memory").scene
    assert [*keyed(scene, "span ", Label)] == ["separable1–13"]
    scene = shapecalc.load("mobilenet_v2").infer().draw("memory").scene
    assert [*keyed(scene, "span ", Label)] == [f"stage{i}" for i in range(2, 8)], "most of them have room"


def test_the_output_of_a_layer_is_a_part_of_what_is_live():
    found = shapecalc.load("alexnet").memory()
    columns = keyed(found.draw().scene, "column ")
    for index, layer in enumerate([layer for layer in found.layers if layer.live is not None], 1):
        heights = [columns[f"{index} {fill}"].height for fill in ("data", "pale") if f"{index} {fill}" in columns]
        assert heights[0] / sum(heights) == pytest.approx(layer.output / layer.live, abs=1e-6)


@pytest.mark.parametrize("layers", [1, 500, 3000])
def test_one_layer_and_many(layers, tmp_path):
    path = tmp_path / "many.yaml"
    items = "".join(f"- conv: {{out_channels: {3 + i % 5}, kernel_size: 1}}\n" for i in range(layers))
    path.write_text(f"name: many\ninput: 3x8x8\nlayers:\n{items}")
    found = shapecalc.load(path).memory()
    scene = found.draw().scene
    check_chart(scene)
    assert scene.width < 900
    assert len(scene.marks) < 2200
    assert drawn_peak(scene) == pytest.approx(found.activations.peak, rel=1e-6)
    note = "Of every 5 of 3,001 layers the maximum is drawn."
    assert (note in [label.text for label in scene.marks if label.key == "note"]) == (layers == 3000)


def test_other_answers_have_no_picture_and_memory_no_other_style():
    net = shapecalc.load("lenet5")
    with pytest.raises(UsageError, match="no style draws a"):
        net.legal_sizes().draw()
    with pytest.raises(UsageError, match="there is no style for a memory shares"):
        net.memory().draw("shares")
    with pytest.raises(UsageError, match="the style memory has no option of"):
        net.infer().draw("memory", of="params")
