"""Completion in every position in which something can be written."""

from __future__ import annotations

import pytest
from edited import ROOT, at_cursor, words

from shapecalc.editor.completion import completions
from shapecalc.editor.positions import Position
from shapecalc.language.document import KEYS
from shapecalc.layers import KINDS

HEAD = """\
input: 3x32x32
vars: {width: 16}
blocks:
  cell:
    args: {channels: required, stride: 1}
    layers:
    - conv: {out_channels: channels, kernel_size: 3}
      name: inner
    - relu
layers:
- conv: {out_channels: width, kernel_size: 3}
  name: first
- relu
"""
KIND_WORDS = {"conv", "relu", "linear"}

# What is written behind the head, some words that are completed there, and some that are not.
PLACES = {
    "an item": ("- |", {"cell", *KIND_WORDS}, {"name", "layers", "width"}),
    "a word of an item": ("- con|", KIND_WORDS, {"name"}),
    "an item in braces": ("- {|", {"cell", *KIND_WORDS}, {"width"}),
    "beside a kind in braces": ("- {relu: {}, |", {"name", "from", "repeat", "when"}, KIND_WORDS),
    "below a kind": ("- relu:\n  |", {"name", "from", "repeat", "when"}, KIND_WORDS),
    "arguments in braces": ("- conv: {|", {"out_channels", "kernel_size", "filters"}, {"name", "conv"}),
    "other arguments": ("- conv: {out_channels: 8, |", {"kernel_size", "stride"}, {"out_channels", "filters"}),
    "arguments before others": ("- conv: {|, kernel_size: 3}", {"out_channels"}, {"conv"}),
    "arguments on lines": ("- conv:\n    out_channels: 8\n    |", {"kernel_size"}, {"out_channels", "name"}),
    "an argument's expression": ("- conv: {out_channels: |", {"width", "max", "ceil"}, {"channels", "conv"}),
    "within an expression": ("- conv: {out_channels: 2 * wi|", {"width"}, {"first"}),
    "words of an argument": ("- conv: {padding_mode: |", {"reflect", "circular"}, {"conv"}),
    "a flag": ("- conv: {bias: |", {"true", "false"}, set()),
    "the first argument": ("- activation: |", {"relu", "gelu"}, {"name"}),
    "arguments of a block": ("- cell: {|", {"channels", "stride"}, {"kernel_size"}),
    "values of a block": ("- cell: {channels: |", {"width"}, {"channels"}),
    "a branch": ("- add: [|", {"first", "relu1", "input", "conv"}, {"inner", "width"}),
    "another branch": ("- add: [[], |", {"first", "relu1"}, {"inner"}),
    "a layer in a branch": ("- add: [[|", KIND_WORDS, {"first"}),
    "an argument in a branch": ("- add: [[], [conv: {|", {"kernel_size"}, {"first"}),
    "a branch on a line": ("- add:\n  - |", {"first", "conv"}, set()),
    "branches": ("- add: {branches: [|", {"first", "conv"}, set()),
    "from": ("- relu:\n  from: |", {"first", "relu1", "input"}, {"inner", "conv"}),
    "from several": ("- add:\n  from: [first, |", {"relu1"}, {"conv"}),
    "share": ("- linear: 8\n  share: |", {"first"}, {"conv"}),
    "when": ("- relu:\n  when: |", {"width", "min"}, {"conv"}),
    "repeat": ("- relu:\n  repeat: |", {"width"}, {"conv"}),
    "a name with an expression": ('- relu:\n  name: "a{|', {"i", "width"}, {"conv"}),
    "a name": ("- relu:\n  name: |", set(), {"conv", "width"}),
    "outputs": ("outputs: [|", {"first", "relu1"}, {"conv", "inner"}),
    "an output": ("output: |", {"first"}, {"conv"}),
    "expectations": ("expect: {|", {"params", "macs", "layer"}, {"conv"}),
    "layers of expectations": ("expect: {layer: {|", {"first", "relu1"}, {"params"}),
    "expectations of a layer": ("expect:\n  layer:\n    first: {|", {"params", "output"}, {"layer"}),
    "the layout": ("layout: |", {"CHW", "HWC"}, {"conv"}),
    "variants": ("variants:\n  small:\n    |", {"vars", "expect"}, {"layers"}),
    "variables of variants": ("variants:\n  small:\n    vars: {|", {"width"}, {"max"}),
    "choices": ("choices: {|", {"width"}, {"max"}),
    "the top level": ("|", {"outputs", "expect", "variants"}, {"layers", "input", "conv"}),
    "a word at the top level": ("out|", {"output", "outputs"}, {"conv"}),
    "a comment": ("- relu # |", set(), {"conv", "name"}),
    "a key of a block": ("blocks:\n  other:\n    |", {"args", "layers", "outputs"}, {"conv"}),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_places(place):
    written, due, not_due = PLACES[place]
    head = HEAD if not written.startswith("blocks") else "input: 8\n"
    found = words(head + written)
    assert set(found) >= due
    assert not not_due.intersection(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("place", ["- conv: {out_channels: |}", "- relu:\n  from: |", "- add: [|]"])
def test_the_same_before_the_rest_of_the_text(place):
    """A cursor in the middle of a text that is whole."""
    _, due, not_due = next(one for one in PLACES.values() if one[0].startswith(place.rstrip("]}")))
    found = words(f"{HEAD}{place}\n- sigmoid\noutputs: [sigmoid1]\n")
    assert set(found) >= due
    assert not not_due.intersection(found)


def test_within_a_block_names_and_variables_are_its_own():
    text = HEAD.replace("    - relu\nlayers", "    - relu:\n      from: |\nlayers")
    assert {"input", "inner"} <= set(words(text))
    assert not {"first", "conv1"} & set(words(text))
    text = HEAD.replace("out_channels: channels", "out_channels: |")
    assert {"channels", "stride", "width"} <= set(words(text))


def test_an_empty_text_has_the_keys():
    assert set(words("|")) == {*KEYS}
    assert words("|")[:2] == ["input", "layers"], "those that it must have"


def test_kinds_have_their_documentation():
    found, position = at_cursor("layers:\n- con|v")
    by_label = {one.label: one for one in completions(found, position)}
    assert set(KINDS) <= set(by_label)
    conv = by_label["conv"]
    assert (conv.sort, conv.documentation) == ("kind", KINDS["conv"].summary())
    assert (conv.range.start, conv.range.end) == (Position(1, 2), Position(1, 6)), "the whole word is replaced"


def test_keys_end_with_a_colon_where_there_is_none():
    found, position = at_cursor("- conv: {ker|")
    assert "kernel_size: " in [one.new_text for one in completions(found, position)]
    found, position = at_cursor("- conv: {ker|: 3}")
    assert "kernel_size" in [one.new_text for one in completions(found, position)]


def test_files_to_use(tmp_path):
    (tmp_path / "cells.yaml").touch()
    found, position = at_cursor("use: |", str(tmp_path / "net.yaml"))
    assert [one.label for one in completions(found, position)] == ["cells.yaml"]


def test_every_place_of_a_bundled_text():
    """No position fails, and each item offers kinds."""
    text = (ROOT / "specs" / "unet.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    start = lines.index("layers:")
    for number in range(start + 1, len(lines)):
        if lines[number].startswith("  - "):
            found, _ = at_cursor(text)
            assert "conv" in [one.label for one in completions(found, Position(number, 4))]


def inserted(text):
    found, position = at_cursor(HEAD + text)
    return {one.label: (one.new_text, one.snippet) for one in completions(found, position)}


def test_a_kind_is_inserted_with_what_it_needs():
    found = inserted("- |")
    assert found["conv"] == ("conv: ", "conv: {out_channels: ${1:out_channels}, kernel_size: ${2:kernel_size}\\}")
    assert found["linear"] == ("linear: ", "linear: ${1:out_features}")
    assert found["relu"] == ("relu", "")
    assert found["add"] == ("add: ", "add: [${1}]")
    assert found["cell"] == ("cell: ", "cell: ${1:channels}")
    assert found["Conv2d" if "Conv2d" in found else "conv2d"][0].endswith(": ")
    assert inserted("- con|: {}")["conv"] == ("conv", "")


def test_the_most_usual_kinds_come_first_and_other_names_last():
    found = words(HEAD + "- |")
    assert found[:3] == ["cell", "conv", "relu"]
    order = [found.index(word) for word in ("linear", "max_pool", "rms_norm", "abs", "swish")]
    assert order == sorted(order)


def test_names_near_the_cursor_come_first():
    text = HEAD + "- tanh:\n  name: second\n- add: [|\n- relu:\n  name: last\n"
    found = words(text)
    assert [word for word in found if word in ("first", "second", "last")] == ["second", "first", "last"]
    assert found.index("second") < found.index("relu1") < found.index("first") < found.index("last")
