"""Single operations of ONNX files: their layers, sizes and counts. Sizes are those of ONNX 1.23.2's shape inference, or run."""

from __future__ import annotations

import struct
from math import prod

import pytest
from crafted_onnx import INT64, as_tensor, model, node, tensor, value, write

import shapecalc
from shapecalc.errors import ShapeError


def report_of(nodes, inputs, weights=(), due=None):
    data = model(nodes, [value(*one) for one in inputs], [value("y", due)], weights=weights)
    network = shapecalc.load(data)
    assert network.warnings == ()
    return network.infer()


def kinds(report):
    return [row.kind for row in report.rows]


ints = lambda name, dims, *numbers: tensor(name, dims, numbers, INT64)  # noqa: E731

OPERATIONS = [
    (node("GridSample", ["x", "g"], ["y"], mode="linear"), {"x": (1, 3, 20, 30), "g": (1, 8, 9, 2)}, (), (3, 8, 9), "grid_sample"),
    (node("RoiAlign", ["x", "b", "i"], ["y"], output_height=7, output_width=5), {"x": (1, 6, 20, 20), "b": (40, 4)},
     [ints("i", [40])], (40, 6, 7, 5), "roi_align"),
    (node("MaxUnpool", ["x", "p"], ["y"], kernel_shape=[2, 2], strides=[2, 2]), {"x": (1, 3, 5, 6), "p": (1, 3, 5, 6)},
     (), (3, 10, 12), "max_unpool"),
    (node("Col2Im", ["x", "s", "k"], ["y"]), {"x": (1, 12, 20)}, [ints("s", [2], 5, 6), ints("k", [2], 2, 2)], (3, 5, 6), "fold"),
    (node("OneHot", ["x", "d", "v"], ["y"]), {"x": (1, 7)}, [ints("d", [], 10), tensor("v", [2], [0, 1])], (7, 10), "named_operation"),
    (node("OneHot", ["x", "d", "v"], ["y"], axis=1), {"x": (1, 7)}, [ints("d", [], 10), tensor("v", [2], [0, 1])], (10, 7), "named_operation"),
    (node("OneHot", ["x", "d", "v"], ["y"], axis=0), {"x": (1, 7)}, [ints("d", [], 10), tensor("v", [2], [0, 1])], (10, 7), "named_operation"),
    (node("GatherND", ["x", "i"], ["y"]), {"x": (5, 6, 7)}, [ints("i", [4, 2])], (4, 7), "gather"),
    (node("GatherND", ["x", "i"], ["y"]), {"x": (1, 6, 7), "i": (4, 2)}, (), (4, 7), "named_operation"),
    (node("CumSum", ["x", "a"], ["y"]), {"x": (1, 6, 7)}, [ints("a", [], 1)], (6, 7), "named_operation"),
    (node("Swish", ["x"], ["y"]), {"x": (1, 6)}, (), (6,), "silu"),
    (node("Attention", ["x", "k", "v"], ["y"], q_num_heads=4, kv_num_heads=2),
     {"x": (1, 9, 32), "k": (1, 11, 16), "v": (1, 11, 16)}, (), (9, 32), "flatten"),
    (node("Attention", ["x", "k", "v"], ["y"]), {"x": (1, 4, 9, 8), "k": (1, 4, 11, 8), "v": (1, 4, 11, 6)}, (), (4, 9, 6),
     "scaled_dot_product_attention"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "inputs", "weights", "size", "kind"), OPERATIONS)
def test_an_operation_is_read(one, inputs, weights, size, kind):
    report = report_of([one], [(name, sizes, INT64 if name == "i" else 1) for name, sizes in inputs.items()], weights)
    assert (report.rows[-1].kind, report.rows[-1].output_shape) == (kind, size)


def test_attention_with_joined_heads_costs_as_much_as_with_heads_apart():
    joined = report_of([OPERATIONS[-2][0]], list(OPERATIONS[-2][1].items()))
    assert joined.total.macs == 2 * 4 * 9 * 11 * 8
    assert kinds(joined) == ["unflatten", "permute"] * 3 + ["scaled_dot_product_attention", "permute", "flatten"]
    with pytest.raises(ShapeError, match="its 32 features are not those of 5 heads"):
        report_of(
            [node("Attention", ["x", "k", "v"], ["y"], q_num_heads=5, kv_num_heads=2)], list(OPERATIONS[-2][1].items())
        )


