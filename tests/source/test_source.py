"""Reading YAML and Python objects into values with marks."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from searching import examples

from shapecalc import source
from shapecalc.source import ListValue, MapValue, Scalar, assembly, decoding, read_object, read_text, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.source import Value


def plain(value: Value | None) -> Any:
    """Return a value as Python objects."""
    if isinstance(value, ListValue):
        return [plain(item) for item in value.items]
    if isinstance(value, MapValue):
        return {key.text: plain(item) for key, item in value.pairs}
    return value.value if isinstance(value, Scalar) else None


def read(text: str | bytes) -> Any:
    """Return the value of a valid text."""
    value, problems = read_text(text, "net.yaml")
    assert problems == []
    assert value is not None
    return plain(value)


def scalar(text: str) -> Scalar:
    """Return the value of a key."""
    value, problems = read_text(f"a: {text}\n", "net.yaml")
    assert problems == []
    assert isinstance(value, MapValue)
    found = value.get("a")
    assert isinstance(found, Scalar)
    return found


def errors(text: str | bytes) -> str:
    """Return the texts of all problems."""
    return "\n\n".join(str(problem) for problem in read_text(text, "net.yaml")[1])


def headlines(text: str | bytes) -> list[str]:
    """Return the first lines of all problems."""
    return [str(problem).splitlines()[0] for problem in read_text(text, "net.yaml")[1]]


@pytest.fixture(params=["CSafeLoader", pytest.param("SafeLoader", marks=pytest.mark.slow)], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with libyaml and without."""
    if request.param == "SafeLoader":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("yaml is installed without libyaml")


# ── what words mean ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("-0", 0),
        ("1_000_000", 1_000_000),
        ("9" * 40, int("9" * 40)),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e-3", -0.0015),
        ("1e3", 1000.0),
        ("1_000.5", 1000.5),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1e999", math.inf),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("relu", "relu"),
        ("planes * 4", "planes * 4"),
        ("227x227x3", "227x227x3"),
        ("3x3", "3x3"),
        ("1_", "1_"),
        ("_1", "_1"),
        ("-", "-"),
        ("--", "--"),
        (".", "."),
        ("1.5.2", "1.5.2"),
        ("0x", "0x"),
        ("inf", "inf"),
        ("2012-12-03", "2012-12-03"),
        ("'3'", "3"),
        ('"true"', "true"),
        ("''", ""),
        ("Krizhevsky et al. 2012; 227×227", "Krizhevsky et al. 2012; 227×227"),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    if text == "-":
        text = "'-'"
    found = scalar(text)
    assert type(found.value) is type(value)
    assert found.value == value
    assert found.trap == ""


def test_nan_is_a_number() -> None:
    value = scalar(".NaN").value
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "trap"),
    [
        ("no", "`no` means false to many YAML parsers: write 'no' in quotes for the word, or false"),
        ("Yes", "`Yes` means true to many YAML parsers: write 'Yes' in quotes for the word, or true"),
        ("ON", "`ON` means true to many YAML parsers: write 'ON' in quotes for the word, or true"),
        ("off", "`off` means false to many YAML parsers: write 'off' in quotes for the word, or false"),
        ("n", "`n` means false to many YAML parsers: write 'n' in quotes for the word, or false"),
        ("010", "`010` is octal to some YAML parsers, decimal to others: write 10, or '010' in quotes"),
        ("0x1F", "`0x1F` is 31 to some YAML parsers, text to others: write 31, or '0x1F' in quotes"),
        ("-0x1F", "`-0x1F` is -31 to some YAML parsers, text to others: write -31, or '-0x1F' in quotes"),
        ("0o17", "`0o17` is 15 to some YAML parsers, text to others: write 15, or '0o17' in quotes"),
        ("0b101", "`0b101` is 5 to some YAML parsers, text to others: write 5, or '0b101' in quotes"),
        ("1:30", "`1:30` is 90 to some YAML parsers, text to others: write 90, or '1:30' in quotes"),
        ("1:30.5", "`1:30.5` is 90.5 to some YAML parsers, text to others: write 90.5, or '1:30.5' in quotes"),
        ("9" * 5000, "a number of 5,000 digits is too large: the maximum is 40 digits"),
        ("0x" + "f" * 5000, "a number of 5,002 digits is too large: the maximum is 40 digits"),
    ],
)
def test_ambiguous_scalars_stay_strings(text: str, trap: str) -> None:
    found = scalar(text)
    assert (found.value, found.text, found.trap) == (text, text, trap)
    assert not found.quoted


