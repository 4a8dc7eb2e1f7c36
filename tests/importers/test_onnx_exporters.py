"""ONNX files as both exporters of PyTorch write them: lengths, batches, first states, and tensors that they compute.

The files of the newer exporter are made here with the nodes, sizes and metadata that PyTorch 2.13 writes; those of the
older one are exported. MACs are those that PyTorch counts for one sample.
"""

from __future__ import annotations

import io

import pytest
from crafted_onnx import FLOAT, INT64, as_tensor, field, graph, model, node, tensor, value
from running import run

import shapecalc
from shapecalc.errors import ShapeError, SpecError, UsageError

GATES = {"LSTM": 4, "GRU": 3}


def recurrent(op, x, target=(5, -1, 16), hidden=16, more=()):
    """As torch.onnx.export(…, dynamo=True) writes nn.LSTM(8, 16) with an example of length 5."""
    rows = GATES[op] * hidden
    weights = [tensor("w", [1, rows, 8]), tensor("r", [1, rows, hidden]), tensor("b", [1, 2 * rows]),
               tensor("to", [len(target)], target, INT64), *more]  # fmt: skip
    nodes = [
        node(op, ["x", "w", "r", "b"], ["all", "h"], hidden_size=hidden, layout=0),
        node("Transpose", ["all"], ["t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t", "to"], ["y"], allowzero=1),
    ]
    return model(nodes, [value("x", x)], [value("y", (5, x[1], hidden)), value("h", None)], weights=weights)


@pytest.mark.parametrize("op", ["LSTM", "GRU"])
@pytest.mark.parametrize(
    "x", [("s31", "s81", 8), ("length", "batch", 8), ("s31", 3, 8), (5, "batch", 8), (5, "s81", 8), (5, 3, 8)]
)
@pytest.mark.parametrize(("given", "length"), [("5x8", 5), ("9x8", 9), ("9x3x8", 9)])
def test_a_recurrent_layer_of_the_newer_exporter_opens_with_any_length_and_batch(op, x, given, length):
    """It states the layout, and writes the length of its example into the sizes: the module is right for others."""
    report = shapecalc.load(recurrent(op, x), input=given).infer()
    assert report.outputs == {"y": (length, 16), "h": (1, 16)}
    assert report.total.macs == length * GATES[op] * 16 * (8 + 16)
    assert [row.kind for row in report.rows] == [op.lower()]
    assert not report.graph.includes_batch


def test_the_size_that_an_error_names_opens_the_file():
    with pytest.raises(SpecError, match="is dynamic: s31×8\n   give it: --input 128x8 "):
        shapecalc.load(recurrent("LSTM", ("s31", "s81", 8)))
    network = shapecalc.load(recurrent("LSTM", ("s31", "s81", 8)), input="128x8")
    assert network.infer().outputs["y"] == (128, 16)
    assert not network.warnings  # the file states 5×s81×16 of y, with the length of its example
    assert "do not" not in str(network.infer())


def test_a_recurrent_layer_of_a_static_file_has_other_lengths():
    """The file states the batch too: with dynamo=True and no dynamic_shapes."""
    report = shapecalc.load(recurrent("LSTM", (5, 3, 8), (5, 3, 16)), input="9x8").infer()
    assert (report.outputs["y"], [row.kind for row in report.rows]) == ((9, 16), ["lstm"])


def test_a_recurrent_layer_whose_gates_the_file_orders():
    """Of more than 1,024 elements: the newer exporter writes how it orders them, and does not do it itself."""
    at = {f"at{i}": tensor(f"at{i}", [1], [i], INT64) for i in (0, 16, 32, 48, 64)}
    parts = {"i": (0, 16), "f": (16, 32), "g": (32, 48), "o": (48, 64)}
    nodes = []
    for side, stored in (("w", "r.weight_ih_l0"), ("r", "r.weight_hh_l0")):
        cut = [node("Slice", [stored, f"at{low}", f"at{high}", "at0"], [f"{side}.{gate}"])
               for gate, (low, high) in parts.items()]  # fmt: skip
        joined = node("Concat", [f"{side}.{gate}" for gate in "iofg"], [f"{side}.iofg"], axis=0)
        nodes += [*cut, joined, node("Unsqueeze", [f"{side}.iofg", "at0"], [side])]
    nodes += [node("LSTM", ["x", "w", "r", "b"], ["first", "h"], hidden_size=16),
              node("Squeeze", ["first", "one"], ["y"])]  # fmt: skip
    weights = [*at.values(), tensor("one", [1], [1], INT64), tensor("b", [1, 128])]
    stored = [tensor("r.weight_ih_l0", [64, 8]), tensor("r.weight_hh_l0", [64, 16])]
    report = shapecalc.load(
        model(nodes, [value("x", [5, 1, 8])], [value("y", None)], weights=[*weights, *stored])
    ).infer()
    assert [row.kind for row in report.rows] == ["lstm"]
    assert (report.outputs["y"], report.total.params) == ((5, 16), 64 * 8 + 64 * 16 + 128)
    assert report.total.macs == 5 * 64 * (8 + 16)
    assert not any("the weights that the file computes" in note for note in report.notes)


