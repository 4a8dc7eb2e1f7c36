"""Repeated blocks as one line, and the lines that are selected: totals are always those of the network."""

from __future__ import annotations

import csv
import io
import json

import pytest
from searching import some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.renderers import FORMATS, render
from shapecalc.renderers.columns import COLUMNS
from shapecalc.renderers.folding import fold
from shapecalc.renderers.selection import Selection
from shapecalc.renderers.view import View

NAMES = ["llama-2-7b", "resnet50", "resnet18", "bert-base-uncased", "vit_b_16", "densenet121", "googlenet", "alexnet"]


def report_of(name):
    return shapecalc.load(name).infer()


@pytest.mark.parametrize("name", some(NAMES, 4))
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_folded_lines_add_up_and_contain_every_layer_once(name, depth):
    report = report_of(name)
    lines, folded = report.lines(depth), fold(report.lines(depth))
    assert [row for line in folded for row in line.rows] == list(report.rows)
    assert sum(line.copies for line in folded) == len(lines)
    for what in report.total._fields:
        assert sum(getattr(line.total, what) for line in folded) == getattr(report.total, what)
    assert sum(line.activations for line in folded) == sum(line.activations for line in lines)


def test_folded_blocks():
    names = [line.name for line in fold(report_of("llama-2-7b").lines(1))]
    assert names == ["embed_tokens", "layers.0–31 ×32", "norm", "lm_head"]
    folded = {line.name: line for line in fold(report_of("resnet50").lines(2))}
    assert [name for name in folded if "×" in name] == [
        "layer1.1–2 ×2", "layer2.1–3 ×3", "layer3.1–5 ×5", "layer4.1–2 ×2"
    ]  # fmt: skip
    assert folded["layer3.1–5 ×5"].total.params == 5 * 1_117_184
    assert folded["layer3.1–5 ×5"].output_shapes == [(1024, 14, 14)]


def blocks(text):
    spec = (
        f"input: 4x8x8\nblocks:\n  b: {{args: {{c: 4}}, layers: [conv: {{out_channels: c, kernel_size: 1}}]}}\n{text}"
    )
    return [line.name for line in fold(shapecalc.load(spec).infer().lines(1))]


def test_blocks_that_are_not_folded():
    assert blocks("layers: [b, b, b]\n") == ["b1–3 ×3"]
    assert blocks("layers: [b, b: {c: 5}, b: {c: 4}]\n") == ["b1", "b2", "b3"], "of other sizes"
    assert blocks("layers: [b, relu, b]\n") == ["b1", "relu1", "b2"], "apart"
    assert blocks("layers: [b, {b: , name: x7}, {b: , name: x9}]\n") == ["b1", "x7", "x9"], "not numbered on"
    assert blocks("layers: [{b: , name: one}, {b: , name: two}]\n") == ["one", "two"]
    shared = "layers: [{b: , name: p0}, {b: , name: p1, share: p0}]\n"
    assert blocks(shared) == ["p0", "p1"], "the second has no parameters of its own"
    assert [line.name for line in fold(shapecalc.load([{"linear": 8}] * 3, input="8").infer().lines(1))] == [
        "linear1", "linear2", "linear3"
    ]  # fmt: skip


@pytest.mark.parametrize("format_", FORMATS)
def test_which_formats_fold(format_):
    report = report_of("llama-2-7b")
    if format_ in ("json", "csv"):
        assert "×32" not in render(report, format_, depth=1)
        assert "layers.0" in render(report, format_, depth=1)
        assert "layers.0–31 ×32" in render(report, format_, depth=1, fold=True)
        assert render(report, format_, depth=1, fold=False) == render(report, format_, depth=1)
    else:
        folded = "layers.0--31" if format_ == "latex" else "layers.0–31"
        assert folded in render(report, format_, depth=1)
        assert folded in render(report, format_, depth=1, fold=True)
        assert folded not in render(report, format_, depth=1, fold=False)
        assert "layers.31" in render(report, format_, depth=1, fold=False)


def test_json_lists_folded_blocks_in_addition():
    report = report_of("llama-2-7b")
    plain, folded = (json.loads(render(report, "json", fold=fold)) for fold in (False, True))
    (entry,) = folded.pop("folded")
    assert folded == plain
    assert entry["count"] == 32
    assert (entry["first"], entry["last"]) == ("layers.0.rms_norm1", "layers.31.add2")
    assert entry["params"] == 32 * 202_383_360


