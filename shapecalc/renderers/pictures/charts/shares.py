"""Where the parameters, MACs and bytes of outputs are: a bar for each line of a report, as in `summary --shares`."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.cells import UNKNOWN, show_bytes
from shapecalc.renderers.columns import COLUMNS, check_columns
from shapecalc.renderers.footer import incomplete
from shapecalc.renderers.pictures.charts.bars import ROW, Bar, bars, names, width_of
from shapecalc.renderers.pictures.charts.heads import TEXT, chart
from shapecalc.renderers.pictures.letters import text_width
from shapecalc.renderers.pictures.scene import Label, polyline
from shapecalc.renderers.view import View
from shapecalc.text.given import read_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.model.report import Report
    from shapecalc.renderers.pictures.scene import Mark, Scene

__all__ = ["OF", "draw"]

OF = {"params": "Parameters", "macs": "MACs", "output_bytes": "Output bytes"}
"""What the shares may be of: names of columns, and the headings in the picture."""

_WORDS = {"params": "parameters", "macs": "MACs", "output_bytes": "output bytes"}

MOST = 40
"""Lines that are shown; the smallest of more are one line."""

_MANY, _DENSE = 32, 15.0
"""More lines than this are closer together: a slide of 40 is legible."""

_ROOM = 130.0
_WIDEST_NAME = 210.0
_GAP = 28.0


class _Column(NamedTuple):
    """The amounts of all lines, None where they are not known, and their sum."""

    name: str
    amounts: list[int | None]
    total: int

    def share(self, index: int) -> Fraction:
        """Return the share of a line."""
        return Fraction(self.amounts[index] or 0, self.total or 1)

    def words(self, amount: int | None) -> str:
        """Return an amount as tables have it."""
        if self.name != "output_bytes" or amount is None:
            return COLUMNS[self.name].sort.shown(amount)
        return show_bytes(amount)

    def bars(self, shown: Sequence[int], others: Sequence[int]) -> list[Bar]:
        """Return the bars of lines, and one of the others together."""
        found = [Bar(self.words(self.amounts[index]), self.share(index)) for index in shown]
        rest = sum([self.amounts[index] or 0 for index in others])
        return [*found, Bar(self.words(rest), Fraction(rest, self.total or 1), "pale")] if others else found


def draw(report: Report, of: Any = tuple(OF), depth: int | str | None = "auto") -> Scene:
    """Return the shares of the lines at a depth. `of` are names of `OF`, in a list or with commas.

    Errors: `UsageError` for another name, or a depth that is none.
    """
    asked = [word.strip() for word in of.split(",")] if isinstance(of, str) else read_names(of, "of")
    known = {name: COLUMNS[name] for name in OF}
    view = View(report, depth=depth)
    lines = [line for line in view.all_lines if line.rows]
    columns = []
    for name in check_columns([word for word in asked if word], known):
        amounts = known[name].values(report, lines)
        columns.append(_Column(name, amounts, sum(filter(None, amounts))))
    shown, others, without = _chosen(columns, len(lines))
    rows = [clean(lines[index].name) for index in shown] + ([count_noun(len(others), "other")] if others else [])
    words = [_WORDS[column.name] for column in columns]
    listed = " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    about = f"Where the {listed} are, by layer{' or block' if any(line.is_block for line in lines) else ''}"
    marks = list(_drawn(rows, {column.name: column.bars(shown, others) for column in columns}, columns))
    notes = [incomplete(report), *_notes(report, columns, without, others)]
    return chart(marks, view.title, about, filter(None, notes))


def _chosen(columns: Sequence[_Column], count: int) -> tuple[list[int], list[int], int]:
    """Return the lines that are shown, those that are one line together, and how many have nothing to show."""
    largest = [
        max([Fraction(2) if column.amounts[index] is None else column.share(index) for column in columns])
        for index in range(count)
    ]
    some = [index for index, share in enumerate(largest) if share]
    ranked = sorted(some, key=lambda index: -largest[index])
    kept = set(ranked if len(ranked) <= MOST else ranked[: MOST - 1])
    return [i for i in some if i in kept], [i for i in some if i not in kept], count - len(some)


def _notes(report: Report, columns: Sequence[_Column], without: int, others: Sequence[int]) -> Iterator[str]:
    if without:
        yield f"Not shown: {count_noun(without, 'line')} without {' or '.join(_WORDS[one.name] for one in columns)}."
    if others:
        yield "Others: lines with smaller or equal shares."
    unknown = {index for column in columns for index, amount in enumerate(column.amounts) if amount is None}
    if unknown:
        yield f"{UNKNOWN}: not known, of {count_noun(len(unknown), 'line')}; totals are of the others."
    if any(column.name == "output_bytes" for column in columns):
        of = "one sample" if report.batch == 1 else f"a batch of {report.batch:,}"
        yield f"Bytes: outputs in fp32, for {of}; 1 KiB is 1,024 bytes."


def _drawn(rows: Sequence[str], drawn: Mapping[str, Sequence[Bar]], columns: Sequence[_Column]) -> Iterator[Mark]:
    room = min(max([text_width(name, TEXT) for name in (*rows, "total")]), _WIDEST_NAME)
    row = ROW if len(rows) <= _MANY else _DENSE
    bottom, x = row * len(rows), room + 12
    yield from names(rows, room, 0, room, row)
    yield Label(room, bottom + 19, "total", TEXT, "right", bold=True, key="total")
    for column in columns:
        own, total = drawn[column.name], column.words(column.total)
        yield Label(x, -11, OF[column.name], TEXT, bold=True, key=f"head {column.name}")
        yield from bars(own, x, 0, _ROOM, column.name, row)
        yield Label(x + 6, bottom + 19, total, TEXT, bold=True, key=f"total {column.name}")
        heads = text_width(OF[column.name], TEXT, bold=True), text_width(total, TEXT, bold=True) + 6
        x += max(width_of(own, _ROOM) if own else _ROOM, *heads) + _GAP
    yield polyline(((0, bottom + 3), (x - _GAP, bottom + 3)))
