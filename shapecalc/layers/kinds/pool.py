"""Pooling: maximum or mean of each window; adaptive, fractional and global pooling.

A pool works on each channel separately and has no parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import UP_TO, Constraint, Dim, scaled
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import KERNEL, Choice, Flag, Integer, Number
from shapecalc.layers.base.dependence import Look, adaptive, fractional, windowed
from shapecalc.layers.base.layer import BOTH, NOTHING, Example, Layer
from shapecalc.layers.base.per_axis import Factors, Padding, PerAxis, per_axis
from shapecalc.layers.base.ranks import axis_names, each_axis
from shapecalc.layers.base.window import ANY, CAFFE, CEIL, FLOOR, HALF, WINDOW
from shapecalc.layers.base.windowed import LoneWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "pools"

__all__ = [
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "AvgPool",
    "FractionalMaxPool",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LpPool",
    "MaxPool",
]


_INDEX_BITS = 64
"""Bits of the index of each maximum, which PyTorch saves for the backward pass."""


class _Pool(LoneWindow):
    """What pools with a moving window share."""

    in_calls: ClassVar[tuple[str, ...] | None] = ("kernel_size", "stride", "padding")
    in_keras_calls: ClassVar[tuple[str, ...] | None] = ("kernel_size", "stride", "padding")

    kernel_size = PerAxis("size of the window", also=["pool_size"], symbol="k")
    stride = PerAxis(
        "step of the window",
        None,
        also=["strides"],
        symbol="s",
        always=True,
        default_from="kernel_size",
    )
    padding = Padding(
        "border around the input; or same (output = ⌈input / stride⌉), valid (none)",
        words=("same", "valid"),
        symbol="p",
        always=True,
    )
    dilation = PerAxis("distance between the window's taps", 1, symbol="d")
    ceil_mode = Flag("round the output size up, as PyTorch does: the same as rounding: ceil", False)
    rounding = Choice(
        "how the output size is rounded: floor; ceil as PyTorch does it; caffe, up as Caffe does it",
        (FLOOR, CEIL, CAFFE),
        FLOOR,
    )

    padding_limit = Choice(
        "maximum padding: half the window (PyTorch); window: less than the window (Caffe, ONNX Runtime); any. "
        "By default half, or window if rounding is caffe",
        (HALF, WINDOW, ANY),
        None,
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        implied = CEIL if self.ceil_mode else FLOOR
        rounding = self.rounding if "rounding" in values else implied
        if "ceil_mode" in values and rounding != implied:
            mode = "true" if self.ceil_mode else "false"
            raise LayerError(
                f"ceil_mode {mode} and rounding {rounding} contradict each other",
                (f"ceil_mode {mode} is rounding {implied}",),
                "give one of the two",
                "rounding",
            )
        self.__dict__.update(rounding=rounding, ceil_mode=rounding == CEIL)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        limit = self.padding_limit or (WINDOW if self.rounding == CAFFE else HALF)
        padded = not isinstance(self.padding, str) and limit != ANY
        for axis in self.axes(x):
            fits = axis.constraint()
            if fits:
                yield fits
            if padded:
                yield axis.padding_constraint(limit)

    def output(self, x: Shape) -> Shape:
        return x.map_of(x.channels, tuple([axis.output() for axis in self.axes(x)]))


class MaxPool(_Pool):
    """Max pooling: the maximum of each window."""

    kind = "max_pool"
    also = ("max_pool1d", "max_pool2d", "max_pool3d", "max_pooling1d", "max_pooling2d", "max_pooling3d", "max_pooling")
    in_calls = ("kernel_size", "stride", "padding", "dilation")

    return_indices = Flag("output the positions of the maxima too (max_pool1[1]), for max_unpool", False)

    examples = (
        Example({"kernel_size": 3, "stride": 2}, (55, 55, 96), (27, 27, 96), layout="HWC",
                source="LearnOpenCV's table of AlexNet"),
        Example({"kernel_size": 4, "stride": [1, 2], "padding": 2, "dilation": [2, 3]}, (3, 11, 30), (3, 9, 13),
                source="PyTorch 2.13.0, run"),
        Example({"kernel_size": 2, "stride": 3, "ceil_mode": True}, (3, 19, 9), (3, 7, 3),
                source="PyTorch 2.13.0, run"),
        Example({"kernel_size": [4, 1], "padding": "same", "strides": [3, 2]}, (3, 8, 5), (3, 3, 3),
                source="Keras 3.15.1, run"),
        Example({"kernel_size": 3, "stride": 2, "rounding": "caffe"}, (64, 112, 112), (64, 56, 56),
                source="Caffe's bvlc_googlenet, pool1/3x3_s2"),
        Example({"kernel_size": 2, "return_indices": True}, (64, 112, 112), [(64, 56, 56), (64, 56, 56)],
                source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def output(self, x: Shape) -> Any:
        pooled = super().output(x)
        return (pooled, pooled) if self.return_indices else pooled

    def kept(self, output: Any, x: Shape) -> list[tuple[Dim, int]]:
        return [(super().output(x).elements, _INDEX_BITS)]


class AvgPool(_Pool):
    """Average pooling: the mean of each window.

    ONNX has `dilation` (AveragePool from opset 19 on); PyTorch, Keras and Caffe do not.
    """

    kind = "avg_pool"
    in_calls = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    also = ("avg_pool1d", "avg_pool2d", "avg_pool3d", "average_pooling1d", "average_pooling2d", "average_pooling3d",
            "average_pooling", "average_pool", "mean_pool")  # fmt: skip

    count_include_pad = Flag("include the padding in the mean", True)
    divisor_override = Integer("divisor of the sum, in place of the size of the window", None)

    examples = (
        Example({"kernel_size": [5, 4, 5], "stride": [4, 2, 2], "padding": [0, 2, 0], "ceil_mode": True,
                 "count_include_pad": False}, (3, 9, 8, 11), (3, 2, 5, 4), source="PyTorch 2.13.0, run"),
        Example({"kernel_size": 3, "padding": "valid"}, (3, 14), (3, 4), source="Keras 3.15.1, run"),
        Example({"kernel_size": 3, "stride": 1, "dilation": 2}, (3, 14, 9), (3, 10, 5),
                source="ONNX 1.23.2, AveragePool of opset 22, run"),
    )  # fmt: skip


class LpPool(_Pool):
    """Power-average pooling: the p-norm of each window. ONNX has `dilation` (LpPool), PyTorch does not."""

    kind = "lp_pool"
    in_calls = ("norm_type", "kernel_size", "stride")
    also = ("lp_pool1d", "lp_pool2d", "lp_pool3d")

    norm_type = Number("the p of the norm, not 0: 1 sums, the higher the nearer to the maximum", 2)

    examples = (
        Example({"kernel_size": [1, 3], "ceil_mode": True}, (4, 24, 29), (4, 24, 10), source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.norm_type == 0:
            raise LayerError("norm_type must not be 0: the norm's root is 1 / norm_type", argument="norm_type")

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.elements + 4 * output.elements, 0)]  # PyTorch computes a power, a mean, a sign and another power


class FractionalMaxPool(Layer):
    """Fractional max pooling: windows at random positions, as many as the output has elements."""

    kind = "fractional_max_pool"
    ranks = (2, 3)
    also = ("fractional_max_pool2d", "fractional_max_pool3d")

    kernel_size = PerAxis("size of the window", symbol="k", role=KERNEL)
    output_size = PerAxis("spatial size of the output", None, symbol="o")
    output_ratio = Factors("spatial size of the output as a part of the input's, below 1", None, symbol="r")

    examples = (
        Example({"kernel_size": 3, "output_ratio": 0.33}, (1, 8, 18), (1, 2, 5), source="PyTorch 2.13.0, run"),
        Example({"kernel_size": 2, "output_size": 8}, (3, 18, 9), (3, 8, 8), source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if (self.output_size is None) == (self.output_ratio is None):
            both = "both are" if self.output_size is not None else "neither is"
            raise LayerError(f"it needs output_size or output_ratio, and {both} given", hint="give one of the two")
        for ratio in per_axis(self.output_ratio, 1):
            if type(ratio) in (int, float) and ratio >= 1:
                raise LayerError(f"output_ratio must be below 1, not {ratio}", argument="output_ratio")

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        names = axis_names(self.kind, x)
        kernels, sizes = each_axis(self, "kernel_size", len(names)), self._sizes(x)
        for name, size, kernel, length in zip(names, sizes, kernels, x.spatial, strict=True):
            yield Constraint(size + kernel - 1, UP_TO, length, "output size + kernel_size - 1", f"input {name}")

    def _sizes(self, x: Shape) -> tuple[Dim, ...]:
        if self.output_ratio is None:
            return each_axis(self, "output_size", len(x.spatial))
        ratios = each_axis(self, "output_ratio", len(x.spatial))
        return tuple(scaled(size, ratio) for size, ratio in zip(x.spatial, ratios, strict=True))

    def output(self, x: Shape) -> Shape:
        return x.map_of(x.channels, self._sizes(x))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        sizes = zip(x.spatial, output.spatial, each_axis(self, "kernel_size", len(x.spatial)), strict=True)
        return [windowed(0, x, [fractional(*axis) for axis in sizes])]

    def kept(self, output: Shape, *_: Any) -> list[tuple[Dim, int]]:
        return [(output.elements, _INDEX_BITS)]


class _AdaptivePool(Layer):
    """What adaptive pools share: windows whose sizes follow from the given output size."""

    ranks = (1, 3)

    output_size = PerAxis("spatial size of the output; null keeps an axis as it is", optional=True, symbol="o")

    def constraints(self, x: Shape) -> tuple[Constraint, ...]:
        each_axis(self, "output_size", len(axis_names(self.kind, x)))
        return ()

    def output(self, x: Shape) -> Shape:
        pairs = zip(each_axis(self, "output_size", len(x.spatial)), x.spatial, strict=True)
        return x.map_of(x.channels, tuple(size if asked is None else asked for asked, size in pairs))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [windowed(0, x, [adaptive(*sizes) for sizes in zip(x.spatial, output.spatial, strict=True)])]


class AdaptiveAvgPool(_AdaptivePool):
    """Adaptive average pooling: averages the input to a given spatial size, whatever the input size."""

    kind = "adaptive_avg_pool"
    also = ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_average_pooling1d",
            "adaptive_average_pooling2d", "adaptive_average_pooling3d", "adaptive_average_pool")  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if set(per_axis(self.output_size, 1)) == {1}:
            self.__dict__["saves"] = NOTHING  # PyTorch then takes the mean, whose gradient needs no tensor

    examples = (
        Example({"output_size": [7, None]}, (1, 20, 25), (1, 7, 25), source="PyTorch 2.13.0, run"),
        Example({"output_size": 6}, (256, 6, 6), (256, 6, 6), source="torchvision's AlexNet"),
    )  # fmt: skip


class AdaptiveMaxPool(_AdaptivePool):
    """Adaptive max pooling: reduces the input to a given spatial size by maxima, whatever the input size."""

    kind = "adaptive_max_pool"
    also = ("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d", "adaptive_max_pooling1d",
            "adaptive_max_pooling2d", "adaptive_max_pooling3d")  # fmt: skip
    examples = (Example({"output_size": 3}, (1, 17, 15, 18), (1, 3, 3, 3), source="PyTorch 2.13.0, run"),)

    def kept(self, output: Shape, *_: Any) -> list[tuple[Dim, int]]:
        return [(output.elements, _INDEX_BITS)]


class _GlobalPool(Layer):
    """What global pools share: one value for each channel."""

    ranks = (1, 3)

    keepdims = Flag("keep the spatial axes, each with size 1", False, also=["keepdim"])

    def constraints(self, x: Shape) -> tuple[Constraint, ...]:
        axis_names(self.kind, x)
        return ()

    def output(self, x: Shape) -> Shape:
        if self.keepdims:
            return x.map_of(x.channels, (1,) * len(x.spatial))
        return x.plain(x.channels)


class GlobalAvgPool(_GlobalPool):
    """Global average pooling: the mean of each channel over all spatial axes."""

    kind = "global_avg_pool"
    saves = NOTHING
    also = ("global_avg_pool1d", "global_avg_pool2d", "global_avg_pool3d", "global_average_pooling1d",
            "global_average_pooling2d", "global_average_pooling3d", "global_average_pooling",
            "global_average_pool")  # fmt: skip
    examples = (
        Example({"keepdims": True}, (4, 5, 3), (1, 1, 3), source="Keras 3.15.1, run", layout="HWC"),
        Example({}, (2048, 7, 7), (2048,), source="He et al. 2015, table 1: ResNet-50's average pool"),
    )  # fmt: skip


class GlobalMaxPool(_GlobalPool):
    """Global max pooling: the maximum of each channel over all spatial axes."""

    kind = "global_max_pool"
    saves = BOTH
    also = ("global_max_pool1d", "global_max_pool2d", "global_max_pool3d", "global_max_pooling1d",
            "global_max_pooling2d", "global_max_pooling3d", "global_max_pooling")  # fmt: skip
    examples = (Example({}, (512, 7, 7), (512,), source="Keras Applications, VGG16 with pooling='max'"),)
