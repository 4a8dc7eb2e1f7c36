"""Code actions: hints and fixes applied to the text; the error of each is then gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from edited import analysis, edited

from shapecalc.editor.actions import fixes, quick_fixes
from shapecalc.editor.analysis import Analysis
from shapecalc.editor.positions import Position, Range

FOLDER = Path(__file__).parent.parent / "bad_specs"
SLOW = {"repeat_too_often_within"}
SEARCHED = {"features_of_another_map", "heads_do_not_divide", "limits_of_layers", "crop_of_a_branch"}  # for seconds
SPECS = [path for path in sorted(FOLDER.glob("*.yaml")) if path.stem not in SLOW and path.stat().st_size < 20_000]
WHOLE = Range(Position(0, 0), Position(10**6, 0))


def first(text):
    found = analysis(text)
    actions = quick_fixes(found, WHOLE)
    return (actions[0].title, edited(found, actions[0])) if actions else None


# One of each sort of hint, and the text with the first action.
HINTS = {
    "a near word": ("input: 8\nlayers: [lineaar: 4]", "layers: [linear: 4]"),
    "a near key": ("inptu: 3x8x8\nlayers: [relu]", "input: 3x8x8"),
    "a near argument": ("input: 3x8x8\nlayers:\n- conv: {out_chanels: 8, kernel_size: 3}", "{out_channels: 8, kernel_size: 3}"),
    "a near name": ("input: 8\nlayers:\n- relu:\n  name: first\n- add: [[], frist]", "- add: [[], first]"),
    "a space": ("input: 8\nlayers:\n- fc:4", "- fc: 4"),
    "a comma": ("input: 8,\nlayers: [relu]", "input: 8\n"),
    "quotes": ("input: 8\nlayers:\n- relu:\n  when: 'yes'", None),
    "a tab": ("input: 8\nlayers:\n- relu:\n\tname: x", "- relu:\n  name: x"),
    "a call": ("input: 3x8x8\nlayers:\n- Conv2d(3, 8, 3)", "- Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}"),
    "a flag": ("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 3, bias: 1}", "bias: true}"),
    "a brace": ("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 3\n- relu", "kernel_size: 3}\n- relu"),
    "a value, or none": ("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 3, in_channels: 4}", "in_channels: 3}"),
    "an argument that is not there": ("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 9}\n- flaten", "kernel_size: 9, padding: 1}"),
    "a tuple": ("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: (3, 3)}", "kernel_size: [3, 3]}"),
}  # fmt: skip


@pytest.mark.parametrize("name", HINTS)
def test_hints_applied(name):
    text, due = HINTS[name]
    found = first(text)
    if due is not None:
        assert found, "there is an action"
        assert due in found[1]


def test_one_action_of_a_title():
    found = analysis('name: "a\x07"\ninput: 3x8x8\nlayers:\n- relu\n')
    (action,) = quick_fixes(found, WHOLE)
    assert edited(found, action).startswith('name: "a"\n')


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.slow, id=path.stem)
        if path.stem in SEARCHED
        else pytest.param(path, id=path.stem)
        for path in SPECS[::6]
    ],
)
def test_after_each_action_its_error_is_gone(path):
    text = path.read_bytes().decode("utf-8", "replace")
    found = Analysis(text, str(path))
    before = [problem.headline for problem in found.problems]
    for action in quick_fixes(found, WHOLE):
        after = [problem.headline for problem in Analysis(edited(found, action), str(path)).problems]
        assert after.count(before[action.number]) < before.count(before[action.number]), action.title
    for action in fixes(found):
        assert Analysis(edited(found, action), str(path)).problems == (), action.title


def test_most_hints_that_say_what_to_write_are_actions():
    """Of every eighth bad specification: a hint that says what to write has an action in two of three."""
    have = due = 0
    for path in SPECS[::8]:
        found = Analysis(path.read_bytes().decode("utf-8", "replace"), str(path))
        if any("write `" in problem.hint or "did you mean" in problem.hint for problem in found.problems):
            due += 1
            have += bool(quick_fixes(found, WHOLE) or fixes(found))
    assert due > 10
    assert have / due > 0.66, (have, due)


def test_fixes_of_a_shape_error():
    found = analysis("""
        input: 3x32x32
        layers:
        - conv: {out_channels: 16, kernel_size: 3}
        - flatten
        - linear: {in_features: 16384, out_features: 10}
    """)
    actions = fixes(found)
    titles = [action.title for action in actions]
    assert titles[0] == "linear1: in_features 16384 → 14400 (output 10)"
    assert len(actions) > 1
    for action in actions:
        assert Analysis(edited(found, action)).problems == ()
        assert len(action.edits) == 1
        assert edited(found, action).count("\n") == found.text.text.count("\n")


def test_fixes_where_the_first_layer_fails():
    found = fixes(analysis("input: 1x4x4\nlayers:\n- conv: {out_channels: 8, kernel_size: 5}\n- relu\n"))
    assert found[0].title == "conv1: padding 0 → 1 (output 8×2×2)"


# A text that is half written, the message of its first problem, its hint, and the line with the fix (None: there is none).
HALF = {
    "a value": ("- {conv: 64, kernel_size:", "{", "close it with `}`, behind the value of kernel_size", None),
    "an argument": ("- conv: {out_channels: 64,", "{", "close it with `}`", "- conv: {out_channels: 64,}"),
    "a brace": ("- conv: {", "{", "close it with `}`", "- conv: {}"),
    "a list": ("- add: [a, b", "[", "close it with `]`", "- add: [a, b]"),
    "a branch": ("- add: [{conv: 8", "{", "close it with `}`", "- add: [{conv: 8}]"),
    "a quote": ("- {conv: 8, name: 'a", "quote", "close it with the same quote that opens it", "- {conv: 8, name: 'a'}"),
}  # fmt: skip


@pytest.mark.parametrize("after", ["- relu\n- fc: 10\n", ""])
@pytest.mark.parametrize("name", HALF)
def test_brackets_that_are_not_closed_yet(name, after):
    line, what, hint, due = HALF[name]
    found = analysis(f"input: 3x32x32\nlayers:\n- tanh\n{line}\n{after}")
    problem = found.problems[-1]
    assert problem.mark.line == 4
    assert problem.message.startswith("the quote is not closed" if what == "quote" else f"the `{what}` is not closed")
    assert problem.hint == hint
    actions = quick_fixes(found, WHOLE)
    assert [edited(found, action).splitlines()[3] for action in actions] == ([due] if due else [])
    assert all("relu" not in action.title for action in actions)


def test_a_bracket_of_the_other_sort():
    found = analysis("input: 8\nlayers:\n- concat: [{linear: 8]\n")
    assert edited(found, quick_fixes(found, WHOLE)[0]).splitlines()[2] == "- concat: [{linear: 8}]"


@pytest.mark.parametrize(
    ("line", "due"),
    [
        ("- covn: {out_chanels: 8, kernel_size: 3}", "- conv: {out_chanels: 8, kernel_size: 3}"),  # another typo
        ("- max_pol: 20", "- max_pool: 20"),  # a shape error
        ("- covn: {out_channels: 8}", "- conv: {out_channels: 8}"),  # an argument is missing
    ],
)
def test_a_mistake_with_another_behind_it_has_a_fix(line, due):
    found = analysis(f"input: 3x8x8\nlayers:\n{line}\n")
    assert edited(found, quick_fixes(found, WHOLE)[0]).splitlines()[2] == due


def test_a_fix_keeps_line_breaks():
    found = Analysis("input: 3x8x8\r\nlayers:\r\n- flatten\r\n- linear: {in_features: 9, out_features: 2}\r\n")
    text = edited(found, fixes(found)[0])
    assert text == "input: 3x8x8\r\nlayers:\r\n- flatten\r\n- linear: {in_features: 192, out_features: 2}\r\n"


def test_there_are_none_for_a_good_text():
    found = analysis("input: 8\nlayers: [relu]\n")
    assert quick_fixes(found, WHOLE) == fixes(found) == []


def test_only_of_the_lines_asked_for():
    found = analysis("input: 8\nlayers:\n- rleu\n- lineaar: 4\n")
    assert {action.number for action in quick_fixes(found, Range(Position(2, 0), Position(2, 3)))} == {0}
    assert {action.number for action in quick_fixes(found, Range(Position(3, 0), Position(3, 0)))} == {1}


def test_a_near_word_is_written_also_where_more_is_missing():
    found = analysis("input: 3x8x8\nlayers:\n- cnv: 3\n")
    assert [action.title for action in quick_fixes(found, WHOLE)] == ["replace cnv by conv"]


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_a_value_without_its_name_stays(kind):
    """20 is the kernel, which padding makes room for, and not the padding."""
    found = analysis(f"input: 3x16x16\nlayers:\n- {kind}: 20\n")
    texts = [edited(found, action) for action in quick_fixes(found, WHOLE)]
    assert [text.splitlines()[2] for text in texts if "padding" in text] == [
        f"- {kind}: {{kernel_size: 20, padding: 2}}"
    ]
    assert not [text for text in texts if text.splitlines()[2] == f"- {kind}: 2"]
