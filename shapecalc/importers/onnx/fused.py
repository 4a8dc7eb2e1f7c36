"""Operations that onnxruntime (com.microsoft) makes of several when it optimises a graph.

Source of their inputs: onnxruntime 1.32, docs/ContribOperators.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import merged
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.pointwise import real, with_bias
from shapecalc.importers.onnx.quantised import RUNTIME, as_operation
from shapecalc.importers.rearranging import permuted
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


@operation(RUNTIME + "FusedMatMul")
def _product(call: NodeCall) -> Any:
    """A product times a number, of which either side may be transposed."""
    if call.number("transBatchA", 0) or call.number("transBatchB", 0):
        raise NotCoveredError("it moves the batch of one of its inputs behind other axes")
    a, b = (_transposed(call, i) if call.number(words, 0) else call.given(i)
            for i, words in enumerate(("transA", "transB")))  # fmt: skip
    call.inputs = (a, b)
    return as_operation(call, "MatMul", (0, 1))


def _transposed(call: NodeCall, index: int) -> Data | Constant:
    """Return an input with its last two axes exchanged. Errors: `LayerError`."""
    x = call.given(index)
    if x is None or x.rank < 2:
        raise LayerError("it transposes an input that has no two axes")
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    return (
        permuted(call, x, order)
        if isinstance(x, Data)
        else x._replace(dims=tuple([x.dims[i] for i in order]), items=None)
    )


@operation(RUNTIME + "QuickGelu")
def _sigmoid_times_input(call: NodeCall) -> Data:
    """x·sigmoid(αx): a SiLU, or with α = 1.702 nearly a GELU."""
    return call.one("silu" if real(call, "alpha", 1.702) == 1 else "quick_gelu", call.data(0))


@operation(RUNTIME + "BiasGelu", RUNTIME + "FastGelu")
def _gelu(call: NodeCall) -> Data:
    more: dict[str, Any] = {"approximate": "tanh"} if call.node.op == "FastGelu" else {}
    return call.one("gelu", _sum(call, call.given(0), call.given(1)), **more)


@operation(RUNTIME + "SkipLayerNormalization", RUNTIME + "SkipSimplifiedLayerNormalization")
def _norm_of_sum(call: NodeCall) -> Any:
    """The normalisation of a residual sum: the sum is its fourth output."""
    op = call.node.op.removeprefix("Skip")
    total = _sum(call, _sum(call, call.given(0), call.given(1)), call.given(4 if op == "LayerNormalization" else 3))
    call.inputs = (total, *call.inputs[1:])
    found = as_operation(call, op, (0, 2, 3) if op == "LayerNormalization" else (0, 2))
    return [found, None, None, total]


def _sum(call: NodeCall, x: Data | Constant | None, y: Data | Constant | None) -> Data:
    """Return the sum of two tensors, of which the second may be left out. Errors: `LayerError`."""
    given = [one for one in (x, y) if one is not None]
    if x is None:
        raise LayerError("its input 0 is missing")
    return call.as_data(x) if y is None else merged(call, "add", with_bias(call, given))
