"""Scaling of elements: by learned factors, or by the norm of their axis or of their neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import EQUAL, Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Choice, Flag, Integer, Number, Stated
from shapecalc.layers.base.axis_numbers import CHANNELS, AxisNumbers, axis_indices
from shapecalc.layers.base.dependence import Look, aligned, of_window, rearranged, windowed
from shapecalc.layers.base.layer import NOTHING, TRAINED, Example, Layer, WeightShapes
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.base.window import WindowAxis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "norms"

__all__ = ["BiasAdd", "LayerScale", "LocalResponseNorm", "Normalize", "PerChannel"]


class PerChannel(Layer):
    """What has learned numbers for each channel, or for each position of axes that it is told."""

    in_calls = ("channels",)
    elementwise = True

    dim = AxisNumbers("the axis of the channels", None, channels=True, also=["axis"])
    channels = Stated("number of channels", also=["num_channels"])

    def _axes(self, x: Shape) -> list[int]:
        if self.dim is None:
            return [x.channel_axis if x.is_map or x.rank > 2 else x.rank - 1]
        return axis_indices(self.dim, x)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 1, "channels")
        if self.channels is not None:
            channels = prod(self._sizes(x))
            yield Constraint(channels, EQUAL, self.channels, "channels of the input", "channels")

    def _sizes(self, x: Shape) -> tuple[Dim, ...]:
        return tuple([x.sizes[axis] for axis in self._axes(x)])


class LayerScale(PerChannel):
    """Layer scale: multiplies every channel by a learned factor, and with `bias` adds a learned number to it.

    The channels are the channel axis of a feature map, and the last axis of any other tensor; `dim` names another, or
    several, with a factor for each position. ConvNeXt, CaiT, BEiT; Caffe's Scale (`bias_term` is `bias`). A bias alone
    is `bias_add`.
    """

    kind = "layer_scale"
    also = ("channel_scale", "scale", "channel_affine")

    scale = Flag("learn the factors", True)
    bias = Flag("learn a number to add for each channel", False, also=["bias_term"])

    examples = (
        Example({}, (96, 56, 56), (96, 56, 56), 96, 0, "ConvNeXt-T's first block, torchvision"),
        Example({}, (197, 768), (197, 768), 768, 0, "BEiT-B, Bao et al. 2021: 768 channels"),
        Example({"bias_term": True}, (64, 112, 112), (64, 112, 112), 128, 0,
                "ResNet-50's scale_conv1, Caffe's deploy file of He et al. 2015"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.__dict__["saves"] = TRAINED if self.scale else NOTHING
        if not self.scale and not self.bias:
            raise LayerError("it has neither scale nor bias", hint="leave scale out, or give bias: true")

    def weights(self, x: Shape) -> WeightShapes:
        sizes = self._sizes(x)
        return {**({"weight": sizes} if self.scale else {}), **({"bias": sizes} if self.bias else {})}


class BiasAdd(PerChannel):
    """Bias: adds a learned number to every channel, as the bias of a layer does; TensorFlow's `bias_add`, Caffe's Bias.

    The channels are the channel axis of a feature map, and the last axis of any other tensor; `dim` names another, or
    several, with a number for each position.
    """

    kind = "bias_add"
    also = ("add_bias", "channel_bias")
    saves = NOTHING

    examples = (
        Example({}, (64, 112, 112), (64, 112, 112), 64, 0, "Caffe's bias_layer.cpp: a number for each channel"),
        Example({"channels": 768}, (197, 768), (197, 768), 768, 0, "tf.nn.bias_add's documentation: of the last axis"),
    )

    def weights(self, x: Shape) -> WeightShapes:
        return {"bias": self._sizes(x)}


class Normalize(Layer):
    """Normalisation to length 1: divides by the norm over an axis, the channels by default; `F.normalize`.

    Keras' UnitNormalization is over the last axis. SSD and ParseNet multiply each channel by a learned factor then, as
    Caffe's Normalize does: `scale: channel` (`channel_shared: true` there is `scale: one`, `across_spatial: true` is
    `dim: [1, 2, 3]`).
    """

    kind = "normalize"
    also = ("l2_norm", "l2_normalize", "l2_normalization", "unit_normalization")

    p = Number("the p of the norm", 2)
    dim = AxisNumbers("the axes of the norm, or channels", CHANNELS, channels=True, also=["axis"])
    eps = Number("the minimum of the norm", 1e-12, minimum=0, also=["epsilon"])
    scale = Choice(
        "learned factors: none, one for all elements, one for each channel", ("none", "one", "channel"), "none"
    )

    examples = (
        Example({}, (128,), (128,), source="PyTorch 2.13.0, F.normalize, run"),
        Example({"scale": "channel"}, (512, 38, 38), (512, 38, 38), 512,
                source="SSD300's conv4_3_norm, Liu et al. 2016; torchvision's scale_weight"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 1, "channels")
        axis_indices(self.dim, x)
        yield from ()

    def weights(self, x: Shape) -> WeightShapes:
        return {} if self.scale == "none" else {"weight": (x.channels,) if self.scale == "channel" else (1,)}

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        axes = axis_indices(self.dim, x)
        rows = prod(size for axis, size in enumerate(x.sizes) if axis not in axes)
        return [(2 * rows, 0)]  # the norms, and those of at least eps

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.elements, 0)]  # what the factors multiply

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        axes = axis_indices(self.dim, x)
        return [aligned(0, x, output), rearranged(0, x, {i: i for i in range(x.rank) if i not in axes})]


class LocalResponseNorm(Layer):
    """Local response normalisation: each element by its neighbours in the nearest channels. No parameters.

    `norm_region: within_channel` is Caffe's other one: by its neighbours in a window of the same channel.
    """

    kind = "local_response_norm"
    ranks = (1, None)
    also = ("lrn", "local_response_normalization", "cross_channel_normalization")

    size = Integer("number of neighbouring channels", 5, also=["local_size", "depth_radius"])
    alpha = Number("weight of the neighbours", 1e-4)
    beta = Number("the exponent", 0.75)
    k = Number("added to the sum, against division by zero", 1.0)
    norm_region = Choice("where the neighbours are", ("across_channels", "within_channel"), "across_channels")

    examples = (
        Example({"size": 5}, (96, 55, 55), (96, 55, 55), source="Krizhevsky et al. 2012, section 3.3"),
        Example({"size": 3, "norm_region": "within_channel"}, (32, 16, 16), (32, 16, 16),
                source="Caffe's examples/cifar10, cifar10_full.prototxt: norm1"),
    )  # fmt: skip

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        padded = (x.channels + self.size - 1) * prod(x.spatial)  # the squares, which are averaged
        return [(padded + 2 * x.elements, 0)]  # and the means and their power

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        if self.norm_region == "across_channels":
            return [aligned(0, x, output)]
        half = self.size // 2
        axes = [WindowAxis("", size, self.size, before=half, after=half) for size in x.spatial]
        return [windowed(0, x, [of_window(axis) for axis in axes])]
