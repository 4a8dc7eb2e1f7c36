"""Quantised ONNX graphs, and operations that onnxruntime fuses: the same counts as those of the graph in fractions.

The nodes are those that onnxruntime 1.32's `quantize_static`, `quantize_dynamic` and optimiser write.
"""

from __future__ import annotations

import pytest
from crafted_onnx import INT8, INT64, as_tensor, model, node, tensor, value

import shapecalc

INT8_VALUES = [*range(-60, 60)]


def report_of(nodes, x, weights, due=None):
    network = shapecalc.load(model(nodes, [value("x", x)], [value("y", due)], weights=weights))
    assert network.warnings == ()
    return network.infer()


def kinds(report):
    return [row.kind for row in report.rows]


def int8(name, *dims, values=None):
    """A quantised tensor of no particular values, with its scale and its zero point."""
    count = 1
    for size in dims:
        count *= size
    own = INT8_VALUES * (count // 120 + 1) if values is None else values
    return [tensor(name, dims, own[:count], INT8), tensor(name + "_s", [], [0.1]), tensor(name + "_z", [], [0], INT8)]


def of(name):
    return [name, name + "_s", name + "_z"]


def test_a_learned_tensor_counts_when_it_is_dequantised():
    """`x + pos`, then a linear layer: 48 + 32 + 4 parameters as in fractions, and one row for the linear layer."""
    nodes = [
        node("DequantizeLinear", of("pos"), ["p"]), node("DequantizeLinear", of("w"), ["v"]),
        node("DequantizeLinear", of("b"), ["c"]), node("Add", ["x", "p"], ["a"]),
        node("QuantizeLinear", ["a", "w_s", "w_z"], ["aq"]), node("DequantizeLinear", ["aq", "w_s", "w_z"], ["ad"]),
        node("MatMul", ["ad", "v"], ["m"]), node("QuantizeLinear", ["m", "w_s", "w_z"], ["mq"]),
        node("DequantizeLinear", ["mq", "w_s", "w_z"], ["md"]), node("Add", ["c", "md"], ["y"]),
    ]  # fmt: skip
    report = report_of(nodes, (1, 6, 8), [*int8("pos", 1, 6, 8), *int8("w", 8, 4), *int8("b", 4)], (1, 6, 4))
    assert (kinds(report), report.total.params) == (["parameter", "add", "linear"], 48 + 32 + 4)
    assert report.rows[-1].arguments.get("bias", True)


def test_learned_tensors_count_in_quantised_operations_and_a_factor_keeps_its_layer():
    outer = "com.microsoft"
    nodes = [
        node("QuantizeLinear", ["x", "w_s", "w_z"], ["q"]),
        node("QLinearConcat", ["w_s", "w_z", *of("cls"), "q", "w_s", "w_z"], ["t"], domain=outer, axis=1),
        node("QLinearAdd", ["t", "w_s", "w_z", *of("pos"), "w_s", "w_z"], ["a"], domain=outer),
        node("QLinearMul", [*of("g"), "a", "w_s", "w_z", "w_s", "w_z"], ["b"], domain=outer),
        node("DequantizeLinear", ["b", "w_s", "w_z"], ["y"]),
    ]
    weights = [*int8("cls", 1, 1, 8), *int8("pos", 1, 7, 8), *int8("g", 8), *int8("w", 1)]
    report = report_of(nodes, (1, 6, 8), weights, (1, 7, 8))
    assert kinds(report) == ["parameter", "concat", "parameter", "add", "layer_scale"]
    assert report.total.params == 8 + 56 + 8


@pytest.mark.parametrize("form", ["node", "stored", "quantised"])
def test_ones_and_zeros_of_group_norms_are_no_weights(form):
    """GroupNorm(2, 8) by PyTorch's TorchScript exporter: an InstanceNormalization of groups, then its own scale and bias.

    onnxruntime stores the ones and zeros as weights when it optimises such a file, and may quantise the ones.
    """
    names, values = ["/g/Constant_1_output_0", "/g/Constant_2_output_0"], [[1.0, 1.0], [0.0, 0.0]]
    tensors = [tensor(name, [2], items) for name, items in zip(names, values, strict=True)]
    nodes = (
        []
        if form == "stored"
        else [node("Constant", [], [name], value=as_tensor(one)) for name, one in zip(names, tensors, strict=True)]
    )
    if form == "quantised":
        nodes += [node("QuantizeLinear", [names[0], "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["d"])]
    nodes += [node("Reshape", ["x", "groups"], ["r"]), node("InstanceNormalization", ["r", "d" if form == "quantised" else names[0], names[1]], ["n"]),
              node("Reshape", ["n", "sizes"], ["m"]), node("Mul", ["m", "g"], ["w"]), node("Add", ["w", "b"], ["y"])]  # fmt: skip
    weights = [tensor("groups", [3], [0, 2, -1], INT64), tensor("sizes", [4], [1, 8, 6, 6], INT64), tensor("g", [8, 1, 1]), tensor("b", [8, 1, 1]),
               tensor("s", [], [0.0078125]), tensor("z", [], [0], INT8), *(tensors if form == "stored" else [])]  # fmt: skip
    assert report_of(nodes, (1, 8, 6, 6), weights, (1, 8, 6, 6)).total.params == 16


def test_ones_and_zeros_of_another_name_are_weights():
    nodes = [node("InstanceNormalization", ["x", "norm.weight", "norm.bias"], ["y"])]
    weights = [tensor("norm.weight", [8], [1.0] * 8), tensor("norm.bias", [8], [0.0] * 8)]
    assert report_of(nodes, (1, 8, 6, 6), weights).total.params == 16


def test_scales_that_are_multiplied_are_no_weights():
    """An embedding, then a linear layer, by `quantize_dynamic(per_channel=True)`: 20·8 + 8·4 + 4 parameters."""
    nodes = [node("Gather", ["e", "x"], ["g"]), node("Mul", ["e_s", "w_s"], ["s"]), node("MatMulInteger", ["g", "w", "e_z", "w_z"], ["m"]),
             node("Cast", ["m"], ["c"], to=1), node("Mul", ["c", "s"], ["d"]), node("Add", ["b", "d"], ["y"])]  # fmt: skip
    weights = [*int8("e", 20, 8), *int8("w", 8, 4)[::2], tensor("w_s", [4], [0.1] * 4), tensor("b", [4])]
    network = shapecalc.load(model(nodes, [value("x", (1, 5), INT64)], [value("y", (1, 5, 4))], weights=weights))
    assert (kinds(network.infer()), network.infer().total.params) == (["embedding", "linear"], 196)


@pytest.mark.parametrize("move", [node("Transpose", ["w"], ["t"]), node("Slice", ["w", "zero", "four", "zero"], ["t"])])
def test_a_weight_that_is_moved_before_it_is_dequantised_counts(move):
    nodes = [move, node("DequantizeLinear", ["t", "w_s", "w_z"], ["v"]), node("Mul", ["x", "v"], ["y"])]
    weights = [*int8("w", 4, 4), tensor("zero", [1], [0], INT64), tensor("four", [1], [4], INT64)]
    assert report_of(nodes, (1, 4, 4), weights).total.params == 16


def test_whole_numbers_that_stand_for_no_fractions_are_not_learned():
    nodes = [node("Cast", ["w"], ["f"], to=1), node("Add", ["x", "f"], ["y"])]
    assert report_of(nodes, (1, 4, 4), int8("w", 4, 4)).total.params == 0


@pytest.mark.parametrize("scales", [[0.5], [0.5, 0.25, 0.5, 1.0]])
def test_the_scale_of_a_weight_is_no_parameter(scales):
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("Mul", ["s", "ws"], ["scale"]),
        node("MatMulInteger", ["q", "w", "z", "wz"], ["i"]),
        node("Cast", ["i"], ["f"], to=1),
        node("Mul", ["f", "scale"], ["m"]),
        node("Add", ["b", "m"], ["y"]),
    ]
    weights = [
        tensor("w", [6, 4], kind=INT8),
        tensor("wz", [], [0], INT8),
        tensor("ws", [len(scales)], scales),
        tensor("b", [4]),
    ]
    report = report_of(nodes, (1, 9, 6), weights, (1, 9, 4))
    assert (kinds(report), report.total.params, report.total.macs) == (["linear"], 24 + 4, 9 * 24)


def test_a_factor_that_is_no_scale_of_quantisation_is_learned():
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        node("MatMulInteger", ["q", "w", "z"], ["i"]),
        node("Cast", ["i"], ["f"], to=1),
        node("Mul", ["f", "s"], ["m"]),
        node("Mul", ["m", "g"], ["y"]),
    ]
    report = report_of(nodes, (1, 9, 6), [tensor("w", [6, 4], kind=INT8), tensor("g", [4])], (1, 9, 4))
    assert (kinds(report), report.total.params) == (["linear", "layer_scale"], 28)


@pytest.mark.parametrize(("values", "params"), [([127, -128], 0), ([127], 0), ([127, -128, 3], 9)])
def test_a_quantised_mask_is_no_parameter(values, params):
    nodes = [
        node("QuantizeLinear", ["x", "m_s", "m_z"], ["q"]),
        node("QLinearAdd", ["q", "m_s", "m_z", *of("m"), "m_s", "m_z"], ["s"], domain="com.microsoft"),
        node("QLinearSoftmax", ["s", "m_s", "m_z", "m_s", "m_z"], ["p"], domain="com.microsoft", axis=-1),
        node("DequantizeLinear", ["p", "m_s", "m_z"], ["y"]),
    ]
    weights = int8("m", 3, 3, values=(values * 9)[:9])
    assert report_of(nodes, (1, 3, 3), weights, (1, 3, 3)).total.params == params


def test_an_lstm_that_is_quantised_as_it_runs():
    """2 directions of (7 + 5) × 20 weights and 40 biases; at each of 9 steps 2·20·(7 + 5) MACs, as PyTorch's nn.LSTM."""
    inputs = ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"]
    lstm = node("DynamicQuantizeLSTM", inputs, ["y"], domain="com.microsoft", direction="bidirectional", hidden_size=5)
    weights = [tensor("w", [2, 7, 20], kind=INT8), tensor("r", [2, 5, 20], kind=INT8), tensor("b", [2, 40])]
    weights += [tensor(name, [2], [0.1, 0.2]) for name in ("ws", "rs")]
    weights += [tensor(name, [2], [0, 0], INT8) for name in ("wz", "rz")]
    report = report_of([lstm], (9, 1, 7), weights, (9, 2, 1, 5))
    assert kinds(report) == ["lstm", "reshape"]
    assert (report.total.params, report.total.macs) == (2 * (12 * 20 + 40), 9 * 2 * 12 * 20)


# What onnxruntime fuses.


@pytest.mark.parametrize(
    ("one", "kinds_due", "size", "params", "macs"),
    [
        (node("FusedMatMul", ["x", "x"], ["y"], transB=1, alpha=0.25), ["permute", "matmul"], (9, 9), 0, 9 * 9 * 8),
        (node("FusedMatMul", ["x", "x"], ["y"], transA=1), ["permute", "matmul"], (8, 8), 0, 8 * 8 * 9),
        (node("FusedMatMul", ["x", "w"], ["y"], alpha=2.0), ["linear"], (9, 6), 48, 9 * 48),
        (node("FusedMatMul", ["x", "v"], ["y"], transB=1), ["linear"], (9, 6), 48, 9 * 48),
        (node("QuickGelu", ["x"], ["y"], alpha=1.0), ["silu"], (9, 8), 0, 0),
        (node("QuickGelu", ["x"], ["y"]), ["quick_gelu"], (9, 8), 0, 0),
        (node("BiasGelu", ["x", "b"], ["y"]), ["bias_add", "gelu"], (9, 8), 8, 0),
        (node("FastGelu", ["x"], ["y"]), ["gelu"], (9, 8), 0, 0),
        (node("SkipLayerNormalization", ["x", "x", "g", "b"], ["y"]), ["add", "layer_norm"], (9, 8), 16, 0),
        (node("SkipSimplifiedLayerNormalization", ["x", "x", "g", "b"], ["y"]), ["add", "bias_add", "rms_norm"], (9, 8),
         16, 0),
    ],
)  # fmt: skip
def test_an_operation_that_onnxruntime_fuses_is_what_it_is_made_of(one, kinds_due, size, params, macs):
    weights = [tensor("w", [8, 6]), tensor("v", [6, 8]), tensor("b", [8]), tensor("g", [8])]
    microsoft = one + b"\x3a\rcom.microsoft"  # the domain, which comes last
    report = report_of([microsoft], (1, 9, 8), weights)
    assert (kinds(report), report.rows[-1].output_shape) == (kinds_due, size)
    assert (report.total.params, report.total.macs) == (params, macs)


def test_the_residual_sum_of_a_fused_normalisation_is_its_fourth_output():
    nodes = [
        node("SkipLayerNormalization", ["x", "x", "g", "b"], ["n", "", "", "s"], domain="com.microsoft"),
        node("Sub", ["n", "s"], ["y"]),
    ]
    report = report_of(nodes, (1, 9, 8), [tensor("b", [8]), tensor("g", [8])])
    assert (kinds(report), report.total.params) == (["add", "layer_norm", "sub"], 16)
    assert [ref.node for ref in report.rows[-1].node.inputs] == [1, 0]


def test_a_fused_product_that_moves_the_batch_is_opaque():
    one = node("FusedMatMul", ["x", "x"], ["y"], transBatchA=1, domain="com.microsoft")
    assert kinds(report_of([one], (1, 9, 8), [], (1, 9, 9))) == ["opaque"]


HEADS = {"domain": "com.microsoft", "num_heads": 4}


@pytest.mark.parametrize("batch", [1, 2])
def test_attention_with_its_projections_is_these(batch):
    """BERT's as onnxruntime fuses it: 5 × 32 by 32 × 96 and its bias, then 2 · 5² · 32 MACs of scores and values."""
    weights = [tensor("w", [32, 96]), tensor("b", [96])]
    nodes = [node("Attention", ["x", "w", "b"], ["y"], unidirectional=1, **HEADS)]
    report = report_of(nodes, (batch, 5, 32), weights, (batch, 5, 32))
    assert kinds(report)[:2] == ["linear", "split"]
    assert (report.total.params, report.total.macs) == (32 * 96 + 96, 5 * 32 * 96 + 2 * 25 * 32)
    (attention,) = [row for row in report.rows if row.kind == "scaled_dot_product_attention"]
    assert (attention.output_shape, attention.arguments["is_causal"]) == ((4, 5, 8), True)
    assert report.rows[-1].output_shape == (5, 32)


def test_attention_of_other_sizes_of_values():
    nodes = [node("Attention", ["x", "w", "b"], ["y"], qkv_hidden_sizes=[32, 32, 16], **HEADS)]
    report = report_of(nodes, (1, 5, 32), [tensor("w", [32, 80]), tensor("b", [80])], (1, 5, 16))
    assert (report.total.macs, report.rows[-1].output_shape) == (5 * 32 * 80 + 25 * (32 + 16), (5, 16))


@pytest.mark.parametrize("bias", ["", "b"])
def test_attention_on_projections_adds_the_parts_of_its_bias(bias):
    nodes = [node("MultiHeadAttention", ["x", "x", "x", bias], ["y"], **HEADS)]
    report = report_of(nodes, (1, 5, 32), [tensor("b", [96])], (1, 5, 32))
    assert (report.total.params, report.total.macs) == (96 if bias else 0, 2 * 25 * 32)


@pytest.mark.parametrize(
    "one",
    [
        node("MultiHeadAttention", ["x"], ["y"], **HEADS),
        node("MultiHeadAttention", ["x", "x", "x"], ["y", "k", "v"], **HEADS),
        node("Attention", ["x", "w", "b"], ["y", "present"], **HEADS),
        node("Attention", ["x", "x", "b"], ["y"], **HEADS),
    ],
)
def test_attention_with_a_cache_or_on_joined_inputs_is_opaque(one):
    nodes = [one, node("Relu", ["y"], ["z"])]
    network = shapecalc.load(
        model(nodes, [value("x", (1, 5, 32))], [value("z", None)], weights=[tensor("w", [32, 96]), tensor("b", [96])])
    )
    given = {name: (5, 32) for name in ("y", "k", "v", "present") if field_of(one, name)}
    assert kinds(network.infer(input=given)) == ["opaque", "relu"]


def field_of(message, name):
    return b"\x12" + bytes([len(name)]) + name.encode() in message


def test_embeddings_of_words_positions_and_segments():
    """50 words, 16 positions and 2 segments of 32 features, and the norm of their sum, as in BERT."""
    inputs = ["x", "", "words", "places", "kinds", "g", "b"]
    sizes = {"words": [50, 32], "places": [16, 32], "kinds": [2, 32], "g": [32], "b": [32]}
    file = model(
        [
            node("EmbedLayerNormalization", inputs, ["n", "", "s"], domain="com.microsoft"),
            node("Add", ["n", "s"], ["y"]),
        ],
        [value("x", (1, 5), INT64)], [value("y", None)], weights=[tensor(*one) for one in sizes.items()],
    )  # fmt: skip
    report = shapecalc.load(file).infer()
    assert kinds(report) == ["embedding", "embedding", "add", "embedding", "add", "layer_norm", "add"]
    assert report.total.params == (50 + 16 + 2 + 2) * 32
    assert [ref.node for ref in report.rows[-1].node.inputs] == [5, 4]
