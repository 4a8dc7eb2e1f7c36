"""`shapecalc specs`: the bundled networks."""

from __future__ import annotations

import os
import re
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats, read_show
from shapecalc.cli.options import DIRECTION, OneOf, completed
from shapecalc.cli.output import emit, emit_json, layout_of
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.text.units import parse_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.language.members import Member
    from shapecalc.renderers.listing import ListedNetwork

__all__ = ["command"]


@click.command(short_help="List the bundled networks, or print one.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option(
    "--family", metavar="NAME", shell_complete=completed("families"), help="List only the members of a family."
)
@click.option(
    "--task",
    metavar="NAME",
    shell_complete=completed("tasks"),
    help="List only networks for a task: classification, segmentation, language, …",
)
@click.option("--max-params", metavar="N", help="List only networks with at most N parameters: 5M, 300k, 25557032.")
@click.option("--min-params", metavar="N", help="List only networks with at least N parameters.")
@click.option(
    "--sort", type=OneOf([f"{sign}{column}" for column in ("name", "params", "macs") for sign in ("", "-")]),
    metavar="COLUMN", help=f"Sort by name, params or macs, {DIRECTION.format('params')}.",
)  # fmt: skip
@click.option(
    "--show", metavar="NAME", is_eager=True, callback=read_show, shell_complete=completed("bundled"),
    help="Print the specification of a network.",
)  # fmt: skip
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    words: Sequence[str],
    family: str | None,
    task: str | None,
    max_params: str | None,
    min_params: str | None,
    sort: str | None,
    show: str | None,
    format_: str,
    output: str | None,
) -> None:
    """List the bundled networks with parameters, MACs, input size and source, or print the specification of one.

    With WORD, list only networks with it in their name, family, task or source. `shapecalc init NAME` writes a copy.
    """
    if show is not None:
        if words:
            raise click.UsageError(f"--show prints one specification: leave out {words[0]}")
        from shapecalc.language.copies import bundled_text  # it reads specifications

        emit(bundled_text(show), output, "yaml")
        return
    maximum = parse_count(max_params, "--max-params") if max_params else None
    minimum = parse_count(min_params, "--min-params") if min_params else 0
    entries = list(_entries())
    entries = _kept(entries, "family", family)
    entries = _kept(entries, "task", task)
    entries = [e for e in entries if minimum <= e.params and (maximum is None or e.params <= maximum)]
    for word in words:
        entries = [entry for entry in entries if word.lower() in entry.words().lower()]
    if sort:
        entries.sort(key=attrgetter(sort.lstrip("-")), reverse=sort.startswith("-"))
    if not entries:
        from shapecalc.language.files import bundled_members

        names = [name for _, name in bundled_members()]
        beginnings = [re.split(r"v?\d|[-_.]", name)[0] for name in names]  # mobilenet of mobilenet_v2
        near = did_you_mean(words[0], [*names, *beginnings], lists=False) if len(words) == 1 else ""
        raise UsageError(Problem("no bundled network matches", hint=near or "`shapecalc specs` lists all"))
    if format_ == "json":
        emit_json({"version": 1, "specs": [entry.to_dict() for entry in entries]}, output)
    else:
        from shapecalc.renderers.listing import draw_networks

        emit(draw_networks(entries, format_, **layout_of(output, format_)), output, format_, "Bundled networks")


def _kept(entries: list[ListedNetwork], field: str, wanted: str | None) -> list[ListedNetwork]:
    if wanted is None:
        return entries
    kept = [entry for entry in entries if getattr(entry, field).lower() == wanted.lower()]
    if not kept:
        known = {getattr(entry, field) for entry in entries}
        raise UsageError(Problem(f"no bundled network has the {field} {wanted}", hint=did_you_mean(wanted, known)))
    return kept


def _entries() -> Iterator[ListedNetwork]:
    from shapecalc.language.files import bundled_members
    from shapecalc.language.members import find_members

    for path in dict.fromkeys(path for path, _ in bundled_members()):
        for member in find_members(path):
            yield _entry(member)


def _entry(member: Member) -> ListedNetwork:
    """Return the entry of a network in the list."""
    from shapecalc.network import load
    from shapecalc.renderers.listing import ListedNetwork

    report = load(member).infer()
    document = member.specification.document
    assert document is not None
    stem = member.variant or os.path.splitext(os.path.basename(member.file))[0]
    family, task = document.text("family") or report.name, document.text("task")
    total, source = report.total, report.graph.source
    return ListedNetwork(stem, report.name, family, task, report.inputs, total.params, total.macs, source)
