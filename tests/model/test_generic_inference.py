"""Inference of a graph on any kind of number; lists of numbers record whether they are exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shapecalc
from shapecalc import dims
from shapecalc.dims import holds
from shapecalc.dims.lists import Many, exact
from shapecalc.model.generic_inference import infer_generic
from shapecalc.model.inference import sizings_of
from shapecalc.questions.sizes import with_sizes

SPECS = ["alexnet", "resnet50", "unet", "googlenet", "siamese", "gpt2", "mobilenet_v3_large", "seq2seq", "swin_t"]


@pytest.mark.parametrize("spec", SPECS)
def test_generic_inference_on_ints_equals_inference(spec):
    network = shapecalc.load(spec)
    inferred = infer_generic(network.graph)
    assert inferred.totals() == network.infer().total
    assert inferred.conditions == ()


def test_frozen_layers_are_not_trainable_on_any_kind_of_number():
    layers = [{"fc": 4, "frozen": True}, "batch_norm", {"fc": 3}]
    network = shapecalc.load(layers, input=[5])
    totals = infer_generic(network.graph).totals()
    assert totals == network.infer().total
    assert (totals.params, totals.trainable) == (24 + 8 + 15, 8 + 15)


def test_unmet_constraints_are_collected_without_raising():
    graph = with_sizes(shapecalc.load("alexnet").graph, {("input", 0): 20, ("input", 1): 227})
    broken = [c for c in infer_generic(graph).constraints if not holds(c)]
    assert broken
    assert sizings_of(graph)[1]


def test_sizes_without_counts():
    inferred = infer_generic(shapecalc.load("alexnet").graph, counts=False)
    assert inferred.totals().params == 0
    assert inferred.sizings[-1].outputs[0].sizes == (1000,)


def test_an_error_independent_of_numbers_is_raised():
    network = shapecalc.load([{"fc": 3}, {"conv": {"out_channels": 3, "kernel_size": 3}}], input="3x8x8")
    with pytest.raises(shapecalc.ShapeError, match="spatial axes"):
        infer_generic(network.graph)


@pytest.mark.parametrize(
    ("size", "layers", "message"),
    [
        ("8x3x32x32", ["BatchNorm2d"], "BatchNorm2d needs channels and 2 spatial axes, but its input 8×3×9×32 has 4 axes in all"),
        ("5x16", [{"parameter": [1, 1, 16]}, {"concat": ["parameter1", "input"]}],
         "its inputs have different numbers of axes: input 1 is 1×1×16, input 2 is 5×9"),
    ],
)  # fmt: skip
def test_the_text_of_an_error_is_computed_on_ints(size, layers, message):
    graph = with_sizes(shapecalc.load(layers, input=size).graph, {("input", len(layers) % 2): Many([4, 9])})
    with pytest.raises(shapecalc.ShapeError) as caught:
        infer_generic(graph)
    assert caught.value.problems[0].message == message


def test_a_formula_that_branches_on_a_dimension_is_still_an_error(monkeypatch):
    network = shapecalc.load(["relu"], input="3x8x8")
    layer = type(network.graph.nodes[0].layer)
    monkeypatch.setattr(layer, "output", lambda _, x: x.map_of(1, x.spatial) if x.spatial[0] == 4 else x, raising=False)
    with pytest.raises(dims.UndecidedError, match="neither equal"):
        infer_generic(with_sizes(network.graph, {("input", 0): Many([4, 9])}))


NUMBERS = st.lists(st.integers(-50, 50), min_size=3, max_size=3)


@given(NUMBERS, st.integers(1, 9))
def test_a_division_records_its_remainder(values, divisor):
    quotient = Many(values) // divisor + 1
    assert list(quotient.values) == [value // divisor + 1 for value in values]
    assert list(exact(quotient, 3)) == [value % divisor == 0 for value in values]
    assert list(exact(dims.ceil_div(Many(values), divisor), 3)) == [value % divisor == 0 for value in values]


@given(NUMBERS, NUMBERS)
def test_a_maximum_is_as_exact_as_the_chosen_operand(a, b):
    one, other = Many(a) // 2, Many([2 * value for value in b]) // 2
    chosen = dims.maximum(one, other)
    assert list(chosen.values) == [max(x // 2, y) for x, y in zip(a, b, strict=True)]
    assert list(exact(chosen, 3)) == [x % 2 == 0 or x // 2 < y for x, y in zip(a, b, strict=True)]


def test_numbers_with_many_values_are_not_compared():
    with pytest.raises(TypeError):
        assert Many([1]) == 1
    with pytest.raises(TypeError):
        assert Many([1])
