"""Comparisons as people write them."""

from __future__ import annotations

import pytest

from shapecalc.text.comparisons import before_ascii, in_ascii, misspelt_comparison


@pytest.mark.parametrize(
    ("text", "ascii_"),
    [("≤ 5M", "<= 5M"), ("a≥b and c ≠ 'x≠y'", "a>=b and c != 'x≠y'"), ('act == "≤"', 'act == "≤"'), ("a < b", "a < b")],
)
def test_in_ascii(text, ascii_):
    assert in_ascii(text) == ascii_
    for at, character in enumerate(text):
        if character not in "≤≥≠":
            where = [i for i in range(len(ascii_) + 1) if before_ascii(text, i) == at]
            assert any(ascii_[i : i + 1] == character for i in where), (at, character)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("=> 3M", (0, "=> 3M", ">= 3M")),
        ("params =< 1.5 GiB and x", (7, "=< 1.5 GiB", "<= 1.5 GiB")),
        ("a <>b", (2, "<>b", "!= b")),
        ("a = ", (2, "=", "==")),
        ("act == '=>' and n === 2", (18, "=== 2", "== 2")),
        ("a =! 2", (2, "=! 2", "!= 2")),
        ("a !== 2", (2, "!== 2", "!= 2")),
        ("a <= 2 and b != 3 and c ≤ 4", None),
        ("act == '=>'", None),
    ],
)
def test_misspelt(text, found):
    assert misspelt_comparison(text) == found
