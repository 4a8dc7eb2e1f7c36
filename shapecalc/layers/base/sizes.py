"""Arguments that are lists of numbers, and the sizes of a tensor, as they are written: a list, or 3x224x224."""

from __future__ import annotations

import re
from typing import Any

from shapecalc.errors import LayerError, Problem, UsageError
from shapecalc.layers.base.arguments import MAX_SIZE, REQUIRED, Argument, Integer, Number
from shapecalc.text.units import read_sizes, without_batch

__all__ = ["Integers", "NamedSizes", "NumberList", "Sizes", "parse_sizes"]


class _List(Argument):
    """What lists of numbers share: each number is read as the class after it reads one."""

    most = 256

    def read(self, value: Any) -> Any:
        items = value if isinstance(value, (list, tuple)) else (value,)
        if not items:
            raise self.refuse(value)
        if len(items) > self.most:
            message = f"{self.name} has {len(items):,} entries: the maximum is {self.most}"
            raise LayerError(message, argument=self.name, found=value)
        read = super().read
        return tuple([read(item) for item in items])

    def schema(self) -> dict[str, Any]:
        one = self.schema_of_one()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}

    def schema_of_one(self) -> dict[str, Any]:
        """Return the schema of one number."""
        return super().schema()


class Integers(_List, Integer):
    """A list of whole numbers; one alone is a list of one."""

    def __init__(self, doc: str, default: Any = REQUIRED, *, minimum: int = 0, **rest: Any) -> None:
        super().__init__(doc, default, minimum=minimum, **rest)
        self.expected = "a list of whole numbers" + (f" of at least {minimum}" if minimum > -MAX_SIZE else "")

    def schema_of_one(self) -> dict[str, Any]:
        return super().schema_of_one() if self.minimum > -MAX_SIZE else {"type": "integer"}


class NumberList(_List, Number):
    """A list of numbers, whole or not; one alone is a list of one. It decides the structure of a layer."""

    def __init__(self, doc: str, default: Any = REQUIRED, **rest: Any) -> None:
        super().__init__(doc, default, **rest)
        self.expected = "a list of numbers" + self.expected.removeprefix("a number")


class Sizes(Integers):
    """The sizes of a tensor: a list, or `227x227x3`; -1 stands for the size to infer, where that is allowed.

    `scalar` allows the empty list, for a scalar.
    """

    most = 64

    def __init__(
        self, doc: str, default: Any = REQUIRED, *, inferred: bool = False, scalar: bool = False, **rest: Any
    ) -> None:
        super().__init__(doc, default, minimum=-1 if inferred else 1, **rest)
        self.inferred = inferred
        self.scalar = scalar
        self.expected = "a list of sizes, or sizes as 3x224x224" + (" (one may be -1)" if inferred else "")
        self.one = "a whole number of at least 1" + (", or -1 for the size to infer" if inferred else "")

    def read(self, value: Any) -> Any:
        if isinstance(value, str) and "x" in value:
            value = read_sizes(value) or value
        if self.scalar and isinstance(value, (list, tuple)) and not value:
            return ()
        wrong = [item for item in value if item is None or isinstance(item, bool)] if isinstance(value, list) else ()
        if wrong:
            raise self.refuse_number(wrong[0])
        sizes = super().read(value)
        if any(type(size) is int and size == 0 for size in sizes):
            raise self.refuse_number(0)
        return sizes

    def schema(self) -> dict[str, Any]:
        forms = super().schema()["anyOf"]
        if self.scalar:
            forms = [{**form, "minItems": 0} if "items" in form else form for form in forms]
        return {"anyOf": [*forms, {"type": "string", "pattern": r"^ *\d+( *x *\d+)+ *$"}]}


class NamedSizes(Sizes):
    """The sizes of several tensors, each with its name: a mapping; a list of sizes, which have no names; or one.

    A layer keeps pairs of a name ("" for none) and sizes.
    """

    is_mapping = True
    most_tensors = 256

    def __init__(self, doc: str, default: Any = REQUIRED, **rest: Any) -> None:
        super().__init__(doc, default, scalar=True, **rest)
        self.expected = "sizes as 3x224x224, a list of them, or sizes by name"

    def read(self, value: Any) -> Any:
        pairs: list[tuple[str, Any]] = [("", value)]
        if isinstance(value, dict):
            pairs = [*value.items()]
        elif isinstance(value, (list, tuple)) and any(isinstance(item, (list, tuple, str)) for item in value):
            pairs = [item if _is_pair(item) else ("", item) for item in value]
        if not pairs or len(pairs) > self.most_tensors:
            raise self.refuse(value)
        return tuple([(str(name), super(NamedSizes, self).read(sizes)) for name, sizes in pairs])

    def expand(self, value: Any, rank: int) -> Any:
        shown = [(name, "x".join(map(str, sizes)) or "[]") for name, sizes in value]
        return ", ".join(f"{name}: {sizes}" if name else sizes for name, sizes in shown)

    def schema(self) -> dict[str, Any]:
        one = super().schema()
        several = {"type": "array", "items": one, "minItems": 1}
        return {"anyOf": [*one["anyOf"], several, {"type": "object", "additionalProperties": one, "minProperties": 1}]}


def _is_pair(item: Any) -> bool:
    """Return whether an item is a name with sizes, as a layer keeps it."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], tuple)


_OF_TENSOR = "write the size without the batch axis: tuple(x.shape[1:])"


def parse_sizes(given: Any) -> tuple[int, ...]:
    """Return sizes from `3x224x224`, a list, or one number. Errors: `UsageError`."""
    argument = Sizes("sizes", scalar=True)
    argument.name = "an input size"
    if isinstance(given, str):
        if given.strip() == "[]":
            return ()
        inner = re.sub(r"\s*(?:\((.+)\)|\[(.+)\])\s*", r"\1\2", given)  # as Python prints them: (3, 224, 224)
        sizes = read_sizes(inner)
        if sizes is None:
            from shapecalc.source import short

            alone = read_sizes(without_batch(inner))
            without = f"sizes are given without the batch axis: write {'x'.join(map(str, alone))}" if alone else ""
            raise UsageError(Problem(f"'{short(given)}' is not a size", hint=without or "write sizes as 3x224x224"))
        given = sizes
    elif type(given) is not int:
        from shapecalc.text.given import plain  # sizes that are not text come from callers of the library

        if len(getattr(given, "shape", ())) > 1:
            shape = f"{type(given).__name__} of shape {'×'.join(map(str, given.shape))}"
            raise UsageError(Problem(f"an input size is a list of sizes, not a {shape}", hint=_OF_TENSOR))
        given = plain(given)
    try:
        if not all(isinstance(size, (int, float, str)) for size in (given if isinstance(given, list) else [given])):
            raise argument.refuse(given)
        return tuple(argument.normalise(given))
    except LayerError as error:
        raise UsageError(Problem(error.message, why=error.why, hint=error.hint)) from None
