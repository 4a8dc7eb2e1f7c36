"""Arguments of PyTorch's modules: their defaults, which are left out, and those that have no names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.source.values import code_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NORM", "UNCOUNTED", "construct", "default_of"]

_WINDOW = {"stride": 1, "padding": 0, "dilation": 1, "pad": None}
_RECURRENT = {"one_bias": False, "num_layers": 1, "bias": True, "bidirectional": False}
_STATEFUL = {"one_bias": False, "num_layers": 1,
             "bias": True, "bidirectional": False, "nonlinearity": "tanh", "proj_size": 0,
             "last": False}  # fmt: skip
_DEFAULTS: dict[str, dict[str, Any]] = {
    "nn.Conv": {**_WINDOW, "groups": 1, "bias": True, "padding_mode": "zeros"},
    "nn.ConvTranspose": {**_WINDOW, "output_padding": 0, "groups": 1, "bias": True},
    "nn.MaxPool": {"padding": 0, "dilation": 1, "ceil_mode": False, "pad": None},
    "nn.MaxUnpool": {"padding": 0},
    "nn.AvgPool": {"padding": 0, "ceil_mode": False, "count_include_pad": True, "pad": None},
    "nn.BatchNorm": {"eps": 1e-05, "momentum": 0.1, "affine": True, "track_running_stats": True},
    "nn.InstanceNorm": {"eps": 1e-05, "affine": False, "track_running_stats": False},
    "SeparableConv": {**_WINDOW, "depth_multiplier": 1, "bias": True},
    "EinsumDense": {"bias": None},
    "nn.LPPool": {"ceil_mode": False},
    "nn.Unfold": _WINDOW,
    "nn.Fold": _WINDOW,
    "nn.Linear": {"bias": True},
    "nn.Bilinear": {"bias": True},
    "nn.PReLU": {"num_parameters": 1},
    "nn.Softplus": {"beta": 1.0, "threshold": 20.0},
    "nn.Hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "Constant": {"integer": False},
    "GatherAt": {"elements": False},
    "ChannelLinear": {"bias": True},
    "nn.LayerNorm": {"eps": 1e-05, "elementwise_affine": True, "bias": True},
    "ChannelNorm": {"eps": 1e-05, "bias": True},
    "nn.RMSNorm": {"elementwise_affine": True},
    "nn.GroupNorm": {"eps": 1e-05, "affine": True},
    "nn.GELU": {"approximate": "none"},
    "nn.LeakyReLU": {"negative_slope": 0.01},
    "nn.ELU": {"alpha": 1.0},
    "nn.LSTM": _RECURRENT,
    "nn.GRU": _RECURRENT,
    "nn.RNN": {**_RECURRENT, "nonlinearity": "tanh"},
    "nn.LSTMCell": {"bias": True},
    "nn.MultiheadAttention": {"bias": True},
    "nn.GRUCell": {"bias": True},
    "nn.RNNCell": {"bias": True, "nonlinearity": "tanh"},
    **{f"Stateful{name}": _STATEFUL for name in ("LSTM", "GRU", "RNN")},
    **{f"Looped{name}": {"bias": True, "nonlinearity": "tanh", "last": False} for name in ("LSTM", "GRU", "RNN")},
    "LayerScale": {"axes": 0, "scale": True, "shift": False},
    "ShiftedBatchNorm": {"eps": 1e-05, "momentum": 0.1},
    "PositionEmbedding": {"offset": 0, "interpolate": False},
    "WindowPartition": {"grid": False},
    "WindowAttention": {"position": "table", "qkv_bias": True, "bias": True, "hidden": 512},
    "Attention": {
        "qkv_bias": True,
        "key_bias": True,
        "bias": True,
        "qk_norm": "none",
        "is_causal": False,
        "window": None,
        "rotary_dim": 0,
        "rotary_base": 10_000.0,
    },
}
_UNNAMED = frozenset({
    "in1_features", "in2_features",
    "in_channels", "out_channels", "in_features", "out_features", "num_features", "num_channels", "num_groups",
    "normalized_shape", "num_embeddings", "embedding_dim", "input_size", "hidden_size", "features", "num_positions",
    "equation", "norm_type",
    "num_tokens", "output_size", "p", "size", "negative_slope", "alpha", "groups", "upscale_factor", "downscale_factor",
})  # fmt: skip
"""Arguments that are written without their names, where they come first."""
NORM, UNCOUNTED = "parametrization", "uncounted"
_AROUND = ("pad", "one_bias", NORM, UNCOUNTED)
"""What is no argument of a module, but written around it: how its weight is computed, which weights are constants."""


def _defaults(name: str) -> Mapping[str, Any]:
    return _DEFAULTS.get(re.sub(r"\dd$", "", name), {})


def default_of(kind: str, argument: str) -> Any:
    """Return the default of an argument of an operation; None for none."""
    return _defaults(kind.partition("|")[0]).get(argument)


def construct(name: str, arguments: Mapping[str, Any]) -> str:
    """Return the construction of a module of PyTorch, or of one that is written beside it."""
    if name == "nn.Parameter":
        size = arguments["size"]
        inner = code_of(size).strip("()").rstrip(",") if isinstance(size, tuple) else f"*{code_of(size)}"
        return f"nn.Parameter(torch.zeros({inner}))"
    defaults = _defaults(name)
    texts: list[str] = []
    is_leading = True
    for key, value in arguments.items():
        if key in _AROUND or (key in defaults and type(value) is type(defaults[key]) and value == defaults[key]):
            continue
        is_leading = is_leading and key in _UNNAMED
        texts.append(code_of(value) if is_leading else f"{key}={code_of(value)}")
    text = f"{name}({', '.join(texts)})"
    if arguments.get("one_bias"):
        return f"one_bias({text})"
    if norm := arguments.get(NORM):
        text = f"parametrizations.{norm[0]}({text}{f', dim={norm[1]}' if norm[1] else ''})"
    if held := arguments.get(UNCOUNTED):
        text = f"{UNCOUNTED}({text}, {', '.join(map(code_of, held))})"
    pad = arguments.get("pad")
    if pad is None:
        return text
    filled = 'float("-inf")' if "MaxPool" in name else "0.0"
    return f"nn.Sequential(nn.ConstantPad{name[-2:]}({code_of(pad)}, {filled}), {text})"
