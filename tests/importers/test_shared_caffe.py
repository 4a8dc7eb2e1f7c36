"""Real prototxt files, against what Caffe itself answers: every size, parameter and MAC.

The files are others' work and not part of the project: these tests run where ../shared is.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
from alike_graphs import read_twice

import shapecalc
from shapecalc.errors import ShapecalcError

SHARED = next((p for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("/work"))
FOLDER = SHARED / "shared" / "data" / "formats" / "caffe"
FILES = sorted(FOLDER.glob("*.prototxt"))

pytestmark = pytest.mark.skipif(not FILES, reason="the shared files are not here")

LEFT_OUT = {
    "Split": "Caffe adds one where several layers use one output: it has no parameter and changes no size",
    "Input": "it is an input of the network",
    "DummyData": "it stood for a data layer, which is an input of the network, with the sizes that were assumed for it",
}
"""The layers in Caffe's answers that are none here, and why. All others agree in everything but these."""

FACTOR = 1
"""The third blob of a BatchNorm, by which its mean and variance are divided, is stored but no statistic: these are its
buffers here, and no parameters."""


@pytest.fixture(params=[pytest.param(path, id=path.stem) for path in FILES] or [None])
def file(request):
    truth = json.loads(gzip.decompress(request.param.with_name(f"{request.param.stem}.truth.json.gz").read_bytes()))
    return request.param, truth


def load(path, truth):
    """The report, with the sizes that were assumed for data layers only where the file does not state its own."""
    return network(path, truth).infer()


def network(path, truth):
    try:
        found = shapecalc.load(str(path))
        found.infer()
    except ShapecalcError:
        sizes = {name: tuple(size[1:]) for name, size in truth["assumed_data_shapes"].items() if len(size) > 1}
        found = shapecalc.load(str(path), input=sizes)
    return found


def test_sizes_parameters_and_macs_are_those_of_caffe(file):
    path, truth = file
    report = load(path, truth)
    rows = defaultdict(list)
    for row in report.rows:
        rows[re.sub(r" \(\d+\)$", "", row.node.mark.path.partition(" ")[2])].append(row)
    for layer in truth["layers"]:
        sizes = {name: tuple(size[1:]) for name, size in layer["tops"].items()}
        if layer["type"] in LEFT_OUT:
            found = {name: shape.sizes for name, shape in report.graph.inputs.items() if name in sizes}
            assert layer["type"] == "Split" or found == sizes
            continue
        row = rows[layer["name"]].pop(0)
        assert list(row.output_shapes) == [*sizes.values()], (layer, row)
        if layer["type"] == "BatchNorm":
            assert (row.buffers, row.params) == (layer["param_count"] - FACTOR, 0), row
        elif row.node.shares < 0:
            assert row.params == layer["param_count"], (layer, row)
        assert row.macs * truth["batch"] == layer.get("macs", 0), (layer, row)
    assert not any(rows.values()), "no layer here is more than Caffe's"
    assert report.total.macs * truth["batch"] == truth["total_macs"]
    assert report.total.params == truth["net_learnable_params_shared_once"] - truth["batchnorm_stat_values"]


def test_everything_in_them_is_understood(file):
    path, truth = file
    report = load(path, truth)
    note = next(note for note in report.notes if " Caffe layer" in note)
    own = [layer for layer in truth["layers"] if layer["type"] != "Split"]
    inputs = sum(layer["type"] in ("Input", "DummyData") for layer in truth["layers"])
    assert note in (f"{n:,} Caffe layers: {n:,} layers, 0 unknown" for n in (len(own), len(own) - inputs)), note
    assert not report.graph.warnings


def test_layers_like_one_before_are_as_if_each_was_looked_at(file, monkeypatch):
    read_twice(monkeypatch, lambda: network(*file))
