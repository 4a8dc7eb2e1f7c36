"""The results of `check`: lines, a table, annotations for GitHub Actions, the JSON contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, count_noun
from shapecalc.escaping import clean, defuse, github, github_property, join_lines
from shapecalc.renderers.blocks import Code, Note, Table, Title, draw_blocks
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import PROSE, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.renderers.blocks import Block

__all__ = ["Checked", "check_contract", "draw_annotations", "draw_table", "draw_verdict"]

VERSION = 1
"""The version of the JSON contract."""


_INDENT = " " * len("ok     ")


class Checked(NamedTuple):
    """The result of one specification."""

    spec: str
    networks: int
    expectations: int
    summary: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    exit_status: int
    notes: tuple[str, ...] = ()
    unchecked: int = 0
    """The number of expectations that are not checked, because of other variables or input sizes than the file's."""


def draw_verdict(result: Checked, width: int | None = None) -> str:
    """Return the line of one specification, its notes below it; its problems are shown like any error."""
    room = (width or PROSE) - len(_INDENT)
    notes = [f"{_INDENT}{part}" for note in result.notes for part in wrap(clean(note), room)]
    return "\n".join([_verdict(result), *notes])


def _verdict(result: Checked) -> str:
    if result.problems:
        return clean(f"wrong  {result.spec}: {count_noun(len(result.problems), 'problem')}")
    met = f"{count_noun(result.expectations, 'expectation')} met" if result.expectations else "no expectations"
    if result.unchecked and not result.expectations:
        met = f"{count_noun(result.unchecked, 'expectation')} not checked with other variables or input sizes"
    met = f", {met}" if result.networks else ""
    warned = f", {count_noun(len(result.warnings), 'warning')}" if result.warnings else ""
    return clean(f"ok     {result.spec}: {result.summary}{met}{warned}")


def draw_annotations(results: Sequence[Checked]) -> Iterator[str]:
    """Yield the annotations of problems, and a line for each specification without any."""
    for result in results:
        yield from (_annotation("error", result.spec, problem) for problem in result.problems)
        yield from (_annotation("warning", result.spec, problem) for problem in result.warnings)
        yield from (_annotation("notice", result.spec, Problem(note)) for note in result.notes)
        if not result.problems:
            yield defuse(clean(f"ok     {result.spec}: {result.summary}"))


def _annotation(level: str, spec: str, problem: Problem) -> str:
    mark = problem.mark
    location = f"file={github_property(mark.source.name if mark else spec)}"
    if mark and mark.line:
        location += f",line={mark.line},col={mark.column}"
    lines = (problem.headline, *problem.why, *filter(None, problem.hint.split("\n")))
    return f"::{level} {location},title=shapecalc::{github(join_lines(lines))}"


def draw_table(results: Sequence[Checked], format_: str) -> str:
    """Return a table of the specifications as Markdown or HTML, with their problems below it."""
    lines = [
        TableLine(
            (
                "wrong" if one.problems else "ok",
                one.spec,
                one.summary,
                f"{one.expectations:,}",
                f"{len(one.problems):,}",
                f"{len(one.warnings):,}",
            )
        )
        for one in results
    ]
    blocks: list[Block] = [
        Table(("", "spec", "network", "expectations", "errors", "warnings"), lines, numbers=(3, 4, 5))
    ]
    for one in results:
        if one.problems or one.warnings or one.notes:
            blocks.append(Title(one.spec))
            blocks += [Code(problem.lines()) for problem in one.problems]
            blocks += [Code(warning.lines("warning")) for warning in one.warnings]
            blocks += map(Note, one.notes)
    return draw_blocks(blocks, format_)


def check_contract(results: Sequence[Checked]) -> dict[str, Any]:
    """Return the results as the JSON contract."""
    entries = [
        {
            "spec": result.spec,
            "ok": not result.problems,
            "networks": result.networks,
            "expectations": result.expectations,
            "problems": [problem.to_dict() for problem in result.problems],
            "warnings": [warning.to_dict() for warning in result.warnings],
            **({"notes": list(result.notes)} if result.notes else {}),
        }
        for result in results
    ]
    return {"version": VERSION, "results": entries}
