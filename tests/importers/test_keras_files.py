"""Files of Keras that are unlike most: operations in .h5, subclasses, text under other names, quantised layers."""

from __future__ import annotations

import json

import pytest
from test_keras import CONV, entry, error, functional, layer, load, sequential

import shapecalc


def operation(op, name, *args, **config):
    """Return an operation as Keras 3 writes it to .h5: without a module."""
    tensors = [{"class_name": "__keras_tensor__", "config": {"shape": [None, 4, 6], "keras_history": [one, 0, 0]}}
               if isinstance(one, str) else one for one in args]  # fmt: skip
    return {
        "class_name": op,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [{"args": tensors, "kwargs": {}}],
    }


def test_operations_of_h5_files_have_no_module():
    model = functional(entry(4, 6), operation("Subtract", "subtract", "x", 1.0), operation("Reshape", "reshape", "subtract", newshape=[-1, 6, 4]),
                       operation("Transpose", "transpose", "reshape", axes=[0, 2, 1]))  # fmt: skip
    report = load(model).infer()
    assert [row.output_shape for row in report.rows] == [(4, 6), (6, 4), (4, 6)]
    assert "3 nodes: 3 layers, 0 unknown" in report.notes[0]


def test_operations_with_the_class_of_a_layer():
    """What Keras 3 writes of keras.activations.relu and keras.ops.cast: a class, and the arguments alone."""
    relu = {"max_value": None, "threshold": 0.0}
    model = functional(entry(4, 6), operation("ReLU", "a", "x", negative_slope=0.0, **relu),
                       operation("ReLU", "b", "a", negative_slope=0.1, **relu), operation("Cast", "c", "b", dtype="float16"),
                       operation("Softmax", "d", "c", axis=-1))  # fmt: skip
    report = load(model).infer()
    assert [row.kind for row in report.rows] == ["relu", "leaky_relu", "softmax"]
    assert "0 unknown" in report.notes[0]


def test_a_layer_with_the_name_of_an_operation_is_a_layer():
    reshape = operation("Reshape", "reshape", "x", target_shape=[6, 4], trainable=True)
    assert load(functional(entry(4, 6), reshape)).infer().rows[0].output_shape == (6, 4)


def test_a_subclass_of_model_that_was_made_as_a_functional_one():
    model = {**functional(entry(8), layer("Dense", "d", ["x"], units=3)), "class_name": "Sub"}
    assert load(model).infer().total.params == 27
    inner = {**model, "name": "sub", "inbound_nodes": [[["x", 0, 0, {}]]]}
    assert load(functional(entry(8), inner)).infer().total.params == 27


@pytest.mark.parametrize(
    ("name", "form"), [("m.h5", "an HDF5 file"), ("m.HDF5", "an HDF5 file"), ("m.keras", "a zip archive")]
)
def test_text_under_another_name(tmp_path, name, form):
    path = tmp_path / name
    path.write_text("some text")
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(path)
    assert str(caught.value) == (
        f"{path} cannot be read as a Keras model: it is not {form}, as Keras writes under this name\n"
        "   check that the file is whole, and that it is a Keras model"
    )
    path.write_text("\ufeff " + json.dumps(sequential(entry(8), layer("Dense", "d", units=3))))
    assert shapecalc.load(path).infer().total.params == 27


def test_a_padding_that_does_not_exist_is_named():
    model = sequential(entry(8, 8, 3), layer("Conv2D", "c", **{**CONV, "padding": "foo"}))
    assert "its padding must be valid, same or causal, not the text 'foo'" in error(model)


def test_the_scales_of_quantised_layers_are_noted():
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
    model = sequential(
        entry(8),
        layer("Dense", "d", units=3, dtype=policy),
        layer("Dense", "e", units=3, dtype={"class_name": "DTypePolicy", "config": {"name": "float32"}}),
        layer("Dense", "f", units=3, dtype={"class_name": "Int4DTypePolicy", "config": {"mode": "int4/128"}}),
    )
    assert load(model).infer().notes[-1] == "2 layers quantised: the scales are not counted"


def test_the_momentum_of_a_batch_norm_is_kept():
    # Keras states the share of the old statistics, 0.99 by default; PyTorch's momentum is that of the new ones.
    for momentum, written in {0.99: "momentum: 0.01", 0.5: "momentum: 0.5", 0.9: ""}.items():
        model = sequential(entry(8, 8, 3), layer("BatchNormalization", "bn", axis=-1, epsilon=1e-3, momentum=momentum))
        text = load(model).convert("yaml")
        assert written in text
        assert ("momentum" in text) == bool(written)
    standard = sequential(entry(8, 8, 3), layer("BatchNormalization", "bn", axis=-1))
    assert "momentum" not in load(standard).convert("keras")


def test_a_spectrogram_has_the_size_that_keras_states():
    # Keras 3.15, MelSpectrogram(...).compute_output_shape((None, length)).
    for length, stride, steps in ((16000, 512, 32), (1023, 512, 3), (1024, 512, 3)):
        model = sequential(entry(length), layer("MelSpectrogram", "m", num_mel_bins=80, sequence_stride=stride))
        assert load(model).infer().rows[0].output_shape == (80, steps)
    assert "its input is not a wave for each sample" in error(sequential(entry(8, 8), layer("MelSpectrogram", "m")))
    wrong = layer("MelSpectrogram", "m", sequence_stride=0)
    assert "its sequence_stride must be 1 or more, not 0" in error(sequential(entry(8), wrong))


def test_numbers_of_intervals_and_words_as_vectors_have_no_parameters():
    # Keras 3.15, Discretization(bin_boundaries=[0., 1., 2.], output_mode=...).compute_output_shape((None, 6)).
    cases = [
        ("Discretization", {"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": "multi_hot"}, (4,)),
        ("Discretization", {"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": "one_hot"}, (6, 4)),
        ("Discretization", {"num_bins": 5, "output_mode": "count"}, (5,)),
        ("CategoryEncoding", {"num_tokens": 7}, (7,)),
        ("StringLookup", {"vocabulary_size": 9, "output_mode": "multi_hot"}, (9,)),
        ("TextVectorization", {"output_sequence_length": 20}, (20,)),
    ]
    for op, config, size in cases:
        report = load(sequential(entry(6), layer(op, "v", **config))).infer()
        assert (report.rows[0].kind, report.rows[0].output_shape) == ("named_operation", size)
        assert ", 0 unknown" in report.notes[0]


def test_a_subclassed_model_of_a_file_without_modules_is_none_of_layers():
    """As .h5 files are, which do not say whose class it is."""
    hint = "make a functional model of it, which is read: inputs = keras.Input((8,))"
    for more in ({}, {"module": None, "registered_name": "SubM"}):
        text = error(
            {"class_name": "SubM", "config": {"name": "sub"}, "build_config": {"input_shape": [None, 8]}, **more}
        )
        assert "the layers of SubM are in its Python code" in text
        assert hint in text
