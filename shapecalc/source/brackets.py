"""Brackets of a text that cannot be read, and which of them are not closed."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CLOSING", "opened_in", "unclosed"]

CLOSING = {"{": "}", "[": "]"}

_SIGNS = re.compile(r"(?:^|\s)#|\"(?:[^\"\\]|\\.)*\"|'[^']*'|[\[\]{}]")
_Bracket = tuple[int, int]  # its line and its column, from 0


@lru_cache(1024)
def _brackets(line: str) -> tuple[tuple[int, str], ...]:
    """Return the brackets of a line, with their columns: those in quotes and comments are none."""
    found = []
    for match in _SIGNS.finditer(line):
        sign = match[0]
        if sign.lstrip() == "#":
            break
        if sign in "[]{}":
            found.append((match.start(), sign))
    return tuple(found)


def opened_in(line: str) -> list[str]:
    """Return the brackets that are opened in a line and not closed in it, the outermost first."""
    opened: list[str] = []
    for _, sign in _brackets(line):
        if sign in CLOSING:
            opened.append(sign)
        elif opened:
            opened.pop()
    return opened


def unclosed(lines: Sequence[str], last: int, column: int | None = None) -> tuple[_Bracket | None, bool]:
    """Return the bracket that is not closed before a position (of a line, its end), and whether something new begins.

    Something new begins below a bracket in a line that is not indented more than the one with the bracket, and does not
    begin with a closing one. Without such a line, it is the innermost that is open at the position, or one with a
    closing bracket of the other sort.
    """
    opened: list[_Bracket] = []
    for number in range(last + 1):
        line = lines[number]
        bare = line.lstrip()
        if opened and bare and bare[0] not in "]}#":
            above = lines[opened[-1][0]]
            if len(line) - len(bare) <= len(above) - len(above.lstrip()):
                return opened[-1], True
        for at, sign in _brackets(line) if "[" in line or "{" in line or opened else ():
            if number == last and column is not None and at >= column:
                break
            if sign in CLOSING:
                opened.append((number, at))
            elif opened and sign != CLOSING[lines[opened[-1][0]][opened[-1][1]]]:
                return opened[-1], False
            elif opened:
                opened.pop()
    return (opened[-1] if opened else None), False
