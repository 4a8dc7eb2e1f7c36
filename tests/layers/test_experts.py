"""Mixtures of experts: their tensors as transformers has them, and the parameters that one token uses."""

from __future__ import annotations

import csv

import pytest

import shapecalc

TRANSFORMERS = {
    "MixtralSparseMoeBlock": (
        {"dim": 4096, "num_experts": 8, "top_k": 2, "hidden_dim": 14336},
        1_409_318_912,
        0,
        [(8, 4096), (8, 28672, 4096), (8, 4096, 14336)],
    ),
    "DeepseekV3MoE": (
        {"dim": 7168, "num_experts": 256, "top_k": 8, "hidden_dim": 2048, "scoring": "sigmoid",
         "shared_experts": 1, "correction_bias": True},
        11_320_164_352,
        256,
        [(256, 7168), (256, 4096, 7168), (256, 7168, 2048), (2048, 7168), (2048, 7168), (7168, 2048)],
    ),
    "Qwen2MoeSparseMoeBlock": (
        {"dim": 2048, "num_experts": 60, "top_k": 4, "hidden_dim": 1408, "shared_experts": 1,
         "shared_hidden_dim": 5632, "shared_gate": True},
        553_773_056,
        0,
        [(60, 2048), (60, 2816, 2048), (60, 2048, 1408), (5632, 2048), (5632, 2048), (2048, 5632), (1, 2048)],
    ),
    "GptOssMLP": (
        {"dim": 2880, "num_experts": 128, "top_k": 4, "hidden_dim": 2880, "bias": True, "router_bias": True},
        3_186_524_288,
        0,
        [(128, 2880), (128,), (128, 5760, 2880), (128, 2880, 2880), (128, 5760), (128, 2880)],
    ),
}  # fmt: skip
"""Each class of transformers 5.24.0 at its config's defaults, on the meta device: parameters, buffers, and its tensors.

GptOssExperts multiplies from the other side: its first matrices are (128, 2880, 5760) there.
"""


def report_of(arguments, length=3, **network):
    spec = {"input": [length, arguments["dim"]], "layers": [{"moe": arguments}], **network}
    return shapecalc.load(spec).infer()


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_tensors_of_a_block_are_those_of_transformers(name):
    arguments, params, buffers, shapes = TRANSFORMERS[name]
    report = report_of(arguments)
    assert (report.total.params, report.total.buffers) == (params, buffers)
    assert [tuple(s) for row in report for s in row.sizing.weight_shapes.values()] == shapes
    assert report.outputs == {report.rows[-1].name: (3, arguments["dim"])}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_token_uses_the_router_the_shared_experts_and_top_k_of_the_others(name):
    """As if only those experts were there: the same block with as many experts, and the whole router."""
    arguments, params, _, _ = TRANSFORMERS[name]
    fewer = {**arguments, "num_experts": arguments["top_k"]}
    router = (arguments["num_experts"] - arguments["top_k"]) * (arguments["dim"] + arguments.get("router_bias", False))
    total = report_of(arguments).total
    assert total.active_params == report_of(fewer).total.params + router
    assert total.active_params < params


def test_macs_are_those_of_the_experts_that_a_token_uses():
    one = {"dim": 16, "num_experts": 8, "top_k": 1, "hidden_dim": 24}
    router = 3 * 16 * 8
    for top_k, gated, matrices in ((1, True, 3), (2, True, 3), (8, True, 3), (2, False, 2)):
        macs = report_of({**one, "top_k": top_k, "gated": gated}).total.macs
        assert macs == router + 3 * top_k * matrices * 16 * 24


def test_all_parameters_of_a_network_without_experts_are_active():
    total = shapecalc.load("alexnet").infer().total
    assert total.active_params == total.params == 62_378_344


def test_shared_experts_without_a_gate_are_one_network_of_their_total_width():
    report = report_of({"dim": 8, "num_experts": 4, "top_k": 2, "hidden_dim": 6, "shared_experts": 3, "gated": False})
    assert [tuple(s) for s in report["moe1.shared_experts.linear1"].sizing.weight_shapes.values()] == [(18, 8)]
    assert report.rows[-1].kind == "add"


def test_tied_experts_count_once_and_are_active_once():
    arguments = {"dim": 8, "num_experts": 4, "top_k": 2, "hidden_dim": 6}
    layers = [{"moe": arguments, "name": "a"}, {"moe": arguments, "name": "b", "share": "a"}]
    spec = {"input": [3, 8], "layers": layers}
    report, alone = shapecalc.load(spec).infer(), report_of(arguments).total
    assert (report.total.params, report.total.active_params) == (alone.params, alone.active_params)
    assert report.total.macs == 2 * alone.macs
    assert (report["b.experts"].params, report["b.experts"].active_params) == (0, 0)
    assert [line.total.active_params for line in report.lines(1)] == [alone.active_params, 0]
    pytest.importorskip("numpy")
    assert list(shapecalc.sweep(spec, input=[[3, 8], [4, 8]])["active_params"]) == [alone.active_params] * 2


def test_keras_convention_counts_buffers_that_are_active():
    arguments = {"dim": 8, "num_experts": 4, "top_k": 2, "hidden_dim": 6, "correction_bias": True}
    net = shapecalc.load({"input": [3, 8], "layers": [{"moe": arguments}]})
    torch, keras = (net.infer(convention=word).total for word in ("torch", "keras"))
    assert keras.active_params == torch.active_params + 4
    assert keras.params == torch.params + 4


