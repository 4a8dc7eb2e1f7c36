"""The values of a specification: scalars, lists and mappings, each with its location."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from shapecalc.errors import Mark, Source

__all__ = ["At", "ListValue", "MapValue", "Scalar", "Value", "as_list", "flow_text", "short", "shown_value", "words_in"]

_SHOWN = 40  # characters of a text that are shown in a message

At: TypeAlias = "tuple[Source, int, int, int, str]"
"""What a mark is made of. Every value has one, and few are ever asked for their mark."""


class _Located:
    """What all values have: a location."""

    __slots__ = ("at",)
    at: At

    @property
    def mark(self) -> Mark:
        """The location of the value, for errors."""
        return Mark(*self.at)


class Scalar(_Located):
    """A number, a word, true, false or null: its meaning (`value`) and how it was written (`text`)."""

    __slots__ = ("quoted", "text", "trap", "value")

    def __init__(self, value: float | str | None, text: str, at: At, quoted: bool = False, trap: str = "") -> None:
        self.value = value
        self.text = text
        self.at = at
        self.quoted = quoted
        self.trap = trap

    def __repr__(self) -> str:
        return f"Scalar({short(self.text)!r})"


class ListValue(_Located):
    """A list of values."""

    __slots__ = ("items",)

    def __init__(self, items: list[Value], at: At) -> None:
        self.items = items
        self.at = at

    def __repr__(self) -> str:
        return f"ListValue({len(self.items)} items)"


class MapValue(_Located):
    """A mapping from words to values, in the order written; words are unique."""

    __slots__ = ("_index", "pairs")

    def __init__(self, pairs: list[tuple[Scalar, Value]], at: At) -> None:
        self.pairs = pairs
        self.at = at
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


def as_list(text: str) -> str:
    """Return a tuple as Python writes it, `(3, (1, 1))`, as a list; empty for one that holds a call or a text."""
    if re.search(r"\w\s*\(|['\"]", text):
        return ""
    plain = re.sub(r"\(([^(),]*)\)", r"\1", text)  # (3) is 3
    return re.sub(r",\s*(?=[\])])", "", plain).replace("(", "[").replace(")", "]")


def short(text: str) -> str:
    """Return a text as one line, short enough for a message."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def shown_value(value: Any) -> str:
    """Return a value as an error shows it."""
    if isinstance(value, (list, tuple)):
        shown = ["[…]" if isinstance(item, (list, tuple)) else shown_value(item) for item in value[:_TOLD]]
        return f"[{', '.join(shown)}{', …' if len(value) > _TOLD else ''}]"
    return ("true" if value else "false") if isinstance(value, bool) else short(str(value))


_TOLD = 8


def words_in(values: list[Value]) -> set[str]:
    """Return every word in values that could be the name of a variable."""
    words: set[str] = set()
    while values:
        value = values.pop()
        if isinstance(value, ListValue):
            values += value.items
        elif isinstance(value, MapValue):
            values += [item for _, item in value.pairs]
        elif isinstance(value.value, str):
            words.update(re.findall(r"[A-Za-z_]\w*", value.text))
    return words


def flow_text(value: Value) -> str:
    """Return a value as it is written in braces and brackets."""
    if isinstance(value, ListValue):
        return f"[{', '.join(map(flow_text, value.items))}]"
    if isinstance(value, MapValue):
        return f"{{{', '.join(f'{key.text}: {flow_text(item)}' for key, item in value.pairs)}}}"
    if value.value is None and not value.text.strip():
        return "null"
    return short(f"'{value.text}'" if value.quoted else value.text)
