"""Feature maps read or written at positions that are data: grids, regions, indices; and the boxes of detectors."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.dims import EQUAL, UP_TO, Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import KERNEL, PADDING, STRIDE, Choice, Flag, Integer, Number
from shapecalc.layers.base.dependence import Look, everything, rearranged, transposed, windowed
from shapecalc.layers.base.layer import NOTHING, Example, Layer
from shapecalc.layers.base.per_axis import PerAxis
from shapecalc.layers.base.ranks import each_axis
from shapecalc.layers.base.sizes import NumberList
from shapecalc.layers.base.window import WindowAxis, output_constraint, transposed_size
from shapecalc.layers.base.windowed import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "reshapes"

__all__ = ["GridSample", "MaxUnpool", "PriorBox", "RoiAlign"]

_FLOAT_BITS = 32


class GridSample(Layer):
    """Grid sample: reads a feature map at the positions of a second input, a grid; as PyTorch's `F.grid_sample`.

    The grid is (height, width, 2) in either layout, with the spatial size of the output and a pair of coordinates for
    each position; (depth, height, width, 3) for a map with three spatial axes.
    """

    kind = "grid_sample"
    also = ("grid_sampler",)
    inputs = (2, 2)
    ranks = (2, 3)

    mode = Choice("how values between pixels are interpolated", ("bilinear", "nearest", "bicubic"), "bilinear")
    padding_mode = Choice("values outside the map", ("zeros", "border", "reflection"), "zeros")
    align_corners = Flag("whether -1 and 1 are the centres of the pixels at the corners", False)

    examples = (
        Example({}, [(3, 20, 30), (8, 9, 2)], (3, 8, 9), source="PyTorch 2.13.0, run"),
        Example({}, [(3, 5, 20, 30), (4, 8, 9, 3)], (3, 4, 8, 9), source="ONNX 1.23.2, GridSample, run"),
    )  # fmt: skip

    def constraints(self, x: Shape, grid: Shape) -> Iterator[Constraint]:
        if grid.rank != x.rank:
            raise LayerError(
                f"the grid has {grid.rank} axes, but the map has {x.rank}: it needs as many",
                ("the axes of a grid are the spatial ones of the output, and one of coordinates",),
            )
        if self.mode == "bicubic" and len(x.spatial) == 3:
            raise LayerError("bicubic sampling needs 2 spatial axes, but the map has 3", argument="mode")
        rank, error = len(x.spatial), partial(_coordinates_first, x, grid)
        wrong = error if type(grid.sizes[0]) is int and grid.sizes[0] == rank else None
        yield Constraint(grid.sizes[-1], EQUAL, rank, "last axis of the grid", "spatial axes of the map", wrong)

    def output(self, x: Shape, grid: Shape) -> Shape:
        return x.map_of(x.channels, grid.sizes[:-1])

    def looks(self, output: Shape, x: Shape, grid: Shape) -> list[Look]:
        spatial = [i for i in range(output.rank) if i != output.channel_axis]
        return [everything(0, x), rearranged(1, grid, dict(enumerate(spatial)))]


def _coordinates_first(x: Shape, grid: Shape) -> LayerError:
    order = [*range(2, grid.rank + 1), 1]
    return LayerError(
        f"the last axis of the grid is {grid.sizes[-1]}, but the coordinates of a position are {len(x.spatial)}",
        (f"the grid is {grid.text}: its coordinates are its first axis",),
        f"add permute: {order} before it",
    )


class RoiAlign(Layer):
    """RoI align: reads each box of a second input, (boxes, 4), as a small feature map: (boxes, channels, 7, 7).

    As torchvision's `roi_align`, with the boxes of one image; the sizes of `roi_pool` (Fast R-CNN) are the same. Layers
    after it that flatten a box begin at its channels: `flatten: {start_dim: 2}`, then `linear`.
    """

    kind = "roi_align"
    group = "pools"
    also = ("roi_pool", "roi_pooling")
    inputs = (2, 2)
    input_names = ("map", "boxes")
    ranks = (2, 2)
    saves = NOTHING
    in_calls = ("output_size", "spatial_scale")

    output_size = PerAxis("spatial size of each box in the output")
    spatial_scale = Number("size of the map as a part of that of the boxes' image", 1.0, minimum=0)
    sampling_ratio = Integer("points along each axis of an output position; -1: by the box", -1, minimum=-1)
    aligned = Flag("shift the boxes by half a pixel", False)

    examples = (
        Example({"output_size": 7}, [(256, 50, 68), (1000, 4)], (1000, 256, 7, 7), source="ONNX 1.23.2, RoiAlign, run"),
    )  # fmt: skip

    def constraints(self, x: Shape, boxes: Shape) -> Iterator[Constraint]:
        if boxes.rank != 2:
            raise LayerError(f"roi_align needs its boxes as (boxes, 4), but its second input is {boxes.text}")
        each_axis(self, "output_size", len(x.spatial))
        yield Constraint(boxes.sizes[1], EQUAL, 4, "numbers of a box", "its corners' coordinates")

    def output(self, x: Shape, boxes: Shape) -> Shape:
        return x.plain(boxes.sizes[0], *x.map_of(x.channels, each_axis(self, "output_size", 2)).sizes)

    def kept(self, output: Shape, x: Shape, boxes: Shape) -> list[tuple[Dim, int]]:
        return [(boxes.elements, _FLOAT_BITS)]  # torchvision keeps the boxes

    def looks(self, output: Shape, x: Shape, boxes: Shape) -> list[Look]:
        channels = {x.channel_axis: x.channel_axis + 1}
        return [rearranged(0, x, channels), rearranged(1, boxes, {0: 0})]


class MaxUnpool(Windowed):
    """Max unpooling: returns each element to the position of its maximum in a max pooling, with zeros elsewhere.

    The second input is the positions: the second output of a `max_pool` with `return_indices`. As PyTorch's
    `MaxUnpool2d`, in SegNet. The backward pass needs the indices alone, which the pooling keeps.
    """

    kind = "max_unpool"
    also = ("max_unpool1d", "max_unpool2d", "max_unpool3d", "max_unpooling")
    inputs = (2, 2)
    slides = False
    saves = NOTHING
    in_calls = ("kernel_size", "stride", "padding")

    kernel_size = PerAxis("size of the window of the pooling", symbol="k", role=KERNEL)
    stride = PerAxis("step of the window; its size by default", None, also=["strides"], symbol="s",
                     default_from="kernel_size", role=STRIDE)  # fmt: skip
    padding = PerAxis("border around the input of the pooling", 0, minimum=0, symbol="p", role=PADDING)
    output_size = PerAxis("spatial size of the output: that of the input of the pooling", None)

    examples = (
        Example({"kernel_size": 2}, [(64, 56, 56), (64, 56, 56)], (64, 112, 112), source="PyTorch 2.13.0, run"),
        Example({"kernel_size": 3, "stride": 2, "output_size": [8, 7]}, [(5, 3, 3), (5, 3, 3)], (5, 8, 7),
                source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def constraints(self, x: Shape, indices: Shape) -> Iterator[Constraint]:
        if indices.rank != x.rank:
            raise LayerError(f"the indices have {indices.rank} axes, but the input has {x.rank}")
        for own, size in zip(indices.sizes, x.sizes, strict=True):
            yield Constraint(own, EQUAL, size, "size of the indices", "that of the input")
        for axis, size in zip(self.axes(x), self._sizes(x), strict=True):
            yield output_constraint(axis, size)
            if self.output_size is not None:
                usual = transposed_size(axis, 0)
                yield Constraint(usual - axis.stride + 1, UP_TO, size, f"minimum output {axis.name}", "output_size")
                yield Constraint(size, UP_TO, usual + axis.stride - 1, "output_size", f"maximum output {axis.name}")

    def _sizes(self, x: Shape) -> tuple[Dim, ...]:
        axes: tuple[WindowAxis, ...] = self.axes(x)
        if self.output_size is not None:
            return each_axis(self, "output_size", len(axes))
        return tuple([transposed_size(axis, 0) for axis in axes])

    def output(self, x: Shape, indices: Shape) -> Shape:
        return x.map_of(x.channels, self._sizes(x))

    def looks(self, output: Any, x: Shape, indices: Shape) -> list[Look]:
        """Return for each position the windows that contain it: an element returns to its own window."""
        axes = [transposed(axis.kernel, axis.stride, 1, axis.before) for axis in self.axes(x)]
        return [windowed(i, given, axes) for i, given in enumerate((x, indices))]


class PriorBox(Layer):
    """Prior boxes of a detector at each position of a feature map: (2, positions·boxes·4), as Caffe's in SSD.

    The first row has the corners of the boxes, the second their variances. They depend on the sizes of the map, and of
    the image as a second input, not on their values; nothing is learned.
    """

    kind = "prior_box"
    also = ("default_box",)
    inputs = (1, 2)
    ranks = (2, 2)
    saves = NOTHING

    min_size = NumberList("sides of the smaller square boxes, in pixels of the image", minimum=0)
    max_size = NumberList("for each min_size the side that the larger square box is derived from", None, minimum=0)
    aspect_ratio = NumberList("further ratios of width to height, in addition to 1", None, minimum=0)
    flip = Flag("the inverse of each ratio too", True)
    step = Number("pixels of the image between two positions; 0: from the sizes", 0, minimum=0)
    offset = Number("position of a centre within a step", 0.5)

    examples = (
        Example({"min_size": 30, "max_size": 60, "aspect_ratio": 2}, [(512, 38, 38), (3, 300, 300)], (2, 23_104),
                source="SSD300's conv4_3_norm_mbox_priorbox, Liu et al. 2016: 4 boxes for each position"),
        Example({"min_size": 60, "max_size": 111, "aspect_ratio": [2, 3]}, [(1024, 19, 19), (3, 300, 300)], (2, 8_664),
                source="SSD300's fc7_mbox_priorbox, Liu et al. 2016: 6 boxes for each position"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.max_size is not None and len(self.max_size) != len(self.min_size):
            raise LayerError(
                f"max_size has {len(self.max_size)} numbers, but min_size has {len(self.min_size)}",
                hint="give one max_size for each min_size, or none",
                argument="max_size",
            )

    @property
    def _boxes(self) -> int:
        """How many boxes there are at each position: one for each ratio and min_size, and one for each max_size."""
        ratios = [1.0]
        for ratio in self.aspect_ratio or ():
            if all(abs(ratio - known) >= _SAME_RATIO for known in ratios):
                ratios += [ratio, 1 / ratio] if self.flip and ratio else [ratio]
        return len(ratios) * len(self.min_size) + len(self.max_size or ())

    def output(self, x: Shape, *_: Shape) -> Shape:
        return x.plain(2, prod(x.spatial) * (self._boxes * 4))

    def looks(self, output: Shape, x: Shape, *_: Shape) -> list[Look]:
        return []


_SAME_RATIO = 1e-6
