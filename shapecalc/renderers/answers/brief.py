"""One layer in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.blocks import Note, draw_blocks
from shapecalc.renderers.cells import UNKNOWN, show_bytes, show_size
from shapecalc.renderers.columns import BYTES_PER_NUMBER

if TYPE_CHECKING:
    from shapecalc.model.report import Report

__all__ = ["draw_row"]


def draw_row(report: Report, width: int | None = None) -> str:
    """Return the sizes and counts of a network's one layer, and notes on likely mistakes, within `width` cells."""
    row, batch = report.rows[0], report.batch
    sides = [", ".join(map(show_size, shapes)) for shapes in (row.input_shapes, row.output_shapes)]
    lines = [f"{row.kind}  {' → '.join(filter(None, sides))}", ""]
    biases = f" + {row.biases:,} bias{'' if row.biases == 1 else 'es'}" if row.biases else ""
    parts = f"{count_noun(row.weights, 'weight')}{biases}" if row.params else ""
    samples = "for one sample" if batch == 1 else f"for a batch of {batch:,}"
    several = "" if batch == 1 else f" × {batch:,} samples"
    entries = [("params", f"{row.params:,}", parts), ("MACs", f"{row.macs:,}", samples if row.macs else "")]
    if row.is_unknown:
        entries[1:] = [("MACs", UNKNOWN, "unknown")]
    if row.has_unknown_weights:
        entries[0] = ("params", UNKNOWN, "unknown")
    if row.buffers:
        entries.insert(1, ("buffers", f"{row.buffers:,}", "running statistics and tables, not trained"))
    entries.append(
        (
            "bytes",
            show_bytes(row.activations * batch * BYTES_PER_NUMBER),
            f"of its output: {count_noun(row.activations, 'element')}{several} × 4 bytes",
        )
    )
    room = max([len(value) for _, value, _ in entries])
    lines += [f"  {what:8}{value:>{room}}  {note}".rstrip() for what, value, note in entries]
    # A layer that was given no name is called by its kind.
    notes = [Note(clean(note.replace(f"{row.name} ", f"{row.kind} ", 1))) for note in report.notes]
    return "\n".join([*lines, *(["", draw_blocks(notes, "text", width)] if notes else [])])
