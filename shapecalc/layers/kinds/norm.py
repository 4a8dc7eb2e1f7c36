"""Normalisation to zero mean and unit variance, then a learned weight and bias.

The kinds differ in the axes that statistics are computed over. Running statistics are buffers, not parameters.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.dims import DIVIDES, EQUAL, UP_TO, Constraint, Dim, prod
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.arguments import Choice, Flag, Integer, Number, Stated
from shapecalc.layers.base.axis_numbers import CHANNELS, AxisNumber, AxisNumbers, axis_index, axis_indices, once
from shapecalc.layers.base.dependence import Look, aligned, rearranged
from shapecalc.layers.base.layer import (
    AS_INPUT,
    FEATURES_LAST,
    IN_FP32,
    INPUTS,
    NOTHING,
    UPCAST,
    WIDENED,
    Example,
    Layer,
    WeightShapes,
    stated_rank,
)
from shapecalc.layers.base.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "norms"

__all__ = ["BatchNorm", "GroupNorm", "InstanceNorm", "LayerNorm", "Normalization", "RmsNorm"]


_STATISTIC_BITS = 32
"""Bits of the mean and the deviation that are saved for the backward pass. (Those of a batch norm are saved once for a
batch, not for each sample, and are not counted.)"""

_EPS = "added to the variance, for numerical stability"


class _ChannelNorm(Layer):
    """What normalisations with one weight and one bias for each channel share."""

    ranks = (0, None)
    elementwise = True
    sorts = ("normalisation", "normalization", "norms")
    affine: Any
    scale: Any
    bias: Any

    @property
    def _is_local(self) -> bool:
        """Whether the layer is element-wise at inference, with running statistics."""
        return False

    def channels(self, x: Shape) -> Dim:
        """Return how many channels there are."""
        return x.channels

    def weights(self, x: Shape) -> WeightShapes:
        return _affine(self, (self.channels(x),)) if self.affine else {}

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        channels = {x.channel_axis: x.channel_axis}
        whole = [] if self._is_local else [rearranged(0, x, channels)]  # by the mean over all of space
        return [aligned(0, x, output), *whole]


def _affine(layer: Any, sizes: tuple[Dim, ...]) -> WeightShapes:
    weights: WeightShapes = {}
    if layer.scale:
        weights["weight"] = sizes
    if layer.bias:
        weights["bias"] = sizes
    return weights


class _TrackedNorm(_ChannelNorm):
    """What normalisations with running statistics share."""

    autocast = AS_INPUT

    in_calls = ("num_features", "eps", "momentum", "affine", "track_running_stats")

    num_features = Stated("channels of the input")
    eps = Number(_EPS, 1e-5, minimum=0, also=["epsilon"])
    momentum = Number("update rate of the running statistics", 0.1)
    affine = Flag("learn a weight and a bias for each channel", True)
    track_running_stats = Flag("keep a running mean and variance for each channel", True)
    scale = Flag("learn the weight, where affine", True)
    bias = Flag("learn the bias, where affine", True, also=["center"])

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        channels = self.channels(x)
        if self.num_features is not None:
            yield Constraint(channels, EQUAL, self.num_features, "channels of the input", "num_features")

    def buffers(self, x: Shape) -> WeightShapes:
        if not self.track_running_stats:
            return {}
        sizes = (self.channels(x),)
        return {"running_mean": sizes, "running_var": sizes}

    @property
    def _is_local(self) -> bool:
        return bool(self.track_running_stats)


class BatchNorm(_TrackedNorm):
    """Batch normalisation: each channel by its mean and variance over the batch and space.

    Where frameworks differ: the running mean and variance are buffers, not parameters; Keras counts them into its
    "total params" (`--convention keras`). PyTorch's counter of batches is not counted. Keras' `scale` and `center`
    switch weight and bias separately, PyTorch's `affine` both; Caffe's BatchNorm has no parameters: `affine: false`.
    """

    kind = "batch_norm"
    in_keras_calls = ("axis", "momentum", "eps", "bias", "scale")
    also = ("batch_norm1d", "batch_norm2d", "batch_norm3d", "batch_normalization", "batch_normalisation",
            "sync_batch_norm", "bn")  # fmt: skip

    axis = AxisNumber("the axis that has the channels", CHANNELS, channels=True)

    @classmethod
    def ranks_under(cls, word: str) -> tuple[int, int | None] | None:
        """Return the minimum and maximum number of spatial axes: 1-D batch normalisation accepts channels alone."""
        return (0, 1) if stated_rank(word) == 1 else super().ranks_under(word)

    examples = (
        Example({}, (4, 5, 3), (4, 5, 3), 6, layout="HWC", buffers=6, source="Keras 3.15.1, run"),
        Example({"affine": False}, (5, 3, 3), (5, 3, 3), 0, buffers=10, source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    @property
    def scales_channels(self) -> bool:
        return self._is_local and self.axis == CHANNELS

    def channels(self, x: Shape) -> Dim:
        return super().channels(x) if self.axis == CHANNELS else x.sizes[axis_index(self.axis, x, "axis")]


class InstanceNorm(_TrackedNorm):
    """Instance normalisation: each channel of each sample by its own mean and variance over space."""

    kind = "instance_norm"
    ranks = (1, None)
    also = ("instance_norm1d", "instance_norm2d", "instance_norm3d", "instance_normalization")

    affine = Flag("learn a weight and a bias for each channel", False)
    track_running_stats = Flag("keep a running mean and variance for each channel", False)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield from super().constraints(x)
        yield Constraint(2, UP_TO, prod(x.spatial), "", "spatial elements of a channel", _one_element)

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        each = 3 if self.affine and self.scale else 2  # PyTorch repeats the weight for every sample
        return [(each * x.channels, _STATISTIC_BITS)]

    examples = (
        Example({}, (64, 32, 32), (64, 32, 32), 0, source="PyTorch's docs of InstanceNorm2d: affine is off"),
        Example({"affine": True, "track_running_stats": True}, (64, 32, 32), (64, 32, 32), 128, buffers=128,
                source="PyTorch 2.13.0, run"),
    )  # fmt: skip


def _one_element() -> LayerError:
    return LayerError(
        "it normalises each channel over its spatial elements, but there is only one",
        ("one element minus its mean is 0; PyTorch: Expected more than 1 spatial element when training",),
        "use batch_norm or layer_norm",
    )


class GroupNorm(_ChannelNorm):
    """Group normalisation: groups of channels of each sample by their mean and variance."""

    kind = "group_norm"
    autocast = IN_FP32
    in_calls = ("num_groups", "num_channels", "eps", "affine")
    in_keras_calls = ("num_groups",)
    also = ("group_normalization",)

    num_groups = Integer("groups that the channels are split into", also=["groups"], symbol="g")
    num_channels = Stated("channels of the input")
    eps = Number(_EPS, 1e-5, minimum=0, also=["epsilon"])
    affine = Flag("learn a weight and a bias for each channel", True)
    scale = Flag("learn the weight, where affine", True)
    bias = Flag("learn the bias, where affine", True, also=["center"])

    examples = (
        Example({"num_groups": 3}, (6, 4, 4), (6, 4, 4), 12, source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        channels = self.channels(x)
        yield Constraint(self.num_groups, DIVIDES, channels, "num_groups", "channels of the input")
        if self.num_channels is not None:
            yield Constraint(channels, EQUAL, self.num_channels, "channels of the input", "num_channels")

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(2 * self.num_groups, _STATISTIC_BITS)]


class _AxesNorm(Layer):
    """What normalisations over stated axes share: weights of those axes' sizes."""

    elementwise = True
    autocast = IN_FP32
    sorts = ("normalisation", "normalization", "norms")
    scale: Any = True
    bias: Any = False
    along_channels = "give it axis: channels"

    normalized_shape = Sizes("sizes of the last axes, which are normalised; where stated, checked", None)
    axis = AxisNumbers("the axes that are normalised, in place of the last; or channels", None, channels=True)
    eps = Number(_EPS, 1e-5, minimum=0, also=["epsilon"])
    elementwise_affine = Flag("learn a weight and a bias", True, also=["affine"])

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.normalized_shape is not None and self.axis is not None:
            raise LayerError(
                "normalized_shape and axis both set the axes that are normalised", hint="give one of the two"
            )

    @property
    def axis_order(self) -> str:
        return FEATURES_LAST if self.axis is None and self.normalized_shape is None else ""

    def sizes(self, x: Shape) -> tuple[Dim, ...]:
        """Return the sizes of the axes that are normalised."""
        if not x.sizes:
            raise LayerError(f"{self.kind} needs an input with at least one axis")
        return tuple([x.sizes[axis] for axis in self._axes(x)])

    def _axes(self, x: Shape) -> tuple[int, ...]:
        if self.axis == CHANNELS:
            return (x.channel_axis,)
        if self.axis is not None:
            axes = tuple([axis_index(axis, x, "axis") for axis in self.axis])
            once("axis", axes)
            return axes
        length = 1 if self.normalized_shape is None else len(self.normalized_shape)
        if length > x.rank:
            raise LayerError(
                f"normalized_shape has {length} sizes, but the input has {x.rank} {'axis' if x.rank == 1 else 'axes'}",
                argument="normalized_shape",
            )
        return tuple(range(x.rank - length, x.rank))

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        sizes = self.sizes(x)
        if self.normalized_shape is not None:
            whole = "normalized_shape" if len(sizes) == 1 else "its part of normalized_shape"
            for i, (size, stated) in enumerate(zip(sizes, self.normalized_shape, strict=True)):
                name = f"size of axis {x.rank - len(sizes) + i + 1} of the input"
                due = Constraint(size, EQUAL, stated, name, whole)
                unmet = self._unmet if len(sizes) == 1 else self._unmet_part
                yield due._replace(own_error=partial(unmet, due, x))

    def _unmet(self, due: Constraint, x: Shape) -> LayerError:
        """Return the error of the one stated size: where it is that of the channels, which come first, it says so."""
        turn = Insertion(f"permute: {[*range(2, x.rank + 1), 1]}")
        if not x.is_map and due.right == x.sizes[0]:
            return LayerError(
                due.error().message, (), lambda place: f"axis 1 of its input is {due.right}: {place(turn)}"
            )
        if due.right != x.channels:
            return due.error()
        return LayerError(
            due.error().message,
            (f"{self.kind} works along the last axis; the channels (={due.right}) are the first",),
            f"write `{self.kind}: {{axis: channels}}` to normalise the channels",
        )

    def _unmet_part(self, due: Constraint, x: Shape) -> LayerError:
        """Return the error of one of several stated sizes: the hint is those of the input."""
        own = ", ".join(map(str, self.sizes(x)))
        return LayerError(due.error().message, hint=f"normalized_shape: [{own}] would fit")

    def weights(self, x: Shape) -> WeightShapes:
        return _affine(self, self.sizes(x)) if self.elementwise_affine else {}

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [aligned(0, x, output), rearranged(0, x, {i: i for i in range(x.rank) if i not in self._axes(x)})]

    def _rows(self, x: Shape) -> Dim:
        """Return how many means there are: one for each position on the axes that are not normalised."""
        axes = self._axes(x)
        return prod(size for axis, size in enumerate(x.sizes) if axis not in axes)