@pytest.mark.parametrize("text", ["'no'", '"010"', "'1:30'"])
def test_quoted_scalars_are_strings(text: str) -> None:
    found = scalar(text)
    assert (found.value, found.trap, found.quoted) == (text[1:-1], "", True)


def test_block_scalars_are_strings() -> None:
    found = scalar("|\n  010\n")
    assert (found.value, found.quoted) == ("010\n", True)


# ── values and marks ──────────────────────────────────────────────────────────────────────────────────────────────

SPEC = """\
name: AlexNet
input: [227, 227, 3]
layers:
  - conv: {out_channels: 96, kernel_size: 11}
    name: conv1
  - relu
"""


def test_values() -> None:
    assert read(SPEC) == {
        "name": "AlexNet",
        "input": [227, 227, 3],
        "layers": [{"conv": {"out_channels": 96, "kernel_size": 11}, "name": "conv1"}, "relu"],
    }


def test_mappings_are_read_by_key() -> None:
    value, _ = read_text(SPEC, "net.yaml")
    assert isinstance(value, MapValue)
    assert value.keys() == ["name", "input", "layers"]
    assert isinstance(value.get("input"), ListValue)
    assert value.get("output") is None


def test_marks() -> None:
    value, _ = read_text(SPEC, "net.yaml")
    assert isinstance(value, MapValue)
    layers = value.get("layers")
    assert isinstance(layers, ListValue)
    layer = layers.items[0]
    assert isinstance(layer, MapValue)
    conv = layer.get("conv")
    assert isinstance(conv, MapValue)
    size = conv.get("kernel_size")
    assert isinstance(size, Scalar)
    places = [value.mark, layers.mark, layer.mark, layer.pairs[0][0].mark, conv.mark, size.mark]
    assert [(mark.line, mark.column, mark.length) for mark in places] == [
        (1, 1, 4),  # a block mapping is marked by its first key
        (4, 3, 1),
        (4, 5, 4),
        (4, 5, 4),
        (4, 11, 1),
        (4, 43, 2),
    ]
    assert size.mark.excerpt() == [
        "    4 │   - conv: {out_channels: 96, kernel_size: 11}",
        "      │                                           ^^",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("é×😀: 1\n", (1, 1, 3)),
        ("\ufeffab: 1\n", (1, 1, 2)),
        ("# c\r\n\r\nab: 1\r\n", (3, 1, 2)),
        ("\x85ab: 1\n", (2, 1, 2)),
        ("'a\n  b': 1\n", None),
    ],
)
def test_columns_are_counted_in_characters(text: str, place: tuple[int, int, int] | None) -> None:
    value, problems = read_text(text, "net.yaml")
    if place is None:
        assert problems  # a key is on one line
        return
    assert isinstance(value, MapValue)
    mark = value.pairs[0][0].mark
    assert (mark.line, mark.column, mark.length) == place


def test_a_multi_line_string_is_marked_on_its_first_line() -> None:
    mark = scalar("some words\n  and more").mark
    assert (mark.line, mark.column, mark.length) == (1, 4, 10)


@pytest.mark.parametrize(
    "text",
    [
        SPEC,
        SPEC.encode(),
        b"\xef\xbb\xbf" + SPEC.encode(),
        SPEC.encode("utf-16"),
        b"\xfe\xff" + SPEC.encode("utf-16-be"),
        SPEC.replace("\n", "\r\n"),
        "%YAML 1.1\n---\n" + SPEC,
        SPEC + "...\n# end\n",
    ],
)
def test_encodings_and_line_ends_make_no_difference(text: str | bytes) -> None:
    assert read(text) == read(SPEC)


# ── anchors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_alias_is_the_value_that_its_anchor_names() -> None:
    value, problems = read_text("a: &x {y: [1, &z 2]}\nb: *x\nc: *z\n", "net.yaml")
    assert problems == []
    assert isinstance(value, MapValue)
    assert value.get("a") is value.get("b")
    assert plain(value.get("c")) == 2


def test_merge_keys_add_missing_keys() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {x: 5, z: 6}\nc: {<<: *a, y: 3}\nd: {w: 0, <<: [*a, *b]}\ne: {'<<': 1}\n"
    found = read(text)
    assert found["c"] == {"x": 1, "y": 3}
    assert found["d"] == {"w": 0, "x": 1, "y": 2, "z": 6}
    assert found["e"] == {"<<": 1}


