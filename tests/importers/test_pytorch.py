"""Archives of torch.export: what is read, how it is shown, and what is said of files that are wrong."""

from __future__ import annotations

import re

import pytest
from crafted_pt2 import T, archive, node, program, small
from running import run

import shapecalc
from shapecalc.errors import ShapeError, SpecError
from shapecalc.importers.dimensions import solved
from shapecalc.importers.inputs import ValueInfo
from shapecalc.importers.pytorch.batch import readings_of
from shapecalc.importers.pytorch.expressions import text_of, value_of
from shapecalc.importers.tensors import Batch, Data, NotCoveredError, common_axis
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Reference


def report_of(document, **options):
    return shapecalc.load(archive(document)).infer(**options)


def understood(report):
    return next(note for note in report.notes if " shape arithmetic, " in note)


def test_a_file_is_a_specification_for_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pt2").write_bytes(archive(small()))
    report = shapecalc.load("model.pt2").infer()
    assert [(row.name, row.kind, row.output_shape) for row in report.rows] == [
        ("body.0.conv", "conv", (3, 8, 8)), ("body.0.bn", "batch_norm", (3, 8, 8)), ("body.0.relu", "relu", (3, 8, 8)),
        ("body.0.add", "add", (3, 8, 8)), ("pool", "adaptive_avg_pool", (3, 1, 1)), ("flatten", "flatten", (3,)),
        ("fc", "linear", (10,)),
    ]  # fmt: skip
    assert (report.name, report.total.params, report.total.macs) == ("model", 81 + 6 + 40, 81 * 64 + 30)
    assert report.total.buffers == 6
    assert understood(report) == "7 nodes: 7 layers, 0 shape arithmetic, 0 unknown; 7 stated sizes agree"
    for words in ("summary", "check", "explain", "memory", "sizes", "rf", "formula", "speed --device h100"):
        command, *options = words.split()
        ran = run(command, "model.pt2", *options)
        assert (ran.status, ran.err) == (0, ""), words
    assert "node[0] conv2d body.0.conv (net.py:5)" in run("explain", "model.pt2", "body.0.conv").out


def test_a_size_that_differs_is_a_warning_with_the_node():
    document = small()
    document["graph_module"]["graph"]["tensor_values"]["p"]["sizes"][3] = {"as_int": 2}
    report = report_of(document)
    assert understood(report).endswith("6 stated sizes agree, 1 does not (see the warnings)")
    (warning,) = shapecalc.load(archive(document)).warnings
    assert warning.message == "the file states the size 1×3×1×2 of its output p, but it is 1×3×1×1"
    assert str(warning.mark).endswith("node[4] adaptive_avg_pool2d pool (net.py:12)")


def test_an_unknown_operation_is_opaque_and_its_parameters_count():
    nodes = [node("mine.twist.default", "y", "twist", self=T("x"), weight=T("p_twist_weight"))]
    tensors = {"p_twist_weight": (4, 5), "x": (1, 4), "y": (1, 5)}
    report = report_of(program(nodes, tensors, params=["p_twist_weight"]))
    assert [(row.name, row.kind, row.params) for row in report.rows] == [
        ("twist.weight", "parameter", 20), ("twist.twist", "opaque", 0),
    ]  # fmt: skip
    assert "twist.twist is opaque (mine.twist): its MACs are unknown, and not in the totals" in report.notes
    assert understood(report) == "1 node: 0 layers, 0 shape arithmetic, 1 unknown; 1 stated size agrees"


def rows_of(nodes, tensors, **more):
    report = report_of(program(nodes, tensors, **more))
    assert "do not" not in understood(report)
    return [(row.name, row.kind, tuple(row.output_shapes)) for row in report.rows]


def test_a_pool_without_a_stride_has_that_of_its_window():
    nodes = [node("aten.max_pool2d.default", "y", self=T("x"), kernel_size=[2, 2], stride=[])]
    assert rows_of(nodes, {"x": (1, 3, 8, 8), "y": (1, 3, 4, 4)}) == [("max_pool2d", "max_pool", ((3, 4, 4),))]


def test_the_last_piece_of_a_split_is_what_is_left():
    nodes = [node("aten.split.Tensor", ["a", "b", "y"], self=T("x"), split_size=2, dim=1)]
    found = rows_of(nodes, {"x": (1, 5), "a": (1, 2), "b": (1, 2), "y": (1, 1)})
    assert found == [("split", "split", ((2,), (2,), (1,)))]


