"""Notation of amounts: whole numbers, sizes (`3x224x224`), counts (`5M`), bytes (`24GiB`), bits (`fp16`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = [
    "FORMATS_OF_NUMBERS",
    "MOST_TOKENS",
    "SEPARATORS",
    "bytes_of_count",
    "parse_bits",
    "parse_bytes",
    "parse_count",
    "parse_rate",
    "parse_tokens",
    "plain_bits",
    "read_sizes",
    "read_whole",
    "without_batch",
    "without_units",
]

_UNITS = {"": 1, "b": 1, "byte": 1, "bytes": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _UNITS[f"{_letter}ib"] = 1024**_power
    _UNITS[f"{_letter}b"] = 1000**_power

_SEPARATED = r"[1-9]\d{0,2}(?:,\d{3}){1,9}"
"""A whole number with separators, as tables print it: 72,234."""
_PLAIN = r"\d[\d_]{0,30}"
_FRACTION = r"(?:\.\d{1,12})?"
# Patterns are compiled when they are first used: every start imports this module, and few use one.
_AMOUNT = rf"(?ai)((?:{_SEPARATED}|{_PLAIN}){_FRACTION})\s*([a-z]*)"
_TYPE = r"(?ai)(?:u?int|fp|bf|tf|float|bfloat)(\d{1,3})"
_MOST_BITS = 64

FORMATS_OF_NUMBERS = ("fp32", "fp16", "bf16", "fp8", "int8", "int4", "32", "16", "8", "4")
"""Usual formats of the elements of weights and activations: as `parse_bits` reads them."""


_THOUSANDS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_COUNT = rf"(?ai)((?:{_SEPARATED}|{_PLAIN}){_FRACTION}(?:e\d{{1,2}})?)\s*([a-z]?)"
_MOST = 10**30


def read_whole(text: str) -> int | None:
    """Return the whole number of a text in plain digits, with or without space around it; None for any other.

    `int` accepts more: `+3`, `1_000`, digits of other scripts; and does not accept very long numbers.
    """
    text = text.strip(" ")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def read_sizes(text: str) -> list[int] | None:
    """Return the sizes of `3x224x224`, `3×224×224` or `3,224,224`; None for any other text.

    `1,024` is not two sizes: a leading zero means a number with separators.
    """
    parts = re.split("[x×X,]", text)
    sizes = [None if re.fullmatch(" *0[0-9].*", part) else read_whole(part) for part in parts]
    whole = [size for size in sizes if size is not None]
    return whole if len(whole) == len(sizes) else None


def without_batch(text: str) -> str:
    """Return the sizes of `-1x3x224x224` or `(None, 3, 8)`, with `x`, after what is the batch; else empty."""
    text = re.sub(r"\s*\((.*?),?\s*\)\s*", r"\1", text)
    found = re.fullmatch(r"\s*(?:-1|\?|[nb]|none|null|batch\w*?)\s*[x×,]\s*(.+)", text, re.IGNORECASE)
    return re.sub(r"\s*,\s*", "x", found[1]) if found else ""


_MOST_DIGITS = 40


def _exactly(number: str, unit: int) -> int:
    from fractions import Fraction

    return int(Fraction(number.replace(",", "").replace("_", "")) * unit)


def _hint(given: Any, otherwise: str) -> str:
    """Return the hint for what is no amount: where separators stand, for one that has a comma."""
    has_comma = isinstance(given, str) and re.search(r"\d,|,\d", given)
    return SEPARATORS if has_comma else otherwise


SEPARATORS = "a comma in a number separates groups of three digits: 72,234; a fraction has a point: 1.5M"


def parse_count(given: Any, what: str = "the number") -> int:
    """Return a count: of `5M`, `300k`, `1.5G`, `25,557,032`. Errors: `UsageError`."""
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 1 <= given < _MOST:
        return int(given)
    found = re.fullmatch(_COUNT, given.strip()) if isinstance(given, str) else None
    unit = _THOUSANDS.get(found[2].lower()) if found else None
    amount = _exactly(found[1], unit) if found and unit else 0
    if not 1 <= amount < _MOST:
        shown = repr(given)[:_SHOWN]
        is_number = found is not None and bool(unit)
        wanted = "a number of at least 1" if is_number or not isinstance(given, str) else "a count"
        hint = _hint(given, bytes_of_count(given) or "write for instance 5M, 300k or 1.5G")
        raise UsageError(Problem(f"{what} is not {wanted}: {shown}", hint=hint))
    return amount


def bytes_of_count(given: Any) -> str:
    """Return the hint for a number of bytes in place of a count: of `5MB` that it is 5M; empty for any other."""
    found = re.fullmatch(_AMOUNT, given.strip()) if isinstance(given, str) else None
    unit = found[2] if found and len(found[2]) > 1 and found[2].lower() in _UNITS else ""
    letter = "" if unit[:1] in "bB" else unit[:1]  # not of `bytes`
    return f"{unit} is a unit of bytes, not of a count: write {found[1]}{letter}" if found and unit else ""


_SHOWN = 40


def parse_bytes(given: Any, what: str = "the budget") -> int:
    """Return a number of bytes: of `24GiB`, `1.5 GiB`, `16GB` (decimal), `4096`. Errors: `UsageError`."""
    if type(given) is int and given > 0:
        return given
    found = re.fullmatch(_AMOUNT, given.strip()) if isinstance(given, str) else None
    unit = _UNITS.get(found[2].lower()) if found else None
    if not found or unit is None:
        hint = _hint(given, "write for instance 512KiB, 24GiB, or 16GB (which is decimal: 16,000,000,000 bytes)")
        if found and f"{found[2].lower()}ib" in _UNITS:
            one = f"{found[1]}{found[2].upper()}"
            hint = f"write {one}iB for units of 1,024, {one}B for decimal ones"
        raise UsageError(Problem(f"{what} is not a number of bytes: {given!r}", hint=hint))
    amount = _exactly(found[1], unit)
    if amount < 1:
        raise UsageError(Problem(f"{what} is less than 1 byte: {given!r}", hint="give at least 1 byte"))
    return amount


_RATES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_RATE = rf"(?ai)((?:{_SEPARATED}|{_PLAIN}){_FRACTION})\s*([kmgtp]?)(?:(b)|(?:fl)?op)(?:/s|ps|s(?:/s)?)"


def parse_rate(given: Any, *, of_bytes: bool) -> int | None:
    """Return a rate per second: of `3.35 TB/s` if it is one of bytes, else of `989.4 TFLOP/s`, `1979 TOPS`.

    Units are decimal. It is None for anything else, and for a rate of 0.
    """
    found = re.fullmatch(_RATE, given.strip()) if isinstance(given, str) else None
    if not found or bool(found[3]) != of_bytes:
        return None
    return _exactly(found[1], _RATES[found[2].lower()]) or None


def parse_bits(given: Any, what: str) -> int | Fraction:
    """Return the bits of a number format: of `8`, `4.5`, `int8`, `fp16`, `bf16`. Errors: `UsageError`."""
    is_number = isinstance(given, (int, float, str)) and not isinstance(given, bool)
    text = str(given).strip() if is_number else ""
    found = re.fullmatch(_TYPE, text)
    digits = found[1] if found else text
    fraction = re.fullmatch(_EXACT_BITS, digits)
    if fraction and not found:
        from fractions import Fraction

        bits = Fraction(digits)
        if bits.denominator > 1 and 1 <= bits <= _MOST_BITS:
            return bits
        digits = fraction[1]
    whole = read_whole(digits) or 0
    if not 1 <= whole <= _MOST_BITS:
        raise UsageError(
            Problem(
                f"the bits of {what} are {given!r}: they must be a number from 1 to {_MOST_BITS}",
                hint="write for instance 8, 16 or 4.5; or int8, fp16, bf16, fp32",
            )
        )
    return whole


def plain_bits(bits: int | Fraction) -> int | float:
    """Return bits as a number of JSON."""
    return bits if isinstance(bits, int) else round(float(bits), 4)


_EXACT_BITS = r"(?a)(\d{1,2})\.\d{1,6}"


def parse_tokens(given: Any, what: str = "the context") -> int:
    """Return a number of tokens: of `8192`, `8,192`, `8k` (8 × 1,024), `1M` (1,024 × 1,024). Errors: `UsageError`."""
    found = re.fullmatch(_TOKENS, given.strip()) if isinstance(given, str) else None
    number = int(found[1].replace(",", "")) * 1024 ** " km".index(found[2].lower() or " ") if found else given
    if type(number) is not int:
        from shapecalc.text.given import plain  # a number of numpy

        number = plain(number)
    if type(number) is not int or not 0 <= number <= MOST_TOKENS:
        hint = f"give a number of tokens up to {MOST_TOKENS:,}: 8192, or 8k for 8 × 1,024"
        raise UsageError(Problem(f"{what} is {given!r}", hint=hint))
    return number


_TOKENS = rf"(?ai)((?:{_SEPARATED}|\d{{1,12}}))\s*([km]?)"
MOST_TOKENS = 10**9
"""The most tokens that can be asked for."""


_UNIT = r"(?:\s*([kmgtp]i?b|[kmgbt])\b)"
_TOKEN = (
    rf"(?ai)'[^']*'|\"[^\"]*\"|(?<![\w.,])({_SEPARATED}(?![\d_]|,\d){_FRACTION}){_UNIT}?"
    rf"|(?<![\w.])({_PLAIN}{_FRACTION}){_UNIT}|([^\W\d]\w*\s*\(|[\[(])|[])]"
)
_NO_FUNCTION = r"(?:and|or|not|if|else)\s*\("


def without_units(expression: str) -> str:
    """Return an expression with its amounts as plain numbers: of `params < 72,234 and memory <= 320 KiB`.

    One letter is decimal (k, M, G, T; B is 10^9), as are kB and MB; KiB and MiB are units of 1,024. A comma in a list
    or among the arguments of a function separates what is listed: `max(1,234)` is 234.
    """
    is_listed = [False]  # for the brackets around: whether commas separate within them

    def plain(found: re.Match[str]) -> str:
        separated, unit, number, unit_of_number, opening = found.groups()
        if opening:
            is_listed.append(opening != "(" and not re.fullmatch(_NO_FUNCTION, opening))
        elif found[0] in ("]", ")") and len(is_listed) > 1:
            is_listed.pop()
        elif separated:
            *rest, last = separated.split(",") if is_listed[-1] else [separated.replace(",", "")]
            return ",".join([*rest, _in_units(last, unit) if unit else last])
        elif number:
            return _in_units(number, unit_of_number)
        return found[0]

    return re.sub(_TOKEN, plain, expression)


def _in_units(number: str, unit: str) -> str:
    return str(_exactly(number, _THOUSANDS.get(unit.lower()) or _UNITS[unit.lower()]))
