"""Matrix products: with weights, fully connected layers; of two tensors, products of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import einsum, linear, product, rows
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.tensors import Batch, Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["attended"]


def _bias_after(call: NodeCall, features: int) -> Constant | None:
    """Return the bias that the only node after a product adds; that node is then a part of this one."""
    own, after = call.uses.only_user_of_values(call.node.outputs[0])
    if after is None or after.op != "Add" or after.domain or len(after.inputs) != 2:
        return None
    other = after.inputs[0] if after.inputs[1] == own else after.inputs[1]
    bias = call.uses.scope.get(other)
    if not isinstance(bias, Constant) or not bias.sources or bias.dims != (features,):
        return None
    call.absorbed = (after.outputs[0],)
    return bias


@operation("MatMul", "MatMulInteger")
def _matmul(call: NodeCall) -> Data:
    a, b = call.given(0), call.given(1)
    if a is None or b is None:
        raise LayerError("it needs two inputs")
    if isinstance(a, Data) and isinstance(b, Constant) and b.rank == 2 and not b.is_computed:
        a = rows(call, a)
        return linear(call, a, b, (b.dims[0], b.dims[1]), _bias_after(call, b.dims[1]))
    return product(call, a, b)


@operation("Gemm")
def _gemm(call: NodeCall) -> Data:
    a, b, c = call.given(0), call.given(1), call.given(2)
    if call.number("transA", 0) or not isinstance(a, Data) or not isinstance(b, Constant):
        raise NotCoveredError("its first input is transposed, or its second computed from data")
    if b.rank != 2:
        raise LayerError(f"its second input has {b.rank} axes, not 2")
    inputs, outputs = b.dims[::-1] if call.number("transB", 0) else b.dims
    a = rows(call, a)
    if c is None or (isinstance(c, Constant) and c.dims in ((outputs,), (1, outputs))):
        return linear(call, a, b, (inputs, outputs), c if isinstance(c, Constant) else None)
    y = linear(call, a, b, (inputs, outputs), None)
    operands, batch = call.frame.aligned(call.place, (y, c))
    return call.one("add", *operands, batch=batch)


@operation("Einsum")
def _einsum(call: NodeCall) -> Data:
    equation, operands = call.word("equation", ""), [x for x in call.inputs if x is not None]
    return einsum(call, equation, operands)


@operation("Attention")
def _attention(call: NodeCall) -> Any:
    """Attention of version 23 on: of heads × length × features, or of length × heads·features."""
    q, k, v = (call.data(i) for i in range(3))
    first = Batch(0, own=True)
    is_cached = any(call.node.outputs[1:]) or any(call.given(i) is not None for i in (4, 5))
    if {x.batch for x in (q, k, v)} != {first} or {x.rank for x in (q, k, v)} not in ({3}, {4}) or is_cached:
        raise NotCoveredError("its inputs are not heads × length × features, or it has a cache")
    counts = (call.number("q_num_heads", 0), call.number("kv_num_heads", 0)) if q.rank == 3 else None
    return attended(call, (q, k, v), counts, is_causal=bool(call.number("is_causal", 0)))


def attended(
    call: NodeCall, inputs: tuple[Data, Data, Data], heads: tuple[int, int] | None, *, is_causal: bool
) -> Data:
    """Return attention on queries, keys and values, with these numbers of heads where they are joined to features."""
    q, k, v = inputs
    if heads is not None:
        counts = heads[0], heads[1], heads[1]
        q, k, v = (_heads(call, x, count) for x, count in zip((q, k, v), counts, strict=True))
    arguments: dict[str, Any] = {"enable_gqa": True} if q.shape.sizes[0] != k.shape.sizes[0] else {}
    if is_causal:
        arguments["is_causal"] = True
    found = call.one("scaled_dot_product_attention", q, k, v, **arguments)
    if heads is None:
        return found
    found = call.one("permute", found, dims=[2, 1, 3])
    return call.one("flatten", found, start_dim=2)


def _heads(call: NodeCall, x: Data, count: int) -> Data:
    """Return length × heads·features as heads × length × features. Errors: `LayerError`."""
    features = x.shape.sizes[-1]
    if count < 1 or features % count:
        raise LayerError(f"its {features} features are not those of {count} heads")
    parts = call.one("unflatten", x, dim=2, unflattened_size=[count, features // count])
    return call.one("permute", parts, dims=[2, 1, 3])
