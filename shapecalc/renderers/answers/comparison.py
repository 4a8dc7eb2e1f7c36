"""Networks side by side, as a table for the terminal or in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.escaping import clean
from shapecalc.questions.compare import telling_totals
from shapecalc.renderers.blocks import Note, Table, draw_blocks
from shapecalc.renderers.cells import NOTHING, show_size
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import cell_width, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.report import Report
    from shapecalc.questions.compare import Comparison

__all__ = ["FIGURES", "batch_note", "draw_comparison"]

FIGURES = {"params": "params", "active_params": "active per token", "macs": "MACs", "buffers": "buffers",
           "activations": "activations", "layers": "layers"}  # fmt: skip
"""The totals of networks, as they are labelled."""

_SHARES = {"params": "share of params", "macs": "share of MACs"}
_GAP = 3
_NAME_MOST = 24
_KINDS_MOST = 8


def draw_comparison(comparison: Comparison, format_: str, width: int | None = None, *, color: bool = False) -> str:
    """Return networks side by side; those that do not fit the width follow below, each next to the first."""
    labels = _labels(comparison)
    columns = [_column(comparison, index) for index in range(len(comparison.reports))]
    groups = _groups(labels, columns, width) if format_ == "text" else [columns]
    tables = [_table(labels, group) for group in groups]
    return draw_blocks(
        [*tables, *map(Note, [*batch_note(comparison.reports), *comparison.notes])], format_, width, color=color
    )


def batch_note(reports: Sequence[Report]) -> list[str]:
    """Return the note on what is for a batch; none if all is for one sample."""
    if all(report.batch == 1 for report in reports):
        return []
    samples = list(dict.fromkeys(report.samples for report in reports))
    each = [f"{clean(report.name) or 'network'} {report.samples}" for report in reports]
    return [f"MACs and activations are {samples[0] if len(samples) == 1 else ', '.join(each)}."]


def _table(labels: Sequence[str], group: Sequence[list[str]]) -> Table:
    lines = []
    for label, *cells in zip(labels, *[column[1:] for column in group], strict=True):
        style = "" if any(cells) else "bold"
        lines += [TableLine(())] if style else []
        lines.append(TableLine((label, *cells), style))
    return Table(["", *[column[0] for column in group]], lines, numbers=range(1, len(group) + 1))


def _labels(comparison: Comparison) -> list[str]:
    """Return the label of each line."""
    labels = ["input", "output", *[FIGURES[name] for name in telling_totals(comparison.totals)]]
    for what, words in _SHARES.items():
        labels += [words, *[f"  {kind}" for kind in _kinds(comparison, what)]]
    return labels


def _kinds(comparison: Comparison, what: str) -> list[str]:
    """Return the kinds with a share, largest first; if there are many, `others` at the end."""
    most: dict[str, float] = {}
    for kinds, sums in zip(comparison.kinds, comparison.totals, strict=True):
        for kind, values in kinds.items():
            if values[what]:
                most[kind] = max(most.get(kind, 0), values[what] / sums[what])
    ranked = sorted(most, key=lambda kind: -most[kind])
    return ranked if len(ranked) <= _KINDS_MOST else [*ranked[: _KINDS_MOST - 1], "others"]


def _column(comparison: Comparison, index: int) -> list[str]:
    """Return the cells of one network: its name, then one for each label."""
    report, sums, first = comparison.reports[index], comparison.totals[index], comparison.totals[0]
    cells = [shorten(clean(report.name) or "network", _NAME_MOST), _sizes(report.inputs), _sizes(report.outputs)]
    cells += [_figure(sums[name], None if index == 0 else first[name]) for name in telling_totals(comparison.totals)]
    kinds = comparison.kinds[index]
    for what in _SHARES:
        shown = _kinds(comparison, what)
        rest = sum(values[what] for kind, values in kinds.items() if kind not in shown)
        held = [rest if kind == "others" else kinds.get(kind, {}).get(what, 0) for kind in shown]
        cells += ["", *[_percent(value, sums[what]) for value in held]]
    return cells


def _sizes(sizes: dict[str, Any]) -> str:
    return shorten(", ".join(show_size(size) for size in sizes.values()), _NAME_MOST)


def _figure(value: int, first: int | None) -> str:
    """Return a number, and its ratio to that of the first network."""
    shown = f"{value:,}" if value else NOTHING
    return shown if first is None else f"{shown}  {_ratio(value, first):>6}"


def _ratio(value: int, first: int) -> str:
    if value == first:
        return "="
    if not first or not value:
        return NOTHING
    times = value / first
    return f"{times:,.0f}×" if times >= 100 else f"{times:.3g}×" if times >= 0.001 else "<.001×"


def _percent(value: int, whole: int) -> str:
    if not value or not whole:
        return NOTHING
    share = 100 * value / whole
    return f"{share:.1f} %" if share >= 0.05 else "<0.1 %"


def _groups(labels: Sequence[str], columns: list[list[str]], width: int | None) -> list[list[list[str]]]:
    """Return the networks side by side: the first, with as many others as fit."""
    if width is None or len(columns) < 2:
        return [columns]
    first = columns[0]
    room = width - _width(labels) - _GAP - _width(first)
    groups: list[list[list[str]]] = []
    left = 0
    for column in columns[1:]:
        left -= _width(column) + _GAP
        if not groups or left < 0:
            groups.append([first])
            left = room - _width(column) - _GAP
        groups[-1].append(column)
    return groups


def _width(cells: Sequence[str]) -> int:
    return max(map(cell_width, cells))
