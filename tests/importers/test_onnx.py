"""ONNX files: what is read, how it is shown, and what is said of files that are wrong."""

from __future__ import annotations

import contextlib
import random
import struct
import time
import tracemalloc

import pytest
from crafted_onnx import (
    BOOL,
    INT8,
    INT64,
    as_graph,
    as_tensor,
    field,
    function,
    graph,
    model,
    node,
    small,
    tensor,
    value,
    write,
)
from running import run

import shapecalc
from shapecalc.errors import ShapecalcError, ShapeError, SpecError, UsageError


def loaded(data, **options):
    return shapecalc.load(data, **options)


def report_of(data, **options):
    return loaded(data, **options).infer()


def kinds(report):
    return [row.kind for row in report.rows]


def understood(report):
    return next(note for note in report.notes if " shape arithmetic, " in note)


def test_a_file_is_a_specification_for_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, small())
    report = shapecalc.load("model.onnx").infer()
    assert [(row.name, row.kind, row.output_shape) for row in report.rows] == [
        ("body.conv", "conv", (4, 8, 8)), ("body.act", "relu", (4, 8, 8)), ("pool", "global_avg_pool", (4, 1, 1)),
        ("flatten", "flatten", (4,)), ("fc", "linear", (10,)),
    ]  # fmt: skip
    assert (report.name, report.total.params, report.total.macs) == ("model", 112 + 50, 108 * 64 + 40)
    assert understood(report) == "5 nodes: 5 layers, 0 shape arithmetic, 0 unknown; 1 stated size agrees"
    assert list(report.outputs) == ["y"]
    for words in ("summary", "check", "explain", "memory", "sizes", "rf", "formula", "speed --device h100"):
        command, *options = words.split()
        ran = run(command, "model.onnx", *options)
        assert (ran.status, ran.err) == (0, ""), words
    assert "model.onnx: model, 162 parameters" in run("check", "model.onnx").out
    assert "node[0] Conv /body/conv/Conv" in run("explain", "model.onnx", "body.conv").out


def test_a_file_is_found_by_its_first_bytes_or_its_name(tmp_path):
    assert shapecalc.load(write(tmp_path, small(), "network.bin")).infer().total.params == 162
    assert shapecalc.load(small()).infer().total.params == 162
    assert run("summary", "-", text=small()).status == 0
    with pytest.raises(SpecError, match="cannot be read as an ONNX file"):
        shapecalc.load(write(tmp_path, b"layers: [relu]"))


def test_weights_are_not_read(tmp_path):
    dims = [30_000, 5_000]  # 600 MB, which a sparse file has none of
    size = dims[0] * dims[1] * 4
    held = tensor("w", dims, raw=b"")[:-1]
    from crafted_onnx import varint

    held += varint(size)
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    start = graph(nodes, [value("x", [1, dims[0]])], [value("y", [1, dims[1]])])
    inner = start + varint(5 << 3 | 2) + varint(len(held) + size) + held
    path = write(
        tmp_path, field(1, 8) + field(8, field(2, 17)) + varint(7 << 3 | 2) + varint(len(inner) + size) + inner
    )
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size + size)
    tracemalloc.start()
    begin = time.process_time()
    report = shapecalc.load(path).infer()
    seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.total.params == dims[0] * dims[1]
    assert seconds < 1
    assert peak < 5_000_000


def test_equal_tensors_of_several_layers_count_once():
    linear = lambda i, o, bias: node("Gemm", [i, "w", bias], [o], transB=1)  # noqa: E731
    weights = [tensor("w", [4, 4]), tensor("b", [4]), tensor("c", [4])]
    report = report_of(
        model([linear("x", "a", "b"), linear("a", "d", "b"), linear("d", "y", "c")], [value("x", [1, 4])],
              [value("y", [1, 4])], weights=weights)
    )  # fmt: skip
    first, second, third = report.rows
    assert (first.params, second.params, second.shares, third.params) == (20, 0, first.name, 4)
    assert report.total.params == 16 + 4 + 4
    assert report.total.macs == 3 * 16
    assert report.parameter_shapes().keys() == {f"{first.name}.weight", f"{first.name}.bias", f"{third.name}.bias"}


