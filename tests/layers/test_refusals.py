"""Invalid inputs and arguments of the kinds: the whole text of each error."""

from __future__ import annotations

from typing import Any

import pytest

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

CHW = (3, 32, 32)

REFUSALS: list[tuple[str, dict[str, Any], list[tuple[int, ...]], str]] = [
    ("max_pool", {"kernel_size": 3, "ceil_mode": True, "rounding": "floor"}, [CHW],
     "ceil_mode true and rounding floor contradict each other | ceil_mode true is rounding ceil | give one of the two"),
    ("max_pool", {"kernel_size": 3, "ceil_mode": False, "rounding": "caffe"}, [CHW],
     "ceil_mode false and rounding caffe contradict each other | ceil_mode false is rounding floor | "
     "give one of the two"),
    ("max_pool", {"kernel_size": 3, "padding": 2}, [CHW],
     "padding 2 is more than half of kernel_size 3 along the height | this is PyTorch's limit; padding_limit: window allows "
                "any padding below kernel_size, as Caffe does | padding at most 1 would fit"),
    ("pointwise", {"function": "sqrt"}, [CHW, CHW], "sqrt expects 1 input, but has 2"),
    ("pointwise", {"function": "pow"}, [CHW],
     "pow expects 2 inputs, but has 1 | give its last operand as an input, or a number as other"),
    ("pointwise", {"function": "where", "other": 0}, [CHW], "where expects 2 inputs beside other, but has 1"),
    ("pointwise", {"function": "sqrt", "other": 2}, [CHW], "sqrt has one operand, and other is a second"),
    ("einsum_dense", {"equation": "abc->abc", "output_shape": [-1, 4]}, [(5, 8)],
     "the equation abc->abc is not one of an input, a kernel and an output | write it as abc,cd->abd"),
    ("einsum_dense", {"equation": "abcd...,de->a...e", "output_shape": 4}, [(5, 8)],
     "input 1 has 2 axes, but its term names 3 besides the ellipsis"),
    ("einsum_dense", {"equation": "abb,bc->abc", "output_shape": [-1, 4]}, [(5, 8)],
     "a term of abb,bc->abc names an axis twice"),
    ("einsum_dense", {"equation": "abc,cd->bad", "output_shape": [-1, 4]}, [(5, 8)],
     "the batch axis a must come first in the output, and not be in the kernel"),
    ("einsum_dense", {"equation": "abc,cd->abd", "output_shape": 4}, [(5, 8)],
     "output_shape has 1 sizes, but the output of abc,cd->abd has 2 | "
     "give the size of each axis except the batch axis and those under an ellipsis"),
    ("einsum_dense", {"equation": "abc,cd->abd", "output_shape": [-1, -1]}, [(5, 8)],
     "no size of axis d of abc,cd->abd is known | give it in output_shape, not as -1"),
    ("einsum_dense", {"equation": "abc,cd->abd", "output_shape": [6, 4]}, [(5, 8)],
     "axis b of output_shape (=6) must equal that of the input (=5)"),
    ("einsum_dense", {"equation": "abc,cd->abd", "output_shape": [-1, 4], "bias_axes": "c"}, [(5, 8)],
     "bias_axes names c, which is not an axis of the output of abc,cd->abd"),
    ("grid_sample", {}, [CHW, (8, 2)], "the grid has 2 axes, but the map has 3: it needs as many | "
     "the axes of a grid are the spatial ones of the output, and one of coordinates"),
    ("grid_sample", {}, [CHW, (2, 8, 9)], "the last axis of the grid is 9, but the coordinates of a position are 2 | "
     "the grid is 2×8×9: its coordinates are its first axis | add permute: [2, 3, 1] before it"),
    ("grid_sample", {}, [CHW, (7, 8, 3)], "last axis of the grid (=3) must equal spatial axes of the map (=2)"),
    ("grid_sample", {"mode": "bicubic"}, [(3, 4, 4, 4), (4, 4, 4, 3)],
     "bicubic sampling needs 2 spatial axes, but the map has 3"),
    ("roi_align", {"output_size": 7}, [CHW, (9, 5)], "numbers of a box (=5) must equal its corners' coordinates (=4)"),
    ("roi_align", {"output_size": 7}, [CHW, (4,)],
     "roi_align needs its boxes as (boxes, 4), but its second input is 4"),
    ("max_unpool", {"kernel_size": 2}, [CHW, (3, 32, 31)], "size of the indices (=31) must equal that of the input (=32)"),
    ("max_unpool", {"kernel_size": 2}, [CHW, (3, 32)], "the indices have 2 axes, but the input has 3"),
    ("max_unpool", {"kernel_size": 2, "output_size": 66}, [CHW, CHW],
     "output_size (=66) must be at most maximum output height (=65) | output_size: 65 would fit"),
    ("prior_box", {"min_size": [30, 60], "max_size": 60}, [CHW],
     "max_size has 1 numbers, but min_size has 2 | give one max_size for each min_size, or none"),
    ("lstm_cell", {"hidden_size": 4}, [(9, 5)], "lstm_cell needs one axis of features, but its input is 9×5 | "
     "it is one step: the layer without `_cell` runs over a sequence"),
    ("gru_cell", {"hidden_size": 4}, [(5,), (3,)], "features of the state (=3) must equal hidden_size (=4) | "
     "hidden_size: 3 would fit"),
    ("layer_scale", {"scale": False}, [CHW], "it has neither scale nor bias | leave scale out, or give bias: true"),
    ("slice", {"dim": 1, "step": 0}, [CHW], "step must not be 0"),
    ("normalize", {"dim": [1, -3]}, [CHW], "dim names an axis twice"),
    ("normalization", {"axis": [1, -3]}, [CHW], "axis names an axis twice"),
    ("top_k", {"k": 33}, [CHW], "k (=33) must be at most size of the axis (=32) | k: 32 would fit"),
    ("avg_pool", {"kernel_size": 33}, [CHW],
     "the 33×33 window does not fit its 32×32 input | the padded input is 32 + 2·0 = 32 high; "
     "kernel_size 33 with dilation 1 reaches 33 | padding: 1 would fit, or kernel_size at most 32"),
    ("max_pool", {"kernel_size": 3, "padding": [[0, 2], [0, 0]]}, [CHW],
     "padding 2 is more than half of kernel_size 3 along the height | this is PyTorch's limit; padding_limit: window allows "
                "any padding below kernel_size, as Caffe does | padding at most 1 would fit"),
    ("conv", {"out_channels": 8, "kernel_size": 3, "in_channels": 4}, [CHW],
     "channels of the input (=3) must equal in_channels (=4) | in_channels: 3 would fit, or leave it out: it is inferred"),
    ("conv", {"out_channels": 8, "kernel_size": 3, "groups": 3}, [CHW],
     "groups (=3) must divide out_channels (=8) | groups: 1 would fit"),
    ("conv", {"out_channels": 8, "kernel_size": 65, "padding": 32, "padding_mode": "reflect"}, [CHW],
     "reflect padding (=32) must be less than input height (=32)"),
    ("conv", {"out_channels": 8, "kernel_size": 65, "padding": 33, "padding_mode": "circular"}, [CHW],
     "circular padding (=33) must be at most input height (=32)"),
    ("conv", {"out_channels": 8, "kernel_size": 67, "padding": "same", "padding_mode": "circular"}, [CHW],
     "circular padding (=33) must be at most input height (=32)"),
    ("transposed_conv", {"out_channels": 8, "kernel_size": 2, "padding": 1, "groups": 3}, [CHW],
     "groups (=3) must divide out_channels (=8) | groups: 1 would fit"),
    ("transposed_conv", {"out_channels": 8, "kernel_size": 2, "padding": 1}, [(3, 1)],
     "its output would be 0 long: every axis must be at least 1 | the windows cover 2, of which padding crops "
     "1 + 1 | padding: 0 would fit"),
    ("fractional_max_pool", {"kernel_size": 2, "output_size": 32}, [CHW],
     "output size + kernel_size - 1 (=33) must be at most input height (=32)"),
    ("pad", {"padding": [[-2, 3]]}, [(3, 1)], "length of the input less the cropping (=-1) must be at least 0"),
    ("max_pool", {"kernel_size": [2, 2, 2]}, [CHW],
     "kernel_size has 3 numbers, but the input has 2 spatial axes (height, width) | "
     "give one number, or one for each spatial axis"),
    ("global_avg_pool", {}, [(10,)],
     "global_avg_pool needs channels and 1, 2 or 3 spatial axes, but its input 10 has 1 axis in all | "
     "add a reshape or unflatten before it, for spatial axes"),
    ("fractional_max_pool", {"kernel_size": 2}, [CHW],
     "it needs output_size or output_ratio, and neither is given | give one of the two"),
    ("fractional_max_pool", {"kernel_size": 2, "output_ratio": 1.5}, [CHW], "output_ratio must be below 1, not 1.5"),
    ("adaptive_avg_pool", {"output_size": [1, 2, 3]}, [CHW],
     "output_size has 3 numbers, but the input has 2 spatial axes (height, width) | "
     "give one number, or one for each spatial axis"),
    ("adaptive_avg_pool", {"output_size": [7]}, [CHW],
     "output_size has 1 number, but the input has 2 spatial axes (height, width) | "
     "give one number, or one for each spatial axis"),
    ("fc", {"out_features": 10, "in_features": 99}, [(100,)],
     "features of the input (=100) must equal in_features (=99) | in_features: 100 would fit, or leave it out: it is inferred"),
    ("batch_norm", {"num_features": 4}, [CHW],
     "channels of the input (=3) must equal num_features (=4) | num_features: 3 would fit, or leave it out: it is inferred"),
    ("batch_norm", {"axis": 0}, [CHW],
     "axis 0 is the batch axis, which no layer may change | its input has 3 axes: they are 1 to 3, or -3 to "
     "-1 from the end; 0 is the batch's | use 1 for its first axis, 3 or -1 for its last"),
    ("group_norm", {"num_groups": 2}, [CHW],
     "num_groups (=2) must divide channels of the input (=3) | num_groups: 1 would fit"),
    ("layer_norm", {"normalized_shape": [3, 32]}, [CHW],
     "size of axis 2 of the input (=32) must equal its part of normalized_shape (=3) | normalized_shape: [32, 32] would fit"),
    ("layer_norm", {"normalized_shape": [32], "axis": [1]}, [CHW],
     "normalized_shape and axis both set the axes that are normalised | give one of the two"),
    ("prelu", {"num_parameters": 2}, [CHW], "num_parameters (=2) must be 1 or equal channels of the input (=3)"),
    ("prelu", {"num_parameters": 3, "per": "channel"}, [CHW],
     "num_parameters and per both set the number of slopes | give one of the two"),
    ("glu", {"dim": 1}, [CHW], "2 must divide size of axis 1, which is halved (=3)"),
    ("softmax", {"dim": 4}, [CHW],
     "dim 4 is out of range | its input has 3 axes: they are 1 to 3, or -3 to -1 from the end; 0 is the batch's | "
     "use 1 for its first axis, 3 or -1 for its last"),
    ("flatten", {"start_dim": 0}, [CHW],
     "start_dim 0 is the batch axis, which no layer may change | its input has 3 axes: they are 1 to 3, or "
     "-3 to -1 from the end; 0 is the batch's | use 1 for its first axis, 3 or -1 for its last"),
    ("flatten", {"start_dim": 3, "end_dim": 2}, [CHW], "start_dim 3 comes after end_dim 2"),
    ("reshape", {"shape": [-1, -1]}, [CHW], "shape has 2 sizes of -1, but only one size can be inferred"),
    ("reshape", {"shape": [5, -1]}, [CHW],
     "product of the known sizes of shape (=5) must divide elements of the input (=3072)"),
    ("reshape", {"shape": "10x10"}, [CHW],
     "product of shape (=100) must equal elements of the input (=3072) | write -1 for one of the sizes to infer it"),
    ("permute", {"dims": [0, 1, 1, 2]}, [CHW],
     "dims [0, 1, 1, 2] is not a permutation of the 3 axes of its input | it must have each of 1 to 3 once"),
    ("permute", {"dims": [1, 2, 0]}, [CHW],
     "dims 0 is the batch axis, which no layer may change | its input has 3 axes: they are 1 to 3, or "
     "-3 to -1 from the end; 0 is the batch's | "
     "write dims: [2, 3, 1]: axes are counted from 1, as 0 is the batch's"),
    ("permute", {"dims": [0, 2, 1]}, [CHW],
     "dims [0, 2, 1] is not a permutation of the 3 axes of its input | "
     "write dims: [1, 3, 2]: axes are counted from 1, as 0 is the batch's"),
    ("squeeze", {"dim": 1}, [CHW],
     "size of axis 1 (=3) must equal 1 | PyTorch leaves an axis of another size as it is | "
     "remove it; or, for the first position of that axis, write `- slice: {dim: 1, end: 1}` before it"),
    ("pad", {"padding": -16}, [CHW], "height of the output (=0) must be at least 1"),
    ("pad", {"padding": [1, 2, 3, 4]}, [CHW],
     "padding has 4 numbers, but the input has 2 spatial axes (height, width) | PyTorch writes a start and an end for "
     "each axis, the last axis first | write it as pairs, the first axis first: padding: [[3, 4], [1, 2]]"),
    ("reflection_pad", {"padding": 32}, [CHW],
     "padding in mode reflect (=32) must be less than height of the input (=32)"),
    ("crop", {}, [CHW], "it needs cropping or size, and neither is given | give one of the two"),
    ("crop", {"size": 33}, [CHW], "size (=33) must be at most height of the input (=32) | size: 32 would fit"),
    ("crop", {"cropping": 16}, [CHW], "cropping (=32) must be less than height of the input (=32)"),
    ("upsample", {"size": 3, "scale_factor": 2}, [CHW],
     "it needs one of scale_factor, size and a second input, and is given scale_factor and size"),
    ("upsample", {"scale_factor": 0.01}, [CHW], "its output would be 3×0×0: every axis must be at least 1"),
    ("pixel_shuffle", {"upscale_factor": 2}, [CHW],
     "upscale_factor·upscale_factor (=4) must divide channels of the input (=3) | an input of 4×32×32 would fit"),
    ("pixel_shuffle", {"upscale_factor": 4}, [(36, 8, 8)],
     "upscale_factor·upscale_factor (=16) must divide channels of the input (=36) | upscale_factor: 3 would fit"),
    ("pixel_unshuffle", {"downscale_factor": 3}, [CHW],
     "downscale_factor (=3) must divide height of the input (=32) | downscale_factor: 2 would fit"),
    ("pixel_unshuffle", {"downscale_factor": 8}, [(3, 50, 75)],
     "downscale_factor (=8) must divide height of the input (=50) | downscale_factor: 5 would fit"),
    ("pixel_unshuffle", {"downscale_factor": 2}, [(3, 32, 33)],
     "downscale_factor (=2) must divide width of the input (=33) | an input of 3×32×34 would fit"),
    ("pixel_unshuffle", {"downscale_factor": 4}, [(3, 1, 2)],
     "downscale_factor (=4) must divide height of the input (=1) | an input of 3×4×4 would fit"),
    ("channel_shuffle", {"groups": 2}, [CHW], "groups (=2) must divide channels of the input (=3) | groups: 1 would fit"),
    ("sub", {}, [CHW], "sub expects 2 inputs, but has 1 | "
     "name both: `- sub: [a, b]`; for a number minus its input, write `- sub: {other: 1}`"),
    ("mul", {"other": 2}, [CHW, CHW], "mul with a number as other expects 1 input, but has 2"),
    ("sub", {"other": 2}, [CHW, CHW], "sub with a number as other expects 1 input, but has 2"),
    ("bilinear", {"out_features": 4}, [(7, 5), (5,)],
     "bilinear needs two inputs with the same axes but for the last, but they are 7×5 and 5"),
    ("bilinear", {"out_features": 4}, [(7, 5), (6, 5)],
     "axis 1 of the second input (=6) must equal that of the first (=7)"),
    ("bilinear", {"out_features": 4, "in2_features": 6}, [(7, 5), (7, 5)],
     "features of the second input (=5) must equal in2_features (=6) | in2_features: 5 would fit, or leave it "
     "out: it is inferred"),
    ("concat", {}, [CHW, (3,)],
     "its inputs have different numbers of axes: input 1 is 3×32×32, input 2 is 3 | "
     "write `- flatten` before it"),
    ("concat", {}, [CHW, (3, 2)],
     "its inputs have different numbers of axes: input 1 is 3×32×32, input 2 is 3×2 | "
     "add a flatten or reshape before it, for equal numbers of axes"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "inputs", "text"), REFUSALS)
