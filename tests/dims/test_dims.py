"""Arithmetic on dimensions: the helpers on each kind of number, constraints, and how each kind uses them."""

from __future__ import annotations

import math
import operator
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shapecalc import dims
from shapecalc.dims import BROADCASTS, DIVIDES, EQUAL, LESS, UP_TO, Constraint, LayerError, holds, lists, traces

if TYPE_CHECKING:
    from collections.abc import Sequence

np = pytest.importorskip("numpy")
sympy = pytest.importorskip("sympy")

from shapecalc.dims import columns, symbols  # noqa: E402  (they need numpy and sympy)


def column(values: Any) -> columns.ColumnNumber:
    """Return the numbers as a column of a sweep whose specification has been read."""
    ledger = columns.Ledger()
    ledger.is_reading = False
    values = list(values)
    kind = np.int64 if all(abs(value) <= 2**62 for value in values) else object
    return columns.ColumnNumber(np.array(values, dtype=kind), ledger)


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
def test_a_helper_agrees_on_all_kinds_of_number(name: str) -> None:
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


def test_broadcast_returns_the_size_that_is_not_1() -> None:
    for a, b in ((1, 5), (5, 1), (5, 5), (1, 1)):
        due = max(a, b)
        assert dims.broadcast(a, b) == due
        assert rows(dims.broadcast(column([a, 1]), b), 2) == [due, b]
        assert dims.broadcast(traces.leaf(a, "a"), traces.leaf(b, "b")).value == due
        n = symbols.symbol("n")
        assert dims.broadcast(n, b).subs(n, a) == due
    a = traces.leaf(7, "a")
    assert dims.broadcast(a, traces.leaf(7, "b")) is a  # nothing was computed, so nothing is shown
    n = symbols.symbol("n")
    assert dims.broadcast(n, n) == n


@pytest.mark.slow
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
def test_a_relation_agrees_on_ints_and_columns(relation: str) -> None:
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
def test_an_unmet_constraint_names_its_values(text: str) -> None:
    constraint = Constraint(*TEXTS[text])
    assert not holds(constraint)
    assert constraint.error().message == text


def test_a_constraint_may_have_its_own_message() -> None:
    printed = LayerError("not so", hint="do this")
    assert Constraint(2, EQUAL, 3, "a", "b", lambda: printed).error() is printed


def test_a_trace_records_how_it_was_computed() -> None:
    height, kernel = traces.leaf(227, "H", "the input"), traces.leaf(11, "k")
    out = (height - kernel) // 4 + 1
    assert (out.value, out.operation) == (55, "+")
    quotient = out.operands[0]
    assert (quotient.operation, quotient.operands[1]) == ("//", 4)
    assert quotient.operands[0].operands == (height, kernel)
    assert (height.symbol, height.origin, repr(height), repr(out)) == ("H", "the input", "H=227", "Trace(55)")


