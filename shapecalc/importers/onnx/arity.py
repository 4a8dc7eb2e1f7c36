"""How many inputs operations need at least.

Source: the schemas of ONNX 1.23 (`min_input`), the least of all versions since opset 7. Operations that are not named
need one; those of `_OF_NONE` may have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["least_inputs", "missing_input"]

_OF_NONE = "Constant Optional OptionalHasElement RandomNormal RandomUniform SequenceEmpty"
_OF_MORE = {
    2: "Add AffineGrid And BitShift BitwiseAnd BitwiseOr BitwiseXor CastLike CausalConvWithState CenterCropPad Compress"
       " Conv ConvInteger ConvTranspose CumProd CumSum DequantizeLinear Div Equal Expand Gather GatherElements GatherND"
       " Gemm Greater GreaterOrEqual GridSample LayerNormalization Less LessOrEqual Loop MatMul MatMulInteger"
       " MaxRoiPool MaxUnpool Mod Mul NegativeLogLikelihoodLoss NonMaxSuppression Or PRelu Pow QuantizeLinear"
       " RMSNormalization Reshape ReverseSequence STFT SequenceAt SequenceInsert SoftmaxCrossEntropyLoss StringConcat"
       " Sub SwiGLU TensorScatter Tile Xor",
    3: "Attention Col2Im DeformConv GRU GroupNormalization InstanceNormalization LSTM LinearAttention OneHot RNN Range"
       " RoiAlign RotaryEmbedding Scatter ScatterElements ScatterND Where",
    5: "BatchNormalization MelWeightMatrix",
    8: "QLinearConv QLinearMatMul",
}  # fmt: skip
_LEAST = {
    **dict.fromkeys(_OF_NONE.split(), 0),
    **{op: count for count, ops in _OF_MORE.items() for op in ops.split()},
}
_OPTIONAL_FIRST = ("Loop", "Reshape")
"""Operations whose first inputs may be left out, or whose list is an attribute in old files."""


def least_inputs(op: str) -> int:
    """Return how many inputs an operation of ONNX itself has at least."""
    return _LEAST.get(op, 1)


def missing_input(op: str, inputs: Sequence[Any]) -> str:
    """Return what is wrong with the number of inputs of a node, of which those left out are None; empty for nothing."""
    least = _LEAST.get(op, 1)
    if len(inputs) < least:
        has = count_noun(len(inputs), "input") if inputs else "no input"
        return f"it has {has}, and {op} needs at least {least}"
    if op in _OPTIONAL_FIRST:
        return ""
    at = next((i for i, x in enumerate(inputs[:least]) if x is None), -1) if None in inputs[:least] else -1
    return "" if at < 0 else f"its input {at} is missing"
