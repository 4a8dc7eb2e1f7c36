"""Splitting, stacking, repeating and rolling of tensors. No parameters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.dims import BROADCASTS, EQUAL, UP_TO, Constraint, Dim, ceil_div, plain_of
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Count, Integer
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers, axis_index, axis_of
from shapecalc.layers.base.dependence import CIRCULAR, Look, aligned, rearranged, shifted
from shapecalc.layers.base.layer import NOTHING, Example, Layer
from shapecalc.layers.base.sizes import Integers, Sizes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "others"

__all__ = ["Chunk", "Expand", "RepeatVector", "Roll", "Split", "Stack", "Tile"]

_FAR = 10**12


class _Cut(Layer):
    """What cuts an axis: the first where none is named, although the features of a sequence may be meant."""

    view = True
    saves = NOTHING
    dim: Any
    _names_axis = False

    def under_words(self, words: Collection[str]) -> Layer:
        names = self.argument_names()
        return self.with_values({"_names_axis": True}) if any(names.get(word) == "dim" for word in words) else self

    def otherwise(self, *inputs: Shape) -> dict[str, Any]:
        return {} if inputs[0].is_map or self._names_axis else {"dim": -1}

    def looks(self, output: Any, x: Shape) -> list[Look]:
        axis = axis_index(self.dim, x)
        return [rearranged(0, x, {i: i for i in range(x.rank) if i != axis})]


class Split(_Cut):
    """Split: cuts one axis into pieces of given sizes, each an output (`split1[0]`, `split1[1]`).

    As PyTorch's `torch.split`: one number is the size of every piece, of which the last may be smaller; the sum of a
    list of sizes must be the size of the axis. For a number of equal pieces use `chunk`.
    """

    kind = "split"
    in_calls = ("sizes", "dim")

    sizes = Integers(
        "the size of each piece; one number: of all pieces",
        minimum=1,
        also=["split_size", "split_sizes", "split_size_or_sections"],
    )
    dim = AxisNumber("the axis that is cut", 1, channels=True, also=["axis"], always=True)

    examples = (
        Example({"sizes": [2, 3, 2]}, (7, 4), [(2, 4), (3, 4), (2, 4)], source="PyTorch 2.13.0, run"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        size = x.sizes[axis_index(self.dim, x)]
        if len(self.sizes) > 1:
            due = Constraint(sum(self.sizes), EQUAL, size, "sum of the sizes", "the axis")
            yield due._replace(own_error=partial(self._unmet, due, size))

    def otherwise(self, *inputs: Shape) -> dict[str, Any]:
        (x,) = inputs
        size, pieces = x.sizes[axis_index(self.dim, x)], self.sizes[0]
        equal = {"sizes": size // pieces} if len(self.sizes) == 1 and size % pieces == 0 else {}
        return {**super().otherwise(x), **equal}

    def output(self, x: Shape) -> Any:
        axis = axis_index(self.dim, x)
        return tuple(x.with_axis(axis, size) for size in self._pieces(x.sizes[axis]))

    def _unmet(self, due: Constraint, size: Dim) -> LayerError:
        """Return the error of sizes with another sum: one more piece, or a last one of another size, fits."""
        sizes, before = [*self.sizes], sum(self.sizes[:-1])
        left = size - sum(sizes)
        more = [[*sizes, left]] if left > 0 else []
        found = [*more, *([[*sizes[:-1], size - before]] if size > before else [])]
        hint = " or ".join(f"sizes: {each}" for each in found)
        return LayerError(due.error().message, hint=f"{hint} would fit" if hint else "")

    def _pieces(self, size: Dim) -> tuple[Dim, ...]:
        """Return the size of every piece; the number of pieces of one size is that of these numbers."""
        piece, *others = self.sizes
        if others:
            return tuple(self.sizes)
        count = plain_of(
            ceil_div(size, piece), "the number of pieces of split", "give the size of each: sizes: [16, 16]"
        )
        if count > Count.most:
            raise LayerError(f"it has {count:,} pieces: the maximum is {Count.most:,}", argument="sizes")
        return (*(piece,) * (count - 1), size - (count - 1) * piece if count > 1 else size)


class Chunk(_Cut):
    """Chunk: cuts one axis into a number of equal pieces, each an output (`chunk1[0]`, `chunk1[1]`).

    If the axis is not divisible, the last piece is smaller, as in PyTorch; if PyTorch would return fewer pieces than
    `chunks`, it is an error.
    """

    kind = "chunk"
    in_calls = ("chunks", "dim")

    chunks = Count("number of pieces")
    dim = AxisNumber("the axis that is cut", 1, channels=True, also=["axis"], always=True)

    examples = (
        Example({"chunks": 2}, (58, 28, 28), [(29, 28, 28), (29, 28, 28)], source="ShuffleNet v2 ×0.5's, torchvision"),
        Example({"chunks": 3, "dim": -1}, (4, 7), [(4, 3), (4, 3), (4, 1)], source="PyTorch 2.13.0, run"),
    )

    def _pieces(self, size: Dim) -> tuple[Dim, Dim]:
        """Return the size of every piece but the last, and that of the last."""
        piece = ceil_div(size, self.chunks)
        return piece, size - (self.chunks - 1) * piece if self.chunks > 1 else size

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        size = x.sizes[axis_index(self.dim, x)]
        _, last = self._pieces(size)

        def error() -> LayerError:
            return LayerError(
                f"an axis of {size} does not split into {self.chunks} pieces",
                (f"each piece would be {ceil_div(size, self.chunks)}, and the last one empty",),
                "use fewer chunks, or split with sizes",
                "chunks",
            )

        yield Constraint(1, UP_TO, last, "1", "the last piece", error)

    def doubt(self, x: Shape) -> str:
        size = x.sizes[axis_index(self.dim, x)]
        if self._names_axis or size % self.chunks == 0:
            return ""
        piece, last = self._pieces(size)
        features = x.sizes[-1]
        is_other = bool(self.otherwise(x)) and features % self.chunks == 0
        other = f"; dim: -1 cuts the features, to pieces of {features // self.chunks}" if is_other else ""
        return f"has pieces of {piece} and {last}: {size} is not divisible by {self.chunks}{other}"

    def output(self, x: Shape) -> Any:
        axis = axis_index(self.dim, x)
        piece, last = self._pieces(x.sizes[axis])
        return (*(x.with_axis(axis, piece) for _ in range(self.chunks - 1)), x.with_axis(axis, last))


class Stack(Layer):
    """Stack: joins inputs of one size along a new axis."""

    kind = "stack"
    saves = NOTHING
    inputs = (1, None)
    branches = True

    dim = AxisNumber("index of the new axis: 1 is the first, -1 the last", 1, also=["axis"], always=True)

    examples = (
        Example({"dim": 1}, [(3, 4), (3, 4)], (2, 3, 4), source="PyTorch 2.13.0, run"),
        Example({"dim": -1}, [(3, 4), (3, 4), (3, 4)], (3, 4, 3), source="PyTorch 2.13.0, run"),
    )

    def constraints(self, x: Shape, *others: Shape) -> Iterator[Constraint]:
        for number, other in enumerate(others, start=2):
            if other.rank != x.rank:
                raise LayerError(f"stack needs inputs of one size, but they have {x.rank} and {other.rank} axes")
            for a, b in zip(x.sizes, other.sizes, strict=True):
                yield Constraint(b, EQUAL, a, f"an axis of input {number}", "that of the first input")

    def output(self, x: Shape, *others: Shape) -> Shape:
        at = axis_of(self.dim, x.rank + 1, of="output")
        return x.plain(*x.sizes[:at], 1 + len(others), *x.sizes[at:])

    def looks(self, output: Shape, *inputs: Shape) -> list[Look]:
        at = axis_of(self.dim, output.rank)
        order = {k: k + (k >= at) for k in range(output.rank - 1)}
        return [rearranged(i, x, order) for i, x in enumerate(inputs)]


class Expand(Layer):
    """Expand: broadcasts axes of size 1 to the given sizes, without copying; as PyTorch's `expand`.

    The sizes are without the batch axis; -1 keeps an axis, and further axes may be added in front.
    """

    kind = "expand"
    view = True
    saves = NOTHING
    also = ("broadcast_to",)

    sizes = Sizes("the size of every axis; -1 keeps it", inferred=True, also=["size"])

    examples = (
        Example({"sizes": [3, 4]}, (3, 1), (3, 4), source="PyTorch 2.13.0, run"),
        Example({"sizes": [2, -1, 4]}, (3, 1), (2, 3, 4), source="PyTorch 2.13.0, run"),
    )

    def _added(self, x: Shape) -> int:
        added = len(self.sizes) - x.rank
        if added < 0 or any(_kept(size) for size in self.sizes[:added]):
            raise LayerError(
                f"sizes has {len(self.sizes)} entries for an input of {x.rank} axes",
                hint="give one for each axis; only axes that the input has may be -1",
                argument="sizes",
            )
        return added

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        for size, wanted in zip(x.sizes, self.sizes[self._added(x) :], strict=True):
            if not _kept(wanted):
                yield Constraint(size, BROADCASTS, wanted, "an axis of the input", "the size wanted")

    def output(self, x: Shape) -> Shape:
        added = self._added(x)
        pairs = zip(x.sizes, self.sizes[added:], strict=True)
        sizes = (*self.sizes[:added], *(size if _kept(wanted) else wanted for size, wanted in pairs))
        return x.plain(*sizes) if added else x._replace(sizes=sizes)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [aligned(0, x, output)]


def _kept(size: Dim) -> bool:
    return type(size) is int and size == -1


class Tile(Layer):
    """Tile: repeats the input along each axis; PyTorch's `repeat` and `tile`.

    `dims` is without the batch axis; more entries than axes add axes in front, fewer leave the first axes alone.
    """

    kind = "tile"
    saves = NOTHING

    dims = Integers("number of repeats along each axis", minimum=1, also=["repeats", "multiples"])

    examples = (
        Example({"dims": [2, 3]}, (3, 4), (6, 12), source="PyTorch 2.13.0, run"),
        Example({"dims": [5, 1, 2]}, (3, 4), (5, 3, 8), source="PyTorch 2.13.0, run"),
    )

    def output(self, x: Shape) -> Shape:
        added = max(len(self.dims) - x.rank, 0)
        times = (*(1,) * (x.rank - len(self.dims)), *self.dims)
        sizes = (*times[:added], *(size * n for size, n in zip(x.sizes, times[added:], strict=True)))
        return x.plain(*sizes) if added else x._replace(sizes=sizes)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        order = {i: i + output.rank - x.rank for i in range(x.rank)}
        return [rearranged(0, x, order, dict.fromkeys(order, shifted(0, CIRCULAR)))]


class RepeatVector(Layer):
    """Repeat vector: repeats the input n times along a new first axis, as in Keras, for sequence decoders."""

    kind = "repeat_vector"
    saves = NOTHING

    n = Integer("number of repeats")

    examples = (Example({"n": 4}, (7,), (4, 7), source="Keras 3.15.1, run"),)

    def output(self, x: Shape) -> Shape:
        return x.plain(self.n, *x.sizes)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [rearranged(0, x, {i: i + 1 for i in range(x.rank)})]


class Roll(Layer):
    """Roll: shifts elements along axes; those shifted out re-enter at the other end. No size changes."""

    kind = "roll"
    saves = NOTHING
    also = ("shift", "cyclic_shift", "window_shift")

    shifts = Integers("shift along each axis", minimum=-_FAR)
    dims = AxisNumbers("the axes: 1 is the first, -1 the last", also=["dim", "axis"])

    examples = (
        Example({"shifts": [-3, -3], "dims": [1, 2]}, (56, 56, 96), (56, 56, 96), source="Swin-T, torchvision"),
    )  # fmt: skip

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        if len(self.shifts) != len(self.dims):
            raise LayerError(
                f"shifts has {len(self.shifts)} entries and dims has {len(self.dims)}", hint="give one for each axis"
            )
        for dim in self.dims:
            axis_of(dim, x.rank, "dims")
        yield from ()

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        pairs = zip(self.dims, self.shifts, strict=True)
        dependences = {axis_of(dim, x.rank, "dims"): shifted(-by, CIRCULAR) for dim, by in pairs}
        return [rearranged(0, x, {i: i for i in range(x.rank)}, dependences)]
