"""One formula, many kinds of number: every layer kind has the same results on all of them as on ints.

Every example of every kind is computed, and again with other values of every argument. Columns and lists have several
candidates at once, so that a formula that branches on a dimension cannot be right for all of them; some candidates
break a constraint, and some are too large for 64 bits.
"""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from numbers_of_kinds import Sample, example_layer, example_shapes, lift, plain_kinds, samples, work_out
from searching import some

from shapecalc.dims import Constraint, Dim, holds, lists, traces
from shapecalc.layers import KINDS
from shapecalc.layers.base.layer import Example, Layer
from shapecalc.model.inference import size_layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

np = pytest.importorskip("numpy")
sympy = pytest.importorskip("sympy")

from shapecalc.dims import columns, symbols  # noqa: E402  (they need numpy and sympy)

CANDIDATES = 6
MANY = 20


def candidates(sample: Sample) -> list[dict[str, int]]:
    """Return sets of numbers near a sample's, by name: its own first, then each with a small random change."""
    own: dict[str, int] = {}
    lift(sample, lambda number, name: own.setdefault(name, number))
    draw = random.Random(f"{sample.layer.kind} {sorted(own.items())}")
    moved = [{name: number + draw.choice((0, 0, 1, 2, 5)) for name, number in own.items()} for _ in range(CANDIDATES)]
    return [own, *moved]


