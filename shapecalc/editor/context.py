"""Where in a specification a cursor is, read from the text before it, which may be broken: it is being written."""

from __future__ import annotations

import re
from typing import NamedTuple

from shapecalc.editor.positions import is_blank

__all__ = ["CursorContext", "context_at"]

ITEM = "-"
"""An item of a list, in the path of a cursor."""

_KEY = re.compile(r"""([\w.-]+|"[^"]*"|'[^']*')\s*:(?=\s|$)""")
_MOST_LINES = 5_000


class CursorContext(NamedTuple):
    """The keys and items around a cursor, from outside (`-` is an item of a list), and what is written there.

    `is_key` is whether a key may be written: of a mapping, or a word alone. `beside` are the keys of the mapping that
    the cursor is in, `word` what stands before the cursor of the word there, `value` the whole value before the cursor.
    `is_flow` is whether it is within braces or brackets.
    """

    path: tuple[str, ...]
    is_key: bool
    beside: tuple[str, ...]
    word: str
    value: str = ""
    is_flow: bool = False


class _Open(NamedTuple):
    """What is open around a cursor in block style: its column, its key, or `-`."""

    column: int
    word: str


class _Bracket:
    """A bracket that is open: its keys so far, the last of them, and where what follows the last comma begins."""

    def __init__(self, is_map: bool, start: int) -> None:
        self.is_map = is_map
        self.keys: list[str] = []
        self.key = ""
        self.start = start


def context_at(lines: list[str], line: int, character: int) -> CursorContext:
    """Return the context of a cursor; the lines are those of the whole text."""
    current = lines[line][:character] if line < len(lines) else ""
    first = _start_of_flow(lines, line)
    head = current if first == line else lines[first]
    opened = _around(lines, first, head)
    column, rest = _past_dashes(head, opened)
    if first < line:
        rest = "\n".join([rest, *lines[first + 1 : line], current])
    if _in_comment(rest):
        return CursorContext(("#",), is_key=False, beside=(), word="")
    path = [one.word for one in opened]
    key = _KEY.match(rest)
    if key is None:
        if rest[:1] in ("[", "{"):
            return _in_flow(path, rest)
        return CursorContext(
            tuple(path), is_key=True, beside=_beside(lines, first, column), word=_word_of(rest), value=rest
        )
    value = rest[key.end() :].lstrip()
    path.append(_unquoted(key[1]))
    if value[:1] in ("[", "{"):
        return _in_flow(path, value)
    return CursorContext(tuple(path), is_key=False, beside=(), word=_word_of(value), value=value)


def _word_of(text: str) -> str:
    found = re.search(r"[\w.-]*$", text)
    return found[0] if found else ""


def _unquoted(word: str) -> str:
    return word[1:-1] if word[:1] in "\"'" else word


def _in_comment(text: str) -> bool:
    last = text.rpartition("\n")[2]
    return bool(re.search(r"(?:^|\s)#", re.sub(r"\"[^\"]*\"|'[^']*'", "", last)))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _start_of_flow(lines: list[str], line: int) -> int:
    """Return the line of the outermost bracket that is open at the beginning of a line; or that line."""
    for first in range(line - 1, max(-1, line - 50), -1):
        text = lines[first]
        if is_blank(text):
            continue
        indent = _indent(text)
        if _depth("\n".join(lines[first:line])) > 0 and (is_blank(lines[line]) or _indent(lines[line]) > indent):
            if re.match(r"\s*(- |[\w.-]+\s*:)", text):
                return first
        elif indent < _indent(lines[line]) and re.match(r"\s*(- |[\w.-]+\s*:)", text):
            break
    return line


def _depth(text: str) -> int:
    bare = re.sub(r"\"[^\"]*\"|'[^'\n]*'|(?:^|\s)#.*", "", text)
    return sum(bare.count(sign) for sign in "[{") - sum(bare.count(sign) for sign in "]}")


