"""Attention, with learned projections or without."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, layer, when
from shapecalc.importers.keras.structure import PROJECTIONS
from shapecalc.importers.keras.wrappers import inner_call

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data


def _wants_scores(call: LayerCall) -> bool:
    return call.kwargs.get("return_attention_scores") is True


def _causal(call: LayerCall) -> dict[str, Any]:
    return {"is_causal": True} if call.kwargs.get("use_causal_mask") is True else {}


def _projections(call: LayerCall) -> dict[str, Any]:
    """Return the configs of its projections, if some have adapters of LoRA."""
    found = call.argument(PROJECTIONS)
    return found if isinstance(found, dict) else {}


def _variants(call: LayerCall) -> dict[str, Any]:
    """Return what a layer has besides its sizes: Keras counts a window from its position to one side."""
    bias = call.flag("use_bias", default=True)
    causal, window = _causal(call), call.whole("sliding_window", 0)
    width = window if causal else 2 * window - 1
    gate = call.flag("use_gate", default=False)
    return {**causal, **when(not bias, bias=False), **when(gate, gate=True), **when(window > 0, window=width)}


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
    axes = call.listed("attention_axes") if call.argument("attention_axes") is not None else None
    space = [axis % q.rank for axis in axes] if axes is not None else list(range(1, q.rank - 1))
    is_one = space == [q.rank - 2]
    if not is_one and space != list(range(1, q.rank - 1)):
        raise NotCoveredError(f"it attends along the axes {axes}, not the last one or all of them")
    if is_one and shape == [q.shape.sizes[-1]] and not _wants_scores(call) and not _projections(call):
        more = when(v_head != head, v_head_dim=v_head)
        return call.one("multi_head_attention", *_distinct(q, k, v), num_heads=heads, head_dim=head, **more,
                        **_variants(call))  # fmt: skip
    if is_one and q.shape.rank > 2:
        raise NotCoveredError("it attends along one of several axes, and has another output than its queries")
    return _composed(call, (q, k, v), (heads, head, v_head), shape)


def _distinct(q: Data, k: Data, v: Data) -> list[Data]:
    """Return the inputs without those that repeat the one before."""
    if k.ref == v.ref:
        return [q] if q.ref == k.ref else [q, k]
    return [q, k, v]


def _composed(call: LayerCall, triple: tuple[Data, Data, Data], widths: tuple[int, int, int], shape: list[Any]) -> Any:
    """Return multi-head attention as its single layers: of several axes, with an output of another size, or adapted."""
    heads, head, v_head = widths
    flat = [_as_sequence(call, name, x) for name, x in zip(("query", "key", "value"), triple, strict=True)]
    q, k, v = (
        call.one("permute", _projected(call, name, x, heads, width), name=f"{name}_first", dims=[2, 1, 3])
        for name, x, width in zip(("query", "key", "value"), flat, (head, head, v_head), strict=True)
    )
    if _wants_scores(call):
        scores = call.one("matmul", q, k, name="scores", transpose_b=True)
        scores = call.one("softmax", scores, name="softmax", dim=-1)
        mixed = call.one("matmul", scores, v, name="mixed")
    else:
        mixed = call.one("scaled_dot_product_attention", q, k, v, name="attention", **_causal(call))
    joined = call.one("permute", mixed, name="heads_last", dims=[2, 1, 3])
    if call.flag("use_gate", default=False):
        joined = call.one("mul", joined, _projected(call, "gate", flat[0], heads, v_head), name="gated")
    sizes = [size for size in shape if type(size) is int]
    if _projections(call):
        y = _adapted(call, "attention_output", joined)
    else:
        merged = call.one("flatten", joined, name="joined", start_dim=2)
        y = call.one("linear", merged, name="output", out_features=prod(sizes), **_bias(call))
    full = [*triple[0].shape.sizes[:-1], *sizes]
    if list(y.shape.sizes) != full:
        y = call.one("reshape", y, name="output_shape", shape=full)
    return [y, scores] if _wants_scores(call) else y


def _bias(call: LayerCall) -> dict[str, Any]:
    return when(not call.flag("use_bias", default=True), bias=False)


def _as_sequence(call: LayerCall, name: str, x: Data) -> Data:
    """Return an input with one axis of positions."""
    if x.shape.rank < 2:
        raise LayerError(f"it needs a length and features, but one of its inputs is {x.shape.text}")
    if x.shape.rank == 2:
        return x
    if _projections(call):
        raise NotCoveredError("its projections along several axes have adapters of LoRA")
    return call.one("flatten", x, name=f"{name}_flat", end_dim=-2)


def _projected(call: LayerCall, name: str, x: Data, heads: int, width: int) -> Data:
    """Return a projection to heads of a width: of a sequence, so that the heads are its second axis."""
    if _projections(call):
        return _adapted(call, name, x)
    y = call.one("linear", x, name=name, out_features=heads * width, **_bias(call))
    if name == "gate":
        y = call.one("sigmoid", y, name="gate_sigmoid")
    return call.one("unflatten", y, name=f"{name}_heads", dim=-1, unflattened_size=[heads, width])


def _adapted(call: LayerCall, name: str, x: Data) -> Data:
    """Return the output of a projection that may have adapters of LoRA: it is an `EinsumDense` of its own."""
    inner = inner_call(call, [x], name, _projections(call))
    inner.place = call.part(name)
    found: Data = call.importing.converted(inner)
    return found


@layer("GroupedQueryAttention", "GroupQueryAttention")
def _grouped(call: LayerCall) -> Any:
    q, k, v = _triple(call)
    if _wants_scores(call):
        raise NotCoveredError("its scores are an output")
    if _projections(call):
        raise NotCoveredError("its projections have adapters of LoRA")
    return call.one(
        "multi_head_attention", *_distinct(q, k, v), num_heads=call.whole("num_query_heads"),
        num_kv_heads=call.whole("num_key_value_heads"), head_dim=call.whole("head_dim"), **_variants(call),
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
