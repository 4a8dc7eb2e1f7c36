"""The fields of an ONNX file that are read, by their numbers.

Source: onnx/onnx.proto3 of ONNX 1.23.
"""

from __future__ import annotations

from shapecalc.checkpoints.wire import MESSAGE, NUMBER, NUMBERS, PAYLOAD, REAL, TEXT, Tag

__all__ = ["MODEL"]

_ENTRY = {1: Tag("key", TEXT), 2: Tag("value", TEXT)}
_DIM = {1: Tag("value", NUMBER), 2: Tag("name", TEXT)}
_TENSOR_TYPE = {
    1: Tag("type", NUMBER),
    2: Tag("shape", MESSAGE, fields={1: Tag("dims", MESSAGE, True, _DIM)}),
}
_TYPE = {1: Tag("tensor", MESSAGE, fields=_TENSOR_TYPE)}
_VALUE_INFO = {
    1: Tag("name", TEXT), 2: Tag("type", MESSAGE, fields=_TYPE, alike=True), 4: Tag("metadata", PAYLOAD),
}  # fmt: skip
_TENSOR = {
    1: Tag("dims", NUMBERS), 2: Tag("type", NUMBER), 8: Tag("name", TEXT), 14: Tag("location", NUMBER),
    4: Tag("floats", PAYLOAD), 5: Tag("ints", PAYLOAD), 7: Tag("longs", PAYLOAD), 9: Tag("raw", PAYLOAD),
    10: Tag("doubles", PAYLOAD), 11: Tag("unsigned", PAYLOAD), 13: Tag("external", MESSAGE, True, _ENTRY),
}  # fmt: skip
_SPARSE = {1: Tag("values", MESSAGE, fields=_TENSOR), 3: Tag("dims", NUMBERS)}
_ATTRIBUTE: dict[int, Tag] = {
    1: Tag("name", TEXT), 2: Tag("f", REAL), 3: Tag("i", NUMBER), 4: Tag("s", TEXT), 8: Tag("ints", NUMBERS),
    5: Tag("t", MESSAGE, fields=_TENSOR), 7: Tag("floats", PAYLOAD), 9: Tag("strings", PAYLOAD),
    21: Tag("refers", TEXT), 20: Tag("type", NUMBER),
}  # fmt: skip
_NODE = {
    1: Tag("inputs", TEXT, True), 2: Tag("outputs", TEXT, True), 3: Tag("name", TEXT), 4: Tag("op", TEXT),
    5: Tag("attributes", MESSAGE, True, _ATTRIBUTE, True), 7: Tag("domain", TEXT),
    9: Tag("metadata", MESSAGE, True, _ENTRY),
}  # fmt: skip
_GRAPH = {
    1: Tag("nodes", MESSAGE, True, _NODE), 2: Tag("name", TEXT), 5: Tag("weights", MESSAGE, True, _TENSOR),
    11: Tag("inputs", MESSAGE, True, _VALUE_INFO), 12: Tag("outputs", MESSAGE, True, _VALUE_INFO),
    13: Tag("stated", MESSAGE, True, _VALUE_INFO), 15: Tag("sparse", MESSAGE, True, _SPARSE),
    16: Tag("metadata", MESSAGE, True, _ENTRY),
}  # fmt: skip
_ATTRIBUTE[6] = Tag("g", MESSAGE, fields=_GRAPH)
_OPSET = {1: Tag("domain", TEXT), 2: Tag("version", NUMBER)}
_FUNCTION = {
    1: Tag("name", TEXT), 4: Tag("inputs", TEXT, True), 5: Tag("outputs", TEXT, True), 10: Tag("domain", TEXT),
    7: Tag("nodes", MESSAGE, True, _NODE), 9: Tag("opsets", MESSAGE, True, _OPSET),
    11: Tag("defaults", MESSAGE, True, _ATTRIBUTE), 12: Tag("stated", MESSAGE, True, _VALUE_INFO),
}  # fmt: skip
MODEL = {
    7: Tag("graph", MESSAGE, fields=_GRAPH), 8: Tag("opsets", MESSAGE, True, _OPSET),
    25: Tag("functions", MESSAGE, True, _FUNCTION),
}  # fmt: skip
