"""Laws that hold between kinds, whatever the numbers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from searching import some

from shapecalc.layers import KINDS
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from shapecalc.model.rows import Sizing


@pytest.fixture(params=some(range(30), 8))
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Return the random generator of a case."""
    return random.Random(request.param)


def run(kind: str, *shapes: tuple[int, ...], layout: str = "CHW", **arguments: Any) -> Sizing:
    layer = KINDS[kind](**arguments)
    return size_layer(layer, tuple(Shape(sizes, layout == "HWC", is_map=len(sizes) > 2) for sizes in shapes))


def out(kind: str, *shapes: tuple[int, ...], **arguments: Any) -> tuple[int, ...]:
    return run(kind, *shapes, **arguments).outputs[0].sizes


def counts(sizing: Sizing) -> tuple[int, int, int]:
    return sizing.weights, sizing.biases, sizing.macs


def test_same_padding_keeps_the_size_at_stride_1(draw: random.Random) -> None:
    rank = draw.randint(1, 3)
    shape = (draw.randint(1, 8), *(draw.randint(1, 40) for _ in range(rank)))
    kernel = [draw.randint(1, 9) for _ in range(rank)]
    assert out("conv", shape, out_channels=5, kernel_size=kernel, padding="same", dilation=3)[1:] == shape[1:]
    assert out("max_pool", shape, kernel_size=kernel, stride=1, padding="same") == shape
    assert out("transposed_conv", shape, out_channels=5, kernel_size=kernel, padding="same")[1:] == shape[1:]
    odd = [2 * k + 1 for k in kernel]
    assert out("conv", shape, out_channels=5, kernel_size=odd, padding=kernel)[1:] == shape[1:]


def test_a_kernel_that_covers_its_input_is_a_fully_connected_layer(draw: random.Random) -> None:
    shape = tuple(draw.randint(1, 9) for _ in range(draw.randint(2, 4)))
    conv = run("conv", shape, out_channels=7, kernel_size=shape[1:])
    fc = run("fc", shape, out_features=7)
    assert counts(conv) == counts(fc)
    assert conv.outputs[0].elements == fc.outputs[0].elements


def test_groups_equal_to_channels_is_depthwise(draw: random.Random) -> None:
    channels, times = draw.randint(1, 8), draw.randint(1, 3)
    shape = (channels, draw.randint(5, 20), draw.randint(5, 20))
    grouped = run("conv", shape, out_channels=channels * times, kernel_size=[3, 5], groups=channels)
    depthwise = run("depthwise_conv", shape, kernel_size=[3, 5], depth_multiplier=times)
    assert counts(grouped) == counts(depthwise)
    assert grouped.outputs == depthwise.outputs


def test_groups_divide_weights_and_macs(draw: random.Random) -> None:
    groups = draw.randint(1, 4)
    shape = (groups * draw.randint(1, 4), 9, 8)
    whole = run("conv", shape, out_channels=groups * 3, kernel_size=3, bias=False)
    split = run("conv", shape, out_channels=groups * 3, kernel_size=3, bias=False, groups=groups)
    assert split.weights * groups == whole.weights
    assert split.macs * groups == whole.macs


def test_a_separable_conv_is_depthwise_plus_pointwise(draw: random.Random) -> None:
    shape = (draw.randint(1, 6), draw.randint(5, 20), draw.randint(5, 20))
    both = run("separable_conv", shape, out_channels=7, kernel_size=3, depth_multiplier=2)
    first = run("depthwise_conv", shape, kernel_size=3, depth_multiplier=2, bias=False)
    second = run("conv", first.outputs[0].sizes, out_channels=7, kernel_size=1)
    assert counts(both) == tuple(a + b for a, b in zip(counts(first), counts(second), strict=True))
    assert both.outputs == second.outputs


def test_a_transposed_conv_undoes_the_size_of_a_conv(draw: random.Random) -> None:
    kernel, stride, dilation = draw.randint(1, 5), draw.randint(1, 4), draw.randint(1, 3)
    padding = draw.randint(0, 2)
    shape = (3, draw.randint(20, 40))
    same = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    small = out("conv", shape, out_channels=4, **same)
    assert out("transposed_conv", small, out_channels=3, output_size=shape[1], **same) == shape
    back = out("transposed_conv", small, out_channels=3, **same)
    assert shape[1] - stride < back[1] <= shape[1]
    assert out("conv", back, out_channels=4, **same) == small


