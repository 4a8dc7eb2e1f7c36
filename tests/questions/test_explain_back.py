"""The sizes of a layer's input followed back to the input of the network."""

from __future__ import annotations

import json

import pytest
from running import run
from searching import some

import shapecalc
from shapecalc.dims.notation import TEXT, with_symbols
from shapecalc.errors import UsageError
from shapecalc.language.files import bundled_members
from shapecalc.questions.explain import explain

MEMBERS = sorted({member for _, member in bundled_members()})


def trails(network, layer):
    return explain(network, layer, back=True)[layer].trails


def way(network, layer, symbol):
    (found,) = [trail for trail in trails(network, layer) if trail.symbol == symbol]
    return found.sizes, [step.layer for step in found.steps], found.source


def load(size, *layers):
    return shapecalc.load({"input": size, "layers": list(layers)})


def test_alexnet_fc1():
    network = shapecalc.load("alexnet")
    # The sizes of Krizhevsky 2012, figure 2, at the usual 227×227.
    sizes, layers, source = way(network, "fc1", "H_in")
    assert sizes == [227, 55, 27, 13, 6]
    assert layers == ["conv1", "max_pool1", "max_pool2", "max_pool3"], "what leaves the size as it is is left out"
    assert source == "input"
    text = run("explain", "alexnet", "fc1", "--back").out
    assert "  back      227 → 55 → 27 → 13 → 6 → 9,216\n" in text
    assert "max_pool3: ⌊(13 + 2·0 − 3) / 2⌋ + 1 = ⌊10 / 2⌋ + 1 = 5 + 1 = 6\n" in text
    assert "W_in by the same steps\n" in text
    assert "C_in = C_out = 256 from conv5\n" in text
    assert "H_in·W_in·C_in = 6·6·256 = 9,216 input features\n" in text
    assert "⌊x⌋ is x" in text
    assert "back" not in run("explain", "alexnet", "fc1").out


def test_through_a_flatten_layer():
    network = load(
        "1x28x28", {"conv": {"out_channels": 20, "kernel_size": 5}}, {"max_pool": 2}, "flatten", {"linear": 10}
    )
    found = {trail.symbol: trail for trail in trails(network, "linear1")}
    assert list(found) == ["F_in", "C_in", "H_in", "W_in"]
    assert TEXT.write(with_symbols(found["F_in"].made)) == "C_in·H_in·W_in"
    assert found["F_in"].sizes == [2880]
    assert found["H_in"].sizes == [28, 24, 12]
    text = explain(network, "linear1", back=True).text
    assert "28 → 24 → 12 → 2,880" in text


def test_a_size_that_a_layer_sets_is_followed_from_there():
    network = load(
        "3x8x8", {"adaptive_avg_pool": 20}, {"conv": {"out_channels": 2, "kernel_size": 3}}, {"max_pool": 3}, {"fc": 2}
    )
    (found,) = [trail for trail in trails(network, "fc1") if trail.symbol == "H_in"]
    assert found.sizes == [20, 18, 6]
    assert [step.layer for step in found.steps] == ["conv1", "max_pool1"]
    assert found.source == "adaptive_avg_pool1"


def test_a_linear_layer_along_a_sequence_has_the_features_of_one_position():
    text = explain(load("7x12", {"linear": 5}), "linear1", back=True).text
    assert "input features" not in text
    assert "L_in = 7" in text


@pytest.mark.parametrize(
    "layer",
    [
        {"conv": {"out_channels": 8, "kernel_size": 3}},
        "batch_norm",
        {"layer_norm": {"normalized_shape": [2, 7, 7]}},
        "relu",
    ],
)
def test_only_a_fully_connected_layer_has_input_features(layer):
    network = load(
        "3x9x9",
        {"conv": {"out_channels": 2, "kernel_size": 3}},
        {**layer, "name": "last"} if isinstance(layer, dict) else {layer: {}, "name": "last"},
    )
    text = explain(network, "last", back=True).text
    assert "9 → 7\n" in text
    assert "input features" not in text


def test_different_axes_are_traced_separately():
    network = load("1x28x20", {"conv": {"out_channels": 2, "kernel_size": [5, 3]}}, {"fc": 3})
    found = {trail.symbol: trail.sizes for trail in trails(network, "fc1")}
    assert found == {"C_in": [2], "H_in": [28, 24], "W_in": [20, 18]}
    assert "by the same steps" not in explain(network, "fc1", back=True).text


