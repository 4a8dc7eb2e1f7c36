"""Nodes like one before are read as that one was: the graph is the same as where each is looked at itself."""

from __future__ import annotations

import pytest
from alike_graphs import read_twice
from crafted_onnx import as_tensor, model, node, tensor, value
from crafted_pt2 import T, archive, program
from crafted_pt2 import node as aten

import shapecalc
from shapecalc.importers.alike import AlikeNodes, likeness
from shapecalc.importers.frame import Frame
from shapecalc.importers.tensors import Batch, Constant, NodePlace
from shapecalc.layers.base.shape import Shape

MAP = [1, 4, 8, 8]
KERNEL = [4, 4, 3, 3]
WINDOW = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
NORM = ["gain", "shift", "mean", "variance"]


@pytest.fixture
def found(monkeypatch):
    """A function that reads bytes with and without this: the report, and how many nodes were like one before."""

    def load(data):
        network, hits = read_twice(monkeypatch, lambda: shapecalc.load(data))
        return network.infer(), hits

    return load


def onnx(nodes, *weights, inputs=("x",), dims=MAP):
    stored = [tensor(name, size) if size is not None else tensor(name, [], [2.0]) for name, size in weights]
    return model(nodes, [value(one, dims) for one in inputs], [value("y", None)], weights=stored)


def conv(x, y, w="w", **changed):
    return node("Conv", [x, w], [y], **{**WINDOW, **changed})


def norm(x, y, *names):
    return node("BatchNormalization", [x, *(names or NORM)], [y])


VECTORS = [(name, [4]) for name in NORM]


def test_layers_of_other_weights(found):
    nodes = [conv("x", "a", "w1"), norm("a", "b"), node("Relu", ["b"], ["c"]), conv("c", "d", "w2"),
             norm("d", "e", "gain2", "shift2", "mean", "variance"), node("Relu", ["e"], ["y"])]  # fmt: skip
    report, hits = found(onnx(nodes, ("w1", KERNEL), ("w2", KERNEL), *VECTORS, ("gain2", [4]), ("shift2", [4])))
    assert hits == 3
    assert [row.params for row in report.rows] == [144, 8, 0, 144, 8, 0]


def test_shared_weights_count_once(found):
    report, hits = found(onnx([conv("x", "a"), conv("a", "b"), conv("b", "y")], ("w", KERNEL)))
    assert hits == 2
    assert [row.params for row in report.rows] == [144, 0, 0]


def test_a_weight_that_one_of_several_layers_shares(found):
    nodes = [norm("x", "a"), norm("a", "b", "gain2", "shift", "mean", "variance"), norm("b", "y")]
    report, hits = found(onnx(nodes, *VECTORS, ("gain2", [4])))
    assert hits == 2
    assert [row.params for row in report.rows] == [8, 4, 0]


@pytest.mark.parametrize(
    ("other", "params"),
    [
        (conv("a", "y", "wide"), 144 + 5 * 4 * 9),  # another kernel
        (conv("a", "y", "w2", strides=[2, 2]), 288),  # other arguments
        (conv("a", "y", "w2", auto_pad="VALID", pads=[]), 288),
        (node("Conv", ["a", "w2", "shift"], ["y"], **WINDOW), 288 + 4),  # another number of inputs
    ],
    ids=["kernel", "strides", "padding", "bias"],
)
def test_another_layer_of_the_same_operation(found, other, params):
    weights = ("w", KERNEL), ("w2", KERNEL), ("wide", [5, 4, 3, 3]), ("shift", [4])
    report, hits = found(onnx([conv("x", "a"), other], *weights))
    assert (hits, report.total.params) == (0, params)


def test_inputs_of_other_sizes_or_in_another_order(found):
    nodes = [node("MaxPool", ["x"], ["a"], kernel_shape=[2, 2], strides=[2, 2]), node("MaxPool", ["a"], ["b"],
             kernel_shape=[2, 2], strides=[2, 2]), node("Relu", ["b"], ["y"])]  # fmt: skip
    report, hits = found(onnx(nodes))
    assert hits == 0
    assert [row.output_shape for row in report.rows] == [(4, 4, 4), (4, 2, 2), (4, 2, 2)]


def test_the_sum_of_a_tensor_with_itself(found):
    for first, then in ((["x", "z"], ["a", "a"]), (["x", "x"], ["a", "z"])):
        nodes = [node("Add", first, ["a"]), node("Add", then, ["b"]), node("Add", ["z", "b"], ["y"])]
        report, hits = found(onnx(nodes, inputs=("x", "z")))
        assert hits == 1
        assert [len(row.node.inputs) for row in report.rows] == [2, 2, 2]