def test_layouts_differ_only_in_notation(draw: random.Random) -> None:
    channels, *space = (draw.randint(2, 12) for _ in range(3))
    first, last = (channels, *space), (*space, channels)
    for kind, arguments in (
        ("conv", {"out_channels": 6, "kernel_size": 2}),
        ("max_pool", {"kernel_size": 2}),
        ("batch_norm", {}),
        ("fc", {"out_features": 3}),
        ("upsample", {"scale_factor": 1.5}),
        ("pad", {"padding": [[1, 2], [3, 4]]}),
        ("global_avg_pool", {}),
    ):
        a, b = run(kind, first, **arguments), run(kind, last, layout="HWC", **arguments)
        assert counts(a) == counts(b)
        assert a.buffers == b.buffers
        assert a.outputs[0].in_layout("HWC") == b.outputs[0].sizes


def test_concat_adds_channels_and_add_keeps_them() -> None:
    shapes = [(64, 28, 28), (128, 28, 28), (32, 28, 28)]
    assert out("concat", *shapes) == (224, 28, 28)
    assert out("concat", shapes[0]) == shapes[0]
    for kind in ("add", "mul", "sub", "div", "maximum", "minimum", "average"):
        assert out(kind, shapes[0], shapes[0]) == shapes[0]


def test_broadcasting_does_not_depend_on_the_order() -> None:
    shapes = [(64, 1, 1), (64, 28, 1), (1, 1, 28)]
    for i in range(3):
        assert out("mul", *(shapes[i:] + shapes[:i])) == (64, 28, 28)


def test_shuffles_and_reshapes_keep_the_number_of_elements(draw: random.Random) -> None:
    r = draw.randint(1, 4)
    shape = (r * r * draw.randint(1, 4), r * draw.randint(1, 5), r * draw.randint(1, 5))
    elements = shape[0] * shape[1] * shape[2]
    small = out("pixel_shuffle", shape, upscale_factor=r)
    assert out("pixel_unshuffle", small, downscale_factor=r) == shape
    assert out("flatten", shape) == (elements,)
    assert out("unflatten", (elements,), dim=1, unflattened_size=[*shape[:2], -1]) == shape
    assert out("reshape", shape, shape=[-1, shape[0]]) == (elements // shape[0], shape[0])
    assert out("permute", out("permute", shape, dims=[3, 1, 2]), dims=[0, 2, 3, 1]) == shape
    assert out("transpose", shape, dim0=1, dim1=-1) == out("permute", shape, dims=[3, 2, 1])
    assert out("squeeze", out("unsqueeze", shape, dim=2), dim=2) == shape


def test_a_crop_undoes_a_pad(draw: random.Random) -> None:
    shape = (3, draw.randint(1, 9), draw.randint(1, 9))
    sides = [[draw.randint(0, 4), draw.randint(0, 4)] for _ in range(2)]
    padded = out("pad", shape, padding=sides)
    assert out("crop", padded, cropping=sides) == shape
    assert out("pad", padded, padding=[[-a, -b] for a, b in sides]) == shape
    assert out("crop", padded, size=list(shape[1:])) == shape
    arguments = {"out_channels": 2, "kernel_size": 1}
    assert out("conv", padded, **arguments) == out("conv", shape, padding=sides, **arguments)


def test_pools_and_global_pools_agree() -> None:
    shape = (7, 5, 9)
    whole = out("avg_pool", shape, kernel_size=[5, 9])
    assert whole == out("adaptive_avg_pool", shape, output_size=1) == out("global_avg_pool", shape, keepdims=True)
    assert out("flatten", whole) == out("global_avg_pool", shape) == out("mean", shape, dim=[2, 3])


def test_ceil_mode_is_rounding_ceil() -> None:
    for size in range(5, 30):
        said = out("max_pool", (1, size), kernel_size=3, stride=2, ceil_mode=True)
        assert said == out("max_pool", (1, size), kernel_size=3, stride=2, rounding="ceil")


def test_caffe_rounds_up_where_pytorch_may_not() -> None:
    # Caffe drops the last window only with padding; PyTorch whenever it would start beyond the input.
    assert out("max_pool", (1, 6), kernel_size=2, stride=3, rounding="caffe") == (1, 3)
    assert out("max_pool", (1, 6), kernel_size=2, stride=3, rounding="ceil") == (1, 2)
    assert out("max_pool", (1, 6), kernel_size=2, stride=3, rounding="floor") == (1, 2)
