"""Sizes that are given for outputs of ONNX nodes which are no layers: of other domains, and of those that count data."""

from __future__ import annotations

import pytest
from crafted_onnx import INT64, as_graph, graph, model, node, tensor, value

import shapecalc
from shapecalc.errors import ShapeError, UsageError

FIRST = node("Relu", ["x"], ["a"])


def network(*nodes, x=(1, 4, 6), y=None, stated=(), **sizes):
    data = model([FIRST, *nodes], [value("x", x)], [value("y", y)], stated=[value(*one) for one in stated])
    return shapecalc.load(data, **({"input": sizes} if sizes else {}))


def warp(**words):
    return node("Warp", ["a"], ["b"], domain="own", **words), node("Relu", ["b"], ["y"])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("stated", [(), [("b", ("N", "K", 5))]])
@pytest.mark.parametrize("whole", [False, True])
def test_a_size_is_given_without_the_batch_or_with_it(batch, stated, whole):
    sizes = f"{batch}x2x5" if whole else "2x5"
    found = network(*warp(), x=(batch, 4, 6), y=(batch, 2, 5), stated=stated, b=sizes)
    assert [(row.kind, row.output_shape) for row in found.infer().rows][1:] == [("opaque", (2, 5)), ("relu", (2, 5))]
    assert found.warnings == ()


def test_a_given_size_goes_before_one_that_is_stated_and_holds_for_other_inputs():
    data = model([FIRST, *warp()], [value("x", (1, 4, 6))], [value("y", None)], stated=[value("b", (1, 2, 5))])
    found = shapecalc.load(data, input={"x": "4x8", "b": "7x7"})
    assert [row.output_shape for row in found.infer().rows] == [(4, 8), (7, 7), (7, 7)]
    with pytest.raises(
        ShapeError, match="the file does not state the size of its output for other sizes of the inputs"
    ):
        shapecalc.load(data, input={"x": "4x8"}).infer()


def test_what_counts_data_has_no_batch():
    nodes = node("NonZero", ["a"], ["b"]), node("Transpose", ["b"], ["y"])
    assert network(*nodes, b="3x20").infer().rows[-1].output_shape == (20, 3)
    assert network(*nodes, b="1x20").infer().rows[-1].output_shape == (20, 1)


@pytest.mark.parametrize(
    ("one", "hint"),
    [
        (node("NonZero", ["a"], ["y"]), "give it: --input y=3x100"),
        (node("Compress", ["a", "on"], ["y"]), "give it: --input y=100"),
        (node("Warp", ["a"], ["y"], domain="own"), "give it, without the batch: --input y=4x6"),
        (node("Loop", ["on", "on", "a"], ["y"]), "give it, without the batch: --input y=4x6"),
        (node("SequenceMap", ["a"], ["y"]), "give it, without the batch: --input y=4x6, or have "
         "onnx.shape_inference.infer_shapes write it into the file"),
    ],
)  # fmt: skip
def test_the_hint_is_a_size_that_can_be_given(one, hint):
    data = model([FIRST, one], [value("x", (1, 4, 6))], [value("y", None)], weights=[tensor("on", [4], [1] * 4, INT64)])
    with pytest.raises(ShapeError) as error:
        shapecalc.load(data).infer()
    (problem,) = error.value.problems
    assert (problem.hint, "not covered, and the file does not state the size of its output y" in problem.message) == (
        hint,
        True,
    )


def test_shape_inference_is_no_hint_for_a_file_that_states_sizes_already():
    with pytest.raises(ShapeError) as error:
        network(node("SequenceMap", ["a"], ["y"]), stated=[("a", (1, 4, 6))]).infer()
    assert error.value.problems[0].hint == "give it, without the batch: --input y=4x6"


def test_a_part_that_the_file_states_is_in_the_hint():
    with pytest.raises(ShapeError, match=r"--input b=2x100$"):
        network(*warp(), stated=[("b", (1, 2, "K"))]).infer()


def test_a_branch_that_the_data_chooses_can_be_given():
    branch = as_graph(graph([node("Relu", ["a"], ["t"])], [], [value("t", None)]))
    nodes = node("ReduceSum", ["a"], ["s"]), node("If", ["s"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(ShapeError, match=r"or have onnx\.shape_inference.infer_shapes write it into the file"):
        network(*nodes).infer()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"a": "4x6"}, "a is not an input: its size is worked out\n   leave it out"),
        ({"aa": "4x6"}, "there is no input aa\n   known here: x"),
    ],
)
def test_sizes_that_are_not_needed(sizes, message):
    with pytest.raises(UsageError) as error:
        network(**sizes)
    assert str(error.value) == message


def test_an_error_of_a_node_without_a_name_has_its_operation_once():
    with pytest.raises(ShapeError) as error:
        network(node("NonZero", ["a"], ["y"])).infer()
    assert str(error.value).startswith("<bytes>: node[1] NonZero: it is not covered, and the file")


@pytest.mark.parametrize("given", [{}, {"c": "4x6"}])
def test_what_the_branches_of_an_if_use_is_its_input_and_has_its_batch(given):
    branch = as_graph(graph([node("Relu", ["a"], ["t"])], [], [value("t", None)]))
    nodes = [
        node("ReduceSum", ["a"], ["s"], keepdims=0),
        node("If", ["s"], ["c"], then_branch=branch, else_branch=branch),
    ]
    found = network(
        *nodes, node("Relu", ["c"], ["y"]), y=(1, 4, 6), stated=[] if given else [("c", (1, 4, 6))], **given
    )
    row = found.infer().rows[-2]
    assert (row.kind, row.output_shape, [ref.node for ref in row.node.inputs]) == ("opaque", (4, 6), [2, 0])
    assert found.warnings == ()
