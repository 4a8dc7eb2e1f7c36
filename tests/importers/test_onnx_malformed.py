"""ONNX files whose nodes are none: inputs or attributes left out, of other ranks, numbers without end."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from crafted_onnx import FLOAT, INT64, as_graph, field, graph, model, node, tensor, value

import shapecalc
from shapecalc.checkpoints.wire import MESSAGE, PAYLOAD, TEXT, Tag, WireReader
from shapecalc.errors import LayerError, ShapecalcError, ShapeError, SpecError
from shapecalc.importers.call import Guard
from shapecalc.importers.onnx.arity import least_inputs

EMPTY_BRANCH = as_graph(graph([], [], []))
WEIGHTS = [
    tensor("w", [4, 3, 3, 3]),
    tensor("k", [8, 2], list(range(16)), INT64),
    tensor("l", [2, 6], list(range(12)), INT64),
    tensor("axes", [2, 1], [0, 0], INT64),
    tensor("one", [1], [1], INT64),
]


def infer(nodes, size=(1, 3, 8, 8), **options):
    return shapecalc.load(model(nodes, [value("x", size)], [value("y", None)], weights=WEIGHTS), **options).infer()


MALFORMED = [
    (node("Equal", ["x"], ["y"]), "it has 1 input, and Equal needs at least 2"),
    (node("Pow", ["x"], ["y"]), "it has 1 input, and Pow needs at least 2"),
    (node("Equal", ["x", ""], ["y"]), "its input 1 is missing"),
    (node("Where", ["", "x", "x"], ["y"]), "its input 0 is missing"),
    (node("Where", [], ["y"]), "it has no input, and Where needs at least 3"),
    (node("Sigmoid", [], ["y"]), "it has no input, and Sigmoid needs at least 1"),
    (node("If", [], ["y"], then_branch=EMPTY_BRANCH), "it has no input, and If needs at least 1"),
    (node("Equal", ["k", "l"], ["y"]), "its inputs 8×2 and 2×6 do not fit together"),
    (node("Unsqueeze", ["x", "axes"], ["y"]), "its axes [0, 0] are not different ones"),
    (node("MaxPool", ["x"], ["y"]), "its window has 0 axes, but its input 3×8×8 has 2 spatial ones"),
    (
        node("ConvTranspose", ["x", "w"], ["y"], output_shape=[9]),
        "its inputs or attributes are not those of a ConvTranspose",
    ),
]


@pytest.mark.parametrize(("one", "text"), MALFORMED)
def test_a_malformed_node_is_an_error_at_the_node(one, text):
    with pytest.raises(ShapecalcError) as error:
        infer([node("Relu", ["x"], ["r"]), one])
    first = str(error.value).splitlines()[0]
    assert first.startswith("<bytes>: node[1] ")
    assert first.endswith(text)


def test_shape_arithmetic_with_a_missing_input_is_an_error():
    with pytest.raises(ShapeError, match="its input s is a constant whose values are not in the file"):
        infer([node("Concat", ["one", ""], ["s"], axis=0), node("Reshape", ["x", "s"], ["y"])])


def test_a_value_given_to_an_input_of_a_malformed_node():
    data = model([node("Sub", ["x"], ["y"])], [value("x", [2], INT64)], [value("y", None)])
    with pytest.raises(ShapeError, match="it has 1 input, and Sub needs at least 2"):
        shapecalc.load(data, vars={"x": [1, 2]}).infer()


def test_a_list_of_fractions_that_are_none():
    broken = field(1, "value_floats") + field(7, 3) + field(20, 6)
    data = model([node("Constant", [], ["c"]) + field(5, broken)], [value("x", [1, 4])], [value("y", None)])
    with pytest.raises(SpecError, match="a list of fractions has the wire type of whole numbers"):
        shapecalc.load(data)


@pytest.mark.parametrize(("op", "text"), [("Mul", "Mul"), ("Add", "Add")])
def test_numbers_of_shape_arithmetic_have_64_bits(op, text):
    """Each of the nodes doubles the number of digits: 2^60 of them at the end."""
    nodes = [node("Shape", ["x"], ["t0"])]
    nodes += [node(op, [f"t{i}", f"t{i}"], [f"t{i + 1}"]) for i in range(70)]
    begin = time.process_time()
    with pytest.raises(ShapeError) as error:
        infer([*nodes, node("Reshape", ["x", "t70"], ["y"])])
    assert time.process_time() - begin < 5
    assert f" {text}: it computes a whole number that is longer than 64 bits" in str(error.value)


def test_a_fraction_beyond_whole_numbers_is_unknown_and_no_error():
    nodes = [
        node("Constant", [], ["c"], value_float=3e38),
        node("Cast", ["c"], ["i"], to=7),
        node("Relu", ["x"], ["y"]),
    ]
    assert [row.kind for row in infer(nodes).rows] == ["relu"]


@pytest.mark.parametrize("error", [IndexError, KeyError, ValueError, TypeError, AttributeError, StopIteration,
                                   AssertionError, ZeroDivisionError, OverflowError])  # fmt: skip
def test_what_an_operation_stumbles_over_is_its_error(error):
    with pytest.raises(LayerError, match="its inputs or attributes are not those of an Add"), Guard("Add"):
        raise error
    with pytest.raises(MemoryError), Guard("Add"):
        raise MemoryError


def test_the_least_numbers_of_inputs_are_those_of_onnx():
    defs = pytest.importorskip("onnx").defs
    versions = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            versions.setdefault(schema.name, {})[schema.since_version] = schema.min_input
    for op, found in versions.items():
        first = max((since for since in found if since <= 7), default=0)
        assert least_inputs(op) <= min(least for since, least in found.items() if since >= first), op


# Structural mutations: whole nodes with other inputs, attributes and sizes.

SIZES = {"x": (1, 3, 8, 8), "t": (1, 4, 6), "v": (4,), "n": ()}
LISTS = ([], [0], [1, 1], [2, 2, 2], [-1, 2**40], [1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 0])
WORDS = {
    "kernel_shape": LISTS, "pads": LISTS, "strides": LISTS, "dilations": LISTS, "perm": LISTS, "axes": LISTS,
    "output_shape": LISTS, "output_padding": LISTS, "split": LISTS, "axis": (0, 1, -1, 5, -9, 2**40),
    "group": (0, 1, 3, -1), "hidden_size": (0, 4, -1), "blocksize": (0, 2, 3), "transB": (0, 1), "keepdims": (0, 1),
    "auto_pad": ("SAME_UPPER", "VALID", "xx"), "mode": ("linear", "xx"), "equation": ("ij,jk->ik", "a", "->"),
    "direction": ("bidirectional", "xx"), "num_heads": (0, 2, 3), "num_outputs": (0, 2), "k": (0, 3), "to": (1, 7, 99),
    "num_groups": (0, 2), "size": (0, 5), "output_height": (0, 2), "value": (3,),
}  # fmt: skip


def operations():
    from shapecalc.importers.onnx import operations as table
    from shapecalc.importers.onnx import values

    return sorted({*table.operation.names, *values.folds.names, "If", "Loop"})


@pytest.mark.parametrize("seed", range(4))
def test_nodes_of_any_inputs_and_attributes_are_errors_or_layers(seed):
    chance, ops = random.Random(seed), operations()
    stored = {"w": [4, 3, 3, 3], "m": [6, 4], "b": [4], "r": [1, 12, 4], "f": [1]}
    weights = [tensor(name, dims) for name, dims in stored.items()] + WEIGHTS[1:]
    every = [*SIZES, *stored, "k", "l", "axes", "one", "s", ""]
    inputs = [value(name, size, chance.choice((FLOAT, INT64))) for name, size in SIZES.items()]
    begin = time.process_time()
    for _ in range(600):
        nodes, names = [node("Shape", ["x"], ["s"])], list(every)
        for number in range(chance.randint(1, 3)):
            own, *others = chance.choice(ops).rsplit(".", 1)[::-1]
            words = {name: chance.choice(WORDS[name]) for name in chance.sample(sorted(WORDS), chance.randint(0, 4))}
            given = [chance.choice(names) for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 8)))]
            outputs = [f"o{number}", f"p{number}"][: chance.randint(1, 2)]
            nodes.append(node(own, given, outputs, domain=others[0] if others else "", **words))
            names.append(outputs[0])
        data = model(nodes, inputs, [value("o0", None)], weights=weights, opset=chance.choice((7, 11, 13, 17, 21)))
        with contextlib.suppress(ShapecalcError):
            str(shapecalc.load(data, vars=chance.choice(({}, {}, {"v": [1, 2, 3, 4]}, {"n": 3}))).infer())
    assert time.process_time() - begin < 60


def test_equal_messages_are_read_once_and_others_apart():
    """Attributes and types of many nodes are alike: of each the first is kept, if it is short."""
    fields = {1: Tag("parts", MESSAGE, True, {1: Tag("name", TEXT), 2: Tag("items", PAYLOAD)}, True)}
    part = field(1, "a") + field(2, b"12")
    other, long = field(1, "a") + field(2, b"13"), field(1, "a" * 300)
    data = b"".join(field(1, one) for one in (part, other, part, long, long))
    first, second, again, *longer = WireReader(data).message(fields)["parts"]
    assert first is again
    assert first["name"] == second["name"] == "a"
    assert [data[span.start : span.end] for one in (first, second) for span in one["items"]] == [b"12", b"13"]
    assert longer == [{"name": "a" * 300}] * 2
    assert longer[0] is not longer[1]


def test_what_an_operation_made_before_it_was_not_covered_is_left_out():
    """A residual sum whose normalisation has scales of another size: no layer is left that the opaque one could use."""
    nodes = [node("SkipLayerNormalization", ["x", "y", "g"], ["z"], domain="com.microsoft"), node("Relu", ["z"], ["o"])]
    inputs, weights = [value("x", [1, 6, 4]), value("y", [1, 6, 4])], [tensor("g", [5])]
    report = shapecalc.load(
        model(nodes, inputs, [value("o", None)], weights=weights, stated=[value("z", [1, 6, 4])])
    ).infer()
    assert [(row.kind, row.output_shape) for row in report.rows] == [("opaque", (6, 4)), ("relu", (6, 4))]
