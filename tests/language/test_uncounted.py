"""`uncounted`: weights of a layer that are no parameters of it."""

from __future__ import annotations

import pytest

import shapecalc

CONV = {"conv": {"out_channels": 3, "kernel_size": 3, "padding": 1}}


def net(*layers, **keys):
    return shapecalc.load({"input": "3x8x8", "layers": [*layers], **keys})


@pytest.mark.parametrize(("uncounted", "params"), [("weight", 3), (["bias"], 81), (["weight", "bias"], 0), ([], 84)])
def test_weights_that_are_named_do_not_count(uncounted, params):
    """3·3·3·3 weights and 3 biases, by arithmetic."""
    report = net({**CONV, "uncounted": uncounted}).infer() if uncounted else net(CONV).infer()
    assert report.total.params == report.total.trainable == report.rows[0].params == params
    assert report.total.macs == 81 * 64


def test_copies_and_blocks_have_it_and_a_layer_that_shares_counts_nothing():
    blocks = {"blur": [{**CONV, "uncounted": "weight"}]}
    layers = [{"blur": None, "name": "a", "repeat": 2}, {"blur": None, "share": "a.0"},
              {**CONV, "uncounted": "bias", "share": "a.0.conv1", "name": "last"}]  # fmt: skip
    report = net(*layers, blocks=blocks).infer()
    assert [row.params for row in report.rows] == [3, 3, 0, 0]
    assert report.total.params == 6


@pytest.mark.parametrize(
    ("layer", "message", "hint"),
    [({**CONV, "uncounted": "kernel"}, "conv1 (conv): it has no weight called kernel", "its weights are weight, bias"),
     ({"relu": None, "uncounted": "weight"}, "relu1 (relu): it has no weight called weight", "remove `uncounted`"),
     ({**CONV, "uncounted": True}, "uncounted names weights, it is not true", "write `uncounted: weight`"),
     ({"b": None, "uncounted": "weight"}, "b consists of layers: uncounted names the weights of a single one",
      "write it beside the layer in it that has the weights"),
     ({"mlp": {"input_channels": 3, "hidden_channels": [3]}, "uncounted": "weight"},
      "mlp consists of layers: uncounted names the weights of a single one", "write its layers out")],
)  # fmt: skip
def test_what_is_no_weight_is_an_error(layer, message, hint):
    with pytest.raises(shapecalc.ShapecalcError) as error:
        net(layer, blocks={"b": [CONV]} if "b" in layer else {}).infer()
    problem = error.value.problems[0]
    subject = f"{problem.subject}: " if getattr(problem, "subject", "") else ""
    assert subject + problem.message == message
    assert problem.hint == hint


def test_explain_says_which():
    text = str(net({**CONV, "uncounted": "weight"}).explain("conv1"))
    assert "= 84: not counted (weight)" in text


@pytest.mark.parametrize(("uncounted", "params", "active"), [
    ([], 36 + 1024 + 512, 36 + 512 + 256), (["down_proj"], 36 + 1024, 36 + 512), (["gate_up_proj"], 36 + 512, 36 + 256),
    (["gate_up_proj", "down_proj"], 36, 36),
])  # fmt: skip
def test_experts_that_do_not_count_are_not_active_either(uncounted, params, active):
    """Of 4 experts a token uses 2: a half of what counts. A router of 8·4 + 4, experts of 3 · 8·16, by arithmetic."""
    experts = {"experts": {"num_experts": 4, "top_k": 2, "hidden_dim": 16}, "from": ["input", "router"]}
    layers = [{"linear": 4, "name": "router"}, {**experts, "uncounted": uncounted} if uncounted else experts]
    network = shapecalc.load({"input": "5x8", "layers": layers})
    report = network.infer()
    assert (report.total.params, report.total.active_params) == (params, active)
    assert sum(row.active_params for row in report.rows) == active
    if not uncounted:
        return
    with pytest.raises(shapecalc.UsageError, match="are constants, or those of another layer"):
        network.convert("pytorch")
    assert shapecalc.load(network.convert("yaml")).infer().total == report.total
