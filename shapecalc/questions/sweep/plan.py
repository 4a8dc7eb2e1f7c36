"""From the arguments of a sweep to its grid, and the computation of its parts, here or on an executor."""

from __future__ import annotations

import math
import pickle
from collections import deque
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.layers.base.ranks import AXIS_NAMES
from shapecalc.layers.base.shape import CHW, HWC
from shapecalc.layers.base.sizes import parse_sizes
from shapecalc.questions.memory.totals import read_question
from shapecalc.questions.sweep.axes import RANGE, InputTemplate, SweepAxis, SweepGrid, parse_input, parse_values, turned
from shapecalc.questions.sweep.cells import COUNTS, Cells
from shapecalc.questions.sweep.result import Sweep
from shapecalc.questions.sweep.selection import RowCondition, read_condition
from shapecalc.text.given import plain
from shapecalc.text.units import read_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from shapecalc.model.origin import NetworkLike
    from shapecalc.questions.sweep.axes import Ranges

__all__ = ["COLUMNS_OF_ANY", "SweepPlan", "comparable", "joined", "make_plan"]

_MOST_ROWS = 2**18
"""The maximum number of rows of one part, which bounds the memory of a sweep."""

_NUMBERS = 6_000_000
"""The maximum of rows × layers of one part; each layer may need several arrays."""

_MOST_BUILDS = 256
"""The maximum number of times that a network is built for one part."""

_AHEAD = 32
"""The number of parts submitted to an executor before the first result is awaited."""

COLUMNS_OF_ANY = ("variant", *COUNTS, "output", "valid")
"""The columns of any sweep, besides those of what varies."""

RESERVED = frozenset(COLUMNS_OF_ANY)


def comparable(columns: Sequence[str]) -> list[str]:
    """Return the columns that rows can be compared by: all but the sizes of the output."""
    return [name for name in columns if name != "output"]


