"""ONNX files whose nodes are not in the order in which they need each other: onnxruntime sorts them, onnx's checker refuses."""

from __future__ import annotations

from itertools import permutations

import pytest
from crafted_onnx import BOOL, INT64, as_graph, graph, model, node, tensor, value

import shapecalc
from shapecalc.errors import ShapeError

WEIGHTS = [tensor("w", [4, 3, 3, 3]), tensor("sizes", [2], [1, -1], INT64), tensor("v", [144, 5])]
NODES = [
    node("Conv", ["x", "w"], ["a"]),
    node("Relu", ["a"], ["b"]),
    node("Reshape", ["b", "sizes"], ["c"]),
    node("MatMul", ["c", "v"], ["y"]),
]


def network(nodes, weights=WEIGHTS):
    return shapecalc.load(model(nodes, [value("x", [1, 3, 8, 8])], [value("y", None)], weights=weights))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_every_order_is_read_as_that_in_which_they_run(order):
    found = network([NODES[i] for i in order])
    report = found.infer()
    assert [row.kind for row in report.rows] == ["conv", "relu", "flatten", "linear"]
    assert (report.total.params, report.rows[-1].output_shape) == (108 + 720, (5,))
    assert len(found.warnings) == (order != (0, 1, 2, 3))


def test_the_first_node_before_one_that_it_needs_is_a_warning():
    (warning,) = network([NODES[0], NODES[2], NODES[3], NODES[1]]).warnings
    assert warning.message == (
        "node[1] Reshape uses the output b of node[3] Relu, which is after it: the nodes are read in another order"
    )
    assert warning.hint == "onnx.checker refuses such a file"


def test_what_the_branch_of_an_if_uses_is_before_it():
    branch = as_graph(graph([node("Relu", ["b"], ["t"])], [], [value("t", None)]))
    nodes = [
        node("If", ["on"], ["c"], then_branch=branch, else_branch=branch),
        node("Add", ["c", "a"], ["y"]),
        node("Neg", ["a"], ["b"]),
        node("Abs", ["x"], ["a"]),
    ]
    report = network([nodes[1], nodes[0], *nodes[2:]], [tensor("on", [], [1], BOOL)]).infer()
    assert [row.kind for row in report.rows] == ["abs", "pointwise", "relu", "add"]


def test_the_order_of_the_file_is_kept_otherwise():
    nodes = [node("Clip", ["x", "", "top"], ["z"]), node("Sum", ["a", "b", "z"], ["y"]), node("Neg", ["x"], ["a"]),
             node("Abs", ["x"], ["b"])]  # fmt: skip
    report = network(nodes, [tensor("top", [], [2.0])]).infer()
    assert [(row.kind, row.node.mark.path) for row in report.rows] == [
        ("hardtanh", "node[0] Clip"), ("pointwise", "node[2] Neg"), ("abs", "node[3] Abs"), ("add", "node[1] Sum"),
    ]  # fmt: skip


def message_of(nodes):
    with pytest.raises(ShapeError) as caught:
        network(nodes).infer()
    return caught.value.problems[0].message


def test_nodes_that_need_each_other_are_an_error_alone():
    nodes = [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"])]
    cycle = "node[0] Relu → node[1] Relu → node[0] Relu"
    assert message_of(nodes) == f"its input a depends on itself, in a cycle: {cycle}"
    assert network(nodes).warnings[0].message.startswith("the output y")
    assert message_of([node("Relu", ["nowhere"], ["y"])]) == "its input nowhere is the output of no node before it"


@pytest.mark.parametrize("order", list(permutations(range(5))))
def test_a_cycle_is_named_in_the_order_in_which_its_nodes_use_each_other(order):
    nodes = [node("Neg", ["x"], ["n"]), node("Add", ["n", "c"], ["a"]), node("Abs", ["a"], ["b"]), node("Exp", ["b"], ["c"]),
             node("Relu", ["c"], ["y"])]  # fmt: skip
    ops = ["Neg", "Add", "Abs", "Exp", "Relu"]
    message = message_of([nodes[i] for i in order])
    ring = [order.index(i) for i in (1, 2, 3)]
    first = ring.index(min(ring))
    numbers = [*ring[first:], *ring[: first + 1]]
    assert message.endswith("in a cycle: " + " → ".join(f"node[{i}] {ops[order[i]]}" for i in numbers))


def test_of_a_long_cycle_some_nodes_are_named():
    nodes = [node("Relu", [f"t{i}"], [f"t{(i + 1) % 9}"]) for i in range(9)]
    named = " → ".join(f"node[{i}] Relu" for i in range(4))
    assert message_of(nodes).endswith(f"{named} → 5 more → node[0] Relu")


def test_a_long_chain_in_reverse_is_read_in_time():
    nodes = [node("Relu", [f"t{i}" if i else "x"], [f"t{i + 1}"]) for i in range(1000)]
    assert len(network(nodes[::-1]).infer().rows) == 1000
