"""Keras source: its text, without Keras."""

from __future__ import annotations

import ast
import re

import pytest
import yaml
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

ZOO = [name for _, name in bundled_members()]

CANNOT = {
    "(jamba|mamba).*": "(mamba2?) cannot be written for Keras: Keras has no selective scan",
    "gemma-2-.*": "(multi_head_attention) cannot be written for Keras: softcap 50",
    "gemma-3-(4|12|27)b": "(unused_parameter) cannot be written for Keras: nothing would use it",
    "t5-.*": "(multi_head_attention) cannot be written for Keras: relative_buckets 32",
    "wav2vec2-.*": "(conv) cannot be written for Keras: parametrization weight_norm_last",
    "bloom-.*|mpt-.*": "(multi_head_attention) cannot be written for Keras: alibi True",
    "deepseek-.*": "(multi_head_latent_attention) cannot be written for Keras: its compressed keys and values are not written",
    "gpt-oss-.*": "(multi_head_attention) cannot be written for Keras: sinks True",
    "deberta-.*": "(disentangled_attention) cannot be written for Keras: its scores by relative positions are not written",
    "qwen3-next-.*": "(gated_delta_net) cannot be written for Keras: Keras has no delta rule",
}
"""The networks of the zoo that Keras has no layers for, with the reason."""


def cannot(name):
    """The reason for which a network of the zoo cannot be written; empty for one that can."""
    return next((reason for pattern, reason in CANNOT.items() if re.fullmatch(pattern, name)), "")


@pytest.mark.parametrize("name", some(ZOO, 24))
def test_the_zoo_is_valid_python(name):
    net = shapecalc.load(name)
    if reason := cannot(name):
        with pytest.raises(shapecalc.UsageError, match=re.escape(reason).replace("mamba2\\?", "mamba2?")):
            net.convert("keras")
        return
    source = net.convert("keras")
    ast.parse(source)
    assert max(len(line.partition("  # ")[0]) for line in source.splitlines()) <= 120


def test_most_of_the_zoo_can_be_written():
    assert sum(bool(cannot(name)) for name in ZOO) <= 35
    assert all(any(re.fullmatch(pattern, name) for name in ZOO) for pattern in CANNOT)


def body(spec, **more):
    """The lines of the last function, without those of its first and last."""
    source = shapecalc.load(spec, **more).convert("keras")
    lines = source.splitlines()
    first = max(i for i, line in enumerate(lines) if line.startswith("def "))
    return [line.strip() for line in lines[first + 2 : -1]]


def network(*layers, size="8x8x3", layout="HWC"):
    return {"layout": layout, "input": size, "layers": list(layers)}


RESIDUAL = """\
\"\"\"small: 5,290 parameters, 322,720 MACs.

Comments have the sizes of one sample; in a function, those of its first use.
Feature maps are H×W×C, not C×H×W as in the network that was given: flattened, they have another order.
\"\"\"

import keras
from keras import layers


def residual(x, name):
    shortcut = x
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, name=f"{name}_conv1")(x)  # 8×8×16
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_batch_norm1")(x)  # 8×8×16
    x = layers.ReLU()(x)  # 8×8×16
    x = layers.Add()([x, shortcut])  # 8×8×16
    return x


def small():
    inputs = keras.Input((16, 16, 3))
    x = layers.ZeroPadding2D(1)(inputs)
    x = layers.Conv2D(16, 3, strides=2, activation="relu", name="conv1")(x)  # 8×8×16
    for i in range(2):
        x = residual(x, name=f"body_{i}")  # 8×8×16
    x = layers.GlobalAveragePooling2D()(x)  # 16
    x = layers.Dense(10, activation="softmax", name="fc1")(x)  # 10
    return keras.Model(inputs, x, name="small")
"""


def test_a_residual_network():
    block = [{"conv": {"out_channels": 16, "kernel_size": 3, "padding": 1, "bias": False}}, "batch_norm", "relu",
             {"add": "input"}]  # fmt: skip
    layers = [{"conv": {"out_channels": 16, "kernel_size": 3, "stride": 2, "padding": 1}}, "relu",
              {"residual": None, "repeat": 2, "name": "body"}, "global_avg_pool", {"fc": 10}, "softmax"]  # fmt: skip
    spec = {"name": "small", "input": "3x16x16", "blocks": {"residual": {"layers": block}}, "layers": layers}
    assert shapecalc.load(spec).convert("keras") == RESIDUAL