@pytest.mark.parametrize(
    ("stride", "size", "upper", "padding"),
    [
        (3, [10, 8], False, {}),
        (3, [10, 8], True, {}),
        (2, [5, 5], False, {}),
        (3, [9, 9], False, {}),
        (3, [11, 11], False, {}),
    ],
)
def test_a_transposed_convolution_has_the_output_that_it_states(stride, size, upper, padding):
    words = {"auto_pad": "SAME_UPPER"} if upper else {}
    one = node("ConvTranspose", ["x", "w"], ["y"], strides=[stride, stride], output_shape=size, **words)
    report = report_of([one], [("x", (1, 1, 3, 3))], [tensor("w", [1, 2, 3, 3])])
    row = report.rows[0]
    assert (row.kind, row.output_shape, row.params) == ("transposed_conv", (2, *size), 18)
    if size == [10, 8]:
        assert row.arguments["padding"] == [[0, 0], [0, 1] if upper else [1, 0]]


def test_a_transposed_convolution_may_have_output_padding_and_an_output():
    one = node("ConvTranspose", ["x", "w"], ["y"], strides=[3, 3], output_shape=[10, 10], output_padding=[1, 1])
    report = report_of([one], [("x", (1, 1, 3, 3))], [tensor("w", [1, 2, 3, 3])])
    assert report.rows[0].output_shape == (2, 10, 10)


def test_an_output_larger_than_all_windows_is_not_covered():
    one = node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[40, 40])
    with pytest.raises(ShapeError, match="its output_shape is larger than all of its windows"):
        report_of([one], [("x", (1, 1, 3, 3))], [tensor("w", [1, 2, 3, 3])])


@pytest.mark.parametrize("pads", [[3, 3, 3, 3], [0, 3, 0, 0], [0, 0, 0, 3]])
def test_a_pool_with_as_much_padding_as_its_kernel_is_refused(pads):
    """As onnxruntime does: "Pad should be smaller than kernel" (pool_attributes.h)."""
    one = node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], pads=pads)
    with pytest.raises(ShapeError) as error:
        report_of([one], [("x", (1, 2, 9, 9))])
    (problem,) = error.value.problems
    assert (problem.message, problem.hint) == (
        "its padding 3 is not less than its kernel_shape 3",
        "pads must be at most 2",
    )


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_a_kernel_shape_that_is_not_that_of_the_kernel_is_refused(op):
    """As onnxruntime does: "kernel_shape is not compatible with W shape"."""
    one = node(op, ["x", "w"], ["y"], kernel_shape=[5, 3])
    with pytest.raises(ShapeError, match="its kernel_shape is 5×3, but its kernel is 3×3"):
        report_of([one], [("x", (1, 2, 9, 9))], [tensor("w", [2, 2, 3, 3])])


