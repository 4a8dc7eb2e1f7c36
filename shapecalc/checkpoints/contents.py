"""What a checkpoint holds: tensors with names, types and sizes; and how its files are opened and refused."""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

import os
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import prod
from typing import Any, BinaryIO, NamedTuple

from shapecalc.errors import CheckpointError, Problem, UsageError
from shapecalc.files import input_file

__all__ = [
    "BITS",
    "TYPES",
    "Checkpoint",
    "StoredTensor",
    "broken",
    "check_objects",
    "check_sizes",
    "first_repeated",
    "open_file",
    "stored_bytes",
]

BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C128": 128, "C64": 64, "C32": 32, "I64": 64, "I32": 32,
    "I16": 16, "I8": 8, "I4": 4, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "U4": 4, "BOOL": 8,
    "I2": 2, "U2": 2,
}  # fmt: skip
"""The bits of an element of each type, by the names of safetensors."""

_QUANTISED_BITS = {"QI8": 8, "QU8": 8, "QI32": 32}
"""Those of PyTorch's quantised types, which no other format has: integers that stand for parameters."""

TYPES = {
    "float64": "F64", "double": "F64", "float32": "F32", "float": "F32", "float16": "F16", "half": "F16",
    "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0", "complex128": "C128", "complex64": "C64",
    "complex32": "C32", "int64": "I64", "long": "I64", "int32": "I32", "int": "I32", "int16": "I16", "short": "I16",
    "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL", "qint8": "QI8",
    "quint8": "QU8", "qint32": "QI32",
}  # fmt: skip
"""The type of each name of PyTorch."""

_MOST = 2**63
_MOST_AXES = 64


class StoredTensor(NamedTuple):
    """A tensor of a checkpoint, or several that are one packed weight.

    `shape` is that of the weight which is represented (None where the header does not have it), `params` its elements;
    `bytes` are those of the elements, `overhead` those of scales, zero points and the like; `tensors` is of how many it
    consists. Both are 0 where it `shares` the storage of another, named one. A buffer, or a state of an optimizer, has
    elements and no parameters. `represents` is the name of a packed weight before it was packed.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] | None
    params: int
    bytes: int
    shares: str = ""
    overhead: int = 0
    tensors: int = 1
    is_packed: bool = False
    represents: str = ""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Its shape: every single tensor has one."""
        assert self.shape is not None
        return self.shape


class Checkpoint(NamedTuple):
    """The tensors of a checkpoint, in their order in its files.

    `size` is the bytes of its files; `missing` are the shards that are not there, each with the names of its tensors;
     `notes` are sentences on what was found; `containers` are the names of dicts around tensors.
    """

    path: str
    format: str
    tensors: Sequence[StoredTensor]
    files: int = 1
    size: int = 0
    missing: Mapping[str, Sequence[str]] = {}
    notes: Sequence[str] = ()
    containers: Collection[str] = ()


def broken(path: str, message: str, hint: str = "") -> CheckpointError:
    """Return the error of a file that is no checkpoint, or a broken one."""
    return CheckpointError(Problem(f"{path}: {message}", hint=hint))


_WHAT = "a checkpoint is a file of weights, such as model.safetensors, or its folder"


def open_file(path: str) -> tuple[BinaryIO, int]:
    """Return a file that is open for reading, and its size. Errors: `UsageError` if it cannot be read."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(Problem(f"{path} is a directory, not a file"))
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(Problem(f"{path} is not a file", hint="a checkpoint is read from a file, not from a pipe"))
        return input_file(path), status.st_size
    except FileNotFoundError:
        from shapecalc.suggestions import nearest_file

        hint = nearest_file(path) or ("" if os.path.splitext(path)[1] else _WHAT)
        raise UsageError(Problem(f"there is no file {path}", hint=hint)) from None
    except (OSError, ValueError) as error:
        raise UsageError(Problem(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")) from None


def first_repeated(names: Iterable[str]) -> str:
    """Return the first name that is there a second time; empty if there is none."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def check_objects(path: str, content: bytes, more: int = 0) -> None:
    """Check that a JSON text has no more objects and lists than such texts have: each needs memory.

    Errors: `CheckpointError`.
    """
    count = content.count(b"{") + content.count(b"[")
    if count > _MOST_OBJECTS + more:
        raise broken(path, f"its JSON has {count:,} objects and lists, more than its tensors need")


_MOST_OBJECTS = 1_000_000
"""Brackets beyond those of tensors: metadata may have some in its texts."""


def stored_bytes(dtype: str, elements: int) -> int:
    """Return the bytes that elements of a type need, rounded up to whole bytes."""
    return -(-elements * (BITS.get(dtype) or _QUANTISED_BITS[dtype]) // 8)


def check_sizes(shape: Sequence[Any]) -> str:
    """Return what is wrong with the sizes of a tensor; empty for valid ones."""
    if len(shape) > _MOST_AXES:
        return f"it has {len(shape):,} axes"
    for size in shape:
        if type(size) is not int:
            return f"a size is {str(size)[:40]!r}, not a whole number"
        if not 0 <= size < _MOST:
            return f"a size is {str(size)[:40]}"
    return "it has 2^63 elements or more" if prod(shape) >= _MOST else ""
