"""The meaning of a plain scalar: that of YAML 1.2, with a trap where YAML parsers disagree."""

from __future__ import annotations

import re

__all__ = ["MAX_DIGITS", "long_trap", "resolve"]

MAX_DIGITS = 40
"""The maximum number of digits of an integer."""


def _words() -> dict[str, tuple[float | str | None, str]]:
    words: dict[str, tuple[float | str | None, str]] = {"": (None, ""), "~": (None, "")}
    meanings: tuple[tuple[str, float | None], ...] = (("true", True), ("false", False), ("null", None))
    for word, value in meanings:
        words |= dict.fromkeys((word, word.capitalize(), word.upper()), (value, ""))
    for word in ("yes", "no", "on", "off", "y", "n"):
        meant = "true" if word in ("yes", "on", "y") else "false"
        for cased in (word, word.capitalize(), word.upper()):
            trap = f"`{cased}` means {meant} to many YAML parsers: write '{cased}' in quotes for the word, or {meant}"
            words[cased] = (cased, trap)
    for word in (".inf", ".Inf", ".INF"):
        words |= {sign + word: (float(sign + "inf"), "") for sign in ("", "+", "-")}
    words |= {word: (float("nan"), "") for word in (".nan", ".NaN", ".NAN")}
    return words


_WORDS = _words()
_INTEGER = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASED = r"[-+]?0(?:x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+)"
_SIXTIES = r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
_NUMBER_BEGINS = frozenset("0123456789+-.")


def resolve(text: str) -> tuple[float | str | None, str]:
    """Return the meaning of a plain word, and its trap where YAML parsers disagree."""
    known = _WORDS.get(text)
    if known is not None:
        return known
    if text[0] not in _NUMBER_BEGINS:
        return text, ""
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return float(text), ""
    if re.fullmatch(_BASED, text) or re.fullmatch(_SIXTIES, text):
        return text, _number_trap(text)
    return text, ""


def _integer(text: str) -> tuple[int | str, str]:
    digits = text.lstrip("+-").replace("_", "")
    if len(digits) > MAX_DIGITS:
        return text, long_trap(len(digits))
    if len(digits) > 1 and digits[0] == "0":
        meant = int(text.replace("_", ""))
        return text, f"`{text}` is octal to some YAML parsers, decimal to others: write {meant}, or '{text}' in quotes"
    return int(text), ""


def long_trap(digits: int) -> str:
    """Return the trap of an integer that has too many digits."""
    return f"a number of {digits:,} digits is too large: the maximum is {MAX_DIGITS} digits"


def _number_trap(text: str) -> str:
    if len(text) > MAX_DIGITS:
        return long_trap(len(text))
    sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-").replace("_", "")
    meant: float = 0
    if ":" in text:
        for part in digits.split(":"):
            meant = meant * 60 + (float(part) if "." in part else int(part))
    else:
        meant = int(digits[2:] or "0", {"x": 16, "o": 8, "b": 2}[digits[1]])
    meant *= sign
    return f"`{text}` is {meant} to some YAML parsers, text to others: write {meant}, or '{text}' in quotes"
