"""Embeddings, tokens, attention and recurrent layers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.keras.layouts import in_own_order
from shapecalc.exporters.keras.table import ROTARY, NoCounterpartError, call, module, stored, writes
from shapecalc.exporters.source.operations import check_experts, with_axes
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []


@writes("embedding")
def _embedding(site: Site) -> Operation:
    rows, features = site.weights["weight"]
    return module("layers.Embedding", input_dim=rows, output_dim=features)


@writes("position_embedding")
def _position_embedding(site: Site) -> Operation:
    given = site.given
    rows, _ = site.weights["weight"]
    return module(
        "PositionEmbedding", num_positions=rows, offset=given["offset"] or 0, interpolate=given["interpolate"]
    )


@writes("class_token")
def _class_token(site: Site) -> Operation:
    return module("ClassToken", num_tokens=site.weights["weight"][0])


@writes("parameter", "constant")
def _parameter(site: Site) -> Operation:
    name = "Parameter" if site.layer.kind == "parameter" else "Constant"
    more = {"dtype": "int32"} if site.integers else {}
    return module(name, size=tuple(site.outputs[0].sizes), **more)


@writes("experts")
def _experts(site: Site) -> Operation:
    given = site.given
    check_experts(site)
    return module("Experts", "{m}({*})", num_experts=given["num_experts"], top_k=given["top_k"],
                  hidden=given["hidden_dim"])  # fmt: skip


@writes("window_attention")
def _window_attention(site: Site) -> Operation:
    given = site.given
    return module(
        "WindowAttention",
        num_heads=given["num_heads"],
        size=tuple(per_axis(given["window_size"], 2)),
        position=given["position"],
        qkv_bias=given["qkv_bias"],
        use_bias=given["proj_bias"],
        hidden=given["cpb_hidden"],
    )


def _cell(given: dict[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments of a recurrent layer, or of its cell. Errors: `NoCounterpartError`."""
    two = given["bias"] and given["convention"] == "torch"
    if two and kind != "gru":
        raise NoCounterpartError("two biases in every gate; Keras has one, as with convention: keras")
    arguments: dict[str, Any] = {"units": given["hidden_size"], "use_bias": given["bias"]}
    if kind == "gru":
        arguments["reset_after"] = bool(two or given.get("reset_after", True))
    if kind == "rnn":
        arguments["activation"] = given["nonlinearity"]
    return {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}[kind], arguments


@writes("lstm_cell", "gru_cell", "rnn_cell")
def _one_step(site: Site) -> Operation:
    kind = site.layer.kind.removesuffix("_cell")
    name, arguments = _cell(site.given, kind)
    states = 2 if kind == "lstm" else 1
    if len(site.inputs) <= states:
        raise NoCounterpartError("no state before it")
    given = ", ".join(f"{{{i + 1}}}" for i in range(states))
    return module(f"layers.{name}Cell", f"{{m}}({{0}}, [{given}])[{states - 1}]", **arguments)


@writes("lstm", "gru", "rnn")
def _recurrent(site: Site) -> Operation:
    given, kind = site.given, site.layer.kind
    site.refuse("peephole", "proj_size")
    name, arguments = _cell(given, kind)
    depth, both = given["num_layers"], given["bidirectional"]
    wrapper = f"@layers.Bidirectional(*{_merge_mode(given)})" if both else ""
    if len(site.inputs) > 1 or site.used - {0}:
        if depth > 1:
            return _stacked(given, kind)
        return module(f"layers.{name}{wrapper}", "recurrent({m}, {*})", **arguments,
                      return_sequences=given["return_sequences"], return_state=True)  # fmt: skip
    if both and given["merge_mode"] == "none":
        raise NoCounterpartError("an output of each direction, of which one alone is used")
    if depth == 1:
        return module(f"layers.{name}{wrapper}", **arguments, return_sequences=given["return_sequences"])
    if not given["return_sequences"]:
        raise NoCounterpartError("several layers, of which the last outputs the last step alone")
    return module(f"layers.{name}{wrapper}", "{m}({0});" * (depth - 1) + "{m}({0})", **arguments, return_sequences=True)


def _stacked(given: dict[str, Any], kind: str) -> Operation:
    """Return the operation of several layers with their states."""
    if kind != "lstm" or given["bidirectional"] or not given["return_sequences"]:
        raise NoCounterpartError(
            "states of several layers that are not an LSTM in one direction that outputs every step"
        )
    bias = "" if given["bias"] else ", use_bias=False"
    return call(f"stacked_lstm({{*}}, units={{units}}, num_layers={{depth}}{bias}, name={{name}})",
                units=given["hidden_size"], depth=given["num_layers"])  # fmt: skip


def _merge_mode(given: dict[str, Any]) -> str:
    """Return the argument of how both directions are merged."""
    mode = given["merge_mode"]
    word = None if mode == "none" else f'"{mode}"'
    return "" if mode == "concat" else f", merge_mode={word}"


