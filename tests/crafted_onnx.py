"""ONNX files made byte by byte, right and wrong ones: without the library, as the importer reads them."""

from __future__ import annotations

import struct
from pathlib import Path

FLOAT, INT8, INT64, BOOL = 1, 3, 7, 9


def varint(number):
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number, value):
    """One field: a whole number, a fraction, or bytes (a text, a message)."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, dims, values=None, kind=FLOAT, raw=None):
    """A tensor; without values its data is elsewhere."""
    found = b"".join(field(1, size) for size in dims) + field(2, kind) + field(8, name)
    if values is not None:
        word = {FLOAT: "f", INT64: "q", BOOL: "?", INT8: "b"}[kind]
        raw = struct.pack(f"<{len(values)}{word}", *values)
    return found + (field(9, raw) if raw is not None else field(14, 1))


def attribute(name, value):
    if isinstance(value, bytes):  # a graph, or a tensor, as `Graph` and `Tensor` mark them
        return field(1, name) + value
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    if isinstance(value, list):
        return field(1, name) + b"".join(field(8, one) for one in value) + field(20, 7)
    return field(1, name) + field(2 if isinstance(value, float) else 3, value) + field(20, 1 if value is float else 2)


def as_tensor(message):
    return field(5, message) + field(20, 4)


def as_graph(message):
    return field(6, message) + field(20, 5)


def node(op, inputs, outputs, name="", domain="", **attributes):
    words = [field(1, one) for one in inputs] + [field(2, one) for one in outputs]
    words += [field(5, attribute(key, value)) for key, value in attributes.items()]
    return b"".join([*words, field(4, op), field(3, name), field(7, domain)])


def value(name, dims, kind=FLOAT):
    """A tensor with stated sizes: numbers, or names of dynamic dimensions; None for none."""
    shape = b""
    if dims is not None:
        shape = field(2, b"".join(field(1, field(2 if isinstance(size, str) else 1, size)) for size in dims))
    return field(1, name) + field(2, field(1, field(1, kind) + shape))


def graph(nodes, inputs, outputs, weights=(), stated=()):
    words = [field(1, one) for one in nodes] + [field(2, "g")] + [field(5, one) for one in weights]
    words += (
        [field(11, one) for one in inputs] + [field(12, one) for one in outputs] + [field(13, one) for one in stated]
    )
    return b"".join(words)


def function(name, nodes, inputs, outputs, domain="own"):
    words = [field(1, name), *(field(4, one) for one in inputs), *(field(5, one) for one in outputs)]
    words += [*(field(7, one) for one in nodes), field(9, field(2, 17)), field(10, domain)]
    return b"".join(words)


def model(*parts, opset=17, functions=(), **rest):
    """A whole file: `graph(*parts, **rest)` with its versions."""
    words = [field(1, 8), field(2, "tests"), field(7, graph(*parts, **rest)), field(8, field(2, opset))]
    return b"".join([*words, *(field(25, one) for one in functions)])


def small(**changed):
    """A convolution, a ReLU, a global pool and a fully connected layer, as PyTorch names them; with `changed` weights."""
    nodes = [
        node(
            "Conv", ["x", "conv.weight", "conv.bias"], ["a"], "/body/conv/Conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]
        ),
        node("Relu", ["a"], ["b"], "/body/act/Relu"),
        node("GlobalAveragePool", ["b"], ["c"], "/pool/GlobalAveragePool"),
        node("Flatten", ["c"], ["d"], "/Flatten"),
        node("Gemm", ["d", "fc.weight", "fc.bias"], ["y"], "/fc/Gemm", transB=1),
    ]
    dims = {"conv.weight": [4, 3, 3, 3], "conv.bias": [4], "fc.weight": [10, 4], "fc.bias": [10]}
    weights = [changed.get(name.replace(".", "_"), tensor(name, sizes)) for name, sizes in dims.items()]
    return model(nodes, [value("x", [1, 3, 8, 8])], [value("y", [1, 10])], weights=weights)


def write(folder, data, name="model.onnx"):
    path = Path(folder) / name
    path.write_bytes(data)
    return path
