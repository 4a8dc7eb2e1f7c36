"""The values of a specification: scalars, lists and mappings, each with its location."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from shapecalc.errors import Mark

__all__ = ["ListValue", "MapValue", "Scalar", "Value", "short"]

_SHOWN = 40  # characters of a text that are shown in a message


class Scalar:
    """A number, a word, true, false or nothing: what it means (`value`) and how it was written (`text`)."""

    __slots__ = ("mark", "quoted", "text", "trap", "value")

    def __init__(self, value: float | str | None, text: str, mark: Mark, quoted: bool = False, trap: str = "") -> None:
        self.value = value
        self.text = text
        self.mark = mark
        self.quoted = quoted
        self.trap = trap

    def __repr__(self) -> str:
        return f"Scalar({short(self.text)!r})"


class ListValue:
    """A list of values."""

    __slots__ = ("items", "mark")

    def __init__(self, items: list[Value], mark: Mark) -> None:
        self.items = items
        self.mark = mark

    def __repr__(self) -> str:
        return f"ListValue({len(self.items)} items)"


class MapValue:
    """A mapping from words to values, in the order written; words are unique."""

    __slots__ = ("_index", "mark", "pairs")

    def __init__(self, pairs: list[tuple[Scalar, Value]], mark: Mark) -> None:
        self.pairs = pairs
        self.mark = mark
        self._index: dict[str, Value] | None = None

    def get(self, key: str) -> Value | None:
        """Return the value of a key, or None if there is no such key."""
        if self._index is None:
            self._index = {scalar.text: value for scalar, value in self.pairs}
        return self._index.get(key)

    def keys(self) -> list[str]:
        """Return the keys in the order written."""
        return [scalar.text for scalar, _ in self.pairs]

    def __repr__(self) -> str:
        return f"MapValue({len(self.pairs)} pairs)"


Value: TypeAlias = Scalar | ListValue | MapValue
"""Any value of a specification."""


def short(text: str) -> str:
    """Return a text as one line, short enough for a message."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
