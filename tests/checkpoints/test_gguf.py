"""GGUF: what a header says, and every way in which it can lie."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

import pytest
from crafted_checkpoints import PAIRS, gguf_bytes, pair, text, write_gguf

from shapecalc.checkpoints import read_checkpoint
from shapecalc.checkpoints.gguf import TYPES_OF_GGML
from shapecalc.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"token_embd.weight": ("Q4_K", (3, 512)), "blk.0.attn_norm.weight": ("F32", (5,)), "o": ("Q6_K", (2, 2, 256))}

# Bits per weight that llama.cpp's documents state for its types: examples/quantize/README.md, and the pull requests that
# introduced the i-quants (4859, 4897, 5453, 5676, 5747, 5999) and the ternary types (8151).
STATED = {
    "Q4_0": 4.5, "Q4_1": 5.0, "Q5_0": 5.5, "Q5_1": 6.0, "Q8_0": 8.5, "Q2_K": 2.625, "Q3_K": 3.4375, "Q4_K": 4.5,
    "Q5_K": 5.5, "Q6_K": 6.5625, "IQ2_XXS": 2.0625, "IQ2_XS": 2.3125, "IQ2_S": 2.5625, "IQ3_XXS": 3.0625,
    "IQ3_S": 3.4375, "IQ1_S": 1.5625, "IQ1_M": 1.75, "IQ4_NL": 4.5, "IQ4_XS": 4.25, "TQ1_0": 1.6875, "TQ2_0": 2.0625,
    "MXFP4": 4.25, "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "I8": 8, "I16": 16, "I32": 32, "I64": 64,
}  # fmt: skip


@pytest.mark.parametrize("name", STATED)
def test_bits_of_types_are_those_stated(name: str) -> None:
    (kind,) = [kind for kind in TYPES_OF_GGML.values() if kind.name == name]
    assert 8 * kind.bytes / kind.elements == STATED[name]


@pytest.mark.parametrize("version", [2, 3])
def test_tensors_are_those_of_the_header(version: int, tmp_path: Path) -> None:
    found = read_checkpoint(write_gguf(tmp_path / "m.gguf", GOOD, version=version))
    assert found.format == "GGUF"
    assert [(t.name, t.dtype, t.shape, t.params, t.bytes) for t in found.tensors] == [
        ("token_embd.weight", "Q4_K", (3, 512), 1536, 864), ("blk.0.attn_norm.weight", "F32", (5,), 5, 20),
        ("o", "Q6_K", (2, 2, 256), 1024, 840),
    ]  # fmt: skip


def test_a_big_endian_file(tmp_path: Path) -> None:
    header = b"GGUF" + struct.pack(">IQQ", 3, 1, 0) + struct.pack(">Q", 1) + b"w" + struct.pack(">IQIQ", 1, 4, 0, 0)
    (tmp_path / "m.gguf").write_bytes(header + bytes(-len(header) % 32) + bytes(16))
    assert read_checkpoint(str(tmp_path / "m.gguf")).tensors[0].shape == (4,)


def test_a_part_of_several(tmp_path: Path) -> None:
    pairs = [pair("split.count", 2, struct.pack("<H", 3)), pair("split.no", 2, struct.pack("<H", 1))]
    path = write_gguf(tmp_path / "m.gguf", GOOD, pairs=pairs, alignment=32)
    assert read_checkpoint(path).notes == ["This is part 2 of 3: of all, name their folder."]


def test_parts_in_a_folder(tmp_path: Path) -> None:
    for number in (1, 3):
        write_gguf(tmp_path / f"m-0000{number}-of-00003.gguf", {f"w{number}": ("F32", (2,))})
    found = read_checkpoint(str(tmp_path))
    assert [tensor.name for tensor in found.tensors] == ["w1", "w3"]
    assert found.missing == {"m-00002-of-00003.gguf": ()}


def tensor(name: bytes = b"w", axes: int = 1, sizes: tuple[int, ...] = (4,), kind: int = 0, at: int = 0) -> bytes:
    return struct.pack("<Q", len(name)) + name + struct.pack(f"<I{len(sizes)}QIQ", axes, *sizes, kind, at)


def header(tensors: int, pairs: int, rest: bytes = b"", version: int = 3) -> bytes:
    found = b"GGUF" + struct.pack("<IQQ", version, tensors, pairs) + rest
    return found + bytes(-len(found) % 32) + bytes(64)


LIES = {
    "version 1": (header(0, 0, version=1), "it is of version 1 of GGUF: versions 2 and 3 are read"),
    "a new version": (header(0, 0, version=9), "it is of version 9 of GGUF"),
    "cut within its first bytes": (b"GGUF\3\0\0\0\1", "the file ends within its header, at byte 9"),
    "very many tensors": (header(2**60, 0), "its header counts 1,152,921,504,606,846,976 tensors: at most"),
    "very many keys": (header(0, 2**60), "keys: at most 100,000 are read"),
    "more tensors than there are": (header(90_000, 0, tensor()), "the file ends within its header"),
    "a long name": (header(1, 0, struct.pack("<Q", 2**62)), "a name in its header has 4,611,686,018,427,387,904 bytes"),
    "a name that is not UTF-8": (header(1, 0, tensor(b"\xff")), "a name in its header, at byte 32, is not UTF-8"),
    "many axes": (header(1, 0, tensor(axes=5, sizes=(1,) * 5)), "its tensor w has 5 axes: there are at most 4"),
    "a huge axis": (header(1, 0, tensor(sizes=(2**63,))), "its tensor w cannot have its shape: a size is 9223372036854775808"),
    "a huge product": (header(1, 0, tensor(axes=2, sizes=(2**40, 2**40))), "2^63 elements or more"),
    "an unknown type": (header(1, 0, tensor(kind=31)), "its tensor w is of the type 31, which is not known"),
    "rows that are no blocks": (header(1, 0, tensor(sizes=(300,), kind=12)), "its rows have 300 elements, and Q4_K has blocks of 256"),
    "a scalar of blocks": (header(1, 0, tensor(axes=0, sizes=(), kind=12)), "its rows have 1 elements"),
    "data beyond the file": (header(1, 0, tensor(sizes=(400,))), "ends at byte 1,664, and the file has 128"),
    "an offset beyond the file": (header(1, 0, tensor(at=2**63)), "its tensor w ends at byte"),
    "an offset that is not aligned": (header(1, 0, tensor(at=3)), "its tensor w is at byte 3: not a multiple of 32"),
    "an overlap": (header(2, 0, tensor(sizes=(9,)) + tensor(b"v", at=32)), "its tensor v, at byte 32, overlaps another"),
    "a name twice": (header(2, 0, tensor() + tensor(at=32)), "its tensor w is there twice"),
    "a key twice": (header(0, 2, PAIRS[1] * 2), "general.alignment is twice in its header"),
    "an alignment of nothing": (header(0, 1, pair("general.alignment", 4, bytes(4))), "its general.alignment is 0"),
    "an unknown sort of value": (header(0, 1, pair("k", 77, b"")), "the value of k in its header is of an unknown type, 77"),
    "a long list": (header(0, 1, pair("k", 9, struct.pack("<IQ", 0, 2**62))), "the file ends within its header"),
    "a list of very many strings": (header(0, 1, pair("k", 9, struct.pack("<IQ", 8, 2**62))), "strings or more: at most"),
    "a list of strings that are long": (header(0, 1, pair("k", 9, struct.pack("<IQQ", 8, 2, 2**64 - 1))), "ends within its header"),
    "lists within lists": (header(0, 1, pair("k", 9, struct.pack("<IQ", 9, 1) * 6)), "is of lists within lists"),
    "a list of very many lists": (header(0, 1, pair("k", 9, struct.pack("<IQ", 9, 2**50))), "strings or more"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies(lie: str, tmp_path: Path) -> None:
    content, words = LIES[lie]
    (tmp_path / "m.gguf").write_bytes(content)
    start = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(tmp_path / "m.gguf"))
    assert words in str(caught.value)
    assert time.process_time() - start < 2


def test_every_cut_is_an_error(tmp_path: Path) -> None:
    content, size = gguf_bytes(GOOD)
    whole = content + bytes(size)
    for end in range(4, len(whole), 7):
        (tmp_path / "m.gguf").write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match=r"ends within its header|cut short"):
            read_checkpoint(str(tmp_path / "m.gguf"))


def test_a_long_vocabulary_is_skipped(tmp_path: Path) -> None:
    words = b"".join(text(f"word{i}") for i in range(50_000))
    pairs = [pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 50_000) + words)]
    path = write_gguf(tmp_path / "m.gguf", GOOD, pairs=pairs, alignment=32)
    assert len(read_checkpoint(path).tensors) == 3