class LayerNorm(_AxesNorm):
    """Layer normalisation: by the mean and variance over the last axis, or over the given axes."""

    kind = "layer_norm"
    in_calls = ("normalized_shape", "eps", "elementwise_affine", "bias")
    in_keras_calls = ("axis", "eps", "bias", "scale")
    also = ("layer_normalization", "layer_normalisation", "ln")

    scale = Flag("learn the weight, where elementwise_affine", True)
    bias = Flag("learn the bias, where elementwise_affine", True, also=["center"])
    implementation = Choice("one fused operation, or several, in fp32 (Cohere)", ("fused", "fp32"), "fused")

    examples = (
        Example({"normalized_shape": [4, 5]}, (3, 4, 5), (3, 4, 5), 40, source="PyTorch 2.13.0, run"),
        Example({"axis": [1, 2]}, (4, 5), (4, 5), 40, source="Keras 3.15.1, run"),
        Example({"axis": "channels"}, (96, 56, 56), (96, 56, 56), 192,
                source="torchvision's ConvNeXt-T: LayerNorm2d(96)"),
    )  # fmt: skip

    def saved(self, x: Shape) -> str:
        return INPUTS if self.implementation == "fused" else NOTHING

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        rows = self._rows(x)
        if self.implementation == "fused":
            return [(2 * rows, _STATISTIC_BITS)]
        return [(2 * x.elements + rows, _STATISTIC_BITS)]  # its difference to the mean, which is computed twice

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [] if self.implementation == "fused" else [(x.elements, _STATISTIC_BITS)]  # what the weight scales


