"""Texts that are broken elsewhere: the layers before and beside a mistake have their sizes, and none has a wrong one."""

from __future__ import annotations

import time

import pytest
import yaml
from edited import analysis, bundled, labels, messages

from shapecalc.editor.analysis import MAX_CHARACTERS, Analysis
from shapecalc.editor.completion import completions
from shapecalc.editor.diagnostics import diagnostics, of_variants
from shapecalc.editor.hints import hints, lenses
from shapecalc.editor.hover import hover
from shapecalc.editor.navigation import definition, references
from shapecalc.editor.positions import Position
from shapecalc.source import reading

GOOD = """\
input: 3x32x32
vars: {width: 16}
blocks:
  cell:
    args: {channels: required}
    layers:
    - conv: {out_channels: channels, kernel_size: 3}
    - relu
layers:
- conv: {out_channels: width, kernel_size: 3}
  name: first
- cell: {channels: 8}
- tanh:
  from: first
  name: beside
- sigmoid:
  name: last
outputs: [cell1, last]
"""
SIZES = [(7, "→ 8×28×28 · 1,160 params"), (8, "→ 8×28×28"), (10, "→ 16×30×30 · 448 params"),
         (12, "→ 8×28×28 · 1,160 params"), (13, "→ 16×30×30"), (16, "→ 16×30×30")]  # fmt: skip

# What is written in place of what, the lines that still have sizes, and the line of a diagnostic.
MISTAKES = {
    "an unknown kind": (("- tanh:", "- tahn:"), {7, 8, 10, 12}, 13),
    "an open brace": (("- cell: {channels: 8}", "- cell: {chan"), {10, 13, 16}, 12),
    "an open bracket at the end": (("outputs: [cell1, last]", "outputs: [cell1, la"), {7, 8, 10, 12, 13, 16}, 18),
    "an open quote": (("name: last", "name: 'last"), {7, 8, 10, 12, 13}, None),
    "a wrong argument": (("{channels: 8}", "{chanels: 8}"), {10, 13, 16}, 12),
    "a wrong variable": (("{width: 16}", "{width: 16, other: nothing + 1}"), {7, 8, 10, 12, 13, 16}, 2),
    "a variable that layers use": (("{width: 16}", "{width: nothing}"), set(), 10),
    "a wrong layer in a block": (("    - relu", "    - rleu"), {7, 10, 13, 16}, 8),
    "a shape error": (("- tanh:", "- max_pool: 50"), {7, 8, 10, 12}, 13),
    "an unknown name": (("from: first", "from: frist"), {7, 8, 10, 12}, 14),
    "an indentation": (("  name: beside", "   name: beside"), {7, 8, 10, 12}, 15),
    "a tab": (("  name: beside", "\tname: beside"), {7, 8, 10, 12}, 15),
    "an empty item": (("- sigmoid:\n  name: last", "-"), {7, 8, 10, 12}, 16),
    "a word at the end": (("outputs: [cell1, last]", "outp"), set(), 18),
    "no input": (("input: 3x32x32", "input:"), set(), 1),
    "an open brace in variables": (("vars: {width: 16}", "vars: {width: 16"), set(), None),
}


def test_the_good_text():
    assert labels(analysis(GOOD)) == SIZES
    assert messages(analysis(GOOD)) == []


@pytest.mark.parametrize("mistake", MISTAKES)
def test_layers_before_and_beside_a_mistake_have_sizes(mistake):
    (old, new), lines, at = MISTAKES[mistake]
    assert GOOD.count(old) == 1
    found = analysis(GOOD.replace(old, new))
    shown = labels(found)
    assert set(shown) <= set(SIZES), "a size is that of the good text"
    assert {line for line, _ in shown} >= lines
    assert [one for one in messages(found) if one[1] == "error"]
    if at is not None:
        assert at in [line for line, _, _ in messages(found)]


def test_a_layer_after_a_mistake_has_no_size():
    found = analysis(GOOD.replace("- tanh:", "- conv: {out_chan"))
    assert 16 not in [line for line, _ in labels(found)]