def test_a_deformable_convolution_counts_its_kernel_and_its_macs():
    """torchvision 0.28.0's DeformConv2d(4, 5, 3, padding=1) on 10×10."""
    one = node("DeformConv", ["x", "w", "o", "b", "m"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    inputs = [("x", (1, 4, 10, 10)), ("o", (1, 18, 10, 10)), ("m", (1, 9, 10, 10))]
    report = report_of([one], inputs, [tensor("w", [5, 4, 3, 3]), tensor("b", [5])], (1, 5, 10, 10))
    assert (kinds(report), report.total.params, report.total.macs) == (["deformable_conv"], 185, 18_000)


def scores(mask, dims, between=()):
    """A mask that is added to scores before a softmax."""
    nodes = [node("Add", ["x", "m"], ["s"]), *between, node("Softmax", ["t" if between else "s"], ["y"])]
    return report_of(nodes, [("x", (1, 4, 9, 9))], [tensor("m", dims, mask)])


HIDDEN, MINUS = float("-inf"), -1e4


@pytest.mark.parametrize("between", [(), (node("Reshape", ["s", "sizes"], ["t"]),)])
@pytest.mark.parametrize("low", [HIDDEN, MINUS, -100.0])
def test_a_mask_of_attention_is_no_parameter(low, between):
    mask = [0.0 if i // 9 >= i % 9 else low for i in range(81)]
    nodes = [node("Add", ["x", "m"], ["s"]), *between, node("Softmax", ["t" if between else "s"], ["y"])]
    weights = [tensor("m", [9, 9], mask), tensor("sizes", [3], [4, 9, 9], INT64)]
    report = report_of(nodes, [("x", (1, 4, 9, 9))], weights)
    assert (kinds(report)[0], report.total.params) == ("constant", 0)


@pytest.mark.parametrize(
    "values", [[5.0, -2.0] * 40 + [5.0], [0.0, 0.5] * 40 + [0.0], [0.0, -0.5] * 40 + [0.0], [0.0, -2.0, -3.0] * 27]
)
def test_a_learned_bias_of_scores_is_a_parameter(values):
    assert scores(values, [9, 9]).total.params == 81


def test_a_mask_that_hides_nothing_is_one():
    """As PyTorch's newer exporter writes the attention of transformers' encoders without a mask."""
    assert scores([0.0] * 81, [9, 9]).total.params == 0


def test_zeros_for_each_head_or_that_are_looked_up_are_a_bias():
    """As `nn.Parameter(torch.zeros(heads, length, length))`, and BEiT's `relative_position_bias_table`, before training."""
    assert scores([0.0] * 81, [1, 1, 9, 9]).total.params == 0
    assert scores([0.0] * 4 * 81, [1, 4, 9, 9]).total.params == 4 * 81
    look_up = [node("Gather", ["m", "at"], ["g"]), node("Reshape", ["g", "sizes"], ["b"]), node("Transpose", ["b"], ["t"], perm=[2, 0, 1]),
               node("Add", ["x", "t"], ["s"]), node("Softmax", ["s"], ["y"])]  # fmt: skip
    weights = [
        tensor("m", [25, 4], [0.0] * 100),
        tensor("at", [81], [i % 25 for i in range(81)], INT64),
        tensor("sizes", [3], [9, 9, 4], INT64),
    ]
    assert report_of(look_up, [("x", (1, 4, 9, 9))], weights).total.params == 100


@pytest.mark.parametrize("op", ["MelWeightMatrix", "RandomNormal"])
def test_a_matrix_that_an_operation_computes_is_no_parameter(op):
    """10×9 by 9×8: `[n_fft // 2 + 1, num_mel_bins]`, as ONNX says of MelWeightMatrix."""
    stored = [tensor("bins", [], [8], INT64), tensor("length", [], [16], INT64), tensor("rate", [], [8192], INT64),
              tensor("low", [], [0.0]), tensor("high", [], [4096.0])]  # fmt: skip
    is_mel = op == "MelWeightMatrix"
    made = node(op, ["bins", "length", "rate", "low", "high"], ["m"]) if is_mel else node(op, [], ["m"], shape=[9, 8])
    report = report_of([made, node("MatMul", ["x", "m"], ["y"])], [("x", (1, 10, 9))], stored if is_mel else [])
    assert (report.total.params, report.total.macs, report.rows[-1].output_shape) == (0, 10 * 9 * 8, (10, 8))


def test_what_is_scattered_into_zeros_is_one_of_each_sample():
    """`torch.zeros(2, 9).scatter_(1, x.argmax(1, keepdim=True), 1.0)`, of two samples."""
    nodes = [node("ConstantOfShape", ["size"], ["zeros"]), node("ArgMax", ["x"], ["at"], axis=1, keepdims=1),
             node("ScatterElements", ["zeros", "at", "ones"], ["s"], axis=1), node("MatMul", ["s", "w"], ["y"])]  # fmt: skip
    weights = [tensor("size", [2], [2, 9], INT64), tensor("ones", [2, 1], [1.0, 1.0]), tensor("w", [9, 4])]
    report = report_of(nodes, [("x", (2, 9))], weights, (2, 4))
    assert (report.rows[-1].output_shape, report.total.macs) == ((4,), 36)


def test_a_tensor_that_is_compared_and_multiplied_is_a_parameter():
    nodes = [
        node("Greater", ["m", "zero"], ["c"]),
        node("Where", ["c", "x", "zero"], ["a"]),
        node("Mul", ["a", "m"], ["y"]),
    ]
    report = report_of(nodes, [("x", (1, 4, 9))], [tensor("m", [4, 9]), tensor("zero", [], [0.0])])
    assert report.total.params == 36


def test_a_large_mask_is_recognised_by_some_of_its_elements(tmp_path):
    length = 256
    rows = [struct.pack(f"<{length}f", *([0.0] * (i + 1) + [HIDDEN] * (length - i - 1))) for i in range(length)]
    for more, params in (((), 0), (rows[:0], 0), ([struct.pack("<256f", *range(256))], length * length)):
        raw = b"".join([*rows[: length - len(more)], *more])
        nodes = [node("Add", ["x", "m"], ["s"]), node("Softmax", ["s"], ["y"])]
        data = model(
            nodes,
            [value("x", (1, length, length))],
            [value("y", None)],
            weights=[tensor("m", [length, length], raw=raw)],
        )
        assert shapecalc.load(write(tmp_path, data)).infer().total.params == params


def test_a_tensor_that_is_only_compared_is_no_parameter():
    """nanoGPT's `bias[:, :, :T, :T] == 0`."""
    nodes = [
        node("Slice", ["m", "zero", "nine", "two"], ["part"]),
        node("Equal", ["part", "none"], ["hidden"]),
        node("Where", ["hidden", "low", "x"], ["s"]),
        node("Softmax", ["s"], ["y"]),
    ]
    weights = [tensor("m", [1, 1, 100, 100]), ints("zero", [2], 0, 0), ints("nine", [2], 9, 9), ints("two", [2], 2, 3),
               tensor("none", [], [0.0]), tensor("low", [], [HIDDEN])]  # fmt: skip
    report = report_of(nodes, [("x", (1, 4, 9, 9))], weights)
    assert report.total.params == 0
    assert any("0 unknown" in note for note in report.notes)


def test_masks_that_nodes_make_of_stored_tensors_are_no_parameters():
    """As PyTorch's newer exporter writes Swin's: parts are scattered into zeros."""
    nodes = [
        node("ConstantOfShape", ["size"], ["zeros"]),
        node("ScatterND", ["zeros", "at", "part"], ["m"]),
        node("Add", ["x", "m"], ["s"]),
        node("Softmax", ["s"], ["y"]),
    ]
    weights = [ints("size", [2], 9, 9), ints("at", [4, 1], 0, 1, 2, 3), tensor("part", [4, 9])]
    report = report_of(nodes, [("x", (1, 4, 9, 9))], weights)
    assert (kinds(report), report.total.params) == (["constant", "add", "softmax"], 0)


def test_a_bias_of_which_a_part_is_overwritten_is_still_that_bias():
    """Swin V2 sets the bias of its keys to 0."""
    nodes = [
        node("ScatterND", ["b", "at", "zeros"], ["c"]),
        node("MatMul", ["x", "w"], ["p"]),
        node("Add", ["p", "c"], ["y"]),
    ]
    weights = [tensor("b", [6]), ints("at", [2, 1], 2, 3), tensor("zeros", [2], [0, 0]), tensor("w", [5, 6])]
    report = report_of(nodes, [("x", (1, 9, 5))], weights)
    assert (kinds(report), report.total.params) == (["linear"], 36)


def test_a_table_is_added_to_all_windows_of_a_sample():
    """Swin V2: the first axis of one is windows, of the other a batch of one."""
    nodes = [
        node("Reshape", ["x", "windows"], ["a"]),
        node("Sigmoid", ["w"], ["b"]),
        node("Unsqueeze", ["b", "first"], ["c"]),
        node("Add", ["a", "c"], ["y"]),
    ]
    weights = [ints("windows", [4], 4, 3, 5, 5), tensor("w", [3, 5, 5]), ints("first", [1], 0)]
    report = report_of(nodes, [("x", (1, 12, 5, 5))], weights, (4, 3, 5, 5))
    assert report.rows[-1].output_shape == (4, 3, 5, 5)


def test_a_roll_by_nothing_joins_all_of_it_with_nothing():
    """As PyTorch's exporters write `torch.roll(x, 0)` in Swin for video."""
    nodes = [
        node("Slice", ["x", "zero", "end", "one"], ["all"]),
        node("Slice", ["x", "end", "end", "one"], ["none"]),
        node("Concat", ["none", "all"], ["z"], axis=1),
        node("Relu", ["z"], ["y"]),
    ]
    ends = [ints("zero", [1], 0), ints("end", [1], 8), ints("one", [1], 1)]
    report = report_of(nodes, [("x", (1, 8, 5))], ends, (1, 8, 5))
    assert report.outputs["y"] == (8, 5)
    with pytest.raises(ShapeError, match="it keeps nothing of axis 1, whose size is 8"):
        report_of([nodes[1], node("Relu", ["none"], ["y"])], [("x", (1, 8, 5))], ends)


def test_masks_may_be_made_of_empty_parts():
    nodes = [
        node("ConstantOfShape", ["size"], ["zeros"]),
        node("Slice", ["zeros", "nil", "nil", "axis"], ["part"]),
        node("Transpose", ["part"], ["turned"], perm=[1, 0]),
        node("ScatterND", ["turned", "at", "values"], ["filled"]),
        node("ScatterND", ["zeros", "nowhere", "filled"], ["m"]),
        node("Add", ["x", "m"], ["y"]),
    ]
    weights = [ints("size", [2], 90, 90), ints("nil", [1], 0), ints("axis", [1], 0), ints("at", [4, 1], 0, 1, 2, 3),
               tensor("values", [4, 0]), ints("nowhere", [0, 1])]  # fmt: skip
    report = report_of(nodes, [("x", (1, 3, 90, 90))], weights, (1, 3, 90, 90))
    assert (kinds(report), report.total.params) == (["constant", "add"], 0)


def constant(name, dims):
    return node("Constant", [], [name], value=as_tensor(tensor("", dims, [0.5] * prod(dims))))


CONSTANT_BIASES = [
    ([constant("w", [4, 3, 3, 3]), constant("b", [4]), node("Conv", ["x", "w", "b"], ["y"])], (1, 3, 8, 8), 112),
    ([constant("w", [4, 3, 3, 3]), constant("b", [4, 1, 1]), node("Conv", ["x", "w"], ["p"]),
      node("Add", ["p", "b"], ["y"])], (1, 3, 8, 8), 112),
    ([constant("w", [6, 4]), constant("b", [4]), node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])],
     (1, 9, 6), 28),
    ([constant("w", [6, 4]), constant("b", [4]), node("MatMul", ["x", "w"], ["p"]), node("Identity", ["b"], ["c"]),
      node("Add", ["c", "p"], ["y"])], (1, 9, 6), 28),
    ([constant("w", [6, 4]), constant("b", [1, 1, 4]), node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["y"])],
     (1, 9, 6), 28),
    ([constant("w", [4, 6]), constant("b", [4]), node("Gemm", ["x", "w", "b"], ["y"], transB=1)], (1, 6), 28),
    ([constant("s", [6]), constant("b", [6]), node("LayerNormalization", ["x", "s", "b"], ["y"])], (1, 9, 6), 12),
    ([constant("c", [6]), node("Add", ["x", "c"], ["y"])], (1, 9, 6), 0),
    ([constant("w", [6, 4]), constant("b", [4]), node("MatMul", ["x", "w"], ["p"]), node("Mul", ["p", "b"], ["y"])],
     (1, 9, 6), 24),
]  # fmt: skip
"""Weights in nodes of the operation Constant: what an operation takes as its weights, and a bias that is added."""


