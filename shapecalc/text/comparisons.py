"""Comparisons as people write them: `<= 5M`, `≤ 5M`; and those that are almost one: `=> 5M`."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NOT_ASCII", "SIGNS", "MisspeltComparison", "before_ascii", "in_ascii", "misspelt_comparison"]

SIGNS: dict[str, Callable[[int, int], bool]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip

NOT_ASCII = {"≤": "<=", "≥": ">=", "≠": "!="}
"""Signs of mathematics, which mean the same."""

_MEANT = {"=>": ">=", "=<": "<=", "=!": "!=", "<>": "!=", "!==": "!=", "===": "==", "=": "=="}

_QUOTED = r"'[^']*'|\"[^\"]*\""
_SIGN = re.compile(rf"{_QUOTED}|([{''.join(NOT_ASCII)}])")
_AMOUNT = r"[\w.+-]*(?: (?:[kmgtp]i?b|[kmgtb])\b)?"
_COMPARISON = re.compile(rf"{_QUOTED}|([<>=!]+)\s*({_AMOUNT})", re.IGNORECASE)


class MisspeltComparison(NamedTuple):
    """A comparison whose sign is none: where it begins, as written, and as it was probably meant."""

    start: int
    text: str
    meant: str


def in_ascii(text: str) -> str:
    """Return a text with its comparisons in ASCII: `<=` for `≤`; what is in quotes stays as it is."""
    return text if text.isascii() else _SIGN.sub(lambda found: NOT_ASCII[found[1]] if found[1] else found[0], text)


def before_ascii(text: str, at: int) -> int:
    """Return the position in a text of what is at a position of `in_ascii(text)`."""
    if text.isascii():
        return at
    wider = 0
    for found in _SIGN.finditer(text):
        if found[1] and found.start() + wider < at:
            wider += 1
    return at - wider


def misspelt_comparison(text: str) -> MisspeltComparison | None:
    """Return the first comparison of a text that is written with a sign that is none, if there is one."""
    for found in _COMPARISON.finditer(text):
        if found[1] in _MEANT:
            return MisspeltComparison(found.start(), found[0].rstrip(), f"{_MEANT[found[1]]} {found[2]}".rstrip())
    return None
