"""The width of texts in cells of a terminal; texts cut and wrapped to a width."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROSE", "cell_width", "count_longer", "cut_off", "prose_width", "shorten", "wrap"]

PROSE = 100
"""The width of prose without a terminal."""

_COMBINING = frozenset({"Mn", "Me"})
_OWN = dict.fromkeys(map(ord, "×–−·…≤─█▏▎▍▌▋▊▉"))
"""Frequent non-ASCII characters of tables, each one cell wide."""


def cell_width(text: str) -> int:
    """Return the width of a text in cells: two for a wide character, none for a combining one."""
    if text.isascii() or text.translate(_OWN).isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 0 if category(c) in _COMBINING else 1 for c in text)


_longer: dict[str, int] = {}


def count_longer(cells: Mapping[str, int]) -> None:
    """Count characters of prose as longer by some cells from now on: those that are written as several on output."""
    _longer.clear()
    _longer.update(cells)


def prose_width(text: str) -> int:
    """Return the width of a text outside tables, as it is written on output."""
    width = cell_width(text)
    return width + sum([_longer.get(c, 0) for c in text]) if _longer and not text.isascii() else width


def shorten(text: str, room: int) -> str:
    """Return a text with its middle left out if it is wider than the room."""
    if cell_width(text) <= room:
        return text
    room = max(room, 1)
    tail = room // 2
    start, end = text[: room - tail - 1], text[-tail:]
    while cell_width(start) > room - tail - 1:
        start = start[:-1]
    while cell_width(end) > tail:
        end = end[1:]
    return f"{start}…{end}"


def cut_off(text: str, room: int) -> str:
    """Return a text with its end left out if it is wider than the room."""
    if cell_width(text) <= room:
        return text
    while cell_width(text) > room - 1:
        text = text[: min(len(text) - 1, room - 1)]
    return f"{text}…"


def wrap(text: str, room: int | None, hang: int = 0, *, splits: bool = True) -> list[str]:
    """Return a text in lines of at most `room` cells, broken between words where possible.

    The lines after the first are indented by `hang`, so that the end of a name does not look like a separate line. A
    word that is too long is divided, unless `splits` is false. Code in backticks stays whole; where it is too long for
    a line, it is broken after commas.
    """
    if room is None or prose_width(text) <= room:
        return [text]
    if hang:
        first, *rest = wrap(text, room, splits=splits)
        rest = wrap(" ".join(rest), max(room - hang, 1), splits=splits) if rest else []
        return [first, *[" " * hang + part for part in rest]]
    lines = [""]
    piece = max(room // 2, 1)  # of a word that is too long: it fits even with wide characters
    words = _CODE.sub(lambda code: _joined(code[0], room), text).split(" ")
    words = [word if not splits or prose_width(word) <= room else _split(word, piece) for word in words]
    for word in " ".join(words).split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and prose_width(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return [line.replace(_JOINT, " ") for line in lines]


_CODE = re.compile(r"`[^`]+`")
_JOINT = "\0"
"""A space at which no line is broken."""


def _joined(code: str, room: int) -> str:
    """Return code whose spaces are joints, as far as its parts then fit on a line: all, or those not after a comma."""
    parts = [code] if prose_width(code) < room else code.split(", ")  # (a comma may follow the code)
    return ", ".join(part.replace(" ", _JOINT) if prose_width(part) < room else part for part in parts)


def _split(word: str, piece: int) -> str:
    return " ".join(word[i : i + piece] for i in range(0, len(word), piece))
