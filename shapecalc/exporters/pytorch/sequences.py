"""Embeddings, tokens, attention and recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.pytorch.table import ROTARY, NoCounterpartError, broadcast, call, in_own_order, module, writes
from shapecalc.exporters.source.operations import check_experts
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation
    from shapecalc.model.report import Report

__all__ = ["LAST_STEP", "with_states"]


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


@writes("sinusoidal_embedding")
def _sinusoidal_embedding(_: Site) -> Operation:
    return module("SinusoidalEmbedding")


@writes("class_token")
def _class_token(site: Site) -> Operation:
    tokens, features = site.weights["weight"]
    return module("ClassToken", num_tokens=tokens, features=features)


@writes("parameter")
def _parameter(site: Site) -> Operation:
    return module("nn.Parameter", "{m}", size=(1, *site.outputs[0].sizes))


@writes("constant")
def _constant(site: Site) -> Operation:
    return module("Constant", "{m}()", size=tuple(site.outputs[0].sizes), integer=bool(site.integers))


@writes("experts")
def _experts(site: Site) -> Operation:
    given = site.given
    check_experts(site)
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


LAST_STEP = "{m}({0})[0][:, -1]"
_STATEFUL = "Stateful"
"""How the names of the classes begin whose states are inputs and outputs."""
_RECURRENT = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}


@writes("lstm", "gru", "rnn")
def _recurrent(site: Site) -> Operation:
    given = site.given
    site.refuse("peephole")
    is_keras = given["convention"] != "torch"
    if is_keras and not given.get("reset_after", True):
        raise NoCounterpartError("reset_after False: PyTorch's GRU resets the product with the state, not the state")
    if given["merge_mode"] != "concat":
        raise NoCounterpartError(f"merge_mode {given['merge_mode']}: PyTorch concatenates the directions")
    arguments = {
        "input_size": site.x.sizes[-1],
        "hidden_size": given["hidden_size"],
        "num_layers": given["num_layers"],
        "bias": given["bias"],
        **({"nonlinearity": given["nonlinearity"]} if "nonlinearity" in given else {}),
        **({"proj_size": given["proj_size"]} if given.get("proj_size") else {}),
        "batch_first": True,
        "bidirectional": given["bidirectional"],
    }
    if is_keras and given["bias"] and site.layer.kind != "gru":
        arguments["one_bias"] = True
    name = _RECURRENT[site.layer.kind]
    if len(site.inputs) == 1 and site.used <= {0}:
        if given["return_sequences"]:
            return module(f"nn.{name}", "{m}({0})", **arguments)
        if not given["bidirectional"]:
            return module(f"nn.{name}", LAST_STEP, **arguments)
    return module(f"{_STATEFUL}{name}", "{m}({*})", **arguments, last=not given["return_sequences"])


def with_states(report: Report, operations: Sequence[Operation]) -> list[Operation]:
    """Return operations where recurrent layers are of the class with states, if other calls of them use these."""
    found = [*operations]
    owners = [node.shares if node.shares >= 0 else index for index, node in enumerate(report.graph.nodes)]
    stateful = {owner for owner, one in zip(owners, operations, strict=True) if one.kind.startswith(_STATEFUL)}
    for index, owner in enumerate(owners):
        name, _, forward = found[index].kind.partition("|")
        if owner in stateful and name.startswith("nn.") and forward == "{m}({0})":
            found[index] = found[index]._replace(kind=f"{_STATEFUL}{name[3:]}|{{m}}({{*}})",
                                                 arguments={**found[index].arguments, "last": False})  # fmt: skip
    return found


def _arguments_of_cell(site: Site) -> dict[str, Any]:
    given = site.given
    if given["convention"] != "torch":
        raise NoCounterpartError("one bias in every gate, as in Keras")
    more = {"nonlinearity": given["nonlinearity"]} if "nonlinearity" in given else {}
    return {"input_size": site.x.sizes[-1], "hidden_size": given["hidden_size"], "bias": given["bias"], **more}


@writes("recurrent")
def _looped(site: Site) -> Operation:
    name = _RECURRENT[site.given["cell"].removesuffix("_cell")]
    return module(f"Looped{name}", "{m}({*})", **_arguments_of_cell(site), last=not site.given["return_sequences"])


@writes("lstm_cell", "gru_cell", "rnn_cell")
def _cell(site: Site) -> Operation:
    arguments = _arguments_of_cell(site)
    name = _RECURRENT[site.layer.kind.removesuffix("_cell")]
    states = site.per_sample()[1:]
    text = ", ".join(["{0}", *([f"({', '.join(states)})"] if len(states) > 1 else states)])
    return module(f"nn.{name}Cell", f"{{m}}({text})", **arguments)


@writes("scaled_dot_product_attention")
@in_own_order
def _scaled_dot_product_attention(site: Site) -> Operation:
    given = site.given
    names = broadcast(site)
    names[3:] = [f"attn_mask={mask}" for mask in names[3:]]
    words = [f"{name}=True" for name in ("is_causal", "enable_gqa") if given[name]]
    if given["is_causal"] and len(site.inputs) > 3:
        raise NoCounterpartError("a mask beside the causal one")
    return call(f"F.scaled_dot_product_attention({', '.join([*names, *words])})")


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
    return _own_attention(site, arguments) or module("Attention", "{m}({*})", **arguments)


def _own_attention(site: Site, arguments: dict[str, Any]) -> Operation | None:
    """Return PyTorch's own module where it has all of the arguments; it has other masks, which are its inputs."""
    features, context = arguments["features"], arguments["context"]
    sizes = {
        "num_kv_heads": arguments["num_heads"], "head_dim": features // arguments["num_heads"],
        "value_dim": arguments["head_dim"], "key_bias": arguments["bias"], "qkv_bias": arguments["bias"],
        "qk_norm": "none", "is_causal": False, "window": None, "rotary_dim": 0,
    }  # fmt: skip
    is_alone = len(site.outputs) == 1 and all(x.rank == 2 for x in site.inputs)
    if not is_alone or any(arguments[name] != value for name, value in sizes.items()):
        return None
    query, keys = (site.per_sample() * 2)[:2]
    other = {} if context == features else {"kdim": context, "vdim": context}
    return module(
        "nn.MultiheadAttention", f"{{m}}({query}, {keys}, {keys}, need_weights=False)[0]",
        embed_dim=features, num_heads=arguments["num_heads"], bias=arguments["bias"], **other, batch_first=True,
    )  # fmt: skip


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


@writes(ROTARY)
def _rotary_embedding(_: Site) -> Operation:
    """It is a part of the attention after it."""
    return call("{0}")