def test_a_constant_that_is_no_weight_is_looked_at(found):
    nodes = [node("Add", ["x", "two"], ["a"]), node("Add", ["a", "three"], ["b"]), node("Relu", ["b"], ["y"])]
    data = model(nodes, [value("x", MAP)], [value("y", None)],
                 weights=[tensor("two", [], [2.0]), tensor("three", [], [3.0])])  # fmt: skip
    report, hits = found(data)
    assert hits == 0
    assert [row.node.layer.other for row in report.rows[:2]] == [2, 3]


def test_a_scale_of_ones_is_none(found):
    weights = [tensor(name, [4]) for name in NORM]
    ones = node("ConstantOfShape", ["size"], ["ones"], value=as_tensor(tensor("", [1], [1.0])))
    nodes = [norm("x", "a"), ones, norm("a", "y", "ones", "shift", "mean", "variance")]
    data = model(nodes, [value("x", MAP)], [value("y", None)], weights=[*weights, tensor("size", [1], [4], 7)])
    report, hits = found(data)
    assert hits == 0
    assert [row.params for row in report.rows] == [8, 0]


def pt2(nodes, tensors, **more):
    sizes = {"x": tuple(MAP), "a": tuple(MAP), "b": tuple(MAP), "y": tuple(MAP), **tensors}
    params = tuple([name for name in tensors if name.startswith("p_")])
    return archive(program(nodes, sizes, params=params, **more))


def conv2d(x, y, w, **more):
    return aten("aten.conv2d.default", y, y, input=T(x), weight=T(w), bias=None, padding=[1, 1], **more)


KERNELS = {"p_w": tuple(KERNEL), "p_v": tuple(KERNEL)}


def test_layers_of_a_program(found):
    nodes = [conv2d("x", "a", "p_w"), aten("aten.relu.default", "b", self=T("a")), conv2d("b", "y", "p_v")]
    report, hits = found(pt2(nodes, KERNELS))
    assert hits == 1
    assert [row.params for row in report.rows] == [144, 0, 144]


def test_other_layers_of_a_program(found):
    nodes = [conv2d("x", "a", "p_w"), conv2d("a", "b", "p_v", stride=[1, 1]), aten("aten.add.Tensor", "c", self=T("b"),
             other=2), aten("aten.add.Tensor", "y", self=T("c"), other=3)]  # fmt: skip
    report, hits = found(pt2(nodes, {**KERNELS, "c": tuple(MAP)}))
    assert hits == 0
    assert [row.node.layer.other for row in report.rows[2:]] == [2, 3]


def test_frozen_weights_of_a_program(found):
    nodes = [conv2d("x", "a", "p_w"), conv2d("a", "y", "p_v")]
    report, hits = found(pt2(nodes, KERNELS, frozen=("p_v",)))
    assert hits == 0
    assert [row.node.frozen for row in report.rows] == [False, True]


@pytest.mark.parametrize("odd", [[[1, 1], [1, 1]], [T("x")], {"nodes": []}])
def test_arguments_that_are_no_values(found, odd):
    nodes = [conv2d("x", "a", "p_w"), aten("aten.relu.default", "b", self=T("a"), odd=odd), conv2d("b", "y", "p_v")]
    if isinstance(odd, dict):
        nodes[1]["inputs"][1]["arg"] = {"as_string": odd}
    report, hits = found(pt2(nodes, KERNELS))
    assert hits == 1
    assert [row.kind for row in report.rows] == ["conv", "relu", "conv"]


def test_weights_of_a_program_that_are_not_learned(found):
    nodes = [conv2d("x", "a", "p_w"), conv2d("a", "b", "b_w"), conv2d("b", "y", "b_v")]
    kernels = {"p_w": tuple(KERNEL), "b_w": tuple(KERNEL), "b_v": tuple(KERNEL)}
    report, hits = found(pt2(nodes, kernels, buffers=("b_w", "b_v")))
    assert hits == 0
    assert [row.params for row in report.rows] == [144, 0, 0]


def test_weights_that_a_program_computes(found):
    """Of two tensors each: a layer holds them by the one of its size, and the other is a parameter of its own."""
    kernels = {**KERNELS, "p_g": (4, 1, 1, 1), "p_h": (4, 1, 1, 1), "w": tuple(KERNEL), "v": tuple(KERNEL)}
    nodes = [aten("aten.mul.Tensor", "w", self=T("p_w"), other=T("p_g")), conv2d("x", "a", "w"),
             aten("aten.mul.Tensor", "v", self=T("p_v"), other=T("p_h")), conv2d("a", "y", "v")]  # fmt: skip
    report, hits = found(pt2(nodes, kernels))
    assert hits == 0
    assert report.total.params == 2 * (144 + 4)


