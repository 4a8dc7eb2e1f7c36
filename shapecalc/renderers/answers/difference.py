"""The differences between two networks, layer by layer, as a table for the terminal or in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.questions.compare import ADDED, CHANGED, REMOVED, SAME, facts_of, telling_totals, totals_of
from shapecalc.renderers.answers.comparison import FIGURES, batch_note
from shapecalc.renderers.blocks import Note, Paragraph, Table, Title, draw_blocks
from shapecalc.renderers.cells import ARGUMENTS, SIZE
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import cell_width, cut_off, shorten, wrap

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.questions.compare import Change, Difference
    from shapecalc.renderers.blocks import Block

__all__ = ["difference_blocks", "draw_difference", "show_change", "sums_in_words"]

_COLUMNS = ("name", "kind", "output", "params", "macs", "arguments")
_HEADINGS = {"name": "Layer", "kind": "Kind", "output": "Output", "params": "Params", "macs": "MACs",
             "arguments": "Arguments"}  # fmt: skip
_NAME_MOST = 28
_NAME_MIN = 12
_ARGUMENTS_MIN = 10
_GAP = 3


def draw_difference(
    difference: Difference, format_: str, width: int | None = None, *, color: bool = False, everything: bool = False
) -> str:
    """Return the differences: a line marked − for the first network, one marked + for the second.

    For a changed layer, the + line has only what changed, and both lines have only the arguments that changed.
    Unchanged layers are counted, or with `everything` shown.
    """
    named = [Title(f"− {_named(difference.before)}"), Title(f"+ {_named(difference.after)}")]
    blocks = difference_blocks(difference, width if format_ == "text" else None, everything=everything)
    return draw_blocks([*named, *blocks], format_, width, color=color)


def difference_blocks(difference: Difference, width: int | None, *, everything: bool = False) -> list[Block]:
    """Return the table of the differences within a width, and the totals below it."""
    columns, lines = list(_COLUMNS), _lines(difference, everything=everything)
    if width is not None:
        columns, lines = _fitted(columns, lines, width)
    headings = ["", *[_HEADINGS[name] for name in columns]]
    numbers = [columns.index(name) + 1 for name in ("params", "macs") if name in columns]
    sides = [difference.before, difference.after]
    body = Table(headings, lines, numbers=numbers) if lines else Paragraph("all layers are the same")
    return [body, *map(Note, [*sums_in_words(difference), *batch_note(sides), *difference.notes])]


def _named(report: Report) -> str:
    inputs = ", ".join("×".join(map(str, sizes)) or "scalar" for sizes in report.inputs.values())
    return f"{clean(report.name) or 'network'}, input {inputs}"


def _lines(difference: Difference, *, everything: bool) -> list[TableLine]:
    lines: list[TableLine] = []
    same = 0
    for change in difference.changes:
        if change.status == SAME and not everything:
            same += 1
            continue
        lines += _skipped(same)
        same = 0
        lines += _change(change)
    return [*lines, *_skipped(same)] if lines else []


def _skipped(same: int) -> list[TableLine]:
    if not same:
        return []
    return [TableLine(("", f"… {count_noun(same, 'unchanged layer')}", *[""] * (len(_COLUMNS) - 1)), "dim")]


def _change(change: Change) -> list[TableLine]:
    """Return the one or two lines of a layer."""
    facts = facts_of(change.before) if change.before else {}, facts_of(change.after) if change.after else {}
    if change.before and change.after and change.status != SAME:
        facts = _differing_arguments(*facts)
    before, after = (_cells(side) if side else {} for side in facts)
    if change.status == SAME:
        return [TableLine((" ", *before.values()), "dim")]
    if change.status == ADDED:
        return [TableLine(("+", *after.values()), "green")]
    if change.status == REMOVED:
        return [TableLine(("−", *before.values()), "red")]
    if change.differing == ("layers",):
        after["arguments"] = "its layers differ"
    new = [value if value != old else "" for value, old in zip(after.values(), before.values(), strict=True)]
    return [TableLine(("−", *before.values()), "red"), TableLine(("+", *new), "green")]


def _differing_arguments(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of a layer before and after, with only the arguments that changed."""
    old, new = before["arguments"], after["arguments"]
    other = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return (
        {**before, "arguments": {name: old[name] for name in other if name in old}},
        {**after, "arguments": {name: new[name] for name in other if name in new}},
    )


