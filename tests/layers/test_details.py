"""Cases beyond examples and laws: outputs that are maps, slopes, boundary cases, declarations."""

from __future__ import annotations

from typing import Any

import pytest

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

CHW = Shape((3, 8, 9), is_map=True)
HWC = Shape((8, 9, 3), channels_last=True, is_map=True)


@pytest.mark.parametrize(("kind", "arguments", "x", "is_map"), [
    ("permute", {"dims": [1, 3, 2]}, CHW, True),
    ("permute", {"dims": [2, 3, 1]}, CHW, False),
    ("permute", {"dims": [2, 1, 3]}, HWC, True),
    ("permute", {"dims": [1, 2]}, Shape((3, 8)), False),
    ("transpose", {"dim0": 2, "dim1": 3}, CHW, True),
    ("transpose", {"dim0": 1, "dim1": 3}, CHW, False),
    ("flatten", {}, CHW, False),
    ("flatten", {"start_dim": 2}, CHW, False),
    ("reshape", {"shape": [2, 12, 9]}, CHW, True),
    ("reshape", {"shape": [24, 9]}, CHW, False),
    ("unflatten", {"dim": 1, "unflattened_size": [3, 1]}, CHW, True),
    ("squeeze", {"dim": 2}, Shape((3, 1, 9), is_map=True), False),
    ("linear", {"out_features": 5}, Shape((10, 64)), False),
    ("fc", {"out_features": 5}, CHW, False),
    ("relu", {}, CHW, True),
    ("relu", {}, Shape((10,)), False),
    ("global_avg_pool", {}, CHW, False),
    ("global_avg_pool", {"keepdims": True}, CHW, True),
    ("conv", {"out_channels": 5, "kernel_size": 1}, Shape((3, 8, 9)), True),
    ("pad", {"padding": 1}, Shape((3, 8, 9)), True),
    ("upsample", {"scale_factor": 2}, Shape((3, 8, 9)), True),
    ("pixel_shuffle", {"upscale_factor": 1}, Shape((3, 8, 9)), True),
])  # fmt: skip
def test_outputs_that_are_feature_maps(kind: str, arguments: dict[str, Any], x: Shape, is_map: bool) -> None:
    (output,) = size_layer(KINDS[kind](**arguments), (x,)).outputs
    assert output.is_map == is_map
    assert output.channels_last == x.channels_last


@pytest.mark.parametrize(("arguments", "slopes"), [
    ({}, (1,)),
    ({"num_parameters": 1}, (1,)),
    ({"num_parameters": 3}, (3,)),
    ({"per": "one"}, (1,)),
    ({"per": "channel"}, (3,)),
    ({"per": "element"}, (8, 9, 3)),
    ({"shared_axes": [1, 2]}, (1, 1, 3)),
    ({"per": "element", "shared_axes": [-1]}, (8, 9, 1)),
])  # fmt: skip
def test_slopes_of_prelu(arguments: dict[str, Any], slopes: tuple[int, ...]) -> None:
    assert size_layer(KINDS["prelu"](**arguments), (HWC,)).weight_shapes == {"weight": slopes}


@pytest.mark.parametrize("arguments", [
    {"per": "channel", "shared_axes": [1]}, {"per": "one", "shared_axes": [1]}, {"num_parameters": 1, "shared_axes": [1]},
    {"num_parameters": 1, "per": "element", "shared_axes": [1]},
])  # fmt: skip
def test_contradicting_slopes_of_prelu(arguments: dict[str, Any]) -> None:
    with pytest.raises(LayerError, match="both set the number of slopes"):
        KINDS["prelu"](**arguments)


