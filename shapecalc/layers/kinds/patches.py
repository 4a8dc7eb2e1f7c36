"""Patches of feature maps: extracted, summed back, sampled at learned positions, or flattened to tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, ceil_div, prod
from shapecalc.errors import LayerError, count_noun
from shapecalc.layers.base.arguments import Integer
from shapecalc.layers.base.dependence import (
    AxisDependence,
    Look,
    everything,
    folded,
    of_window,
    rearranged,
    transposed,
    unrolled,
    windowed,
)
from shapecalc.layers.base.layer import CHANNELS_FIRST, FEATURES_LAST, INPUTS, NOTHING, Example, Layer
from shapecalc.layers.base.per_axis import PerAxis, per_axis
from shapecalc.layers.base.ranks import each_axis, need_rank
from shapecalc.layers.base.windowed import LoneWindow, Windowed
from shapecalc.layers.kinds.conv import Conv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "reshapes"

__all__ = ["DeformableConv", "Fold", "GatherPatches", "ToMap", "ToTokens", "Unfold"]


class _Blocks(Windowed):
    """What unfold and fold share: a window that slides over a feature map."""

    ranks: ClassVar[tuple[int, int | None] | None] = None
    slides = False
    saves = NOTHING

    kernel_size = PerAxis("size of the window", symbol="k")
    stride = PerAxis("step of the window", 1, symbol="s")
    padding = PerAxis("zeros around the map", 0, minimum=0, symbol="p")
    dilation = PerAxis("distance between the window's taps", 1, symbol="d")

    def _positions(self, x: Shape) -> Dim:
        return prod(axis.output() for axis in self.axes(x))


class Unfold(_Blocks, LoneWindow):
    """Unfold (im2col): the windows of a feature map as columns, (channels·k_h·k_w, positions), as in PyTorch."""

    kind = "unfold"
    in_calls = ("kernel_size", "dilation", "padding", "stride")
    ranks = (2, 2)
    also = ("im2col",)

    examples = (
        Example({"kernel_size": [2, 3], "stride": 2, "padding": 1}, (3, 8, 9), (18, 25), source="PyTorch 2.13.0, run"),
    )

    def output(self, x: Shape) -> Shape:
        kernel = per_axis(self.kernel_size, len(x.spatial))
        return x.plain(x.channels * prod(kernel), self._positions(x))

    @property
    def axis_order_out(self) -> str:
        return ""  # columns

    def axis_letters(self, x: Shape) -> tuple[str, str]:
        return "", "CL"  # PyTorch's L: the number of windows

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        axes = self.axes(x)
        counts = [axis.output() for axis in axes]
        dependences = {
            i: unrolled(of_window(axis), counts[k], prod(counts[k + 1 :]), is_first=k == 0)
            for k, (i, axis) in enumerate(zip([i for i in range(x.rank) if i != x.channel_axis], axes, strict=True))
        }
        return [rearranged(0, x, dict.fromkeys(dependences, 1), dependences)]


class Fold(_Blocks):
    """Fold (col2im): columns (channels·k_h·k_w, positions) summed back into a feature map, as in PyTorch.

    The input has two axes, the map channels, height and width.
    """

    kind = "fold"
    also = ("col2im",)

    output_size = PerAxis("spatial size of the map")

    examples = (
        Example({"output_size": [8, 9], "kernel_size": [2, 3]}, (18, 49), (3, 8, 9), source="PyTorch 2.13.0, run"),
    )

    def _map(self, x: Shape) -> Shape:
        if x.rank != 2:
            raise LayerError(f"fold needs an input of two axes, columns and positions, but it has {x.rank}")
        kernel, size = each_axis(self, "kernel_size", 2), each_axis(self, "output_size", 2)
        return x.map_of(x.sizes[0] // prod(kernel), size)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        result = self._map(x)
        kernel = per_axis(self.kernel_size, len(result.spatial))
        yield Constraint(prod(kernel), DIVIDES, x.sizes[0], "elements of a window", "rows of the input")
        yield from super().constraints(result)
        yield Constraint(x.sizes[1], EQUAL, self._positions(result), "positions of the input", "windows in output_size")

    def output(self, x: Shape) -> Shape:
        return self._map(x)

    def axis_letters(self, x: Shape) -> tuple[str, str]:
        return "CL", ""

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        first, *others = self.axes(output)
        window = transposed(first.kernel, first.stride, first.dilation, first.before)
        along = min(i for i in range(output.rank) if i != output.channel_axis)
        return [rearranged(0, x, {1: along}, {1: folded(window, prod(axis.output() for axis in others))})]


class DeformableConv(Conv):
    """Deformable convolution: a convolution whose taps are moved by the offsets of a second input.

    The inputs are the map, the offsets (2·offset_groups·k_h·k_w channels at the output's positions: a pair for each
    tap) and perhaps a mask (offset_groups·k_h·k_w channels, version 2). As in torchvision's `DeformConv2d`, the layer
    that makes offsets or mask is not part of it. MACs are the convolution's; sampling between pixels is not counted.
    """

    kind = "deformable_conv"
    group = "convolutions"
    also = ("deform_conv", "deform_conv2d", "deformable_conv2d")  # type: ignore[assignment]  # (of another length)
    inputs = (2, 3)

    offset_groups = Integer("groups of channels with their own offsets", 1, also=["deformable_groups"])

    examples = (  # type: ignore[assignment]  # (as above)
        Example({"out_channels": 5, "kernel_size": 3, "padding": 1}, [(4, 10, 10), (18, 10, 10), (9, 10, 10)],
                (5, 10, 10), 185, 18_000, "torchvision 0.28.0's DeformConv2d; MACs of the convolution by arithmetic"),
    )  # fmt: skip

    def constraints(self, x: Shape, *others: Shape) -> Iterator[Constraint]:
        yield from super().constraints(x)
        yield Constraint(self.offset_groups, DIVIDES, x.channels, "offset_groups", "channels of the input")
        taps = self.offset_groups * prod(per_axis(self.kernel_size, len(x.spatial)))
        rank, expected = len(x.spatial), self.output(x).spatial
        for name, given, channels in zip(("offset", "mask"), others, (rank * taps, taps), strict=False):
            if given.rank != x.rank:
                raise LayerError(f"the {name} has {given.rank} axes, but the map has {x.rank}")
            yield Constraint(given.channels, EQUAL, channels, f"channels of the {name}", "those the window needs")
            for size, other in zip(given.spatial, expected, strict=True):
                yield Constraint(size, EQUAL, other, f"size of the {name}", "that of the output")

    def output(self, x: Shape, *others: Shape) -> Shape:
        return super().output(x)

    def macs(self, output: Shape, x: Shape, *others: Shape) -> Dim:
        return super().macs(output, x)

    def saved(self, *inputs: Shape) -> str:
        return INPUTS  # torchvision's deform_conv2d saves map, offsets and mask

    def kept(self, output: Shape, x: Shape, *others: Shape) -> list[tuple[Dim, int]]:
        return []

    def looks(self, output: Shape, x: Shape, *others: Shape) -> list[Look]:
        here = {i: i for i in range(x.rank) if i != x.channel_axis}
        others_looks = [rearranged(i, other, here) for i, other in enumerate(others, start=1)]
        return [*super().looks(output, x), everything(0, x), *others_looks]  # the offsets may point anywhere


class GatherPatches(Layer):
    """Gather patches: the pixels of each patch concatenated along the channels; sizes are padded to whole patches.

    Like space_to_depth, but for any size of map, and with a pixel's channels together: the first step of Swin's patch
    merging.
    """

    kind = "gather_patches"
    saves = NOTHING

    patch_size = PerAxis("side of a patch", 2, also=["block_size"])

    examples = (
        Example({}, (56, 56, 96), (28, 28, 384), source="Swin-T's first patch merging, torchvision", layout="HWC"),
        Example({}, (7, 5, 96), (4, 3, 384), source="torchvision's _patch_merging_pad, run", layout="HWC"),
    )

    def output(self, x: Shape) -> Shape:
        patch = per_axis(self.patch_size, len(x.spatial))
        if len(patch) != len(x.spatial):
            raise LayerError(
                f"patch_size has {count_noun(len(patch), 'number')} for {len(x.spatial)} spatial axes",
                argument="patch_size",
            )
        sizes = tuple(ceil_div(size, side) for size, side in zip(x.spatial, patch, strict=True))
        return x.map_of(x.channels * prod(patch), sizes)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [windowed(0, x, [AxisDependence((range(n),), n) for n in per_axis(self.patch_size, len(x.spatial))])]


class ToTokens(Layer):
    """To tokens: a feature map as a sequence of its pixels, (height·width, channels), in either layout."""

    kind = "to_tokens"
    view = True
    saves = NOTHING
    also = ("map_to_tokens",)

    examples = (Example({}, (768, 14, 14), (196, 768), source="ViT-B/16, torchvision"),)

    def output(self, x: Shape) -> Shape:
        if x.rank < 2:
            raise LayerError("to_tokens needs channels and space, but its input has one axis")
        return x.plain(prod(x.spatial), x.channels)

    @property
    def axis_order(self) -> str:
        return CHANNELS_FIRST

    @property
    def axis_order_out(self) -> str:
        return FEATURES_LAST

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        order = {} if x.rank > 2 else {i: 0 for i in range(x.rank) if i != x.channel_axis}
        return [rearranged(0, x, {**order, x.channel_axis: 1})]


class ToMap(Layer):
    """To map: a sequence of tokens, (height·width, channels), as a feature map; the reverse of `to_tokens`.

    The second input is a feature map, whose spatial size the output has.
    """

    kind = "to_map"
    also = ("tokens_to_map",)
    view = True
    saves = NOTHING
    inputs = (2, 2)
    input_names = ("tokens", "map")

    examples = (
        Example({}, [(196, 768), (3, 14, 14)], (768, 14, 14), source="SegFormer's reshape and permute, transformers"),
    )

    def constraints(self, tokens: Shape, like: Shape) -> Iterator[Constraint]:
        need_rank(self.kind, tokens, 2, "a length and features")
        yield Constraint(tokens.sizes[-2], EQUAL, prod(like.spatial), "length of the tokens", "pixels of the map")

    def output(self, tokens: Shape, like: Shape) -> Shape:
        return like.map_of(tokens.sizes[-1], like.spatial)

    def looks(self, output: Shape, tokens: Shape, like: Shape) -> list[Look]:
        return [everything(0, tokens)]  # only the size of the map is used
