"""The variants of a part of a grid, computed together: as columns where possible, one by one elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.dims import UP_TO, Constraint, holds, prod
from shapecalc.dims.columns import ColumnNumber, Ledger, NeedsValueError, array_of, mask
from shapecalc.errors import ShapeError, UsageError
from shapecalc.layers.base.arguments import Integer
from shapecalc.layers.base.sizes import Integers, Sizes
from shapecalc.model.generic_inference import GenericReport, infer_generic
from shapecalc.model.graph import Graph
from shapecalc.model.inference import MAX_ELEMENTS, sizings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shapecalc.errors import Problem
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.origin import Origin
    from shapecalc.model.rows import Sizing, Totals
    from shapecalc.questions.memory.totals import Live
    from shapecalc.questions.sweep.axes import Ranges, SweepGrid

__all__ = ["COUNTS", "Cells"]

COUNTS = ("params", "active_params", "macs", "buffers", "activations", "memory")
"""The counts of every variant."""

Results = dict[Any, Any]
"""Arrays over the variants of a part: every count, `valid`, and the size of each (output, axis)."""

_WRITTEN_IN_FULL = (Integer, Integers, Sizes)


class Cells:
    """Computes parts of a grid of variants of one network; detects which axes change its structure.

    `origin` builds the network.
    """

    is_stopped = False
    """Set in a process whose sweep was cancelled: its work ends in a `StoppedError`."""

    def __init__(self, origin: Origin, grid: SweepGrid) -> None:
        self.origin = origin
        self.grid = grid
        self.slow = {i for i, axis in enumerate(grid.axes) if not (axis.is_numeric and grid.in_one_pass)}
        self._planned: tuple[Any, Live] | None = None

    def work_out(self, ranges: Ranges) -> Results:
        """Return the results of all the variants of a part, in their order."""
        shape = tuple(last - first for first, last in ranges)
        results: Results = {"valid": np.zeros(shape, dtype=bool)}
        results.update((name, np.zeros(shape, dtype=np.int64)) for name in COUNTS)
        self._fill(results, ranges, ranges)
        return {key: array.reshape(-1) for key, array in results.items()}

    def _fill(self, results: Results, ranges: Ranges, all_of: Ranges) -> None:
        """Put the results of a part into the arrays of all of it."""
        if Cells.is_stopped:
            raise StoppedError
        axis = next((i for i in sorted(self.slow) if _is_wide(ranges[i])), -1)
        if axis < 0:
            try:
                found = self._together(ranges)
            except NeedsValueError as need:
                axis = self._needed(need, ranges)
            else:
                slices = tuple(slice(a - c, b - c) for (a, b), (c, _) in zip(ranges, all_of, strict=True))
                for key, values in found.items():
                    _store(results, key, slices, values)
                return
        for index in range(*ranges[axis]):
            self._fill(results, (*ranges[:axis], (index, index + 1), *ranges[axis + 1 :]), all_of)

    def _needed(self, need: NeedsValueError, ranges: Ranges) -> int:
        """Return the axis to try value by value; those that change the structure are remembered."""
        axes = sorted(axis for axis in need.axes if _is_wide(ranges[axis]))
        if isinstance(need, _UnexplainedError):
            return axes[0]
        self.slow.update(axes)
        return axes[0]

    def _together(self, ranges: Ranges) -> Results:
        """Return the results of a part in one pass. Errors: `NeedsValueError` if that is impossible."""
        ledger = Ledger()
        wide = [axis for axis, span in enumerate(ranges) if _is_wide(span)]
        chosen = [self._chosen(axis, ranges, ledger) for axis in range(len(ranges))]
        graph, problems = self._build(chosen)
        if not wide:
            return self._plain_results(graph, problems)
        if problems:
            raise self._blame(ranges, chosen, problems, wide)
        _refuse_signs(graph)
        ledger.is_reading = False
        return self._results(graph, ledger, ranges)

    def _plan(self, graph: Graph, build: Callable[[], Graph], axes: frozenset[int] = frozenset()) -> Live:
        """Return the liveness of the tensors of a graph, which is the same for all variants that only change sizes.

        `build` returns the graph of a valid variant. Errors: `NeedsValueError` with the given axes, if it is not valid
        after all.
        """
        key = (tuple([(type(node.layer), node.inputs) for node in graph.nodes]), graph.outputs, tuple(graph.inputs))
        if self._planned is None or self._planned[0] != key:
            plan = self.grid.question.plan(build())
            if plan is None:
                raise _UnexplainedError(axes)
            self._planned = key, plan
        return self._planned[1]

    def _variant(self, ranges: Ranges, index: Sequence[int]) -> Graph:
        """Return the graph of one variant of a part, by its index along each axis."""
        values = [axis.values[first + at] for axis, (first, _), at in zip(self.grid.axes, ranges, index, strict=True)]
        return self._build(values)[0]

    def _results(self, graph: Graph, ledger: Ledger, ranges: Ranges) -> Results:
        """Return the results of the formulas for columns of candidates, and which of them are valid."""
        if not np.any(ledger.holding):
            return {"valid": False}
        try:
            inferred = infer_generic(graph)
        except ShapeError:  # for any numbers: none of them could fix it
            return {"valid": False}
        asked = self.grid.question
        for constraint in (*inferred.constraints, *_limits(inferred), *asked.constraints(graph)):
            good = mask(constraint)
            if good is False or (good is not True and not good.any()):
                return {"valid": False}
            ledger.require(good)
        if not np.any(ledger.holding):
            return {"valid": False}
        totals = inferred.totals()
        wide = frozenset(axis for axis, span in enumerate(ranges) if _is_wide(span))
        plan = self._plan(graph, lambda: self._variant(ranges, _first(ledger.holding, len(ranges))), wide)
        memory = asked.total_of(inferred, totals, plan)
        found = _counts(totals._replace(macs=totals.macs * asked.batch), inferred.sizings, memory)
        for index, ref in enumerate(graph.outputs):
            for axis, size in enumerate(self.grid.output_shown(inferred.output(ref.node, ref.output))):
                found[index, axis] = size
        arrays = {key: array_of(value) for key, value in found.items()}
        if ledger.holding is not True:
            arrays = {key: np.where(ledger.holding, values, 0) for key, values in arrays.items()}
        return {**arrays, "valid": ledger.holding}

    def _plain_results(self, graph: Graph, problems: Sequence[Problem]) -> Results:
        """Return the result of inference for one variant."""
        if problems:
            return {"valid": False}
        sizings, wrong = sizings_of(graph)
        if wrong:
            return {"valid": False}
        whole = [sizing for sizing in sizings if sizing is not None]
        inferred = GenericReport(graph, tuple(whole), ())
        totals = inferred.totals()
        try:
            memory = self._memory(inferred, totals)
        except UsageError:  # it cannot be asked of this variant: a context is too long
            return {"valid": False}
        found = _counts(totals._replace(macs=totals.macs * self.grid.question.batch), whole, memory)
        shapes = list(graph.inputs.values())
        for index, ref in enumerate(graph.outputs):
            shape = shapes[-1 - ref.node] if ref.node < 0 else whole[ref.node].outputs[ref.output]
            found.update(((index, axis), size) for axis, size in enumerate(self.grid.output_shown(shape)))
        return {**found, "valid": True}

    def _memory(self, inferred: GenericReport, totals: Totals) -> int:
        """Return the bytes of one valid variant. Errors: `UsageError`."""
        graph = inferred.graph
        if not self.grid.in_one_pass:
            return self.grid.question.total(graph)
        if not all(map(holds, self.grid.question.constraints(graph))):
            raise UsageError("the context is too long")
        return int(self.grid.question.total_of(inferred, totals, self._plan(graph, lambda: graph)))

    def _chosen(self, axis: int, ranges: Ranges, ledger: Ledger) -> Any:
        """Return the value of an axis, or a column of its values in this part (for sizes: a tuple of columns)."""
        first, last = ranges[axis]
        values = self.grid.axes[axis].values
        if last - first == 1:
            return values[first]
        shape = [1] * len(ranges)
        shape[axis] = last - first
        array = np.asarray(values[first:last], dtype=np.int64)
        if array.ndim == 1:
            return ColumnNumber(array.reshape(shape), ledger)
        same = (array == array[0]).all(axis=0)
        return tuple(
            int(array[0, i]) if same[i] else ColumnNumber(array[:, i].reshape(shape), ledger)
            for i in range(array.shape[1])
        )

    def _build(self, chosen: Sequence[Any]) -> tuple[Graph, list[Problem]]:
        variables, inputs = self.grid.settings(chosen)
        try:
            return self.origin.build(variables, inputs)
        except UsageError as error:  # a size of an input that these variables leave out
            return Graph("", {}, (), ()), list(error.problems)

    def _blame(
        self, ranges: Ranges, chosen: Sequence[Any], problems: Sequence[Problem], wide: Iterable[int]
    ) -> NeedsValueError:
        """Return the error with the axis whose columns make a specification invalid, if there is one."""
        for axis in wide:
            fixed = list(chosen)
            fixed[axis] = self.grid.axes[axis].values[ranges[axis][0]]
            if len(self._build(fixed)[1]) < len(problems):
                return NeedsValueError(frozenset({axis}))
        return _UnexplainedError(frozenset(wide))


class StoppedError(Exception):
    """The sweep was cancelled: its results are not needed."""


class _UnexplainedError(NeedsValueError):
    """The part is invalid, but not because of one axis: other parts may be valid."""


def _is_wide(span: tuple[int, int]) -> bool:
    return span[1] - span[0] > 1


def _refuse_signs(graph: Graph) -> None:
    """Reject columns in arguments if a number of 0 or less changes the structure of the layer: `shape: [-1, 4]`."""
    for layer in {id(node.layer): node.layer for node in graph.nodes}.values():
        assert layer is not None
        for name, argument in layer.arguments.items():
            if type(argument) in _WRITTEN_IN_FULL and argument.minimum <= 0:  # type: ignore[attr-defined]
                value = layer.__dict__[name]
                for item in value if isinstance(value, tuple) else (value,):
                    if isinstance(item, ColumnNumber) and item.low <= 0:
                        item.refuse()


def _first(holding: Any, axes: int) -> tuple[int, ...]:
    """Return the index of the first valid variant along each axis of a part."""
    if holding is True:
        return (0,) * axes
    return tuple(int(at) for at in np.unravel_index(int(np.argmax(holding)), np.shape(holding)))


def _limits(inferred: GenericReport) -> Iterator[Constraint]:
    """Yield constraints on the elements of tensors, if some candidate may exceed the maximum."""
    for shape in {id(shape): shape for sizing in inferred.sizings for shape in sizing.outputs}.values():
        if prod(_largest(size) for size in shape.sizes) > MAX_ELEMENTS:
            yield Constraint(shape.elements, UP_TO, MAX_ELEMENTS, "elements of its output", "")


def _largest(size: Any) -> int:
    return max(abs(size.low), abs(size.high)) if isinstance(size, ColumnNumber) else abs(int(size))


def _counts(totals: Totals, sizings: Iterable[Sizing], memory: Any) -> Results:
    """Return the counts, with the bytes of memory."""
    activations: Any = 0
    known: dict[int, Any] = {}
    for sizing in sizings:
        for shape in sizing.outputs:
            activations = activations + _elements(shape, known)
    return {**{name: getattr(totals, name) for name in COUNTS[:-2]}, "activations": activations, "memory": memory}


def _elements(shape: Shape, known: dict[int, Any]) -> Any:
    """Return the number of elements of a tensor, computed once for each shape."""
    found = known.get(id(shape))
    if found is None:
        found = known[id(shape)] = shape.elements
    return found


def _store(results: Results, key: Any, slices: tuple[slice, ...], values: Any) -> None:
    """Store values in an array; numbers beyond 64 bits make it an array of Python ints."""
    array = results.get(key)
    if array is None:
        array = results[key] = np.zeros(results["valid"].shape, dtype=np.int64)
    values = array_of(values) if isinstance(values, int) else values
    if values.dtype == object and array.dtype != object:
        array = results[key] = array.astype(object)
    array[slices] = values
