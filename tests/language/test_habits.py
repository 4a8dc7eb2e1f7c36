"""Hints for what is written as in Python or in other tools; those not in tests/bad_specs/habits_of_python.yaml."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import shapecalc
from shapecalc.errors import ShapecalcError, SpecError
from shapecalc.layers import KINDS

if TYPE_CHECKING:
    from pathlib import Path

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
        ("nn.BatchNorm2d: 64", "write `- BatchNorm2d: 64`"),
        ("nn.Conv2d: {out_channels: 3, kernel_size: 3}", "write `- Conv2d: {out_channels: 3, kernel_size: 3}`"),
        ("'Conv2d(16, (3, 3), stride=(2, 2))'", "write `- Conv2d: {out_channels: 16, kernel_size: [3, 3], stride: [2, 2]}`"),
        ("Linear(10)", "write `- Linear: {out_features: 10}`"),
        ("nn.ReLU(True)", "write `- ReLU: {inplace: true}`"),
        ("nn.MaxPool2d(3, 2, 1)", "write `- MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}`"),
        ("'nn.Conv2d(3, 64, 7, 2, 3)'", "write `- Conv2d: {in_channels: 3, out_channels: 64, kernel_size: 7, stride: 2, padding: 3}`"),
        ("'nn.Conv2d(3, 64)'", "write `- Conv2d: {in_channels: 3, out_channels: 64, kernel_size: …}`"),
        ("'Conv2d(3, 64, 7)'", "write `- Conv2d: {in_channels: 3, out_channels: 64, kernel_size: 7}`"),
        ("'Conv2D(64, 7, 2)'", "write `- Conv2D: {out_channels: 64, kernel_size: 7, stride: 2}`"),
        ("'layers.Conv2D(64, 7, 2, \"same\")'",
         'write `- Conv2D: {out_channels: 64, kernel_size: 7, stride: 2, padding: "same"}`'),
        ("'Conv(3, 64, 7)'", "write `- Conv: {out_channels: …, kernel_size: …}`, and give 3, 64, 7 by name"),
        ("'nn.Linear(8, out_features=4)'", "write `- Linear: {in_features: 8, out_features: 4}`"),
        ("'nn.Linear(512 * 7 * 7, 10, bias=False)'", "write `- Linear: {in_features: 512 * 7 * 7, out_features: 10, bias: false}`"),
        ("'Linear(8, 4)'", "write `- Linear: {in_features: 8, out_features: 4}`"),
        ("'layers.Dense(10, relu)'", "write `- Dense: {out_features: …}`, and give 10, relu by name"),
        ("'nn.ConvTranspose2d(3, 8, 2, 2, 0, 1)'", "write `- ConvTranspose2d: {in_channels: 3, out_channels: 8, kernel_size: 2, stride: 2, "
         "padding: 0, output_padding: 1}`"),
        ("'nn.LSTM(8, 16, 2)'", "write `- LSTM: {input_size: 8, hidden_size: 16, num_layers: 2}`"),
        ("layers.LSTM(16)", "write `- LSTM: {hidden_size: 16}`"),
        ("'nn.RNN(8, 16, 1, \"relu\")'", 'write `- RNN: {input_size: 8, hidden_size: 16, num_layers: 1, nonlinearity: "relu"}`'),
        ("'nn.GRU(8, 16, batch_first=True)'", "write `- GRU: {input_size: 8, hidden_size: 16}`"),
        ("'nn.Embedding(1000, 64, 0)'", "write `- Embedding: {num_embeddings: 1000, embedding_dim: 64, padding_idx: 0}`"),
        ("'nn.MultiheadAttention(64, 8)'", "write `- MultiheadAttention: {embed_dim: 64, num_heads: 8}`"),
        ("'layers.MultiHeadAttention(8, 64)'", "write `- MultiHeadAttention: {num_heads: 8, head_dim: 64}`"),
        ("'MultiHeadAttention(8, 64)'", "write `- MultiHeadAttention: {num_heads: 8, head_dim: 64}`"),
        ("'nn.LayerNorm(64, 1e-6)'", "write `- LayerNorm: {normalized_shape: 64, eps: 1e-6}`"),
        ("layers.LayerNormalization(-1)", "write `- LayerNormalization: {axis: -1}`"),
        ("LayerNorm(64)", "write `- LayerNorm: {normalized_shape: 64}`"),
        ("'nn.BatchNorm2d(64, 1e-3)'", "write `- BatchNorm2d: {num_features: 64, eps: 1e-3}`"),
        ("layers.BatchNormalization(-1)", "write `- BatchNormalization: {axis: -1}`"),
        ("'nn.Dropout(0.5, True)'", "write `- Dropout: {p: 0.5, inplace: true}`"),
        ("'nn.AvgPool2d(3, 1, 1, True)'",
         "write `- AvgPool2d: {kernel_size: 3, stride: 1, padding: 1, ceil_mode: true}`"),
        ("'nn.MaxPool2d(3, 2, 1, 1, False, True)'",
         "write `- MaxPool2d: {kernel_size: …}`, and give 3, 2, 1, 1, False, True by name"),
        ("'nn.TransformerEncoderLayer(512, 8, 2048)'",
         "write `- TransformerEncoderLayer: {d_model: 512, nhead: 8, dim_feedforward: 2048}`"),
        ("F.relu(x)", "write `- relu`"),
        ("'torch.cat: [a, b]'", "`shapecalc layers` lists the kinds"),
        ("residual: [relu, relu]", "write `- add:` with its branches: the layers as a list, and [] for the input"),
        ("parallel: [relu, relu]", "write `- concat:` or `- add:` with its branches, each a list of layers"),
        ("conv1: {out_channels: 3, kernel_size: 3}", "write `- conv: {out_channels: 3, kernel_size: 3}`, with `name: conv1` below it"),
        ("max_pool_2: 2", "write `- max_pool: 2`, with `name: max_pool_2` below it"),
        ("F.interpolate: {scale_factor: 2}", "write `- interpolate: {scale_factor: 2}`"),
        ("torch.cat: [a, b]", "write `- cat: [a, b]`"),
        ("'x.view(n, 3, c // 4)'", "write `- view: {shape: …}`, and give [3, c // 4] by name"),
        ("'relu  // then'", "a comment begins with #: write `#` in place of `//`"),
        ("torch.relu(x)", "write `- relu`"),
        ("relu(x)", "write `- relu`"),
        ("nn.ReLU(inplace=True)", "write `- ReLU: {inplace: true}`"),
        ("x = F.relu(x)", "write `- relu`"),
        ("'F.max_pool2d(x, 2)'", "write `- max_pool2d: {kernel_size: 2}`"),
        ("'x = F.dropout(x, 0.5, training=self.training)'", "write `- dropout: {p: 0.5}`; dropout has no argument training"),
        ("'F.conv2d(x, w)'", "write `- conv2d: {out_channels: …, kernel_size: …}`, and give w by name"),
        ("'torch.flatten(x, 1)'", "write `- flatten: {start_dim: 1}`"),
        ("'torch.cat([a, b], dim=1)'", "write `- cat: {branches: [a, b], dim: 1}`; a and b are not names "
         "here: write `input` for the input, a list of layers for a branch, or `name: a` below the layer that is meant"),
        ("'torch.add(x, residual)'", "write `- add: [[], residual]`; residual is not a name here: write `input` for the input, a "
         "list of layers for a branch, or `name: residual` below the layer that is meant"),
        ("'F.scaled_dot_product_attention(q, input, v)'",
         "write `- {scaled_dot_product_attention: {}, from: [q, input, v]}`; q and v are not names here: write `input` for the "
         "input or `name: q` below the layer that is meant"),
        ("'torch.cat(features, 1)'", "write its inputs as `- cat: {branches: […, …], dim: 1}`, each a name, a list of layers, or "
         "[] for the layer above"),
        ("'torch.add(x, 1)'", "write `- add: {other: 1}`"),
        ("'torch.sub(x, 1)'", "a number changes no size: remove the item"),
        ("x * 0.5", "a number changes no size: remove the item"),
        ("conv + relu", "`shapecalc layers` lists the kinds"),
        ("global-avg-pol", "did you mean global_avg_pool?"),
        ("F.relu(input)", "write `- relu`, with `from: input` below it if input is not the layer above here"),
        ("F.relu(-x)", "write each operation as an item of its own, the inner ones first and `- relu` last"),
        ("self.fc1(x + input)", "write `- add: [[], input]` first, then the layer that `self.fc1` is, such as "
         "`- fc: {out_features: …}`"),
        ("conv1 = Conv2d(3, 8, 3)",
         "write `- Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}`, with `name: conv1` below it"),
        ("h = relu(x)", "write `- relu`"),
        ("'nn.Linear(d, 4 * d)'", "write `- Linear: {out_features: 4 * d}`"),
        ("'F.pad(x, (p, p))'", "write `- pad: {padding: …, dim: [-1]}`"),
        ("'x.repeat(2, 1)'",
         "write `- tile: [2, 1]` to repeat the input along its axes, if none of these is the batch axis"),
        ("'nn.Parameter(torch.zeros(1, 64))'", "write `- Parameter: [1, 64]`, or [64] in place of [1, 64] if the 1 is the batch axis"),
        ("'nn.Parameter(torch.randn(64))'", "write `- Parameter: [64]`"),
        ("ReLU: true", "write `ReLU: {inplace: true}`"),
        ("Conv2d: [3, 6, 5]", "write `Conv2d: {in_channels: 3, out_channels: 6, kernel_size: 5}`"),
        ("'torch.split(x, 392, 1)'", "write `- split: {sizes: 392, dim: 1}`"),
        ("'torch.zeros(1, 64)'",
         "write `- parameter:` if it is learned, or else `- constant:`, with its size without batch"),
        ("pool", "write max_pool or avg_pool"),
        ("nn.TransformerEncoder(layer, 6)",
         "write `- transformer_encoder_layer: {…}`, with `repeat:` below it for the number of layers"),
        ("transformer_encoder_layer: {nhead: 4, dim_feedforward: 8, num_layers: 6}",
         "write `repeat:` beside transformer_encoder_layer, not under it, for several in sequence"),
        ("relu1: ReLU", "the kind is the key: write `- ReLU`, with `name: relu1` below it"),
        ("first: {Conv2d: {out_channels: 3, kernel_size: 3}}",
         "the kind is the key: write `- Conv2d: {out_channels: 3, kernel_size: 3}`, with `name: first` below it"),
        ("'x.flatten(2).transpose(1, 2)'",
         "write each call as an item of its own, in order, without those that change no size"),
        ("{relu: {}, inputs: a}", "write `from:`"),
        ("{relu: {}, if: false}", "write `when:`"),
        ("k.T", "write `- transpose: {dim0: -2, dim1: -1}`; if k is not the layer above, write `name: k` below that layer and "
         "`from: k` below this one"),
        ("F.max_pool2d(x, 2) / 2", "a number changes no size: remove it: write `- F.max_pool2d(x, 2)` alone"),
        ("nn.Upsample: 2", "write `- Upsample: {scale_factor: 2}`, or {size: 2} as nn.Upsample(2) has it"),
        ("nn.Upsample: [2]", "write `- Upsample: {scale_factor: 2}`, or {size: 2} as nn.Upsample(2) has it"),
        ("nn.Linear: 10", "write `- Linear: 10`"),
        ("x / 8", "a number changes no size: remove the item"),
        ("path: [relu, {fc: 10}]", "in sequence, list its layers here, without the name path; as a branch, move path to "
         "`blocks:`, and write `[path]` in the list of a `- concat:` or `- add:`"),
        ("{add: [{nn.Sequential: [relu, {fc: 10}]}, input]}",
         "layers in sequence are one branch: write them as a list, `- - relu` and below it `  - fc: …`"),
        ("x = self.conv(x)",
         "write the layer that `self.conv` is, such as `- conv: {out_channels: …, kernel_size: …}`"),
        ("self.fc1(x)", "write the layer that `self.fc1` is, such as `- fc: {out_features: …}`"),
        ("self.layer1(x)", "write the layer that `self.layer1` is"),
        ("self.relu(x)", "write `- relu`"),
        ("x = F.relu(self.conv1(x))", "write each call as an item of its own, the inner one first and `- relu` last"),
        ("'self.conv1 = nn.Conv2d(3, 8, 3)'",
         "write `- Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}`, with `name: conv1` below it"),
        ("'(conv1): Conv2d(3, 8, kernel_size=(3, 3))'", "`shapecalc layers` lists the kinds"),
        ("(conv1): Conv2d(3, 8, kernel_size=(3, 3))",
         "write `- Conv2d: {in_channels: 3, out_channels: 8, kernel_size: [3, 3]}`, with `name: conv1` below it"),
        ("layers.Dense(10)(x)", "write `- Dense: {out_features: 10}`"),
        ("model.add(Dense(10))", "write `- Dense: {out_features: 10}`"),
        ("'nn.Sequential(nn.ReLU(), nn.Linear(3, 4))'", "layers in sequence need no kind around them: list them here, or "
         "name them as a block under `blocks:`"),
        ("return x", "`return` is a statement of Python: only layers are listed here"),
        ("ReLU(6.)", "write `- ReLU: {…}`, and give 6. by name"),
        ("nn.Upsample(2)", "write `- Upsample: {size: 2}`"),
        ("LayerScale(3)", "write `- LayerScale: {channels: 3}`"),
        ("nn.LPPool2d(2)", "write `- LPPool2d: {norm_type: 2, kernel_size: …}`"),
        ("{relu: {}, from: tanh}", "known here: input"),
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
        ("global_avg_pool: {activation: linear}", "remove it: global_avg_pool has no activation of its own"),
        ("global_avg_pool: {activation: null}", "remove it: global_avg_pool has no activation of its own"),
        ("gru: {hidden_size: 1, activation: tanh}", "known here: bias, bidirectional, convention, dropout, hidden_size, "
         "input_size, merge_mode, num_layers, reset_after, return_sequences, units, use_bias"),
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


FOREIGN = [
    ("3x32x32", "conv3x3: 64", "- conv: {out_channels: 64, kernel_size: 3}", "write `{}`"),
    ("3x32x32", "max_pool2x3", "- max_pool: {kernel_size: [2, 3]}", "write `{}`"),
    ("3x32x32", "LayerNorm2d: 3", "- layer_norm: {axis: channels}", "write `{}`"),
    ("3x32x32", "repeat: [2, 1]", "- tile: [2, 1]", "write `{}` to repeat the input along its axes"),
    ("64x56x56", "'x.repeat(1, 2, 1, 1)'", "- tile: [2, 1, 1]", "write `{}` to repeat the input along its axes"),
    ("64x56x56", "'F.pad(x, (0, 1))'", "- pad: {padding: [[0, 1]], dim: [-1]}", "write `{}`"),
    ("64x56x56", "\"F.pad(x, [1, 2, 3, 4], mode='reflect')\"",
     "- pad: {padding: [[3, 4], [1, 2]], mode: 'reflect', dim: [-2, -1]}", "write `{}`"),
    ("64", "nn.Parameter(torch.zeros(1, 1, 64))", "- Parameter: [1, 64]\n- add: [input, parameter1]",
     "write `- Parameter: [1, 64]`, without the 1 in front, which is the batch axis"),
    ("3x32x32", "F.max_pool2d(x, 2)", "- max_pool2d: {kernel_size: 2}", "write `{}`"),
    ("20x12x12", "'x.view(-1, 2880)'", "- view: {shape: [2880]}", "write `{}`"),
    ("3x32x32", "'x.permute(0, 2, 3, 1)'", "- permute: {dims: [0, 2, 3, 1]}", "write `{}`"),
    ("3x32x32", "'nn.ZeroPad2d((1, 2, 3, 4))'", "- ZeroPad2d: {padding: [[3, 4], [1, 2]]}", "write `{}`"),
    ("3x32x32", "'nn.Conv2d(3, 64, 3, padding=1)'",
     "- Conv2d: {in_channels: 3, out_channels: 64, kernel_size: 3, padding: 1}", "write `{}`"),
    ("8x16x16", "'nn.ConvTranspose2d(8, 4, 2, 2)'",
     "- ConvTranspose2d: {in_channels: 8, out_channels: 4, kernel_size: 2, stride: 2}", "write `{}`"),
    ("3x32x32", "'Conv2D(32, 3, 2)'", "- Conv2D: {out_channels: 32, kernel_size: 3, stride: 2}", "write `{}`"),
    ("10x64", "'nn.LSTM(64, 128)'", "- LSTM: {input_size: 64, hidden_size: 128}", "write `{}`"),
    ("10x512", "'nn.MultiheadAttention(512, 8)'", "- MultiheadAttention: {embed_dim: 512, num_heads: 8}", "write `{}`"),
    ("10x512", "'layers.MultiHeadAttention(8, 64)'", "- MultiHeadAttention: {num_heads: 8, head_dim: 64}", "write `{}`"),
    ("10x512", "'nn.TransformerEncoderLayer(512, 8)'", "- TransformerEncoderLayer: {d_model: 512, nhead: 8}", "write `{}`"),
    ("4x4x4", "\"torch.einsum('aij,ajk->aik', input, input)\"",
     "- {einsum: {equation: 'aij,ajk->aik'}, from: [input, input]}", "write `{}`"),
    ("4x4x4", "'torch.cat([input, input], 1)'", "- {cat: {dim: 1}, from: [input, input]}",
     "write `- cat: {{dim: 1}}`, with `from: [input, input]` below it"),
    ("4x4x4", "'torch.cat((input, input), dim=-1)'", "- {cat: {dim: -1}, from: [input, input]}",
     "write `- cat: {{dim: -1}}`, with `from: [input, input]` below it"),
    ("50x64", "x[:, 0]", "- slice: {dim: 1, start: 0, end: 1}\n- squeeze: 1", ""),
    ("50x64", "slice: '[:, -1]'", "- slice: {dim: 1, start: -1}\n- squeeze: 1", ""),
    ("50x64", "view: [B, -1]", "- view: [-1]", "sizes are given without the batch axis: write `{2}`"),
    ("50x64", "reshape: [0, 8, -1]", "- reshape: [8, -1]", "sizes are given without the batch axis: write `{2}`"),
    ("3x8x8", "conv: [{out_channels: 3}, {kernel_size: 3}]", "- conv: {out_channels: 3, kernel_size: 3}",
     "write its arguments in one {{ }}: `{2}`"),
    ("3x8x8", "cat: {tensors: [input, input], dim: 1}", "- cat: {branches: [input, input], dim: 1}", ""),
    ("3x8x8", "conv: {out_channels: {w}, kernel_size: 3}", "- conv: {out_channels: w, kernel_size: 3}",
     "write the variable alone: out_channels: w"),
    ("3x8x8", "squeeze: 1", "- slice: {dim: 1, end: 1}\n- squeeze: 1",
     "remove it; or, for the first position of that axis, write `- slice: {{dim: 1, end: 1}}` before it"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "item", "fixed", "words"), FOREIGN)
def test_a_hint_that_is_followed_to_the_letter(size: str, item: str, fixed: str, words: str) -> None:
    head = f"input: {size}\nvars: {{w: 4}}\nlayers:\n"
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(f"{head}- {item}\n").infer()
    (problem,) = caught.value.problems
    whole = ", then ".join(f"`{line}`" for line in fixed.splitlines())
    assert problem.hint == (words.format(fixed, "", fixed[2:]) if words else f"write {whole}")
    shapecalc.load(f"{head}{fixed}\n").infer()


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("lstm: {hidden_size: 8, batch_first: true}",
         "remove it: sizes have no batch axis, and a sequence is (length, features)"),
        ("conv: {out_channels: 3, kernel_size: 3, device: cuda}", "remove it: it changes no size and no count"),
        ("conv: {out_channels: 3, kernel_size: 3, dtype: half}",
         "remove it: it changes no size and no count; the bits of an element are options of `shapecalc memory`"),
        ("max_pool: {kernel_size: 3, inplace: true}",
         "remove it: it changes no size; `shapecalc memory --in-place` counts it"),
        ("conv: {out_channels: 3, kernel_size: 3, requires_grad: false}",
         "write `frozen: true` beside conv, not under it, where its weights are not trained"),
        ("{conv: {out_channels: 3, kernel_size: 3}, trainable: false}",
         "write `frozen: true` where the weights of conv are not trained"),
        ("depthwise_conv: {out_channels: 16}",
         "its outputs are a multiple of its input channels: write depth_multiplier: 2 for twice as many"),
        ("slice: {dim: 1, index: 0}", "write start: 0, end: 1 for index 0, and `- squeeze: 1` after it for axis 1"),
        ("cat: {xs: 3}", "known here: axis, branches, dim"),
        ("div: 0.5", "write its inputs as a list, div: [a, b]; a number changes no size: remove the item"),
        ("InputLayer", "an input is not a layer: remove the item, and write `input:` with its size at the top"),
        ("Bidirectional: {lstm: 64}", "write `bidirectional: true` among the arguments of the LSTM or GRU"),
        ("TimeDistributed: {dense: 8}", "write the layer within it alone: linear works at every position of a sequence"),
        ("nn.CrossEntropyLoss()", "remove it: a loss has no part in the sizes of a network"),
        ("rearrange: 'c h w -> (h w) c'",
         "write reshape and permute in its place, with sizes: `shapecalc layers reshape permute`"),
        ("weight_norm", "write `parametrization: weight_norm` among the arguments of the layer"),
        ("self.conv1(x)", "write the layer that `self.conv1` is, such as `- conv: {out_channels: …, kernel_size: …}`"),
    ],
)  # fmt: skip
def test_a_word_of_another_program(item: str, expected: str) -> None:
    assert hint(item) == expected


def test_a_number_above_the_maximum_that_is_written_as_a_float() -> None:
    with pytest.raises(SpecError, match=r"out_channels is about 10\^15: the maximum is 10\^12"):
        shapecalc.load("input: 3x8x8\nlayers:\n- conv: {out_channels: 1e15, kernel_size: 3}\n")


def test_the_example_of_an_input_is_in_the_layout() -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load("layout: HWC\nlayers: [relu]\n")
    assert (
        caught.value.problems[0].hint
        == "write for instance `input: 224x224x3` at the top, or give --input (input= of load() in Python)"
    )


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
    assert {*(cls.in_calls or ()), *(cls.in_keras_calls or ())} - {""} <= cls.arguments.keys()


SKIP = "input: 4x8x8\nlayers:\n- conv: {out_channels: 4, kernel_size: 3, padding: 1}\n  name: skip\n"
MORE = SKIP + "- max_pool: 2\n"
CONV = "- conv: {out_channels: 4, kernel_size: 3, padding: 1}\n"
IN_PLACE = "    - conv: {out_channels: 4, kernel_size: 3, padding: 1}\n    - batch_norm\n    - relu\n"
LISTED = "  - - conv: {out_channels: 4, kernel_size: 3, padding: 1}\n    - batch_norm\n    - relu\n"

# What is written, the part of its hint that is followed, what that gives, and its outputs and parameters in PyTorch.
FOLLOWED = [
    (SKIP + CONV + "- F.relu(x + skip)\n", "write `- add: [[], skip]` first, then `- relu`",
     SKIP + CONV + "- add: [[], skip]\n- relu\n", (4, 8, 8), 296),
    (SKIP + CONV + "- F.max_pool2d(skip, 4)\n- add: [max_pool1, [{max_pool: 4, from: conv1}]]\n",
     "write `- max_pool2d: {kernel_size: 4}`, with `from: skip` below it",
     SKIP + CONV + "- max_pool2d: {kernel_size: 4}\n  from: skip\n- add: [max_pool1, [{max_pool: 4, from: conv1}]]\n",
     (4, 2, 2), 296),
    (MORE + "- F.pad(x, (0, 1))\n", "write `- pad: {padding: [[0, 1]], dim: [-1]}`",
     MORE + "- pad: {padding: [[0, 1]], dim: [-1]}\n", (4, 4, 5), 148),
    (MORE + "- x.repeat(1, 2, 1, 1)\n", "write `- tile: [2, 1, 1]` to repeat the input along its axes",
     MORE + "- tile: [2, 1, 1]\n", (8, 4, 4), 148),
    (SKIP + "- add:\n" + IN_PLACE,
     "layers in sequence are one branch: write the list as `[[{conv: {out_channels: 4, kernel_size: 3, padding: 1}}, batch_norm, relu], []]`; "
     "otherwise a branch of one layer is a list: write `[relu]`",
     SKIP + "- add:\n" + LISTED + "  - []\n", (4, 8, 8), 304),
    (SKIP + "- concat:\n  - Sequential:\n" + IN_PLACE + "  - []\n",
     "layers in sequence are one branch: write them as a list, `- - conv: …` and below it `  - batch_norm`",
     SKIP + "- concat:\n" + LISTED + "  - []\n", (8, 8, 8), 304),
    ("input: 4x8x8\nblocks: {left: [relu], right: [tanh]}\nlayers:\n- cat: [left, right]\n",
     "a branch of one block is a list: write `[left]`",
     "input: 4x8x8\nblocks: {left: [relu], right: [tanh]}\nlayers:\n- cat: [[left], [right]]\n", (8, 8, 8), 0),
    ("input: 4x8x8\nlayers:\n" + CONV + CONV + "- add: [conv2d1, conv2]\n", "did you mean conv1?",
     "input: 4x8x8\nlayers:\n" + CONV + CONV + "- add: [conv1, conv2]\n", (4, 8, 8), 296),
    ("input: 4x8x8\nblocks: {up: [{upsample: 2}, {cat: [upsample1, input2]}]}\nlayers:\n- {relu: {}, name: d1}\n- max_pool: 2\n"
     "- up\n", "up has one input where it is used: name each there, as in `from: [a, b]`",
     "input: 4x8x8\nblocks: {up: [{upsample: 2}, {cat: [upsample1, input2]}]}\nlayers:\n- {relu: {}, name: d1}\n- max_pool: 2\n"
     "- {up: {}, from: [max_pool1, d1]}\n", (8, 8, 8), 0),
    ("input: 4\nlayers:\n- nn.Linear(4, 8)\n  name: fc1\n", "write `- Linear: {in_features: 4, out_features: 8}`",
     "input: 4\nlayers:\n- Linear: {in_features: 4, out_features: 8}\n  name: fc1\n", (8,), 40),
    ("input: 4\nlayers:\n- relu\n  name: a\n- tanh\n  form: a\n", "did you mean from?",
     "input: 4\nlayers:\n- relu\n  name: a\n- tanh\n  from: a\n", (4,), 0),
    ("input: 4\nlayers:\n- Linear: {4, 8}\n", "write `Linear: {in_features: 4, out_features: 8}`",
     "input: 4\nlayers:\n- Linear: {in_features: 4, out_features: 8}\n", (8,), 40),
    ("input: 4x8x8\nlayers:\n- MaxPool2d: {2}\n", "write 2 without the braces",
     "input: 4x8x8\nlayers:\n- MaxPool2d: 2\n", (4, 4, 4), 0),
    ("- fc: 10\n- relu\n", "write for instance `input: 3x224x224` at the top, and `layers:` above the list, or give --input "
     "(input= of load() in Python)", "input: 3x224x224\nlayers:\n- fc: 10\n- relu\n", (10,), 1_505_290),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected", "fixed", "output", "params"), FOLLOWED)
def test_a_followed_hint_gives_the_network_that_was_meant(
    spec: str, expected: str, fixed: str, output: tuple[int, ...], params: int
) -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(spec).infer()
    assert expected in [str(problem.hint) for problem in caught.value.problems]
    report = shapecalc.load(fixed).infer()
    assert ([tuple(sizes) for sizes in report.outputs.values()], report.total.params) == ([output], params)


def test_a_call_of_a_block() -> None:
    with pytest.raises(SpecError) as caught:
        shapecalc.load("input: 4\nblocks: {cbr: {args: {w: required}, layers: [{fc: w}]}}\nlayers:\n- cbr(64)\n")
    (problem,) = caught.value.problems
    assert problem.hint == "a block is used as `- cbr: {…}`, with its arguments by name"


def test_a_bundled_network_among_the_files_that_are_used(tmp_path: Path) -> None:
    file = tmp_path / "net.yaml"
    file.write_text("use: resnet50\ninput: 3x32x32\nlayers: [relu]\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        shapecalc.load(file)
    (problem,) = caught.value.problems
    assert problem.hint == (
        "resnet50 is a whole network, not a part of one: `shapecalc init resnet50` writes a copy, to be changed"
    )


def test_a_trial_of_arguments_by_their_names_counts_towards_the_limit_of_steps() -> None:
    steps = []
    for n in (1, 501):
        block = {"args": {"planes": "required", "n": 1}, "layers": [
            {"conv": {"out_channels": "planes", "kernel_size": 1}}, {"relu": None, "repeat": "n"}]}  # fmt: skip
        with pytest.raises(SpecError, match="the whole list is the value of planes") as caught:
            shapecalc.load({"input": "3x8x8", "blocks": {"b": block}, "layers": [{"b": [64, n]}]})
        steps.append(caught.value.steps)
    assert steps[1] - steps[0] >= 500 - 1
