"""Costs that order the answers of `solve`, lowest first: of windows and of changes, each with its reason.

docs/solve.md shows both tables; a test generates them from these rows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.layers.base.arguments import (
    CHANNELS_OUT,
    CROPPING,
    DILATION,
    GROUPS,
    KERNEL,
    OUTPUT_PADDING,
    PADDING,
    STATED,
    STRIDE,
)
from shapecalc.layers.base.per_axis import PerAxis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.layers.base.arguments import Argument

__all__ = [
    "CHANGES",
    "WINDOWS",
    "Window",
    "cost_of_added",
    "cost_of_batch_axis",
    "cost_of_change",
    "cost_of_channel_axis",
    "cost_of_input",
    "cost_of_layout",
    "cost_of_upstream",
    "cost_of_window",
]


# How unusual the arguments of a window are.

CONVOLUTION = "convolutions"
POOL = "pools"
TRANSPOSED = "transposed convolutions"
PATCHES = "patches (kernel = stride)"
WHOLE = "a convolution over the whole input"
WHOLE_POOL = "a pool over the whole input"
GROWN = "a 1×1 input expanded to a map"


class Window(NamedTuple):
    """A candidate window: its arguments, the sizes that it slides over, and the type of its layer.

    `learns`: it has weights; `spreads`: it is transposed, so that one position of the input contributes to many of the
    output; `exact`: it ends at the edge, so that nothing is dropped.
    """

    given: tuple[int, ...]
    kernel: int = 3
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    extra: int = 0
    learns: bool = True
    spreads: bool = False
    exact: bool = True

    @property
    def sort(self) -> str:
        """The use of the window, which decides its costs: the first match in this order."""
        is_plain = self.padding == 0 and self.dilation == 1
        if is_plain and not self.spreads and all(size == self.kernel for size in self.given):
            return WHOLE if self.learns else WHOLE_POOL
        if not self.learns:
            return POOL
        if self.spreads:
            from_one = all(size == 1 for size in self.given)
            return GROWN if from_one and self.stride == 1 and not (self.padding or self.extra) else TRANSPOSED
        return PATCHES if self.kernel == self.stride > 1 and self.padding == 0 else CONVOLUTION

    @property
    def off_centre(self) -> float:
        """The distance of the padding from dilation·(kernel − 1)/2, which centres the kernel."""
        return abs(self.padding - self.dilation * (self.kernel - 1) / 2)


class WindowCost(NamedTuple):
    """A cost of a window: `weight` for each unit of `measure`."""

    sorts: tuple[str, ...]
    what: str
    weight: float
    measure: Callable[[Window], float]
    reason: str


_SLID = (CONVOLUTION, PATCHES, POOL, TRANSPOSED)

WINDOWS: tuple[WindowCost, ...] = (
    WindowCost((CONVOLUTION,), "each step of the kernel from 3 (not for a kernel of 1)", 0.25,
               lambda w: abs(w.kernel - 3) if w.kernel > 1 else 0, "most kernels are 3; larger ones are rarer"),
    WindowCost((CONVOLUTION,), "a kernel of 1", 0.5, lambda w: w.kernel == 1, "as common as 5: it mixes channels"),
    WindowCost((CONVOLUTION,), "an even kernel", 1.5, lambda w: w.kernel % 2 == 0, "it has no central element"),
    WindowCost((CONVOLUTION,), "no padding, where a centred kernel needs some", 1,
               lambda w: w.padding == 0 and w.off_centre > 0, "older networks and U-Net have none"),
    WindowCost((CONVOLUTION,), "padding other than dilation·(kernel − 1)/2, which centres the kernel", 2,
               lambda w: w.padding > 0 and w.off_centre > 0, "the output is shifted relative to the input"),
    WindowCost((CONVOLUTION,), "each step of such padding from that value", 0.5,
               lambda w: w.off_centre if w.padding else 0, "the further, the less usual"),
    WindowCost((CONVOLUTION,), "each step of the stride above 2", 0.25, lambda w: max(0, w.stride - 2),
               "only first layers have strides above 2"),
    WindowCost((CONVOLUTION,), "a stride longer than the kernel", 3, lambda w: w.stride > max(w.kernel, 1),
               "part of the input is not used"),
    WindowCost((PATCHES,), "always", 1.5, lambda _: 1, "usual only in vision transformers"),
    WindowCost((PATCHES,), "each step of the kernel from 0", 0.05, lambda w: w.kernel, "small patches come first"),
    WindowCost((POOL,), "each step of the kernel from the stride", 0.75, lambda w: abs(w.kernel - w.stride),
               "windows of most pools neither overlap nor leave gaps"),
    WindowCost((POOL,), "each step of the kernel above 3", 0.25, lambda w: max(0, w.kernel - 3),
               "most kernels of pools are 2 or 3"),
    WindowCost((POOL,), "each step of the padding from 0", 1.5, lambda w: w.padding, "most pools have none"),
    WindowCost((TRANSPOSED,), "each step of the kernel from twice the stride", 0.5,
               lambda w: abs(w.kernel - 2 * w.stride), "kernel 4 at stride 2 overlaps evenly, without a checkerboard"),
    WindowCost((TRANSPOSED,), "each step of the kernel above 4", 0.25, lambda w: max(0, w.kernel - 4),
               "most kernels are 2 to 4"),
    WindowCost((TRANSPOSED,), "each step of 2·padding from kernel − stride", 1,
               lambda w: abs(2 * w.padding - (w.kernel - w.stride)), "it makes the output input·stride"),
    WindowCost(_SLID, "elements dropped at the edge, without padding", 2, lambda w: not w.exact and w.padding == 0,
               "rows of the input have no effect"),
    WindowCost(_SLID, "elements dropped at the edge, with padding", 0.5, lambda w: not w.exact and w.padding > 0,
               "perhaps only padding is dropped"),
    WindowCost((*_SLID, GROWN), "each step of the dilation above 1", 4, lambda w: w.dilation - 1,
               "rare outside segmentation and audio"),
    WindowCost(_SLID, "each step of the output padding from 0", 1.5, lambda w: w.extra, "rarely needed"),
    WindowCost((WHOLE, WHOLE_POOL), "always", 1, lambda _: 1, "a fully connected layer, or a global pool"),
    WindowCost((WHOLE,), "a stride that is not 1", 4, lambda w: w.stride != 1, "it has no effect"),
    WindowCost((WHOLE_POOL,), "a stride that is neither 1 nor the kernel", 4, lambda w: w.stride not in (1, w.kernel),
               "it has no effect, and is not the default"),
    WindowCost((GROWN,), "always", 0.5, lambda _: 1, "the first layer of a generator"),
)  # fmt: skip
"""The costs of windows, higher for unusual arguments: 0 is a 3×3 convolution with padding 1."""


def cost_of_window(window: Window) -> float:
    """Return the cost of a window: how unusual its arguments are."""
    return float(sum(row.weight * row.measure(window) for row in WINDOWS if window.sort in row.sorts))


# The cost of changing an argument.


class ChangeCost(NamedTuple):
    """The cost of a change, and its reason."""

    what: str
    weight: float
    reason: str


_BATCH_AXIS, _CHANNEL_AXIS, _LAYOUT, _INPUT_SIZE = "batch axis", "channel axis", "layout", "input size"
_ADDED, _UPSTREAM, _NAMED, _OTHER = "added layer", "upstream", "named", "other"
_TAPS, _DOUBLINGS, _NUMBER, _WORD, _INPUT_DOUBLINGS = "taps", "doublings", "number", "word", "input doublings"
_DISTANCE, _LAYERS = "distance", "layers"

CHANGES: dict[str, ChangeCost] = {
    _BATCH_AXIS: ChangeCost("an input without its first axis", -1.0, "most likely the batch axis"),
    _CHANNEL_AXIS: ChangeCost("an input with an axis of 1 or 3 channels", -0.9, "most likely left out"),
    _LAYOUT: ChangeCost("an input of 1, 3 or 4 channels in the other layout", -0.8, "most likely the layout"),
    _ADDED: ChangeCost(
        "a layer that the hint inserts: a flatten or a global pool before a linear layer, a transpose", -0.5,
        "most likely forgotten"),
    _UPSTREAM: ChangeCost(
        "an argument that the hint names in a layer upstream: `return_sequences: true`, `dim: -1`", -0.6,
        "its default in another library, or the axis that is meant"),
    STATED: ChangeCost("a size that is inferred, stated as it is (`in_channels`)", 0, "the network stays as it is"),
    PADDING: ChangeCost("padding around the input", 1, "no weight changes"),
    OUTPUT_PADDING: ChangeCost("padding at the end of the output", 1, "no weight changes"),
    CROPPING: ChangeCost("elements cropped", 1, "no weight changes"),
    KERNEL: ChangeCost("the size of a window", 1.3, "weights change; sizes change little"),
    DILATION: ChangeCost("its dilation", 1.3, "no weight changes, but windows cover other positions"),
    GROUPS: ChangeCost("the groups of channels", 1.4, "weights change, and which channels are mixed"),
    STRIDE: ChangeCost("its stride", 1.5, "every size after it changes"),
    CHANNELS_OUT: ChangeCost("channels of the output", 1.5, "every width after it changes"),
    _INPUT_SIZE: ChangeCost("the size of the input", 1.8, "the data often fixes it"),
    _NAMED: ChangeCost("any other argument, with the value that the hint names", 1.4, "near, and it fits"),
    _OTHER: ChangeCost("any other argument", 2, "rarely the mistake"),
    _TAPS: ChangeCost("each step of a number for each axis (kernel, stride, padding)", 0.15, "near values come first"),
    _DOUBLINGS: ChangeCost("each doubling or halving of such a number", 0.3, "1 to 2 changes more than 8 to 9"),
    _NUMBER: ChangeCost("each doubling or halving of any other number", 0.5, "near values come first"),
    _WORD: ChangeCost("a value that is not a single number", 0.3, "such values have no distance"),
    _INPUT_DOUBLINGS: ChangeCost("each doubling or halving of an input size", 2, "near sizes come first"),
    _DISTANCE: ChangeCost("each layer between it and the shape error, at most 1 in all", 0.3, "mistakes are near"),
    _LAYERS: ChangeCost("each further copy of the same item, at most 1 in all", 0.2, "more layers change"),
}  # fmt: skip
"""The costs of changes: of the argument, the size of the change, and its location."""

_MOST = 1.0
"""The maximum cost of the distance, or of the number of layers."""


def cost_of_change(
    argument: Argument, old: Any, new: Any, distance: int, layers: int, *, is_named: bool = False
) -> float:
    """Return the cost of a change by its distance to the shape error, whose hint may name it, and its layers."""
    weight = CHANGES.get(argument.role, CHANGES[_NAMED if is_named else _OTHER]).weight
    step = _step(old, new, is_window=isinstance(argument, PerAxis)) if weight else 0.0
    far = min(_MOST, CHANGES[_DISTANCE].weight * distance)
    return weight + step + far + min(_MOST, CHANGES[_LAYERS].weight * (layers - 1))


def _step(old: Any, new: Any, *, is_window: bool) -> float:
    if type(old) is not int or type(new) is not int:
        return CHANGES[_WORD].weight
    doublings = abs(math.log2((abs(new) + 1) / (abs(old) + 1)))
    if is_window:
        return CHANGES[_TAPS].weight * abs(new - old) + CHANGES[_DOUBLINGS].weight * doublings
    return CHANGES[_NUMBER].weight * doublings


def cost_of_batch_axis() -> float:
    """Return the cost of removing the batch axis of an input."""
    return CHANGES[_BATCH_AXIS].weight


def cost_of_channel_axis() -> float:
    """Return the cost of adding the channel axis of an input."""
    return CHANGES[_CHANNEL_AXIS].weight


def cost_of_layout() -> float:
    """Return the cost of moving the channels of an input to the other end."""
    return CHANGES[_LAYOUT].weight


def cost_of_added(layers: int) -> float:
    """Return the cost of a layer that was probably forgotten, before each of some layers at one location."""
    return CHANGES[_ADDED].weight + min(_MOST, CHANGES[_LAYERS].weight * (layers - 1))


def cost_of_upstream(layers: int) -> float:
    """Return the cost of an argument of a layer upstream that the hint names, in some layers at one location."""
    return CHANGES[_UPSTREAM].weight + min(_MOST, CHANGES[_LAYERS].weight * (layers - 1))


def cost_of_input(old: Sequence[int], new: Sequence[int]) -> float:
    """Return the cost of other sizes of the spatial axes of an input."""
    doublings = [abs(math.log2(b / a)) * CHANGES[_INPUT_DOUBLINGS].weight for a, b in zip(old, new, strict=True)]
    return CHANGES[_INPUT_SIZE].weight + sum(doublings) / len(doublings)
