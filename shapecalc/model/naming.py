"""Names of parameters in another library: a dictionary of patterns, declared by a family beside its `configs:`.

A pattern of ours has `*` for a part of a name that is in theirs too, in the same order, and `?` for one that is not:
`layers.*.input_norm.?.*: layers.*.input_layernorm.*`. Parameters of ours with one and the same name of theirs are
joined along their first axis, as queries, keys and values in one matrix. In a name of theirs

    ^T     at its end: the last two axes are swapped; ^J: the first two are joined, ^F: all but the first;
           ^1: an axis of one element is put before the others; ^0: such a first axis is left out
    #      one tensor for each index of the first axis, as of experts
    A + B  several tensors, each with an equal part of the first axis
    [* - 1]  the part is a number, and counted otherwise: operators (- * // %) apply one after the other;
           [= % 2] has the part that the one before had
    /      at its start: it is not within the base model, and has not its prefix, as a head

A list of names are alternatives: the first is the library's own, others are those of older checkpoints.
"""

# No `from __future__ import annotations`: NamedTuple compiles each annotation that is a string, at every start.

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, reduce
from math import prod
from typing import NamedTuple

from shapecalc.errors import Problem, UsageError

__all__ = ["Naming", "library_shapes"]

_Shape = tuple[int, ...]
_Shapes = dict[str, _Shape]


class Naming(NamedTuple):
    """The names of a library: what each pattern of ours is there, and the prefix of its base model (`model.`)."""

    names: Mapping[str, Sequence[str]]
    base: str = ""

    def knows(self, name: str) -> bool:
        """Return whether a name of ours has one in the library."""
        return any(_compiled(pattern).fullmatch(name) for pattern in self.names)

    def is_many(self, name: str) -> bool:
        """Return whether a tensor of ours is one for each index of its first axis in some checkpoints: experts."""
        rules = [names for pattern, names in self.names.items() if _compiled(pattern).fullmatch(name)]
        return any("#" in text for text in rules[0]) if rules else False


class _Rule(NamedTuple):
    """What the names that match a pattern are in the library."""

    pattern: re.Pattern[str]
    alternatives: Sequence[str]


def library_shapes(naming: Naming, ours: Mapping[str, _Shape], there: Collection[str] = ()) -> _Shapes:
    """Return the names and sizes of parameters in the library, from those of a report.

    Of alternatives the one is meant whose names are `there`, in a checkpoint. Errors: `UsageError` for a parameter
    without a name.
    """
    rules = [_Rule(_compiled(pattern), names) for pattern, names in naming.names.items()]
    joined: _Shapes = {}
    for name, shape in ours.items():
        for full, part in _chosen(rules, name, shape, naming.base, there).items():
            before = joined.get(full)
            joined[full] = (before[0] + part[0], *before[1:]) if before else part
    found: _Shapes = {}
    for full, shape in joined.items():
        bare, *changes = full.split()
        found[bare] = reduce(lambda sizes, change: _CHANGES[change](sizes), changes, shape)
    return found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": "([^.]+)", "?": "[^.]+"}
    return re.compile("".join(parts.get(part, re.escape(part)) for part in re.split(r"([*?])", pattern)))


def _chosen(rules: Sequence[_Rule], name: str, shape: _Shape, base: str, there: Collection[str]) -> _Shapes:
    """Return the tensors of the library that one of ours is, of the alternative that is there or of the first."""
    for rule in rules:
        match = rule.pattern.fullmatch(name)
        if match:
            every = [_filled(text, match.groups(), shape, base) for text in rule.alternatives]
            return next((found for found in every if next(iter(found)).split()[0] in there), every[0])
    raise UsageError(Problem(f"{name} has no name in the library", hint="add it to `names` of the family"))


def _filled(text: str, parts: Sequence[str], shape: _Shape, base: str) -> _Shapes:
    """Return the names of a text of the dictionary, with the parts of ours in place of its asterisks."""
    names = [base + name if name[:1] != "/" else name[1:] for name in text.split(" + ")]
    if len(names) > 1:
        axis = 1 if "#" in text else 0
        shape = (*shape[:axis], shape[axis] // len(names), *shape[axis + 1 :])
    found: _Shapes = {}
    for name in names:
        given = iter(parts)
        filled, part = "", ""
        for piece in _PLACES.split(name):
            if piece == "*" or piece[:2] == "[*":
                part = next(given)
            filled += part if piece == "*" else _counted(piece, part) if piece[:1] == "[" else piece
        if "#" in filled:
            found.update({filled.replace("#", str(index)): shape[1:] for index in range(shape[0])})
        else:
            found[filled] = shape
    return found


def _counted(place: str, part: str) -> str:
    """Return the number that a place in brackets makes of a part of a name."""
    number = int(part)
    for operator, other in _STEPS.findall(place):
        number = _OPERATORS[operator](number, int(other))
    return str(number)


_PLACES = re.compile(r"(\[[^\]]*\]|\*)")
_STEPS = re.compile(r"(//|[-*%]) *(\d+)")
_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "-": int.__sub__, "*": int.__mul__, "//": int.__floordiv__, "%": int.__mod__
}  # fmt: skip
_CHANGES: dict[str, Callable[[_Shape], _Shape]] = {
    "^T": lambda shape: (*shape[:-2], shape[-1], shape[-2]),
    "^J": lambda shape: (shape[0] * shape[1], *shape[2:]),
    "^F": lambda shape: (shape[0], prod(shape[1:])),
    "^1": lambda shape: (1, *shape),
    "^0": lambda shape: shape[1:],
}
