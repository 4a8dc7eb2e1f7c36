"""Real ONNX files, against what onnxruntime answers: every size, the weights that layers hold, MACs.

The files are others' work and not part of the project: these tests run where ../shared is.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from alike_graphs import read_twice

import shapecalc

SHARED = next((p for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("/work"))
FOLDER = SHARED / "shared" / "data" / "formats" / "onnx"
FILES = sorted(FOLDER.glob("*.onnx"))

pytestmark = pytest.mark.skipif(not FILES, reason="the shared files are not here")


def without_batch(size, shape):
    """Whether a size of the file is a shape here with the batch of one in front, or without."""
    return tuple(size) in ((1, *shape), shape)


@pytest.fixture(params=[pytest.param(path, id=path.stem) for path in FILES] or [None])
def file(request):
    truth = json.loads(gzip.decompress(request.param.with_suffix(".truth.json.gz").read_bytes()))
    return shapecalc.load(str(request.param)).infer(), truth


def test_sizes_weights_and_macs_are_those_of_onnxruntime(file):
    report, truth = file
    nodes = {node["name"]: node for node in truth["nodes"]}
    shown = set()
    for row in report.rows:
        name = row.node.mark.path.rpartition(" ")[2]
        node = nodes[name]
        if row.kind == "parameter":
            continue
        shown.add(name)
        assert all(map(without_batch, node["out"], row.output_shapes)), (row, node)
        assert row.macs == node.get("macs", 0), (row, node)
    assert report.total.params == truth["params_as_weights_of_layers"]
    assert report.total.macs == truth["total_macs_conv_gemm_matmul"]
    left_out = [node["op"] for name, node in nodes.items() if name not in shown]
    biases = left_out.count("Add") if "MatMul" in truth["ops"] else 0
    assert set(left_out) <= {"Shape", "Gather", "Add", "Div", "Mul", "Slice", "Concat"}
    assert biases == truth["ops"].get("MatMul", 0), "each is a part of the product before it"


def test_everything_in_them_is_understood(file):
    report, truth = file
    note = next(note for note in report.notes if " shape arithmetic, " in note)
    assert f"{sum(truth['ops'].values()):,} nodes: " in note
    assert ", 0 unknown; " in note
    assert "do not" not in note


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in FILES] or [None])
def test_nodes_like_one_before_are_as_if_each_was_looked_at(path, monkeypatch):
    network, hits = read_twice(monkeypatch, lambda: shapecalc.load(str(path)))
    assert hits > len(network.graph.nodes) / 10
