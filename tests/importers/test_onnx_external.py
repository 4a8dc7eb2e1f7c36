"""Elements of tensors in a file beside an ONNX file: which are read there, and which paths are not followed."""

from __future__ import annotations

import os
import struct

import pytest
from crafted_onnx import FLOAT, INT64, as_tensor, field, model, node, tensor, value, write
from running import run

import shapecalc
import shapecalc.checkpoints.onnx
from shapecalc import checkpoints
from shapecalc.errors import ShapeError
from shapecalc.files import inputs_noted, note_beside


def outside(name, dims, kind=FLOAT, **entries):
    """A tensor whose elements are in another file."""
    words = [field(13, field(1, key) + field(2, str(entry))) for key, entry in entries.items()]
    return tensor(name, dims, kind=kind) + b"".join(words)


def reshaped(*, as_constant=False, **entries):
    """A Reshape whose target is in another file."""
    stored = outside("to", [3], INT64, **entries)
    nodes = [node("Constant", [], ["to"], value=as_tensor(stored))] if as_constant else []
    nodes.append(node("Reshape", ["x", "to"], ["y"], "r"))
    weights = () if as_constant else (stored,)
    return model(nodes, [value("x", [1, 4, 6])], [value("y", None)], weights=weights)


DATA = b"head" * 4 + struct.pack("<3q", 1, 2, 12)
RIGHT = {"location": "m.data", "offset": 16, "length": 24}


@pytest.mark.parametrize("as_constant", [False, True])
def test_a_list_of_sizes_beside_the_model_is_read(tmp_path, as_constant):
    (tmp_path / "m.data").write_bytes(DATA)
    report = shapecalc.load(write(tmp_path, reshaped(as_constant=as_constant, **RIGHT))).infer()
    assert report.rows[0].output_shape == (2, 12)


@pytest.mark.parametrize("words", [("convert", "--to", "yaml"), ("weights", "--format", "csv")])
@pytest.mark.parametrize("location", ["m.data", "sub/m.data"])
def test_the_file_of_the_weights_is_not_overwritten_though_it_is_not_read(tmp_path, monkeypatch, words, location):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / location).write_bytes(DATA)
    weight = outside("w", [4, 4], location=location, offset=0, length=64)
    nodes = [node("MatMul", ["x", "w"], ["y"], "r")]
    write(tmp_path, model(nodes, [value("x", [1, 4])], [value("y", None)], weights=(weight,)))
    ran = run(words[0], "model.onnx", *words[1:], "-o", location)
    assert (ran.status, ran.err) == (
        2, f"{location} is an input of this command: it is not overwritten\n   name another file to write to\n",
    )  # fmt: skip
    assert (tmp_path / location).read_bytes() == DATA


@pytest.mark.parametrize(
    "location", ["../m.data", "/etc/passwd", "sub/../../m.data", "\\\\host\\m.data", "c:m.data", "..", "a\0b"]
)
def test_files_elsewhere_are_not_looked_at(monkeypatch, location):
    looked = []
    monkeypatch.setattr(os, "stat", lambda path: looked.append(path) or os.lstat(os.curdir))
    with inputs_noted():
        note_beside("folder", location)
        assert looked == []
        note_beside("folder", "m..data")
    assert looked == [os.path.join("folder", "m..data")]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"location": "other.data"}, "other.data: it is not there"),
        ({"location": "../m.data"}, "../m.data: its name is not that of a file beside the model"),
        ({"location": "sub/m.data"}, "sub/m.data: its name is not that of a file beside the model"),
        ({"location": "sub\\m.data"}, "sub\\m.data: its name is not that of a file beside the model"),
        ({"location": ".."}, "..: its name is not that of a file beside the model"),
        ({"location": "sub"}, "sub: it is not a regular file"),
        ({"location": "pipe"}, "pipe: it is not a regular file"),
        ({"offset": 24}, "m.data: it is shorter than the file says"),
        ({"offset": 10**18}, "m.data: it is shorter than the file says"),
        ({"length": 16}, ""),
        ({"offset": -8}, ""),
        ({"offset": "1" * 5000}, ""),
        ({"location": ""}, ""),
    ],
)
def test_what_cannot_be_read_is_noted_and_no_other_file_is_opened(tmp_path, changed, text):
    inner = tmp_path / "model"
    (inner / "sub").mkdir(parents=True)
    os.mkfifo(inner / "pipe")
    for folder in (tmp_path, inner, inner / "sub"):
        (folder / "m.data").write_bytes(DATA)
    with pytest.raises(ShapeError) as error:
        shapecalc.load(write(inner, reshaped(**{**RIGHT, **changed}))).infer()
    reason = f"in {text}" if text else "a constant whose values are not in the file, or computed from such"
    assert str(error.value).splitlines()[1] == f"   its input to is {reason}"