def of_two_products(made, stored):
    """The parameters of two products, each with a weight of 8×8 that these nodes make."""
    ints = [tensor(f"at{i}", [1], [i], INT64) for i in (0, 1, 4, 8, 9)]
    nodes = [*made, node("MatMul", ["x", "v"], ["h"]), node("MatMul", ["h", "w"], ["y"])]
    data = model(nodes, [value("x", [1, 3, 8])], [value("y", None)], weights=[*ints, tensor("stored", stored)])
    return shapecalc.load(data).infer().total.params


def cut_rows(name, low, high):
    return node("Slice", ["stored", f"at{low}", f"at{high}", "at0"], [name])


def test_a_weight_whose_rows_two_layers_order_anew_counts_once():
    halves = [cut_rows("top", 0, 4), cut_rows("bottom", 4, 8)]
    joined = [node("Concat", ["bottom", "top"], [name], axis=0) for name in "vw"]
    assert of_two_products([*halves, *joined], [8, 8]) == 64


def test_parts_of_a_stored_tensor_count_in_each_layer():
    assert of_two_products([cut_rows("v", 0, 8), cut_rows("w", 1, 9)], [9, 8]) == 128


@pytest.mark.parametrize(
    ("target", "size"), [((5, 3, 4, 4), (5, 4, 4)), ((5, 3, -1, 2), (5, 8, 2)), ((15, 16), (5, 16)), ((5, 48), (5, 16))]
)
def test_a_reshape_that_does_more_than_join_the_directions_is_done(target, size):
    report = shapecalc.load(recurrent("GRU", (5, 3, 8), target)).infer()
    assert report.outputs["y"] == size
    assert len(report.rows) > 1


def metadata(name, dims, *sources):
    """The stated size of a tensor that the newer exporter has computed of others."""
    texts = "[" + ", ".join(f"'{one}'" for one in sources) + "]"
    entry = field(1, "pkg.onnxscript.optimizer.folded_from") + field(2, texts)
    return value(name, dims) + field(4, entry)


def exported(nodes, x, weights, parameters, folded):
    """A file with the metadata of the newer exporter."""
    text = "".join(f"p_{i}: PARAMETER target='{name}'\n" for i, name in enumerate(parameters))
    entry = field(1, "pkg.torch.export.ExportedProgram.graph_signature") + field(2, "# inputs\n" + text)
    inner = graph(nodes, [value("x", x)], [value("y", None)], weights, [metadata(*one) for one in folded])
    return field(1, 8) + field(7, inner + field(16, entry)) + field(8, field(2, 20))


def group_norm(scale=(1.0,) * 4, shift=(0.0,) * 4):
    """nn.GroupNorm(4, 8): ones and zeros for each group, then its own weight and bias."""
    nodes = [
        node("Reshape", ["x", "to"], ["a"]), node("InstanceNormalization", ["a", "ones", "zeros"], ["b"]),
        node("Reshape", ["b", "back"], ["c"]), node("Mul", ["c", "w"], ["d"]), node("Add", ["d", "v"], ["y"]),
    ]  # fmt: skip
    weights = [
        tensor("to", [3], [0, 4, -1], INT64), tensor("back", [4], [1, 8, 14, 14], INT64),
        tensor("ones", [4], scale), tensor("zeros", [4], shift),
        tensor("w", [8, 1, 1], [1.0] * 8), tensor("v", [8, 1, 1], [0.0] * 8),
    ]  # fmt: skip
    return nodes, (1, 8, 14, 14), weights


