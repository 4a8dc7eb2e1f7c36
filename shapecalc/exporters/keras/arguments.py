"""Arguments of Keras' layers: their defaults, which are left out, and those that have no names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.source.values import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["construct", "default_of"]

_CONV = {"strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1, "use_bias": True}
_CELL = {"use_bias": True}
_RECURRENT = {**_CELL, "return_sequences": False, "return_state": False}
_ATTENTION = {"dropout": 0.0, "use_bias": True, "use_gate": False, "sliding_window": None}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "layers.Conv": _CONV,
    "layers.DepthwiseConv": {**_CONV, "depth_multiplier": 1},
    "layers.ConvTranspose": _CONV,
    "layers.SeparableConv": {**_CONV, "depth_multiplier": 1},
    "layers.ConvLSTM": {**_CONV, "return_sequences": False},
    "layers.Normalization": {"axis": -1},
    "layers.PReLU": {"shared_axes": None},
    "layers.EinsumDense": {"bias_axes": None},
    "layers.UnitNormalization": {"axis": -1},
    "layers.MaxPooling": {"strides": None, "padding": "valid"},
    "layers.AveragePooling": {"strides": None, "padding": "valid"},
    "layers.GlobalAveragePooling": {"keepdims": False},
    "layers.GlobalMaxPooling": {"keepdims": False},
    "layers.UpSampling": {"interpolation": "nearest"},
    "layers.BatchNormalization": {"axis": -1, "momentum": 0.99, "epsilon": 1e-3, "center": True, "scale": True},
    "layers.LayerNormalization": {"axis": -1, "epsilon": 1e-3, "center": True, "scale": True},
    "layers.GroupNormalization": {"axis": -1, "epsilon": 1e-3, "center": True, "scale": True},
    "layers.RMSNormalization": {"axis": -1, "epsilon": 1e-6},
    "layers.Dense": {"use_bias": True},
    "layers.Softmax": {"axis": -1},
    "layers.Concatenate": {"axis": -1},
    "layers.ReLU": {"max_value": None},
    "layers.LeakyReLU": {"negative_slope": 0.3},
    "layers.ELU": {"alpha": 1.0},
    "layers.MultiHeadAttention": {"value_dim": None, **_ATTENTION},
    "layers.GroupQueryAttention": _ATTENTION,
    "layers.LSTM": _RECURRENT,
    "layers.GRU": {**_RECURRENT, "reset_after": True},
    "layers.SimpleRNN": {**_RECURRENT, "activation": "tanh"},
    "layers.LSTMCell": _CELL,
    "layers.GRUCell": {**_CELL, "reset_after": True},
    "layers.SimpleRNNCell": {**_CELL, "activation": "tanh"},
    "LayerScale": {"axes": 0, "scale": True, "shift": False},
    "PositionEmbedding": {"offset": 0, "interpolate": False},
    "WindowAttention": {"position": "table", "qkv_bias": True, "use_bias": True, "hidden": 512},
    "Attention": {"qkv_bias": True, "key_bias": True, "use_bias": True, "qk_norm": "none", "is_causal": False,
                  "window": None, "rotary_dim": 0, "rotary_base": 10_000.0},
}  # fmt: skip
_UNNAMED = frozenset({
    "filters", "kernel_size", "units", "rate", "pool_size", "input_dim", "output_dim", "target_shape", "activation",
    "num_tokens", "num_positions", "size", "output_size", "height", "width", "alpha", "negative_slope", "num_heads",
    "groups", "head_dim", "equation", "scale", "n",
})  # fmt: skip
"""Arguments that are written without their names, where they come first."""


def _defaults(name: str) -> Mapping[str, Any]:
    return _DEFAULTS.get(re.sub(r"\dD(?=$|Transpose)", "", name), {})


def default_of(kind: str, argument: str) -> Any:
    """Return the default of an argument of an operation; None for none."""
    return _defaults(kind.partition("|")[0]).get(argument)


def construct(name: str, arguments: Mapping[str, Any], extra: Mapping[str, str], used: frozenset[str]) -> str:
    """Return the construction of a layer, with `extra` arguments as code; those `used` elsewhere are not its own."""
    inner, _, wrapper = name.partition("@")
    defaults = _defaults(inner)
    texts: list[str] = []
    is_leading = True
    for key, value in arguments.items():
        if key in used or (key in defaults and type(value) is type(defaults[key]) and value == defaults[key]):
            is_leading = is_leading and key in used
            continue
        is_leading = is_leading and key in _UNNAMED
        texts.append(code_of(value) if is_leading else f"{key}={code_of(value)}")
    own = [f"{key}={value}" for key, value in extra.items()]
    if wrapper:
        layer = f"{inner}({', '.join(texts)})"
        texts = [wrapper.replace("*", layer).partition("(")[2][:-1]]
        inner = wrapper.partition("(")[0]
    return f"{inner}({', '.join([*texts, *own])})"