def test_recurrent_layers():
    layers = [{"embedding": {"num_embeddings": 100, "embedding_dim": 8}},
              {"lstm": {"units": 6, "bidirectional": True, "convention": "keras"}},
              {"gru": {"hidden_size": 5, "return_sequences": False}}, {"fc": 1}, "sigmoid"]  # fmt: skip
    assert (
        body(network(*layers, size=[20]))
        == [
            'inputs = keras.Input((20,), dtype="int32")',
            'x = layers.Embedding(100, 8, name="embedding1")(inputs)  # 20×8',
            'x = layers.Bidirectional(layers.LSTM(6, return_sequences=True), name="lstm1")(x)  # 20×12',
            'x = layers.GRU(5, name="gru1")(x)  # 5',
            'x = layers.Dense(1, activation="sigmoid", name="fc1")(x)  # 1',
        ][1:]
    )


def test_weights_that_are_shared_are_one_model():
    text = shapecalc.load("siamese").convert("keras")
    assert 'left_tower_model = as_model(tower, [left], name="left_tower")' in text
    assert "left_tower = left_tower_model(left)  # 4096" in text
    assert "x = left_tower_model(right)  # 4096" in text
    tied = shapecalc.load("gpt2").convert("keras")
    assert 'wte_layer = layers.ReversibleEmbedding(50257, 768, name="wte")' in tied
    assert "x = wte_layer(x, reverse=True)  # 1024×50257" in tied


CONV = {"out_channels": 4, "kernel_size": 3}
PADDINGS = [
    ({"conv": CONV}, ["layers.Conv2D(4, 3, "]),
    ({"conv": {**CONV, "padding": 1}}, ['layers.Conv2D(4, 3, padding="same", ']),
    ({"conv": {**CONV, "padding": "same", "stride": 2}}, ['layers.Conv2D(4, 3, strides=2, padding="same", ']),
    ({"conv": {**CONV, "padding": 1, "stride": 2}}, ["layers.ZeroPadding2D(1)", "layers.Conv2D(4, 3, strides=2, "]),
    ({"conv": {**CONV, "padding": 2}}, ["layers.ZeroPadding2D(2)", "layers.Conv2D(4, 3, "]),
    ({"conv": {**CONV, "padding": 1, "padding_mode": "reflect"}}, ["ops.pad", "layers.Conv2D(4, 3, "]),
    ({"max_pool": {"kernel_size": 3, "stride": 2, "padding": 1}}, ["ops.pad", "layers.MaxPooling2D(3, strides=2)"]),
    ({"max_pool": {"kernel_size": 3, "stride": 2, "ceil_mode": True}}, ['layers.MaxPooling2D(3, strides=2, padding="same")']),
    ({"avg_pool": {"kernel_size": 3, "stride": 1, "padding": 1}}, ["layers.ZeroPadding2D(1)", "layers.AveragePooling2D(3, strides=1)"]),
    ({"avg_pool": {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False}},
     ['layers.AveragePooling2D(3, strides=1, padding="same")']),
    ({"transposed_conv": {**CONV, "kernel_size": 4, "stride": 2, "padding": 1}},
     ['layers.Conv2DTranspose(4, 4, strides=2, padding="same", ']),
    ({"transposed_conv": {**CONV, "stride": 2, "padding": 1, "output_padding": 1}},
     ["layers.Conv2DTranspose(4, 3, strides=2, ", "layers.Cropping2D(((1, 0), (1, 0)))"]),
    ({"conv": {"out_channels": 6, "kernel_size": 3, "groups": 3}}, ["layers.DepthwiseConv2D(3, depth_multiplier=2, "]),
    ({"depthwise_conv": {"kernel_size": 3, "padding": 1}}, ['layers.DepthwiseConv2D(3, padding="same", ']),
    ({"conv": {"out_channels": 4, "kernel_size": 3, "parametrization": "spectral_norm_keras"}},
     ["layers.SpectralNormalization(layers.Conv2D(4, 3), "]),
    ({"upsample": {"scale_factor": 2, "mode": "bilinear"}}, ['layers.UpSampling2D(2, interpolation="bilinear")']),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "starts"), PADDINGS)
def test_windows(layer, starts):
    lines = body(network(layer))
    assert len(lines) == len(starts)
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(f"x = {start}"), line


