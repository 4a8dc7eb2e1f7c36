"""The format safetensors: eight bytes for the length of a header, the header as JSON, then the tensors' bytes.

Source: https://github.com/huggingface/safetensors, README, and `Metadata::validate` of its `tensor.rs`: the tensors
fill the rest of the file without gaps or overlaps.
"""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import repeat
from math import prod
from operator import sub
from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.contents import (
    BITS,
    Checkpoint,
    StoredTensor,
    broken,
    check_objects,
    check_sizes,
    first_repeated,
    open_file,
)
from shapecalc.collection import new_tuple

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    rest = size - _LENGTH - len(header)
    try:
        text = header.decode()
    except UnicodeDecodeError as error:
        raise broken(path, f"its header is not UTF-8: byte {error.start:,} is {header[error.start]:#04x}") from None
    tensors = _tensors_as_written(text, rest)
    if tensors is None:
        check_objects(path, header, _OBJECTS_OF_AN_ENTRY * header.count(b'"data_offsets"'))
        entries = _entries(path, text)
        tensors = [_tensor(path, name, entry) for name, entry in entries.items()]
        _check_offsets(path, {name: entry["data_offsets"] for name, entry in entries.items()}, rest)
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


_OBJECTS_OF_AN_ENTRY = 3
_AGAIN = "the file is cut short, or was not written to its end: copy or download it again"


_ENTRY = re.compile(
    r'"([^"]*)": ?\{"dtype": ?"([^"]*", ?"shape": ?\[[0-9, ]*)\], ?'
    r'"data_offsets": ?\[([0-9]+), ?([0-9]+)\]\}(?:, ?|\} *\Z)'
)
"""An entry as the library writes it, or Python's json: its name, its type and sizes, the start and end of its data."""
_GROUPS = 4
_METADATA = "__metadata__"
_LONGEST_METADATA = 2**20
"""The maximum length of usual metadata: they may have other objects in them, each of which needs memory."""


def _tensors_as_written(text: str, size: int) -> list[StoredTensor] | None:
    """Return the tensors of a header in the usual form, whose data has a size; None if anything is not as usual.

    Works on columns of text, several times faster than JSON and tensor by tensor: there may be tens of thousands.
    """
    start, *parts = _ENTRY.split(text)
    names, types, starts, ends, between = (parts[group :: _GROUPS + 1] for group in range(_GROUPS + 1))
    every = "".join(names)  # without escapes, and control characters, which JSON refuses
    if not names or any(between) or text.endswith((",", ", ")) or "\\" in every or not every.isprintable():
        return None
    try:
        if not _is_start(start) or len({*names, _METADATA}) <= len(names):
            return None
        found = {written: _type_and_sizes(written) for written in {*types}}
        lasts = _numbers(ends)
        firsts = [0, *lasts[:-1]] if starts == ["0", *ends[:-1]] else _numbers(starts)
    except (ValueError, KeyError, RecursionError):
        return None
    columns = [*zip(*map(found.__getitem__, types), strict=True)]
    if [*map(sub, lasts, firsts)] != [*columns[-1]]:
        return None
    if firsts != [0, *lasts[:-1]]:  # not in the order of their data
        firsts, lasts = map(list, zip(*sorted(zip(firsts, lasts, strict=True)), strict=True))
    if [*firsts, size] != [0, *lasts]:
        return None
    defaults = map(repeat, StoredTensor._field_defaults.values())
    return [*map(partial(new_tuple, StoredTensor), zip(names, *columns, *defaults, strict=False))]


def _numbers(texts: Sequence[str]) -> list[int]:
    """Return numbers. Errors: `ValueError` for one that begins with a zero, or has thousands of digits."""
    found: list[int] = json.loads(f"[{','.join(texts)}]")
    return found


def _is_start(text: str) -> bool:
    """Return whether a text is the beginning of a header: its brace, and metadata if there are any."""
    brace, name, metadata = text.partition(f'"{_METADATA}":')
    if not name or len(text) > _LONGEST_METADATA:
        return text == "{"
    metadata = metadata.rstrip(" ")
    return brace == "{" and metadata.endswith(",") and isinstance(json.loads(metadata[:-1]), dict)


def _type_and_sizes(written: str) -> tuple[str, tuple[int, ...], int, int]:
    """Return the type, the sizes, the elements and the bytes of a tensor. Errors: `ValueError`, `KeyError`."""
    dtype, _, shape = written.partition('"')
    sizes = json.loads(f"{shape[shape.index('[') :]}]")
    if check_sizes(sizes):
        raise ValueError
    elements = prod(sizes)
    bits = elements * BITS[dtype]
    if bits % 8:
        raise ValueError
    return dtype, tuple(sizes), elements, bits // 8


def _entries(path: str, header: str) -> dict[str, Any]:
    """Return the objects of a header. Errors: `CheckpointError` if it is no JSON, or has a name twice."""
    try:
        entries = json.loads(header)
    except RecursionError:
        raise broken(path, "its header is nested too deeply") from None
    except ValueError as error:
        raise broken(path, f"its header is not JSON: {str(error)[:80].lower()}") from None
    if not isinstance(entries, dict):
        raise broken(path, "its header is not an object of tensors")
    if header.count('"data_offsets"') != len(entries) - (_METADATA in entries):
        json.loads(header, object_pairs_hook=lambda pairs: _without_repetition(path, pairs))
    if not isinstance(entries.pop(_METADATA, {}), dict):
        raise broken(path, "__metadata__ of its header is not an object of texts")
    return entries


def _without_repetition(path: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise broken(path, f"{first_repeated(name for name, _ in pairs)[:200]} is twice in its header")
    return found


def _tensor(path: str, name: str, entry: Any) -> StoredTensor:
    """Return the tensor of an entry. Errors: `CheckpointError` if it is none."""
    subject = f"its tensor {name[:200]}"
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= {*entry}:
        raise broken(path, f"{subject} is not {_FIELDS}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise broken(path, f"{subject} is of an unknown type, {str(dtype)[:40]!r}", f"known types: {', '.join(BITS)}")
    wrong = check_sizes(shape) if isinstance(shape, list) else "its shape is not a list"
    if wrong:
        raise broken(path, f"{subject} cannot have its shape: {wrong}")
    is_range = isinstance(offsets, list) and [*map(type, offsets)] == [int, int]
    if not is_range or not 0 <= offsets[0] <= offsets[1]:
        raise broken(path, f"{subject} has the data_offsets {str(offsets)[:80]}: they must be a start and an end")
    bits, held = prod(shape) * BITS[dtype], offsets[1] - offsets[0]
    if bits != 8 * held:
        sizes = "×".join(map(str, shape)) or "a scalar"
        raise broken(path, f"{subject} has {held:,} bytes, and {sizes} of {dtype} are {-(-bits // 8):,}")
    return StoredTensor(name, dtype, tuple(shape), prod(shape), held)


def _check_offsets(path: str, offsets: dict[str, list[int]], size: int) -> None:
    """Check that the bytes of the tensors fill the file after its header."""
    reached = 0
    for (start, end), name in sorted((tuple(pair), name) for name, pair in offsets.items()):
        if start != reached:
            what = "overlaps the tensor before it" if start < reached else f"leaves a gap of {start - reached:,} bytes"
            raise broken(path, f"its tensor {name[:200]}, at byte {start:,} of the data, {what}")
        reached = end
    if reached > size:
        raise broken(path, f"its tensors have {reached:,} bytes, and the file has {size:,} after its header", _AGAIN)
    if reached < size:
        raise broken(path, f"it has {size - reached:,} bytes more than its header and its tensors")
