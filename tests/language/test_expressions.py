"""The arithmetic of the specification language."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapecalc.dims.traces import Trace, leaf
from shapecalc.language import expressions
from shapecalc.language.expressions import ExpressionError, parse

VARIABLES: dict[str, Any] = {
    "width": 64,
    "planes": 16,
    "i": 2,
    "half": 0.5,
    "depths": [3, 4, 6, 3],
    "project": True,
    "act": "relu",
    "nothing": None,
    "empty": [],
    "long": [0] * 10_001,
    "huge": 10**30,
}


def evaluate(text: str, **variables: Any) -> Any:
    return parse(text).evaluate(VARIABLES | variables)


def failure(text: str, **variables: Any) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, **variables)
    return caught.value


GOOD = [
    ("planes * 4", 64),
    ("width // 2", 32),
    ("i + 1", 3),
    ("-i", -2),
    ("+i", 2),
    ("width - planes * 2", 32),
    ("(width - planes) * 2", 96),
    ("9 / 3", 3),
    ("10 / 4", 2.5),
    ("-7 // 2", -4),
    ("-7 % 3", 2),
    ("2 ** 10", 1024),
    ("2 ** -1", 0.5),
    ("2 ** i", 4),
    ("width * half", 32.0),
    ("1e3", 1000.0),
    ("1_000", 1000),
    ("10 ** 18", 10**18),
    ("i == 2", True),
    ("i != 2", False),
    ("1 < i <= 2", True),
    ("1 < i < 2", False),
    ("3 > i >= 2", True),
    ("project", True),
    ("not project", False),
    ("project and i == 2", True),
    ("project or 1 / 0 == 1", True),
    ("i == 0 and 1 / 0 == 1", False),
    ("64 if i > 0 else 32", 64),
    ("64 if i > 5 else 32", 32),
    ("1 / 0 if i == 0 else 8", 8),
    ("act == 'relu'", True),
    ("act in ['relu', 'gelu']", True),
    ("3 not in depths", False),
    ("nothing == none", True),
    ("true", True),
    ("False", False),
    ("null", None),
    ("[1, planes]", [1, 16]),
    ("[]", []),
    ("depths[i]", 6),
    ("depths[-1]", 3),
    ("[8, 16, 32][i]", 32),
    ("sum(depths)", 16),
    ("sum(empty)", 0),
    ("sum([half, half])", 1.0),
    ("len(depths)", 4),
    ("max(depths)", 6),
    ("min(depths)", 3),
    ("min(1, 2, 0)", 0),
    ("max(half, 1)", 1),
    ("max(i)", 2),
    ("ceil(7 / 2)", 4),
    ("ceil(half)", 1),
    ("ceil(7.5 / 2)", 4),
    ("ceil(999999999999999999 / 7)", 142857142857142857),
    ("floor(-7 / 2)", -4),
    ("floor(2.5)", 2),
    ("ceil(ceil(ceil(ceil(ceil(224 / 2) / 2) / 2) / 2) / 2)", 7),
    ("round(2.5)", 2),
    ("round(3.5)", 4),
    ("round(2.567, 2)", 2.57),
    ("round(1250, -2)", 1200),
    ("  width\n  + 1\n", 65),
    ("((((i))))", 2),
]


@pytest.mark.parametrize(("text", "value"), GOOD)
def test_expressions(text: str, value: object) -> None:
    found = evaluate(text)
    assert type(found) is type(value)
    assert found == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("make_divisible(32 * 0.35)", 16),
        ("make_divisible(16 * 0.35)", 8),
        ("make_divisible(24 * 1.4)", 32),
        ("make_divisible(1280 * 1.4)", 1792),
        ("make_divisible(320 * 0.35)", 112),
        ("make_divisible(72 / 4)", 24),
        ("make_divisible(960 / 4)", 240),
        ("make_divisible(37, 8)", 40),
        ("make_divisible(10, 9)", 9),  # nine tenths are enough: new_v < 0.9 * v adds one more
        ("make_divisible(10, divisor=8, min_value=16)", 16),
        ("make_divisible(17, 8, none)", 16),
        ("make_divisible(5, 1)", 5),
    ],
)
def test_make_divisible_is_mobilenets(text: str, value: int) -> None:
    """Widths as MobileNetV2 has at multipliers 0.35 and 1.4, and the rule's corner cases, computed by hand."""
    found = evaluate(text)
    assert type(found) is int
    assert found == value


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("planes * 4", {"planes"}),
        ("max(a, b) if c else d[i]", {"a", "b", "c", "d", "i"}),
        ("true and none == null", set()),
        ("3", set()),
        ("min(max, 1)", {"max"}),
    ],
)
def test_names_are_the_free_variables(text: str, names: set[str]) -> None:
    assert parse(text).names == names


