"""Writes small checkpoints, independently of the package: headers as the formats' documents describe them, data as holes."""

from __future__ import annotations

import json
import struct
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "I64": 64, "I32": 32, "U8": 8,
        "I8": 8, "BOOL": 8, "C64": 64}  # fmt: skip
GGML = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144),
        "Q6_K": (14, 256, 210), "I32": (26, 1, 4)}  # fmt: skip
"""The number of each type, the elements of a block, and its bytes."""


def entries(tensors: dict[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    """The header of safetensors, with one tensor after the other."""
    found, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = prod(shape) * BITS[dtype] // 8
        found[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return found


def write_header(path: Path, header: Any, size: int, length: int | None = None) -> str:
    """Write a file with a header as it is, and a hole of some bytes as its data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with path.open("wb") as file:
        file.write((len(text) if length is None else length).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + size)
    return str(path)


def write_safetensors(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> str:
    found = entries(tensors)
    size = max((entry["data_offsets"][1] for entry in found.values()), default=0)
    return write_header(path, {"__metadata__": {"format": "pt"}, **found}, size)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


PAIRS = [
    pair("general.architecture", 8, text("llama")),
    pair("general.alignment", 4, struct.pack("<I", 64)),
    pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + text("a") + text("bc") + text("")),
    pair("tokenizer.ggml.scores", 9, struct.pack("<IQ3f", 6, 3, 0, 1, 2)),
    pair("nested", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ2B", 0, 2, 1, 2)),
    pair("general.flag", 7, b"\1"),
]


def gguf_bytes(
    tensors: dict[str, tuple[str, tuple[int, ...]]], pairs: list[bytes] = PAIRS, version: int = 3, alignment: int = 64
) -> tuple[bytes, int]:
    """The header of GGUF, and the bytes of the data after it."""
    infos, at = b"", 0
    for name, (dtype, shape) in tensors.items():
        number, block, size = GGML[dtype]
        at = -(-at // alignment) * alignment
        infos += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), number, at)
        at += prod(shape) // block * size
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + infos
    return header + bytes(-len(header) % alignment), at


def write_gguf(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]], **options: Any) -> str:
    header, size = gguf_bytes(tensors, **options)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    return str(path)
