"""Activations and other functions of single elements, of one or several inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import is_number, merged
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["real", "with_bias"]

_ACTIVATIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign",
    "HardSwish": "hardswish", "Mish": "mish", "Selu": "selu", "Exp": "exponential", "Abs": "abs", "Swish": "silu",
    "HardSigmoid": "hardsigmoid",
}  # fmt: skip
"""Operations that only name a kind."""
_WITH_NUMBER = {
    "LeakyRelu": ("leaky_relu", "negative_slope", "alpha", 0.01), "Elu": ("elu", "alpha", "alpha", 1.0),
    "Celu": ("celu", "alpha", "alpha", 1.0), "ThresholdedRelu": ("threshold", "threshold", "alpha", 1.0),
}  # fmt: skip
"""Operations that are a kind with one number: the kind, its argument, the attribute and its default."""
_FUNCTIONS = {
    "Sqrt": "sqrt", "Reciprocal": "reciprocal", "Tan": "tan", "Log": "log", "Erf": "erf", "Sin": "sin", "Cos": "cos",
    "Asin": "asin", "Acos": "acos", "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh", "Neg": "neg", "Floor": "floor",
    "Ceil": "ceil", "Round": "round", "Sign": "sign", "Not": "logical_not", "IsNaN": "isnan",
    "IsInf": "isnan", "BitwiseNot": "logical_not", "Asinh": "asin", "Acosh": "acos", "Atanh": "atan",
}  # fmt: skip
_OF_TWO = {
    "Pow": "pow", "Equal": "equal", "Less": "less", "LessOrEqual": "less_equal", "Greater": "greater",
    "GreaterOrEqual": "greater_equal", "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor",
}  # fmt: skip
_MERGES = {"Add": "add", "Mul": "mul", "Sub": "sub", "Div": "div", "Max": "maximum", "Min": "minimum", "Sum": "add",
           "Mean": "average"}  # fmt: skip


def real(call: NodeCall, name: str, default: float) -> float:
    """Return an attribute that is a fraction. Those of the file are in float32: 0.01 is 0.009999999776."""
    value = call.attribute(name)
    return default if not isinstance(value, (int, float)) else float(f"{value:.6g}")


@operation(*_ACTIVATIONS)
def _activation(call: NodeCall) -> Data:
    return call.one(_ACTIVATIONS[call.node.op], call.data(0))


@operation("Sigmoid")
def _sigmoid(call: NodeCall) -> Data:
    """A sigmoid that only multiplies its own input is half of a SiLU."""
    after = call.uses.only_user(call.node.outputs[0])
    own = {call.node.inputs[0], call.node.outputs[0]}
    if after is not None and after.op == "Mul" and set(after.inputs) == own and not after.domain:
        call.absorbed = (after.outputs[0],)
        return call.one("silu", call.data(0))
    return call.one("sigmoid", call.data(0))


@operation(*_WITH_NUMBER)
def _with_number(call: NodeCall) -> Data:
    kind, argument, attribute, default = _WITH_NUMBER[call.node.op]
    arguments: dict[str, Any] = {argument: real(call, attribute, default)}
    return call.one(kind, call.data(0), **arguments)


@operation("Shrink")
def _shrink(call: NodeCall) -> Data:
    kind = "softshrink" if call.attribute("bias") else "hardshrink"
    return call.one(kind, call.data(0), lambd=real(call, "lambd", 0.5))


@operation("Gelu")
def _gelu(call: NodeCall) -> Data:
    tanh = call.word("approximate", "none") == "tanh"
    more: dict[str, Any] = {"approximate": "tanh"} if tanh else {}
    return call.one("gelu", call.data(0), **more)


@operation("Clip")
def _clip(call: NodeCall) -> Data:
    x = call.data(0)
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        given = call.given(index)
        known = given.items if isinstance(given, Constant) and given.items else None
        bounds.append(call.attribute(name) if name in call.node.attributes else known[0] if known else None)
    if bounds == [0, 6]:
        return call.one("relu6", x)
    if bounds[0] == 0 and call.given(2) is None and bounds[1] is None:
        return call.one("relu", x)
    low, high = bounds
    if low is not None and high is not None and low < high:
        return call.one("hardtanh", x, min_val=_short(low), max_val=_short(high))
    return call.one("hardtanh", x)


@operation("PRelu")
def _prelu(call: NodeCall) -> Data:
    x, slope = call.data(0), call.constant(1)
    if slope is None:
        raise NotCoveredError("its slope is computed from data")
    sizes = [size for size in slope.dims if size != 1]
    if not sizes:
        return call.one("prelu", x, num_parameters=1, weights=[slope])
    own = slope.dims if slope.rank < x.rank else slope.dims[1:] if x.batch.own and not x.batch.axis else ()
    fits = len(own) == x.shape.rank and all(a in (1, b) for a, b in zip(own, x.shape.sizes, strict=True))
    if fits and own and (own[0] != sizes[0] or len(sizes) > 1):
        shared: Any = [axis for axis, size in enumerate(own, 1) if size == 1]
        return call.one("prelu", x, per="element", weights=[slope], **({"shared_axes": shared} if shared else {}))
    if len(sizes) > 1 or x.shape.channels != sizes[0]:
        raise NotCoveredError(f"its slope has the size {'×'.join(map(str, slope.dims))}")
    return call.one("prelu", x, num_parameters=sizes[0], weights=[slope])


@operation(*_FUNCTIONS)
def _function(call: NodeCall) -> Data:
    return call.one("pointwise", call.data(0), function=_FUNCTIONS[call.node.op])


@operation("Cast", "CastLike", "BitCast")
def _cast(call: NodeCall) -> Data:
    """A cast changes no size, and no count: it is no layer of its own."""
    return call.data(0)


@operation("Identity", "Dropout", "QuantizeLinear", "DequantizeLinear")
def _unchanged(call: NodeCall) -> Any:
    x = call.data(0)
    return [x, x] if len(call.node.outputs) > 1 else x


@operation("DynamicQuantizeLinear")
def _quantised_at_run(call: NodeCall) -> Any:
    """A tensor that is quantised as the network runs, its scale and its zero point."""
    return [call.data(0), Constant(()), Constant(())]


@operation(*_OF_TWO)
def _of_two(call: NodeCall) -> Data:
    function, (a, b) = _OF_TWO[call.node.op], call.inputs[:2]
    if isinstance(a, Data) and is_number(b) and isinstance(b, Constant) and b.rank <= a.rank and b.items:
        return call.one("pointwise", a, function=function, other=_short(b.items[0]))
    operands, batch = call.frame.aligned(call.place, (a, b))
    return call.one("pointwise", *operands, batch=batch, function=function)


def _short(number: Any) -> Any:
    return float(f"{number:.6g}") if isinstance(number, float) and abs(number) != float("inf") else int(number)


@operation("Mod", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor")
def _mod(call: NodeCall) -> Data:
    operands, batch = call.frame.aligned(call.place, call.inputs)
    return call.one("pointwise", *operands, batch=batch, function="remainder")


@operation("Where")
def _where(call: NodeCall) -> Data:
    operands, batch = call.frame.aligned(call.place, call.inputs)
    return call.one("pointwise", *operands, batch=batch, function="where")


@operation(*_MERGES)
def _merge(call: NodeCall) -> Data:
    if "broadcast" in call.node.attributes:
        raise NotCoveredError("it broadcasts as ONNX did before version 7")
    given = [x for x in call.inputs if x is not None]
    if not given:
        raise LayerError("it has no input")
    data = [x for x in given if isinstance(x, Data)]
    if call.node.op == "Mul" and len(data) == 1 and not call.uses.scales.isdisjoint(call.node.inputs):
        return data[0]  # a sum of quantised products becomes fractions again
    return merged(call, _MERGES[call.node.op], with_bias(call, given) if call.node.op == "Add" else given)


def with_bias(call: NodeCall, given: list[Data | Constant]) -> list[Data | Constant]:
    """Return the operands of a sum, of which a constant is learned if it is the bias of the weighted sum before it.

    Exporters may write a bias as a constant of the graph.
    """
    data = [x for x in given if isinstance(x, Data)]
    layer = call.frame.nodes[data[0].ref.node].layer if len(data) == 1 and data[0].ref.node >= 0 else None
    if len(given) != 2 or layer is None or getattr(layer, "bias", None) is not False:
        return given
    if layer.kind != "linear" and layer.with_bias() is None:
        return given
    return [x._replace(learned=x.learned or bool(x.sources)) if isinstance(x, Constant) else x for x in given]