def test_traces_mix_with_ints_on_either_side() -> None:
    n = traces.leaf(5, "n")
    assert [(7 - n).value, (7 + n).value, (7 * n).value, (17 // n).value, (-n).value] == [2, 12, 35, 3, -5]
    assert sum([n]) is n  # the start values of sum and prod are not shown
    assert 1 * n is n
    assert n == traces.leaf(5, "m")
    assert n != 5
    assert traces.value_of(n) == traces.value_of(5) == 5


@pytest.mark.parametrize("work", [
    lambda n: n > 3, lambda n: n % 2, lambda n: n / 2, int, lambda n: max(n, 3), range,
], ids=["comparing", "remainder", "division", "int", "max", "range"])  # fmt: skip
def test_a_trace_rejects_forbidden_operations(work: Any) -> None:
    with pytest.raises(TypeError):
        work(traces.leaf(5, "n"))


# ── columns ───────────────────────────────────────────────────────────────────────────────────────────────────────

EDGES = [0, 1, 2, 3, 7, 2**31, 2**53, 10**18, 2**61, 2**62, 2**63, 2**64, 10**30]
NEAR = st.sampled_from(EDGES).flatmap(lambda n: st.integers(n - 2, n + 2)).flatmap(lambda n: st.sampled_from([n, -n]))
SEVERAL = st.lists(NEAR, min_size=2, max_size=4)
OPERATIONS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
    "ceil_div": dims.ceil_div, "maximum": dims.maximum, "minimum": dims.minimum, "broadcast": dims.broadcast,
}  # fmt: skip


def checked(found: Any, due: Any) -> None:
    """Check the values of a column, its bounds, and that it has 64 bits if possible."""
    assert np.broadcast_to(columns.array_of(found), np.shape(due)).tolist() == due
    if isinstance(found, columns.ColumnNumber):
        flat = np.array(due, dtype=object).ravel().tolist()
        assert found.low <= min(flat)
        assert max(flat) <= found.high
        assert (found.values.dtype == np.int64) == (max(map(abs, found.values.ravel().tolist())) <= 2**62)


@pytest.mark.parametrize("name", OPERATIONS)
@given(a=SEVERAL, b=SEVERAL, c=NEAR)
def test_columns_agree_with_python_ints(name: str, a: list[int], b: list[int], c: int) -> None:
    work = OPERATIONS[name]
    is_division = name in ("//", "%", "ceil_div")
    size = min(len(a), len(b))
    a, b = a[:size], b[:size]
    if not is_division or 0 not in b:
        checked(work(column(a), column(b)), [work(x, y) for x, y in zip(a, b, strict=True)])
        checked(work(c, column(b)), [work(c, y) for y in b])
        long, wide = column(a), column(b)
        long.values, wide.values = long.values.reshape(-1, 1), wide.values.reshape(1, -1)
        checked(work(long, wide), [[work(x, y) for y in b] for x in a])  # along other axes: along both
    if not is_division or c:
        checked(work(column(a), c), [work(x, c) for x in a])


@given(SEVERAL, st.integers(1, 3))
def test_signs_powers_and_rounding_of_columns(a: list[int], power: int) -> None:
    checked(-column(a), [-x for x in a])
    checked(+column(a), a)
    checked(column(a) ** power, [x**power for x in a])
    checked(round(column(a)), a)
    checked(round(column(a), 2), a)
    checked(sum([column(a), column(a)]), [2 * x for x in a])
    checked(math.prod([column(a), column(a)]), [x * x for x in a])


@given(SEVERAL, NEAR)
def test_a_quotient_of_columns_is_whole_or_an_error(a: list[int], c: int) -> None:
    assume(c)
    checked(column([c * x for x in a]) / c, a)
    assert (column(a) // 1).values.tolist() == a
    for divisor in (c, column([c, c])):
        if any(x % c for x in a):
            with pytest.raises(columns.NeedsValueError):
                column(a[:2] if len(a) > 2 and any(x % c for x in a[:2]) else a) / (
                    divisor if isinstance(divisor, int) or len(a) == 2 else c
                )
    with pytest.raises(columns.NeedsValueError):
        column(a) / 0


@given(SEVERAL, SEVERAL, NEAR)
def test_relations_of_columns_agree_with_python_ints(a: list[int], b: list[int], c: int) -> None:
    size = min(len(a), len(b))
    pairs = [(column(a[:size]), column(b[:size])), (column(a[:size]), c), (c, column(b[:size]))]
    plain = [list(zip(a[:size], b[:size], strict=True)), [(x, c) for x in a[:size]], [(c, y) for y in b[:size]]]
    for (left, right), each in zip(pairs, plain, strict=True):
        for relation, holds_ in RELATIONS.items():
            mask = columns.mask(Constraint(left, relation, right, "a", "b"))
            assert np.broadcast_to(mask, size).tolist() == [holds_(*pair) for pair in each], relation
    one = column(a)
    for relation in (UP_TO, EQUAL, BROADCASTS):
        assert np.all(columns.mask(Constraint(one, relation, one, "a", "b")))
    assert columns.mask(Constraint(c, EQUAL, c, "a", "b")) is True


@given(SEVERAL, st.sampled_from([0.5, 0.1, 1.25, 2.9, 1e-3, 3.7]))
def test_scaling_a_column_agrees_with_floats(a: list[int], factor: float) -> None:
    checked(dims.scaled(column(a), factor), [math.floor(x * factor) for x in a])


@given(SEVERAL, NEAR, NEAR)
def test_columns_are_checked_against_a_range(a: list[int], low: int, high: int) -> None:
    one = column(a)
    assert dims.within(one, low, high) is one
    assert np.broadcast_to(one.ledger.holding, len(a)).tolist() == [low <= x <= high for x in a]
    dims.within(one, -math.inf, math.inf)
    assert np.broadcast_to(one.ledger.holding, len(a)).tolist() == [low <= x <= high for x in a]


@pytest.mark.parametrize("work", [operator.floordiv, operator.mod, dims.ceil_div])
def test_a_candidate_that_divides_by_zero_is_invalid(work: Any) -> None:
    b = column([2, 0, -3, 0])
    found = work(7, b)
    assert b.ledger.holding.tolist() == [True, False, True, False]
    assert [found.values[i] for i in (0, 2)] == [work(7, 2), work(7, -3)]
    with pytest.raises(ZeroDivisionError):
        work(b, 0)


def test_numbers_of_a_specification_are_bounded() -> None:
    ledger = columns.Ledger()
    one = columns.ColumnNumber(np.array([[10**9], [10**9 - 1]]), ledger)
    other = columns.ColumnNumber(np.array([[3, 10**9]]), ledger)
    assert (one * one).high == 10**18
    assert (0 - one * one).low == -(10**18)
    for work in (lambda: one * other * 1 + 1, lambda: 0 - one * other - 1, lambda: one * one * 2):
        with pytest.raises(columns.NeedsValueError):
            work()
    with pytest.raises(columns.NeedsValueError) as caught:
        one * other + 1
    assert caught.value.axes == {0, 1}
    with pytest.raises(columns.NeedsValueError) as caught:
        (one + 1) * (other + 1)
    assert caught.value.axes == {0, 1}


@pytest.mark.parametrize("question", [
    bool, int, float, abs, len, iter, range, lambda n: n < 3, lambda n: n <= 3, lambda n: n > 3, lambda n: n >= 3,
    lambda n: n == 3, lambda n: n != 3, lambda n: 3 in n, lambda n: 2**n, lambda n: 3 / n, lambda n: n**-1,
    lambda n: n**0, lambda n: n**n, lambda n: round(n, -1), lambda n: n + 0.5, lambda n: n * 0.5, lambda n: n // 0.5,
    lambda n: 0.5 - n, lambda n: [1] * n, lambda n: n / 0.5, lambda n: dims.maximum(n, 0.5), lambda n: n / 3,
])  # fmt: skip
def test_a_column_has_no_single_value(question: Any) -> None:
    with pytest.raises(columns.NeedsValueError) as caught:
        question(column([1, 2]))
    assert caught.value.axes == {0}


RANGES = st.builds(lambda first, step: range(first, first + 5 * step, step), NEAR, NEAR.filter(bool))


@given(SEVERAL | RANGES, SEVERAL | RANGES, NEAR)
def test_lists_and_ranges_agree_with_python_ints(a: Sequence[int], b: Sequence[int], c: int) -> None:
    size = min(len(a), len(b))
    a, b = a[:size], b[:size]
    for name, work in OPERATIONS.items():
        if name == "%":
            continue
        cases = [((lists.Many(a), lists.Many(b)), list(zip(a, b, strict=True))), ((lists.Many(a), c), [(x, c) for x in a]),
                 ((c, lists.Many(b)), [(c, y) for y in b])]  # fmt: skip
        for given_, pairs in cases:
            found = lists.values_of(work(*given_), size)
            for value, pair in zip(found, pairs, strict=True):
                assert pair[1] == 0 if name in ("//", "ceil_div") and not pair[1] else value == work(*pair), name
    for relation, holds_ in RELATIONS.items():
        for left, right in ((lists.Many(a), lists.Many(b)), (lists.Many(a), c), (c, lists.Many(b)), (c, c + 1)):
            pairs = zip(lists.values_of(left, size), lists.values_of(right, size), strict=True)
            mask = lists.mask(Constraint(left, relation, right, "a", "b"), size)
            assert mask == [holds_(*pair) for pair in pairs], relation


def test_proposals_satisfy_the_constraint() -> None:
    def values(*constraint: Any) -> list[Any]:
        return [proposal.values[0] for proposal in Constraint(*constraint).error().proposals]

    assert values(5, UP_TO, 3, "a", "b") == [3, 5]
    assert values(5, LESS, 5, "a", "b") == [4, 6]
    assert values(5, EQUAL, 3, "a", "b") == [3, 5]
    assert values(5, DIVIDES, 12, "a", "b") == [4, 4, 6, 3, 2, 1, 12, 1]  # first "4 or 6"
    assert len(values(40, DIVIDES, 5040, "a", "b")) == 17  # the nearest 16, and 1
    assert values(5, DIVIDES, 4096, "a", "b")[-2:] == [4096, 1]
    assert 8192 not in values(5, DIVIDES, 8192, "a", "b")  # divisors are looked for among the first 4,096 numbers
    assert values(5, BROADCASTS, 3, "a", "b") == []
