"""Receptive fields for the terminal: as cells of a report, as a table of their own, and what one place sees in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.receptive_field import ReceptiveFields
from shapecalc.renderers.cells import NOTHING, show_size
from shapecalc.renderers.text import clean, wrap
from shapecalc.renderers.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shapecalc.receptive_field import Field, Region
    from shapecalc.report import Line, Report

__all__ = ["draw_fields", "draw_region", "field_cells"]

_COLUMNS = ("name", "kind", "output", "rf", "jump", "pad")


def _size(field: Field) -> str:
    if not field.sees_all:
        return str(field.size)
    return f"{field.size}+all" if field.jump else "all"


def _jump(field: Field) -> str:
    return (str(field.jump) if field.aligned else f"≤{field.jump}") if field.jump else NOTHING


def _padding(field: Field) -> str:
    return str(field.padding) if field.jump else NOTHING


_SHOWN: dict[str, Callable[[Field], str]] = {"size": _size, "jump": _jump, "padding": _padding}


def field_cells(report: Report, lines: Sequence[Line], what: str) -> list[str]:
    """Return a part of the receptive field (size, jump, padding) of every line: of a block, that of its last layer."""
    fields = _fields_of(report)
    return [_cell(fields, line, _SHOWN[what]) for line in lines]


_last: list[Any] = []


def _fields_of(report: Report) -> ReceptiveFields:
    """Return the fields of a report, which three columns ask for one after the other."""
    if not _last or _last[0].report is not report:
        _last[:] = [ReceptiveFields(report)]
    found: ReceptiveFields = _last[0]
    return found


def _cell(fields: ReceptiveFields, line: Line, shown: Callable[[Field], str]) -> str:
    if not line.rows:
        return NOTHING
    by_input: dict[str, list[str]] = {}
    for field in fields[line.rows[-1].name]:
        by_input.setdefault(field.input, []).append(shown(field))
    cells = [axes[0] if len(set(axes)) == 1 else "×".join(axes) for axes in by_input.values()]
    return ", ".join(dict.fromkeys(cells)) or NOTHING


def draw_fields(
    fields: ReceptiveFields, *, depth: int | str | None, width: int | None = None, color: bool = False
) -> str:
    """Return the receptive fields of all lines of a report at a depth as a table."""
    from shapecalc.renderers.table import draw_grid  # noqa: PLC0415

    view = View(fields.report, _COLUMNS, depth=depth, width=width, color=color)
    return draw_grid(view, list(_COLUMNS), [*_notes(fields)])


def _notes(fields: ReceptiveFields) -> Iterable[str]:
    yield (
        "RF is how many places of the input one place sees along an axis (height × width where they differ), jump how "
        "far that moves with every place, pad how far it begins before the input at the first place. "
        "all: the layer looks at all of the axis, beside what it sees place by place."
    )
    for found in fields.misaligned:
        jumps = " and ".join(map(str, found.jumps))
        yield (
            f"Misaligned at {clean(found.layer)}: along its {found.axis}, branches meet there that move by {jumps}; "
            "RF is then the most that any place sees."
        )


_ALONG = {"height": "rows", "width": "columns", "depth": "slices", "length": "places"}


def draw_region(
    fields: ReceptiveFields, name: str, place: Sequence[int], regions: Sequence[Region], width: int | None
) -> str:
    """Return in words what one place of a layer sees of the network's inputs."""
    where = f"{clean(name)} at {show_size(place)}" if place else f"{clean(name)} (all of it sees the same)"
    if not regions:
        return f"{where} sees nothing of the input"
    lines = []
    for number, size in fields.report.inputs.items():
        axes = [region for region in regions if region.input == number]
        if axes:
            parts = [f"{_ALONG[axis.axis]} {axis.first} to {axis.last}" for axis in axes]
            whole = f"{show_size([axis.size for axis in axes])} of {clean(number)} {show_size(size)}"
            lines += wrap(f"{where} sees {', '.join(parts)}: {whole}", width)
    return "\n".join([*lines, *wrap("Places count from 0.", width)])
