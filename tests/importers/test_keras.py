"""Models of Keras: files of our own, right ones and wrong ones, with the whole text of each error."""

from __future__ import annotations

import io
import json
import sys
import zipfile

import pytest

import shapecalc
from shapecalc.importers.keras.reading import config_of_bytes


def layer(op, name, calls=(), **config):
    """Return a layer as Keras 2 writes it: `calls` are the names of its inputs."""
    nodes = [[[one, 0, 0, {}] for one in call.split()] for call in calls]
    return {"class_name": op, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def functional(*layers, inputs=("x",), outputs=None):
    last = [[name, 0, 0] for name in (outputs or [layers[-1]["name"]])]
    config = {"name": "m", "layers": list(layers), "input_layers": [[n, 0, 0] for n in inputs], "output_layers": last}
    return {"class_name": "Functional", "config": config}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}}


def entry(*sizes, name="x"):
    return layer("InputLayer", name, batch_input_shape=[None, *sizes])


def load(model, **given):
    return shapecalc.load(json.dumps(model).encode(), **given)


def sizes(model, **given):
    return [row.output_shapes[0] for row in load(model, **given).infer().rows]


def error(model, **given):
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        load(model, **given).infer()
    return str(caught.value)


CONV = {"filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"}
LITTLE = sequential(entry(8, 8, 3), layer("Conv2D", "conv", **CONV, activation="relu"), layer("Flatten", "flat"),
                    layer("Dense", "fc", units=10))  # fmt: skip


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name.replace("_json", ".json"), text)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["json", "archive", "config alone", "list alone", "with a byte order mark"])
def test_every_form_of_a_file(form, tmp_path):
    text = json.dumps(LITTLE)
    data = {
        "json": text.encode(),
        "archive": archive(metadata_json="{}", config_json=text, model_weights="no weights are read"),
        "config alone": json.dumps(LITTLE["config"]).encode(),
        "list alone": json.dumps(LITTLE["config"]["layers"]).encode(),
        "with a byte order mark": b"\xef\xbb\xbf" + text.encode(),
    }[form]
    path = tmp_path / ("m.keras" if form == "archive" else "m.json")
    path.write_bytes(data)
    for source in (path, data):
        report = shapecalc.load(source).infer()
        assert [(row.name, row.kind, row.output_shapes[0], row.params) for row in report.rows] == [
            ("conv", "conv", (6, 6, 4), 112), ("conv_relu", "relu", (6, 6, 4), 0), ("flat", "flatten", (144,), 0),
            ("fc", "linear", (10,), 1450),
        ]  # fmt: skip
        assert report.notes[-1] == "3 nodes: 3 layers, 0 unknown; 0 stated sizes agree"


def test_a_config_of_another_library_is_none(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "nothing"}')
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(path)
    assert "Keras" not in str(caught.value)


def test_h5_needs_h5py(tmp_path, monkeypatch):
    path = tmp_path / "m.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(path)
    assert str(caught.value) == (
        "reading .h5 files of Keras needs h5py, which is not installed\n"
        "   install it with: pip install 'shapecalc-nn[keras]'"
    )


