"""Notation of traces: simplification preserves values, and written formulas evaluate to them."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching import examples

from shapecalc.dims import ceil_div, maximum, minimum, prod, scaled
from shapecalc.dims.notation import LATEX, TEXT, Algebra, chain, steps, with_numbers, with_symbols
from shapecalc.dims.notation.expressions import CEIL, EXACT, FLOOR, MAX, MIN, PART, SUM, Atom, Expression
from shapecalc.dims.traces import Trace, leaf, value_of

NAMES = "HWCksdpg"


def leaves(**values: int) -> dict[str, Trace]:
    return {name: leaf(value, name) for name, value in values.items()}


def text(number: object, algebra: Algebra | None = None) -> str:
    return TEXT.write(with_symbols((algebra or Algebra()).read(number)))


# Reading back what was written.


def evaluated(written: str) -> Fraction:
    """Return the value of a text in this notation, evaluated by Python with its own precedence."""
    python = re.sub(r",(?=\d{3})", "", written).replace("·", "*").replace("−", "-")
    python = re.sub(
        "[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda raised: "**" + "".join(str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(digit)) for digit in raised[0]), python
    )
    python = re.sub(r"\d+(\.\d+)?", lambda number: f"Fraction('{number[0]}')", python)
    for opening, closing, function in (("⌊", "⌋", "floor"), ("⌈", "⌉", "ceil")):
        python = python.replace(opening, f"{function}(").replace(closing, ")")
    names = {"Fraction": Fraction, "floor": math.floor, "ceil": math.ceil, "max": max, "min": min}
    return Fraction(eval(python, names))


def from_latex(written: str) -> str:
    """Return a formula in LaTeX as text."""
    text = written.replace("{,}", ",").replace(r" \cdot ", "·").replace("-", "−")
    text = re.sub(r"\^\{(\d+)\}", lambda raised: "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in raised[1]), text)
    for side, signs in (("floor", "⌊⌋"), ("ceil", "⌈⌉")):
        text = text.replace(rf"\left\l{side} ", signs[0]).replace(rf" \right\r{side}", signs[1])
    text = text.replace(r"\left( ", "(").replace(r" \right)", ")").replace(r"\max", "max").replace(r"\min", "min")
    while r"\frac{" in text:
        start = text.rindex(r"\frac{")  # the innermost: it has no other within
        top, end = _braced(text, start + 5)
        bottom, end = _braced(text, end)
        text = f"{text[:start]}(({top}) / ({bottom})){text[end:]}"
    return text


def _braced(text: str, start: int) -> tuple[str, int]:
    depth = 0
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[start + 1 : i], i + 1
    raise AssertionError(text)


def value_with(expression: Expression, values: dict[str, int]) -> int:
    """Return the value of an expression for other values of its symbols."""
    return sum(
        term.coefficient * math.prod(_atom_value(atom, values) for atom in term.factors) for term in expression.terms
    )


def _atom_value(atom: Atom, values: dict[str, int]) -> int:
    if atom.leaf is not None:
        return values[atom.leaf.symbol]
    parts = [value_with(part, values) for part in atom.parts]
    if atom.sort == SUM:
        return parts[0]
    if atom.sort in (FLOOR, EXACT):
        return parts[0] // parts[1]
    if atom.sort == CEIL:
        return -(-parts[0] // parts[1])
    return {MAX: max, MIN: min, PART: lambda part: math.floor(part * atom.factor)}[atom.sort](*parts)


# Any arithmetic that a formula may do, on traces and as a function of the leaves' values.

numbers = st.integers(1, 12)


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> object:
    """Draw a formula: a number, the name of a leaf, or an operation on two formulas."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(st.sampled_from(NAMES), st.integers(0, 3)))
    operation = draw(st.sampled_from(["+", "-", "*", "//", "ceil", "max", "min", "part"]))
    return operation, draw(formulas(depth - 1)), draw(formulas(depth - 1))


def built(formula: object, symbols: dict[str, Trace]) -> object:
    """Return a drawn formula as a trace; a divisor is made one above 0."""
    if isinstance(formula, str):
        return symbols[formula]
    if isinstance(formula, int):
        return formula
    operation, a, b = formula[0], built(formula[1], symbols), built(formula[2], symbols)
    if operation == "+":
        return a + b
    if operation == "-":
        return a - b
    if operation == "*":
        return a * b
    if operation == "max":
        return maximum(a, b)
    if operation == "min":
        return minimum(a, b)
    if operation == "part":
        return scaled(a, 1.5)
    divisor = maximum(b, 0) + 1
    return a // divisor if operation == "//" else ceil_div(a, divisor)


def plain(formula: object, values: dict[str, int]) -> int:
    """Return the value of a drawn formula on ints."""
    return value_of(built(formula, leaves(**values)))


