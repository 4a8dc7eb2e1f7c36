"""The names of the fields of Caffe's messages, of its own and of well-known branches: another name is a slip.

Source: src/caffe/proto/caffe.proto of BVLC/caffe (2017), and of its SSD, SegNet, PSPNet and Intel branches.
"""

from __future__ import annotations

import re

__all__ = ["FIELDS", "LAYER", "NET", "SOLVER", "type_key"]


def type_key(name: str) -> str:
    """Return a type as a word of lower case, by which all its spellings are one."""
    return re.sub(r"[_\W]", "", name).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NET = _words("name layer layers input input_dim input_shape force_backward state debug_info")

SOLVER = _words(
    "net train_net test_net net_param train_net_param test_net_param base_lr lr_policy max_iter solver_mode test_iter "
    "test_interval snapshot snapshot_prefix stepsize momentum solver_type"
)
"""Fields of a solver, which names the file of a net."""

LAYER = _words(
    "name type bottom top phase loss_weight param blobs propagate_down include exclude device buffer "
    "blobs_lr weight_decay blob_share_mode need_backward layer"
)
"""Fields of a layer; those that end in `_param` are its arguments."""

_WINDOW = "pad kernel_size stride pad_h pad_w kernel_h kernel_w stride_h stride_w engine axis"
_FILLED = "num_output bias_term weight_filler bias_filler"
_IMAGES = "source batch_size rand_skip scale mean_file crop_size mirror"

FIELDS = {
    name: _words(fields)
    for name, fields in {
        "accuracy_param": "top_k axis ignore_label",
        "argmax_param": "out_max_val top_k axis",
        "batch_norm_param": "use_global_stats moving_average_fraction eps scale_bias scale_filler bias_filler engine "
        "fused_relu relu momentum",
        "bias_param": "axis num_axes filler",
        "clip_param": "min max",
        "concat_param": "axis concat_dim",
        "contrastive_loss_param": "margin legacy_version",
        "convolution_param": f"{_FILLED} {_WINDOW} dilation group force_nd_im2col dilation_h dilation_w fuse_type "
        "eltwise_param relu relu_param",
        "crop_param": "axis offset",
        "data_param": f"{_IMAGES} backend force_encoded_color prefetch shuffle",
        "dropout_param": "dropout_ratio scale_train",
        "dummy_data_param": "data_filler shape num channels height width",
        "eltwise_param": "operation coeff stable_prod_grad engine",
        "elu_param": "alpha",
        "embed_param": f"{_FILLED} input_dim",
        "exp_param": "base scale shift",
        "flatten_param": "axis end_axis",
        "hdf5_data_param": "source batch_size shuffle",
        "hdf5_output_param": "file_name",
        "hinge_loss_param": "norm",
        "image_data_param": f"{_IMAGES} shuffle new_height new_width is_color root_folder",
        "infogain_loss_param": "source axis",
        "inner_product_param": f"{_FILLED} axis transpose engine relu",
        "input_param": "shape",
        "log_param": "base scale shift",
        "loss_param": "ignore_label normalization normalize",
        "lrn_param": "local_size alpha beta norm_region k engine fuse_type",
        "memory_data_param": "batch_size channels height width",
        "mvn_param": "normalize_variance across_channels eps",
        "parameter_param": "shape",
        "permute_param": "order",
        "pooling_param": f"{_WINDOW} pool global_pooling round_mode ceil_mode dilation unpool_size",
        "power_param": "power scale shift",
        "prelu_param": "filler channel_shared",
        "prior_box_param": "min_size max_size aspect_ratio flip clip variance img_size img_h img_w step step_h step_w "
        "offset",
        "python_param": "module layer param_str share_in_parallel",
        "recurrent_param": "num_output weight_filler bias_filler debug_info expose_hidden",
        "reduction_param": "operation axis coeff",
        "relu_param": "negative_slope engine",
        "reshape_param": "shape axis num_axes",
        "scale_param": "axis num_axes filler bias_term bias_filler",
        "sigmoid_param": "engine",
        "slice_param": "axis slice_point slice_dim",
        "softmax_param": "engine axis",
        "spp_param": "pyramid_height pool engine",
        "swish_param": "beta",
        "tanh_param": "engine",
        "threshold_param": "threshold",
        "tile_param": "axis tiles",
        "window_data_param": f"{_IMAGES} fg_threshold bg_threshold fg_fraction context_pad crop_mode cache_images "
        "root_folder",
    }.items()
}
"""The fields of the arguments that are read, where all of them are known."""
