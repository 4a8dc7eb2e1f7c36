"""Keras itself: the same small models, and the architectures of keras.applications, as `from_keras` reads them.

They run where Keras is installed with PyTorch: `KERAS_BACKEND=torch`. Without `SHAPECALC_REQUIRE_KERAS` they are skipped.
"""

from __future__ import annotations

import os
import re

import keras_layers
import keras_models
import pytest
from alike_graphs import read_twice
from pages import DOCS, blocks_of

import shapecalc
from shapecalc.network import Network
from shapecalc.testing import assert_matches

IS_REQUIRED = bool(os.environ.get("SHAPECALC_REQUIRE_KERAS"))
pytestmark = pytest.mark.skipif(not IS_REQUIRED, reason="it takes minutes, and Keras: set SHAPECALC_REQUIRE_KERAS")

WITHOUT_SIZES = ("MobileNetV3Large", "MobileNetV3Small")
"""Applications whose input is dynamic."""
NOT_ON_TORCH = ("NASNetMobile",)
LARGER = r"ConvNeXt([BLS]|XL).*|DenseNet(169|201)|EfficientNet(B[1-7]|V2(B[1-3]|[LM]))|NASNetLarge|ResNet(101|152)(V2)?|VGG19"
"""Those that are wider or deeper than another one, and else the same: they are read where SHAPECALC_ALL_MODELS is set."""


@pytest.fixture
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.backend.clear_session()
    return keras


def test_small_models(keras, monkeypatch):
    count = 0
    for name, build in keras_models.models(keras):
        try:
            model = build()
        except AttributeError:  # a class of Keras 2
            continue
        count += 1
        answer = keras_layers.answer_of(model)
        network = shapecalc.from_keras(model)
        keras_layers.compare(network, answer, of_samples="merged batch" not in name)
        read_twice(monkeypatch, lambda network=network: Network(network.origin))
    assert count > 400


def test_applications(keras, monkeypatch):
    names = [name for name in dir(keras.applications) if name[0].isupper() and name not in NOT_ON_TORCH]
    assert len(names) > 35
    if not os.environ.get("SHAPECALC_ALL_MODELS"):
        names = [name for name in names if not re.fullmatch(LARGER, name)]
    for name in names:
        with keras.device("meta"):
            shape = {"input_shape": (224, 224, 3)} if name in WITHOUT_SIZES else {}
            model = getattr(keras.applications, name)(weights=None, **shape)
        network = shapecalc.from_keras(model)
        keras_layers.compare(network, keras_layers.answer_of(model))
        read_twice(monkeypatch, lambda network=network: Network(network.origin))
        note = next(note for note in network.infer().notes if " unknown; " in note)
        assert ", 0 unknown; " in note
        assert "do not" not in note
        keras.backend.clear_session()


def test_the_model_of_the_page(keras):
    (block,) = blocks_of(DOCS / "keras.md", "py")
    names = {}
    exec(block, names)
    assert names["network"].infer().total.params == 3_504_872


def test_layers_of_other_code_have_the_parameters_that_they_hold(keras):
    @keras.saving.register_keras_serializable("shapecalc")
    class Residual(keras.layers.Layer):
        """A layer with a layer of two within, of which one is frozen, and running statistics."""

        def __init__(self, **more):
            super().__init__(**more)
            self.conv, self.norm = keras.layers.Conv2D(4, 3, padding="same"), keras.layers.BatchNormalization()
            self.conv.trainable = False

        def call(self, x):
            return x + self.norm(self.conv(x))

    x, layer = keras.Input((8, 8, 4)), Residual()
    model = keras.Model(x, keras.layers.Lambda(lambda y: y * 2)(layer(layer(x))))
    report = shapecalc.from_keras(model).infer()
    assert report.total.params == 4 * 4 * 9 + 4 + 8
    assert report.notes[-1].startswith("residual is opaque (Residual): its MACs are unknown")


def test_adapters_of_lora_within_attention(keras):
    x, m = keras.Input((5, 8)), keras.layers.MultiHeadAttention
    for arguments in ({}, {"use_gate": True}, {"value_dim": 3, "use_bias": False, "output_shape": (2, 3)}):
        attention = m(2, 4, **arguments)
        inner = keras.Model(x, attention(x, x), name="inner")
        attention._query_dense.enable_lora(2)
        attention._output_dense.enable_lora(3)
        y = m(2, 4)
        model = keras.Model(x, y(x, inner(x) if inner.output_shape == (None, 5, 8) else x))
        y._value_dense.enable_lora(1)
        for one in (inner, model):
            answer = keras_layers.answer_of(one)
            keras_layers.compare(shapecalc.from_keras(one), answer)
            assert answer["trainable"] < answer["params"]


