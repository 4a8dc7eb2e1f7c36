"""Hints for what is written as in Python or in other tools; those not in tests/bad_specs/habits_of_python.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import shapecalc
from shapecalc.errors import SpecError
from shapecalc.layers import KINDS

if TYPE_CHECKING:
    from shapecalc.layers.base.layer import Layer


def hint(item: str) -> str:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"input: 3x32x32\nlayers:\n- {item}\n")
    (problem,) = caught.value.problems
    return str(problem.hint)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("torch.nn.Flatten", "write `- Flatten`"),
        ("nn.Conv2d: {out_channels: 3, kernel_size: 3}", "write `- Conv2d: {out_channels: …, kernel_size: …}`"),
        ("'Conv2d(16, (3, 3), stride=(2, 2))'", "write `- Conv2d: {out_channels: 16, kernel_size: [3, 3], stride: [2, 2]}`"),
        ("Linear(10)", "write `- Linear: {out_features: 10}`"),
        ("nn.ReLU(True)", "write `- ReLU: {inplace: true}`"),
        ("nn.MaxPool2d(3, 2, 1)", "write `- MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}`"),
        ("'nn.Conv2d(3, 64, 7, 2, 3)'",
         "write `- Conv2d: {out_channels: …, kernel_size: …}`, and give 3, 64, 7, 2, 3 by name"),
        ("'nn.Linear(8, out_features=4)'", "write `- Linear: {out_features: 4, …}`, and give 8 by name"),
        ("ReLU(6.)", "write `- ReLU: {…}`, and give 6. by name"),
        ("nn.Upsample(2)", "write `- Upsample: {size: 2}`"),
        ("LayerScale(3)", "write `- LayerScale: {channels: 3}`"),
        ("nn.LPPool2d(2)", "write `- LPPool2d: {kernel_size: …}`, and give 2 by name"),
        ("{relu: {}, from: tanh}", "known here: input, relu1"),
        ("CenterCrop(224)", "write `- CenterCrop: {…}`, and give 224 by name"),
        ("\"Conv2D(32, 3, activation='relu', name='first')\"", "write `- Conv2D: {out_channels: 32, kernel_size: 3}`; "
         "then `- relu` as the next item; conv has no argument name"),
        ("conv: {out_channels: 1, kernel_size: (2,)}", "write a list: [2]"),
        ("pad: {padding: ((1, 1), (2, 2))}", "write a list: [[1, 1], [2, 2]]"),
        ("pad: {padding: (max(1, 2), 2)}", "write a list, in [ ], with quotes around what has a comma itself"),
        ("conv: {out_channels: 1, kernel_size: 1, activation: nn.ReLU()}",
         "ReLU is a layer of its own: write `- ReLU` as the next item"),
        ("conv: {out_channels: 1, kernel_size: 1, activation: nn.LeakyReLU(0.1)}",
         "LeakyReLU is a layer of its own: write `- LeakyReLU: {negative_slope: 0.1}` as the next item"),
        ("conv: {out_channels: 1, kernel_size: 1, activation: lrelu}",
         "leaky_relu is a layer of its own: write `- leaky_relu` as the next item"),
        ("activation: lrelu", "did you mean leaky_relu?"),
        ("global_avg_pool: {activation: relu()}", "relu is a layer of its own: write `- relu` as the next item"),
        ("global_avg_pool: {activation: linear}", "known here: keepdim, keepdims"),
        ("global_avg_pool: {activation: null}", "known here: keepdim, keepdims"),
        ("gru: {hidden_size: 1, activation: tanh}", "known here: bias, bidirectional, convention, dropout, hidden_size, "
         "input_size, num_layers, reset_after, return_sequences, units, use_bias"),
        ("\"GRU(8, activation='tanh')\"", "write `- GRU: {hidden_size: 8}`; gru has no argument activation"),
        ("\"ConvLSTM2D(8, 3, activation='tanh')\"",
         "write `- ConvLSTM2D: {out_channels: 8, kernel_size: 3}`; conv_lstm has no argument activation"),
        ("Lineer(10)", "did you mean linear?"),
        ("Seq: [relu, {fc: 10}]", "layers in sequence need no kind around them: list them here, or name them as a block "
         "under `blocks:`"),
        ("Foo: [1, 2]", "`shapecalc layers` lists the kinds"),
        ("Foo: []", "`shapecalc layers` lists the kinds"),
        ("transformer_encoder_layer: {num_heads: 1, dim_feedforward: 8, activaton: relu}", "did you mean activation?"),
        ("conv: many", "variables are given under `vars:`"),
        ("conv: out_channels=16", "write `conv: {out_channels: 16, kernel_size: …}`"),
    ],
)  # fmt: skip
def test_hint(item: str, expected: str) -> None:
    assert hint(item) == expected


@pytest.mark.parametrize(
    "call",
    [
        "nn.ZeroPad2d(1)", "ZeroPadding2D(((1, 1), (2, 2)))", "nn.LayerNorm([3,32,32])", "nn.MaxPool2d(3, 2, 1)",
        "nn.Upsample((64,64))", "nn.Upsample(scale_factor=2)", "nn.Softmax(1)", "nn.LeakyReLU(0.1)", "nn.Dropout(0.5)",
        "AdaptiveAvgPool2d((7, 7))", "AdaptiveAvgPool2d((7))", "MaxPooling2D(pool_size=(2, 2))", "MaxPool2d(2, stride=None)",
        "Conv2D(32, (3, 3), padding='same')", "Reshape((4,4,192))", "nn.Unflatten(1, (3, 1))", "nn.GroupNorm(3, 3)",
        "nn.Flatten(1, 2)", "nn.LPPool2d(2, 3)", "nn.ReLU(True)", "nn.BatchNorm2d(3, eps=1e-3, affine=False)",
    ],
)  # fmt: skip
def test_the_hint_for_a_call_loads_and_has_all_of_its_values(call: str) -> None:
    (item,) = re.findall("`- (.*)`", hint(f'"{call}"'))
    shapecalc.load(f"input: 3x32x32\nlayers:\n- {item}\n")
    (arguments,) = re.findall(r"\((.*)\)", call)
    assert sorted(re.findall(r"[\d.]+", item.partition(":")[2])) == sorted(re.findall(r"[\d.]+", arguments))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("-1x3x224x224", "sizes are given without the batch axis: write 3x224x224"),
        ("Nx3×4×4", "sizes are given without the batch axis: write 3x4x4"),
        ("'None, 3, 8'", "sizes are given without the batch axis: write 3x8"),
        ("-1x", "write `1 * x` to multiply"),
        ("3X32X32", "write 3x32x32"),
        ("3:32:32", "write 3x32x32"),
        ("3 32 32", "write 3x32x32"),
        ("3x?x?", "each size is a number: write for instance 3x224x224"),
        ("{c: 3, H: 32, w: 33}", "write {channels: 3, height: 32, width: 33}"),
        ("{img: 3x33x50, tok: 12}", "inputs that have names are written under `inputs:`"),
        ("{tok: 12}", "inputs that have names are written under `inputs:`"),
        ("{height: 12, tok: 12}", "known here: channels, depth, features, height, length, width"),
    ],
)
def test_hint_for_an_input(size: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"input: {size}\nlayers: [relu]\n")
    assert [str(problem.hint) for problem in caught.value.problems] == [expected]


def test_hint_for_an_input_of_variables() -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load("input: 3xhxh\nvars: {h: 32}\nlayers: [relu]\n")
    assert caught.value.problems[0].hint == "write [3, h, h]"
    assert shapecalc.load("input: [3, h, h]\nvars: {h: 32}\nlayers: [relu]\n").infer().inputs == {"input": (3, 32, 32)}


@pytest.mark.parametrize(
    ("item", "column", "words"),
    [
        ("- conv:{out_channels: 8, kernel_size: 3}", 7, "- conv: {out_channels: 8, kernel_size: 3}"),
        ("- linear:{out_features: 5}", 9, "- linear: {out_features: 5}"),
        ("- conv:\n    out_channels:8\n    kernel_size: 3", 17, "out_channels: 8"),
        ("- relu:\n  name:a", 7, "name: a"),
    ],
)
def test_a_colon_without_a_space(item: str, column: int, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"input: 3x32x32\nlayers:\n{item}\n")
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == ("a space is missing after this `:`", f"write `{words}`")
    assert problem.mark
    assert problem.mark.column == column


@pytest.mark.parametrize("cls", [cls for cls in KINDS.values() if cls.in_calls], ids=lambda cls: cls.kind)
def test_positions_in_calls_are_arguments(cls: type[Layer]) -> None:
    assert set(cls.in_calls or ()) <= cls.arguments.keys()
