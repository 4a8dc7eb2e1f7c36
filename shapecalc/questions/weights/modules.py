"""The modules of a checkpoint: a tree by the dots in names, in which modules that are alike and numbered are one."""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from shapecalc.checkpoints import StoredTensor

__all__ = ["Line", "Module", "lines_of", "tree_of"]


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


def tree_of(weights: Iterable[StoredTensor], *, folds: bool = True) -> Sequence["Module | Line"]:
    """Return the modules and weights of a checkpoint, outermost first; those alike are folded into one."""
    own = list(weights)
    group = [weight.name for weight in own], [*map(_LABEL, own)]
    return _members("", group, 1, folds) if own else []


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


_Label = tuple[str, tuple[int, ...] | None, int, int, int, int, str]
"""What a weight is but for its name: type, sizes, parameters, bytes, those of scales, tensors, what it shares."""
_LABEL: Callable[[StoredTensor], _Label] = attrgetter(
    "dtype", "shape", "params", "bytes", "overhead", "tensors", "shares"
)


_Group = tuple[list[str], list[_Label]]
"""The weights of a module: their names within it, and what they are."""


def _members(prefix: str, group: _Group, copies: int, folds: bool) -> list["Module | Line"]:
    """Return the members of a module, from the names within it; `copies` is how many modules are alike."""
    groups = _grouped(prefix, group)
    found: list[Module | Line] = []
    for run in _runs(groups, folds):
        label = run[0] if len(run) == 1 else f"{run[0]}–{run[-1].rpartition('.')[2]}"
        found.append(_member(prefix + label, groups[run[0]], copies * len(run), folds, label))
    return found


def _grouped(prefix: str, group: _Group) -> dict[str, _Group]:
    """Return the weights of each member of a module, by its name with its number."""
    rests, labels = group
    if prefix.count(".") >= _DEEPEST:
        return {rest: ([""], [label]) for rest, label in zip(rests, labels, strict=True)}
    head, dot, tail = rests[0].partition(".")
    if dot and not tail[:1].isdecimal() and all(map(str.startswith, rests, repeat(head + dot))):
        return {head: ([rest[len(head) + 1 :] for rest in rests], labels)}
    groups: dict[str, _Group] = {}
    last, length = "", 0  # the numbered member before, with its dot: names of one follow each other
    for rest, label in zip(rests, labels, strict=True):
        if length and rest.startswith(last) and len(rest) > length:
            tail = rest[length:]
        else:
            head, tail = _divided(rest)
            own_rests, own_labels = groups.setdefault(head, ([], []))
            last = f"{head}." if tail and "." in head else ""
            length = len(last)
        own_rests.append(tail)
        own_labels.append(label)
    return groups


def _divided(rest: str) -> tuple[str, str]:
    """Return the name of a member with its number, and the rest of a name within it."""
    head, dot, tail = rest.partition(".")
    if tail[:1].isdecimal():
        number, dot, deeper = tail.partition(".")
        if number.isdecimal() and len(number) <= _DIGITS:
            head, tail = f"{head}.{number}", deeper
    if not head or (dot and not tail):  # a dot at an end divides nothing
        return rest, ""
    return head, tail


def _member(name: str, group: _Group, copies: int, folds: bool, label: str) -> "Module | Line":
    rests, labels = group
    if len(rests) == 1 and not rests[0]:  # the weight itself; or one beside a module of the same name
        return _line(name.removesuffix("."), labels[0], copies)
    members = _members(f"{name}.", group, copies, folds)
    is_open = "." not in label and any(
        member.is_open or "." in member.name[len(name) + 1 :] for member in members if isinstance(member, Module)
    )
    return Module(name, members, _sum(name, members, copies), is_open)


def _line(name: str, label: _Label, copies: int) -> Line:
    dtype, shape, params, size, overhead, _, shares = label
    return Line(name, (dtype,), shape, params * copies, size * copies, overhead * copies, copies, copies, shares)


def _sum(name: str, members: Sequence["Module | Line"], copies: int) -> Line:
    lines = [member if isinstance(member, Line) else member.line for member in members]
    dtypes = tuple(dict.fromkeys(dtype for line in lines for dtype in line.dtypes))
    params, size, overhead, weights = (
        sum(numbers) for numbers in zip(*[(o.params, o.bytes, o.overhead, o.weights) for o in lines], strict=True)
    )
    return Line(name, dtypes, None, params, size, overhead, weights, copies, is_module=True)


def _runs(groups: dict[str, _Group], folds: bool) -> Iterator[list[str]]:
    """Yield the names of members: those that are numbered one after another and alike together, in this order."""
    run: list[str] = []
    last: tuple[str, int] = "", 0
    for label, (base, number) in _by_number(groups):
        if folds and base and run and last == (base, number - 1) and _is_alike(groups[label], groups[run[-1]]):
            run.append(label)
        else:
            if run:
                yield run
            run = [label]
        last = (base, number)
    if run:
        yield run


def _is_alike(group: _Group, other: _Group) -> bool:
    """Return whether modules consist of the same weights, but for their names outside the module and their order."""
    return group == other or dict(zip(*group, strict=True)) == dict(zip(*other, strict=True))


def _by_number(groups: Iterable[str]) -> list[tuple[str, tuple[str, int]]]:
    """Return the names of members, with their base and number; numbered ones stand together, in order."""
    places: dict[str, int] = {}
    found = []
    for place, label in enumerate(groups):
        base, _, number = label.rpartition(".")
        key = (base, int(number)) if base and number.isdecimal() and len(number) <= _DIGITS else ("", 0)
        found.append((places.setdefault(key[0] or f"{label} ", place), key[1], label, key))
    return [(label, key) for _, _, label, key in sorted(found)]
