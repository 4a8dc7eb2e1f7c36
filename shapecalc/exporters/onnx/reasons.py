"""Why kinds cannot be expressed in ONNX at all. What of a kind alone cannot be, its function says."""

from __future__ import annotations

__all__ = ["reason_of"]

_SCAN = "ONNX has no such recurrence but in the body of a Scan, which is not written"
_REASONS = {
    **dict.fromkeys(("accuracy", "loss"), "it is computed in training alone"),
    **dict.fromkeys(("mamba", "mamba2"), "ONNX has no selective scan"),
    **dict.fromkeys(
        ("gru_cell", "lstm_cell", "rnn_cell"), "ONNX has whole recurrent layers, but no single step of one"
    ),
    **dict.fromkeys(("conv_lstm", "recurrent"), _SCAN),
    "deformable_conv": "ONNX has DeformConv from opset 19 on",
    "disentangled_attention": "its scores by relative positions are not written",
    "experts": "ONNX has no operation by which each token uses some of the experts alone",
    "fold": "ONNX has Col2Im from opset 18 on",
    "fractional_max_pool": "ONNX has no windows at random positions",
    "gated_delta_net": "ONNX has no delta rule",
    "grouped_linear": "ONNX has no product of groups of rows with a weight of each",
    "locally_connected": "ONNX has no kernels that differ by position",
    "max_unpool": "ONNX counts its positions in the whole tensor, not in each map",
    "opaque": "its operation is not known",
    "prior_box": "ONNX has no prior boxes",
    "roi_align": "ONNX needs the number of the sample that each box is of",
    "unfold": "ONNX has no im2col",
    "unused_parameter": "ONNX has no parameters that nothing uses",
}


def reason_of(kind: str) -> str:
    """Return why a kind cannot be expressed."""
    return _REASONS.get(kind, "ONNX has no such operation")
