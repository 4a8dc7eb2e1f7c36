"""What changes no element, or only how it is stored: no layer of its own; and dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.pytorch.operations import operation

if TYPE_CHECKING:
    from shapecalc.importers.pytorch.operations import AtenCall

NOTHING = (
    "to", "_to_copy", "type_as", "clone", "contiguous", "detach", "detach_", "alias", "lift_fresh_copy", "lift_fresh",
    "lift", "view_as_real_copy", "requires_grad_", "prims.convert_element_type", "float", "half",
    "double", "bfloat16", "int", "long", "bool", "resolve_conj", "resolve_neg", "positive", "_conj", "conj", "real",
    "fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine", "identity", "nan_to_num",
    "quantized_decomposed.quantize_per_tensor", "quantized_decomposed.dequantize_per_tensor",
    "quantized_decomposed.quantize_per_channel", "quantized_decomposed.dequantize_per_channel", "pin_memory", "cpu",
    "_assert_async", "to_dense", "view_as", "squeeze_copy_", "rename",
)  # fmt: skip
NO_OUTPUT = ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size",
             "_assert_async", "_print")  # fmt: skip
MOVES = frozenset((*NOTHING, "view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze",
                    "transpose", "swapaxes", "swapdims", "t", "mT", "permute", "movedim", "reshape_as"))  # fmt: skip
"""Operations after which a weight is still that weight."""
WRAPPERS = ("wrap_with_set_grad_enabled", "wrap_with_autocast", "wrap", "tag_activation_checkpoint", "invoke_subgraph",
             "strict_mode", "hints_wrapper", "checkpoint")  # fmt: skip
"""Operations that run a graph as it is."""


COUNTS = ("bincount",)
"""Operations whose output has a size that an argument sets, where the export knows only its minimum."""


@operation(*(name for name in NOTHING if name != "view_as"))
def _unchanged(call: AtenCall) -> Any:
    return call.tensor()


DROPOUTS = ("dropout", "native_dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")


@operation(*DROPOUTS)
def _dropout(call: AtenCall) -> Any:
    x = call.x()
    return call.one("dropout", x, p=call.real("p", 0.5))
