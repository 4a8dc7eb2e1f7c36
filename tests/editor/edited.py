"""Texts of specifications as they are edited, with the position of a cursor, for the tests of this folder."""

from __future__ import annotations

import textwrap
from pathlib import Path

from shapecalc.editor.analysis import Analysis
from shapecalc.editor.completion import completions
from shapecalc.editor.diagnostics import diagnostics
from shapecalc.editor.hints import hints
from shapecalc.editor.positions import EditedText, Position, applied

ROOT = Path(__file__).parents[2]


def analysis(text, path="", variant=""):
    return Analysis(textwrap.dedent(text).lstrip("\n"), path, variant)


def bundled(name, variant=""):
    path = ROOT / "specs" / f"{name}.yaml"
    return Analysis(path.read_text(encoding="utf-8"), str(path), variant)


def at_cursor(text, path=""):
    """The analysis of a text without its cursor, `|`, and the position of that."""
    text = textwrap.dedent(text).lstrip("\n")
    before, _, after = text.partition("|")
    assert "|" not in after
    line = before.count("\n")
    return Analysis(before + after, path), Position(line, len(before.rpartition("\n")[2]))


def labels(found):
    """The labels of hints by their lines, from 1."""
    return [(hint.position.line + 1, hint.label) for hint in hints(found)]


def messages(found):
    return [(one.range.start.line + 1, one.level, one.message.partition("\n")[0]) for one in diagnostics(found)]


def words(text):
    """What is completed at the cursor of a text."""
    found, position = at_cursor(text)
    return [one.label for one in completions(found, position)]


def edited(found, action):
    return applied(EditedText(found.text.text), action.edits)
