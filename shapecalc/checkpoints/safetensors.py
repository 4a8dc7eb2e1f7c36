"""The format safetensors: eight bytes for the length of a header, the header as JSON, then the tensors' bytes.

Source: https://github.com/huggingface/safetensors, README, and `Metadata::validate` of its `tensor.rs`: the tensors
fill the rest of the file without gaps or overlaps.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import chain, pairwise, repeat
from math import prod
from operator import itemgetter, sub
from typing import Any

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
    entries = _entries(path, header)
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise broken(path, "__metadata__ of its header is not an object of texts")
    tensors = _tensors(entries, rest)
    if tensors is None:
        for name, entry in entries.items():
            _check_entry(path, name, entry)
        _check_offsets(path, {name: entry["data_offsets"] for name, entry in entries.items()}, rest)
        raise broken(path, "its header cannot be read")
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


def _entries(path: str, header: bytes) -> dict[str, Any]:
    """Return the objects of a header. Errors: `CheckpointError` if it is no JSON, or has a name twice."""
    check_objects(path, header, _OBJECTS_OF_AN_ENTRY * header.count(b'"data_offsets"'))
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


def _tensors(entries: dict[str, Any], size: int) -> list[StoredTensor] | None:
    """Return the tensors of a header whose data has a size; None where anything is not as it should be.

    Works on columns, a few times faster than tensor by tensor: there may be tens of thousands.
    """
    if not entries:
        return [] if size == 0 else None
    try:
        dtypes, given, offsets = zip(*map(_PARTS_OF_ENTRY, entries.values()), strict=True)
        shapes = [*map(tuple, given)]
        starts, ends = zip(*offsets, strict=True)
        held = [*map(sub, ends, starts)]
        kinds = {*zip(dtypes, shapes, held, strict=True)}
    except (KeyError, TypeError, ValueError):
        return None
    if {*map(type, chain(starts, ends, *given))} != {int} or {*map(type, chain(given, offsets))} != {list}:
        return None
    pairs = sorted(zip(starts, ends, strict=True))
    if pairs[0][0] or pairs[-1][1] != size or any(end != start for (_, end), (start, _) in pairwise(pairs)):
        return None
    for dtype, shape, length in kinds:
        if dtype not in BITS or check_sizes(shape) or prod(shape) * BITS[dtype] != 8 * length:
            return None
    elements = {shape: prod(shape) for shape in {*shapes}}
    columns = zip(entries, dtypes, shapes, map(elements.__getitem__, shapes), held, repeat(""), strict=False)
    return [*map(partial(tuple.__new__, StoredTensor), columns)]


_PARTS_OF_ENTRY = itemgetter("dtype", "shape", "data_offsets")


def _check_entry(path: str, name: str, entry: Any) -> None:
    """Check that an entry is a tensor."""
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