@pytest.mark.parametrize(("kind", "arguments", "x", "sizes"), [
    ("max_pool", {"kernel_size": 4, "padding": [[2, 0], [0, 2]]}, CHW, (3, 2, 2)),
    ("max_pool", {"kernel_size": 8}, CHW, (3, 1, 1)),
    ("fractional_max_pool", {"kernel_size": 2, "output_size": 7}, CHW, (3, 7, 7)),
    ("fractional_max_pool", {"kernel_size": 3, "output_size": [6, 7]}, CHW, (3, 6, 7)),
    ("conv", {"out_channels": 5, "kernel_size": 15, "padding": 7, "padding_mode": "reflect"}, CHW, (5, 8, 9)),
    ("conv", {"out_channels": 5, "kernel_size": 17, "padding": 8, "padding_mode": "circular"}, CHW, (5, 8, 9)),
    ("conv", {"out_channels": 5, "kernel_size": 99, "padding": 49, "padding_mode": "replicate"}, CHW, (5, 8, 9)),
    ("transposed_conv", {"out_channels": 5, "kernel_size": 3, "padding": 1}, Shape((3, 1)), (5, 1)),
    ("reflection_pad", {"padding": 7}, CHW, (3, 22, 23)),
    ("circular_pad", {"padding": 8}, CHW, (3, 24, 25)),
    ("replication_pad", {"padding": 80}, CHW, (3, 168, 169)),
    ("pad", {"padding": [[-8, 1], [-9, 1]]}, CHW, (3, 1, 1)),
    ("crop", {"cropping": [[7, 0], [0, 8]]}, CHW, (3, 1, 1)),
    ("crop", {"size": [8, 9]}, CHW, (3, 8, 9)),
    ("flatten", {}, Shape(()), (1,)),
    ("flatten", {"start_dim": 2, "end_dim": 2}, CHW, (3, 8, 9)),
    ("adaptive_max_pool", {"output_size": 100}, CHW, (3, 100, 100)),
    ("upsample", {"scale_factor": [0.5, 1.5]}, HWC, (4, 13, 3)),
    ("up_sampling", {}, HWC, (16, 18, 3)),
    ("reshape", {"shape": [-1]}, CHW, (216,)),
    ("glu", {"dim": "channels"}, Shape((8, 9, 4), channels_last=True), (8, 9, 2)),
])  # fmt: skip
def test_limits_at_the_boundary(kind: str, arguments: dict[str, Any], x: Shape, sizes: tuple[int, ...]) -> None:
    assert size_layer(KINDS[kind](**arguments), (x,)).outputs[0].sizes == sizes


@pytest.mark.parametrize(("kernel", "stride", "dilation", "extra", "size"), [
    (3, 2, 1, 1, 20), (4, 2, 1, 1, 19), (4, 2, 1, 0, 18), (5, 3, 1, 2, 30), (4, 1, 2, 1, 11), (3, 1, 2, 0, 10),
])  # fmt: skip
def test_same_with_output_padding_agrees_with_keras(
    kernel: int, stride: int, dilation: int, extra: int, size: int
) -> None:
    # (input - 1)·stride + reach % 2 + output_padding: Keras 3, backend_utils._get_output_shape_given_tf_padding
    layer = KINDS["transposed_conv"](
        out_channels=2, kernel_size=kernel, stride=stride, dilation=dilation, padding="same", output_padding=extra
    )
    assert size_layer(layer, (Shape((3, 10)),)).outputs[0].sizes == (2, size)


def test_hint_for_padding_in_the_order_of_pytorch() -> None:
    with pytest.raises(LayerError) as caught:
        size_layer(KINDS["pad"](padding=[1, 2, 3, 4, 5, 6]), (Shape((3, 4, 5, 6)),))
    assert caught.value.hint == "write it as pairs, the first axis first: padding: [[5, 6], [3, 4], [1, 2]]"


def test_unequal_inputs_of_different_numbers_of_axes() -> None:
    with pytest.raises(LayerError, match="differ along width: 9 and 7"):
        size_layer(KINDS["add"](), (CHW, Shape((7,))))
    with pytest.raises(LayerError, match="differ along width: 7 and 9"):
        size_layer(KINDS["add"](), (Shape((8, 7)), Shape((1,)), CHW))


def test_broadcasting_aligns_the_last_axes() -> None:
    add = KINDS["add"]()
    for inputs in ([(9,), (3, 8, 9)], [(3, 8, 9), (9,)], [(8, 1), (3, 8, 9), (1,)]):
        output = size_layer(add, tuple(Shape(sizes, is_map=len(sizes) == 3) for sizes in inputs)).outputs[0]
        assert (output.sizes, output.is_map) == ((3, 8, 9), True)


