"""Code actions: a hint applied to the text, and the fixes of `solve --fix`; each was tried, and its error is gone."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.analysis import Analysis
from shapecalc.editor.candidates import candidates
from shapecalc.editor.positions import TextEdit, applied, edits_between
from shapecalc.errors import ShapecalcError
from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.editor.positions import Range
    from shapecalc.errors import Problem
    from shapecalc.questions.solve import Fix

__all__ = ["Action", "fixes", "quick_fixes"]

_SECONDS = 0.5
"""The time for trying the hints of one request, after the first of them."""
_LEAST_TRIED = 8
_MOST_FIXES = 5
_NOTHING, _ANOTHER_BEHIND, _ALL_GONE = range(3)
_MOST_LAYERS = 2_000
"""Layers of a network that is searched for fixes while it is edited: `solve --fix` has no such limit."""


class Action(NamedTuple):
    """A change of the text that fixes a problem: which one (its place among `problems`; -1 for all shape errors)."""

    title: str
    edits: tuple[TextEdit, ...]
    number: int = -1
    is_preferred: bool = False


def quick_fixes(analysis: Analysis, where: Range) -> list[Action]:
    """Return the hints of the problems in a range, applied to the text: at most two of each."""
    if analysis.is_too_large:
        return []
    found: list[Action] = []
    deadline = _Deadline()
    for number, problem in enumerate(analysis.problems):
        mark = problem.mark
        if mark is None or not analysis.is_own(mark):
            continue
        marked = analysis.text.range_of(mark)
        if marked.start.line > where.end.line or marked.end.line < where.start.line:
            continue
        found += _fixes_of(analysis, problem, number, deadline)
        if deadline.is_over:
            break
    return found


class _Deadline:
    """The time and the number of trials of one request."""

    def __init__(self) -> None:
        self.end = time.monotonic() + _SECONDS
        self.tried = 0
        self.is_over = False

    def passes(self) -> bool:
        """Return whether one more trial is too many."""
        self.tried += 1
        self.is_over = self.tried > _LEAST_TRIED and time.monotonic() > self.end
        return self.is_over


def _fixes_of(analysis: Analysis, problem: Problem, number: int, deadline: _Deadline) -> list[Action]:
    """Return at most two fixes of a problem; if there is none, one that shows another problem behind it."""
    own: list[Action] = []
    behind: list[Action] = []
    for title, edits in candidates(analysis.text, problem):
        if len(own) == 2 or deadline.passes():
            break
        if any(edits == one.edits or clean(title) == one.title for one in (*own, *behind)):
            continue
        effect = _effect_of(analysis, problem, edits, is_word=title.startswith("replace "))
        if effect == _ALL_GONE:
            own.append(Action(clean(title), edits, number, is_preferred=not own))
        elif effect == _ANOTHER_BEHIND:
            behind.append(Action(clean(title), edits, number, is_preferred=not behind))
    return own or behind[:1]


def _effect_of(analysis: Analysis, problem: Problem, edits: tuple[TextEdit, ...], *, is_word: bool) -> int:
    """Return whether a problem is gone with edits, and whether there is another one in the lines that they change.

    One that the problem hid is outside of what the edits write, or below, where the text still cannot be read; or the
    edit is a near word in place of a wrong one.
    """
    text = applied(analysis.text, edits)
    if text == analysis.text.text:
        return _NOTHING
    changed = Analysis(text, analysis.path, analysis.asked, analysis.edited)
    before = Counter(_fact(one) for one in analysis.problems)
    after = Counter(_fact(one) for one in changed.problems)
    if after[_fact(problem)] >= before[_fact(problem)]:
        return _NOTHING
    was_read, is_read = (one.member.specification.document is not None for one in (analysis, changed))
    if was_read and not is_read:
        return _NOTHING
    lines = {number for edit in edits for number in _lines_after(edit)}
    new = [one for one in changed.problems if _fact(one) in after - before]
    near = [one for one in new if not one.mark or one.mark.line - 1 in lines]
    if not near:
        return _ALL_GONE
    is_right = analysis.network is None and changed.network is not None  # but it does not fit
    return _ANOTHER_BEHIND if is_word or is_right or _are_behind(changed, near, analysis, edits) else _NOTHING


def _are_behind(changed: Analysis, problems: list[Problem], old: Analysis, edits: tuple[TextEdit, ...]) -> bool:
    """Return whether new problems are not of what an edit wrote: beside it, or below if the text cannot be read."""
    marks = [one.mark for one in problems if one.mark and changed.is_own(one.mark)]
    if len(edits) > 1 or len(marks) < len(problems):
        return False
    first = old.text.offset(edits[0].range.start)
    last = first + max(1, len(edits[0].new_text))
    is_read = changed.member.specification.document is not None
    for mark in map(changed.text.range_of, marks):
        start, end = changed.text.offset(mark.start), changed.text.offset(mark.end)
        if start < last and (end > first or not is_read):
            return False
    return True


def _fact(problem: Problem) -> tuple[str, str]:
    return problem.subject, problem.message


def _lines_after(edit: TextEdit) -> range:
    start = edit.range.start.line
    return range(start, start + edit.new_text.count("\n") + 1)


def fixes(analysis: Analysis) -> list[Action]:
    """Return the smallest changes that fix all shape errors of the network, as `solve --fix` finds them."""
    network = analysis.network
    if network is None or not analysis.problems or (analysis.report is not None and analysis.report.is_complete):
        return []
    if len(network.graph.nodes) > _MOST_LAYERS:
        return []
    from shapecalc.network import solve

    try:
        answer = solve(network, fix=True)
    except ShapecalcError:
        return []
    return [*_written(analysis, answer.fixes[:_MOST_FIXES])]  # type: ignore[union-attr]


def _written(analysis: Analysis, found: tuple[Fix, ...]) -> Iterator[Action]:
    for fix in found:
        edits = [change.edit for change in fix.changes]
        files = {change.mark.source.name if change.mark else "" for change in fix.changes}
        last = edits[-1]
        if files != {analysis.name} or last is None:  # written in other files, or not in a text
            continue
        changed = edits_between(analysis.text, last.text)
        if changed:
            yield Action(clean(_title(fix)), changed)


def _title(fix: Fix) -> str:
    outputs = ", ".join("×".join(map(str, sizes)) for sizes in fix.outputs.values())
    return f"{' and '.join(_change_text(change) for change in fix.changes)} (output {outputs})"


def _change_text(change: object) -> str:
    from shapecalc.questions.solve import ArgumentChange

    assert isinstance(change, ArgumentChange)
    if change.adds:
        return f"add {change.argument} before {change.layers[0]}"
    old, new = (_value(value) for value in (change.old, change.new))
    name = f"{change.layers[0]}: " if change.layers else ""
    if change.new is None:
        return f"{name}leave {change.argument} out"
    return f"{name}{change.argument} {old} → {new}" if change.old is not None else f"{name}{change.argument}: {new}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "×".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
