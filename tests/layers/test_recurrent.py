"""Recurrent layers: laws, and PyTorch itself."""

from __future__ import annotations

import random
from typing import Any

import pytest
from sizing import outputs, parameters, sized, torch_macs

from shapecalc.errors import LayerError


def test_layers_and_directions_equal_stacked_layers() -> None:
    stacked = sized("lstm", (9, 5), hidden_size=4, num_layers=2, bidirectional=True)
    first = sized("lstm", (9, 5), hidden_size=4, bidirectional=True)
    second = sized("lstm", (9, 8), hidden_size=4, bidirectional=True)
    assert stacked.weights + stacked.biases == sum(one.weights + one.biases for one in (first, second))
    assert stacked.macs == first.macs + second.macs


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_gates_are_linear_layers(kind: str, gates: int) -> None:
    found = sized(kind, (9, 5), hidden_size=4, convention="keras")
    linear = sized("linear", (9, 5 + 4), out_features=4)
    assert (found.weights, found.macs) == (gates * linear.weights, gates * linear.macs)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_only_the_last_step(kind: str) -> None:
    found = sized(kind, (9, 5), hidden_size=4, bidirectional=True, return_sequences=False)
    assert outputs(found)[:2] == [(8,), (2, 4)]


@pytest.mark.parametrize(("mode", "first"), [
    ("concat", [(9, 8)]), ("sum", [(9, 4)]), ("mul", [(9, 4)]), ("ave", [(9, 4)]), ("none", [(9, 4), (9, 4)]),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_directions_are_joined_as_in_keras(kind: str, mode: str, first: list[tuple[int, int]]) -> None:
    found = sized(kind, (9, 5), hidden_size=4, bidirectional=True, merge_mode=mode)
    assert outputs(found)[: len(first) + 1] == [*first, (2, 4)]
    assert found.weights == sized(kind, (9, 5), hidden_size=4, bidirectional=True).weights
    if mode != "none":
        stacked = sized(kind, (9, 5), hidden_size=4, bidirectional=True, merge_mode=mode, num_layers=2)
        second = sized(kind, first[0], hidden_size=4, bidirectional=True)
        assert stacked.weights == found.weights + second.weights


@pytest.mark.parametrize("convention", ["torch", "keras"])
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_a_cell_is_a_layer_at_one_step(kind: str, convention: str) -> None:
    cell = sized(f"{kind}_cell", (5,), hidden_size=4, convention=convention)
    layer = sized(kind, (1, 5), hidden_size=4, convention=convention)
    assert (cell.weights, cell.biases, cell.macs) == (layer.weights, layer.biases, layer.macs)
    assert outputs(cell) == [sizes[1:] for sizes in outputs(layer)[1:]]


def test_a_peephole_is_a_factor_of_each_feature_for_three_gates() -> None:
    words = {"hidden_size": 4, "num_layers": 2, "bidirectional": True}
    plain, peephole = sized("lstm", (9, 5), **words), sized("lstm", (9, 5), peephole=True, **words)
    assert peephole.weights - plain.weights == 2 * 2 * 3 * 4
    assert peephole.macs == plain.macs


def test_biases_by_convention() -> None:
    def biases(kind: str, **arguments: Any) -> int:
        return int(sized(kind, (4, 5), hidden_size=7, **arguments).biases)

    assert [biases(kind) for kind in ("rnn", "gru", "lstm")] == [14, 42, 56]
    # Keras 3.15.1: SimpleRNN(7), GRU(7), GRU(7, reset_after=False), LSTM(7)
    assert biases("rnn", convention="keras") == 7
    assert biases("gru", convention="keras") == 42
    assert biases("gru", convention="keras", reset_after=False) == 21
    assert biases("lstm", convention="keras") == 28


def test_initial_states_must_have_the_right_size() -> None:
    assert outputs(sized("lstm", (9, 5), (1, 4), (1, 4), hidden_size=4))[0] == (9, 4)
    with pytest.raises(LayerError, match="initial state"):
        sized("lstm", (9, 5), (1, 3), (1, 4), hidden_size=4)


@pytest.mark.parametrize(
    ("kind", "arguments", "shape", "message"),
    [
        ("lstm", {"hidden_size": 7, "proj_size": 7}, (4, 5), "proj_size (=7) must be less than hidden_size (=7)"),
        ("gru", {"hidden_size": 7, "input_size": 6}, (4, 5), "features of the input (=5) must equal input_size (=6)"),
        (
            "rnn",
            {"hidden_size": 7, "merge_mode": "sum"},
            (4, 5),
            "merge_mode sum joins two directions, but there is one",
        ),
        (
            "rnn",
            {"hidden_size": 7, "merge_mode": "none", "bidirectional": True, "num_layers": 2},
            (4, 5),
            "with merge_mode none the first of 2 layers has two outputs, but the next one input",
        ),
        ("gru", {"hidden_size": 7, "reset_after": False}, (4, 5), "PyTorch's GRU always applies its reset gate"),
        ("rnn", {"hidden_size": 7}, (3, 8, 8), "rnn needs a length and features, but its input is 3×8×8"),
        ("conv_lstm", {"out_channels": 4, "kernel_size": 7}, (3, 2, 6, 6), "the 7×7 window does not fit its 6×6 input"),
    ],
)
def test_invalid_inputs(kind: str, arguments: dict[str, Any], shape: tuple[int, ...], message: str) -> None:
    from shapecalc.layers.base.layer import KINDS
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), (Shape(shape),))
    assert message in str(caught.value)


def test_conv_lstm_is_the_same_in_both_layouts() -> None:
    last = sized("conv_lstm", (3, 6, 8, 2), layout="HWC", out_channels=4, kernel_size=3, padding="same")
    first = sized("conv_lstm", (3, 2, 6, 8), layout="CHW", out_channels=4, kernel_size=3, padding="same")
    assert outputs(last) == [(3, 6, 8, 4)]
    assert outputs(first) == [(3, 4, 6, 8)]
    assert (last.weights, last.biases, last.macs) == (first.weights, first.biases, first.macs)


def test_conv_lstm_of_one_pixel_is_an_lstm() -> None:
    conv = sized("conv_lstm", (5, 3, 1, 1), out_channels=4, kernel_size=1)
    lstm = sized("lstm", (5, 3), hidden_size=4, convention="keras")
    assert (conv.weights, conv.biases, conv.macs) == (lstm.weights, lstm.biases, lstm.macs)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.torch
def test_recurrent_layers_agree_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(3)
    for turn in range(60):
        kind = ("rnn", "gru", "lstm")[turn % 3]
        length, features, hidden = rng.randint(1, 8), rng.randint(1, 8), rng.randint(2, 8)
        rest: dict[str, Any] = {
            "num_layers": rng.randint(1, 3), "bias": rng.random() < 0.5, "bidirectional": rng.random() < 0.5,
        }  # fmt: skip
        if kind == "lstm":
            rest["proj_size"] = rng.randint(0, hidden - 1)
        module = getattr(torch.nn, kind.upper())(features, hidden, **rest)
        tensor = torch.randn(length, features)
        given, states = module(tensor)
        states = states if isinstance(states, tuple) else (states,)
        found = sized(kind, (length, features), hidden_size=hidden, input_size=features, **rest)
        assert outputs(found) == [tuple(given.shape), *(tuple(state.shape) for state in states)]
        assert found.weight_shapes == {name: tuple(p.shape) for name, p in module.named_parameters()}
        assert found.weights + found.biases == parameters(module)
        assert found.macs == torch_macs(module, tensor)
