"""Which arguments of a kind with a sliding window lead to an output size: found among candidates, most common first.

All candidates are evaluated at once by the kind's own formulas, on lists of numbers, so every kind with a sliding
window can be solved: convolutions, their transposes, pools.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.lists import Many, mask, values_of
from shapecalc.errors import LayerError, Problem, UsageError, did_you_mean
from shapecalc.layers import KINDS
from shapecalc.layers.base.arguments import DILATION, KERNEL, OUTPUT_PADDING, PADDING, STRIDE
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.windowed import Windowed
from shapecalc.model.answer import Answer
from shapecalc.questions.solve.costs import Window, cost_of_window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.layers.base.layer import Layer

__all__ = ["WindowSolution", "WindowSolutions", "slides", "sliding_kinds", "solve_window", "spatial_part"]

VERSION = 1
"""The version of the JSON contract."""

_CHANNELS = 1
_TOGETHER = 8


class WindowSolution(NamedTuple):
    """Arguments that lead to the output size. `exact`: every window ends at the edge, nothing is dropped."""

    arguments: dict[str, Any]
    exact: bool
    output: tuple[int, ...]
    cost: float

    def to_dict(self) -> dict[str, Any]:
        """Return the solution in the form of the JSON contract."""
        return {"arguments": self.arguments, "exact": self.exact, "output": list(self.output)}


class _WindowSolutionsFields(NamedTuple):
    kind: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    fixed: dict[str, Any]
    searched: dict[str, tuple[int, ...]]
    candidates: int
    solutions: tuple[WindowSolution, ...]
    nearest: tuple[WindowSolution, ...]
    notes: tuple[str, ...] = ()


class WindowSolutions(Answer, _WindowSolutionsFields):
    """Every solution in the range that was searched, most common first; if there are none, the nearest outputs."""

    __slots__ = ()
    drawn_by = "answers.solve.draw_window"
    table = "solutions"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        return {
            "version": VERSION,
            "kind": self.kind,
            "input": list(self.input),
            "output": list(self.output),
            "fixed": self.fixed,
            "searched": {name: list(values) for name, values in self.searched.items()},
            "candidates": self.candidates,
            "solutions": [solution.to_dict() for solution in self.solutions],
            "nearest": [solution.to_dict() for solution in self.nearest],
            **self.notes_to_dict(),
        }


def slides(cls: type[Layer]) -> bool:
    """Return whether a kind slides a window over its input."""
    return issubclass(cls, Windowed) and cls.slides and cls.inputs == (1, 1)


def sliding_kinds() -> list[str]:
    """Return the kinds that slide a window."""
    return sorted(kind for kind, cls in KINDS.items() if slides(cls))


def solve_window(
    cls: type[Layer],
    given: Sequence[int],
    wanted: Sequence[int],
    fixed: Mapping[str, Any] | None = None,
    *,
    is_of_volumes: bool = False,
) -> WindowSolutions:
    """Return which arguments lead from the spatial sizes `given` to those `wanted`.

    `fixed` are arguments with given values, under any of their names. `is_of_volumes` is whether three sizes are known
    to be spatial.
    Errors: `UsageError` for a kind without a sliding window, an unknown argument, or different numbers of sizes.
    """
    if not slides(cls):
        raise UsageError(Problem(f"{cls.kind} has no sliding window", hint=f"these do: {', '.join(sliding_kinds())}"))
    if len(given) != len(wanted) or not 1 <= len(given) <= _MOST_SIZES:
        message = f"the input has {len(given)} sizes and the output {len(wanted)}: give the same number of each, 1 to 3"
        raise UsageError(Problem(message, hint=_spatial_alone(given, wanted)))
    if min(*given, *wanted) < 1:
        raise UsageError("sizes are at least 1")
    held = _read_fixed(cls, fixed or {})
    ranges = _ranges(cls, given, wanted, held)
    grid = _grid(cls, ranges, held)
    columns = {name: Many(column) for name, column in zip(ranges, zip(*grid, strict=True), strict=True)}
    try:
        layer = cls(**{**_required(cls), **held}).with_values({**held, **columns})
        learns = bool(layer.weights(Shape((_CHANNELS, *given))))
        tried = _Tried(layer, learns, tuple(ranges), grid, tuple(given), *_run(layer, given, len(grid)))
    except LayerError as error:
        raise UsageError(Problem(error.message, why=error.why, hint=error.hint)) from None
    found = sorted(tried.solutions_for(tuple(wanted)), key=_by_cost)
    near = [] if found else tried.nearest(tuple(wanted))
    if not found and len(given) > 1:
        found = _axis_by_axis(cls, given, wanted, held)
    searched = {name: tuple(values) for name, values in ranges.items()}
    notes = () if is_of_volumes else _without_channels(cls, given, wanted, held, is_found=bool(found))
    return WindowSolutions(
        cls.kind, tuple(given), tuple(wanted), held, searched, len(grid), tuple(found), tuple(near), notes
    )


def _without_channels(
    cls: type[Layer], given: Sequence[int], wanted: Sequence[int], held: Mapping[str, Any], *, is_found: bool
) -> tuple[str, ...]:
    """Return a note if there are solutions for the sizes without the first or the last: they may be channels.

    Where there are solutions for all of them (`is_found`), only sizes that stay as they are may be channels.
    """
    if len(given) != _MOST_SIZES or any(isinstance(value, tuple) for value in held.values()):
        return ()
    for at, rest, place in ((0, slice(1, None), "first"), (-1, slice(None, -1), "last")):
        sizes = given[rest], wanted[rest]
        may_be = not is_found or (given[at] == wanted[at] > 1 and sizes[0] != sizes[1])
        if may_be and solve_window(cls, *sizes, held).solutions:
            written = " and ".join("x".join(map(str, one)) for one in sizes)
            return (f"sizes are spatial: if the {place} are channels, leave them out: {written}",)
    return ()


def spatial_part(sizes: Sequence[int], rank: int = 2) -> tuple[int, ...]:
    """Return the sizes of the spatial axes of sizes that have channels too, and maybe the batch."""
    if len(sizes) <= rank:
        return tuple(sizes)
    *_, before, one = sizes
    is_last = sizes[-rank - 1] == before != one  # 32x32x3
    return tuple(sizes[-rank - 1 : -1] if is_last else sizes[-rank:])


def _spatial_alone(given: Sequence[int], wanted: Sequence[int]) -> str:
    """Return the hint for unequal, or too many, numbers of sizes: channels are left out."""
    if max(len(given), len(wanted)) < _MOST_SIZES:
        return ""
    pair = [part * 2 if len(part) == 1 else part for part in map(spatial_part, (given, wanted))]
    first, last = ["x".join(map(str, sizes)) for sizes in pair]
    return f"sizes are without channels: write {first} for the input and {last} for the output"


_MOST_SIZES = 3


def _read_fixed(cls: type[Layer], fixed: Mapping[str, Any]) -> dict[str, Any]:
    names = cls.argument_names()
    held = {}
    for word, value in fixed.items():
        if word not in names:
            raise UsageError(Problem(f"{cls.kind} has no argument {word}", hint=did_you_mean(word, names)))
        try:
            held[names[word]] = cls.arguments[names[word]].normalise(value)
        except LayerError as error:
            raise UsageError(Problem(error.message, why=error.why, hint=error.hint)) from None
    return held


def _required(cls: type[Layer]) -> dict[str, Any]:
    return {name: 1 for name, argument in cls.arguments.items() if argument.required}


def _ranges(
    cls: type[Layer], given: Sequence[int], wanted: Sequence[int], held: Mapping[str, Any]
) -> dict[str, Sequence[int]]:
    """Return the candidate values of each free argument.

    Kernels to 16 and strides to 8, and those that a larger change of size needs; padding to 8, less than what the
    window covers; dilations to 4; output padding to 3, less than the stride or dilation.
    """
    pairs = list(zip(given, wanted, strict=True))
    ratios = {ratio for a, b in pairs for ratio in (max(a, b) // min(a, b), max(a, b) // max(1, min(a, b) - 1))}
    around = {size for ratio in ratios for size in range(ratio - 1, ratio + 2) if 0 < size <= max(*given, *wanted)}
    whole = {a for a, b in pairs if b == 1} | {b for a, b in pairs if a == 1} | {2 * ratio for ratio in ratios}
    tried = {
        KERNEL: {*range(1, 17), *around, *whole},
        STRIDE: {*range(1, 9), *around},
        PADDING: set(range(9)),
        DILATION: set(range(1, 5)),
        OUTPUT_PADDING: set(range(4)),
    }
    replaced = {cls.arguments[name].replaces for name, value in held.items() if value is not None}
    roles = cls.argument_roles()
    free = {roles[role]: values for role, values in tried.items() if role in roles}
    return {name: sorted(values) for name, values in free.items() if name not in held and name not in replaced}


def _grid(cls: type[Layer], ranges: Mapping[str, Sequence[int]], held: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """Return the combinations that are tried: no padding beyond the kernel's reach, no dilation of a single tap."""
    names = list(ranges)
    roles = {name: role for role, name in cls.argument_roles().items()}
    kept = []
    for combination in itertools.product(*ranges.values()):
        tried = {roles[name]: value for name, value in zip(names, combination, strict=True)}
        values = {**{roles[name]: value for name, value in held.items() if name in roles}, **tried}
        kernel, stride, dilation = values.get(KERNEL, 1), values.get(STRIDE), values.get(DILATION, 1)
        padding, extra = tried.get(PADDING), tried.get(OUTPUT_PADDING)
        if type(kernel) is int:
            if DILATION in tried and kernel == 1 and dilation > 1:
                continue
            if padding and type(dilation) is int and padding >= dilation * (kernel - 1) + 1:
                continue
        if extra and type(stride) is int and type(dilation) is int and extra >= max(stride, dilation):
            continue
        kept.append(combination)
    return kept or [()]


