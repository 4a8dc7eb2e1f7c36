"""Repeated blocks as one line: `layers.0–31 ×32`. Their counts are added, so that lines still add up to the totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.model.report import ReportLine, sum_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["fold"]

_NUMBERED = re.compile(r"(.*?)(\d{1,9})")


def fold(lines: Sequence[ReportLine]) -> list[ReportLine]:
    """Return the lines with those of blocks that follow one another, alike but for their numbers, as one."""
    runs: list[list[ReportLine]] = []
    for line in lines:
        if runs and _follows(line, runs[-1][-1]):
            runs[-1].append(line)
        else:
            runs.append([line])
    return [_folded(run) if len(run) > 1 else run[0] for run in runs]


def _follows(line: ReportLine, before: ReportLine) -> bool:
    if not (line.is_block and before.is_block and _facts(line) == _facts(before)):
        return False
    number, last = _NUMBERED.fullmatch(line.name), _NUMBERED.fullmatch(before.name)
    if not number or not last or number[1] != last[1]:
        return False
    return int(number[2]) == int(last[2]) + 1


def _facts(line: ReportLine) -> tuple[Any, ...]:
    """Return what is shown of a block, but for its name and number."""
    return line.kind, line.total, line.activations, line.input_shapes, line.output_shapes


def _folded(run: Sequence[ReportLine]) -> ReportLine:
    first, last = run[0], run[-1]
    found = _NUMBERED.fullmatch(last.name)
    name = f"{first.name}–{found[2] if found else last.name} ×{len(run):,}"
    rows = tuple(row for line in run for row in line.rows)
    return first._replace(
        name=name, output_shapes=last.output_shapes, total=sum_rows(rows),
        activations=sum(line.activations for line in run), rows=rows, copies=len(run),
    )  # fmt: skip
