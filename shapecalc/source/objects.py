"""From Python dicts, lists, strings and numbers to values."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem
from shapecalc.source.assembly import StopReadingError, TreeBuilder
from shapecalc.source.reading import check_characters
from shapecalc.source.values import Scalar
from shapecalc.source.words import MAX_DIGITS, long_trap

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_objects"]


def read_objects(obj: object, builder: TreeBuilder) -> None:
    """Feed Python objects to the builder, without recursion."""
    source = builder.source
    walks: list[tuple[int, str, Iterator[tuple[str, object]]]] = []
    inside: set[int] = set()
    path, value = "", obj
    while True:
        walk = _contents(value, path)
        mark = Mark(source, 0, 0, 1, path)
        if walk is None:
            builder.put(_object_scalar(value, mark, builder))
        else:
            if id(value) in inside:
                raise StopReadingError(Problem("a value contains itself", mark, hint="write the value in full here"))
            inside.add(id(value))
            builder.open(mark, isinstance(value, Mapping))
            walks.append((id(value), path, walk))
        following = None
        while walks and following is None:
            identity, _, walk = walks[-1]
            following = next(walk, None)
            if following is None:
                builder.close()
                inside.discard(identity)
                walks.pop()
        if following is None:
            return
        path, value = following


class _BadKey(NamedTuple):
    """A placeholder for a key of a dict that is not a string."""

    kind: str


def _contents(value: object, path: str) -> Iterator[tuple[str, object]] | None:
    """Return the path and value of everything in a list or a mapping; None for anything else."""
    if isinstance(value, Mapping):
        return _pairs(value, path)
    if isinstance(value, (list, tuple)) and not isinstance(value, _BadKey):
        return ((f"{path}[{index}]", item) for index, item in enumerate(value))
    return None


def _pairs(value: Mapping[Any, object], path: str) -> Iterator[tuple[str, object]]:
    for key, item in value.items():
        if isinstance(key, str):
            inner = f"{path}.{key}" if path else key
            yield inner, key
        else:
            inner = f"{path}.?" if path else "?"
            yield path, _BadKey(type(key).__name__)
        yield inner, item


def _object_scalar(value: object, mark: Mark, builder: TreeBuilder) -> Scalar:
    if isinstance(value, _BadKey):
        message = f"a key is a string, not a value of type `{value.kind}`"
        builder.problems.append(Problem(message, mark, hint="write the key as a string"))
        return builder.refused
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # a number of numpy, or of a similar library
    if isinstance(value, str):
        check_characters(value, mark, builder)
        return Scalar(str(value), str(value), mark, quoted=True)
    word = _object_word(value, mark)
    if word is not None:
        return word
    kind = type(value).__name__
    hint = "give a dict, a list, a string, a number, a bool or None"
    builder.problems.append(Problem(f"a value of type `{kind}` is not allowed in a specification", mark, hint=hint))
    return Scalar(None, kind, mark)


def _object_word(value: object, mark: Mark) -> Scalar | None:
    """Return a number, a bool or None as a scalar, as YAML writes it; None for anything else."""
    if value is None:
        return Scalar(None, "null", mark)
    if isinstance(value, bool):
        return Scalar(value, "true" if value else "false", mark)
    if isinstance(value, float):
        return Scalar(float(value), repr(float(value)), mark)
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # asked, not known
    except TypeError:
        return None
    if abs(number) < 10**MAX_DIGITS:
        return Scalar(number, str(number), mark)
    digits = int(number.bit_length() * 0.30103) + 1  # log10 of 2
    text = f"a number of {digits:,} digits"
    return Scalar(text, text, mark, False, long_trap(digits))
