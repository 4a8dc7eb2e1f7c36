"""The options that commands share: each command has all of them, or a reason for leaving one out."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import click
import pytest
from running import commands, run

from shapecalc.cli import cli

SHARED = ("--batch", "--depth", "--layout", "--set", "--input", "--format", "--output")

_NO_NETWORK = dict.fromkeys(("--batch", "--depth", "--layout", "--set", "--input"), "it is about no network")
LEFT_OUT = {
    "summary": {},
    "check": {
        "--batch": "expectations are about one sample",
        "--depth": "it lists files, not layers",
    },
    "compare": {"--depth": "it lists totals, not layers"},
    "convert": {
        "--batch": "what is written is for any batch",
        "--layout": "each format has the layout of its own",
        "--format": "its formats are others: --to",
    },
    "devices": _NO_NETWORK,
    "diff": {},
    "draw": {},
    "explain": {
        "--depth": "it explains layers: those of a block where that is named",
    },
    "formula": {
        "--batch": "the batch is a symbol: --symbol N",
        "--depth": "it lists no layers",
    },
    "init": {**_NO_NETWORK, "--format": "it writes YAML"},
    "layer": {"--depth": "it has one layer", "--set": "the options are the arguments"},
    "layers": _NO_NETWORK,
    "lsp": dict.fromkeys(SHARED, "it serves an editor"),
    "memory": {},
    "rf": {"--batch": "what a position sees does not depend on it"},
    "schema": _NO_NETWORK,
    "serve": dict.fromkeys(("--batch", "--depth", "--layout", "--format", "--output"), "it is chosen on the page"),
    "sizes": {"--batch": "sizes do not depend on it", "--depth": "it lists axes, not layers"},
    "solve": {
        "--depth": "it lists no layers",
    },
    "specs": _NO_NETWORK,
    "speed": {},
    "sweep": {"--depth": "it lists no layers"},
    "weights": {
        "--batch": "a checkpoint has no samples",
        "--layout": "sizes of weights have no layout",
    },
}


def options_of(name):
    command = cli.get_command(click.Context(cli), name)
    if isinstance(command, click.Group):
        command = command.get_command(click.Context(command), "conv")
    return {word: option for option in command.params if isinstance(option, click.Option) for word in option.opts}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_the_shared_options_or_a_reason(name):
    """A new command is added to `LEFT_OUT`: empty, or with what makes no sense for it."""
    own = options_of(name)
    missing = [word for word in SHARED if word not in own]
    assert missing == [word for word in SHARED if word in LEFT_OUT[name]]


@pytest.mark.parametrize("word", ["--batch", "--depth", "--layout"])
def test_a_shared_option_is_one_option(word):
    """It has the same values and help in every command.

    Only `layer`, without a specification, has a layout of its own, and `convert`, of which only pictures have a depth;
    the default of a depth differs.
    """
    found = {name: options_of(name)[word] for name in commands() if word in options_of(name)}
    first = found["summary"]
    for name, option in found.items():
        if (name, word) in (("layer", "--layout"), ("convert", "--depth")):
            continue
        helps = [one.help.partition("  [default:")[0] if word == "--depth" else one.help for one in (option, first)]
        assert helps[0] == helps[1], name
        facts = [(one.metavar, one.default, type(one.type), one.callback) for one in (option, first)]
        assert facts[0] == facts[1], name


def test_the_table_has_the_commands_that_are_there():
    assert sorted(LEFT_OUT) == sorted(commands())


@pytest.mark.parametrize("word", SHARED[:5])
def test_the_document_names_the_commands_of_an_option(word):
    document = (Path(__file__).parents[2] / "docs" / "output.md").read_text(encoding="utf-8")
    shared = document.partition("## Options that commands share")[2]
    row = next(line for line in shared.splitlines() if line.startswith(f"| `{word}"))
    assert {one.strip("` ") for one in row.split("|")[2].split(",")} == {
        name for name in commands() if word in options_of(name)
    }  # fmt: skip


def test_input_sizes_in_a_layout():
    """--layout is the order of --input, in every command that has both."""
    wrong, right = ("--input", "227x227x3", "--layout", "chw"), ("--input", "3x227x227", "--layout", "chw")
    for words in (["check", "alexnet"], ["solve", "lenet5", "--fix"]):
        chw = ["--input", "1x32x32", "--layout", "chw"] if "lenet5" in words else right
        assert run(*words, *chw).status == 0, words
    assert run("check", "alexnet", *wrong).status == 1
    assert run("check", "alexnet", "vgg16", *right).status == 0, "whatever the layout of each"
    ran = run("solve", "conv", "--input", "227", "--output", "55", "--layout", "chw")
    assert ran.status == 2
    assert "--layout does not apply: conv is a kind of layer" in ran.err


@pytest.mark.parametrize("words", [["summary", "lenet5"], ["rf", "lenet5"], ["speed", "lenet5", "--device", "h100"]])
def test_the_order_in_the_help_of_sort_can_be_given(words):
    """A column of the command itself: `speed` has no params."""
    order = re.search(r"(-\w+) for largest", options_of(words[0])["--sort"].help)[1]
    ran = run(*words, "--sort", order)
    assert (ran.status, ran.err) == (0, "")


@pytest.mark.parametrize(
    ("words", "default"),
    [
        (["memory", "resnet18", "--layers"], "all"),
        (["diff", "resnet18", "--input-b", "3x64x64"], "all"),
        (["convert", "resnet18", "--to", "dot"], "all, or what Mermaid can show"),
        (["summary", "resnet18"], "as deep as fits on a screen"),
        (["rf", "resnet18"], "as deep as fits on a screen"),
        (["speed", "resnet18", "--device", "h100"], "as deep as fits on a screen"),
    ],
)
def test_the_default_of_a_depth_is_stated(words, default):
    assert f"[default: {default}]" in options_of(words[0])["--depth"].help
    ran = [run(*words, *depth).out for depth in ([], ["--depth", "all"], ["--depth", "1"])]
    assert (ran[0] == ran[1]) == default.startswith("all")
    assert ran[1] != ran[2], "the depth matters"


def test_the_help_of_yes_has_the_limits_of_a_sweep():
    driver = pytest.importorskip("shapecalc.questions.sweep.driver")
    assert f"{driver._EXCESSIVE_ROWS // 10**6} million variants" in options_of("sweep")["--yes"].help
    assert driver._EXCESSIVE_SECONDS == 3600
    assert "more than an hour" in options_of("sweep")["--yes"].help


def test_the_usage_of_check_leaves_out_the_files_of_all():
    assert run("check", "--help").out.startswith("Usage: shapecalc check [OPTIONS] [SPEC]...\n")


def test_every_sort_has_the_smallest_first():
    """With a - the largest; the help of each command says so."""
    for name in ("summary", "rf", "speed", "sweep", "specs"):
        assert re.search(r"smallest first; -\w+ for largest first", options_of(name)["--sort"].help), name
    report = json.loads(run("summary", "lenet5", "--format", "json").out)["layers"]
    drawn = [run("summary", "lenet5", "--sort", order, "--format", "csv").out for order in ("params", "-params")]
    params = sorted(layer["params"] for layer in report)
    found = [[int(row["params"]) for row in csv.DictReader(io.StringIO(out))] for out in drawn]
    assert found == [params, params[::-1]]


def test_the_bundled_networks_are_sorted_alike():
    listed = [run("specs", "vgg", "--sort", order, "--format", "json").out for order in ("params", "-params")]
    params = [[entry["params"] for entry in json.loads(out)["specs"]] for out in listed]
    assert params == [sorted(params[0]), sorted(params[0], reverse=True)]


def test_the_help_of_memory_has_its_options_in_groups():
    """Each option once, in one group: what is in none comes first."""
    lines = run("memory", "--help").out.splitlines()
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == [
        "Options:", "Inference:", "Serving (decoders):", "Training:", "Parallel devices:", "Small devices:"
    ]  # fmt: skip
    group, found = "", {}
    for line in lines:
        group = line if line in heads else group
        if line.startswith("  -"):
            word = next(one.rstrip(",") for one in line.split() if one.startswith("--"))
            assert word not in found
            found[word] = group
    assert {option.opts[0] for option in options_of("memory").values()} - {"--help"} <= {*found}
    places = {"--input": 0, "--budget": 0, "--weights": 1, "--in-place": 1, "--order": 1, "--context": 2, "--table": 2,
              "--checkpoint": 3, "--lora": 3, "--devices": 4, "--zero": 4, "--flash": 5, "--patches": 5}  # fmt: skip
    assert {word: heads.index(found[word]) for word in places} == places