def test_a_batch_on_another_axis(found):
    nodes = [node("Relu", ["x"], ["a"]), node("Transpose", ["a"], ["b"], perm=[1, 0, 2]), node("Relu", ["b"], ["c"]),
             node("Transpose", ["c"], ["y"], perm=[1, 0, 2])]  # fmt: skip
    report, hits = found(onnx(nodes, dims=[2, 4, 4]))
    assert hits == 0
    assert [row.kind for row in report.rows][:1] == ["relu"]


def test_an_opaque_node_is_of_its_own_stated_size(found):
    nodes = [node("Add", ["x", "z"], ["a"], broadcast=1), node("Add", ["a", "z"], ["y"], broadcast=1)]
    data = model(nodes, [value("x", MAP), value("z", MAP)], [value("y", [1, 9])], stated=[value("a", MAP)])
    report, hits = found(data)
    assert hits == 0
    assert [row.output_shape for row in report.rows] == [(4, 8, 8), (9,)]


# The parts.

PLACE = NodePlace("node[0]", (), "own")
OWN = Batch(0, own=True)


@pytest.fixture
def frame():
    return Frame("net")


@pytest.fixture
def x(frame):
    return frame.add_input("x", Shape((4, 8, 8)), OWN)


@pytest.fixture
def z(frame):
    return frame.add_input("z", Shape((4, 8, 8)), OWN)


def test_only_constants_that_are_weights_are_alike():
    stored = Constant((4,), (1.0,) * 4, ("w",), learned=True)
    key = likeness((), [stored], with_weights=True).key
    assert likeness((), [stored._replace(items=None, sources=("v",))], with_weights=True).key == key
    assert likeness((), [stored._replace(dims=(5,))], with_weights=True).key != key
    assert likeness((), [stored._replace(learned=False, items=None)], with_weights=True).key != key
    assert likeness((), [stored], with_weights=False) is None
    assert likeness((), [stored._replace(learned=False)], with_weights=True) is None
    assert likeness((), [stored._replace(sources=())], with_weights=True) is None
    assert likeness((), [stored._replace(sources=("w", "v"))], with_weights=True) is None
    assert likeness((), [2], with_weights=True) is None
    assert likeness((), [None], with_weights=True).key != likeness((), [], with_weights=True).key


@pytest.mark.parametrize("case", ["relu", "two layers", "of another", "another layer after it", "two outputs", "no output",
                                  "x", "the input beside it"])  # fmt: skip
def test_what_is_one_layer_of_its_own_tensors_is_kept(frame, x, z, case):
    alike, like = AlikeNodes(frame), likeness(("op",), [x], with_weights=False)
    assert alike.again(like, PLACE) is None

    def made(kind, *inputs, **arguments):
        ((ref, shape), *_) = frame.emit(PLACE, kind, arguments, inputs)
        return x._replace(ref=ref, shape=shape)

    if case == "two layers":
        found = [made("relu", made("tanh", x))]
    elif case == "of another":
        found = [made("relu", z)]
    elif case == "another layer after it":
        found = [made("relu", x)]
        made("tanh", x)
    elif case == "two outputs":
        found = [made("relu", x), x]
    elif case == "no output":
        made("relu", x)
        found = []
    elif case == "the input beside it":
        made("relu", x)
        found = [x]
    else:
        found = [x if case == "x" else made("relu", x)]
    alike.note(like, 0, found)
    again = alike.again(like, PLACE)
    assert again == ([found[0]._replace(ref=found[0].ref._replace(node=1))] if case == "relu" else None)


def test_a_tensor_that_is_not_used_is_looked_at(frame, x, z):
    alike, like = AlikeNodes(frame), likeness(("op",), [x, z], with_weights=False)
    ((ref, shape),) = frame.emit(PLACE, "relu", {}, (x,))
    alike.note(like, 0, [x._replace(ref=ref, shape=shape)])
    assert alike.again(like, PLACE) is None


def test_weights_that_are_not_the_nodes_own(frame, x):
    alike, like = AlikeNodes(frame), likeness(("op",), [x], with_weights=True)
    arguments = {"out_channels": 4, "kernel_size": 1, "bias": False}
    ((ref, shape),) = frame.emit(PLACE, "conv", arguments, (x,), [Constant((4, 4, 1, 1), None, ("w",), learned=True)])
    alike.note(like, 0, [x._replace(ref=ref, shape=shape)])
    assert alike.again(like, PLACE) is None


def test_a_layer_without_a_module_is_named_after_its_weights(found):
    kernels = ("features.0.weight", KERNEL), ("features.1.weight", KERNEL)
    report, hits = found(onnx([conv("x", "a", kernels[0][0]), conv("a", "y", kernels[1][0])], *kernels))
    assert hits == 1
    assert [row.name for row in report.rows] == ["features.0", "features.1"]
