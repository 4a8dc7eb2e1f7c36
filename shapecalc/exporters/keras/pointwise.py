"""Activations, normalisation, fully connected layers, and what has no effect at inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.keras.layouts import in_own_order
from shapecalc.exporters.keras.table import NoCounterpartError, call, module, norm_of, writes
from shapecalc.exporters.source.scales import layer_scale

if TYPE_CHECKING:
    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.structure.parts import Operation

__all__: list[str] = []

_NAMES = {
    "silu": "silu", "sigmoid": "sigmoid", "tanh": "tanh", "hardswish": "hard_silu", "hardsigmoid": "hard_sigmoid",
    "mish": "mish", "softsign": "softsign", "selu": "selu",
}  # fmt: skip
_OF_ONE = {
    "quick_gelu": "{0} * ops.sigmoid(1.702 * {0})", "relu2": "ops.square(ops.relu({0}))", "abs": "ops.abs({0})",
    "exponential": "ops.exp({0})", "log_sigmoid": "ops.log_sigmoid({0})", "tanhshrink": "{0} - ops.tanh({0})",
    "sqrt_softplus": "ops.sqrt(ops.softplus({0}))",
}  # fmt: skip
"""Functions that Keras has no layer for."""
_WITH_ARGUMENTS = {
    "celu": "ops.celu({0}, {alpha})", "threshold": "ops.threshold({0}, {threshold}, {value})",
    "hardshrink": "ops.hard_shrink({0}, {lambd})", "softshrink": "ops.soft_shrink({0}, {lambd})",
    "hardtanh": "ops.clip({0}, {min_val}, {max_val})",
}  # fmt: skip


@writes("relu", "relu6")
def _relu(site: Site) -> Operation:
    limit = 6 if site.layer.kind == "relu6" else site.given["max_value"]
    return module("layers.ReLU") if limit is None else module("layers.ReLU", max_value=limit)


@writes("softplus")
def _softplus(site: Site) -> Operation:
    beta = site.given["beta"]
    if beta != 1:
        return call("ops.softplus({beta} * {0}) / {beta}", beta=beta)
    return module("layers.Activation", activation="softplus")


@writes(*_NAMES)
def _named(site: Site) -> Operation:
    return module("layers.Activation", activation=_NAMES[site.layer.kind])


@writes(*_OF_ONE)
def _of_one(site: Site) -> Operation:
    return call(_OF_ONE[site.layer.kind])


@writes(*_WITH_ARGUMENTS)
def _with_arguments(site: Site) -> Operation:
    return call(_WITH_ARGUMENTS[site.layer.kind], **site.given)


@writes("identity")
def _identity(_: Site) -> Operation:
    return call("{0}")


@writes("gelu", "gelu_new")
def _gelu(site: Site) -> Operation:
    if site.given.get("approximate", "tanh") == "tanh":
        return call("ops.gelu({0}, approximate=True)")
    return module("layers.Activation", activation="gelu")


@writes("leaky_relu")
def _leaky_relu(site: Site) -> Operation:
    return module("layers.LeakyReLU", negative_slope=site.given["negative_slope"])


@writes("rrelu")
def _rrelu(site: Site) -> Operation:
    """At inference its slope is the mean of the two."""
    return module("layers.LeakyReLU", negative_slope=(site.given["lower"] + site.given["upper"]) / 2)


@writes("elu")
def _elu(site: Site) -> Operation:
    return module("layers.ELU", alpha=site.given["alpha"])


@writes("softmax", "log_softmax")
def _softmax(site: Site) -> Operation:
    dim = site.given.get("dim")
    axis = _axis(site, -1 if dim is None else dim)
    if "log" in site.layer.kind:
        return call("ops.log_softmax({0}, axis={axis})", axis=axis)
    return module("layers.Softmax", axis=axis)


def _axis(site: Site, dim: int | str) -> int:
    """Return the number of an axis in Keras: -1 for the last."""
    axis = site.axis(dim)
    return -1 if axis == site.x.rank else axis


@writes("softcap")
def _softcap(site: Site) -> Operation:
    return call("{cap} * ops.tanh({0} / {cap})", cap=site.given["cap"])


@writes("dropout")
def _dropout(site: Site) -> Operation:
    return module("layers.Dropout", rate=float(site.given["p"]))


@writes("stochastic_depth")
def _stochastic_depth(site: Site) -> Operation:
    return module("layers.Dropout", rate=float(site.given["p"]), noise_shape=(None, *[1] * site.x.rank))


@writes("linear")
@in_own_order
def _linear(site: Site) -> Operation:
    return module(f"layers.Dense{norm_of(site)}", units=site.given["out_features"], use_bias="bias" in site.weights)


@writes("fc")
def _fc(site: Site) -> Operation:
    forward = "{m}({0})" if site.x.rank == 1 else "layers.Flatten()({0});{m}({0})"
    return module(
        f"layers.Dense{norm_of(site)}", forward, units=site.given["out_features"], use_bias="bias" in site.weights
    )


def _affine(site: Site) -> dict[str, Any]:
    return {"center": "bias" in site.weights, "scale": "weight" in site.weights}


@writes("batch_norm")
def _batch_norm(site: Site) -> Operation:
    given = site.given
    if not given["track_running_stats"]:
        raise NoCounterpartError("no running statistics")
    momentum = 0.1 if given["momentum"] is None else given["momentum"]
    return module(
        "layers.BatchNormalization",
        axis=_axis(site, given["axis"]),
        momentum=round(1 - momentum, 9),
        epsilon=given["eps"],
        **_affine(site),
    )


@writes("layer_norm")
def _layer_norm(site: Site) -> Operation:
    axis = site.given["axis"]
    size = site.weights.get("weight", site.weights.get("bias", (0,)))
    if axis is None:
        axes = [_axis(site, dim) for dim in range(-len(size), 0)]
    else:
        axes = [_axis(site, one) for one in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    chosen: Any = axes[0] if len(axes) == 1 else axes
    return module("layers.LayerNormalization", axis=chosen, epsilon=site.given["eps"], **_affine(site))


@writes("rms_norm")
@in_own_order
def _rms_norm(site: Site) -> Operation:
    size = site.weights.get("weight", ())
    if len(size) != 1 or "bias" in site.weights or size[0] != site.x.sizes[-1]:
        raise NoCounterpartError("several axes, or no scale")
    return module("layers.RMSNormalization", epsilon=site.given["eps"] or 1e-6)


@writes("group_norm")
def _group_norm(site: Site) -> Operation:
    axis = _axis(site, "channels")
    return module("layers.GroupNormalization", groups=site.given["num_groups"], axis=axis, epsilon=site.given["eps"],
                  **_affine(site))  # fmt: skip


@writes("instance_norm")
def _instance_norm(site: Site) -> Operation:
    if site.given["track_running_stats"]:
        raise NoCounterpartError("running statistics")
    return module("layers.GroupNormalization", groups=-1, axis=_axis(site, "channels"), epsilon=site.given["eps"],
                  **_affine(site))  # fmt: skip


@writes("local_response_norm")
def _local_response_norm(site: Site) -> Operation:
    given = site.given
    if not site.x.is_map:
        raise NoCounterpartError("no feature map")
    forward = "local_response_norm({0}, {size}, {alpha}, {beta}, {k})"
    return call(forward, size=given["size"], alpha=given["alpha"], beta=given["beta"], k=float(given["k"]))


@writes("layer_scale", "bias_add")
def _layer_scale(site: Site) -> Operation:
    return layer_scale(site, "size")


@writes("mask_token")
def _mask_token(site: Site) -> Operation:
    return module("MaskToken", size=site.x.sizes[-1])