def test_parameters_of_normalisations() -> None:
    def tensors(kind: str, **arguments: Any) -> tuple[Any, Any]:
        sizing = size_layer(KINDS[kind](**arguments), (HWC,))
        return sizing.weight_shapes, sizing.buffer_shapes

    statistics = {"running_mean": (3,), "running_var": (3,)}
    both = {"weight": (3,), "bias": (3,)}
    assert tensors("batch_norm") == (both, statistics)
    assert tensors("batch_norm", scale=False) == ({"bias": (3,)}, statistics)
    assert tensors("batch_norm", bias=False, track_running_stats=False) == ({"weight": (3,)}, {})
    assert tensors("batch_norm", axis=1) == (
        {"weight": (8,), "bias": (8,)}, {"running_mean": (8,), "running_var": (8,)},
    )  # fmt: skip
    assert tensors("group_norm", num_groups=3, bias=False) == ({"weight": (3,)}, {})
    assert tensors("instance_norm", affine=True) == (both, {})
    assert tensors("layer_norm", elementwise_affine=False) == ({}, {})
    assert tensors("layer_norm", scale=False) == ({"bias": (3,)}, {})
    assert tensors("layer_norm", axis=[1, -1], bias=False) == ({"weight": (8, 3)}, {})
    assert tensors("rms_norm", axis="channels") == ({"weight": (3,)}, {})
    assert tensors("rms_norm", normalized_shape=[9, 3]) == ({"weight": (9, 3)}, {})
    assert tensors("local_response_norm") == ({}, {})


def test_kinds_that_run_in_place() -> None:
    for kind in ("relu", "gelu", "softmax", "identity", "prelu", "dropout", "activation", "batch_norm", "layer_norm",
                 "group_norm", "add", "mul"):  # fmt: skip
        assert KINDS[kind].elementwise, kind
    for kind in ("conv", "fc", "max_pool", "glu", "local_response_norm", "concat", "flatten", "pad"):
        assert not KINDS[kind].elementwise, kind


def test_kinds_with_branches() -> None:
    for kind in ("add", "mul", "sub", "div", "maximum", "minimum", "average", "concat"):
        assert KINDS[kind].branches, kind
    assert not KINDS["relu"].branches


@pytest.mark.parametrize(("kind", "arguments", "shown"), [
    ("conv", {"out_channels": 96, "kernel_size": 11, "stride": 4},
     {"out_channels": 96, "kernel_size": [11, 11], "stride": [4, 4], "padding": [0, 0]}),
    ("max_pool", {"kernel_size": 3}, {"kernel_size": [3, 3], "stride": [3, 3], "padding": [0, 0]}),
    ("max_pool", {"kernel_size": 3, "ceil_mode": True},
     {"kernel_size": [3, 3], "stride": [3, 3], "padding": [0, 0], "ceil_mode": True, "rounding": "ceil"}),
    ("transposed_conv", {"out_channels": 8, "kernel_size": 2, "stride": 2, "padding": "same"},
     {"out_channels": 8, "kernel_size": [2, 2], "stride": [2, 2], "padding": "same"}),
    ("pad", {"padding": [[0, 1], [2, 3]]}, {"padding": [[0, 1], [2, 3]]}),
    ("relu", {}, {}), ("dropout", {"p": 0.1}, {"p": 0.1}), ("flatten", {}, {}),
    ("upsample", {"scale_factor": 2, "mode": "bilinear"}, {"scale_factor": [2, 2], "mode": "bilinear"}),
])  # fmt: skip
def test_arguments_in_a_report(kind: str, arguments: dict[str, Any], shown: dict[str, Any]) -> None:
    layer = KINDS[kind](**arguments)
    x = Shape((3, 32, 32))
    assert layer.shown_arguments(x) == shown
    again = KINDS[kind](**shown)  # the arguments of a report are valid arguments
    assert size_layer(again, (x,)) == size_layer(layer, (x,))


@pytest.mark.parametrize(("kind", "word"), [
    ("fc", "out_features"), ("linear", "out_features"), ("conv", "out_channels"), ("max_pool", "kernel_size"),
    ("adaptive_avg_pool", "output_size"), ("dropout", "p"), ("batch_norm", "num_features"),
    ("layer_norm", "normalized_shape"), ("group_norm", "num_groups"), ("leaky_relu", "negative_slope"),
    ("elu", "alpha"), ("softmax", "dim"), ("reshape", "shape"), ("permute", "dims"), ("pad", "padding"),
    ("crop", "cropping"), ("upsample", "scale_factor"), ("pixel_shuffle", "upscale_factor"), ("concat", "dim"),
    ("activation", "function"), ("squeeze", "dim"), ("channel_shuffle", "groups"),
])  # fmt: skip
def test_the_argument_of_a_value_alone(kind: str, word: str) -> None:
    first = KINDS[kind].first_argument()
    assert first
    assert first.name == word