@pytest.mark.parametrize(("device", "params"), [("cpu", 81 + 6 + 10), ("meta", 81 + 6 + 40)])
def test_tensors_of_one_file_are_shared_but_those_on_the_meta_device_have_none(device, params):
    """torch.export of a module on the meta device names one file for all of its tensors."""
    given = archive(small(), weights={"body.0.conv.weight": "weight_0", "fc.weight": "weight_0"}, device=device)
    assert shapecalc.load(given).infer().total.params == params


@pytest.mark.parametrize(
    ("used", "kinds"), [("v", ["max"]), ("i", ["argmax"]), ("vi", ["max", "argmax"]), ("", ["max"])]
)
def test_of_a_maximum_with_its_index_there_is_what_is_used(used, kinds):
    nodes = [node("aten.max.dim", ["v", "i"], self=T("x"), dim=1)]
    nodes += [node("aten.relu.default", f"y{one}", self=T(one)) for one in used or "x"]
    sizes = {"x": (1, 3, 5), "yx": (1, 3, 5), **dict.fromkeys(["v", "i", "yv", "yi"], (1, 5))}
    found = rows_of(nodes, sizes, outputs=[f"y{one}" for one in used or "x"])
    assert [kind for _, kind, _ in found if kind != "relu"] == kinds


def test_a_module_of_one_operation_that_is_called_again_is_no_block():
    nodes = [
        node("aten.relu.default", "a", "act", self=T("x")),
        node("aten.tanh.default", "b", "", self=T("a")),
        node("aten.relu.default", "y", "act", self=T("b")),
    ]
    found = rows_of(nodes, dict.fromkeys("xaby", (1, 4)))
    assert [name for name, _, _ in found] == ["act", "tanh", "act_2"]


def test_a_mask_is_an_input_of_attention():
    nodes = [node("aten.scaled_dot_product_attention.default", "y", query=T("x"), key=T("x"), value=T("x"),
                  attn_mask=T("b_mask"))]  # fmt: skip
    tensors = {"x": (1, 2, 6, 4), "y": (1, 2, 6, 4), "b_mask": (6, 6)}
    report = report_of(program(nodes, tensors, buffers=["b_mask"]))
    assert [tuple(row.input_shapes) for row in report.rows if "attention" in row.kind] == [((2, 6, 4),) * 3 + ((6, 6),)]


def test_a_range_has_the_size_of_its_numbers():
    nodes = [
        node("aten.arange.default", "r", end=6),
        node("aten.add.Tensor", "y", self=T("x"), other=T("r")),
    ]
    found = rows_of(nodes, {"x": (1, 6), "r": (6,), "y": (1, 6)})
    assert [(kind, sizes) for _, kind, sizes in found] == [("constant", ((6,),)), ("add", ((6,),))]


def test_the_batch_is_where_operations_say_or_else_the_first_axis():
    relu = node("aten.relu.default", "y", self=T("x"))
    sizes = {"x": (5, 1, 10), "y": (5, 1, 10)}
    assert rows_of([relu], sizes) == [("relu", "relu", ((1, 10),))]
    mean = node("aten.mean.dim", "z", self=T("y"), dim=[0])
    assert rows_of([relu, mean], {**sizes, "z": (1, 10)}) == [("relu", "relu", ((5, 10),)), ("mean", "mean", ((10,),))]


def test_where_the_batch_could_not_be_found_no_sentence_says_that_it_is_left_out():
    mean = node("aten.mean.dim", "y", self=T("x"), dim=[0])
    other = node("aten.mean.dim", "z", self=T("x"), dim=[1])
    report = report_of(program([mean, other], {"x": (5, 4, 10), "y": (4, 10), "z": (5, 10)}))
    text = str(report)
    assert "where the batch is could not be found: sizes and MACs are of the whole input of the example" in text
    assert "Sizes are with the batch of the example." in " ".join(text.split())
    assert "for the whole input" in text
    assert "one sample" not in text
    assert "without the batch" not in text


def test_unused_parameters_are_named_and_unused_buffers_are_not():
    nodes = [node("aten.relu.default", "y", self=T("x"))]
    tensors = {"x": (1, 4), "y": (1, 4), "p_spare_weight": (3, 3), "b_spare_mean": (3,)}
    report = report_of(program(nodes, tensors, params=["p_spare_weight"], buffers=["b_spare_mean"]))
    assert "not used, and not counted: spare.weight (9 parameters)" in report.notes
    assert not any("mean" in note for note in report.notes)


