"""Operations on single elements, and reductions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.operations import operation, whole_values
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.keras.operations import OperationCall

_BINARY = {
    "Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Divide": "Div", "TrueDivide": "Div", "DivideNoNan": "Div",
    "FloorDivide": "Div", "Maximum": "Max", "Minimum": "Min", "Fmax": "Max", "Fmin": "Min", "Power": "Pow",
    "Mod": "Mod", "Fmod": "Mod", "Equal": "Equal", "Less": "Less", "LessEqual": "LessOrEqual", "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual", "NotEqual": "Equal", "LogicalAnd": "And", "LogicalOr": "Or", "LogicalXor": "Xor",
    "BitwiseAnd": "BitwiseAnd", "BitwiseOr": "BitwiseOr", "BitwiseXor": "BitwiseXor", "Arctan2": "Pow",
    "SquaredDifference": "Sub",
}  # fmt: skip
_FOLDED = {"Add": lambda a, b: a + b, "Subtract": lambda a, b: a - b, "Multiply": lambda a, b: a * b,
           "FloorDivide": lambda a, b: a // b, "Divide": lambda a, b: a // b, "Maximum": max, "Minimum": min,
           "Mod": lambda a, b: a % b}  # fmt: skip
_UNARY = {
    "Absolute": "Abs", "Abs": "Abs", "Fabs": "Abs", "Exp": "Exp", "Sqrt": "Sqrt", "Reciprocal": "Reciprocal",
    "Tan": "Tan", "Log": "Log", "Erf": "Erf", "Sin": "Sin", "Cos": "Cos", "Arcsin": "Asin", "Arccos": "Acos",
    "Arctan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh", "Negative": "Neg", "Floor": "Floor", "Ceil": "Ceil",
    "Round": "Round", "Sign": "Sign", "LogicalNot": "Not", "Isnan": "IsNaN",
}  # fmt: skip
_POINTWISE = {"Square": "square", "Rsqrt": "rsqrt", "Log1p": "log1p", "Expm1": "expm1", "Log2": "log2",
              "Log10": "log10", "Trunc": "trunc"}  # fmt: skip
_ACTIVATIONS = {
    "Relu": "relu", "Relu6": "relu6", "Sigmoid": "sigmoid", "Softplus": "softplus", "Softsign": "softsign",
    "Silu": "silu", "LogSigmoid": "log_sigmoid", "HardSigmoid": "hardsigmoid", "HardSilu": "hardswish",
    "Elu": "elu", "Selu": "selu", "Gelu": "gelu", "Celu": "celu", "Tanh": "tanh", "TanhShrink": "tanhshrink",
    "HardTanh": "hardtanh", "HardShrink": "hardshrink", "SoftShrink": "softshrink", "LeakyRelu": "leaky_relu",
    "Mish": "mish",
}  # fmt: skip
_SAME = (
    "Cbrt", "Exp2", "Sinc", "I0", "Cumsum", "Cumprod", "Sort", "Argsort", "Arccosh", "Arcsinh", "Arctanh",
    "Erfc", "Erfinv", "Logaddexp", "NanToNum", "Tril", "Triu", "Deg2rad", "Rad2deg", "Isfinite", "Isinf", "Angle",
    "BitwiseNot", "BitwiseInvert", "SparseSigmoid", "SparsePlus", "Squareplus", "Threshold", "Sparsemax", "FFT",
    "SliceUpdate", "ScatterUpdate", "RGBToHSV", "HSVToRGB", "GaussianBlur", "AffineTransform",
)  # fmt: skip
_PASSED = ("Cast", "SaturateCast", "StopGradient", "Copy", "ConvertToTensor", "Array", "View", "Identity", "Real",
           "Conjugate", "Conj")  # fmt: skip
_REDUCED = {
    "Mean": "ReduceMean", "Sum": "ReduceSum", "Max": "ReduceMax", "Min": "ReduceMin", "Amax": "ReduceMax",
    "Amin": "ReduceMin", "Prod": "ReduceProd", "Logsumexp": "ReduceLogSumExp", "Nanmean": "ReduceMean",
    "Nansum": "ReduceSum", "Nanmax": "ReduceMax", "Nanmin": "ReduceMin", "Nanprod": "ReduceProd",
    "Norm": "ReduceL2", "CountNonzero": "ReduceSum", "Average": "ReduceMean", "Median": "ReduceMean",
    "Nanmedian": "ReduceMean", "Ptp": "ReduceMax",
}  # fmt: skip
_REDUCED_HERE = {"Var": "var", "Std": "std", "Nanvar": "var", "Nanstd": "std", "Any": "any", "All": "all"}


@operation(*_BINARY)
def _binary(op: OperationCall) -> Any:
    a = op.operand(("x1", "x", "a"), 0)
    b = op.operand(("x2", "y", "b", "divisor", "multiplier"), 1)
    if isinstance(a, Constant) and isinstance(b, Constant):
        return _folded(op, a, b)
    if op.name == "Arctan2":
        operands, batch = op.call.frame.aligned(op.call.place, (a, b))
        return op.call.one("pointwise", *operands, batch=batch, function="atan2")
    return op.onnx(_BINARY[op.name], a, b)


def _folded(op: OperationCall, a: Constant, b: Constant) -> Constant:
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


@operation(*_UNARY)
def _unary(op: OperationCall) -> Any:
    return op.onnx(_UNARY[op.name], op.x)


@operation(*_POINTWISE)
def _pointwise(op: OperationCall) -> Data:
    return op.call.one("pointwise", op.x, function=_POINTWISE[op.name])


@operation(*_ACTIVATIONS)
def _activation(op: OperationCall) -> Data:
    kind = _ACTIVATIONS[op.name]
    more: dict[str, Any] = {}
    slope = op.argument(("negative_slope", "alpha"))
    if kind == "leaky_relu" and isinstance(slope, (int, float)):
        more["negative_slope"] = slope
    return op.call.one(kind, op.x, **more)


@operation("Softmax", "LogSoftmax")
def _softmax(op: OperationCall) -> Any:
    axes = op.axes(op.x)
    if len(axes) != 1:
        return op.same()
    return op.onnx(op.name, op.x, axis=axes[0])


@operation("Glu")
def _glu(op: OperationCall) -> Data:
    return op.call.one("glu", op.x, dim=op.call.frame.within(op.x, op.whole("axis", 1, -1)))


@operation(*_SAME)
def _same(op: OperationCall) -> Data:
    return op.same()


@operation("ZerosLike", "OnesLike", "FullLike", "EmptyLike")
def _like(op: OperationCall) -> Data:
    x = op.x
    return op.call.one("constant", batch=x.batch, shape=list(x.shape.sizes))


@operation("Flip")
def _flip(op: OperationCall) -> Data:
    x = op.x
    for axis in op.axes(x):
        x = op.call.one("slice", x, dim=op.call.frame.within(x, axis), step=-1)
    return x


@operation(*_PASSED)
def _passed(op: OperationCall) -> Any:
    """It changes no size, and no count: it is no layer of its own."""
    return op.operand(("x", "inputs", "variable", "tensor", "input", "value"), 0)


@operation("Clip")
def _clip(op: OperationCall) -> Any:
    low, high = op.argument(("x_min", "clip_value_min", "min"), 1), op.argument(("x_max", "clip_value_max", "max"), 2)
    bounds = [Constant((), (bound,)) if isinstance(bound, (int, float)) else None for bound in (low, high)]
    return op.onnx("Clip", op.x, *bounds)


@operation("Where")
def _where(op: OperationCall) -> Any:
    given = [op.operand(("condition",), 0), op.operand(("x1", "x"), 1), op.operand(("x2", "y"), 2)]
    return op.onnx("Where", *given)


@operation("AddN")
def _add_n(op: OperationCall) -> Any:
    return op.onnx("Sum", *op.tensors())


@operation(*_REDUCED)
def _reduced(op: OperationCall) -> Any:
    x = op.x
    return op.onnx(_REDUCED[op.name], x, plain=True, axes=op.axes(x), keepdims=int(op.flag("keepdims", "keep_dims")))


@operation(*_REDUCED_HERE)
def _reduced_here(op: OperationCall) -> Data:
    """The mean stands for its axes; the function has a kind of its own."""
    x = op.x
    axes = [op.call.frame.axis(axis, x.rank) for axis in op.axes(x)]
    if x.batch.axis in axes:
        raise NotCoveredError("it is over the batch")
    keeps = op.flag("keepdims", "keep_dims")
    dims = [op.call.frame.within(x, axis) for axis in axes]
    batch = x.batch._replace(axis=x.batch.axis - (0 if keeps else sum(axis < x.batch.axis for axis in axes)))
    return op.call.one("reduce", x, batch=batch, function=_REDUCED_HERE[op.name], dim=dims, keepdim=keeps)


@operation("Argmax", "Argmin")
def _arg(op: OperationCall) -> Any:
    given = op.argument(("axis", "dimension"), 1)
    x = op.x
    if given is None and x.rank > 1:
        raise NotCoveredError("it is over the batch")
    axis = op.whole(("axis", "dimension"), 1, 0)
    return op.onnx("ArgMax" if op.name == "Argmax" else "ArgMin", x, axis=axis, keepdims=int(op.flag("keepdims")))


@operation("Normalize")
def _normalize(op: OperationCall) -> Data:
    x = op.x
    axes = op.axes(x)
    return op.call.one("normalize", x, dim=[op.call.frame.within(x, axis) for axis in axes])
