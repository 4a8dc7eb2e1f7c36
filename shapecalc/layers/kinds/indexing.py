"""Elements along an axis: slices, those at given positions, and the largest. No parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import LESS, UP_TO, Constraint, ceil_div, maximum, minimum
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Choice, Flag, Integer
from shapecalc.layers.base.axis_numbers import AxisNumber, axis_index
from shapecalc.layers.base.dependence import Look, listed, rearranged, shifted
from shapecalc.layers.base.layer import INPUTS, NOTHING, Example, Layer
from shapecalc.layers.base.sizes import Integers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shapecalc.dims import Dim
    from shapecalc.layers.base.shape import Shape

GROUP = "reshapes"

__all__ = ["Gather", "Slice", "TopK"]

_FAR = 10**12
_INDEX_BITS = 64


class Slice(Layer):
    """Slice: the part of one axis from `start` up to, not with, `end`, every `step`-th; as slices in Python.

    Negative positions count from the end; a start before the axis means its start, an end beyond it means its end. A
    negative step goes backwards, as in ONNX' Slice: from the end by default, to the beginning; `step: -1` is a flip.
    """

    kind = "slice"
    mistaken: ClassVar[Mapping[str, str]] = {
        "index": "write start: 0, end: 1 for index 0, and `- squeeze: 1` after it for axis 1",
        "stop": "did you mean end?",
        "length": "write end: the position after the last",
    }
    saves = NOTHING
    also = ("narrow",)

    dim = AxisNumber("the axis: 1 is the first, -1 the last", channels=True, also=["axis"])
    start = Integer("the first position; 0 by default, the last of the axis if step is negative", None, minimum=-_FAR)
    end = Integer("the position after the last; the axis' end by default, its beginning if step is negative", None,
                  minimum=-_FAR)  # fmt: skip
    step = Integer("distance between the positions, not 0", 1, minimum=-_FAR)

    examples = (
        Example({"dim": 1, "start": 1}, (197, 768), (196, 768), source="PyTorch 2.13.0, run"),
        Example({"dim": 1, "start": -7, "end": -1, "step": 2}, (10, 4), (3, 4), source="PyTorch 2.13.0, run"),
        Example({"dim": -1, "end": 1}, (3, 5), (3, 1), source="PyTorch 2.13.0, run"),
        Example({"dim": 1, "start": -11}, (10, 4), (10, 4), source="PyTorch 2.13.0, run"),
        Example({"dim": 1, "start": 7, "end": -9, "step": -2}, (10, 4), (3, 4), source="ONNX 1.23.2, Slice, run"),
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if type(self.step) is int and self.step == 0:
            raise LayerError("step must not be 0", argument="step")
        self.__dict__["view"] = not self._is_backwards  # PyTorch has no views with a negative stride

    @property
    def _is_backwards(self) -> bool:
        return _is_from_end(self.step)

    def _bounds(self, size: Dim) -> tuple[Dim, Dim]:
        """Return the first position and that after the last, in the direction of the step."""
        if self._is_backwards:
            start = size - 1 if self.start is None else minimum(_position(self.start, size), size - 1)
            end = -1 if self.end is None else _position(self.end, size)
            return start, maximum(end, -1) if _is_from_end(self.end) else end
        start = 0 if self.start is None else _position(self.start, size)
        if _is_from_end(self.start):
            start = maximum(start, 0)
        return start, size if self.end is None else minimum(_position(self.end, size), size)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        start, end = self._bounds(x.sizes[axis_index(self.dim, x)])
        if self._is_backwards:
            yield Constraint(end, LESS, start, "end of a slice backwards", "its start")
        else:
            yield Constraint(start, LESS, end, "start of the slice", "its end")

    def _span(self, size: Dim) -> Dim:
        """Return the distance from the first position to that after the last."""
        start, end = self._bounds(size)
        if self._is_backwards:
            if type(end) is int and end == -1:
                return size if self.start is None else start + 1
            return start - end
        return end if type(start) is int and start == 0 else end - start

    def output(self, x: Shape) -> Shape:
        axis = axis_index(self.dim, x)
        span, step = self._span(x.sizes[axis]), -self.step if self._is_backwards else self.step
        return x.with_axis(axis, span if type(step) is int and step == 1 else ceil_div(span, step))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        axis = axis_index(self.dim, x)
        start, _ = self._bounds(x.sizes[axis])
        if self._is_backwards:
            along = listed(max(output.sizes[axis], 1), lambda at: start + at * self.step)
        else:
            along = shifted(start, step=self.step)
        return [rearranged(0, x, {i: i for i in range(x.rank)}, {axis: along})]


def _position(position: Dim, size: Dim) -> Dim:
    """Return a position counted from the beginning; a negative one is counted from the end."""
    return size + position if _is_from_end(position) else position


def _is_from_end(position: Dim) -> bool:
    return type(position) is int and position < 0


class Gather(Layer):
    """Gather: the elements of one axis at given positions: listed in `index`, or the values of a second input.

    With a list the axis has as many elements as the list (`torch.index_select`), and with one position and
    `keepdim: false` none (`torch.select`). The axes of a second input replace the axis, as in ONNX' Gather: a table
    (V, D) at positions (L) is (L, D). With `mode: elements` each element has its own position along the axis, and the
    output has the sizes of the second input: `torch.gather`, ONNX' GatherElements.
    """

    kind = "gather"
    saves = NOTHING
    also = ("index_select", "take")
    inputs = (1, 2)
    in_calls = ("dim", "index")

    index = Integers("the positions, from 0; negative ones from the end", None, minimum=-_FAR, also=["indices"])
    dim = AxisNumber("the axis: 1 is the first, -1 the last", 1, channels=True, also=["axis"], always=True)
    keepdim = Flag("keep the axis of a single position, with size 1", True, also=["keepdims"])
    mode = Choice(
        "what a second input has: positions of the axis, or one for each element", ("axis", "elements"), "axis"
    )

    examples = (
        Example({"index": [0, 2, -1]}, (5, 4), (3, 4), source="PyTorch 2.13.0, index_select, run"),
        Example({"index": 0, "keepdim": False}, (197, 768), (768,), source="ViT-B/16's class token, torchvision"),
        Example({"dim": 1}, [(30522, 768), (2, 128)], (2, 128, 768), source="ONNX 1.23.2, Gather, run"),
        Example({"dim": 1, "mode": "elements"}, [(5, 4), (2, 3)], (2, 3), source="PyTorch 2.13.0, torch.gather, run"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if not self.keepdim and self.index is not None and len(self.index) > 1:
            raise LayerError(
                f"index has {len(self.index)} positions: keepdim must be true",
                hint="leave keepdim out",
                argument="keepdim",
            )

    def constraints(self, x: Shape, *index: Shape) -> Iterator[Constraint]:
        if bool(index) == (self.index is not None):
            both = "both are" if index else "neither is"
            raise LayerError(
                f"gather needs index or a second input, and {both} given",
                hint="write index: [0, 2], or from: [x, positions]",
            )
        axis = axis_index(self.dim, x)
        if index and self.mode == "elements":
            yield from self._constraints_of_elements(axis, x, index[0])
        for position in self.index or ():
            if type(position) is int and position < 0:
                yield Constraint(-position, UP_TO, x.sizes[axis], "index from the end", "size of the axis")
            else:
                yield Constraint(position, LESS, x.sizes[axis], "index", "size of the axis")

    def _constraints_of_elements(self, axis: int, x: Shape, index: Shape) -> Iterator[Constraint]:
        if index.rank != x.rank:
            raise LayerError(
                f"gather of elements needs two inputs with as many axes, but they are {x.text} and {index.text}",
                hint="with mode: axis, the second input may have any number of axes",
                argument="mode",
            )
        for i, (own, size) in enumerate(zip(index.sizes, x.sizes, strict=True)):
            if i != axis:
                yield Constraint(own, UP_TO, size, "size of input 2", "size of input 1")

    def output(self, x: Shape, *index: Shape) -> Shape:
        axis = axis_index(self.dim, x)
        if index and self.mode == "elements":
            return x._replace(sizes=index[0].sizes)
        if not index and self.keepdim:
            return x.with_axis(axis, len(self.index))
        sizes = index[0].sizes if index else ()
        if len(sizes) == 1:
            return x.with_axis(axis, sizes[0])
        return x.plain(*x.sizes[:axis], *sizes, *x.sizes[axis + 1 :])

    def saved(self, x: Shape, *index: Shape) -> str:
        return INPUTS if index and self.mode == "elements" else NOTHING

    def kept(self, output: Shape, x: Shape, *index: Shape) -> list[tuple[Dim, int]]:
        return [(index[0].elements, _INDEX_BITS)] if index and self.mode == "axis" else []

    def looks(self, output: Shape, x: Shape, *index: Shape) -> list[Look]:
        axis = axis_index(self.dim, x)
        added = index[0].rank - 1 if index and self.mode == "axis" else 0
        order = {i: i + (added if i > axis else 0) for i in range(x.rank) if i != axis}
        if index:
            moved = axis if self.mode == "axis" else 0
            return [rearranged(0, x, order), rearranged(1, index[0], {i: moved + i for i in range(index[0].rank)})]
        positions = [at % x.sizes[axis] for at in self.index]
        by = {axis: listed(len(positions), positions.__getitem__)}
        if self.keepdim:
            return [rearranged(0, x, {**order, axis: axis}, by)]
        return [rearranged(0, x, {**{i: k - (k > axis) for i, k in order.items()}, axis: -1}, by)]


class TopK(Layer):
    """Top k: the k largest elements along an axis, and their positions: two outputs (`top_k1[0]`, `top_k1[1]`)."""

    kind = "top_k"
    saves = NOTHING

    k = Integer("number of elements")
    dim = AxisNumber("the axis: 1 is the first, -1 the last", -1, channels=True, also=["axis"], always=True)
    largest = Flag("the largest elements; false: the smallest", True)
    sorted = Flag("in order of size; changes no size", True)

    examples = (
        Example({"k": 2}, (5, 8), [(5, 2), (5, 2)], source="Mixtral's router: 2 of 8 experts, transformers 5.24"),
        Example({"k": 3, "axis": 1}, (5, 8), [(3, 8), (3, 8)], source="ONNX 1.23.2, TopK, run"),
    )

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        yield Constraint(self.k, UP_TO, x.sizes[axis_index(self.dim, x)], "k", "size of the axis")

    def output(self, x: Shape) -> Any:
        values = x.with_axis(axis_index(self.dim, x), self.k)
        return values, values

    def kept(self, output: Any, x: Shape) -> list[tuple[Dim, int]]:
        return [(output[0].elements, _INDEX_BITS)]

    def looks(self, output: Any, x: Shape) -> list[Look]:
        axis = axis_index(self.dim, x)
        return [rearranged(0, x, {i: i for i in range(x.rank) if i != axis})]
