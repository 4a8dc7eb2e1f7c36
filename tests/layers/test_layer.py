"""What a layer kind is: how a declaration becomes a layer, and what is derived from it."""

from __future__ import annotations

from typing import Any

import pytest

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS, find_kind
from shapecalc.layers.base.arguments import STATED, Flag, Integer, Number, Stated
from shapecalc.layers.base.layer import Layer, is_bias, normalise_word
from shapecalc.layers.base.per_axis import PerAxis
from shapecalc.layers.base.shape import Shape


class Sample(Layer):
    """A kind for these tests. It is not registered, having no name.

    More is said here.
    """

    shared = Integer("shared by its children", 1)
    needed = Integer("it must be given", also=["filters"], symbol="C")
    size = PerAxis("for each axis", 3)
    step = PerAxis("as the size by default", None, default_from="size", always=True)
    flag = Flag("on or off", False, also=["switch"])


class Child(Sample):
    own = Number("of the child alone", 0.5)
    due = Integer("the child must be given it")


def test_required_arguments_come_first() -> None:
    assert list(Sample.arguments) == ["needed", "shared", "size", "step", "flag"]
    assert list(Child.arguments) == ["due", "needed", "shared", "size", "step", "flag", "own"]
    assert Sample.first_argument() is Sample.arguments["needed"]
    assert Child.first_argument() is Child.arguments["due"]
    assert Layer.first_argument() is None


def test_values_are_parsed_and_defaults_filled_in() -> None:
    layer = Sample(needed=8.0, size=[2, 4])
    assert layer.values() == {"needed": 8, "shared": 1, "size": (2, 4), "step": (2, 4), "flag": False}
    assert repr(layer) == "Sample(needed=8, shared=1, size=(2, 4), step=(2, 4), flag=False)"
    assert Sample(needed=8, step=1).step == 1


def test_a_layer_is_immutable() -> None:
    layer = Sample(needed=8)
    with pytest.raises(AttributeError, match="a layer does not change: size of"):
        layer.size = 5  # type: ignore[assignment]
    other = layer.with_values({"size": 5})
    assert (layer.size, other.size, other.needed, type(other)) == (3, 5, 8, Sample)


@pytest.mark.parametrize(("values", "message", "hint", "argument"), [
    ({}, "needed is missing", "give needed: a whole number of at least 1", "needed"),
    ({"needed": 1, "sise": 3}, " has no argument sise", "did you mean size?", "sise"),
    ({"needed": 0}, "needed must be a whole number of at least 1, not 0", "", "needed"),
    ({"needed": "64"}, "needed must be a whole number of at least 1, not the text '64'", "", "needed"),
    ({"needed": True}, "needed must be a whole number of at least 1, not true", "", "needed"),
    ({"needed": 1, "flag": "yes"}, "flag must be true or false, not the text 'yes'", "", "flag"),
    ({"needed": None}, "needed must be a whole number of at least 1, not null", "", "needed"),
])  # fmt: skip
def test_invalid_arguments(values: dict[str, Any], message: str, hint: str, argument: str) -> None:
    with pytest.raises(LayerError) as caught:
        Sample(**values)
    assert (caught.value.message, caught.value.hint, caught.value.argument) == (message, hint, argument)


def test_names_of_arguments() -> None:
    names = Sample.argument_names()
    assert (names["filters"], names["needed"], names["switch"]) == ("needed", "needed", "flag")
    assert set(names) == {"needed", "filters", "shared", "size", "step", "flag", "switch"}


def test_a_report_shows_arguments_not_at_their_default() -> None:
    x = Shape((3, 9, 9))
    assert Sample(needed=8).shown_arguments(x) == {"needed": 8, "step": [3, 3]}
    assert Sample(needed=8, flag=True, size=[3, 5]).shown_arguments(x) == {
        "needed": 8, "size": [3, 5], "step": [3, 5], "flag": True,
    }  # fmt: skip


def test_defaults_of_the_formulas() -> None:
    layer, x = Sample(needed=8), Shape((3, 9))
    assert layer.output(x) is x
    assert (tuple(layer.constraints(x)), layer.weights(x), layer.buffers(x), layer.macs(x, x)) == ((), {}, {}, 0)
    assert layer.features_in(x) == 27


def test_a_kind_has_a_summary_and_a_family() -> None:
    assert Sample.summary() == "A kind for these tests. It is not registered, having no name."
    assert KINDS["max_pool"].family == "pool"
    assert KINDS["relu"].family == "activation"
    assert KINDS["relu"].summary() == "Rectified linear unit: max(0, x)."


def test_a_kind_without_a_name_is_not_registered() -> None:
    assert Sample not in KINDS.values()
    assert Child.kind == ""


@pytest.mark.parametrize("word", ["max_pool", "MaxPool2d", "maxpool2d", "max-pool", "MaxPooling2D", "MAX_POOL"])
def test_a_kind_is_found_by_its_usual_names(word: str) -> None:
    assert find_kind(word) is KINDS["max_pool"]


def test_an_unknown_name_is_not_found() -> None:
    assert find_kind("convolve") is None
    assert find_kind("") is None


def test_names_are_compared_without_case_and_separators() -> None:
    assert normalise_word("Max_Pool-2D") == "maxpool2d"
    assert [is_bias(name) for name in ("bias", "bias_ih_l0", "in_proj_bias", "weight")] == [True, True, True, False]


def test_arguments_with_the_same_name_have_the_same_role() -> None:
    """`solve` and the columns find arguments by their roles, so that a new kind cannot omit one."""
    roles: dict[str, set[str]] = {}
    for cls in KINDS.values():
        for name, argument in cls.arguments.items():
            if not isinstance(argument, Stated):
                roles.setdefault(name, set()).add(argument.role)
    assert {name: found for name, found in roles.items() if len(found) > 1} == {}
    named = {name for name, found in roles.items() if found != {""}}
    assert named >= {"kernel_size", "stride", "padding", "dilation", "groups", "out_channels", "output_padding"}


def test_roles_are_unique_and_replaced_arguments_exist() -> None:
    for cls in KINDS.values():
        roles = [argument.role for argument in cls.arguments.values() if argument.role and argument.role != STATED]
        assert len(roles) == len(set(roles)), cls.kind
        assert {argument.replaces for argument in cls.arguments.values()} <= {"", *cls.arguments}, cls.kind
