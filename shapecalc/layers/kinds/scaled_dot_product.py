"""Scaled dot-product attention, and what all kinds of attention share.

Scores are L·S dot products of head_dim elements in each head, and the weighted sum of the values as many again: these
two matrix products are its multiply-accumulates. A causal mask changes none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import BROADCASTS, DIVIDES, EQUAL, Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import ATTENTION, Choice, Flag, Number
from shapecalc.layers.base.dependence import Look, rearranged
from shapecalc.layers.base.layer import BOTH, INPUTS, WIDENED, Example, Layer
from shapecalc.layers.base.ranks import need_rank, same_leading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "attentions"

__all__ = [
    "CAUSAL",
    "EAGER",
    "FLASH",
    "FUSED",
    "IMPLEMENTATION",
    "MATH",
    "NORM",
    "NORMS",
    "PACKED",
    "SOFTMAX",
    "SUM_BITS",
    "Heads",
    "ScaledDotProductAttention",
    "attended",
    "hidden_pairs",
    "mask_constraints",
    "product_macs",
    "scores_kept",
]


def product_macs(leading: Dim, length: Dim, keys: Dim, head_dim: Dim, v_head_dim: Dim) -> Dim:
    """Return the MACs of attention's two products, scores and weighted sum, in each of `leading` heads."""
    return leading * length * keys * (head_dim + v_head_dim)


