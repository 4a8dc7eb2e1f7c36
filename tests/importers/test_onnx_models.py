"""Small models of PyTorch's exporters, against what onnxruntime answers: made by `tests/record_onnx.py`."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest

import shapecalc
from shapecalc.importers.onnx import read
from shapecalc.importers.onnx.graph import Importing
from shapecalc.importers.readings import AS_STATED, SECOND
from shapecalc.importers.tensors import Constant, Data

FOLDER = Path(__file__).parents[1] / "data" / "onnx"
FILES = sorted(FOLDER.glob("*.onnx"))
DIMENSIONS = {"maps_dynamic": {"height": 24, "width": 24}, "attention_dynamic": {"length": 9}}
INSIDE = {"recurrent.dynamo": 6}
"""Tensors that are within layers here: the states of a recurrence, with an axis for directions, before these are joined."""
SEQUENCE_FIRST = ("attention_batch.ts",)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def model(request):
    path = request.param
    return path, json.loads(path.with_suffix(".json").read_text())


def variables_of(path):
    """The dynamic dimensions of a file, as its exporter calls them, with the sizes that were recorded."""
    own = DIMENSIONS.get(path.stem.partition(".")[0], {})
    if not own:
        return {}
    (info,) = read(str(path), path.name).model.graph.inputs
    names = [size for size in info.dims[1:] if isinstance(size, str)]
    return dict(zip(names, own.values(), strict=True))


class Scope(Importing):
    """An import that keeps every tensor."""

    def run(self, graph, scope, path, opset, depth):
        super().run(graph, scope, path, opset, depth)
        if depth == 0:
            self.scope = scope


def test_every_size_is_that_of_onnxruntime(model):
    path, truth = model
    file = read(str(path), path.name)
    reading = SECOND if path.stem in SEQUENCE_FIRST else AS_STATED
    found = Scope(path.name, file.model, variables_of(path), {}, reading)
    _, problems = found.graph()
    assert problems == []
    sizes = {name: x.full(found.frame.batch) for name, x in found.scope.items() if isinstance(x, (Data, Constant))}
    batch = found.frame.batch
    due = {name: tuple(size) for name, size in truth["sizes"].items()}
    wrong = {name: size for name, size in sizes.items() if name in due and due[name] != size}
    if batch != truth["batch"]:  # it is dynamic in the file: here it is 1
        data = {name for name, x in found.scope.items() if isinstance(x, Data)}
        times = truth["batch"]
        wrong = {name: size for name, size in wrong.items() if name in data and prod(due[name]) != times * prod(size)}
    assert wrong == {}
    assert len(sizes.keys() & due.keys()) + INSIDE.get(path.stem, 0) > 0.9 * len(due)


def test_parameters_and_macs_are_pytorchs(model):
    path, truth = model
    report = shapecalc.load(path, vars=variables_of(path)).infer()
    assert (report.total.params, report.total.macs) == (truth["params"], truth["macs"])
    assert any(", 0 unknown; " in note for note in report.notes)
    assert not any("do not" in note for note in report.notes)
