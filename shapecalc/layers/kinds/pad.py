"""Padding and cropping of the spatial axes; `pad` pads any axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import LESS, UP_TO, Constraint, Dim, minimum
from shapecalc.errors import LayerError, count_noun
from shapecalc.layers.base.arguments import CROPPING, MAX_SIZE, PADDING, Choice, Number
from shapecalc.layers.base.axis_numbers import CHANNELS, AxisNumbers, axis_index, once
from shapecalc.layers.base.dependence import ZEROS, AxisDependence, Look, rearranged, shifted, windowed
from shapecalc.layers.base.layer import DERIVED, NOTHING, Example, Layer
from shapecalc.layers.base.per_axis import Padding, PerAxis, sides_of
from shapecalc.layers.base.ranks import axis_names, each_axis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.shape import Shape

GROUP = "reshapes"

__all__ = ["CircularPad", "Crop", "Pad", "ReflectionPad", "ReplicationPad"]

_MODES = ("zeros", "constant", "reflect", "replicate", "circular")


class _Side(NamedTuple):
    """An axis that is padded or cropped: its name, index and size, and how much at its start and at its end."""

    name: str
    axis: int
    size: Dim
    before: Dim
    after: Dim


def _sides(layer: Any, name: str, x: Shape) -> list[_Side]:
    """Return the spatial axes, with the padding or cropping of each."""
    axes = axis_names(layer.kind, x)
    value = getattr(layer, name)
    if isinstance(value, tuple) and not isinstance(value[0], tuple):
        if len(axes) == 1 and len(value) == 2:
            value = (value,)  # PyTorch and Keras both write the start and end of one axis this way
        elif len(value) == 2 * len(axes):
            pairs = [[value[i], value[i + 1]] for i in range(len(value) - 2, -1, -2)]
            raise LayerError(
                f"{name} has {len(value)} numbers, but the input has {len(axes)} spatial axes ({', '.join(axes)})",
                ("PyTorch writes a start and an end for each axis, the last axis first",),
                f"write it as pairs, the first axis first: {name}: {pairs}",
                name,
            )
    if isinstance(value, tuple) and len(value) != len(axes):
        each_axis(layer, name, len(axes))
    first = 0 if x.channels_last else 1
    return _paired(value, [(axis, first + i) for i, axis in enumerate(axes)], x)


def _paired(value: Any, axes: Sequence[tuple[str, int]], x: Shape) -> list[_Side]:
    """Return axes by name and index, each with its part of the value for its start and its end."""
    sides = sides_of(value, len(axes))
    return [_Side(name, i, x.sizes[i], *side) for (name, i), side in zip(axes, sides, strict=True)]


def _moved(side: _Side, mode: str) -> AxisDependence:
    """Return what the positions of a padded or cropped axis depend on."""
    return shifted(-side.before, mode, cropped=(max(-side.before, 0), max(-side.after, 0)))


class _Pad(Layer):
    """What padding layers share: elements added around the spatial axes."""

    ranks = (1, 3)
    saves = NOTHING
    mode: Any

    padding = Padding(
        "elements added on each side: a number, one for each spatial axis, or [before, after] pairs",
        minimum=-MAX_SIZE,
        symbol="p",
        always=True,
        role=PADDING,
    )

    def sides(self, x: Shape) -> list[_Side]:
        """Return the axes that are padded, and how much at the start and end of each."""
        return _sides(self, "padding", x)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        for name, _, size, before, after in self.sides(x):
            kept = size + minimum(before, 0) + minimum(after, 0)
            if self.mode in ("zeros", "constant"):
                yield Constraint(0, UP_TO, kept, "", f"{name} of the input less the cropping")
            yield Constraint(1, UP_TO, size + before + after, "", f"{name} of the output")
            for side in (before, after):
                if self.mode == "reflect":
                    yield Constraint(side, LESS, size, "padding in mode reflect", f"{name} of the input")
                elif self.mode == "circular":
                    yield Constraint(side, UP_TO, kept, "padding in mode circular", f"{name} of the input that is left")

    def output(self, x: Shape) -> Shape:
        sizes = {side.axis: side.size + side.before + side.after for side in self.sides(x)}
        padded = x._replace(sizes=tuple([sizes.get(i, size) for i, size in enumerate(x.sizes)]))
        return padded._replace(is_map=True) if self.expected_ranks() else padded

    def saved(self, x: Shape) -> str:
        return DERIVED if self.mode in ("reflect", "replicate") else NOTHING

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        mode = ZEROS if self.mode == "constant" else self.mode
        return [windowed(0, x, [_moved(side, mode) for side in self.sides(x)])]


class Pad(_Pad):
    """Padding of the spatial axes with zeros or elements of the input; negative padding crops.

    `dim` names other axes in place of the spatial ones, in any tensor: the channels (shortcut A of He et al. 2015), the
    length of a sequence. Padding is then one number for all of them, one for each, or a [before, after] pair for each.
    """

    kind = "pad"
    also = ("zero_pad", "zero_pad1d", "zero_pad2d", "zero_pad3d", "zero_padding", "zero_padding1d", "zero_padding2d",
            "zero_padding3d", "constant_pad", "constant_pad1d", "constant_pad2d", "constant_pad3d",
            "padding")  # fmt: skip

    mode = Choice("values of the padding", _MODES, "zeros")
    value = Number("the value of the padding, in mode constant", 0)
    dim = AxisNumbers("the axes that are padded, in place of the spatial ones; or channels", None, channels=True,
                      also=["dims", "axis", "axes"])  # fmt: skip

    examples = (
        Example({"padding": [2, 1]}, (5, 3), (8, 3), source="Keras 3.15.1, run", layout="HWC"),
        Example({"padding": [[1, -1], [2, 3]]}, (3, 8, 10), (3, 8, 15), source="by definition"),
        Example({"padding": [[0, 1], [0, 1]]}, (32, 112, 112), (32, 113, 113),
                source="Keras Applications, MobileNet's padding before a stride"),
        Example({"padding": [[8, 8]], "dim": "channels"}, (16, 16, 16), (32, 16, 16),
                source="ResNet-20 on CIFAR-10, He et al. 2015, section 4.2: shortcut A where 16 channels become 32"),
        Example({"padding": [[0, 2], [1, 0]], "dim": [1, -1]}, (4, 5, 6), (6, 5, 7), source="PyTorch 2.13.0, F.pad"),
    )  # fmt: skip

    def expected_ranks(self) -> tuple[int, int | None] | None:
        """Return the minimum and maximum number of spatial axes of the input: any, where the axes are named."""
        return None if self.dim is not None and not self.name_used else super().expected_ranks()

    def sides(self, x: Shape) -> list[_Side]:
        if self.dim is None:
            return super().sides(x)
        dims = (CHANNELS,) if self.dim == CHANNELS else self.dim
        axes = [(f"axis {dim}" if dim != CHANNELS else "channels", axis_index(dim, x)) for dim in dims]
        once("dim", [axis for _, axis in axes])
        value = self.padding
        if isinstance(value, tuple) and len(value) != len(axes):
            raise LayerError(
                f"padding has {count_noun(len(value), 'number')}, but dim names {len(axes)} "
                f"{'axis' if len(axes) == 1 else 'axes'}",
                hint="give one number for all axes of dim, one for each, or a [before, after] pair for each",
                argument="padding",
            )
        return _paired(value, axes, x)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        if self.dim is None:
            return super().looks(output, x)
        mode = ZEROS if self.mode == "constant" else self.mode
        dependences = {side.axis: _moved(side, mode) for side in self.sides(x)}
        return [rearranged(0, x, {i: i for i in range(x.rank)}, dependences)]


class ReflectionPad(_Pad):
    """Padding with the input reflected at its edge; the edge is not repeated."""

    kind = "reflection_pad"
    also = ("reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "reflect_pad")
    mode = Choice("values of the padding", ("reflect",), "reflect")
    examples = (Example({"padding": 3}, (3, 256, 256), (3, 262, 262), source="CycleGAN's generator, first layer"),)


class ReplicationPad(_Pad):
    """Padding that repeats the edge of the input."""

    kind = "replication_pad"
    also = ("replication_pad1d", "replication_pad2d", "replication_pad3d", "replicate_pad")
    mode = Choice("values of the padding", ("replicate",), "replicate")
    examples = (Example({"padding": 2}, (3, 3, 3), (3, 7, 7), source="PyTorch's docs of ReplicationPad2d"),)


class CircularPad(_Pad):
    """Padding with the values of the opposite edge (wrap around)."""

    kind = "circular_pad"
    also = ("circular_pad1d", "circular_pad2d", "circular_pad3d")
    mode = Choice("values of the padding", ("circular",), "circular")
    examples = (Example({"padding": 2}, (1, 3, 3), (1, 7, 7), source="PyTorch's docs of CircularPad2d"),)


class Crop(Layer):
    """Cropping of the spatial axes: by the same or different amounts on each side, or to a size in the centre."""

    kind = "crop"
    in_calls = ()  # Cropping2D(2) is a border, CenterCrop(224) a size
    ranks = (1, 3)
    view = True
    saves = NOTHING
    also = ("cropping", "cropping1d", "cropping2d", "cropping3d", "center_crop", "centre_crop")

    cropping = Padding("elements cropped on each side: one number, one for each spatial axis, or [before, after] pairs",
                       None, role=CROPPING)  # fmt: skip
    size = PerAxis("spatial size of the output, cropped in the centre", None)

    examples = (
        Example({"size": 56}, (512, 64, 64), (512, 56, 56),
                source="Ronneberger et al. 2015, figure 1: U-Net's deepest crop"),
        Example({"cropping": [[2, 2], [4, 4]]}, (28, 28, 3), (24, 20, 3), layout="HWC",
                source="Keras' docs of Cropping2D"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if (self.cropping is None) == (self.size is None):
            both = "both are" if self.size is not None else "neither is"
            raise LayerError(f"it needs cropping or size, and {both} given", hint="give one of the two")

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        if self.size is not None:
            names = axis_names(self.kind, x)
            for name, size, left in zip(names, x.spatial, each_axis(self, "size", len(names)), strict=True):
                yield Constraint(left, UP_TO, size, "size", f"{name} of the input")
            return
        for name, _, size, before, after in _sides(self, "cropping", x):
            yield Constraint(before + after, LESS, size, "cropping", f"{name} of the input")

    def output(self, x: Shape) -> Shape:
        if self.size is not None:
            return x.map_of(x.channels, each_axis(self, "size", len(x.spatial)))
        sides = _sides(self, "cropping", x)
        return x.map_of(x.channels, tuple(side.size - side.before - side.after for side in sides))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        if self.size is not None:
            starts = [(size - left) // 2 for size, left in zip(x.spatial, output.spatial, strict=True)]
        else:
            starts = [side.before for side in _sides(self, "cropping", x)]
        return [windowed(0, x, [shifted(start) for start in starts])]
