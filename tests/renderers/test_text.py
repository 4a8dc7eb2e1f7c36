"""Notation of bytes; measuring, cutting and wrapping of text."""

from __future__ import annotations

import pytest

from shapecalc.renderers.cells import show_bytes
from shapecalc.text.cells import cell_width, shorten, wrap


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "–"), (1, "1 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (10_240, "10.0 KiB"), (102_400, "100 KiB"),
     (1_048_575, "1.00 MiB"), (3 * 2**30, "3.00 GiB"), (5000 * 2**40, "5,000 TiB")],
)  # fmt: skip
def test_bytes_are_shown_to_three_figures(number: int, shown: str) -> None:
    assert show_bytes(number) == shown


def test_texts_are_measured_cut_and_wrapped_by_cells() -> None:
    assert cell_width("55×55 – e\u0301") == 9
    assert cell_width("卷积") == 4
    assert shorten("stage1.block3.conv2", 11) == "stage…conv2"
    assert cell_width(shorten("卷积层" * 9, 11)) <= 11
    assert shorten("conv", 1) == shorten("conv", -3) == "…"
    assert wrap("aa bb cc", 5) == ["aa bb", "cc"]
    assert wrap("write `- a: {b: 1}` below", 18) == ["write", "`- a: {b: 1}`", "below"]
    assert wrap("write `- a: {b: 1, c: 2}`, or d", 15, splits=False) == ["write", "`- a: {b: 1,", "c: 2}`, or d"]
    assert wrap("write `a word that is long`, `x y`", 12, splits=False) == ["write `a", "word that is", "long`, `x y`"]
    assert all(cell_width(line) <= 9 for line in wrap("卷积层" * 9 + " x " + "y" * 30, 9))