def test_without_a_key_that_sizes_depend_on_there_are_none():
    text = "layout: HWC\ninput: 8x8x3\nlayers:\n- conv: {out_channels: 2, kernel_size: 3}\n"
    assert labels(analysis(text)) == [(4, "→ 6×6×2 · 56 params")]
    assert labels(analysis(text.replace("HWC", "{HWC"))) == []


def test_a_layer_with_a_wrong_variable_has_not_the_size_of_its_default():
    """Without `in_features` it would be inferred."""
    text = "input: 8\nvars: {s: x + 1}\nlayers:\n- relu\n- linear: {in_features: s, out_features: 2}\n"
    assert labels(analysis(text)) == [(4, "→ 8")]


@pytest.mark.parametrize("name", ["alexnet", "resnet"])
def test_every_beginning_of_a_text(name):
    """While it is written, letter by letter: no function fails, and no size is one that the whole has not."""
    whole = bundled(name)
    right = {hint.label for hint in hints(whole)}
    text = whole.text.text[: whole.text.text.index("expect:")]
    for end in range(0, len(text), 17 if name == "alexnet" else 101):
        found = Analysis(text[:end], whole.path)
        line = text[:end].count("\n")
        position = found.text.position(end)
        shown = [(hint.position.line, hint.label) for hint in hints(found)]
        if name == "alexnet":
            assert {label for at, label in shown if at < line} <= right, text[:end][-80:]
        for work in (diagnostics, lenses):
            work(found)
        for work in (hover, completions, definition, references):
            work(found, position)


@pytest.mark.parametrize(
    "text", ["", "\n", "[", "a: &a [*a]", "- ", "? ", "\t", "\0", "layers:", "%TAG ! x", "\ufeff", "---\n---\n"]
)
def test_texts_that_are_nothing(text):
    found = Analysis(text)
    for work in (diagnostics, lenses, hints):
        work(found)
    for work in (hover, completions, definition, references):
        work(found, Position(3, 3))


HOSTILE = {
    "aliases": "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 10)}]\n" for i in range(9)
    ),
    "repeats": "input: 3x8x8\nlayers:\n- relu:\n  repeat: 1000000000\n",
    "blocks": "input: 8\nblocks:\n" + "".join(f"  b{i}: [b{i + 1}, b{i + 1}]\n" for i in range(60))
    + "  b60: [relu]\nlayers: [b0]\n",
    "deep": "layers: " + "[" * 5000,
    "long": "# " + "x" * MAX_CHARACTERS,
    "large": "input: 3x8x8\nlayers:\n- conv: {out_channels: 99999999999999999999999999999, kernel_size: 3}\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_have_a_diagnostic_soon(name):
    start = time.monotonic()
    found = Analysis(HOSTILE[name])
    assert [one for one in diagnostics(found) if one.level == "error"]
    hints(found)
    lenses(found)
    assert time.monotonic() - start < 8


def test_a_file_of_blocks_for_others_has_no_problem():
    assert messages(analysis("blocks:\n  cell:\n    layers: [relu]\n")) == []
    assert messages(analysis("vars: {a: 1}\n"))


def test_problems_in_a_file_that_is_used(tmp_path):
    (tmp_path / "cells.yaml").write_text("# é\nblocks:\n  cell: [rleu]\n", encoding="utf-8")
    found = analysis("use: cells.yaml\ninput: 3x8x8\nlayers:\n- cell\n", str(tmp_path / "net.yaml"))
    (one,) = diagnostics(found)
    assert one.range.start.line == 3
    assert one.message.startswith("cells.yaml:3:10: there is no kind of layer called rleu")
    (related,) = [each for each in one.related if each.path]
    assert related.path == str(tmp_path / "cells.yaml")
    (tmp_path / "cells.yaml").write_text("blocks: [", encoding="utf-8")
    assert diagnostics(Analysis(found.text.text, found.path))[0].range.start.line in (0, 3)


def test_a_file_that_is_used_and_not_saved(tmp_path):
    path = tmp_path / "cells.yaml"
    path.write_text("blocks:\n  cell: [rleu]\n", encoding="utf-8")
    text = "use: cells.yaml\ninput: 3x8x8\nlayers:\n- cell\n"
    found = Analysis(text, str(tmp_path / "net.yaml"), edited={str(path.resolve()): "blocks:\n  cell: [relu]\n"})
    assert diagnostics(found) == []
    assert labels(found) == [(4, "→ 3×8×8")]


