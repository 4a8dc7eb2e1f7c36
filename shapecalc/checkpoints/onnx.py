"""The format ONNX: the tensors that a model stores, from their headers; a model of several gigabytes is skimmed.

Integers are parameters where a layer uses them as quantised weights; their scales and zero points are its overhead.
Source of the fields: onnx/onnx.proto3 of ONNX 1.23.
"""

from __future__ import annotations

import mmap
import os
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
from shapecalc.checkpoints.quantisation import quantisation_of
from shapecalc.checkpoints.wire import MESSAGE, NUMBER, NUMBERS, TEXT, Tag, WireError, WireReader
from shapecalc.files import note_beside

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["is_onnx", "read"]

_TYPES = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 9: "BOOL", 10: "F16", 11: "F64", 12: "U32",
    13: "U64", 14: "C64", 15: "C128", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ", 19: "F8_E5M2", 20: "F8_E5M2FNUZ",
    21: "U4", 22: "I4", 23: "F4", 24: "F8_E8M0", 25: "U2", 26: "I2",
}  # fmt: skip
"""The types of elements by their numbers (TensorProto.DataType). 8 are texts."""
_TEXTS = 8
_FRACTIONS = ("F", "B", "C")
"""What names of types that are not whole numbers begin with; BOOL is none."""
_EXTERNAL = 1
_NEXT_FIELDS = b"\x12\x1a\x22\x28\x32\x3a\x42\x72"
_VERSIONS = range(3, 32)
"""Of the format, from the first release (2017) on: 1 is the first field of a SavedModel of TensorFlow."""

_ENTRY = {1: Tag("key", TEXT), 2: Tag("value", TEXT)}
_TENSOR = {
    1: Tag("dims", NUMBERS), 2: Tag("type", NUMBER), 8: Tag("name", TEXT), 14: Tag("location", NUMBER),
    13: Tag("external", MESSAGE, many=True, fields=_ENTRY),
}  # fmt: skip
_SPARSE = {1: Tag("values", MESSAGE, fields=_TENSOR), 3: Tag("dims", NUMBERS)}
_ATTRIBUTE = {5: Tag("t", MESSAGE, fields=_TENSOR)}
_NODE = {
    1: Tag("inputs", TEXT, many=True), 2: Tag("outputs", TEXT, many=True), 4: Tag("op", TEXT),
    5: Tag("attributes", MESSAGE, many=True, fields=_ATTRIBUTE),
}  # fmt: skip
_GRAPH = {
    1: Tag("nodes", MESSAGE, many=True, fields=_NODE), 5: Tag("weights", MESSAGE, many=True, fields=_TENSOR),
    15: Tag("sparse", MESSAGE, many=True, fields=_SPARSE),
}  # fmt: skip
_MODEL = {7: Tag("graph", MESSAGE, fields=_GRAPH)}


def is_onnx(head: bytes) -> bool:
    """Return whether a file begins as ONNX does: with its version, then another field."""
    return len(head) > 2 and head[0] == 8 and head[1] in _VERSIONS and head[2] in _NEXT_FIELDS


def read(path: str) -> Checkpoint:
    """Return the tensors of a file. Errors: `CheckpointError` for a broken one, `UsageError`."""
    stream, size = open_file(path)
    with stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            graph = WireReader(content).message(_MODEL).get("graph", {})
        except WireError as error:
            raise broken(path, f"it is not an ONNX file, or a broken one: {error}") from None
    nodes = graph.get("nodes", [])
    messages = [*graph.get("weights", []), *_constants(nodes)]
    messages += [{**one.get("values", {}), "dims": one.get("dims", [])} for one in graph.get("sparse", [])]
    tensors = {one.name: one for one in (_tensor(path, message) for message in messages) if one is not None}
    if len(tensors) < len(messages):
        repeated = first_repeated(message.get("name", "") for message in messages)
        if repeated:
            raise broken(path, f"it has two tensors of the name {repeated[:200]}")
    outside = [message for message in messages if message.get("location") == _EXTERNAL]
    _record_files(path, outside)
    notes = [f"The elements of {len(outside):,} of its tensors are in other files."] if outside else []
    return Checkpoint(path, "ONNX", _with_overhead(tensors, nodes), size=size, notes=notes)


def _record_files(path: str, tensors: list[dict[str, Any]]) -> None:
    """Record the files in which tensors lie as ones that belong to the model."""
    entries = [entry for tensor in tensors for entry in tensor.get("external", ())]
    for location in {entry.get("value", "") for entry in entries if entry.get("key") == "location"}:
        note_beside(os.path.dirname(path), location)


def _constants(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tensors of more than one element in Constant nodes, under the names of their outputs."""
    return [
        {**attribute["t"], "name": node["outputs"][0]}
        for node in nodes
        if node.get("op") == "Constant" and node.get("outputs")
        for attribute in node.get("attributes", [])
        if "t" in attribute and prod(attribute["t"].get("dims", [])) > 1
    ]


def _tensor(path: str, message: Mapping[str, Any]) -> StoredTensor | None:
    """Return a tensor; None for one of texts. Errors: `CheckpointError`."""
    name, dims, code = message.get("name", ""), message.get("dims", []), message.get("type", 0)
    if code == _TEXTS:
        return None
    dtype = _TYPES.get(code)
    if dtype is None:
        raise broken(path, f"its tensor {name[:200]} is of the type {code:,}, which is not known")
    wrong = check_sizes(dims)
    if wrong:
        raise broken(path, f"its tensor {name[:200]} cannot have its shape: {wrong}")
    elements = prod(dims)
    is_learned = dtype.startswith(_FRACTIONS) and dtype != "BOOL" and elements > 1
    return StoredTensor(name, dtype, tuple(dims), elements if is_learned else 0, -(-elements * BITS[dtype] // 8))


def _with_overhead(tensors: dict[str, StoredTensor], nodes: list[dict[str, Any]]) -> list[StoredTensor]:
    """Return the tensors, with the scales and zero points of a quantised weight as its overhead.

    Other scales are no parameters either: those of tensors that are quantised as the network runs.
    """
    found, gone = dict(tensors), set()
    quantised = quantisation_of(
        ((node.get("op", ""), node.get("inputs", ()), node.get("outputs", ())) for node in nodes), tensors
    )
    for first, others in quantised.groups:
        weight = found.get(first)
        if weight is None or weight.dtype.startswith(_FRACTIONS) or weight.params or prod(weight.sizes) < 2:
            continue
        own = [name for name in others if name in found and name not in gone]
        overhead = sum(found[name].bytes for name in own)
        found[weight.name] = weight._replace(
            params=prod(weight.sizes), overhead=overhead, tensors=1 + len(own), is_packed=True
        )
        gone.update(own)
    return [
        weight._replace(params=0) if name in quantised.scales else weight
        for name, weight in found.items()
        if name not in gone
    ]
