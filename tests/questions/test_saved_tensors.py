"""Tensors saved for the backward pass, kind by kind, against PyTorch's saved_tensors_hooks (data/saved_tensors.json)."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
from record_saved_tensors import CASES, NETWORKS, UNEVEN, UNRECORDED, Case, record, record_networks
from searching import some

import shapecalc
from shapecalc.layers import KINDS
from shapecalc.layers.base.layer import BOTH, DERIVED, INPUTS, OUTPUTS, TRAINED, UPCAST, WIDENED, Composite
from shapecalc.layers.base.shape import Shape

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "saved_tensors.json").read_text(encoding="utf-8"))
WIDTH = 32

NOT_SO_WHEN_FROZEN = {
    'grouped_linear {"num_groups": 4, "out_features": 64} [[12, 32], [4]]': "the ends of its groups are kept",
    'lstm_cell {"hidden_size": 7} [[8], [7], [7]]': "a cell state that is given is kept",
    'rnn_cell {"hidden_size": 7} [[8]]': "its output is kept alone, and not its input",
    'rnn_cell {"hidden_size": 7} [[8], [7]]': "likewise",
    'recurrent {"cell": {"lstm_cell": {"hidden_size": 7}}} [[5, 8], [7], [7]]': "a cell state that is given is kept",
    'recurrent {"cell": {"rnn_cell": {"hidden_size": 7}}} [[5, 8]]': "as its cell does",
    'recurrent {"cell": {"rnn_cell": {"hidden_size": 7}}} [[5, 8], [7]]': "likewise",
    'recurrent {"cell": {"rnn_cell": {"hidden_size": 7}}, "return_sequences": false} [[1, 8]]': "likewise",
    'lstm {"hidden_size": 7, "num_layers": 2} [[5, 8], [2, 7], [2, 7]]': "a first cell state that is given is kept",
    'lstm {"hidden_size": 7, "num_layers": 2, "proj_size": 3} [[5, 8], [2, 3], [2, 7]]': "likewise",
}
"""Cases that save other tensors if the layer is frozen, and which."""


def kept(case: Case, *, frozen: bool) -> dict[str, Any]:
    """Return the declaration of a layer in the form of the record."""
    cls = KINDS[case.kind]
    names = cls.argument_names()
    layer = cls(**{names[word]: value for word, value in case.arguments.items()})
    shapes = tuple(Shape(tuple(sizes)) for sizes in case.shapes)
    output = layer.output(*shapes)
    learns = bool(layer.weights(*shapes)) and not frozen
    saves = layer.saved(*shapes)
    read = sorted({look.input for look in layer.looks(output, *shapes)})
    sample: dict[str, int] = {}
    beside = [*layer.kept(output, *shapes), *(layer.kept_for_weights(output, *shapes) if learns else ())]
    for elements, bits in beside:
        if elements and bits != WIDENED:
            key = str(bits or WIDTH)
            sample[key] = sample.get(key, 0) + elements * (bits or WIDTH) // 8
    return {
        "inputs": read if saves in (INPUTS, BOTH, DERIVED, UPCAST) or (saves == TRAINED and learns) else [],
        "outputs": [0] if saves in (OUTPUTS, BOTH) else [],
        "sample": sample,
    }


NEVER_LEFT_OUT = [name for name in CASES if any(word in name for word in ("sinks", "softcap", "limit", "contiguous"))]
"""Cases of few bytes, which whole models do not show."""
PLAIN = [name for name, case in CASES.items() if not issubclass(KINDS[case.kind], Composite)]

_OTHERS = some([name for name in PLAIN if name not in UNEVEN and name not in NEVER_LEFT_OUT], 60)


@pytest.mark.parametrize("name", [*_OTHERS, *UNEVEN, *NEVER_LEFT_OUT])
def test_a_kind_saves_what_pytorch_saves(name: str) -> None:
    entry = RECORDED["cases"][name]
    assert kept(CASES[name], frozen=False) == {key: entry[key] for key in ("inputs", "outputs", "sample")}
    if "frozen" in entry and name not in NOT_SO_WHEN_FROZEN:
        due = {key: entry["frozen"][key] for key in ("inputs", "outputs", "sample")}
        assert kept(CASES[name], frozen=True) == due


@pytest.mark.parametrize("name", [name for name in CASES if name not in PLAIN])
def test_a_composite_saves_what_pytorch_saves(name: str) -> None:
    case, entry = CASES[name], RECORDED["cases"][name]
    inputs = {f"x{i}": sizes for i, sizes in enumerate(case.shapes)}
    network = shapecalc.load({"inputs": inputs, "layers": [{case.kind: case.arguments, "from": [*inputs]}]})
    due = sum(4 * prod(case.shapes[i]) for i in entry["inputs"]) + sum(entry["sample"].values())
    assert not entry["outputs"]
    assert network.memory(training=True, in_place="none").training.kept == due


def test_a_frozen_layer_saves_nothing_for_its_weights() -> None:
    layers = [{"linear": 8}, {"rms_norm": {}, "frozen": True}]
    found = shapecalc.load({"input": [5, 8], "layers": layers}).memory(training=True, in_place="none").training
    entry = RECORDED["cases"]["rms_norm {} [[5, 8]]"]["frozen"]
    assert entry["inputs"] == [0]
    assert found.kept == 5 * 8 * 4 + 5 * 8 * 4 + entry["sample"]["32"]  # the inputs of both, and a statistic a token


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_saves_what_pytorch_saves(name: str) -> None:
    spec, words, _ = NETWORKS[name]
    found = shapecalc.load(spec).memory(training=True, **words).training
    assert found.kept == RECORDED["networks"][name]
    assert shapecalc.load(spec).memory(training=True, batch=3, **words).training.kept == 3 * found.kept


def test_every_kind_is_recorded_or_has_a_reason() -> None:
    assert {case.kind for case in CASES.values()} | {*UNRECORDED} == {*KINDS}
    assert not {case.kind for case in CASES.values()} & {*UNRECORDED}
    assert [*RECORDED["cases"]] == [*CASES]
    assert [*RECORDED["networks"]] == [*NETWORKS]
    assert all(RECORDED["cases"][name]["code"] == case.code for name, case in CASES.items())


def test_tensors_saved_once_per_batch_are_small_and_known() -> None:
    """They are not counted: statistics of channels, biases that are looked up in a table, and positions and ends of lists."""
    kinds = {case.kind for name, case in CASES.items() if RECORDED["cases"][name]["once"]}
    assert kinds == {"batch_norm", "disentangled_attention", "experts", "gather", "window_attention", "position_embedding",
                     "stochastic_depth"} & kinds  # fmt: skip
    assert "batch_norm" in kinds


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
def test_the_record_agrees_with_the_installed_pytorch() -> None:
    pytest.importorskip("torch")
    assert json.loads(json.dumps(record())) == RECORDED["cases"]
    assert record_networks() == RECORDED["networks"]


# Kinds that PyTorch does not have, by arithmetic.


def test_tensors_saved_by_deformable_convolution() -> None:
    cls = KINDS["deformable_conv"]
    shapes = [Shape((4, 10, 10)), Shape((18, 10, 10)), Shape((9, 10, 10))]
    layer = cls(out_channels=5, kernel_size=3, padding=1)
    assert layer.saved(*shapes) == INPUTS  # torchvision's deform_conv2d saves map, offsets and mask
    assert [*layer.kept(layer.output(*shapes), *shapes)] == []
    layer = cls(out_channels=5, kernel_size=3, padding=[[0, 2], [1, 1]])
    assert [*layer.kept(layer.output(*shapes), *shapes)] == []


def test_an_instance_norm_without_weights_saves_no_copies_of_them() -> None:
    x = Shape((4, 6, 6))
    for words, each in (({}, 2), ({"affine": True}, 3), ({"affine": True, "scale": False}, 2)):
        assert KINDS["instance_norm"](**words).kept(x, x) == [(each * 4, 32)]


def test_a_convolutional_lstm_saves_what_an_lstm_saves() -> None:
    lstm, conv = KINDS["lstm"](hidden_size=7), KINDS["conv_lstm"](out_channels=7, kernel_size=1)
    x, maps = Shape((5, 8)), Shape((5, 8, 1, 1))
    for name in ("kept", "kept_for_weights"):
        ours = getattr(conv, name)(conv.output(maps), maps)
        theirs = [entry for entry in getattr(lstm, name)(lstm.output(x), x) if entry[0]]
        assert [*ours] == theirs


def test_a_convolution_with_a_stride_is_not_padded_beforehand() -> None:
    """PyTorch has no `same` with a stride; in Keras the convolution itself pads."""
    layer = KINDS["conv"](out_channels=3, kernel_size=4, stride=2, padding="same")
    x = Shape((4, 6, 6))
    assert layer.saved(x) == INPUTS
    assert [*layer.kept(layer.output(x), x)] == [(0, 0)]
    uneven = KINDS["conv"](out_channels=3, kernel_size=3, padding=[[0, 1], [1, 1]])
    assert uneven.saved(x) != INPUTS
    assert [*uneven.kept(uneven.output(x), x)] == [(4 * 7 * 8, 0)]


@pytest.mark.parametrize(
    "words", [{"weights": 4}, {"weights": "int4"}, {"activations": 7}, {"weights": 1, "optimizer": "sgd"}]
)
def test_gradients_of_less_than_a_byte_are_rejected(words: dict[str, Any]) -> None:
    with pytest.raises(shapecalc.UsageError, match=r"of \d bits cannot be trained: their gradients would have"):
        shapecalc.load("alexnet").memory(training=True, **words)


def test_frozen_weights_may_have_four_bits() -> None:
    network = shapecalc.load({"input": [8], "layers": [{"fc": 4, "frozen": True}]})
    assert network.memory(training=True, weights=4).training.gradients == 0
    assert shapecalc.load("alexnet").memory(weights=4).weights * 8 == shapecalc.load("alexnet").memory().weights
    assert shapecalc.load("alexnet").memory(weights=8, training=True).training.gradients > 0


PADDED = {  # two convolutions and a ReLU on a map of 3×8×8: bytes that PyTorch 2.13 keeps, saved_tensors_hooks
    "reflect": [1200, 1024, 1600, 1024],  # of the input, which needs no gradient, the padded copy alone
    "replicate": [1200, 1024, 1600, 1024],
    "circular": [1200, 1600, 1024],
}


@pytest.mark.parametrize("mode", PADDED)
def test_padding_saves_its_input_if_that_needs_a_gradient(mode: str) -> None:
    conv = {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1, "padding_mode": mode}}
    network = shapecalc.load([conv, conv, "relu"], input="3x8x8")
    training = network.memory(training=True, optimizer="sgd").training
    assert training is not None
    assert training.kept == sum(PADDED[mode])
