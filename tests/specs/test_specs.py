"""The bundled specifications: each meets its expectations, and agrees with tables of papers and courses.

The figures are not ours: `data/paper_tables.json` names their sources.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from searching import some

import shapecalc
from shapecalc.language.files import bundled_members

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc import Report

TABLES = {
    table["id"]: table
    for table in json.loads((Path(__file__).parent.parent / "data" / "paper_tables.json").read_text(encoding="utf-8"))
}
MEMBERS = list(bundled_members())
NAMES = [name for _, name in MEMBERS]

_reports: dict[str, Report] = {}


def infer(name: str) -> Report:
    """Return the report of a bundled network, computed once."""
    if name not in _reports:
        _reports[name] = shapecalc.load(name).infer()
    return _reports[name]


# ── every bundled specification ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", some(NAMES, 10))
def test_a_specification_meets_its_expectations(name: str) -> None:
    report = infer(name)
    assert [str(problem) for problem in shapecalc.load(name).unmet(report)] == []
    assert {"params", "macs"} <= {expectation.what for expectation in report.graph.expectations}, (
        "its totals are expected"
    )


@pytest.mark.parametrize("name", some(NAMES, 10))
def test_a_specification_has_name_source_and_task(name: str) -> None:
    network = shapecalc.load(name)
    document = network.origin.specification.document
    assert document is not None
    own = document.variants[name].keys if name in document.variants else {}
    missing = [
        key for key in ("name", "source", "description", "family", "task") if key not in own and not document.text(key)
    ]
    assert missing == []


def test_bundled_names_are_unique() -> None:
    assert sorted(NAMES) == sorted(set(NAMES))
    stems = {os.path.basename(path).removesuffix(".yaml") for path, _ in MEMBERS}
    members_elsewhere = [
        name for path, name in MEMBERS if name in stems and os.path.basename(path).removesuffix(".yaml") != name
    ]
    assert members_elsewhere == [], "a family's member must not be called as another file"


@pytest.mark.parametrize("path", some(sorted({path for path, _ in MEMBERS}), 12), ids=os.path.basename)
def test_members_found_by_name_are_those_of_the_file(path: str) -> None:
    """Names are found without reading YAML; reading it must find the same."""
    found = [name for other, name in MEMBERS if other == path]
    stem = os.path.basename(path).removesuffix(".yaml")
    assert found == list(shapecalc.load(path).origin.specification.variants or (stem,))


# ── tables of papers, line by line ────────────────────────────────────────────────────────────────────────────────

_UNLISTED = ("relu", "tanh", "dropout", "softmax", "local_response_norm", "flatten")
"""Kinds that tables omit: they change no size and have no parameters."""


def lines(report: Report, but: Iterable[str] = _UNLISTED) -> list[Any]:
    """Return the lines of a report with its blocks collapsed, without those that tables omit."""
    return [line for line in report.lines(depth=1) if line.kind not in but]


def squeezed(sizes: Iterable[int]) -> tuple[int, ...]:
    """Return sizes without axes of size 1: tables write 4096, 4096×1 and 1×1×4096 for the same."""
    return tuple(size for size in sizes if size != 1)


def test_alexnet_is_learnopencvs() -> None:
    table, report = TABLES["learnopencv_alexnet"], infer("alexnet")
    first, *rows = table["rows"]
    assert report.inputs == {"input": tuple(first["out"])}
    ours = lines(report, but=("relu", "dropout"))  # its softmax is the table's "Output"
    assert [squeezed(line.output_shapes[0]) for line in ours] == [squeezed(row["out"]) for row in rows]
    for word in ("weights", "biases", "params"):
        assert [getattr(line.total, word) for line in ours] == [row[word] for row in rows], word
    assert report.total.params == table["total_params"]


def test_vgg16_is_cs231ns() -> None:
    table, report = TABLES["cs231n_vgg16"], shapecalc.load("vgg16").infer(layout="hwc")
    first, *rows = table["rows"]
    assert report.inputs == {"input": tuple(first["out"])}
    ours = lines(report)
    assert [squeezed(line.output_shapes[0]) for line in ours] == [squeezed(row["out"]) for row in rows]
    assert [line.total.weights for line in ours] == [row["weights"] for row in rows]
    assert [math.prod(line.output_shapes[0]) for line in ours] == [row["memory_values"] for row in rows]
    assert report.total.weights == table["total_weights_no_bias"]
    assert [line.name for line in ours if not line.name.startswith(("pool", "fc"))] == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3",
        "conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3",
    ]  # fmt: skip


def test_the_memory_of_vgg16_is_what_cs231ns_rows_sum_to_not_its_text() -> None:
    """The page's text says 24M values; its rows, and ours, sum to 15.2M."""
    ours = sum(math.prod(line.output_shapes[0]) for line in lines(infer("vgg16"))) + 224 * 224 * 3
    assert ours == sum(row["memory_values"] for row in TABLES["cs231n_vgg16"]["rows"]) == 15_237_608