def test_a_merge_key_needs_a_mapping() -> None:
    assert (
        errors("{<<: 3}")
        == """\
net.yaml:1:6: `<<` merges the keys of a mapping, or of a list of mappings
    1 │ {<<: 3}
      │      ^
   name a mapping, as in `<<: *name`"""
    )


def test_what_came_before_is_read_as_if_it_came_first() -> None:
    value = read("a: [a b, true, 'true', true]\nb: a\n  b\nc: true")
    assert value["a"] == ["a b", True, "true", True]
    assert headlines("[x, !y x, x]") == ["net.yaml:1:5: the tag `!y` is not read: a specification is plain values"]
    whole, _ = read_text("a: a b\nb: a\n  b\nc: a b", "net.yaml")
    assert isinstance(whole, MapValue)
    assert [item.mark[1:4] for _, item in whole.pairs] == [(1, 4, 3), (2, 4, 1), (4, 4, 3)]


def test_an_unknown_alias_names_the_nearest() -> None:
    assert headlines("a: &stage [1]\nb: *stag\nc: *foo\n") == [
        "net.yaml:2:4: the alias `*stag` names no anchor",
        "net.yaml:3:4: the alias `*foo` names no anchor",
    ]
    assert "did you mean stage?" in errors("a: &stage [1]\nb: *stag\n")


def test_a_value_cannot_contain_itself() -> None:
    assert (
        errors("a: &x [1, *x]")
        == """\
net.yaml:1:11: the alias `*x` is inside its own anchor
    1 │ a: &x [1, *x]
      │           ^^
   the value would contain itself
   remove the alias, or write what it stands for"""
    )


def bomb(levels: int) -> str:
    """Return the text of a value that is ten times as large at every level."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


def test_aliases_may_expand_to_many_values() -> None:
    assert read_text(bomb(5), "net.yaml")[1] == []


def test_an_alias_bomb_is_rejected() -> None:
    assert headlines(bomb(30)) == [
        "net.yaml:7:10: the specification has more than 2,000,000 values once their aliases are written out"
    ]


def test_a_merge_bomb_is_rejected() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: 0" for i in range(100)) + "}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 10)]
    assert "more than 2,000,000 values" in errors("\n".join(lines))


def test_an_alias_of_something_deep_is_as_deep() -> None:
    assert headlines(f"- &a {nested(60)}\n- {'[' * 39}*a{']' * 39}") == []
    assert [line.split(": ", 1)[1] for line in headlines(f"- &a {nested(60)}\n- {'[' * 40}*a{']' * 40}")] == [
        "lists and mappings are nested more than 100 deep"
    ]


def test_aliases_cannot_nest_deeper_than_values() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 300))
    assert headlines(chain) == ["net.yaml:100:12: lists and mappings are nested more than 100 deep"]


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────────────────────────

WHOLE = {
    "": "net.yaml: the file is empty\n   a specification has an input:, such as 3x224x224, and a list under layers:",
    " \n\n": "net.yaml: the file is empty\n   a specification has an input:, such as 3x224x224, and a list under layers:",
    "---\n": "net.yaml: the file is empty\n   a specification has an input:, such as 3x224x224, and a list under layers:",
    "# later\n": "net.yaml: the file has only comments\n   a specification has an input:, such as 3x224x224, and a list under layers:",
    "a: 1\nbb: 2\na: 3\n": """\
net.yaml:3:1: `a` is given twice
    3 │ a: 3
      │ ^
   keep one of the two
   first given at net.yaml:1:1
    1 │ a: 1
      │ ^""",
    "layers:\n\t- relu\n": """\
net.yaml:2:1: the line is indented with tabs
    2 │  - relu
      │ ^
   indent with spaces""",
    "layers:\n  - relu\n\t- conv\n": """\
net.yaml:3:1: the line is indented with tabs
    3 │  - conv
      │ ^
   indent with spaces""",
    "a: 1\n---\nb: 2\n": """\
net.yaml:2:1: a second document begins here
    2 │ ---
      │ ^^^
   one file is one specification: remove the `---` and what follows it, or move that to another file""",
    "? [1, 2]\n: 3\n": """\
net.yaml:1:3: a key is a word, not a list
    1 │ ? [1, 2]
      │   ^
   put a key that begins with `[` or `{` in quotes""",
    "{{a: 1}: 2}": """\
