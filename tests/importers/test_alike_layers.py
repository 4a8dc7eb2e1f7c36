"""Layers of Keras and Caffe like one before are read as that one was, and all others are looked at themselves."""

from __future__ import annotations

import json

import pytest
from alike_graphs import read_twice

import shapecalc

CONV = {"filters": 4, "kernel_size": [3, 3], "padding": "same"}
MAP = [None, 8, 8, 4]


def layer(op, name, calls, **config):
    """Return a layer as Keras 2 writes it: `calls` are the names of its inputs."""
    nodes = [[[one, 0, 0, {}] for one in call.split()] for call in calls]
    return {"class_name": op, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def keras(*layers, names="x", **more):
    entries = [layer("InputLayer", name, (), batch_input_shape=MAP) for name in names]
    config = {"name": "m", "layers": [*entries, *layers], "input_layers": [[name, 0, 0] for name in names],
              "output_layers": [[layers[-1]["name"], 0, 0]]}  # fmt: skip
    return {"class_name": "Functional", "config": config, **more}


@pytest.fixture
def found(monkeypatch):
    """A function that reads a file with and without this: the report, and how many layers were like one before."""

    def load(text):
        data = text if isinstance(text, str) else json.dumps(text)
        network, hits = read_twice(monkeypatch, lambda: shapecalc.load(data.encode()))
        return network.infer(), hits

    return load


def test_layers_of_keras_with_other_names(found):
    report, hits = found(keras(layer("Conv2D", "a", ["x"], **CONV), layer("Conv2D", "b", ["a"], **CONV)))
    assert hits == 1
    assert [(row.name, row.params) for row in report.rows] == [("a", 148), ("b", 148)]


def test_a_layer_of_keras_that_is_called_again(found):
    report, hits = found(keras(layer("Conv2D", "a", ["x", "y"], **CONV), layer("Add", "sum", ["a x"]), names="xy"))
    assert hits == 1
    assert [row.params for row in report.rows] == [148, 0, 0]


@pytest.mark.parametrize("other", [{"strides": [2, 2]}, {"use_bias": False}, {"trainable": False}, {"filters": 5}])
def test_layers_of_keras_with_another_config(found, other):
    report, hits = found(keras(layer("Conv2D", "a", ["x"], **CONV), layer("Conv2D", "b", ["a"], **{**CONV, **other})))
    assert hits == 0
    assert [row.node.frozen for row in report.rows] == [False, "trainable" in other]


def test_frozen_layers_of_keras(found):
    layers = [layer("Conv2D", name, [x], **CONV, trainable=False) for name, x in ("ax", "ba")]
    report, hits = found(keras(*layers))
    assert hits == 1
    assert [row.node.frozen for row in report.rows] == [True, True]


def test_layers_of_keras_in_a_frozen_model(found):
    inner = keras(layer("Conv2D", "b", ["p"], **CONV), layer("ReLU", "r", ["b"]), names="p", name="inner")
    inner["config"]["trainable"] = False
    model = keras(layer("Conv2D", "a", ["x"], **CONV), {**inner, "inbound_nodes": [[["a", 0, 0, {}]]]})
    model["config"]["output_layers"] = [["inner", 0, 0]]
    report, hits = found(model)
    assert hits == 0
    assert [row.node.frozen for row in report.rows] == [False, True, True]


def test_layers_of_keras_that_are_two_here(found):
    report, hits = found(keras(*[layer("Conv2D", name, [x], **CONV, activation="relu") for name, x in ("ax", "ba")]))
    assert hits == 0
    assert [row.name for row in report.rows] == ["a", "a_relu", "b", "b_relu"]


def test_layers_of_keras_that_hold_one(found):
    inner = [{"class_name": "Rescaling", "config": {"name": "half", "scale": 0.5}}]
    report, hits = found(keras(*[layer("Pipeline", name, [x], layers=inner) for name, x in ("ax", "ba")]))
    assert hits == 0
    assert [row.name for row in report.rows] == ["a_half", "b_half"]


def test_operations_of_keras_and_tensorflow(found):
    adds = [layer("TFOpLambda", name, [x], function="math.add") for name, x in (("a", "x"), ("b", "a"))]
    for each, value in zip(adds, (2, 3), strict=True):
        each["inbound_nodes"][0][0][3]["y"] = value
    report, hits = found(keras(*adds))
    assert hits == 0
    assert [row.node.layer.other for row in report.rows] == [2, 3]
    unary = [layer("TFOpLambda", name, [x]) for name, x in (("tf.nn.relu", "x"), ("tf.math.tanh", "tf.nn.relu"))]
    report, hits = found(keras(*unary))
    assert hits == 0
    assert [row.kind for row in report.rows] == ["relu", "tanh"]


def test_layers_of_other_code_than_keras(found):
    built = {"build_config": {"input_shape": MAP}}
    custom = [{**layer("own>Conv2D", name, [x], **CONV), **built} for name, x in ("ax", "ba")]
    report, hits = found(keras(layer("Conv2D", "c", ["x"], **CONV), custom[0] | {"inbound_nodes": [[["c", 0, 0, {}]]]},
                               custom[1], {**layer("ReLU", "r", ["b"]), **built}))  # fmt: skip
    assert hits == 0
    assert [row.kind for row in report.rows] == ["conv", "opaque", "opaque", "relu"]


def test_layers_of_a_model_in_memory_whose_config_holds_objects(monkeypatch):
    from shapecalc.importers.keras.calls import likeness_of
    from shapecalc.importers.keras.structure import LayerRecord

    record = LayerRecord("ReLU", "ReLU", True, "a", {"name": "a"}, "a", (), {}, None, "a")
    call = shapecalc.importers.keras.trees.CallRecord((), {})
    assert likeness_of(record, call, [], frozen=False) is not None
    assert likeness_of(record._replace(config={"dtype": object()}), call, [], frozen=False) is None
    assert likeness_of(record, call._replace(kwargs={"mask": None}), [], frozen=False) is None


# Caffe.


def caffe(*layers, more=""):
    """Return a net: layers are their type, input, output and arguments."""
    head = 'input: "x" input_shape { dim: 1 dim: 4 dim: 8 dim: 8 }\n' + more
    return head + "\n".join([
        f'layer {{ name: "{top}" type: "{kind}" {bottoms} top: "{top}" {arguments} }}'
        for kind, given, top, arguments in layers
        for bottoms in [" ".join([f'bottom: "{one}"' for one in given.split()])]
    ])  # fmt: skip


WINDOW = "convolution_param { num_output: 4 kernel_size: 3 pad: 1 }"


def test_layers_of_caffe(found):
    report, hits = found(caffe(("Convolution", "x", "a", WINDOW), ("ReLU", "a", "b", ""), ("Convolution", "b", "c",
                               WINDOW.replace(" kernel", "\n\tkernel")), ("ReLU", "c", "y", "")))  # fmt: skip
    assert hits == 2
    assert [(row.name, row.params) for row in report.rows] == [("a", 148), ("b", 0), ("c", 148), ("y", 0)]


@pytest.mark.parametrize(
    ("other", "params"),
    [
        (WINDOW.replace("pad: 1", "pad: 1 stride: 2"), 148), (WINDOW.replace("pad: 1", "pad: 1 bias_term: false"), 144),
        (WINDOW + ' param { name: "w" }', 148), (WINDOW.replace("3", "5").replace("1", "2"), 404),
    ],
)  # fmt: skip
def test_layers_of_caffe_with_other_arguments(found, other, params):
    report, hits = found(caffe(("Convolution", "x", "a", WINDOW), ("Convolution", "a", "b", other)))
    assert hits == 0
    assert [row.params for row in report.rows] == [148, params]


def test_layers_of_caffe_that_share_parameters(found):
    shared = WINDOW + ' param { name: "w" } param { name: "b" }'
    report, hits = found(caffe(("Convolution", "x", "a", shared), ("Convolution", "a", "b", shared)))
    assert hits == 0
    assert [row.params for row in report.rows] == [148, 0]


def test_frozen_layers_of_caffe(found):
    frozen = WINDOW + " param { lr_mult: 0 } param { lr_mult: 0 }"
    layers = [("Convolution", x, y, arguments) for x, y, arguments in (("x", "a", WINDOW), ("a", "b", frozen), ("b", "c",
                                                                       frozen))]  # fmt: skip
    report, hits = found(caffe(*layers))
    assert hits == 1
    assert [row.node.frozen for row in report.rows] == [False, True, True]


def test_layers_of_caffe_of_which_something_is_said(found):
    pool = "pooling_param { pool: STOCHASTIC kernel_size: 3 pad: 0 stride: 1 }"
    report, hits = found(caffe(("Pooling", "x", "a", pool), ("ReLU", "x", "b", ""), ("Pooling", "b", "c", pool)))
    assert hits == 0
    assert len([note for note in report.notes if "stochastic" in note]) == 2


def test_outputs_that_are_too_large_for_caffe():
    dims = {"4": "46341", "8": "46341"}
    text = caffe(("ReLU", "x", "a", ""), ("ReLU", "a", "b", ""))
    for size, other in dims.items():
        text = text.replace(f"dim: {size}", f"dim: {other}", 1)
    with pytest.raises(shapecalc.ShapecalcError, match="Caffe counts to 2,147,483,647"):
        shapecalc.load(text.encode()).infer()


def test_layers_of_caffe_with_another_number_of_outputs(found):
    pool = "pooling_param { pool: MAX kernel_size: 3 pad: 1 stride: 1 }"
    report, hits = found(caffe(("Pooling", "x", "a", pool), ("Pooling", "a", "b", pool + ' top: "mask"')))
    assert hits == 0
    assert len(report.outputs) == 2