def test_two_numbers_for_one_axis_are_its_start_and_its_end():
    text = shapecalc.load("input: 4x20\nlayers:\n- crop: {cropping: [2, 3]}\n").convert("keras")
    assert "layers.Cropping1D((2, 3))" in text
    text = shapecalc.load("input: 4x20\nlayers:\n- pad: {padding: [2, 3]}\n").convert("keras")
    assert "layers.ZeroPadding1D((2, 3))" in text


def test_groups():
    lines = body(network({"conv": {"out_channels": 6, "kernel_size": 3, "groups": 2}}, size="8x8x4"))
    assert lines == ['x = layers.Conv2D(6, 3, groups=2, name="conv1")(inputs)  # 6×6×6']


def test_a_pool_after_relu_is_padded_by_zeros():
    lines = body(network("relu", {"max_pool": {"kernel_size": 3, "stride": 2, "padding": 1}}))
    assert lines[1] == "x = layers.ZeroPadding2D(1)(x)"


FUNCTIONS = {
    "activation: laplace": "0.5 * (1 + ops.erf((inputs - 0.707107) / (0.282095 * 2**0.5)))",
    "activation: linear": "inputs", "slice: {dim: -1, step: -1}": "ops.flip(inputs, axis=2)",
    "linear: {out_features: 3, parametrization: spectral_norm_keras}":
        'layers.SpectralNormalization(layers.Dense(3), name="linear1")(inputs)',
    "activation: swish": 'layers.Activation("silu")(inputs)', "activation: leaky_relu": "layers.LeakyReLU(0.01)(inputs)",
    "activation: gelu_python_tanh": "ops.gelu(inputs, approximate=True)", "activation: softmax": "layers.Softmax()(inputs)",
    "relu: {max_value: 3}": "layers.ReLU(max_value=3)(inputs)", "softplus: {beta: 2}": "ops.softplus(2 * inputs) / 2",
    "pointwise: {function: fmod, other: 2}": "ops.sign(inputs) * ops.mod(ops.abs(inputs), ops.abs(2))",
    "reduce: {function: std, dim: -1}": "ops.std(inputs, axis=2) * (8 / 7) ** 0.5",
    "reduce: {function: var, dim: [1, 2]}": "ops.var(inputs, axis=(1, 2)) * 40 / 39",
    "multi_head_attention: {num_heads: 2, gate: true}":
        'layers.MultiHeadAttention(2, key_dim=4, use_gate=True, name="multi_head_attention1")(inputs, inputs)',
    "multi_head_attention: {num_heads: 2, window: 5}":
        'layers.MultiHeadAttention(2, key_dim=4, sliding_window=3, name="multi_head_attention1")(inputs, inputs)',
}  # fmt: skip


@pytest.mark.parametrize("layer", FUNCTIONS)
def test_functions_and_attention(layer):
    spec = {"input": [5, 8], "layers": [yaml.safe_load(layer)]}
    assert body(spec)[0].partition("  # ")[0] == f"x = {FUNCTIONS[layer]}"


def test_inputs_have_other_names_than_the_tensors_between_layers():
    layers = [
        {"linear": 5, "name": "p", "from": "h"},
        {"linear": 5, "name": "q", "from": "x"},
        {"add": None, "from": ["p", "q"]},
    ]
    text = shapecalc.load({"inputs": {"h": [4], "x": [3]}, "layers": layers}).convert("keras")
    assert 'x_input = keras.Input((3,), name="x_input")' in text
    assert 'layers.Dense(5, name="q")(x_input)' in text


ERRORS = [
    ({"gru_cell": 4}, [5], "gru_cell1 (gru_cell) cannot be written for Keras: no state before it"),
    ({"lstm": 4}, "5x3", "lstm1 (lstm) cannot be written for Keras: two biases in every gate; Keras has one, as with convention: keras"),
    ({"conv": {**CONV, "stride": 2, "dilation": 2}}, "9x9x3", "conv1 (conv) cannot be written for Keras: a stride and a dilation"),
    ({"avg_pool": {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}}, "8x8x3",
     "avg_pool1 (avg_pool) cannot be written for Keras: padding that is not counted, other than same"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "size", "message"), ERRORS)
def test_what_cannot_be_written(layer, size, message):
    with pytest.raises(shapecalc.UsageError) as found:
        shapecalc.load(network(layer, size=size)).convert("keras")
    assert message in str(found.value)


def test_names_are_no_code():
    layers = [
        {"linear": 4, "name": name} for name in ("class", "x", "layers", "name", "keras", "inputs", "i", "lambda")
    ]
    source = shapecalc.load({"name": 'None"""', "input": [4], "layers": layers}).convert("keras")
    ast.parse(source)


