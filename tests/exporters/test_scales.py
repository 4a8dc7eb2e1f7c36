"""A batch normalisation and the scale and shift after it, which Caffe has apart, are one layer in source."""

from __future__ import annotations

import pytest

import shapecalc

NORM, SCALE = {"batch_norm": {"affine": False}, "name": "n"}, {"layer_scale": {"bias": True}, "name": "s"}


def written(to, *layers, outputs=None):
    more = {"outputs": outputs} if outputs else {}
    return shapecalc.load({"input": [3, 8, 8], "layers": [*layers], **more}).convert(to)


@pytest.mark.parametrize(("to", "one"), [("pytorch", "nn.BatchNorm2d(3)"), ("keras", 'epsilon=1e-5, name="n")')])
def test_they_are_one_layer(to, one):
    text = written(to, NORM, SCALE, "relu")
    assert one in text
    assert "LayerScale" not in text
    assert "6 parameters" in text


@pytest.mark.parametrize("to", ["pytorch", "keras"])
def test_they_are_two_where_the_normalisation_is_used_too_or_weights_are_shared(to):
    assert "LayerScale(" in written(to, NORM, SCALE, outputs=["n", "s"])
    assert "LayerScale(" in written(to, NORM, SCALE, {**SCALE, "name": "t", "share": "s"})
    assert "LayerScale(" in written(to, NORM, {**SCALE, "frozen": True})
    assert "LayerScale(" in written(to, {"batch_norm": None, "name": "n"}, SCALE)
    assert "LayerScale(" in written(to, NORM, {"layer_scale": {"bias": True, "dim": -1}})
    assert "LayerScale(" in written(to, "relu", SCALE)


def test_keras_has_a_scale_without_a_shift():
    alone = {"layer_scale": None, "name": "s"}
    assert "center=False" in written("keras", NORM, alone)
    assert "LayerScale" not in written("keras", NORM, alone)
    assert "LayerScale" in written("pytorch", NORM, alone)
