"""Attention: every position of one sequence attends to every position of another, in several heads.

Scores are L·S dot products of head_dim elements in each head, and the weighted sum of the values as many again: these
two matrix products and the projections around them are the multiply-accumulates. A causal mask changes none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import BROADCASTS, DIVIDES, EQUAL, Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Flag, Integer, Number, Stated
from shapecalc.layers.base.dependence import Look, rearranged
from shapecalc.layers.base.layer import BOTH, TRAINED, Example, Layer, WeightShapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

__all__ = ["MultiHeadAttention", "ScaledDotProductAttention", "attended", "need_rank", "product_macs", "same_leading"]


def need_rank(kind: str, x: Shape, lowest: int, what: str) -> None:
    """Check that an input has the axes that a kind needs. Errors: `LayerError`; `what` names the axes."""
    if x.rank < lowest:
        sizes = "×".join(map(str, x.sizes)) or "a scalar"
        raise LayerError(f"{kind} needs {what}, but its input is {sizes}", hint="add a reshape before it")


def same_leading(x: Shape, y: Shape, axes: int, of_x: str, of_y: str) -> Iterator[Constraint]:
    """Yield the constraints that two tensors agree in all but their last `axes` axes. Errors: `LayerError`."""
    if x.rank != y.rank:
        raise LayerError(f"{of_x} and {of_y} have {x.rank} and {y.rank} axes: they must have the same number")
    last = x.rank - axes - 1 if axes == 1 else -1
    for axis, (a, b) in enumerate(zip(x.sizes[:-axes], y.sizes[:-axes], strict=True)):
        name = "length" if axis == last else f"axis {axis + 1}"
        yield Constraint(b, EQUAL, a, f"{name} of {of_y}", f"that of {of_x}")


def product_macs(leading: Dim, length: Dim, keys: Dim, head_dim: Dim, v_head_dim: Dim) -> Dim:
    """Return the MACs of attention's two products, scores and weighted sum, in each of `leading` heads."""
    return leading * length * keys * (head_dim + v_head_dim)


_CAUSAL = (
    "causal: each position attends to none after it, as in a decoder, which caches keys and values; changes no size"
)

_SUM_BITS = 32
"""Bits of the sum over the keys that fused attention saves per query instead of scores (Dao et al. 2022)."""


_MASK_BITS = 8
"""Bits of an element of a dropout's mask."""


def attended(index: int, x: Shape) -> Look:
    """Return a dependence on all positions and features of an input; its leading axes stay separate."""
    return rearranged(index, x, {i: i for i in range(x.rank - 2)})


