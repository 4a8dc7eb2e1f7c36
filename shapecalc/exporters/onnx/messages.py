"""The messages of ONNX in the wire format of protobuf. Field numbers: onnx.proto3 of ONNX 1.18."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["BOOL", "FLOAT", "INT64", "graph_message", "model_message", "node_message", "tensor_message", "value_info"]

FLOAT, INT64, BOOL = 1, 7, 9
_VARINT, _FIXED32, _BYTES = 0, 5, 2
_CODES = {FLOAT: "f", INT64: "q", BOOL: "?"}


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1  # a negative one has ten bytes
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _field(number: int, value: float | str | bytes) -> bytes:
    """Return a field of a message: a whole number, a fraction of 4 bytes, a text, or bytes, as of a message."""
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _each(number: int, values: Iterable[float | str | bytes]) -> bytes:
    return b"".join([_field(number, value) for value in values])


def _entries(number: int, entries: Mapping[str, str]) -> bytes:
    return _each(number, [_field(1, key) + _field(2, value) for key, value in entries.items()])


def tensor_message(name: str, type_: int, dims: Sequence[int], items: Sequence[Any]) -> bytes:
    """Return a tensor with its elements."""
    raw = struct.pack(f"<{len(items)}{_CODES[type_]}", *items)
    return _each(1, dims) + _field(2, type_) + (_field(8, name) if name else b"") + _field(9, raw)


def _attribute(name: str, value: Any) -> bytes:
    """Return an attribute: a number, a text, a list of either, or (as bytes) a tensor."""
    if isinstance(value, (list, tuple)):
        number, type_ = {str: (9, 8), int: (8, 7)}[type(value[0])]
        return _field(1, name) + _each(number, value) + _field(20, type_)
    number, type_ = {int: (3, 2), float: (2, 1), str: (4, 3), bytes: (5, 4)}[type(value)]
    return _field(1, name) + _field(number, value) + _field(20, type_)


def node_message(
    op: str,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    attributes: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> bytes:
    """Return a node."""
    own = [_attribute(key, value) for key, value in attributes.items()]
    return (
        _each(1, inputs) + _each(2, outputs) + _field(3, name) + _field(4, op) + _each(5, own) + _entries(9, metadata)
    )


def value_info(name: str, type_: int, dims: Sequence[int | str]) -> bytes:
    """Return the type and the sizes of a tensor; a text is the name of a size."""
    shape = _each(1, [_field(2 if isinstance(size, str) else 1, size) for size in dims])
    return _field(1, name) + _field(2, _field(1, _field(1, type_) + _field(2, shape)))


def graph_message(
    name: str,
    nodes: Iterable[bytes],
    initializers: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    infos: Iterable[bytes],
) -> bytes:
    """Return a graph."""
    parts = (1, nodes), (5, initializers), (11, inputs), (12, outputs), (13, infos)
    body = [_each(number, messages) for number, messages in parts]
    return body[0] + _field(2, name) + b"".join(body[1:])


def model_message(graph: bytes, ir: int, opset: int, producer: tuple[str, str], doc: str) -> bytes:
    """Return a model: a whole file. `producer` is the name of the program and its version."""
    name, version = producer
    return (
        _field(1, ir) + _field(2, name) + _field(3, version) + _field(6, doc) + _field(7, graph)
        + _field(8, _field(1, "") + _field(2, opset))
    )  # fmt: skip
