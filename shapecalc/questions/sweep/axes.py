"""The variants of a sweep: its axes, their grid, and the notation of both.

An axis is a variable with its values, a size within an input (`3x{128:256:32}x=`), or a list of whole input sizes.
Variants are numbered from 0, the last axis changing fastest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.errors import Problem, UsageError
from shapecalc.layers.base.shape import CHW, HWC, Shape
from shapecalc.questions.memory.totals import MemoryQuestion
from shapecalc.text.units import read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["RANGE", "InputTemplate", "SweepAxis", "SweepGrid", "parse_input", "parse_values", "turned"]

Ranges = tuple[tuple[int, int], ...]
"""A part of a grid: from and to (exclusive) along each axis."""

_SHORT = r"[-+]?[0-9.]{1,40}(?:[eE][-+]?[0-9]{1,2})?"

MAX_VALUES = 10_000_000
"""The maximum number of values of an axis."""

MAX_SIZE = 10**12

MAX_NUMBER = 10**18
"""The largest number of a specification: a variable beyond it is tried value by value."""


class SweepAxis(NamedTuple):
    """One axis of a sweep, and its values in order.

    `label` is its name in errors; `is_input` is whether its values are sizes (ints, or tuples of them).
    """

    label: str
    values: Sequence[Any]
    is_input: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether every value is an int within the limit of specifications, or a tuple, all of equal length."""
        if self.is_input:
            return isinstance(self.values[0], int) or len({len(value) for value in self.values}) == 1
        if isinstance(self.values, range):
            return max(map(abs, (self.values[0], self.values[-1]))) <= MAX_NUMBER
        return all(type(value) is int and abs(value) <= MAX_NUMBER for value in self.values)


class InputTemplate(NamedTuple):
    """The sizes of one input: numbers, and (as tuples) varying ones: the axis, and the part of its values.

    If whole sizes vary, `parts` is only the index of their axis.
    """

    parts: tuple[Any, ...] | int

    def sizes(self, chosen: Sequence[Any]) -> tuple[Any, ...]:
        """Return the sizes with these values of the axes."""
        if isinstance(self.parts, int):
            return tuple(chosen[self.parts])
        return tuple(chosen[part[0]] if isinstance(part, tuple) else part for part in self.parts)


def turned(sizes: Sequence[Any], layout: str, to: str) -> tuple[Any, ...]:
    """Return the sizes of an input, or their columns, from one layout in another: those of a map alone differ."""
    return Shape(tuple(sizes), layout == HWC, is_map=len(sizes) >= _MAP).in_layout(to)


_MAP = 3