class MultiHeadAttention(Layer):
    """Multi-head attention with its projections: over its own input, or queries over another's keys and values.

    One input is self-attention; two are the queries' and one for keys and values; three are those of queries, keys and
    values. Each is (…, length, features); the axes before the last two (windows, frames) are batch axes.

    Where frameworks differ: PyTorch keeps the three input projections in one `in_proj_weight` when all are of one
    width, as here where there is one input and no other width is given; others keep them separate: the counts are the
    same. `kdim` and `vdim` are PyTorch's, the widths of the inputs of keys and values; they are inferred,
    and checked where stated. `head_dim` (Keras: `key_dim`) and `v_head_dim` (Keras: `value_dim`) are the widths of
    one head, by default embed_dim // num_heads as in PyTorch; Keras requires it. `num_kv_heads` shares each key and
    value head between several query heads (grouped-query; 1: multi-query). Whisper has `k_bias: false`. T5 adds a
    learned bias for each of `relative_buckets` distances in every head. MACs count the whole L×S square, masked or
    not.
    """

    kind = "multi_head_attention"
    also = ("multihead_attention", "mha", "self_attention", "cross_attention", "grouped_query_attention")
    sequences = True
    saves = TRAINED
    inputs = (1, 3)
    in_calls = (("embed_dim", "num_heads", "dropout", "bias"), ("num_heads", "head_dim", "v_head_dim"))

    num_heads = Integer("heads that the features are split into", symbol="h")
    embed_dim = Stated("features of the queries and of the output")
    kdim = Stated("features of the keys' input")
    vdim = Stated("features of the values' input")
    num_kv_heads = Integer("heads of keys and values, for grouped-query attention; num_heads by default", None)
    head_dim = Integer("features of one head; embed_dim // num_heads by default", None, also=["key_dim"], symbol="d")
    v_head_dim = Integer(
        "features of one head of the values", None, also=["value_dim"], default_from="head_dim", symbol="d_v"
    )
    bias = Flag("learned biases in all four projections", True, also=["use_bias"])
    qkv_bias = Flag("learned biases of the projections of queries, keys and values", None, default_from="bias")
    k_bias = Flag("learned biases of the projection of keys", None, default_from="qkv_bias")
    out_bias = Flag("learned biases of the output projection", None, default_from="bias")
    add_bias_kv = Flag("append a learned key and value", False)
    add_zero_attn = Flag("append a key and value of zeros", False)
    relative_buckets = Integer("number of distances with a learned bias in every head, as in T5", None)
    dropout = Number("fraction of the attention weights that are dropped in training", 0.0, minimum=0, maximum=1)
    need_weights = Flag("output the attention weights too, averaged over the heads, as a second output", False)
    is_causal = Flag(_CAUSAL, False, also=["causal", "use_causal_mask"])

    examples = (
        Example({"embed_dim": 12, "num_heads": 4, "bias": False}, (6, 12), (6, 12), 576, 4_320,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"num_heads": 12}, (197, 768), (197, 768), 2_362_368, 524_391_936,
                "ViT-B/16, torchvision: its parameters; MACs by arithmetic"),
        Example({"num_heads": 32, "num_kv_heads": 8, "bias": False}, (1, 4096), (1, 4096), 41_943_040, 41_951_232,
                "Llama-3-8B: q and o 4096×4096, k and v 4096×1024 (transformers); MACs by arithmetic"),
    )  # fmt: skip

    def _head_dims(self, q: Shape) -> tuple[Dim, Dim]:
        head = q.sizes[-1] // self.num_heads if self.head_dim is None else self.head_dim
        return head, head if self.v_head_dim is None else self.v_head_dim

    @property
    def _kv_heads(self) -> Dim:
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    @property
    def _packed(self) -> bool:
        apart = (self.kdim, self.vdim, self.head_dim, self.v_head_dim, self.num_kv_heads)
        return all(value is None for value in apart)

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        q, k, v = _triple(inputs)
        for x in inputs:
            need_rank(self.kind, x, 2, "a length and features")
        width = q.sizes[-1]
        stated = (
            (self.embed_dim, width, "embed_dim", "features of the input"),
            (self.kdim, k.sizes[-1], "kdim", "features of the keys' input"),
            (self.vdim, v.sizes[-1], "vdim", "features of the values' input"),
        )
        for value, found, name, what in stated:
            if value is not None:
                yield Constraint(found, EQUAL, value, what, name)
        if self.head_dim is None:
            yield Constraint(self.num_heads, DIVIDES, width, "num_heads", "embed_dim")
        if self.num_kv_heads is not None:
            yield Constraint(self.num_kv_heads, DIVIDES, self.num_heads, "num_kv_heads", "num_heads")
        if len(inputs) > 1:
            yield from same_leading(q, k, 2, "the queries' input", "the keys' input")
            yield from same_leading(k, v, 1, "the keys' input", "the values' input")

    def output(self, *inputs: Shape) -> Any:
        q = inputs[0]
        result = q.plain(*q.sizes)
        if not self.need_weights:
            return result
        return result, q.plain(*q.sizes[:-1], self._keys(_triple(inputs)[1]))

    def _keys(self, k: Shape) -> Dim:
        extra = [self.add_bias_kv, self.add_zero_attn].count(True)
        return k.sizes[-2] + extra if extra else k.sizes[-2]

    def weights(self, *inputs: Shape) -> WeightShapes:
        q, k, v = _triple(inputs)
        width, (head, v_head) = q.sizes[-1], self._head_dims(q)
        keys, values = self._kv_heads * head, self._kv_heads * v_head
        queries, mixed = self.num_heads * head, self.num_heads * v_head
        packed = self._packed and len(inputs) == 1
        shapes: WeightShapes = {}
        if packed:
            shapes["in_proj_weight"] = (3 * width, width)
        else:
            shapes["q_proj_weight"] = (queries, width)
            shapes["k_proj_weight"] = (keys, k.sizes[-1])
            shapes["v_proj_weight"] = (values, v.sizes[-1])
        if self.qkv_bias and packed and self.k_bias:
            shapes["in_proj_bias"] = (3 * width,)
        elif self.qkv_bias:
            shapes.update({"q_proj_bias": (queries,), "v_proj_bias": (values,)})
        if self.k_bias and "in_proj_bias" not in shapes:
            shapes["k_proj_bias"] = (keys,)
        if self.add_bias_kv:
            shapes.update({"bias_k": (1, 1, keys), "bias_v": (1, 1, values)})
        if self.relative_buckets is not None:
            shapes["relative_attention"] = (self.relative_buckets, self.num_heads)
        shapes["out_proj.weight"] = (width, mixed)
        if self.out_bias:
            shapes["out_proj.bias"] = (width,)
        return shapes

    def macs(self, output: Any, *inputs: Shape) -> Dim:
        q, k, v = _triple(inputs)
        width, (head, v_head) = q.sizes[-1], self._head_dims(q)
        leading, length = prod(q.sizes[:-2]), q.sizes[-2]
        around = length * width * self.num_heads * (head + v_head)
        kept = k.sizes[-2] * self._kv_heads * (k.sizes[-1] * head + v.sizes[-1] * v_head)
        square = product_macs(self.num_heads, length, self._keys(k), head, v_head)
        return leading * (around + kept + square)

    def kv_cache(self, *inputs: Shape) -> Dim:
        """Return how many elements a decoder keeps for each past position: its key and its value."""
        return self._keys_and_values(*inputs) if self.is_causal else 0

    def cross_kv_cache(self, *inputs: Shape) -> tuple[Dim, Dim]:
        if self.is_causal or len(inputs) == 1:
            return 0, 0
        return self._keys_and_values(*inputs), inputs[1].sizes[-2]

    def _keys_and_values(self, *inputs: Shape) -> Dim:
        """Return the elements of one position's keys and values."""
        q, k, _ = _triple(inputs)
        head, v_head = self._head_dims(q)
        return prod(k.sizes[:-2]) * (self._kv_heads * (head + v_head))

    def kept(self, output: Any, *inputs: Shape) -> list[tuple[Dim, int]]:
        q, k, _ = _triple(inputs)
        head, v_head = self._head_dims(q)
        length, keys, heads = q.sizes[-2], self._keys(k), self.num_heads
        leading, extra, packed = prod(q.sizes[:-2]), self.add_bias_kv or self.add_zero_attn, len(inputs) == 1
        packed = packed and self._packed  # queries, keys and values are one tensor, saved as a whole
        inside = length * heads * head + keys * self._kv_heads * (head + v_head)
        if not self.need_weights:
            inside = inside + length * heads * v_head + (2 * length * heads * head if packed and extra else 0)
            return [(leading * inside, 0), (leading * heads * length, _SUM_BITS)]
        inside = inside + (length * heads * head if packed and not extra else 0)  # the queries, and as they are scaled
        scores = leading * heads * length * keys
        if not 0 < self.dropout < 1:
            return [(leading * inside + scores, 0)]
        return [(leading * inside + 2 * scores, 0), (scores, _MASK_BITS)]

    def kept_for_weights(self, output: Any, *inputs: Shape) -> list[tuple[Dim, int]]:
        if not self.need_weights:
            return []  # fused attention needs its output in any case
        x = inputs[0]
        return [(prod(x.sizes[:-1]) * self.num_heads * self._head_dims(x)[1], 0)]

    def looks(self, output: Any, *inputs: Shape) -> list[Look]:
        return [attended(i, x) for i, x in enumerate(inputs)]


