"""The table of a page: a row for every layer and block, in order, each with its line in the text."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from shapecalc.renderers.cells import UNKNOWN
from shapecalc.renderers.columns import COLUMNS
from shapecalc.renderers.footer import footer
from shapecalc.renderers.pictures.palette import group_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.editor.analysis import Analysis
    from shapecalc.errors import Mark
    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine, Row

__all__ = ["MOST_ROWS", "table_of"]

SHOWN = ("name", "kind", "arguments", "output", "params", "macs", "output_bytes")
"""The columns of a page."""

MOST_ROWS = 4_000
"""Rows that a page has: of a larger network only the outermost blocks that fit."""
_BLOCK = "block"
_COLLAPSED = "collapsed"
"""The fill of blocks in pictures."""


def table_of(analysis: Analysis) -> dict[str, Any] | None:
    """Return the table of what is known of a text; None where nothing is."""
    report = analysis.report
    if report is None:
        return None
    depth = _depth_that_fits(report)
    placed = [*islice(_placed(report, depth), MOST_ROWS)]
    lines = [line for line, _, _ in placed]
    cells = []
    for name in SHOWN:
        shown = COLUMNS[name].sort.shown
        cells.append([shown(value) for value in COLUMNS[name].values(report, lines)])
    rows = [
        {
            "id": line.name,
            "cells": list(own),
            "line": mark.line - 1 if mark is not None and analysis.is_own(mark) else None,
            "depth": level,
            "kind": line.kind,
            "family": _family(line),
            "group": _COLLAPSED if line.is_block else group_of(line.rows[0].node.layer),
            "params": None if line.has_unknown_weights else line.total.params,
            "macs": None if line.is_unknown else line.total.macs,
        }
        for (line, level, mark), own in zip(placed, zip(*cells, strict=True), strict=True)
    ]
    notes = footer(report, SHOWN)
    if depth is not None:
        count = sum(not line.is_block for line in lines)
        notes.insert(0, f"{len(report.rows):,} layers: {count:,} of them are shown, with blocks down to depth {depth}.")
    columns = [
        {"key": name, "title": COLUMNS[name].heading, "align": "right" if COLUMNS[name].sort.is_number else "left"}
        for name in SHOWN
    ]
    return {"columns": columns, "rows": rows, "totals": _totals(report, lines), "notes": notes}


def _depth_that_fits(report: Report) -> int | None:
    """Return the depth that blocks are expanded to; None for all."""
    if len(report.rows) + len(report.graph.blocks) <= MOST_ROWS:
        return None
    fitting = [depth for depth in range(2, report.max_depth) if len(report.lines(depth)) <= MOST_ROWS // 2]
    return max(fitting, default=1)


def _placed(report: Report, most: int | None) -> Iterator[tuple[ReportLine, int, Mark | None]]:
    """Yield the line of each block and, below it, those of its layers; with how deep they are, and where they are."""
    begun: set[str] = set()
    for row in report.rows:
        around = report.blocks_of(row)
        marks = _marks_of_blocks(row, len(around))
        for level, name in enumerate(around[:most]):
            if name not in begun:
                begun.add(name)
                line = report.line(name)
                assert line is not None  # the block of a row
                yield line, level, marks[level]
        if most is None or len(around) < most:
            line = report.line(row.name)
            if line is not None and not line.is_block:
                yield line, len(around), row.node.mark


def _marks_of_blocks(row: Row, count: int) -> list[Mark | None]:
    """Return where the blocks around a layer are used, the outermost first; a composite is where the layer is."""
    used = [mark for _, mark in reversed(row.node.uses)][:count]
    return [*used, *[row.node.mark for _ in range(count - len(used))]]


def _family(line: ReportLine) -> str:
    layer = line.rows[0].node.layer
    return _BLOCK if line.is_block or layer is None else type(layer).__module__.rpartition(".")[2]


def _totals(report: Report, lines: list[ReportLine]) -> dict[str, str]:
    """Return the totals by column, as a page shows them; that of counts with one that is unknown has a sign for it."""
    found = {}
    for name in ("params", "macs"):
        unknown = any(value is None for value in COLUMNS[name].values(report, lines))
        total = COLUMNS[name].sort.shown(getattr(report.total, name))
        found[name] = f"{total} + {UNKNOWN}" if unknown else total
    return found