def test_models_that_several_models_hold_are_shared(keras):
    x, dense = keras.Input((8,)), keras.layers.Dense
    inner = keras.Sequential([keras.Input((8,)), dense(8, activation="relu"), dense(8)], name="inner")
    middle = keras.Model(x, inner(dense(8)(x)) + x, name="middle")
    outer = keras.Model(x, middle(middle(x)), name="outer")
    model = keras.Model(x, [outer(x), dense(3)(middle(x))])
    report = shapecalc.from_keras(model).infer()
    assert report.total.params == model.count_params() == 243  # where they are used first, not again within outer
    assert [*report.outputs.values()] == [(8,), (3,)]


def test_subclassed_model(keras):
    """What the error says to do works: the hint's own code, run."""
    import numpy as np

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.drop = keras.layers.Conv2D(8, 3), keras.layers.Dropout(0.5)
            self.flatten, self.fc = keras.layers.Flatten(), keras.layers.Dense(10)

        def call(self, x, training=False):
            return self.fc(self.flatten(self.drop(keras.ops.relu(self.conv(x)), training=training)))

    model = Net()
    model(np.zeros((1, 32, 32, 3)))
    with pytest.raises(shapecalc.SpecError, match="which is read: ") as caught:
        shapecalc.from_keras(model)
    statement, expression = str(caught.value).partition("which is read: ")[2].splitlines()[0].split("; ")
    names = {"keras": keras, "model": model}
    exec(statement, names)
    report = shapecalc.from_keras(eval(expression, names)).infer()
    assert report.total.params == model.count_params()
    assert [row.kind for row in report.rows] == ["conv", "relu", "dropout", "flatten", "linear"]


OPERATIONS = {
    "cumsum": lambda ops, x: ops.cumsum(x, axis=1),
    "one_hot": lambda ops, x: ops.one_hot(ops.argmax(x, axis=-1), 5),
    "fft": lambda ops, x: ops.fft((x, x))[0],
    "fft2": lambda ops, x: ops.fft2((x, x))[1],
    "rfft": lambda ops, x: ops.rfft(x)[1],
    "irfft": lambda ops, x: ops.irfft(ops.rfft(x)),
    "stft": lambda ops, x: ops.stft(x, 4, 2, 4)[0],
    "diff": lambda ops, x: ops.diff(x, axis=1),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_without_parameters_and_macs(keras, name):
    inputs = keras.Input((8, 6))
    model = keras.Model(inputs, OPERATIONS[name](keras.ops, keras.layers.Dense(6)(inputs)))
    report = shapecalc.from_keras(model).infer()
    assert [tuple(one) for one in report.outputs.values()] == [model.output_shape[1:]]
    assert ", 0 unknown; " in " ".join(report.notes)
    assert (report.total.params, report.total.macs) == (42, 288)


SPEC = """
name: digits
layout: hwc
input: 28x28x1
layers:
  - conv: {out_channels: 8, kernel_size: 3}
  - relu
  - max_pool: 2
  - flatten
  - fc: 10
  - softmax
"""


def digits(keras, channels=8, pool=2):
    layers = keras.layers
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(channels, 3, activation="relu"), layers.MaxPooling2D(pool, 2),
                             layers.Dropout(0.5), layers.Flatten(), layers.Dense(10, activation="softmax")])  # fmt: skip


def test_models_match_specifications(keras):
    assert_matches(digits(keras), SPEC)
    with pytest.raises(AssertionError, match=r"not in the specification: dense\S* \(softmax\)"):
        assert_matches(digits(keras), SPEC.replace("  - softmax\n", ""))
    with pytest.raises(AssertionError, match=r"conv2d\S* \(conv\), in the specification conv1 \(conv\) \(<text>:6:5\)"):
        assert_matches(digits(keras, channels=9), SPEC)
    with pytest.raises(AssertionError, match=r"max_pooling2d\S* \(max_pool\), in the specification max_pool1"):
        assert_matches(digits(keras, pool=3), SPEC)
    with pytest.raises(shapecalc.UsageError, match="no example inputs"):
        assert_matches(digits(keras), SPEC, "1x28x28")
    with keras.device("meta"):
        assert_matches(keras.applications.MobileNet(weights=None), "mobilenet_v1")