def test_shape_errors(kind: str, arguments: dict[str, Any], inputs: list[tuple[int, ...]], text: str) -> None:
    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), tuple(Shape(sizes) for sizes in inputs))
    error = caught.value
    assert " | ".join((error.message, *error.why, *((error.hint,) if error.hint else ()))) == text


MAP = (64, 56, 56)

UNEQUAL: list[tuple[str, list[tuple[int, ...]], str, str]] = [
    ("add", [MAP, (64, 28, 28)], "its inputs differ along height and width: 56 and 28",
     "a stride of 2 on input 1, or upsample: 2 on input 2, would make them equal"),
    ("add", [(64, 28, 28), MAP], "its inputs differ along height and width: 28 and 56",
     "a stride of 2 on input 2, or upsample: 2 on input 1, would make them equal"),
    ("add", [MAP, (64, 14, 56)], "its inputs differ along height: 56 and 14",
     "a stride of 4 on input 1, or upsample: 4 on input 2, would make them equal"),
    ("mul", [MAP, (256, 56, 56)], "its inputs differ along channels: 64 and 256",
     "a 1×1 convolution with out_channels: 256 on input 1 would make them equal"),
    ("add", [MAP, (64, 56, 54)], "its inputs differ along width: 56 and 54",
     "write `- crop: {size: [56, 54]}` before it"),
    ("add", [(16, 30, 30), (32, 28, 28)], "its inputs differ along channels: 16 and 32, and along height and width",
     "a 1×1 convolution with out_channels: 32 on input 1 would make the channels equal"),
    ("add", [(16, 30, 1), (32, 30, 28)], "its inputs differ along channels: 16 and 32",
     "a 1×1 convolution with out_channels: 32 on input 1 would make them equal"),
    ("add", [MAP, (64, 28, 14)], "its inputs differ along height: 56 and 28, and along width",
     "a stride of 2 on input 1, or upsample: 2 on input 2, would make the height equal"),
    ("add", [MAP, (32, 28, 28)], "its inputs differ along channels: 64 and 32, and along height and width",
     "a 1×1 convolution with out_channels: 32 and stride: 2 on input 1 would make them equal"),
    ("add", [(64, 28, 28), (32, 56, 55)], "its inputs differ along height: 28 and 56, and along channels and width",
     "a 1×1 convolution with out_channels: 64 and stride: 2 on input 2 would make them equal"),
    ("add", [(8,), (9,)], "its inputs differ along axis 1: 8 and 9",
     "both need the same size there, or one of them 1, for add to match them"),
    ("concat", [MAP, (64, 28, 56)],
     "its inputs differ along height: 56 and 28, but are joined along channels",
     "write `- crop: {size: [28, 56]}` before it"),
    ("concat", [MAP, (64, 28, 28)],
     "its inputs differ along height and width: 56 and 28, but are joined along channels",
     "a stride of 2 on input 1, or upsample: 2 on input 2, would make them equal"),
    ("concat", [MAP, (32, 28, 14)],
     "its inputs differ along height: 56 and 28, and along width: 56 and 14, but are joined along channels",
     "the stride and padding of each branch decide on its size: a stride of 1 with padding keeps it"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inputs", "message", "hint"), UNEQUAL)
def test_inputs_of_unequal_sizes(kind: str, inputs: list[tuple[int, ...]], message: str, hint: str) -> None:
    shapes = tuple(Shape(sizes, is_map=len(sizes) > 1) for sizes in inputs)
    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](), shapes)
    said = ", ".join(f"input {i} is {'×'.join(map(str, sizes))}" for i, sizes in enumerate(inputs, 1))
    assert (caught.value.message, caught.value.why, caught.value.hint) == (message, (said,), hint)


