"""Receptive fields as cells of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.questions.receptive_field import ReceptiveFields
from shapecalc.renderers.cells import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine
    from shapecalc.questions.receptive_field import Field

__all__ = ["field_cells", "keep_fields", "of_axes", "show_jump"]


def _size(field: Field) -> str:
    common = "all" if field.sees_all else str(field.common)
    if field.jump:
        return f"{field.size}+{common}" if field.common else str(field.size)
    return common if field.common else str(field.size)


def show_jump(field: Field) -> str:
    """Return the effective stride: how far the field moves per position; `≤` if branches differ."""
    return (str(field.jump) if field.aligned else f"≤{field.jump}") if field.jump else NOTHING


def _padding(field: Field) -> str:
    return str(field.padding) if field.jump else NOTHING


_SHOWN: dict[str, Callable[[Field], str]] = {"size": _size, "jump": show_jump, "padding": _padding}


def of_axes(amounts: Sequence[str]) -> str:
    """Return the amounts of all axes, once if they are equal."""
    return amounts[0] if len(set(amounts)) == 1 else "×".join(amounts)


def field_cells(report: Report, lines: Sequence[ReportLine], what: str) -> list[str]:
    """Return a part of the receptive field (size, jump, padding) of every line: for a block, that of its last layer."""
    fields = _fields_of(report)
    return [_cell(fields, line, _SHOWN[what]) for line in lines]


_last: list[Any] = []


def keep_fields(fields: ReceptiveFields) -> None:
    """Cache the fields of a report that is about to be drawn, so that they are not computed again."""
    _last[:] = [fields]


def _fields_of(report: Report) -> ReceptiveFields:
    """Return the fields of a report, which three columns need; cached, and safe with several threads."""
    found: ReceptiveFields | None = next(iter(_last), None)
    if found is None or found.report is not report:
        found = ReceptiveFields(report)
        keep_fields(found)
    return found


def _cell(fields: ReceptiveFields, line: ReportLine, shown: Callable[[Field], str]) -> str:
    if not line.rows:
        return NOTHING
    by_input: dict[str, list[str]] = {}
    for field in fields[line.rows[-1].name]:
        by_input.setdefault(field.input, []).append(shown(field))
    cells = [of_axes(axes) for axes in by_input.values()]
    return ", ".join(dict.fromkeys(cells)) or NOTHING
