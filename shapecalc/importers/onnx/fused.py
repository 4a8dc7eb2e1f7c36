"""Operations that onnxruntime (com.microsoft) makes of several when it optimises a graph.

Source of their inputs: onnxruntime 1.32, docs/ContribOperators.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import linear, merged, rows
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.messages import NodeAttribute
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.pointwise import real, with_bias
from shapecalc.importers.onnx.products import attended
from shapecalc.importers.onnx.quantised import RUNTIME, as_operation
from shapecalc.importers.rearranging import permuted
from shapecalc.importers.tensors import Batch, Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.messages import NodeMessage
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["activated", "convolution_with_more"]


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


@operation(RUNTIME + "FusedConv")
def convolution_with_more(call: NodeCall) -> Data:
    """A convolution, then the sum with its fourth input, then an activation."""
    added, node = call.given(3), call.node
    if "conv" not in call.place.name.lower():  # it has the name of what was after the convolution
        call.place = call.place._replace(name="conv")
    x = as_operation(call, "Conv", (0, 1, 2))
    if added is not None:
        call.place = call.place._replace(name="add")
        x = merged(call, "add", [x, added])
    return activated(call, node, x)


@operation(RUNTIME + "FusedGemm")
def _product_with_more(call: NodeCall) -> Data:
    node = call.node
    return activated(call, node, as_operation(call, "Gemm", (0, 1, 2)))


_PARAMETERS = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "Clip": ("min", "max")}
"""The numbers of an activation, as its attributes in older versions of ONNX."""


def activated(call: NodeCall, node: NodeMessage, x: Data) -> Data:
    """Return a tensor after the activation that a node names. Errors: `NotCoveredError`."""
    op, numbers = call.word("activation", ""), node.attributes.get("activation_params")
    function = operation.find(op)
    if not op:
        return x
    if function is None:
        raise NotCoveredError(f"its activation is {op}")
    names = _PARAMETERS.get(op, ())
    values = numbers.value if numbers else [call.attribute(f"activation_{name}") for name in names]
    attributes = {name: NodeAttribute(name, value) for name, value in zip(names, values, strict=False)}
    call.node = node._replace(op=op, domain="", inputs=("",), attributes=attributes)
    call.inputs = (x,)
    call.place = call.place._replace(name=op.lower())
    return function(call)  # type: ignore[return-value]


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


@operation(RUNTIME + "Attention")
def _attention_with_weights(call: NodeCall) -> Data:
    """Self-attention with the weights of its three projections, side by side."""
    weights, bias, heads = call.constant(1), call.constant(2), call.number("num_heads", 0)
    if weights is None or weights.rank != 2 or call.given(4) is not None or any(call.node.outputs[1:]):
        raise NotCoveredError("it has a cache, or its weights are not stored")
    features, width = weights.dims
    sizes = call.numbers("qkv_hidden_sizes") or [width // 3] * 3
    joined = linear(call, rows(call, _sequence(call, 0)), weights, (features, width), bias)
    parts = call.emit("split", joined, batch=joined.batch, sizes=sizes, dim=2)
    return attended(
        call, (parts[0], parts[1], parts[2]), (heads, heads), is_causal=call.number("unidirectional", 0) > 0
    )


@operation(RUNTIME + "MultiHeadAttention")
def _attention(call: NodeCall) -> Data:
    """Attention on projected queries, keys and values, of which the biases may be added here, joined to one."""
    if any(call.given(i) is None for i in (1, 2)) or call.given(6) is not None or any(call.node.outputs[1:]):
        raise NotCoveredError("its inputs are joined to one, or it has a cache")
    parts, bias, heads = [_sequence(call, i) for i in range(3)], call.constant(3), call.number("num_heads", 0)
    if bias is not None:
        for i, x in enumerate(parts):  # each a part of the bias, which no other layer uses
            own = bias._replace(
                dims=x.shape.sizes[-1:], items=None, sources=tuple([f"{one}[{i}]" for one in bias.sources])
            )
            parts[i] = call.one("bias_add", x, dim=2, weights=[own])
    return attended(
        call, (parts[0], parts[1], parts[2]), (heads, heads), is_causal=call.number("unidirectional", 0) > 0
    )


def _sequence(call: NodeCall, index: int) -> Data:
    """Return an input that is batch × length × features. Errors: `NotCoveredError`."""
    x = call.data(index)
    if x.rank != 3 or x.batch != Batch(0, own=True):
        raise NotCoveredError("its inputs are not batch × length × features")
    return x


@operation(RUNTIME + "EmbedLayerNormalization")
def _embedded(call: NodeCall) -> Any:
    """Embeddings of words, of positions and of segments, and the normalisation of their sum, its third output."""
    words, positions, kinds, ids = call.constant(2), call.constant(3), call.constant(4), call.data(0)
    if words is None or positions is None or any(one.rank != 2 for one in (words, positions)):
        raise NotCoveredError("its tables are not stored")
    total = _looked_up(call, ids, words)
    own = call.given(8)
    at = own if isinstance(own, Data) else ids
    total = merged(call, "add", [total, _looked_up(call, at, positions)])
    if kinds is not None:
        segments = call.given(1)
        total = merged(call, "add", [total, _looked_up(call, segments if isinstance(segments, Data) else ids, kinds)])
    call.inputs = (total, call.given(5), call.given(6))
    call.node = call.node._replace(inputs=("", *call.node.inputs[5:7]))
    return [as_operation(call, "LayerNormalization", (0, 1, 2)), None, total]


def _looked_up(call: NodeCall, ids: Data, table: Constant) -> Data:
    count, features = table.dims
    return call.one("embedding", ids, num_embeddings=count, embedding_dim=features, weights=[table])