net.yaml:1:2: a key is a word, not a mapping
    1 │ {{a: 1}: 2}
      │  ^
   put a key that begins with `[` or `{` in quotes""",
    "3: a\n": """\
net.yaml:1:1: a key is a word: `3` is a number
    1 │ 3: a
      │ ^
   write '3' in quotes for the word, or a key before it: `key: 3`""",
    "true: a\n": """\
net.yaml:1:1: a key is a word: `true` is true or false
    1 │ true: a
      │ ^^^^
   write 'true' in quotes for the word, or a key before it: `key: true`""",
    "'': a\n": """\
net.yaml:1:1: a key is missing before the `:`
    1 │ '': a
      │ ^^
   write the key, or remove the line""",
    "a: !!python/object/apply:os.system [ls]\n": """\
net.yaml:1:4: the tag `!!python/object/apply:os.system` is not read: a specification is plain values
    1 │ a: !!python/object/apply:os.system [ls]
      │    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   remove the tag, or put the text in quotes""",
    "a: !thing b\n": """\
net.yaml:1:4: the tag `!thing` is not read: a specification is plain values
    1 │ a: !thing b
      │    ^^^^^^^^
   remove the tag, or put the text in quotes""",
    "%TAG ! tag:x,2000:\n---\na: 1\n": """\
net.yaml:1:4: a `%TAG` directive is not read: a specification is plain values
    1 │ %TAG ! tag:x,2000:
      │    ^
   remove the line""",
    "a: b: c\n": """\
net.yaml:1:5: a `key: value` is not allowed here
    1 │ a: b: c
      │     ^
   indent the line like its neighbours; put a text with `: ` in quotes""",
    "a: 1\nb c\nd: 2\n": """\
net.yaml:2:1: a `:` is missing after this
    2 │ b c
      │ ^
   write `key: value`, with a space after the `:`""",
    "a: @b\n": """\
net.yaml:1:4: `@` cannot begin a word
    1 │ a: @b
      │    ^
   put the text in quotes""",
    "a: 'b\nc: 1\n": """\
net.yaml:1:4: the quote is not closed
    1 │ a: 'b
      │    ^
   close it with the same quote that opens it""",
    "a: {b: [1, 2}\n": """\