def test_h5(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(LITTLE)
    assert shapecalc.load(path).infer().total.params == 1562
    assert shapecalc.load(path.read_bytes()).infer().total.params == 1562
    with h5py.File(path, "w") as file:
        file.create_group("layers")
    with pytest.raises(shapecalc.SpecError, match="it holds weights alone \\(layers\\)"):
        shapecalc.load(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(shapecalc.SpecError, match="it is not a whole HDF5 file"):
        shapecalc.load(path)


def test_shared_layers_count_once():
    model = functional(entry(8), entry(8, name="y"), layer("Dense", "d", ["x", "y"], units=8),
                       layer("Concatenate", "c", inputs=[]), inputs=("x", "y"))  # fmt: skip
    model["config"]["layers"][-1]["inbound_nodes"] = [[["d", 0, 0, {}], ["d", 1, 0, {}]]]
    report = load(model).infer()
    assert [(row.name, row.params) for row in report.rows] == [("d", 72), ("d_2", 0), ("c", 0)]
    assert report.total.params == 72


def test_calls_are_worked_out_after_those_they_depend_on():
    model = functional(
        layer("Dense", "b", ["a"], units=2), layer("Dense", "a", ["x"], units=3), entry(8), outputs=["b"]
    )
    assert [(row.name, row.params) for row in load(model).infer().rows] == [("a", 27), ("b", 8)]


def nested(count_first, **more):
    inner = functional(entry(8, name="p"), layer("Dense", "d", ["p"], units=4), inputs=["p"])
    call = {"class_name": "Functional", "name": "inner", "config": {**inner["config"], "name": "inner", **more},
            "inbound_nodes": [[["x", 0, 0, {}]], [["y", 0, 0, {}]]]}  # fmt: skip
    model = functional(entry(8), entry(8, name="y"), call, layer("Add", "sum"), inputs=("x", "y"))
    model["config"]["layers"][-1]["inbound_nodes"] = [
        [["inner", count_first, 0, {}], ["inner", count_first + 1, 0, {}]]
    ]
    return model


@pytest.mark.parametrize("count_first", [0, 1])
def test_models_count_their_own_first_call_or_not(count_first):
    report = load(nested(count_first)).infer()
    assert [(row.name, row.params) for row in report.rows] == [("inner", 36), ("inner_2", 0), ("sum", 0)]


def test_frozen_models():
    rows = load(nested(0, trainable=False)).infer().rows
    assert [row.node.frozen for row in rows] == [True, True, False]


def test_keras_1():
    first = layer("Convolution2D", "conv", nb_filter=8, nb_row=3, nb_col=5, border_mode="same", subsample=[2, 1],
                  dim_ordering="th", bias=False, batch_input_shape=[None, 3, 20, 30], activation="relu")  # fmt: skip
    pool = layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering="th")
    dense = layer("Dense", "fc", output_dim=10, activation="softmax")
    model = {"class_name": "Sequential", "config": [first, pool, layer("Dropout", "drop", p=0.25),
                                                    layer("Flatten", "flat"), dense]}  # fmt: skip
    network = load(model)
    assert network.graph.layout == "CHW"
    assert network.graph.inputs["conv_input"].sizes == (3, 20, 30)
    assert [(row.name, row.output_shapes[0], row.params) for row in network.infer().rows] == [
        ("conv", (8, 10, 30), 360), ("conv_relu", (8, 10, 30), 0), ("pool", (8, 5, 15), 0), ("drop", (8, 5, 15), 0),
        ("flat", (600,), 0), ("fc", (10,), 6010), ("fc_softmax", (10,), 0),
    ]  # fmt: skip


def test_keras_1_merges_of_models():
    branches = [sequential(layer("Dense", f"d{i}", output_dim=4, batch_input_shape=[None, 8 + i])) for i in range(2)]
    for i, branch in enumerate(branches):
        branch["config"] = {"name": f"branch{i}", "layers": branch["config"]["layers"]}
    model = {"class_name": "Sequential", "config": [layer("Merge", "m", mode="concat", concat_axis=-1, layers=branches),
                                                    layer("Dense", "fc", output_dim=2)]}  # fmt: skip
    network = load(model)
    assert list(network.graph.inputs) == ["branch0_input", "branch1_input"]
    assert [(row.output_shapes[0], row.params) for row in network.infer().rows] == [
        ((4,), 36), ((4,), 40), ((8,), 0), ((2,), 18),
    ]  # fmt: skip


def test_the_recurrent_layers_of_cudnn_have_two_biases():
    assert load(sequential(entry(7, 6), layer("CuDNNLSTM", "r", units=5))).infer().total.params == 4 * (5 * 6 + 25 + 10)
    assert load(sequential(entry(7, 6), layer("CuDNNGRU", "r", units=5))).infer().total.params == 3 * (5 * 6 + 25 + 10)
    assert load(sequential(entry(7, 6), layer("LSTM", "r", units=5))).infer().total.params == 4 * (5 * 6 + 25 + 5)


def test_a_layer_of_other_code_has_the_size_that_the_next_one_was_built_for():
    mine = {**layer("Mine", "mine"), "registered_name": "mine>Mine", "module": None}
    after = {**layer("Dense", "fc", units=3), "build_config": {"input_shape": [None, 5]}}
    report = load(sequential(entry(8), mine, after)).infer()
    assert [(row.kind, row.output_shapes[0]) for row in report.rows] == [("opaque", (5,)), ("linear", (3,))]
    assert report.notes[0] == "2 nodes: 1 layer, 1 unknown; 1 stated size agrees"
    assert error(sequential(entry(8), mine)) == (
        "<bytes>: layer[1] Mine mine: mine (Mine): Mine is not covered, and the file does not state the size of its output\n"
        "   it is a layer of other code than Keras\n"
        "   shapecalc.from_keras(model) reads it of the model itself"
    )


def test_sizes_that_the_file_states_are_compared():
    wrong = {**layer("Dense", "fc", units=3), "build_config": {"input_shape": [None, 7]}}
    network = load(sequential(entry(8), layer("Dense", "d", units=5), wrong))
    assert [str(warning.message) for warning in network.warnings] == [
        "the file states the size ?×7 of its output d, but it is 1×5"
    ]
    assert (
        network.infer().notes[-1] == "2 nodes: 2 layers, 0 unknown; 0 stated sizes agree, 1 does not (see the warnings)"
    )


def test_other_sizes_and_dynamic_ones():
    dynamic = sequential(entry(None, None, 3), layer("Conv2D", "conv", **CONV), layer("GlobalMaxPooling2D", "pool"))
    assert error(dynamic) == (
        'the size of the input x of <bytes> is dynamic: ?×?×3\n   give it: --input 224x224x3 (input="224x224x3" in Python)'
    )
    assert sizes(dynamic, input="9x10x3") == [(7, 8, 4), (4,)]
    assert sizes(LITTLE, input="9x8x3")[0] == (7, 6, 4)
    unbuilt = sequential(layer("Dense", "d", units=3))
    assert error(unbuilt) == (
        '<bytes> does not state the size of its input d_input\n   give it: --input d_input=784 (input={"d_input": "784"} in Python), without the batch'
    )
    for first, example in {"Embedding": "128", "Conv1D": "128x64", "Conv3D": "16x112x112x3", "GRU": "128x64",
                           "Conv2D": "224x224x3"}.items():  # fmt: skip
        other = sequential(layer(first, "d", units=3, filters=3, kernel_size=3, input_dim=9, output_dim=4))
        assert f"d_input={example} (input=" in error(other)
    assert sizes(unbuilt, input="8") == [(3,)]
    assert error(LITTLE, input="8x8") == "the input x is without the batch 8×8×3, or with it ?×8×8×3: not 8×8"


NO_LAYER = {"class_name": "Functional", "config": {"name": "m", "layers": [3], "input_layers": []}}
CYCLE = functional(entry(8), layer("Dense", "a", ["b"], units=2), layer("Dense", "b", ["a"], units=2))
WRONG = {
    "cycle": (CYCLE, "<bytes>: layer[1] Dense a: a (Dense): its input b is the output of no layer before it"),
    "dangling": (functional(entry(8), layer("Dense", "a", ["nothing"], units=2)),
                 "<bytes>: layer[1] Dense a: a (Dense): its input nothing is the output of no layer of this model"),
    "units": (sequential(entry(8), layer("Dense", "a", units=-3)),
              "<bytes>: layer[1] Dense a: a (Dense): out_features must be a whole number of at least 1, not -3"),
    "no units": (sequential(entry(8), layer("Dense", "a")),
                 "<bytes>: layer[1] Dense a: a (Dense): it has no units, which must be a whole number"),
    "kernel": (sequential(entry(8, 8, 3), layer("Conv2D", "a", **{**CONV, "kernel_size": [3, 3, 3]})),
               "<bytes>: layer[1] Conv2D a: a (Conv2D): its kernel_size must be 2 whole numbers, not [3, 3, 3]"),
    "axes": (sequential(entry(8), layer("Conv2D", "a", **CONV)),
             "<bytes>: layer[1] Conv2D a: a (Conv2D): it needs 2 spatial axes and channels, but its input is 8"),
    "twice": (sequential(entry(8), layer("Dense", "a", units=2), layer("Dense", "a", units=2)),
              "<bytes> cannot be read as a Keras model: two layers are called a\n"
              "   check that the file is whole, and that it is a Keras model"),
    "no layer": (NO_LAYER, "<bytes> cannot be read as a Keras model: layer[0]: it has no class_name, as every layer has\n"
                 "   check that the file is whole, and that it is a Keras model"),
    "subclass": ({"class_name": "Mine", "config": {}, "registered_name": "Mine", "module": None},
                 "<bytes> cannot be read as a Keras model: the layers of Mine are in its Python code\n"
                 "   make a functional model of it, which is read: "
                 "inputs = keras.Input(…); keras.Model(inputs, model.call(inputs))"),
    "subclass that was built": ({"class_name": "Mine", "config": {}, "registered_name": "Mine", "module": None,
                                 "build_config": {"input_shape": [None, 32, 32, 3]}},
                                "<bytes> cannot be read as a Keras model: the layers of Mine are in its Python code\n"
                                "   make a functional model of it, which is read: "
                                "inputs = keras.Input((32, 32, 3)); keras.Model(inputs, model.call(inputs))"),
    "a layer": (layer("Dense", "d", units=3),
                "<bytes> cannot be read as a Keras model: it is a layer Dense, not a model\n"
                "   check that the file is whole, and that it is a Keras model"),
    "impossible": (sequential(entry(0, 3), layer("Dense", "a", units=2)),
                   "the input x of <bytes> has an axis of the impossible size 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_models(name):
    model, text = WRONG[name]
    assert error(model).splitlines()[: len(text.splitlines())] == text.splitlines()


def broken(data):
    with pytest.raises(shapecalc.SpecError) as caught:
        config_of_bytes(data, "m.keras")
    return str(caught.value).splitlines()[0].removeprefix("m.keras cannot be read as a Keras model: ")


def test_broken_files():
    assert broken(b"") == "it is empty"
    assert broken(b'{"class_name": ') == "its JSON is broken at line 1, column 16: Expecting value"
    assert broken(b'{"class_name": "\xff"}') == "it is not a text in UTF-8 (byte 16)"
    assert broken(b"[" * 100_000) == "its JSON is nested too deeply"
    assert broken(b"<!DOCTYPE html>").startswith("it is a web page")
    assert broken(archive(metadata_json="{}")) == "it is a zip archive without config.json"
    assert broken(archive(config_json="{}")[:40]) == "its archive is broken (File is not a zip file)"


def test_bombs(monkeypatch):
    from shapecalc.importers.keras import reading

    monkeypatch.setattr(reading, "_LARGEST", 1000)
    assert broken(archive(config_json=" " * 2000)) == "its config.json unpacks to more than 1,000 bytes"
    assert broken(b"[" + b" " * 2000 + b"]") == "its JSON has 2,002 bytes"


def test_models_that_stand_for_too_many_layers(monkeypatch):
    monkeypatch.setattr("shapecalc.importers.keras.graph._MOST_CALLS", 5_000)
    model = functional(entry(8), layer("Dense", "d", ["x"], units=8))
    for _ in range(24):
        inner = {"class_name": "Functional", "name": "i", "config": {**model["config"], "name": "i"},
                 "inbound_nodes": [[["x", 0, 0, {}]], [["i", 0, 0, {}]]]}  # fmt: skip
        model = functional(entry(8), inner)
        model["config"]["output_layers"] = [["i", 1, 0]]
    assert error(model) == "<bytes> stands for more than 5,000 calls of layers"


def test_models_nested_too_deeply():
    model = functional(entry(8), layer("Dense", "d", ["x"], units=8))
    for _ in range(40):
        model = functional(entry(8), {**model, "name": "i", "inbound_nodes": [[["x", 0, 0, {}]]]})
    assert "models are nested more than 32 deep" in error(model)


class Looks:
    """Something that is called as a model of Keras is."""

    name = "little"

    def __init__(self, model):
        self.model = model
        self.outputs = []

    def to_json(self):
        return json.dumps(self.model)


Looks.__module__ = "keras.src.models"


def test_from_keras():
    assert shapecalc.from_keras(Looks(LITTLE)).infer().total.params == 1562
    mine = {**layer("Mine", "mine"), "registered_name": "mine>Mine", "module": None}
    live = Looks(sequential(entry(8), mine))
    live.outputs = [type("Tensor", (), {"shape": (None, 5)})()]
    assert shapecalc.from_keras(live).infer().rows[-1].output_shapes[0] == (5,)
    weight, same = (type("Variable", (), {"name": "mine/w", "shape": shape}) for shape in ((5, 8), (3,)))
    held = type("Layer", (), {"name": "mine", "built": True, "_trainable_variables": [weight, same, weight]})()
    held._flatten_layers = lambda: [held, held]
    live.layers = [held]
    report = shapecalc.from_keras(live).infer()
    assert (report.total.params, report.rows[-1].has_unknown_weights) == (43, False)
    with pytest.raises(shapecalc.UsageError, match="from_keras expects a model of Keras, not int"):
        shapecalc.from_keras(3)
    with pytest.raises(shapecalc.UsageError, match="from_keras expects a model, not the class Looks"):
        shapecalc.from_keras(Looks)
    with pytest.raises(shapecalc.UsageError, match="the config of little cannot be made: TypeError"):
        shapecalc.from_keras(Looks({1, 2}))


def test_origins_and_variables():
    assert repr(load(LITTLE).origin) == "<KerasFile <bytes>: 4 layers>"
    assert error(LITTLE, vars={"n": 1}).startswith("there is no variable n to set")


def test_causal_padding_is_before_the_input():
    rows = load(sequential(entry(12, 6), layer("Conv1D", "c", filters=2, kernel_size=[3], padding="causal",
                                               dilation_rate=[2]))).infer().rows  # fmt: skip
    assert rows[0].node.layer.padding == ((4, 0),)


def test_a_gru_of_a_file_without_reset_after_has_one_bias():
    assert load(sequential(entry(7, 6), layer("GRU", "r", units=5))).infer().total.params == 3 * (5 * 6 + 25 + 5)


def test_operations_of_tensorflow_by_their_names():
    def operation(name, function, x, **more):
        found = layer("TFOpLambda", name, function=function)
        return {**found, "inbound_nodes": [[x, 0, 0, more]]}

    model = functional(entry(4, 6), operation("tf.math.reduce_mean", "math.reduce_mean", "x", axis=1),
                       operation("tf.__operators__.add", "__operators__.add", "tf.math.reduce_mean", y=2.0),
                       operation("tf.compat.v1.shape", "compat.v1.shape", "x"),
                       operation("tf.nn.relu", "nn.relu", "tf.__operators__.add"))  # fmt: skip
    assert [(row.name, row.kind, row.output_shapes[0]) for row in load(model).infer().rows] == [
        ("math_reduce_mean", "mean", (6,)), ("add", "add", (6,)), ("nn_relu", "relu", (6,)),
    ]  # fmt: skip


def test_layers_of_tensorflow_before_2_4():
    definition = 'name: "add"\nop: "AddV2"\ninput: "x"\ninput: "add/y"'
    op = layer("TensorFlowOpLayer", "tf_op", ["x"], node_def=definition, constants={"1": 3.0})
    assert [(row.kind, row.output_shapes[0]) for row in load(functional(entry(4, 6), op)).infer().rows] == [
        ("add", (4, 6))
    ]


def test_a_layer_of_other_code_at_every_step():
    mine = {**layer("Mine", "mine"), "registered_name": "mine>Mine", "module": None}
    after = {**layer("Dense", "fc", units=3), "build_config": {"input_shape": [None, 5]}}
    inner = sequential(entry(8), mine, after)
    report = load(sequential(entry(4, 8), layer("TimeDistributed", "t", layer=inner))).infer()
    assert [(row.kind, row.output_shapes[0]) for row in report.rows] == [("opaque", (4, 5)), ("linear", (4, 3))]


def test_calls_keep_the_order_of_the_file():
    names = ["d", "b", "c", "a"]
    layers = [layer("Dense", name, ["last"], units=2) for name in names]
    model = functional(*layers, layer("Dense", "last", ["x"], units=3), entry(8), outputs=names)
    assert [row.name for row in load(model).infer().rows] == ["last", *names]
    chain = [layer("Dense", name, [before], units=2) for name, before in zip("fedc", "edcx", strict=True)]
    model = functional(*chain, *[layer("Dense", name, ["e"], units=2) for name in "zy"], entry(8), outputs=["f"])
    assert [row.name for row in load(model).infer().rows] == ["c", "d", "e", "f", "z", "y"]


def test_names_that_unregistered_layers_of_other_code_have():
    mine = {"class_name": "Dense", "module": "my.layers", "registered_name": "Dense", "name": "d",
            "config": {"name": "d", "units": 3}}  # fmt: skip
    assert "it is a layer of other code than Keras" in error(sequential(entry(8), mine))


@pytest.mark.parametrize(("words", "momentum"), [({}, 0.01), ({"momentum": 0.9}, 0.1), ({"momentum": 0.95}, 0.05)])
def test_momentum_is_what_keras_keeps_and_pytorch_replaces(words, momentum):
    net = load(sequential(entry(8, 8, 3), layer("BatchNormalization", "norm", **words)))
    assert net.graph.nodes[0].layer.momentum == momentum
    text = net.convert("keras")
    assert ("momentum" in text) == (momentum != 0.01)
    assert f"momentum={words.get('momentum')}" in text or not words


def test_the_nodes_of_the_last_line_add_up():
    cast = {**layer("Cast", "c", ["a"], dtype="float16"), "module": "keras.src.ops.core"}
    report = load(functional(entry(8), layer("Dense", "a", ["x"], units=4), cast, layer("ReLU", "b", ["c"]))).infer()
    assert report.notes[0].startswith("3 nodes: 2 layers, 1 without a layer, 0 unknown")
