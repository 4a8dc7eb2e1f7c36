"""Quantised operations, and those of onnxruntime (com.microsoft) that stand for others: with scales and zero points.

Source of their inputs: onnxruntime 1.32, docs/ContribOperators.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import linear, rows
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["RUNTIME", "as_operation"]

RUNTIME = "com.microsoft."
"""The domain of onnxruntime's own operations."""
_STANDS_FOR: dict[str, tuple[str, tuple[int, ...]]] = {
    "QLinearConv": ("Conv", (0, 3, 8)), "QLinearMatMul": ("MatMul", (0, 3)),
    **{RUNTIME + op: found for op, found in {
        "QLinearConv": ("Conv", (0, 3, 8)), "QGemm": ("Gemm", (0, 3, 6)), "QLinearAdd": ("Add", (0, 3)),
        "QLinearMul": ("Mul", (0, 3)), "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
        "QLinearAveragePool": ("AveragePool", (0,)), "QLinearReduceMean": ("ReduceMean", (0,)),
        "QLinearSigmoid": ("Sigmoid", (0,)), "QLinearLeakyRelu": ("LeakyRelu", (0,)),
        "QLinearSoftmax": ("Softmax", (0,)), "QLinearWhere": ("Where", (0, 1, 4)),
        "DynamicQuantizeMatMul": ("Gemm", (0, 1, 4)), "MatMulIntegerToFloat": ("Gemm", (0, 1, 6)),
        "QuantizeLinear": ("QuantizeLinear", (0,)), "DequantizeLinear": ("DequantizeLinear", (0,)),
        "Gelu": ("Gelu", (0,)),
    }.items()},
}  # fmt: skip
"""The operation that another one stands for, and which of its inputs are those of that one."""


@operation(*_STANDS_FOR)
def _as_another(call: NodeCall) -> Any:
    name = f"{call.node.domain}.{call.node.op}" if call.node.domain == RUNTIME[:-1] else call.node.op
    op, kept = _STANDS_FOR[name]
    return as_operation(call, op, kept)


@operation(RUNTIME + "QLinearConcat")
def _joined(call: NodeCall) -> Any:
    return as_operation(call, "Concat", range(2, len(call.inputs), 3))


def as_operation(call: NodeCall, op: str, kept: Sequence[int]) -> Any:
    """Return the outputs of a node as those of another operation, of these inputs. Errors: `NotCoveredError`."""
    if call.number("channels_last", 0):
        raise NotCoveredError("its channels are last")
    own = list(kept)
    while own and call.given(own[-1]) is None:
        own.pop()
    names = [call.node.inputs[i] if i < len(call.node.inputs) else "" for i in own]
    call.inputs = tuple([call.given(i) for i in own])
    call.node = call.node._replace(op=op, domain="", inputs=tuple(names))
    found = operation.find(op)
    assert found is not None
    return found(call)


@operation(RUNTIME + "DynamicQuantizeLSTM")
def _lstm(call: NodeCall) -> Any:
    """An LSTM whose weights are stored transposed, with their scales and zero points behind its own inputs."""
    found = []
    for index in (1, 2):
        weight = call.given(index)
        if not isinstance(weight, Constant) or weight.rank != 3:
            raise LayerError("it needs stored weights W and R of three axes")
        found.append(weight._replace(dims=(weight.dims[0], weight.dims[2], weight.dims[1]), items=None))
    call.inputs = (call.inputs[0], *found, *call.inputs[3:])
    return as_operation(call, "LSTM", range(8))


@operation(RUNTIME + "MatMulNBits")
def _of_few_bits(call: NodeCall) -> Data:
    """A product with weights of 2 to 8 bits, which are packed in bytes."""
    x, packed = call.data(0), call.given(1)
    features, outputs = call.number("K", 0), call.number("N", 0)
    if not isinstance(packed, Constant) or features < 1 or outputs < 1:
        raise LayerError("it needs stored weights, and their numbers K and N")
    bias = call.constant(5)
    own = packed._replace(dims=(features, outputs), learned=True)
    return linear(call, rows(call, x), own, (features, outputs), bias)
