"""A checkpoint against a network: a line for all tensors that differ in one and the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean, csv_cell
from shapecalc.renderers.blocks import Items, Note, Paragraph, Table, Title, check_format, draw_blocks
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.amounts import NOTHING
from shapecalc.text.cells import cell_width, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.weights.comparison import Mismatch, WeightsComparison
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_comparison"]

_FORMATS = ("text", "json", "csv", "markdown", "html")
_SHOWN = 60
_NAME_MIN = 24
_GAP = 2
_WORDS = {"size": "other size", "missing": "missing", "extra": "extra", "joined": "joined", "divided": "divided"}
_COLUMNS = ("Difference", "Tensor", "Checkpoint", "Network")


def draw_comparison(
    comparison: WeightsComparison, format_: str = "text", *, width: int | None = None, color: bool = False
) -> str:
    """Return the differences in a format. Errors: `UsageError` for an unknown one."""
    check_format(format_, _FORMATS)
    if format_ == "csv":
        return _csv(comparison.mismatches)
    blocks: list[Block] = [Title(f"{clean(comparison.checkpoint)} against {clean(comparison.name)}")]
    if comparison.has_other_prefix:
        blocks.append(Paragraph(_on_prefix(comparison)))
    if comparison.mismatches:
        blocks.append(_table(comparison.mismatches[:_SHOWN], width))
        hints = [f"{clean(one.pattern)}: {clean(one.hint)}" for one in comparison.mismatches[:_SHOWN] if one.hint]
        blocks += [Items(hints)] if hints else []
    return draw_blocks([*blocks, *map(Note, _notes(comparison))], format_, width, color=color)


def _on_prefix(comparison: WeightsComparison) -> str:
    theirs, own = (f'"{clean(prefix)}"' if prefix else "" for prefix in comparison.prefixes)
    if own and theirs:
        return f"Names begin with {theirs} in the checkpoint, and with {own} in the network."
    side, other = ("checkpoint", "network") if theirs else ("network", "checkpoint")
    verb = "Remove it from" if theirs else "Add it to"
    return f"Names begin with {theirs or own} in the {side}, and not in the {other}. {verb} the names before loading."


def _table(mismatches: Sequence[Mismatch], width: int | None) -> Table:
    rows = [
        (_WORDS[one.kind], _name(one), _size(one, one.found, "joined"), _size(one, one.expected, "divided"))
        for one in mismatches
    ]
    if width is not None:
        widths = [max(map(cell_width, column)) for column in zip(_COLUMNS, *rows, strict=True)]
        room = max(width - sum(widths) + widths[1] - _GAP * (len(widths) - 1), _NAME_MIN)
        rows = [(row[0], shorten(row[1], room), *row[2:]) for row in rows]
    return Table(_COLUMNS, [TableLine(row) for row in rows], gap=_GAP)


def _name(one: Mismatch) -> str:
    copies = f" ×{len(one.names):,}" if len(one.names) > 1 else ""
    return f"{clean(one.pattern)}{copies}"


def _size(one: Mismatch, shape: tuple[int, ...] | None, whole: str) -> str:
    """Return the sizes of a tensor on one side; of a joined or divided one what it is on the other side."""
    if shape is not None:
        return "×".join(map(str, shape)) or "scalar"
    return NOTHING if one.kind in ("missing", "extra", whole) else f"{len(one.others)} tensors"


def _notes(comparison: WeightsComparison) -> Iterator[str]:
    same = count_noun(comparison.matching, "tensor")
    counts = {kind: sum(len(one.names) for one in comparison.mismatches if one.kind == kind) for kind in _WORDS}
    sentences = {
        "size": "of another size", "missing": "missing from the checkpoint", "extra": "extra in the checkpoint",
        "joined": "joined of several of the network", "divided": "divided into several in the checkpoint",
    }  # fmt: skip
    words = [f"{count:,} {sentences[kind]}" for kind, count in counts.items() if count]
    yield f"{same} of the same name and size{''.join(f', {word}' for word in words)}."
    for one in comparison.mismatches[:_SHOWN]:
        if one.others:
            where = "network" if one.kind == "joined" else "checkpoint"
            names = ", ".join(clean(name) for name in one.others)
            yield f"{clean(one.names[0])} is in the {where} {names}."
    if len(comparison.mismatches) > _SHOWN:
        yield f"{count_noun(len(comparison.mismatches) - _SHOWN, 'more line')}: all are in JSON and CSV."
    yield from map(clean, comparison.notes)


def _csv(mismatches: Sequence[Mismatch]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("kind", "name", "checkpoint", "network"))
    for one in mismatches:
        sizes = ["" if shape is None else "x".join(map(str, shape)) for shape in (one.found, one.expected)]
        writer.writerows((one.kind, csv_cell(name), *sizes) for name in one.names)
    return text.getvalue().removesuffix("\n")
