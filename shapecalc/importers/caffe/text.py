"""The text format of protocol buffers: messages in braces, with the location of each value.

A message is a table of fields by their names; which of them may be several, and what a word or a number means, is for
the one who asks. Source: protobuf.dev/reference/protobuf/textformat-spec.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem, Source, SpecError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["MESSAGE", "NUMBER", "TEXT", "WORD", "FieldValue", "Message", "ProtoText", "read_text_format"]

MESSAGE, NUMBER, TEXT, WORD = "message", "number", "text", "word"
"""What a value is: a message, a number, a text in quotes, a word (an enum, true, inf)."""

_DEEPEST = 64
_TOKEN = re.compile(
    r"""
    (?P<word>[^\W\d]\w*)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fF]?)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<sign>[-+{}<>:\[\],;])
    |(?P<comment>\#[^\n]*)
    |(?P<bad>\S)
    """,
    re.VERBOSE,
)
_FIELD = re.compile(
    r"""
    \s*(?P<name>[^\W\d]\w*)[ \t]*:[ \t]*
    (?:(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fF]?)|"(?P<text>[^"\\\n]*)"|(?P<word>[^\W\d]\w*))
    (?=\s+[^\W\d]|\s*\})
    """,
    re.VERBOSE,
)
"""A field as most are: its name, a colon and one value, before the name of another field or the end of its message."""
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_CLOSING = {"{": "}", "<": ">"}
_END = ("end", "", -1)


class FieldValue(NamedTuple):
    """A value of a field: what it is, its text, the message that it is, and where it begins in the file."""

    sort: str
    text: str
    message: Message | None
    at: int
    length: int


class Message:
    """The fields of a message: all values of each, in their order; and where it begins and how long its name is."""

    __slots__ = ("at", "fields", "length")

    def __init__(self, at: int = 0, length: int = 1) -> None:
        self.at = at
        self.length = length
        self.fields: dict[str, list[FieldValue]] = {}

    def all(self, name: str) -> list[FieldValue]:
        """Return all values of a field."""
        return self.fields.get(name, [])

    def last(self, name: str) -> FieldValue | None:
        """Return the value of a field that is one, or None."""
        found = self.fields.get(name)
        return found[-1] if found else None

    def messages(self, name: str) -> list[Message]:
        """Return the messages under a name: values that are none are left out."""
        return [entry.message for entry in self.fields.get(name, ()) if entry.message is not None]

    def plain(self, without: Collection[str] = ()) -> list[Any]:
        """Return what is written, wherever it is in the file: names with the sorts and texts of their values."""
        found: list[Any] = []
        for name, entries in self.fields.items():
            if name not in without:
                found.append(name)
                found += [entry[:2] if entry.message is None else tuple(entry.message.plain()) for entry in entries]
        return found


class ProtoText:
    """A text with the locations of its characters."""

    def __init__(self, name: str, text: str) -> None:
        self.source = Source(name, text)
        self.text = text
        self._starts: list[int] = []

    def mark(self, at: int, length: int, path: str = "") -> Mark:
        """Return a location for errors."""
        if not self._starts:
            self._starts = [0, *accumulate(map(len, self.text.splitlines(keepends=True)))]
        line = bisect_right(self._starts, at) - 1
        return Mark(self.source, line + 1, at - self._starts[line] + 1, max(length, 1), path)


def read_text_format(file: ProtoText) -> Message:
    """Return the message that a text is. Errors: `SpecError`, at the first thing that is wrong."""
    return _Reader(file).read()


class _Reader:
    """Reads one token after the other; messages that are open are on a stack."""

    def __init__(self, file: ProtoText) -> None:
        self.file = file
        self._end = 0
        self._token = _END
        self._next()

    def _error(self, message: str, at: int, length: int, hint: str = "") -> SpecError:
        if at < 0:
            at = max(len(self.file.text.rstrip()) - 1, 0)
        return SpecError(Problem(message, self.file.mark(at, length), hint=hint))

    def _next(self) -> tuple[str, str, int]:
        """Return the token that is next, and go past it."""
        token, sort = self._token, "comment"
        while sort == "comment":
            found = _TOKEN.search(self.file.text, self._end)
            if found is None:
                self._token = _END
                break
            sort, self._end = str(found.lastgroup), found.end()
            if sort == "bad":
                bad = found[0]
                message = "a text in quotes has no end on its line" if bad in "\"'" else f"{bad!r} has no meaning here"
                raise self._error(message, found.start(), 1)
            self._token = (sort, found[0], found.start())
        return token

    def _takes(self, sign: str) -> bool:
        """Go past a sign, if it is next."""
        if self._token[1] != sign or self._token[0] != "sign":
            return False
        self._next()
        return True

    def read(self) -> Message:
        """Return the whole message."""
        whole = Message()
        open_messages: list[tuple[Message, str, str]] = [(whole, "", "")]
        while True:
            message, closing, opened_as = open_messages[-1]
            sort, text, at = self._token
            if sort == "end":
                if not closing:
                    return whole
                where = self.file.mark(message.at, message.length).line
                raise self._error(f"the file ends within {opened_as}, which begins in line {where}", at, 1,
                                  f"close it with {closing}: check that the file is whole")  # fmt: skip
            if sort == "sign" and text == closing:
                self._next()
                self._separate()
                open_messages.pop()
                continue
            if sort != "word":
                is_close = text in ("}", ">")
                why = (
                    f"{text} closes nothing that is open"
                    if is_close
                    else f"the name of a field is expected, not {text}"
                )
                raise self._error(why, at, len(text))
            if self._simple_fields(message, at):
                continue
            self._next()
            inner = self._field(message, text, at)
            if inner is not None:
                open_messages.append((*inner, text))
                if len(open_messages) > _DEEPEST:
                    raise self._error(f"messages are nested more than {_DEEPEST} deep", at, len(text))

    def _simple_fields(self, message: Message, at: int) -> bool:
        """Add the fields of one value that begin here, and go past them; return whether there is one."""
        end = at
        while (field := _FIELD.match(self.file.text, end)) is not None:
            sort, end = str(field.lastgroup), field.end()
            begin, quotes = field.start(sort), sort == TEXT
            value = FieldValue(sort, field[sort], None, begin - quotes, end - begin + quotes)
            message.fields.setdefault(field["name"], []).append(value)
        if end == at:
            return False
        self._end = end
        self._next()
        return True

    def _separate(self) -> None:
        if self._token[1] in (",", ";"):
            self._next()

    def _field(self, message: Message, name: str, at: int) -> tuple[Message, str] | None:
        """Read the values of a field; return its message and what closes it, if one begins."""
        colon = self._takes(":")
        values = message.fields.setdefault(name, [])
        if self._token[1] in _CLOSING and self._token[0] == "sign":
            inner = Message(at, len(name))
            values.append(FieldValue(MESSAGE, "", inner, at, len(name)))
            return inner, _CLOSING[self._next()[1]]
        if not colon:
            raise self._error(f"{name} has no value", at, len(name), f"write {name}: and the value, or {name} {{ … }}")
        if not self._takes("["):
            values.append(self._scalar(name))
        elif not self._takes("]"):
            values += self._list(name)
        self._separate()
        return None

    def _list(self, name: str) -> list[FieldValue]:
        found = [self._scalar(name)]
        while not self._takes("]"):
            if not self._takes(","):
                _, text, at = self._token
                raise self._error(f"the list of {name} has no end", at, len(text), "write ] after its last value")
            found.append(self._scalar(name))
        return found

    def _scalar(self, name: str) -> FieldValue:
        """Return a value that is no message."""
        sign, begin = "", self._token[2]
        if self._token[1] in ("-", "+"):
            sign = self._next()[1].replace("+", "")
        sort, text, at = self._next()
        if sort == "text" and not sign:
            whole = [_unescaped(text)]
            while self._token[0] == "text":
                at, text = self._token[2], self._next()[1]
                whole.append(_unescaped(text))
            return FieldValue(TEXT, "".join(whole), None, begin, at + len(text) - begin)
        if sort not in ("number", "word"):
            found = text or "the end of the file"
            hint = f"a list of messages is written as several {name} {{ … }}" if text in _CLOSING else ""
            raise self._error(f"{name} has no value: there is {found} in its place", at, len(text) or 1, hint)
        return FieldValue(NUMBER if sort == "number" else WORD, sign + text, None, begin, at + len(text) - begin)


def _unescaped(text: str) -> str:
    """Return a text in quotes without them, and without escapes."""
    text = text[1:-1]
    if "\\" not in text:
        return text

    def replaced(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] == "x" and len(code) > 1:
            return chr(int(code[1:], 16))
        return chr(int(code, 8)) if code[0] in "01234567" else _ESCAPES.get(code, code)

    return _ESCAPE.sub(replaced, text)
