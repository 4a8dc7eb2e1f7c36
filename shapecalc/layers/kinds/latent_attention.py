"""Multi-head latent attention: keys and values are made from a small vector of each position.

That vector is all that a decoder caches: DeepSeek-AI 2024 (DeepSeek-V2), section 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import EQUAL, Constraint, Dim, prod
from shapecalc.layers.base.arguments import ATTENTION, HEADS, Choice, Flag, Integer, Number, Stated
from shapecalc.layers.base.layer import TRAINED, Example, Layer, Projection, WeightShapes
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.base.roles import ATTENTION_OUTPUT, FROM_LATENT, KEY, QUERY
from shapecalc.layers.kinds.scaled_dot_product import (
    CAUSAL,
    EAGER,
    FLASH,
    FUSED,
    IMPLEMENTATION,
    NORMS,
    SOFTMAX,
    SUM_BITS,
    attended,
    hidden_pairs,
    product_macs,
    scores_kept,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.dependence import Look
    from shapecalc.layers.base.shape import Shape

GROUP = "attentions"

__all__ = ["MultiHeadLatentAttention"]


class MultiHeadLatentAttention(Layer):
    """Multi-head latent attention (MLA): keys and values of all heads are projections of one small latent vector.

    The input is (…, length, features), as in DeepSeek-V2 and V3. A head's query and key have a part without positions
    (`qk_nope_head_dim`) and one that is rotated (`qk_rope_head_dim`), whose key all heads share. A decoder caches the
    latent and that key: kv_lora_rank + qk_rope_head_dim elements for each past position. The queries are projections of
    a latent too, unless `q_lora_rank` is left out. Names of the weights are those of transformers. MACs are those of
    keys and values that are expanded from the latent, as transformers computes them; kernels that multiply the latent
    itself in decoding have other MACs.
    """

    kind = "multi_head_latent_attention"
    also = ("mla", "latent_attention")
    sequences = True
    of_map = "to_tokens"
    weight_roles: ClassVar = {
        **dict.fromkeys(("q_proj.weight", "q_a_proj.weight", "q_b_proj.weight"), QUERY),
        "kv_a_proj_with_mqa.weight": KEY, "kv_b_proj.weight": FROM_LATENT, "o_proj.weight": ATTENTION_OUTPUT,
    }  # fmt: skip
    saves = TRAINED

    num_heads = Integer("number of heads", symbol="h", role=HEADS)
    kv_lora_rank = Integer("features of the latent of keys and values, which is cached", symbol="c")
    qk_nope_head_dim = Integer("features of a head's query and key without positions", 128, symbol="d_n")
    qk_rope_head_dim = Integer("features of a head's query and of the shared key that are rotated", 64, symbol="d_r")
    v_head_dim = Integer("features of a head's value", 128, symbol="d_v")
    q_lora_rank = Integer("features of the latent of the queries; they are projected directly by default", None,
                          symbol="q")  # fmt: skip
    embed_dim = Stated("features of the input and of the output")
    bias = Flag("learned biases of the projections to the latents and of the output", False, also=["attention_bias"])
    dropout = Number("fraction of the attention weights that are dropped in training", 0.0, minimum=0, maximum=1)
    attn_implementation = Choice(IMPLEMENTATION, (FLASH, EAGER), FLASH, role=ATTENTION)
    softmax_in_fp32 = Flag(SOFTMAX, False)
    norm_implementation = Choice("how the latents are normalised, as of rms_norm; changes no size", NORMS, FUSED)
    is_causal = Flag(CAUSAL, False, also=["causal", "use_causal_mask"])

    examples = (
        Example({"num_heads": 128, "kv_lora_rank": 512, "q_lora_rank": 1536}, (1, 7168), (1, 7168), 187_107_328,
                187_146_240, "DeepSeek-V3, transformers 5.24.0; MACs by its flop counter"),
        Example({"num_heads": 16, "kv_lora_rank": 512}, (10, 2048), (10, 2048), 13_763_072, 138_137_600,
                "DeepSeek-V2-Lite, transformers 5.24.0; MACs by its flop counter"),
    )  # fmt: skip

    @property
    def _qk_head_dim(self) -> Dim:
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "a length and features")
        if self.embed_dim is not None:
            yield Constraint(x.sizes[-1], EQUAL, self.embed_dim, "features of the input", "embed_dim")

    def _matrices(self, width: Dim) -> WeightShapes:
        """Return the weights of the projections, each of which every position passes through once."""
        heads, latent = self.num_heads, self.kv_lora_rank
        queries = heads * self._qk_head_dim
        shapes: WeightShapes = {}
        if self.q_lora_rank is None:
            shapes["q_proj.weight"] = (queries, width)
        else:
            shapes["q_a_proj.weight"] = (self.q_lora_rank, width)
            shapes["q_b_proj.weight"] = (queries, self.q_lora_rank)
        shapes["kv_a_proj_with_mqa.weight"] = (latent + self.qk_rope_head_dim, width)
        shapes["kv_b_proj.weight"] = (heads * (self.qk_nope_head_dim + self.v_head_dim), latent)
        shapes["o_proj.weight"] = (width, heads * self.v_head_dim)
        return shapes

    def weights(self, x: Shape) -> WeightShapes:
        width = x.sizes[-1]
        shapes = self._matrices(width)
        if self.q_lora_rank is not None:
            shapes["q_a_layernorm.weight"] = (self.q_lora_rank,)
        shapes["kv_a_layernorm.weight"] = (self.kv_lora_rank,)
        if self.bias:
            if self.q_lora_rank is not None:
                shapes["q_a_proj.bias"] = (self.q_lora_rank,)
            shapes["kv_a_proj_with_mqa.bias"] = (self.kv_lora_rank + self.qk_rope_head_dim,)
            shapes["o_proj.bias"] = (width,)
        return shapes

    def projections(self, x: Shape) -> dict[str, Projection]:
        found = {}
        for name, (out, features) in self._matrices(x.sizes[-1]).items():
            reads = -1 if name.startswith(("q_b", "kv_b", "o_")) else 0
            found[name.removesuffix(".weight")] = Projection(features, out, prod(x.sizes[:-1]), reads)
        return found

    def macs(self, output: Shape, x: Shape) -> Dim:
        leading, length = prod(x.sizes[:-2]), x.sizes[-2]
        projections = sum(prod(sizes) for sizes in self._matrices(x.sizes[-1]).values())
        square = product_macs(self.num_heads, length, length, self._qk_head_dim, self.v_head_dim)
        return leading * (length * projections + square)

    def needed_macs(self, output: Shape, x: Shape) -> int:
        hidden = hidden_pairs(x.sizes[-2], x.sizes[-2], None, is_causal=self.is_causal)
        return int(self.macs(output, x) - hidden * self._pair_macs(x))

    def past_macs(self, x: Shape) -> Dim:
        return self._pair_macs(x) if self.is_causal else 0

    def _pair_macs(self, x: Shape) -> Dim:
        """Return the MACs of a query and an expanded key, in all heads."""
        return product_macs(prod(x.sizes[:-2]) * self.num_heads, 1, 1, self._qk_head_dim, self.v_head_dim)

    def kv_cache(self, x: Shape) -> Dim:
        """Return how many elements a decoder keeps for each past position: its latent and its shared key."""
        return prod(x.sizes[:-2]) * (self.kv_lora_rank + self.qk_rope_head_dim) if self.is_causal else 0

    def score_heads(self, x: Shape) -> Dim:
        return prod(x.sizes[:-2]) * self.num_heads

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        positions, heads = prod(x.sizes[:-1]), self.num_heads
        products = heads * (2 * self._qk_head_dim + self.v_head_dim)
        norms = positions * (1 if self.q_lora_rank is None else 2)
        if self.norm_implementation == FUSED:
            kept = [(positions * (self._latents() + self.qk_rope_head_dim), 0), (norms, SUM_BITS)]
        else:
            kept = [(positions * self._latents() + norms, SUM_BITS)]
        if self.attn_implementation == FLASH:  # its values are a part of a tensor, and it keeps its output
            inside = products + heads * (self.qk_nope_head_dim + self.v_head_dim)
            return [*kept, (positions * inside, 0), (positions * heads, SUM_BITS)]
        scores = scores_kept(positions * heads * x.sizes[-2], self.dropout, in_fp32=self.softmax_in_fp32)
        return [*kept, (positions * products, 0), *scores]

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        normalised = 2 * self._latents()  # and then scaled
        return [(prod(x.sizes[:-1]) * (normalised + self.num_heads * self.v_head_dim), 0)]

    def _latents(self) -> Dim:
        return self.kv_lora_rank if self.q_lora_rank is None else self.kv_lora_rank + self.q_lora_rank

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [attended(0, x)]
