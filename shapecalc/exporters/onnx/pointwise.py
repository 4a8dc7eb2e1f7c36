"""Activations and other functions of single elements, merges of branches, and what has no effect at inference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.onnx.messages import BOOL, FLOAT, INT64
from shapecalc.exporters.onnx.table import ALIKE, OWN, NoCounterpartError, writes

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.exporters.onnx.table import LayerSite

    _Function = Callable[[LayerSite, str, dict[str, Any]], str]

__all__: list[str] = []

_PLAIN = {
    "sigmoid": "Sigmoid", "tanh": "Tanh", "softsign": "Softsign", "selu": "Selu", "abs": "Abs",
    "exponential": "Exp", "hardswish": "HardSwish",
}  # fmt: skip
"""Functions that are one operation without attributes."""
_FUNCTIONS: dict[str, _Function] = {}


def _function(*kinds: str) -> Callable[[_Function], _Function]:
    def add(function: _Function) -> _Function:
        _FUNCTIONS.update(dict.fromkeys(kinds, function))
        return function

    return add


@_function("relu")
def _relu(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    limit = given["max_value"]
    if limit is None:
        return str(site.op("Relu", x))
    return str(site.op("Clip", x, site.graph.number(0.0), site.graph.number(float(limit))))


@_function("relu6")
def _relu6(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Clip", x, site.graph.number(0.0), site.graph.number(6.0)))


@_function("hardtanh")
def _hardtanh(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    low, high = float(given["min_val"]), float(given["max_val"])
    return str(site.op("Clip", x, site.graph.number(low), site.graph.number(high)))


@_function("relu2")
def _relu2(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    y = site.op("Relu", x)
    return str(site.op("Mul", y, y))


@_function("leaky_relu")
def _leaky_relu(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    return str(site.op("LeakyRelu", x, alpha=float(given["negative_slope"])))


@_function("rrelu")
def _rrelu(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    """At inference its slope is the mean of the two."""
    return str(site.op("LeakyRelu", x, alpha=(given["lower"] + given["upper"]) / 2))


@_function("elu")
def _elu(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    return str(site.op("Elu", x, alpha=float(given["alpha"])))


@_function("celu")
def _celu(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    return str(site.op("Celu", x, alpha=float(given["alpha"])))


@_function("silu")
def _silu(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Mul", x, site.op("Sigmoid", x)))


@_function("quick_gelu")
def _quick_gelu(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Mul", x, site.op("Sigmoid", site.scale(x, 1.702))))


def _shifted(site: LayerSite, x: str, by: float) -> str:
    return str(site.op("Add", x, site.graph.number(by)))


@_function("gelu")
def _gelu(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    if given["approximate"] == "tanh":
        return _gelu_new(site, x, given)
    inner = site.op("Erf", site.scale(x, 1 / math.sqrt(2)))
    return site.scale(site.op("Mul", x, _shifted(site, inner, 1.0)), 0.5)


@_function("gelu_new")
def _gelu_new(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    cube = site.scale(site.op("Pow", x, site.graph.number(3.0)), 0.044715)
    inner = site.op("Tanh", site.scale(site.op("Add", x, cube), math.sqrt(2 / math.pi)))
    return site.scale(site.op("Mul", x, _shifted(site, inner, 1.0)), 0.5)


@_function("mish")
def _mish(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Mul", x, site.op("Tanh", site.op("Softplus", x))))


@_function("hardsigmoid")
def _hardsigmoid(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("HardSigmoid", x, alpha=1 / 6))


@_function("log_sigmoid")
def _log_sigmoid(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Neg", site.op("Softplus", site.op("Neg", x))))


@_function("tanhshrink")
def _tanhshrink(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Sub", x, site.op("Tanh", x)))


@_function("softcap")
def _softcap(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    cap = float(given["cap"])
    return site.scale(site.op("Tanh", site.scale(x, 1 / cap)), cap)


@_function("softplus")
def _softplus(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    beta = float(given["beta"])
    if beta == 1:
        return str(site.op("Softplus", x))
    return site.scale(site.op("Softplus", site.scale(x, beta)), 1 / beta)


@_function("sqrt_softplus")
def _sqrt_softplus(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    return str(site.op("Sqrt", site.op("Softplus", x)))


@_function("laplace")
def _laplace(site: LayerSite, x: str, _: dict[str, Any]) -> str:
    inner = site.scale(_shifted(site, x, -math.sqrt(0.5)), 1 / (0.282095 * math.sqrt(2)))
    return site.scale(_shifted(site, site.op("Erf", inner), 1.0), 0.5)


@_function("hardshrink", "softshrink")
def _shrink(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    bound = float(given["lambd"])
    return str(site.op("Shrink", x, lambd=bound, bias=bound if site.layer.kind == "softshrink" else 0.0))


@_function("threshold")
def _threshold(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    is_above = site.op("Greater", x, site.graph.number(float(given["threshold"])))
    return str(site.op("Where", is_above, x, site.graph.number(float(given["value"]))))


@_function("softmax", "log_softmax", "softmin")
def _softmax(site: LayerSite, x: str, given: dict[str, Any]) -> str:
    if not site.x.rank:
        raise NoCounterpartError("its input is a scalar")
    dim = given.get("dim")
    axis = site.axis(-1 if dim is None else dim)
    if site.layer.kind == "softmin":
        return str(site.op("Softmax", site.op("Neg", x), axis=axis))
    return str(site.op("LogSoftmax" if site.layer.kind == "log_softmax" else "Softmax", x, axis=axis))


def _of_kind(site: LayerSite) -> str:
    kind, x = site.layer.kind, site.names[0]
    return str(site.op(_PLAIN[kind], x)) if kind in _PLAIN else _FUNCTIONS[kind](site, x, site.given)


for _kind in (*_PLAIN, *_FUNCTIONS):
    writes(_kind)(_of_kind)


@writes("dropout", "identity", "stochastic_depth")
def _identity(site: LayerSite) -> str:
    return site.names[0]


@writes("prelu", order=OWN)
def _prelu(site: LayerSite) -> str:
    sizes, x = site.weights["weight"], site.x
    slope = site.weight("weight")
    if len(sizes) == 1 and sizes[0] > 1 and x.rank > 1 and site.given["per"] != "element":
        after = 0 if x.channels_last else x.rank - 1
        slope = site.op("Reshape", slope, site.graph.numbers(*sizes, *[1] * after))
    return str(site.op("PRelu", site.names[0], slope))


@writes("glu")
def _glu(site: LayerSite) -> str:
    axis = site.axis(site.given["dim"])
    size = site.size(site.x)[axis - 1] // 2
    value, gate = site.op("Split", site.names[0], site.graph.numbers(size, size), outputs=2, axis=axis)
    return str(site.op("Mul", value, site.op("Sigmoid", gate)))


_MERGES = {"add": "Add", "mul": "Mul", "sub": "Sub", "div": "Div", "maximum": "Max", "minimum": "Min"}


@writes(*_MERGES, "average", order=ALIKE)
def _merge(site: LayerSite) -> str:
    op = _MERGES.get(site.layer.kind, "Add")
    found, *others = site.broadcast()
    number = site.given.get("other")
    if number is not None:
        others = [site.typed(number)]
    if number is not None and op == "Sub":
        found, others = others[0], [found]
    for other in others:
        found = site.op(op, found, other)
    return site.scale(found, 1 / len(site.names)) if site.layer.kind == "average" else found


_POINTWISE = {
    "sqrt": "Sqrt", "reciprocal": "Reciprocal", "tan": "Tan", "log": "Log", "erf": "Erf", "sin": "Sin", "cos": "Cos",
    "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "neg": "Neg", "floor": "Floor",
    "ceil": "Ceil", "round": "Round", "sign": "Sign", "pow": "Pow",
}  # fmt: skip
_OF_TRUTHS = {
    "equal": "Equal", "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "isnan": "IsNaN",
}  # fmt: skip
"""Functions whose output is true or false."""
_LOGIC = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor", "logical_not": "Not"}
"""Functions whose inputs are so, too."""
_COMPOSED: dict[str, Callable[[LayerSite, str], Any]] = {
    "rsqrt": lambda site, x: site.op("Reciprocal", site.op("Sqrt", x)),
    "square": lambda site, x: site.op("Mul", x, x),
    "cast": lambda site, x: _as_number(site, x) if site.integers else x,
    "log1p": lambda site, x: site.op("Log", _shifted(site, x, 1.0)),
    "expm1": lambda site, x: _shifted(site, site.op("Exp", x), -1.0),
    "log2": lambda site, x: site.scale(site.op("Log", x), 1 / math.log(2)),
    "log10": lambda site, x: site.scale(site.op("Log", x), 1 / math.log(10)),
    "trunc": lambda site, x: site.op("Mul", site.op("Sign", x), site.op("Floor", site.op("Abs", x))),
}
"""Functions of one operand that are several operations."""


@writes("pointwise", order=ALIKE)
def _pointwise(site: LayerSite) -> str:
    name, other = site.given["function"], site.given["other"]
    operands = site.broadcast()
    if other is not None:
        operands.append(site.typed(other) if name == "where" else site.graph.number(float(other)))
    if name in _COMPOSED:
        return str(_COMPOSED[name](site, operands[0]))
    if name in _POINTWISE:
        return str(site.op(_POINTWISE[name], *operands))
    if name in _OF_TRUTHS:
        return _as_number(site, site.op(_OF_TRUTHS[name], *operands))
    return _further(site, name, operands)


def _further(site: LayerSite, name: str, operands: list[str]) -> str:
    """Add a function of truths, or a remainder. Errors: `NoCounterpartError`."""
    first, *others = operands
    if name in _LOGIC:
        return _as_number(site, site.op(_LOGIC[name], *[_as_truth(site, x) for x in operands]))
    if name == "not_equal":
        return _as_number(site, site.op("Not", site.op("Equal", *operands)))
    if name == "where":
        return str(site.op("Where", _as_truth(site, first), *others))
    if name == "fmod":
        return str(site.op("Mod", *operands, fmod=1))
    if name == "remainder":
        whole = site.op("Floor", site.op("Div", *operands))
        return str(site.op("Sub", first, site.op("Mul", *others, whole)))
    raise NoCounterpartError(f"ONNX has no function {name}")


def _as_number(site: LayerSite, x: str) -> str:
    return str(site.op("Cast", x, to=INT64 if site.integers else FLOAT))


def _as_truth(site: LayerSite, x: str) -> str:
    return str(site.op("Cast", x, to=BOOL))
