"""`choices:` of a specification: the values that a variable may have."""

from __future__ import annotations

from typing import Any

import pytest

import shapecalc

SPEC: dict[str, Any] = {
    "input": [4],
    "vars": {"norm": "rms", "n": 2},
    "choices": {"norm": ["rms", "layer"], "n": [2, 3]},
    "layers": [{"rms_norm": {}, "when": "norm == 'rms'"}, {"layer_norm": {}, "when": "norm == 'layer'"}, {"fc": "n"}],
}


def test_a_variable_may_have_one_of_its_choices() -> None:
    assert shapecalc.load(SPEC).infer(vars={"norm": "layer", "n": 3}).outputs == {"fc1": (3,)}


@pytest.mark.parametrize(("name", "value"), [("norm", "bogus"), ("n", 4), ("norm", 2)])
def test_another_value_is_refused(name: str, value: Any) -> None:
    words = "rms, layer" if name == "norm" else "2, 3"
    with pytest.raises(shapecalc.UsageError, match=f"{name} must be one of {words}, not {value}"):
        shapecalc.load(SPEC).infer(vars={name: value})
    with pytest.raises(shapecalc.SpecError, match=f"{name} must be one of {words}, not {value}"):
        shapecalc.load({**SPEC, "vars": {**SPEC["vars"], name: value}})


def test_the_nearest_choice_is_proposed() -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        shapecalc.load(SPEC).infer(vars={"norm": "layers"})
    assert str(caught.value.problems[0].hint) == "did you mean layer?"


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"nrom": ["rms"]}, "there is no variable nrom to choose for"),
        ({"norm": "rms"}, "the choices of norm are a list of values"),
        ([1], "choices is a mapping of names, not a list"),
    ],
)
def test_wrong_choices_are_errors(choices: Any, message: str) -> None:
    with pytest.raises(shapecalc.SpecError, match=message):
        shapecalc.load({**SPEC, "choices": choices})


def test_a_bundled_family_refuses_other_words() -> None:
    for family, name in (("llama-3.2-1b", "norm"), ("albert-base-v2", "head"), ("wav2vec2-base", "conv_norm")):
        with pytest.raises(shapecalc.UsageError, match=f"{name} must be one of "):
            shapecalc.load(family).infer(vars={name: "bogus"})