@pytest.mark.parametrize(("letter", "name"), [("A,A-LRN", "vgg11"), ("B", "vgg13"), ("D", "vgg16"), ("E", "vgg19")])
def test_vgg_is_the_papers_table_2(letter: str, name: str) -> None:
    millions = TABLES["vgg_table2"]["params_million"][letter]
    assert round(infer(name).total.params / 10**6) == millions


@pytest.mark.parametrize("name", ["lenet5", "lenet5_fc"])
def test_lenet5_is_the_usual_table(name: str) -> None:
    _check_lenet(infer(name), TABLES["lenet5_classic"])


def test_lenet5_fc_with_andrew_ngs_settings() -> None:
    network = shapecalc.load("lenet5_fc", input="32x32x3", vars={"filters1": 8})
    table = TABLES["lenet5_ng"]
    first, *rows = table["rows"]
    report = network.infer()
    assert report.inputs == {"input": tuple(first["out"])}
    assert [line.output_shapes[0] for line in lines(report)] == [tuple(row["out"]) for row in rows]
    assert [math.prod(line.output_shapes[0]) for line in lines(report)] == [row["activation_size"] for row in rows]
    _check_lenet(report, {**table, "rows": rows})


def _check_lenet(report: Report, table: dict[str, Any]) -> None:
    ours = lines(report)
    assert [squeezed(line.output_shapes[0]) for line in ours] == [tuple(row["out"]) for row in table["rows"]]
    assert [line.total.params for line in ours] == [row["params"] for row in table["rows"]]
    assert report.total.params == table["total_params"]


def test_lenet5_1998_is_the_papers() -> None:
    """LeCun et al. 1998, section II.B: trainable parameters and connections, layer by layer."""
    report = infer("lenet5_1998")
    ours = {line.name: line for line in lines(report)}
    assert {name: line.total.trainable for name, line in ours.items()} == {
        "c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 0,
    }  # fmt: skip
    assert report.total.trainable == 60_000
    assert report.total.params - report.total.trainable == 7 * 12 * 10, "the output's fixed 7×12 drawings"
    connections = {
        name: line.total.macs + line.total.biases * math.prod(line.output_shapes[0][:2] if name[0] == "c" else [1])
        for name, line in ours.items()
        if name in ("c1", "c3", "c5", "f6")
    }
    assert connections == {"c1": 122_304, "c3": 151_600, "c5": 48_120, "f6": 10_164}


def test_squeezenet_is_the_papers_table_1() -> None:
    table, report = TABLES["squeezenet_table1"], infer("squeezenet1_0")
    ours = {line.name: line.total.params for line in report.lines(depth=1) if line.total.params}
    assert ours == table["params_by_module"]
    assert report.total.params == table["total_params"]


