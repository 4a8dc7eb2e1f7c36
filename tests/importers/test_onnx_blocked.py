"""ONNX files that onnxruntime optimised for one machine: channels in padded blocks, and what is fused into a convolution.

tests/data/onnx/blocked.*.onnx are such files as a whole; the nodes here are those that its optimiser writes.
"""

from __future__ import annotations

import pytest
from crafted_onnx import field, model, node, tensor, value

import shapecalc
from shapecalc.errors import ShapeError

BLOCKED = "com.microsoft.nchwc"
FIRST = tensor("reorder", [24, 3, 3, 3])
PADDED = (24, 20)
NOTE = "the file does not state all numbers of channels"


def conv(inputs, out, **more):
    return node("Conv", inputs, [out], domain=BLOCKED, **more)


def back(name, out, channels, **more):
    return node("ReorderOutput", [name], [out], domain=BLOCKED, channels=channels, **more)


def report_of(nodes, weights, x=(1, 3, 8, 8), due=None):
    network = shapecalc.load(model(nodes, [value("x", x)], [value("y", due)], weights=weights))
    assert network.warnings == ()
    return network.infer()


def bias(name, stored, channels):
    return tensor(name, [stored], [0.5] * channels + [0.0] * (stored - channels))


def layers(report):
    return [(row.kind, row.output_shape) for row in report.rows]


def test_the_channels_of_the_output_are_those_that_it_is_reordered_to():
    """Conv2d(3, 20, 3): 540 weights, without the 4 channels that fill the block."""
    report = report_of([conv(["x", "reorder"], "a"), back("a", "y", 20)], [FIRST], due=(1, 20, 6, 6))
    assert (layers(report), report.total.params) == ([("conv", (20, 6, 6))], 540)
    assert not any(NOTE in note for note in report.notes)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_channels_are_followed_through_pools_and_sums_and_padded_inputs(op):
    nodes = [
        conv(["x", "reorder"], "a", activation="Relu"),
        node(op, ["a"], ["b"], domain=BLOCKED, kernel_shape=[2, 2], strides=[2, 2]),
        conv(["b", "r1", "", "b"], "c", kernel_shape=[1, 1]),
        node("GlobalAveragePool", ["c"], ["d"], domain=BLOCKED),
        back("d", "y", 20),
    ]
    report = report_of(nodes, [FIRST, tensor("r1", [24, 24, 1, 1])], due=(1, 20, 1, 1))
    assert [shape[0] for _, shape in layers(report)] == [20] * 6
    assert (report.total.params, report.total.macs) == (540 + 400, 36 * 540 + 9 * 400)
    assert [ref.node for ref in report.rows[4].node.inputs] == [3, 2]
    assert [row.name for row in report.rows[:2]] == ["conv", "relu"]


@pytest.mark.parametrize(
    ("weight", "channels", "is_noted"),
    [
        (bias("reorder_token_1", 24, 20), 20, False),
        (bias("reorder_token_1", 24, 24), 24, False),
        (bias("reorder_token_1", 24, 0), 24, True),
        (bias("own.bias", 24, 20), 24, False),
        (None, 24, True),
    ],
)
def test_channels_are_those_of_a_bias_or_else_as_they_are_stored(weight, channels, is_noted):
    """A bias that is padded has a name of onnxruntime's own, and zeros at its end."""
    inputs = (
        ["x", "reorder"] if weight is None else ["x", "reorder", "own.bias" if b"own" in weight else "reorder_token_1"]
    )
    nodes = [conv(inputs, "a"), conv(["a", "r2", "b2"], "b"), back("b", "y", 8)]
    report = report_of(nodes, [FIRST, tensor("r2", [8, 24, 3, 3]), tensor("b2", [8]), *([weight] if weight else [])])
    own = 27 * channels + (channels if weight else 0)
    assert (layers(report)[0], report.total.params) == (("conv", (channels, 6, 6)), own + 72 * channels + 8)
    assert any(NOTE in note for note in report.notes) is is_noted


def test_what_is_padded_unknown_to_the_file_is_cut_where_channels_are_stated():
    """The 20 channels are stated behind more nodes than are followed."""
    relus = [node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(40)]
    report = report_of([conv(["x", "reorder"], "t0"), *relus, back("t40", "y", 20)], [FIRST], due=(1, 20, 6, 6))
    assert layers(report)[-1] == ("slice", (20, 6, 6))
    assert any(NOTE in note for note in report.notes)


def test_channels_that_are_joined_are_whole_blocks():
    nodes = [
        conv(["x", "reorder"], "a"),
        node("Concat", ["a", "a"], ["b"], axis=1),
        node("Upsample", ["b"], ["c"], domain=BLOCKED, scales=[1, 1, 2, 2], mode="nearest"),
        back("c", "y", 48, channels_last=1),
    ]
    report = report_of(nodes, [FIRST], due=(1, 12, 12, 48))
    assert layers(report)[1:] == [("concat", (48, 6, 6)), ("upsample", (48, 12, 12)), ("permute", (12, 12, 48))]
    assert not any(NOTE in note for note in report.notes)


