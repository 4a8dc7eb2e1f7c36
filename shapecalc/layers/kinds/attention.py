"""Attention: every position of one sequence attends to every position of another, in several heads.

Scores are L·S dot products of head_dim elements in each head, and the weighted sum of the values as many again: these
two matrix products and the projections around them are the multiply-accumulates. A causal mask changes none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, prod
from shapecalc.layers.base.arguments import ATTENTION, HEADS, KV_HEADS, Choice, Flag, Integer, Number, Stated
from shapecalc.layers.base.dependence import AxisDependence, Look, rearranged
from shapecalc.layers.base.layer import FEATURES_LAST, TRAINED, Example, Projection, WeightShapes
from shapecalc.layers.base.ranks import need_rank, same_leading
from shapecalc.layers.base.roles import ATTENTION_OUTPUT, KEY, QUERY, QUERY_KEY_VALUE, VALUE
from shapecalc.layers.kinds import scaled_dot_product as sdp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "attentions"

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(sdp.Heads):
    """Multi-head attention with its projections: over its own input, or queries over another's keys and values.

    One input is self-attention; two are the queries' and one for keys and values; three are those of queries, keys and
    values. Each is (…, length, features); the axes before the last two (windows, frames) are batch axes.

    Where frameworks differ: PyTorch keeps the three input projections in one `in_proj_weight` when all are of one
    width, as here with one input and no other width; others keep them separate (`packed`: false). `kdim` and `vdim`
    are PyTorch's, the widths of the inputs of keys and values; they are inferred, and checked where stated.
    `head_dim` (Keras: `key_dim`) and `v_head_dim` (Keras: `value_dim`) are the widths of one head, by default
    embed_dim // num_heads as in PyTorch; Keras requires it. `num_kv_heads` shares each key and value head between
    several query heads (grouped-query; 1: multi-query). Whisper has `k_bias: false`. T5 adds a learned bias for
    each of `relative_buckets` distances in every head. MACs count the whole L×S square, masked or not, within a
    `window` or not.

    With `window` each position attends to that many positions, itself included: with `is_causal` to those up to it
    (Mistral, Gemma, gpt-oss), else to half of them on either side (ModernBERT); a cache need not be longer. `qk_norm`
    normalises queries and keys (RMS): over each head, with one weight for all heads (Qwen3) or one for each (Cohere),
    or over the whole width (OLMo 2). `gate` multiplies the output of the heads by a sigmoid of one more projection
    (Qwen3-Next); `sinks` is a learned score in each head that takes weight away from all keys (gpt-oss). ALiBi's biases
    are computed, not learned. With `attn_mask` the last input is a mask, or biases, of the scores.
    """

    kind = "multi_head_attention"
    also = ("multihead_attention", "mha", "self_attention", "cross_attention", "grouped_query_attention")
    torch_name = "MultiheadAttention"
    in_calls = ("embed_dim", "num_heads", "dropout", "bias", "add_bias_kv", "add_zero_attn", "kdim", "vdim")
    in_keras_calls = ("num_heads", "head_dim", "v_head_dim", "dropout")
    sequences = True
    of_map = "to_tokens"
    weight_roles: ClassVar = {
        "in_proj_weight": QUERY_KEY_VALUE, "q_proj_weight": QUERY, "k_proj_weight": KEY, "v_proj_weight": VALUE,
        "gate_proj_weight": QUERY, "out_proj.weight": ATTENTION_OUTPUT,
    }  # fmt: skip
    saves = TRAINED
    inputs = (1, 4)

    num_heads = Integer("heads that the features are split into", symbol="h", role=HEADS)
    embed_dim = Stated("features of the queries and of the output")
    packed = Flag("one matrix projects to queries, keys and values; as in PyTorch by default", None)
    kdim = Stated("features of the keys' input")
    vdim = Stated("features of the values' input")
    num_kv_heads = Integer("heads of keys and values, for grouped-query attention; num_heads by default", None,
                           role=KV_HEADS)  # fmt: skip
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
    window = Integer("positions that each position attends to, itself included; all by default", None,
                     also=["sliding_window"], symbol="W")  # fmt: skip
    qk_norm = Choice("RMS normalisation of queries and keys: none, head, heads (a weight for each head), width",
                     ("none", "head", "heads", "width"), "none")  # fmt: skip
    qk_norm_bias = Flag("learned biases of those normalisations (LayerNorm, as in Phi)", False)
    qk_norm_implementation = Choice(sdp.NORM, sdp.NORMS, sdp.FUSED)
    rotary = Flag("queries and keys are rotated after their projection (RoPE); changes no size", False)
    contiguous_heads = Flag(
        "queries are copied head by head, as where a part of them is rotated; changes no size", False
    )
    gate = Flag("multiply the output of the heads by a learned gate from 0 to 1", False)
    sinks = Flag("a learned score in each head that takes weight away from all keys", False)
    softcap = Number("limit of the scores, by a hyperbolic tangent (Gemma 2); none by default", None, minimum=0,
                     also=["attn_logit_softcapping"])  # fmt: skip
    alibi = Flag("biases that fall with the distance, without parameters (ALiBi)", False)
    attn_mask = Flag("the last input is a mask or biases of the scores, (…, length, length of the keys)", False)
    dropout = Number("fraction of the attention weights that are dropped in training", 0.0, minimum=0, maximum=1)
    need_weights = Flag("output the attention weights too, averaged over the heads, as a second output", False)
    attn_implementation = Choice(sdp.IMPLEMENTATION, (sdp.FLASH, sdp.MATH, sdp.EAGER), sdp.FLASH, role=ATTENTION)
    softmax_in_fp32 = Flag(sdp.SOFTMAX, False)
    products_in_fp32 = Flag("eager attention multiplies queries and keys in fp32 (GPT-J); changes no size", False)
    is_causal = Flag(sdp.CAUSAL, False, also=["causal", "use_causal_mask"])

    examples = (
        Example({"embed_dim": 12, "num_heads": 4, "bias": False}, (6, 12), (6, 12), 576, 4_320,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"num_heads": 12}, (197, 768), (197, 768), 2_362_368, 524_391_936,
                "ViT-B/16, torchvision: its parameters; MACs by arithmetic"),
        Example({"num_heads": 32, "num_kv_heads": 8, "bias": False}, (1, 4096), (1, 4096), 41_943_040, 41_951_232,
                "Llama-3-8B: q and o 4096×4096, k and v 4096×1024 (transformers); MACs by arithmetic"),
    )  # fmt: skip

    @property
    def axis_order(self) -> str:
        return FEATURES_LAST

    def doubt(self, *inputs: Shape) -> str:
        width = inputs[0].sizes[-1]
        if self.num_heads != width or width == 1 or self.embed_dim is not None or self.head_dim is not None:
            return ""
        return f"has {width} heads of 1 feature each: write {{embed_dim: {width}, num_heads: …}} if that is the width"

    @property
    def _packed(self) -> bool:
        apart = (self.kdim, self.vdim, self.head_dim, self.v_head_dim, self.num_kv_heads)
        return all(value is None for value in apart) if self.packed is None else bool(self.packed)

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        q, k, v = self._triple(inputs)
        for x in (q, k, v):
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
        if not self._is_self(inputs):
            yield from same_leading(q, k, 2, "the queries' input", "the keys' input")
            yield from same_leading(k, v, 1, "the keys' input", "the values' input")
        if self.attn_mask:
            yield from sdp.mask_constraints(inputs[-1], (*q.sizes[:-2], self.num_heads, q.sizes[-2], self._keys(k)))

    def output(self, *inputs: Shape) -> Any:
        q = inputs[0]
        result = q.plain(*q.sizes)
        if not self.need_weights:
            return result
        return result, q.plain(*q.sizes[:-1], self._keys(self._triple(inputs)[1]))

    def _keys(self, k: Shape) -> Dim:
        extra = [self.add_bias_kv, self.add_zero_attn].count(True)
        return k.sizes[-2] + extra if extra else k.sizes[-2]

    def weights(self, *inputs: Shape) -> WeightShapes:
        q, k, v = self._triple(inputs)
        width, (head, v_head) = q.sizes[-1], self._head_dims(q)
        keys, values = self._kv_heads * head, self._kv_heads * v_head
        queries, mixed = self.num_heads * head, self.num_heads * v_head
        packed = self._packed and self._is_self(inputs)
        shapes: WeightShapes = {}
        if packed:
            shapes["in_proj_weight"] = (queries + keys + values, width)
        else:
            shapes["q_proj_weight"] = (queries, width)
            shapes["k_proj_weight"] = (keys, k.sizes[-1])
            shapes["v_proj_weight"] = (values, v.sizes[-1])
        if self.qkv_bias and packed and self.k_bias:
            shapes["in_proj_bias"] = (queries + keys + values,)
        elif self.qkv_bias:
            shapes.update({"q_proj_bias": (queries,), "v_proj_bias": (values,)})
        if self.k_bias and "in_proj_bias" not in shapes:
            shapes["k_proj_bias"] = (keys,)
        if self.add_bias_kv:
            shapes.update({"bias_k": (1, 1, keys), "bias_v": (1, 1, values)})
        shapes |= self._around(q)
        shapes["out_proj.weight"] = (width, mixed)
        if self.out_bias:
            shapes["out_proj.bias"] = (width,)
        return shapes

    def _around(self, q: Shape) -> WeightShapes:
        """Return the weights besides those of the projections in and out."""
        (head, v_head), width = self._head_dims(q), q.sizes[-1]
        mixed = self.num_heads * v_head
        shapes: WeightShapes = {}
        if self.relative_buckets is not None:
            shapes["relative_attention"] = (self.relative_buckets, self.num_heads)
        if self.qk_norm != "none":
            for name, heads in (("q_norm", self.num_heads), ("k_norm", self._kv_heads)):
                shapes[f"{name}.weight"] = self._norm(heads, head)
                if self.qk_norm_bias:
                    shapes[f"{name}.bias"] = self._norm(heads, head)
        if self.gate:
            shapes["gate_proj_weight"] = (mixed, width)
            if self.qkv_bias:
                shapes["gate_proj_bias"] = (mixed,)
        if self.sinks:
            shapes["sinks"] = (self.num_heads,)
        return shapes

    def projections(self, *inputs: Shape) -> dict[str, Projection]:
        q, k, v = self._triple(inputs)
        width, (head, v_head), leading = q.sizes[-1], self._head_dims(q), prod(q.sizes[:-2])
        queries, mixed = self.num_heads * head, self.num_heads * v_head
        of_keys, of_values = self._kv_heads * head, self._kv_heads * v_head
        length, keys = leading * q.sizes[-2], leading * k.sizes[-2]
        at = ((0, 0, 0), (0, 1, 1), (0, 1, 2))[len(inputs) - (2 if self.attn_mask else 1)]
        found = {
            "q_proj": Projection(width, queries, length, at[0], ("query", "q")),
            "k_proj": Projection(k.sizes[-1], of_keys, keys, at[1], ("key", "k")),
            "v_proj": Projection(v.sizes[-1], of_values, keys, at[2], ("value", "v")),
        }
        if self._packed and self._is_self(inputs):
            found = {"in_proj": Projection(width, queries + of_keys + of_values, length, 0, sdp.PACKED, joins=3)}
        if self.gate:
            found["gate_proj"] = Projection(width, mixed, length)
        is_kept = not self._mixes_apart
        return {**found, "out_proj": Projection(mixed, width, length, -1, ("o_proj", "o", "c_proj"), is_kept=is_kept)}

    def macs(self, output: Any, *inputs: Shape) -> Dim:
        q, k, v = self._triple(inputs)
        width, (head, v_head) = q.sizes[-1], self._head_dims(q)
        leading, length = prod(q.sizes[:-2]), q.sizes[-2]
        around = length * width * self.num_heads * (head + (2 * v_head if self.gate else v_head))
        kept = k.sizes[-2] * self._kv_heads * (k.sizes[-1] * head + v.sizes[-1] * v_head)
        square = sdp.product_macs(self.num_heads, length, self._keys(k), head, v_head)
        return leading * (around + kept + square)

    def needed_macs(self, output: Any, *inputs: Shape) -> int:
        q, k, _ = self._triple(inputs)
        hidden = sdp.hidden_pairs(q.sizes[-2], k.sizes[-2], self.window, is_causal=self.is_causal)
        return int(self.macs(output, *inputs) - hidden * self._pair_macs(q))

    def past_macs(self, *inputs: Shape) -> Dim:
        return self._pair_macs(inputs[0]) if self.is_causal else 0

    def _pair_macs(self, q: Shape) -> Dim:
        """Return the MACs of a query and a key, in all heads."""
        return sdp.product_macs(prod(q.sizes[:-2]) * self.num_heads, 1, 1, *self._head_dims(q))

    def kv_cache(self, *inputs: Shape) -> Dim:
        """Return how many elements a decoder keeps for each past position: its key and its value."""
        return self._keys_and_values(*inputs) if self.is_causal else 0

    def score_heads(self, *inputs: Shape) -> Dim:
        return prod(inputs[0].sizes[:-2]) * self.num_heads

    def cache_window(self) -> int | None:
        window: int | None = self.window
        return window

    def cross_kv_cache(self, *inputs: Shape) -> tuple[Dim, Dim]:
        if self.is_causal or self._is_self(inputs):
            return 0, 0
        return self._keys_and_values(*inputs), inputs[1].sizes[-2]

    def _keys_and_values(self, *inputs: Shape) -> Dim:
        """Return the elements of one position's keys and values."""
        q, k, _ = self._triple(inputs)
        return prod(k.sizes[:-2]) * (self._kv_heads * sum(self._head_dims(q)))

    def kept(self, output: Any, *inputs: Shape) -> list[tuple[Dim, int]]:
        q, k, _ = self._triple(inputs)
        if self.attn_implementation != sdp.FLASH and not self.need_weights:
            return self._kept_unfused(q, k)
        head, v_head = self._head_dims(q)
        length, keys, heads = q.sizes[-2], self._keys(k), self.num_heads
        leading, extra, packed = prod(q.sizes[:-2]), self.add_bias_kv or self.add_zero_attn, self._is_self(inputs)
        packed = packed and self._packed  # queries, keys and values are one tensor, saved as a whole
        inside = length * heads * head + keys * self._kv_heads * (head + v_head)
        inside = inside + (length * heads * v_head if self.gate else 0)
        if packed and self.rotary:  # beside the values, which are a part of the packed tensor
            inside = inside + self._queries_and_keys(q, k)
        if not self.need_weights:
            inside = inside + length * heads * v_head + (2 * length * heads * head if packed and extra else 0)
            return [(leading * inside, 0), (leading * heads * length, sdp.SUM_BITS), *self._kept_by_norms(q, k)]
        inside = inside + (length * heads * head if packed and not extra else 0)  # the queries, and as they are scaled
        return [(leading * inside, 0), *self._kept_by_norms(q, k), *self._kept_scores(q, self._keys(k))]

    def _kept_unfused(self, q: Shape, k: Shape) -> list[tuple[Dim, int]]:
        """Return what is kept where scores are stored: each head of the queries has its own keys and values then."""
        head, v_head = self._head_dims(q)
        leading, heads, length, keys = prod(q.sizes[:-2]), self.num_heads, q.sizes[-2], self._keys(k)
        scored, values = leading * heads * head * (length + keys), leading * heads * keys * v_head
        around = leading * (length * heads * v_head if self.gate else 0)
        norms = self._kept_by_norms(q, k)
        if self.attn_implementation == sdp.MATH:
            return [(around, 0), *norms, (scored + values + leading * heads * length * keys, 32)]
        bits = sdp.SUM_BITS if self.products_in_fp32 else 0
        return [(scored, bits), (values + around, 0), *norms, *self._kept_scores(q, self._keys(k))]

    @property
    def _mixes_apart(self) -> bool:
        """Whether the last projection reads another tensor than the output that flash attention keeps."""
        return bool(self.gate or self.need_weights or self.contiguous_heads or self.attn_implementation != sdp.FLASH)

    def kept_for_weights(self, output: Any, *inputs: Shape) -> list[tuple[Dim, int]]:
        q, k, _ = self._triple(inputs)
        leading, mixed = prod(q.sizes[:-2]), q.sizes[-2] * self.num_heads * self._head_dims(q)[1]
        bits = sdp.SUM_BITS if self.qk_norm_implementation == "fp32" else 0
        return [(leading * mixed if self._mixes_apart else 0, 0), (leading * self._normalised(q, k), bits)]

    def looks(self, output: Any, *inputs: Shape) -> list[Look]:
        along = {axis: axis for axis in range(inputs[0].rank - 1)}
        window = {} if self.window is None else {inputs[0].rank - 2: self._within()}
        masks = 1 if self.attn_mask else 0
        queries = [] if self._is_self(inputs) else [rearranged(0, inputs[0], along)]
        looks = [
            rearranged(i, x, along, window) if window and i < len(inputs) - masks else sdp.attended(i, x)
            for i, x in enumerate(inputs)
        ]
        return [*queries, *looks[len(queries) :]]

    def _within(self) -> AxisDependence:
        """Return which positions a position attends to within the window."""
        after = 1 if self.is_causal else self.window // 2 + 1
        before = self.window - 1 if self.is_causal else self.window // 2
        return AxisDependence((range(-before, after),), 1)
