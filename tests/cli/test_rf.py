"""`shapecalc rf`, and the columns of receptive fields and of shares in `shapecalc summary`."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from running import run

import shapecalc


def rows_of(text):
    return [line.split() for line in text.splitlines()]


def test_every_layer_has_a_receptive_field():
    text = run("rf", "vgg16", columns=100).out
    rows = rows_of(text)
    assert ["Layer", "Kind", "Output", "RF", "Eff. stride", "Eff. padding"] in [
        re.split("  +", line) for line in text.splitlines()
    ]
    assert ["pool5", "max_pool", "512×7×7", "212", "32", "90"] in rows
    assert ["fc6", "fc", "4096", "all", "–", "–"] in rows
    assert not any(row[:1] == ["total"] for row in rows)


def test_blocks_have_the_field_of_their_last_layer():
    ran = run("rf", "mobilenet_v3_large", "--depth", "1", columns=100)
    assert ["block4", "inverted_residual", "40×28×28", "35+all", "8", "17"] in rows_of(ran.out)
    assert "17 blocks collapsed; expand with --depth 2" in ran.out


def test_the_field_of_one_position():
    ran = run("rf", "vgg16", "pool5", "--at", "0x3")
    assert ran.out.splitlines() == [
        "pool5 at 0×3 sees 122×212 of input 3×224×224: rows 0 to 121, columns 6 to 217, counted from 0.",
        "height and width: receptive field 212, effective stride 32, padding 90",
    ]
    assert "pool5 at 3×3 sees 212×212" in run("rf", "vgg16", "pool5").out
    assert "fc6 (all of it) sees 224×224" in run("rf", "vgg16", "fc6").out
    assert (
        "score at 16 sees 17 of input 256×16000: positions 0 to 16" in run("rf", "wavenet", "score", "--at", "16").out
    )


def test_misaligned_branches_are_noted():
    text = """
input: [3, 23, 24]
layers:
- conv: {out_channels: 3, kernel_size: 1}
- add:
  - - conv: {out_channels: 3, kernel_size: 2, stride: 2}
    - upsample: {size: [23, 24]}
  - []
"""
    ran = run("rf", "-", text=text, columns=100)
    assert (
        "Misaligned at add1: the branches merged there have effective strides of 22/23 and 1 along the height"
        in " ".join(ran.out.split())
    )
    assert ["add1", "add", "3×23×24", "3×2", "≤1×1", "0"] in rows_of(ran.out)


def test_json():
    printed = json.loads(run("rf", "vgg16", "--format", "json").out)
    assert printed == json.loads(json.dumps(shapecalc.load("vgg16").receptive_field().to_dict()))
    one = json.loads(run("rf", "vgg16", "pool5", "--at", "0x3", "--format", "json").out)
    assert one["position"] == one["place"] == [0, 3]
    assert one["sees"][0] == {"input": "input", "axis": "height", "first": 0, "last": 121, "size": 122}
    assert one["receptive_field"][0]["size"] == 212
    assert shapecalc.load("vgg16").receptive_field()["pool5"][0].effective_stride == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg16", "pool9"], "has no layer pool9"),
        (
            ["vgg16", "pool5", "--at", "7x0"],
            "pool5 has 7×7 positions, but none at 7×0\n   positions are 0×0 to 6×6",
        ),
        (["vgg16", "pool5", "--at", "a"], "'a' is not a position"),
        (["vgg16", "--at", "1x1"], "name the layer"),
        (["bert-base-uncased"], "no input has channels and spatial axes"),
    ],
)
def test_errors(arguments, message):
    ran = run("rf", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err


# In the summary.


def test_columns_of_a_summary():
    ran = run("summary", "vgg16", "--columns", "+rf,jump,pad", "--format", "csv")
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(ran.out))}
    assert [rows["pool5"][name] for name in ("rf", "jump", "pad")] == ["212", "32", "90"]
    assert "rf" not in run("summary", "vgg16", "--format", "csv").out.splitlines()[0]
    text = run("summary", "bert-base-uncased", "--columns", "name,rf", "--depth", "1").out
    assert text.count("–") >= 3  # no field, and no error


def test_json_of_a_summary_with_the_column_rf():
    printed = json.loads(run("summary", "vgg16", "--columns", "+rf", "--format", "json").out)
    pool = next(layer for layer in printed["layers"] if layer["name"] == "pool5")
    assert pool["receptive_field"][0] == {
        "input": "input", "axis": "height", "size": 212, "jump": 32, "padding": 90, "sees_all": False, "aligned": True,
        "effective_stride": 32, "common": 0,
    }  # fmt: skip
    assert printed["misaligned"] == []
    plain = json.loads(run("summary", "vgg16", "--format", "json").out)
    assert "receptive_field" not in plain["layers"][0]
    assert run("summary", "vgg16", "--columns", "+rf,macs", "--format", "json").status == 2


@pytest.mark.parametrize("columns", [80, 120])
def test_shares_of_parameters_and_macs(columns):
    ran = run("summary", "alexnet", "--shares", columns=columns)
    assert max(map(len, ran.out.splitlines())) <= columns
    rows = {row[0]: row[1:] for row in rows_of(ran.out) if row}
    assert rows["fc1"][-6:-4] == ["██████", "60.5%"]
    assert rows["conv2"][-4:-2] == ["████", "39.5%"]
    assert rows["total"] == ["██████████", "100%"] * 3
    assert ("Kind" in rows["Layer"]) == (columns == 120)


def test_shares_add_up_at_every_depth():
    for depth in ("1", "2", "all"):
        ran = run("summary", "resnet50", "--shares", "--depth", depth, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        for name in ("params_share", "macs_share", "output_bytes_share"):
            assert sum(float(row[name]) for row in rows) == pytest.approx(1, abs=1e-3)


def test_a_network_without_parameters_has_no_shares():
    ran = run("summary", "-", "--shares", text="input: [3]\nlayers: [relu]\n", columns=80)
    assert ran.status == 0
    assert ["relu1", "relu", "3", "–", "–", "██████████", "100%"] in rows_of(ran.out)


def test_lines_are_selected_as_in_summary():
    ran = run("rf", "alexnet", "--kind", "conv", "--sort", "-jump", "--top", "2", columns=100)
    assert [line.split()[0] for line in ran.out.splitlines()[4:6]] == ["conv3", "conv4"]
    assert "\n\n2 of 21 lines shown, of kind conv, largest effective stride first.\nRF: receptive field" in ran.out
    largest = run("rf", "alexnet", "--top", "1").out
    assert largest.splitlines()[4].split()[0] == "fc1", "it sees all of the input"
    assert "1 of 21 lines shown, largest receptive field first." in largest
    fields = shapecalc.load("alexnet").receptive_field()
    assert fields.render(kind="conv", sort="-jump", top=2, width=100) == ran.out.rstrip("\n")
    order = [line.split()[0] for line in fields.render(sort="rf").splitlines()[4:9]]
    assert order == ["conv1", "relu1", "max_pool1", "conv2", "relu2"]


@pytest.mark.parametrize(
    ("words", "why"),
    [(["conv1", "--top", "2"], "--top does not apply: conv1 is one layer"),
     (["--kind", "conv", "--format", "json"], "--kind does not apply: JSON always contains everything")],
)  # fmt: skip
def test_a_selection_that_does_not_apply(words, why):
    ran = run("rf", "alexnet", *words)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].removeprefix("Error: ") == why
