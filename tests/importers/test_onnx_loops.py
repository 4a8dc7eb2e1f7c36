"""ONNX files with loops, sequences, and operations of which only the size matters.

The sizes are those of onnxruntime 1.32, without the batch.
"""

from __future__ import annotations

import pytest
from crafted_onnx import BOOL, INT64, as_graph, as_tensor, graph, model, node, tensor, value

import shapecalc
from shapecalc.errors import LayerError, ShapeError
from shapecalc.layers import find_kind

MATRIX = tensor("w", [8, 8])
TURN = [
    node("MatMul", ["v", "w"], ["a"]), node("Relu", ["a"], ["b"]),
    node("Identity", ["c"], ["d"]), node("Identity", ["b"], ["s"]),
]  # fmt: skip
STEP = [node("Add", ["h", "e"], ["a"]), node("MatMul", ["a", "w"], ["n"]), node("Identity", ["n"], ["o"])]


def turn(nodes=TURN):
    inputs = [value("i", [], INT64), value("c", [], BOOL), value("v", None)]
    return as_graph(graph(nodes, inputs, [value("d", [], BOOL), value("b", None), value("s", None)]))


def step():
    return as_graph(graph(STEP, [value("h", None), value("e", None)], [value("n", None), value("o", None)]))


def network_of(nodes, x, weights=(), outputs=("y",), opset=17):
    file = model(nodes, [value("x", x)], [value(name, None) for name in outputs], weights=weights, opset=opset)
    return shapecalc.load(file)


def report_of(*args, **rest):
    network = network_of(*args, **rest)
    assert network.warnings == ()
    return network.infer()


def layers(report):
    return [(row.kind, row.output_shapes[0]) for row in report.rows]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_loop_of_known_length_is_its_body_so_often_with_weights_that_count_once(batch):
    loop = node("Loop", ["m", "t", "x"], ["y", "z"], body=turn())
    weights = [tensor("m", [], [3], INT64), tensor("t", [], [True], BOOL), MATRIX]
    report = report_of([loop], (batch, 8), weights, ("y", "z"))
    assert layers(report) == [("linear", (8,)), ("relu", (8,))] * 3 + [("stack", (3, 8))]
    assert (report.total.params, report.total.macs) == (64, 3 * 64)
    assert report.notes[0].startswith("4 nodes: 2 layers, 2 shape arithmetic, 0 unknown")


@pytest.mark.parametrize(("most", "goes_on", "turns"), [(3, "", 3), ("", "t", 0), (0, "t", 0), (3, "f", 0)])
def test_a_loop_that_may_not_end_or_has_no_turn_has_no_size(most, goes_on, turns):
    """Without a condition it runs as often as it is told; with none that becomes false, it is never at an end."""
    inputs = ["" if most == "" else "m", goes_on, "x"]
    weights = [
        tensor("m", [], [most or 0], INT64),
        tensor("t", [], [True], BOOL),
        tensor("f", [], [False], BOOL),
        MATRIX,
    ]
    network = network_of([node("Loop", inputs, ["y", "z"], body=turn())], (1, 8), weights, ("y", "z"))
    if turns:
        assert [row.kind for row in network.infer().rows].count("linear") == turns
        return
    with pytest.raises(ShapeError, match="it is not covered, and the file does not state the size"):
        network.infer()


def test_a_loop_ends_where_its_condition_becomes_false():
    below = [node("MatMul", ["v", "w"], ["b"]), node("Less", ["i", "two"], ["d"]), node("Identity", ["b"], ["s"])]
    weights = [tensor("t", [], [True], BOOL), tensor("two", [], [2], INT64), MATRIX]
    report = report_of([node("Loop", ["", "t", "x"], ["y", "z"], body=turn(below))], (1, 8), weights, ("y", "z"))
    assert layers(report)[-1] == ("stack", (3, 8))


def test_a_loop_of_very_many_turns_is_not_worked_out():
    loop = node("Loop", ["m", "t", "x"], ["y", "z"], body=turn())
    weights = [tensor("m", [], [10**9], INT64), tensor("t", [], [True], BOOL), MATRIX]
    with pytest.raises(ShapeError, match="how often it runs is only known when it does"):
        network_of([loop], (1, 8), weights, ("y", "z")).infer()


def test_a_loop_that_depends_on_data_can_be_given_its_size():
    wild = [node("MatMul", ["v", "w"], ["b"]), node("Less", ["b", "b"], ["d"]), node("Identity", ["b"], ["s"])]
    loop = node("Loop", ["", "t", "x"], ["y", "z"], body=turn(wild))
    network = network_of([loop, node("Relu", ["y"], ["r"])], (1, 8), [tensor("t", [], [True], BOOL), MATRIX], ("r",))
    report = network.infer(input={"y": (8,), "z": (4, 8)})
    assert layers(report) == [("opaque", (8,)), ("relu", (8,))]
    assert report.notes[0].startswith("2 nodes: 1 layer, 0 shape arithmetic, 1 unknown")


