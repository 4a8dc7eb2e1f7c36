"""Operations that are not known: sizes by name, and costs that are unknown, not 0."""

from __future__ import annotations

import csv
import io
import json

import pytest

import shapecalc
from shapecalc.errors import ShapecalcError

SPEC = """\
input: 3x224x224
vars: {n: 100}
layers:
- conv: {out_channels: 8, kernel_size: 3}
- opaque: {op_type: NonMaxSuppression, output_sizes: {boxes: [n, 4], scores: 100}}
  name: nms
- linear: 10
  from: nms[boxes]
- opaque: 7x7
  from: nms[1]
outputs: [linear1, opaque1]
"""


def test_sizes_are_those_stated_and_costs_are_unknown():
    report = shapecalc.load(SPEC).infer()
    assert report["nms"].output_shapes == [(100, 4), (100,)]
    assert report["linear1"].input_shape == (100, 4)
    assert report["opaque1"].output_shape == (7, 7)
    assert report["opaque1"].from_ == ("nms[1]",)
    assert report.total.params == 8 * 27 + 8 + 50
    note = "nms is opaque (NonMaxSuppression): its parameters and MACs are unknown, and not in the totals (and 1 layer more)"
    assert report.notes == (note,)


def test_unknown_is_no_0_in_any_format():
    report = shapecalc.load(SPEC).infer()
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(report.render("csv")))}
    assert (rows["nms"]["params"], rows["nms"]["macs"], rows["linear1"]["params"]) == ("", "", "50")
    layers = {layer["name"]: layer for layer in json.loads(report.render("json"))["layers"]}
    assert layers["nms"]["params"] is layers["nms"]["macs"] is None
    assert layers["linear1"]["macs"] == 4000
    line = next(line for line in report.render("text", width=200).splitlines() if line.startswith("nms"))
    assert line.split()[-6:-2] == ["?"] * 4
    line = next(line for line in report.render("text", width=200).splitlines() if line.startswith("input"))
    assert "?" not in line
    text = report.render("text", width=200, columns=["name", "macs", "flops"], sort="macs")
    assert text.index("opaque1") < text.index("linear1"), "unknown before what is known"


def test_weights_that_are_stated_count():
    text = "input: 3\nlayers:\n- opaque: {output_sizes: 7, weight_sizes: {w: 3x7, bias: [7]}}\n- opaque: {output_sizes: 7, "
    report = shapecalc.load(text + "weight_sizes: []}\n").infer()
    assert [(row.weights, row.biases, row.has_unknown_weights) for row in report.rows] == [
        (21, 7, False),
        (0, 0, False),
    ]
    assert report.notes == ("opaque1 is opaque: its MACs are unknown, and not in the totals (and 1 layer more)",)
    layers = json.loads(report.render("json"))["layers"]
    assert [(layer["params"], layer["macs"]) for layer in layers] == [(28, None), (0, None)]
    line = next(line for line in report.render("text", width=200).splitlines() if line.startswith("opaque1"))
    assert line.split()[-6:-2] == ["21", "7", "28", "?"]
    explained = " ".join(shapecalc.load(text + "weight_sizes: []}\n").explain("opaque1").render("text").split())
    assert "MACs unknown" in explained
    assert shapecalc.load(shapecalc.load(text + "weight_sizes: []}\n").convert("yaml")).infer().total.params == 28


def test_explain_and_layer_say_unknown():
    assert "costs     unknown" in shapecalc.load(SPEC).explain("nms").render("text")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nms[boxs]", "nms has no output called boxs"),
        ("nms[2]", "nms has 2 outputs"),
        ("conv1[boxes]", "conv1 has no output called boxes"),
        ("nms[]", "'nms[]' is not a reference"),
    ],
)
def test_an_unknown_output(reference, message):
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(SPEC.replace("from: nms[boxes]", f"from: {reference}")).infer()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "shapes"),
    [
        ("7x7", [(7, 7)]),
        ("7", [(7,)]),
        ("[]", [()]),
        ("[7, 7]", [(7, 7)]),
        ("[7x7, 3]", [(7, 7), (3,)]),
        ("[[7, 7], []]", [(7, 7), ()]),
        ("{a: 7x7}", [(7, 7)]),
    ],
)
def test_forms_of_sizes(given, shapes):
    report = shapecalc.load(f"input: 3\nlayers:\n- opaque: {{output_sizes: {given}}}\n").infer()
    assert report.rows[0].output_shapes == shapes


@pytest.mark.parametrize("given", ["{}", "{a: 0}", "{a: {b: 1}}", "{a: x}", "1.5", "-1", "[[1, -1], 2]", "relu"])
def test_sizes_that_are_none(given):
    with pytest.raises(ShapecalcError):
        shapecalc.load(f"input: 3\nlayers:\n- opaque: {{output_sizes: {given}}}\n").infer()


def test_a_map_keeps_its_layout():
    report = shapecalc.load(
        "input: 8x8x3\nlayout: HWC\nlayers:\n- opaque: 4x4x6\n- conv: {out_channels: 2, kernel_size: 1}\n"
    ).infer()
    assert report["conv1"].output_shape == (4, 4, 2)
