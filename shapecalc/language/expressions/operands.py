"""The operands of expressions: numbers of any kind, texts, lists, true and false; bounded, and shown by their text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Hint

__all__ = [
    "MAX_ITEMS",
    "MAX_SIZE",
    "ExpressionError",
    "Piece",
    "bounded",
    "described",
    "is_plain",
    "items_of",
    "name_of_kind",
    "number_of",
    "on_any",
    "short",
    "truth_of",
]

MAX_SIZE = 10**18
"""The maximum value of a number."""
MAX_ITEMS = 10_000
"""The maximum length of a list."""

_SHOWN = 40  # characters of an expression that are shown in a message


class ExpressionError(Exception):
    """A mistake in an expression: its position in the text (from 0; None for the whole text), and the hint."""

    def __init__(self, message: str, offset: int | None = None, length: int = 1, hint: str | Hint = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.hint = hint


class Piece(NamedTuple):
    """A piece of an expression's text, for errors to point at."""

    text: str
    offset: int

    def refuse(self, message: str, hint: str | Hint = "") -> NoReturn:
        """Raise the error; `{}` in the message becomes the piece."""
        raise ExpressionError(message.replace("{}", f"`{short(self.text)}`", 1), self.offset, len(self.text), hint)


def short(text: str) -> str:
    """Return a text as one line, short enough for a message."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def described(value: Any, piece: Piece) -> str:
    """Describe a value: itself if its piece is a name or a calculation, its type if it is literal."""
    if value is None:
        return "null"
    written = isinstance(value, (int, float, str)) and piece.text.lower() in (str(value).lower(), repr(value).lower())
    if isinstance(value, bool):
        return "a condition" if written else f"{value}".lower()
    if isinstance(value, str):
        return "a text" if written else f"the text '{short(value)}'"
    if isinstance(value, (int, float)):
        return "a number" if written else f"{value:,}"
    return "a list" if isinstance(value, (list, tuple)) else f"a value of type {type(value).__name__}"


def is_plain(value: Any) -> bool:
    """Return whether a value is an int or a float."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_other_number(value: Any) -> bool:
    """Return whether a value is a dimension but not a plain number: traced, a symbol, an array."""
    return not isinstance(value, (int, float, str, list, tuple, dict, type(None)))


def number_of(value: Any, piece: Piece) -> Any:
    """Return a value that must be a number."""
    if is_plain(value) or _is_other_number(value):
        return value
    hint = f"write `1 if {piece.text} else 0` for a number" if isinstance(value, bool) else ""
    return piece.refuse(f"{{}} is {described(value, piece)}, not a number", hint)


def truth_of(value: Any, piece: Piece) -> bool:
    """Return a value that must be true or false."""
    if isinstance(value, bool):
        return value
    if _is_other_number(value):
        return bool(on_any(bool, piece, value))
    hint = "compare it, as in `i > 0`" if is_plain(value) else ""
    return piece.refuse(f"{{}} is {described(value, piece)}, not true or false", hint)


def items_of(value: Any, piece: Piece) -> Sequence[Any]:
    """Return a value that must be a list."""
    if not isinstance(value, (list, tuple)):
        piece.refuse(f"{{}} is {described(value, piece)}, not a list")
    return value


def bounded(value: Any, piece: Piece) -> Any:
    """Return the value if it is within the limits."""
    if isinstance(value, (int, float)):
        if not -MAX_SIZE <= value <= MAX_SIZE:  # false for nan, too
            piece.refuse("{} is too large: the maximum is 10**18")
    elif isinstance(value, (list, tuple)) and len(value) > MAX_ITEMS:
        piece.refuse(f"{{}} is a list of {len(value):,} items: at most {MAX_ITEMS:,}")
    return value


def on_any(work: Callable[..., Any], piece: Piece, *values: Any) -> Any:
    """Apply an operation to numbers of any kind; not every kind supports all."""
    try:
        return work(*values)
    except (TypeError, ValueError, AttributeError, ArithmeticError):
        return piece.refuse(f"{{}} cannot be computed on {' and '.join(dict.fromkeys(map(name_of_kind, values)))}")


_NAMES = {bool: "true or false", int: "a number", float: "a fraction", str: "a text", list: "a list", tuple: "a list",
          dict: "a mapping", type(None): "null"}  # fmt: skip


def name_of_kind(value: Any) -> str:
    """Return what a value is, in words: values of other kinds of number are those of a symbol."""
    return _NAMES.get(type(value), "a symbol")
