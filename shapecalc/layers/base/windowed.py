"""What kinds with a sliding window share: convolutions, pools, the columns of im2col."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.layers.base.arguments import DILATION, KERNEL, PADDING, STRIDE, Argument
from shapecalc.layers.base.dependence import ZEROS, Look, of_window, windowed
from shapecalc.layers.base.layer import Layer
from shapecalc.layers.base.window import FLOOR, WindowAxis, spatial_axes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.dims import Constraint
    from shapecalc.layers.base.shape import Shape

__all__ = ["Windowed"]

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
