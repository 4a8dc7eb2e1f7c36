"""Embeddings, tokens, attention and recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.pytorch.table import NoCounterpartError, call, module, writes

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
    site.refuse("interpolate")
    rows, features = site.weights["weight"]
    return module("PositionEmbedding", num_positions=rows, features=features, offset=site.given["offset"] or 0)


@writes("class_token")
def _class_token(site: Site) -> Operation:
    tokens, features = site.weights["weight"]
    return module("ClassToken", num_tokens=tokens, features=features)


@writes("parameter")
def _parameter(site: Site) -> Operation:
    return module("nn.Parameter", "{m}", size=(1, *site.outputs[0].sizes))


@writes("lstm", "gru", "rnn")
def _recurrent(site: Site) -> Operation:
    given = site.given
    names = {"lstm": "nn.LSTM", "gru": "nn.GRU", "rnn": "nn.RNN"}
    site.refuse("peephole", "proj_size")
    if given["convention"] != "torch" or len(site.inputs) > 1 or not given["return_sequences"]:
        raise NoCounterpartError("an initial state, or the last step alone")
    return module(
        names[site.layer.kind],
        "{m}({0})[0]",
        input_size=site.x.sizes[-1],
        hidden_size=given["hidden_size"],
        num_layers=given["num_layers"],
        bias=given["bias"],
        batch_first=True,
        bidirectional=given["bidirectional"],
    )


@writes("multi_head_attention")
def _attention(site: Site) -> Operation:
    given, weights = site.given, site.weights
    site.refuse("relative_buckets", "gate", "sinks", "add_bias_kv", "add_zero_attn", "attn_mask", "qk_norm_bias")
    features = site.x.sizes[-1]
    heads = given["num_heads"]
    size = given["head_dim"] or features // heads
    value_size = given["v_head_dim"] or size
    biases = {name for name in weights if "bias" in name}
    qkv = bool(given["qkv_bias"])
    if bool(given["k_bias"]) != qkv or len(site.inputs) > 2:  # noqa: PLR2004
        raise NoCounterpartError("biases of keys alone, or three inputs")
    if given["qk_norm"] not in ("none", "head"):
        raise NoCounterpartError(f"qk_norm {given['qk_norm']}")
    operation = module(
        "Attention",
        "{m}({*})",
        features=features,
        num_heads=heads,
        num_kv_heads=given["num_kv_heads"] or heads,
        head_dim=size,
        value_dim=value_size,
        context=site.inputs[-1].sizes[-1],
        qkv_bias=qkv,
        bias=bool(given["out_bias"]),
        qk_norm=given["qk_norm"] == "head",
        is_causal=bool(given["is_causal"]),
    )
    count = heads * size * features + operation.arguments["context"] * operation.arguments["num_kv_heads"] * (
        size + value_size
    ) + heads * value_size * site.outputs[0].sizes[-1]  # fmt: skip
    others = sum(_product(sizes) for name, sizes in weights.items() if "norm" not in name and name not in biases)
    if count != others or site.outputs[0].sizes[-1] != features:
        raise NoCounterpartError("projections of other widths")
    return operation


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


@writes("rotary_embedding")
def _rotary_embedding(_: Site) -> Operation:
    return call("{0}")
