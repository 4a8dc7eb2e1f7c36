"""Operations on single elements, and reductions."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from shapecalc.importers.combining import is_number, merged, reduced
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import when
from shapecalc.importers.keras.operations import operation, whole_values
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Callable

from shapecalc.importers.keras.operations import OpsCall

_MERGES = {
    "Add": "add", "Subtract": "sub", "Multiply": "mul", "Divide": "div", "TrueDivide": "div", "DivideNoNan": "div",
    "FloorDivide": "div", "Maximum": "maximum", "Minimum": "minimum", "Fmax": "maximum", "Fmin": "minimum",
    "SquaredDifference": "sub",
}  # fmt: skip
_OF_TWO = {
    "Power": "pow", "Mod": "remainder", "Fmod": "fmod", "Equal": "equal", "Less": "less", "LessEqual": "less_equal",
    "Greater": "greater", "GreaterEqual": "greater_equal", "NotEqual": "not_equal", "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or", "LogicalXor": "logical_xor", "BitwiseAnd": "logical_and", "BitwiseOr": "logical_or",
    "BitwiseXor": "logical_xor", "Arctan2": "atan2",
}  # fmt: skip
_FOLDED: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add, "Subtract": operator.sub, "Multiply": operator.mul, "FloorDivide": operator.floordiv,
    "Divide": operator.floordiv, "Maximum": max, "Minimum": min, "Mod": operator.mod,
}  # fmt: skip
_POINTWISE = {
    "Square": "square", "Rsqrt": "rsqrt", "Log1p": "log1p", "Expm1": "expm1", "Log2": "log2", "Log10": "log10",
    "Trunc": "trunc", "Sqrt": "sqrt", "Reciprocal": "reciprocal", "Tan": "tan", "Log": "log", "Erf": "erf",
    "Sin": "sin", "Cos": "cos", "Arcsin": "asin", "Arccos": "acos", "Arctan": "atan", "Sinh": "sinh", "Cosh": "cosh",
    "Negative": "neg", "Floor": "floor", "Ceil": "ceil", "Round": "round", "Sign": "sign", "LogicalNot": "logical_not",
    "Isnan": "isnan",
}  # fmt: skip
_ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Softplus": "softplus", "Softsign": "softsign",
    "Silu": "silu", "LogSigmoid": "log_sigmoid", "HardSigmoid": "hardsigmoid", "HardSilu": "hardswish",
    "Elu": "elu", "Selu": "selu", "Gelu": "gelu", "Celu": "celu", "Tanh": "tanh", "TanhShrink": "tanhshrink",
    "HardTanh": "hardtanh", "HardShrink": "hardshrink", "SoftShrink": "softshrink", "LeakyRelu": "leaky_relu",
    "Mish": "mish", "Absolute": "abs", "Abs": "abs", "Fabs": "abs", "Exp": "exponential",
}  # fmt: skip
_SAME = (
    "Cbrt", "Exp2", "Sinc", "I0", "Cumsum", "Cumprod", "Sort", "Argsort", "Arccosh", "Arcsinh", "Arctanh",
    "Erfc", "Erfinv", "Logaddexp", "NanToNum", "Tril", "Triu", "Deg2rad", "Rad2deg", "Isfinite", "Isinf", "Angle",
    "BitwiseNot", "BitwiseInvert", "SparseSigmoid", "SparsePlus", "Squareplus", "Threshold", "Sparsemax",
    "SliceUpdate", "ScatterUpdate", "RGBToHSV", "HSVToRGB", "GaussianBlur", "AffineTransform",
)  # fmt: skip
_PASSED = ("Cast", "SaturateCast", "StopGradient", "Copy", "ConvertToTensor", "Array", "View", "Identity", "Real",
           "Conjugate", "Conj")  # fmt: skip
_REDUCED: dict[str, tuple[str, str]] = {
    "Mean": ("mean", ""), "Sum": ("sum", ""), "Max": ("max", ""), "Min": ("min", ""), "Amax": ("max", ""),
    "Amin": ("min", ""), "Nanmean": ("mean", ""), "Nansum": ("sum", ""), "Nanmax": ("max", ""), "Nanmin": ("min", ""),
    "Average": ("mean", ""), "Median": ("mean", ""), "Nanmedian": ("mean", ""), "Ptp": ("max", ""),
    "CountNonzero": ("sum", ""), "Prod": ("reduce", "prod"), "Nanprod": ("reduce", "prod"),
    "Logsumexp": ("reduce", "logsumexp"), "Norm": ("reduce", "l2"), "Var": ("reduce", "var"),
    "Std": ("reduce", "std"), "Nanvar": ("reduce", "var"), "Nanstd": ("reduce", "std"), "Any": ("reduce", "any"),
    "All": ("reduce", "all"),
}  # fmt: skip


@operation(*_MERGES, *_OF_TWO)
def _binary(op: OpsCall) -> Any:
    a = op.operand(("x1", "x", "a"), 0)
    b = op.operand(("x2", "y", "b", "divisor", "multiplier"), 1)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _folded(op, a, b)
    if op.name in _MERGES:
        return merged(op.call, _MERGES[op.name], (a, b))
    function = _OF_TWO[op.name]
    if isinstance(a, Data) and is_number(b) and b.rank <= a.rank:
        number = b.items[0] if isinstance(b, Constant) and b.items else 0
        return op.one("pointwise", a, function=function, other=number if isinstance(number, (int, float)) else 0)
    operands, batch = op.call.frame.aligned(op.call.place, (a, b))
    return op.one("pointwise", *operands, batch=batch, function=function)


def _folded(op: OpsCall, a: Constant, b: Constant) -> Constant:
    """Return the arithmetic of two values. Errors: `NotCoveredError`."""
    ours, theirs, function = whole_values(a), whole_values(b), _FOLDED.get(op.name)
    if ours is None or theirs is None or function is None:
        raise NotCoveredError("it is of constants alone")
    if len(ours) != len(theirs) and 1 not in (len(ours), len(theirs)):
        raise NotCoveredError("its constants are of different sizes")
    count = max(len(ours), len(theirs))
    if op.name in ("FloorDivide", "Divide", "Mod") and 0 in theirs:
        raise NotCoveredError("it divides by 0")
    items = [function(ours[i % len(ours)], theirs[i % len(theirs)]) for i in range(count)]
    return Constant(a.dims if len(ours) == count else b.dims, tuple(items))


@operation(*_POINTWISE)
def _pointwise(op: OpsCall) -> Data:
    return op.one("pointwise", op.x, function=_POINTWISE[op.name])


@operation(*_ACTIVATIONS)
def _activation(op: OpsCall) -> Data:
    kind = _ACTIVATIONS[op.name]
    more: dict[str, Any] = {}
    slope = op.argument(("negative_slope", "alpha"))
    if kind == "leaky_relu" and isinstance(slope, (int, float)):
        more["negative_slope"] = slope
    return op.one(kind, op.x, **more)


@operation("Softmax", "LogSoftmax")
def _softmax(op: OpsCall) -> Data:
    x, axes = op.x, op.axes(op.x)
    if len(axes) != 1:
        return op.same()
    return op.one("softmax" if op.name == "Softmax" else "log_softmax", x, dim=op.call.frame.within(x, axes[0]))


@operation("Glu")
def _glu(op: OpsCall) -> Data:
    return op.one("glu", op.x, dim=op.call.frame.within(op.x, op.whole("axis", 1, -1)))


@operation("FFT", "FFT2", "IFFT2")
def _fourier(op: OpsCall) -> Any:
    """Complex numbers, in Keras 3 as their real and their imaginary parts."""
    parts = op.tensors("x")
    if len(parts) < 2:
        return op.same()
    data = [op.as_data(part) for part in parts]
    sizes = list(data[0].shape.sizes)
    return op.call.emit("named_operation", *data, output_sizes=[sizes, sizes], op_type=op.name)


@operation(*_SAME)
def _same(op: OpsCall) -> Data:
    return op.same()


@operation("ZerosLike", "OnesLike", "FullLike", "EmptyLike")
def _like(op: OpsCall) -> Data:
    x = op.x
    return op.one("constant", batch=x.batch, shape=list(x.shape.sizes))


@operation("Flip")
def _flip(op: OpsCall) -> Data:
    x = op.x
    for axis in op.axes(x):
        x = op.one("slice", x, dim=op.call.frame.within(x, axis), step=-1)
    return x


@operation(*_PASSED)
def _passed(op: OpsCall) -> Any:
    """It changes no size, and no count: it is no layer of its own."""
    return op.operand(("x", "inputs", "variable", "tensor", "input", "value"), 0)


@operation("Clip")
def _clip(op: OpsCall) -> Data:
    low, high = op.argument(("x_min", "clip_value_min", "min"), 1), op.argument(("x_max", "clip_value_max", "max"), 2)
    known = isinstance(low, (int, float)) and isinstance(high, (int, float)) and low < high
    return op.one("hardtanh", op.x, **when(known, min_val=low, max_val=high))


@operation("Where")
def _where(op: OpsCall) -> Data:
    given = [op.operand("condition", 0), op.operand(("x1", "x"), 1), op.operand(("x2", "y"), 2)]
    operands, batch = op.call.frame.aligned(op.call.place, given)
    return op.one("pointwise", *operands, batch=batch, function="where")


@operation("AddN")
def _add_n(op: OpsCall) -> Data:
    return merged(op.call, "add", op.tensors())


@operation(*_REDUCED)
def _reduced(op: OpsCall) -> Data:
    kind, function = _REDUCED[op.name]
    more = {"function": function} if function else {}
    keeps = op.flag("keepdims", "keep_dims")
    return reduced(op.call, op.x, kind, op.axes(op.x), keeps=keeps, more=more)


@operation("Argmax", "Argmin")
def _arg(op: OpsCall) -> Data:
    names, x = ("axis", "dimension"), op.x
    if op.argument(names, 1) is None and x.rank > 1:
        raise NotCoveredError("it is over the batch")
    kind = "argmax" if op.name == "Argmax" else "argmin"
    return reduced(op.call, x, kind, [op.whole(names, 1, 0)], keeps=op.flag("keepdims"))


@operation("Normalize")
def _normalize(op: OpsCall) -> Data:
    x = op.x
    axes = op.axes(x)
    return op.one("normalize", x, dim=[op.call.frame.within(x, axis) for axis in axes])