def test_depthwise_convolutions_have_a_group_for_each_channel():
    nodes = [
        node("ReorderInput", ["x"], ["a"], domain=BLOCKED, channels_last=1),
        conv(["a", "w", "b"], "c", group=24, pads=[1, 1, 1, 1]),
        conv(["c", "bn_scale", "bn_B"], "d", group=24, activation="Relu"),
        back("d", "y", 20),
    ]
    weights = [tensor("w", [24, 1, 3, 3]), tensor("b", [24]), tensor("bn_scale", [24, 1, 1, 1]), tensor("bn_B", [24])]
    report = report_of(nodes, weights, (1, 8, 8, 20), (1, 20, 8, 8))
    assert [kind for kind, _ in layers(report)] == ["permute", "conv", "layer_scale", "relu"]
    assert [row.params for row in report.rows] == [0, 180 + 20, 40, 0]
    assert report.rows[1].macs == 64 * 180


def test_grouped_convolutions_are_stored_without_padding():
    nodes = [conv(["x", "w", "b"], "a", group=2), back("a", "y", 32)]
    report = report_of(nodes, [tensor("w", [32, 8, 3, 3]), tensor("b", [32])], (1, 16, 8, 8))
    assert report.total.params == 32 * 72 + 32


@pytest.mark.parametrize(
    ("nodes", "weights", "message"),
    [
        ([conv(["x", "w"], "a"), back("a", "y", 3)], [FIRST[:-2]], "its input w is the output of no node"),
        ([conv(["x", "x"], "a"), back("a", "y", 3)], [], "it has no stored kernel"),
        ([conv(["x", "w"], "a"), back("a", "y", 8)], [tensor("w", [32, 3, 3, 3])], "stored for 32 output channels, but these are 8"),
        ([conv(["x", "w"], "a"), back("a", "y", 8)], [tensor("w", [8, 2, 3, 3])], "stored for 2 channels of its input, but these are 3"),
        ([back("x", "y", 40)], [], "stored for 3 channels of its input, but these are 40"),
    ],
)  # fmt: skip
def test_channels_that_do_not_fit_are_errors(nodes, weights, message):
    with pytest.raises(ShapeError, match=message):
        report_of(nodes, weights)


# What is fused into a convolution without blocks.


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({"activation": "Relu"}, ["conv", "relu"]),
        ({"activation": "Clip"}, ["conv", "hardtanh"]),
        ({"activation": "Tanh"}, ["conv", "tanh"]),
        ({}, ["conv"]),
    ],
)
def test_a_fused_convolution_is_followed_by_its_activation(more, kinds):
    nodes = [node("FusedConv", ["x", "w"], ["y"], "/c/Conv", domain="com.microsoft", **more)]
    report = report_of(nodes, [tensor("w", [4, 3, 3, 3])], due=(1, 4, 6, 6))
    assert [row.kind for row in report.rows] == kinds
    assert report.rows[0].name == ("c.conv" if more else "c")


def test_a_fused_convolution_adds_its_fourth_input():
    nodes = [node("FusedConv", ["x", "w", "", "x"], ["y"], domain="com.microsoft", activation="Relu", pads=[1] * 4)]
    report = report_of(nodes, [tensor("w", [3, 3, 3, 3])], due=(1, 3, 8, 8))
    assert [row.kind for row in report.rows] == ["conv", "add", "relu"]
    assert [ref.node for ref in report.rows[1].node.inputs] == [0, -1]
    assert report.total.params == 81


def test_an_activation_that_is_not_known_makes_the_node_opaque():
    nodes = [node("FusedConv", ["x", "w"], ["y"], domain="com.microsoft", activation="Own")]
    report = report_of(nodes, [tensor("w", [4, 3, 3, 3])], due=(1, 4, 6, 6))
    assert [row.kind for row in report.rows] == ["opaque"]


def test_a_fused_gate_is_no_silu():
    """A sigmoid in a convolution that multiplies the convolution's own input is not that of a SiLU."""
    nodes = [
        node("FusedConv", ["x", "w"], ["s"], domain="com.microsoft", activation="Sigmoid"),
        node("Mul", ["x", "s"], ["y"]),
    ]
    report = report_of(nodes, [tensor("w", [3, 3, 1, 1])], due=(1, 3, 8, 8))
    assert [row.kind for row in report.rows] == ["conv", "sigmoid", "mul"]


def test_a_fused_product_is_followed_by_its_activation():
    nodes = [
        node("FusedGemm", ["x", "w", "b"], ["y"], domain="com.microsoft", activation="LeakyRelu", activation_alpha=0.25)
    ]
    report = report_of(nodes, [tensor("w", [8, 4]), tensor("b", [4])], (1, 8), (1, 4))
    assert [row.kind for row in report.rows] == ["linear", "leaky_relu"]
    assert report.rows[1].arguments["negative_slope"] == 0.25


@pytest.mark.parametrize(("rule", "name"), [("FuseBatchNormIntoConv, Other", "conv1"), ("Other", "bn1")])
def test_a_convolution_into_which_a_norm_was_fused_keeps_its_own_name(rule, name):
    """PyTorch's newer exporter leaves it where the norm was; its weights have their names."""
    entries = {"pkg.torch.onnx.name_scopes": "['', 'bn1', 'norm']", "pkg.onnxscript.rewriter.rule_name": rule}
    metadata = b"".join(field(9, field(1, key) + field(2, text)) for key, text in entries.items())
    one = node("Conv", ["x", "conv1.weight", "conv1.weight_bias"], ["y"], "node_Conv_7") + metadata
    report = report_of([one], [tensor("conv1.weight", [4, 3, 3, 3]), tensor("conv1.weight_bias", [4])])
    assert [row.name for row in report.rows] == [name]
