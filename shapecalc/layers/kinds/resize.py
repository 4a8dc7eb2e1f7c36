"""Changes of resolution without weights: resizing and pixel shuffling; and channel shuffling."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.dims import DIVIDES, Constraint, Dim, prod, scaled
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import GROUPS, Choice, Flag, Integer
from shapecalc.layers.base.dependence import AxisDependence, Look, adaptive, aligned, repeated, resized, windowed
from shapecalc.layers.base.layer import NOTHING, Example, Layer, normalise_word
from shapecalc.layers.base.per_axis import Factors, PerAxis, per_axis
from shapecalc.layers.base.ranks import axis_names, each_axis, ranks_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.shape import Shape

GROUP = "reshapes"

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle", "UpSampling", "Upsample"]

_MODES = ("nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact", "lanczos3", "lanczos5")
_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3, "lanczos3": 2, "lanczos5": 2}
"""The spatial axes that a mode interpolates over (PyTorch, Keras); the others work over any number."""

_TO_A_SIZE = ("interpolate", "resize")
"""Names under which a number alone is the size: those of functions whose first argument is the size."""

_LARGEST = 8
"""A number alone that is larger is probably the size: as in nn.Upsample(14)."""

_REACHES = {"linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}
"""How many positions along an axis a resized element depends on, by mode; one in any other."""


def _check_mode(argument: str, mode: str, axes: tuple[str, ...]) -> None:
    """Check that a mode interpolates over as many spatial axes as there are. Errors: `LayerError`."""
    rank = _RANKS.get(mode, len(axes))
    if rank != len(axes):
        linear = next(word for word, number in _RANKS.items() if number == len(axes))
        raise LayerError(
            f"{argument} {mode} interpolates over {ranks_text((rank, rank))}, but the input has {len(axes)} "
            f"({', '.join(axes)})",
            hint=f"use {argument}: {linear}, or nearest",
            argument=argument,
        )


def _seen(size: int, output: int, mode: str, times: Fraction | None = None, *, corners: bool = False) -> AxisDependence:
    """Return what the positions of an axis depend on that is resized in a mode."""
    if mode == "area":
        return adaptive(size, output)
    return resized(size, output, _REACHES.get(mode, 1), times, is_centred=mode == "nearest-exact", corners=corners)


class Upsample(Layer):
    """Resizing of the spatial axes by a factor or to a size: up, or down with a factor below 1.

    `mode` and `align_corners` change no size. Mode linear is for 1 spatial axis, bilinear and bicubic are for 2 and
    trilinear for 3; nearest, nearest-exact and area are for any number. With a second input and neither size nor
    factor, to the spatial size of that: `from: [small, large]`. A size computed from a factor is rounded down, as
    PyTorch does; Keras' layer, which has whole factors, is `up_sampling`. One number alone is the factor: `upsample: 2`
    doubles the axes. (In the call nn.Upsample(2) it is the size: `{size: 2}`.) Under the names `interpolate` and
    `resize` it is the size: `interpolate: 64`.
    """

    kind = "upsample"
    in_calls = ("size", "scale_factor")
    ranks = (1, 3)
    inputs = (1, 2)
    saves = NOTHING
    also = ("interpolate", "resize", "upsampling_nearest2d", "upsampling_bilinear2d")

    scale_factor = Factors("how many times as large; the size is rounded down", None, symbol="r")
    size = PerAxis("spatial size of the output", None)
    mode = Choice("interpolation mode", _MODES, "nearest", also=["interpolation"])
    _is_named = True
    align_corners = Flag("align the corner pixels of input and output; changes no size", None)

    examples = (
        Example({"scale_factor": 2}, (64, 28, 28), (64, 56, 56), source="PyTorch 2.13.0, run"),
        Example({"scale_factor": [2, 3.0]}, (3, 7, 9), (3, 14, 27), source="PyTorch 2.13.0, run"),
        Example({"size": [5, 8], "mode": "bilinear"}, (3, 7, 9), (3, 5, 8), source="PyTorch 2.13.0, run"),
        Example({}, [(64, 7, 7), (3, 28, 30)], (64, 28, 30), source="as F.interpolate(x, size=y.shape[-2:]) does"),
        Example({"scale_factor": 0.5}, (3, 7, 9), (3, 3, 4), source="PyTorch's docs of Upsample: ⌊size·factor⌋"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.align_corners is not None and self.mode in ("nearest", "area", "nearest-exact"):
            raise LayerError(
                f"align_corners has no effect in mode {self.mode}, which does not interpolate",
                hint="leave it out, or give mode: linear (sequence), bilinear or bicubic (image), trilinear (volume)",
                argument="align_corners",
            )

    @classmethod
    def first_argument(cls, word: str = "") -> Argument | None:
        """Return the argument of a value alone: of F.interpolate(x, 64) and Resize(64) it is the size."""
        return cls.arguments["size"] if normalise_word(word) in _TO_A_SIZE else super().first_argument()

    def under_name(self, word: str) -> Layer:
        """Return the layer as made under a name of its kind: `UpsamplingBilinear2d` implies its mode, as in PyTorch."""
        named = super().under_name(word)
        is_bilinear = "bilinear" in word.lower() and self.mode == "nearest"
        return named.with_values({"mode": "bilinear", "align_corners": True}) if is_bilinear else named

    def under_words(self, words: Collection[str]) -> Layer:
        return self if words else self.with_values({"_is_named": False})

    def doubt(self, *_: Shape) -> str:
        """Return a note on a large factor that is written alone; a small one is hardly a size."""
        factor = self.scale_factor
        factors = per_axis(factor or 0, 1)
        if self._is_named or max(factors) <= _LARGEST:
            return ""
        times = " and ".join(map(str, dict.fromkeys(factors)))
        shown = [*factor] if isinstance(factor, tuple) else factor
        size = f"for an output of that size write {{size: {shown}}}, as nn.Upsample has it"
        return f"enlarges its input {times} times; {size}"

    def constraints(self, x: Shape, *like: Shape) -> tuple[Constraint, ...]:
        given_sizes = [
            words for words, given in (("scale_factor", self.scale_factor), ("size", self.size)) if given is not None
        ]
        given_sizes += ["a second input"] * len(like)
        if len(given_sizes) != 1:
            found = " and ".join(given_sizes) if given_sizes else "none"
            raise LayerError(f"it needs one of scale_factor, size and a second input, and is given {found}")
        axes = axis_names(self.kind, x)
        _check_mode("mode", self.mode, axes)
        rank = len(axes)
        if like and len(like[0].spatial) != rank:
            raise LayerError(f"its inputs have {rank} and {len(like[0].spatial)} spatial axes")
        if not like:
            each_axis(self, given_sizes[0], rank)
        return ()

    def output(self, x: Shape, *like: Shape) -> Shape:
        if like:
            return x.map_of(x.channels, like[0].spatial)
        if self.scale_factor is None:
            return x.map_of(x.channels, each_axis(self, "size", len(x.spatial)))
        factors = each_axis(self, "scale_factor", len(x.spatial))
        return x.map_of(x.channels, tuple(scaled(size, r) for size, r in zip(x.spatial, factors, strict=True)))

    def looks(self, output: Shape, x: Shape, *like: Shape) -> list[Look]:
        factors: list[Fraction | None] = [None] * len(x.spatial)
        if self.scale_factor is not None:
            factors = [Fraction(str(factor)) for factor in each_axis(self, "scale_factor", len(x.spatial))]
        axes = zip(x.spatial, output.spatial, factors, strict=True)
        corners = bool(self.align_corners)
        return [windowed(0, x, [_seen(n, m, self.mode, times, corners=corners) for n, m, times in axes])]


class UpSampling(Layer):
    """Upsampling by whole factors, as in Keras, where `size` is the factor."""

    kind = "up_sampling"
    ranks = (1, 3)
    saves = NOTHING
    also = ("up_sampling1d", "up_sampling2d", "up_sampling3d")

    size = PerAxis("how many times as large", 2, symbol="r", always=True)
    interpolation = Choice("interpolation mode", _MODES, "nearest")

    examples = (
        Example({"size": [1, 2]}, (2, 2, 3), (2, 4, 3), layout="HWC", source="Keras' docs of UpSampling2D"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> tuple[Constraint, ...]:
        axes = axis_names(self.kind, x)
        _check_mode("interpolation", self.interpolation, axes)
        each_axis(self, "size", len(axes))
        return ()

    def output(self, x: Shape) -> Shape:
        factors = each_axis(self, "size", len(x.spatial))
        return x.map_of(x.channels, tuple(size * r for size, r in zip(x.spatial, factors, strict=True)))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        axes = zip(x.spatial, output.spatial, strict=True)
        return [windowed(0, x, [_seen(n, m, self.interpolation) for n, m in axes])]


def _power(number: Dim, rank: int) -> Dim:
    return prod((number,) * rank)


def _undivided(name: str, factor: int, power: int, size: tuple[str, int], common: int, due: Shape) -> LayerError:
    """Return the error of a size that the power of a factor does not divide, with a hint that changes something.

    It is the nearest factor from 2 on whose power divides `common`; if there is none, `due`, an input that would fit.
    """
    most = min(math.isqrt(common) if power == 2 else common, _MOST_TRIED)
    fitting = [r for r in range(2, most + 1) if common % r**power == 0]
    nearest = min(fitting, key=lambda r: abs(r - factor), default=0)
    message = f"{'·'.join([name] * power)} (={factor**power}) must divide {size[0]} (={size[1]})"
    return LayerError(message, hint=f"{name}: {nearest} would fit" if nearest else f"an input of {due.text} would fit")


def _nearest_multiple(size: int, factor: int) -> int:
    return max(factor, (size + factor // 2) // factor * factor)


_MOST_TRIED = 4096


class PixelShuffle(Layer):
    """Pixel shuffle: rearranges r·r channels into one of r times the resolution along each spatial axis."""

    kind = "pixel_shuffle"
    ranks = (2, 2)
    saves = NOTHING
    also = ("depth_to_space", "sub_pixel_conv")

    upscale_factor = Integer("how many times the resolution", also=["block_size"], symbol="r")

    examples = (
        Example({"upscale_factor": 3}, (9, 4, 4), (1, 12, 12), source="PyTorch's docs of PixelShuffle"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        rank = len(axis_names(self.kind, x))
        name, channels = "·".join(["upscale_factor"] * rank), "channels of the input"
        power = _power(self.upscale_factor, rank)
        error = partial(self._undivided, x, rank, channels)
        yield Constraint(power, DIVIDES, x.channels, name, channels, error)

    def _undivided(self, x: Shape, rank: int, channels: str) -> LayerError:
        due = x.map_of(_nearest_multiple(x.channels, self.upscale_factor**rank), x.spatial)
        return _undivided("upscale_factor", self.upscale_factor, rank, (channels, x.channels), x.channels, due)

    def output(self, x: Shape) -> Shape:
        r = self.upscale_factor
        return x.map_of(x.channels // _power(r, len(x.spatial)), tuple(size * r for size in x.spatial))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [windowed(0, x, [repeated(self.upscale_factor)] * len(x.spatial))]


class PixelUnshuffle(Layer):
    """Pixel unshuffle: rearranges each block of r·r pixels into one pixel of r·r times the channels."""

    kind = "pixel_unshuffle"
    ranks = (2, 2)
    saves = NOTHING
    also = ("space_to_depth", "focus")

    downscale_factor = Integer("how many times less resolution", also=["block_size"], symbol="r")

    examples = (
        Example({"downscale_factor": 3}, (1, 12, 12), (9, 4, 4), source="PyTorch's docs of PixelUnshuffle"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        for axis, size in zip(axis_names(self.kind, x), x.spatial, strict=True):
            name, error = f"{axis} of the input", partial(self._undivided, x, axis, size)
            yield Constraint(self.downscale_factor, DIVIDES, size, "downscale_factor", name, error)

    def _undivided(self, x: Shape, axis: str, size: int) -> LayerError:
        r = self.downscale_factor
        due = x.map_of(x.channels, tuple(_nearest_multiple(n, r) for n in x.spatial))
        return _undivided("downscale_factor", r, 1, (f"{axis} of the input", size), math.gcd(*x.spatial), due)

    def output(self, x: Shape) -> Shape:
        r = self.downscale_factor
        return x.map_of(x.channels * _power(r, len(x.spatial)), tuple(size // r for size in x.spatial))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        r = self.downscale_factor
        return [windowed(0, x, [AxisDependence((range(r),), r)] * len(x.spatial))]


class ChannelShuffle(Layer):
    """Channel shuffle: rearranges the channels across groups. No size changes."""

    kind = "channel_shuffle"
    ranks = (1, None)
    saves = NOTHING

    groups = Integer("number of groups of channels", symbol="g", role=GROUPS)

    examples = (
        Example({"groups": 2}, (116, 28, 28), (116, 28, 28), source="torchvision's ShuffleNet V2 ×1.0, stage 2"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield Constraint(self.groups, DIVIDES, x.channels, "groups", "channels of the input")

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [aligned(0, x, output)]
