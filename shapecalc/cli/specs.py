"""`shapecalc specs`: the bundled networks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import completed, emit, emit_json, layout_of
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.text.units import parse_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.language.members import Member

__all__ = ["command"]


class _Entry(NamedTuple):
    """What is listed of one bundled network."""

    name: str
    title: str
    family: str
    task: str
    inputs: dict[str, tuple[int, ...]]
    params: int
    macs: int
    source: str

    def words(self) -> str:
        """Return what a word is looked for in."""
        return f"{self.name}\n{self.title}\n{self.family}\n{self.task}\n{self.source}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        return {**self._asdict(), "inputs": {name: list(sizes) for name, sizes in self.inputs.items()}}


@click.command(short_help="List the bundled networks, or print one.")
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--family", metavar="NAME", help="Only the members of a family.")
@click.option("--task", metavar="NAME", help="Only those for a task: classification, segmentation, language, …")
@click.option("--max-params", metavar="N", help="Only those with at most so many parameters: 5M, 300k, 25557032.")
@click.option("--min-params", metavar="N", help="Only those with at least so many parameters.")
@click.option("--sort", type=click.Choice(["name", "params", "macs"]), default=None, help="The order of the list.")
@click.option("--show", metavar="NAME", shell_complete=completed("bundled"), help="Print the specification of one.")
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
    """List the bundled networks: parameters, MACs, input size and source. Or print the specification of one.

    A WORD keeps those with it in their name, family, task or source. `shapecalc init NAME` writes a copy.
    """
    if show is not None:
        from shapecalc.language.copies import bundled_text  # noqa: PLC0415  (it reads specifications)

        emit(bundled_text(show), output, "yaml")
        return
    most = parse_count(max_params, "--max-params") if max_params else None
    least = parse_count(min_params, "--min-params") if min_params else 0
    entries = list(_entries())
    entries = _kept(entries, "family", family)
    entries = _kept(entries, "task", task)
    entries = [e for e in entries if least <= e.params and (most is None or e.params <= most)]
    for word in words:
        entries = [entry for entry in entries if word.lower() in entry.words().lower()]
    if sort:
        entries.sort(key=lambda entry: getattr(entry, sort))
    if not entries:
        raise UsageError(Problem("no bundled network is like that", mend="`shapecalc specs` lists all"))
    if format_ == "json":
        emit_json({"version": 1, "specs": [entry.to_dict() for entry in entries]}, output)
    else:
        emit(_table(entries, format_, output), output, format_, "Bundled networks")


def _kept(entries: list[_Entry], field: str, wanted: str | None) -> list[_Entry]:
    if wanted is None:
        return entries
    kept = [entry for entry in entries if getattr(entry, field).lower() == wanted.lower()]
    if not kept:
        known = {getattr(entry, field) for entry in entries}
        raise UsageError(Problem(f"no bundled network has the {field} {wanted}", mend=did_you_mean(wanted, known)))
    return kept


def _entries() -> Iterator[_Entry]:
    from shapecalc.language.files import bundled_members  # noqa: PLC0415
    from shapecalc.language.members import find_members  # noqa: PLC0415

    for path in dict.fromkeys(path for path, _ in bundled_members()):
        for member in find_members(path):
            yield _entry(member)


def _entry(member: Member) -> _Entry:
    """Return what is listed of a network."""
    from shapecalc.network import load  # noqa: PLC0415

    report = load(member).infer()
    document = member.specification.document
    assert document is not None
    stem = member.variant or os.path.splitext(os.path.basename(member.file))[0]
    family, task = document.text("family") or report.name, document.text("task")
    total, source = report.total, report.graph.source
    return _Entry(stem, report.name, family, task, report.inputs, total.params, total.macs, source)


def _table(entries: Sequence[_Entry], format_: str, output: str | None) -> str:
    from shapecalc.renderers.blocks import draw_blocks  # noqa: PLC0415  (JSON needs none)
    from shapecalc.renderers.cells import show_size  # noqa: PLC0415
    from shapecalc.renderers.listing import listing  # noqa: PLC0415

    rows = [
        (e.name, ", ".join(map(show_size, e.inputs.values())), f"{e.params:,}", f"{e.macs:,}", e.task, e.source)
        for e in entries
    ]
    headings = ("name", "input", "params", "MACs", "task", "source")
    width, color = (layout := layout_of(output, format_))["width"], layout["color"]
    table = listing(headings, rows, numbers=(2, 3), spare=(5, 4), cut=(1,), width=width)
    return draw_blocks([table], format_, color=color)
