"""Receptive fields: as a table, and in words for one position."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.renderers import selection_of
from shapecalc.renderers.blocks import BLOCK_FORMATS, Note, check_format, draw_blocks
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.fields import keep_fields, show_jump
from shapecalc.renderers.footer import incomplete, opening
from shapecalc.renderers.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.model.rows import ReportLine
    from shapecalc.questions.receptive_field import Field, ReceptiveFields
    from shapecalc.renderers.selection import Selection

__all__ = ["draw_fields", "draw_region"]

_COLUMNS = ("name", "kind", "output", "rf", "jump", "pad")


def draw_fields(
    fields: ReceptiveFields,
    format_: str = "text",
    *,
    depth: int | str | None = "auto",
    width: int | None = None,
    color: bool = False,
    kind: str | Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
) -> str:
    """Return the receptive fields of all lines of a report at a depth as a table in a format.

    `kind`, `sort` and `top` select lines as in the table of a report; `top` alone those with the largest fields.
    """
    check_format(format_, BLOCK_FORMATS)
    drawer = import_module(f"shapecalc.renderers.{format_}")
    selection = selection_of(kind, sort, top, usual="-rf")
    return str(drawer.draw(_FieldView(fields, depth, width, color, selection)))


class _FieldView(View):
    """A report with the columns of receptive fields, and notes on them below."""

    def __init__(
        self, fields: ReceptiveFields, depth: int | str | None, width: int | None, color: bool,
        selection: Selection | None,
    ) -> None:  # fmt: skip
        super().__init__(fields.report, depth=depth, width=width, color=color, fold=False, selection=selection)
        self.notes = list(_notes(fields))
        self.fields = fields
        keep_fields(fields)

    def _sees_a_part(self, line: ReportLine) -> bool:
        """Return whether all positions of the layer of a line see the same part of an axis."""
        return any(field.common and not field.sees_all for row in line.rows[-1:] for field in self.fields[row.name])

    def names(self, default: Sequence[str] = ()) -> list[str]:  # noqa: ARG002  (no other columns)
        return list(_COLUMNS)

    def footer(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002  (whatever is shown)
        closed = [line for line in self.lines if line.rows and line.is_block]
        missing = incomplete(self.report, totals=False)
        whole = len(self.all_lines) - len(self.report.inputs)
        shown = self.selection.words(len(self.lines), whole, adds=False) if self.selection else ""
        return [
            *filter(None, [shown, missing]),
            *self.notes,
            *([_PART] if any(map(self._sees_a_part, self.lines)) else []),
            *([opening(len(closed), self.depth)] if closed and self.depth else []),
            *map(clean, self.report.notes),
        ]


_PART = (
    "An RF without an effective stride, or after a +: the positions that all positions of the layer see, where these "
    "are not the whole axis."
)


def _notes(fields: ReceptiveFields) -> Iterable[str]:
    yield (
        "RF: receptive field, the input positions that one output position sees along an axis (height × width where "
        "they differ). Eff. stride: effective stride, how far the field moves from one position to the next. Eff. "
        "padding: effective padding, how far the field of the first position begins before the input. "
        "all: the layer sees the whole axis, in addition to its local field."
    )
    for found in fields.misaligned:
        jumps = " and ".join(map(str, found.jumps))
        yield (
            f"Misaligned at {clean(found.layer)}: the branches merged there have effective strides of {jumps} along "
            f"the {found.axis}; RF is then the maximum over all positions."
        )


_ALONG = {"height": "rows", "width": "columns", "depth": "slices", "length": "positions"}


def draw_region(
    fields: ReceptiveFields, name: str, position: Sequence[int], format_: str, width: int | None = None,
    color: bool = False,
) -> str:  # fmt: skip
    """Return in words what one position of a layer sees of the inputs, and the receptive fields of the layer."""
    regions = fields.region(name, position)
    where = f"{clean(name)} at {show_size(position)}" if position else f"{clean(name)} (all of it)"
    lines = []
    for number, size in fields.report.inputs.items():
        axes = [region for region in regions if region.input == number]
        if axes:
            whole = f"{show_size([axis.size for axis in axes])} of {clean(number)} {show_size(size)}"
            parts = ", ".join(f"{_ALONG[axis.axis]} {axis.first} to {axis.last}" for axis in axes)
            lines.append(f"{where} sees {whole}: {parts}, counted from 0.")
    found: dict[str, list[Field]] = {}
    for field in fields[name]:
        found.setdefault(_described(field), []).append(field)
    for words, alike in found.items():
        axes_of = " and ".join(dict.fromkeys(field.axis for field in alike))
        lines.append(f"{axes_of}: {words}")
    notes = map(Note, [*(lines or [f"{where} does not depend on the input."]), *fields.notes])
    return draw_blocks(notes, format_, width, color=color)


def _described(field: Field) -> str:
    """Return one receptive field in words."""
    if not field.jump and field.common:
        return f"all positions see the same {field.size}"
    other = "the whole axis" if field.sees_all else f"the same {field.common} for all positions"
    other_paths = f" (and, through other branches, {other})" if field.common else ""
    moves = (
        f"effective stride {show_jump(field)}, padding {field.padding}" if field.jump else "the same for all positions"
    )
    return f"receptive field {field.size}{other_paths}, {moves}"
