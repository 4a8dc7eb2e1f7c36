"""From bytes to text, without characters that no YAML parser should read."""

from __future__ import annotations

import re

from shapecalc.errors import Mark, Problem, Source
from shapecalc.source.assembly import StopReadingError

__all__ = ["MAX_BYTES", "UNREADABLE", "check_text", "decode", "mark_at"]

MAX_BYTES = 64 * 2**20
"""The maximum length of a text."""

UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""All characters that YAML 1.1 does not allow. Its list of those that it does (section 4.1) takes ten times as long to
compile, which would be 5 ms of every start.
"""
_OF_BINARIES = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""Characters of control that no text has in any encoding with bytes for letters (it may have colours of a terminal)."""
_TAG_DIRECTIVE = "(?:^|[\n\r\x85\u2028\u2029])%TAG"


_HEAD = 64
"""The bytes at the start of a file in which large binaries have a zero: lengths, offsets."""


def decode(text: str | bytes, source: Source) -> str:
    """Return a file's bytes as text. Errors: `StopReadingError` if they are not text."""
    if len(text) > MAX_BYTES:
        if isinstance(text, bytes) and b"\0" in text[:_HEAD]:
            raise StopReadingError(_binary(source, text))
        size = f"{len(text) / 2**20:,.1f} MiB"
        hint = f"a specification is at most {MAX_BYTES // 2**20} MiB"
        raise StopReadingError(Problem(f"the text is {size} long", Mark(source, 0, 0), hint=hint))
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    is_wide = text[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return text.decode("utf-16" if is_wide else "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if not is_wide and _OF_BINARIES.search(text):
            raise StopReadingError(_binary(source, text)) from None
        if is_wide:
            raise StopReadingError(
                Problem("the file is not UTF-16 text", Mark(source, 0, 0), hint="save it as UTF-8")
            ) from None
        start = error.start
        source.text = text.decode("utf-8-sig", "replace")
        mark = mark_at(source, len(text[:start].decode("utf-8-sig")))
        message = f"the file is not UTF-8 text: it contains the byte 0x{text[start]:02X}"
        raise StopReadingError(Problem(message, mark, hint="save it as UTF-8")) from None


_OTHERS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"\x93NUMPY", b"RIFF", b"BM")
_PICKLE, _OF_TORCH = b"\x80", b"l\xfc\x9cF\xf9"
"""First bytes of a pickle, and those of the number that torch.save began one with before it wrote archives."""


def _is_no_checkpoint(head: bytes) -> bool:
    """Return whether the first bytes are those of pictures, arrays of numpy, or pickles of other code than PyTorch."""
    if head.startswith(_PICKLE):
        return _OF_TORCH not in head
    return head.startswith(_OTHERS) or (head.startswith(b"PK") and b".npy" in head)


def _binary(source: Source, data: bytes) -> Problem:
    checkpoint = "" if _is_no_checkpoint(data[:_HEAD]) else "; `shapecalc weights` reads a checkpoint"
    hint = f"a specification is YAML, saved as UTF-8{checkpoint}"
    return Problem("the file is binary, not text", Mark(source, 0, 0), hint=hint)


def check_text(source: Source) -> None:
    """Check for characters that no YAML parser should read. Errors: `StopReadingError`."""
    text = source.text
    if "\0" in text:
        raise StopReadingError(_binary(source, text.encode("utf-8", "replace")))
    found = UNREADABLE.search(text)
    if found:
        message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
        raise StopReadingError(Problem(message, mark_at(source, found.start()), hint="remove it"))
    found = re.search(_TAG_DIRECTIVE, text) if "%TAG" in text else None
    if found:  # reading these takes quadratic time
        message = "a `%TAG` directive is not read: a specification is plain values"
        raise StopReadingError(Problem(message, mark_at(source, found.end() - 1), hint="remove the line"))


def mark_at(source: Source, offset: int) -> Mark:
    """Return the mark of the character at an offset of the text."""
    lines = (source.text[:offset] + "x").splitlines()
    return Mark(source, len(lines), len(lines[-1]))