def test_an_unknown_operation_has_the_size_that_the_file_states():
    nodes = [node("Relu", ["x"], ["a"]), node("Warp", ["a"], ["b"], "w", domain="own"), node("Relu", ["b"], ["y"])]
    report = report_of(model(nodes, [value("x", [1, 4, 6])], [value("y", [1, 2, 3])], stated=[value("b", [1, 2, 3])]))
    assert [(row.kind, row.output_shape) for row in report.rows] == [
        ("relu", (4, 6)), ("opaque", (2, 3)), ("relu", (2, 3)),
    ]  # fmt: skip
    assert understood(report) == "3 nodes: 2 layers, 0 shape arithmetic, 1 unknown; 2 stated sizes agree"
    assert any("opaque (own.Warp): its parameters and MACs are unknown" in note for note in report.notes)


def test_without_a_stated_size_everything_before_is_still_reported(tmp_path):
    nodes = [node("Relu", ["x"], ["a"]), node("Warp", ["a"], ["b"], "w", domain="own"), node("Relu", ["b"], ["y"])]
    path = write(tmp_path, model(nodes, [value("x", [1, 4])], [value("y", None)]))
    with pytest.raises(ShapeError) as error:
        shapecalc.load(path).infer()
    assert str(error.value).replace(str(path), "model.onnx") == (
        "model.onnx: node[1] Warp w: w (Warp): own.Warp is not covered, and the file does not state the size of its "
        "output b\n   no layer here does what it does\n   its input is 4 from relu\n"
        "   give it, without the batch: --input b=4"
    )
    assert kinds(error.value.report) == ["relu"]


def test_sizes_that_do_not_fit_are_reported_with_the_node(tmp_path):
    path = write(tmp_path, small(fc_weight=tensor("fc.weight", [10, 5])))
    with pytest.raises(ShapeError) as error:
        shapecalc.load(path).infer()
    assert (
        "model.onnx: node[4] Gemm /fc/Gemm: fc (linear): features of the input (=4) must equal in_features (=5)"
        in str(error.value)
    )
    assert len(error.value.report.rows) == 4
    assert all(not problem.hint for problem in error.value.problems), "hints are on what a person wrote"


def test_a_size_that_the_file_states_wrongly_is_a_warning():
    nodes = [node("Relu", ["x"], ["a"], "r"), node("Relu", ["a"], ["y"])]
    network = loaded(model(nodes, [value("x", [1, 4])], [value("y", [1, 4])], stated=[value("a", [1, 5])]))
    (warning,) = network.warnings
    assert warning.headline == "Relu: the file states the size 1×5 of its output a, but it is 1×4"
    assert understood(network.infer()).endswith("1 stated size agrees, 1 does not (see the warnings)")


def shape_chain(x="x"):
    """Nodes that flatten all axes but the first, as PyTorch's exporter writes x.view(x.size(0), -1)."""
    return [
        node("Shape", [x], ["s"]),
        node("Constant", [], ["zero"], value=as_tensor(tensor("", [], [0], INT64))),
        node("Gather", ["s", "zero"], ["n"]),
        node("Constant", [], ["axes"], value=as_tensor(tensor("", [1], [0], INT64))),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Constant", [], ["rest"], value=as_tensor(tensor("", [1], [-1], INT64))),
        node("Concat", ["n1", "rest"], ["sizes"], axis=0),
        node("Reshape", [x, "sizes"], ["y"]),
    ]


@pytest.mark.parametrize("first", [1, 7, "batch", "N"])
def test_shape_arithmetic_is_folded_and_the_batch_is_left_out(first):
    network = loaded(model(shape_chain(), [value("x", [first, 3, 4, 5])], [value("y", [first, 60])]))
    report = network.infer()
    assert [(row.kind, row.output_shape) for row in report.rows] == [("flatten", (60,))]
    assert understood(report) == "8 nodes: 1 layer, 7 shape arithmetic, 0 unknown; 1 stated size agrees"
    assert ("the batch of 7 in the file is left out" in report.notes) == (first == 7)
    assert [str(size) for size in network.formula(what="output").formulas["output"]["y"]] == ["3*H*W"]


def dynamic():
    return model(shape_chain(), [value("x", ["batch", 3, "height", "width"])], [value("y", ["batch", "n"])])


