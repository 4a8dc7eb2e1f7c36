"""Activations and other functions of single elements, of one or several inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import LayerError
from shapecalc.importers.caffe.operations import layer_type, where

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data

__all__ = ["aligned"]

_PLAIN = {
    "sigmoid": "sigmoid", "tanh": "tanh", "absval": "abs", "bnll": "softplus", "exp": "exponential", "relu6": "relu6",
    "swish": "silu", "silu": "silu", "hardswish": "hardswish", "hswish": "hardswish", "hardsigmoid": "hardsigmoid",
    "hsigmoid": "hardsigmoid", "mish": "mish", "noise": "identity", "selu": "selu", "softplus": "softplus",
    "gelu": "gelu", "cudnnrelu": "relu", "gradientscaler": "identity", "gradientscale": "identity", "grl": "identity",
}  # fmt: skip
_MERGES = {"PROD": "mul", "SUM": "add", "MAX": "maximum"}


@layer_type(*_PLAIN)
def _plain(call: CaffeCall) -> Data:
    return call.one(_PLAIN[call.layer.key], call.data())


@layer_type("relu")
def _relu(call: CaffeCall) -> Data:
    slope = call.param("relu_param").number("negative_slope", 0)
    return call.one("leaky_relu", call.data(), negative_slope=slope) if slope else call.one("relu", call.data())


@layer_type("prelu")
def _prelu(call: CaffeCall) -> Data:
    x = call.as_map(least=1)
    shared = call.param("prelu_param").flag("channel_shared", default=False)
    return call.one("prelu", x, num_parameters=1 if shared else x.shape.channels)


@layer_type("elu")
def _elu(call: CaffeCall) -> Data:
    alpha = call.param("elu_param").number("alpha", 1)
    return call.one("elu", call.data(), **where(alpha != 1, alpha=alpha))


@layer_type("clip")
def _clip(call: CaffeCall) -> Data:
    params = call.param("clip_param")
    low, high = params.number("min", 0), params.number("max", 0)
    if (low, high) == (0, 6):
        return call.one("relu6", call.data())
    if low >= high:
        raise LayerError(f"min {low} must be below max {high}")
    return call.one("hardtanh", call.data(), min_val=low, max_val=high)


@layer_type("log")
def _log(call: CaffeCall) -> Data:
    return call.one("pointwise", call.data(), function="log")


@layer_type("power")
def _power(call: CaffeCall) -> Data:
    """(shift + scale·x)^power: where the power is 1, a product and a sum with numbers, which are not learned."""
    params = call.param("power_param")
    power, scale, shift = (params.number(name, first) for name, first in (("power", 1), ("scale", 1), ("shift", 0)))
    if power != 1:
        return call.one("pointwise", call.data(), function="pow", other=power)
    if scale == 1 and shift == 0:
        return call.one("identity", call.data())
    return call.one("mul" if scale != 1 else "add", call.data())


@layer_type("threshold")
def _threshold(call: CaffeCall) -> Data:
    bound = call.param("threshold_param").number("threshold", 0)
    return call.one("pointwise", call.data(), function="greater", other=bound)


@layer_type("dropout")
def _dropout(call: CaffeCall) -> Data:
    ratio = call.param("dropout_param").number("dropout_ratio", 0.5)
    return call.one("dropout", call.data(), p=ratio)


@layer_type("eltwise")
def _eltwise(call: CaffeCall) -> Data:
    params = call.param("eltwise_param")
    first, *others = [call.data(i) for i in range(max(len(call.inputs), 2))]
    for number, x in enumerate(others, 2):
        if call.full(x) != call.full(first):
            raise LayerError(
                f"its inputs differ: input 1 is {first.shape.text}, input {number} is {x.shape.text}",
                ("Eltwise broadcasts nothing: all its inputs have one size",),
            )
    kind, factors = _MERGES[params.choice("operation", tuple(_MERGES), "SUM")], params.numbers("coeff")
    if factors and len(factors) != len(call.inputs):
        raise LayerError(f"it has {len(factors)} values of coeff for {len(call.inputs)} inputs")
    own = next((x for x in (first, *others) if x.batch.own), first)
    if own.batch.own:  # a parameter has the batch as an axis of its own
        inputs = [x if x.batch.own else call.frame.one_sample(call.part("sample"), x, own.batch.axis)
                  for x in (first, *others)]  # fmt: skip
        first, *others = inputs
    return call.one("sub" if kind == "add" and factors == [1, -1] else kind, first, *others, batch=own.batch)


@layer_type("axpy")
def _axpy(call: CaffeCall) -> Data:
    """The sum of a map and of another that is multiplied by a factor for each channel, as in SENet."""
    factors, x, y = call.data(0), call.data(1), call.data(2)
    scaled = call.one("mul", aligned(call, factors, x, 0), x, part="mul")
    return call.one("add", scaled, y)


def aligned(call: CaffeCall, factors: Data, x: Data, axis: int) -> Data:
    """Return a tensor with axes of size 1, so that its first axis is a given one of another. Errors: `LayerError`."""
    full, whole = call.full(factors), call.full(x)
    placed = (*[1] * axis, *full, *[1] * (len(whole) - axis - len(full)))
    fits = len(placed) == len(whole) and all(a in (1, b) for a, b in zip(placed, whole, strict=True))
    if not fits:
        own, other = ("×".join(map(str, sizes)) or "a scalar" for sizes in (full, whole))
        raise LayerError(f"its second input {own} does not fit the axes of {other} from axis {axis} on")
    found = factors if full == whole else call.reshape(factors, placed, "reshape")
    if x.batch.own and not found.batch.own:
        return call.frame.without_axis(call.part("reshape"), found, x.batch.axis)
    return found


def _along(call: CaffeCall, x: Data, param: str, *, scale: bool, bias: bool, count: int | None = None) -> Data:
    """Return a learned factor or number to add, or both, for each position of some axes. Errors: `LayerError`."""
    first = call.axis(x, "axis", param, 1)
    count = call.param(param).integer("num_axes", 1, -1) if count is None else count
    last = x.rank if count == -1 else first + count
    if last > x.rank:
        raise LayerError(f"it has {count} axes from axis {first} on, but its input has {x.rank} axes")
    axes = [call.frame.within(x, axis) for axis in range(first, last)]
    if not axes:
        return _scalar(call, x, scale=scale, bias=bias)
    kind = "layer_scale" if scale else "bias_add"
    return call.one(kind, x, **where(scale and bias, bias=True), dim=axes[0] if len(axes) == 1 else axes)


def _scalar(call: CaffeCall, x: Data, *, scale: bool, bias: bool) -> Data:
    """Return one learned factor for all elements, or one number to add, or both."""
    for kind, is_one in (("mul", scale), ("add", bias)):
        if is_one:
            name = "factor" if kind == "mul" else "number"
            own = call.emit("parameter", batch=x.batch._replace(axis=-1, own=False), part=name, shape=[1])[0]
            x = call.one(kind, x, own, part="scaled" if kind == "mul" and bias else "")
    return x


@layer_type("scale")
def _scale(call: CaffeCall) -> Data:
    x, params = call.data(), call.param("scale_param")
    bias = params.flag("bias_term", default=False)
    if len(call.inputs) == 1:
        return _along(call, x, "scale_param", scale=True, bias=bias)
    factors = aligned(call, call.data(1), x, call.axis(x, "axis", "scale_param", 1))
    if not bias:
        return call.one("mul", x, factors)
    return _along(call, call.one("mul", x, factors, part="mul"), "scale_param", scale=False, bias=True,
                  count=call.data(1).rank)  # fmt: skip


@layer_type("bias")
def _bias(call: CaffeCall) -> Data:
    x = call.data()
    if len(call.inputs) == 1:
        return _along(call, x, "bias_param", scale=False, bias=True)
    return call.one("add", x, aligned(call, call.data(1), x, call.axis(x, "axis", "bias_param", 1)))