net.yaml:1:13: a `,` or a `]` is missing here
    1 │ a: {b: [1, 2}
      │             ^
   separate the items between `[` and `]` by commas, and close it
   the `[` is at net.yaml:1:8
    1 │ a: {b: [1, 2}
      │        ^""",
    "- a\nb: 1\n": """\
net.yaml:2:1: this line is indented like the items of a list, but is not one
    2 │ b: 1
      │ ^
   begin it with `- `, or indent it like its neighbours""",
    "a:\n  - b\n c\n": """\
net.yaml:3:2: this line is indented like a key, but is not one
    3 │  c
      │  ^
   write `key: value`, or indent it like its neighbours""",
    "a: - b\n": """\
net.yaml:1:4: a list cannot begin here
    1 │ a: - b
      │    ^
   put its first `- ` on a line of its own, below the key""",
    'a: "\\xzz"\n': """\
net.yaml:1:7: this is not an escape of YAML
    1 │ a: "\\xzz"
      │       ^
   double the backslash, or use single quotes""",
    'a: "\\e[31m"\n': """\
net.yaml:1:4: the text contains the control character U+001B
    1 │ a: "\\e[31m"
      │    ^^^^^^^^
   remove it""",
    "a: \x07\n": """\
net.yaml:1:4: the character U+0007 is not allowed in YAML
    1 │ a:\x20\x20
      │    ^
   remove it""",
    "a: * 2\n": """\
net.yaml:1:5: `*` begins an alias here, but no name follows it
    1 │ a: * 2
      │     ^
   put the text in quotes""",
}


@pytest.mark.parametrize("text", WHOLE)
def test_error_texts(text: str) -> None:
    assert errors(text) == WHOLE[text]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "net.yaml: the file is binary, not text"),
        (b"PK\x03\x04\x14\x00\x00\x00", "net.yaml: the file is binary, not text"),
        (b"\x80\x02}q\x01X\x06weightq\x02.", "net.yaml: the file is binary, not text"),  # a pickle
        ("a: \0", "net.yaml: the file is binary, not text"),
        (b"a: 1\nb: caf\xe9\n", "net.yaml:2:7: the file is not UTF-8 text: it contains the byte 0xE9"),
        (b"\xff\xfea\x00:", "net.yaml: the file is not UTF-16 text"),
        ("a: \ud800", "net.yaml:1:4: the character U+D800 is not allowed in YAML"),
        (b"%PDF-1.4\n", "net.yaml:1:"),
    ],
)
def test_binary_files_are_rejected(data: str | bytes, message: str) -> None:
    assert len(headlines(data)) == 1
    assert headlines(data)[0].startswith(message)


def test_every_problem_is_listed_in_order() -> None:
    text = "a: 1\na: 2\n3: 4\nb: !x 5\nc: {d: 1, d: 2}\ne: *f\na: 6\n"
    assert headlines(text) == [
        "net.yaml:2:1: `a` is given twice",
        "net.yaml:3:1: a key is a word: `3` is a number",
        "net.yaml:4:4: the tag `!x` is not read: a specification is plain values",
        "net.yaml:5:11: `d` is given twice",
        "net.yaml:6:4: the alias `*f` names no anchor",
        "net.yaml:7:1: `a` is given twice",
    ]


def test_the_value_of_an_invalid_key_is_skipped() -> None:
    value, problems = read_text("a: 1\na: 2\n[b]: {c: 3}\nd: 4\n", "net.yaml")
    assert len(problems) == 2
    assert plain(value) == {"a": 1, "d": 4}


def test_a_syntax_error_follows_earlier_problems() -> None:
    value, problems = read_text("a: 1\na: 2\nb: [\n", "net.yaml")
    assert value is None
    assert len(problems) == 2
    assert problems[0].message == "`a` is given twice"


def test_a_thousand_problems_are_not_all_listed() -> None:
    found = headlines("a: 1\n" * 1001)
    assert len(found) == source.MAX_PROBLEMS + 1
    assert found[-1] == "900 more problems like these are not listed"


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────────────


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_nesting_up_to_the_limit_is_read() -> None:
    assert read_text(nested(source.MAX_DEPTH), "net.yaml")[1] == []
    assert headlines(nested(source.MAX_DEPTH + 1)) == [
        "net.yaml:1:101: lists and mappings are nested more than 100 deep"
    ]


@pytest.mark.parametrize(
    "text",
    [
        nested(10_000),
        "[" * 10_000,
        "{a: " * 10_000,
        "- " * 10_000 + "x",
        "? " * 10_000,
        "\n".join(" " * i + "a:" for i in range(10_000)),
    ],
    ids=["closed", "open", "mappings", "block lists", "keys", "block mappings"],
)
def test_ten_thousand_levels_are_rejected(text: str) -> None:
    assert [line.split(": ", 1)[1] for line in headlines(text)] == ["lists and mappings are nested more than 100 deep"]


@pytest.mark.parametrize("depth", [101, 2_000])
@pytest.mark.parametrize("before", ["", "input: 8\nlayers:\n  - "])
@pytest.mark.parametrize("closing", ["", "]"])
def test_too_deep_nesting_has_its_own_error(depth: int, before: str, closing: str) -> None:
    assert [line.split(": ", 1)[1] for line in headlines(before + "[" * depth + closing * depth)] == [
        "lists and mappings are nested more than 100 deep"
    ]


@pytest.mark.parametrize("limit", [150, 500])
def test_pyyamls_own_limit_makes_no_difference(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that reads ahead with its own limit of nesting: it stops, with its own error, before it passes on events."""

    def events_of(module: Any, text: str) -> Iterator[Any]:
        at = text.find("[" * limit)
        events = real(module, text)
        if at < 0:
            yield from events
            return
        yield from islice(events, 3)
        index = at + limit - 1
        mark = yaml.Mark("", index, text.count("\n", 0, index), index - (text.rfind("\n", 0, index) + 1), None, None)
        raise yaml.scanner.ScannerError("while in a flow", None, "no further", mark)

    real = reading._events
    monkeypatch.setattr(reading, "_events", events_of)
    text = f"input: 8\nlayers: {nested(10_000)}"
    assert headlines(text) == ["net.yaml:2:108: lists and mappings are nested more than 100 deep"]
    assert headlines(nested(100)) == []
    assert [line.split(": ", 1)[1] for line in headlines("[" * 100)] == ["the `[` is not closed"]


def test_a_long_text_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_BYTES", 2 * 2**20)
    assert errors("a: 1\n" * 2**20) == "net.yaml: the text is 5.0 MiB long\n   a specification is at most 2 MiB"


def test_too_many_values_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MAX_VALUES", 1000)
    assert headlines("- a\n" * 1000) == ["net.yaml:1000:3: the specification has more than 1,000 values"]
    assert read_text("- a\n" * 999, "net.yaml")[1] == []


@pytest.mark.slow
def test_many_layers_are_read() -> None:
    layers = "layers:\n" + "  - conv: {out_channels: 64, kernel_size: 3}\n    name: c\n" * 2000
    assert len(read(layers)["layers"]) == 2000


def test_characters_that_yaml_allows_are_read() -> None:
    """Source: YAML 1.1, section 4.1, c-printable."""
    allowed = [
        (0x9, 0xA),
        (0xD, 0xD),
        (0x20, 0x7E),
        (0x85, 0x85),
        (0xA0, 0xD7FF),
        (0xE000, 0xFFFD),
        (0x10000, 0x10FFFF),
    ]
    edges = {code + more for span in allowed for code in span for more in (-1, 0, 1)} | set(range(256))
    for code in edges - {0x110000}:
        is_allowed = any(first <= code <= last for first, last in allowed)
        assert (decoding.UNREADABLE.search(chr(code)) is None) is is_allowed, hex(code)


def test_reading_restores_the_garbage_collector() -> None:
    for text in ("a: 1", "a: [", "a: 1\na: 2"):
        read_text(text, "net.yaml")
        assert gc.isenabled()
    gc.disable()
    try:
        read_text("a: 1", "net.yaml")
        assert not gc.isenabled()
    finally:
        gc.enable()


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn", "Co"]), max_size=20)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_reading_never_raises(data: bytes | str) -> None:
    value, problems = read_text(data, "net.yaml")
    assert value is not None or problems
    assert all(str(problem) for problem in problems)


_PIECES = [
    "a",
    "b",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&x ",
    "*x",
    "<<",
    "!",
    "'",
    '"',
    "|",
    ">",
]
_PIECES += ["#", "%", "?", "---\n", "...\n", "\\", "1", "no", "\ufeff", "\x85", "é", "@", "`", "~"]


@examples(4)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_reading_never_raises_on_what_looks_like_yaml(text: str) -> None:
    value, problems = read_text(text, "net.yaml")
    assert value is not None or problems
    for problem in problems:
        assert str(problem)
        assert "yaml." not in problem.message


@given(_JSON.filter(lambda value: value is not None))
def test_json_is_read_as_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    assert read(text) == json.loads(text)
    assert read(json.dumps(value, ensure_ascii=False, indent=2)) == json.loads(text)


@given(_JSON)
def test_python_objects_are_read(value: object) -> None:
    found, problems = read_object(value)
    assert problems == []
    assert plain(found) == value


# ── Python objects ────────────────────────────────────────────────────────────────────────────────────────────────


def object_errors(value: object) -> str:
    return "\n\n".join(str(problem) for problem in read_object(value)[1])


def test_objects_are_marked_by_their_path() -> None:
    value, problems = read_object({"layers": ["relu", {"conv": {"kernel_size": 3}}]})
    assert problems == []
    assert isinstance(value, MapValue)
    layers = value.get("layers")
    assert isinstance(layers, ListValue)
    layer = layers.items[1]
    assert isinstance(layer, MapValue)
    conv = layer.get("conv")
    assert isinstance(conv, MapValue)
    size = conv.get("kernel_size")
    assert isinstance(size, Scalar)
    assert str(size.mark) == "<dict>: layers[1].conv.kernel_size"
    assert str(value.mark) == "<dict>"
    assert size.mark.line == 0
    assert size.mark.excerpt() == []


def test_tuples_are_lists_and_strings_are_quoted() -> None:
    value, _ = read_object({"a": (1, "no")})
    assert plain(value) == {"a": [1, "no"]}
    assert isinstance(value, MapValue)
    items = value.get("a")
    assert isinstance(items, ListValue)
    word = items.items[1]
    assert isinstance(word, Scalar)
    assert (word.quoted, word.trap) == (True, "")


def test_numpy_numbers_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    value, problems = read_object({"a": numpy.int64(3), "b": numpy.float32(0.5), "c": numpy.bool_(True)})
    assert problems == []
    assert plain(value) == {"a": 3, "b": 0.5, "c": True}
    assert "type `ndarray`" in object_errors(numpy.arange(3))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"a": {1, 2}},
            """\
<dict>: a: a value of type `set` is not allowed in a specification
   give a dict, a list, a string, a number, a bool or None""",
        ),
        ({"a": {3: 4}}, "<dict>: a: a key is a string, not a value of type `int`\n   write the key as a string"),
        ({(1, 2): 4}, "<dict>: a key is a string, not a value of type `tuple`\n   write the key as a string"),
        (["\x1b[31m"], "<dict>: [0]: the text contains the control character U+001B\n   remove it"),
    ],
)
def test_unsupported_python_objects(value: object, message: str) -> None:
    assert object_errors(value) == message