def test_reading_is_cached() -> None:
    assert parse("a + 1") is parse("a + 1")
    assert parse("a + 1").text == "a + 1"


# ── what is refused ───────────────────────────────────────────────────────────────────────────────────────────────

ARITHMETIC = (
    "an expression is arithmetic on numbers and variables, with comparisons, `x if c else y` and a few functions"
)
KNOWN = "known here: ceil, floor, len, make_divisible, max, min, round, sum"

BAD = [
    ("", "the expression is empty", None, "write a number, a variable or some arithmetic"),
    (" \n ", "the expression is empty", None, "write a number, a variable or some arithmetic"),
    ("planes *", "`planes *` is not an expression: it ends too early", 8, ""),
    (
        "max(planes",
        "`max(planes` is not an expression: a `)` is missing",
        3,
        "close every `(`; in [ ] or { } put texts with a comma in quotes",
    ),
    ("3x3", "`3x3` is not an expression", 0, "write a list: [3, 3]"),
    ("3x224x", "`3x224x` is not an expression", 0, "sizes are written as 3x224x224"),
    ("2width + 1", "`2width + 1` is not an expression", 0, "write `2 * width` to multiply"),
    (
        "class",
        "`class` is not an expression: `class` is a Python keyword",
        0,
        "a variable of that name cannot be part of an expression: choose another name",
    ),
    ("$width", "`$width` is not an expression", 0, "write the variable alone: `width`"),
    ("${ width }", "`${ width }` is not an expression", 0, "write the variable alone: `width`"),
    ("{width}", "`{width}` is a set, which an expression cannot contain", 0, "write the variable alone: `width`"),
    (
        "{{ width }}",
        "`{{ width }}` is a set, which an expression cannot contain",
        0,
        "write the variable alone: `width`",
    ),
    ("50%", "`50%` is not an expression: it ends too early", 3, "write a fraction: 0.5"),
    ("(3, 5)", "`(3, 5)` is a tuple, which an expression cannot contain", 0, "write a list: [3, 5]"),
    ("5M", "`5M` is not an expression", 0, ""),
    ("i = 3", "`i = 3` is not an expression: it cannot be read from `= 3` on", 2, "write `== 3`"),
    ("i => 3", "`i => 3` is not an expression: it cannot be read from `=> 3` on", 2, "write `>= 3`"),
    (
        "1 ≤ 2 and i =< 3 - 1",
        "`1 ≤ 2 and i =< 3 - 1` is not an expression: it cannot be read from `=< 3 - 1` on",
        12,
        "write `<= 3`",
    ),
    ("i <> 3", "`i <> 3` is not an expression: it cannot be read from `<> 3` on", 2, "write `!= 3`"),
    ("i ≥", "`i ≥` is not an expression: it ends too early", 3, ""),
    ("1≤2 and 'é≥' ≠ widht", "`widht` is not a variable", 15, "did you mean width?"),
    ("planes width", "`planes width` is not an expression: it cannot be read from `width` on", None, ""),
    ("widht + 1", "`widht` is not a variable", 0, "did you mean width?"),
    ("1 + widht", "`widht` is not a variable", 4, "did you mean width?"),
    ("'é' == widht", "`widht` is not a variable", 7, "did you mean width?"),
    ("  widht", "`widht` is not a variable", 2, "did you mean width?"),
    ("min + 1", "`min` is a function", 0, "call it: min(…)"),
    ("sqrt(2)", "`sqrt` is not a function of expressions", 0, "write a ** 0.5"),
    ("int(1.5)", "`int` is not a function of expressions", 0, "write floor(…), which rounds down, or // in place of /"),
    ("math.ceil(1.5)", "`math.ceil` is not a function of expressions", 0, "write ceil"),
    ("{a * 2}", "`{a * 2}` is a set, which an expression cannot contain", 0, "write the expression alone: `a * 2`"),
    ("celi(2)", "`celi` is not a function of expressions", 0, "did you mean ceil?"),
    ("__import__('os')", "`__import__` is not a function of expressions", 0, KNOWN),
    ("depths.append(1)", "`depths.append` is not a function of expressions", 0, KNOWN),
    (
        "act.upper",
        "`act.upper` is an attribute, which an expression cannot contain",
        0,
        "use the variables as they are, without `.`",
    ),
    ("lambda: 1", "`lambda: 1` is a function of its own, which an expression cannot contain", 0, ARITHMETIC),
    (
        "[x for x in depths]",
        "`[x for x in depths]` is a loop, which an expression cannot contain",
        0,
        "write the items in full, or use `repeat:`",
    ),
    (
        "sum(x for x in depths)",
        "`(x for x in depths)` is a loop, which an expression cannot contain",
        3,
        "write the items in full, or use `repeat:`",
    ),
    (
        "f'{i}'",
        "`f'{i}'` is a formatted string, which an expression cannot contain",
        0,
        "texts are only compared",
    ),
    (
        "(n := 3)",
        "`n := 3` is an assignment, which an expression cannot contain",
        1,
        "give the part a name under `vars:`",
    ),
    ("{1: 2}", "`{1: 2}` is a mapping, which an expression cannot contain", 0, ARITHMETIC),
    ("{1}", "`{1}` is a set, which an expression cannot contain", 0, "write a list: `[a, b]`"),
    ("3, 4", "`3, 4` is a tuple, which an expression cannot contain", 0, "write a list: [3, 4]"),
    ("depths[0:2]", "`0:2` is a slice, which an expression cannot contain", 7, "take one item: `list[0]`"),
    (
        "max(*depths)",
        "`*depths` is a `*` that unpacks a list, which an expression cannot contain",
        4,
        "min, max and sum take the list itself",
    ),
    ("await i", "`await i` is Python syntax, which an expression cannot contain", 0, ARITHMETIC),
    ("2j", "`2j` is not a number that an expression can contain", 0, ARITHMETIC),
    ("b'a'", "`b'a'` is not a number that an expression can contain", 0, ARITHMETIC),
    ("...", "`...` is not a number that an expression can contain", 0, "write the value itself in place of ..."),
    ("i # index", "`# index` is a comment, which an expression cannot contain", 2, "remove it"),
    ("i ^ 2", "`i ^ 2` has the unknown operator `^`", 0, "write `**` for a power"),
    ("i | 2", "`i | 2` has the unknown operator `|`", 0, "write `or`"),
    ("1 << 9", "`1 << 9` has the unknown operator `<<`", 0, "multiply by a power of 2"),
    ("~i", "`~i` has the unknown operator `~`", 0, "write `not`"),
    ("i is 2", "`i is 2` has the unknown operator `is`", 0, "write `==`"),
    ("1 / 0", "`1 / 0` divides by zero", 0, ""),
    ("8 + i // (i - 2)", "`i // (i - 2)` divides by zero: i - 2 is 0", 4, ""),
    ("i % 0", "`i % 0` divides by zero", 0, ""),
    ("1.5 / 0.0", "`1.5 / 0.0` divides by zero", 0, ""),
    ("ceil(i / 0)", "`i / 0` divides by zero", 5, ""),
    ("0 ** -1", "`0 ** -1` divides by zero", 0, ""),
    ("(-8) ** half", "`(-8) ** half` is not a real number", 0, ""),
    ("9**9**9", "the exponent of `9**9**9` is 387,420,489: at most 64", 0, ""),
    ("2 ** 65", "the exponent of `2 ** 65` is 65: at most 64", 0, ""),
    ("2 ** -65", "the exponent of `2 ** -65` is -65: at most 64", 0, ""),
    ("10 ** 18 * 2", "`10 ** 18 * 2` is too large: the maximum is 10**18", 0, ""),
    ("10 ** 19", "`10 ** 19` is too large: the maximum is 10**18", 0, ""),
    ("(10.0 ** 18) ** 64", "`(10.0 ** 18) ** 64` is too large: the maximum is 10**18", 0, ""),
    ("1e400", "`1e400` is too large: the maximum is 10**18", 0, ""),
    ("huge", "`huge` is too large: the maximum is 10**18", 0, ""),
    ("long", "`long` is a list of 10,001 items: at most 10,000", 0, ""),
    ("'a' * 3", "`'a'` is a text, not a number", 0, ""),
    ("act + 'a'", "`act` is the text 'relu', not a number", 0, ""),
    ("[1] * 3", "`[1]` is a list, not a number", 0, ""),
    ("1 + depths", "`depths` is a list, not a number", 4, ""),
    ("nothing + 1", "`nothing` is null, not a number", 0, ""),
    ("project + 1", "`project` is true, not a number", 0, "write `1 if project else 0` for a number"),
    ("-act", "`act` is the text 'relu', not a number", 1, ""),
    ("act < 'z'", "`act` is the text 'relu', not a number", 0, ""),
    ("1 < 'z'", "`'z'` is a text, not a number", 4, ""),
    ("not i", "`i` is 2, not true or false", 4, "compare it, as in `i > 0`"),
    ("project and i", "`i` is 2, not true or false", 12, "compare it, as in `i > 0`"),
    ("1 if act else 2", "`act` is the text 'relu', not true or false", 5, ""),
    (
        "depths[4]",
        "`depths[4]` is not an item: the list has 4 items",
        0,
        "they are counted from 0, and this is number 4",
    ),
    (
        "depths[i - 7]",
        "`depths[i - 7]` is not an item: the list has 4 items",
        0,
        "they are counted from 0, and this is number -5",
    ),
    ("depths[half]", "`half` is 0.5, not the index of an item", 7, "items are counted from 0"),
    ("depths[true]", "`true` is a condition, not the index of an item", 7, "items are counted from 0"),
    ("act[0]", "`act` is the text 'relu', not a list", 0, ""),
    ("'r' in act", "`act` is the text 'relu', not a list", 7, ""),
    ("len(act)", "`act` is the text 'relu', not a list", 4, ""),
    ("sum(3)", "`3` is a number, not a list", 4, ""),
    ("sum([act])", "`[act]` is the text 'relu', not a number", 4, ""),
    ("max()", "`max()` is not a valid call", 0, "write max(a, b) or max(list)"),
    ("max(empty)", "`max(empty)` is of an empty list", 0, ""),
    ("max(1, act)", "`act` is the text 'relu', not a number", 7, ""),
    ("ceil(1, 2)", "`ceil(1, 2)` is not a valid call", 0, "write ceil(x)"),
    ("ceil(x=1, **i)", "`ceil(x=1, **i)` is not a valid call", 0, "write ceil(x)"),
    (
        "make_divisible(8, to=8)",
        "`make_divisible(8, to=8)` is not a valid call",
        0,
        "write make_divisible(v, divisor, min_value)",
    ),
    (
        "make_divisible(8, v=8)",
        "`make_divisible(8, v=8)` is not a valid call",
        0,
        "write make_divisible(v, divisor, min_value)",
    ),
    ("make_divisible(8, 0)", "`make_divisible(8, 0)` has the divisor 0, not a whole number of at least 1", 0, ""),
    ("round(1, 99)", "`99` is not a number of digits: from -18 to 18", 9, ""),
]