@examples(4)
@given(
    formulas(),
    st.fixed_dictionaries(dict.fromkeys(NAMES, numbers)),
    st.fixed_dictionaries(dict.fromkeys(NAMES, numbers)),
)
def test_simplification_preserves_values(formula, values, others):
    number = built(formula, leaves(**values))
    algebra = Algebra()
    for expression in (algebra.read(number), algebra.factored(algebra.read(number))):
        assert expression.value == value_of(number)
        assert value_with(expression, values) == value_of(number)
        assert value_with(expression, others) == plain(formula, others)


@pytest.mark.slow
@examples(4)
@given(formulas(), st.fixed_dictionaries(dict.fromkeys(NAMES, numbers)))
def test_written_formulas_evaluate_to_the_value(formula, values):
    number = built(formula, leaves(**values))
    expression = Algebra().read(number)
    trees = chain(expression)
    assert trees[-1].value == value_of(number)
    for tree in [with_numbers(expression), *steps(with_numbers(expression))]:
        assert tree.value == value_of(number)
        if "…" not in TEXT.write(tree):
            shown = TEXT.write(tree)
            if "." not in shown or "1.5" in shown:  # a rounded fraction is shown to two digits
                assert evaluated(shown) == value_of(number), shown
                assert evaluated(from_latex(LATEX.write(tree))) == value_of(number), LATEX.write(tree)


# The short forms of textbooks.


def window(n: dict[str, Trace], dilation: object) -> object:
    return (n["H"] + n["p"] + n["p"] - (dilation * (n["k"] - 1) + 1)) // n["s"] + 1


def test_a_window_is_written_as_in_textbooks():
    n = leaves(H=227, p=0, k=11, s=4, d=2)
    assert text(window(n, 1)) == "⌊(H + 2·p − k) / s⌋ + 1"
    assert text(window(n, n["d"])) == "⌊(H + 2·p − d·(k − 1) − 1) / s⌋ + 1"  # as PyTorch's documents write it


def test_steps_of_a_window():
    n = leaves(H=227, p=0, k=11, s=4)
    written = [TEXT.write(tree) for tree in chain(Algebra().read(window(n, 1)))]
    assert written[1:] == ["⌊(227 + 2·0 − 11) / 4⌋ + 1", "⌊216 / 4⌋ + 1", "54 + 1", "55"]
    n = leaves(H=112, p=1, k=3, s=2)
    assert [TEXT.write(tree) for tree in chain(Algebra().read(window(n, 1)))][2:] == [
        "⌊111 / 2⌋ + 1",
        "⌊55.5⌋ + 1",
        "56",
    ]