def test_dynamic_dimensions_are_variables():
    with pytest.raises(SpecError) as error:
        loaded(dynamic())
    assert str(error.value) == (
        "the size of the input x of <bytes> is dynamic: 3×height×width\n"
        '   give it: --input 3x224x224 (input="3x224x224" in Python), or --set height=224 --set width=224'
    )
    assert report_of(dynamic(), vars={"height": 4, "width": 5}).rows[0].output_shape == (60,)
    assert report_of(dynamic(), input="3x4x5").rows[0].output_shape == (60,)
    assert loaded(dynamic(), input="3x4x5").graph.variables == {"height": 4, "width": 5}
    with pytest.raises(UsageError, match="there is no variable heigth to set"):
        loaded(dynamic(), vars={"heigth": 4})
    with pytest.raises(UsageError, match="there is no input z"):
        loaded(dynamic(), input={"z": "3x4x5"})
    text = "the input x is without the batch 3×height×width, or with it batch×3×height×width: not 1×1×3×4×5"
    with pytest.raises(UsageError, match=text):
        loaded(dynamic(), input="1x1x3x4x5")


def halved():
    """Resizing to half of the input's own size, computed by the nodes of the file."""
    ints = lambda name, *numbers: node(  # noqa: E731
        "Constant", [], [name], value=as_tensor(tensor("", [len(numbers)], numbers, INT64))
    )
    return model(
        [node("Shape", ["x"], ["s"]), ints("from", 2), ints("to", 4), node("Slice", ["s", "from", "to"], ["hw"]),
         ints("two", 2), node("Div", ["hw", "two"], ["half"]), ints("nc", 1, 3), node("Concat", ["nc", "half"], ["z"], axis=0),
         node("Resize", ["x", "", "", "z"], ["y"])],
        [value("x", [1, 3, 8, 10])], [value("y", [1, 3, 4, 5])],
    )  # fmt: skip


def test_sizes_that_nodes_compute_follow_the_input_and_formulas_are_refused():
    network = loaded(halved())
    assert network.infer().rows[0].output_shape == (3, 4, 5)
    assert network.infer(input="3x20x16").rows[0].output_shape == (3, 10, 8)
    text = "upsample of <bytes> has numbers that are right for one size of the input only"
    for question in (network.formula, network.legal_sizes):
        with pytest.raises(UsageError, match=text):
            question()
    with pytest.raises(UsageError, match=text):
        shapecalc.solve(network, find={"input": None}, macs="1G")
    swept = shapecalc.sweep(network, input="3x{8:16:4}x=")
    assert [tuple(row) for row in zip(swept["valid"], swept["output"], strict=True)] == [
        (True, "3x4x4"), (True, "3x6x6"), (True, "3x8x8"),
    ]  # fmt: skip


def test_questions_about_many_sizes_are_refused_where_the_size_is_that_of_stored_weights():
    """A product on positions × features: other features would need other weights."""
    data = model([node("MatMul", ["x", "w"], ["y"])], [value("x", [1, 9, 6])], [value("y", [1, 9, 4])],
                 weights=[tensor("w", [6, 4])])  # fmt: skip
    for question in (loaded(data).formula, loaded(data).legal_sizes):
        with pytest.raises(UsageError, match="has weights that are right for one size of the input only"):
            question()
    assert report_of(data).total.params == 24


def test_stored_tensors_of_which_weights_are_computed_are_named():
    """LoRA that is not merged: x·(w + a·b)."""
    nodes = [node("MatMul", ["a", "b"], ["ab"]), node("Add", ["w", "ab"], ["v"]), node("MatMul", ["x", "v"], ["y"])]
    weights = [tensor("w", [6, 4]), tensor("a", [6, 2]), tensor("b", [2, 4])]
    report = report_of(model(nodes, [value("x", [1, 9, 6])], [value("y", None)], weights=weights))
    assert report.total.params == 24
    text = "the weights that the file computes of 3 stored tensors (44 elements) are counted, and not these"
    assert text in report.notes


def fusable(outputs):
    nodes = [
        node("MatMul", ["x", "w"], ["a"], "/fc/MatMul"),
        node("Add", ["b", "a"], ["c"], "/fc/Add"),
        node("Sigmoid", ["c"], ["d"]),
        node("Mul", ["c", "d"], ["y"]),
    ]
    weights = [tensor("w", [6, 4]), tensor("b", [4])]
    return report_of(model(nodes, [value("x", [1, 5, 6])], [value(name, None) for name in outputs], weights=weights))


def test_fusing_changes_no_total():
    fused, whole = fusable(["y"]), fusable(["a", "d", "y"])
    assert (kinds(fused), kinds(whole)) == (["linear", "silu"], ["linear", "bias_add", "sigmoid", "mul"])
    assert fused.total == whole.total
    assert understood(fused).startswith("4 nodes: 4 layers, ")