def test_receptive_fields_disable_folding():
    report = report_of("resnet50")
    assert "×2 " not in render(report, depth=2, columns=["+rf"])
    assert "layer1.1–2 ×2" in render(report, depth=2)


def test_the_footer_names_no_fold():
    drawn = render(report_of("llama-2-7b"))
    assert "32 blocks collapsed; expand with --depth 2" in drawn
    assert "layers.0–31 ×32 are repeated blocks" in drawn
    assert "--no-fold" in drawn
    assert "--no-fold" not in render(report_of("llama-2-7b"), fold=False)


# ---- selection -------------------------------------------------------------------------------------------------------


def rows_of(report, **options):
    """The names that CSV shows."""
    return [row["name"] for row in csv.DictReader(io.StringIO(render(report, "csv", **options)))]


def test_sort_and_top():
    report = report_of("alexnet")
    assert rows_of(report, top=3) == ["fc1", "fc2", "fc3"]
    assert rows_of(report, sort="macs", top=2) == ["conv2", "conv4"]
    assert rows_of(report, sort="MACs", top=2) == ["conv2", "conv4"]
    assert rows_of(report, sort="-macs", top=2) == ["conv2", "conv4"]
    assert rows_of(report, sort="+macs", kinds=["conv"]) == ["conv1", "conv3", "conv5", "conv4", "conv2"]
    assert rows_of(report, sort="output_bytes", top=1) == ["conv1"]
    assert rows_of(report, sort="name", kinds=["fc", "softmax"]) == ["fc1", "fc2", "fc3", "softmax1"]
    assert sorted(rows_of(report, sort="params")) == sorted(rows_of(report))
    assert rows_of(report, kinds=["conv2d"]) == [f"conv{n}" for n in range(1, 6)], "another name of it"
    assert rows_of(report_of("resnet50"), depth=1, kinds=["stage", "fc"], fold=False)[-1] == "fc"


@pytest.mark.parametrize("column", [name for name, column in COLUMNS.items() if column.sort.adds])
def test_the_largest_layers_come_first(column):
    report = report_of("googlenet")
    lines = report.lines(None)
    values = COLUMNS[column].values(report, lines)
    picked = Selection(sort=column).picked(report, lines)
    assert [values[i] for i in picked] == sorted(values, reverse=True)
    assert sorted(picked) == list(range(len(lines)))


@pytest.mark.parametrize("format_", [one for one in FORMATS if one not in ("json", "csv")])
def test_totals_are_those_of_the_network(format_):
    report = report_of("alexnet")
    drawn = render(report, format_, top=2)
    assert "62,378,344" in drawn
    assert "2 of 21 lines shown" in drawn
    assert "conv1" not in drawn


def test_shares_are_of_the_whole_network():
    drawn = render(report_of("alexnet"), shares=True, top=1)
    assert " 60.5%" in next(line for line in drawn.splitlines() if line.startswith("fc1"))


def test_layers_are_selected_within_blocks():
    view = View(report_of("llama-2-7b"), selection=Selection(("rms_norm",)))
    assert len(view.lines) == 65
    assert view.footer(["name"])[0].startswith("65 of 355 lines shown, of kind rms_norm; ")
    closed = View(report_of("llama-2-7b"), depth=1, selection=Selection(("decoder_layer",)))
    assert [line.name for line in closed.lines] == ["layers.0–31 ×32"]


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ({"sort": "parms"}, "there is no column parms"),
        ({"sort": "rf"}, "lines cannot be sorted by rf"),
        ({"sort": "+"}, "no column is named"),
        ({"sort": "macs,params"}, "there is no column macs,params"),
        ({"kinds": ["mamba"]}, "the network has no layer of kind mamba"),
        ({"kinds": ["lstm"]}, "the network has no layer of kind lstm"),
        ({"top": 0}, "top is 0"),
        ({"top": "3"}, "top is 3"),
    ],
)
def test_invalid_selections(options, printed):
    with pytest.raises(UsageError, match=printed):
        render(report_of("alexnet"), **options)


@pytest.mark.parametrize("options", [{"sort": "params"}, {"top": 2}, {"kinds": ["conv"]}])
def test_json_always_contains_everything(options):
    with pytest.raises(UsageError, match="it always contains everything"):
        render(report_of("alexnet"), "json", **options)
