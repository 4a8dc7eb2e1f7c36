"""Normalisations and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.caffe.messages import BadFieldError
from shapecalc.importers.caffe.operations import layer_type, where

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data


@layer_type("batchnorm", "cudnnbatchnorm")
def _batch_norm(call: CaffeCall) -> Data:
    """Without a scale and a bias, which Caffe has in a Scale after it; some branches have both (`scale_bias`)."""
    x, params = call.as_map(least=1), call.param("batch_norm_param")
    has_both = (
        params.flag("scale_bias", default=False) or {"scale_filler", "bias_filler"} <= params.message.fields.keys()
    )
    eps = params.number("eps", 1e-5)
    return call.one("batch_norm", x, **where(not has_both, affine=False), **_eps(eps))


def _eps(eps: float) -> dict[str, Any]:
    return where(eps != 1e-5, eps=eps)


@layer_type("bn", "syncbn", "cudnnbn")
def _bn(call: CaffeCall) -> Data:
    """The batch normalisation of SegNet, without statistics of its own, and of PSPNet; with scale and bias."""
    x, params = call.as_map(least=1), call.param("bn_param")
    of_segnet = bool({"bn_mode", "scale_filler", "shift_filler"} & params.message.fields.keys())
    return call.one("batch_norm", x, **where(of_segnet, track_running_stats=False))


@layer_type("lrn")
def _lrn(call: CaffeCall) -> Data:
    params, x = call.param("lrn_param"), call.as_map(least=1)
    size = params.integer("local_size", 5, 1)
    if size % 2 == 0:
        entry = params.message.fields["local_size"][-1]
        raise BadFieldError(f"local_size must be odd, not {size}", entry, f"write {size - 1} or {size + 1}")
    arguments: dict[str, Any] = {"size": size}
    for name, usual in (("alpha", 1e-4), ("beta", 0.75), ("k", 1)):
        found = params.number(name, 1 if name == "alpha" else usual)
        arguments |= {} if found == usual else {name: found}
    if params.choice("norm_region", ("ACROSS_CHANNELS", "WITHIN_CHANNEL"), "ACROSS_CHANNELS") == "WITHIN_CHANNEL":
        arguments["norm_region"] = "within_channel"
    return call.one("local_response_norm", x, **arguments)


@layer_type("mvn")
def _mvn(call: CaffeCall) -> Data:
    params, x = call.param("mvn_param"), call.as_map(least=1)
    eps = params.number("eps", 1e-9)
    if params.flag("across_channels", default=False):
        return call.one("layer_norm", x, axis=list(range(1, x.shape.rank + 1)), elementwise_affine=False, **_eps(eps))
    return call.one("instance_norm", x, **_eps(eps))


@layer_type("normalize", "l2normalize", "l2normalization")
def _normalize(call: CaffeCall) -> Data:
    """The norm of SSD and ParseNet, with a learned factor; that of other branches has none."""
    params, x = call.param("norm_param"), call.as_map(least=1)
    if call.layer.key != "normalize" or "norm_param" not in call.layer.own.fields:
        return call.one("normalize", x)
    scale = "one" if params.flag("channel_shared", default=True) else "channel"
    across = params.flag("across_spatial", default=True)
    return call.one("normalize", x, scale=scale, **where(across, dim=list(range(1, x.shape.rank + 1))))


@layer_type("softmax", "logsoftmax")
def _softmax(call: CaffeCall) -> Data:
    x = call.data()
    dim = call.frame.within(x, call.axis(x, "axis", "softmax_param", 1))
    return call.one("softmax" if call.layer.key == "softmax" else "log_softmax", x, dim=dim)