def test_warnings_notes_and_expectations():
    found = analysis("""
        input: 3x8x8
        vars: {unused: 1}
        layers:
        - relu
        - softmax
        - relu
        expect: {params: 7}
    """)
    levels = {level: text for _, level, text in messages(found)}
    assert "unused" in levels["warning"]
    assert "params" in levels["error"]


def test_a_text_with_many_mistakes_is_read_about_once(monkeypatch):
    """Each further mistake is looked for behind the one before: a text is not read again from its beginning."""
    line, item = "- conv: {out_channels: 8, kernel_size:", "- conv: {out_channels: 8, kernel_size: 1}"
    layers = [line if number % 40 == 20 else item for number in range(400)]
    text = "\n".join(["input: 3x8x8", "layers:", *layers, ""])
    read = []
    events = reading._events
    monkeypatch.setattr(reading, "_events", lambda yaml, given: counted(events(yaml, given), read))
    found = Analysis(text)
    assert len(labels(found)) == 20
    monkeypatch.undo()
    whole = len([*reading._events(yaml, text.replace(f"{line}\n", f"{item}\n"))])
    assert len(read) < 3 * whole


def counted(events, read):
    for event in events:
        read.append(event)
        yield event


# ---- files of blocks, and families -----------------------------------------------------------------------------------

BLOCKS = """
blocks:
  cell:
    args: {channels: required, times: 2, parts: required, is_on: required}
    layers:
    - conv: {out_channels: channels, kernel_size: 3}
    - relu:
      when: is_on
    - add: [[], input]
    - linear: parts[0]
  pair:
    args: {channels: required}
    layers:
    - cell: {channels: channels, parts: [1, 2], is_on: true}
    - tanh
"""


def test_a_file_of_blocks_alone_is_checked_inside():
    assert messages(analysis(BLOCKS)) == [(3, "warning", "the argument times of the block cell is never used")]
    for old, new, line, message in (
        ("- tanh", "- tahn", 14, "there is no kind of layer called tahn"),
        ("kernel_size", "kernel_siz", 5, "conv: there is no argument kernel_siz"),
        ("out_channels: channels", "out_channels: chanels", 5, "conv: `chanels` is not a variable"),
        ("[[], input]", "[[], inptu]", 8, "no layer, block or input is called inptu here"),
        ("cell: {channels: channels", "cell: {chanels: channels", 13, "the block cell has no argument chanels"),
    ):
        assert BLOCKS.count(old) == 1
        found = messages(analysis(BLOCKS.replace(old, new)))
        assert (line, "error", message) in found
        assert len([one for one in found if one[1] == "error"]) == 1


FAMILY = """
input: 3x8x8
vars: {k: 3}
layers:
- conv: {out_channels: 4, kernel_size: k}
variants:
  a: {}
  b: {vars: {k: 11}}
  c:
    input: 3x9x9
    vars: {kk: 3}
  d: {vars: {k: 5}, expect: {params: 1}}
"""


def test_errors_of_each_variant_are_shown_at_its_place():
    found = of_variants(analysis(FAMILY))
    assert [(one.range.start.line + 1, one.message.partition("\n")[0]) for one in found] == [
        (7, "b: conv1 (conv): the 11×11 window does not fit its 8×8 input"),
        (10, "c: there is no variable kk to set"),
        (11, "d: expect: params is 304, expected 1"),
    ]
    assert [(one.range.start.line + 1, one.message) for one in found[0].related] == [(4, "the layer is here")]
    assert messages(analysis(FAMILY)) == []
    shown = analysis(FAMILY, variant="b")
    assert [line for line, level, _ in messages(shown) if level == "error"] == [4]
    assert [one.range.start.line + 1 for one in of_variants(shown)] == [10, 11]


def test_variants_of_a_good_family_have_none():
    for name in ("resnet", "vgg"):
        assert of_variants(bundled(name)) == []


def test_the_time_for_variants_is_bounded(monkeypatch):
    monkeypatch.setattr("shapecalc.editor.diagnostics._SECONDS_FOR_VARIANTS", -1)
    assert of_variants(analysis(FAMILY)) == []
