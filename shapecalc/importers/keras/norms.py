"""Normalisations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import layer, when
from shapecalc.importers.keras.wrappers import inner_call

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data


def _channel_axis(x: Data) -> int:
    """Return the number of the axis of the channels in the layout of the graph."""
    return x.shape.rank if x.shape.channels_last else 1


def _affine(call: LayerCall) -> dict[str, Any]:
    """Return the arguments for what is learned: a scale and a bias."""
    scale, bias = call.flag("scale", default=True), call.flag("center", default=True)
    return {**when(not scale, scale=False), **when(not bias, bias=False)}


def _eps(call: LayerCall, default: float) -> dict[str, Any]:
    eps = call.real("epsilon", default)
    return {} if eps == 1e-5 else {"eps": eps}


@layer("BatchNormalization")
def _batch_norm(call: LayerCall) -> Data:
    x, axes = call.data(), call.listed("axis") if call.argument("axis") is not None else [-1]
    if len(axes) != 1:
        raise NotCoveredError(f"it normalises along the axes {axes}")
    axis = call.axis(axes[0], x)
    own = axis == _channel_axis(x)
    more: dict[str, Any] = {} if own else {"axis": axis}
    momentum = round(1 - call.real("momentum", 0.99), 9)  # Keras states the share of the old statistics
    return call.one(
        "batch_norm", x, **_affine(call), **more, **_eps(call, 1e-3), **when(momentum != 0.1, momentum=momentum)
    )


@layer("LayerNormalization", "RMSNormalization")
def _layer_norm(call: LayerCall) -> Data:
    x, axes = call.data(), call.listed("axis") if call.argument("axis") is not None else [-1]
    dims = sorted(call.axis(axis, x) for axis in axes)
    more: dict[str, Any] = {} if dims == [x.shape.rank] else {"axis": dims}
    if call.record.op == "RMSNormalization" or call.flag("rms_scaling", default=False):
        return call.one("rms_norm", x, **more, **_eps(call, 1e-6))
    affine = _affine(call)
    if affine == {"scale": False, "bias": False}:
        affine = {"elementwise_affine": False}
    return call.one("layer_norm", x, **affine, **more, **_eps(call, 1e-3))


@layer("GroupNormalization")
def _group_norm(call: LayerCall) -> Data:
    x, groups = call.data(), call.whole("groups", 32)
    axis, due = call.axis(call.whole("axis", -1), x), _channel_axis(x)
    if not x.batch.own:
        raise NotCoveredError("the batch is not an axis of its own")
    groups = x.shape.sizes[axis - 1] if groups == -1 else groups
    order = [n for n in range(1, x.shape.rank + 1) if n != axis]
    order.insert(due - 1, axis)
    moved = order != sorted(order)
    y = call.one("permute", x, name="permute", dims=order) if moved else x
    y = call.one("group_norm", y, num_groups=groups, **_affine(call), **_eps(call, 1e-3))
    back = [order.index(n) + 1 for n in sorted(order)]
    return call.one("permute", y, name="permute_back", dims=back) if moved else y


@layer("UnitNormalization")
def _unit_norm(call: LayerCall) -> Data:
    x, axes = call.data(), call.listed("axis") if call.argument("axis") is not None else [-1]
    return call.one("normalize", x, dim=[call.axis(axis, x) for axis in axes])


@layer("Normalization")
def _normalization(call: LayerCall) -> Data:
    """The statistics are weights that are not trained, unless they are given as numbers."""
    x = call.data()
    given = call.argument("mean") if call.argument("mean") is not None else call.argument("input_mean")
    axes = call.listed("axis") if call.argument("axis") is not None else []
    if given is not None:
        return call.one("normalization", x, buffer=False)
    if not axes:
        return call.one("normalization", x, per_tensor=True)
    dims = [call.axis(axis, x) for axis in axes]
    return call.one("normalization", x, **when(dims != [_channel_axis(x)], axis=dims))


@layer("SpectralNormalization")
def _spectral(call: LayerCall) -> Any:
    """A wrapper: the weight of the layer in it is divided by its largest singular value."""
    inner = inner_call(call, call.inputs)
    if inner.record.op not in _NORMALISED:
        raise NotCoveredError(f"it normalises the weights of {inner.record.title}")
    inner.parametrization = "spectral_norm_keras"
    return call.importing.converted(inner)


_NORMALISED = ("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