def test_a_function_stands_for_its_nodes():
    own = function("Block", [node("Relu", ["i"], ["j"]), node("Tanh", ["j"], ["o"], "t")], ["i"], ["o"])
    data = model([node("Block", ["x"], ["y"], "b", domain="own")], [value("x", [1, 4])], [value("y", [1, 4])],
                 functions=[own])  # fmt: skip
    report = report_of(data)
    assert kinds(report) == ["relu", "tanh"]
    assert report.rows[1].node.mark.path == "node[0] Block b: node[1] Tanh t"


def test_a_function_that_stands_for_itself_is_an_error():
    own = function("Block", [node("Block", ["i"], ["o"], domain="own")], ["i"], ["o"])
    data = model([node("Block", ["x"], ["y"], domain="own")], [value("x", [1, 4])], [value("y", [1, 4])],
                 functions=[own])  # fmt: skip
    with pytest.raises(ShapeError, match="functions are nested more than 16 deep"):
        report_of(data)


@pytest.mark.parametrize(("condition", "kind"), [(True, "relu"), (False, "tanh")])
def test_the_branch_of_a_known_condition_is_taken(condition, kind):
    branches = {
        name: as_graph(graph([node(op, ["x"], [name])], [], [value(name, None)]))
        for name, op in (("then_branch", "Relu"), ("else_branch", "Tanh"))
    }
    data = model([node("If", ["c"], ["y"], **branches)], [value("x", [1, 4])], [value("y", [1, 4])],
                 weights=[tensor("c", [], [condition], BOOL)])  # fmt: skip
    assert kinds(report_of(data)) == [kind]


def test_quantised_weights_are_parameters():
    nodes = [
        node("DequantizeLinear", ["q", "s", "z"], ["w"]),
        node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        node("Conv", ["xd", "w"], ["y"]),
    ]
    weights = [tensor("q", [4, 3, 3, 3], kind=INT8), tensor("s", [], [0.5]), tensor("z", [], [0], INT8)]
    report = report_of(model(nodes, [value("x", [1, 3, 8, 8])], [value("y", [1, 4, 6, 6])], weights=weights))
    assert (kinds(report), report.total.params) == (["conv"], 108)


def test_lengths_may_come_before_the_batch():
    weights = [tensor("w", [1, 16, 3]), tensor("r", [1, 16, 4]), tensor("b", [1, 32])]
    nodes = [node("LSTM", ["x", "w", "r", "b"], ["y", "h"], hidden_size=4)]
    report = report_of(model(nodes, [value("x", [7, 2, 3])], [value("y", [7, 1, 2, 4])], weights=weights))
    assert report.rows[0].output_shapes[0] == (7, 4)
    assert report.total.params == 16 * 3 + 16 * 4 + 32
    assert report.total.macs == 7 * (16 * 3 + 16 * 4)
    assert report.rows[-1].output_shape == (7, 1, 4)


def test_names_are_unique_and_blocks_are_those_of_the_names():
    nodes = [
        node("Relu", ["x"], ["a"], "/layer1/layer1.0/act/Relu"),
        node("Relu", ["a"], ["b"], "/layer1/layer1.0/act_1/Relu"),
        node("Relu", ["b"], ["c"], "/layer1/layer1.1/Relu"),
        node("Relu", ["c"], ["d"], "same"),
        node("Relu", ["d"], ["y"], "same"),
    ]
    report = report_of(model(nodes, [value("x", [1, 4])], [value("y", [1, 4])]))
    assert [row.name for row in report.rows] == ["layer1.0.act", "layer1.0.act_1", "layer1.1", "same", "same_2"]
    assert [block.name for block in report.graph.blocks] == ["layer1", "layer1.0"]


def test_a_layer_that_is_alone_in_its_blocks_has_their_whole_name():
    """A convolution into which its normalisation was folded is `b1.conv`, as in the module."""
    nodes = [node("Relu", ["x"], ["a"], "/b1/conv/Relu"), node("Relu", ["a"], ["b"], "/b2/conv/Relu"),
             node("Relu", ["b"], ["y"], "/fc/Relu")]  # fmt: skip
    report = report_of(model(nodes, [value("x", [1, 4])], [value("y", None)]))
    assert [row.name for row in report.rows] == ["b1.conv", "b2.conv", "fc"]


