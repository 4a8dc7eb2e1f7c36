"""Inputs of ONNX files: sizes with the batch or without, dynamic dimensions, and values that decide what runs."""

from __future__ import annotations

import pytest
from crafted_onnx import BOOL, INT64, as_graph, graph, model, node, tensor, value, write
from running import run

import shapecalc
from shapecalc.errors import ShapeError, SpecError, UsageError
from shapecalc.importers.dimensions import size_of, symbols_of


def lstm(*size):
    """A GRU of 3 to 4 features, whose input is length × batch × features."""
    weights = [tensor("w", [1, 12, 3]), tensor("r", [1, 12, 4])]
    nodes = [node("GRU", ["x", "w", "r"], ["y", "h"], hidden_size=4)]
    return model(nodes, [value("x", size)], [value("y", None)], weights=weights)


def on_maps(*size):
    nodes = [node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])]
    return model(nodes, [value("x", size)], [value("y", None)], weights=[tensor("w", [8, 3, 3, 3])])


@pytest.mark.parametrize("given", ["9x3", "9x1x3", "9x5x3", [9, 3]])
@pytest.mark.parametrize("size", [(7, 2, 3), ("t", "n", 3), ("length", 1, 3), ("T", "batch_size", 3), (7, "N", 3)])
def test_a_size_is_given_with_the_batch_or_without_wherever_that_is(size, given):
    report = shapecalc.load(lstm(*size), input=given).infer()
    assert report.inputs["x"] == (9, 3)
    assert tuple(report.rows[0].output_shapes) == ((9, 4), (1, 4))
    left_out = "the given batch of 5 is left out: --batch 5 multiplies MACs and bytes by it"
    assert (left_out in report.notes) == (given == "9x5x3")


@pytest.mark.parametrize(
    ("size", "given", "own"),
    [
        (("t", "N", 3), "9x3", (9, 3)), (("time", "m", 3), "9x1x3", (9, 3)), (("seq", 1, 3), "9x3", (9, 3)),
        (("seq_len", 3), "9x3", (9, 3)), ((1, "N", 3), "9x3", (9, 3)), ((1, "N", 3), "1x9x3", (9, 3)),
        (("batch", 3), "3", (3,)), (("N", 3), "4x3", (3,)),
    ],
)  # fmt: skip
def test_where_the_batch_is_follows_from_the_names_of_dimensions(size, given, own):
    nodes = [node("Relu", ["x"], ["y"])]
    report = shapecalc.load(model(nodes, [value("x", size)], [value("y", None)]), input=given).infer()
    assert (report.inputs["x"], report.rows[0].output_shape) == (own, own)


def test_the_batch_of_the_file_itself_is_noted_once():
    notes = shapecalc.load(lstm(7, 2, 3), input="9x2x3").infer().notes
    assert [note for note in notes if "batch" in note] == ["the batch of 2 in the file is left out"]


@pytest.mark.parametrize("first", [1, 4, "B", "bs", "N", "batch_size", "bsz", "s77", "unk__3", "?", ""])
def test_the_first_axis_of_a_map_is_the_batch(first):
    for given in ("3x8x8", "1x3x8x8", "6x3x8x8"):
        assert shapecalc.load(on_maps(first, 3, "h", "w"), input=given).infer().rows[0].output_shape == (8, 8, 8)


def test_a_batch_that_is_set_by_its_name_is_left_out():
    report = shapecalc.load(on_maps("B", 3, 8, 8), vars={"B": 4}).infer()
    assert report.rows[0].output_shape == (8, 8, 8)
    assert "the given batch of 4 is left out: --batch 4 multiplies MACs and bytes by it" in report.notes


