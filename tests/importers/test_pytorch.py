"""Archives of torch.export: what is read, how it is shown, and what is said of files that are wrong."""

from __future__ import annotations

import pytest
from crafted_pt2 import T, archive, node, program, small
from running import run

import shapecalc
from shapecalc.errors import SpecError


def report_of(document, **options):
    return shapecalc.load(archive(document)).infer(**options)


def understood(report):
    return next(note for note in report.notes if " shape arithmetic, " in note)


def test_a_file_is_a_specification_for_every_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pt2").write_bytes(archive(small()))
    report = shapecalc.load("model.pt2").infer()
    assert [(row.name, row.kind, row.output_shape) for row in report.rows] == [
        ("body.0.conv", "conv", (3, 8, 8)), ("body.0.bn", "batch_norm", (3, 8, 8)), ("body.0.relu", "relu", (3, 8, 8)),
        ("body.0.add", "add", (3, 8, 8)), ("pool", "adaptive_avg_pool", (3, 1, 1)), ("flatten", "flatten", (3,)),
        ("fc", "linear", (10,)),
    ]  # fmt: skip
    assert (report.name, report.total.params, report.total.macs) == ("model", 81 + 6 + 40, 81 * 64 + 30)
    assert report.total.buffers == 6
    assert understood(report) == "7 nodes: 7 layers, 0 shape arithmetic, 0 unknown; 7 stated sizes agree"
    for words in ("summary", "check", "explain", "memory", "sizes", "rf", "formula", "speed --device h100"):
        command, *options = words.split()
        ran = run(command, "model.pt2", *options)
        assert (ran.status, ran.err) == (0, ""), words
    assert "node[0] conv2d body.0.conv (net.py:5)" in run("explain", "model.pt2", "body.0.conv").out


def test_a_size_that_differs_is_a_warning_with_the_node():
    document = small()
    document["graph_module"]["graph"]["tensor_values"]["p"]["sizes"][3] = {"as_int": 2}
    report = report_of(document)
    assert understood(report).endswith("6 stated sizes agree, 1 do not")
    (warning,) = shapecalc.load(archive(document)).warnings
    assert warning.message == "the file states the size 1×3×1×2 of its output p, but it is 1×3×1×1"
    assert str(warning.mark).endswith("node[4] adaptive_avg_pool2d pool (net.py:12)")


def test_an_unknown_operation_is_opaque_and_its_parameters_count():
    nodes = [node("mine.twist.default", "y", "twist", self=T("x"), weight=T("p_twist_weight"))]
    tensors = {"p_twist_weight": (4, 5), "x": (1, 4), "y": (1, 5)}
    report = report_of(program(nodes, tensors, params=["p_twist_weight"]))
    assert [(row.name, row.kind, row.params) for row in report.rows] == [
        ("twist.weight", "parameter", 20), ("twist.twist", "opaque", 0),
    ]  # fmt: skip
    assert understood(report) == "1 node: 0 layers, 0 shape arithmetic, 1 unknown; 1 stated size agrees"


def test_archives_of_another_sort_are_named():
    with pytest.raises(SpecError, match="TorchScript"):
        shapecalc.load(archive("{}", entry="net/code/__torch__.py", more={"net/constants.pkl": b""}))