@writes("multi_head_attention")
def _attention(site: Site) -> Operation:
    given = site.given
    site.refuse("relative_buckets", "sinks", "softcap", "alibi", "add_bias_kv", "add_zero_attn", "attn_mask",
                "qk_norm_bias", "need_weights")  # fmt: skip
    features, heads = site.x.sizes[-1], given["num_heads"]
    size = given["head_dim"] or features // heads
    value = given["v_head_dim"] or size
    own = given["num_kv_heads"] or heads
    _check_widths(site, heads, own, size, value)
    biases = bool(given["qkv_bias"]), bool(given["k_bias"]), bool(given["out_bias"])
    is_plain = len({*biases}) == 1 and given["qk_norm"] == "none" and not given["rotary"]
    causal = ", use_causal_mask=True" if given["is_causal"] else ""
    inputs = ("{0}, {0}", "{0}, {1}", "{0}, {2}, {1}")[len(site.inputs) - 1]
    common: dict[str, Any] = {"dropout": float(given["dropout"]), "use_bias": biases[2], "use_gate": given["gate"],
                              "sliding_window": _sliding_window(given)}  # fmt: skip
    if is_plain and own == heads:
        different = {"value_dim": value} if value != size else {}
        return module("layers.MultiHeadAttention", f"{{m}}({inputs}{causal})", num_heads=heads, key_dim=size,
                      **different, **common)  # fmt: skip
    if is_plain and value == size:
        return module("layers.GroupQueryAttention", f"{{m}}({inputs}{causal})", head_dim=size, num_query_heads=heads,
                      num_key_value_heads=own, **common)  # fmt: skip
    return _own_attention(site, (heads, own, size, value), biases)


def _sliding_window(given: dict[str, Any]) -> int | None:
    """Return the window as Keras counts it: from a position to one side, itself included."""
    window: int | None = given["window"]
    return window if window is None or given["is_causal"] else window // 2 + 1


def _check_widths(site: Site, heads: int, own: int, size: int, value: int) -> None:
    features = site.x.sizes[-1]
    context, source = site.inputs[min(1, len(site.inputs) - 1)].sizes[-1], site.inputs[-1].sizes[-1]
    names = [name for name in site.weights if "bias" not in name and "norm" not in name]
    stated = sum(prod(site.weights[name]) for name in names)
    due = features * heads * (size + value * (2 if site.given["gate"] else 1)) + own * (size * context + value * source)
    if stated != due or site.outputs[0].sizes[-1] != features:
        raise NoCounterpartError("projections of other widths")


def _own_attention(site: Site, widths: tuple[int, int, int, int], biases: tuple[bool, bool, bool]) -> Operation:
    """Return the operation of the layer that is written into the source."""
    given = site.given
    heads, own, size, value = widths
    site.refuse("gate")
    rotary = site.rotary.given if site.rotary and given["rotary"] else {}
    if given["rotary"] and not rotary:
        raise NoCounterpartError("a rotation without a rotary_embedding before it")
    if len(site.inputs) > 2:
        raise NoCounterpartError("three inputs")
    if given["qk_norm"] not in ("none", "head", "width"):
        raise NoCounterpartError(f"qk_norm {given['qk_norm']}")
    return module(
        "Attention",
        "{m}({*})",
        num_heads=heads,
        num_kv_heads=own,
        head_dim=size,
        value_dim=value,
        qkv_bias=biases[0],
        key_bias=biases[1],
        use_bias=biases[2],
        qk_norm=given["qk_norm"],
        is_causal=bool(given["is_causal"]),
        window=given["window"],
        rotary_dim=(rotary["rotary_dim"] or size) if rotary else 0,
        rotary_base=float(rotary["base"]) if rotary else 10_000.0,
    )


@writes("scaled_dot_product_attention")
def _scaled_dot_product_attention(site: Site) -> Operation:
    """Keras has the heads between positions and features, as the third axis."""
    tensors = (*site.inputs, site.outputs[0])
    if len(site.inputs) > 3 or site.given["enable_gqa"] or any(x.rank != 3 for x in tensors):
        return _attention_by_products(site)
    swaps = [", 1, 2)" if stored(x) == [0, 1, 2] else ", 2, 3)" for x in tensors]
    inputs = ", ".join(f"ops.swapaxes({{{i}}}{swap}" for i, swap in enumerate(swaps[:3]))
    causal = ", is_causal=True" if site.given["is_causal"] else ""
    return call(f"ops.swapaxes(ops.dot_product_attention({inputs}{causal}){swaps[3]}")


@in_own_order
def _attention_by_products(site: Site) -> Operation:
    """Return attention with a mask, which is added, grouped keys, or any axes before positions and features."""
    q, k, *_ = site.inputs
    rank = max(x.rank for x in site.inputs)
    names = [with_axes(rank - x.rank, number) for number, x in enumerate(site.inputs)]
    if site.given["is_causal"]:
        raise NoCounterpartError("a mask beside the causal one, grouped keys, or further axes")
    if site.given["enable_gqa"]:
        groups = q.sizes[-3] // k.sizes[-3]
        names[1:3] = [f"ops.repeat({name}, {groups}, axis=-3)" for name in names[1:3]]
    scores = f"{names[0]} @ ops.swapaxes({names[1]}, -2, -1) * {{scale}}"
    masked = " + ".join([scores, *names[3:]])
    return call(f"ops.softmax({masked}) @ {names[2]}", scale=round(q.sizes[-1] ** -0.5, 9))


@writes(ROTARY)
def _rotary_embedding(_: Site) -> Operation:
    """It is a part of the attention after it."""
    return call("{0}")
