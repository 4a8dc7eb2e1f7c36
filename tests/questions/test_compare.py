"""Networks side by side, and differences between two: the numbers agree with the reports."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.questions.compare import TOTALS, compare, diff, totals_of
from shapecalc.renderers.answers.difference import draw_difference


def infer(layers, size=(3, 8, 8)):
    return shapecalc.load(layers, input=size).infer()


CONV = {"conv": {"out_channels": 4, "kernel_size": 3}}
NAMES = ["alexnet", "vgg11", "resnet18", "bert-base-uncased", "unet"]


def loaded(name):
    return shapecalc.load(name).infer()


@pytest.mark.parametrize("name", NAMES)
def test_kinds_add_up_to_the_totals(name):
    comparison = compare([loaded(name)])
    for figure in TOTALS:
        assert sum(kind[figure] for kind in comparison.kinds[0].values()) == comparison.totals[0][figure]
    assert comparison.totals[0]["params"] == loaded(name).total.params


def test_ratios_are_to_the_first():
    networks = compare([loaded("alexnet"), loaded("vgg16")]).to_dict()["networks"]
    assert networks[0]["ratio"] == {**dict.fromkeys(TOTALS, 1.0), "buffers": None}
    assert networks[1]["ratio"]["params"] == 138357544 / 62378344


def test_keys_of_the_json_contracts():
    printed = compare([loaded("alexnet")]).to_dict()
    assert list(printed) == ["version", "networks"]
    assert list(printed["networks"][0]) == ["name", "layout", "inputs", "outputs", "total", "ratio", "kinds"]
    assert list(printed["networks"][0]["kinds"][0]) == ["kind", *TOTALS]
    printed = diff(loaded("vgg11"), loaded("vgg13")).to_dict()
    assert list(printed) == ["version", "a", "b", "layers", "counts", "difference"]
    assert list(printed["a"]) == ["name", "inputs", "outputs", "total"]
    assert list(printed["layers"][0]) == ["status", "differing", "a", "b"]
    assert list(printed["layers"][0]["b"]) == ["name", "kind", "output", "params", "macs", "buffers", "arguments"]


def statuses(difference):
    return [(change.status, (change.after or change.before).name) for change in difference.changes]


def test_equal_networks_have_no_difference():
    difference = diff(loaded("resnet18"), loaded("resnet18"))
    assert {change.status for change in difference.changes} == {"same"}
    assert difference.to_dict()["layers"] == []
    assert set(difference.to_dict()["difference"].values()) == {0}


def test_a_layer_is_added_or_removed():
    one, other = infer([CONV, "relu", {"fc": 10}]), infer([CONV, "batch_norm", "relu", {"fc": 10}])
    assert statuses(diff(one, other)) == [
        ("same", "conv1"),
        ("added", "batch_norm1"),
        ("same", "relu1"),
        ("same", "fc1"),
    ]
    assert statuses(diff(other, one)) == [
        ("same", "conv1"),
        ("removed", "batch_norm1"),
        ("same", "relu1"),
        ("same", "fc1"),
    ]


def test_a_layer_changes():
    wide = {"conv": {"out_channels": 8, "kernel_size": 3}}
    difference = diff(infer([CONV, "relu"]), infer([wide, "relu"]))
    assert [change.differing for change in difference.changes] == [
        ("output", "params", "macs", "arguments"),
        ("output",),
    ]
    assert difference.to_dict()["difference"] == {
        "params": 112,
        "active_params": 112,
        "macs": 3888,
        "buffers": 0,
        "activations": 288,
        "layers": 0,
    }


def test_blocks_as_a_whole():
    difference = diff(loaded("resnet50"), loaded("resnet101"), 2)
    added = [change.after for change in difference.changes if change.status == "added"]
    assert [line.name for line in added] == [f"layer3.{n}" for n in range(6, 23)]
    assert sum(line.total.params for line in added) == 44_549_160 - 25_557_032
    assert difference.count("same") == 23


def test_a_block_with_equal_totals_and_different_layers_is_changed():
    block = "input: 3x8x8\nblocks:\n  b: [conv: {out_channels: 4, kernel_size: 3, padding: same}, %s]\nlayers: [b, b]\n"
    before, after = (shapecalc.load(block % kind).infer() for kind in ("relu", "tanh"))
    assert [change.differing for change in diff(before, after, 1).changes] == [("layers",), ("layers",)]
    assert [change.status for change in diff(before, before, 1).changes] == ["same", "same"]
    drawn = draw_difference(diff(before, after, 1), "text")
    assert drawn.count("its layers differ") == 2


def test_renamed_layers_are_matched_by_kind():
    named = [{**CONV, "name": "first"}, "relu", {"fc": 10, "name": "head"}]
    difference = diff(infer([CONV, "relu", {"fc": 10}]), infer(named))
    assert [change.differing for change in difference.changes] == [("name",), (), ("name",)]


@pytest.mark.parametrize(("one", "other"), [("vgg11", "vgg16"), ("resnet18", "resnet50"), ("alexnet", "unet")])
def test_every_layer_is_listed_once_and_in_order(one, other):
    before, after = loaded(one), loaded(other)
    difference = diff(before, after)
    assert [change.before for change in difference.changes if change.before] == list(before.rows)
    assert [change.after for change in difference.changes if change.after] == list(after.rows)
    printed = difference.to_dict()
    assert sum(printed["counts"].values()) == len(difference.changes)
    assert printed["difference"] == {name: totals_of(after)[name] - totals_of(before)[name] for name in TOTALS}
    moved = sum((c.after.params if c.after else 0) - (c.before.params if c.before else 0) for c in difference.changes)
    assert moved == printed["difference"]["params"]
