"""Multi-head latent attention, as matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.onnx.attention import NORM_EPS, attend, joined, mask_of
from shapecalc.exporters.onnx.embeddings import rotated
from shapecalc.exporters.onnx.norms import normalise_rms
from shapecalc.exporters.onnx.table import writes

if TYPE_CHECKING:
    from shapecalc.exporters.onnx.table import LayerSite


@writes("multi_head_latent_attention")
def _multi_head_latent_attention(site: LayerSite) -> str:
    """Keys and values are expanded from the latent; the rotated part of the key is the same in all heads."""
    given, weights, x = site.given, site.weights, site.names[0]
    heads, nope, rope, value = (given[name] for name in ("num_heads", "qk_nope_head_dim", "qk_rope_head_dim",
                                                         "v_head_dim"))  # fmt: skip
    leading, length = tuple(site.x.sizes[:-2]), site.x.sizes[-2]
    rank, numbers = len(leading) + 1, site.graph.numbers

    def project(y: str, name: str) -> str:
        bias = site.weight(f"{name}.bias") if f"{name}.bias" in weights else None
        return site.project(y, site.weight(f"{name}.weight"), bias)

    def normed(y: str, name: str) -> str:
        return str(site.op("Mul", normalise_rms(site, y, [-1], NORM_EPS), site.weight(f"{name}.weight")))

    def split(y: str, count: int, width: int) -> str:
        order = [*range(rank), rank + 1, rank, rank + 2]
        return site.transpose(site.reshape(y, (*leading, length, count, width)), order)

    if "q_a_proj.weight" in weights:
        q = project(normed(project(x, "q_a_proj"), "q_a_layernorm"), "q_b_proj")
    else:
        q = project(x, "q_proj")
    rank_ = given["kv_lora_rank"]
    latent, key = site.op("Split", project(x, "kv_a_proj_with_mqa"), numbers(rank_, rope), outputs=2, axis=-1)
    both = split(project(normed(latent, "kv_a_layernorm"), "kv_b_proj"), heads, nope + value)
    k, v = site.op("Split", both, numbers(nope, value), outputs=2, axis=-1)
    q_plain, q_turned = site.op("Split", split(q, heads, nope + rope), numbers(nope, rope), outputs=2, axis=-1)
    base = float(site.rotary.given["base"]) if site.rotary else 10_000.0
    q = site.op("Concat", q_plain, rotated(site, q_turned, length, rope, rope, base), axis=-1)
    turned = rotated(site, split(key, 1, rope), length, rope, rope, base)
    every = site.op("Expand", turned, numbers(1, *[1] * len(leading), heads, 1, 1))
    k = site.op("Concat", k, every, axis=-1)

    def change(scores: str) -> str:
        return str(site.op("Add", scores, mask_of(site, length, length, None, is_causal=True)))

    found, _ = attend(site, (q, k, v), leading, (heads, heads), (length, length), (nope + rope, value),
                       change if given["is_causal"] else None)  # fmt: skip
    return project(joined(site, found, leading, length, heads * value), "o_proj")