@pytest.mark.parametrize(("text", "message", "offset", "hint"), BAD)
def test_errors(text: str, message: str, offset: int | None, hint: str) -> None:
    error = failure(text)
    assert str(error) == error.message == message
    assert error.hint == hint
    if offset is not None:
        assert error.offset == offset


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("i && i", "write `and`"),
        ("i || i", "write `or`"),
        ("!project", "write `not`, or `!=` for unequal"),
        ("i ? 1 : 2", "write `1 if i else 2`"),
        ("227×227", "write `*` to multiply"),
    ],
)
def test_common_slips_have_hints(text: str, hint: str) -> None:
    assert failure(text).hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400 + "1" + ")" * 400,
        "[" * 900,
        "-" * 999 + "1",
        "not " * 200 + "true",
        "+".join("1" * 400),
        "[" + ",".join("1" * 400) + "]",
        "1 if true else " * 60 + "1",
        "**".join("9" * 400),
        "x" * 1001,
        "i" + "[0]" * 300,
        "\0",
        "1\0",
        "\ud800",
        "'\ud800'",
        "9" * 1000,
        "\\\n1",
        "1;2",
        "import os",
        "print(1)",
        "().__class__.__bases__[0].__subclasses__()",
        "[c for c in ().__class__.__base__.__subclasses__()]",
        "exec('1')",
        "max(key=print)",
        "1\x0c+",
    ],
)
def test_hostile_expressions_are_rejected(text: str) -> None:
    error = failure(text)
    assert len(error.message) < 300
    assert "\n" not in error.message
    assert error.message.isprintable()


