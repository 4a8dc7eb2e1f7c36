"""The modules of a checkpoint: a tree by the dots in names, in which modules that are alike and numbered are one."""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from shapecalc.questions.weights.packing import StoredWeight

__all__ = ["Line", "Module", "lines_of", "tree_of"]

_Rest = tuple[str, StoredWeight]
"""The name of a weight within a module, and the weight."""


class Line(NamedTuple):
    """A weight or a module, or `copies` of either that are alike, with the sums over all of them.

    `dtypes` are the types of its weights, `shape` the sizes of a weight: None for a module, or where they are not
    known; `weights` is the number of them.
    """

    name: str
    dtypes: tuple[str, ...]
    shape: tuple[int, ...] | None
    params: int
    bytes: int
    overhead: int
    weights: int
    copies: int = 1
    shares: str = ""
    is_module: bool = False


class Module(NamedTuple):
    """A module: its name, the modules and weights in it, how many there are that are alike, and whether it is open.

    A module is open at any depth if it is only around numbered modules, as `model` is around `model.layers.0`.
    """

    name: str
    members: Sequence["Module | Line"]
    line: Line
    is_open: bool = False


def tree_of(weights: Iterable[StoredWeight], *, folds: bool = True) -> Sequence["Module | Line"]:
    """Return the modules and weights of a checkpoint, outermost first; those alike are folded into one."""
    return _members("", [(weight.name, weight) for weight in weights], 1, folds)


def lines_of(members: Iterable["Module | Line"], depth: int | None) -> Iterator[Line]:
    """Yield the lines at a depth: 1 has every outermost module as one line, None every weight."""
    for member in members:
        if isinstance(member, Line):
            yield member
        elif member.line.weights == member.line.copies and isinstance(member.members[0], Line):
            yield member.members[0]
        elif member.is_open:
            yield from lines_of(member.members, depth)
        elif depth == 1:
            yield member.line
        else:
            yield from lines_of(member.members, depth and depth - 1)


_DEEPEST = 40
"""The maximum number of modules within each other: names beyond are not divided further."""
_DIGITS = 9


def _members(prefix: str, rests: list[_Rest], copies: int, folds: bool) -> list["Module | Line"]:
    """Return the members of a module, from the names within it; `copies` is how many modules are alike."""
    groups: dict[str, list[_Rest]] = {}
    for rest, weight in rests:
        head, dot, tail = rest.partition(".") if prefix.count(".") < _DEEPEST else (rest, "", "")
        if dot:
            number, _, deeper = tail.partition(".")
            if number.isdecimal() and len(number) <= _DIGITS:
                head, tail = f"{head}.{number}", deeper
        groups.setdefault(head, []).append((tail, weight))
    found: list[Module | Line] = []
    for run in _runs(groups, folds):
        label = run[0] if len(run) == 1 else f"{run[0]}–{run[-1].rpartition('.')[2]}"
        found.append(_member(prefix + label, groups[run[0]], copies * len(run), folds, label))
    return found


def _member(name: str, rests: list[_Rest], copies: int, folds: bool, label: str) -> "Module | Line":
    if len(rests) == 1 and not rests[0][0]:  # the weight itself; or one beside a module of the same name
        return _line(name.removesuffix("."), rests[0][1], copies)
    members = _members(f"{name}.", rests, copies, folds)
    is_open = "." not in label and any(
        member.is_open or "." in member.name[len(name) + 1 :] for member in members if isinstance(member, Module)
    )
    return Module(name, members, _sum(name, members, copies), is_open)


def _line(name: str, weight: StoredWeight, copies: int) -> Line:
    sums = (weight.params * copies, weight.bytes * copies, weight.overhead * copies)
    return Line(name, (weight.dtype,), weight.shape, *sums, copies, copies, weight.shares)


def _sum(name: str, members: Sequence["Module | Line"], copies: int) -> Line:
    lines = [member if isinstance(member, Line) else member.line for member in members]
    dtypes = tuple(dict.fromkeys(dtype for line in lines for dtype in line.dtypes))
    params, size, overhead, weights = (
        sum(numbers) for numbers in zip(*[(o.params, o.bytes, o.overhead, o.weights) for o in lines], strict=True)
    )
    return Line(name, dtypes, None, params, size, overhead, weights, copies, is_module=True)


def _runs(groups: dict[str, list[_Rest]], folds: bool) -> Iterator[list[str]]:
    """Yield the names of members: those that are numbered one after another and alike together, in this order."""
    ordered = _by_number(groups)
    run: list[str] = []
    last: Any = None
    for label, (base, number) in ordered:
        content = _content(groups[label]) if folds and base else None
        if run and content is not None and last == (base, number - 1, content):
            run.append(label)
        else:
            if run:
                yield run
            run = [label]
        last = (base, number, content)
    if run:
        yield run


def _by_number(groups: dict[str, list[_Rest]]) -> list[tuple[str, tuple[str, int]]]:
    """Return the names of members, with their base and number; numbered ones are at the first of their base, in order."""
    places: dict[str, int] = {}
    found = []
    for place, label in enumerate(groups):
        base, _, number = label.rpartition(".")
        key = (base, int(number)) if base else ("", 0)
        found.append((places.setdefault(base or f"{label} ", place), key[1], label, key))
    return [(label, key) for _, _, label, key in sorted(found)]


def _content(rests: list[_Rest]) -> tuple[Any, ...]:
    """Return what a module consists of, but for names outside it and the order of its weights."""
    return tuple(sorted([(rest, *map(str, weight.label)) for rest, weight in rests]))