def test_googlenet_is_caffes_module_by_module() -> None:
    ours: dict[str, list[int]] = {}
    for line in infer("googlenet_caffe").lines(depth=1):
        if line.total.params:
            name = {"conv2_reduce": "conv2", "fc": "loss3"}.get(line.name, line.name)
            params, macs = ours.get(name, (0, 0))
            ours[name] = [params + line.total.params, macs + line.total.macs]
    assert ours == TABLES["googlenet_table1"]["caffe_params_macs"]


@pytest.mark.parametrize("name", ["googlenet", "googlenet_caffe"])
def test_googlenet_has_the_sizes_of_the_papers_table_1(name: str) -> None:
    report = shapecalc.load(name).infer(layout="hwc")
    theirs = {
        "conv1": "conv7x7/2", "pool1": "pool", "conv2": "conv3x3", "pool2": "pool2", "inception_3a": "3a",
        "inception_3b": "3b", "pool3": "pool3", "inception_4a": "4a", "inception_4b": "4b", "inception_4c": "4c",
        "inception_4d": "4d", "inception_4e": "4e", "pool4": "pool4", "inception_5a": "5a", "inception_5b": "5b",
        "pool5": "avg",
    }  # fmt: skip
    due = TABLES["googlenet_table1"]["output_sizes"]
    ours = {line.name: squeezed(line.output_shapes[0]) for line in report.lines(depth=1) if line.name in theirs}
    assert ours == {name: squeezed(due[theirs[name]]) for name in theirs}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("googlenet", 13_004_888),  # torchvision.models.googlenet(aux_logits=True)
        ("googlenet_caffe", 13_378_280),  # BVLC's train_val.prototxt, by arithmetic
    ],
)
def test_googlenets_auxiliary_heads_can_be_switched_on(name: str, params: int) -> None:
    report = shapecalc.load(name, vars={"aux": True}).infer()
    assert report.total.params == params
    assert list(report.outputs.values()) == [(1000,)] * 3
    assert report["aux1.conv.conv"].output_shapes == [(128, 4, 4)]
    assert report["aux1.fc1"].in_features == 2048


def test_a_fully_convolutional_vgg16_is_vgg16() -> None:
    dense, convolutional = infer("vgg16"), infer("vgg16_fcn")
    assert convolutional.total == dense.total
    assert [row.params for row in convolutional if row.params] == [row.params for row in dense if row.params]
    assert convolutional.outputs == {"score": (1000, 1, 1)}
    larger = shapecalc.load("vgg16_fcn").infer(input="3x448x448")
    assert larger.outputs == {"score": (1000, 8, 8)}
    assert larger.total.params == dense.total.params


def test_the_pool_of_matlabs_digits_gives_2880_features() -> None:
    report = infer("matlab_digits")
    assert report["max_pool1"].output_shapes == [(12, 12, 20)]
    assert report["fc1"].in_features == 2_880


@pytest.mark.parametrize(
    ("name", "params", "gflops"),
    [
        ("alexnet_torchvision", 61_100_840, 0.71),
        ("googlenet", 6_624_904, 1.5),
        ("squeezenet1_0", 1_248_424, 0.82),
        ("squeezenet1_1", 1_235_496, 0.35),
        ("vgg11", 132_863_336, 7.61),
        ("vgg11_bn", 132_868_840, 7.61),
        ("vgg13", 133_047_848, 11.31),
        ("vgg13_bn", 133_053_736, 11.31),
        ("vgg16", 138_357_544, 15.47),
        ("vgg16_bn", 138_365_992, 15.47),
        ("vgg19", 143_667_240, 19.63),
        ("vgg19_bn", 143_678_248, 19.63),
    ],
)
def test_totals_are_those_of_torchvisions_documentation(name: str, params: int, gflops: float) -> None:
    """num_params and GFLOPS (which are multiply-accumulates) of torchvision 0.28's model pages."""
    total = infer(name).total
    assert total.params == params
    assert round(total.macs / 10**9, 2) == gflops
