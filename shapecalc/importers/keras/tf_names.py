"""Operations of TensorFlow in models of Keras 2, by their names in `keras.ops`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.importers.frame import NotCoveredError

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall

__all__ = ["keras_name"]

_NAMES = {
    "add": "Add", "addv2": "Add", "biasadd": "Add", "bias_add": "Add", "subtract": "Subtract", "sub": "Subtract",
    "multiply": "Multiply", "mul": "Multiply", "divide": "Divide", "truediv": "Divide", "realdiv": "Divide",
    "div": "Divide", "div_no_nan": "DivideNoNan", "floordiv": "FloorDivide", "floor_div": "FloorDivide", "mod": "Mod",
    "floormod": "Mod", "maximum": "Maximum", "minimum": "Minimum", "pow": "Power", "equal": "Equal", "less": "Less",
    "less_equal": "LessEqual", "greater": "Greater", "greater_equal": "GreaterEqual", "not_equal": "NotEqual",
    "logical_and": "LogicalAnd", "logical_or": "LogicalOr", "logical_not": "LogicalNot", "add_n": "AddN",
    "squared_difference": "SquaredDifference", "abs": "Absolute", "exp": "Exp", "sqrt": "Sqrt", "rsqrt": "Rsqrt",
    "square": "Square", "reciprocal": "Reciprocal", "tan": "Tan", "log": "Log", "log1p": "Log1p", "erf": "Erf",
    "sin": "Sin", "cos": "Cos", "negative": "Negative", "neg": "Negative", "floor": "Floor", "ceil": "Ceil",
    "round": "Round", "sign": "Sign", "relu": "Relu", "relu6": "Relu6", "sigmoid": "Sigmoid", "softplus": "Softplus",
    "softsign": "Softsign", "silu": "Silu", "swish": "Silu", "elu": "Elu", "selu": "Selu", "gelu": "Gelu",
    "tanh": "Tanh", "leaky_relu": "LeakyRelu", "softmax": "Softmax", "log_softmax": "LogSoftmax", "cast": "Cast",
    "identity": "Identity", "stop_gradient": "StopGradient", "convert_to_tensor": "ConvertToTensor",
    "clip_by_value": "Clip", "clip": "Clip", "where": "Where", "reduce_mean": "Mean", "mean": "Mean",
    "reduce_sum": "Sum", "sum": "Sum", "reduce_max": "Max", "max": "Max", "reduce_min": "Min", "min": "Min",
    "reduce_prod": "Prod", "prod": "Prod", "reduce_logsumexp": "Logsumexp", "reduce_variance": "Var",
    "reduce_std": "Std", "reduce_any": "Any", "reduce_all": "All", "norm": "Norm", "argmax": "Argmax",
    "argmin": "Argmin", "l2_normalize": "Normalize", "reshape": "Reshape", "shape": "Shape", "transpose": "Transpose",
    "expand_dims": "ExpandDims", "squeeze": "Squeeze", "concat": "Concatenate", "concatenate": "Concatenate",
    "stack": "Stack", "unstack": "Unstack", "split": "Split", "getitem": "GetItem", "gather": "Gather",
    "roll": "Roll", "repeat": "Repeat", "tile": "Tile", "broadcast_to": "BroadcastTo", "pad": "Pad",
    "matmul": "Matmul", "einsum": "Einsum", "top_k": "TopK", "one_hot": "OneHot", "cumsum": "Cumsum",
    "zeros_like": "ZerosLike", "ones_like": "OnesLike", "max_pool": "MaxPool", "max_pool2d": "MaxPool",
    "avg_pool": "AveragePool", "avg_pool2d": "AveragePool", "resize": "Resize", "resize_bilinear": "Resize",
    "resize_images": "Resize", "depth_to_space": "DepthToSpace", "space_to_depth": "SpaceToDepth", "reverse": "Flip",
    "flip_left_right": "Flip", "sort": "Sort",
}  # fmt: skip
_SPLIT = re.compile(r"[.>]")
_DEFINITION = re.compile(r'\bop:\s*"(\w+)"')
_LONGEST = 2**16


def keras_name(call: LayerCall) -> str:
    """Return the name of an operation of TensorFlow in `keras.ops`. Errors: `NotCoveredError`."""
    config = call.config
    function = config.get("function") or config.get("symbol") or call.record.name
    if call.record.op == "TensorFlowOpLayer":
        function = _defined(call)
    if not isinstance(function, str):
        raise NotCoveredError("it does not name its function")
    last = _SPLIT.split(function)[-1].strip("_")
    found = _NAMES.get(last.lower())
    if found is None:
        raise NotCoveredError(f"tf.{function} is not a layer here")
    return found


def _defined(call: LayerCall) -> Any:
    """Return the operation of a layer of TensorFlow 2.0 to 2.3, and add its constants to its inputs."""
    definition, constants = call.argument("node_def"), call.argument("constants")
    if not isinstance(definition, str) or len(definition) > _LONGEST:
        raise NotCoveredError("its definition is not readable")
    found = _DEFINITION.search(definition)
    if not found:
        raise NotCoveredError("its definition names no operation")
    args = list(call.inputs)
    if isinstance(constants, dict):
        for key, value in sorted(constants.items(), key=lambda pair: str(pair[0])):
            if str(key).isdecimal():
                args.insert(min(int(key), len(args)), value)
    call.args = tuple(args)
    name = found[1]
    return {"AddV2": "add", "RealDiv": "divide", "Mean": "reduce_mean", "Sum": "reduce_sum", "Max": "reduce_max",
            "ExpandDims": "expand_dims", "ConcatV2": "concat", "BatchMatMulV2": "matmul", "MatMul": "matmul",
            "BiasAdd": "add", "LeakyRelu": "leaky_relu"}.get(name, name.lower())  # fmt: skip
