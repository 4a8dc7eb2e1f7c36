"""How wide the weights of an ONNX file are stored: quantised ones, and those in half precision."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from shapecalc.importers import widths
from shapecalc.importers.onnx.elements import BITS

if TYPE_CHECKING:
    from shapecalc.importers.frame import Frame
    from shapecalc.importers.onnx.messages import GraphMessage
    from shapecalc.model.graph import Stored

__all__ = ["stored_as"]


def stored_as(graph: GraphMessage, frame: Frame, name: str) -> Stored | None:
    """Return the width of most of the weights that layers hold, and of which others are; None if all have 32 bits."""
    held, packed = frame.owners.held(), _packed(graph)
    return widths.stored_as(
        (
            (one.name, *(packed.get(one.name) or (BITS.get(one.type, widths.USUAL), prod(one.dims))))
            for one in graph.weights.values()
            if one.name in held
        ),
        name,
    )


def _packed(graph: GraphMessage) -> dict[str, tuple[int, int]]:
    """Return the bits and the elements of weights that are packed in bytes, by the names of their tensors."""
    found = {}
    for node in graph.nodes:
        if node.op == "MatMulNBits" and len(node.inputs) > 1:
            numbers = {key: attribute.value for key, attribute in node.attributes.items()}
            bits, rows, columns = numbers.get("bits", 4), numbers.get("K"), numbers.get("N")
            if isinstance(bits, int) and isinstance(rows, int) and isinstance(columns, int):
                found[node.inputs[1]] = (bits, rows * columns)
    return found
