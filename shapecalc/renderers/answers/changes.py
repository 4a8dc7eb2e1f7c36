"""What changed in specifications between two commits: as text, and for pull requests as a table in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.questions.changes import ADDED, BROKEN, CHANGED, REMOVED
from shapecalc.questions.compare import totals_of
from shapecalc.renderers.answers.difference import difference_blocks, show_change
from shapecalc.renderers.blocks import Code, Details, Note, Paragraph, Table, Title, draw_blocks
from shapecalc.renderers.cells import NOTHING, SIZE
from shapecalc.renderers.drawing import TableLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.model.report import Report
    from shapecalc.questions.changes import Changes, NetworkChange
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_changes"]

_FIGURES = {"params": "params", "macs": "MACs", "activations": "activations"}
_STYLES = {ADDED: "green", REMOVED: "red", BROKEN: "red"}
_MOST_PROBLEMS = 10
"""As many errors are shown of a network: `check` has all of them."""


def draw_changes(changes: Changes, format_: str, width: int | None = None, *, color: bool = False) -> str:
    """Return a table of the networks that changed, and below it how each of them did; as text, only the latter."""
    if not changes.networks:
        blocks: list[Block] = [Paragraph("there are no specifications here")]
    elif not changes.changed:
        blocks = [Paragraph(f"{count_noun(len(changes.networks), 'network')}: nothing has changed")]
    else:
        room = width if format_ == "text" else None
        whole = len(changes.networks)
        title = f"{len(changes.changed):,} of {count_noun(whole, 'network')} changed"
        table = Table(
            ["network", "", *_FIGURES.values(), "output"], [*map(_line, changes.changed)], numbers=(2, 3, 4)
        )  # fmt: skip
        shown = [one for one in changes.changed if format_ == "text" or one.status in (CHANGED, BROKEN)]
        details = [Details(_title(one), [*_details(one, room)]) for one in shown]
        blocks = [Title(title), *([] if format_ == "text" else [table]), *details]
    blocks.append(Note(f"{clean(changes.before)} → {clean(changes.after)}"))
    return draw_blocks(blocks, format_, width, color=color)


def _title(one: NetworkChange) -> str:
    was = f", was {one.was}" if one.was else ""
    return clean(f"{one.status}: {one.name}{was}")


def _line(one: NetworkChange) -> TableLine:
    """Return the line of a network: its totals before and after, or the ones that it has."""
    reports = [side.report if side else None for side in (one.before, one.after)]
    totals = [totals_of(report) if report else {} for report in reports]
    sizes = [_sizes(report) if report else "" for report in reports]
    cells = [_cell(*(total.get(figure) for total in totals)) for figure in _FIGURES]
    output = " → ".join(dict.fromkeys(filter(None, sizes))) or NOTHING
    was = f" (was {one.was})" if one.was else ""
    return TableLine((f"{one.name}{was}", one.status, *cells, output), _STYLES.get(one.status, ""))


def _cell(before: int | None, after: int | None) -> str:
    if before is None or after is None or before == after:
        found = after if before is None else before
        return NOTHING if found is None else f"{found:,}"
    return show_change(before, after)


def _sizes(report: Report) -> str:
    return ", ".join(SIZE.shown([list(sizes)]) for sizes in report.outputs.values())


def _details(one: NetworkChange, width: int | None) -> Iterator[Block]:
    """Yield what is shown of a network below its name."""
    if one.status == CHANGED and one.difference:
        yield from difference_blocks(one.difference, width)
        for what, sides in (("input", "inputs"), ("output", "outputs")):
            before, after = (getattr(report, sides) for report in one.difference[:2])
            if before != after:
                shown = (", ".join(SIZE.shown([list(sizes)]) for sizes in side.values()) for side in (before, after))
                yield Note(f"{what}: {' → '.join(shown)}")
    elif one.status == BROKEN and one.after:
        yield Code([line for problem in one.after.problems[:_MOST_PROBLEMS] for line in problem.lines()])
        if len(one.after.problems) > _MOST_PROBLEMS:
            yield Note(f"and {count_noun(len(one.after.problems) - _MOST_PROBLEMS, 'more error')}")
    elif one.status == ADDED and one.after and one.after.report:
        totals = totals_of(one.after.report)
        yield Note(", ".join(f"{totals[name]:,} {words}" for name, words in _FIGURES.items()))
    if one.status == CHANGED and one.before and one.before.report is None:
        yield Note("it had errors before")
