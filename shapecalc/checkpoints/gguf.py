"""The format GGUF of llama.cpp, versions 2 and 3: pairs of keys and values, tensors' names and sizes, their bytes.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; blocks and bytes of the types are those of
`GGML_QUANT_SIZES` of the package gguf 0.17 (ggml's `ggml.c` for the last ones).
"""

from __future__ import annotations

import mmap
import struct
from math import prod
from typing import NamedTuple

from shapecalc.checkpoints.contents import Checkpoint, StoredTensor, broken, check_sizes, first_repeated, open_file

__all__ = ["TYPES_OF_GGML", "read"]


class BlockType(NamedTuple):
    """A type of ggml: its name, the elements of a block, and the bytes of a block."""

    name: str
    elements: int
    bytes: int


TYPES_OF_GGML = {
    number: BlockType(*facts)
    for number, facts in {
        0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
        7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
        12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
        16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
        20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
        24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
        29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
        39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
    }.items()
}  # fmt: skip
"""The types of tensors, by their numbers; those that are missing were removed from ggml."""

_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""The bytes of a value of each type of number."""
_INTEGERS = {0: 1, 2: 2, 4: 4, 10: 8}
_MOST_AXES = 4
_MOST_PAIRS = 100_000
_MOST_TENSORS = 1_000_000
_MOST_STRINGS = 5_000_000
_DEEPEST = 4
_LONGEST_NAME = 65_535


class _Reader:
    """A position in a file. Errors: `CheckpointError` behind its end."""

    def __init__(self, path: str, content: mmap.mmap, order: str) -> None:
        self.path, self.content, self.size, self.at = path, content, len(content), 4
        self._u32, self._u64 = struct.Struct(f"{order}I"), struct.Struct(f"{order}Q")
        self.order = "big" if order == ">" else "little"
        self.strings = 0

    def number(self, width: int) -> int:
        """Return the number of some bytes."""
        self.skip(width)
        return int.from_bytes(self.content[self.at - width : self.at], self.order)  # type: ignore[arg-type]

    def u32(self) -> int:
        """Return a number of 4 bytes."""
        return self.number(4)

    def u64(self) -> int:
        """Return a number of 8 bytes."""
        return self.number(8)

    def skip(self, count: int) -> None:
        """Go on by some bytes."""
        if count > self.size - self.at:
            message = f"the file ends within its header, at byte {self.size:,}"
            hint = "it is cut short, or a length in it is wrong: copy or download it again"
            raise broken(self.path, message, hint)
        self.at += count

    def text(self) -> str:
        """Return a name. Errors: `CheckpointError` for a long one, or what is not UTF-8."""
        length = self.u64()
        if length > _LONGEST_NAME:
            raise broken(self.path, f"a name in its header has {length:,} bytes")
        self.skip(length)
        try:
            return self.content[self.at - length : self.at].decode()
        except UnicodeDecodeError:
            raise broken(self.path, f"a name in its header, at byte {self.at - length:,}, is not UTF-8") from None

    def count_values(self, count: int) -> None:
        """Note that some values of their own length follow. Errors: `CheckpointError` for too many in all."""
        self.strings += count
        if self.strings > _MOST_STRINGS:
            raise broken(
                self.path, f"its header has {self.strings:,} strings or more: at most {_MOST_STRINGS:,} are read"
            )

    def skip_strings(self, count: int) -> None:
        """Go on by some strings of any length: those of a tokenizer are many."""
        self.count_values(count)
        unpack, content, at, size = self._u64.unpack_from, self.content, self.at, self.size
        try:
            for _ in range(count):
                at += 8 + unpack(content, at)[0]
        except (struct.error, OverflowError):
            at = size + 1
        self.at = min(at, size)
        self.skip(at - self.at)


def read(path: str) -> Checkpoint:
    """Return the tensors of a file. Errors: `CheckpointError` for a header that lies, `UsageError`."""
    stream, size = open_file(path)
    with stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        big = content[4:6] == b"\0\0" and content[6:8] != b"\0\0"
        reader = _Reader(path, content, ">" if big else "<")
        version = reader.u32()
        if version not in _VERSIONS:
            hint = "convert it with llama.cpp's current tools" if version == 1 else ""
            raise broken(path, f"it is of version {version:,} of GGUF: versions 2 and 3 are read", hint)
        tensors, pairs = reader.u64(), reader.u64()
        for number, most, what in ((tensors, _MOST_TENSORS, "tensors"), (pairs, _MOST_PAIRS, "keys")):
            if number > most:
                raise broken(path, f"its header counts {number:,} {what}: at most {most:,} are read")
        values = _values(reader, pairs)
        found = [_tensor(reader) for _ in range(tensors)]
        _check_data(reader, found, values.get("general.alignment", 32))
    notes = []
    if values.get("split.count", 1) > 1:
        number = values.get("split.no", 0) + 1
        notes.append(f"This is part {number:,} of {values['split.count']:,}: of all, name their folder.")
    return Checkpoint(path, "GGUF", [tensor for tensor, _ in found], size=size, notes=notes)


def _values(reader: _Reader, pairs: int) -> dict[str, int]:
    """Return the integers among the values of the header; go on behind it."""
    found: dict[str, int] = {}
    for _ in range(pairs):
        key, kind = reader.text(), reader.u32()
        if key in found:
            raise broken(reader.path, f"{key[:200]} is twice in its header")
        if kind in _INTEGERS:
            found[key] = reader.number(_INTEGERS[kind])
        else:
            _skip_value(reader, kind, key, 0)
    return found


def _skip_value(reader: _Reader, kind: int, key: str, depth: int) -> None:
    if kind in _WIDTHS:
        reader.skip(_WIDTHS[kind])
    elif kind == _STRING:
        reader.skip_strings(1)
    elif kind == _ARRAY and depth < _DEEPEST:
        inner, count = reader.u32(), reader.u64()
        if inner in _WIDTHS:
            reader.skip(count * _WIDTHS[inner])
        elif inner == _STRING:
            reader.skip_strings(count)
        else:
            reader.count_values(count)
            for _ in range(count):
                _skip_value(reader, inner, key, depth + 1)
    else:
        what = "lists within lists" if kind == _ARRAY else f"an unknown type, {kind:,}"
        raise broken(reader.path, f"the value of {key[:200]} in its header is of {what}")


def _tensor(reader: _Reader) -> tuple[StoredTensor, int]:
    """Return a tensor, with its sizes as PyTorch has them (the last axis first in the file); and where its data is."""
    name, axes = reader.text(), reader.u32()
    if axes > _MOST_AXES:
        raise broken(reader.path, f"its tensor {name[:200]} has {axes:,} axes: there are at most {_MOST_AXES}")
    shape = tuple([reader.u64() for _ in range(axes)][::-1])
    number, offset = reader.u32(), reader.u64()
    kind = TYPES_OF_GGML.get(number)
    if kind is None:
        raise broken(reader.path, f"its tensor {name[:200]} is of the type {number:,}, which is not known")
    wrong = check_sizes(shape)
    row = shape[-1] if shape else 1
    if not wrong and row % kind.elements:
        wrong = f"its rows have {row:,} elements, and {kind.name} has blocks of {kind.elements}"
    if wrong:
        raise broken(reader.path, f"its tensor {name[:200]} cannot have its shape: {wrong}")
    elements = prod(shape)
    return StoredTensor(name, kind.name, shape, elements, elements // kind.elements * kind.bytes), offset


def _check_data(reader: _Reader, found: list[tuple[StoredTensor, int]], alignment: int) -> None:
    """Check that the bytes of the tensors are in the file, and do not overlap; and that no name is there twice."""
    if alignment < 8 or alignment % 8:
        raise broken(reader.path, f"its general.alignment is {alignment:,}: it must be a multiple of 8")
    start = -(-reader.at // alignment) * alignment
    reached = 0
    for tensor, offset in sorted(found, key=lambda item: item[1]):
        if offset % alignment:
            raise broken(
                reader.path, f"its tensor {tensor.name[:200]} is at byte {offset:,}: not a multiple of {alignment}"
            )
        if offset < reached:
            raise broken(reader.path, f"its tensor {tensor.name[:200]}, at byte {offset:,}, overlaps another")
        reached = offset + tensor.bytes
        if start + reached > reader.size:
            message = (
                f"its tensor {tensor.name[:200]} ends at byte {start + reached:,}, and the file has {reader.size:,}"
            )
            raise broken(reader.path, message, "the file is cut short: copy or download it again")
    twice = first_repeated(tensor.name for tensor, _ in found)
    if twice:
        raise broken(reader.path, f"its tensor {twice[:200]} is there twice")
