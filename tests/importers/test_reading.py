"""What all formats have in common: how their files are read."""

from __future__ import annotations

import gc

import pytest
from crafted_darknet import cfg
from crafted_onnx import small as onnx_file
from crafted_pt2 import archive
from crafted_pt2 import small as program

import shapecalc
from shapecalc.importers.frame import Frame

CAFFE = b'input: "x"\ninput_shape { dim: 1 dim: 3 }\nlayer { name: "a" type: "ReLU" bottom: "x" top: "a" }\n'
KERAS = b"""{"class_name": "Sequential", "config": {"name": "m", "layers": [
    {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [null, 3]}},
    {"class_name": "ReLU", "config": {"name": "a"}}]}}"""
FILES = {
    "onnx": onnx_file(),
    "pytorch": archive(program()),
    "keras": KERAS,
    "caffe": CAFFE,
    "darknet": cfg("maxpool size=2 stride=2").encode(),
}


@pytest.mark.parametrize("format", FILES)
def test_the_garbage_collector_pauses_while_a_file_is_read_and_its_graph_is_built(format, monkeypatch):
    seen, pauses = [], []
    disable = gc.disable
    monkeypatch.setattr(gc, "disable", lambda: pauses.append(1) or disable())
    emit = Frame.emit
    monkeypatch.setattr(Frame, "emit", lambda *args, **rest: seen.append(gc.isenabled()) or emit(*args, **rest))
    for data in (FILES[format], FILES[format][: len(FILES[format]) - 12]):
        try:
            shapecalc.load(data).infer()
        except shapecalc.ShapecalcError:
            assert data is not FILES[format]
        assert gc.isenabled()
    assert seen
    assert not any(seen)
    assert len(pauses) >= 3  # the file, its graph, the broken file
    gc.disable()
    try:
        shapecalc.load(FILES[format])
        assert not gc.isenabled()
    finally:
        gc.enable()
