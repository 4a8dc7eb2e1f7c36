"""How wide the weights of a file, or of a model in memory, are stored: quantised ones, and those in half precision."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shapecalc.model.graph import Stored

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["USUAL", "stored_as"]

USUAL = 32
_HALF = 16
_COMPUTED = (16, 64)
"""Widths of weights that activations have too."""


def stored_as(weights: Iterable[tuple[str, int, int]], name: str, activations: int = 0) -> Stored | None:
    """Return the width of most of the weights that layers hold, and of which others are; None if all have 32 bits.

    `weights` are the names of tensors, their bits and their elements; `activations` are the bits of activations, where
    these are stated.
    """
    elements: Counter[int] = Counter()
    bits_of: dict[str, int] = {}
    for tensor, bits, count in weights:
        bits_of[tensor] = bits
        elements[bits] += count
    if not elements or ({*elements} == {USUAL} and activations in (0, USUAL)):
        return None
    quantised = ", ".join([f"{bits} bits" for bits in sorted(elements, reverse=True) if bits < _HALF])
    most = elements.most_common(1)[0][0]
    others = {tensor: bits for tensor, bits in bits_of.items() if bits != most}
    activations = activations or (most if most in _COMPUTED else USUAL)
    return Stored(str(most), str(activations), name, quantised=quantised, widths=others)
