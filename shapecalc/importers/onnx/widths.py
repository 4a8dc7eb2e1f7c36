"""How wide the weights of an ONNX file are stored: quantised ones, and those in half precision."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.importers.onnx.messages import BITS
from shapecalc.model.graph import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.importers.frame import Frame
    from shapecalc.importers.onnx.messages import TensorMessage

__all__ = ["stored_as"]

_USUAL = 32
_HALF = 16
_MOST_OTHERS = 0.05
"""The part of the elements that may be of other widths: biases, and the weights of norms, beside quantised weights."""


def stored_as(weights: Mapping[str, TensorMessage], frame: Frame, name: str) -> Stored | None:
    """Return the width of the weights that layers hold; None for 32 bits. A note says where several are frequent."""
    elements: Counter[int] = Counter()
    held = frame.owners.held()
    for tensor in weights.values():
        if tensor.name in held:
            elements[BITS.get(tensor.type, _USUAL)] += prod(tensor.dims)
    if not elements:
        return None
    (width, most), *others = elements.most_common()
    if sum(count for _, count in others) > _MOST_OTHERS * most:
        listed = ", ".join(f"{count_noun(count, 'element')} of {bits} bits" for bits, count in elements.most_common())
        return Stored("", "", "", f"the weights of {name} have several widths ({listed}): give one with --weights")
    return Stored(str(width), str(_HALF if width == _HALF else _USUAL), name) if width != _USUAL else None