def _around(lines: list[str], line: int, head: str) -> list[_Open]:
    """Return what is open around the first word of a line in block style, with the dashes of the line itself."""
    indent = _indent(head)
    opened: list[_Open] = []
    limit = indent
    dashed = head.lstrip().startswith("-")
    for number in range(line - 1, max(-1, line - _MOST_LINES), -1):
        text = lines[number]
        if limit < 0 or is_blank(text):
            continue
        at = _indent(text)
        words, _ = _words_of(text)
        for one in reversed(words):
            is_above = one.column < limit or (one.column == limit and dashed and one.word != ITEM and number < line)
            if is_above:
                opened.append(one)
                limit, dashed = one.column, one.word == ITEM
        if at == 0 and limit == 0 and not dashed:
            break
    opened.reverse()
    return opened


def _words_of(text: str) -> tuple[list[_Open], int]:
    """Return the dashes of a line, and the key behind them if nothing but a block follows it."""
    found: list[_Open] = []
    column = _indent(text)
    while text[column : column + 1] == "-" and text[column + 1 : column + 2] in (" ", ""):
        found.append(_Open(column, ITEM))
        column += 1
        column += len(text[column:]) - len(text[column:].lstrip(" "))
    key = _KEY.match(text, column)
    if key:
        found.append(_Open(column, _unquoted(key[1])))
    return found, column


def _past_dashes(head: str, opened: list[_Open]) -> tuple[int, str]:
    """Return the column behind the dashes of a line, which become open items, and the text from there."""
    column = _indent(head)
    while head[column : column + 1] == "-" and head[column + 1 : column + 2] in (" ", ""):
        opened.append(_Open(column, ITEM))
        column += 1
        column += len(head[column:]) - len(head[column:].lstrip(" "))
    return column, head[column:]


def _beside(lines: list[str], line: int, column: int) -> tuple[str, ...]:
    """Return the keys of the mapping in block style that has a key at a column of a line."""
    found: list[str] = []
    for step in (-1, 1):
        number = line + step
        starts_item = step < 0 and line < len(lines) and _indent(lines[line]) < column
        while 0 <= number < len(lines) and not starts_item:
            text = lines[number]
            if not is_blank(text):
                words, own = _words_of(text)
                if step > 0 and _indent(text) < column:
                    break
                if own == column and words and words[-1].word != ITEM:
                    found.append(words[-1].word)
                if _indent(text) < column:
                    break
            number += step
    return tuple(found)


def _in_flow(path: list[str], text: str) -> CursorContext:  # noqa: C901  (one branch for each sign)
    """Return the context at the end of a text that begins with a bracket."""
    open_: list[_Bracket] = []
    inner: list[list[str]] = []
    quote, at = "", 0
    while at < len(text):
        sign = text[at]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not text[at - 1 : at].isalnum():
            quote = sign
        elif sign in "[{":
            if open_:
                around = open_[-1]
                inner.append([*([] if around.is_map else [ITEM]), *([around.key] if around.key else [])])
            open_.append(_Bracket(sign == "{", at + 1))
        elif sign in "]}" and open_:
            open_.pop()
            if inner:
                inner.pop()
        elif sign == "," and open_:
            open_[-1].key, open_[-1].start = "", at + 1
        elif sign == ":" and open_ and text[at + 1 : at + 2] in (" ", "", "\n") and not open_[-1].key:
            open_[-1].key = _unquoted(text[open_[-1].start : at].strip())
            open_[-1].keys.append(open_[-1].key)
            open_[-1].start = at + 1
        at += 1
    if not open_:
        return CursorContext(tuple(path), is_key=False, beside=(), word="", value=text, is_flow=True)
    last = open_[-1]
    whole = [*path, *[word for words in inner for word in words], *([] if last.is_map else [ITEM])]
    value = text[last.start :].lstrip()
    if last.key:
        return CursorContext(
            (*whole, last.key), is_key=False, beside=(), word=_word_of(value), value=value, is_flow=True
        )
    return CursorContext(tuple(whole), True, tuple(last.keys), _word_of(value), value, True)
