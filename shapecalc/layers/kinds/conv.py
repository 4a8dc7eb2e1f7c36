"""Convolutions: plain, depthwise, separable, locally connected; over 1, 2 or 3 spatial axes.

A kernel is k_h·k_w·c_in weights for each output channel; groups split the channels into independent convolutions.
Every output element costs one kernel's multiply-accumulates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import DIVIDES, EQUAL, LESS, UP_TO, Constraint, Dim, maximum, minimum, prod, total
from shapecalc.layers.base.arguments import CHANNELS_OUT, GROUPS, Choice, Flag, Integer, Stated
from shapecalc.layers.base.dependence import ZEROS
from shapecalc.layers.base.layer import DERIVED, INPUTS, NOTHING, Example, WeightShapes
from shapecalc.layers.base.parametrization import Parametrization, Parametrized
from shapecalc.layers.base.per_axis import Padding, PerAxis, per_axis
from shapecalc.layers.base.windowed import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.base.window import WindowAxis

GROUP = "convolutions"

__all__ = ["Conv", "Convolution", "DepthwiseConv", "LocallyConnected", "SeparableConv"]


class Convolution(Windowed):
    """What convolutions share: a window over the spatial axes, and the channels that it mixes."""

    accumulates = True

    kernel_size = PerAxis("size of the window", symbol="k")
    stride = PerAxis("step of the window", 1, also=["strides"], symbol="s", always=True)
    padding = Padding(
        "zeros around the input; or same (output = ⌈input / stride⌉), valid (none), causal (all before, 1 axis)",
        words=("same", "valid", "causal"),
        symbol="p",
        always=True,
    )
    dilation = PerAxis("distance between the taps of the window", 1, also=["dilation_rate", "rate"], symbol="d")
    bias = Flag("learned bias of each output channel", True, also=["use_bias"])
    in_channels = Stated("channels of the input")
    out_channels: Any

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield from self.channels_as_stated(x)
        yield from super().constraints(x)

    def channels_as_stated(self, x: Shape) -> Iterator[Constraint]:
        """Yield the constraint that the channels of the input are `in_channels`, where stated."""
        if self.in_channels is not None:
            yield Constraint(x.channels, EQUAL, self.in_channels, "channels of the input", "in_channels")

    def output(self, x: Shape) -> Shape:
        return x.map_of(self.out_channels, tuple(axis.output() for axis in self.axes(x)))

    def with_bias(self) -> Layer | None:
        return self.with_values({"bias": True})

    @property
    def _pads_evenly(self) -> bool:
        """Whether it pads zeros, the same number on all sides: PyTorch then needs no padded copy of the input."""
        return self.padding_mode == ZEROS and not isinstance(self.padding, (str, tuple))

    def _is_copied(self, x: Shape) -> Dim:
        """Return 1 if PyTorch pads a copy of the input and convolves that, else 0.

        It does so unless it pads zeros, as many before as after. (With a stride, `same` is Keras', which makes no such
        copy.)
        """
        if self._pads_evenly:
            return 0
        if self.padding_mode != ZEROS or (isinstance(self.padding, str) and self.padding == "causal"):
            return 1
        axes = self.axes(x)
        if isinstance(self.padding, str):
            alone = prod(1 // axis.stride for axis in axes)
            return alone * (1 - prod(1 - _odd(axis.reach - 1) for axis in axes))
        return 1 - prod(1 - minimum(maximum(axis.before - axis.after, axis.after - axis.before), 1) for axis in axes)

    def saved(self, x: Shape, *_: Shape) -> str:
        if not self._is_copied(x):
            return INPUTS
        return DERIVED if self.padding_mode in ("reflect", "replicate") else NOTHING

    def kept(self, output: Any, x: Shape, *_: Shape) -> list[tuple[Dim, int]]:
        if self._pads_evenly:
            return []
        axes = self.axes(x)
        if self.padding_mode == ZEROS and axes[0].same:  # the convolution itself pads what is even
            pads = [_odd(axis.reach - 1) for axis in axes]
        else:
            pads = [total(axis.same_padding()) if axis.same else axis.before + axis.after for axis in axes]
        copy = x.channels * prod(size + pad for size, pad in zip(x.spatial, pads, strict=True))
        return [(self._is_copied(x) * copy, 0)]


def _odd(number: Dim) -> Dim:
    """Return 1 for an odd number, 0 for an even one."""
    return number - 2 * (number // 2)


def _padding_mode_constraints(mode: str, axis: WindowAxis) -> Iterator[Constraint]:
    """Yield the limits of a padding mode that copies values from the input."""
    if mode in ("reflect", "circular"):
        for side in axis.same_padding() if axis.same else (axis.before, axis.after):
            yield Constraint(side, LESS if mode == "reflect" else UP_TO, axis.size, f"{mode} padding",
                             f"input {axis.name}")  # fmt: skip


class Conv(Parametrized, Convolution):
    """Convolution over 1, 2 or 3 spatial axes, with one kernel for each output channel."""

    kind = "conv"
    also = ("conv1d", "conv2d", "conv3d", "convolution")
    in_calls = (
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "bias",
        "padding_mode",
    )
    in_keras_calls = ("out_channels", "kernel_size", "stride", "padding")
    mistaken: ClassVar[Mapping[str, str]] = {
        "groups": "the channels of the input are not a variable: write their number, or `- depthwise_conv: {…}`, which "
        "has one group for each"
    }

    out_channels = Integer(
        "number of output channels, and of kernels", also=["filters"], symbol="C_out", role=CHANNELS_OUT
    )
    groups = Integer("number of groups that the channels are split into", 1, symbol="g", role=GROUPS)
    padding_mode = Choice("values of the padding", ("zeros", "reflect", "replicate", "circular"), "zeros")
    parametrization = Parametrization()

    examples = (
        Example({"out_channels": 96, "kernel_size": 11, "stride": 4}, (227, 227, 3), (55, 55, 96), 34_944, 105_415_200,
                "CS231n notes, AlexNet's first layer; MACs by arithmetic", "HWC"),
        Example({"out_channels": 64, "kernel_size": 3, "padding": 1}, (3, 224, 224), (64, 224, 224), 1_792, 86_704_128,
                "VGG16's first layer, torchvision"),
        Example({"out_channels": 40, "kernel_size": 5, "padding": 2, "dilation": 2, "groups": 8}, (8, 19), (40, 15),
                240, 3_000, "PyTorch 2.13.0, run"),
        Example({"out_channels": 6, "kernel_size": 3, "groups": 2, "parametrization": "weight_norm"}, (4, 8, 8),
                (6, 6, 6), 120, 3_888, "PyTorch 2.13.0, parametrizations.weight_norm, run; MACs by arithmetic"),
        Example({"out_channels": 768, "kernel_size": 128, "groups": 16, "padding": 64,
                 "parametrization": "weight_norm_last"}, (768, 49), (768, 50), 4_719_488, 235_929_600,
                "wav2vec2-base's convolution of positions, transformers 5.24.0; MACs by arithmetic"),
        Example({"out_channels": 6, "kernel_size": 3, "groups": 2, "parametrization": "spectral_norm"}, (4, 8, 8),
                (6, 6, 6), 114, 3_888, "PyTorch 2.13.0, parametrizations.spectral_norm, run; MACs by arithmetic",
                buffers=24),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield Constraint(self.groups, DIVIDES, x.channels, "groups", "channels of the input")
        yield Constraint(self.groups, DIVIDES, self.out_channels, "groups", "out_channels")
        yield from super().constraints(x)
        if self.padding_mode != "zeros":
            for axis in self.axes(x):
                yield from _padding_mode_constraints(self.padding_mode, axis)

    def doubt(self, x: Shape, *_: Shape) -> str:
        is_torch = self.name_used[:1].isupper() and self.name_used.endswith("d")  # Conv2d: Keras' is Conv2D
        if not is_torch or self.padding != "same" or set(per_axis(self.stride, len(x.spatial))) == {1}:
            return ""
        return (
            "has padding: same with a stride, which PyTorch refuses; here it is as in Keras: output = ⌈input / stride⌉"
        )

    def works_by_channel(self, x: Shape) -> bool:
        return bool(self.groups == x.channels == self.out_channels)

    def with_bias(self) -> Layer | None:
        return super().with_bias() if self.is_plain else None

    def learned(self, x: Shape) -> WeightShapes:
        kernel = per_axis(self.kernel_size, len(x.spatial))
        weight = (self.out_channels, x.channels // self.groups, *kernel)
        return {"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight}

    def macs(self, output: Shape, x: Shape) -> Dim:
        kernel = per_axis(self.kernel_size, len(x.spatial))
        return prod(output.spatial) * (prod(kernel) * (x.channels // self.groups) * self.out_channels)


class LocallyConnected(Convolution):
    """Locally connected layer: a convolution with kernels, and biases, of its own at every position of the output.

    As in Keras 2 (LocallyConnected1D and 2D; Keras 3 has none) and DeepFace (Taigman et al. 2014).
    """

    kind = "locally_connected"
    also = ("locally_connected1d", "locally_connected2d", "unshared_conv")

    out_channels = Integer("number of output channels", also=["filters"], symbol="C_out", role=CHANNELS_OUT)

    examples = (
        Example({"out_channels": 64, "kernel_size": 3}, (32, 32, 3), (30, 30, 64), 1_612_800, 1_555_200,
                "Keras 2.15's docs of LocallyConnected2D; MACs by arithmetic", "HWC"),
    )  # fmt: skip

    def with_bias(self) -> Layer | None:
        return None if not self.bias else self  # its biases differ by position

    def weights(self, x: Shape) -> WeightShapes:
        positions = self.output(x).spatial
        weight = (*positions, self.out_channels, x.channels, *per_axis(self.kernel_size, len(x.spatial)))
        bias = (*positions, self.out_channels)
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def macs(self, output: Shape, x: Shape) -> Dim:
        kernel = per_axis(self.kernel_size, len(x.spatial))
        return prod(output.spatial) * (prod(kernel) * x.channels * self.out_channels)

    def saved(self, x: Shape, *_: Shape) -> str:
        return INPUTS  # Keras pads no copy

    def kept(self, output: Any, x: Shape, *_: Shape) -> list[tuple[Dim, int]]:
        return []


class DepthwiseConv(Convolution):
    """Depthwise convolution: each input channel has its own kernels; channels are not mixed."""

    kind = "depthwise_conv"
    also = ("depthwise_conv1d", "depthwise_conv2d")
    mistaken: ClassVar[Mapping[str, str]] = {
        "out_channels": "its outputs are a multiple of its input channels: write depth_multiplier: 2 for twice as many"
    }

    depth_multiplier = Integer("kernels for each input channel", 1, symbol="m")

    examples = (
        Example({"kernel_size": [4, 3], "depth_multiplier": 2}, (13, 18, 2), (10, 16, 4), 52, 7_680,
                "Keras 3.15.1, run; MACs by arithmetic", "HWC"),
    )  # fmt: skip

    def works_by_channel(self, x: Shape) -> bool:
        return bool(self.depth_multiplier == 1)

    def output(self, x: Shape) -> Shape:
        return x.map_of(x.channels * self.depth_multiplier, tuple(axis.output() for axis in self.axes(x)))

    def weights(self, x: Shape) -> WeightShapes:
        channels = x.channels * self.depth_multiplier
        weight = (channels, 1, *per_axis(self.kernel_size, len(x.spatial)))
        return {"weight": weight, "bias": (channels,)} if self.bias else {"weight": weight}

    def macs(self, output: Shape, x: Shape) -> Dim:
        return prod(output.spatial) * (prod(per_axis(self.kernel_size, len(x.spatial))) * output.channels)


class SeparableConv(Convolution):
    """Depthwise separable convolution: a depthwise convolution, then a 1×1 convolution with the only bias."""

    kind = "separable_conv"
    also = ("separable_conv1d", "separable_conv2d", "depthwise_separable_conv")

    out_channels = Integer("number of output channels", also=["filters"], symbol="C_out", role=CHANNELS_OUT)
    depth_multiplier = Integer("depthwise kernels for each input channel", 1, symbol="m")

    examples = (
        Example({"out_channels": 5, "kernel_size": 2}, (5, 3), (4, 5), 26, 84, "Keras 3.15.1, run; MACs by arithmetic",
                "HWC"),
    )  # fmt: skip

    def weights(self, x: Shape) -> WeightShapes:
        rank, channels = len(x.spatial), x.channels * self.depth_multiplier
        shapes: WeightShapes = {
            "depthwise_weight": (channels, 1, *per_axis(self.kernel_size, rank)),
            "pointwise_weight": (self.out_channels, channels, *(1,) * rank),
        }
        return {**shapes, "bias": (self.out_channels,)} if self.bias else shapes

    def macs(self, output: Shape, x: Shape) -> Dim:
        channels = x.channels * self.depth_multiplier
        depthwise = prod(per_axis(self.kernel_size, len(x.spatial))) * channels
        return prod(output.spatial) * (depthwise + channels * self.out_channels)

    def kept(self, output: Shape, x: Shape, *_: Shape) -> list[tuple[Dim, int]]:
        between = x.channels * self.depth_multiplier * prod(output.spatial)  # the input of the 1×1 convolution
        return [*super().kept(output, x), (between, 0)]
