"""Positions in a text that is edited: marks of a specification as lines and characters, in the units of an editor.

The language server protocol knows three line breaks (LF, CRLF, CR), YAML three more; and it counts characters in UTF-16
code units, or in others that both sides agree on. Within this room a character is a code point, as in Python.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shapecalc.errors import Mark

__all__ = [
    "UNITS", "EditedText", "Position", "Range", "TextEdit", "applied", "edits_between", "end_of_value", "indent_of",
    "is_blank",
]  # fmt: skip

UNITS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
"""The units that characters can be counted in, and Python's encoding for each."""
_UNIT_BYTES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}

_BREAK = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"


class Position(NamedTuple):
    """A position between two characters: line and character from 0."""

    line: int
    character: int


class Range(NamedTuple):
    """A part of a text, without its end."""

    start: Position
    end: Position

    def contains(self, position: Position) -> bool:
        """Return whether a position is in it, or at its end."""
        return self.start <= position <= self.end


class TextEdit(NamedTuple):
    """A part of a text, and what replaces it."""

    range: Range
    new_text: str


class EditedText:
    """A text with the positions of its lines, as an editor and as YAML count them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        start = 1 if text.startswith(_BOM) else 0
        self._marked = [start]
        for line in text[start:].splitlines(keepends=True):
            start += len(line)
            self._marked.append(start)

    def line(self, number: int) -> str:
        """Return a line (from 0) without its break; empty if there is none."""
        if not 0 <= number < len(self.starts):
            return ""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[number] : end].rstrip("\r\n")

    def offset(self, position: Position) -> int:
        """Return the offset of a position; that of the nearest one in the text for one that is not in it."""
        if position.line >= len(self.starts):
            return len(self.text)
        return self.starts[position.line] + min(position.character, len(self.line(position.line)))

    def position(self, offset: int) -> Position:
        """Return the position of an offset."""
        line = bisect_right(self.starts, offset) - 1
        return Position(line, offset - self.starts[line])

    def offset_of(self, line: int, column: int) -> int:
        """Return the offset of the line and column of a mark, from 1."""
        start = self._marked[min(max(line, 1), len(self._marked)) - 1]
        return min(start + max(column, 1) - 1, len(self.text))

    def range_of(self, mark: Mark) -> Range:
        """Return the range of a mark: up to the end of its line at most, the first line for a mark without one."""
        if not mark.line:
            return Range(Position(0, 0), Position(0, len(self.line(0))))
        return self.span(self.offset_of(mark.line, mark.column), mark.length)

    def span(self, start: int, length: int) -> Range:
        """Return the range of so many characters from an offset, within its line."""
        first = self.position(start)
        end = min(first.character + length, len(self.line(first.line)))
        return Range(first, Position(first.line, max(end, first.character)))

    def to_units(self, position: Position, unit: str) -> Position:
        """Return a position with its character counted in units of an encoding."""
        before = self.line(position.line)[: position.character]
        if unit == "utf-32" or before.isascii():
            return position
        count = len(before.encode(UNITS[unit], "surrogatepass")) // _UNIT_BYTES[unit]
        return Position(position.line, count)

    def from_units(self, position: Position, unit: str) -> Position:
        """Return a position whose character is counted in units of an encoding, as one in code points.

        One within a character, or behind the end of the line, is that before the character, or the end.
        """
        line = self.line(position.line)
        if unit == "utf-32" or line.isascii():
            return Position(position.line, min(position.character, len(line)))
        raw = line.encode(UNITS[unit], "surrogatepass")[: position.character * _UNIT_BYTES[unit]]
        return Position(position.line, len(raw.decode(UNITS[unit], "ignore")))


def edits_between(old: EditedText, new: str) -> tuple[TextEdit, ...]:
    """Return the edit that makes a text another one, which may have other line breaks: the lines that differ.

    `new` is what the text of a specification becomes, in which every line ends with LF. Lines that stay keep their
    breaks, and new ones have that of the first line. Without any difference there is none.
    """
    before = [old.line(number) for number in range(len(old.starts))]
    after = new.split("\n")
    if before and before[0].startswith(_BOM):
        after[0] = _BOM + after[0].removeprefix(_BOM)
    if after[-1] == "" and before[-1] != "":  # a last line without a break stays one
        after.pop()
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    removed, added = before[first : len(before) - last], after[first : len(after) - last]
    if not removed and not added:
        return ()
    found = _BREAK.search(old.text)
    ending = found[0] if found else "\n"
    if not removed:
        if first == len(before):  # behind a last line without a break
            end = Position(first - 1, len(before[-1]))
            return (TextEdit(Range(end, end), "".join(f"{ending}{line}" for line in added)),)
        start = Position(first, 0)
        return (TextEdit(Range(start, start), "".join(f"{line}{ending}" for line in added)),)
    if not added:
        at_end = first + len(removed) == len(before)
        start = Position(first - 1, len(before[first - 1])) if at_end and first else Position(first, 0)
        end = Position(len(before) - 1, len(before[-1])) if at_end else Position(first + len(removed), 0)
        return (TextEdit(Range(start, end), ""),)
    end = Position(first + len(removed) - 1, len(removed[-1]))
    return (TextEdit(Range(Position(first, 0), end), ending.join(added)),)


def applied(text: EditedText, edits: tuple[TextEdit, ...]) -> str:
    """Return a text with edits made, which do not overlap."""
    result = text.text
    for edit in sorted(edits, key=lambda edit: edit.range.start, reverse=True):
        result = f"{result[: text.offset(edit.range.start)]}{edit.new_text}{result[text.offset(edit.range.end) :]}"
    return result


def indent_of(line: str) -> int:
    """Return how many characters of white space a line begins with."""
    return len(line) - len(line.lstrip())


def is_blank(line: str) -> bool:
    """Return whether a line has nothing, or only a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def end_of_value(line: str, start: int) -> int:
    """Return where a value that begins in a line ends: before a comment, a comma, or the end of what is around it."""
    depth, quote, end = 0, "", start
    for at in range(start, len(line)):
        sign = line[at]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and (at == start or not line[at - 1].isalnum()):
            quote = sign
        elif sign in "[{(":
            depth += 1
        elif sign in "]})":
            depth -= 1
            if depth < 0:
                break
        elif (sign == "#" and line[at - 1 : at].isspace()) or (sign == "," and not depth):
            break
        end = end if sign.isspace() else at + 1
    return end