def test_bytes_have_no_file_beside_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.data").write_bytes(DATA)
    with pytest.raises(ShapeError):
        shapecalc.load(reshaped(**RIGHT)).infer()


def masked(count, **entries):
    """Scores of attention to which a tensor is added."""
    nodes = [node("MatMul", ["q", "k"], ["a"]), node("Add", ["a", "m"], ["b"]), node("Softmax", ["b"], ["y"])]
    inputs = [value("q", [1, 2, count, 4]), value("k", [1, 2, 4, count])]
    weights = [outside("m", [count, count], location="m.data", offset=0, **entries)]
    return model(nodes, inputs, [value("y", None)], weights=weights)


@pytest.mark.parametrize("count", [4, 200])
@pytest.mark.parametrize(("low", "params"), [(-1e9, 0), (-float("inf"), 0), (-0.25, 1)])
def test_a_mask_beside_the_model_is_no_parameter(tmp_path, count, low, params):
    values = [low * (column > row) for row in range(count) for column in range(count)] if low > -1 else [
        low if column > row else 0.0 for row in range(count) for column in range(count)]  # fmt: skip
    (tmp_path / "m.data").write_bytes(struct.pack(f"<{count * count}f", *values))
    report = shapecalc.load(write(tmp_path, masked(count))).infer()
    assert report.total.params == params * count * count
    assert not any("may be a mask" in note for note in report.notes)


def test_a_mask_that_cannot_be_read_is_counted_and_noted(tmp_path):
    report = shapecalc.load(write(tmp_path, masked(4))).infer()
    assert report.total.params == 16
    assert "m may be a mask, but is counted: its elements could not be read" in report.notes


def test_weights_beside_the_model_are_not_read(tmp_path):
    """Nor is their file opened: it is not there, and nothing is said of it."""
    nodes = [node("Conv", ["x", "w", "b"], ["y"])]
    weights = [outside("w", [16, 3, 3, 3], location="m.data"), outside("b", [16], location="m.data", offset=1728)]
    data = model(nodes, [value("x", [1, 3, 8, 8])], [value("y", None)], weights=weights)
    network = shapecalc.load(write(tmp_path, data))
    report = network.infer()
    assert network.origin.model.unread == ()
    assert report.total.params == 448
    assert not any("m.data" in note for note in report.notes)


def test_samples_of_a_large_tensor_are_of_all_of_it(tmp_path):
    (tmp_path / "m.data").write_bytes(struct.pack("<40000f", *[0.0] * 20000, *[0.25] * 20000))
    assert shapecalc.load(write(tmp_path, masked(200))).infer().total.params == 40000


def test_what_is_read_beside_a_model_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("shapecalc.importers.onnx.external._MOST_BYTES", 23)
    (tmp_path / "m.data").write_bytes(DATA)
    with pytest.raises(ShapeError):
        shapecalc.load(write(tmp_path, reshaped(**RIGHT))).infer()


def test_a_file_of_many_tensors_is_recorded_once(tmp_path, monkeypatch):
    recorded = []
    monkeypatch.setattr("shapecalc.importers.onnx.external.note_beside", lambda *path: recorded.append(path))
    monkeypatch.setattr("shapecalc.checkpoints.onnx.note_beside", lambda *path: recorded.append(path))
    tensors = [outside(name, [4, 4], location="w.bin") for name in "abc"]
    nodes = [node("MatMul", ["x", "a"], ["p"]), node("MatMul", ["p", "b"], ["q"]), node("MatMul", ["q", "c"], ["y"])]
    path = write(tmp_path, model(nodes, [value("x", [1, 4])], [value("y", None)], weights=tensors))
    assert shapecalc.load(path).infer().total.params == 48
    checkpoints.onnx.read(str(path))
    assert recorded == [(str(tmp_path), "w.bin")] * 2
