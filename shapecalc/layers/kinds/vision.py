"""Layers of windowed vision transformers (Swin, Swin v2, MaxViT), and stochastic depth.

A feature map is cut into square windows of tokens, (windows, window², channels); attention works inside each, with
learned biases for the distances between its tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, ceil_div, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import ATTENTION, HEADS, Choice, Flag, Integer, Number
from shapecalc.layers.base.dependence import Look, everything
from shapecalc.layers.base.layer import NOTHING, TRAINED, Composite, Example, Layer, Projection, WeightShapes
from shapecalc.layers.base.per_axis import PerAxis, per_axis
from shapecalc.layers.base.ranks import need_rank
from shapecalc.layers.kinds.scaled_dot_product import (
    EAGER,
    IMPLEMENTATION,
    MATH,
    PACKED,
    SOFTMAX,
    attended,
    product_macs,
    scores_kept,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "others"

__all__ = [
    "RelativePositionBias",
    "ShiftedWindowAttention",
    "StochasticDepth",
    "WindowAttention",
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


class WindowAttention(Layer):
    """Self-attention within windows of tokens (windows, tokens, channels), with learned relative position biases.

    `position: table` is Swin's and MaxViT's: a bias for each of the (2w−1)·(2w−1) distances in every head. `mlp` is
    Swin v2's: a small network (2 → cpb_hidden → heads) computes them from the distances, and each head has a learned
    logit scale. The index that looks the biases up is a buffer, as torchvision registers it, and so is the table
    of distances of `mlp`. MACs of `mlp` are counted once for each sample, though the network runs once for a batch.
    """

    kind = "window_attention"
    sequences = True
    saves = TRAINED

    num_heads = Integer("heads that the channels are split into", symbol="h", role=HEADS)
    window_size = PerAxis("side of a window, in tokens", symbol="w", also=["partition_size"])
    position = Choice("source of the position biases", ("table", "mlp", "none"), "table")
    qkv_bias = Flag("learned biases of queries, keys and values", True)
    proj_bias = Flag("learned biases of the output projection", True, also=["out_bias"])
    cpb_hidden = Integer("hidden features of the network that computes the biases", 512)
    attn_implementation = Choice(IMPLEMENTATION, (MATH, EAGER), EAGER, role=ATTENTION)
    softmax_in_fp32 = Flag(SOFTMAX, False)

    examples = (
        Example({"num_heads": 3, "window_size": 7}, (64, 49, 96), (64, 49, 96), 37_755, 145_108_992,
                "Swin-T's first block, torchvision; MACs by PyTorch's flop counter", buffers=2_401),
        Example({"num_heads": 3, "window_size": 8, "position": "mlp"}, (49, 64, 96), (49, 64, 96), 40_323, 154_716_672,
                "Swin v2-T's first block at 224, torchvision; MACs by PyTorch's flop counter", buffers=4_546),
    )  # fmt: skip

    def _window(self) -> tuple[Dim, ...]:
        return per_axis(self.window_size, 2)

    def _distances(self) -> Dim:
        return prod(2 * side - 1 for side in self._window())

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, x, 2, "tokens and channels")
        yield Constraint(self.num_heads, DIVIDES, x.sizes[-1], "num_heads", "channels of the input")
        yield Constraint(x.sizes[-2], EQUAL, prod(self._window()), "tokens in a window", "window_size squared")

    def weights(self, x: Shape) -> WeightShapes:
        channels, heads = x.sizes[-1], self.num_heads
        shapes: WeightShapes = {"qkv.weight": (3 * channels, channels)}
        if self.qkv_bias:
            shapes["qkv.bias"] = (3 * channels,)
        shapes["proj.weight"] = (channels, channels)
        if self.proj_bias:
            shapes["proj.bias"] = (channels,)
        if self.position == "table":
            shapes["relative_position_table"] = (self._distances(), heads)
        elif self.position == "mlp":
            shapes["logit_scale"] = (heads, 1, 1)
            shapes["cpb_mlp.0.weight"] = (self.cpb_hidden, len(self._window()))
            shapes["cpb_mlp.0.bias"] = (self.cpb_hidden,)
            shapes["cpb_mlp.2.weight"] = (heads, self.cpb_hidden)
        return shapes

    def projections(self, x: Shape) -> dict[str, Projection]:
        channels, positions = x.sizes[-1], prod(x.sizes[:-1])
        return {
            "qkv": Projection(channels, 3 * channels, positions, 0, PACKED, joins=3),
            "proj": Projection(channels, channels, positions, -1, ("o_proj",)),
        }

    def buffers(self, x: Shape) -> WeightShapes:
        if self.position == "none":
            return {}
        tokens = prod(self._window())
        index: WeightShapes = {"relative_position_index": (tokens * tokens,)}
        if self.position == "table":
            return index
        spread = tuple(2 * side - 1 for side in self._window())
        return {"relative_coords_table": (1, *spread, len(spread)), **index}

    def macs(self, output: Shape, x: Shape) -> Dim:
        tokens, channels = x.sizes[-2], x.sizes[-1]
        windows, head = prod(x.sizes[:-2]), channels // self.num_heads
        square = product_macs(self.num_heads, tokens, tokens, head, head)
        macs = windows * (tokens * channels * channels * 4 + square)
        if self.position == "mlp":
            macs = macs + self._distances() * (self.cpb_hidden * (len(self._window()) + self.num_heads))
        return macs

    def score_heads(self, x: Shape) -> Dim:
        return prod(x.sizes[:-2]) * self.num_heads

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        tokens, channels = x.sizes[-2:]
        each, positions = 3 * channels, prod(x.sizes[:-1])
        scores = positions * self.num_heads * tokens
        if self.position == "mlp":  # queries and keys, normalised, and their norms
            each = each + 3 * channels + 4 * self.num_heads
        if self.attn_implementation == MATH:
            return [(positions * each + scores, 32)]
        return [(positions * each, 0), *scores_kept(scores, 0, in_fp32=self.softmax_in_fp32)]

    def kept_for_weights(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        tokens, channels = x.sizes[-2:]
        scaled = self.num_heads * tokens if self.position == "mlp" else 0
        return [(prod(x.sizes[:-1]) * (channels + scaled), 0)]

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [attended(0, x)]


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