@pytest.mark.parametrize(("nodes", "size", "params"), CONSTANT_BIASES)
def test_weights_may_be_constants_of_the_graph(nodes, size, params):
    assert report_of(nodes, [("x", size)]).total.params == params


def test_the_memory_of_weights_is_that_of_their_types_in_the_file():
    nodes = [node("DequantizeLinear", ["q", "s"], ["w"]), node("Conv", ["x", "w", "b"], ["y"])]
    weights = [tensor("q", [64, 3, 3, 3], kind=3), tensor("s", [], [0.5]), tensor("b", [64])]
    found = report_of(nodes, [("x", (1, 3, 8, 8))], weights)
    assert found.graph.stored[:2] == ("8", "32")
    network = shapecalc.load(model(nodes, [value("x", (1, 3, 8, 8))], [value("y", None)], weights=weights))
    assert network.memory().weights == 64 * 27 + 64 * 4
    half = [node("MatMul", ["x", "w"], ["y"])]
    assert report_of(half, [("x", (1, 9, 6))], [tensor("w", [6, 4], kind=10)]).graph.stored[:2] == ("16", "16")
    assert report_of(half, [("x", (1, 9, 6))], [tensor("w", [6, 4])]).graph.stored is None


def test_tensors_of_several_widths_have_their_own_bytes():
    """By arithmetic: a bias of int32, as QDQ has it, a table in half precision before weights of 4 bits, and float64."""
    nodes = [
        node("DequantizeLinear", ["q", "s"], ["w"]),
        node("DequantizeLinear", ["b", "s"], ["c"]),
        node("Conv", ["x", "w", "c"], ["y"]),
    ]
    weights = [tensor("q", [8, 3, 3, 3], kind=3), tensor("s", [], [0.5]), tensor("b", [8], kind=6)]
    memory = shapecalc.load(model(nodes, [value("x", (1, 3, 8, 8))], [value("y", None)], weights=weights)).memory()
    assert memory.weights == 8 * 27 + 8 * 4
    assert "8 bits, as <bytes> says; 8 elements: 32 bits, on average 8.86 bits" in memory.render(width=200)
    nodes = [node("Gather", ["e", "x"], ["a"]), node("MatMulNBits", ["a", "w", "s"], ["b"], "", "com.microsoft", K=64, N=8, bits=4, block_size=32),
             node("MatMul", ["b", "v"], ["y"])]  # fmt: skip
    weights = [
        tensor("e", [100, 64], kind=10),
        tensor("w", [8, 2, 16], kind=2),
        tensor("s", [16], kind=10),
        tensor("v", [8, 5], kind=11),
    ]
    net = shapecalc.load(model(nodes, [value("x", (1, 9), 7)], [value("y", None)], weights=weights))
    assert net.memory().weights == 100 * 64 * 2 + 64 * 8 // 2 + 40 * 8
    assert net.memory(weights=32).weights == 4 * (6400 + 512 + 40)
    assert net.speed("h100").stored == net.memory().weights
    lstm = [
        node(
            "DynamicQuantizeLSTM",
            ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"],
            ["y"],
            "",
            "com.microsoft",
            hidden_size=4,
        )
    ]
    weights = [tensor("w", [1, 6, 16], kind=3), tensor("r", [1, 4, 16], kind=3), tensor("b", [1, 32]),
               *[tensor(name, [1], [0.5]) for name in ("ws", "rs")], *[tensor(name, [1], [0], kind=3) for name in ("wz", "rz")]]  # fmt: skip
    net = shapecalc.load(model(lstm, [value("x", (5, 1, 6))], [value("y", None)], weights=weights))
    assert net.memory().weights == 16 * 10 + 32 * 4


