"""Parsing of numbers: one reader of whole numbers and of sizes for all options and files."""

from __future__ import annotations

import pytest
from running import run
from searching import some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.layers.base.sizes import parse_sizes
from shapecalc.text.units import read_sizes, read_whole, without_units

# Strings that Python's int, str.isdigit or str.isdecimal accept as numbers.
NO_NUMBERS = [
    "",
    " ",
    "²",
    "½",
    "٣",
    "१",
    "1_000",
    "+3",
    "-3",
    "0x10",
    "1e3",
    "1.0",
    "3 4",
    "\u00a03",
    "3\n",
    "9" * 41,
    "9" * 5_000,
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_invalid_whole_numbers(text):
    assert read_whole(text) is None
    assert text == "0x10" or read_sizes(f"3x{text}x4") is None


def test_whole_numbers():
    assert [read_whole(text) for text in ("0", "7", " 12 ", "007", "9" * 40)] == [0, 7, 12, 7, 10**40 - 1]


@pytest.mark.parametrize("text", ["3x224x224", "3×224×224", "3X224x224", "3,224,224", "3, 224, 224", " 3 x 224 x 224 "])
def test_sizes(text):
    assert read_sizes(text) == [3, 224, 224]


@pytest.mark.parametrize("text", ["3xx4", "3x", "x3", "x", "3x4x", "3;4", "3 4", "3*4", "axb", "1,024", "3x024x024"])
def test_invalid_sizes(text):
    assert read_sizes(text) is None


SIZES_REFUSED = [f"3x{text}x4" for text in NO_NUMBERS if len(text) < 50 and text != "0x10"] + ["3xx4", "3x", "x3", ""]


@pytest.mark.parametrize("text", some(SIZES_REFUSED, 6))
def test_invalid_sizes_are_rejected_in_all_commands(text):
    with pytest.raises(UsageError):
        parse_sizes(text)
    with pytest.raises(UsageError):
        shapecalc.load("alexnet", input=text)
    for words in (["summary", "alexnet", "--input", text], ["sweep", "alexnet", "--input", text], ["rf", "alexnet", "conv1", "--at", text],
                  ["solve", "conv", "--input", text, "--output", "1"], ["layer", "conv", "3x8x8", "8", "--kernel-size", text]):  # fmt: skip
        ran = run(*words)
        assert (ran.status, "Traceback" in ran.err) == (2, False), (words, ran)


@pytest.mark.parametrize("axis", ["9" * 30, "9" * 5_000, "0" * 20 + "1" + "0" * 5_000])
def test_a_number_that_is_too_long_is_rejected(axis):
    """3×999999999999999999999999999999×4 was 3×4."""
    with pytest.raises(UsageError):
        parse_sizes(f"3x{axis}x4")
    for words in (["summary", "alexnet", "--input", f"3x{axis}x4"], ["sweep", "alexnet", "--input", f"3x{axis}x4"]):
        ran = run(*words)
        assert (ran.status, "Traceback" in ran.err, len(ran.err) < 12_000) == (2, False, True)


@pytest.mark.parametrize("text", [*NO_NUMBERS, "0"])
def test_depths(text):
    assert run("summary", "alexnet", "--depth", text).status == 2


@pytest.mark.parametrize("text", ["1e999999999:2", "1:1e999999999", "1:2:1e-999999999", "²:³", "1:9" + "9" * 5_000])
def test_ranges(text):
    for words in (["sweep", "alexnet", "--set", f"width={text}"], ["sweep", "alexnet", "--input", f"3x{{{text}}}x="],
                  ["solve", "alexnet", "--params", "5M", "--for", f"width={text}"]):  # fmt: skip
        ran = run(*words)
        assert (ran.status, "Traceback" in ran.err) == (2, False), (words, ran)


@pytest.mark.parametrize("text", ["[" * 100_000, "1_0", "٣", "+٣", "9" * 5_000, "1e400", "nan", "3x", "3:²"])
def test_arguments_of_a_layer(text):
    ran = run("layer", "conv", "3x8x8", "8", "--kernel-size", text)
    assert (ran.status, "Traceback" in ran.err) == (2, False), ran


@pytest.mark.parametrize("text", ["3x²x4", "٣x4", "3x٣x4", "3 x ² x 4"])
def test_sizes_of_a_specification(text):
    with pytest.raises(shapecalc.ShapecalcError):
        shapecalc.load(f"input: {text}\nlayers: [relu]\n")
    with pytest.raises(shapecalc.ShapecalcError):
        shapecalc.load(f"input: 3x8x8\nlayers:\n  - reshape: {text}\n")


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ("params < 5M and macs<=1.5 G", "params < 5000000 and macs<=1500000000"),
        ("memory < 320 KiB or memory < 2MB", "memory < 327680 or memory < 2000000"),
        ("1e6 < a2k < b_3M", "1e6 < a2k < b_3M"),
        ("kind == '5M' and n < 1_000k", "kind == '5M' and n < 1000000"),
        ("1 if x else 5 and 3 * t", "1 if x else 5 and 3 * t"),
        ("x < 5 kernels", "x < 5 kernels"),
    ],
)
def test_expressions_without_units(expression, plain):
    assert without_units(expression) == plain
