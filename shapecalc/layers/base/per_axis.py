"""Arguments with a number for each spatial axis: one for all of them, or a list; padding also as pairs.

Reports show them with a number for each axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import within
from shapecalc.errors import LayerError, did_you_mean
from shapecalc.layers.base.arguments import KERNEL, MAX_SIZE, REQUIRED, Integer, Number, is_other_number, show

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Factors", "Padding", "PerAxis", "WindowSizes", "per_axis", "sides_of"]


class WindowSizes(list[Any]):
    """The size of a window along each axis, as a report shows it: 3×3, even if all are equal."""


def per_axis(value: Any, rank: int) -> tuple[Any, ...]:
    """Return one number for each of `rank` axes, from one number for all or a tuple of them."""
    return value if isinstance(value, tuple) else (value,) * rank


def sides_of(value: Any, rank: int) -> list[tuple[Any, Any]]:
    """Return a start and an end for each of `rank` axes, from one number for all, or numbers or pairs of them.

    Two numbers for one axis are its start and its end, as in PyTorch and Keras.
    """
    if rank == 1 and isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], tuple):
        value = (value,)
    return [side if isinstance(side, tuple) else (side, side) for side in per_axis(value, rank)]


class Factors(Number):
    """A number for every spatial axis, whole or a fraction, or a list with one for each."""

    def __init__(self, doc: str, default: Any = REQUIRED, **rest: Any) -> None:
        super().__init__(doc, default, **rest)
        self.expected = "a number above 0, or one for each spatial axis"

    def read(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)) and value:
            return tuple(self._one(item) for item in value)
        return self._one(value)

    def _one(self, value: Any) -> Any:
        value = super().read(value)
        if is_other_number(value):
            return within(value, 1, MAX_SIZE)
        if not 0 < value <= MAX_SIZE:
            raise self.refuse(value)
        return int(value) if type(value) is float and value.is_integer() else value

    def expand(self, value: Any, rank: int) -> Any:
        return None if value is None else list(per_axis(value, rank))

    def schema(self) -> dict[str, Any]:
        one = {"type": "number", "exclusiveMinimum": 0}
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": 3}]}


class PerAxis(Integer):
    """A whole number for every spatial axis, or a list with one for each; `optional` lets a number be null."""

    def __init__(
        self, doc: str, default: Any = REQUIRED, *, minimum: int = 1, optional: bool = False, **rest: Any
    ) -> None:
        super().__init__(doc, default, minimum=minimum, **rest)
        self.optional = optional
        self.expected = f"a whole number of at least {minimum}, or one for each spatial axis"

    def read(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            if not value:
                raise self.refuse(value)
            return tuple(None if item is None and self.optional else super(PerAxis, self).read(item) for item in value)
        return super().read(value)

    def expand(self, value: Any, rank: int) -> Any:
        if value is None:
            return None
        return (WindowSizes if self.role == KERNEL else list)(per_axis(value, rank))

    def schema(self) -> dict[str, Any]:
        one = super().schema()
        item = {"anyOf": [one, {"type": "null"}]} if self.optional else one
        return {"anyOf": [one, {"type": "array", "items": item, "minItems": 1, "maxItems": 3}]}


class Padding(PerAxis):
    """Padding: a number, one for each spatial axis, a [before, after] pair for each, or a word."""

    def __init__(self, doc: str, default: Any = 0, *, words: Sequence[str] = (), minimum: int = 0, **rest: Any) -> None:
        super().__init__(doc, default, minimum=minimum, **rest)
        self.words = tuple(words)
        self.expected = "a whole number" + (f" of at least {minimum}" if minimum > -MAX_SIZE else "")
        self.expected += ", one for each spatial axis, or a [before, after] pair for each"
        if words:
            self.expected += "; or " + " or ".join(words)

    def read(self, value: Any) -> Any:
        if isinstance(value, str):
            if value not in self.words:
                raise LayerError(
                    f"{self.name} must be {self.expected}, not {show(value)}",
                    hint=did_you_mean(value, self.words) if self.words else "",
                    argument=self.name,
                )
            return value
        if isinstance(value, bool):
            keeps = f"write {self.name}: same, which keeps the size" if "same" in self.words else ""
            error = self.refuse(value)
            error.hint = keeps if value else f"write {self.name}: 0"
            raise error
        if isinstance(value, (list, tuple)) and any(isinstance(item, (list, tuple)) for item in value):
            number = next((item for item in value if type(item) is int), None)
            if number is not None:
                message = f"{self.name} has a pair for one axis, and a number for another"
                hint = f"give a pair for each: {number} before and after is [{number}, {number}]"
                raise LayerError(message, hint=hint, argument=self.name)
            return tuple(self._pair(item) for item in value)
        return super().read(value)

    def _pair(self, value: Any) -> tuple[Any, Any]:
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise self.refuse(value)
        before, after = (Integer.read(self, side) for side in value)
        return before, after

    def expand(self, value: Any, rank: int) -> Any:
        if isinstance(value, str):
            return value
        return [list(side) if isinstance(side, tuple) else side for side in per_axis(value, rank)]

    def schema(self) -> dict[str, Any]:
        one = Integer.schema(self) if self.minimum > -MAX_SIZE else {"type": "integer"}
        pair = {"type": "array", "items": one, "minItems": 2, "maxItems": 2}
        arrays = [{"type": "array", "items": item, "minItems": 1, "maxItems": 3} for item in (one, pair)]
        return {"anyOf": [one, *arrays, *([{"enum": list(self.words)}] if self.words else [])]}
