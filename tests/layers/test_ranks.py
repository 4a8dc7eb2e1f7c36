"""How many axes a kind expects, and a name that states it: `Conv2d`, `MaxPooling1D`, `batch_norm3d`."""

from __future__ import annotations

import jsonschema
import pytest
from searching import some

from shapecalc.errors import LayerError
from shapecalc.language.schema import specification_schema
from shapecalc.layers import KINDS, find_kind
from shapecalc.layers.base.layer import stated_rank
from shapecalc.layers.base.shape import Shape
from shapecalc.model.checks import check_inputs
from shapecalc.model.inference import size_layer

WORDS = [word for cls in KINDS.values() if cls.inputs != (0, 0) for word in (cls.kind, *cls.also)]
STATED = [word for word in WORDS if stated_rank(word)]


@pytest.mark.parametrize(("word", "rank"), [
    ("conv1d", 1), ("Conv2D", 2), ("conv3d_transpose", 3), ("Conv2DTranspose", 2), ("GlobalAveragePooling1D", 1),
    ("UpsamplingNearest2d", 2), ("conv", None), ("relu6", None), ("lstm", None), ("max_pool", None),
])  # fmt: skip
def test_the_rank_in_a_name(word, rank):
    assert stated_rank(word) == rank
    assert find_kind(word)


def test_names_with_ranks_in_every_family():
    families = {find_kind(word).family for word in STATED}
    assert families >= {"activation", "conv", "norm", "pad", "patches", "pool", "recurrent_maps", "resize"}


def expects(word: str, rank: int) -> bool:
    """Return whether a layer made under a name accepts an input with this many spatial axes."""
    cls = find_kind(word)
    example = cls.examples[0]
    names = cls.argument_names()
    layer = cls(**{names[key]: value for key, value in example.arguments.items()}).under_name(word)
    lead = 2 if layer.kind == "conv_lstm" else 1
    others = [Shape((4,))] * (layer.inputs[0] - 1)
    try:
        check_inputs(layer, [Shape((4,) * (lead + rank)), *others])
    except LayerError as error:
        return not error.message.startswith(f"{layer.name_used or layer.kind} needs channels")
    return True


@pytest.mark.parametrize("word", some(STATED, 24))
def test_the_rank_in_a_name_is_checked(word):
    found = [rank for rank in range(5) if expects(word, rank)]
    due = stated_rank(word)
    assert found == ([0, 1] if word == "batch_norm1d" else [due])


@pytest.mark.parametrize("word", some([word for word in WORDS if not stated_rank(word)], 24))
def test_names_without_a_rank_accept_any(word):
    ranks = find_kind(word).ranks or (0, None)
    assert [rank for rank in range(5) if expects(word, rank)] == [
        rank for rank in range(5) if ranks[0] <= rank <= (4 if ranks[1] is None else ranks[1])
    ]


def refusal(word: str, sizes: tuple[int, ...], layout: str = "CHW", **arguments: object) -> str:
    with pytest.raises(LayerError) as caught:
        size_layer(find_kind(word)(**arguments).under_name(word), (Shape(sizes, layout == "HWC"),))
    return caught.value.hint


CONV = {"out_channels": 2, "kernel_size": 1}


@pytest.mark.parametrize(("word", "sizes", "layout", "arguments", "hint"), [
    ("conv2d", (1, 8, 9, 9), "CHW", CONV, "sizes are given without the batch axis: write 8×9×9, not 1×8×9×9"),
    ("conv2d", (32, 3, 9, 9), "CHW", CONV, "sizes are given without the batch axis: write 3×9×9, not 32×3×9×9"),
    ("conv2d", (32, 9, 9, 3), "HWC", CONV, "sizes are given without the batch axis: write 9×9×3, not 32×9×9×3"),
    ("conv2d", (32, 8, 9, 9), "CHW", {**CONV, "in_channels": 8},
     "sizes are given without the batch axis: write 8×9×9, not 32×8×9×9"),
    ("conv2d", (32, 8, 9, 9), "CHW", CONV, "use conv3d, or conv for any number of spatial axes"),
    ("conv2d", (32, 8, 9, 9), "CHW", {**CONV, "kernel_size": [3, 3]}, ""),
    ("conv1d", (32, 3, 9), "CHW", CONV, "use conv2d, or conv for any number of spatial axes"),
    ("conv3d", (3, 9, 9), "CHW", CONV, "use conv2d, or conv for any number of spatial axes"),
    ("conv3d", (9,), "CHW", CONV, "write `- reshape: [9, 1, 1, 1]` before it"),
    ("conv2d", (8, 9, 9, 9, 9), "CHW", CONV, ""),
    ("dropout3d", (3,), "CHW", {}, "use dropout"),
    ("conv", (1, 3, 9, 9), "CHW", {**CONV, "in_channels": 3},
     "sizes are given without the batch axis: write 3×9×9, not 1×3×9×9"),
    ("conv", (16, 3, 9, 9), "CHW", {**CONV, "in_channels": 3},
     "sizes are given without the batch axis: write 3×9×9, not 16×3×9×9; in_channels: 16 would fit, or leave it out: it is inferred"),
    ("batch_norm", (1, 64, 7), "CHW", {"num_features": 64},
     "sizes are given without the batch axis: write 64×7, not 1×64×7"),
    ("conv", (1, 9), "CHW", {**CONV, "in_channels": 3}, "in_channels: 1 would fit, or leave it out: it is inferred"),
])  # fmt: skip
def test_the_hint_of_a_wrong_rank(word, sizes, layout, arguments, hint):
    assert refusal(word, sizes, layout, **arguments) == hint


def test_names_with_other_suffixes():
    layer = find_kind("upsample")(scale_factor=2)
    assert layer.under_name("UpsamplingBilinear2d").values() == {
        **layer.values(),
        "mode": "bilinear",
        "align_corners": True,
    }
    assert layer.under_name("UpsamplingNearest2d").values() == layer.values()
    assert layer.under_name("upsample") is layer


@pytest.mark.parametrize(("item", "is_right"), [
    ({"conv2d": {"out_channels": 3, "kernel_size": [3, 3]}}, True),
    ({"conv2d": {"out_channels": 3, "kernel_size": 3}}, True),
    ({"conv2d": {"out_channels": 3, "kernel_size": [3, 3, 3]}}, False),
    ({"Conv1d": {"out_channels": 3, "kernel_size": [3, 3]}}, True),  # (the schema knows the words as they are listed)
    ({"conv1d": {"out_channels": 3, "kernel_size": [3, 3]}}, False),
    ({"conv": {"out_channels": 3, "kernel_size": [3, 3, 3]}}, True),
    ({"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": [[0, 1], [1, 0]]}}, True),
    ({"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": [[0, 1]]}}, False),
    ({"zero_pad1d": [1, 2]}, True),
    ({"zero_pad1d": [1, 2, 3]}, False),
    ({"max_pool3d": 2}, True),
    ({"adaptive_avg_pool2d": [None, 1]}, True),
    ({"adaptive_avg_pool2d": [1]}, False),
])  # fmt: skip
def test_the_schema_checks_the_rank(item, is_right):
    validator = jsonschema.Draft202012Validator(specification_schema())
    assert validator.is_valid({"input": [3, 9, 9], "layers": [item]}) == is_right
