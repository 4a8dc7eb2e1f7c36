"""A text that is no YAML, as while it is being written, with the wrong parts replaced: the rest can then be read.

An item of a list of layers is replaced by one that is no layer, so that what depends on it has no sizes; any other key
is left out. Lines stay where they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.positions import indent_of, is_blank
from shapecalc.source import read_text
from shapecalc.source.brackets import unclosed
from shapecalc.source.reading import error_line

if TYPE_CHECKING:
    from shapecalc.errors import Problem
    from shapecalc.source import Value

__all__ = ["Recovered", "recovered"]

_MOST_PARTS = 12
"""Parts that are replaced: each needs another reading."""
_LONGEST = 200_000
"""Characters of a text that is tried: reading a longer one again takes too long."""
_ITEM = re.compile(r"^\s*(?:- +)+")
_KEY = re.compile(r"^\s*(?:- +)*[\w.-]+\s*:(?:\s|$)")
_NAME = re.compile(r"(?:^|[\s{,])name\s*:\s*([\w.]+)")


class Recovered(NamedTuple):
    """What of a text can be read, the first line (from 1) that was replaced, and the top-level keys with such lines."""

    value: Value
    first: int
    keys: frozenset[str]


def recovered(text: str, name: str, problem: Problem) -> Recovered | None:
    """Return a text without what keeps it from being read; None if that is not found.

    `problem` is that of the reading of it.
    """
    if len(text) > _LONGEST or problem.mark is None or not problem.mark.line:
        return None
    lines = text.splitlines()
    replaced: set[int] = set()
    keys: set[str] = set()
    at = problem.mark.line - 1
    for _ in range(_MOST_PARTS):
        span = _part_around(lines, min(_opening(lines, at), len(lines) - 1), replaced)
        if span is None:
            break
        keys.add(_top_key(lines, span[0]))
        _replace(lines, span)
        replaced.update(range(*span))
        at = _next_error(lines, span[0])
        if at >= 0:
            continue
        value, problems = read_text("\n".join(lines) + "\n", name)
        if value is not None:
            return Recovered(value, min(replaced) + 1, frozenset(keys))
        mark = problems[-1].mark
        if mark is None or not mark.line:
            break
        at = mark.line - 1
    return _beginning(text.splitlines(), name, min([*replaced, problem.mark.line - 1]), keys)


def _next_error(lines: list[str], begin: int) -> int:
    """Return the line of the next error, from 0, behind an item that was replaced; -1 if there is none.

    Of a list below a key of the top level only the items from this one are read: those before it can be.
    """
    key = begin - 1
    while key >= 0 and (is_blank(lines[key]) or not re.match(r"[\w.-]+\s*:\s*(?:#.*)?$", lines[key])):
        key -= 1
    first = next((line for line in lines[key + 1 : begin + 1] if not is_blank(line)), "")
    if key < 0 or not first.lstrip().startswith("- ") or indent_of(first) != indent_of(lines[begin]):
        return error_line("\n".join(lines) + "\n")
    found = error_line("\n".join([lines[key], *lines[begin:]]) + "\n")
    return found if found < 0 else max(begin, found + begin - 1)


def _opening(lines: list[str], at: int) -> int:
    """Return the line of a bracket that is still open where something new begins, up to a line; or that line."""
    opened, is_new = unclosed(lines, min(at, len(lines) - 1))
    return opened[0] if opened and is_new else at


def _beginning(lines: list[str], name: str, end: int, keys: set[str]) -> Recovered | None:
    """Return the text up to a line: what is before a mistake is right, whatever follows."""
    for stop in (end, end - 1, end - 2):
        kept = [*lines[: max(stop, 0)], *[""] * (len(lines) - max(stop, 0))]
        value, _ = read_text("\n".join(kept) + "\n", name)
        if value is not None:
            return Recovered(value, max(stop, 0) + 1, frozenset(keys))
    return None


def _part_around(lines: list[str], at: int, replaced: set[int]) -> tuple[int, int] | None:
    """Return the lines of the innermost item, or else key, around a line that is not replaced yet."""
    while at >= 0 and (at in replaced or is_blank(lines[at])):
        at -= 1
    if at < 0:
        return None
    begin, column = _item_above(lines, at)
    if begin < 0:
        begin, column = _key_above(lines, at)
    if begin < 0:
        return at, at + 1
    end = begin + 1
    while end < len(lines) and (is_blank(lines[end]) or indent_of(lines[end]) > column):
        end += 1
    while end - 1 > max(at, begin) and is_blank(lines[end - 1]):
        end -= 1
    return begin, max(end, at + 1)


def _item_above(lines: list[str], at: int) -> tuple[int, int]:
    """Return the line and the column of the dash of the item that a line is in; -1 for none."""
    indent = indent_of(lines[at]) + 1 if _ITEM.match(lines[at]) else indent_of(lines[at])
    for number in range(at, -1, -1):
        line = lines[number]
        found = None if is_blank(line) else _ITEM.match(line)
        if found:
            dashes = [place for place, sign in enumerate(found[0]) if sign == "-"]
            inner = [place for place in dashes if place < indent or number == at]
            if inner:
                return number, inner[-1]
        elif line[:1].strip() and not is_blank(line):  # a key of the top level
            return -1, -1
    return -1, -1


def _key_above(lines: list[str], at: int) -> tuple[int, int]:
    for number in range(at, -1, -1):
        if (
            not is_blank(lines[number])
            and _KEY.match(lines[number])
            and indent_of(lines[number]) <= indent_of(lines[at])
        ):
            return number, indent_of(lines[number])
    return -1, -1


def _replace(lines: list[str], span: tuple[int, int]) -> None:
    begin, end = span
    found = _ITEM.match(lines[begin])
    if found:
        name = next((named[1] for line in lines[begin:end] if (named := _NAME.search(line))), "")
        lines[begin] = f"{found[0]}{{unreadable: {{}}{f', name: {name}' if name else ''}}}"
    else:
        lines[begin] = ""
    lines[begin + 1 : end] = [""] * (end - begin - 1)


def _top_key(lines: list[str], at: int) -> str:
    """Return the key of the top level that a line is under."""
    for number in range(at, -1, -1):
        found = re.match(r"([\w.-]+)\s*:", lines[number])
        if found:
            return found[1]
    return ""
