"""Diagnostics: every problem of a text at its location, with its reasons, its hint, and the locations related to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.positions import Position, Range, indent_of, is_blank
from shapecalc.errors import Hint, ShapecalcError
from shapecalc.escaping import clean
from shapecalc.language.members import choose
from shapecalc.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.editor.analysis import Analysis
    from shapecalc.errors import Mark, Problem
    from shapecalc.language.document import Variant

__all__ = ["ERROR", "NOTE", "WARNING", "Diagnostic", "Related", "diagnostics", "of_variants"]

ERROR, WARNING, NOTE = "error", "warning", "note"

_SECONDS_FOR_HINTS = 0.03
"""The time for hints, which may try other values: those of further problems are not worked out."""
_LEAST_HINTS = 3
_SECONDS_FOR_VARIANTS = 0.2
_MOST_OF_A_VARIANT = 3
"""As many errors of a variant that is not shown are: further ones follow when it is."""


class Related(NamedTuple):
    """A location related to a problem, in the text (an empty path) or another file."""

    path: str
    range: Range
    message: str


class Diagnostic(NamedTuple):
    """A problem, warning or note of the text: `number` is its place among the problems of its level."""

    range: Range
    level: str
    message: str
    related: tuple[Related, ...] = ()
    number: int = -1


def diagnostics(analysis: Analysis) -> list[Diagnostic]:
    """Return all errors, warnings and notes of a text."""
    found = []
    levels = ((ERROR, analysis.problems), (WARNING, analysis.warnings))
    end = time.monotonic() + _SECONDS_FOR_HINTS
    for level, problems in levels:
        for index, problem in enumerate(problems):
            hint = problem.hint if index < _LEAST_HINTS or time.monotonic() < end else ""
            lines = [_headline(analysis, problem), *problem.why, *filter(None, hint.split("\n"))]
            message = "\n".join(map(clean, lines))
            found.append(Diagnostic(_range_of(analysis, problem), level, message, _related(analysis, problem), index))
    found += _notes(analysis)
    return found


def of_variants(analysis: Analysis) -> list[Diagnostic]:
    """Return the errors of the variants that are not shown, of those that are worked out in the time for it.

    An error in the lines of a variant is there, and any other at the name of the variant.
    """
    document = analysis.document
    if document is None or analysis.recovered is not None:
        return []
    known = {(problem.headline, problem.mark) for problem in analysis.problems}
    found: list[Diagnostic] = []
    end = time.monotonic() + _SECONDS_FOR_VARIANTS
    for variant in document.variants.values():
        if variant.name == analysis.variant or not analysis.is_own(variant.mark):
            continue
        if time.monotonic() > end:
            break
        problems = [one for one in _problems_of(analysis, variant.name) if (one.headline, one.mark) not in known]
        for problem in problems[:_MOST_OF_A_VARIANT]:
            known.update([(problem.headline, problem.mark)] if _is_within(problem.mark, variant, analysis) else [])
            found.append(_of_variant(analysis, variant, problem))
    return found


def _problems_of(analysis: Analysis, variant: str) -> tuple[Problem, ...]:
    """Return the errors of a variant, and what it expects in vain."""
    try:
        network = Network(choose(analysis.member, variant))
        return tuple(network.unmet(network.infer()))
    except ShapecalcError as error:
        return error.problems


def _is_within(mark: Mark | None, variant: Variant, analysis: Analysis) -> bool:
    """Return whether a location is in the lines of a variant: its keys, or one of them."""
    if mark is None or not analysis.is_own(mark):
        return False
    column = variant.mark.column
    lines = range(variant.mark.line + 1, mark.line + 1)
    inside = all(is_blank(line) or indent_of(line) >= column for line in map(variant.mark.source.line, lines))
    return mark.line >= variant.mark.line and inside


def _of_variant(analysis: Analysis, variant: Variant, problem: Problem) -> Diagnostic:
    is_within = _is_within(problem.mark, variant, analysis)
    where = problem.mark if is_within and problem.mark else variant.mark
    hint = "" if isinstance(problem.hint, Hint) else problem.hint  # one that is worked out takes time
    lines = [f"{variant.name}: {_headline(analysis, problem)}", *problem.why, *filter(None, hint.split("\n"))]
    related = _related(analysis, problem)
    layer = None if is_within or problem.mark is None else _related_at(analysis, "the layer is here:", problem.mark)
    if layer and layer not in related:
        related = (layer, *related)
    return Diagnostic(analysis.text.range_of(where), ERROR, "\n".join(map(clean, lines)), related)


def _headline(analysis: Analysis, problem: Problem) -> str:
    mark = problem.mark
    is_elsewhere = mark is not None and mark.line > 0 and not analysis.is_own(mark)
    return f"{mark}: {problem.headline}" if is_elsewhere else problem.headline


def _range_of(analysis: Analysis, problem: Problem) -> Range:
    """Return the range of a problem; of one in another file, where the text uses what is wrong there."""
    marks = [problem.mark, *[mark for _, mark in problem.also]]
    own = next((mark for mark in marks if mark and analysis.is_own(mark)), None)
    document = analysis.document
    if own is None and problem.mark and problem.mark.line and document is not None and "use" in document.keys:
        own = document.keys["use"].mark
    return analysis.text.range_of(own) if own else Range(Position(0, 0), Position(0, len(analysis.text.line(0))))


def _related(analysis: Analysis, problem: Problem) -> tuple[Related, ...]:
    pairs = list(problem.also)
    if problem.mark and problem.mark.line and not analysis.is_own(problem.mark):
        pairs.insert(0, ("the problem is here:", problem.mark))
    return tuple([related for words, mark in pairs if (related := _related_at(analysis, words, mark))])


def _related_at(analysis: Analysis, words: str, mark: Mark) -> Related | None:
    if not mark.line:
        return None
    message = clean(words.rstrip(":"))
    if analysis.is_own(mark):
        return Related("", analysis.text.range_of(mark), message)
    path = analysis.path_of(mark)
    start = Position(mark.line - 1, mark.column - 1)
    return Related(path, Range(start, Position(start.line, start.character + mark.length)), message) if path else None


def _notes(analysis: Analysis) -> Iterator[Diagnostic]:
    """Yield the notes on the network, each at the layer that it begins with, or at the layers as a whole."""
    if analysis.network is None:
        return
    report, document = analysis.report, analysis.document
    if report is None or document is None or not report.is_complete:
        return
    marks = {row.name: row.node.mark for row in report.rows}
    inputs = report.graph.input_marks
    of_variant = analysis.readable.note
    for index, note in enumerate(report.notes):
        if note == of_variant:
            continue
        word = note.partition(" ")[0].rstrip(":,")
        mark = marks.get(word) or inputs.get(word)
        if mark is None or not analysis.is_own(mark):
            mark = next((one for one in inputs.values() if "input" in note), None) or document.marks.get("layers")
        where = analysis.text.range_of(mark or document.mark)
        yield Diagnostic(where, NOTE, clean(note), (), index)
