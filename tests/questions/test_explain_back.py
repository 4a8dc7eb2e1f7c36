"""The sizes of a layer's input followed back to the input of the network."""

from __future__ import annotations

import json

import pytest
from running import run
from searching import FAMILY_ENDS, some

import shapecalc
from shapecalc.dims.notation import TEXT, with_symbols
from shapecalc.errors import UsageError
from shapecalc.questions.explain import explain, explain_report
from shapecalc.questions.explain.back_lines import trail_lines


def trails(network, layer):
    return explain(network, layer, back=True)[layer].trails


def words_of(line):
    """The words of a line; of what is mathematics nothing."""
    return "".join([item for item in line.items if isinstance(item, str)])


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
    assert "C_in = C_out = 256, set by out_channels of conv5\n" in text
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


def test_a_spatial_size_that_a_layer_sets_is_followed_on_to_the_input():
    network = load(
        "3x8x8", {"adaptive_avg_pool": 20}, {"conv": {"out_channels": 2, "kernel_size": 3}}, {"max_pool": 3}, {"fc": 2}
    )
    (found,) = [trail for trail in trails(network, "fc1") if trail.symbol == "H_in"]
    assert found.sizes == [8, 20, 18, 6]
    assert [step.layer for step in found.steps] == ["adaptive_avg_pool1", "conv1", "max_pool1"]
    assert [step.is_set for step in found.steps] == [True, False, False]
    assert found.source == "input"
    text = explain(network, "fc1", back=True).text
    assert "adaptive_avg_pool1: o = 20, set by output_size whatever its input\n" in text


def test_a_layer_that_sets_the_size_that_is_there_is_named_too():
    (found,) = [trail for trail in trails(shapecalc.load("alexnet_torchvision"), "fc1") if trail.symbol == "H_in"]
    assert found.sizes == [224, 55, 27, 13, 6]
    text = run("explain", "alexnet_torchvision", "fc1", "--back").out
    assert "224 → 55 → 27 → 13 → 6 → 9,216\n" in text
    assert "adaptive_avg_pool1: o = 6, set by output_size whatever its input\n" in text


def test_a_size_that_its_input_only_bounds_is_followed_on():
    assert way(load("3x32x32", {"crop": {"size": 24}}, {"fc": 2}), "fc1", "H_in") == ([32, 24], ["crop1"], "input")


def test_sizes_of_a_reshape_depend_on_its_input_and_end_the_way():
    network = load(288, {"unflatten": {"dim": 1, "unflattened_size": [8, 6, 6]}}, {"max_pool": 2}, {"fc": 3})
    found = {trail.symbol: trail for trail in trails(network, "fc1")}
    assert found["H_in"].sizes == [6, 3]
    assert (found["H_in"].source, found["H_in"].set_by) == ("unflatten1", ["unflattened_size"])
    network = load("4x6x8", {"reshape": [8, 4, 6]}, {"fc": 3})
    found = {trail.symbol: trail for trail in trails(network, "fc1")}
    assert found["H_in"].sizes == [4], "not followed through the height of the input, of which it is no part"
    assert "H_in = shape_2 = 4, set by shape of reshape1\n" in explain(network, "fc1", back=True).text


def test_a_size_that_no_argument_sets():
    network = load("3x8x8", {"mean": {"dim": 1, "keepdim": True}}, {"conv": {"out_channels": 2, "kernel_size": 1}})
    (found,) = [trail for trail in trails(network, "conv1") if trail.symbol == "C_in"]
    assert found.to_dict() == {"symbol": "C_in", "sizes": [1], "from": "mean1", "rule": "1", "set_by": [], "steps": []}
    assert "C_in = 1, set by mean1\n" in explain(network, "conv1", back=True).text
    network = load("3x8x8", {"mean": {"dim": [2, 3], "keepdim": True}}, {"fc": 2})
    assert "mean1: 1, set whatever its input\n" in explain(network, "fc1", back=True).text


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