def test_limits_are_errors() -> None:
    assert failure("x" * 1001).message == "an expression of 1,001 characters is too long: at most 1,000"
    assert failure("[" + ",".join("1" * 400) + "]").message == "the expression has more than 200 parts"
    assert failure("+".join("1" * 60)).message == "the expression is nested more than 50 deep"


def test_the_hint_for_a_variable_without_vars() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse("width").evaluate({})
    assert caught.value.hint == "variables are given under `vars:`"


@given(st.text(max_size=60) | st.text("abi0123456789+-*/%()[]<>=.,:'\" \n", max_size=60))
def test_only_expression_errors_are_raised(text: str) -> None:
    try:
        parse(text).evaluate(VARIABLES | {"a": 3, "b": [1, 2]})
    except ExpressionError as error:
        assert error.offset is None or 0 <= error.offset <= len(text)  # noqa: PT017


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_LEAVES = st.integers(0, 50).map(str) | st.sampled_from(["i", "width", "planes"])
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=8,
)


@given(_TREES)
def test_integer_arithmetic_is_pythons(text: str) -> None:
    try:
        expected = eval(text, {}, dict(VARIABLES))
    except ZeroDivisionError:
        assert "divides by zero" in failure(text).message
        return
    if abs(expected) <= expressions.MAX_SIZE:
        try:
            assert evaluate(text) == expected
        except ExpressionError as error:
            assert "is too large" in error.message  # noqa: PT017  (a part was, though the whole is not)


