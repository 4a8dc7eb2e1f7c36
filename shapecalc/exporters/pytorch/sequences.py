"""Embeddings, tokens, attention and recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.pytorch.table import ROTARY, NoCounterpartError, call, module, writes
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []


@writes("embedding")
def _embedding(site: Site) -> Operation:
    rows, features = site.weights["weight"]
    return module("nn.Embedding", num_embeddings=rows, embedding_dim=features)


@writes("position_embedding")
def _position_embedding(site: Site) -> Operation:
    rows, features = site.weights["weight"]
    given = site.given
    return module(
        "PositionEmbedding",
        num_positions=rows,
        features=features,
        offset=given["offset"] or 0,
        interpolate=given["interpolate"],
    )


@writes("class_token")
def _class_token(site: Site) -> Operation:
    tokens, features = site.weights["weight"]
    return module("ClassToken", num_tokens=tokens, features=features)


@writes("parameter")
def _parameter(site: Site) -> Operation:
    return module("nn.Parameter", "{m}", size=(1, *site.outputs[0].sizes))


@writes("constant")
def _constant(site: Site) -> Operation:
    return module("Constant", "{m}()", size=tuple(site.outputs[0].sizes))


@writes("experts")
def _experts(site: Site) -> Operation:
    given = site.given
    site.refuse("limit", "bias", "correction_bias")
    if not given["gated"] or given["activation"] != "silu":
        raise NoCounterpartError("experts without a gate, or with another activation")
    return module(
        "Experts",
        "{m}({*})",
        num_experts=given["num_experts"],
        top_k=given["top_k"],
        features=site.x.sizes[-1],
        hidden=given["hidden_dim"],
    )


@writes("window_attention")
def _window_attention(site: Site) -> Operation:
    given = site.given
    return module(
        "WindowAttention",
        features=site.x.sizes[-1],
        num_heads=given["num_heads"],
        size=tuple(per_axis(given["window_size"], 2)),
        position=given["position"],
        qkv_bias=given["qkv_bias"],
        bias=given["proj_bias"],
        hidden=given["cpb_hidden"],
    )


@writes("lstm", "gru", "rnn")
def _recurrent(site: Site) -> Operation:
    given = site.given
    names = {"lstm": "nn.LSTM", "gru": "nn.GRU", "rnn": "nn.RNN"}
    site.refuse("peephole", "proj_size")
    if given["convention"] != "torch" or len(site.inputs) > 1 or not site.used <= {0} or not given["return_sequences"]:
        raise NoCounterpartError("an initial or last state, or the last step alone")
    return module(
        names[site.layer.kind],
        "{m}({0})",
        input_size=site.x.sizes[-1],
        hidden_size=given["hidden_size"],
        num_layers=given["num_layers"],
        bias=given["bias"],
        batch_first=True,
        bidirectional=given["bidirectional"],
    )


@writes("multi_head_attention")
def _attention(site: Site) -> Operation:
    given = site.given
    site.refuse("relative_buckets", "gate", "sinks", "softcap", "alibi", "add_bias_kv", "add_zero_attn", "attn_mask",
                "qk_norm_bias", "products_in_fp32")  # fmt: skip
    if len(site.inputs) > 2:
        raise NoCounterpartError("three inputs")
    features, heads = site.x.sizes[-1], given["num_heads"]
    size = given["head_dim"] or features // heads
    rotary = site.rotary.given if site.rotary and given["rotary"] else {}
    if given["rotary"] and not rotary:
        raise NoCounterpartError("a rotation without a rotary_embedding before it")
    arguments = {
        "features": features,
        "num_heads": heads,
        "num_kv_heads": given["num_kv_heads"] or heads,
        "head_dim": size,
        "value_dim": given["v_head_dim"] or size,
        "context": site.inputs[-1].sizes[-1],
        "qkv_bias": bool(given["qkv_bias"]),
        "key_bias": bool(given["k_bias"]),
        "bias": bool(given["out_bias"]),
        "qk_norm": given["qk_norm"],
        "is_causal": bool(given["is_causal"]),
        "window": given["window"],
        "rotary_dim": (rotary["rotary_dim"] or size) if rotary else 0,
        "rotary_base": rotary["base"] if rotary else 10_000.0,
    }
    names = [name for name in site.weights if "bias" not in name and "norm" not in name]
    stated = sum(_product(site.weights[name]) for name in names)
    keys = arguments["context"] * arguments["num_kv_heads"] * (size + arguments["value_dim"])
    if stated != heads * features * (size + arguments["value_dim"]) + keys or site.outputs[0].sizes[-1] != features:
        raise NoCounterpartError("projections of other widths")
    return module("Attention", "{m}({*})", **arguments)


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


@writes(ROTARY)
def _rotary_embedding(_: Site) -> Operation:
    """It is a part of the attention after it."""
    return call("{0}")
