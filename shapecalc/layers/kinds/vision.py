"""Layers of windowed vision transformers (Swin, Swin v2, MaxViT), and stochastic depth.

A feature map is cut into square windows of tokens, (windows, window², channels); attention works inside each, with
learned biases for the distances between its tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import EQUAL, Constraint, Dim, ceil_div, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import ATTENTION, HEADS, Choice, Flag, Integer, Number
from shapecalc.layers.base.dependence import Look, everything
from shapecalc.layers.base.layer import NOTHING, Composite, Example, Layer, WeightShapes
from shapecalc.layers.base.per_axis import PerAxis, per_axis
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.kinds.scaled_dot_product import (
    EAGER,
    IMPLEMENTATION,
    MATH,
    SOFTMAX,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "others"

__all__ = [
    "RelativePositionBias",
    "ShiftedWindowAttention",
    "StochasticDepth",
    "WindowPartition",
    "WindowReverse",
]


class _Windows(Layer):
    """What partition and reverse share: how many windows cover a map."""

    saves = NOTHING

    window_size = PerAxis("side of a window, in tokens", symbol="w", also=["partition_size"])

    def _grid(self, x: Shape) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """Return the sides of a window, and the number of windows along each axis of the map."""
        window = per_axis(self.window_size, len(x.spatial))
        if len(window) != len(x.spatial) or not window:
            raise LayerError(
                f"window_size has {len(window)} entries, but the input has {len(x.spatial)} spatial axes",
                argument="window_size",
            )
        return window, tuple(ceil_div(size, side) for size, side in zip(x.spatial, window, strict=True))


class WindowPartition(_Windows):
    """Window partition: a feature map as windows of tokens, (windows, tokens in one, channels).

    The map is padded up to whole windows, as torchvision's Swin does. It is read in the network's layout. In MaxViT's
    grid attention the tokens of a window are a grid over the whole map; the sizes are the same: `grid`.
    """

    kind = "window_partition"

    grid = Flag("tokens from all over the map, as MaxViT's grid attention; changes no size", False)

    examples = (
        Example({"window_size": 7}, (56, 56, 96), (64, 49, 96), source="Swin-T, torchvision", layout="HWC"),
        Example({"window_size": 8}, (28, 28, 192), (16, 64, 192), source="Swin v2-T, torchvision", layout="HWC"),
    )

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        self._grid(x)
        yield from ()

    def output(self, x: Shape) -> Shape:
        window, counts = self._grid(x)
        return x.plain(prod(counts), prod(window), x.channels)


class WindowReverse(_Windows):
    """Window reverse: merges windows of tokens back into the feature map.

    The second input is that map, whose size the output has; its padding is cropped.
    """

    kind = "window_reverse"
    also = ("window_departition",)
    inputs = (2, 2)

    examples = (
        Example({"window_size": 8}, [(16, 64, 192), (28, 28, 192)], (28, 28, 192), source="Swin v2-T, torchvision",
                layout="HWC"),
    )  # fmt: skip

    def constraints(self, windows: Shape, like: Shape) -> Iterator[Constraint]:
        window, counts = self._grid(like)
        if windows.rank != 3:
            raise LayerError(f"windows have three axes (windows, tokens, channels), but the input has {windows.rank}")
        yield Constraint(windows.sizes[0], EQUAL, prod(counts), "windows of the input", "windows on the map")
        yield Constraint(windows.sizes[1], EQUAL, prod(window), "tokens in a window", "window_size squared")

    def output(self, windows: Shape, like: Shape) -> Shape:
        return like.map_of(windows.sizes[2], like.spatial)

    def looks(self, output: Shape, windows: Shape, like: Shape) -> list[Look]:
        return [everything(0, windows)]  # only the size of the map is used


class RelativePositionBias(Layer):
    """Relative position bias: adds a learned bias for each distance and head to attention scores (…, heads, L, S).

    With `window_size` the distances are those in a square window, as in Swin, and the index that looks them up is a
    buffer; with `num_buckets` they are T5's, without a buffer.
    """

    kind = "relative_position_bias"
    sequences = True
    saves = NOTHING
    elementwise = True

    window_size = PerAxis("side of the window whose tokens attend", None, symbol="w")
    num_buckets = Integer("number of buckets of distances, as in T5", None)

    examples = (
        Example({"window_size": 7}, (3, 49, 49), (3, 49, 49), 507, 0, "Swin-T, torchvision", buffers=2_401),
        Example({"num_buckets": 32}, (8, 10, 10), (8, 10, 10), 256, 0, "T5-small, transformers"),
    )

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 3, "heads, a length and a length")
        if (self.window_size is None) == (self.num_buckets is None):
            raise LayerError(f"{self.kind} needs one of window_size and num_buckets", argument="window_size")
        if self.window_size is not None:
            tokens = prod(per_axis(self.window_size, 2))
            for size in x.sizes[-2:]:
                yield Constraint(size, EQUAL, tokens, "length of the scores", "window_size squared")

    def weights(self, x: Shape) -> WeightShapes:
        if self.window_size is None:
            return {"weight": (self.num_buckets, x.sizes[-3])}
        return {"weight": (prod(2 * side - 1 for side in per_axis(self.window_size, 2)), x.sizes[-3])}

    def buffers(self, x: Shape) -> WeightShapes:
        if self.window_size is None:
            return {}
        tokens = prod(per_axis(self.window_size, 2))
        return {"relative_position_index": (tokens, tokens)}


class StochasticDepth(Layer):
    """Stochastic depth: drops a residual branch at random in training; returns its input unchanged at inference."""

    kind = "stochastic_depth"
    only_training = True
    saves = NOTHING
    also = ("drop_path",)
    elementwise = True

    p = Number("probability of dropping it", 0.0, minimum=0, maximum=1, also=["rate", "drop_prob"])
    mode = Choice("batch: drop for all samples together; row: for each sample on its own", ("batch", "row"), "row")

    examples = (Example({"p": 0.2}, (96, 56, 56), (96, 56, 56), source="torchvision.ops.StochasticDepth"),)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.__dict__["view"] = self.p == 0  # torchvision's then returns its input, in training too

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(1, 0)] if self.p > 0 and self.mode == "row" else []  # whether the sample's branch passes


class ShiftedWindowAttention(Composite):
    """Shifted window attention of Swin: rolls the map, attends within windows, and restores the map.

    `position: mlp` computes its position biases with a small network (Swin v2). Where the window covers the map,
    torchvision does not shift; that changes no size or count.
    """

    kind = "shifted_window_attention"

    num_heads = Integer("heads that the channels are split into", role=HEADS)
    window_size = PerAxis("side of a window, in tokens", 7)
    shift_size = Integer("how far the map is rolled before it is partitioned", 0, minimum=0)
    position = Choice("source of the position biases: table (Swin), mlp (Swin v2), none",
                      ("table", "mlp", "none"), "table")  # fmt: skip
    qkv_bias = Flag("learned biases of queries, keys and values", True)
    proj_bias = Flag("learned biases of the output projection", True)
    attn_implementation = Choice(IMPLEMENTATION, (MATH, EAGER), EAGER, role=ATTENTION)
    softmax_in_fp32 = Flag(SOFTMAX, False)

    layers = """
    - roll: {shifts: [-shift_size, -shift_size], dims: [1, 2]}
      when: shift_size > 0
    - window_partition: window_size
    - window_attention: {num_heads: num_heads, window_size: window_size, position: position,
                         qkv_bias: qkv_bias, proj_bias: proj_bias, attn_implementation: attn_implementation,
                         softmax_in_fp32: softmax_in_fp32}
      name: attn
    - window_reverse: {window_size: window_size}
      from: [attn, input]
    - roll: {shifts: [shift_size, shift_size], dims: [1, 2]}
      when: shift_size > 0
    """

    examples = (
        Example({"num_heads": 3, "window_size": 7, "shift_size": 3}, (56, 56, 96), (56, 56, 96), 37_755, 145_108_992,
                "Swin-T's second block, torchvision; MACs by PyTorch's flop counter", "HWC", 2_401),
    )  # fmt: skip
