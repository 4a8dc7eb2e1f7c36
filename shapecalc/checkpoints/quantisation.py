"""Which tensors of an ONNX file are quantised weights, and which are the scales and zero points of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

__all__ = ["Quantisation", "quantisation_of"]

_OF_WEIGHTS = {
    "DequantizeLinear": ((0, 1, 2),), "QLinearConv": ((3, 4, 5), (8,)), "QLinearMatMul": ((3, 4, 5), (0, 1, 2)),
    "ConvInteger": ((1, 3),), "MatMulInteger": ((1, 3),), "QGemm": ((3, 4, 5), (6,)),
    "DynamicQuantizeMatMul": ((1, 2, 3),), "MatMulIntegerToFloat": ((1, 3, 5),),
    "DynamicQuantizeLSTM": ((1, 8, 9), (2, 10, 11)), "QLinearAdd": ((0, 1, 2), (3, 4, 5)),
    "QLinearMul": ((0, 1, 2), (3, 4, 5)), "QLinearWhere": ((1, 2, 3), (4, 5, 6)),
}  # fmt: skip
"""Which inputs of operations are quantised, and may be weights; behind each its scales and zero points."""
_JOINED = "QLinearConcat"
"""It has any number of quantised inputs, each with its scale and zero point, behind its own two."""
_OF_INTEGERS = ("ConvInteger", "MatMulInteger")
"""Operations whose output are whole numbers that a `Mul` with their scale makes fractions again."""
_AT_RUN = "DynamicQuantizeLinear"
_MOVES = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Slice", "Gather")
"""Operations after which elements of a quantised tensor are still those."""


class Quantisation(NamedTuple):
    """Quantised tensors, each with its scales and zero points; and all scales, with what the file computes of them."""

    groups: list[tuple[str, tuple[str, ...]]]
    scales: frozenset[str]


def quantisation_of(
    nodes: Iterable[tuple[str, Sequence[str], Sequence[str]]], stored: Container[str] = ()
) -> Quantisation:
    """Return what is quantised in a graph, of its nodes' operations, inputs and outputs, and the tensors it stores."""
    groups: list[tuple[str, tuple[str, ...]]] = []
    scales: set[str] = set()
    moved: dict[str, str] = {}
    integers: set[str] = set()
    products: dict[str, Sequence[str]] = {}
    for op, inputs, outputs in nodes:
        if op in _MOVES and inputs and outputs:
            moved[outputs[0]] = moved.get(inputs[0], inputs[0])
        elif op == _AT_RUN:
            scales.update(outputs[1:2])
        elif op == "Cast" and outputs and not integers.isdisjoint(inputs):
            integers.add(outputs[0])
        elif op == "Mul" and outputs and not integers.isdisjoint(inputs):
            for name in set(inputs) - integers:
                scales.update((name, *products.get(name, ())))
        elif op == "Mul" and outputs and all(name in scales or name in stored for name in inputs):
            products[outputs[0]] = inputs  # the scales of both sides of a product of whole numbers
        elif op == _JOINED or op in _OF_WEIGHTS:
            integers.update(outputs[:1] if op in _OF_INTEGERS else ())
            for first, *others in _inputs_of(op, len(inputs)):
                names = tuple([inputs[i] for i in others if i < len(inputs) and inputs[i]])
                groups.append((moved.get(inputs[first], inputs[first]), names))
                scales.update(names)
    return Quantisation(groups, frozenset(scales))


def _inputs_of(op: str, count: int) -> Iterable[tuple[int, ...]]:
    if op == _JOINED:
        return [(i, i + 1, i + 2) for i in range(2, count, 3)]
    return [group for group in _OF_WEIGHTS[op] if group[0] < count]