@pytest.mark.parametrize(
    ("x", "more", "due"),
    [
        ((5, 1, 8), {}, (5, 8)),
        ((2, 5, 8), {"scan_input_axes": [1], "scan_output_axes": [1], "scan_input_directions": [1]}, (2, 5, 8)),
    ],
)
def test_a_scan_is_its_body_for_each_step(x, more, due):
    """A state that the file holds does not say where the batch is: then all is of the whole input."""
    scan = node("Scan", ["h0", "x"], ["y", "z"], body=step(), num_scan_inputs=1, **more)
    report = report_of(
        [scan], x, [tensor("h0", [1 if x[1] == 1 else 2, 8], [0.0] * (8 if x[1] == 1 else 16)), MATRIX], ("y", "z")
    )
    assert layers(report)[-1] == ("stack", due)
    assert ([row.kind for row in report.rows].count("linear"), report.total.macs) == (
        5,
        5 * 64 * (due[0] if len(due) > 2 else 1),
    )
    picked = [row.arguments["index"] for row in report.rows if row.kind == "gather"]
    assert picked[:5] == [[i] for i in (range(4, -1, -1) if more else range(5))]


def test_tensors_are_followed_through_sequences():
    nodes = [
        node("SplitToSequence", ["x"], ["s"], axis=1, keepdims=0),
        node("SequenceAt", ["s", "p"], ["a"]),
        node("SequenceInsert", ["s", "a"], ["t"]),
        node("SequenceLength", ["t"], ["n"]),
        node("ConcatFromSequence", ["t"], ["u"], axis=1, new_axis=1),
        node("Unsqueeze", ["n", "zero"], ["m"]),
        node("Concat", ["one", "m", "rest"], ["size"], axis=0),
        node("Reshape", ["u", "size"], ["y"]),
    ]
    weights = [tensor("p", [], [-1], INT64)] + [
        tensor(k, [1], [v], INT64) for k, v in (("zero", 0), ("one", 1), ("rest", -1))
    ]
    report = report_of(nodes, (1, 6, 8), weights)
    assert layers(report) == [("gather", (8,))] * 6 + [("stack", (7, 8))]
    assert [ref.node for ref in report.rows[-1].node.inputs] == [0, 1, 2, 3, 4, 5, 5]