def test_ones_and_zeros_in_bfloat16_are_read():
    nodes, size, _ = group_norm()
    ints = [tensor("to", [3], [0, 4, -1], INT64), tensor("back", [4], [1, 8, 14, 14], INT64)]
    stored = {
        "ones": ([4], b"\x80\x3f" * 4),
        "zeros": ([4], bytes(8)),
        "w": ([8, 1, 1], bytes(16)),
        "v": ([8, 1, 1], bytes(16)),
    }
    folded = [
        ("ones", (4,), "val_0"),
        ("zeros", (4,), "val_1"),
        ("w", (8, 1, 1), "g.weight"),
        ("v", (8, 1, 1), "g.bias"),
    ]
    for one, params in ((b"\x80\x3f", 16), (b"\x00\x3f", 20)):  # a half is a scale
        stored["ones"] = [4], one * 4
        weights = [*ints, *(tensor(name, dims, kind=16, raw=raw) for name, (dims, raw) in stored.items())]
        report = shapecalc.load(exported(nodes, size, weights, ["g.weight", "g.bias"], folded)).infer()
        assert report.total.params == params


def test_a_table_that_is_stored_again_as_its_transpose_counts_once():
    """The output projection of GPT-2, which is its embedding: PyTorch's newer exporter stores both."""
    nodes = [node("Gather", ["t", "x"], ["e"]), node("MatMul", ["e", "val_1"], ["y"])]
    weights = [tensor("t", [30, 8], [0.1 * i for i in range(240)]), tensor("val_1", [8, 30], [0.2] * 240)]
    file = exported(nodes, (1, 6), weights, ["t"], [("val_1", (8, 30), "t")])
    report = shapecalc.load(file).infer()
    assert (report.total.params, report.total.macs) == (240, 6 * 240)


@pytest.mark.parametrize(("name", "is_same", "params"), [
    ("onnx::MatMul_9", True, 240), ("onnx::MatMul_9", False, 480), ("out.weight", True, 480),
])  # fmt: skip
def test_a_table_whose_transpose_the_older_exporter_stored_counts_once(name, is_same, params):
    """The output projection of T5, by its elements: those that a module has itself are its own."""
    table = [0.1 * i for i in range(240)]
    turned = [table[8 * row + column] for column in range(8) for row in range(30)]
    weights = [tensor("t", [30, 8], table), tensor(name, [8, 30], turned if is_same else table)]
    nodes = [node("Gather", ["t", "x"], ["e"]), node("MatMul", ["e", name], ["y"])]
    file = model(nodes, [value("x", (1, 6), INT64)], [value("y", (1, 6, 30))], weights=weights)
    report = shapecalc.load(file).infer()
    assert (report.total.params, report.total.macs) == (params, 6 * 240)


def test_equal_elements_do_not_say_that_weights_are_tied():
    weights = [tensor("t", [30, 8], [0.0] * 240), tensor("onnx::MatMul_9", [8, 30], [0.0] * 240)]
    nodes = [node("Gather", ["t", "x"], ["e"]), node("MatMul", ["e", "onnx::MatMul_9"], ["y"])]
    file = model(nodes, [value("x", (1, 6), INT64)], [value("y", (1, 6, 30))], weights=weights)
    assert shapecalc.load(file).infer().total.params == 480


@pytest.mark.parametrize(("sources", "params"), [((("g.weight", "val_1"), ("g.bias",)), 16), ((("val_2",), ()), 0)])
def test_the_ones_and_zeros_of_a_group_norm_are_no_parameters_but_its_weight_and_bias_are(sources, params):
    """Without affine PyTorch 2.13 multiplies with stored ones as well."""
    w, v = sources
    parameters = ["g.weight", "g.bias"] if params else ["c.weight"]
    folded = [("ones", (4,), "val_0"), ("zeros", (4,), "val_1"), ("w", (8, 1, 1), *w), ("v", (8, 1, 1), *v)]
    report = shapecalc.load(exported(*group_norm(), parameters, folded)).infer()
    assert report.total.params == params


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_first_state_and_what_is_computed_of_it_are_no_parameters_and_of_each_sample(batch):
    """nn.RNNCell(8, 10) over two steps: the first product of the state is stored as `linear_1`."""
    nodes = [
        node("Gather", ["x", "zero"], ["a"], axis=0), node("Gemm", ["a", "c.weight_ih", "c.bias_ih"], ["b"], transB=1),
        node("Add", ["b", "linear_1"], ["s"]), node("Tanh", ["s"], ["h"]),
        node("Gather", ["x", "one"], ["d"], axis=0), node("Gemm", ["d", "c.weight_ih", "c.bias_ih"], ["e"], transB=1),
        node("Gemm", ["h", "c.weight_hh", "c.bias_hh"], ["f"], transB=1), node("Add", ["e", "f"], ["y"]),
    ]  # fmt: skip
    own = {"c.weight_ih": [10, 8], "c.weight_hh": [10, 10], "c.bias_ih": [10], "c.bias_hh": [10]}
    weights = [tensor(name, dims) for name, dims in own.items()]
    weights += [tensor("linear_1", [batch, 10], [0.5] * 10 * batch), *positions()]
    folded = [("linear_1", (batch, 10), "c.bias_hh", "c.weight_hh", "zeros")]
    report = shapecalc.load(exported(nodes, (2, batch, 8), weights, own, folded)).infer()
    assert (report.total.params, report.total.macs) == (200, 2 * 80 + 100)
    assert (report.outputs, report.graph.includes_batch) == ({"y": (10,)}, False)


