"""The wire format of protocol buffers, read where it lies: what no one asks for is skipped by its length.

A message is a table of fields (`Tag`) by their numbers. A payload is kept as its location, so that the weights of a
mapped file are never read.
Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from mmap import mmap

__all__ = [
    "MESSAGE",
    "NUMBER",
    "NUMBERS",
    "PAYLOAD",
    "REAL",
    "TEXT",
    "Span",
    "Tag",
    "WireError",
    "WireReader",
    "signed",
]

NUMBER, NUMBERS, REAL, TEXT, MESSAGE, PAYLOAD = "number", "numbers", "real", "text", "message", "payload"
"""What the value of a field is: a whole number, a list of them, a fraction, a text, a message, bytes left unread."""

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_DEEPEST = 48
_MOST_FIELDS = 20_000_000
_LONGEST_TEXT = 2**20
_LONGEST_ALIKE, _MOST_ALIKE = 256, 4096
_MOST_NUMBERS = 2**16


class WireError(Exception):
    """The bytes are no message: what is wrong, and at which byte (-1: with the whole file)."""

    def __init__(self, message: str, at: int = -1) -> None:
        self.message = message
        self.at = at
        super().__init__(message if at < 0 else f"{message} (at byte {at:,})")


class Span(NamedTuple):
    """Where a payload lies: its first byte, and that after its last."""

    start: int
    end: int


class Tag(NamedTuple):
    """A field that is read: its name, what its value is, whether there may be several, and the fields of a message.

    `alike` is whether many of these messages are equal, byte for byte: each of them is then read once, and is one and
    the same table, which must not be changed.
    """

    name: str
    what: str
    many: bool = False
    fields: Mapping[int, Tag] | None = None
    alike: bool = False


def signed(number: int) -> int:
    """Return a number as 64 bits in two's complement, which is how protobuf writes negative ones."""
    return number - (1 << 64) if number >> 63 else number


class WireReader:
    """Reads messages from bytes or a mapped file, of which it only touches what it reads."""

    def __init__(self, data: bytes | mmap) -> None:
        self.data = data
        self.left = _MOST_FIELDS
        self._known: dict[int, dict[bytes, dict[str, Any]]] = {}

    def message(  # noqa: C901, PLR0912, PLR0915  (the inner loop of every import: one function is twice as fast)
        self, fields: Mapping[int, Tag], start: int = 0, end: int = -1, depth: int = 0
    ) -> dict[str, Any]:
        """Return the fields of a message by their names: what is absent is missing, what may be several is a list.

        Errors: `WireError`.
        """
        if depth > _DEEPEST:
            raise WireError(f"messages are nested more than {_DEEPEST} deep", start)
        data, at = self.data, start
        end = len(data) if end < 0 else end
        found: dict[str, Any] = {}
        read = 0
        while at < end:
            begin = at
            key = data[at]
            at += 1
            if key > 127:
                key, at = self._varint(begin, end)
            wire = key & 7
            if wire == _BYTES:
                if at < end and data[at] < 128:
                    length = data[at]
                    at += 1
                else:
                    length, at = self._varint(at, end)
                value: Any = at
                at += length
            elif wire == _VARINT:
                if at < end and data[at] < 128:
                    value = data[at]
                    at += 1
                else:
                    value, at = self._varint(at, end)
            elif wire in (_FIXED_64, _FIXED_32):
                value = at
                at += 8 if wire == _FIXED_64 else 4
            else:
                raise WireError(f"there is a field of the unknown wire type {wire}", begin)
            if at > end:
                raise WireError(f"it ends {at - end:,} bytes too early, or a length is wrong", begin)
            field = fields.get(key >> 3)
            if field is not None:
                name, what, many, inner, alike = field
                if wire == _BYTES and what is TEXT and at - value <= _LONGEST_TEXT:
                    one: Any = str(data[value:at], "utf-8", "replace")
                elif wire == _BYTES and what is MESSAGE and inner is not None:
                    one = (self._message_once if alike else self.message)(inner, value, at, depth + 1)
                elif wire == _VARINT and what is NUMBER:
                    one = value - (1 << 64) if value >> 63 else value
                else:
                    self._put(found, field, wire, value, at)
                    one = None
                if one is not None:
                    if many:
                        found.setdefault(name, []).append(one)
                    else:
                        found[name] = one
            read += 1
            if read > self.left:
                raise WireError(f"it has more than {_MOST_FIELDS:,} fields", begin)
        self.left -= read
        return found

    def _message_once(self, fields: Mapping[int, Tag], start: int, end: int, depth: int) -> dict[str, Any]:
        """Return a message: of equal ones the first, whose payloads are equal too."""
        if end - start > _LONGEST_ALIKE:
            return self.message(fields, start, end, depth)
        known = self._known.setdefault(id(fields), {})
        own = bytes(self.data[start:end])
        found = known.get(own)
        if found is None:
            found = self.message(fields, start, end, depth)
            if len(known) < _MOST_ALIKE:
                known[own] = found
        return found

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """Return the number at a byte, and the byte after it."""
        data, number, shift, begin = self.data, 0, 0, at
        while at < end:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            if byte < 128:
                return number & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
            if shift > 63:
                raise WireError("a number is longer than 64 bits", begin)
        raise WireError("it ends within a number", begin)

    def _put(self, found: dict[str, Any], field: Tag, wire: int, value: Any, end: int) -> None:
        """Add the value of any other field to those found. A list of numbers may be packed in one, or be many."""
        name, what = field.name, field.what
        if what == NUMBERS:
            self._add_numbers(found.setdefault(name, []), wire, value, end)
            return
        if what == PAYLOAD:
            found.setdefault(name, []).append(value if wire == _VARINT else Span(value, end))
            return
        if what == REAL and wire == _FIXED_32:
            (read,) = struct.unpack("<f", self.data[value:end])
        elif what == TEXT and wire == _BYTES:
            raise WireError(f"its {name} is a text of {end - value:,} bytes", value)
        else:
            raise WireError(f"its {name} should be a {what}, but has the wire type {wire}", value)
        if field.many:
            found.setdefault(name, []).append(read)
        else:
            found[name] = read

    def _add_numbers(self, numbers: list[int], wire: int, value: Any, end: int) -> None:
        if wire == _VARINT:
            numbers.append(signed(value))
        elif wire == _BYTES:
            at = value
            while at < end:
                number, at = self._varint(at, end)
                numbers.append(signed(number))
                if len(numbers) > _MOST_NUMBERS:
                    break
        else:
            raise WireError(f"a list of numbers has the wire type {wire}", value)
        if len(numbers) > _MOST_NUMBERS:
            raise WireError(f"a list has more than {_MOST_NUMBERS:,} numbers", value)

    def numbers(self, span: Span, most: int) -> list[int]:
        """Return the packed numbers of a payload, at most so many."""
        found: list[int] = []
        at = span.start
        while at < span.end and len(found) < most:
            number, at = self._varint(at, span.end)
            found.append(signed(number))
        return found
