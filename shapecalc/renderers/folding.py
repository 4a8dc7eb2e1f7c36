"""Repeated blocks and layers as one line: `layers.0–31 ×32`. Counts are added, so that lines add up to the totals.

Where several lines are repeated in turn, each is folded with its own copies: `layers.0, 2, …, 24 ×13`.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.model.rows import ReportLine, sum_rows

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from shapecalc.model.rows import Row

__all__ = ["Lines", "RepeatedLines", "fold", "name_of", "runs_of", "stretches"]

Lines = tuple[ReportLine, ...]
"""Lines that follow one another, and are alike but for their numbers."""

_FEW = 4
"""So many blocks that differ in arguments alone are lines of their own; more of them are one."""
_LONGEST = 64
_LISTED, _RANGES = 4, 3
_NUMBERED = re.compile(r"(.*?)(\d{1,9})")


class RepeatedLines(NamedTuple):
    """Lines that are repeated in turn: groups of the first copy, then those of the next, each as long as `period`.

    What is not repeated is a run of one group.
    """

    groups: tuple[Lines, ...]
    period: int = 1

    @property
    def copies(self) -> int:
        """How many copies of a period there are."""
        return len(self.groups) // self.period

    @property
    def name(self) -> str:
        """The names of all, as one: `layers.0–25`."""
        first, last = self.groups[0][0], self.groups[-1][-1]
        stems = {line.name.removesuffix(_number(line)) for line in chain(*self.groups[: self.period])}
        return name_of([(first, last)]) if len(stems) == 1 else f"{first.name}–{last.name}"

    @property
    def members(self) -> list[tuple[Lines, ...]]:
        """The groups of one period, each with its copies."""
        return [self.groups[index :: self.period] for index in range(self.period)]


def fold(lines: Sequence[ReportLine]) -> list[ReportLine]:
    """Return the lines with those that are repeated, alike but for their numbers, as one.

    Lines of blocks are folded wherever they follow one another, or take turns; those of layers only where one item is
    repeated. Many blocks whose layers differ only in their arguments are one as well: `differences` shows these.
    """
    return [_folded(groups) for run in runs_of(lines) for groups in run.members]


def runs_of(lines: Sequence[ReportLine]) -> list[RepeatedLines]:
    """Return the lines in runs, so that as few lines as possible are left where each repeated one is shown once."""
    keys = _keys(lines)
    groups = [group for stretch in _stretches(keys) for group in _groups_of(keys, stretch)]
    runs, at = [], 0
    for period, copies in _periods(keys, groups):
        end = at + period * copies
        runs.append(RepeatedLines(tuple([tuple(lines[i] for i in group) for group in groups[at:end]]), period))
        at = end
    return runs


def stretches(lines: Sequence[ReportLine]) -> Iterator[Lines]:
    """Yield lines of blocks that follow one another, alike but for their numbers and the arguments of their layers."""
    for stretch in _stretches(_keys(lines)):
        found = tuple([lines[i] for i in stretch])
        if len(found) > 1 and found[0].is_block:
            yield found


class _Key(NamedTuple):
    """What a line is but for its number: with the arguments of its layers, and for a block without them."""

    exact: Hashable
    loose: Hashable
    number: int


def _keys(lines: Sequence[ReportLine]) -> list[_Key]:
    ids: dict[Hashable, int] = {}
    known: dict[tuple[int, int], str] = {}
    return [_key(line, index, ids, known) for index, line in enumerate(lines)]


def _key(line: ReportLine, index: int, ids: dict[Hashable, int], known: dict[tuple[int, int], str]) -> _Key:
    """Return the key of a line: one of its own if it has no number, or is a layer that no item repeats."""
    found = _NUMBERED.fullmatch(line.name)
    mark = line.rows[0].node.mark
    if not found or not (line.is_block or mark):
        return _Key(-1 - index, -1 - index, 0)
    what = found[1], line.kind, line.shares, line.is_block or id(mark), tuple([_inside(row, line) for row in line.rows])
    arguments = tuple([_arguments(row, known) for row in line.rows])
    exact = ids.setdefault((what, arguments), len(ids))
    loose = ids.setdefault(what, len(ids)) if line.is_block else exact
    return _Key(exact, loose, int(found[2]))


def _inside(row: Row, line: ReportLine) -> Hashable:
    """Return what a layer is within its line: its name, its inputs from inside, the sizes of all, and its counts."""
    own = f"{line.name}."
    names = tuple([name.removeprefix(own) if name.startswith(own) else "" for name in (row.name, *row.from_)])
    return names, row.kind, row.sizing.inputs, row.total


def _arguments(row: Row, known: dict[tuple[int, int], str]) -> str:
    """Return the arguments of a layer, which are worked out once for those that are equal and have equal inputs."""
    key = id(row.node.layer), id(row.sizing)
    if key not in known:
        known[key] = repr(sorted(row.arguments.items()))
    return known[key]


def _stretches(keys: Sequence[_Key]) -> list[range]:
    """Return the numbers of lines that follow one another, alike but for arguments, together."""
    found: list[range] = []
    for index, key in enumerate(keys):
        last = keys[index - 1] if found else None
        if last and (key.loose, key.number) == (last.loose, last.number + 1):
            found[-1] = range(found[-1].start, index + 1)
        else:
            found.append(range(index, index + 1))
    return found


def _groups_of(keys: Sequence[_Key], stretch: range) -> list[range]:
    """Return a stretch in parts that have the same arguments; in one, if these were more than a few lines."""
    starts = [index for index in stretch if index == stretch.start or keys[index].exact != keys[index - 1].exact]
    groups = [range(start, end) for start, end in zip(starts, [*starts[1:], stretch.stop], strict=True)]
    shown = sum(period for period, _ in _periods(keys, groups)) if len(groups) > _FEW else 0
    return [stretch] if shown > _FEW else groups


def _periods(keys: Sequence[_Key], groups: Sequence[range]) -> list[tuple[int, int]]:
    """Return how many groups are a period, and how often it is repeated, so that the sum of all periods is smallest."""
    kinds = [tuple([keys[index].exact for index in group]) for group in groups]
    if len(set(kinds)) == len(kinds):
        return [(1, 1)] * len(kinds)
    numbers = [keys[group.start].number for group in groups]
    longest = min(len(groups) // 2, _LONGEST)
    matched = [0] * (longest + 1)  # by period: how many groups before are as those before them
    best, chosen = [0], [(1, 1)]
    copies_at: list[dict[int, int]] = [{}]  # by the end of a run, and its period: how many copies are best
    for at, kind in enumerate(kinds):
        end, least, choice = at + 1, best[at] + 1, (1, 1)
        here: dict[int, int] = {}
        for period in range(2, min(longest, at) + 1):
            step = numbers[at] - numbers[at - period]
            if kinds[at - period] != kind or step <= 0:
                matched[period] = 0
                continue
            is_even = matched[period] < period or numbers[at - period] - numbers[at - 2 * period] == step
            matched[period] = matched[period] + 1 if is_even else period
            most = matched[period] // period + 1
            if most > 1:  # two copies, one more than those before, or as many as there are
                longer = copies_at[end - period].get(period, 1) + 1
                before, copies = min([(best[end - period * copies], copies) for copies in {2, min(longer, most), most}])
                here[period] = copies
                if before + period < least:
                    least, choice = before + period, (period, copies)
        best.append(least)
        chosen.append(choice)
        copies_at.append(here)
    found, end = [], len(groups)
    while end:
        found.append(chosen[end])
        end -= chosen[end][0] * chosen[end][1]
    return found[::-1]


def name_of(groups: Sequence[Lines]) -> str:
    """Return the names of lines together: `layers.0–31`, `layers.0, 2, …, 24`, `layers.0–4, 6–10, …, 18–22`."""
    first, last = groups[0], groups[-1]
    if len(groups) == 1:
        return first[0].name if len(first) == 1 else f"{first[0].name}–{_number(first[-1])}"
    parts = ["–".join(dict.fromkeys([_number(group[0]), _number(group[-1])])) for group in groups]
    if len(parts) > (_LISTED if len(first) == len(last) == 1 else _RANGES):
        parts[2:-1] = ["…"]
    return first[0].name.removesuffix(_number(first[0])) + ", ".join(parts)


def _number(line: ReportLine) -> str:
    found = _NUMBERED.fullmatch(line.name)
    return found[2] if found else line.name


def _folded(groups: Sequence[Lines]) -> ReportLine:
    lines = list(chain(*groups))
    first, last = lines[0], lines[-1]
    if first is last:
        return first
    rows = tuple([row for line in lines for row in line.rows])
    return first._replace(
        name=f"{name_of(groups)} ×{len(lines):,}", output_shapes=last.output_shapes, total=sum_rows(rows),
        activations=sum(line.activations for line in lines), rows=rows, copies=len(lines),
    )  # fmt: skip
