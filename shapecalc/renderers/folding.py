"""Repeated blocks and layers as one line: `layers.0–31 ×32`. Counts are added, so that lines add up to the totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.model.rows import ReportLine, sum_rows
from shapecalc.renderers.cells import shorten_axes, show_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.rows import Row

__all__ = ["differences", "fold", "run_name", "runs_of"]

_LISTED = 3
_NUMBERED = re.compile(r"(.*?)(\d{1,9})")


def fold(lines: Sequence[ReportLine], *, with_arguments: bool = True) -> list[ReportLine]:
    """Return the lines with those that follow one another, alike but for their numbers, as one.

    Lines of blocks are folded wherever they follow one another, those of layers only where one item is repeated.
    Without arguments, blocks whose layers differ only in these are one as well: `differences` shows them.
    """
    return [_folded(run) if len(run) > 1 else run[0] for run in runs_of(lines, with_arguments=with_arguments)]


def runs_of(lines: Sequence[ReportLine], *, with_arguments: bool = True) -> list[list[ReportLine]]:
    """Return the lines with those that follow one another, alike but for their numbers, together."""
    runs: list[list[ReportLine]] = []
    for line in lines:
        if runs and _follows(line, runs[-1][-1], with_arguments=with_arguments or not line.is_block):
            runs[-1].append(line)
        else:
            runs.append([line])
    return runs


def differences(lines: Sequence[ReportLine]) -> list[str]:
    """Return notes on blocks that look alike and are not: `layer.0–48 differ in dilation (1–512)`.

    They follow one another, and only arguments of their layers differ, which a line of a block does not show.
    """
    runs: list[list[ReportLine]] = []
    for line in lines:
        if runs and line.is_block and _follows(line, runs[-1][-1], with_arguments=False):
            runs[-1].append(line)
        else:
            runs.append([line])
    notes = []
    for run in runs:
        found = _differing(run) if len(run) > 1 else {}
        if found:
            shown = ", ".join(f"{name} ({_range(values)})" for name, values in found.items())
            notes.append(f"{run_name(run)} differ in {shown}")
    more = [f"and so do blocks at {len(notes) - _LISTED:,} more places"] if len(notes) > _LISTED + 1 else []
    return [*notes[:_LISTED], *more] if more else notes


def _differing(run: Sequence[ReportLine]) -> dict[str, list[Any]]:
    """Return the arguments that differ between blocks, and their values."""
    found: dict[str, list[Any]] = {}
    for rows in zip(*[line.rows for line in run], strict=True):
        layers = {id(row.node.layer): row for row in rows}.values()
        for name in dict.fromkeys(name for row in layers for name in row.arguments):
            values = [_value(row, name) for row in layers]
            if any(value != values[0] for value in values):
                found.setdefault(name, []).extend(values)
    return found


def _value(row: Row, name: str) -> Any:
    """Return an argument of a layer: its default if it is left out, one number if all axes have the same."""
    argument = row.node.layer.arguments.get(name) if row.node.layer else None
    value = row.arguments.get(name, argument.default if argument else None)
    short = shorten_axes(value) if isinstance(value, list) else value
    return short[0] if isinstance(short, list) and len(short) == 1 else short


def _range(values: Sequence[Any]) -> str:
    """Return values in words: from the smallest number to the largest, or a few of them."""
    if all(type(value) is int for value in values):
        return f"{min(values):,}–{max(values):,}"
    texts = list(dict.fromkeys(show_value(value) for value in values))
    return ", ".join(texts[:_LISTED]) + (", …" if len(texts) > _LISTED else "")


def _follows(line: ReportLine, before: ReportLine, *, with_arguments: bool = True) -> bool:
    """Return whether a line is the next copy of the one before, with the same arguments or with any."""
    if not line.may_repeat(before):
        return False
    number, last = _NUMBERED.fullmatch(line.name), _NUMBERED.fullmatch(before.name)
    if not number or not last or number[1] != last[1] or int(number[2]) != int(last[2]) + 1:
        return False
    return _is_alike(line, before, with_arguments=with_arguments)


def _is_alike(line: ReportLine, before: ReportLine, *, with_arguments: bool) -> bool:
    """Return whether lines are the same but for names: the same layers with the same inputs, sizes and arguments."""
    if (line.kind, line.shares, len(line.rows)) != (before.kind, before.shares, len(before.rows)):
        return False
    pairs = zip(line.rows, before.rows, strict=True)
    return all(
        _inside(row, line) == _inside(other, before) and (not with_arguments or _has_same_arguments(row, other))
        for row, other in pairs
    )


def _inside(row: Row, line: ReportLine) -> tuple[Any, ...]:
    """Return what a layer is within its line: its name, its inputs from inside, the sizes of all, and its counts."""
    own = f"{line.name}."
    names = [name.removeprefix(own) if name.startswith(own) else "" for name in (row.name, *row.from_)]
    return names, row.kind, row.sizing.inputs, row.total


def _has_same_arguments(row: Row, other: Row) -> bool:
    return row.node.layer is other.node.layer or row.arguments == other.arguments


def run_name(run: Sequence[ReportLine]) -> str:
    """Return the names of lines that follow one another: `layers.0–31`."""
    found = _NUMBERED.fullmatch(run[-1].name)
    return f"{run[0].name}–{found[2] if found else run[-1].name}"


def _folded(run: Sequence[ReportLine]) -> ReportLine:
    first, last = run[0], run[-1]
    name = f"{run_name(run)} ×{len(run):,}"
    rows = tuple(row for line in run for row in line.rows)
    return first._replace(
        name=name, output_shapes=last.output_shapes, total=sum_rows(rows),
        activations=sum(line.activations for line in run), rows=rows, copies=len(run),
    )  # fmt: skip