def many_candidates(sample: Sample) -> list[dict[str, int]]:
    """Return more sets of numbers: small, large and multiplied; some meet the constraints, others break them."""
    own: dict[str, int] = {}
    lift(sample, lambda number, name: own.setdefault(name, number))
    draw = random.Random(f"many {sample.layer.kind} {sorted(own.items())}")
    moves = (
        lambda n: n, lambda n: n, lambda n: n, lambda n: n + 1, lambda n: n + 2, lambda n: n - 1, lambda n: n - 3,
        lambda n: 2 * n, lambda n: 3 * n, lambda n: n // 2, lambda _: 0, lambda _: 1, lambda n: 10**12 + n,
    )  # fmt: skip

    def moved(name: str) -> int:
        number = draw.choice(moves)(own[name])
        # No layer is read with an argument of 0 or less where more is meant: `shape: [-1, 4]` is another layer.
        return number if name.startswith("input ") or own[name] < 1 else max(1, number)

    sets = [{name: moved(name) for name in own} for _ in range(MANY // 2)]
    alone = draw.choices(sorted(own), k=MANY // 2 if own else 0)  # one is moved: all else still fits
    sets += [{**own, name: moved(name)} for name in alone]
    return [*candidates(sample), *sets]


def on_ints(sample: Sample, numbers: dict[str, int]) -> dict[str, Any]:
    """Compute a sample on plain ints."""
    return work_out(*lift(sample, lambda _, name: numbers[name]))


def plain(value: Any) -> Any:
    """Return the compared part of a result: a number, or the numbers of a constraint and whether it is met."""
    if isinstance(value, Constraint):
        left, right = int(traces.value_of(value.left)), int(traces.value_of(value.right))
        return left, value.relation, right, holds(value._replace(left=left, right=right))
    return int(traces.value_of(value))


def check_traces(sample: Sample) -> None:
    """Check that a sample has the same results on traced numbers as on ints."""
    for numbers in candidates(sample):
        due = {key: plain(value) for key, value in on_ints(sample, numbers).items()}
        traced = work_out(*lift(sample, lambda _, name, numbers=numbers: traces.leaf(numbers[name], name)))  # type: ignore[misc]
        assert {key: plain(value) for key, value in traced.items()} == due


def check_symbols(sample: Sample) -> None:
    """Check that the closed formulas of a sample, at given numbers, equal its results on ints."""
    sets = candidates(sample)[:2]
    # A number that may be 0 or less must not be taken for positive: formulas would be shortened too far.
    least = {name: min(numbers[name] for numbers in sets) for name in sets[0]}

    def symbol(_: int, name: str) -> Any:
        return symbols.symbol(name) if least[name] > 0 else sympy.Symbol(name, integer=True)

    formulas = work_out(*lift(sample, symbol))
    for numbers in sets:
        values = {symbol(0, name): sympy.Integer(number) for name, number in numbers.items()}

        def put_in(formula: Any, values: dict[Any, int] = values) -> Any:
            if isinstance(formula, Constraint):
                return plain(formula._replace(left=put_in(formula.left), right=put_in(formula.right)))
            return int(
                sympy.sympify(formula).xreplace(values)
            )  # all at once: `subs` goes through every half-way formula

        due = {key: plain(value) for key, value in on_ints(sample, numbers).items()}
        assert {key: put_in(formula) for key, formula in formulas.items()} == due


def check_columns(sample: Sample) -> None:
    """Check that a sample has the same results on columns of candidates as on each one as ints.

    A candidate that divides by zero must be marked; other results of it, or of an invalid one, do not matter, but its
    constraints do.
    """
    sets = many_candidates(sample)
    ledger = columns.Ledger()
    ledger.is_reading = False
    made = {name: columns.ColumnNumber(np.array([one[name] for one in sets]), ledger) for name in sets[0]}
    several = work_out(*lift(sample, lambda _, name: made[name]))
    holding = np.broadcast_to(ledger.holding, len(sets))
    rows = {
        key: np.broadcast_to(
            columns.mask(value) if isinstance(value, Constraint) else columns.array_of(value), len(sets)
        )
        for key, value in several.items()
    }
    for index, numbers in enumerate(sets):
        try:
            due = on_ints(sample, numbers)
        except ZeroDivisionError:
            assert not holding[index], numbers
            continue
        assert due.keys() == several.keys()
        asked = {key: holds(value) for key, value in due.items() if isinstance(value, Constraint)}
        if holding[index]:
            assert {key: rows[key][index] for key in asked} == asked, numbers
        else:
            assert not all(asked.values()), numbers  # it is invalid on ints too
        if holding[index] and all(asked.values()):
            assert {key: rows[key][index] for key in due if key not in asked} == {
                key: value for key, value in due.items() if key not in asked
            }, numbers


def check_lists(sample: Sample) -> None:
    """Check that a sample has the same results on lists of candidates as on each one as ints."""
    sets = many_candidates(sample)
    several = work_out(*lift(sample, lambda _, name: lists.Many([one[name] for one in sets])))
    for index, numbers in enumerate(sets):
        try:
            due = on_ints(sample, numbers)
        except ZeroDivisionError:
            continue
        asked = {key: holds(value) for key, value in due.items() if isinstance(value, Constraint)}
        assert {key: lists.mask(several[key], len(sets))[index] for key in asked} == asked, numbers
        if all(asked.values()):
            found = {
                key: lists.values_of(value, len(sets))[index] for key, value in several.items() if key not in asked
            }
            assert found == {key: value for key, value in due.items() if key not in asked}, numbers


CHECKS = {"traces": check_traces, "symbols": check_symbols, "columns": check_columns, "lists": check_lists}


# Of some kinds every fourth sample always, of all kinds every sample in CI.
SAMPLED = [
    *[(kind, 4) for kind in some(plain_kinds(), 18) if isinstance(kind, str)],
    *[pytest.param(kind, 1, marks=pytest.mark.slow) for kind in plain_kinds()],
]


@pytest.mark.parametrize(("kind", "every"), SAMPLED)
@pytest.mark.parametrize("numbers", CHECKS)
def test_every_kind_agrees_on_all_kinds_of_number(kind: str, every: int, numbers: str) -> None:
    for sample in islice(samples(KINDS[kind]), 0, None, every):
        CHECKS[numbers](sample)


@pytest.mark.parametrize("kind", some(plain_kinds(), 20))
def test_every_argument_is_varied(kind: str) -> None:
    cls = KINDS[kind]
    tried = {sample.about for sample in samples(cls)}
    tried |= {cls.argument_names()[word] for example in cls.examples for word in example.arguments}
    assert tried >= set(cls.arguments)


# The tests above can fail: kinds that break the law, each in its own way.


class _Bad(Layer):
    """A kind that breaks the law; it is not registered, having no name."""

    examples = (Example({}, (12, 9), (12, 9)),)


class _Comparing(_Bad):
    def output(self, x: Shape) -> Shape:
        return x if x.channels > 12 else x.with_axis(0, x.channels + 1)


class _Equating(_Bad):
    def output(self, x: Shape) -> Shape:
        return x if x.channels == 12 else x.with_axis(0, 1)


class _Taking(_Bad):
    def output(self, x: Shape) -> Shape:
        return x.with_axis(0, max(x.channels, 13))


class _Rounding(_Bad):
    def output(self, x: Shape) -> Shape:
        return x.with_axis(0, int(x.channels / 2))


class _Remaining(_Bad):
    def output(self, x: Shape) -> Shape:
        return x.with_axis(0, 1 + x.channels % 5)


class _Truthful(_Bad):
    def output(self, x: Shape) -> Shape:
        return x.with_axis(0, x.channels + 1 if x.sizes[1] - 9 else 7)


class _Constraining(_Bad):
    def constraints(self, x: Shape) -> Iterator[Constraint]:
        if x.channels != 12:
            yield Constraint(x.channels, "<", 13, "channels", "13")


class _Counting(_Bad):
    def macs(self, output: Shape, x: Shape) -> Dim:
        return sum(1 for _ in range(x.channels))


@pytest.mark.parametrize(
    "cls", [_Comparing, _Equating, _Taking, _Rounding, _Remaining, _Truthful, _Constraining, _Counting]
)
def test_a_kind_that_disagrees_is_detected(cls: type[Layer]) -> None:
    sample = next(samples(cls))
    size_layer(example_layer(cls, cls.examples[0]), example_shapes(cls.examples[0]))  # on ints it works

    def check_all() -> None:
        for check in CHECKS.values():
            check(sample)

    with pytest.raises((TypeError, ValueError, AttributeError, AssertionError)):
        check_all()
