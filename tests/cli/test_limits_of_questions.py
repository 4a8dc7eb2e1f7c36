"""Small files that require endless work of the questions: an answer or an error, in bounded time and memory."""

from __future__ import annotations

import json
import re

import pytest
from running import run
from searching import some
from test_hostile import shapecalc

pytestmark = pytest.mark.slow

HUGE = {
    "adaptive_avg_pool": ["1x10x10", {"adaptive_avg_pool": 10**9}],
    "adaptive_avg_pool, as many as primes": ["1x999999999", {"adaptive_avg_pool": 999_999_937}],
    "fractional_max_pool": ["1x9x999999999", {"fractional_max_pool": {"kernel_size": 2, "output_size": [2, 99_999_999]}}],
    "upsample": ["1x8", {"upsample": {"size": 10**9 - 1, "mode": "linear"}}],
    "pixel_shuffle": ["1000000000000x8x8", {"pixel_shuffle": 10**6}],
    "transposed_conv": ["1x8", {"transposed_conv": {"out_channels": 1, "kernel_size": 3, "stride": 10**9}}],
    "transposed_conv with dilation": [
        "1x8",
        {"transposed_conv": {"out_channels": 1, "kernel_size": 10**9, "stride": 1_000_003, "dilation": 999_983}},
    ],
}  # fmt: skip


def write(tmp_path, **spec):
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps(spec))
    return path


@pytest.mark.parametrize("name", some(HUGE, 3))
def test_positions_are_not_enumerated_beyond_the_limit(tmp_path, name):
    size, layer = HUGE[name]
    path = write(tmp_path, input=size, layers=[{"conv": {"out_channels": 1, "kernel_size": 1}}, layer])
    if name == "pixel_shuffle":
        path = write(tmp_path, input=size, layers=[layer])
    printed = shapecalc("rf", path)
    assert printed.status == 2, printed
    assert re.search(r"repeats only after [\d,]+ positions.*\n.*the maximum is 20,000", printed.err)
    assert shapecalc("memory", path).status == 0


def test_a_huge_size_has_a_receptive_field(tmp_path):
    far = {"out_channels": 1, "kernel_size": 10**12, "dilation": 10**12}
    near = {"out_channels": 1, "kernel_size": 3}
    path = write(tmp_path, input="1x10", layers=[{"transposed_conv": far}, {"conv": near}, {"max_pool": 2}, {"fc": 3}])
    assert run("rf", path).status == 0
    assert "sees 10 of input 1×10" in run("rf", path, "fc1").out


def chain(count, item):
    return [item(i) for i in range(count)]


QUESTIONS = {
    "the best order of many branches": (
        ["memory", "--order", "best"], 0, "Memory",
        {"input": "3x8x8", "layers": [
            *chain(800, lambda i: {"conv": {"out_channels": 50 + i % 7, "kernel_size": 1}, "name": f"a{i}", "from": "input"}),
            *chain(800, lambda i: {"conv": {"out_channels": 1, "kernel_size": 1}, "name": f"b{i}", "from": f"a{i}"}),
            {"concat": [f"b{i}" for i in range(800)]}]},
    ),
    "the best order of too many": (
        ["memory", "--order", "best"], 2, "the best order is searched among at most 5,000 steps, but these are 5,201",
        {"input": "3x8x8", "layers": [
            *chain(2600, lambda i: {"conv": {"out_channels": 50 + i % 7, "kernel_size": 1}, "name": f"a{i}", "from": "input"}),
            *chain(2600, lambda i: {"conv": {"out_channels": 1, "kernel_size": 1}, "name": f"b{i}", "from": f"a{i}"}),
            {"concat": [f"b{i}" for i in range(2600)]}]},
    ),
    "every layer's memory, where all outputs live on": (
        ["memory", "--layers"], 0, "Memory",
        {"input": "1x4", "outputs": [f"a.{i}" for i in range(4000)],
         "layers": [{"conv": {"out_channels": 2, "kernel_size": 1}, "repeat": 4000, "name": "a"}]},
    ),
    "fixes of a long chain": (
        ["solve", "--fix"], 1, "no fix of one or two changes found",
        {"input": "1x40x40", "layers": chain(1000, lambda _: {"crop": 1})},
    ),
    "variables in repeat": (
        ["solve", "--for", "a", "--for", "b", "--for", "c", "--params", "5k"], 0, "each setting built on its own",
        {"input": "1x4x4", "vars": {"a": 2, "b": 2, "c": 2},
         "layers": [{"repeat": v, "conv": {"out_channels": 2, "kernel_size": 1}} for v in "abc"]},
    ),
    "long networks in repeat": (
        ["solve", "--for", "a=1:3000", "--params", "5k"], 2, "the search would build more than 300,000 layers in all",
        {"input": "1x4x4", "vars": {"a": 2}, "layers": [{"repeat": "a", "conv": {"out_channels": 2, "kernel_size": 1}}]},
    ),
    "an explanation of very many layers": (
        ["explain"], 2, "these are 20,001 layers: at most 20,000 are explained at a time",
        {"input": 8, "layers": [{"relu": None, "repeat": 20_001}]},
    ),
    "sizes of many layers": (
        ["sizes"], 2, "sizes are searched among at most 5,000",
        {"input": "1x9x9", "layers": [{"max_pool": {"kernel_size": 3, "stride": 1, "padding": 1}, "repeat": 2501}]},
    ),
    "sizes of many inputs": (
        ["sizes"], 2, "has 300 inputs, whose sizes are too many to try",
        {"inputs": {f"x{i}": "1x9x9" for i in range(300)}, "layers": [{"concat": [f"x{i}" for i in range(300)]}]},
    ),
    "sizes of huge inputs that go together": (
        ["sizes"], 0, "every size",
        {"inputs": {"a": "3x1000000000", "b": "3x1000000000"}, "layers": [{"add": ["a", "b"]}]},
    ),
    "fields of branches that never move alike": (
        ["rf"], 2, "take too much work",
        {"input": "1x100000", "layers": [
            {"concat": [[{"upsample": {"size": 9973 + i}}, {"adaptive_avg_pool": 9949}] for i in range(200)]}]},
    ),
}  # fmt: skip


QUICK = ("the best order of too many", "the best order of many branches")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in QUESTIONS])
def test_questions_are_answered_or_rejected_in_bounded_time(tmp_path, name):
    (command, *options), status, printed, spec = QUESTIONS[name]
    ended = shapecalc(command, write(tmp_path, **spec), *options)
    assert "Traceback" not in ended.err, ended
    assert ended.status == status, ended
    assert printed in ended.out.decode() + ended.err


@pytest.mark.slow
def test_the_smallest_input_of_a_long_chain_is_found(tmp_path):
    path = tmp_path / "spec.yaml"
    lines = ["  - pad: -3"] * 1000 + ["  - conv: {out_channels: 8, kernel_size: 3}"]
    path.write_text("\n".join(["input: 3x8x8", "layers:", *lines]) + "\n")
    ended = shapecalc("solve", path, "--fix")
    assert ended.status == 0, ended
    assert b"input: 3x6003x6003" in ended.out
