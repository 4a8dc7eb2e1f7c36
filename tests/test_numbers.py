"""One formula, four kinds of number: every kind gives on traces, symbols and arrays what it gives on ints.

Every example of every kind is worked out, and again with every argument given other values. Arrays hold several
candidates at once, so that a formula which branches on a dimension cannot give all of them their own answer.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from numbers_of_kinds import Sample, example_layer, example_shapes, lift, plain_kinds, samples, work_out

from shapecalc.dims import Constraint, Dim, holds, traces
from shapecalc.inference import size_layer
from shapecalc.layer import Example, Layer
from shapecalc.layers import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.shape import Shape

np = pytest.importorskip("numpy")
sympy = pytest.importorskip("sympy")

from shapecalc.dims import arrays, symbols  # noqa: E402  (they need numpy and sympy)

CANDIDATES = 6


def candidates(sample: Sample) -> list[dict[str, int]]:
    """Return some sets of numbers near a sample's, by name: its own first, then each moved a little at random."""
    own: dict[str, int] = {}
    lift(sample, lambda number, name: own.setdefault(name, number))
    draw = random.Random(f"{sample.layer.kind} {sorted(own.items())}")
    moved = [{name: number + draw.choice((0, 0, 1, 2, 5)) for name, number in own.items()} for _ in range(CANDIDATES)]
    return [own, *moved]


def on_ints(sample: Sample, numbers: dict[str, int]) -> dict[str, Any]:
    """Work a sample out on plain ints."""
    return work_out(*lift(sample, lambda _, name: numbers[name]))


def plain(value: Any) -> Any:
    """Return what two results are compared by: a number, or the numbers of a constraint and whether it holds."""
    if isinstance(value, Constraint):
        left, right = int(traces.value_of(value.left)), int(traces.value_of(value.right))
        return left, value.relation, right, holds(value._replace(left=left, right=right))
    return int(traces.value_of(value))


def check_traces(sample: Sample) -> None:
    """Fail where a sample gives on traced numbers what it does not give on ints."""
    for numbers in candidates(sample):
        due = {key: plain(value) for key, value in on_ints(sample, numbers).items()}
        traced = work_out(*lift(sample, lambda _, name, numbers=numbers: traces.leaf(numbers[name], name)))  # type: ignore[misc]
        assert {key: plain(value) for key, value in traced.items()} == due


def check_symbols(sample: Sample) -> None:
    """Fail where the closed formulas of a sample, with numbers put in, give what it does not give on ints."""
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
            return int(sympy.sympify(formula).xreplace(values))  # all at once: `subs` goes through every half-way formula

        due = {key: plain(value) for key, value in on_ints(sample, numbers).items()}
        assert {key: put_in(formula) for key, formula in formulas.items()} == due


def check_arrays(sample: Sample) -> None:
    """Fail where a sample gives on arrays of candidates what it does not give on each as ints."""
    sets = candidates(sample)
    several = work_out(*lift(sample, lambda _, name: arrays.array([numbers[name] for numbers in sets])))
    due = [on_ints(sample, numbers) for numbers in sets]
    assert all(several.keys() == one.keys() for one in due)
    for key, value in several.items():
        if isinstance(value, Constraint):
            mask = np.broadcast_to(arrays.mask(value), len(sets))
            assert mask.tolist() == [holds(one[key]) for one in due], key
        else:
            assert np.broadcast_to(value, len(sets)).tolist() == [one[key] for one in due], key


CHECKS = {"traces": check_traces, "symbols": check_symbols, "arrays": check_arrays}


@pytest.mark.parametrize("kind", plain_kinds())
@pytest.mark.parametrize("numbers", CHECKS)
def test_every_kind_gives_the_same_on_all_numbers(kind: str, numbers: str) -> None:
    for sample in samples(KINDS[kind]):
        CHECKS[numbers](sample)


@pytest.mark.parametrize("kind", plain_kinds())
def test_every_argument_is_tried(kind: str) -> None:
    cls = KINDS[kind]
    tried = {sample.about for sample in samples(cls)}
    tried |= {cls.argument_names()[word] for example in cls.examples for word in example.arguments}
    assert tried >= set(cls.arguments)


# The law can be broken, and then the tests above fall: kinds that break it, each in its own way.


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
def test_a_kind_that_breaks_the_law_is_caught(cls: type[Layer]) -> None:
    sample = next(samples(cls))
    size_layer(example_layer(cls, cls.examples[0]), example_shapes(cls.examples[0]))  # on ints nothing is amiss

    def check_all() -> None:
        for check in CHECKS.values():
            check(sample)

    with pytest.raises((TypeError, ValueError, AttributeError, AssertionError)):
        check_all()