def dynamic(ranges):
    nodes = [node("aten.relu.default", "y", self=T("x"))]
    sizes = ("Symbol('s77', positive=True, integer=True)", 3, "s53")
    return archive(program(nodes, {"x": sizes, "y": sizes}, ranges=ranges))


def test_dynamic_sizes_are_within_the_range_of_the_export():
    data = dynamic({"s77": (2, None), "s53": (8, 64)})
    with pytest.raises(SpecError) as caught:
        shapecalc.load(data)
    assert "the size of the input x of " in caught.value.problems[0].message
    assert "is dynamic: 3×s53" in caught.value.problems[0].message
    assert shapecalc.load(data, vars={"s53": 9}).infer().rows[0].output_shape == (3, 9)
    assert shapecalc.load(data, input="3x64").infer().rows[0].output_shape == (3, 64)
    for size in (4, 65):
        with pytest.raises(SpecError, match=f"was exported for s53 from 8 to 64, not {size}"):
            shapecalc.load(data, input=f"3x{size}")


@pytest.mark.parametrize(("size", "shown", "given", "set_to", "wrong"), [
    ("Mul(Integer(4), Symbol('s39', positive=True, integer=True))", "4·s39", 224, 56, 50),
    ("Add(Mul(Integer(2), Symbol('s39')), Integer(1))", "(2·s39 + 1)", 225, 112, 16),
    ("2*s39 - 1", "(2·s39 - 1)", 225, 113, 16),
])  # fmt: skip
def test_sizes_that_are_multiples(size, shown, given, set_to, wrong):
    """As torch.export 2.13 writes 4*Dim("h") and 2*Dim("h") + 1."""
    dims = (1, 1, size, 16)
    nodes = [node("aten.relu.default", "y", self=T("x"))]
    data = archive(program(nodes, {"x": dims, "y": dims}, ranges={"s39": (2, 200)}))
    with pytest.raises(SpecError) as caught:
        shapecalc.load(data)
    (problem,) = caught.value.problems
    assert problem.message.endswith(f"is dynamic: 1×{shown}×16")
    assert f"--input 1x{given}x16 (" in problem.hint
    assert f"--set s39={set_to}" in problem.hint
    for more in ({"input": f"1x{given}x16"}, {"vars": {"s39": set_to}}):
        report = shapecalc.load(data, **more).infer()
        assert report.rows[0].output_shape == (1, given, 16)
        assert "1 stated size agrees" in report.notes[0]
    with pytest.raises(SpecError, match=f"was exported for {re.escape(shown.strip('()'))}, not {wrong}") as caught:
        shapecalc.load(data, input=f"1x{wrong}x16")
    why = (f"axis 2 of the input x is {shown.strip('()')}: it is 1×1×{shown}×16",)
    assert caught.value.problems[0].why == why
    with pytest.raises(SpecError, match="was exported for s39 from 2 to 200, not") as caught:
        shapecalc.load(data, input=f"1x{given * 4 + (given % 2) * 1}x16")
    assert caught.value.problems[0].why == why


def test_two_sizes_of_one_variable():
    dims = (1, 3, "2*s0", "4*s0")
    data = archive(program([node("aten.relu.default", "y", self=T("x"))], {"x": dims, "y": dims}))
    assert shapecalc.load(data, input="3x8x16").infer().rows[0].output_shape == (3, 8, 16)
    with pytest.raises(SpecError, match="was exported for 4·s0 with s0 = 4, not 20"):
        shapecalc.load(data, input="3x8x20")


@pytest.mark.parametrize(("text", "shown"), [
    ("Mul(Integer(2), Add(Symbol('a'), Integer(-1)))", "2*(a - 1)"), ("FloorDiv(Symbol('a'), Integer(2))", "a//2"),
    ("Max(Integer(1), Symbol('a'))", "Max(1, a)"), ("Pow(Symbol('a'), Integer(2))", "Pow(Symbol('a'), Integer(2))"),
    ("Symbol('s77', positive=True)", "s77"), ("Mul(", "Mul("), ("batch size", "batch size"),
])  # fmt: skip
def test_expressions_as_people_write_them(text, shown):
    assert text_of(text) == shown


@pytest.mark.parametrize(("name", "size", "value"), [
    ("h", 5, ("h", 5)), ("2*h + 1", 15, ("h", 7)), ("2*h + 1", 16, None), ("a + b", 5, None), ("batch size", 5, None),
    ("floor(h/2)", 5, None), ("max(h, 3)", 9, None), ("h - h", 0, None), ("7", 7, None),
])  # fmt: skip
def test_the_variable_of_a_dimension(name, size, value):
    assert solved(name, size) == value


