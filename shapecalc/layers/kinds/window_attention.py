"""Attention within windows of tokens, with learned relative position biases: that of Swin, Swin v2 and MaxViT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, prod
from shapecalc.layers.base.arguments import ATTENTION, HEADS, Choice, Flag, Integer
from shapecalc.layers.base.layer import TRAINED, Example, Layer, Projection, WeightShapes
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

    from shapecalc.layers.base.dependence import Look
    from shapecalc.layers.base.shape import Shape

GROUP = "attentions"

__all__ = ["WindowAttention"]


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