def test_channels_side_by_side_are_a_sum_and_end_the_way():
    branches = [[{"conv": {"out_channels": 4, "kernel_size": 1}}], [{"conv": {"out_channels": 6, "kernel_size": 1}}]]
    network = load("3x8x8", {"concat": branches}, {"conv": {"out_channels": 5, "kernel_size": 3}})
    found = {trail.symbol: trail for trail in trails(network, "conv3")}
    assert set(found) == {"C_in", "H_in", "W_in"}
    assert TEXT.write(with_symbols(found["C_in"].made)) == "C_1 + C_2"


def test_several_inputs_are_named():
    network = shapecalc.load({
        "inputs": {"left": "3x9x9", "right": "3x7x7"},
        "layers": [
            {"conv": {"out_channels": 2, "kernel_size": 3}, "from": "left", "name": "a"},
            {"conv": {"out_channels": 2, "kernel_size": 1}, "from": "right", "name": "b"},
            {"add": ["a", "b"], "name": "sum"},
        ],
    })  # fmt: skip
    found = {trail.symbol: (trail.source, trail.sizes) for trail in trails(network, "sum")}
    assert found["H_1"] == ("left", [9, 7])
    assert found["H_2"] == ("right", [7])
    assert "H_2 = 7, the network's input right" in explain(network, "sum", back=True).text


def test_in_json_and_in_every_format():
    layer = json.loads(run("explain", "alexnet", "fc1", "--back", "--format", "json").out)["layers"][0]
    assert layer["back"][0] == {
        "symbol": "H_in",
        "sizes": [227, 55, 27, 13, 6],
        "from": "input",
        "steps": [
            {"layer": "conv1", "numbers": "⌊(227 + 2·0 − 11) / 4⌋ + 1", "value": 55},
            {"layer": "max_pool1", "numbers": "⌊(55 + 2·0 − 3) / 2⌋ + 1", "value": 27},
            {"layer": "max_pool2", "numbers": "⌊(27 + 2·0 − 3) / 2⌋ + 1", "value": 13},
            {"layer": "max_pool3", "numbers": "⌊(13 + 2·0 − 3) / 2⌋ + 1", "value": 6},
        ],
    }
    assert layer["back"][2] == {"symbol": "C_in", "sizes": [256], "from": "conv5", "rule": "C_out", "steps": []}
    assert "back" not in json.loads(run("explain", "alexnet", "fc1", "--format", "json").out)["layers"][0]
    assert "- **back** 227 → 55 → 27" in run("explain", "alexnet", "fc1", "--back", "--format", "markdown").out
    latex = run("explain", "alexnet", "fc1", "--back", "--format", "latex").out
    assert r"\item[back] 227 $\to$ 55 $\to$ 27" in latex
    assert latex.count("{") == latex.count("}")


def test_layers_with_equal_arithmetic_are_traced_too():
    network = load("1x28x28", {"conv": {"out_channels": 2, "kernel_size": 3, "padding": 1}, "name": "c", "repeat": 3})
    explanation = explain(network, ["c.1", "c.2"], back=True)
    assert explanation["c.2"].same_as == "c.1"
    assert explanation.text.count("C_in = C_out = 2 from c.") == 2


@pytest.mark.parametrize("member", some(MEMBERS, 4))
def test_every_way_ends_at_the_size_of_the_input(member):
    network = shapecalc.load(member)
    report = network.infer()
    rows = [row for row in report.rows if row.node.inputs][-4:]
    for row in rows:
        explanation = explain(network, row.name, back=True)
        assert "back" in explanation.text
        layer = explanation[row.name]
        own = {leaf.symbol: leaf.value for sizes in layer.working.inputs for leaf in sizes}
        for trail in layer.trails[: len(own)]:
            if trail.symbol in own:
                assert trail.sizes[-1] == own[trail.symbol], (row.name, trail)
            assert all(step.rule.value == size for step, size in zip(trail.steps, trail.sizes[1:], strict=True))
            if trail.made is None:
                assert trail.start in report.inputs[trail.source]


def test_traced_layers_are_named():
    network = load("1x28x28", {"conv": {"out_channels": 2, "kernel_size": 1}, "name": "c", "repeat": 101})
    with pytest.raises(UsageError, match="no layer is named"):
        explain(network, back=True)
    with pytest.raises(UsageError, match="at most 100 layers"):
        explain(network, [f"c.{i}" for i in range(101)], back=True)
    ended = run("explain", "alexnet", "--back")
    assert ended.status == 2
    assert "shapecalc explain SPEC LAYER --back" in ended.err