def test_dimensions_that_are_expressions_have_the_variables_in_them(tmp_path):
    data = on_maps("bs", 3, "2*h", "w/2 + 1")
    with pytest.raises(SpecError) as error:
        shapecalc.load(data)
    assert str(error.value) == (
        "the size of the input x of <bytes> is dynamic: 3×2·h×(w/2 + 1)\n"
        '   give it: --input 3x224x224 (input="3x224x224" in Python), or --set h=112 --set w=446'
    )
    for given in ({"vars": {"h": 4, "w": 6}}, {"input": "3x8x4"}):
        assert shapecalc.load(data, **given).infer().rows[0].output_shape == (8, 8, 4)
    path = str(write(tmp_path, data))
    assert run("summary", path, "--set", "h=4", "--set", "w=6").status == 0
    with pytest.raises(SpecError, match=r"is dynamic: 3×8×\(w/2"):
        shapecalc.load(data, vars={"h": 4})
    with pytest.raises(SpecError, match=r"is dynamic: 3×8×\(w/2"):  # no whole number
        shapecalc.load(data, vars={"h": 4, "w": 5})


@pytest.mark.parametrize(
    ("text", "symbols", "size"),
    [
        ("h", ("h",), 7), ("past + 1", ("past",), 4), ("past + h", ("past", "h"), 10), ("2*h", ("h",), 14),
        ("floor(h/2 - 1/2) + 1", ("h",), 4), ("ceiling(h/2)", ("h",), 4), ("Max(2, past)", ("past",), 3),
        ("Min(2, past)", ("past",), 2), ("h//2", ("h",), 3), ("-past + h", ("past", "h"), 4), ("h % 4", ("h",), 3),
        ("Mod(h, 4)", ("h",), 3), ("FloorDiv(h, 2)", ("h",), 3), ("h/2", ("h",), "h/2"), ("h/0", ("h",), "h/0"),
        ("__import__('os')", (), "__import__('os')"), ("h.x", (), "h.x"), ("h**99", (), "h**99"), ("", (), ""),
        ("1.5", (), "1.5"), ("floor()", (), "floor()"), ("(" * 300, (), "(" * 300), ("h" * 500, (), "h" * 500),
    ],
)  # fmt: skip
def test_expressions_of_dimensions(text, symbols, size):
    assert sorted(symbols_of(text)) == sorted(symbols)
    assert size_of(text, {"h": 7, "past": 3}) == size


def test_dynamic_dimensions_are_swept_and_compared(tmp_path):
    path = str(write(tmp_path, lstm("t", "n", 3)))
    swept = shapecalc.sweep(path, vars={"t": [4, 8]})
    assert list(swept["output"]) == ["4x1x4", "8x1x4"]
    assert list(swept["macs"]) == [4 * 12 * 7, 8 * 12 * 7]
    assert list(shapecalc.sweep(path, vars={"t": "4:8:2"})["macs"]) == [4 * 84, 6 * 84, 8 * 84]
    assert run("sweep", path, "--set", "t=4,8").status == 0
    assert run("compare", path, path, "--set", "t=4").status == 0
    differing = run("diff", path, "--set", "t=4", "--set-b", "t=8")
    assert (differing.status, differing.err) == (0, "")
    assert "8×4" in differing.out


def conditional(dims=(), kind=INT64, sr="sr"):
    """An `If` on whether an input is 16000."""
    branches = {
        name: as_graph(graph([node(op, ["x"], [name])], [], [value(name, None)]))
        for name, op in (("then_branch", "Relu"), ("else_branch", "Tanh"))
    }
    nodes = [node("Equal", [sr, "k"], ["c"]), node("If", ["c"], ["y"], "choice", **branches)]
    return model(nodes, [value("x", [1, 4]), value(sr, list(dims), kind)], [value("y", None)],
                 weights=[tensor("k", [], [16000], INT64)])  # fmt: skip


@pytest.mark.parametrize(("rate", "kind"), [(16000, "relu"), (8000, "tanh"), ([16000], "relu")])
def test_an_input_with_a_value_decides_which_branch_is_taken(rate, kind, tmp_path):
    data = conditional([1] if isinstance(rate, list) else [])
    report = shapecalc.load(data, vars={"sr": rate}).infer()
    assert ([row.kind for row in report.rows], list(report.inputs)) == ([kind], ["x"])
    words = str(rate)
    for option in ("--value", "--set"):
        assert kind in run("summary", str(write(tmp_path, data)), option, f"sr={words}").out


