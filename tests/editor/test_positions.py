"""Positions in the units of an editor: exact with emoji, combining letters, every line break, and edits of CRLF texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapecalc.editor.analysis import Analysis
from shapecalc.editor.diagnostics import diagnostics
from shapecalc.editor.positions import UNITS, EditedText, Position, applied, edits_between

TEXTS = st.text(st.sampled_from("a: [é\u0301🎉𝕏\n\r\u2028\x85\t-"), max_size=40)


@pytest.mark.parametrize(("unit", "character"), [("utf-32", 17), ("utf-16", 19), ("utf-8", 24)])
def test_a_mistake_behind_emoji_and_combining_letters(unit, character):
    """`e` and U+0301 are two code points of one unit each, the second of two bytes; an emoji is two units, four bytes."""
    found = Analysis("- {name: '🎉e\u0301🎉', cnv: 3}")
    (one,) = [each for each in diagnostics(found) if "cnv" in each.message]
    assert found.text.to_units(one.range.start, unit) == Position(0, character)
    assert found.text.from_units(Position(0, character), unit) == one.range.start


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_diagnostic_is_on_the_word(newline):
    lines = [
        "# 🎉 e\u0301",
        "input: 3x8x8",
        "layers:",
        "- relu: # 🎉🎉",
        '  name: "🎉"',
        "- {name: '🎉e\u0301', cnv: 3}",
    ]
    found = Analysis(newline.join(lines))
    (one,) = diagnostics(found)
    assert (one.range.start.line, one.range.end.line) == (5, 5)
    assert found.text.line(5)[one.range.start.character : one.range.end.character] == "cnv"
    assert found.text.to_units(one.range.start, "utf-16").character == lines[5].index("cnv") + 1


def test_line_breaks_that_only_yaml_has():
    """A line separator is a line break in YAML, and none in an editor."""
    found = Analysis("input: 3x8x8\n# one\u2028# two\nlayers:\n- cnv\n")
    (one,) = diagnostics(found)
    assert one.range.start == Position(3, 2)


def test_a_byte_order_mark():
    found = Analysis("\ufeffinput: 3x8x8\nlayers: [cnv]\n")
    (one,) = diagnostics(found)
    assert one.range.start == Position(1, 9)
    found = Analysis("\ufeffinputs: 3x8x8\nlayers: [relu]\n")
    assert diagnostics(found)[0].range.start.character > 0


@given(TEXTS, st.integers(0, 50))
def test_offsets_and_positions_agree(written, offset):
    text = EditedText(written)
    offset = min(offset, len(written))
    position = text.position(offset)
    if position.character <= len(text.line(position.line)):  # not within a line break
        assert text.offset(position) == offset
        for unit in UNITS:
            assert text.from_units(text.to_units(position, unit), unit) == position


@given(TEXTS, TEXTS)
def test_edits_make_the_new_text(old, new):
    """Up to line breaks: those of the lines that stay are kept."""
    text = EditedText(old)
    lines = new.splitlines()
    after = "\n".join(lines) + "\n"
    made = applied(text, edits_between(text, after))
    assert made.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") == after.rstrip("\n") or "\ufeff" in old


def test_line_breaks_of_other_lines_are_kept():
    text = EditedText("a\r\nb\r\nc\r\n")
    assert applied(text, edits_between(text, "a\nnew\nx\nc\n")) == "a\r\nnew\r\nx\r\nc\r\n"
    assert applied(text, edits_between(text, "a\nc\n")) == "a\r\nc\r\n"
    assert applied(text, edits_between(text, "a\nb\nb2\nc\n")) == "a\r\nb\r\nb2\r\nc\r\n"
    assert edits_between(text, "a\nb\nc\n") == ()
    last = EditedText("a\nb")
    assert applied(last, edits_between(last, "a\nb\nc\n")) == "a\nb\nc"