def _triple(inputs: tuple[Shape, ...]) -> tuple[Shape, Shape, Shape]:
    """Return the inputs of queries, keys and values."""
    if len(inputs) == 1:
        return inputs[0], inputs[0], inputs[0]
    return inputs[0], inputs[1], inputs[-1]


class ScaledDotProductAttention(Layer):
    """Attention without projections: softmax(q·kᵀ/√d)·v on queries, keys and values split into heads.

    The inputs are q (…, heads, L, d), k (…, heads, S, d) and v (…, heads, S, d_v); the output is (…, heads, L, d_v).
    Axes of size 1 before the last two of k and v are broadcast to those of q: all heads may share one head of keys and
    values. With `enable_gqa` (PyTorch's name) keys and values may have fewer heads, each shared by several heads of the
    queries. MACs count the whole L×S square, masked or not, as PyTorch's FLOP counter does.
    """

    kind = "scaled_dot_product_attention"
    sequences = True
    saves = BOTH
    also = ("sdpa", "dot_product_attention")
    inputs = (3, 3)
    input_names = ("queries", "keys", "values")

    is_causal = Flag(_CAUSAL, False, also=["causal", "use_causal_mask"])
    enable_gqa = Flag("keys and values may have fewer heads than the queries", False)
    dropout_p = Number("fraction of the attention weights that are dropped in training", 0.0, minimum=0, maximum=1)

    examples = (
        Example({}, [(3, 5, 4), (3, 7, 4), (3, 7, 2)], (3, 5, 2), 0, 630,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip

    def constraints(self, q: Shape, k: Shape, v: Shape) -> Iterator[Constraint]:
        for x in (q, k, v):
            need_rank(self.kind, x, 3 if self.enable_gqa else 2, "heads, a length and features")
        yield Constraint(k.sizes[-1], EQUAL, q.sizes[-1], "features of the keys", "features of the queries")
        yield from same_leading(k, v, 1, "the keys", "the values")
        if self.enable_gqa:
            yield Constraint(k.sizes[-3], DIVIDES, q.sizes[-3], "heads of the keys", "heads of the queries")
            yield from same_leading(q, k, 3, "the queries", "the keys")
        elif q.rank != k.rank:
            yield from same_leading(q, k, 2, "the queries", "the keys")
        else:
            for keys, queries in zip(k.sizes[:-2], q.sizes[:-2], strict=True):
                yield Constraint(keys, BROADCASTS, queries, "a leading axis of the keys", "that of the queries")

    def output(self, q: Shape, k: Shape, v: Shape) -> Shape:
        return q.plain(*q.sizes[:-1], v.sizes[-1])

    def macs(self, output: Shape, q: Shape, k: Shape, v: Shape) -> Dim:
        return product_macs(prod(q.sizes[:-2]), q.sizes[-2], k.sizes[-2], q.sizes[-1], v.sizes[-1])

    def kv_cache(self, q: Shape, k: Shape, v: Shape) -> Dim:
        """Return how many elements a decoder keeps for each past position: its key and its value."""
        return prod(k.sizes[:-2]) * (k.sizes[-1] + v.sizes[-1]) if self.is_causal else 0

    def cross_kv_cache(self, q: Shape, k: Shape, v: Shape) -> tuple[Dim, Dim]:
        if self.is_causal:
            return 0, 0
        return prod(k.sizes[:-2]) * (k.sizes[-1] + v.sizes[-1]), k.sizes[-2]

    def kept(self, output: Shape, q: Shape, k: Shape, v: Shape) -> list[tuple[Dim, int]]:
        return [(prod(q.sizes[:-1]), _SUM_BITS)]

    def looks(self, output: Shape, *inputs: Shape) -> list[Look]:
        return [attended(i, x) for i, x in enumerate(inputs)]
