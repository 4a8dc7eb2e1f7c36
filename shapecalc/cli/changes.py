"""`shapecalc changes`: what changed in the specifications of a git repository between two commits."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.output import emit_answer
from shapecalc.errors import ShapecalcError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.language.revisions import Snapshot
    from shapecalc.questions.changes import Inspected, NetworkChange

__all__ = ["command"]


@click.command(short_help="Show what changed in specifications between two git commits.")
@click.argument("range_", metavar="[COMMIT]", default="HEAD")
@click.argument("patterns", metavar="[PATH]...", nargs=-1, type=click.Path())
@click.option("--staged", is_flag=True, help="Compare what is staged: what the next commit has.")
@click.option("--exit-code", is_flag=True, help="Exit with status 1 if anything changed.")
@output_formats("text", "json", "markdown", "html")
def command(
    range_: str, patterns: Sequence[str], staged: bool, exit_code: bool, format_: str, output: str | None
) -> int:
    """Show what changed in the specifications of a git repository since a commit.

    The working tree is compared with COMMIT, HEAD if it is left out; A..B compares two commits, A...B the common
    ancestor of both with B. PATH is a file, a folder, or a glob in quotes ('models/**/*.yaml'); by default, every YAML
    file of the folder that is a specification. Each network of a family is compared. The exit status is 0 even if one
    has errors now; with --exit-code it is 1 if anything changed.
    """
    from shapecalc.language.revisions import snapshots
    from shapecalc.questions.changes import Changes

    with snapshots(range_, patterns, staged=staged) as (before, after, paths):
        networks = [*_networks(before, after, paths)]
    changes = Changes(before.name, after.name, tuple(networks))
    emit_answer(changes, output, format_, "Changes")
    return 1 if exit_code and changes.changed else 0


def _networks(before: Snapshot, after: Snapshot, paths: Sequence[str]) -> Iterator[NetworkChange]:
    from shapecalc.language.revisions import renamed
    from shapecalc.questions.changes import NetworkChange
    from shapecalc.questions.compare import diff

    edited = {path for path in {**before.texts, **after.texts} if before.texts.get(path) != after.texts.get(path)}
    origins = renamed(before, after) if edited else {}
    origins = {new: old for new, old in origins.items() if old in before.texts and new in paths}
    for path in paths:
        if path in origins.values() and path not in after.texts:
            continue  # it is shown under its new name
        old = origins.get(path, path)
        is_edited = old != path or any(_may_use(path, other) for other in edited)
        now = _inspected(after, path)
        then = _inspected(before, old) if is_edited else now
        for variant in {**then, **now}:
            one, other = then.get(variant), now.get(variant)
            if one and other and path not in edited and _problems_of(one) == _problems_of(other) != []:
                one = other  # broken as before, whatever was edited beside it
            name, was = (f"{file}:{variant}" if variant else file for file in (path, old))
            was = was if was != name and one else ""
            a, b = (side.report if side else None for side in (one, other))
            difference = diff(a, b) if a and b else None
            yield NetworkChange(name, one, other, was, difference)


def _problems_of(side: Inspected) -> list[str]:
    return [f"{problem.mark}: {problem.headline}" for problem in side.problems]


def _may_use(path: str, other: str) -> bool:
    """Return whether a specification may depend on a file: itself, or one in its folder or below."""
    folder = posixpath.dirname(path)
    return path == other or not folder or other.startswith(f"{folder}/")


def _inspected(snapshot: Snapshot, path: str) -> Mapping[str, Inspected]:
    """Return the networks of a specification by their variants: empty if there is no such file."""
    from shapecalc.language.members import read_members
    from shapecalc.questions.changes import Inspected

    if path not in snapshot.texts:
        return {}
    try:
        members: Sequence[Any] = read_members(snapshot.file(path), path)
    except ShapecalcError as error:
        return {"": Inspected(None, tuple(error.problems))}
    return {member.variant: _inferred(member) for member in members}


def _inferred(member: Any) -> Inspected:
    from shapecalc.network import load
    from shapecalc.questions.changes import Inspected

    try:
        return Inspected(load(member).infer())
    except ShapecalcError as error:
        return Inspected(None, tuple(error.problems))