def positions():
    return [tensor("zero", [], [0], INT64), tensor("one", [], [1], INT64)]


@pytest.mark.parametrize(
    ("sources", "params"), [(("m.weight",), 80), (("m.weight", "m.scale"), 80), (("val_1",), 0), (("m.scale",), 80)]
)
@pytest.mark.parametrize("is_stored", [False, True])
def test_what_is_computed_of_a_parameter_stands_for_it_where_it_is_not_stored(sources, params, is_stored):
    """A transposed weight that is stored too, as that of a table, still counts."""
    nodes = [node("Mul", ["x", "val_0"], ["y"])]
    weights = [tensor("val_0", [8, 10])] + ([tensor("m.weight", [10, 8]), tensor("m.scale", [10])] if is_stored else [])
    file = exported(nodes, (1, 8, 10), weights, ["m.weight", "m.scale"], [("val_0", (8, 10), *sources)])
    due = 0 if is_stored and "m.scale" in sources else params
    assert shapecalc.load(file).infer().total.params == due


def test_a_file_without_metadata_is_read_as_before():
    nodes, x, weights = group_norm()
    file = model(nodes, [value("x", x)], [value("y", None)], weights=weights)
    assert shapecalc.load(file).infer().total.params == 24


def rows(values, batch, more=()):
    """A constant times a weight, added to the second of two steps of an input."""
    nodes = [
        node("Constant", [], ["h0"], value=as_tensor(tensor("", [len(values) // 8, 8], values, FLOAT))),
        node("Gemm", ["h0", "r"], ["a"], transB=1), node("Gather", ["x", "one"], ["b"], axis=0),
        node("Gemm", ["b", "w"], ["c"], transB=1), node("Add", ["a", "c"], ["y"]),
    ]  # fmt: skip
    weights = [tensor("r", [6, 8]), tensor("w", [6, 4]), *positions()]
    return shapecalc.load(model(nodes, [value("x", (5, batch, 4))], [value("y", (batch, 6))], weights=weights)).infer()


@pytest.mark.parametrize("values", [[0.0] * 16, [float(i) for i in range(8)] * 2])
def test_a_stored_state_with_equal_rows_is_one_for_each_sample(values):
    report = rows(values, 2)
    assert (report.total.macs, report.outputs, report.graph.includes_batch) == (48 + 24, {"y": (6,)}, False)


def test_a_stored_state_whose_rows_differ_is_multiplied_as_a_whole():
    assert rows([float(i) for i in range(16)], 2).total.macs == 2 * 48 + 24


def lstm(**changed):
    """One LSTM with peephole weights and first states; `changed` are sizes of its inputs."""
    sizes = {
        "w": [1, 64, 8],
        "r": [1, 64, 16],
        "b": [1, 128],
        "h": [1, 1, 16],
        "c": [1, 1, 16],
        "p": [1, 48],
        **changed,
    }
    one = node("LSTM", ["x", "w", "r", "b", "", "h", "c", "p"], ["y"], hidden_size=16)
    return model([one, node("Relu", ["y"], ["z"]), node("Relu", ["z"], ["v"])], [value("x", (5, 1, 8))],
                 [value("v", None)], weights=[tensor(name, dims) for name, dims in sizes.items()])  # fmt: skip


def test_a_recurrent_layer_with_peephole_weights_and_states():
    assert shapecalc.load(lstm()).infer().total.params == 64 * 24 + 128 + 48


@pytest.mark.parametrize(
    ("changed", "message", "is_projected"),
    [
        ({"p": [1, 40]}, "its peephole weights P are 1×40, not 1×48", False),
        ({"p": [1, 16, 10]}, "its peephole weights P are 1×16×10, not 1×48", False),
        ({"b": [1, 64]}, "its bias B is 1×64, not 1×128", False),
        ({"h": [1, 1, 10]}, "its first hidden state has 10 features, but its hidden size is 16", False),
        ({"c": [1, 1, 20]}, "its first cell state has 20 features, but its hidden size is 16", True),
        ({"r": [1, 64, 10]}, "its weights (1, 64, 8) and (1, 64, 10) are not those of a hidden size of 16", True),
        ({"r": [2, 64, 16]}, "its weights (1, 64, 8) and (2, 64, 16) are not those of a hidden size of 16", False),
    ],
)
def test_a_recurrent_layer_whose_weights_do_not_fit_says_which(changed, message, is_projected):
    """PyTorch 2.13 writes nn.LSTM(8, 20, proj_size=16) as an LSTM that onnxruntime refuses: its cell state has 20."""
    network = shapecalc.load(lstm(**changed))
    with pytest.raises(ShapeError) as caught:
        network.infer()
    (problem,) = caught.value.problems
    assert problem.headline.endswith(message)
    assert any("proj_size" in line for line in problem.why) == is_projected


@pytest.mark.parametrize(
    ("op", "counts"), [("Warp", "1 unknown, 2 without a size"), ("Conv", "0 unknown, 3 without a size")]
)
def test_nodes_after_an_error_are_without_a_size_and_not_unknown(op, counts, tmp_path):
    """An unknown operation without a size is unknown; what follows is not."""
    wrong = node(op, ["x"], ["a"], domain="own") if op == "Warp" else node(op, ["x", "w"], ["a"])
    nodes = [node("Relu", ["x"], ["r"]), wrong, node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]
    file = model(nodes, [value("x", (1, 3, 8, 8))], [value("y", None)], weights=[tensor("w", [4, 5, 3, 3])])
    (tmp_path / "m.onnx").write_bytes(file)
    ran = run("summary", str(tmp_path / "m.onnx"))
    assert f"4 nodes: 1 layer, 0 shape arithmetic, {counts}" in ran.out
    assert ran.status == 1


@pytest.mark.parametrize("x", [("s31", "s81", 8), (5, "batch", 8), (5, 3, 8)])
def test_the_formula_of_a_recurrent_layer_is_in_its_length(x):
    """The features are those of its weights: 4·16·(8 + 16) MACs for each step."""
    pytest.importorskip("sympy")
    text = shapecalc.load(recurrent("LSTM", x), input="9x8").formula().render("text")
    assert "MACs = 1,536·L\n" in text
    assert "output y = L × 16" in text


def scores(x):
    """x·w, and all of its positions with each other."""
    nodes = [
        node("MatMul", ["x", "w"], ["a"]), node("Transpose", ["a"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["a", "t"], ["y"]),
    ]  # fmt: skip
    return model(nodes, [value("x", x)], [value("y", None)], weights=[tensor("w", [16, 4])])


def test_the_formula_of_a_dynamic_length_is_in_it_and_not_in_the_features():
    pytest.importorskip("sympy")
    text = shapecalc.load(scores(("b", "t", 16)), input="9x16").formula().render("text")
    assert "MACs = 4·L² + 64·L\n" in text
    for x in (("b", 9, 16), ("b", "t", "c")):  # which axis is the length is not said
        with pytest.raises(UsageError, match="right for one size of the input only"):
            shapecalc.load(scores(x), input="9x16").formula()


def test_what_mixes_the_first_axis_shows_that_the_batch_is_second():
    """All positions with each other, in a dynamic length and a dynamic batch: nothing fails in a batch of one."""
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[1, 0, 2]), node("Transpose", ["x"], ["b"], perm=[1, 2, 0]),
        node("MatMul", ["a", "b"], ["y"]),
    ]  # fmt: skip
    file = model(nodes, [value("x", ("s27", "s11", 16))], [value("y", None)])
    report = shapecalc.load(file, input="5x16").infer()
    assert (report.outputs, report.total.macs) == ({"y": (5, 5)}, 5 * 5 * 16)


def test_an_input_of_another_size_than_a_batch_of_one_is_none():
    file = model([node("Add", ["x", "y"], ["z"])], [value("x", (1, 8)), value("y", (5, 8))], [value("z", None)])
    report = shapecalc.load(file).infer()
    assert (report.outputs, report.graph.includes_batch) == ({"z": (5, 8)}, False)


# The older exporter, and PyTorch's own count.


def older(module, *inputs, names=None, axes=None):
    """Return the network of what the older exporter writes, and the MACs that PyTorch counts for the whole batch."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(*inputs)
    file = io.BytesIO()
    torch.onnx.export(module, inputs, file, dynamo=False, input_names=names, dynamic_axes=axes)
    return file.getvalue(), counter.get_total_flops() // 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", ["GRUCell", "LSTMCell", "RNNCell"])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_loop_over_cells_has_the_macs_of_one_sample(cell, batch):
    """PyTorch counts the products of an unfused cell, if none of its operations is one: as on a device it is."""
    torch = pytest.importorskip("torch")

    class Loop(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = getattr(torch.nn, cell)(8, 10)

        def forward(self, x):
            state = None
            for step in x:
                state = self.cell(step, state)
            return state

    module = Loop()
    file, macs = older(module, torch.randn(5, batch, 8))
    report = shapecalc.load(file).infer()
    gates = {"GRUCell": 3, "LSTMCell": 4, "RNNCell": 1}[cell]
    assert report.total.macs == 5 * gates * 10 * (8 + 10)
    assert macs in (0, batch * report.total.macs)
    assert report.total.params == sum(p.numel() for p in module.parameters())
    assert {*report.outputs.values()} == {(10,)}


def attention(**options):
    torch = pytest.importorskip("torch")
    return torch.nn.MultiheadAttention(16, 4, **options)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"kdim": 12, "vdim": 10}, {"bias": False}])
def test_attention_to_another_length_is_that_of_one_sample(batch, options):
    """Queries of length 5, keys of 7, batch second: no input's first axis is the batch."""
    torch = pytest.importorskip("torch")
    inputs = [torch.randn(length, batch, size) for length, size in
              ((5, 16), (7, options.get("kdim", 16)), (7, options.get("vdim", 16)))]  # fmt: skip
    file, macs = older(attention(**options), *inputs)
    report = shapecalc.load(file).infer()
    assert (report.total.macs * batch, report.graph.includes_batch) == (macs, False)
    assert [*report.outputs.values()] == [(5, 16), (5, 7)]


@pytest.mark.filterwarnings("ignore")
def test_attention_with_learned_keys_and_values_is_that_of_one_sample():
    """They are repeated for each of 3 samples."""
    torch = pytest.importorskip("torch")
    inputs = [torch.randn(length, 3, 16) for length in (5, 7, 7)]
    file, macs = older(attention(add_bias_kv=True), *inputs)
    report = shapecalc.load(file).infer()
    assert (report.total.macs * 3, report.graph.includes_batch) == (macs, False)
    assert "the batch of 3 in the file is left out" in report.notes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("axes", [{0: "s1"}, {1: "s1"}, {0: "s1", 1: "s2"}])
@pytest.mark.parametrize("given", ["5x16", "5x3x16"])
def test_attention_with_a_dynamic_length_or_batch_is_that_of_one_sample(axes, given):
    """Both exporters name dynamic axes s1, s2…, wherever they are."""
    torch = pytest.importorskip("torch")

    class Self(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = attention()

        def forward(self, x):
            return self.attention(x, x, x)[0]

    file, macs = older(Self(), torch.randn(5, 3, 16), names=["x"], axes={"x": axes})
    report = shapecalc.load(file, input=given).infer()
    assert (3 * report.total.macs, [*report.outputs.values()]) == (macs, [(5, 16)])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"bidirectional": True}])
def test_a_recurrent_layer_with_its_first_states_as_inputs(options):
    torch = pytest.importorskip("torch")
    module = torch.nn.LSTM(8, 16, **options)
    many = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))

    class Stated(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = module

        def forward(self, x, h, c):
            return self.lstm(x, (h, c))[0]

    file, _ = older(Stated(), torch.randn(5, 3, 8), torch.randn(many, 3, 16), torch.randn(many, 3, 16))
    report = shapecalc.load(file).infer()
    matrices = sum(p.numel() for p in module.parameters() if p.dim() == 2)
    assert report.total.macs == 5 * matrices
    assert [*report.outputs.values()] == [(5, 16 * (1 + options.get("bidirectional", False)))]
