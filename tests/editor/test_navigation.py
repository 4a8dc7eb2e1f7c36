"""Hover, definition and references: kinds with their arithmetic, names, blocks and variables."""

from __future__ import annotations

import pytest
from edited import analysis, bundled

from shapecalc.editor.analysis import Analysis
from shapecalc.editor.hover import hover
from shapecalc.editor.navigation import definition, references
from shapecalc.editor.positions import Position

TEXT = """\
input: 3x32x32
vars:
  width: 16
  twice: width * 2
blocks:
  cell:
    args: {channels: required}
    layers:
    - conv: {out_channels: channels, kernel_size: 3}
      name: inner
    - add: [[relu], inner]
layers:
- conv: {out_channels: width, kernel_size: 3}
  name: first
- cell: {channels: twice}
  name: "c{i}"
  repeat: 2
- relu:
  from: c1
- add: [relu1, first]
  when: width > 99
- linear: "width if width > 2 else 1"
outputs: [linear1, c0]
"""
LINES = TEXT.splitlines()


def at(line, word, nth=0):
    """The position of a word in a line (from 1)."""
    place = -1
    for _ in range(nth + 1):
        place = LINES[line - 1].index(word, place + 1)
    return Position(line - 1, place + 1)


def places(found):
    return [(one.range.start.line + 1, one.range.start.character + 1) for one in found]


# A line and a word in it, and the line and the column of its definition.
DEFINITIONS = {
    "a variable": ((13, "width"), (3, 3)),
    "a variable in a variable": ((4, "width"), (3, 3)),
    "a variable in a condition": ((21, "width"), (3, 3)),
    "a variable in quotes": ((22, "width"), (3, 3)),
    "a variable as an argument": ((15, "twice"), (4, 3)),
    "an argument of a block": ((15, "channels"), (7, 12)),
    "an argument in its block": ((9, "channels", 1), (7, 12)),
    "a block": ((15, "cell"), (6, 3)),
    "a name": ((20, "first"), (14, 9)),
    "a name in a block": ((11, "inner"), (10, 13)),
    "a name of a template": ((19, "c1"), (16, 9)),
    "a name that is made": ((20, "relu1"), (18, 3)),
    "an output": ((23, "linear1"), (22, 3)),
    "an output of a template": ((23, "c0"), (16, 9)),
    "a definition": ((3, "width"), (3, 3)),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definitions(name):
    where, due = DEFINITIONS[name]
    found = Analysis(TEXT)
    line, word, *nth = where
    nth = [1] if name == "an argument in its block" else nth
    assert places(definition(found, at(line, word, *nth))) == [due]


def test_references():
    found = Analysis(TEXT)
    width = [(3, 3), (4, 10), (13, 24), (21, 9), (22, 12), (22, 21)]
    for line, word in ((3, "width"), (13, "width"), (22, "width")):
        assert places(references(found, at(line, word))) == width
    assert places(references(found, at(3, "width"), with_definition=False)) == width[1:]
    assert places(references(found, at(6, "cell"))) == [(6, 3), (15, 3)]
    assert places(references(found, at(14, "first"))) == [(14, 9), (20, 16)]
    assert places(references(found, at(10, "inner"))) == [(10, 13), (11, 21)]
    assert places(references(found, at(7, "channels"))) == [(7, 12), (9, 28), (15, 10)]
    assert places(references(found, at(16, "c{i}"))) == [(16, 9), (19, 9), (23, 20)]


def test_another_file(tmp_path):
    (tmp_path / "cells.yaml").write_text("blocks:\n  cell: [relu]\n", encoding="utf-8")
    found = analysis("use: cells.yaml\ninput: 8\nlayers:\n- cell\n", str(tmp_path / "net.yaml"))
    (one,) = definition(found, Position(3, 3))
    assert (one.path, one.range.start) == (str(tmp_path / "cells.yaml"), Position(1, 2))
    # The second line of both files has a definition in the same column.
    text = "vars:\n  w: 3\nuse: cells.yaml\ninput: 8\nlayers:\n- cell\n- fc: w\n- cell\n"
    found = analysis(text, str(tmp_path / "net.yaml"))
    uses = [("", Position(5, 2)), ("", Position(7, 2))]
    assert [(file, span.start) for file, span in references(found, Position(5, 3))] == [
        (one.path, one.range.start), *uses,
    ]  # fmt: skip
    assert [(file, span.start) for file, span in references(found, Position(5, 3), with_definition=False)] == uses


def test_nothing_is_defined_at_a_blank():
    assert definition(Analysis(TEXT), Position(0, 9)) == references(Analysis(TEXT), Position(99, 0)) == []


# A line and a word in it, and what is shown there.
HOVERS = {
    "a kind": ((13, "conv"), ["**conv**: Convolution", "`first` → 16×30×30 · 448 params", "⌊(32 + 2·0 − 3) / 1⌋ + 1"]),
    "a kind in copies": ((9, "conv"), ["`c0.inner` → 32×28×28", "`c1.inner` → 32×26×26", "of 2 copies, with 13,888 params"]),
    "a block": ((15, "cell"), ["a block with `channels`", "`c0` → 32×28×28 · 4,640 params"]),
    "an argument": ((13, "kernel_size"), ["`kernel_size`", "window"]),
    "an argument of a block": ((15, "channels"), ["an argument of the block cell"]),
    "a variable": ((15, "twice"), ["`twice` = `32`"]),
    "a layer-level key": ((19, "from"), ["its input"]),
    "a key": ((12, "layers"), ["the layers, in order"]),
    "a name": ((20, "first"), ["**first**: conv", "→ 16×30×30 · 448 params"]),
    "a name that is made": ((23, "linear1"), ["**linear1**: linear"]),
    "a name of a template": ((19, "c1"), ["**c1**: cell"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOVERS)
def test_hover(name):
    (line, word), due = HOVERS[name]
    found = hover(Analysis(TEXT), at(line, word))
    assert found is not None
    for text in due:
        assert text in found.markdown


def test_hover_has_the_arithmetic_of_explain():
    """AlexNet's first layer, as Stanford's CS231n works it out: (227 − 11) / 4 + 1 = 55; 11·11·3·96 weights."""
    found = bundled("alexnet")
    text = hover(found, Position(8, 5)).markdown
    assert "⌊(227 + 2·0 − 11) / 4⌋ + 1 = ⌊216 / 4⌋ + 1 = 54 + 1 = 55" in text
    assert "34,848" in text
    assert "34,944" in text


def test_hover_of_nothing():
    assert hover(Analysis(TEXT), Position(1, 30)) is None


def test_markup_in_names_is_text():
    found = Analysis("input: 8\nlayers:\n- relu:\n  name: '<b>\u202e`x'\n")
    assert "\u202e" not in hover(found, Position(2, 3)).markdown


def test_hover_of_a_block_that_is_being_written():
    assert hover(Analysis("input: 3x8x8\nblocks:\n  cell:"), Position(2, 3)) is None