class RmsNorm(_AxesNorm):
    """RMS normalisation: by the root mean square over the last axis, or over the given axes.

    Where frameworks differ: PyTorch's is one operation, `fused`; those of transformers are made of several, which keep
    fp32 copies of inputs of fewer bits for the backward pass: `upcast` as LlamaRMSNorm, `fp32` as GemmaRMSNorm,
    `variance` as T5LayerNorm.
    """

    kind = "rms_norm"
    also = ("rms_normalization", "rms_layer_norm")

    implementation = Choice(
        "one fused operation, or several: on an fp32 copy of the input, all in fp32, or the variance alone",
        ("fused", "upcast", "fp32", "variance"),
        "fused",
    )

    examples = (
        Example({"normalized_shape": 8}, (3, 8), (3, 8), 8, source="PyTorch 2.13.0, run"),
        Example({}, (128, 4096), (128, 4096), 4_096, source="Llama-2-7B's norms, transformers 5.23"),
    )  # fmt: skip

    def saved(self, x: Shape) -> str:
        return UPCAST if self.implementation in ("upcast", "fp32") else INPUTS

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        copy = [(x.elements, WIDENED)] if self.implementation == "variance" else []
        return [(self._rows(x), _STATISTIC_BITS), *copy]

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.elements, _STATISTIC_BITS if self.implementation == "fp32" else 0)]  # what the weight scales


