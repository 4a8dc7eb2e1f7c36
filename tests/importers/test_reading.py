"""What all formats have in common: how their files are read."""

from __future__ import annotations

import gc
import os
import zipfile
from io import BytesIO
from types import SimpleNamespace

import pytest
from crafted_darknet import cfg
from crafted_onnx import small as onnx_file
from crafted_pt2 import archive
from crafted_pt2 import small as program
from running import run

import shapecalc
from shapecalc.collection import uncollected
from shapecalc.errors import UsageError
from shapecalc.importers.frame import Frame
from shapecalc.importers.readings import AS_STATED, NOWHERE, SECOND, best_reading
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import FIXED, LOST, NO_BATCH, Batch, Data
from shapecalc.importers.understanding import UNKNOWN, Understanding
from shapecalc.layers.base.shape import Shape
from shapecalc.model import inference
from shapecalc.model.graph import Reference

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


@pytest.mark.parametrize("name", FILES)
def test_the_garbage_collector_pauses_while_a_file_is_read_and_its_graph_is_built(name, monkeypatch):
    seen, pauses = [], []
    disable = gc.disable
    monkeypatch.setattr(gc, "disable", lambda: pauses.append(1) or disable())
    emit, layer = Frame.emit, inference.inputs_of
    monkeypatch.setattr(inference, "inputs_of", lambda *args: seen.append(gc.isenabled()) or layer(*args))
    monkeypatch.setattr(Frame, "emit", lambda *args, **rest: seen.append(gc.isenabled()) or emit(*args, **rest))
    for data in (FILES[name], FILES[name][: len(FILES[name]) - 12]):
        try:
            shapecalc.load(data).infer()
        except shapecalc.ShapecalcError:
            assert data is not FILES[name]
        assert gc.isenabled()
    assert len(seen) >= 2  # with the layers of the report
    assert not any(seen)
    assert len(pauses) >= 3  # the file and its graph, the report, the broken file
    gc.disable()
    try:
        shapecalc.load(FILES[name])
        assert not gc.isenabled()
    finally:
        gc.enable()


def keras_archive():
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("config.json", KERAS)
    return written.getvalue()


@pytest.mark.parametrize("name", ["m.onnx", "m.pt2", "m.keras", "m.prototxt", "m.cfg", "m"])
@pytest.mark.parametrize("form", ["pytorch", "archive"])
def test_an_archive_is_read_by_its_first_bytes_under_any_name(form, name, tmp_path):
    data = keras_archive() if form == "archive" else FILES[form]
    (tmp_path / name).write_bytes(data)
    due = shapecalc.load(data).infer()
    found = shapecalc.load(str(tmp_path / name)).infer()
    assert [row.kind for row in found.rows] == [row.kind for row in due.rows] != []
    assert found.notes == due.notes


def test_a_file_of_hdf5_with_another_name_is_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.onnx", "w") as file:
        file.attrs["model_config"] = KERAS
    assert [row.kind for row in shapecalc.load(str(tmp_path / "m.onnx")).infer().rows] == ["relu"]