def _run(layer: Layer, given: Sequence[int], candidates: int) -> tuple[list[bool], list[tuple[int, ...]], list[bool]]:
    """Return which candidates are solutions, the spatial sizes of their outputs, and which are exact."""
    x = Shape((_CHANNELS, *[Many([size] * candidates) for size in given]))  # many, to know the remainder of a division
    right = [True] * candidates
    for constraint in layer.constraints(x):
        right = [a and b for a, b in zip(right, mask(constraint, candidates), strict=True)]
    output = layer.output(x)
    spatial = (output if isinstance(output, Shape) else output[0]).spatial
    outputs = list(zip(*[values_of(size, candidates) for size in spatial], strict=True))
    right = [a and min(sizes) >= 1 for a, sizes in zip(right, outputs, strict=True)]
    exact = [True] * candidates
    for size in spatial:
        if isinstance(size, Many) and size.inexact:
            exact = [a and not b for a, b in zip(exact, size.inexact, strict=True)]
    return right, outputs, exact


class _Tried(NamedTuple):
    """The candidates that were tried on one layer of lists, and their results."""

    layer: Layer
    learns: bool
    names: tuple[str, ...]
    grid: list[tuple[int, ...]]
    given: tuple[int, ...]
    right: list[bool]
    outputs: list[tuple[int, ...]]
    exact: list[bool]

    def solutions_for(self, wanted: tuple[int, ...]) -> Iterator[WindowSolution]:
        """Yield the candidates that fit."""
        for i, (right, sizes) in enumerate(zip(self.right, self.outputs, strict=True)):
            if right and sizes == wanted:
                yield self._solution(i)

    def nearest(self, wanted: tuple[int, ...]) -> list[WindowSolution]:
        """Return the most common arguments for each of the two nearest outputs."""
        there = {sizes for right, sizes in zip(self.right, self.outputs, strict=True) if right}
        near = sorted(there, key=lambda sizes: (_distance(sizes, wanted), sizes))[:2]
        return [min(self.solutions_for(sizes), key=_by_cost) for sizes in near]

    def _solution(self, index: int) -> WindowSolution:
        arguments = dict(zip(self.names, self.grid[index], strict=True))
        exact = self.exact[index]
        cost = cost_of_window(self._window({**self.layer.values(), **arguments}, exact=exact))
        return WindowSolution(arguments, exact, self.outputs[index], cost)

    def _window(self, values: Mapping[str, Any], *, exact: bool) -> Window:
        """Return the window with these arguments, as far as each is one number."""
        roles = type(self.layer).argument_roles()

        def number(role: str, usual: int) -> int:
            value = values.get(roles.get(role, ""))
            return value if type(value) is int else usual

        return Window(
            self.given,
            kernel=number(KERNEL, 3),
            stride=number(STRIDE, 1),
            padding=number(PADDING, 0),
            dilation=number(DILATION, 1),
            extra=number(OUTPUT_PADDING, 0),
            learns=self.learns,
            spreads=OUTPUT_PADDING in roles,
            exact=exact,
        )


def _by_cost(solution: WindowSolution) -> float:
    return solution.cost


def _axis_by_axis(
    cls: type[Layer], given: Sequence[int], wanted: Sequence[int], held: Mapping[str, Any]
) -> list[WindowSolution]:
    """Return solutions with separate arguments for each axis: the most common of one with those of the others."""
    ways = []
    for axis, (size, target) in enumerate(zip(given, wanted, strict=True)):
        own = {name: value[axis] if isinstance(value, tuple) else value for name, value in held.items()}
        ways.append(solve_window(cls, (size,), (target,), own).solutions[:_TOGETHER])
    together = [
        WindowSolution(
            {name: [one.arguments[name] for one in each] for name in each[0].arguments},
            all(one.exact for one in each),
            tuple(wanted),
            sum(one.cost for one in each),
        )
        for each in itertools.product(*ways)
    ]
    return sorted(together, key=_by_cost)


def _distance(sizes: Sequence[int], wanted: Sequence[int]) -> int:
    return sum(abs(a - b) for a, b in zip(sizes, wanted, strict=True))
