"""Parsing of numbers: one reader of whole numbers and of sizes for all options and files."""

from __future__ import annotations

import pytest
from running import run
from searching import some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.layers.base.sizes import parse_sizes
from shapecalc.text.units import parse_bytes, parse_count, read_sizes, read_whole, without_units

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


@pytest.mark.parametrize("text", ["(3, 224, 224)", "[3,224,224]", " [3, 224, 224] ", "(3x224x224)"])
def test_sizes_in_the_brackets_of_python(text):
    assert parse_sizes(text) == (3, 224, 224)
    assert shapecalc.load("alexnet_torchvision", input=text).infer().inputs["input"] == (3, 224, 224)


def test_a_batch_in_brackets_is_left_out():
    with pytest.raises(UsageError, match="write 3x224x224"):
        parse_sizes("(None, 3, 224, 224)")


SIZES_REFUSED = [
    "(3, 4]", "((3, 4))", "()", "(3,)", "3xx4", "3x", "x3", "",
    *(f"3x{text}x4" for text in NO_NUMBERS if len(text) < 50 and text != "0x10"),
]  # fmt: skip


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
        ("params < 72,234 and 1,048,576 <= memory", "params < 72234 and 1048576 <= memory"),
        ("macs < 1,500k or macs > 2,000.5 M or x < 1,234.5", "macs < 1500000 or macs > 2000500000 or x < 1234.5"),
        ("(params<72,234) and (not (x > 1,000))", "(params<72234) and (not (x > 1000))"),
        ("max(1,234) < max((1,234), x)", "max(1,234) < max((1234), x)"),
        ("params in [61,706] and macs < 61,706", "params in [61,706] and macs < 61706"),
        ("x in (61,706)", "x in (61,706)"),
        ("max(1,234M, 5) and [1,200 KiB]", "max(1,234000000, 5) and [1,204800]"),
        (
            "x < 72,23 or x < 72,2345 or x < 1,234,56 or x < 1,23,456",
            "x < 72,23 or x < 72,2345 or x < 1,234,56 or x < 1,23,456",
        ),
        ("x < 0,123 or x < 72_1,234 or x1,234", "x < 0,123 or x < 72_1,234 or x1,234"),
        ("name == '72,234' and ) x < 1,234)", "name == '72,234' and ) x < 1234)"),
        ("floor (1,234) and or(1,234)", "floor (1,234) and or(1234)"),
    ],
)
def test_expressions_without_units(expression, plain):
    assert without_units(expression) == plain


@pytest.mark.parametrize("read", [parse_count, parse_bytes])
def test_amounts_with_separators(read):
    assert read("72,234") == 72_234
    assert read("1,048,576") == 1_048_576
    assert read("1_000") == 1_000
    for text in ("72,23", "7,2,3", "1,5", "0,123", "1,2345", "1,,234", ",123", "1,234,", "1_2,345", "1,5M", "1,5 MiB"):
        with pytest.raises(UsageError) as caught:
            read(text)
        assert "a comma in a number separates groups of three digits: 72,234" in str(caught.value), text
    for text in ("x", "", "5Q"):
        with pytest.raises(UsageError) as caught:
            read(text)
        assert "write for instance 5" in str(caught.value), text


def test_amounts_with_separators_and_units():
    assert parse_count("25,557k") == 25_557_000
    assert parse_count("1,234.5k") == 1_234_500
    assert parse_bytes("1,024 MiB") == 1024**3