class Normalization(Layer):
    """Normalisation of input features by a stored mean and variance, which are computed before training (Keras).

    The statistics, for the axes in `axis`, are buffers: mean, variance, and the number of samples they are made of.
    With `buffer: false` they are constants of the code, as in torchvision's `Normalize` or with Keras' `mean`.
    """

    kind = "normalization"
    also = ("feature_normalization",)
    elementwise = True
    sorts = ("normalisation", "normalization", "norms")
    saves = NOTHING
    in_calls = ("axis",)

    axis = AxisNumbers("the axes with a mean and variance for each position, or channels", CHANNELS, channels=True)
    buffer = Flag("store the mean and variance with the model", True)
    per_tensor = Flag("one mean and variance for all elements, as Keras' axis: None", False)
    eps = Number("the minimum of the standard deviation", 1e-7, minimum=0, also=["epsilon"])

    examples = (
        Example({}, (4, 5, 3), (4, 5, 3), buffers=7, layout="HWC", source="Keras 3.15.1, run"),
        Example({"axis": [1, 3]}, (4, 5, 3), (4, 5, 3), buffers=25, source="Keras 3.15.1, run"),
        Example({"buffer": False}, (3, 224, 224), (3, 224, 224), source="torchvision's transforms.Normalize"),
        Example({"per_tensor": True}, (4, 5, 3), (4, 5, 3), buffers=3, source="Keras 3.15.1, axis=None, run"),
    )

    def axes_of(self, x: Shape) -> tuple[int, ...]:
        """Return the axes with a mean and variance for each position."""
        return () if self.per_tensor else tuple(axis_indices(self.axis, x, "axis"))

    def buffers(self, x: Shape) -> WeightShapes:
        axes = self.axes_of(x)
        sizes = tuple([x.sizes[axis] for axis in axes])
        return {"mean": sizes, "variance": sizes, "count": ()} if self.buffer else {}
