"""How wide the weights of an ONNX file are stored: quantised ones, and those in half precision."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from shapecalc.importers.onnx.elements import BITS
from shapecalc.model.graph import Stored

if TYPE_CHECKING:
    from shapecalc.importers.frame import Frame
    from shapecalc.importers.onnx.messages import GraphMessage

__all__ = ["stored_as"]

_USUAL = 32
_HALF = 16


def stored_as(graph: GraphMessage, frame: Frame, name: str) -> Stored | None:
    """Return the width of most of the weights that layers hold, and of which others are; None if all have 32 bits."""
    elements: Counter[int] = Counter()
    held, packed = frame.owners.held(), _packed(graph)
    bits_of = {}
    for tensor in graph.weights.values():
        if tensor.name in held:
            bits, count = packed.get(tensor.name) or (BITS.get(tensor.type, _USUAL), prod(tensor.dims))
            bits_of[tensor.name] = bits
            elements[bits] += count
    if not elements or {*elements} == {_USUAL}:
        return None
    quantised = ", ".join([f"{bits} bits" for bits in sorted(elements, reverse=True) if bits < _HALF])
    most = elements.most_common(1)[0][0]
    others = {tensor: bits for tensor, bits in bits_of.items() if bits != most}
    activations = _HALF if most == _HALF else _USUAL
    return Stored(str(most), str(activations), name, quantised=quantised, widths=others)


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