def test_self_containing_objects_are_rejected() -> None:
    layers: list[object] = ["relu"]
    layers.append({"add": layers})
    assert object_errors({"layers": layers}) == (
        "<dict>: layers[1].add: a value contains itself\n   write the value in full here"
    )


def test_one_object_may_be_used_twice() -> None:
    same = [1, 2]
    value, problems = read_object({"a": same, "b": same})
    assert problems == []
    assert plain(value) == {"a": [1, 2], "b": [1, 2]}


def test_deep_objects_are_rejected() -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    assert "lists and mappings are nested more than 100 deep" in object_errors(value)


def test_objects_with_exponential_sharing_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MAX_VALUES", 10_000)
    value: list[object] = [1]
    for _ in range(9):
        value = [value] * 10
    assert "more than 10,000 values" in object_errors(value)


def test_long_numbers_stay_strings() -> None:
    value, problems = read_object(10**5000)
    assert problems == []
    assert isinstance(value, Scalar)
    assert value.trap == "a number of 5,001 digits is too large: the maximum is 40 digits"


def test_yaml_is_imported_on_first_use() -> None:
    code = """
import sys
from shapecalc.source import read_object, read_text
read_object({})
assert "yaml" not in sys.modules
read_text("a: 1", "net.yaml")
assert "yaml" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("- relu\n  name: act\n", [{"relu": None, "name": "act"}]),
        ("a:\n  - relu  # why\n    # more\n\n    name: act\n  - b\n", {"a": [{"relu": None, "name": "act"}, "b"]}),
        ("- - relu\n    name: act\n  - x\n- y\n", [[{"relu": None, "name": "act"}, "x"], "y"]),
        ("- relu\r\n  name: act\r\n  from: a\r\n", [{"relu": None, "name": "act", "from": "a"}]),
        (
            "a: |\n  - relu\n    name: x\nb:\n- relu\n  name: x",
            {"a": "- relu\n  name: x\n", "b": [{"relu": None, "name": "x"}]},
        ),
        ("- a\n  b\n- c: 1\n", ["a b", {"c": 1}]),
        ('- "relu"\n  name: act\n', [{"relu": None, "name": "act"}]),
        ("a:\n- 're lu'  # why\n  name: act\n- \"b\"\n- 'c'", {"a": [{"re lu": None, "name": "act"}, "b", "c"]}),
    ],
)
def test_kinds_with_keys_below_need_no_colon(text: str, held: Any) -> None:
    assert read(text) == held


def test_marks_refer_to_the_original_text() -> None:
    value, problems = read_text("- relu\n  name: act\n- tanh\n  name: b\n", "net.yaml")
    assert problems == []
    assert isinstance(value, ListValue)
    marks = [(key.mark.line, key.mark.column, key.mark.length) for item in value.items for key, _ in item.pairs]  # type: ignore[union-attr]
    assert marks == [(1, 3, 4), (2, 3, 4), (3, 3, 4), (4, 3, 4)]


@pytest.mark.parametrize(
    "text", ["- relu\n   name: act\n", "- relu\n name: act\n", "- re lu\n  name: act\n", "- relu\n  name: [a\n"]
)
def test_other_missing_colons_stay_errors(text: str) -> None:
    assert errors(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a:\n  -relu\n", ["2:3 relu"]),
        ("a:\n  -relu\n  - b: 1\n", ["2:3 relu"]),
        ("a:\n  - b: 1\n  -relu\n", ["3:3 relu"]),
        ("a:\n- b:\n    c: 1\n-d:\n    c: 2\n", ["4:1 d:"]),
        (
            "a:\n  -b: {c: 1}  # why\n  # -x\n\n  -b: {c: 1}\n  -[d, e]\n",
            ["2:3 b: {c: 1}", "5:3 b: {c: 1}", "6:3 [d, e]"],
        ),
        ('a:\n  -"b"\n', ['2:3 "b"']),
        ("a:\n  - - b\n    -c\n", ["3:5 c"]),
    ],
)
def test_a_space_is_missing_after_a_dash(text: str, found: list[str]) -> None:
    _, problems = read_text(text, "net.yaml")
    assert {problem.message for problem in problems} == {"a space is missing after this `-`"}
    assert [f"{p.mark.line}:{p.mark.column} {p.hint[9:-1]}" for p in problems if p.mark] == found
    assert all(p.hint.startswith("write `- ") for p in problems)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("a: -b\nc: [-d, -e]\n", {"a": "-b", "c": ["-d", "-e"]}),
        ("a: [1,\n  -b, {\n  -c: 1}]\nd: -e\n", {"a": [1, "-b", {"-c": 1}], "d": "-e"}),
        ("a: b\n  -c\nd: -e\n", {"a": "b -c", "d": "-e"}),
        ("a: |\n  such as:\n  -relu\nd: -e\n", {"a": "such as:\n-relu\n", "d": "-e"}),
        ("a:\n  - -b\n  - -3\n", {"a": ["-b", -3]}),
        ('a:\n  "-b"\n', {"a": "-b"}),
    ],
)
def test_other_words_may_begin_with_a_dash(text: str, held: Any) -> None:
    assert read(text) == held


def test_an_error_before_a_dash_comes_first() -> None:
    (headline,) = headlines("a: b: c\nd:\n  -e\n")
    assert headline == "net.yaml:1:5: a `key: value` is not allowed here"


def test_words_with_dashes_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr("shapecalc.source.dashes.dash_problems", lambda _: looked.append(1))
    assert len(read("[" + "-a," * 50 + "b]")) == 51
    assert looked == [1]
    read("[a, -1, -.5]")
    assert looked == [1]


@pytest.mark.parametrize(
    ("text", "message", "hint", "held"),
    [
        ("{a: (3, 3), b: 1}", "`(3, 3)` is a tuple", "write a list: [3, 3]", {"a": "(3, 3)", "b": 1}),
        ("[(3, (4), 3 ), 2]", "`(3, (4), 3 )` is a tuple", "write a list: [3, 4, 3 ]", ["(3, (4), 3 )", 2]),
        ("a: [1, max(a, b)]", "`max(a, b)` is cut at its comma, which separates items in { } and [ ]",
         'put it in quotes: "max(a, b)"', {"a": [1, "max(a, b)"]}),
    ],
)  # fmt: skip
def test_a_comma_within_brackets_cuts_a_text(text: str, message: str, hint: str, held: Any) -> None:
    value, problems = read_text(text, "net.yaml")
    assert [(problem.message, problem.hint) for problem in problems] == [(message, hint)]
    assert plain(value) == held


@pytest.mark.parametrize("text", ["a: (3, 3)", "a: [max(b]", "a: [(b # )\n]", "a: ['(3, 3)', (3)]", "a: (b\n  , 3)"])
def test_other_brackets_are_left_to_expressions(text: str) -> None:
    assert errors(text) == ""


def test_many_brackets_that_are_never_closed_are_not_looked_for_far(monkeypatch: pytest.MonkeyPatch) -> None:
    from shapecalc.source import reading

    looked: list[int] = []
    find = reading._end_of_brackets
    monkeypatch.setattr(reading, "_end_of_brackets", lambda line: looked.append(len(line)) or find(line))
    assert len(read("a: [" + "(b," * 2_000 + "c]")["a"]) == 2_001
    assert len(looked) == 2_000
    assert max(looked) == 300


@pytest.mark.parametrize(
    ("head", "is_named"),
    [(b"\x89PNG\r\n\x1a\n\0\0", False), (b"\x93NUMPY\1\0", False), (b"PK\3\4\0\0arr_0.npy\0", False), (b"\x80\4\x95\0\0", False),
     (b"PK\3\4\0\0archive/data.pkl\0", True), (b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\0", True), (b"\0\0\0\7", True)],
)  # fmt: skip
def test_only_what_may_be_a_checkpoint_is_sent_to_weights(head, is_named):
    _, problems = read_text(head, "net.yaml")
    assert ("`shapecalc weights` reads a checkpoint" in problems[0].hint) == is_named
