"""Attention, with learned projections or without."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, layer, when

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data


def _wants_scores(call: LayerCall) -> bool:
    return call.kwargs.get("return_attention_scores") is True


def _causal(call: LayerCall) -> dict[str, Any]:
    return {"is_causal": True} if call.kwargs.get("use_causal_mask") is True else {}


def _triple(call: LayerCall) -> tuple[Data, Data, Data]:
    """Return the queries, keys and values: Keras has the values before the keys, which may be left out."""
    found = [call.checked(one) for one in call.inputs[:3]]
    if len(found) < 2:
        raise LayerError("it needs queries and values")
    if any(x.batch != OWN for x in found):
        raise NotCoveredError("the batch is not an axis of its own")
    return found[0], found[2] if len(found) > 2 else found[1], found[1]


@layer("MultiHeadAttention")
def _multi_head(call: LayerCall) -> Any:
    q, k, v = _triple(call)
    heads, head = call.whole("num_heads"), call.whole("key_dim")
    v_head = call.whole("value_dim", head)
    shape = call.listed("output_shape") if call.argument("output_shape") is not None else [q.shape.sizes[-1]]
    bias: dict[str, Any] = {} if call.flag("use_bias", default=True) else {"bias": False}
    axes = call.listed("attention_axes") if call.argument("attention_axes") is not None else None
    space = [axis % q.rank for axis in axes] if axes is not None else list(range(1, q.rank - 1))
    is_one = space == [q.rank - 2]
    if not is_one and space != list(range(1, q.rank - 1)):
        raise NotCoveredError(f"it attends along the axes {axes}, not the last one or all of them")
    if is_one and shape == [q.shape.sizes[-1]] and not _wants_scores(call):
        more = when(v_head != head, v_head_dim=v_head)
        return call.one("multi_head_attention", *_distinct(q, k, v), num_heads=heads, head_dim=head, **more, **bias,
                        **_causal(call))  # fmt: skip
    if is_one and q.shape.rank > 2:
        raise NotCoveredError("it attends along one of several axes, and has another output than its queries")
    return _composed(call, (q, k, v), (heads, head, v_head), shape, bias)


def _distinct(q: Data, k: Data, v: Data) -> list[Data]:
    """Return the inputs without those that repeat the one before."""
    if k.ref == v.ref:
        return [q] if q.ref == k.ref else [q, k]
    return [q, k, v]


def _composed(
    call: LayerCall,
    triple: tuple[Data, Data, Data],
    widths: tuple[int, int, int],
    shape: list[Any],
    bias: dict[str, Any],
) -> Any:
    """Return multi-head attention as its single layers: of several axes, or with an output of another size."""
    heads, head, v_head = widths
    parts = []
    for name, x, width in zip(("query", "key", "value"), triple, (head, head, v_head), strict=True):
        if x.shape.rank < 2:
            raise LayerError(f"it needs a length and features, but one of its inputs is {x.shape.text}")
        flat = x if x.shape.rank == 2 else call.one("flatten", x, name=f"{name}_flat", end_dim=-2)
        projected = call.one("linear", flat, name=name, out_features=heads * width, **bias)
        split = call.one("unflatten", projected, name=f"{name}_heads", dim=-1, unflattened_size=[heads, width])
        parts.append(call.one("permute", split, name=f"{name}_first", dims=[2, 1, 3]))
    q, k, v = parts
    if _wants_scores(call):
        scores = call.one("matmul", q, k, name="scores", transpose_b=True)
        scores = call.one("softmax", scores, name="softmax", dim=-1)
        mixed = call.one("matmul", scores, v, name="mixed")
    else:
        mixed = call.one("scaled_dot_product_attention", q, k, v, name="attention", **_causal(call))
    joined = call.one("permute", mixed, name="heads_last", dims=[2, 1, 3])
    flat = call.one("flatten", joined, name="joined", start_dim=2)
    sizes = [size for size in shape if type(size) is int]
    y = call.one("linear", flat, name="output", out_features=prod(sizes), **bias)
    full = [*triple[0].shape.sizes[:-1], *sizes]
    if list(y.shape.sizes) != full:
        y = call.one("reshape", y, name="output_shape", shape=full)
    return [y, scores] if _wants_scores(call) else y


@layer("GroupedQueryAttention", "GroupQueryAttention")
def _grouped(call: LayerCall) -> Any:
    q, k, v = _triple(call)
    if _wants_scores(call):
        raise NotCoveredError("its scores are an output")
    bias: dict[str, Any] = {} if call.flag("use_bias", default=True) else {"bias": False}
    return call.one(
        "multi_head_attention", *_distinct(q, k, v), num_heads=call.whole("num_query_heads"),
        num_kv_heads=call.whole("num_key_value_heads"), head_dim=call.whole("head_dim"), **bias, **_causal(call),
    )  # fmt: skip


@layer("Attention")
def _attention(call: LayerCall) -> Any:
    q, k, v = _triple(call)
    concatenates = call.word("score_mode", "dot") == "concat"
    scores = _added(call, q, k) if concatenates else call.one("matmul", q, k, name="scores", transpose_b=True)
    if call.flag("use_scale", default=False):
        scores = _scaled(call, scores, "scale")
    if concatenates:
        scores = call.one("sum", call.one("tanh", scores, name="tanh"), name="sum", dim=-1)
        scores = _scaled(call, scores, "concat_score_weight")
    return _weighted(call, scores, v)


@layer("AdditiveAttention")
def _additive(call: LayerCall) -> Any:
    q, k, v = _triple(call)
    scores = call.one("tanh", _added(call, q, k), name="tanh")
    if call.flag("use_scale", default=True):
        scores = call.one("layer_scale", scores, name="scale", dim=-1)
    return _weighted(call, call.one("sum", scores, name="sum", dim=-1), v)


def _added(call: LayerCall, q: Data, k: Data) -> Data:
    """Return the sum of every query and every key."""
    rows = call.one("unsqueeze", q, name="queries", dim=q.shape.rank)
    columns = call.one("unsqueeze", k, name="keys", dim=k.shape.rank - 1)
    return call.one("add", rows, columns, name="sums")


def _scaled(call: LayerCall, x: Data, name: str) -> Data:
    factor = call.one("parameter", name=name, shape=[])
    return call.one("mul", x, factor, name=f"{name}_mul", batch=x.batch)


def _weighted(call: LayerCall, scores: Data, v: Data) -> Any:
    weights = call.one("softmax", scores, name="softmax", dim=-1)
    y = call.one("matmul", weights, v)
    return [y, weights] if _wants_scores(call) else y