class SweepPlan(NamedTuple):
    """A sweep that can be run: the network, the grid, and for each setting's column its axis.

    `settings` maps the name of a column to its axis, and which part of the values of that axis it is (-1: all).
    """

    network: NetworkLike
    grid: SweepGrid
    settings: dict[str, tuple[int, int]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        variant, *rest = COLUMNS_OF_ANY
        return (variant, *self.settings, *rest)

    def condition(self, text: str) -> RowCondition:
        """Return a condition on the columns. Errors: `UsageError`."""
        return read_condition(text, comparable(self.columns))

    def slow_axes(self) -> frozenset[int]:
        """Return the axes that change the structure, as far as one variant shows."""
        cells = Cells(self.network.origin, self.grid)
        for axis in range(len(self.grid.axes)):
            if self.grid.shape[axis] > 1 and axis not in cells.slow:
                cells.work_out(tuple((0, 2 if i == axis else 1) for i in range(len(self.grid.axes))))
        return frozenset(cells.slow)

    def rows(self, first: int, results: dict[Any, Any]) -> Sweep:
        """Return the rows of a part that begins with variant `first`."""
        count = len(results["valid"])
        variant = np.arange(first, first + count, dtype=np.int64)
        indices: list[Any] = []
        rest = variant
        for size in reversed(self.grid.shape):
            rest, index = np.divmod(rest, size)
            indices.insert(0, index)
        columns = {"variant": variant}
        for name, (axis, part) in self.settings.items():
            columns[name] = _values_at(self.grid.axes[axis].values, indices[axis], part, self.grid.shown)
        columns.update((name, results[name]) for name in (*COUNTS, "valid"))
        sizes = {key: array for key, array in results.items() if isinstance(key, tuple)}
        return Sweep(self.columns, columns, sizes, self.grid)

    def run(self, executor: Executor | None = None, start: int = 0) -> Iterator[Sweep]:
        """Yield the rows from variant `start` on, a part of them at a time, in order."""
        slow = self.slow_axes()
        limit = max(512, min(_MOST_ROWS, _NUMBERS // max(1, len(self.network.graph.nodes))))
        chunks = self.grid.chunks(limit, _MOST_BUILDS, slow, start)
        cells = Cells(self.network.origin, self.grid)
        cells.slow |= slow
        work = ((first, cells.work_out(ranges)) for first, ranges in chunks)
        for first, results in work if executor is None else _sent_out(executor, cells, chunks):
            part = self.rows(first, results)
            yield part if first >= start else part.rows(slice(start - first, None))


def _sent_out(
    executor: Executor, cells: Cells, chunks: Iterator[tuple[int, Ranges]]
) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Yield the results of parts computed by an executor, in order, submitting some ahead."""
    payload = pickle.dumps(cells, protocol=pickle.HIGHEST_PROTOCOL)
    waiting: deque[tuple[int, Any]] = deque()
    try:
        for first, ranges in chunks:
            waiting.append((first, executor.submit(work_out, payload, ranges)))
            if len(waiting) >= _AHEAD:
                first_waiting, future = waiting.popleft()
                yield first_waiting, future.result()
        while waiting:
            first_waiting, future = waiting.popleft()
            yield first_waiting, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


def work_out(payload: bytes, ranges: Ranges) -> dict[Any, Any]:
    """Return the results of one part: the task of an executor."""
    return _unpacked(payload).work_out(ranges)


@lru_cache(maxsize=4)
def _unpacked(payload: bytes) -> Cells:
    cells: Cells = pickle.loads(payload)  # noqa: S301  (made by this module, for itself)
    return cells


def make_plan(
    load: Callable[[Any], NetworkLike], variables: Mapping[str, Any], inputs: Any, memory: Mapping[str, Any],
    batch: int = 1, layout: str = "",
) -> SweepPlan:  # fmt: skip
    """Return the plan of a sweep over these variables and inputs, for a batch, with options of memory (see `sweep`).

    `load` returns the network with the sizes of its first variant (None: with its own). Sizes are in a `layout`, that
    of the network if empty. Errors: `UsageError`, and those
    of `load`.
    """
    question = read_question(memory, batch)
    axes: list[SweepAxis] = []
    templates = _templates(inputs, axes)
    sizes = {name: template.sizes([axis.values[0] for axis in axes]) for name, template in templates.items()}
    network = load(sizes or None)
    question = question.of(network.graph)
    if layout and layout != network.graph.layout:
        templates = {name: _turned(template, axes, network.graph.layout) for name, template in templates.items()}
    input_axes, axes = axes, []
    own = network.graph.variables
    varying: dict[str, int] = {}
    fixed: dict[str, Any] = {}
    for name, given in variables.items():
        if name not in own:
            hint = did_you_mean(name, own) if own else "the specification has no `vars:`"
            if not network.graph.is_written and not own:
                hint = f"sweep its input, or run summary --set {name}=… for each: the file has no variables that vary"
            raise UsageError(Problem(f"there is no variable {name} to set", hint=hint))
        values = _values(plain(given), own[name], name)
        if values is None:
            fixed[name] = plain(given)
        else:
            varying[name] = len(axes)
            axes.append(SweepAxis(name, values))
    templates = {name: _moved(template, len(axes)) for name, template in templates.items()}
    kept = {name: InputTemplate(sizes) for name, sizes in network.inputs.items() if not templates}
    grid = SweepGrid(
        (*axes, *input_axes), varying, {**kept, **templates}, {**network.variables, **fixed}, question, layout,
        network.graph.layout, network.graph.notes, question.is_for_many(network.graph), network.graph.name,
    )  # fmt: skip
    settings = {_column(name): (axis, -1) for name, axis in varying.items()}
    for name, template in templates.items():
        settings.update(_input_settings(name or next(iter(network.graph.inputs)), template, grid, network.graph.layout))
    return SweepPlan(network, grid, settings)


def joined(plan: SweepPlan, parts: Sequence[Sweep]) -> Sweep:
    """Return the rows of all the parts."""
    parts = [part for part in parts if len(part)]
    if len(parts) == 1:
        return parts[0]
    empty = plan.rows(0, {"valid": np.zeros(0, bool), **{name: np.zeros(0, np.int64) for name in COUNTS}})
    if not parts:
        return empty
    columns = {name: np.concatenate([part._columns[name] for part in parts]) for name in empty._columns}  # noqa: SLF001
    sizes = {}
    for key in sorted({key for part in parts for key in part._sizes}):  # noqa: SLF001
        sizes[key] = np.concatenate([part._sizes.get(key, np.zeros(len(part), np.int64)) for part in parts])  # noqa: SLF001
    return Sweep(plan.columns, columns, sizes, plan.grid)


def _values_at(values: Any, indices: Any, part: int, shown: Callable[[Any], Any]) -> Any:
    """Return the values of an axis (or a part of each) at these positions, as an array: whole sizes as `shown`."""
    if isinstance(values, range):
        kind = np.int64 if max(map(abs, (values.start, values.stop))) < 2**63 else object
        return values.start + indices.astype(kind) * values.step
    if part >= 0:
        values = [value[part] for value in values]
    kinds = {type(value) for value in values}
    if kinds <= {int} and max(map(abs, values)) < 2**63:
        return np.array(values, dtype=np.int64)[indices]
    if kinds in ({bool}, {float}):
        return np.array(values)[indices]
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = "x".join(map(str, shown(value))) if isinstance(value, tuple) else value
    return array[indices]


def _column(name: str) -> str:
    return f"var_{name}" if name in RESERVED else name


def _values(given: Any, own: Any, name: str) -> Any:
    """Return the values of a variable with several; None for one value."""
    if isinstance(given, str) and type(own) in (int, float):
        return parse_values(given, name, partial(_number, name=name))
    if isinstance(given, (str, dict)) or not hasattr(given, "__iter__"):
        return None
    values = given if isinstance(given, range) else list(given)
    if isinstance(own, list) and not any(isinstance(item, (list, tuple)) for item in values):
        return None
    if not values:
        raise UsageError(Problem(f"the variable {name} has no values"))
    return values


def _number(text: str, name: str) -> int | float:
    """Return the value of a variable that is a number in the specification. Errors: `UsageError` for another text."""
    whole = read_whole(text.removeprefix("-"))
    try:
        number = float(text) if whole is None else -whole if text.startswith("-") else whole
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(Problem(f"{name} is a number in the specification, and '{text}' is not", hint=RANGE))
    return number


def _templates(inputs: Any, axes: list[SweepAxis]) -> dict[str, InputTemplate]:
    if inputs is None:
        return {}
    pairs = dict(inputs) if isinstance(inputs, dict) else {"": inputs}
    return {name: _template(given, name or "input", axes) for name, given in pairs.items()}


def _template(given: Any, name: str, axes: list[SweepAxis]) -> InputTemplate:
    """Return the sizes of an input from a string, one size, or a list of sizes."""
    if isinstance(given, str):
        return parse_input(given, name, axes)
    given = plain(given)
    items = list(given) if hasattr(given, "__iter__") else [given]
    if not items:
        raise UsageError(Problem(f"{name} has no sizes"))
    if not any(isinstance(item, (list, tuple, str)) for item in items):
        return InputTemplate(parse_sizes(items))
    axes.append(SweepAxis(name, [parse_sizes(item) for item in items], is_input=True))
    return InputTemplate(len(axes) - 1)


def _turned(template: InputTemplate, axes: list[SweepAxis], layout: str) -> InputTemplate:
    """Return a template whose sizes are in the other layout, in this one; the axis of whole sizes is replaced."""
    other = CHW if layout == HWC else HWC
    if isinstance(template.parts, int):
        axis = axes[template.parts]
        axes[template.parts] = axis._replace(values=[turned(sizes, other, layout) for sizes in axis.values])
        return template
    return InputTemplate(turned(template.parts, other, layout))


def _moved(template: InputTemplate, by: int) -> InputTemplate:
    """Return a template whose axes come after others."""
    if isinstance(template.parts, int):
        return InputTemplate(template.parts + by)
    return InputTemplate(tuple((part[0] + by,) if isinstance(part, tuple) else part for part in template.parts))


def _input_settings(name: str, template: InputTemplate, grid: SweepGrid, layout: str) -> dict[str, tuple[int, int]]:
    """Return a column for each size of an input that varies: `input_height`."""
    if not isinstance(template.parts, int):
        names = _axis_names(len(template.parts), layout)
        parts = zip(names, template.parts, strict=True)
        return {f"{name}_{axis}": (part[0], -1) for axis, part in parts if isinstance(part, tuple)}
    axis = grid.axes[template.parts]
    if not axis.is_numeric:
        return {name: (template.parts, -1)}
    varying = [i for i in range(len(axis.values[0])) if len({sizes[i] for sizes in axis.values}) > 1]
    names = _axis_names(len(axis.values[0]), layout)
    return {f"{name}_{names[i]}": (template.parts, i) for i in varying}


def _axis_names(rank: int, layout: str) -> tuple[str, ...]:
    if rank == 1:
        return ("features",)
    spatial = AXIS_NAMES.get(rank - 1, ()) if rank > 2 else ()
    if not spatial:
        return tuple(str(i + 1) for i in range(rank))
    return (*spatial, "channels") if layout == "HWC" else ("channels", *spatial)