def test_a_node_without_modules_has_those_in_the_names_of_its_weights(tmp_path):
    names = ["features.0.0.weight", "features.0.0.bias", "features.0.1.weight", "w", "a.weight", "b.bias"]
    sizes = [[4, 4, 1, 1], [4], [4, 4, 1, 1], [4, 4, 1, 1], [4, 4, 1, 1], [4]]
    nodes = [
        node("Conv", ["x", *names[:2]], ["a"], "node_conv2d"),
        node("Conv", ["a", names[2]], ["b"], "node_conv2d_1"),
        node("Conv", ["b", names[3]], ["c"], "node_conv2d_2"),
        node("Conv", ["c", *names[4:]], ["y"], "node_conv2d_3"),
    ]
    weights = [tensor(name, dims, [0.0] * 4 ** min(len(dims), 2)) for name, dims in zip(names, sizes, strict=True)]
    data = model(nodes, [value("x", [1, 4, 8, 8])], [value("y", None)], weights=weights)
    report = report_of(data)
    assert [row.name for row in report.rows] == ["features.0.0", "features.0.1", "conv2d_2", "conv2d_3"]
    path = str(write(tmp_path, data))
    differences = run("weights", path, "--against", path).out
    assert "6 tensors of the same name and size." in differences
    assert "1 block collapsed" in run("summary", path, "--depth", "1").out


WRONG = {
    "": "it is empty",
    "version https://git-lfs.github.com/spec/v1\n": "it is a pointer of Git LFS, not the file: fetch it with git lfs pull",
    "<!DOCTYPE html>": "it is a web page: the download failed, and its text says why",
    "PK\3\4zip": "it is a zip archive: unpack it first",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_onnx_file_says_what_it_is(text, tmp_path):
    path = write(tmp_path, text.encode())
    with pytest.raises(SpecError) as error:
        shapecalc.load(path)
    first = str(error.value).splitlines()[0]
    assert first == f"{path} cannot be read as an ONNX file: {WRONG[text]}"


def nested(depth):
    inner = graph([node("Relu", ["x"], ["y"])], [], [value("y", None)])
    for _ in range(depth):
        inner = graph([node("If", ["c"], ["y"], then_branch=as_graph(inner))], [], [value("y", None)])
    return field(1, 8) + field(7, inner)


HOSTILE = {
    "messages are nested more than 48 deep": nested(60),
    "the tensor fc.weight has the impossible size 3×-4": small(fc_weight=tensor("fc.weight", [3, -4])),
    "the tensor fc.weight has the impossible size 1152921504606846976×4": small(
        fc_weight=tensor("fc.weight", [2**60, 4])
    ),
    "the tensor conv.bias holds 8 bytes, but its size 4 is 16": small(
        conv_bias=tensor("conv.bias", [4], raw=b"12345678")
    ),
    "a number is longer than 64 bits": field(1, 8) + b"\x3a" + b"\xff" * 11,
    "there is a field of the unknown wire type 7": field(1, 8) + field(2, "tests") + b"\x47\x00",
    "it has no graph": field(1, 8) + field(2, "tests") + field(8, field(2, 17)),
}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_files_are_errors(text):
    with pytest.raises(SpecError) as error:
        loaded(HOSTILE[text])
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("Relu", ["nowhere"], ["y"])], "its input nowhere is the output of no node before it"),
        (
            [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"])],
            "its input a depends on itself, in a cycle: node[0] Relu →",
        ),
        ([node("Transpose", ["x"], ["y"], perm=[0, 0])], "its perm [0, 0] is not an order of the 2 axes of its input"),
        ([node("Conv", ["x", "w"], ["y"])], "own"),
        ([node("Flatten", ["x"], ["y"], axis=9)], ""),
        ([node("Softmax", ["x"], ["y"], axis=-7)], "there is no axis -7: its input has 2 axes"),
        ([node("Relu", ["x"], ["y"], "r"), node("Concat", ["x", "y"], ["z"], axis=5)], "there is no axis 5"),
    ],
)
def test_nodes_that_cannot_be_are_reported(nodes, text):
    data = model(nodes, [value("x", [1, 4])], [value("y", None)], weights=[tensor("w", [4, 4])])
    try:
        report_of(data)
    except ShapeError as error:
        assert "node[" in str(error)  # noqa: PT017
        assert text in str(error) or text == "own"  # noqa: PT017


def test_every_beginning_of_a_file_is_an_error_or_a_network():
    data = small()
    for length in range(1, len(data)):
        with contextlib.suppress(ShapecalcError):
            loaded(data[:length]).infer()