@pytest.mark.parametrize(
    ("names", "has"), [(["a", "b"], True), (["a", "flatten_1"], False), (["max_pooling2d", "b"], False)]
)
def test_names_are_given_where_they_are_different(names, has):
    layers = [{"linear": 4, "name": name} for name in names]
    source = shapecalc.load({"input": [4], "layers": layers}).convert("keras")
    assert ("name=" in source.partition("keras.Model")[0]) is has


def test_names_that_would_be_the_same_are_left_out():
    blocks = {"one": {"layers": [{"linear": 4, "name": "b"}, "relu"]}}
    layers = [{"one": None, "name": "a"}, {"linear": 4, "name": "a_b"}]
    source = shapecalc.load({"input": [4], "blocks": blocks, "layers": layers}).convert("keras")
    assert "name=f" not in source


def test_an_activation_is_an_argument_only_where_nothing_else_uses_what_it_is_of():
    layers = [{"linear": 4, "name": "a"}, "relu", {"add": ["a", "relu1"]}]
    assert body(network(*layers, size=[4]))[:2] == [
        'a = layers.Dense(4, name="a")(inputs)  # 4',
        "x = layers.ReLU()(a)  # 4",
    ]


def test_indices_are_integers():
    source = shapecalc.load(network({"embedding": {"num_embeddings": 9, "embedding_dim": 2}}, size=[5])).convert(
        "keras"
    )
    assert 'keras.Input((5,), dtype="int32")' in source
    assert "dtype" not in shapecalc.load(network("relu", size=[5])).convert("keras")


def test_a_constant_is_no_weight():
    text = shapecalc.load(
        {"input": [4], "layers": [{"constant": {"shape": [4]}, "name": "c"}, {"add": ["input", "c"]}]}
    )
    assert "add_weight" not in text.convert("keras")


def test_layers_of_a_stacked_gru_have_names_of_their_own():
    text = shapecalc.load({"input": [5, 4], "layers": [{"gru": {"hidden_size": 3, "num_layers": 3}, "name": "it"}]})
    names = re.findall(r'name="(\w+)"\)\(', text.convert("keras"))
    assert names == ["it", "it_2", "it_3"]


STATES = {
    "lstm_cell: {hidden_size: 3, convention: keras}": ("v h c", 'layers.LSTMCell(3, name="it")(v, [h, c])[1]'),
    "gru_cell: {hidden_size: 3}": ("v h", 'layers.GRUCell(3, name="it")(v, [h])[0]'),
    "rnn_cell: {hidden_size: 3, convention: keras}": ("v h", 'layers.SimpleRNNCell(3, name="it")(v, [h])[0]'),
    "gru: {hidden_size: 3, return_sequences: false}": ("s g", 'recurrent(layers.GRU(3, return_state=True, name="it"), s, g)'),
    "lstm: {hidden_size: 3, convention: keras, bidirectional: true, merge_mode: none}": (
        "s b", 'recurrent(layers.Bidirectional(layers.LSTM(3, return_sequences=True, return_state=True), merge_mode=None, name="it"), s, b, b)'),
}  # fmt: skip
SIZES = {"v": [4], "h": [3], "c": [3], "s": [5, 4], "g": [1, 3], "b": [2, 3]}


@pytest.mark.parametrize("layer", STATES)
def test_recurrent_layers_with_states(layer):
    names, due = STATES[layer]
    inputs = names.split()
    inputs += ["b"] if "b" in inputs else []
    spec = {
        "inputs": {name: SIZES[name] for name in dict.fromkeys(inputs)},
        "layers": [{**yaml.safe_load(layer), "name": "it", "from": inputs}],
    }
    text = shapecalc.load(spec).convert("keras")
    assert due.replace(" ", "") in re.sub(r"\s+", "", text)


def test_a_window_of_causal_attention_is_that_of_keras():
    layer = {"multi_head_attention": {"num_heads": 2, "window": 4, "is_causal": True}}
    assert "sliding_window=4," in shapecalc.load({"input": [5, 8], "layers": [layer]}).convert("keras")


def test_a_state_that_is_an_output_is_one_of_several():
    spec = {"input": [5, 4], "layers": [{"gru": {"hidden_size": 3}, "name": "it"}], "outputs": ["it[1]", "it"]}
    assert "keras.Model(inputs, [it[1], it[0]]" in shapecalc.load(spec).convert("keras")