def branches(*channels, kernel_size=1):
    return [[{"conv": {"out_channels": n, "kernel_size": kernel_size, "padding": kernel_size // 2}}] for n in channels]


def test_concatenated_channels_are_a_sum_and_the_largest_branch_is_followed():
    # Szegedy et al. 2014, table 1: inception (3a).
    network = load(
        "192x28x28", {"concat": branches(64, 128, 32, 32)}, {"conv": {"out_channels": 5, "kernel_size": 3}, "name": "c"}
    )
    (found,) = [trail for trail in trails(network, "c") if trail.symbol == "C_in"]
    assert found.sizes == [128, 256]
    assert (found.source, found.set_by) == ("conv2", ["out_channels"])
    assert [(merge.layer, merge.place) for merge in found.merges] == [("concat1", 1)]
    text = explain(network, "c", back=True).text
    assert "concat1: 64 + 128 + 32 + 32 = 256\n" in text
    assert "input 2 of concat1 is followed: it is the largest\n" in text


def test_of_equal_branches_the_first_is_followed():
    network = load("3x8x8", {"concat": branches(4, 6, 6)}, {"conv": {"out_channels": 5, "kernel_size": 3}, "name": "c"})
    (found,) = [trail for trail in trails(network, "c") if trail.symbol == "C_in"]
    assert (found.sizes, found.source) == ([6, 16], "conv2")
    assert "input 2 of concat1 is followed: it is the first of the largest\n" in explain(network, "c", back=True).text


@pytest.mark.parametrize("kind", ["add", "mul", "concat"])
def test_spatial_sizes_are_followed_through_the_first_of_equal_inputs(kind):
    first, second = branches(4, 4, kernel_size=3)
    network = load(
        "3x9x9", {"max_pool": 2}, {kind: [first, second], "name": "m"}, {"max_pool": 2},
        {"conv": {"out_channels": 5, "kernel_size": 2}, "name": "c"}, {kind: [["relu"], ["relu"]], "name": "n"},
        {"fc": 3},
    )  # fmt: skip
    (found,) = [trail for trail in trails(network, "fc1") if trail.symbol == "H_in"]
    assert found.sizes == [9, 4, 2, 1]
    assert [(merge.layer, merge.place) for merge in found.merges] == [("m", 0), ("n", 0)]
    text = " ".join(explain(network, "fc1", back=True).text.split())
    assert "input 1 of n and of 1 before it is followed: all inputs have this size W_in by the same steps" in text


def test_of_a_broadcast_the_input_that_determines_the_size_is_followed():
    gate = [{"adaptive_avg_pool": 1}, {"conv": {"out_channels": 3, "kernel_size": 1}}]
    network = load("3x9x9", {"max_pool": 2}, {"mul": [gate, ["relu"]]}, {"fc": 3})
    found = {trail.symbol: trail for trail in trails(network, "fc1")}
    assert found["H_in"].sizes == [9, 4]
    assert found["H_in"].merges == (), "the other is repeated: it does not have this size"
    assert len(found["C_in"].merges) == 1


def test_a_network_of_residual_blocks_reaches_its_input():
    # He et al. 2015, table 1: 224, 112, 56, 28, 14, 7, then the average pool.
    assert "  back      224 → 112 → 56 → 28 → 14 → 7 → 1 → 2,048\n" in run("explain", "resnet50", "fc", "--back").out


def test_a_product_within_the_way_is_in_its_first_line():
    # Dosovitskiy et al. 2020: 224 / 16 = 14, 14² = 196 patches and the class token.
    text = run("explain", "vit_b_16", "head", "--back").out
    assert "  back      224 → 14 → 196 → 197 → 1 → 768\n" in text
    assert "H height, W width, L length, F features" in text


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
    assert layer["back"][2] == {
        "symbol": "C_in",
        "sizes": [256],
        "from": "conv5",
        "rule": "C_out",
        "set_by": ["out_channels"],
        "steps": [],
    }
    layer = json.loads(run("explain", "resnet50", "fc", "--back", "--format", "json").out)["layers"][0]
    height = layer["back"][2]
    assert height["steps"][-1] == {
        "layer": "adaptive_avg_pool1", "numbers": "1", "value": 1, "set_by": ["output_size"],
    }  # fmt: skip
    assert height["followed"][-1] == {"layer": "layer4.2.add1", "input": 0, "why": "all are equal"}
    assert len(height["followed"]) == 16, "the residual blocks of He et al. 2015, table 1"
    assert "back" not in json.loads(run("explain", "alexnet", "fc1", "--format", "json").out)["layers"][0]
    assert "- **back** 227 → 55 → 27" in run("explain", "alexnet", "fc1", "--back", "--format", "markdown").out
    latex = run("explain", "alexnet", "fc1", "--back", "--format", "latex").out
    assert r"\item[back] 227 $\to$ 55 $\to$ 27" in latex
    assert latex.count("{") == latex.count("}")


def test_layers_with_equal_arithmetic_are_traced_too():
    network = load("1x28x28", {"conv": {"out_channels": 2, "kernel_size": 3, "padding": 1}, "name": "c", "repeat": 3})
    explanation = explain(network, ["c.1", "c.2"], back=True)
    assert explanation["c.2"].same_as == "c.1"
    assert explanation.text.count("C_in = C_out = 2, set by out_channels of c.") == 2


def test_of_very_many_sizes_some_are_not_followed():
    network = load("3x8x8", {"concat": [["relu"]] * 40, "name": "c"})
    layer = explain(network, "c", back=True)["c"]
    assert (len(layer.trails), layer.not_followed) == (100, 20)
    assert layer.to_dict()["not_followed"] == 20
    assert "20 more sizes are not followed\n" in explain(network, "c", back=True).text
    assert "not followed" not in run("explain", "alexnet", "fc1", "--back").out


CHECKED = ["googlenet", "densenet121", "bert-base-uncased", "mobilenet_v3_small"]


@pytest.mark.parametrize("member", [*CHECKED, *some(sorted(set(FAMILY_ENDS) - set(CHECKED)), 3)])
def test_every_way_of_a_fully_connected_layer_ends_at_the_input_or_says_why(member):
    report = shapecalc.load(member).infer()
    names = [row.name for row in report.rows if row.kind in ("fc", "linear")]
    names = names or [row.name for row in report.rows if row.node.inputs][-4:]
    for i in range(0, len(names), 100):
        for layer in explain_report(report, names[i : i + 100], back=True):
            own = [leaf.value for sizes in layer.working.inputs for leaf in sizes]
            assert {trail.sizes[-1] for trail in layer.trails if trail.whole is None} == set(own), layer.name
            for trail in layer.trails:
                assert_ends(trail, layer, report)


def assert_ends(trail, layer, report):
    changed = [step.rule.value for step in trail.steps]
    assert trail.sizes == [trail.start, *[n for i, n in enumerate(changed) if n != [trail.start, *changed][i]]]
    parts = [part for part in layer.trails if part.whole is trail]
    text = [words_of(line) for line in trail_lines([trail], (), ())]
    if trail.is_from_input:
        assert trail.start in report.inputs[trail.source]
        assert any("the network's input" in line for line in text)
    elif trail.is_product:
        assert len(parts) > 1, "what a product is made of is followed, too"
    else:
        assert report[trail.source], "the layer that sets it"
        assert any(f", set by {trail.set_by[0]}" in line for line in text), text


def test_traced_layers_are_named():
    network = load("1x28x28", {"conv": {"out_channels": 2, "kernel_size": 1}, "name": "c", "repeat": 101})
    with pytest.raises(UsageError, match="no layer is named"):
        explain(network, back=True)
    with pytest.raises(UsageError, match="at most 100 layers"):
        explain(network, [f"c.{i}" for i in range(101)], back=True)
    ended = run("explain", "alexnet", "--back")
    assert ended.status == 2
    assert "shapecalc explain SPEC LAYER --back" in ended.err


TWICE = """\
  back      64 → 8 → 32 → 384
            F_in = L_in·F_in = 32·12 = 384 from all
            L_in of all: C_in·H_in = 4·8 = 32 from tokens
            F_in of all: F_out = 12, set by out_features of linear1
            C_in of tokens: C_out = 4, set by out_channels of conv1
            H_in of tokens: 64, the network's input
            conv1: ⌊(64 + 2·0 − 3) / 8⌋ + 1 = ⌊61 / 8⌋ + 1 = ⌊7.62⌋ + 1 = 8
"""


def test_sizes_of_several_layers_are_named_with_them():
    """Where one symbol is that of two sizes; a single flatten needs no name."""
    conv = {"conv": {"out_channels": 4, "kernel_size": 3, "stride": 8}}
    tokens, everything = {"flatten": {"end_dim": 2}, "name": "tokens"}, {"flatten": {}, "name": "all"}
    network = load("3x64x64", conv, tokens, {"linear": 12}, everything, {"fc": 10})
    assert TWICE in explain(network, "fc1", back=True).text
    entries = explain(network, "fc1", back=True).to_dict()["layers"][0]["back"]
    assert [(entry["symbol"], entry.get("of")) for entry in entries] == [
        ("F_in", None), ("L_in", "all"), ("F_in", "all"), ("C_in", "tokens"), ("H_in", "tokens")
    ]  # fmt: skip
    text = explain(shapecalc.load("vgg16"), "fc6", back=True).text
    assert " of flatten" not in text
