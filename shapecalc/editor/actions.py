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
"""The time for trying the hints of one request."""
_MOST_FIXES = 5
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
    end = time.monotonic() + _SECONDS
    for number, problem in enumerate(analysis.problems):
        mark = problem.mark
        if mark is None or not analysis.is_own(mark):
            continue
        marked = analysis.text.range_of(mark)
        if marked.start.line > where.end.line or marked.end.line < where.start.line:
            continue
        own: list[Action] = []
        for title, edits in candidates(analysis.text, problem):
            if time.monotonic() > end:
                return [*found, *own]
            if all(edits != one.edits for one in own) and _is_gone(analysis, problem, edits):
                own.append(Action(clean(title), edits, number, is_preferred=not own))
            if len(own) == 2:
                break
        found += own
    return found


def _is_gone(analysis: Analysis, problem: Problem, edits: tuple[TextEdit, ...]) -> bool:
    """Return whether a problem is gone with edits, and no other one is in the lines that they change."""
    text = applied(analysis.text, edits)
    if text == analysis.text.text:
        return False
    changed = Analysis(text, analysis.path, analysis.asked, analysis.edited)
    before = Counter(_fact(one) for one in analysis.problems)
    after = Counter(_fact(one) for one in changed.problems)
    if after[_fact(problem)] >= before[_fact(problem)]:
        return False
    if changed.member.specification.document is None and analysis.member.specification.document is not None:
        return False
    lines = {number for edit in edits for number in _lines_after(edit)}
    new = after - before
    return not any(_fact(one) in new and (not one.mark or one.mark.line - 1 in lines) for one in changed.problems)


def _fact(problem: Problem) -> tuple[str, str]:
    return problem.subject, problem.message


def _lines_after(edit: TextEdit) -> range:
    start = edit.range.start.line
    return range(start, start + edit.new_text.count("\n") + 1)


def fixes(analysis: Analysis) -> list[Action]:
    """Return the smallest changes that fix all shape errors of the network, as `solve --fix` finds them."""
    network = analysis.network
    if network is None or not analysis.problems or analysis.report is None or analysis.report.is_complete:
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
