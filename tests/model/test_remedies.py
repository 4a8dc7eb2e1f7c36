"""Hints on layers to insert and arguments to set: the network is valid once they are followed to the letter."""

from __future__ import annotations

import textwrap
import time
from typing import TYPE_CHECKING

import pytest

import shapecalc
from shapecalc.errors import ShapecalcError, ShapeError

if TYPE_CHECKING:
    from pathlib import Path


def hint_and_rest(text: str, fixed: str) -> tuple[str, list[str]]:
    """Return the hint of the one problem of a specification, and the problems of the specification that follows it."""
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(textwrap.dedent(text)).infer()
    (problem,) = caught.value.problems
    return problem.hint, [str(problem) for problem in shapecalc.load(textwrap.dedent(fixed)).problems()]


AXES = {
    "a decoder on the output of an encoder of another width": (
        """
        inputs: {src: [10, 64], tgt: [7, 32]}
        layers:
        - {transformer_encoder_layer: {d_model: 64, num_heads: 4, dim_feedforward: 64}, from: src, name: enc}
        - {transformer_decoder_layer: {d_model: 32, num_heads: 4, dim_feedforward: 64}, from: [tgt, enc]}
        """,
        "write `- {linear: 32, from: enc, name: enc_linear}` before it, and enc_linear in place of enc",
        """
        inputs: {src: [10, 64], tgt: [7, 32]}
        layers:
        - {transformer_encoder_layer: {d_model: 64, num_heads: 4, dim_feedforward: 64}, from: src, name: enc}
        - {linear: 32, from: enc, name: enc_linear}
        - {transformer_decoder_layer: {d_model: 32, num_heads: 4, dim_feedforward: 64}, from: [tgt, enc_linear]}
        """,
    ),
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
    "a video with its frames first": (
        """
        input: 16x3x9x9
        layers:
        - Conv3d: {in_channels: 3, out_channels: 8, kernel_size: 3}
        """,
        "axis 2 of its input is 3: write `- permute: [2, 1, 3, 4]` before it",
        """
        input: 16x3x9x9
        layers:
        - permute: [2, 1, 3, 4]
        - Conv3d: {in_channels: 3, out_channels: 8, kernel_size: 3}
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
    "a layer norm of a transposed sequence": (
        """
        input: 64x100
        layers:
        - LayerNorm: 64
        """,
        "axis 1 of its input is 64: write `- permute: [2, 1]` before it",
        """
        input: 64x100
        layers:
        - permute: [2, 1]
        - LayerNorm: 64
        """,
    ),
    "an input that is named, although it is the layer above": (
        """
        input: 3x8x8
        layers:
        - {conv: {out_channels: 4, kernel_size: 3}, name: c}
        - linear:
            in_features: 144
            out_features: 10
          from: c
        """,
        "write `- {flatten: {}, from: c, name: c_flatten}` before it, and c_flatten in place of c, for 144 features; or fc, "
        "which flattens its input",
        """
        input: 3x8x8
        layers:
        - {conv: {out_channels: 4, kernel_size: 3}, name: c}
        - {flatten: {}, from: c, name: c_flatten}
        - linear:
            in_features: 144
            out_features: 10
          from: c_flatten
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

POOLS = {
    "a pool that was forgotten before a flatten": (
        """
        input: 3x32x32
        layers:
        - conv: {out_channels: 512, kernel_size: 3, stride: 4}
        - relu
        - flatten
        - dropout
        - linear: {in_features: 512, out_features: 10}
        """,
        "write `- global_avg_pool` before flatten1: its output is then 512\n"
        "otherwise in_features: 32768 would fit, or leave it out: it is inferred",
        """
        input: 3x32x32
        layers:
        - conv: {out_channels: 512, kernel_size: 3, stride: 4}
        - relu
        - global_avg_pool
        - flatten
        - dropout
        - linear: {in_features: 512, out_features: 10}
        """,
    ),
    "before a view of any name, by its input": (
        """
        input: 64x8x8
        layers:
        - relu
        - {reshape: [-1], from: input, name: flat}
        - linear: {in_features: 64, out_features: 10}
        - linear: {in_features: 10, out_features: 10}
        - add:
          - []
          - - {global_avg_pool: {}, from: relu1}
            - linear: 10
        """,
        "write `- {global_avg_pool: {}, from: input, name: input_global_avg_pool}` before flat, and "
        "input_global_avg_pool in place of input: its output is then 64\n"
        "otherwise in_features: 4096 would fit, or leave it out: it is inferred",
        """
        input: 64x8x8
        layers:
        - relu
        - {global_avg_pool: {}, from: input, name: input_global_avg_pool}
        - {reshape: [-1], from: input_global_avg_pool, name: flat}
        - linear: {in_features: 64, out_features: 10}
        - linear: {in_features: 10, out_features: 10}
        - add:
          - []
          - - {global_avg_pool: {}, from: relu1}
            - linear: 10
        """,
    ),
    "before a layer that flattens by itself": (
        """
        input: 64x8x8
        layers:
        - fc: {in_features: 64, out_features: 10}
        """,
        "write `- global_avg_pool` before it, for the mean of each channel; or leave in_features out, for all 4,096 elements",
        """
        input: 64x8x8
        layers:
        - global_avg_pool
        - fc: {in_features: 64, out_features: 10}
        """,
    ),
}

SIZES = {
    "a feature pyramid that is joined as it is": (
        """
        input: 64x28x28
        layers:
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c3}
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c4}
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c5}
        - concat: [c3, c4, c5]
        """,
        "write `[{upsample: {size: 14}, from: c4}]` in place of c4; write `- {upsample: {size: 14}, from: c5, "
        "name: c5_upsample}` before it, and c5_upsample in place of c5",
        """
        input: 64x28x28
        layers:
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c3}
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c4}
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c5}
        - {upsample: {size: 14}, from: c5, name: c5_upsample}
        - concat: [c3, [{upsample: {size: 14}, from: c4}], c5_upsample]
        """,
    ),
    "a feature pyramid that is added as it is": (
        """
        input: 64x28x28
        layers:
        - {conv: {out_channels: 64, kernel_size: 3, stride: [2, 2], padding: 1}, name: c3}
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c4}
        - add: [c3, [{upsample: [3, 2], from: input}], [{upsample: 4, from: c4}]]
        """,
        "write `[{upsample: {size: [84, 56]}, from: c3}]` in place of c3; write `- upsample: {size: [84, 56]}` after "
        "upsample2, at the end of its branch",
        """
        input: 64x28x28
        layers:
        - {conv: {out_channels: 64, kernel_size: 3, stride: [2, 2], padding: 1}, name: c3}
        - {conv: {out_channels: 64, kernel_size: 3, stride: 2, padding: 1}, name: c4}
        - add: [[{upsample: {size: [84, 56]}, from: c3}], [{upsample: [3, 2], from: input}],
                [{upsample: 4, from: c4}, {upsample: {size: [84, 56]}}]]
        """,
    ),
    "an inception block without paddings": (
        """
        input: 64x28x28
        layers:
        - concat:
          - - conv: {out_channels: 64, kernel_size: 1}
          - - max_pool: 3
            - conv: {out_channels: 8, kernel_size: 1}
          - - conv: {out_channels: 16, kernel_size: 1}
            - conv: {out_channels: 64, kernel_size: 5}
        """,
        "stride: 1 and padding: 1 in max_pool1, and padding: 2 in conv4 would make their spatial sizes equal",
        """
        input: 64x28x28
        layers:
        - concat:
          - - conv: {out_channels: 64, kernel_size: 1}
          - - max_pool: {kernel_size: 3, stride: 1, padding: 1}
            - conv: {out_channels: 8, kernel_size: 1}
          - - conv: {out_channels: 16, kernel_size: 1}
            - conv: {out_channels: 64, kernel_size: 5, padding: 2}
        """,
    ),
    "channels that are joined along dim 1 of an image whose channels come last": (
        """
        layout: HWC
        input: 8x8x3
        layers:
        - conv: {out_channels: 64, kernel_size: 1}
        - concat: {branches: [[], [conv: {out_channels: 32, kernel_size: 1}]], dim: 1}
        """,
        "along height they can be joined if all other axes are equal; dim: 3 would join them along channels",
        """
        layout: HWC
        input: 8x8x3
        layers:
        - conv: {out_channels: 64, kernel_size: 1}
        - concat: {branches: [[], [conv: {out_channels: 32, kernel_size: 1}]], dim: 3}
        """,
    ),
    "a head on a map of one position": (
        """
        input: 8x8x8
        layers:
        - adaptive_avg_pool: 1
        - linear: {in_features: 8, out_features: 2}
        """,
        "write `- flatten` before it, for 8 features; or fc, which flattens its input",
        """
        input: 8x8x8
        layers:
        - adaptive_avg_pool: 1
        - flatten
        - linear: {in_features: 8, out_features: 2}
        """,
    ),
}

BRANCHES = {
    "a gate of as many features as there are channels": (
        """
        input: 64x32x32
        layers:
        - global_avg_pool
        - linear: 64
        - mul: [linear1, input]
        """,
        "write `- {reshape: [64, 1, 1], from: linear1, name: linear1_reshape}` before it, and linear1_reshape in place of "
        "linear1",
        """
        input: 64x32x32
        layers:
        - global_avg_pool
        - linear: 64
        - {reshape: [64, 1, 1], from: linear1, name: linear1_reshape}
        - mul: [linear1_reshape, input]
        """,
    ),
    "a gate in a branch": (
        """
        input: 64x32x32
        layers:
        - mul:
          - - global_avg_pool
            - linear: 64
          - []
        """,
        "write `- reshape: [64, 1, 1]` after linear1, at the end of its branch",
        """
        input: 64x32x32
        layers:
        - mul:
          - - global_avg_pool
            - linear: 64
            - reshape: [64, 1, 1]
          - []
        """,
    ),
    "a map that was not permuted back": (
        """
        input: 3x224x224
        layers:
        - {conv: {out_channels: 96, kernel_size: 4, stride: 4}, name: stem}
        - permute: [2, 3, 1]
        - linear: 96
        - add: [linear1, stem]
        """,
        "they have the same sizes in another order: write `- {permute: [3, 1, 2], from: linear1, name: linear1_permute}` "
        "before it, and linear1_permute in place of linear1",
        """
        input: 3x224x224
        layers:
        - {conv: {out_channels: 96, kernel_size: 4, stride: 4}, name: stem}
        - permute: [2, 3, 1]
        - linear: 96
        - {permute: [3, 1, 2], from: linear1, name: linear1_permute}
        - add: [linear1_permute, stem]
        """,
    ),
    "maps and a vector": (
        """
        inputs: {image: 3x32x32, tab: 10}
        layers:
        - {conv: {out_channels: 4, kernel_size: 3}, from: image, name: c}
        - concat: [c, image, tab]
        """,
        "write `- {flatten: {}, from: c, name: c_flatten}` before it, and c_flatten in place of c; "
        "write `[{flatten: {}, from: image}]` in place of image",
        """
        inputs: {image: 3x32x32, tab: 10}
        layers:
        - {conv: {out_channels: 4, kernel_size: 3}, from: image, name: c}
        - {flatten: {}, from: c, name: c_flatten}
        - concat: [c_flatten, [{flatten: {}, from: image}], tab]
        """,
    ),
    "paddings of two branches": (
        """
        input: 8x32x32
        layers:
        - concat:
          - - conv: {out_channels: 4, kernel_size: 1}
          - - conv: {out_channels: 4, kernel_size: 1}
            - conv: {out_channels: 4, kernel_size: 3}
            - conv: {out_channels: 4, kernel_size: [1, 3], dilation: 2}
          - - conv: {out_channels: 4, kernel_size: 5}
        """,
        "padding: 1 in conv3, and padding: [0, 2] in conv4, and padding: 2 in conv5 would make their spatial sizes equal",
        """
        input: 8x32x32
        layers:
        - concat:
          - - conv: {out_channels: 4, kernel_size: 1}
          - - conv: {out_channels: 4, kernel_size: 1}
            - conv: {out_channels: 4, kernel_size: 3, padding: 1}
            - conv: {out_channels: 4, kernel_size: [1, 3], dilation: 2, padding: [0, 2]}
          - - conv: {out_channels: 4, kernel_size: 5, padding: 2}
        """,
    ),
    "padding of a residual branch": (
        """
        input: 8x32x32
        layers:
        - add:
          - - conv: {out_channels: 8, kernel_size: 3}
            - relu
            - conv: {out_channels: 8, kernel_size: 3}
          - [relu]
        """,
        "padding: 1 in conv1 and conv2 would make their spatial sizes equal; or write `- crop: {size: 28}` after relu2, at the end "
        "of its branch",
        """
        input: 8x32x32
        layers:
        - add:
          - - conv: {out_channels: 8, kernel_size: 3}
            - relu
            - conv: {out_channels: 8, kernel_size: 3}
          - [relu, crop: {size: 28}]
        """,
    ),
    "a shortcut of another size": (
        """
        input: 64x33x33
        layers:
        - add:
          - - conv: {out_channels: 128, kernel_size: 3, stride: 2, padding: 1}
          - []
        """,
        "a 1×1 convolution would make them equal: write `[{conv: {out_channels: 128, kernel_size: 1, stride: 2}}]` in place of []",
        """
        input: 64x33x33
        layers:
        - add:
          - - conv: {out_channels: 128, kernel_size: 3, stride: 2, padding: 1}
          - - conv: {out_channels: 128, kernel_size: 1, stride: 2}
        """,
    ),
    "the output of a block": (
        """
        input: 1x35x35
        blocks: {level: [conv: {out_channels: 4, kernel_size: 3, padding: 1}, relu]}
        layers:
        - {level: , name: d}
        - global_max_pool
        - linear: 4
        - concat: [d, linear1]
        """,
        "write `[{flatten: {}, from: d}]` in place of d",
        """
        input: 1x35x35
        blocks: {level: [conv: {out_channels: 4, kernel_size: 3, padding: 1}, relu]}
        layers:
        - {level: , name: d}
        - global_max_pool
        - linear: 4
        - concat: [[{flatten: {}, from: d}], linear1]
        """,
    ),
    "queries times keys": (
        """
        input: 16x64
        layers:
        - linear: 192
        - {chunk: {chunks: 3, dim: -1}, name: qkv}
        - matmul: ["qkv[0]", "qkv[1]"]
        - matmul: [matmul1, "qkv[2]"]
        """,
        'write `[{transpose: {dim0: 1, dim1: 2}, from: "qkv[1]"}]` in place of qkv[1]',
        """
        input: 16x64
        layers:
        - linear: 192
        - {chunk: {chunks: 3, dim: -1}, name: qkv}
        - matmul: ["qkv[0]", [{transpose: {dim0: 1, dim1: 2}, from: "qkv[1]"}]]
        - matmul: [matmul1, "qkv[2]"]
        """,
    ),
    "the layer above times keys": (
        """
        input: 4x16x32
        layers:
        - {linear: 32, name: k}
        - {linear: 32, from: input, name: q}
        - matmul: [[], k]
        """,
        "write `[{transpose: {dim0: 2, dim1: 3}, from: k}]` in place of k",
        """
        input: 4x16x32
        layers:
        - {linear: 32, name: k}
        - {linear: 32, from: input, name: q}
        - matmul: [[], [{transpose: {dim0: 2, dim1: 3}, from: k}]]
        """,
    ),
    "the layer above times one name": (
        """
        input: 4x16x32
        layers:
        - {linear: 32, name: k}
        - {linear: 32, from: input, name: q}
        - matmul: k
        """,
        "write `[[], [{transpose: {dim0: 2, dim1: 3}, from: k}]]` in place of k",
        """
        input: 4x16x32
        layers:
        - {linear: 32, name: k}
        - {linear: 32, from: input, name: q}
        - matmul: [[], [{transpose: {dim0: 2, dim1: 3}, from: k}]]
        """,
    ),
    "queries and keys as inputs": (
        """
        input: 4x16x32
        layers:
        - {linear: 32, name: k}
        - {linear: 32, from: input, name: q}
        - {bmm: {}, from: [q, k]}
        """,
        "write `- {transpose: {dim0: 2, dim1: 3}, from: k, name: k_transpose}` before it, and k_transpose in place of k",
        """
        input: 4x16x32
        layers:
        - {linear: 32, name: k}
        - {linear: 32, from: input, name: q}
        - {transpose: {dim0: 2, dim1: 3}, from: k, name: k_transpose}
        - {bmm: {}, from: [q, k_transpose]}
        """,
    ),
    "the first factor lies the other way": (
        """
        inputs: {a: 5x3, b: 5x7}
        layers:
        - matmul: [a, b]
        """,
        "write `- {transpose: {dim0: 1, dim1: 2}, from: a, name: a_transpose}` before it, and a_transpose in place of a",
        """
        inputs: {a: 5x3, b: 5x7}
        layers:
        - {transpose: {dim0: 1, dim1: 2}, from: a, name: a_transpose}
        - matmul: [a_transpose, b]
        """,
    ),
    "a batch axis in a view": (
        """
        input: 100
        layers:
        - linear: 7*7*8
        - view: [-1, 8, 7, 7]
        - relu
        - ConvTranspose2d: {out_channels: 4, kernel_size: 5}
        """,
        "reshape1 outputs 1×8×7×7: sizes are without the batch axis, so that its -1 is 1; leave it out: [8, 7, 7]",
        """
        input: 100
        layers:
        - linear: 7*7*8
        - view: [8, 7, 7]
        - relu
        - ConvTranspose2d: {out_channels: 4, kernel_size: 5}
        """,
    ),
    "an input size that levels do not divide": (
        """
        input: 1x101x221
        layers:
        - {conv: {out_channels: 4, kernel_size: 3, padding: 1}, name: e1}
        - max_pool: 2
        - max_pool: 2
        - max_pool: 2
        - upsample: 8
        - concat: [upsample1, e1]
        """,
        "an input of 1×96×216 or 1×104×224 would fit: `shapecalc sizes` lists more; or write `[{crop: {size: [96, 216]}, "
        "from: e1}]` in place of e1",
        """
        input: 1x104x224
        layers:
        - {conv: {out_channels: 4, kernel_size: 3, padding: 1}, name: e1}
        - max_pool: 2
        - max_pool: 2
        - max_pool: 2
        - upsample: 8
        - concat: [upsample1, e1]
        """,
    ),
}

INPUTS = {
    "a decoder without memory": (
        """
        inputs: {target: 50x512, memory: 20x512}
        layers:
        - {relu: {}, from: memory}
        - TransformerDecoderLayer: {d_model: 512, nhead: 8}
        - add: [transformer_decoder_layer1, target]
        """,
        "name the layers of all of them: from: [target, memory]",
        """
        inputs: {target: 50x512, memory: 20x512}
        layers:
        - {TransformerDecoderLayer: {d_model: 512, nhead: 8}, from: [target, memory]}
        """,
    ),
    "attention without keys and values": (
        """
        input: 3x8x10
        layers:
        - sdpa
        """,
        "name the layers of all of them: from: [queries, keys, values]",
        """
        input: 3x8x10
        layers:
        - {sdpa: {}, from: [input, input, input]}
        """,
    ),
    "copies of a decoder layer": (
        """
        input: 100x64
        layers:
        - {relu: {}, name: memory}
        - {parameter: [10, 64], name: query_embed}
        - {TransformerDecoderLayer: {d_model: 64, nhead: 4}, from: [query_embed, memory], repeat: 3}
        """,
        "each copy after the first has only the output of the copy before: write `- {identity: {}, from: query_embed, name: "
        'copy0}` before it, and from: ["copy{i}", memory], name: "copy{i + 1}"',
        """
        input: 100x64
        layers:
        - {relu: {}, name: memory}
        - {parameter: [10, 64], name: query_embed}
        - {identity: {}, from: query_embed, name: copy0}
        - {TransformerDecoderLayer: {d_model: 64, nhead: 4}, from: ["copy{i}", memory], name: "copy{i + 1}", repeat: 3}
        """,
    ),
    "copies of a decoder layer with a name": (
        """
        input: 100x64
        vars: {depth: 3}
        layers:
        - {relu: {}, name: memory}
        - {parameter: [10, 64], name: query}
        - {TransformerDecoderLayer: {d_model: 64, nhead: 4}, from: [query, memory], repeat: depth, name: decoder}
        - {linear: 4, from: decoder}
        """,
        "each copy after the first has only the output of the copy before: write `- {identity: {}, from: query, name: "
        'decoder0}` before it, and from: ["decoder{i}", memory], name: "decoder{i + 1}", and decoder3 in place of decoder',
        """
        input: 100x64
        vars: {depth: 3}
        layers:
        - {relu: {}, name: memory}
        - {parameter: [10, 64], name: query}
        - {identity: {}, from: query, name: decoder0}
        - TransformerDecoderLayer: {d_model: 64, nhead: 4}
          from: ["decoder{i}", memory]
          repeat: depth
          name: "decoder{i + 1}"
        - {linear: 4, from: decoder3}
        """,
    ),
    "copies of which the first has too few inputs": (
        """
        input: 100x64
        layers:
        - {parameter: [10, 64], name: query_embed}
        - {TransformerDecoderLayer: {d_model: 64, nhead: 4}, from: [query_embed], repeat: 2}
        - add: [transformer_decoder_layer2, input]
        """,
        "name the layers of all of them: from: [target, memory]",
        """
        input: 100x64
        layers:
        - {parameter: [10, 64], name: query_embed}
        - {TransformerDecoderLayer: {d_model: 64, nhead: 4}, from: [query_embed, input]}
        """,
    ),
    "tied weights and a bias": (
        """
        input: 70
        layers:
        - {embedding: {num_embeddings: 100, embedding_dim: 40}, name: encoder}
        - {linear: 100, share: encoder}
        """,
        "bias: false would fit; for one of its own, write `- {parameter: [100], name: linear1_bias}` and "
        "`- add: [linear1, linear1_bias]` after it",
        """
        input: 70
        layers:
        - {embedding: {num_embeddings: 100, embedding_dim: 40}, name: encoder}
        - {linear: {out_features: 100, bias: false}, share: encoder}
        - {parameter: [100], name: linear1_bias}
        - add: [linear1, linear1_bias]
        """,
    ),
    "shared weights of other sizes": (
        """
        input: 8x10x10
        layers:
        - {conv: {out_channels: 8, kernel_size: 3}, name: a}
        - {conv: {out_channels: 16, kernel_size: 3}, share: a}
        """,
        "out_channels: 8 would fit",
        """
        input: 8x10x10
        layers:
        - {conv: {out_channels: 8, kernel_size: 3}, name: a}
        - {conv: {out_channels: 8, kernel_size: 3}, share: a}
        """,
    ),
}

OTHERS = {
    "a transformer layer on a map that it names": (
        """
        input: 3x32x32
        layers:
        - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
        - {max_pool: 2, name: pool}
        - {TransformerEncoderLayer: {d_model: 64, nhead: 4, norm_first: true}, from: stem}
        - concat: [[{permute: [2, 1]}, {reshape: [64, 30, 30]}, {max_pool: 2}], pool]
        """,
        "axis 1 of its input is 64: write `- {to_tokens: {}, from: stem, name: stem_to_tokens}` before it, and "
        "stem_to_tokens in place of stem",
        """
        input: 3x32x32
        layers:
        - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
        - {max_pool: 2, name: pool}
        - {to_tokens: {}, from: stem, name: stem_to_tokens}
        - {TransformerEncoderLayer: {d_model: 64, nhead: 4, norm_first: true}, from: stem_to_tokens}
        - concat: [[{permute: [2, 1]}, {reshape: [64, 30, 30]}, {max_pool: 2}], pool]
        """,
    ),
    "attention below the name of its input": (
        """
        input: 3x32x32
        layers:
        - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
        - from: stem
          MultiheadAttention: {embed_dim: 64, num_heads: 8}
        """,
        "axis 1 of its input is 64: write `- {to_tokens: {}, from: stem, name: stem_to_tokens}` before it, and "
        "stem_to_tokens in place of stem",
        """
        input: 3x32x32
        layers:
        - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
        - {to_tokens: {}, from: stem, name: stem_to_tokens}
        - from: stem_to_tokens
          MultiheadAttention: {embed_dim: 64, num_heads: 8}
        """,
    ),
    "a transformer layer that begins the second branch": (
        """
        input: 3x32x32
        layers:
        - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
        - add: [[to_tokens], [{TransformerEncoderLayer: {d_model: 64, nhead: 4}}]]
        """,
        "axis 1 of its input is 64: write `- to_tokens` before it",
        """
        input: 3x32x32
        layers:
        - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
        - add: [[to_tokens], [to_tokens, {TransformerEncoderLayer: {d_model: 64, nhead: 4}}]]
        """,
    ),
    "a transformer layer on a map within a block": (
        """
        input: 3x32x32
        blocks:
          body:
            layers:
            - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
            - {max_pool: 2, name: pool}
            - {TransformerEncoderLayer: {d_model: 64, nhead: 4}, from: stem, name: encoder}
            - global_avg_pool: {}
              from: pool
            - concat: [[{mean: 1, from: encoder}], global_avg_pool1]
        layers:
        - body
        """,
        "axis 1 of its input is 64: write `- {to_tokens: {}, from: stem, name: stem_to_tokens}` before it, and "
        "stem_to_tokens in place of stem",
        """
        input: 3x32x32
        blocks:
          body:
            layers:
            - {conv: {out_channels: 64, kernel_size: 3}, name: stem}
            - {max_pool: 2, name: pool}
            - {to_tokens: {}, from: stem, name: stem_to_tokens}
            - {TransformerEncoderLayer: {d_model: 64, nhead: 4}, from: stem_to_tokens, name: encoder}
            - global_avg_pool: {}
              from: pool
            - concat: [[{mean: 1, from: encoder}], global_avg_pool1]
        layers:
        - body
        """,
    ),
    "the width of a transformer layer": (
        """
        input: 50x64
        layers:
        - TransformerEncoderLayer: {d_model: 128, nhead: 4}
        """,
        "d_model: 64 would fit",
        """
        input: 50x64
        layers:
        - TransformerEncoderLayer: {d_model: 64, nhead: 4}
        """,
    ),
    "the state of both directions": (
        """
        input: 10x256
        layers:
        - {GRU: {hidden_size: 256, bidirectional: true}, name: enc}
        - {GRU: 256, from: [input, "enc[1]"]}
        """,
        'for the state of one direction or layer, write `- {slice: {dim: 1, end: 1}, from: "enc[1]", name: enc_1_slice}` '
        "before it, and enc_1_slice in place of enc[1]",
        """
        input: 10x256
        layers:
        - {GRU: {hidden_size: 256, bidirectional: true}, name: enc}
        - {slice: {dim: 1, end: 1}, from: "enc[1]", name: enc_1_slice}
        - {GRU: 256, from: [input, enc_1_slice]}
        """,
    ),
    "a kind for the name of its layer": (
        """
        input: 3x8x8
        layers:
        - tanh
        - relu
        - tanh
        - add: [relu, tanh2]
        """,
        "did you mean relu1? For a new branch of one layer, write `[relu]`",
        """
        input: 3x8x8
        layers:
        - tanh
        - relu
        - tanh
        - add: [relu1, tanh2]
        """,
    ),
    "blocks in a list": (
        """
        input: 3x8x8
        blocks:
        - basic: [relu]
        layers:
        - basic
        """,
        "remove the dashes: each name is a key",
        """
        input: 3x8x8
        blocks:
          basic: [relu]
        layers:
        - basic
        """,
    ),
    "named blocks in a list": (
        """
        input: 3x8x8
        blocks:
        - name: basic
          layers: [relu]
        layers:
        - basic
        """,
        "write each under its name: {basic: {…}}",
        """
        input: 3x8x8
        blocks: {basic: {layers: [relu]}}
        layers:
        - basic
        """,
    ),
    "arguments of a block in a list": (
        """
        input: 3x8x8
        blocks:
          basic: {args: [planes], layers: [{conv: {out_channels: planes, kernel_size: 1}}]}
        layers:
        - basic: {planes: 3}
        """,
        "write args: {planes: required}",
        """
        input: 3x8x8
        blocks:
          basic: {args: {planes: required}, layers: [{conv: {out_channels: planes, kernel_size: 1}}]}
        layers:
        - basic: {planes: 3}
        """,
    ),
    "figures of layers": (
        """
        input: 3x8x8
        layers: [relu]
        expect: {layers: {relu1: {params: 0}}}
        """,
        "write the figures of single layers under `layer:`",
        """
        input: 3x8x8
        layers: [relu]
        expect: {layer: {relu1: {params: 0}}}
        """,
    ),
    "a range of figures": (
        """
        input: 3x8x8
        layers: [relu]
        expect: {params: 0-300}
        """,
        "write '>= 0 and <= 300'",
        """
        input: 3x8x8
        layers: [relu]
        expect: {params: '>= 0 and <= 300'}
        """,
    ),
}

UPSTREAM = {
    "a recurrent layer behind the last step of another": (
        """
        input: 50x32
        layers:
        - LSTM: {units: 64, return_sequences: False}
        - dropout: 0.1
        - LSTM: {units: 32}
        """,
        "return_sequences: true in lstm1 would make its input 50×64\notherwise write `- unsqueeze: 2` before it, for one "
        "feature at each step; or an embedding, for token ids",
        """
        input: 50x32
        layers:
        - LSTM: {units: 64, return_sequences: true}
        - dropout: 0.1
        - LSTM: {units: 32}
        """,
    ),
    "queries, keys and values cut along the tokens": (
        """
        input: 128x768
        layers:
        - linear: 2304
        - {chunk: 3, name: qkv}
        - {reshape: [128, 12, 64], from: "qkv[0]"}
        outputs: [reshape1, "qkv[1]", "qkv[2]"]
        """,
        "qkv has pieces of 43 and 42: 128 is not divisible by 3; dim: -1 cuts the features, to pieces of 768\n"
        "otherwise write -1 for one of the sizes to infer it",
        """
        input: 128x768
        layers:
        - linear: 2304
        - {chunk: {chunks: 3, dim: -1}, name: qkv}
        - {reshape: [128, 12, 64], from: "qkv[0]"}
        outputs: [reshape1, "qkv[1]", "qkv[2]"]
        """,
    ),
    "pieces of given sizes": (
        """
        input: 96x96
        layers:
        - split: 32
        - Linear: {in_features: 32, out_features: 4}
        """,
        "dim: -1 in split1 would make its input 96×32\notherwise axis 1 of its input is 32: write `- permute: [2, 1]` "
        "before it",
        """
        input: 96x96
        layers:
        - split: {sizes: 32, dim: -1}
        - Linear: {in_features: 32, out_features: 4}
        """,
    ),
    "the features of one step": (
        """
        input: 32
        layers:
        - LSTM: {input_size: 32, hidden_size: 64}
        """,
        "the input has no length: write it before the 32 features, such as 50x32\notherwise write `- unsqueeze: 1` before "
        "it, for a sequence of one step",
        """
        input: 50x32
        layers:
        - LSTM: {input_size: 32, hidden_size: 64}
        """,
    ),
    "the features that a linear layer outputs": (
        """
        input: 8
        layers:
        - linear: 32
        - GRU: {input_size: 32, hidden_size: 64}
        """,
        "write `- unsqueeze: 1` before it, for a sequence of one step",
        """
        input: 8
        layers:
        - linear: 32
        - unsqueeze: 1
        - GRU: {input_size: 32, hidden_size: 64}
        """,
    ),
    "a volume without its channel axis": (
        """
        input: 32x64x64
        layers:
        - Conv3d: {out_channels: 16, kernel_size: 3}
        """,
        "the input has no channel axis: write 1x32x64x64, or 3x32x64x64 in colour\notherwise use Conv2d, or conv for any "
        "number of spatial axes",
        """
        input: 1x32x64x64
        layers:
        - Conv3d: {out_channels: 16, kernel_size: 3}
        """,
    ),
    "an order of axes with the batch in the middle": (
        """
        input: 197x3x12x64
        layers:
        - permute: [2, 0, 3, 1, 4]
        """,
        "write dims: [2, 3, 1, 4]: sizes are without the batch axis, number 0",
        """
        input: 197x3x12x64
        layers:
        - permute: {dims: [2, 3, 1, 4]}
        """,
    ),
}


VECTORS = {
    "an image as a vector": (
        """
        input: 784
        layers:
        - Conv2d: {out_channels: 8, kernel_size: 3}
        """,
        "an image is written with its axes: write 1x28x28\notherwise write `- reshape: [1, 28, 28]` before it",
        """
        input: 784
        layers:
        - reshape: [1, 28, 28]
        - Conv2d: {out_channels: 8, kernel_size: 3}
        """,
    ),
    "the noise of a generator": (
        """
        input: 100
        layers:
        - ConvTranspose2d: {out_channels: 512, kernel_size: 4, stride: 1}
        """,
        "write `- reshape: [100, 1, 1]` before it",
        """
        input: 100
        layers:
        - reshape: [100, 1, 1]
        - ConvTranspose2d: {out_channels: 512, kernel_size: 4, stride: 1}
        """,
    ),
    "the features of a decoder": (
        """
        input: 32
        layers:
        - linear: 3136
        - conv: {in_channels: 64, out_channels: 8, kernel_size: 3}
        """,
        "write `- reshape: [64, 7, 7]` before it",
        """
        input: 32
        layers:
        - linear: 3136
        - reshape: [64, 7, 7]
        - conv: {in_channels: 64, out_channels: 8, kernel_size: 3}
        """,
    ),
    "a vector that is no map of the stated channels": (
        """
        input: 50
        layers:
        - linear: 64
        - conv: {in_channels: 3, out_channels: 8, kernel_size: 3}
        """,
        "add a reshape or unflatten before it, for spatial axes",
        """
        input: 50
        layers:
        - linear: 48
        - unflatten: {dim: 1, unflattened_size: [3, 4, 4]}
        - conv: {in_channels: 3, out_channels: 8, kernel_size: 3}
        """,
    ),
    "a map as a sequence": (
        """
        input: 64x14x14
        layers:
        - LSTM: {input_size: 64, hidden_size: 32}
        """,
        "write `- to_tokens` before it, for its positions as steps",
        """
        input: 64x14x14
        layers:
        - to_tokens
        - LSTM: {input_size: 64, hidden_size: 32}
        """,
    ),
    "rows whose number was the batch, of another image": (
        """
        input: 16x4x4
        layers:
        - view: [-1, 400]
        """,
        "write shape: [-1] for all 256 elements of one sample: the batch axis, its -1, is left out",
        """
        input: 16x4x4
        layers:
        - view: [-1]
        - linear: 120
        """,
    ),
    "pieces of too few channels": (
        """
        input: 64x8x8
        layers:
        - split: [20, 20]
        outputs: ["split1[0]", "split1[1]"]
        """,
        "sizes: [20, 20, 24] or sizes: [20, 44] would fit",
        """
        input: 64x8x8
        layers:
        - split: {sizes: [20, 20, 24]}
        outputs: ["split1[0]", "split1[1]"]
        """,
    ),
    "pieces of too many channels": (
        """
        input: 30x8x8
        layers:
        - split: [20, 20]
        outputs: ["split1[0]", "split1[1]"]
        """,
        "sizes: [20, 10] would fit",
        """
        input: 30x8x8
        layers:
        - split: {sizes: [20, 10]}
        outputs: ["split1[0]", "split1[1]"]
        """,
    ),
}

SHORTCUTS = {
    "a shortcut of a main path with a stride, of which it is the beginning": (
        """
        input: 3x32x32
        layers:
        - conv: {out_channels: 16, kernel_size: 3, padding: 1}
          name: skip
        - relu
        - conv: {out_channels: 32, kernel_size: 3, padding: 1, stride: 2}
        - conv: {out_channels: 16, kernel_size: 3, padding: 1}
        - add: skip
        """,
        "a 1×1 convolution would make them equal: write `[[], [{conv: {out_channels: 16, kernel_size: 1, stride: 2}, from: "
        "skip}]]` in place of skip",
        """
        input: 3x32x32
        layers:
        - conv: {out_channels: 16, kernel_size: 3, padding: 1}
          name: skip
        - relu
        - conv: {out_channels: 32, kernel_size: 3, padding: 1, stride: 2}
        - conv: {out_channels: 16, kernel_size: 3, padding: 1}
        - add: [[], [{conv: {out_channels: 16, kernel_size: 1, stride: 2}, from: skip}]]
        """,
    ),
    "a block, in its own arguments": (
        """
        input: 64x32x32
        blocks:
          basic:
            args: {planes: required, stride: 1}
            layers:
            - add:
              - - conv: {out_channels: planes, kernel_size: 3, padding: 1, stride: stride}
                - relu
                - conv: {out_channels: planes * 4, kernel_size: 1}
              - []
        layers:
        - basic: 16
          repeat: 3
        - basic: {planes: 32, stride: 2}
        """,
        "a 1×1 convolution would make them equal: write `[{conv: {out_channels: planes * 4, kernel_size: 1, stride: stride}, "
        "when: stride != 1}]` in place of []",
        """
        input: 64x32x32
        blocks:
          basic:
            args: {planes: required, stride: 1}
            layers:
            - add:
              - - conv: {out_channels: planes, kernel_size: 3, padding: 1, stride: stride}
                - relu
                - conv: {out_channels: planes * 4, kernel_size: 1}
              - [{conv: {out_channels: planes * 4, kernel_size: 1, stride: stride}, when: stride != 1}]
        layers:
        - basic: 16
          repeat: 3
        - basic: {planes: 32, stride: 2}
        """,
    ),
    "arguments on lines of their own, by another name": (
        """
        vars: {width: 32}
        input: 3x32x32
        layers:
        - conv:
            kernel_size: 3
            padding: 1
            filters: width
        - add: input
        """,
        "a 1×1 convolution would make them equal: write `[[], [{conv: {out_channels: width, kernel_size: 1}, from: input}]]` "
        "in place of input",
        """
        vars: {width: 32}
        input: 3x32x32
        layers:
        - conv:
            kernel_size: 3
            padding: 1
            filters: width
        - add: [[], [{conv: {out_channels: width, kernel_size: 1}, from: input}]]
        """,
    ),
}


ALL = {**OTHERS, **VECTORS, **UPSTREAM, **SHORTCUTS, **AXES, **POOLS, **SIZES, **BRANCHES, **INPUTS}


@pytest.mark.parametrize("name", ALL)
def test_hints_that_are_followed_to_the_letter(name: str) -> None:
    text, hint, fixed = ALL[name]
    assert hint_and_rest(text, fixed) == (hint, [])


def test_the_projection_has_no_argument_of_another_block() -> None:
    blocks = "blocks:\n  own:\n    args: {c: 4}\n    layers: [conv: {out_channels: c, kernel_size: 1}]\n"
    (problem,) = shapecalc.load(f"input: 3x8x8\n{blocks}layers:\n- add: [[own: 16], []]\n").problems()
    assert problem.hint.endswith("write `[{conv: {out_channels: 16, kernel_size: 1}}]` in place of []")


def test_a_branch_of_its_own_has_the_stride_itself() -> None:
    layers = (
        "- {conv: {out_channels: 8, kernel_size: 2, stride: 2}, name: a}\n- {conv: {out_channels: 8, kernel_size: 1}, "
    )
    (problem,) = shapecalc.load(f"input: 3x8x8\nlayers:\n{layers}from: input}}\n- add: a\n").problems()
    assert problem.hint == "a stride of 2 on input 1, or upsample: 2 on input 2, would make them equal"


def test_an_image_of_three_channels_is_no_volume() -> None:
    (problem,) = shapecalc.load("input: 3x64x64\nlayers:\n- Conv3d: {out_channels: 8, kernel_size: 3}\n").problems()
    assert problem.hint == "use Conv2d, or conv for any number of spatial axes"


@pytest.mark.parametrize(
    "layers",
    [
        "- LSTM: {units: 4, return_sequences: false}\n- Linear: {in_features: 5, out_features: 3}",
        "- LSTM: {units: 4, return_sequences: false}\n- {Linear: {in_features: 4, out_features: 3}, name: a}\n"
        "- {reshape: [4, 1], from: lstm1}\n- {LSTM: {units: 4}, from: lstm1}\n- concat: [a, reshape1, lstm2]",
    ],
)
def test_an_argument_upstream_is_a_hint_where_it_helps_here_and_breaks_nothing(layers: str) -> None:
    *_, problem = shapecalc.load(f"input: 9x8\nlayers:\n{layers}\n").problems()
    assert "return_sequences" not in problem.hint


def test_the_size_of_pieces_is_a_hint_only_where_there_are_so_many_equal_ones() -> None:
    text = "input: {}x8x8\nlayers:\n- split: 4\n- conv: {{in_channels: 9, out_channels: 3, kernel_size: 1}}\n"
    hints = [problem.hint for size in (36, 37) for problem in shapecalc.load(text.format(size)).problems()]
    assert ["sizes: 9 in split1" in hint for hint in hints] == [True, False]


def test_known_names_are_without_templates() -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load("input: 3x8x8\nlayers:\n- {relu: {}, name: 'dec{i + 1}', repeat: 2}\n- add: [q, dec1]\n")
    assert caught.value.problems[0].hint == "known here: dec1, dec2, input"


def test_a_file_that_is_missing_is_the_only_problem(tmp_path: Path) -> None:
    """The blocks that it would have are not looked for."""
    file = tmp_path / "net.yaml"
    file.write_text("use: parts.yaml\ninput: 3x8x8\nlayers:\n- res\n")
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(file)
    assert [problem.message for problem in caught.value.problems] == [
        "there is no file parts.yaml beside the specification"
    ]


def test_attention_names_the_inputs_that_differ() -> None:
    inputs = "inputs: {q: 4x12x8, k: 4x11x8, v: 4x12x8}\n"
    (problem,) = shapecalc.load(f"{inputs}layers:\n- {{sdpa: {{}}, from: [q, k, v]}}\n").problems()
    assert problem.message == "length of the values (=12) must equal that of the keys (=11)"


@pytest.mark.slow
def test_the_hints_of_many_branches_are_bounded() -> None:
    """The limit of work is one for all problems of a network."""
    layers = "\n".join(
        line
        for i in range(400)
        for line in (
            f"- {{conv: {{out_channels: 3, kernel_size: 3}}, from: input, name: a{i}}}",
            "- max_pool: 61",
            "- upsample: 61",
            f"- {{add: [upsample{i + 1}, a{i}], name: s{i}}}",
        )
    )
    outputs = ", ".join(f"s{i}" for i in range(400))
    network = shapecalc.load(f"input: 3x100x101\nlayers:\n{layers}\noutputs: [{outputs}]\n")
    begun = time.process_time()
    problems = network.problems()
    assert all("crop" in str(problem) for problem in problems[:100])
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(("named", "shown"), [("d", "d"), ("d.conv1", "d.conv1"), ("d.relu1", "d")])
def test_a_hint_names_a_block_by_its_output(named: str, shown: str) -> None:
    blocks = "blocks: {level: [conv: {out_channels: 4, kernel_size: 3}, relu]}"
    text = f"inputs: {{x: 1x9x9, y: 4}}\n{blocks}\nlayers:\n- {{level: , from: x, name: d}}\n- concat: [{named}, y]\n"
    (problem,) = shapecalc.load(f"{text}outputs: [concat1, d]\n").problems()
    assert problem.hint.endswith(f" in place of {shown}")


@pytest.mark.parametrize("layers", ['- matmul: ["qkv[0]", "qkv[1]"]\n', '- tanh\n- matmul: [tanh1, "qkv[2]"]\n'])
def test_pieces_that_a_layer_with_a_shape_error_uses_are_used(layers: str) -> None:
    with pytest.raises(ShapeError) as caught:
        shapecalc.load(f"input: 16x64\nlayers:\n- {{chunk: {{chunks: 3, dim: -1}}, name: qkv}}\n{layers}").infer()
    assert caught.value.report.notes == ()


def test_outputs_are_named_only_of_kinds_that_have_several() -> None:
    for layer, more in (("tanh", ""), ("chunk: 2", '; its outputs are "chunk1[0]", "chunk1[1]", …')):
        kind = layer.partition(":")[0]
        with pytest.raises(shapecalc.SpecError) as caught:
            shapecalc.load(f"input: 4x8\nlayers:\n- {layer}\n- add: [{kind}1, {kind}2]\n").infer()
        assert caught.value.problems[0].hint == f"the layer of kind {kind} without a name is called {kind}1 here{more}"


def test_factors_that_no_transpose_fits_have_no_hint_for_one() -> None:
    for sizes in ("a: 5x3, b: 7x4", "a: 2x5x3, b: 4x6x3", "a: 5, b: 3x4"):
        (problem,) = shapecalc.load(f"inputs: {{{sizes}}}\nlayers:\n- matmul: [a, b]\n").problems()
        assert "transpose" not in problem.hint


def test_no_pool_is_proposed_before_a_flatten_where_it_does_not_fit() -> None:
    for layers in (
        ["flatten", {"linear": {"in_features": 63, "out_features": 10}}],
        [{"reshape": [64, 64]}, {"linear": {"in_features": 32, "out_features": 10}}],
        [{"reshape": [4096]}, {"linear": {"in_features": 64, "out_features": 10}}],  # the pool has not as many elements
        ["flatten", {"linear": 64}, {"linear": {"in_features": 8, "out_features": 10}}],
    ):
        with pytest.raises(ShapeError) as caught:
            shapecalc.load({"input": "64x8x8", "layers": layers}).infer()
        assert "global_avg_pool" not in str(caught.value)


def test_the_cause_is_said_beside_other_problems() -> None:
    layers = ["flatten", {"linear": {"in_features": 64, "out_features": 10}}, {"softmax": None, "from": "input"}]
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load({"input": "64x8x8", "layers": [*layers, {"relu": None, "from": "input"}]})
    assert "write `- global_avg_pool` before flatten1" in str(caught.value)


KEYED = {
    "- add:\n    conv: {out_channels: 64, kernel_size: 3, padding: 1}\n    identity:": (
        "write `- add: [[{conv: {out_channels: 64, kernel_size: 3, padding: 1}}], []]`",),
    "- add:\n    main:\n    - conv: {out_channels: 64, kernel_size: 3, padding: 1}\n    - relu\n    shortcut: []": (
        "write `- add: [[{conv: {out_channels: 64, kernel_size: 3, padding: 1}}, relu], []]`",),
    "- add: {conv: {out_channels: 64, kernel_size: 1}, relu: null}": (
        "write `- add: [[{conv: {out_channels: 64, kernel_size: 1}}], [relu]]`",
        "layers in sequence, beside the input, are `- add: [[{conv: {out_channels: 64, kernel_size: 1}}, relu], []]`"),
    "- concat:\n    conv: {out_channels: 4, kernel_size: 1}\n    max_pool: {kernel_size: 3, stride: 1, padding: 1}\n"
    "    dim: 1": (
        "write `- concat: {branches: [[{conv: {out_channels: 4, kernel_size: 1}}], "
        "[{max_pool: {kernel_size: 3, stride: 1, padding: 1}}]], dim: 1}`",),
    "- concat:\n    branches:\n      conv: {out_channels: 4, kernel_size: [1, 3], padding: [0, 1]}\n      relu: {}": (
        "write `- concat: [[{conv: {out_channels: 4, kernel_size: [1, 3], padding: [0, 1]}}], [relu]]`",),
    "- cat: {own: , left: input, name: [relu]}": ("write `- cat: [[own], input, [relu]]`",),
}  # fmt: skip


@pytest.mark.parametrize("item", KEYED)
def test_branches_with_keys_are_written_as_a_list(item: str) -> None:
    def text(item: str) -> str:
        return f"input: 64x28x28\nblocks:\n  own: [relu]\nlayers:\n{item}\n"

    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(text(item))
    problem = next(one for one in caught.value.problems if "without keys" in one.message)
    assert problem.hint == "; ".join(KEYED[item])
    for hint in KEYED[item]:
        assert shapecalc.load(text(hint.partition("`")[2].removesuffix("`"))).problems() == ()


def test_what_programs_call_the_input_of_a_residual_connection() -> None:
    for item, hint in {
        "add: [[relu], x]": "write `[]` for the layer above, `input` for the input, or `name: x` below the layer that is meant",
        "add: identity": "write `input` for the input, or `name: identity` below the layer that is meant",
        "add: residual": "write `input` for the input, or `name: residual` below the layer that is meant",
        "{relu: null, from: x}": "write `input` for the input, or `name: x` below the layer that is meant",
    }.items():
        with pytest.raises(ShapecalcError) as caught:
            shapecalc.load(f"input: 3x8x8\nlayers:\n- {item}\n")
        assert caught.value.problems[0].hint == hint


def test_a_layer_above_is_not_the_hint_where_one_here_does() -> None:
    """The tokens of a vision transformer, whose axes were not turned."""
    layers = [{"flatten": 2}, {"transformer_encoder_layer": {"d_model": 64, "nhead": 4}}]
    with pytest.raises(ShapeError) as caught:
        shapecalc.load({"input": "64x14x14", "layers": layers}).infer()
    assert caught.value.problems[0].hint == "axis 1 of its input is 64: write `- permute: [2, 1]` before it"


def test_a_stride_that_is_written_is_meant() -> None:
    for given in ({"kernel_size": 3, "stride": 2}, {"kernel_size": 4, "stride": 2}):
        branches = [[], [{"max_pool": given}], [{"conv": {"out_channels": 64, "kernel_size": 3}}]]
        with pytest.raises(ShapeError) as caught:
            shapecalc.load({"input": "64x28x28", "layers": [{"concat": branches}]}).infer()
        assert "stride: 1 in" not in caught.value.problems[0].hint
        assert "stride: 1 and" not in caught.value.problems[0].hint
