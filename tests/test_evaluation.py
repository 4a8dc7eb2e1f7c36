"""A graph on any kind of number gives what inference gives; lists of numbers agree with ints one by one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_kinds import lift, plain_kinds, samples, work_out

import shapecalc
from shapecalc import dims
from shapecalc.dims import Constraint, holds
from shapecalc.dims.lists import Many, exact, mask, values_of
from shapecalc.evaluation import evaluate
from shapecalc.inference import sizings_of
from shapecalc.layer import KINDS
from shapecalc.sizes import with_sizes

SPECS = ["alexnet", "resnet50", "unet", "googlenet", "siamese", "gpt2", "mobilenet_v3_large", "seq2seq", "swin_t"]


@pytest.mark.parametrize("spec", SPECS)
def test_on_ints_it_is_inference(spec):
    network = shapecalc.load(spec)
    evaluation = evaluate(network.graph)
    assert evaluation.totals() == network.infer().total
    assert evaluation.conditions == ()


def test_constraints_that_do_not_hold_are_kept_and_raise_nothing():
    graph = with_sizes(shapecalc.load("alexnet").graph, {("input", 0): 20, ("input", 1): 227})
    broken = [c for c in evaluate(graph).constraints if not holds(c)]
    assert broken
    assert sizings_of(graph)[1]


def test_without_counts_only_sizes():
    evaluation = evaluate(shapecalc.load("alexnet").graph, counts=False)
    assert evaluation.totals().params == 0
    assert evaluation.sizings[-1].outputs[0].sizes == (1000,)


def test_what_no_number_could_mend_is_an_error():
    network = shapecalc.load([{"fc": 3}, {"conv": {"out_channels": 3, "kernel_size": 3}}], input="3x8x8")
    with pytest.raises(shapecalc.ShapeError, match="spatial axes"):
        evaluate(network.graph)


@pytest.mark.parametrize("kind", plain_kinds())
def test_every_kind_gives_the_same_on_lists(kind):
    for sample in samples(KINDS[kind]):
        own: dict[str, int] = {}
        lift(sample, lambda number, name, own=own: own.setdefault(name, number))
        draw = random.Random(f"{kind} {sorted(own.items())}")
        sets = [own, *({name: n + draw.choice((0, 0, 1, 2, 5)) for name, n in own.items()} for _ in range(5))]
        due = [work_out(*lift(sample, lambda _, name, one=one: one[name])) for one in sets]
        several = work_out(*lift(sample, lambda _, name, sets=sets: Many([one[name] for one in sets])))
        for key, value in several.items():
            if isinstance(value, Constraint):
                assert mask(value, len(sets)) == [holds(one[key]) for one in due], key
            else:
                assert list(values_of(value, len(sets))) == [one[key] for one in due], key


NUMBERS = st.lists(st.integers(-50, 50), min_size=3, max_size=3)


@given(NUMBERS, st.integers(1, 9))
def test_a_division_knows_where_it_left_a_rest(values, divisor):
    quotient = Many(values) // divisor + 1
    assert list(quotient.values) == [value // divisor + 1 for value in values]
    assert list(exact(quotient, 3)) == [value % divisor == 0 for value in values]
    assert list(exact(dims.ceil_div(Many(values), divisor), 3)) == [value % divisor == 0 for value in values]


@given(NUMBERS, NUMBERS)
def test_the_greatest_is_as_exact_as_the_one_that_was_chosen(a, b):
    one, other = Many(a) // 2, Many([2 * value for value in b]) // 2
    chosen = dims.maximum(one, other)
    assert list(chosen.values) == [max(x // 2, y) for x, y in zip(a, b, strict=True)]
    assert list(exact(chosen, 3)) == [x % 2 == 0 or x // 2 < y for x, y in zip(a, b, strict=True)]


def test_many_numbers_are_not_compared():
    with pytest.raises(TypeError):
        assert Many([1]) == 1
    with pytest.raises(TypeError):
        assert Many([1])
