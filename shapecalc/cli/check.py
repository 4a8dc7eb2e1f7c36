"""`shapecalc check`: whether specifications are right, and what they claim of themselves is so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from shapecalc.cli.options import emit, emit_json, read_settings, show_error, warn
from shapecalc.errors import Problem, ShapecalcError, SpecError, count_noun
from shapecalc.escaping import clean, github, github_property, join_lines

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
    warnings: tuple[Problem, ...]
    exit_status: int


@click.command(short_help="Check specifications, and what they claim of themselves.")
@click.argument("specs", metavar="SPEC...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check every bundled specification as well.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Give a variable another value.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    help="github writes the annotations of its workflows.",
)
def command(specs: Sequence[str], every: bool, settings: Sequence[str], format_: str) -> int:
    """Check specifications and what they claim under `expect:`; one line for each file.

    A family's file is checked with all its members. Exits with 1 when anything is wrong.
    """
    if not specs and not every:
        raise click.UsageError("give a SPEC to check, or --all for the bundled ones")
    variables = read_settings(settings)
    names = [*specs, *(_bundled() if every else ())]
    results = [_check(name, variables) for name in names]
    {"text": _text, "json": _json, "github": _github}[format_](results)
    return max(result.exit_status for result in results)


def _bundled() -> Iterator[str]:
    from shapecalc.language.files import bundled_members  # noqa: PLC0415

    paths = dict.fromkeys(path for path, _ in bundled_members())
    return (os.path.splitext(os.path.basename(path))[0] for path in paths)


def _check(spec: str, variables: Mapping[str, Any]) -> _Result:
    """Return what is wrong with a specification, its members included."""
    from shapecalc.language.members import find_members  # noqa: PLC0415
    from shapecalc.network import load  # noqa: PLC0415

    problems: dict[Problem, Problem] = {}  # what members have in common is said once
    warnings: dict[Problem, None] = {}
    claims = count = params = layers = 0
    name, file = spec, spec
    try:
        found = find_members(spec)
    except ShapecalcError as error:
        return _Result(spec, file, 0, 0, "", error.problems, (), error.exit_status)
    for number, member in enumerate(found):
        file = member.specification.name
        if layers > _MOST_LAYERS:
            large = _too_much(member, number, len(found))
            problems[large] = large
            break
        network = None
        try:
            network = load(member, vars=variables)
            warnings.update(dict.fromkeys(network.warnings))
            report = network.infer()
        except ShapecalcError as error:
            wrong: Iterable[Problem] = error.problems
            warnings.update(dict.fromkeys(getattr(error, "warnings", ())))
            layers += _LAYERS_OF_A_FAILURE + getattr(error, "steps", len(network.graph.nodes) if network else 0)
        else:
            count += 1
            name, params = report.name, report.total.params
            claims += len(report.graph.claims)
            wrong = network.unmet(report)
            layers += len(report.rows)
        for problem in wrong:  # without its hint, which is worked out only for what is shown
            problems.setdefault(problem._replace(mend="", copies=1), problem)
    told = f"{name}, {params:,} parameters" if count == 1 else count_noun(count, "network")
    return _Result(spec, file, count, claims, told, tuple(problems.values()), (*warnings,), 1 if problems else 0)


def _too_much(member: Member, number: int, members: int) -> Problem:
    """Return the problem that a family is too large to be checked in one."""
    document = member.specification.document
    mark = document.keys["variants"].mark if document else None
    message = f"its variants are too large to be checked all together: only {number:,} of {members:,} were"
    return Problem(message, mark, mend="divide them between several files")


def _text(results: Sequence[_Result]) -> None:
    for result in results:
        if result.problems:
            emit(clean(f"wrong  {result.spec}: {count_noun(len(result.problems), 'problem')}"))
            show_error(SpecError(result.problems, warnings=result.warnings))
        else:
            held = f"{count_noun(result.claims, 'claim')} held" if result.claims else "nothing claimed"
            warned = f", {count_noun(len(result.warnings), 'warning')}" if result.warnings else ""
            emit(clean(f"ok     {result.spec}: {result.told}, {held}{warned}"))
            warn(result.warnings)


def _json(results: Sequence[_Result]) -> None:
    told = [
        {
            "spec": result.spec,
            "ok": not result.problems,
            "networks": result.networks,
            "claims": result.claims,
            "problems": [problem.to_dict() for problem in result.problems],
            "warnings": [warning.to_dict() for warning in result.warnings],
        }
        for result in results
    ]
    emit_json({"version": 1, "results": told})


def _github(results: Sequence[_Result]) -> None:
    for result in results:
        found = [*[("error", problem) for problem in result.problems], *[("warning", odd) for odd in result.warnings]]
        for level, problem in found:
            mark = problem.mark
            place = f"file={github_property(mark.source.name if mark else result.spec)}"
            if mark and mark.line:
                place += f",line={mark.line},col={mark.column}"
            lines = (problem.headline, *problem.why, *filter(None, problem.mend.split("\n")))
            emit(f"::{level} {place},title=shapecalc::{github(join_lines(lines))}", format_="github")
        if not result.problems:
            emit(clean(f"ok     {result.spec}: {result.told}"))
