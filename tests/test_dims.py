"""Arithmetic on dimensions: the helpers on each kind of number, constraints, and how each kind uses them."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from shapecalc import dims
from shapecalc.dims import BROADCASTS, DIVIDES, EQUAL, LESS, UP_TO, Constraint, Misfit, holds, traces

np = pytest.importorskip("numpy")
sympy = pytest.importorskip("sympy")

from shapecalc.dims import columns, symbols  # noqa: E402  (they need numpy and sympy)


def column(values: Any) -> columns.Column:
    """Return the numbers as a column of a sweep whose specification has been read."""
    ledger = columns.Ledger()
    ledger.is_reading = False
    values = list(values)
    kind = np.int64 if all(abs(value) <= 2**62 for value in values) else object
    return columns.Column(np.array(values, dtype=kind), ledger)


def rows(number: Any, count: int) -> list[int]:
    """Return the value of a dimension for each candidate."""
    return list(np.broadcast_to(columns.array_of(number), count).tolist())


PAIRS = list(product(range(12), range(1, 7)))
HELPERS = {
    "ceil_div": lambda a, b: -(-a // b),
    "maximum": max,
    "minimum": min,
}


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_gives_the_same_on_all_numbers(name: str) -> None:
    helper, known = getattr(dims, name), HELPERS[name]
    a, b = map(column, zip(*PAIRS, strict=True))
    assert rows(helper(a, b), len(PAIRS)) == [known(*pair) for pair in PAIRS]
    n, m = sympy.Symbol("n", integer=True), sympy.Symbol("m", integer=True, positive=True)
    formula = helper(n, m)
    for x, y in PAIRS:
        assert helper(x, y) == known(x, y)
        assert helper(traces.leaf(x, "x"), y).value == known(x, y)
        assert helper(x, traces.leaf(y, "y")).value == known(x, y)
        assert formula.subs({n: x, m: y}) == known(x, y)
        assert rows(helper(column([x, x + 1]), y), 2) == [known(x, y), known(x + 1, y)]


def test_broadcast_gives_the_size_that_is_not_1() -> None:
    for a, b in ((1, 5), (5, 1), (5, 5), (1, 1)):
        due = max(a, b)
        assert dims.broadcast(a, b) == due
        assert rows(dims.broadcast(column([a, 1]), b), 2) == [due, b]
        assert dims.broadcast(traces.leaf(a, "a"), traces.leaf(b, "b")).value == due
        n = symbols.symbol("n")
        assert dims.broadcast(n, b).subs(n, a) == due
    a = traces.leaf(7, "a")
    assert dims.broadcast(a, traces.leaf(7, "b")) is a  # nothing was worked out, so nothing is shown
    n = symbols.symbol("n")
    assert dims.broadcast(n, n) == n


def test_scaled_rounds_down_as_floating_point_does() -> None:
    n = sympy.Symbol("n", integer=True)
    for factor in (0.5, 0.33, 0.29, 0.7, 1.25, 1.1, 2.9):
        sizes = range(1, 200)
        due = [int(size * factor) for size in sizes]
        assert [dims.scaled(size, factor) for size in sizes] == due
        assert dims.scaled(column(sizes), factor).values.tolist() == due
        assert [dims.scaled(traces.leaf(size, "n"), factor).value for size in sizes] == due
        formula = dims.scaled(n, factor)
        assert [formula.subs(n, size) for size in sizes] == due
    assert dims.scaled(7, 3) == 21
    assert str(dims.scaled(n, 0.5)) == "floor(n/2)"
    assert dims.scaled(n, 2) == 2 * n


def test_prod_and_total_of_nothing() -> None:
    assert dims.prod([]) == 1
    assert dims.total([]) == 0
    assert dims.prod([3, traces.leaf(4, "k")]).value == 12
    assert dims.total([traces.leaf(3, "a"), 4]).value == 7


RELATIONS = {
    UP_TO: lambda a, b: a <= b,
    LESS: lambda a, b: a < b,
    EQUAL: lambda a, b: a == b,
    DIVIDES: lambda a, b: a != 0 and b % a == 0,
    BROADCASTS: lambda a, b: a in (1, b),
}


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_relation_is_the_same_for_ints_and_columns(relation: str) -> None:
    pairs = [(b, a) for a, b in PAIRS]
    due = [RELATIONS[relation](*pair) for pair in pairs]
    assert [holds(Constraint(a, relation, b, "a", "b")) for a, b in pairs] == due
    left, right = map(column, zip(*pairs, strict=True))
    assert columns.mask(Constraint(left, relation, right, "a", "b")).tolist() == due


TEXTS: dict[str, tuple[Any, ...]] = {
    "groups (=3) must divide channels (=4)": (3, DIVIDES, 4, "groups", "channels"),
    "size (=3) must be at most height (=2)": (3, UP_TO, 2, "size", "height"),
    "padding (=3) must be less than 3": (3, LESS, 3, "padding", ""),
    "2 must divide size (=5)": (2, DIVIDES, 5, "", "size"),
    "in_channels (=3) must equal channels (=4)": (3, EQUAL, 4, "in_channels", "channels"),
    "slopes (=3) must be 1 or equal channels (=4)": (3, BROADCASTS, 4, "slopes", "channels"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_constraint_that_does_not_hold_says_so_with_its_values(text: str) -> None:
    constraint = Constraint(*TEXTS[text])
    assert not holds(constraint)
    assert constraint.misfit().message == text


def test_a_constraint_may_tell_in_its_own_words() -> None:
    told = Misfit("not so", mend="do this")
    assert Constraint(2, EQUAL, 3, "a", "b", lambda: told).misfit() is told


def test_a_trace_remembers_how_it_was_made() -> None:
    height, kernel = traces.leaf(227, "H", "the input"), traces.leaf(11, "k")
    out = (height - kernel) // 4 + 1
    assert (out.value, out.operation) == (55, "+")
    quotient = out.operands[0]
    assert (quotient.operation, quotient.operands[1]) == ("//", 4)
    assert quotient.operands[0].operands == (height, kernel)
    assert (height.symbol, height.origin, repr(height), repr(out)) == ("H", "the input", "H=227", "Trace(55)")


def test_traces_meet_ints_on_either_side() -> None:
    n = traces.leaf(5, "n")
    assert [(7 - n).value, (7 + n).value, (7 * n).value, (17 // n).value, (-n).value] == [2, 12, 35, 3, -5]
    assert sum([n]) is n  # adding to 0 and multiplying 1, as sum and prod begin, is nothing to show
    assert 1 * n is n
    assert n == traces.leaf(5, "m")
    assert n != 5
    assert traces.value_of(n) == traces.value_of(5) == 5


@pytest.mark.parametrize("work", [
    lambda n: n > 3, lambda n: n % 2, lambda n: n / 2, int, lambda n: max(n, 3), range,
], ids=["comparing", "remainder", "division", "int", "max", "range"])  # fmt: skip
def test_a_trace_refuses_what_a_formula_must_not_do(work: Any) -> None:
    with pytest.raises(TypeError):
        work(traces.leaf(5, "n"))