@given(st.integers(1, 10**17), st.integers(1, 10**6))
def test_rounded_quotients_are_exact(a: int, b: int) -> None:
    assert evaluate("ceil(a / b)", a=a, b=b) == -(-a // b)
    assert evaluate("floor(a / b)", a=a, b=b) == a // b
    assert evaluate("a / b * b", a=a * b // b, b=1) == a


@given(st.floats(1, 1e6), st.integers(1, 64))
def test_make_divisible_is_a_multiple_and_at_least_90_percent(value: float, divisor: int) -> None:
    found = evaluate("make_divisible(v, d)", v=value, d=divisor)
    assert found % divisor == 0
    assert found >= divisor
    assert found >= 0.9 * value


# ── other kinds of number ─────────────────────────────────────────────────────────────────────────────────────────

FORMULAS = ["x * 4 + 1", "x // 2", "ceil(x / 2)", "floor(x / 3)", "max(x, 3)", "min(x, 3, 5)", "sum([x, 1])", "2 - x"]


@pytest.mark.parametrize("text", FORMULAS)
def test_traces_columns_and_symbols_agree_with_ints(text: str) -> None:
    numpy = pytest.importorskip("numpy")
    sympy = pytest.importorskip("sympy")
    columns = pytest.importorskip("shapecalc.dims.columns")
    pytest.importorskip("shapecalc.dims.symbols")
    expected = [evaluate(text, x=x) for x in range(1, 10)]
    traced = [evaluate(text, x=leaf(x, "x")) for x in range(1, 10)]
    assert all(isinstance(number, Trace) for number in traced)
    assert [number.value for number in traced] == expected
    assert evaluate(text, x=columns.ColumnNumber(numpy.arange(1, 10), columns.Ledger())).values.tolist() == expected
    symbol = sympy.Symbol("x", integer=True, positive=True)
    formula = evaluate(text, x=symbol)
    assert [int(formula.subs(symbol, x)) for x in range(1, 10)] == expected


@pytest.mark.parametrize(
    "text", ["x / 2", "x % 2", "x < 3", "1 if x < 3 else 2", "x ** 2", "make_divisible(x)", "2 ** x"]
)
def test_unsupported_operations_on_a_kind_of_number_are_rejected(text: str) -> None:
    error = failure(text, x=leaf(7, "x"))
    assert error.message
    assert math.isfinite(error.offset or 0)
