"""`shapecalc check`: whether specifications are right, and what they claim of themselves is so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    emit,
    emit_json,
    input_option,
    read_inputs,
    read_settings,
    set_option,
    show_error,
    spec_argument,
)
from shapecalc.errors import Problem, ShapecalcError, count_noun
from shapecalc.escaping import clean, defuse, github, github_property, join_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shapecalc.language.members import Member

__all__ = ["command"]

_MOST_LAYERS = 100_000
"""The most layers that the members of a family are checked with, together: seconds."""

_LAYERS_OF_A_FAILURE = 1_000
"""What a member counts as that could not be built, beside the layers that were written out."""


class _Result(NamedTuple):
    """What was found of one specification."""

    spec: str
    file: str
    networks: int
    claims: int
    told: str
    problems: tuple[Problem, ...]
    exit_status: int


@click.command(short_help="Check specifications, and what they claim of themselves.")
@spec_argument("specs", "SPEC...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check every bundled specification as well.")
@set_option
@input_option
@output_formats("text", "json", "markdown", "html", "github")
def command(
    specs: Sequence[str],
    every: bool,
    settings: Sequence[str],
    inputs: Sequence[str],
    format_: str,
    output: str | None,
) -> int:
    """Check specifications and what they claim under `expect:`; one line for each file.

    A family's file is checked with all its members. --format github writes the annotations of its
    workflows. Exits with 1 when anything is wrong.
    """
    if not specs and not every:
        raise click.UsageError("give a SPEC to check, or --all for the bundled ones")
    variables = read_settings(settings)
    names = [*specs, *(_bundled() if every else ())]
    results = [_check(name, variables, read_inputs(inputs)) for name in names]
    if format_ in ("markdown", "html"):
        from shapecalc.renderers.checks import draw_checks  # noqa: PLC0415  (seldom asked for)

        emit(draw_checks(results, format_), output, format_, "What was checked")
    else:
        {"text": _text, "json": _json, "github": _github}[format_](results, output)
    return max(result.exit_status for result in results)


def _bundled() -> Iterator[str]:
    from shapecalc.language.files import bundled_members  # noqa: PLC0415

    paths = dict.fromkeys(path for path, _ in bundled_members())
    return (os.path.splitext(os.path.basename(path))[0] for path in paths)


def _check(spec: str, variables: Mapping[str, Any], inputs: Any = None) -> _Result:
    """Return what is wrong with a specification, its members included."""
    from shapecalc.language.members import find_members  # noqa: PLC0415
    from shapecalc.model.expectations import broken_claims  # noqa: PLC0415
    from shapecalc.network import load  # noqa: PLC0415

    problems: dict[Problem, Problem] = {}  # what members have in common is said once
    claims = count = params = layers = 0
    name, file = spec, spec
    try:
        found = find_members(spec)
    except ShapecalcError as error:
        return _Result(spec, file, 0, 0, "", error.problems, error.exit_status)
    for number, member in enumerate(found):
        file = member.specification.name
        if layers > _MOST_LAYERS:
            large = _too_much(member, number, len(found))
            problems[large] = large
            break
        network = None
        try:
            network = load(member, vars=variables, input=inputs)
            report = network.infer()
        except ShapecalcError as error:
            wrong: Iterable[Problem] = error.problems
            layers += _LAYERS_OF_A_FAILURE + getattr(error, "steps", len(network.graph.nodes) if network else 0)
        else:
            count += 1
            name, params = report.name, report.total.params
            claims += len(report.graph.claims)
            wrong = broken_claims(report)
            layers += len(report.rows)
        for problem in wrong:  # without its hint, which is worked out only for what is shown
            problems.setdefault(problem._replace(mend=""), problem)
    told = f"{name}, {params:,} parameters" if count == 1 else count_noun(count, "network")
    return _Result(spec, file, count, claims, told, tuple(problems.values()), 1 if problems else 0)


def _too_much(member: Member, number: int, members: int) -> Problem:
    """Return the problem that a family is too large to be checked in one."""
    document = member.specification.document
    mark = document.keys["variants"].mark if document else None
    message = f"its variants are too large to be checked all together: only {number:,} of {members:,} were"
    return Problem(message, mark, mend="divide them between several files")


def _text(results: Sequence[_Result], output: str | None) -> None:
    lines = []
    for result in results:
        if result.problems:
            line = clean(f"wrong  {result.spec}: {count_noun(len(result.problems), 'problem')}")
        else:
            held = f"{count_noun(result.claims, 'claim')} held" if result.claims else "nothing claimed"
            line = clean(f"ok     {result.spec}: {result.told}, {held}")
        lines.append(line)
        if output is None:
            emit(line)
        if result.problems:
            show_error(ShapecalcError(result.problems))
    if output is not None:
        emit("\n".join(lines), output)


def _json(results: Sequence[_Result], output: str | None) -> None:
    told = [
        {
            "spec": result.spec,
            "ok": not result.problems,
            "networks": result.networks,
            "claims": result.claims,
            "problems": [_problem(problem) for problem in result.problems],
        }
        for result in results
    ]
    emit_json({"version": 1, "results": told}, output)


def _problem(problem: Problem) -> dict[str, Any]:
    mark = problem.mark
    return {
        "file": mark.source.name if mark else None,
        "line": mark.line or None if mark else None,
        "column": mark.column if mark and mark.line else None,
        "path": mark.path or None if mark else None,
        "layer": problem.layer or None,
        "message": problem.headline,
        "why": list(problem.why),
        "hint": problem.mend or None,
    }


def _github(results: Sequence[_Result], output: str | None) -> None:
    lines = []
    for result in results:
        for problem in result.problems:
            mark = problem.mark
            place = f"file={github_property(mark.source.name if mark else result.spec)}"
            if mark and mark.line:
                place += f",line={mark.line},col={mark.column}"
            words = (problem.headline, *problem.why, *filter(None, problem.mend.split("\n")))
            lines.append(f"::error {place},title=shapecalc::{github(join_lines(words))}")
        if not result.problems:
            lines.append(defuse(clean(f"ok     {result.spec}: {result.told}")))
    emit("\n".join(lines), output, "github")
