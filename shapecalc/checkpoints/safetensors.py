"""The format safetensors: eight bytes for the length of a header, the header as JSON, then the tensors' bytes.

Source: https://github.com/huggingface/safetensors, README, and `Metadata::validate` of its `tensor.rs`: the tensors fill
the rest of the file without gaps or overlaps.
"""

from __future__ import annotations

import json
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.contents import (
    BITS,
    Checkpoint,
    StoredTensor,
    broken,
    check_sizes,
    first_repeated,
    open_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.errors import CheckpointError

__all__ = ["read"]

_LENGTH = 8
_LONGEST = 32 * 2**20
"""The maximum length of a header that is read: some 250,000 tensors."""
_FIELDS = '{"dtype": …, "shape": […], "data_offsets": [start, end]}'


def read(path: str) -> Checkpoint:
    """Return the tensors of a file. Errors: `CheckpointError` for a header that lies, `UsageError`."""
    stream, size = open_file(path)
    with stream:
        header = _header(path, size, stream.read(_LENGTH), stream)
    entries = _entries(path, header)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise broken(path, "__metadata__ of its header is not an object of texts")
    tensors, offsets = _tensors(path, entries)
    _check_offsets(path, tensors, offsets, size - _LENGTH - len(header))
    return Checkpoint(path, "safetensors", tensors, size=size)


def _header(path: str, size: int, start: bytes, stream: Any) -> bytes:
    length = int.from_bytes(start, "little")
    if len(start) < _LENGTH:
        raise broken(path, f"the file ends after {len(start)} of the 8 bytes with the length of its header", _AGAIN)
    if length > size - _LENGTH:
        rest = size - _LENGTH
        raise broken(
            path, f"its header should have {length:,} bytes, and the file has {rest:,} after its length", _AGAIN
        )
    if length > _LONGEST:
        raise broken(path, f"its header has {length:,} bytes: at most {_LONGEST:,} are read")
    header: bytes = stream.read(length)
    if len(header) < length:
        raise broken(path, "the file became shorter while it was read")
    return header


_AGAIN = "the file is cut short, or was not written to its end: copy or download it again"


def _entries(path: str, header: bytes) -> dict[str, Any]:
    """Return the objects of a header. Errors: `CheckpointError` if it is no JSON, or has a name twice."""
    try:
        entries = json.loads(header.decode())
    except UnicodeDecodeError as error:
        raise broken(path, f"its header is not UTF-8: byte {error.start:,} is {header[error.start]:#04x}") from None
    except RecursionError:
        raise broken(path, "its header is nested too deeply") from None
    except ValueError as error:
        raise broken(path, f"its header is not JSON: {str(error)[:80].lower()}") from None
    if not isinstance(entries, dict):
        raise broken(path, "its header is not an object of tensors")
    if header.count(b'"data_offsets"') != len(entries) - ("__metadata__" in entries):
        json.loads(header, object_pairs_hook=lambda pairs: _without_repetition(path, pairs))
    return entries


def _without_repetition(path: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise broken(path, f"{first_repeated(name for name, _ in pairs)[:200]} is twice in its header")
    return found


def _tensors(path: str, entries: dict[str, Any]) -> tuple[list[StoredTensor], list[tuple[int, int]]]:
    """Return the tensors, and where their bytes are."""
    found, offsets, shapes = [], [], []
    name: Any = ""
    entry: Any = None
    try:
        for name, entry in entries.items():
            start, end = entry["data_offsets"]
            dtype, shape = entry["dtype"], entry["shape"]
            elements = prod(shape)
            if (end - start) * 8 != elements * BITS[dtype]:
                raise ValueError  # noqa: TRY301  (one handler says what is wrong with any entry)
            offsets.append((start, end))
            shapes.append(shape)
            found.append(StoredTensor(name, dtype, tuple(shape), elements, end - start))
    except (ArithmeticError, KeyError, TypeError, ValueError):
        raise _wrong(path, name, entry) from None
    if not {int}.issuperset(map(type, chain(*shapes, *offsets))) or min(chain(*shapes), default=0) < 0:
        for name, entry in entries.items():
            if any(type(number) is not int or number < 0 for number in (*entry["shape"], *entry["data_offsets"])):
                raise _wrong(path, name, entry)
    return found, offsets


def _wrong(path: str, name: str, entry: Any) -> CheckpointError:
    """Return the error of an entry that is no tensor."""
    subject = f"its tensor {name[:200]}"
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= {*entry}:
        return broken(path, f"{subject} is not {_FIELDS}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        hint = f"known types: {', '.join(BITS)}"
        return broken(path, f"{subject} is of an unknown type, {str(dtype)[:40]!r}", hint)
    wrong = check_sizes(shape) if isinstance(shape, list) else "its shape is not a list"
    if wrong:
        return broken(path, f"{subject} cannot have its shape: {wrong}")
    is_range = isinstance(offsets, list) and [*map(type, offsets)] == [int, int]
    if not is_range or not 0 <= offsets[0] <= offsets[1]:
        return broken(path, f"{subject} has the data_offsets {str(offsets)[:80]}: they must be a start and an end")
    sizes, needed = "×".join(map(str, shape)) or "a scalar", prod(shape) * BITS[dtype] / 8
    held = offsets[1] - offsets[0]
    return broken(path, f"{subject} has {held:,} bytes, and {sizes} of {dtype} are {needed:,.0f}")


def _check_offsets(path: str, tensors: Sequence[StoredTensor], offsets: list[tuple[int, int]], size: int) -> None:
    """Check that the bytes of the tensors fill the file after its header."""
    reached = 0
    for start, end in sorted(offsets):
        if start != reached:
            name = tensors[offsets.index((start, end))].name
            what = "overlaps the tensor before it" if start < reached else f"leaves a gap of {start - reached:,} bytes"
            raise broken(path, f"its tensor {name[:200]}, at byte {start:,} of the data, {what}")
        reached = end
    if reached > size:
        raise broken(path, f"its tensors have {reached:,} bytes, and the file has {size:,} after its header", _AGAIN)
    if reached < size:
        raise broken(path, f"it has {size - reached:,} bytes more than its header and its tensors")