def _cells(facts: dict[str, Any]) -> dict[str, str]:
    return {
        "name": facts["name"],
        "kind": facts["kind"],
        "output": SIZE.shown(facts["output"]),
        "params": f"{facts['params']:,}",
        "macs": f"{facts['macs']:,}",
        "arguments": ARGUMENTS.shown(facts["arguments"]),
    }


def _fitted(  # noqa: C901  (each step is a thing to do without)
    columns: list[str], lines: list[TableLine], width: int
) -> tuple[list[str], list[TableLine]]:
    """Return the columns that fit: arguments are wrapped or dropped first, or kinds if arguments changed."""
    table = [list(line.cells) for line in lines]
    for row in table:
        row[1] = shorten(row[1], _NAME_MOST)

    def room() -> int:
        widths = [max(cell_width(row[i]) for row in table) for i in range(len(table[0]) if table else 0)]
        heads = [0, *[cell_width(_HEADINGS[name]) for name in columns]]
        return width - sum(map(max, widths, heads)) - _GAP * (len(widths) - 1)

    def left() -> int:
        """Return the remaining width for the arguments."""
        return room() + max(cell_width(row[-1]) for row in table)

    pairs = _pairs(lines)
    changed = [table[i][-1] for i in pairs if table[i][-1]]
    least = max([_ARGUMENTS_MIN, *(cell_width(word) for text in changed for word in text.split(" "))])
    if table and room() < 0 and left() < least and changed:
        columns, table = [columns[0], *columns[2:]], [[*row[:2], *row[3:]] for row in table]
    if table and left() < least and changed:
        longest = max(_NAME_MIN, max(cell_width(row[1]) for row in table) + left() - least)
        for row in table:
            row[1] = shorten(row[1], longest)
    if table and room() < 0:
        spare = left()
        if spare >= _ARGUMENTS_MIN:
            lines = _wrapped(table, lines, spare, pairs)
            table = [list(line.cells) for line in lines]
        else:
            columns, table = columns[:-1], [row[:-1] for row in table]
    if table and room() < 0 and columns[1] == "kind":
        columns, table = [columns[0], *columns[2:]], [[*row[:2], *row[3:]] for row in table]
    if table and room() < 0:
        longest = max(_NAME_MIN, max(cell_width(row[1]) for row in table) + room())
        for row in table:
            row[1] = shorten(row[1], longest)
    return columns, [TableLine(tuple(row), line.style) for row, line in zip(table, lines, strict=True)]


def _pairs(lines: list[TableLine]) -> set[int]:
    """Return the indices of the two lines of each changed layer: the second has no name where it is the same."""
    return {i for k, line in enumerate(lines) if line.cells[:2] == ("+", "") for i in (k - 1, k)}


def _wrapped(table: list[list[str]], lines: list[TableLine], room: int, whole: set[int]) -> list[TableLine]:
    """Return the lines of a table with the last column cut to `room` cells, or for those that are `whole` wrapped."""
    found = []
    for index, (row, line) in enumerate(zip(table, lines, strict=True)):
        first, *more = wrap(row[-1], room) if index in whole else [cut_off(row[-1], room)]
        found.append(TableLine((*row[:-1], first), line.style))
        found += [TableLine((*[""] * (len(row) - 1), piece), line.style) for piece in more]
    return found


def sums_in_words(difference: Difference) -> list[str]:
    """Return the totals in words."""
    counts = [f"{difference.count(status):,} {words}" for status, words in
              ((CHANGED, "changed"), (ADDED, "added"), (REMOVED, "removed"), (SAME, "the same"))]  # fmt: skip
    before, after = totals_of(difference.before), totals_of(difference.after)
    lines = [f"layers: {', '.join(counts)}"]
    for name in telling_totals((before, after))[:-1]:
        one, other = before[name], after[name]
        if one == other:
            lines += [f"{FIGURES[name]}: {one:,} in both"] if one else []
        else:
            lines.append(f"{FIGURES[name]}: {show_change(one, other, with_amount=True)}")
    return lines


def show_change(one: int, other: int, *, with_amount: bool = False) -> str:
    """Return two different totals in words: `100 → 150 (+50 %)`, or `(+50, +50 %)`."""
    parts = [_signed(other - one)] * with_amount + ([_percent(other - one, one)] if one else [])
    because = f" ({', '.join(parts)})" if parts else ""
    return f"{one:,} → {other:,}{because}"


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−")


def _percent(number: int, whole: int) -> str:
    percent = 100 * number / whole
    if abs(percent) < 0.05:
        return "less than 0.1 %"
    return f"{percent:+,.1f} %".replace("-", "−")
