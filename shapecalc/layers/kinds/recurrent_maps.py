"""Recurrent layers over a sequence of feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import CHANNELS_OUT, DILATION, KERNEL, PADDING, STRIDE, Flag, Integer
from shapecalc.layers.base.dependence import AxisDependence, Look, of_window, rearranged
from shapecalc.layers.base.layer import Example, Layer, WeightShapes
from shapecalc.layers.base.per_axis import Padding, PerAxis, per_axis
from shapecalc.layers.base.ranks import names_of_axes
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.window import FLOOR, spatial_axes
from shapecalc.layers.kinds.recurrent import LSTM

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "recurrences"

__all__ = ["ConvLSTM"]


class ConvLSTM(Layer):
    """Convolutional LSTM: an LSTM whose matrix products are convolutions, over a sequence of feature maps.

    The input is (length, …) with one feature map in the network's layout for each step: (length, channels, height,
    width) or (length, height, width, channels). The convolution of the input has the stride and padding given; that
    of the hidden state keeps its size. One bias for each gate, as in Keras. Keras outputs only the last step by
    default.
    """

    kind = "conv_lstm"
    activates = True
    step_axis = 0
    also = ("conv_lstm1d", "conv_lstm2d", "conv_lstm3d")
    ranks = (1, 3)

    rounding = FLOOR

    out_channels = Integer("channels of the hidden state", also=["filters"], symbol="C_out", role=CHANNELS_OUT)
    kernel_size = PerAxis("size of the window", symbol="k", role=KERNEL)
    stride = PerAxis("step of the window", 1, also=["strides"], symbol="s", role=STRIDE)
    padding = Padding("zeros around the input; or same, or valid (none)", words=("same", "valid"), symbol="p",
                      role=PADDING)  # fmt: skip
    dilation = PerAxis("distance between the window's taps", 1, also=["dilation_rate"], symbol="d",
                       role=DILATION)  # fmt: skip
    bias = Flag("learned bias of each channel of each gate", True, also=["use_bias"])
    return_sequences = Flag("output every step; false outputs only the last step, Keras' default", True)

    examples = (
        Example({"out_channels": 4, "kernel_size": 3, "padding": "same"}, (3, 6, 6, 2), (3, 6, 6, 4), 880, 93_312,
                "Keras 3.15.1, run; MACs by arithmetic", "HWC"),
    )  # fmt: skip

    @staticmethod
    def spatial_rank(x: Shape) -> int:
        """Return how many spatial axes one step has: all but the length and the channels."""
        return x.rank - 2

    def _frame(self, x: Shape) -> Shape:
        """Return the feature map of one step."""
        if x.rank < 3:
            raise LayerError(f"{self.kind} needs a length, channels and space, but its input has {x.rank} axes")
        return Shape(x.sizes[1:], x.channels_last, is_map=True)

    @property
    def axis_order_out(self) -> str:
        return ""  # its channels come after the time steps

    def axis_letters(self, x: Shape) -> tuple[str, str]:
        space = "".join([name[0].upper() for name in names_of_axes(self.spatial_rank(x))])
        frame = f"{space}C" if x.channels_last else f"C{space}"
        return f"T{frame}", f"T{frame}" if self.return_sequences else frame

    def _hidden(self, x: Shape) -> Shape:
        frame = self._frame(x)
        return frame.map_of(self.out_channels, tuple(axis.output() for axis in spatial_axes(self, frame)))

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        for axis in spatial_axes(self, self._frame(x)):
            fits = axis.constraint()
            if fits:
                yield fits

    def states_after(self, x: Shape) -> tuple[Shape, ...]:
        return (self._hidden(x),) * 2  # the hidden state and the cell's

    def output(self, x: Shape) -> Shape:
        hidden = self._hidden(x)
        return x.plain(x.sizes[0], *hidden.sizes) if self.return_sequences else hidden

    def weights(self, x: Shape) -> WeightShapes:
        frame, gates = self._frame(x), 4 * self.out_channels
        kernel = per_axis(self.kernel_size, len(frame.spatial))
        shapes: WeightShapes = {
            "weight_ih": (gates, frame.channels, *kernel),
            "weight_hh": (gates, self.out_channels, *kernel),
        }
        return {**shapes, "bias": (gates,)} if self.bias else shapes

    def macs(self, output: Shape, x: Shape) -> Dim:
        frame, hidden = self._frame(x), self._hidden(x)
        window = prod(per_axis(self.kernel_size, len(frame.spatial))) * 4 * self.out_channels
        return x.sizes[0] * (prod(hidden.spatial) * (window * (frame.channels + self.out_channels)))

    def kept(self, output: Any, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.sizes[0] * LSTM.kept_of_step * self._hidden(x).elements, 0)]

    def kept_for_weights(self, output: Any, x: Shape) -> list[tuple[Dim, int]]:
        return [(x.sizes[0] * self._hidden(x).elements, 0)]  # the hidden state before every step

    def looks(self, output: Any, x: Shape) -> list[Look]:
        """Return the window of the input, widened by the hidden state's windows over all earlier steps."""
        frame, steps = self._frame(x), x.sizes[0] - 1
        dependences = []
        for axis in spatial_axes(self, frame):
            window = of_window(axis)
            taps = window.seen[0]
            before = (axis.kernel - 1) // 2 * steps * axis.stride
            after = axis.kernel // 2 * steps * axis.stride
            seen = range(taps.start - before, taps.stop + after) if steps else taps
            dependences.append(AxisDependence((seen,), window.advance))
        spatial = [i + 1 for i in range(frame.rank) if i != frame.channel_axis]
        moved = 0 if self.return_sequences else -1
        return [rearranged(0, x, {i: i + moved for i in spatial}, dict(zip(spatial, dependences, strict=True)))]
