"""Activations, normalisation, fully connected layers, and what has no effect at inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.pytorch.table import NoCounterpartError, call, module, writes
from shapecalc.exporters.source.scales import layer_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.pytorch.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []

_PLAIN = {
    "relu6": "nn.ReLU6", "silu": "nn.SiLU", "sigmoid": "nn.Sigmoid", "tanh": "nn.Tanh",
    "hardswish": "nn.Hardswish", "hardsigmoid": "nn.Hardsigmoid", "mish": "nn.Mish",
    "softsign": "nn.Softsign", "selu": "nn.SELU", "identity": "nn.Identity",
}  # fmt: skip
_SOFTMAX = {"softmax": "nn.Softmax", "log_softmax": "nn.LogSoftmax", "softmin": "nn.Softmin"}


def _activation(name: str) -> Callable[[Site], Operation]:
    return lambda _: module(name)


for _kind, _name in _PLAIN.items():
    writes(_kind)(_activation(_name))


@writes("relu")
def _relu(site: Site) -> Operation:
    limit = site.given["max_value"]
    return module("nn.ReLU") if limit is None else module("nn.Hardtanh", min_val=0.0, max_val=limit)


@writes("softplus")
def _softplus(site: Site) -> Operation:
    return module("nn.Softplus", beta=site.given["beta"], threshold=site.given["threshold"])


@writes("gelu_new")
def _gelu_new(_: Site) -> Operation:
    return module("nn.GELU", approximate="tanh")


@writes(*_SOFTMAX)
def _softmax(site: Site) -> Operation:
    dim = site.given.get("dim")
    return module(_SOFTMAX[site.layer.kind], dim=site.axis(-1 if dim is None else dim))


@writes("softcap")
def _softcap(site: Site) -> Operation:
    return call("{cap} * torch.tanh({0} / {cap})", cap=site.given["cap"])


@writes("dropout")
def _dropout(site: Site) -> Operation:
    return module("nn.Dropout", p=float(site.given["p"]))


@writes("stochastic_depth")
def _stochastic_depth(site: Site) -> Operation:
    return module("StochasticDepth", p=float(site.given["p"]))


@writes("linear")
def _linear(site: Site) -> Operation:
    features = {"in_features": site.x.sizes[-1], "out_features": site.given["out_features"]}
    bias = "bias" in site.weights
    if site.is_mixed:
        return module("ChannelLinear", **features, bias=bias)
    return module("nn.Linear", **features, bias=bias)


@writes("fc")
def _fc(site: Site) -> Operation:
    forward = "{m}({0})" if site.x.rank == 1 else "{m}({0}.flatten(1))"
    features = {"in_features": site.x.elements, "out_features": site.given["out_features"]}
    return module("nn.Linear", forward, **features, bias="bias" in site.weights)


@writes("batch_norm")
def _batch_norm(site: Site) -> Operation:
    given = site.given
    affine = "weight" in site.weights
    if site.axis(given["axis"]) != 1:
        raise NoCounterpartError(f"axis {given['axis']}")
    rank = max(site.x.rank - 1, 1)
    common = {"num_features": site.x.channels, "eps": given["eps"], "momentum": given["momentum"]}
    if affine != ("bias" in site.weights):
        if affine:
            raise NoCounterpartError("a scale without a shift")
        return module(f"ShiftedBatchNorm{rank}d", **common)
    return module(f"nn.BatchNorm{rank}d", **common, affine=affine, track_running_stats=given["track_running_stats"])


@writes("instance_norm")
def _instance_norm(site: Site) -> Operation:
    given, affine = site.given, "weight" in site.weights
    if affine != ("bias" in site.weights):
        raise NoCounterpartError("a scale or a shift alone")
    common = {"num_features": site.x.channels, "eps": given["eps"], "affine": affine}
    return module(f"nn.InstanceNorm{site.rank}d", **common, track_running_stats=given["track_running_stats"])


@writes("layer_norm")
def _layer_norm(site: Site) -> Operation:
    weights = site.weights
    if site.given["elementwise_affine"] and "weight" not in weights:
        raise NoCounterpartError("a shift without a scale")
    size = weights.get("weight", (site.x.sizes[-1],))
    common: dict[str, Any] = {"eps": site.given["eps"]}
    if site.given["axis"] is not None or site.is_mixed:
        if len(size) > 1 or not weights or site.axis(-1 if site.given["axis"] is None else site.given["axis"]) != 1:
            raise NoCounterpartError("several axes of a map")
        return module("ChannelNorm", num_channels=size[0], **common, bias="bias" in weights)
    shape = size[0] if len(size) == 1 else size
    return module(
        "nn.LayerNorm", normalized_shape=shape, **common, elementwise_affine=bool(weights), bias="bias" in weights
    )


@writes("rms_norm")
def _rms_norm(site: Site) -> Operation:
    size = site.weights.get("weight", (site.x.sizes[-1],))
    if site.is_mixed:
        raise NoCounterpartError("the channels of a map")
    shape = size[0] if len(size) == 1 else size
    return module("nn.RMSNorm", normalized_shape=shape, eps=site.given["eps"], elementwise_affine=bool(site.weights))


@writes("group_norm")
def _group_norm(site: Site) -> Operation:
    affine = "weight" in site.weights
    if affine != ("bias" in site.weights):
        raise NoCounterpartError("a scale or a shift alone")
    given = site.given
    return module(
        "nn.GroupNorm", num_groups=given["num_groups"], num_channels=site.x.channels, eps=given["eps"], affine=affine
    )


@writes("local_response_norm")
def _local_response_norm(site: Site) -> Operation:
    given = site.given
    return module(
        "nn.LocalResponseNorm", size=given["size"], alpha=given["alpha"], beta=given["beta"], k=float(given["k"])
    )


@writes("layer_scale", "bias_add")
def _layer_scale(site: Site) -> Operation:
    return layer_scale(site, "features")


@writes("mask_token")
def _mask_token(site: Site) -> Operation:
    return module("MaskToken", features=site.x.sizes[-1])
