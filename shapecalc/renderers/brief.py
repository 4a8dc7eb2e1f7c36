"""One layer in a few lines, as a calculator answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.renderers.cells import show_bytes, show_size
from shapecalc.renderers.columns import BYTES_PER_NUMBER

if TYPE_CHECKING:
    from shapecalc.model.report import Row

__all__ = ["draw_row"]


def draw_row(row: Row) -> str:
    """Return the sizes and counts of a layer."""
    sides = [", ".join(map(show_size, shapes)) for shapes in (row.input_shapes, row.output_shapes)]
    lines = [f"{row.kind}  {' → '.join(filter(None, sides))}", ""]
    biases = f" + {row.biases:,} bias{'' if row.biases == 1 else 'es'}" if row.biases else ""
    parts = f"{count_noun(row.weights, 'weight')}{biases}" if row.params else ""
    output_bytes = row.activations * BYTES_PER_NUMBER
    entries = [("params", f"{row.params:,}", parts), ("MACs", f"{row.macs:,}", "for one sample" if row.macs else "")]
    if row.buffers:
        entries.insert(1, ("buffers", f"{row.buffers:,}", "running statistics and their like: kept, not learned"))
    entries.append(
        ("bytes", show_bytes(output_bytes), f"of its output: {count_noun(row.activations, 'element')} × 4 bytes")
    )
    width = max([len(value) for _, value, _ in entries])
    return "\n".join([*lines, *[f"  {what:8}{value:>{width}}  {told}".rstrip() for what, value, told in entries]])