class SweepGrid(NamedTuple):
    """Every combination of the values of some axes; `fixed` are variables that have one value.

    `question` is what is asked of memory, with the batch that MACs are for too; sizes are shown in a `layout`, that of
    the specification (`own_layout`) if empty. `notes` are about the network with its own variables and the first sizes.
    `in_one_pass` is whether the question is for many variants at once; `network` is the name of the network.
    """

    axes: tuple[SweepAxis, ...]
    variables: dict[str, int]
    inputs: dict[str, InputTemplate]
    fixed: dict[str, Any]
    question: MemoryQuestion = MemoryQuestion()
    layout: str = ""
    own_layout: str = CHW
    notes: tuple[str, ...] = ()
    in_one_pass: bool = True
    network: str = ""

    def shown(self, sizes: Sequence[Any]) -> tuple[Any, ...]:
        """Return the sizes of an input as they are shown."""
        return turned(sizes, self.own_layout, self.layout or self.own_layout)

    def output_shown(self, shape: Shape) -> tuple[Any, ...]:
        """Return the sizes of an output as they are shown."""
        return shape.in_layout(self.layout) if self.layout else shape.sizes

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values along each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def rows(self) -> int:
        """The number of variants."""
        rows = 1
        for size in self.shape:
            rows *= size
        return rows

    def at(self, row: int) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
        """Return the variables and the input sizes of one variant."""
        chosen = [axis.values[i] for axis, i in zip(self.axes, self.indices(row), strict=True)]
        return self.settings(chosen)

    def settings(self, chosen: Sequence[Any]) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]]]:
        """Return the variables and input sizes for one value (or column of values) of each axis."""
        variables = {**self.fixed, **{name: chosen[axis] for name, axis in self.variables.items()}}
        return variables, {name: template.sizes(chosen) for name, template in self.inputs.items()}

    def describe(self, row: int) -> str:
        """Return the settings of one variant in words: `width 32, 3×64×64`."""
        variables, inputs = self.at(row)
        words = [f"{name} {variables[name]}" for name in self.variables]
        if any(axis.is_input for axis in self.axes):
            words += ["×".join(map(str, self.shown(sizes))) for sizes in inputs.values()]
        return ", ".join(words) or "unchanged"

    def indices(self, row: int) -> tuple[int, ...]:
        """Return the position of a variant along each axis."""
        found = []
        for size in reversed(self.shape):
            row, index = divmod(row, size)
            found.append(index)
        return tuple(reversed(found))

    def chunks(self, limit: int, steps: int, slow: frozenset[int], start: int = 0) -> Iterator[tuple[int, Ranges]]:
        """Yield consecutive parts of the grid: the first variant of each, and its ranges.

        Each has at most `limit` variants, and at most `steps` combinations of the `slow` axes. The parts that end
        before variant `start` are left out.
        """
        axis, inner, turns = len(self.axes), 1, 1
        while axis > 0:
            size = len(self.axes[axis - 1].values)
            if inner * size > limit or (axis - 1 in slow and turns * size > steps):
                break
            axis -= 1
            inner *= size
            turns *= size if axis in slow else 1
        full = tuple((0, size) for size in self.shape[axis:])
        if axis == 0:
            yield 0, full
            return
        size = len(self.axes[axis - 1].values)
        stride = max(1, limit // inner)
        if axis - 1 in slow:
            stride = max(1, min(stride, steps // turns))
        for outer in range(start // (inner * size), self.rows // (inner * size)):
            fixed = self.indices(outer * inner * size)[: axis - 1]
            for first in range(0, size, stride):
                last = min(first + stride, size)
                begin = (outer * size + first) * inner
                if begin + (last - first) * inner > start:
                    yield begin, (*((i, i + 1) for i in fixed), (first, last), *full)


def parse_values(text: str, label: str, convert: Any) -> list[Any] | range:
    """Return the values of a text: `2,3,4`, or a range from and to a value by steps, `16:128:16`.

    The last value is included if the steps reach it. `convert` reads one value. A list in brackets is one value.
    Errors: `UsageError`.
    """
    values: list[Any] = []
    for piece in _split(text, ","):
        if not piece.strip():
            raise UsageError(Problem(f"{label}={text} has an empty value", hint="write for instance 2,3,4"))
        found = re.fullmatch(r"(?a)\s*([-+.\deE]+)\s*:\s*([-+.\deE]+)\s*(?::\s*([-+.\deE]+)\s*)?", piece)
        if re.fullmatch(r"(?a)\s*-?\d+\s*(\.{2,3}|…)\s*-?\d+\s*", piece) or _is_span(piece):
            raise UsageError(Problem(f"{label}: '{piece.strip()}' is not a range of numbers", hint=RANGE))
        if not found and (of_python := _as_range(text)):
            raise UsageError(Problem(f"{label}: {text.strip()} is a call of Python", hint=f"write {of_python}"))
        if not found:
            values.append(convert(piece.strip()))
            continue
        span = _range(piece, label, [part for part in found.groups() if part is not None])
        if piece == text:
            return span
        values += span
    return values


def _as_range(text: str) -> str:
    """Return a call of Python's `range` as it is written here, with the last value included; empty for any other."""
    found = re.fullmatch(r"(?a)\s*range\(\s*(\d{1,9})\s*,\s*(\d{1,9})\s*(?:,\s*([1-9]\d{0,8})\s*)?\)\s*", text)
    values = range(int(found[1]), int(found[2]), int(found[3] or 1)) if found else ()
    return f"{values[0]}:{values[-1]}{f':{found[3]}' if found[3] else ''}" if found and values else ""


def _is_span(piece: str) -> bool:
    """Return whether a text is two numbers that grow with a minus sign between them, as people write a range: 1-4."""
    found = re.fullmatch(r"(?a)\s*(\d{1,9})\s*[-–]\s*(\d{1,9})\s*", piece)
    return found is not None and int(found[1]) < int(found[2])


RANGE = "write FROM:TO:STEP, as in 16:128:16"
"""The hint for what is not a range."""


def _range(piece: str, label: str, parts: list[str]) -> range | list[Any]:
    """Return the numbers of FROM:TO:STEP, exact for fractions too."""
    from fractions import Fraction

    try:  # long numbers are rejected: 1e999999999 would need all memory
        numbers = [part if re.fullmatch(_SHORT, part) else "" for part in parts]
        first, last, step = (Fraction(number) for number in (*numbers, "1")[:3])
    except (ValueError, ZeroDivisionError):
        raise UsageError(Problem(f"{label}: '{piece.strip()}' is not a range of numbers", hint=RANGE)) from None
    if step == 0 or (last - first) / step < 0:
        raise UsageError(Problem(f"{label}: the range {piece.strip()} is empty: it never reaches its end", hint=RANGE))
    count = int((last - first) / step) + 1
    if count > MAX_VALUES:
        raise UsageError(f"{label}: the range {piece.strip()} has {count:,} values: the maximum is {MAX_VALUES:,}")
    if all(part.denominator == 1 for part in (first, step)) and not any("." in part for part in parts):
        return range(int(first), int(first) + count * int(step), int(step))
    return [float(first + i * step) for i in range(count)]


def _split(text: str, sign: str) -> list[str]:
    """Split a text at a sign outside of brackets, braces and quotes."""
    parts, depth, quote = [""], 0, ""
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        depth += (c in "[{(") - (c in "])}")
        if c == sign and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def parse_input(text: str, name: str, axes: list[SweepAxis]) -> InputTemplate:
    """Return the sizes of an input as `3x{128:256:32}x=` writes them, and append its varying sizes to the axes.

    `{128,160}` and `{128:256:32}` list sizes; `=` repeats the size before it. Errors: `UsageError`.
    """
    parts: list[Any] = []
    for part in _split(text.replace("×", "x").replace("X", "x"), "x"):
        piece = part.strip(" ")
        if piece == "=" and parts:
            parts.append(parts[-1])
        elif piece.startswith("{") and piece.endswith("}"):
            values = parse_values(piece[1:-1], f"the input {text}", lambda one: _size(one, text))
            for value in (min(values), max(values)):
                _size(str(value), text)
            parts.append((len(axes),))
            axes.append(SweepAxis(name, values, is_input=True))
        else:
            parts.append(_size(piece, text))
    return InputTemplate(tuple(parts))


def _size(piece: str, text: str) -> int:
    size = read_whole(piece)
    if size is None or not 1 <= size <= MAX_SIZE:
        what = "a size of at least 1" if piece.lstrip("-").isdigit() else "a size"
        hint = "write sizes as 3x{128:256:32}x=, = being the size before"
        raise UsageError(Problem(f"the input {text}: '{piece}' is not {what}", hint=hint))
    return size