def hidden_pairs(length: int, keys: int, window: int | None, *, is_causal: bool) -> int:
    """Return how many pairs of a query and a key a causal mask or a window hides, on plain ints.

    With a causal mask, query i (from 0) sees the keys up to i, of which a window leaves the last; without one, a window
    has half of its keys on either side. Keys beyond the length of the queries (`add_bias_kv`) are always seen.
    """
    within = keys if window is None else window
    if is_causal:
        full = min(length, within)  # queries that see every key up to them
        seen = full * (full + 1) // 2 + (length - full) * within
    else:
        side = min(length, within // 2 if window is not None else length)
        seen = length + 2 * (side * (side - 1) // 2 + (length - side) * side)
    return max(0, min(length, keys) * length - seen) if length <= keys else 0


def mask_constraints(mask: Shape, scores: tuple[Dim, ...]) -> Iterator[Constraint]:
    """Yield the constraints that a mask is broadcast to the scores. Errors: `LayerError` if it has more axes."""
    if mask.rank > len(scores):
        raise LayerError(f"the mask has {mask.rank} axes, but the scores have {len(scores)}", hint="reshape the mask")
    for axis, size in zip(mask.sizes[::-1], scores[::-1], strict=False):
        yield Constraint(axis, BROADCASTS, size, "an axis of the mask", "that of the scores")


CAUSAL = (
    "causal: each position attends to none after it, as in a decoder, which caches keys and values; changes no size"
)
"""The doc of the argument, which every kind of attention has."""

PACKED = ("c_attn", "qkv_proj", "query_key_value", "Wqkv", "qkv")
"""Other libraries' names for one matrix of queries, keys and values."""

FLASH, MATH, EAGER = "flash", "math", "eager"

IMPLEMENTATION = "how it is computed: flash stores no scores, math (in fp32) and eager do; changes no size"
"""The doc of the argument `attn_implementation`."""

SOFTMAX = "eager attention has its softmax in fp32, whatever the activations have"
"""The doc of the argument `softmax_in_fp32`."""

_MASK_BITS = 8
"""Bits of an element of a dropout's mask."""

_INDEX_BITS = 64


def scores_kept(scores: Dim, dropout: float, *, in_fp32: bool) -> list[tuple[Dim, int]]:
    """Return what eager attention keeps of its scores: their softmax, and where they are dropped the mask and the rest.

    A softmax `in_fp32` is kept in addition to what the values are weighted with, if that has fewer bits.
    """
    if not 0 < dropout < 1:
        return [(scores, 0), *([(scores, WIDENED)] if in_fp32 else [])]
    return [(scores, 32 if in_fp32 else 0), (scores, 0), (scores, _MASK_BITS)]


FUSED = "fused"
NORMS = (FUSED, "upcast", "fp32")
NORM = "how those normalisations are computed, as of rms_norm; changes no size"
"""The implementations of normalisations within attention, and the doc of the argument."""

SUM_BITS = 32
"""Bits of the sum over the keys that fused attention saves per query instead of scores (Dao et al. 2022)."""


def attended(index: int, x: Shape) -> Look:
    """Return a dependence on all positions and features of an input; its leading axes stay separate."""
    return rearranged(index, x, {i: i for i in range(x.rank - 2)})


class Heads(Layer):
    """What attention with projections of its own derives from its arguments, which the kind declares."""

    num_heads: Any
    num_kv_heads: Any
    head_dim: Any
    v_head_dim: Any
    qk_norm: Any
    qk_norm_implementation: Any
    sinks: Any
    softcap: Any
    dropout: Any
    softmax_in_fp32: Any
    attn_mask: Any

    def _head_dims(self, q: Shape) -> tuple[Dim, Dim]:
        head = q.sizes[-1] // self.num_heads if self.head_dim is None else self.head_dim
        return head, head if self.v_head_dim is None else self.v_head_dim

    @property
    def _kv_heads(self) -> Dim:
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    def _is_self(self, inputs: tuple[Shape, ...]) -> bool:
        """Return whether it is self-attention: one input is that of queries, keys and values."""
        return len(inputs) == (2 if self.attn_mask else 1)

    def _triple(self, inputs: tuple[Shape, ...]) -> tuple[Shape, Shape, Shape]:
        """Return the inputs of queries, keys and values. Errors: `LayerError` for a wrong number of inputs."""
        tensors = inputs[:-1] if self.attn_mask else inputs
        if len(tensors) == 1:
            return tensors[0], tensors[0], tensors[0]
        if not tensors or len(tensors) > 3:
            found = f"{len(inputs)} inputs" if len(inputs) > 1 else "1 input"
            hint = "write `attn_mask: true` if the last one is a mask" if tensors else "write `from: [x, mask]`"
            raise LayerError(f"{self.kind} expects queries, keys and values, but has {found}", hint=hint)
        return tensors[0], tensors[1], tensors[-1]

    def _norm(self, heads: Dim, head: Dim) -> tuple[Dim, ...]:
        """Return the size of the weight of a normalisation of queries or keys."""
        return {"head": (head,), "heads": (heads, head)}.get(self.qk_norm, (heads * head,))

    def _norms(self, q: Shape, k: Shape) -> Dim:
        """Return how many deviations the normalisations of queries and keys keep."""
        heads = {"none": (0, 0), "width": (1, 1)}.get(self.qk_norm, (self.num_heads, self._kv_heads))
        return q.sizes[-2] * heads[0] + k.sizes[-2] * heads[1]

    def _normalised(self, q: Shape, k: Shape) -> Dim:
        """Return the elements of queries and keys that are normalised."""
        if self.qk_norm == "none":
            return 0
        return self._queries_and_keys(q, k)

    def _queries_and_keys(self, q: Shape, k: Shape) -> Dim:
        return (q.sizes[-2] * self.num_heads + k.sizes[-2] * self._kv_heads) * self._head_dims(q)[0]

    def _kept_by_norms(self, q: Shape, k: Shape) -> list[tuple[Dim, int]]:
        """Return what the normalisations of queries and keys keep: their inputs and the deviations."""
        leading, wide = prod(q.sizes[:-2]), self.qk_norm_implementation != FUSED
        return [
            (leading * self._normalised(q, k), SUM_BITS if wide else 0),
            (leading * self._norms(q, k), SUM_BITS),
        ]

    def _kept_scores(self, q: Shape, keys: Dim) -> list[tuple[Dim, int]]:
        """Return what is kept of stored scores: with sinks those too, and the index of the largest of each query."""
        queries = prod(q.sizes[:-2]) * self.num_heads * q.sizes[-2]
        scores = queries * (keys + 1 if self.sinks else keys)
        capped = [(queries * keys, 0)] if self.softcap is not None else []
        largest = [(queries, _INDEX_BITS)] if self.sinks else []
        return [*scores_kept(scores, self.dropout, in_fp32=self.softmax_in_fp32), *capped, *largest]


class ScaledDotProductAttention(Layer):
    """Attention without projections: softmax(q·kᵀ/√d)·v on queries, keys and values split into heads.

    The inputs are q (…, heads, L, d), k (…, heads, S, d) and v (…, heads, S, d_v); the output is (…, heads, L, d_v). A
    fourth input is a mask or biases of the scores, which is broadcast to (…, heads, L, S).
    Axes of size 1 before the last two of k and v are broadcast to those of q: all heads may share one head of keys and
    values. With `enable_gqa` (PyTorch's name) keys and values may have fewer heads, each shared by several heads of the
    queries. MACs count the whole L×S square, masked or not, as PyTorch's FLOP counter does.
    """

    kind = "scaled_dot_product_attention"
    sequences = True
    saves = BOTH
    also = ("sdpa", "dot_product_attention")
    inputs = (3, 4)
    input_names = ("queries", "keys", "values")

    is_causal = Flag(CAUSAL, False, also=["causal", "use_causal_mask"])
    enable_gqa = Flag("keys and values may have fewer heads than the queries", False)
    dropout_p = Number("fraction of the attention weights that are dropped in training", 0.0, minimum=0, maximum=1)
    attn_implementation = Choice(IMPLEMENTATION, (FLASH, EAGER), FLASH, role=ATTENTION)
    softmax_in_fp32 = Flag(SOFTMAX, False)

    examples = (
        Example({}, [(3, 5, 4), (3, 7, 4), (3, 7, 2)], (3, 5, 2), 0, 630,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip

    def constraints(self, q: Shape, k: Shape, v: Shape, *mask: Shape) -> Iterator[Constraint]:
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
        for bias in mask:
            yield from mask_constraints(bias, (*q.sizes[:-1], k.sizes[-2]))

    def output(self, q: Shape, k: Shape, v: Shape, *_: Shape) -> Shape:
        return q.plain(*q.sizes[:-1], v.sizes[-1])

    def macs(self, output: Shape, q: Shape, k: Shape, v: Shape, *_: Shape) -> Dim:
        return product_macs(prod(q.sizes[:-2]), q.sizes[-2], k.sizes[-2], q.sizes[-1], v.sizes[-1])

    def needed_macs(self, output: Shape, q: Shape, k: Shape, v: Shape, *mask: Shape) -> int:
        hidden = hidden_pairs(q.sizes[-2], k.sizes[-2], None, is_causal=self.is_causal)
        return int(self.macs(output, q, k, v, *mask) - hidden * self._pair_macs(q, v))

    def past_macs(self, q: Shape, k: Shape, v: Shape, *_: Shape) -> Dim:
        return self._pair_macs(q, v) if self.is_causal else 0

    def _pair_macs(self, q: Shape, v: Shape) -> Dim:
        """Return the MACs of a query and a key, in all heads."""
        return product_macs(prod(q.sizes[:-2]), 1, 1, q.sizes[-1], v.sizes[-1])

    def kv_cache(self, q: Shape, k: Shape, v: Shape, *_: Shape) -> Dim:
        """Return how many elements a decoder keeps for each past position: its key and its value."""
        return prod(k.sizes[:-2]) * (k.sizes[-1] + v.sizes[-1]) if self.is_causal else 0

    def score_heads(self, q: Shape, *_: Shape) -> Dim:
        return prod(q.sizes[:-2])

    def cross_kv_cache(self, q: Shape, k: Shape, v: Shape, *_: Shape) -> tuple[Dim, Dim]:
        if self.is_causal:
            return 0, 0
        return prod(k.sizes[:-2]) * (k.sizes[-1] + v.sizes[-1]), k.sizes[-2]

    def saved(self, *_: Shape) -> str:
        return BOTH if self.attn_implementation == FLASH else INPUTS

    def kept(self, output: Shape, q: Shape, k: Shape, v: Shape, *_: Shape) -> list[tuple[Dim, int]]:
        queries = prod(q.sizes[:-1])
        if self.attn_implementation == FLASH:
            return [(queries, SUM_BITS)]
        return scores_kept(queries * k.sizes[-2], self.dropout_p, in_fp32=self.softmax_in_fp32)

    def looks(self, output: Shape, *inputs: Shape) -> list[Look]:
        q, *others = inputs
        own = rearranged(0, q, {axis: axis for axis in range(q.rank - 1)})
        return [own, *[attended(i, x) for i, x in enumerate(others, 1)]]
