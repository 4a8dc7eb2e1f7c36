"""The implementation of attention that a question assumes: flash, which stores no scores, or eager, which does.

Kinds of attention have an argument with the role `ATTENTION`. `flash` leaves it as the specification has it, where
some attention has no flash kernel (`math`: a learned bias of its scores, as in T5); `eager` sets it everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.layers.base.arguments import ATTENTION
from shapecalc.model.report import Report
from shapecalc.text.given import read_string

if TYPE_CHECKING:
    from shapecalc.model.rows import Row

__all__ = ["EAGER", "FLASH", "IMPLEMENTATIONS", "read_attention", "with_attention", "with_rows"]

FLASH, EAGER = "flash", "eager"
IMPLEMENTATIONS = (FLASH, EAGER)


def read_attention(given: Any) -> str:
    """Return the implementation of that name. Errors: `UsageError`."""
    name = read_string(given, "attention").lower()
    if name not in IMPLEMENTATIONS:
        raise UsageError(Problem(f"attention cannot be {given}", hint=did_you_mean(given, IMPLEMENTATIONS)))
    return name


def with_attention(report: Report, implementation: str) -> Report:
    """Return the report of the same network with this implementation of all its attention."""
    if implementation == FLASH:
        return report
    return with_rows(report, [_implemented(row, implementation) for row in report.rows])


def _implemented(row: Row, implementation: str) -> Row:
    layer = row.node.layer
    name = layer.argument_roles().get(ATTENTION) if layer else None
    if layer is None or name is None:
        return row
    return row._replace(node=row.node._replace(layer=layer.with_values({name: implementation})))


def with_rows(report: Report, rows: list[Row]) -> Report:
    """Return a report with other rows, of the same layers by number."""
    graph = report.graph._replace(nodes=tuple([row.node for row in rows]))
    return Report(graph, tuple(rows), report.total, report.layout, report.batch, report.convention)
