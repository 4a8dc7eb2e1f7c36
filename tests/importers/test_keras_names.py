"""Rows that are no layers of a Keras file of their own: their names give way to those of layers; adapters of LoRA."""

from __future__ import annotations

import pytest
from test_keras import CONV, Looks, entry, error, functional, layer, load, sequential

import shapecalc


def rows(model):
    return [(row.name, row.kind, row.params) for row in load(model).infer().rows]


def lstm_cell(units):
    return {"class_name": "LSTMCell", "config": {"units": units}}


def test_rows_of_parts_give_way_to_layers():
    # Parameters: Keras 3.15, run: count_params() of the cells and of the layer rnn_1.
    stack = {"class_name": "StackedRNNCells", "config": {"cells": [lstm_cell(8), lstm_cell(7)]}}
    model = sequential(entry(5, 8), layer("RNN", "rnn", cell=stack, return_sequences=True), layer("Dense", "rnn_1", units=3),
                       layer("Dense", "a", units=2, activation="relu"), layer("ReLU", "a_relu"))  # fmt: skip
    assert rows(model) == [("rnn_0", "lstm", 544), ("rnn_1_2", "lstm", 448), ("rnn_1", "linear", 24), ("a", "linear", 8),
                           ("a_relu_2", "relu", 0), ("a_relu", "relu", 0)]  # fmt: skip


def test_further_calls_give_way_to_layers_and_to_their_blocks():
    inner = {**functional(entry(4, name="i"), layer("Dense", "d", ["i"], units=4), layer("ReLU", "r", ["d"]), inputs=("i",)),
             "name": "net"}  # fmt: skip
    again = {**inner, "inbound_nodes": [[["x", 0, 0, {}]], [["net", 1, 0, {}]]]}
    other = {**inner, "name": "net_2", "inbound_nodes": [[["net", 2, 0, {}]]]}
    model = functional(
        entry(4), again, other, layer("Dense", "fc", ["net_2", "net"], units=4), layer("Dense", "fc_2", ["fc"], units=4)
    )
    model["config"]["layers"][3]["inbound_nodes"] = [[["net_2", 1, 0, {}]], [["fc", 0, 0, {}]], [["fc", 1, 0, {}]]]
    model["config"]["layers"][4]["inbound_nodes"] = [[["fc", 2, 0, {}]]]
    names = [name for name, _, _ in rows(model)]
    assert names == ["net.d", "net.r", "net_3.d", "net_3.r", "net_2.d", "net_2.r", "fc", "fc_3", "fc_4", "fc_2"]
    assert [params for _, _, params in rows(model)] == [20, 0, 0, 0, 20, 0, 20, 0, 0, 20]


def test_a_model_that_is_called_twice_is_one_block_of_a_specification():
    inner = functional(
        entry(4, name="i"), layer("Dense", "d", ["i"], units=4), layer("ReLU", "r", ["d"]), inputs=("i",)
    )
    again = {**inner, "name": "net", "inbound_nodes": [[["x", 0, 0, {}]], [["net", 1, 0, {}]]]}
    model = functional(entry(4), again, layer("Dense", "fc", ["net"], units=2))
    model["config"]["layers"][2]["inbound_nodes"] = [[["net", 2, 0, {}]]]
    text = load(model).convert("yaml")
    assert "  - net:\n    name: net\n  - net:\n    name: net_2\n    share: net\n  - linear: 2\n" in text
    assert text.count("relu:") == 1


