"""`shapecalc check`: whether specifications are valid, and their expectations met."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    input_option,
    layout_option,
    read_inputs,
    read_settings,
    set_option,
    sized_network,
    spec_argument,
)
from shapecalc.cli.output import emit, emit_json, show_error, terminal_width, warn
from shapecalc.errors import Problem, ShapecalcError, SpecError, UsageError, count_noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shapecalc.language.members import Member
    from shapecalc.renderers.answers.check import Checked

__all__ = ["command"]

_MOST_LAYERS = 100_000
"""The maximum total number of layers of the members of a family that are checked: seconds."""

_LAYERS_OF_A_FAILURE = 1_000
"""The number of layers that a member with errors counts as, in addition to the layers that were expanded."""


@click.command(short_help="Check specifications and their expectations.")
@spec_argument("specs", "[SPEC]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check every bundled specification too.")
@click.option(
    "--skip-others",
    is_flag=True,
    help="For pre-commit: skip YAML files that are no specifications, and check what uses the others too.",
)
@set_option
@input_option
@layout_option
@output_formats("text", "json", "markdown", "html", "github")
def command(
    specs: Sequence[str],
    every: bool,
    skip_others: bool,
    settings: Sequence[str],
    inputs: Sequence[str],
    layout: str | None,
    format_: str,
    output: str | None,
) -> int:
    """Check specifications and their expectations (`expect:`), and print one line for each file.

    A file that describes a family is checked with all its variants. --format github prints annotations for
    GitHub Actions. The exit status is 1 when anything is wrong.
    """
    if not specs and not every:
        raise click.UsageError("give a SPEC to check, or --all for the bundled ones")
    variables = read_settings(settings)
    if skip_others:
        specs = _without_others(specs)
    names = [*specs, *(_bundled() if every else ())]
    sizes = read_inputs(inputs)
    results = (_check(name, variables, sizes, layout or "") for name in names)
    if format_ == "text" and output is None:
        return max([_shown(result) for result in results], default=0)
    checked = [*results]
    _show(checked, format_, output)
    return max((result.exit_status for result in checked), default=0)


def _shown(result: Checked) -> int:
    """Print the verdict on a specification as soon as it is known, and its problems; return the exit status."""
    from shapecalc.renderers.answers.check import draw_verdict

    emit(draw_verdict(result, terminal_width()))
    _show_problems(result)
    return result.exit_status


def _show_problems(result: Checked) -> None:
    if result.problems:
        show_error(SpecError(result.problems, warnings=result.warnings))
    else:
        warn(result.warnings)


def _show(results: Sequence[Checked], format_: str, output: str | None) -> None:
    from shapecalc.renderers.answers.check import check_contract, draw_annotations, draw_table, draw_verdict

    if format_ == "json":
        emit_json(check_contract(results), output)
    elif format_ == "github":
        emit("\n".join(draw_annotations(results)), output, "github")
    elif format_ != "text":
        emit(draw_table(results, format_), output, format_, "What was checked")
    else:
        emit("\n".join(map(draw_verdict, results)), output)
        for result in results:
            _show_problems(result)


def _without_others(specs: Sequence[str]) -> list[str]:
    """Return the specifications among files, and those of the repository that use one of these."""
    from shapecalc.language.revisions import users_of

    others = {spec for spec in specs if _is_other(spec)}
    try:
        used, users = users_of(specs)
    except UsageError:  # without git
        used, users = [], []
    return [*[spec for spec in specs if spec not in others or spec in used], *users]


def _is_other(spec: str) -> bool:
    """Return whether a file is YAML, but no specification; not where it cannot be read, which is an error of it."""
    from shapecalc.language.files import read_bytes
    from shapecalc.language.recognition import is_specification

    try:
        return spec.endswith((".yaml", ".yml")) and os.path.isfile(spec) and not is_specification(read_bytes(spec))
    except ShapecalcError:
        return False


def _bundled() -> Iterator[str]:
    from shapecalc.language.files import bundled_members

    paths = dict.fromkeys(path for path, _ in bundled_members())
    return (os.path.splitext(os.path.basename(path))[0] for path in paths)


def _check(spec: str, variables: Mapping[str, Any], inputs: Any, layout: str) -> Checked:
    """Return the problems of a specification, its members included."""
    from shapecalc.language.block_files import is_of_blocks
    from shapecalc.language.members import Member, find_origins
    from shapecalc.renderers.answers.check import Checked

    problems: dict[Problem, Problem] = {}  # a problem that members share is listed once
    warnings: dict[Problem, None] = {}
    notes: dict[str, None] = {}
    expectations = unchecked = count = params = layers = 0
    name = spec
    try:
        found = find_origins(spec)
    except ShapecalcError as error:
        return Checked(spec, 0, 0, "", error.problems, (), error.exit_status)
    if len(found) == 1 and isinstance(found[0], Member) and is_of_blocks(found[0].specification):
        return _check_blocks(spec, found[0])
    for number, member in enumerate(found):
        if layers > _MOST_LAYERS:
            large = _too_much(member, number, len(found))
            problems[large] = large
            break
        network = None
        try:
            network = sized_network(member, variables, inputs, layout)
            warnings.update(dict.fromkeys(network.warnings))
            report = network.infer()
            notes.update(dict.fromkeys(report.notes))
        except ShapecalcError as error:
            wrong: Iterable[Problem] = error.problems
            warnings.update(dict.fromkeys(getattr(error, "warnings", ())))
            layers += _LAYERS_OF_A_FAILURE + getattr(error, "steps", len(network.graph.nodes) if network else 0)
        else:
            count += 1
            name, params = report.name, report.total.params
            expectations += len(report.graph.expectations)
            if (variables or inputs) and not report.graph.expectations:
                unchecked += _count_of_expectations(member)
            wrong = network.unmet(report)
            layers += len(report.rows)
        for problem in wrong:  # without its hint, which is computed only for what is shown
            problems.setdefault(problem._replace(hint="", copies=1), problem)
    summary = f"{name}, {count_noun(params, 'parameter')}" if count == 1 else count_noun(count, "network")
    return Checked(
        spec, count, expectations, summary, tuple(problems.values()), (*warnings,), 1 if problems else 0, (*notes,),
        unchecked,
    )  # fmt: skip


def _check_blocks(spec: str, member: Member) -> Checked:
    """Return the problems of a file that has only blocks, for specifications that use it."""
    from shapecalc.language.block_files import problems_of_blocks
    from shapecalc.renderers.answers.check import Checked

    problems = problems_of_blocks(member.specification)
    document = member.specification.document
    summary = f"{count_noun(len(document.blocks) if document else 0, 'block')}, no network"
    return Checked(spec, 0, 0, summary, problems, (), 1 if problems else 0)


def _count_of_expectations(member: Any) -> int:
    """Return how many expectations a specification has with its own values; 0 if it needs others (a dynamic input)."""
    from shapecalc.network import load

    try:
        return len(load(member).graph.expectations)
    except ShapecalcError:
        return 0


def _too_much(member: Any, number: int, members: int) -> Problem:
    """Return the problem of a family that is too large to be checked at once."""
    document = member.specification.document
    mark = document.keys["variants"].mark if document else None
    message = f"the variants are too large to check all together: only {number:,} of {members:,} were checked"
    return Problem(message, mark, hint="split them over several files")
