"""Normalisations, softmax and reductions: functions of whole axes."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import reduced
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.pytorch.operations import operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.importers.pytorch.operations import AtenCall
    from shapecalc.importers.tensors import Constant, Data


def _affine(call: AtenCall, words: str) -> tuple[dict[str, Any], list[Constant]]:
    """Return the arguments for a scale and a bias, and these weights. `words` is what has both."""
    scale, bias = call.weight("weight"), call.weight("bias")
    weights = [weight for weight in (scale, bias) if weight is not None]
    if not weights:
        return {words: False}, []
    return {**({} if scale else {"scale": False}), **({} if bias else {"bias": False})}, weights


def _eps(call: AtenCall) -> dict[str, Any]:
    eps = call.real("eps", 1e-5)
    return {} if eps == 1e-5 else {"eps": eps}


_BATCH_NORMS = ("batch_norm", "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training",
                "_native_batch_norm_legit_functional", "cudnn_batch_norm", "miopen_batch_norm", "_batch_norm_no_update",
                "_batch_norm_with_update", "_batch_norm_with_update_functional", "_batch_norm_impl_index")  # fmt: skip


@operation(*_BATCH_NORMS)
def _batch_norm(call: AtenCall) -> Data:
    x = _channels_first(call)
    arguments, weights = _affine(call, "affine")
    if call.tensor("running_mean") is None:
        arguments["track_running_stats"] = False
    momentum = call.real("momentum", 0.1)
    if momentum != 0.1:
        arguments["momentum"] = momentum
    return call.one("batch_norm", x, weights=weights, num_features=x.shape.channels, **arguments, **_eps(call))


@operation("instance_norm")
def _instance_norm(call: AtenCall) -> Data:
    x = _channels_first(call)
    arguments, weights = _affine(call, "affine")
    arguments = arguments if "affine" in arguments else {"affine": True, **arguments}
    if call.tensor("running_mean") is not None:
        arguments["track_running_stats"] = True
    return call.one("instance_norm", x, weights=weights, num_features=x.shape.channels, **arguments, **_eps(call))


@operation("group_norm", "native_group_norm")
def _group_norm(call: AtenCall) -> Data:
    x = _channels_first(call)
    arguments, weights = _affine(call, "affine")
    groups = call.number("num_groups" if "num_groups" in call.arguments else "group", 1)
    return call.one("group_norm", x, weights=weights, num_groups=groups, **arguments, **_eps(call))


def _channels_first(call: AtenCall) -> Data:
    """Return the input with the batch, or a factor of it, in front of the channels. Errors: `NotCoveredError`."""
    x = call.x("input")
    if x.batch.own and x.batch.axis > 0:
        raise NotCoveredError("the first axis of its input is not the batch")
    if x.batch.own:
        return x
    return call.map_of(x)


@operation("layer_norm", "native_layer_norm", "rms_norm", "_fused_rms_norm")
def _layer_norm(call: AtenCall) -> Data:
    x, sizes = call.x("input"), call.ints("normalized_shape", ())
    axis = x.rank - len(sizes)
    if axis < 0:
        raise LayerError(f"it normalises {len(sizes)} axes: its input has {x.rank}")
    if x.batch.own and x.batch.axis >= axis:
        if call.frame.batch > 1:
            raise NotCoveredError("it normalises over the batch")
        x = call.frame.whole(call.place, x)
    is_rms = "rms" in call.name
    arguments, weights = _affine(call, "elementwise_affine")
    if is_rms:
        arguments.pop("bias", None)
    if any(prod(weight.dims) != prod(sizes) for weight in weights):
        raise NotCoveredError("its weight is not one number for each element that is normalised")
    eps = {} if is_rms and call.get("eps") is None else _eps(call)
    return call.one(
        "rms_norm" if is_rms else "layer_norm", x, weights=weights, normalized_shape=sizes, **arguments, **eps
    )


@operation("softmax", "_softmax", "_safe_softmax", "log_softmax", "_log_softmax", "special_softmax")
def _softmax(call: AtenCall) -> Data:
    x, axis = call.x(), call.number("dim", -1)
    if call.frame.batch == 1 and call.frame.index(x, axis) < 0:
        x = call.frame.whole(call.place, x)
    return call.one("log_softmax" if "log" in call.name else "softmax", x, dim=call.frame.within(x, axis))


_REDUCTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "mean": ("mean", {}), "sum": ("sum", {}), "amax": ("max", {}), "amin": ("min", {}), "nansum": ("sum", {}),
    "nanmean": ("mean", {}),
    **{name: ("reduce", {"function": function}) for name, function in (
        ("prod", "prod"), ("logsumexp", "logsumexp"), ("var", "var"), ("std", "std"), ("any", "any"), ("all", "all"),
        ("linalg_vector_norm", "l2"), ("norm", "l2"), ("frobenius_norm", "l2"), ("count_nonzero", "sum_square"))},
}  # fmt: skip


def _dims(call: AtenCall, rank: int) -> list[int]:
    found = call.get("dim")
    axes = [] if found is None else call.ints("dim", ())
    return axes or list(range(rank))


@operation(*_REDUCTIONS)
def _reduce(call: AtenCall) -> Data:
    x = call.x()
    kind, more = _REDUCTIONS[call.name]
    if call.name.endswith("norm") and call.get("ord", call.get("p", 2)) == 1:
        more = {"function": "l1"}
    if not x.rank:
        return x
    return reduced(call, x, kind, _dims(call, x.rank), keeps=call.flag("keepdim", False), more=more)


@operation("var_mean", "std_mean")
def _two_reductions(call: AtenCall) -> list[Data]:
    x, keeps = call.x(), call.flag("keepdim", False)
    axes = _dims(call, x.rank)
    layers: tuple[tuple[str, dict[str, Any]], ...] = (("reduce", {"function": call.name[:3]}), ("mean", {}))
    return _used(call, *[partial(reduced, call, x, kind, axes, keeps=keeps, more=more) for kind, more in layers])


def _used(call: AtenCall, *outputs: Callable[[], Data]) -> list[Data]:
    """Return the outputs of a node, each that of a layer: one that nothing uses has none, and is that of another."""
    made = {number: output() for number, output in enumerate(outputs) if call.is_used(number)} or {0: outputs[0]()}
    other = next(iter(made.values()))
    return [made.get(number, other) for number in range(len(outputs))]


@operation("max", "min", "argmax", "argmin")
def _extreme(call: AtenCall) -> Any:
    x, keeps = call.x(), call.flag("keepdim", False)
    if call.overload == "other":
        from shapecalc.importers.combining import merged

        other = call.tensor("other")
        return merged(call, f"{call.name}imum", [x, other if other is not None else x])
    axes = _dims(call, x.rank)
    is_index = call.name.startswith("arg")
    if is_index and len(axes) > 1:
        x, axes = call.frame.reshape(call.place, x, (prod(x.full(call.frame.batch)),)), [0]
    if is_index or call.get("dim") is None:
        return reduced(call, x, call.name, axes, keeps=keeps)
    kinds = (call.name, f"arg{call.name}")
    return _used(call, *[partial(reduced, call, x, kind, axes, keeps=keeps) for kind in kinds])
