"""`shapecalc specs`: the bundled networks."""

from __future__ import annotations

import os
import re
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

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


class _Bundled(NamedTuple):
    """What the specification of a bundled network says of it: enough to choose it by, before anything is inferred."""

    name: str
    title: str
    family: str
    task: str
    source: str
    member: Member

    def words(self) -> str:
        """Return the text that is searched for words."""
        return f"{self.name}\n{self.title}\n{self.family}\n{self.task}\n{self.source}"


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
    found = _kept(list(_bundled()), "family", family)
    found = _kept(found, "task", task)
    found = [one for one in found if all(word.lower() in one.words().lower() for word in words)]
    entries = [entry for entry in map(_listed, found) if minimum <= entry.params <= (maximum or entry.params)]
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


def _kept(found: list[_Bundled], field: str, wanted: str | None) -> list[_Bundled]:
    if wanted is None:
        return found
    kept = [one for one in found if getattr(one, field).lower() == wanted.lower()]
    if not kept:
        known = {getattr(one, field) for one in found}
        raise UsageError(Problem(f"no bundled network has the {field} {wanted}", hint=did_you_mean(wanted, known)))
    return kept


def _bundled() -> Iterator[_Bundled]:
    from shapecalc.language.files import bundled_members
    from shapecalc.language.members import find_members

    for path in dict.fromkeys(path for path, _ in bundled_members()):
        for member in find_members(path):
            document, variant = member.specification.document, member.variant
            assert document is not None
            name = variant or os.path.splitext(os.path.basename(path))[0]
            title = document.text("name", variant) or name
            family, task = document.text("family") or title, document.text("task", variant)
            yield _Bundled(name, title, family, task, document.text("source", variant), member)


def _listed(one: _Bundled) -> ListedNetwork:
    """Return the entry of a network in the list, with its figures."""
    from shapecalc.network import load
    from shapecalc.renderers.listing import ListedNetwork

    report = load(one.member).infer()
    total = report.total
    return ListedNetwork(one.name, one.title, one.family, one.task, report.inputs, total.params, total.macs, one.source)