@pytest.mark.parametrize("seed", range(4))
def test_changed_files_are_errors_or_networks(seed):
    chance = random.Random(seed)
    files = [small(), dynamic(), halved(), model(shape_chain(), [value("x", [7, 3, 4, 5])], [value("y", [7, 60])])]
    for _ in range(150):
        data = bytearray(chance.choice(files))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        with contextlib.suppress(ShapecalcError):
            loaded(bytes(data)).infer()


def test_ten_thousand_nodes_are_quick():
    nodes = [node("Relu", [f"t{i}"], [f"t{i + 1}"], f"/block{i // 100}/Relu_{i}") for i in range(10_000)]
    data = model(nodes, [value("t0", [1, 4])], [value("t10000", [1, 4])])
    begin = time.process_time()
    report = report_of(data)
    assert len(report.rows) == 10_000
    assert time.process_time() - begin < 5


def floats(number, name, *values):
    """An attribute that is a list of fractions."""
    return field(5, field(1, name) + b"".join(field(7, struct.pack("<f", one)) for one in values) + field(20, 6))


OLDER = [
    (6, node("Clip", ["x"], ["y"], min=0.0, max=6.0), (6, 8, 10), "relu6"),
    (7, node("Slice", ["x"], ["y"], axes=[2, 3], starts=[1, -4], ends=[7, 9999]), (6, 6, 4), "slice"),
    (7, node("Pad", ["x"], ["y"], pads=[0, 0, 1, 2, 0, 0, 3, 4]), (6, 12, 16), "pad"),
    (7, node("Upsample", ["x"], ["y"]) + floats(7, "scales", 1.0, 1.0, 2.0, 1.5), (6, 16, 15), "upsample"),
    (9, node("Upsample", ["x", "scales"], ["y"]), (6, 16, 15), "upsample"),
    (10, node("Resize", ["x", "scales"], ["y"]), (6, 16, 15), "upsample"),
    (11, node("Resize", ["x", "", "scales"], ["y"]), (6, 16, 15), "upsample"),
    (19, node("Resize", ["x", "", "", "sizes"], ["y"], axes=[2, 3]), (6, 4, 5), "upsample"),
    (7, node("Unsqueeze", ["x"], ["y"], axes=[2]), (6, 1, 8, 10), "unsqueeze"),
    (13, node("Unsqueeze", ["x", "two"], ["y"]), (6, 1, 8, 10), "unsqueeze"),
    (7, node("Split", ["x"], ["y", "z"], axis=1, split=[2, 4]), (2, 8, 10), "split"),
    (18, node("Split", ["x"], ["y", "z"], axis=1, num_outputs=2), (3, 8, 10), "chunk"),
    (7, node("TopK", ["x"], ["y", "z"], axis=2, k=3), (6, 3, 10), "top_k"),
    (7, node("ReduceSum", ["x"], ["y"], axes=[1], keepdims=0), (8, 10), "sum"),
    (13, node("ReduceSum", ["x", "two"], ["y"]), (6, 1, 10), "sum"),
    (7, node("ReduceMean", ["x"], ["y"], axes=[2, 3]), (6, 1, 1), "global_avg_pool"),
    (11, node("Softmax", ["x"], ["y"]), (6, 8, 10), "softmax"),
    (
        7,
        node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        (6, 4, 5),
        "max_pool",
    ),
    (10, node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), (6, 4, 5), "avg_pool"),
    (13, node("DepthToSpace", ["x4"], ["y"], blocksize=2), (1, 16, 20), "pixel_shuffle"),
]
"""The version, a node, its output for an input of 6×8×10 (ONNX 1.23.2, shape inference of that version), and the layer."""


@pytest.mark.parametrize(("opset", "one", "size", "kind"), OLDER)
def test_every_version_of_an_operation_is_read(opset, one, size, kind):
    weights = [
        tensor("scales", [4], [1, 1, 2, 1.5]),
        tensor("sizes", [2], [4, 5], INT64),
        tensor("two", [1], [2], INT64),
    ]
    inputs = [value("x", [1, 6, 8, 10])] if b"x4" not in one else [value("x4", [1, 4, 8, 10])]
    report = report_of(model([one], inputs, [value("y", None)], weights=weights, opset=opset))
    assert (report.rows[-1].kind, report.rows[-1].output_shapes[0]) == (kind, size)


