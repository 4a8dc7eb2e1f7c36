"""Layers that only rearrange elements: flatten, reshape, permute and the like.

Axes are named by number, the batch's being 0 (see `axis_numbers`); sizes are without the batch axis. A result with
three or more axes counts as a feature map, in the layout of the network; one whose channels were moved does not.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.dims import DIVIDES, EQUAL, Constraint, Dim, prod
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers, axis_index, axis_of, once
from shapecalc.layers.base.dependence import Look, rearranged, reshaped
from shapecalc.layers.base.layer import NOTHING, Example, Layer
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "reshapes"

__all__ = ["Flatten", "Permute", "Reshape", "Squeeze", "Transpose", "Unflatten", "Unsqueeze"]


def _arranged(x: Shape, sizes: tuple[Dim, ...]) -> Shape:
    return Shape(sizes, x.channels_last, is_map=len(sizes) > 2)


def _is_inferred(size: Dim) -> bool:
    """Return whether a size of a list is the literal -1, which stands for the size that is inferred."""
    return type(size) is int and size == -1


def _check_inferred(layer: Any, name: str) -> None:
    found = sum(_is_inferred(size) for size in getattr(layer, name))
    if found > 1:
        raise LayerError(f"{name} has {found} sizes of -1, but only one size can be inferred", argument=name)


def _fill(sizes: tuple[Dim, ...], elements: Dim) -> tuple[Dim, ...]:
    """Return the sizes with -1 replaced by the size inferred from the number of elements."""
    known = prod(size for size in sizes if not _is_inferred(size))
    return tuple(elements // known if _is_inferred(size) else size for size in sizes)


def _begins_with_batch(sizes: tuple[Dim, ...]) -> bool:
    """Return whether sizes are those of `x.view(-1, 3136)`, whose -1 is the batch."""
    return len(sizes) == 2 and _is_inferred(sizes[0])


def _fill_constraint(sizes: tuple[Dim, ...], elements: Dim, name: str, whole: str) -> Constraint:
    known = [size for size in sizes if not _is_inferred(size)]
    if len(known) < len(sizes):
        what = f"product of the known sizes of {name}"

        def indivisible() -> LayerError:
            message = f"{what} (={prod(known)}) must divide {whole} (={elements})"
            was_batch = _begins_with_batch(sizes) and name == "shape"
            hint = f"write shape: [-1] for all {elements} elements of one sample: the batch axis, its -1, is left out"
            return LayerError(message, hint=hint if was_batch else "")

        return Constraint(prod(known), DIVIDES, elements, what, whole, indivisible)
    what = f"product of {name}"

    def error() -> LayerError:
        message = f"{what} (={prod(known)}) must equal {whole} (={elements})"
        return LayerError(message, hint="write -1 for one of the sizes to infer it")

    return Constraint(prod(known), EQUAL, elements, what, whole, error)


def _is_aligned(row: int, x: Shape) -> bool:
    """Return whether rows of so many elements are whole axes, or parts of one: heads, or anchors of a position."""
    inner = 1
    for axis in range(x.rank - 1, -1, -1):
        outer = inner * x.sizes[axis]
        if row <= outer:
            is_group = x.is_map and axis == x.channel_axis and inner < row < outer  # several channels in one row
            return row % inner == 0 and outer % row == 0 and not (is_group and not x.channels_last)
        inner = outer
    return False


class _Rearranged(Layer):
    """What these kinds share: the same elements along other axes."""

    view = True
    saves = NOTHING

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [reshaped(0, x, output)]


class Flatten(_Rearranged):
    """Flatten: merges several axes into one; all of them by default."""

    kind = "flatten"
    in_calls = ("start_dim", "end_dim")

    start_dim = AxisNumber("the first axis that is flattened", 1)
    end_dim = AxisNumber("the last axis that is flattened", -1)

    examples = (
        Example({}, (4, 5, 3), (60,), source="Keras 3.15.1, run", layout="HWC"),
        Example({"start_dim": 2}, (768, 14, 14), (768, 196), source="PyTorch's docs of Flatten"),
    )  # fmt: skip

    def _makes_an_axis(self, x: Shape) -> bool:
        """Return whether a scalar becomes one feature, as in Keras."""
        return not x.sizes and (self.start_dim, self.end_dim) == (1, -1)

    def _span(self, x: Shape) -> tuple[int, int]:
        return axis_of(self.start_dim, x.rank, "start_dim"), axis_of(self.end_dim, x.rank, "end_dim") + 1

    def constraints(self, x: Shape) -> tuple[Constraint, ...]:
        if self._makes_an_axis(x):
            return ()
        start, stop = self._span(x)
        if start >= stop:
            raise LayerError(f"start_dim {self.start_dim} comes after end_dim {self.end_dim}", argument="start_dim")
        return ()

    def output(self, x: Shape) -> Shape:
        if self._makes_an_axis(x):
            return x.plain(1)
        start, stop = self._span(x)
        return _arranged(x, (*x.sizes[:start], prod(x.sizes[start:stop]), *x.sizes[stop:]))


class Reshape(_Rearranged):
    """Reshape: the same elements, in the same order, under other sizes."""

    kind = "reshape"
    also = ("view",)

    shape = Sizes("sizes of the output, without the batch axis; one may be -1; [] for a scalar", inferred=True,
                  scalar=True, also=["target_shape"])  # fmt: skip

    examples = (
        Example({"shape": [2, -1, 6]}, (3, 4, 7), (2, 7, 6), source="PyTorch 2.13.0, run"),
        Example({"shape": "4x4x1024"}, (16384,), (4, 4, 1024), source="Radford et al. 2015, DCGAN", layout="HWC"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        _check_inferred(self, "shape")
        yield _fill_constraint(self.shape, x.elements, "shape", "elements of the input")

    def output(self, x: Shape) -> Shape:
        return _arranged(x, _fill(self.shape, x.elements))

    def otherwise(self, *_: Shape) -> dict[str, Any]:
        return {"shape": [-1]} if _begins_with_batch(self.shape) else {}

    def doubt(self, x: Shape) -> str:
        first, *others = self.shape or (0,)
        if x.is_map and first == 1 and len(others) == 1 and _is_inferred(others[0]):
            return f"outputs {self.output(x).text}: sizes are without the batch axis, its 1; write `- flatten`"
        if not others or not _is_inferred(first):
            return ""
        if _fill(self.shape, x.elements)[0] != 1:
            return self._on_rows(x, prod(others))
        kept = ", ".join(map(str, others))
        flat = ", or write `- flatten`" if len(others) == 1 else ""
        text = self.output(x).text
        return f"outputs {text}: sizes are without the batch axis, so that its -1 is 1; leave it out: [{kept}]{flat}"

    def _on_rows(self, x: Shape, row: int) -> str:
        """Return the note on rows that begin and end within positions or channels: their number was the batch."""
        if len(self.shape) > 2 or x.rank < 3 or _is_aligned(row, x):
            return ""
        return (
            f"cuts each sample, {x.text} = {x.elements:,} elements, to rows of {row:,}: sizes are without the batch "
            f"axis, so that its -1 is not the batch; write `- flatten` for all {x.elements:,}"
        )


class Unflatten(_Rearranged):
    """Unflatten: splits one axis into several."""

    kind = "unflatten"

    dim = AxisNumber("the axis that is split up")
    unflattened_size = Sizes("the sizes that it is split into; one may be -1", inferred=True, also=["sizes"])

    examples = (
        Example({"dim": 1, "unflattened_size": [2, 3]}, (6, 5), (2, 3, 5), source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        _check_inferred(self, "unflattened_size")
        size = x.sizes[axis_index(self.dim, x)]
        yield _fill_constraint(self.unflattened_size, size, "unflattened_size", f"size of axis {self.dim}")

    def output(self, x: Shape) -> Shape:
        axis = axis_index(self.dim, x)
        return _arranged(x, (*x.sizes[:axis], *_fill(self.unflattened_size, x.sizes[axis]), *x.sizes[axis + 1 :]))


def _permuted(x: Shape, order: tuple[int, ...]) -> Shape:
    """Return the shape with its axes in another order: a feature map only while its channel axis stays where it is."""
    stays = x.is_map and bool(order) and order[x.channel_axis] == x.channel_axis
    return Shape(tuple(x.sizes[i] for i in order), x.channels_last, is_map=stays)


class Permute(_Rearranged):
    """Permute: reorders the axes."""

    kind = "permute"

    dims = AxisNumbers("the axes in their new order; the batch's 0 in front may be written or left out")

    examples = (
        Example({"dims": [0, 2, 3, 1]}, (3, 4, 5), (4, 5, 3), source="PyTorch 2.13.0, run"),
        Example({"dims": [2, 1]}, (10, 64), (64, 10), source="Keras' docs of Permute"),
    )  # fmt: skip

    def _order(self, x: Shape) -> tuple[int, ...]:
        dims = self.dims[1:] if self.dims[0] == 0 else self.dims
        from_zero = sorted(self.dims) == list(range(x.rank))
        hint = f"write dims: {[dim + 1 for dim in self.dims]}: axes are counted from 1, as 0 is the batch's"
        moves_batch = sorted(self.dims) == list(range(x.rank + 1))
        if moves_batch:
            hint = f"write dims: {[dim for dim in self.dims if dim]}: sizes are without the batch axis, number 0"
        order = tuple([axis_of(dim, x.rank, "dims", hint if from_zero or moves_batch else "") for dim in dims])
        if sorted(order) != list(range(x.rank)):
            raise LayerError(
                f"dims {list(self.dims)} is not a permutation of the {x.rank} axes of its input",
                hint=hint if from_zero else f"it must have each of 1 to {x.rank} once",
                argument="dims",
            )
        return order

    def constraints(self, x: Shape) -> tuple[Constraint, ...]:
        self._order(x)
        return ()

    def output(self, x: Shape) -> Shape:
        return _permuted(x, self._order(x))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {axis: k for k, axis in enumerate(self._order(x))})]


class Transpose(_Rearranged):
    """Transpose: swaps two axes."""

    kind = "transpose"
    also = ("swapaxes",)

    dim0 = AxisNumber("the first axis")
    dim1 = AxisNumber("the second axis")

    examples = (
        Example({"dim0": 1, "dim1": -1}, (3, 4, 5), (5, 4, 3), source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def _order(self, x: Shape) -> tuple[int, ...]:
        one, other = axis_of(self.dim0, x.rank, "dim0"), axis_of(self.dim1, x.rank, "dim1")
        order = list(range(x.rank))
        order[one], order[other] = other, one
        return tuple(order)

    def output(self, x: Shape) -> Shape:
        return _permuted(x, self._order(x))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {axis: k for k, axis in enumerate(self._order(x))})]


_NO_BATCH = "leave the layer out: sizes are without the batch axis"


class Squeeze(_Rearranged):
    """Squeeze: removes axes of size 1. They must be named, so that the output's rank does not depend on sizes."""

    kind = "squeeze"
    on_batch_axis = _NO_BATCH

    dim = AxisNumbers("the axes to remove", also=["axis"])

    examples = (
        Example({"dim": [2, 3]}, (512, 1, 1), (512,), source="PyTorch's docs of squeeze"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        once("dim", [axis_of(dim, x.rank, at_batch=self.on_batch_axis) for dim in self.dim])
        for dim in self.dim:
            due = Constraint(x.sizes[axis_of(dim, x.rank)], EQUAL, 1, f"size of axis {dim}", "")
            yield due._replace(own_error=partial(_unmet, due, dim))

    def output(self, x: Shape) -> Shape:
        gone = {axis_of(dim, x.rank) for dim in self.dim}
        return _arranged(x, tuple(size for i, size in enumerate(x.sizes) if i not in gone))


def _unmet(due: Constraint, dim: int) -> LayerError:
    slice_ = Insertion(f"slice: {{dim: {dim}, end: 1}}")
    return LayerError(
        due.error().message,
        ("PyTorch leaves an axis of another size as it is",),
        lambda place: f"remove it; or, for the first position of that axis, {place(slice_)}",
    )


class Unsqueeze(_Rearranged):
    """Unsqueeze: inserts an axis of size 1."""

    kind = "unsqueeze"
    also = ("expand_dims",)
    on_batch_axis = _NO_BATCH

    dim = AxisNumber("index of the new axis", also=["axis"])

    examples = (
        Example({"dim": -1}, (3,), (3, 1), source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def output(self, x: Shape) -> Shape:
        axis = axis_of(self.dim, x.rank + 1, at_batch=self.on_batch_axis, of="output")
        return _arranged(x, (*x.sizes[:axis], 1, *x.sizes[axis:]))
