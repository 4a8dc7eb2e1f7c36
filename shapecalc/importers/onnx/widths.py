"""How wide the weights of an ONNX file are stored: quantised ones, and those in half precision."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.importers.onnx.messages import BITS
from shapecalc.model.graph import Stored

if TYPE_CHECKING:
    from shapecalc.importers.frame import Frame
    from shapecalc.importers.onnx.messages import GraphMessage

__all__ = ["stored_as"]

_USUAL = 32
_HALF = 16
_MOST_OTHERS = 0.1
"""The part of the elements that may be of other widths: biases, and the weights of norms, beside quantised weights."""


def stored_as(graph: GraphMessage, frame: Frame, name: str) -> Stored | None:
    """Return the width of the weights that layers hold; None for 32 bits. A note says where several are frequent."""
    elements: Counter[int] = Counter()
    held, packed = frame.owners.held(), _packed(graph)
    for tensor in graph.weights.values():
        if tensor.name in held:
            bits, count = packed.get(tensor.name) or (BITS.get(tensor.type, _USUAL), prod(tensor.dims))
            elements[bits] += count
    if not elements:
        return None
    quantised = ", ".join([f"{bits} bits" for bits in sorted(elements, reverse=True) if bits < _HALF])
    (width, most), *others = elements.most_common()
    if sum(count for _, count in others) > _MOST_OTHERS * most:
        listed = ", ".join(f"{count_noun(count, 'element')} of {bits} bits" for bits, count in elements.most_common())
        return Stored("", "", "", f"the weights of {name} have several widths ({listed}): give one with --weights",
                      quantised=quantised)  # fmt: skip
    if width == _USUAL:
        return Stored("", "", "", quantised=quantised) if quantised else None
    return Stored(str(width), str(_HALF if width == _HALF else _USUAL), name, quantised=quantised)


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