@pytest.mark.parametrize(
    ("split", "parts", "erased"), [([], [3, 3, 2], 0), ([3], [3, 3, 2], 2), ([1, 7], [1, 7], 0), (None, [1] * 8, 7)]
)
def test_a_tensor_is_split_into_a_sequence(split, parts, erased):
    nodes = [
        node("SplitToSequence", ["x"] if split is None else ["x", "q"], ["s"], axis=2),
        node("SequenceErase", ["s", "p"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=2),
    ]
    sizes = [tensor("q", [] if split in ([], [3]) else [2], [3] if split == [] else split or [0, 0], INT64)]
    report = report_of(nodes, (1, 6, 8), [tensor("p", [], [erased - len(parts)], INT64), *sizes])
    left = [size for i, size in enumerate(parts) if i != erased]
    assert report.rows[-1].output_shape == (6, sum(left))
    assert [row.output_shape[1] for row in report.rows if row.kind == "slice"] == parts


def test_the_tensors_of_a_sequence_are_outputs():
    report = report_of(
        [node("SplitToSequence", ["x", "q"], ["y"], axis=1)], (1, 6, 8), [tensor("q", [2], [2, 4], INT64)]
    )
    assert [*report.outputs.values()] == [(2, 8), (4, 8)]


def test_a_position_that_a_sequence_does_not_have():
    nodes = [node("SequenceConstruct", ["x", "x"], ["s"]), node("SequenceAt", ["s", "p"], ["y"])]
    with pytest.raises(ShapeError, match="there is no position 2: its sequence has 2 tensors"):
        network_of(nodes, (1, 8), [tensor("p", [], [2], INT64)]).infer()


def test_a_sequence_where_a_tensor_is_needed():
    nodes = [node("SequenceConstruct", ["x"], ["s"]), node("Relu", ["s"], ["y"])]
    with pytest.raises(ShapeError, match="its inputs or attributes are not those of a Relu"):
        network_of(nodes, (1, 8)).infer()


FIVE = tensor("five", [1], [5], INT64)


@pytest.mark.parametrize(
    ("op", "x", "more", "weights", "due"),
    [
        ("CumSum", (1, 5, 4), {}, [tensor("a", [], [1], INT64)], (5, 4)),
        ("Trilu", (1, 5, 5), {}, [], (5, 5)),
        ("ScatterND", (4, 5), {}, [tensor("i", [1], [1], INT64), tensor("u", [1, 5])], (5,)),
        ("DFT", (1, 16, 1), {"axis": 1}, [], (16, 2)),
        ("DFT", (1, 16, 1), {"axis": 1, "onesided": 1}, [], (9, 2)),
        ("STFT", (1, 64, 1), {}, [tensor("s", [], [16], INT64), tensor("w", [32])], (3, 17, 2)),
        ("STFT", (1, 64, 1), {"onesided": 0}, [tensor("s", [], [16], INT64), tensor("w", [32])], (3, 32, 2)),
        ("Det", (1, 3, 3), {}, [], ()),
        ("CenterCropPad", (1, 3, 8, 8), {"axes": [2, 3]}, [tensor("s", [2], [5, 10], INT64)], (3, 5, 10)),
        ("GlobalLpPool", (1, 3, 8, 8), {}, [], (3, 1, 1)),
        ("Multinomial", (1, 10), {"sample_size": 4}, [], (4,)),
        ("AffineGrid", (1, 2, 3), {}, [tensor("s", [4], [1, 3, 6, 7], INT64)], (6, 7, 2)),
        ("MaxRoiPool", (1, 3, 8, 8), {"pooled_shape": [2, 2]}, [tensor("r", [4, 5])], (4, 3, 2, 2)),
        ("Compress", (1, 5, 4), {"axis": 1}, [tensor("c", [5], [1, 0, 1, 1, 0], BOOL)], (3, 4)),
        ("TfIdfVectorizer", (1, 5), {"ngram_indexes": [0, 1, 6]}, [], (7,)),
        ("OneHot", (1, 5), {}, [FIVE, tensor("v", [2], [0.0, 1.0])], (5, 5)),
        ("SoftmaxCrossEntropyLoss", (2, 5), {}, [tensor("l", [2], [0, 1], INT64)], ()),
    ],
)  # fmt: skip
def test_an_operation_whose_size_follows_from_its_inputs_is_known(op, x, more, weights, due):
    names = [tensor_name(one) for one in weights]
    report = report_of([node(op, ["x", *names], ["y"], **more)], x, weights)
    assert report.rows[-1].output_shape == due
    assert (report.total.params, report.total.macs) == (0, 0) or op in ("ScatterND", "STFT")
    assert ", 0 unknown" in report.notes[0]
    assert not any(row.is_unknown for row in report.rows)


def tensor_name(message):
    return message[message.index(b"B\x01") + 2 :][:1].decode() if b"five" not in message else "five"


def test_a_loss_for_each_label_keeps_their_sizes():
    """Logits of 5 classes at 4 positions, and 4 labels: 4 losses, and 5 × 4 logarithms."""
    one = node("SoftmaxCrossEntropyLoss", ["x", "l"], ["y", "p"], reduction="none")
    labels = node("Cast", ["z"], ["l"], to=7)
    file = model([labels, one], [value("x", (2, 5, 4)), value("z", (2, 4))], [value("y", None), value("p", None)])
    report = shapecalc.load(file).infer()
    assert layers(report) == [("named_operation", (4,)), ("log_softmax", (5, 4))]


def test_windows_that_depend_on_their_length_alone_are_constants():
    nodes = [node("HannWindow", ["n"], ["h"]), node("Mul", ["x", "h"], ["y"])]
    report = report_of(nodes, (1, 3, 16), [tensor("n", [], [16], INT64)])
    assert (report.rows[-1].output_shape, report.total.params) == ((3, 16), 0)


def test_an_operation_follows_the_size_of_its_input():
    """Of any length, as `formula` needs it; its parameters and MACs are none, not unknown."""
    text = "input: [length, 4]\nvars: {length: 5}\nlayers:\n- named_operation: {op_type: cumsum}\n- linear: 3\n"
    network = shapecalc.load(text)
    assert network.infer(vars={"length": 9}).rows[0].output_shape == (9, 4)
    assert network.infer().rows[0].params == 0
    with pytest.raises(LayerError, match="it has neither an input nor output_sizes"):
        find_kind("named_operation")(op_type="eye").output()


def test_a_constant_of_the_graph_is_a_number_of_turns():
    nodes = [
        node("Constant", [], ["m"], value=as_tensor(tensor("", [], [2], INT64))),
        node("Loop", ["m", "", "x"], ["y", "z"], body=turn()),
    ]
    assert report_of(nodes, (1, 8), [MATRIX], ("y", "z")).total.macs == 128


def test_loops_within_loops_are_bounded_together():
    inner = [node("Relu", ["v"], ["b"]), node("Identity", ["c"], ["d"])]
    for _ in range(6):
        body = as_graph(
            graph(inner, [value("i", []), value("c", []), value("v", None)], [value("d", []), value("b", None)])
        )
        inner = [node("Loop", ["m", "", "v"], ["b"], body=body), node("Identity", ["c"], ["d"])]
    loop = node("Loop", ["m", "", "x"], ["y"], body=body)
    with pytest.raises(ShapeError, match="how often it runs is only known when it does"):
        network_of([loop], (1, 8), [tensor("m", [], [1000], INT64)]).infer()


def test_parts_of_negative_sizes_are_none():
    nodes = [node("SplitToSequence", ["x", "q"], ["s"], axis=1), node("ConcatFromSequence", ["s"], ["y"], axis=1)]
    with pytest.raises(ShapeError, match="it cuts 6 into 2 parts"):
        network_of(nodes, (1, 6), [tensor("q", [2], [-1, 7], INT64)]).infer()


def test_the_batch_is_followed_through_a_stack():
    """3 turns × 2 samples × 8 as onnxruntime has it, then samples first, and all of each joined."""
    nodes = [
        node("Loop", ["m", "", "x"], ["v", "z"], body=turn()),
        node("Transpose", ["z"], ["t"], perm=[1, 0, 2]),
        node("Flatten", ["t"], ["y"]),
    ]
    report = report_of(nodes, (2, 8), [tensor("m", [], [3], INT64), MATRIX])
    assert (report.rows[-1].kind, report.rows[-1].output_shape) == ("flatten", (24,))


def test_a_tensor_is_inserted_at_a_position():
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("SequenceInsert", ["s", "r", "p"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=1),
    ]
    report = report_of(nodes, (1, 8), [tensor("p", [], [1], INT64)])
    assert [ref.node for ref in report.rows[-1].node.inputs] == [-1, 0, -1]


@pytest.mark.parametrize(
    ("op", "x", "more", "weights", "due"),
    [
        ("MaxRoiPool", (1, 3, 8, 8), {"pooled_shape": [2, 2]}, tensor("r", [4, 5]), (4, 3, 2, 2)),
        ("SoftmaxCrossEntropyLoss", (1, 5), {}, tensor("r", [1], [0], INT64), ()),
    ],
)
def test_an_output_without_a_batch_has_none(op, x, more, weights, due):
    file = model([node(op, ["x", "r"], ["y"], **more)], [value("x", x)], [value("y", due)], weights=[weights])
    network = shapecalc.load(file)
    assert network.infer().notes[0].endswith("; 1 stated size agrees")


def test_an_operation_on_several_inputs_has_the_size_of_the_first():
    nodes = [node("Relu", ["x"], ["u"]), node("ReduceMean", ["x"], ["v"], axes=[2], keepdims=1)]
    nodes.append(node("ScatterElements", ["u", "i", "v"], ["y"], axis=2))
    report = report_of(nodes, (1, 6, 8), [tensor("i", [1, 6, 1], [0] * 6, INT64)])
    assert layers(report)[-1] == ("named_operation", (6, 8))
    assert len(report.rows[-1].node.inputs) == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_a_list_of_unknown_length_has_the_size_that_is_stated_of_what_is_joined_of_it(batch):
    """As PyTorch's newer exporter writes nn.EmbeddingBag: a loop over bags, whose counter no node uses."""
    nodes = [node("Bags", ["x"], ["count", "list"], domain="own"), node("ConcatFromSequence", ["list"], ["joined"], axis=0),
             node("Cast", ["joined"], ["bags"], to=1), node("MatMul", ["bags", "w"], ["y"])]  # fmt: skip
    stated = [value("bags", [batch, 8])]
    data = model(nodes, [value("x", [batch, 12])], [value("y", None)], weights=[MATRIX], stated=stated)
    report = shapecalc.load(data).infer()
    assert layers(report)[1:] == [("linear", (8,))]
    assert (report.rows[0].kind, report.rows[0].output_shapes[1], report.total.macs) == ("opaque", (8,), 64)
    used = [*nodes, node("Relu", ["count"], ["z"])]
    file = model(used, [value("x", [batch, 12])], [value("y", None), value("z", None)], weights=[MATRIX], stated=stated)
    with pytest.raises(ShapeError, match="the file does not state the size of its output count"):
        shapecalc.load(file).infer()
