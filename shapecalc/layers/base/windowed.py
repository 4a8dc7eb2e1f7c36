"""What kinds with a sliding window share: convolutions, pools, the columns of im2col."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import DILATION, KERNEL, PADDING, STRIDE, Argument
from shapecalc.layers.base.dependence import ZEROS, Look, of_window, windowed
from shapecalc.layers.base.layer import Layer
from shapecalc.layers.base.per_axis import per_axis
from shapecalc.layers.base.window import FLOOR, WindowAxis, spatial_axes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from shapecalc.dims import Constraint
    from shapecalc.layers.base.shape import Shape

__all__ = ["LoneWindow", "Windowed"]

_ROLES = {"kernel_size": KERNEL, "stride": STRIDE, "padding": PADDING, "dilation": DILATION}
"""The roles of the arguments that define a window."""


class Windowed(Layer):
    """A layer that slides a window over the spatial axes of its input.

    A kind declares the arguments `kernel_size` and `stride`, and those of `padding`, `dilation`, `padding_mode` and
    `rounding` that it has: the others default to the values here. From them follow the window along each axis (`axes`),
    the constraints that it fits (`constraints`), and the positions that each output position depends on (`looks`).
    `slides` is whether the output has one position for each of the window's: `solve` then finds the arguments for an
    output size.
    """

    ranks: ClassVar[tuple[int, int | None] | None] = (1, 3)
    slides: ClassVar[bool] = True
    kernel_size: Any
    stride: Any
    padding: Any = 0
    dilation: Any = 1
    padding_mode: Any = ZEROS
    rounding: Any = FLOOR

    def __init_subclass__(cls, **rest: Any) -> None:
        for name, role in _ROLES.items():
            argument = cls.__dict__.get(name)
            if isinstance(argument, Argument):
                argument.role = role
        super().__init_subclass__(**rest)

    def axes(self, x: Shape) -> tuple[WindowAxis, ...]:
        """Return the window along each spatial axis."""
        return spatial_axes(self, x)

    def unstrided(self, rank: int) -> tuple[str, Layer] | None:
        """Return a stride of 1, with the padding that then keeps the size, as they are written, and that layer.

        None where the stride is not that of the window, as it is by default in a pool.
        """
        argument = self.arguments.get("stride")
        own = argument.default_from if argument else ""
        if argument is None or not own or self.stride != getattr(self, own) or self.padding not in (0, (0,) * rank):
            return None
        layer = cast("Windowed", self.with_values({"stride": argument.normalise(1)}))
        text, padded = layer.padded(rank) or ("", layer)
        return " and ".join(filter(None, ("stride: 1", text))), padded

    def padded(self, rank: int) -> tuple[str, Layer] | None:
        """Return the padding that makes up for the window, as it is written, and the layer with it.

        It is half of what the window reaches: at a stride of 1 and an odd window, the output is as large as the input.
        None for a layer that has a padding, or whose padding means something else.
        """
        argument = self.arguments.get("padding")
        if argument is None or self.padding not in (0, "valid", (0,) * rank):
            return None
        kernels, dilations = per_axis(self.kernel_size, rank), per_axis(self.dilation, rank)
        sides = [(kernel - 1) * dilation // 2 for kernel, dilation in zip(kernels, dilations, strict=False)]
        if not any(sides):
            return None
        value = sides[0] if len(set(sides)) == 1 else sides
        return f"padding: {value}", self.with_values({"padding": argument.normalise(value)})

    def constraints(self, *inputs: Any, **_: Any) -> Iterator[Constraint]:
        """Yield the constraints that the window fits along each axis of the first input."""
        for axis in self.axes(inputs[0]):
            fits = axis.constraint()
            if fits:
                yield fits

    def looks(self, output: Any, *inputs: Any, **_: Any) -> list[Look]:
        """Return the dependence of each output position on its window over the first input."""
        x = inputs[0]
        return [windowed(0, x, [of_window(axis, self.padding_mode) for axis in self.axes(x)])]


class LoneWindow(Windowed):
    """A layer with the size of its window as the argument that needs no name: a list alone may be meant by position.

    In PyTorch, MaxPool2d(3, 2) has a kernel of 3 and a stride of 2, and MaxPool2d((3, 2)) a kernel of 3×2.
    """

    _is_alone = False

    def under_words(self, words: Collection[str]) -> Layer:
        is_list = isinstance(self.kernel_size, tuple)
        return self.with_values({"_is_alone": True}) if is_list and not words else self

    def axes(self, x: Shape) -> tuple[WindowAxis, ...]:
        try:
            return super().axes(x)
        except LayerError as error:
            if error.argument == "kernel_size" and (by_position := self._by_position()):
                error.hint = f"by position that is {by_position}; otherwise {error.hint}"
            raise

    def doubt(self, x: Shape, *_: Shape) -> str:
        """Return a note on a list alone of unequal numbers: equal ones are the same window by position."""
        by_position = self._by_position() if len({*per_axis(self.kernel_size, 1)}) > 1 else ""
        if not by_position:
            return ""
        window, step = ("×".join(map(str, per_axis(size, len(x.spatial)))) for size in (self.kernel_size, self.stride))
        size = f"a window of {window}" + (f" and a stride of {step}" if step == window else "")
        return f"has {size}: write {by_position}, or {{kernel_size: {[*self.kernel_size]}}} if that is meant"

    def _by_position(self) -> str:
        """Return the list alone as the arguments of PyTorch's call, in order, as written; empty where it is not one."""
        numbers, names = self.kernel_size if self._is_alone else (), self.in_calls or ()
        if not 0 < len(numbers) <= len(names):
            return ""
        pairs = [*zip(names, numbers, strict=False)]
        try:
            for name, number in pairs:
                self.arguments[name].normalise(number)
        except LayerError:
            return ""
        return f"{{{', '.join(f'{name}: {number}' for name, number in pairs)}}}"
