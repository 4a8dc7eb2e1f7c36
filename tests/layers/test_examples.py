"""Every kind: its worked examples, with numbers known from elsewhere, and what its declaration must have."""

from __future__ import annotations

import pytest
from numbers_of_kinds import example_layer, example_shapes, plain_kinds

from shapecalc.layers import KINDS, find_kind, kind_words
from shapecalc.layers.base.layer import Composite, Example, Layer, normalise_word
from shapecalc.model.inference import size_layer

EXAMPLES = [(kind, i) for kind in plain_kinds() for i in range(len(KINDS[kind].examples))]


def shapes_of(sizes: tuple[int, ...] | list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    return list(sizes) if isinstance(sizes, list) else [sizes]


@pytest.mark.parametrize(("kind", "index"), EXAMPLES)
def test_example(kind: str, index: int) -> None:
    cls = KINDS[kind]
    example = cls.examples[index]
    sizing = size_layer(example_layer(cls, example), example_shapes(example))
    assert [shape.sizes for shape in sizing.outputs] == shapes_of(example.output)
    assert sizing.weights + sizing.biases == example.params
    assert sizing.buffers == example.buffers
    assert sizing.macs == example.macs


@pytest.mark.parametrize("kind", list(KINDS))
def test_declaration(kind: str) -> None:
    cls = KINDS[kind]
    assert cls.kind == kind
    assert kind == kind.lower()
    assert cls.summary().endswith((".", ")")), "the first line of the docstring is the kind's doc"
    assert len(cls.summary()) <= 120
    for name, argument in cls.arguments.items():
        assert argument.name == name
        assert argument.doc
        assert argument.schema()
        assert argument.expected != "a value"
    if not issubclass(cls, Composite):
        assert cls.examples
        assert all(example.source for example in cls.examples)


def test_argument_names_are_unique() -> None:
    for kind, cls in KINDS.items():
        words = [word for name, argument in cls.arguments.items() for word in (name, *argument.also)]
        assert len(words) == len(set(words)), kind


def test_every_name_finds_its_kind() -> None:
    for kind, cls in KINDS.items():
        for word in (kind, *cls.also):
            assert find_kind(word) is cls
            assert find_kind(normalise_word(word)) is cls
    assert len(kind_words()) == len(set(kind_words()))


KERAS = {
    "conv": "Conv1D Conv2D Conv3D", "depthwise_conv": "DepthwiseConv1D DepthwiseConv2D",
    "separable_conv": "SeparableConv1D SeparableConv2D",
    "transposed_conv": "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
    "max_pool": "MaxPooling1D MaxPooling2D MaxPooling3D", "avg_pool": "AveragePooling1D AveragePooling2D AveragePooling3D",
    "global_max_pool": "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D",
    "global_avg_pool": "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D",
    "adaptive_avg_pool": "AdaptiveAveragePooling2D", "adaptive_max_pool": "AdaptiveMaxPooling2D",
    "linear": "Dense", "flatten": "Flatten", "reshape": "Reshape", "permute": "Permute",
    "repeat_vector": "RepeatVector", "dropout": "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D "
    "GaussianDropout AlphaDropout", "activation": "Activation", "prelu": "PReLU", "relu": "ReLU",
    "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax", "identity": "Identity",
    "batch_norm": "BatchNormalization", "layer_norm": "LayerNormalization", "group_norm": "GroupNormalization",
    "rms_norm": "RMSNormalization", "add": "Add", "sub": "Subtract", "mul": "Multiply", "average": "Average",
    "maximum": "Maximum", "minimum": "Minimum", "concat": "Concatenate",
    "pad": "ZeroPadding1D ZeroPadding2D ZeroPadding3D", "crop": "Cropping1D Cropping2D Cropping3D CenterCrop",
    "up_sampling": "UpSampling1D UpSampling2D UpSampling3D",
}  # fmt: skip


def test_keras_names_are_known() -> None:
    for kind, words in KERAS.items():
        assert {find_kind(word) for word in words.split()} == {KINDS[kind]}, kind


def test_two_kinds_of_one_name_are_rejected() -> None:
    for words in ({"kind": "conv"}, {"kind": "brand_new", "also": ("MaxPool2d",)}):
        with pytest.raises(ValueError, match="two kinds are called"):
            type("Double", (Layer,), {**words, "__doc__": "A kind too many."})
    assert KINDS["conv"].__name__ == "Conv"
    assert find_kind("MaxPool2d") is KINDS["max_pool"]


def test_a_wrong_example_is_detected() -> None:
    cls = KINDS["fc"]
    example = Example({"out_features": 10}, (20,), (10,), params=200)
    sizing = size_layer(example_layer(cls, example), example_shapes(example))
    assert sizing.weights + sizing.biases != example.params