def test_an_input_that_pytorch_named_has_the_value_that_the_hint_writes(tmp_path):
    path = str(write(tmp_path, conditional([1], sr="onnx::Cast_1")))
    hint = run("summary", path).err.splitlines()[-1].strip()
    assert hint == "give its value: --value 'onnx::Cast_1=[1]'"
    assert "tanh" in run("summary", path, "--value", "onnx::Cast_1=[1]").out


def test_the_input_that_a_condition_depends_on_is_named():
    with pytest.raises(ShapeError) as error:
        shapecalc.load(conditional()).infer()
    assert str(error.value) == (
        "<bytes>: node[1] If choice: choice (If): it is not covered, and the file does not state the size of its output y\n"
        "   its condition is computed from data, of the input sr\n   its input is a scalar from pointwise\n"
        "   give its value: --value sr=1"
    )


@pytest.mark.parametrize(
    ("dims", "given", "text"),
    [
        ((), [1, 2], "the value of the input sr must be a whole number, not [1, 2]"),
        ((), 1.5, "the value of the input sr must be a whole number, not 1.5"),
        ((), "low", "the value of the input sr must be a whole number, not low"),
        ((2,), 3, "the value of the input sr must be a list of 2 whole numbers, as in '[1, 1]', not 3"),
    ],
)
def test_wrong_values_of_inputs(dims, given, text):
    with pytest.raises(UsageError) as error:
        shapecalc.load(conditional(dims), vars={"sr": given})
    assert str(error.value) == text


def test_only_small_inputs_have_values():
    for dims, kind in (((1, 4), INT64), ((1000,), INT64), ((4,), 1)):
        with pytest.raises(UsageError, match="there is no variable sr to set"):
            shapecalc.load(conditional(dims, kind), vars={"sr": 1})
    shapecalc.load(conditional((), BOOL), vars={"sr": True}).infer()


def resized(length):
    nodes = [node("Resize", ["x", "", "", "s"], ["y"], "up")]
    return model(nodes, [value("x", [1, 3, 8, 8]), value("s", [length], INT64)], [value("y", None)])


@pytest.mark.parametrize(("length", "example"), [(4, "[1, 3, 8, 8]"), ("n", "[1, 3, 8, 8]"), (3, "[1, 1, 1]")])
def test_the_example_of_a_list_has_its_length(length, example):
    with pytest.raises(ShapeError) as error:
        shapecalc.load(resized(length)).infer()
    assert str(error.value).splitlines()[-1] == f"   give its value: --value 's={example}'"


def test_a_value_that_was_given_is_not_asked_for():
    assert shapecalc.load(resized(4), vars={"s": [1, 3, 16, 16]}).infer().rows[0].output_shape == (3, 16, 16)
    with pytest.raises(ShapeError) as error:
        shapecalc.load(resized(4), vars={"s": [1, 5, 16, 16]}).infer()
    assert "--value" not in str(error.value)
    assert "it resizes the batch or the channels" in str(error.value)


def test_the_stated_size_of_a_recurrent_layer_has_the_axis_that_the_next_node_removes():
    weights = [tensor("w", [1, 12, 3]), tensor("r", [1, 12, 4]), tensor("axes", [1], [1], INT64)]
    nodes = [node("GRU", ["x", "w", "r"], ["a"], hidden_size=4), node("Squeeze", ["a", "axes"], ["y"])]
    for due in (4, 5):
        data = model(nodes, [value("x", [7, 1, 3])], [value("y", [7, 1, due])], weights=weights,
                     stated=[value("a", [7, 1, 1, 4])])  # fmt: skip
        report = shapecalc.load(data).infer()
        assert len(report.graph.warnings) == (due == 5)