def test_unequal_sizes_name_the_axis_in_either_layout() -> None:
    shapes = tuple(Shape(sizes, channels_last=True, is_map=True) for sizes in ((56, 56, 64), (56, 28, 64)))
    with pytest.raises(LayerError, match="differ along width: 56 and 28"):
        size_layer(KINDS["add"](), shapes)


LIMITS = [
    ({"padding": 1}, (32, 32)), ({"padding": 2}, None), ({"padding": 2, "padding_limit": "window"}, (34, 34)),
    ({"padding": 3, "padding_limit": "window"}, None), ({"padding": 3, "padding_limit": "any"}, (36, 36)),
    ({"padding": 2, "rounding": "caffe"}, (34, 34)), ({"padding": 3, "rounding": "caffe"}, None),
    ({"padding": 2, "rounding": "caffe", "padding_limit": "half"}, None),
    ({"padding": [[0, 2], [2, 0]], "padding_limit": "window"}, (32, 32)),
    ({"padding": [[0, 3], [0, 0]], "padding_limit": "window"}, None),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["max_pool", "avg_pool", "lp_pool"])
@pytest.mark.parametrize(("arguments", "due"), LIMITS)
def test_the_limit_of_a_pools_padding(kind: str, arguments: dict[str, Any], due: tuple[int, int] | None) -> None:
    """PyTorch: at most half the window; Caffe and ONNX Runtime: less than the window; the ONNX standard: none."""
    layer = KINDS[kind](kernel_size=3, stride=1, **arguments)
    try:
        found = size_layer(layer, (Shape(CHW),)).outputs[0].spatial
    except LayerError:
        found = None
    assert found == due
    assert layer.shown_arguments(Shape(CHW)).get("padding_limit") == arguments.get("padding_limit")
