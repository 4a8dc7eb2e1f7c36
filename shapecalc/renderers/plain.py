"""Text for streams whose encoding lacks some characters: replaced by plainer ones with the same meaning.

`x` for × in sizes, `*` for · in formulas, `floor()` and `ceil()` for brackets, `^2` for ², `->` for →: never a
character that means something else. In the columns of a table replacements have the same width.
"""

from __future__ import annotations

import re
from typing import Any

from shapecalc.escaping import json_escape

__all__ = ["PlainStream", "longer_in", "write_plainer"]

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˣᵀⁿ", "0123456789+-xTn")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˣᵀⁿ]+")
_BARS = str.maketrans("█▉▊▋▌▍▎▏", "#####...")
_WRITTEN = {
    "×": "x", "·": "*", "−": "-", "–": "-", "—": "-", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt",
    "µ": "u", "Φ": "Phi", "α": "alpha", "β": "beta", "←": "<-",
    "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "“": '"', "”": '"', "‘": "'", "’": "'", "✓": "ok",
    "─": "-", "━": "-", "│": "|", "├": "+", "└": "+", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
_COLUMNS = re.compile(r"\S {2,}\S")
"""The mark of a table's line: a gap between two columns."""


def write_plainer(text: str, encoding: str, format_: str = "text") -> str:
    """Return a text with only characters of the encoding; the text itself if it has no others.

    JSON, HTML and SVG have their own escapes for any character, and Python's names must stay names.
    """
    missing = {c for c in set(text) if not c.isascii() and not _has(encoding, c)}
    if not missing:
        return text
    if format_ in ("json", "jsonl"):
        return _each(text, missing, json_escape)
    if format_ in ("html", "svg"):
        return _each(text, missing, lambda c: f"&#{ord(c)};")
    if format_ == "python":
        text = _each(text, {c for c in missing if f"a{c}".isidentifier()} - set(_WRITTEN), lambda c: f"u{ord(c):04x}")
    return "\n".join([_line(line, missing) for line in text.split("\n")])


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def longer_in(encoding: str) -> dict[str, int]:
    """Return by how many cells characters get longer where an encoding lacks them."""
    written = {**_WRITTEN, "√": "sqrt()", "…": "...", **dict.fromkeys("⁰¹²³⁴⁵⁶⁷⁸⁹ˣᵀⁿ", "^n")}
    return {c: len(text) - 1 for c, text in written.items() if len(text) > 1 and not _has(encoding, c)}


def _each(text: str, missing: set[str], write: Any) -> str:
    return text.translate({ord(c): write(c) for c in missing})


def _line(line: str, missing: set[str]) -> str:
    if missing.isdisjoint(line):
        return line
    if "·" in missing:
        line = re.sub(r"(?<!\S)·(?!\S)", _between_words, line)
    if "…" in missing:
        line = re.sub(r"(?<![^\s(])…", "...", line)
        line = line.replace("…", "~" if _COLUMNS.search(line) else "...")  # a name that was cut keeps its column
    if "≤" in missing:
        line = re.sub(r"(?<=\S)( +) ≤(?=\d)", r"\1<=", line)  # a number at the right of its column
    if "→" in missing and not line.startswith(" "):
        line = re.sub(r"(?<=\S)( {2,}) (?=\S+( \S+)* → )", r"\1", line)  # sizes at the right end of a heading
    if "×" in missing:
        line = re.sub(r"(?<=[a-z_])×(?=[^\W\d])", " x ", line)  # between names, where a bare x would be ambiguous
    if "√" in missing:
        line = re.sub(r"√(\w+)", r"sqrt(\1)", line)
    line = _POWER.sub(lambda found: _power(found[0], missing), line)
    if not missing.isdisjoint("█▉▊▋▌▍▎▏"):
        line = line.translate(_BARS)
    return _each(line, missing, lambda c: _WRITTEN.get(c) or _unknown(c))


def _between_words(found: re.Match[str]) -> str:
    """Return the replacement of a dot between blanks: it separates, except for a product in brackets."""
    before = found.string[: found.start()]
    return "*" if before.count("(") > before.count(")") else "|"


def _power(written: str, missing: set[str]) -> str:
    """Return an exponent as it is written in a line: ^2, ^12, ^(-x)."""
    if missing.isdisjoint(written):
        return written
    plain = written.translate(_SUPERSCRIPTS)
    return f"^{plain}" if plain.isdigit() or len(plain) == 1 else f"^({plain})"


def _unknown(character: str) -> str:
    """Return as many question marks as a character has cells."""
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me"):
        return ""
    return "??" if east_asian_width(character) in "WF" else "?"


class PlainStream:
    """A text stream that accepts any character, and writes plainer ones that its encoding has."""

    encoding = "utf-8"  # of its input: click would bypass a stream with another encoding

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> Any:
        """Write a text for people."""
        return self.write_as(text, "text")

    def write_as(self, text: str, format_: str) -> Any:
        """Write a text of a format."""
        return self.stream.write(write_plainer(text, self.stream.encoding, format_) if text else text)

    def writelines(self, lines: Any) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)