def of_one_node(one, size=(1, 3, 8, 10), due=None, weights=(), more=()):
    """The report of a network of one node, whose output the file states to be of size `due`."""
    data = model([one], [value("x", size), *more], [value("y", due)], weights=weights)
    network = loaded(data)
    assert network.warnings == ()
    return network.infer()


def test_a_product_may_have_its_weights_in_either_order():
    plain, turned = (
        of_one_node(node("Gemm", ["x", "w"], ["y"], transB=turn), (1, 6), (1, 4), [tensor("w", size)])
        for turn, size in ((0, [6, 4]), (1, [4, 6]))
    )
    assert plain.total == turned.total


def test_whole_numbers_are_divided_towards_zero():
    ints = [tensor(name, [1], [number], INT64) for name, number in (("a", -7), ("b", 2), ("end", 99), ("axis", 2))]
    nodes = [node("Div", ["a", "b"], ["half"]), node("Mul", ["half", "b"], ["start"]),
             node("Slice", ["x", "start", "end", "axis"], ["y"])]  # fmt: skip
    report = report_of(model(nodes, [value("x", [1, 3, 8, 10])], [value("y", [1, 3, 6, 10])], weights=ints))
    assert report.rows[0].output_shape == (3, 6, 10)


def test_stated_sizes_are_those_of_the_files_own_input():
    nodes = [node("Warp", ["x"], ["y"], domain="own")]
    network = loaded(model(nodes, [value("x", [1, 3, 8, 8])], [value("y", [1, 3, 4, 4])]))
    assert network.infer().rows[0].output_shape == (3, 4, 4)
    with pytest.raises(ShapeError, match="does not state the size of its output for other sizes of the inputs"):
        network.infer(input="3x16x16")
    with pytest.raises(UsageError, match="has numbers that are right for one size of the input only"):
        network.legal_sizes()


def test_the_batch_is_followed_where_an_axis_before_it_goes_or_comes():
    summed = node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)
    axes = tensor("axes", [1], [0], INT64)
    assert of_one_node(summed, (7, 1, 3), (1, 3), [axes]).rows[0].output_shape == (3,)
    places = tensor("i", [2, 2], [0, 1, 2, 3], INT64)
    picked = node("Gather", ["x", "i"], ["y"], axis=0)
    assert of_one_node(picked, (7, 1, 3), (2, 2, 1, 3), [places]).rows[-1].output_shape == (2, 2, 3)
    given = value("i", [2, 2], INT64)
    assert of_one_node(picked, (7, 1, 3), (2, 2, 1, 3), more=[given]).rows[-1].output_shape == (2, 2, 3)


def test_a_size_that_is_inferred_stays_so():
    shape = tensor("s", [4], [0, 6, -1, 5], INT64)
    report = of_one_node(node("Reshape", ["x", "s"], ["y"]), due=(1, 6, 8, 5), weights=[shape])
    assert report.rows[0].arguments["shape"] == [6, -1, 5]


def test_a_learned_tensor_may_be_broadcast_or_broadcast_others():
    report = of_one_node(node("Add", ["x", "w"], ["y"]), (1, 4, 1), (1, 4, 5), [tensor("w", [5])])
    assert (kinds(report), report.total.params) == (["parameter", "add"], 5)
    with pytest.raises(ShapeError, match="its inputs 4×3 and 2×3 differ along the batch axis"):
        of_one_node(node("Mul", ["x", "w"], ["y"]), (4, 3), None, [tensor("w", [2, 3])])


def test_what_onnx_itself_refuses_is_said():
    nodes = [node("Relu", ["x"], ["a"]), node("Tanh", ["x"], ["a"], "again"), node("Relu", ["a"], ["y"])]
    with pytest.raises(ShapeError, match="its output a is also that of a node before it") as error:
        report_of(model(nodes, [value("x", [1, 4])], [value("y", [1, 4])]))
    assert "node[1] Tanh again" in str(error.value)
    network = loaded(model([node("Relu", ["x"], ["y"])], [value("x", [1, 4])], [value("y", None), value("z", None)]))
    (warning,) = network.warnings
    assert warning.headline == "the output z of <bytes> is the output of none of its nodes"
    assert network.infer().total.params == 0


