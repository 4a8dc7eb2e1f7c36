"""The elements of tensors in an ONNX file: the types that they have there, and small payloads as numbers."""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["BITS", "FLOATS", "FORMATS", "STRING", "elements"]

_BFLOAT16 = 16
FORMATS = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 9: "?", 10: "e", 11: "d", 12: "I", 13: "Q",
           _BFLOAT16: "H"}  # fmt: skip
"""The formats of `struct` of the elements of a raw payload, by the numbers of their types (TensorProto.DataType)."""
BITS = {**{code: 8 * struct.calcsize(word) for code, word in FORMATS.items()}, 14: 64, 15: 128, 17: 8, 18: 8,
        19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}  # fmt: skip
FLOATS = frozenset((1, 10, 11, 14, 15, 16, 17, 18, 19, 20, 23, 24))
"""The types of fractions: what is learned is of one of them."""
STRING = 8
"""The type of texts."""


def elements(data: bytes, count: int, code: int, word: str) -> tuple[Any, ...]:
    """Return the elements in a payload of a type: those in bfloat16 are the upper halves of such in float32."""
    if code == _BFLOAT16:
        data, word = b"".join([b"\0\0" + data[i : i + 2] for i in range(0, 2 * count, 2)]), "f"
    return struct.unpack(f"<{count}{word}", data)
