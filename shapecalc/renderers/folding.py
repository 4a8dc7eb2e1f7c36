"""Repeated blocks and layers as one line: `layers.0–31 ×32`. Counts are added, so that lines add up to the totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.model.rows import ReportLine, sum_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.rows import Row

__all__ = ["fold"]

_NUMBERED = re.compile(r"(.*?)(\d{1,9})")


def fold(lines: Sequence[ReportLine]) -> list[ReportLine]:
    """Return the lines with those that follow one another, alike but for their numbers, as one.

    Lines of blocks are folded wherever they follow one another, those of layers only where one item is repeated.
    """
    runs: list[list[ReportLine]] = []
    for line in lines:
        if runs and _follows(line, runs[-1][-1]):
            runs[-1].append(line)
        else:
            runs.append([line])
    return [_folded(run) if len(run) > 1 else run[0] for run in runs]


def _follows(line: ReportLine, before: ReportLine) -> bool:
    if not line.may_repeat(before):
        return False
    number, last = _NUMBERED.fullmatch(line.name), _NUMBERED.fullmatch(before.name)
    if not number or not last or number[1] != last[1] or int(number[2]) != int(last[2]) + 1:
        return False
    return _is_alike(line, before)


def _is_alike(line: ReportLine, before: ReportLine) -> bool:
    """Return whether lines are the same but for names: the same layers, each with the same arguments and inputs."""
    if (line.kind, line.shares, len(line.rows)) != (before.kind, before.shares, len(before.rows)):
        return False
    pairs = zip(line.rows, before.rows, strict=True)
    return all(_inside(row, line) == _inside(other, before) and _has_same_arguments(row, other) for row, other in pairs)


def _inside(row: Row, line: ReportLine) -> tuple[Any, ...]:
    """Return what a layer is within its line: its name, its inputs from inside, the sizes of all, and its counts."""
    own = f"{line.name}."
    names = [name.removeprefix(own) if name.startswith(own) else "" for name in (row.name, *row.from_)]
    return names, row.kind, row.sizing.inputs, row.total


def _has_same_arguments(row: Row, other: Row) -> bool:
    return row.node.layer is other.node.layer or row.arguments == other.arguments


def _folded(run: Sequence[ReportLine]) -> ReportLine:
    first, last = run[0], run[-1]
    found = _NUMBERED.fullmatch(last.name)
    name = f"{first.name}–{found[2] if found else last.name} ×{len(run):,}"
    rows = tuple(row for line in run for row in line.rows)
    return first._replace(
        name=name, output_shapes=last.output_shapes, total=sum_rows(rows),
        activations=sum(line.activations for line in run), rows=rows, copies=len(run),
    )  # fmt: skip
