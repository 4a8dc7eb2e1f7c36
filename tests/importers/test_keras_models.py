"""Small models of every class of layer: configs and answers that Keras 3 and Keras 2 gave (`tests/record_keras.py`)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import keras_layers
import pytest

import shapecalc

FILE = Path(__file__).parents[1] / "data" / "keras_models.json.gz"
RECORDED = json.loads(gzip.decompress(FILE.read_bytes()))
MODELS = [(f"{library}: {name}", found) for library, models in RECORDED.items() for name, found in models.items()]

UNKNOWN = {
    "lambda": "its function is not read",
}
"""Models with a layer that is opaque, with the reason."""


@pytest.fixture(params=[pytest.param(found, id=name) for name, found in MODELS])
def model(request):
    return request.node.callspec.id.partition(": ")[2], request.param


def test_sizes_and_parameters_are_those_of_keras(model):
    name, found = model
    network = shapecalc.load(json.dumps(found["config"]).encode())
    keras_layers.compare(network, found["answer"], of_samples="merged batch" not in name)
    note = next(note for note in network.infer().notes if " unknown; " in note)
    assert (", 0 unknown; " in note) == (name not in UNKNOWN)
    assert "do not" not in note


def test_both_versions_are_recorded():
    assert {library.partition(" ")[0]: len(models) > 390 for library, models in RECORDED.items()} == {
        "keras": True, "tf_keras": True,
    }  # fmt: skip