def test_another_archive_is_named_as_one(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.onnx", "w") as file:
        file.writestr("model.onnx", FILES["onnx"])
    ran = run("summary", str(tmp_path / "m.onnx"))
    assert "m.onnx cannot be read as an ONNX file: it is a zip archive: unpack it first" in ran.err


NAMES = {"onnx": "m.onnx", "pytorch": "m.pt2", "keras": "m.json", "caffe": "m.prototxt", "darknet": "m.cfg",
         "archive": "m.keras"}  # fmt: skip


@pytest.mark.parametrize("form", NAMES)
def test_no_command_overwrites_the_file_that_it_has_read_under_any_name(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = keras_archive() if form == "archive" else FILES[form]
    name = NAMES[form]
    (tmp_path / name).write_bytes(data)
    os.symlink(name, "soft")
    os.link(name, "hard")
    others = [("summary", name), ("explain", "soft"), ("compare", "lenet5", "hard")]
    commands = [(*words, "--format", "json") for words in others]
    if form not in ("pytorch", "archive"):  # `convert` writes no file of these names at all
        commands.append(("convert", name, "--to", "onnx" if form == "onnx" else "pytorch"))
    for target in (name, f"./{name}", "soft", "hard"):
        for words in commands:
            ran = run(*words, "-o", target)
            assert (ran.status, ran.out) == (2, "")
            assert f"{target} is an input of this command: it is not overwritten" in ran.err
    assert (tmp_path / name).read_bytes() == data
    assert sorted(os.listdir()) == sorted([name, "hard", "soft"])


@pytest.mark.parametrize(
    ("name", "what", "hint"),
    [
        ("model.py", "source of Python, which is not run", "shapecalc.from_torch(module, example)"),
        ("model.ipynb", "source of Python, which is not run", "shapecalc.from_keras(model)"),
        ("saved_model.pb", "a graph of TensorFlow, which is not read", 'model.save("model.keras")'),
        (".", "a graph of TensorFlow, which is not read", "tf2onnx"),
        (
            "M.TFLITE",
            "a model of TensorFlow Lite, which is not read",
            "python -m tf2onnx.convert --tflite M.TFLITE --output",
        ),
        ("m.safetensors", "a checkpoint: weights, without the network", "shapecalc weights m.safetensors shows"),
        ("m.gguf", "a checkpoint: weights, without the network", "shapecalc weights m.gguf shows"),
    ],
)
def test_files_that_are_not_read_are_named_with_what_is_read_instead(name, what, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = "./saved_model.pb" if name == "." else name
    (tmp_path / shown).write_bytes(b"import torch")
    ran = run("summary", name)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"{shown} is {what}\n")
    assert hint in ran.err


def test_a_pb_file_is_an_onnx_file_if_its_first_bytes_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pb").write_bytes(FILES["onnx"])
    assert shapecalc.load("model.pb").infer().total.params == shapecalc.load(FILES["onnx"]).infer().total.params > 0
    saved_model = b"\x08\x01\x12\x04\x0a\x02\x12\x00"  # saved_model_schema_version: 1, then meta_graphs
    (tmp_path / "model.pb").write_bytes(saved_model)
    assert "model.pb is a graph of TensorFlow" in run("summary", "model.pb").err


class Trial:
    """An import that understands all but `unknown[reading]` of its nodes; None for sizes that do not fit.

    `apart` are readings in which the inputs have batches of several sizes, `lost` those without the batch in outputs,
    `asking` those that need a size.
    """

    def __init__(
        self, unknown, begun, given, reading, *, batch=2, is_sized=True, apart=(), lost=(), asking=(), axis=None
    ):
        if unknown[reading] is None and not given:
            raise UsageError("it has not this axis")
        begun.append((dict(given), reading))
        self.name = f"{reading}, {given or 'stated'}"
        asks = reading in asking
        self.problems = [] if given or (is_sized and not asks) else ["it has no size"]
        self.sizes = SimpleNamespace(
            batch=batch, are_apart=reading in apart, usual={"x": (7,)} if asks and not given else {},
            inputs={"x": ("its shape", axis or reading)},
        )  # fmt: skip
        self.understanding = Understanding()
        self.understanding.lost_outputs = int(reading in lost)
        self.understanding.counts[UNKNOWN] = unknown[reading]

    def graph(self):
        return self.name, self.problems


SIZED = {"x": (3,)}


@pytest.mark.parametrize(("unknown", "given", "more", "found", "begun"), [
    ((0, 9, 9), {}, {}, "as stated, stated", 1), ((5, 9, 9), {}, {"batch": 1}, "as stated, stated", 2),
    ((5, 0, 9), {}, {}, "second, stated", 2), ((5, 5, 2), {}, {}, "nowhere, stated", 3),
    ((5, 5, 5), {}, {}, "as stated, stated", 3), ((5, None, 2), {}, {}, "nowhere, stated", 2),
    ((5, 0, 9), SIZED, {}, f"second, {SIZED}", 5), ((5, 7, 9), SIZED, {}, f"as stated, {SIZED}", 5),
    ((5, 0, 9), SIZED, {"is_sized": False}, f"second, {SIZED}", 3),
    ((5, 0, 0), {}, {"batch": 1}, "second, stated", 2), ((5, 0, 0), {}, {"batch": 1, "axis": "the first"}, "as stated, stated", 2),
    ((0, 0, 0), {}, {"batch": 1, "lost": [AS_STATED]}, "second, stated", 2),
    ((0, 0, 0), {}, {"batch": 1, "lost": [AS_STATED, SECOND]}, "as stated, stated", 2),
    ((0, 0, 0), {}, {"batch": 1, "apart": [AS_STATED]}, "second, stated", 2),
    ((0, 0, 0), {}, {"batch": 1, "apart": [AS_STATED, SECOND]}, "nowhere, stated", 3),
    ((0, 5, 0), {}, {"batch": 1, "apart": [AS_STATED]}, "nowhere, stated", 3),
    ((5, 0, 0), SIZED, {"batch": 1, "asking": [SECOND]}, f"second, {SIZED}", 5),
])  # fmt: skip
def test_the_batch_is_where_most_nodes_are_understood_and_no_import_is_made_twice(unknown, given, more, found, begun):
    """A reading is tried on the sizes that the file states: an import that only looks for them has no graph."""
    calls = []
    numbers = dict(zip((AS_STATED, SECOND, NOWHERE), unknown, strict=True))
    graph, problems = best_reading(lambda *args: Trial(numbers, calls, *args, **more), given)
    assert (graph, problems) == (found, [])
    assert len(calls) == begun


@pytest.mark.parametrize(("unknown", "found"), [((5, 0, 0), "it has no size"), ((5, 6, 0), None)])
def test_a_reading_that_needs_a_size_is_tried_with_a_usual_one_and_then_asks_for_it(unknown, found):
    numbers = dict(zip((AS_STATED, SECOND, NOWHERE), unknown, strict=True))
    _, problems = best_reading(lambda *args: Trial(numbers, [], *args, batch=1, asking=[SECOND]), {})
    assert problems == ([found] if found else [])


def test_a_table_of_operations_loads_its_families_once_and_finds_by_every_name():
    table = OperationTable("caffe", ("norms",))

    @table("a", "b")
    def function():
        """A function of two names."""

    assert table.find("a") is table.find("b") is function
    assert table.find("c") is None
    assert set(table.names) == {"a", "b"}
    with pytest.raises(ModuleNotFoundError, match=r"shapecalc\.importers\.caffe\.no_family"):
        OperationTable("caffe", ("no_family",)).find("a")


def test_what_was_made_in_a_pause_of_the_collection_is_not_looked_through_after_it():
    kept, passes = [], []
    gc.collect()
    gc.callbacks.append(lambda phase, _: passes.append(phase))
    try:
        with uncollected():
            kept = [[] for _ in range(100_000)]
        young = [[] for _ in range(10)]
    finally:
        gc.callbacks.pop()
    assert len(kept) > len(young)
    assert not passes
    assert not gc.get_freeze_count()


def test_objects_that_a_program_has_frozen_stay_so():
    gc.freeze()
    try:
        count = gc.get_freeze_count()
        with uncollected():
            pass
        assert gc.get_freeze_count() > count - 1000, "some of them may be gone by themselves, none is unfrozen"
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(("given", "expected"), [
    ([((6, 4), Batch(0, outer=3)), ((3, 1, 4), NO_BATCH)], Batch(1, outer=3)),  # behind the axis that the other has more
    ([((3, 1, 4), NO_BATCH), ((3, 6, 4), Batch(1, outer=2))], Batch(1, outer=2)),
    ([((3, 4), NO_BATCH), ((4,), NO_BATCH)], NO_BATCH),
    ([((3, 4), NO_BATCH), ((2, 3, 4), FIXED)], FIXED),  # made for each sample, perhaps
    ([((3, 4), NO_BATCH), ((1, 1), FIXED)], NO_BATCH),  # one number is of no sample
    ([((3, 4), FIXED), ((3, 4), LOST)], LOST),
    ([((3, 4), LOST), ((3, 4), LOST)], LOST),
])  # fmt: skip
def test_where_the_batch_is_in_what_is_made_of_tensors_without_an_axis_for_it(given, expected):
    operands = [Data(Reference(i), Shape(sizes), batch) for i, (sizes, batch) in enumerate(given)]
    assert Frame.carried(operands, max(len(sizes) for sizes, _ in given)) == expected