@pytest.mark.parametrize(
    ("inputs", "change", "message"),
    [
        ([(3, 8), (3, 5)], {}, "features of the scores (=5) must equal num_experts (=4)"),
        ([(3, 8), (2, 4)], {}, "length of the scores (=2) must equal that of the tokens (=3)"),
        ([(3, 8), (4,)], {}, "the tokens and the scores have 2 and 1 axes: they must have the same number"),
        ([(3, 8), (3, 4)], {"top_k": 5}, "top_k (=5) must be at most num_experts (=4)"),
        ([(3, 8), (3, 4)], {"embed_dim": 9}, "features of the input (=8) must equal embed_dim (=9)"),
    ],
)
def test_experts_refuse_other_inputs(inputs, change, message):
    spec = {
        "inputs": dict(zip("xy", map(list, inputs), strict=True)),
        "layers": [{"experts": {"num_experts": 4, "top_k": 2, "hidden_dim": 6, **change}, "from": ["x", "y"]}],
    }
    with pytest.raises(shapecalc.ShapeError) as error:
        shapecalc.load(spec).infer()
    assert error.value.problems[0].message == message


def test_the_explanation_and_the_formula_have_the_active_parameters():
    net = shapecalc.load({"input": [3, 8], "vars": {"k": 2}, "layers": [
        {"moe": {"dim": 8, "num_experts": 4, "top_k": "k", "hidden_dim": 6}}]})  # fmt: skip
    text = net.explain("moe1").render(width=100)
    assert "  active    3·F_1·k·f = 3·8·2·6 = 288 for one token" in text
    assert "  active    32 + 288 = 320" in text
    assert "active" not in net.explain("moe1", what="macs").render(width=100)
    pytest.importorskip("sympy")
    assert str(net.formula("k", what="active_params").formulas["active_params"]) == "144*k + 32"


def test_active_parameters_are_a_figure_everywhere():
    spec = {
        "name": "net", "input": [3, 8], "vars": {"k": 2},
        "layers": [{"moe": {"dim": 8, "num_experts": 4, "top_k": "k", "hidden_dim": 6}, "name": "moe"}],
        "expect": {"active_params": 320, "layer": {"moe": {"active_params": "< 321"}}},
    }  # fmt: skip
    net = shapecalc.load(spec)
    report = net.check()
    assert "608 parameters (608 weights + 0 biases) · 320 active per token\n" in report.render(width=100)
    assert "Active" in report.render(width=120)
    assert "Active" not in shapecalc.load("alexnet").infer().render(width=200)
    assert report.to_dict()["total"]["active_params"] == report.to_dict()["blocks"][0]["active_params"] == 320
    assert report.to_dict()["layers"][2]["active_params"] == 288
    rows = list(csv.DictReader(report.render("csv").splitlines()))
    assert [(row["params"], row["active_params"]) for row in rows] == [("32", "32"), ("0", "0"), ("576", "288")]
    assert "active per token" in net.compare("alexnet").render(width=100)
    assert "active per token" not in shapecalc.load("vgg16").compare("alexnet").render(width=100)
    pytest.importorskip("numpy")
    variants = shapecalc.sweep(spec, vars={"k": [1, 2]})
    assert list(variants["active_params"]) == [176, 320]
    assert "active per token" in variants.render(width=100)


def grouped(rows, ends, **arguments):
    layers = [{"grouped_linear": {"num_groups": 4, "out_features": 6, **arguments}, "from": ["x", "ends"]}]
    return shapecalc.load({"inputs": {"x": rows, "ends": ends}, "layers": layers})


@pytest.mark.parametrize(
    ("rows", "ends", "arguments", "message", "hint"),
    [
        ([12, 32], [5], {}, "size of the offsets (=5) must equal num_groups (=4)", "num_groups: 5 would fit"),
        ([12, 32], [4], {"in_features": 16}, "features of the input (=32) must equal in_features (=16)",
         "in_features: 32 would fit"),
        ([12, 32], [4], {"top_k": 5}, "top_k (=5) must be at most num_groups (=4)", "top_k: 4 would fit"),
        ([12, 32], [4, 1], {}, "grouped_linear needs rows × features, and the ends of its groups, but its inputs are "
         "12×32 and 4×1", "flatten the axes before the features of the first input, and select one offset for each group"),
    ],
)  # fmt: skip
def test_rows_in_groups_that_do_not_fit(rows, ends, arguments, message, hint):
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        grouped(rows, ends, **arguments).infer()
    assert f"grouped_linear1 (grouped_linear): {message}\n   {hint}" in str(caught.value)


def test_an_adapter_of_rows_in_groups_is_that_of_each_of_its_weights():
    """peft has matrices of rank · num_groups for tensors of three axes."""
    row = grouped([12, 32], [4], top_k=2).infer().rows[-1]
    (matrix,) = row.node.layer.projections(*row.sizing.inputs).values()
    assert (matrix.in_features, matrix.out_features, matrix.positions, matrix.count) == (32, 6, 12, 4)
    assert (row.params, row.sizing.inactive) == (4 * 6 * 32, 2 * 6 * 32)
