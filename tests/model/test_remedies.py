"""Hints on layers to insert and arguments to set: the network is valid once they are followed to the letter."""

from __future__ import annotations

import textwrap

import pytest

import shapecalc


def hint_and_rest(text: str, fixed: str) -> tuple[str, list[str]]:
    """Return the hint of the one problem of a specification, and the problems of the specification that follows it."""
    (problem,) = shapecalc.load(textwrap.dedent(text)).problems()
    return problem.hint, [str(problem) for problem in shapecalc.load(textwrap.dedent(fixed)).problems()]


AXES = {
    "a convolution of a sequence": (
        """
        input: 100x64
        layers:
        - Conv1d: {in_channels: 64, out_channels: 32, kernel_size: 3}
        """,
        "axis 2 of its input is 64: write `- permute: [2, 1]` before it",
        """
        input: 100x64
        layers:
        - permute: [2, 1]
        - Conv1d: {in_channels: 64, out_channels: 32, kernel_size: 3}
        """,
    ),
    "an LSTM after a convolution, within a block": (
        """
        input: 1x100
        blocks:
          tail:
            layers:
            - conv: {out_channels: 32, kernel_size: 3}
            - relu
            - {LSTM: {input_size: 32, hidden_size: 64}, from: conv1}
            - concat: {branches: [lstm1, [{permute: [2, 1], from: relu1}]], dim: 2}
        layers:
        - tail
        """,
        "axis 1 of its input is 32: write `- {permute: [2, 1], from: conv1, name: conv1_permute}` before it, and "
        "conv1_permute in place of conv1",
        """
        input: 1x100
        blocks:
          tail:
            layers:
            - conv: {out_channels: 32, kernel_size: 3}
            - relu
            - {permute: [2, 1], from: conv1, name: conv1_permute}
            - {LSTM: {input_size: 32, hidden_size: 64}, from: conv1_permute}
            - concat: {branches: [lstm1, [{permute: [2, 1], from: relu1}]], dim: 2}
        layers:
        - tail
        """,
    ),
    "a layer norm of the channels": (
        """
        input: 3x32x32
        layers:
        - conv: {out_channels: 64, kernel_size: 4, stride: 4}
        - LayerNorm: 64
        """,
        "write `layer_norm: {axis: channels}` to normalise the channels",
        """
        input: 3x32x32
        layers:
        - conv: {out_channels: 64, kernel_size: 4, stride: 4}
        - layer_norm: {axis: channels}
        """,
    ),
    "a linear layer on both directions' last states": (
        """
        input: 30x32
        layers:
        - {LSTM: {hidden_size: 64, bidirectional: true}, name: rnn}
        - {Linear: {in_features: 128, out_features: 10}, from: "rnn[1]"}
        """,
        'write `- {flatten: {}, from: "rnn[1]", name: rnn_1_flatten}` before it, and rnn_1_flatten in place of rnn[1], '
        "for 128 features; or fc, which flattens its input",
        """
        input: 30x32
        layers:
        - {LSTM: {hidden_size: 64, bidirectional: true}, name: rnn}
        - {flatten: {}, from: "rnn[1]", name: rnn_1_flatten}
        - {Linear: {in_features: 128, out_features: 10}, from: rnn_1_flatten}
        """,
    ),
}


@pytest.mark.parametrize("name", AXES)
def test_the_layer_that_moves_the_axes_of_an_input(name: str) -> None:
    text, hint, fixed = AXES[name]
    assert hint_and_rest(text, fixed) == (hint, [])
