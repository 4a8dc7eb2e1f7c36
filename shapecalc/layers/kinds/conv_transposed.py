"""Transposed convolutions: every input element costs one kernel's multiply-accumulates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import DIVIDES, UP_TO, Constraint, Dim, prod
from shapecalc.layers.base.arguments import CHANNELS_OUT, GROUPS, OUTPUT_PADDING, Integer
from shapecalc.layers.base.dependence import Look, transposed, windowed
from shapecalc.layers.base.layer import INPUTS, Example, WeightShapes
from shapecalc.layers.base.parametrization import Parametrization, Parametrized
from shapecalc.layers.base.per_axis import Padding, PerAxis, per_axis
from shapecalc.layers.base.ranks import each_axis, wrong_rank
from shapecalc.layers.base.window import output_constraint, transposed_constraints, transposed_size
from shapecalc.layers.kinds.conv import Convolution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape

GROUP = "convolutions"

__all__ = ["TransposedConv"]


class TransposedConv(Parametrized, Convolution):
    """Transposed convolution: maps a convolution's output size back to its input size, as in decoders and generators.

    Padding given as a number is PyTorch's (it crops the output); `same` and `valid` are Keras'.
    """

    kind = "transposed_conv"
    also = ("conv_transpose", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "conv1d_transpose",
            "conv2d_transpose", "conv3d_transpose", "deconv", "deconvolution", "up_conv")  # fmt: skip
    in_calls = (
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "output_padding",
        "groups",
        "bias",
        "dilation",
    )
    in_keras_calls = ("out_channels", "kernel_size", "stride", "padding")

    out_channels = Integer("number of output channels", also=["filters"], symbol="C_out", role=CHANNELS_OUT)
    stride = PerAxis(
        "distance between neighbouring windows in the output", 1, also=["strides"], symbol="s", always=True
    )
    padding = Padding(
        "cropped from the edges of the output; or same (output = input·stride), valid (nothing)",
        words=("same", "valid"),
        symbol="p",
        always=True,
    )
    output_padding = PerAxis("added at the output's end: less than stride or dilation", None, minimum=0, symbol="o",
                             role=OUTPUT_PADDING)  # fmt: skip
    output_size = PerAxis("spatial size of the output, in place of output_padding", None, replaces="output_padding")
    groups = Integer("number of groups that the channels are split into", 1, symbol="g", role=GROUPS)
    parametrization = Parametrization()
    outputs_axis = 1

    examples = (
        Example({"out_channels": 256, "kernel_size": 4, "stride": 2, "padding": 1, "bias": False}, (512, 4, 4),
                (256, 8, 8), 2_097_152, 33_554_432, "DCGAN's generator in PyTorch's tutorial; PyTorch 2.13.0, run"),
        Example({"out_channels": 12, "kernel_size": 3, "stride": [4, 3], "padding": [0, 1], "output_padding": [3, 1],
                 "groups": 4, "bias": False}, (4, 12, 12), (12, 50, 35), 108, 15_552, "PyTorch 2.13.0, run"),
        Example({"out_channels": 4, "kernel_size": 3, "stride": 3, "output_size": 26}, (3, 8, 8), (4, 26, 26), 112,
                6_912, "PyTorch 2.13.0, run"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield Constraint(self.groups, DIVIDES, x.channels, "groups", "channels of the input")
        yield Constraint(self.groups, DIVIDES, self.out_channels, "groups", "out_channels")
        yield from self.channels_as_stated(x)
        axes, smallest = self.axes(x), self._smallest(x)
        if self.output_size is not None:
            for axis, lowest, size in zip(axes, smallest, each_axis(self, "output_size", len(axes)), strict=True):
                yield Constraint(lowest, UP_TO, size, f"smallest output {axis.name}", "output_size")
                most = lowest + axis.stride - 1
                yield Constraint(size, UP_TO, most, "output_size", f"the maximum output {axis.name}")
            return
        for axis, lowest, extra in zip(axes, smallest, self._output_paddings(len(axes)), strict=True):
            yield from transposed_constraints(axis, extra)
            yield output_constraint(axis, lowest + extra)

    def padded(self, rank: int) -> tuple[str, Layer] | None:
        """Return the output padding that was left out: with it a stride of 2 doubles the size of an odd window."""
        steps = per_axis(self.stride, rank)
        if self.output_padding is not None or self.output_size is not None or max(steps) == 1 or len(steps) != rank:
            return None
        value = steps[0] - 1 if len(set(steps)) == 1 else [step - 1 for step in steps]
        given = self.arguments["output_padding"].normalise(value)
        return f"output_padding: {value}", self.with_values({"output_padding": given})

    def _word(self) -> str:
        return self.padding if isinstance(self.padding, str) else ""

    def _output_paddings(self, rank: int) -> tuple[Dim, ...]:
        return (0,) * rank if self.output_padding is None else each_axis(self, "output_padding", rank)

    def _smallest(self, x: Shape) -> tuple[Dim, ...]:
        word = self._word()
        if word and self.output_padding is not None:  # Keras then falls back on half the window of padding
            halves = [axis.reach // 2 if word == "same" else 0 for axis in self.axes(x)]
            padded = [axis._replace(before=p, after=p) for axis, p in zip(self.axes(x), halves, strict=True)]
            return tuple(transposed_size(axis, 0) for axis in padded)
        return tuple(transposed_size(axis, 0, word) for axis in self.axes(x))

    def output(self, x: Shape) -> Shape:
        rank = len(x.spatial)
        if rank not in (1, 2, 3):
            raise wrong_rank(self.kind, x)
        if self.output_size is not None:
            return x.map_of(self.out_channels, per_axis(self.output_size, rank))
        pairs = zip(self._smallest(x), self._output_paddings(rank), strict=True)
        return x.map_of(self.out_channels, tuple(size + extra for size, extra in pairs))

    def with_bias(self) -> Layer | None:
        return super().with_bias() if self.is_plain else None

    def learned(self, x: Shape) -> WeightShapes:
        kernel = per_axis(self.kernel_size, len(x.spatial))
        weight = (x.channels, self.out_channels // self.groups, *kernel)
        return {"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight}

    def saved(self, *inputs: Shape) -> str:
        return INPUTS

    def kept(self, output: Any, x: Shape, *_: Shape) -> list[tuple[Dim, int]]:
        return []

    def macs(self, output: Shape, x: Shape) -> Dim:
        kernel = per_axis(self.kernel_size, len(x.spatial))
        return prod(x.spatial) * (prod(kernel) * x.channels * (self.out_channels // self.groups))

    def looks(self, output: Any, x: Shape, *_: Shape) -> list[Look]:
        dependences = []
        for axis in self.axes(x):
            before = axis.before
            if self._word() == "same":  # as much as a convolution of that stride would have padded
                before = axis.reach // 2 if self.output_padding is not None else max(axis.reach - axis.stride, 0) // 2
            dependences.append(transposed(axis.kernel, axis.stride, axis.dilation, before))
        return [windowed(0, x, dependences)]