# Parameters, and those that are trained: Keras 3.15, run: enable_lora(2) and count_params().
ADAPTED = {
    "Dense": ([entry(8), layer("Dense", "d", units=16, lora_rank=2), layer("Dense", "e", units=3, use_bias=False, lora_rank=2)],
              (278, 102), (3,)),
    "Conv2D": ([entry(9, 9, 3), layer("Conv2D", "d", **{**CONV, "filters": 8, "strides": [2, 2], "padding": "same"}, lora_rank=2),
                layer("Conv2D", "e", **CONV, use_bias=False, lora_rank=2)], (734, 230), (3, 3, 4)),
    "Conv1D": ([entry(9, 3), layer("Conv1D", "d", filters=8, kernel_size=[3], padding="causal", lora_rank=2)], (114, 42), (9, 8)),
    "EinsumDense": ([entry(5, 8), layer("EinsumDense", "d", equation="abc,cd->abd", output_shape=[None, 16], bias_axes="d", lora_rank=2),
                     layer("EinsumDense", "e", equation="abc,cde->abde", output_shape=[None, 2, 4], bias_axes="de", lora_rank=2),
                     layer("EinsumDense", "f", equation="abde,dec->abc", output_shape=[None, 7], lora_rank=2)], (486, 174), (5, 7)),
    "Embedding": ([entry(7), layer("Embedding", "d", input_dim=11, output_dim=6, lora_rank=2)], (100, 34), (7, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", ADAPTED)
def test_adapters_of_lora_are_counted_and_trained(name):
    layers, counts, size = ADAPTED[name]
    report = load(sequential(*layers)).infer()
    assert (report.total.params, report.total.trainable) == counts
    assert report.rows[-1].output_shape == size
    frozen = load(sequential(*[{**one, "config": {**one["config"], "trainable": False}} for one in layers])).infer()
    assert (frozen.total.params, frozen.total.trainable) == (counts[0], 0)


def test_adapters_have_rows_of_their_own():
    model = sequential(entry(8), layer("Dense", "d", units=16, activation="relu", lora_rank=2))
    assert rows(model) == [("d", "linear", 128), ("d_lora_a", "linear", 16), ("d_lora_b", "linear", 48), ("d_lora", "add", 0),
                           ("d_relu", "relu", 0)]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (layer("EinsumDense", "d", equation="ab,bb->ab", output_shape=[8], lora_rank=2),
         "its adapters of LoRA do not fit its equation ab,bb->ab"),
        (layer("EinsumDense", "d", equation="ab,bc->ca", output_shape=[8], lora_rank=2),
         "its adapters of LoRA do not fit its equation ab,bc->ca"),
        (layer("Conv1D", "d", filters=4, kernel_size=[3], groups=2, lora_rank=2), "its adapters of LoRA are those of groups"),
    ],
)  # fmt: skip
def test_adapters_that_are_not_covered(made, reason):
    sizes = [5, 8] if made["class_name"] == "Conv1D" else [8]
    assert reason in error(sequential(entry(*sizes), made))


class Part:
    """A layer of Keras that others have within, as `from_keras` sees it."""

    def __init__(self, name, equation="", sizes=(), **more):
        self.name, self.lora_enabled = name, bool(more.get("lora_rank"))
        self.quantization_mode = "dtype" in more
        self.config = {"name": name, "equation": equation, "output_shape": (None, *sizes), **more}

    def get_config(self):
        return self.config


Part.__name__ = "EinsumDense"


class Model(Looks):
    """A model of one layer, with layers within it."""

    def __init__(self, model, *parts):
        super().__init__(model)
        name = model["config"]["layers"][-1]["config"]["name"]
        self.layers = [type("Holder", (), {"name": name, "_layers": parts})]


def test_a_layer_in_memory_that_two_models_hold_is_shared():
    # Keras 3.15, run: the same Dense called in two models of a third, which has 20 parameters.
    inner = functional(entry(4, name="i"), layer("Dense", "d", ["i"], units=4), inputs=("i",))
    models = [{**inner, "name": name, "config": {**inner["config"], "name": name}} for name in ("a", "b")]
    models[0]["inbound_nodes"], models[1]["inbound_nodes"] = [[["x", 0, 0, {}]]], [[["a", 0, 0, {}]]]
    model = functional(entry(4), *models)
    dense = type("Holder", (), {"name": "d"})
    live = Model(model)
    live.layers = [type("Holder", (), {"name": name, "layers": [dense]}) for name in ("a", "b")]
    assert load(model).infer().total.params == 40
    assert shapecalc.from_keras(live).infer().total.params == 20


ATTENTION = {"num_heads": 2, "key_dim": 4, "value_dim": 4, "use_bias": True}
PROJECTION = {"equation": "abc,cde->abde", "sizes": (2, 4), "bias_axes": "de"}
OUTPUT = {"equation": "abcd,cde->abe", "sizes": (8,), "bias_axes": "e"}


def attention(shape, *parts, op="MultiHeadAttention", **arguments):
    found = functional(entry(*shape), layer(op, "m", ["x"], **{**ATTENTION, **arguments}))
    found["config"]["layers"][1]["inbound_nodes"] = [[["x", 0, 0, {}], ["x", 0, 0, {}]]]
    return shapecalc.from_keras(Model(found, *parts)).infer()


def test_adapters_within_attention_in_memory_are_counted():
    # Parameters: Keras 3.15, run: enable_lora(2) of _query_dense and _output_dense, and count_params().
    parts = [
        Part(name, **PROJECTION, **({"lora_rank": 2} if name == "query" else {})) for name in ("query", "key", "value")
    ]
    report = attention((5, 8), *parts, Part("attention_output", **OUTPUT, lora_rank=2))
    assert (report.total.params, report.total.trainable) == (360, 232)
    assert report.rows[-1].output_shape == (5, 8)
    assert [row.name for row in report.rows][:4] == ["m_query", "m_query_lora_a", "m_query_lora_b", "m_query_lora"]
    assert attention((5, 8)).total.params == 288


@pytest.mark.parametrize(("op", "shape", "reason"), [
    ("GroupQueryAttention", (5, 8), "its projections have adapters of LoRA"),
    ("MultiHeadAttention", (3, 5, 8), "its projections along several axes have adapters of LoRA"),
])  # fmt: skip
def test_adapters_within_other_attention_are_unknown(op, shape, reason):
    with pytest.raises(shapecalc.ShapeError, match=reason):
        attention(shape, Part("query", **PROJECTION, lora_rank=2), op=op)


def test_windows_and_gates_of_attention():
    # Keras 3.15, _compute_sliding_window_mask: the positions whose distance is less than the window.
    report = attention((5, 8), sliding_window=2)
    assert report.rows[0].node.layer.window == 3
    kinds = [row.kind for row in attention((5, 8), use_gate=True, output_shape=[6]).rows]
    assert kinds[-7:] == ["permute", "linear", "sigmoid", "unflatten", "mul", "flatten", "linear"]


def test_attention_that_is_quantised_in_memory_is_noted():
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
    report = attention((5, 8), Part("query", **PROJECTION, dtype=policy))
    assert report.notes[-1] == "1 layer quantised: the scales are not counted"
    assert report.total.params == 288


def test_a_table_with_adapters_is_not_read_in_reverse():
    table = layer("ReversibleEmbedding", "e", ["x"], input_dim=9, output_dim=4, lora_rank=2)
    table["inbound_nodes"].append([["e", 0, 0, {"reverse": True}]])
    model = functional(entry(5), table, layer("ReLU", "r", ["e"]))
    model["config"]["layers"][2]["inbound_nodes"] = [[["e", 1, 0, {}]]]
    assert "it is the reverse of a table with adapters of LoRA" in error(model)


def test_rows_of_what_a_wrapper_holds_give_way_to_layers():
    inner = {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "relu"}}
    model = sequential(entry(5, 8), layer("TimeDistributed", "t", layer=inner), layer("ReLU", "t_relu"))
    assert [name for name, _, _ in rows(model)] == ["t", "t_relu_2", "t_relu"]
