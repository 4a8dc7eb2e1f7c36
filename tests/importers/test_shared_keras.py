"""Real files of Keras 2 and 3, against what Keras answers: every size, parameter and MAC of every layer.

The files are others' work and not part of the project: these tests run where ../shared is.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from alike_graphs import read_twice
from keras_layers import answers

import shapecalc

SHARED = next((p for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("/work"))
FOLDER = SHARED / "shared" / "data" / "formats" / "keras"
FILES = [path for path in sorted(FOLDER.glob("*.json")) if not path.name.endswith(".truth.json")]

pytestmark = pytest.mark.skipif(not FILES, reason="the shared files are not here")

MACS_THAT_DIFFER = {}
"""Layers by their class whose MACs differ, with the reason. (There are none in these files.)"""


@pytest.fixture(params=[pytest.param(path, id=path.stem) for path in FILES] or [None])
def file(request):
    truth = json.loads(gzip.decompress(request.param.with_suffix(".truth.json.gz").read_bytes()))
    return shapecalc.load(str(request.param)), truth


def test_sizes_parameters_and_macs_are_those_of_keras(file):
    network, truth = file
    report = network.infer(convention="keras")
    found = {path.rpartition(" ")[2]: answer for path, answer in answers(report).items()}
    layers = [layer for layer in truth["layers"] if layer["type"] != "InputLayer"]
    assert {layer["name"] for layer in layers} == set(found)
    for layer in layers:
        answer = found[layer["name"]]
        assert tuple(layer["output_shape"][1:]) == tuple(answer.output), layer
        assert (layer["params"], layer["trainable"]) == (answer.params, answer.trainable), layer
        if layer["type"] not in MACS_THAT_DIFFER:
            assert layer.get("macs", 0) == answer.macs, layer
    assert report.total.params == truth["total_params"]
    assert report.total.macs == truth["total_macs"]
    assert network.infer().total.params == truth["trainable_params"]


def test_everything_in_them_is_understood(file):
    network, truth = file
    layers = len([layer for layer in truth["layers"] if layer["type"] != "InputLayer"])
    note = next(note for note in network.infer().notes if " unknown; " in note)
    assert note.startswith(f"{layers:,} nodes: {layers:,} layers, 0 unknown; ")
    assert "do not" not in note


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in FILES] or [None])
def test_layers_like_one_before_are_as_if_each_was_looked_at(path, monkeypatch):
    read_twice(monkeypatch, lambda: shapecalc.load(str(path)))