def test_a_fraction_is_not_shown_as_an_integer():
    n = leaves(a=5999, b=1000)
    assert [TEXT.write(t) for t in chain(Algebra().read(ceil_div(n["a"], n["b"])))] == [
        "⌈a / b⌉",
        "⌈5,999 / 1,000⌉",
        "⌈5.99⌉",
        "6",
    ]
    n = leaves(a=6_000_001, b=1_000_000)
    assert "⌊6.000001⌋" in [TEXT.write(t) for t in chain(Algebra().read(n["a"] // n["b"]))]


@pytest.mark.parametrize(
    ("tensors", "written"),
    [
        ([("co", "ci", "k", "k"), ("co",)], "(k²·ci + 1)·co"),
        ([("co", "ci"), ("co",)], "(ci + 1)·co"),
        ([("co", "ci")], "ci·co"),
        ([("ci",), ("ci",)], "2·ci"),
        ([(3, "ci", "ci"), (3, "ci"), ("ci", "ci"), ("ci",)], "4·(ci + 1)·ci"),
        ([(4, "co", "ci"), (4, "co", "co"), (4, "co"), (4, "co")], "4·(ci + co + 2)·co"),
        ([("ci", "k"), ("co", "ci"), ("co",)], "k·ci + (ci + 1)·co"),
        ([("co", "ci"), ("k", "k")], "ci·co + k²"),
    ],
)
def test_common_factors_are_factored_out(tensors, written):
    n = leaves(co=96, ci=3, k=11)
    total = sum(prod([n.get(size, size) for size in sizes]) for sizes in tensors)
    algebra = Algebra()
    rank = {"k": 0, "ci": 1, "co": 2}
    assert TEXT.write(with_symbols(algebra.factored(algebra.read(total), lambda size: rank[size.symbol]))) == written


def test_a_division_without_remainder_is_exact():
    n = leaves(C=12, g=4)
    algebra = Algebra()
    assert text(n["C"] // n["g"], algebra) == "⌊C / g⌋"
    algebra.divides(n["g"], n["C"])
    assert text(n["C"] // n["g"], algebra) == "C/g"
    assert text(n["g"] * (n["C"] // n["g"]) * n["C"], algebra) == "C²"
    assert text(n["g"] * (n["C"] // n["g"] + n["C"] // n["g"]), algebra) == "2·C"
    assert LATEX.write(with_symbols(algebra.read(2 * (n["C"] // n["g"])))) == r"2 \cdot \frac{C}{g}"
    assert text(2 * (n["C"] // n["g"]), algebra) == "2·(C/g)"


def test_a_product_in_a_denominator_has_brackets():
    n = leaves(C=36, r=3)
    assert text(n["C"] // (n["r"] * n["r"])) == "⌊C / r²⌋"
    assert text((n["C"] * n["r"]) // n["r"]) == "⌊C·r / r⌋"
    algebra = Algebra()
    algebra.divides(n["r"] * n["r"], n["C"])
    assert text(n["C"] // (n["r"] * n["r"]), algebra) == "C/r²"


def test_powers():
    n = leaves(C=36, r=3, k=4)
    algebra = Algebra()
    assert text(n["k"] * n["C"] * n["k"] * n["k"], algebra) == "k³·C"
    whole = algebra.read((n["C"] + 1) * (n["C"] + 1) * n["k"])
    assert [TEXT.write(tree) for tree in chain(whole)] == ["(C + 1)²·k", "(36 + 1)²·4", "37²·4", "5,476"]
    assert LATEX.write(with_symbols(whole)) == "(C + 1)^{2} \\cdot k"
    assert text((n["C"] // n["r"]) * (n["C"] // n["r"]), algebra) == "⌊C / r⌋²"
    algebra.divides(n["r"], n["C"])
    exact = algebra.read((n["C"] // n["r"]) * (n["C"] // n["r"]))
    assert TEXT.write(with_symbols(exact)) == "(C/r)²"
    assert LATEX.write(with_symbols(exact)) == r"\left( \frac{C}{r} \right)^{2}"
    tenfold = algebra.product([algebra.read(n["k"])] * 10)
    assert TEXT.write(with_symbols(tenfold)) == "k¹⁰"
    assert text(-n["k"] * n["k"], algebra) == "(−1)·k²"


def test_arguments_without_effect_are_left_out():
    n = leaves(k=3, d=1, o=0, n=1)
    neutral = {"d", "o", "n"}
    algebra = Algebra(is_neutral=lambda size: size.symbol in neutral)
    assert text(n["d"] * (n["k"] - 1) + 1, algebra) == "k"
    assert text(n["k"] + n["o"], algebra) == "k"
    assert text(n["k"] // n["d"], algebra) == "k"
    assert text(n["k"] + n["n"], algebra) == "k + n", "adding 1 is not nothing"
    assert {size.symbol for size in algebra.left_out.values()} == {"d", "o"}


def test_checks_of_presence_are_resolved():
    n = leaves(p=2, H=7)
    algebra = Algebra(is_argument=lambda size: size.symbol == "p")
    assert text(minimum(n["p"], 1) * n["H"], algebra) == "H"
    assert text(minimum(n["H"], 1), algebra) == "min(H, 1)"


def test_rounded_values_can_be_named():
    n = leaves(H=7, s=2)
    algebra = Algebra()
    out = n["H"] // n["s"]
    algebra.name(out, leaf(3, "H_out"))
    algebra.forget()
    assert text(n["H"] // n["s"] * n["H"], algebra) == "H_out·H"


def test_a_long_sum_is_abbreviated():
    total = sum(leaf(i, f"C_{i}") for i in range(1, 31))
    expression = Algebra().read(total)
    assert TEXT.write(with_symbols(expression)) == "C_1 + C_2 + C_3 + … + C_30"
    assert TEXT.write(chain(expression)[-1]) == "465"


def test_a_sum_of_many_terms_needs_no_deep_stack():
    assert Algebra().read(sum(leaf(1, f"a{i}") for i in range(5_000))).value == 5_000


@pytest.mark.parametrize(
    ("symbol", "written"),
    [
        ("k", "k"),
        ("k_h", "k_{h}"),
        ("C_in", r"C_{\mathrm{in}}"),
        ("H_1", "H_{1}"),
        ("L_out2", r"L_{\mathrm{out2}}"),
        ("num_kv_heads", r"\text{num kv heads}"),
        ("sizes_2", r"\text{sizes}_{2}"),
        ("p_before", r"p_{\mathrm{before}}"),
    ],
)
def test_symbols_in_latex(symbol, written):
    assert LATEX.symbol(symbol) == written


def test_latex_is_valid_in_markdown():
    """Markdown removes a backslash before punctuation."""
    n = leaves(H=1227, p=0, k=11, s=4)
    for tree in chain(Algebra().read(maximum(window(n, 1), n["k"]))):
        assert not re.search(r"\\[^a-zA-Z]", LATEX.write(tree))


def test_negative_numbers_have_brackets():
    n = leaves(H=8, p=-1)
    assert TEXT.write(with_numbers(Algebra().read(n["H"] + 2 * n["p"]))) == "8 + 2·(−1)"
    assert TEXT.write(with_numbers(Algebra().read(n["H"] + n["p"]))) == "8 + (−1)"