QUANTISED = [
    (node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z", "b"], ["y"], "", "com.microsoft"), (1, 3, 8, 8),
     {"w": [4, 3, 3, 3], "b": [4]}, ("conv", 112)),
    (node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"]), (1, 3, 8, 8), {"w": [4, 3, 3, 3]}, ("conv", 108)),
    (node("QLinearMatMul", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"]), (1, 9, 6), {"w": [6, 4]}, ("linear", 24)),
    (node("QGemm", ["x", "s", "z", "w", "s", "z", "b", "s", "z"], ["y"], "", "com.microsoft", transB=1), (1, 6),
     {"w": [4, 6], "b": [4]}, ("linear", 28)),
    (node("QLinearAdd", ["x", "s", "z", "x", "s", "z", "s", "z"], ["y"], "", "com.microsoft"), (1, 6), {}, ("add", 0)),
    (node("QLinearConcat", ["s", "z", "x", "s", "z", "x", "s", "z"], ["y"], "", "com.microsoft", axis=1), (1, 6), {}, ("concat", 0)),
    (node("QLinearGlobalAveragePool", ["x", "s", "z", "s", "z"], ["y"], "", "com.microsoft"), (1, 3, 8, 8), {},
     ("global_avg_pool", 0)),
    (node("DynamicQuantizeMatMul", ["x", "w", "s", "z", "b"], ["y"], "", "com.microsoft"), (1, 9, 6), {"w": [6, 4], "b": [4]},
     ("linear", 28)),
    (node("MatMulNBits", ["x", "w", "s"], ["y"], "", "com.microsoft", K=64, N=8, bits=4, block_size=32), (1, 9, 64),
     {"w": [8, 2, 16]}, ("linear", 512)),
]  # fmt: skip
"""Quantised operations, and their layer and parameters."""


@pytest.mark.parametrize(("one", "size", "stored", "due"), QUANTISED)
def test_quantised_operations_are_those_that_they_stand_for(one, size, stored, due):
    weights = [tensor(name, dims, kind=3) for name, dims in stored.items()]
    report = report_of([one], [("x", size)], [*weights, tensor("s", [], [0.5]), tensor("z", [], [0], 3)])
    assert (kinds(report), report.total.params) == ([due[0]], due[1])
    bits = {"MatMulNBits": "4"}.get(report.rows[0].node.mark.path.split()[1], "8")
    assert (report.graph.stored.weights if due[1] else bits) == bits


def test_channels_that_are_last_are_not_covered():
    one = node("QLinearGlobalAveragePool", ["x", "s", "z", "s", "z"], ["y"], "", "com.microsoft", channels_last=1)
    with pytest.raises(ShapeError, match="its channels are last"):
        report_of([one], [("x", (1, 8, 8, 3))], [tensor("s", [], [0.5]), tensor("z", [], [0], 3)])


def test_a_table_that_is_looked_up_by_several_indices_is_added_to_all_windows():
    """Swin V2, of PyTorch's newer exporter."""
    nodes = [
        node("Reshape", ["x", "windows"], ["a"]),
        node("GatherND", ["w", "i"], ["b"]),
        node("Reshape", ["b", "sizes"], ["c"]),
        node("Add", ["a", "c"], ["y"]),
    ]
    weights = [
        ints("windows", [4], 4, 3, 5, 5),
        tensor("w", [9, 3]),
        ints("i", [25, 1]),
        ints("sizes", [4], 1, 3, 5, 5),
    ]
    report = report_of(nodes, [("x", (1, 12, 5, 5))], weights, (4, 3, 5, 5))
    assert (report.rows[-1].output_shape, report.total.params) == ((4, 3, 5, 5), 27)


def test_positions_of_the_whole_sample_have_the_batch_in_front_again():
    """ConvNeXt's last `as_strided`, of PyTorch's newer exporter."""
    nodes = [node("Reshape", ["x", "flat"], ["a"]), node("Gather", ["a", "i"], ["b"]), node("Relu", ["b"], ["y"])]
    weights = [ints("flat", [1], -1), ints("i", [1, 70, 1, 1])]
    report = report_of(nodes, [("x", (1, 70, 1, 1))], weights, (1, 70, 1, 1))
    assert report.rows[-1].output_shape == (70, 1, 1)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"strides": [0, 1]}, "its strides [0, 1] must be at least 1"),
        ({"strides": [2]}, "its strides [2] are not 2, one for each spatial axis of its input"),
        ({"dilations": [-1, 1]}, "its dilations [-1, 1] must be at least 1"),
    ],
)
def test_impossible_windows(words, text):
    with pytest.raises(ShapeError) as error:
        report_of([node("Conv", ["x", "w"], ["y"], **words)], [("x", (1, 3, 8, 8))], [tensor("w", [4, 3, 3, 3])])
    assert text in str(error.value)
