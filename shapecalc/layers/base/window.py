"""The one sliding-window formula: for convolutions, pools, their transposes and their reverse (receptive fields).

Along one axis, a window of `kernel` taps, `dilation` apart, moves by `stride` over a padded input:

    reach  = dilation·(kernel − 1) + 1                      what one window covers
    output = ⌊(size + before + after − reach) / stride⌋ + 1   how many windows fit

Sources: Dumoulin & Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285; PyTorch's
`pooling_output_shape` for `ceil_mode`; Caffe's `PoolingLayer::Reshape` for its rounding; TensorFlow's notes on
padding for `same`; Keras' `compute_conv_transpose_output_shape` for transposed windows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import LESS, UP_TO, Constraint, Dim, ceil_div, exact_where, maximum, minimum
from shapecalc.errors import LayerError, Proposal, hint_of
from shapecalc.layers.base.ranks import AXIS_NAMES, each_axis, extent, wrong_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.layers.base.shape import Shape

__all__ = [
    "ANY",
    "CAFFE",
    "CEIL",
    "FLOOR",
    "HALF",
    "WINDOW",
    "WindowAxis",
    "output_constraint",
    "spatial_axes",
    "transposed_constraints",
    "transposed_size",
]

FLOOR = "floor"
CEIL = "ceil"
CAFFE = "caffe"

HALF = "half"
WINDOW = "window"
ANY = "any"


class WindowAxis(NamedTuple):
    """A window along one spatial axis: everything that the formula needs."""

    name: str
    size: Dim
    kernel: Dim
    stride: Dim = 1
    dilation: Dim = 1
    before: Dim = 0
    after: Dim = 0
    rounding: str = FLOOR
    same: bool = False
    layer: Any = None
    x: Shape | None = None

    @property
    def reach(self) -> Dim:
        """How much of the axis one window covers."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> Dim:
        """The size of the axis with its padding."""
        return self.size + self.before + self.after

    def output(self) -> Dim:
        """Return the number of positions of the window."""
        if self.same:
            return exact_where(ceil_div(self.size, self.stride), self._ends_of_same)
        span = self.padded - self.reach
        if self.rounding == FLOOR:
            return span // self.stride + 1
        # The last window must start inside the input or its left padding, which bounds what rounding up may add.
        rounded = ceil_div(span, self.stride) + 1
        bounded = minimum(rounded, ceil_div(self.size + self.before, self.stride))
        if self.rounding == CEIL:
            return exact_where(bounded, self._ends)
        caffe = rounded - minimum(self.before, 1) * (rounded - bounded)  # Caffe bounds it only if there is padding
        return exact_where(caffe, self._ends)

    def _ends(self, windows: Dim) -> tuple[Dim, Dim]:
        """Return where the last of these windows ends, and where it should: at the edge of the padded input."""
        return (windows - 1) * self.stride + self.reach, self.padded

    def _ends_of_same(self, windows: Dim) -> tuple[Dim, Dim]:
        """Return the same for `same` padding, which is exact only without a remainder of the stride."""
        return (windows - 1) * self.stride + minimum(self.reach, self.stride), self.size

    def same_padding(self) -> tuple[Dim, Dim]:
        """Return the padding before and after of `same`: an odd total has one more after."""
        total = maximum((ceil_div(self.size, self.stride) - 1) * self.stride + self.reach - self.size, 0)
        return total // 2, total - total // 2

    def constraint(self) -> Constraint | None:
        """Return the constraint for a window to fit; None if it always does."""
        if self.same:
            return None
        return Constraint(self.reach, UP_TO, self.allowed, "window", f"padded input {self.name}", self.error)

    @property
    def allowed(self) -> Dim:
        """The longest reach that fits: rounding up, the last window may go beyond the padded input."""
        return self.padded if self.rounding == FLOOR else self.padded + self.stride - 1

    def error(self) -> LayerError:
        """Return the error if the window does not fit, with hints."""
        axes = (self,) if self.layer is None or self.x is None else spatial_axes(self.layer, self.x)
        kernel, size = ("×".join(str(getattr(axis, name)) for axis in axes) for name in ("kernel", "size"))
        window, whole = (
            (f"{kernel} window", f"{size} input") if len(axes) > 1 else (f"window of {kernel}", f"input of {size}")
        )
        padding = f"2·{self.before}" if self.before == self.after else f"{self.before} + {self.after}"
        more = f" (rounding up allows {self.allowed})" if self.allowed > self.padded else ""
        proposals = tuple(_proposals(axes, self.layer))
        return LayerError(
            f"the {window} does not fit its {whole}",
            (
                (
                    f"the padded input is {self.size} + {padding} = {extent(self.padded, self.name)}{more}; "
                    f"kernel_size {self.kernel} with dilation {self.dilation} reaches {self.reach}"
                ),
            ),
            hint_of(proposals),
            "kernel_size",
            proposals=proposals,
            too_small=True,
        )

    def padding_constraint(self, limit: str) -> Constraint:
        """Return the limit of a pool's padding: at most half its kernel (HALF), or less than its kernel (WINDOW).

        PyTorch requires the former, Caffe (`PoolingLayer::LayerSetUp`) and ONNX Runtime (`pool_attributes.h`) the
        latter, so that no window contains only padding. All of them mean the kernel size without dilation.
        """
        padding = self.before if self.before is self.after else maximum(self.before, self.after)
        if limit == WINDOW:
            return Constraint(padding, LESS, self.kernel, "padding", "kernel_size", self._window_error)
        return Constraint(2 * padding, UP_TO, self.kernel, "2·padding", "kernel_size", self._half_error)

    def _half_error(self) -> LayerError:
        why = "this is PyTorch's limit; padding_limit: window allows any padding below kernel_size, as Caffe does"
        return self._too_much_padding(f"more than half of kernel_size {self.kernel}", why, self.kernel // 2)

    def _window_error(self) -> LayerError:
        why = "a window would contain only padding; padding_limit: any allows it"
        return self._too_much_padding(f"not less than kernel_size {self.kernel}", why, self.kernel - 1)

    def _too_much_padding(self, words: str, why: str, most: Dim) -> LayerError:
        return LayerError(
            f"padding {max(self.before, self.after)} is {words} along the {self.name}",
            (why,),
            f"padding at most {most} would fit",
            "padding",
            proposals=tuple(_changed("padding", None, [most], min, lowest=0)),
        )


def spatial_axes(layer: Any, x: Shape) -> tuple[WindowAxis, ...]:
    """Return the windows of a layer over the spatial axes of its input.

    The layer has `kernel_size`, `stride`, `padding` and perhaps `dilation` and `rounding`.
    Errors: `LayerError` if the input or an argument has another number of axes.
    """
    spatial = x.spatial
    rank = len(spatial)
    names = AXIS_NAMES.get(rank)
    if not names:
        raise wrong_rank(layer.kind, x)
    padding = layer.padding
    word = padding if isinstance(padding, str) else ""
    kernels, strides = each_axis(layer, "kernel_size", rank), each_axis(layer, "stride", rank)
    dilations = each_axis(layer, "dilation", rank)
    if word == "causal" and rank != 1:
        pairs = [[dilation * (kernel - 1), 0] for dilation, kernel in zip(dilations, kernels, strict=True)]
        raise LayerError(
            f"causal padding needs one spatial axis, but the input has {rank}",
            hint=f"padding: {pairs} is causal along each axis; padding: same, which pads both sides, is not",
            argument="padding",
        )
    paddings = (0,) * rank if word else each_axis(layer, "padding", rank)
    rounding = layer.rounding
    axes = []
    for i in range(rank):
        side = paddings[i]
        before, after = side if isinstance(side, tuple) else (side, side)
        if word == "causal":
            before = dilations[i] * (kernels[i] - 1)
        axes.append(
            WindowAxis(
                names[i],
                spatial[i],
                kernels[i],
                strides[i],
                dilations[i],
                before,
                after,
                rounding,
                word == "same",
                layer,
                x,
            )
        )
    return tuple(axes)


def _proposals(axes: tuple[WindowAxis, ...], layer: Any) -> Iterator[Proposal]:
    """Yield changes that make the windows of a layer fit along all axes."""
    if all(axis.before == axis.after for axis in axes):
        if all(axis.dilation > 1 and axis.kernel % 2 == axis.stride == 1 for axis in axes) and _equal_reach(axes):
            yield from _changed("padding", layer, [axis.reach // 2 for axis in axes], max)  # keeps the size
        needed = [max(0, -(-(axis.reach - axis.allowed) // 2) + axis.before) for axis in axes]
        yield from _changed("padding", layer, needed, max)
    room = [axis.allowed - 1 for axis in axes]
    if min(room) >= 0:
        yield from _changed(
            "kernel_size", layer, [r // axis.dilation + 1 for r, axis in zip(room, axes, strict=True)], min
        )
    if any(axis.dilation > 1 for axis in axes):
        most = [
            r // (axis.kernel - 1) if axis.kernel > 1 else axis.dilation for r, axis in zip(room, axes, strict=True)
        ]
        if min(most) >= 1:
            yield from _changed("dilation", layer, most, min)


def _equal_reach(axes: tuple[WindowAxis, ...]) -> bool:
    return all(axis.reach == axes[0].reach for axis in axes)


def _changed(
    name: str, layer: Any, bounds: list[Dim], choose: Callable[..., Dim], lowest: int = 1
) -> Iterator[Proposal]:
    """Yield the changes that set an argument to its bounds: one number for all axes, or a list where it is one."""
    value = getattr(layer, name, None)
    if isinstance(value, tuple):
        own = [side[0] if isinstance(side, tuple) else side for side in value]
        values = tuple(choose(pair) for pair in zip(own, bounds, strict=True))
        yield Proposal(f"{name}: {list(values)}", name, (values,))
        return
    bound = choose(bounds)
    if choose is min and bound > lowest:
        yield Proposal(f"{name} at most {bound}", name, (bound, lowest))
    yield Proposal(f"{name}: {bound}", name, (bound,))


def output_constraint(axis: WindowAxis, output: Dim) -> Constraint:
    """Return the constraint that a transposed window's output is not empty once its padding is cropped."""
    return Constraint(1, UP_TO, output, "", f"output {axis.name}", partial(_empty_output, axis, output))


def _empty_output(axis: WindowAxis, output: Dim) -> LayerError:
    """Return the error if padding crops all of a transposed window's output, with hints."""
    whole = output + axis.before + axis.after
    most = (whole - 1) // 2
    return LayerError(
        f"its output would be {extent(output, axis.name)}: every axis must be at least 1",
        (f"the windows cover {whole}, of which padding crops {axis.before} + {axis.after}",),
        proposals=tuple(_changed("padding", None, [most], min, lowest=0)),
        too_small=True,
    )


def transposed_size(axis: WindowAxis, output_padding: Dim, word: str = "") -> Dim:
    """Return the output size of a transposed window: the input size of the window that it undoes.

    With a padding word it is Keras': `same` is size·stride; `valid` leaves no gap where the stride is longer
    than the window.
    """
    if word == "same":
        return axis.size * axis.stride
    if word == "valid":
        return (axis.size - 1) * axis.stride + maximum(axis.reach, axis.stride)
    return (axis.size - 1) * axis.stride - axis.before - axis.after + axis.reach + output_padding


def transposed_constraints(axis: WindowAxis, output_padding: Dim) -> Iterator[Constraint]:
    """Yield the constraints of the output padding: less than the stride or the dilation."""
    limit = maximum(axis.stride, axis.dilation)
    yield Constraint(output_padding, LESS, limit, "output_padding", "the maximum of stride and dilation")
