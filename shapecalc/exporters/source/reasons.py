"""Why kinds are not written for PyTorch and Keras at all. What of a kind alone is not, its function says."""

from __future__ import annotations

__all__ = ["reason_of"]

_OF_BOTH = {
    **dict.fromkeys(("accuracy", "loss"), "it is computed in training alone"),
    **dict.fromkeys(("mamba", "mamba2"), "{} has no selective scan"),
    "deformable_conv": "{} has no deformable convolution",
    "disentangled_attention": "its scores by relative positions are not written",
    "gated_delta_net": "{} has no delta rule",
    "locally_connected": "{} has no kernels that differ by position",
    "multi_head_latent_attention": "its compressed keys and values are not written",
    "opaque": "its operation is not known",
    "prior_box": "{} has no prior boxes",
    "relative_position_bias": "its table of distances is not written",
    "roi_align": "{} has no regions of interest",
}
_OF_ONE = {
    "PyTorch": {
        "conv_lstm": "PyTorch has no convolutional LSTM",
    },
    "Keras": {
        "bilinear": "Keras has no bilinear form",
        "grouped_linear": "Keras has no product of groups of rows with a weight of each",
        "recurrent": "its loop over the steps of cells is not written",
        "sinusoidal_embedding": "its table of sines is not written",
        **dict.fromkeys(("fold", "unfold"), "Keras has no columns of windows"),
        "fractional_max_pool": "Keras has nothing random at inference",
        "grid_sample": "Keras has no sampling at positions",
        "lp_pool": "Keras has no windows of powers",
        "max_unpool": "Keras has no positions of maxima",
        "unused_parameter": "nothing would use it",
    },
}


def reason_of(kind: str, framework: str) -> str:
    """Return why a kind is not written for a framework."""
    return (_OF_ONE[framework].get(kind) or _OF_BOTH.get(kind, "it is not written")).format(framework)