@pytest.mark.parametrize(("opset", "is_noted"), [(6, True), (7, False), (24, False), (25, True)])
def test_other_versions_of_operations_are_noted(opset, is_noted):
    report = report_of(model([node("Relu", ["x"], ["y"])], [value("x", [1, 4])], [value("y", None)], opset=opset))
    note = f"the file is of opset {opset}: operations are read as in opsets 7 to 24"
    assert (note in report.notes) == is_noted


def test_what_is_wrong_with_a_whole_file_has_no_byte():
    for data, text in ((HOSTILE["it has no graph"], "it has no graph"),):
        with pytest.raises(SpecError) as error:
            loaded(data)
        assert str(error.value).splitlines()[0] == f"<bytes> cannot be read as an ONNX file: {text}"


def calls(name, of, count):
    """A function that calls another one so often, one after the other; or Relu."""
    words = {"domain": "own"} if of != "Relu" else {}
    return function(name, [node(of, [f"t{i}"], [f"t{i + 1}"], **words) for i in range(count)], ["t0"], [f"t{count}"])


@pytest.mark.parametrize(("depth", "each"), [(15, 2), (16, 2), (3, 37)])
def test_functions_that_stand_for_very_many_nodes_are_an_error_before_any_is_read(monkeypatch, depth, each):
    """2^15, 2^16 and 37^3 calls of Relu."""
    ran = []
    monkeypatch.setattr("shapecalc.importers.onnx.inlining.with_attributes", lambda one, *_: ran.append(one) or one)
    own = [calls(f"F{i}", f"F{i - 1}" if i else "Relu", each) for i in range(depth)]
    data = model(
        [node(f"F{depth - 1}", ["x"], ["y"], domain="own")], [value("x", [1, 4])], [value("y", None)], functions=own
    )
    with pytest.raises(ShapeError, match=f"F{depth - 1}: its functions stand for more than 50,000 nodes"):
        shapecalc.load(data).infer()
    assert not ran


def test_functions_that_are_called_one_after_the_other_count_together(monkeypatch):
    monkeypatch.setattr("shapecalc.importers.onnx.inlining._MOST_INLINED", 500)
    own = [calls("F0", "Relu", 20), calls("F1", "F0", 20)]
    nodes = [node("F1", [name], [after], domain="own") for name, after in (("x", "t"), ("t", "y"))]
    with pytest.raises(ShapeError, match=r"node\[1\] F1: its functions stand for more than 500 nodes"):
        shapecalc.load(model(nodes, [value("x", [1, 4])], [value("y", None)], functions=own)).infer()


def test_a_function_that_calls_itself_very_often_is_an_error_at_once():
    own = [calls("F", "F", 30)]
    data = model([node("F", ["x"], ["y"], domain="own")], [value("x", [1, 4])], [value("y", None)], functions=own)
    with pytest.raises(ShapeError, match="nested more than 16 deep"):
        shapecalc.load(data).infer()


def test_the_functions_of_a_cycle_are_named():
    own = [function("A", [node("B", ["i"], ["o"], domain="own")], ["i"], ["o"]),
           function("B", [node("A", ["i"], ["o"], domain="own")], ["i"], ["o"])]  # fmt: skip
    data = model([node("A", ["x"], ["y"], domain="own")], [value("x", [1, 4])], [value("y", None)], functions=own)
    with pytest.raises(ShapeError, match="A → B → A → B"):
        report_of(data)


def test_values_that_are_too_many_are_not_said_to_be_data():
    shape = tensor("s", [5000], [1] * 5000, INT64)
    data = model([node("Reshape", ["x", "s"], ["y"])], [value("x", [1, 4])], [value("y", None)], weights=[shape])
    with pytest.raises(ShapeError, match="its input s has 5,000 elements, and the values of at most 4,096 are read"):
        report_of(data)
    elsewhere = tensor("s", [2], kind=INT64)
    data = model([node("Reshape", ["x", "s"], ["y"])], [value("x", [1, 4])], [value("y", None)], weights=[elsewhere])
    with pytest.raises(ShapeError, match="its input s is a constant whose values are not in the file"):
        report_of(data)


def test_a_pipe_is_limited_and_says_so(monkeypatch):
    monkeypatch.setattr("shapecalc.language.files.MAX_BYTES", len(small()) - 50)
    monkeypatch.setattr("shapecalc.language.members.MAX_BYTES", len(small()) - 50)
    ran = run("summary", "-", text=small())
    assert ran.err == (
        "standard input has more than 0 MiB, which is as much as is read of a pipe\n"
        "   name the file: then only what is needed of it is read\n"
    )