@pytest.mark.parametrize(("text", "size"), [
    ("2*s0 + 1", 15), ("Add(Mul(Integer(2), Symbol('s0', positive=True)), Integer(1))", 15), ("(s0 - 1)//2", 3),
    ("FloorDiv(Add(Symbol('s0'), Integer(-1)), Integer(2))", 3), ("Mul(Rational(1, 2), Add(Symbol('s0'), Integer(1)))", 4),
    ("Max(1, s0)", 7), ("Pow(Symbol('s0'), Integer(2))", 49), ("Mod(s0, 4)", 3), ("s1", None), ("s0**s0**s0**s0", None),
    ("__import__('os').system('true')", None), ("s0 / 2", None), ("(" * 3000 + "s0" + ")" * 3000, None),
])  # fmt: skip
def test_expressions_of_sizes(text, size):
    assert value_of(text, {"s0": 7}) == size


def test_archives_of_another_sort_are_named():
    with pytest.raises(SpecError, match="TorchScript"):
        shapecalc.load(archive("{}", entry="net/code/__torch__.py", more={"net/constants.pkl": b""}))


def test_the_size_of_what_a_mask_picks_is_not_known_before_the_network_runs():
    nodes = [
        node("aten.gt.Scalar", "m", self=T("x"), other=0),
        node("aten.index.Tensor", "y", self=T("x"), indices=[T("m")]),
    ]
    with pytest.raises(ShapeError) as caught:
        report_of(program(nodes, {"x": (1, 4), "m": (1, 4), "y": ("u0",)}))
    assert "aten.index.Tensor is not known before the network runs" in str(caught.value)


def test_of_two_lengths_and_one_size_the_size_is_the_batch():
    nodes = [node("aten.add.Tensor", "z", self=T("x"), other=T("y"))]
    origin = shapecalc.load(archive(program(nodes, {"x": (12, 1, 8), "y": (7, 1, 8), "z": (7, 1, 8)}))).origin
    infos = [ValueInfo("x", (12, 2, 8)), ValueInfo("y", (7, 2, 8))]
    first, *_, last = readings_of(infos, origin.program)
    assert (first.axes, first.size) == ({"x": 1, "y": 1}, 2)
    assert last.is_lost


def test_tensors_with_the_batch_on_different_axes_are_not_combined():
    x = Data(Reference(0), Shape((3, 4)), Batch(0, own=True))
    y = x._replace(batch=Batch(1, own=True))
    assert common_axis([x, x], 3, 3) == 0
    assert common_axis([x, y], 3, 1) == -1  # of one sample, it is an axis of size 1 like any other
    assert common_axis([x._replace(shape=Shape((1, 4))), y], 3, 1) == 1
    with pytest.raises(NotCoveredError, match="3×3×4 and 3×3×4 have the batch on different axes"):
        common_axis([x, y], 3, 3)


def test_where_an_unknown_operation_loses_the_batch_a_note_says_so():
    nodes = [node("aten.relu.default", "y", self=T("x")), node("my.op.default", "z", x=T("y"))]
    notes = report_of(program(nodes, {"x": (4, 6), "y": (4, 6), "z": (3, 5)})).notes
    assert "where the batch is after an unknown node is not known: sizes and MACs there are of all samples" in notes
    notes = report_of(program(nodes, {"x": (4, 6), "y": (4, 6), "z": (4, 5)})).notes
    assert not any("is not known" in note for note in notes)


@pytest.mark.parametrize(
    ("dims", "example"),
    [((1, "t", 3, 32, 32), "16x3x32x32"), ((1, 3, "t", "h", "h"), "3x16x224x224"), ((1, 3, "h", "w"), "3x224x224"),
     ((1, "t", 12), "128x12")],
)  # fmt: skip
def test_the_hint_on_a_dynamic_size_has_few_frames(dims, example):
    document = program([node("aten.relu.default", "y", self=T("x"))], {"x": dims, "y": dims})
    with pytest.raises(SpecError) as error:
        report_of(document)
    assert f"--input {example} " in str(error.value)


def test_numbers_that_an_exporter_wrote_of_its_example_are_not_compared():
    """A GRU that the exporter has run states the length of the example, where the input states a name."""
    document = program([node("aten.relu.default", "y", self=T("x"))], {"x": (1, "t", 12), "y": (1, 50, 12)})
    network = shapecalc.load(archive(document), input="70x12")
    assert (network.infer().outputs["y"], network.warnings) == ((70, 12), ())
    assert understood(network.infer()).endswith("; 0 stated sizes agree")
