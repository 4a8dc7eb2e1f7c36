"""Archives that PyTorch wrote, against its own answers; and archives that are wrong, by chance or on purpose."""

from __future__ import annotations

import contextlib
import io
import json
import random
import time
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from crafted_pt2 import LONG, T, archive, meta, node, program, small
from running import run

import shapecalc
from shapecalc.errors import ShapecalcError, SpecError

FOLDER = Path(__file__).parents[1] / "data" / "pt2"
FILES = sorted(FOLDER.glob("*.pt2"))
UNUSED = {"tied": 12}
"""Parameters that the module holds and does not use, by the name of the file up to `_`."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_totals_are_those_of_pytorch_and_all_stated_sizes_agree(path):
    answer = json.loads(path.with_suffix(".json").read_text())
    report = shapecalc.load(str(path)).infer()
    unused = UNUSED.get(path.stem.partition("_")[0], 0)
    assert report.total.params == answer["params"] - unused
    assert report.total.trainable == answer["trainable"] - unused
    batch = 2 if "the batch of 2 of the example is left out" in report.notes else 1
    assert report.total.macs * batch == answer["macs"]
    note = next(note for note in report.notes if " shape arithmetic, " in note)
    assert ", 0 unknown; " in note
    assert "do not" not in note
    assert any(
        "not used, and not counted: spare.weight and 1 more (12 parameters)" in one for one in report.notes
    ) == bool(unused)


def test_there_are_files():
    versions = Counter(path.stem.rpartition("_")[2] for path in FILES)
    assert [versions[one] for one in ("2.2.2", "2.5.1", "2.7.1", "2.8.0")] == [4, 5, 5, 5]


@pytest.mark.parametrize("path", [path for path in FILES if "digits" not in path.stem], ids=lambda path: path.stem)
def test_weights_lists_the_tensors_of_an_archive_and_they_are_those_of_its_network(path):
    answer = json.loads(path.with_suffix(".json").read_text())
    found = shapecalc.weights(path)
    assert found.format == "PyTorch, torch.export"
    assert found.total.params == answer["params"]
    comparison = shapecalc.load(str(path)).compare_weights(found)
    extra = [name for one in comparison.mismatches for name in one.names]
    assert extra == (["spare.weight", "spare.bias"] if UNUSED.get(path.stem.partition("_")[0]) else [])


def test_pickles_are_not_opened(tmp_path, monkeypatch):
    """An archive has pickles beside its program: what they would do is not done."""
    evil = b"cos\nsystem\n(S'touch " + str(tmp_path / "touched").encode() + b"'\ntR."
    data = archive(small(), more={"net/data/constants/tensor_0": evil, "net/data.pkl": evil,
                                  "net/data/sample_inputs/model.pt": evil})  # fmt: skip
    assert shapecalc.load(data).infer().total.params == 127
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(("entry", "version"), [
    ("serialized_exported_program.json", {"major": 5, "minor": 1}), ("archive/serialized_exported_program.json", 1),
    ("net/models/forward.json", {"major": 8, "minor": 1}),
])  # fmt: skip
def test_the_layouts_of_older_versions(entry, version):
    """Before 2.8 the program was an entry of its own; the first versions wrote their version as one number."""
    document = small()
    document["schema_version"] = version
    assert shapecalc.load(archive(document, entry=entry)).infer().total.params == 127


def test_the_signature_of_the_first_version():
    """Names by names instead of lists, and sizes within `meta` (PyTorch 2.1)."""
    document = small()
    module = document["graph_module"]
    specs = module["signature"]["input_specs"]
    module["signature"] = {
        "inputs_to_parameters": {one["parameter"]["arg"]["name"]: one["parameter"]["parameter_name"]
                                 for one in specs if "parameter" in one},
        "inputs_to_buffers": {one["buffer"]["arg"]["name"]: one["buffer"]["buffer_name"]
                              for one in specs if "buffer" in one},
        "user_inputs": ["x"], "user_outputs": ["y"],
    }  # fmt: skip
    tensors = module["graph"]["tensor_values"]
    module["graph"]["tensor_values"] = {name: {"meta": meta} for name, meta in tensors.items()}
    for one in module["graph"]["nodes"]:
        stack = one["metadata"]["nn_module_stack"]
        if stack:
            path = stack.rpartition(";")[2].split(",")[1]
            first, *rest = path.split(".")
            one["metadata"]["nn_module_stack"] = f"k,L['self'].{first}{''.join(f'[{part}]' for part in rest)},m.Part"
    report = shapecalc.load(archive(document)).infer()
    assert [row.name for row in report.rows] == [
        "body.0.conv", "body.0.bn", "body.0.relu", "body.0.add", "pool", "flatten", "fc",
    ]  # fmt: skip
    assert report.total.params == 127


WRONG = {
    "empty": (b"", "it is empty"),
    "a zip file cut off": (archive(small())[:400], "the archive is damaged or cut off"),
    "another archive": (archive("x", entry="net/readme"), "the archive has no program (models/model.json)"),
    "TorchScript": (archive("x", entry="net/code/__torch__.py", more={"net/constants.pkl": b""}),
                    "it is a TorchScript archive (torch.jit.save), which is a program and no graph"),
    "a checkpoint": (archive("x", entry="net/data.pkl"), "it is a checkpoint (torch.save): weights, without the network"),
    "a compiled package": (archive("x", entry="net/data/aotinductor/model/model.so"),
                           "it is a compiled package of AOTInductor, without the graph"),
    "an old pickle": (b"\x80\x02}q\x00.", "it is a pickle of Python, as old versions of torch.save wrote: it is not executed"),
    "a web page": (b"<!DOCTYPE html>", "it is a web page: the download failed, and its text says why"),
    "no JSON": (archive("{"), "its net/models/model.json is not JSON"),
    "JSON of another sort": (archive("[]"), "its JSON has no graph_module"),
    "deep JSON": (archive("[" * 100_000), "its net/models/model.json is nested too deeply"),
    "an unknown version": (archive({**small(), "schema_version": {"major": 99}}),
                           "it has version 99 of its schema, which is not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_archives(name, tmp_path):
    data, message = WRONG[name]
    path = tmp_path / "model.pt2"
    path.write_bytes(data)
    with pytest.raises(SpecError) as caught:
        shapecalc.load(str(path))
    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{path} cannot be read as a .pt2 file of torch.export: {message}")
    assert problem.hint


def test_what_to_do_instead_of_torchscript(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.pt").write_bytes(WRONG["TorchScript"][0])
    ran = run("summary", "net.pt")
    assert ran.status == 1
    assert ran.err == (
        "net.pt cannot be read as a .pt2 file of torch.export: it is a TorchScript archive (torch.jit.save), which is a "
        "program and no graph\n"
        '   export the module itself: torch.export.save(torch.export.export(module.eval(), (example,)), "model.pt2")\n'
    )


def changed(change):
    document = small()
    change(document["graph_module"])
    return archive(document)


def test_wrong_nodes_and_sizes():
    def message(change):
        with pytest.raises(ShapecalcError) as caught:
            shapecalc.load(changed(change)).infer()
        return str(caught.value.problems[0])

    def cut(module):
        del module["graph"]["nodes"][2]["target"]

    assert "its node[2] is not as it must be (KeyError: 'target')" in message(cut)

    def negative(module):
        module["graph"]["tensor_values"]["p_fc_weight"]["sizes"][0] = {"as_int": -3}

    assert "its tensor p_fc_weight has the impossible size -3×3" in message(negative)

    def huge(module):
        module["graph"]["tensor_values"]["x"]["sizes"][2] = {"as_int": 2**31}

    assert "has an axis of the impossible size 2147483648" in message(huge)

    def dangling(module):
        module["graph"]["nodes"][3]["inputs"][1]["arg"] = {"as_tensor": {"name": "nowhere"}}

    assert "its input nowhere is the output of no node before it" in message(dangling)
    assert "node[3] add body.0 (net.py:6)" in message(dangling)

    def cycle(module):
        module["graph"]["nodes"][0]["inputs"][0]["arg"] = {"as_tensor": {"name": "r"}}

    assert "its input r is the output of no node before it" in message(cycle)

    def many_axes(module):
        module["graph"]["tensor_values"]["x"]["sizes"] = [{"as_int": 1}] * 65

    assert "its tensor x has 65 axes" in message(many_axes)

    def stride(module):
        module["graph"]["nodes"][0]["inputs"][3]["arg"] = {"as_string": "two"}

    assert "its stride 'two' is not a whole number" in message(stride)


def test_a_bomb_is_not_unpacked():
    bomb = archive(b"[" + b"0," * 60_000_000 + b"0]", compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 200_000
    tracemalloc.start()
    with pytest.raises(SpecError, match="has 120,000,003 bytes: at most 67,108,864 are read"):
        shapecalc.load(bomb)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_graphs_within_graphs_end():
    inner = {"nodes": [], "tensor_values": {}, "inputs": [], "outputs": []}
    for _ in range(40):
        inner = {"nodes": [node("higher_order.wrap.default", "y", body=inner)], "tensor_values": {}, "inputs": [],
                 "outputs": []}  # fmt: skip
    with pytest.raises(SpecError, match="its graphs are nested too deeply"):
        shapecalc.load(
            archive(program([node("torch.ops.higher_order.wrap", "y", body=inner, x=T("x"))], {"x": (1, 4)}))
        )


@pytest.mark.slow
def test_ten_thousand_nodes_are_read_in_time():
    nodes = [node("aten.relu.default", f"r{i}", f"body.{i}", "net.py:5", self=T(f"r{i - 1}" if i else "x"))
             for i in range(10_000)]  # fmt: skip
    tensors = {"x": (1, 8), **{f"r{i}": (1, 8) for i in range(10_000)}}
    data = archive(program(nodes, tensors, outputs=["r9999"]))
    start = time.process_time()
    network = shapecalc.load(data)
    assert len(network.graph.nodes) == 10_000
    assert time.process_time() - start < 5


def other_bytes(draw, data):
    changed = bytearray(data)
    for _ in range(draw.randint(1, 20)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed[: draw.randint(1, len(changed))] if draw.random() < 0.3 else changed)


def mutated(draw, data):
    """An archive with bytes changed, or one of its files: its JSON with something deleted, replaced or doubled."""
    if draw.random() < 0.2:
        return other_bytes(draw, data)
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        entries = {one: old.read(one) for one in old.namelist()}
    changed = next(one for one in entries if one.endswith(("model.json", "exported_program.json")))
    if draw.random() < 0.3:
        changed = draw.choice([one for one in entries if "config" in one or "state_dict" in one or "/weights/" in one])
    content = entries[changed]
    is_json = content[:1] == b"{"
    entries[changed] = mutated_json(draw, content) if is_json else other_bytes(draw, content)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as new:
        for entry, content in entries.items():
            new.writestr(entry, content)
    return stream.getvalue()


def mutated_json(draw, content):
    document = json.loads(content)
    for _ in range(draw.randint(1, 3)):
        place = document
        while True:
            keys = (
                list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
            )
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(place[key], (dict, list)) and place[key] and draw.random() < 0.8:
                place = place[key]
                continue
            change = draw.randrange(4)
            if change == 0:
                del place[key]
            elif change == 1:
                place[key] = draw.choice([None, -1, 0, 2**31, 2**70, "x", "", [], {}, True, 1.5, [[]], {"as_int": 3}])
            elif change == 2 and isinstance(place, list):
                place.insert(draw.randrange(len(place) + 1), place[key])
            else:
                whole = json.loads(json.dumps(document))  # within itself
                place[key] = whole if draw.random() < 0.1 else draw.choice([7, "conv2d", {"name": "x"}])
            break
    return json.dumps(document).encode()


@pytest.mark.parametrize("seed", range(8))
def test_mutated_archives_only_raise_our_errors(seed, tmp_path):
    draw = random.Random(seed)
    for path in draw.sample([path for path in FILES if path.stem != "recurrent_core"], 7):
        for _ in range(4):
            data = mutated(draw, path.read_bytes())
            start = time.process_time()
            with contextlib.suppress(ShapecalcError):
                shapecalc.load(data).infer()
            tmp_path.joinpath("x.pt2").write_bytes(data)
            with contextlib.suppress(ShapecalcError):
                shapecalc.weights(tmp_path / "x.pt2")
            assert time.process_time() - start < 20


def test_of_several_outputs_only_empty_ones_are_constants():
    """An unknown operation with an empty output was a constant as a whole: what depends on it had no input."""
    nodes = [
        node("net.strange.default", ["b", "a"], "m", "net.py:3", input=T("x")),
        node("aten.linear.default", "y", "fc", "net.py:4", input=T("a"), weight=T("p_fc_weight"), bias=None),
    ]
    tensors = {"x": (1, 8), "a": (1, 6), "b": (0,), "p_fc_weight": (3, 6), "y": (1, 3)}
    report = shapecalc.load(archive(program(nodes, tensors, params=["p_fc_weight"]))).infer()
    assert [(row.kind, row.macs) for row in report.rows][-2:] == [("opaque", 0), ("linear", 18)]
    assert "1 unknown" in report.notes[0]


def test_sizes_of_outputs_that_nothing_uses_are_not_compared():
    """PyTorch 2.5 states another size for the last state of an LSTM, if nothing uses it."""
    document = small()
    document["graph_module"]["graph"]["tensor_values"]["unused"] = meta((4, 4))
    document["graph_module"]["graph"]["nodes"].append(node("aten.relu.default", "unused", "", "net.py:20", self=T("x")))
    report = shapecalc.load(archive(document)).infer()
    assert not report.graph.warnings


@pytest.mark.parametrize(("rows", "columns", "kinds"), [
    ((5, 1), (4,), ["gather", "gather"]), ((5, 1), (1, 4), ["gather", "gather"]),
    ((5, 4), (4,), ["named_operation"]), ((4,), (5, 1), ["named_operation"]), ((5,), (5,), ["named_operation"]),
])  # fmt: skip
def test_a_column_and_a_row_of_positions_pick_rows_and_columns(rows, columns, kinds):
    """As bilinear resizing is decomposed: x[:, :, rows, columns] of PyTorch picks a grid where they are 5×1 and 4."""
    grid = (5,) if rows == columns else (5, 4)  # as they are broadcast
    nodes = [
        node("aten.index.Tensor", "y", "", "net.py:3", self=T("x"), indices=[None, None, T("b_rows"), T("b_columns")])
    ]
    tensors = {"x": (1, 3, 8, 8), "b_rows": meta(rows, LONG), "b_columns": meta(columns, LONG), "y": (1, 3, *grid)}
    report = shapecalc.load(archive(program(nodes, tensors, buffers=["b_rows", "b_columns"]))).infer()
    assert [row.kind for row in report.rows if row.kind in ("gather", "named_operation")] == kinds
    assert report.outputs["y"] == (3, *grid)
    assert report.notes[0].endswith(" 0 unknown; 1 stated size agrees") or "gather" in kinds


def test_positions_along_axes_that_are_not_neighbours_pick_single_elements():
    """PyTorch puts the axis of x[:, rows, :, columns] first, whatever the sizes of the positions."""
    nodes = [node("aten.index.Tensor", "y", "", "net.py:3", self=T("x"), indices=[None, T("b_r"), None, T("b_c")])]
    tensors = {"x": (1, 3, 8, 8), "b_r": meta((2, 1), LONG), "b_c": meta((4,), LONG), "y": (2, 4, 1, 8)}
    report = shapecalc.load(archive(program(nodes, tensors, buffers=["b_r", "b_c"]))).infer()
    assert [row.kind for row in report.rows][-1] == "named_operation"
    assert report.outputs["y"] == (2, 4, 8)


@pytest.mark.parametrize("version", ["2.2.2", "2.5.1", "2.8.0"])
def test_files_within_an_archive_that_is_not_compressed_are_read_where_they_are(version, tmp_path):
    """As PyTorch writes archives: tied weights count once, and an extra field, which aligns them, is skipped."""
    stream = io.BytesIO()
    with zipfile.ZipFile(FOLDER / f"tied_{version}.pt2") as old, zipfile.ZipFile(stream, "w") as new:
        for entry in old.namelist():
            info = zipfile.ZipInfo(entry)
            info.extra = b"FB\4\0ZZZZ"
            new.writestr(info, old.read(entry))
    tmp_path.joinpath("net.pt2").write_bytes(stream.getvalue())
    assert shapecalc.load(stream.getvalue()).infer().total.params == 2579
    assert shapecalc.weights(tmp_path / "net.pt2").total.params == 2591


def test_two_parts_of_one_file_of_weights_are_two_tensors():
    """`path_name` is the file of a storage: two parameters that are other parts of it are not tied."""

    def held(start):
        return {"path_name": "weight_0", "is_param": True, "tensor_meta": {**meta((3,), learned=True), "strides": [{"as_int": 1}],
                                                                           "storage_offset": {"as_int": start}}}  # fmt: skip

    nodes = [node("aten.mul.Tensor", "m", "a", "net.py:3", self=T("x"), other=T("p_a")),
             node("aten.mul.Tensor", "y", "b", "net.py:4", self=T("m"), other=T("p_b"))]  # fmt: skip
    tensors = {"x": (1, 8, 3), "p_a": (3,), "p_b": (3,), "m": (1, 8, 3), "y": (1, 8, 3)}
    for start, params in ((3, 6), (0, 3)):
        config = {
            "net/data/weights/model_weights_config.json": json.dumps({"config": {"a": held(0), "b": held(start)}})
        }
        data = archive(program(nodes, tensors, params=["p_a", "p_b"]), more=config)
        assert shapecalc.load(data).infer().total.params == params
