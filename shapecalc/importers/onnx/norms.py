"""Normalisations, softmax and reductions: functions of whole axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import reduced
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.pointwise import real
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


def _is_learned(call: NodeCall, index: int, neutral: float) -> bool:
    """Return whether a scale or a bias is a weight: not left out, and not ones or zeros that stand for none.

    Errors: `NotCoveredError` if it is computed from data.
    """
    found = call.given(index)
    if found is None:
        return False
    if not isinstance(found, Constant):
        raise NotCoveredError("its scale or its bias is computed from data")
    return found.learned or found.items is None or any(item != neutral for item in found.items)


def _affine(call: NodeCall, words: str) -> tuple[dict[str, Any], list[Constant]]:
    """Return the arguments for a scale and a bias (inputs 1 and 2), and these weights. `words` is what has both."""
    scale, bias = _is_learned(call, 1, 1.0), _is_learned(call, 2, 0.0)
    learned = ((1, scale), (2, bias))
    weights = [found for i, is_one in learned if is_one and isinstance(found := call.given(i), Constant)]
    if not scale and not bias:
        return {words: False}, []
    return {**({} if scale else {"scale": False}), **({} if bias else {"bias": False})}, weights


def _eps(call: NodeCall) -> dict[str, Any]:
    eps = real(call, "epsilon", 1e-5)
    return {} if eps == 1e-5 else {"eps": eps}


@operation("BatchNormalization")
def _batch_norm(call: NodeCall) -> Data:
    x = call.as_map()
    arguments, weights = _affine(call, "affine")
    return call.one("batch_norm", x, weights=weights, num_features=_channels(call), **arguments, **_eps(call))


def _channels(call: NodeCall) -> int:
    scale = call.constant(1)
    if scale is None or scale.rank != 1:
        raise LayerError("its scale is not one number for each channel")
    return scale.dims[0]


@operation("InstanceNormalization")
def _instance_norm(call: NodeCall) -> Data:
    x = call.as_map()
    arguments, weights = _affine(call, "affine")
    arguments = arguments if "affine" in arguments else {"affine": True, **arguments}
    return call.one("instance_norm", x, weights=weights, num_features=_channels(call), **arguments, **_eps(call))


@operation("GroupNormalization")
def _group_norm(call: NodeCall) -> Data:
    x = call.as_map()
    arguments, weights = _affine(call, "affine")
    if _channels(call) != x.shape.channels:
        raise NotCoveredError("its scale is one number for each group, as before version 21")
    return call.one(
        "group_norm", x, weights=weights, num_groups=call.number("num_groups", 1), **arguments, **_eps(call)
    )


def _normalised(call: NodeCall) -> tuple[Data, tuple[int, ...]]:
    """Return the input, and the sizes of its last axes, which are normalised."""
    x = call.data(0)
    axis = call.frame.axis(call.number("axis", -1), x.rank)
    if x.batch.own and x.batch.axis >= axis:
        if call.frame.batch > 1:
            raise NotCoveredError("it normalises over the batch")
        x = call.frame.whole(call.place, x)
    return x, tuple(x.shape.sizes[axis - (x.rank - x.shape.rank) :])


@operation("LayerNormalization")
def _layer_norm(call: NodeCall) -> Data:
    x, sizes = _normalised(call)
    arguments, weights = _affine(call, "elementwise_affine")
    if any(prod(weight.dims) != prod(sizes) for weight in weights):
        raise NotCoveredError("its scale or its bias is not one number for each element that is normalised")
    return call.one("layer_norm", x, weights=weights, normalized_shape=sizes, **arguments, **_eps(call))


@operation("RMSNormalization", "SimplifiedLayerNormalization")
def _rms_norm(call: NodeCall) -> Data:
    x, sizes = _normalised(call)
    scale = call.constant(1)
    if scale is None or prod(scale.dims) != prod(sizes):
        raise NotCoveredError("its scale is not one number for each element that is normalised")
    return call.one("rms_norm", x, weights=[scale], normalized_shape=sizes, **_eps(call))


@operation("LpNormalization")
def _normalize(call: NodeCall) -> Data:
    x = call.data(0)
    return call.one("normalize", x, dim=call.frame.within(x, call.number("axis", -1)), p=call.number("p", 2))


@operation("Softmax", "LogSoftmax", "Hardmax")
def _softmax(call: NodeCall) -> Data:
    x = call.data(0)
    axis = call.number("axis", -1 if call.opset >= 13 else 1)
    if call.frame.batch == 1 and call.frame.index(x, axis) < 0:
        x = call.frame.whole(call.place, x)
    kind = "log_softmax" if call.node.op == "LogSoftmax" else "softmax"
    return call.one(kind, x, dim=call.frame.within(x, axis))


_REDUCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "ReduceMean": ("mean", {}), "ReduceSum": ("sum", {}), "ReduceMax": ("max", {}), "ReduceMin": ("min", {}),
    **{f"Reduce{name}": ("reduce", {"function": function}) for name, function in (
        ("L1", "l1"), ("L2", "l2"), ("Prod", "prod"), ("LogSumExp", "logsumexp"), ("SumSquare", "sum_square"),
        ("LogSum", "log_sum"))},
}  # fmt: skip


@operation(*_REDUCTIONS)
def _reduce(call: NodeCall) -> Data:
    x = call.data(0)
    axes = call.listed("axes", 1)
    if not axes:
        if call.number("noop_with_empty_axes", 0):
            return x
        axes = list(range(x.rank))
    kind, more = _REDUCTIONS[call.node.op]
    return reduced(call, x, kind, axes, keeps=bool(call.number("keepdims", 1)), more=more)


@operation("ArgMax", "ArgMin")
def _arg(call: NodeCall) -> Data:
    x = call.data(0)
    kind = "argmax" if call.node.op == "ArgMax" else "argmin"
    return reduced(call, x, kind, [call.number("axis", 0)], keeps=bool(call.number("keepdims", 1)))
