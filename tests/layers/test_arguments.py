"""The arguments of kinds: valid and invalid values of each type, and the error texts."""

from __future__ import annotations

import math
from typing import Any

import pytest

from shapecalc.dims import traces
from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.arguments import MAX_SIZE, Argument, Choice, Count, Flag, Integer, Number, Text
from shapecalc.layers.base.per_axis import Factors, Padding, PerAxis, per_axis
from shapecalc.layers.base.sizes import Integers, Sizes


class Sorts:
    integer = Integer("a number", minimum=1)
    optional = Integer("a number or nothing", None)
    natural = Integer("a number", minimum=0)
    count = Count("pieces")
    number = Number("a number")
    share = Number("a part", minimum=0, maximum=1)
    epsilon = Number("small", minimum=0)
    factors = Factors("factors")
    flag = Flag("on or off")
    choice = Choice("a word", ("zeros", "reflect"))
    text = Text("a text")
    per_axis = PerAxis("for each axis")
    per_axis_or_null = PerAxis("for each axis", optional=True)
    padding = Padding("padding", words=("same", "valid"))
    signed = Padding("padding", minimum=-MAX_SIZE)
    integers = Integers("numbers", minimum=1)
    sizes = Sizes("sizes")
    inferred = Sizes("sizes", inferred=True)


READ: list[tuple[str, Any, Any]] = [
    ("integer", 3, 3), ("integer", 3.0, 3), ("integer", MAX_SIZE, MAX_SIZE), ("natural", 0, 0), ("count", 2, 2),
    ("optional", None, None), ("optional", 4, 4),
    ("number", 1e-5, 1e-5), ("number", -3, -3), ("share", 0, 0), ("share", 1.0, 1.0),
    ("factors", 2, 2), ("factors", 2.0, 2), ("factors", 0.5, 0.5), ("factors", [2, 1.5], (2, 1.5)),
    ("flag", True, True), ("flag", False, False),
    ("choice", "reflect", "reflect"), ("text", "bhid->bhij", "bhid->bhij"),
    ("per_axis", 3, 3), ("per_axis", [3, 5.0], (3, 5)), ("per_axis", (1, 2, 3), (1, 2, 3)),
    ("per_axis_or_null", [None, 1], (None, 1)),
    ("padding", 0, 0), ("padding", [1, 2], (1, 2)), ("padding", [[0, 1], [2, 3]], ((0, 1), (2, 3))),
    ("padding", "same", "same"), ("signed", [[-1, 1]], ((-1, 1),)),
    ("integers", 2, (2,)), ("integers", [1, 2], (1, 2)),
    ("sizes", "7x7x256", (7, 7, 256)), ("sizes", [7, 7], (7, 7)), ("sizes", 10, (10,)), ("sizes", "7 x 7", (7, 7)),
    ("inferred", [-1, 4], (-1, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "kept"), READ)
def test_valid_values(name: str, given: Any, kept: Any) -> None:
    value = getattr(Sorts, name).normalise(given)
    assert value == kept
    assert type(value) is type(kept)


PAIRS = "a whole number of at least 0, one for each spatial axis, or a [before, after] pair for each; or same or valid"

REFUSED: list[tuple[str, Any, str]] = [
    ("integer", 0, "integer must be a whole number of at least 1, not 0"),
    ("integer", -3, "integer must be a whole number of at least 1, not -3"),
    ("integer", 1.5, "integer must be a whole number of at least 1, not 1.5"),
    ("integer", "64", "integer must be a whole number of at least 1, not the text '64'"),
    ("integer", "yes", "integer must be a whole number of at least 1, not the text 'yes'"),
    ("integer", True, "integer must be a whole number of at least 1, not true"),
    ("integer", None, "integer must be a whole number of at least 1, not null"),
    ("integer", [3], "integer must be a whole number of at least 1, not [3]"),
    ("integer", math.nan, "integer must be a whole number of at least 1, not nan"),
    ("integer", math.inf, "integer must be a whole number of at least 1, not inf"),
    ("integer", 10**30, "integer is about 10^30: the maximum is 10^12"),
    ("integer", MAX_SIZE + 1, "integer is 1000000000001: the maximum is 10^12"),
    ("integer", -(10**30), "integer must be a whole number of at least 1, not about 10^30"),
    ("integer", 10**5000, "integer is a number of thousands of digits: the maximum is 10^12"),
    ("number", math.nan, "number must be a number, not nan"),
    ("number", "0.5", "number must be a number, not the text '0.5'"),
    ("number", False, "number must be a number, not false"),
    ("share", 1.5, "share must be a number from 0 to 1, not 1.5"),
    ("epsilon", -1, "epsilon must be a number of at least 0, not -1"),
    ("factors", 0, "factors must be a number above 0, or one for each spatial axis, not 0"),
    ("factors", [], "factors must be a number above 0, or one for each spatial axis, not []"),
    ("factors", [2, -1], "factors must be a number above 0, or one for each spatial axis, not -1"),
    ("flag", 1, "flag must be true or false, not 1"),
    ("flag", "true", "flag must be true or false, not the text 'true'"),
    ("choice", "reflekt", "choice must be one of zeros, reflect, not the text 'reflekt'"),
    ("choice", 3, "choice must be one of zeros, reflect, not 3"),
    ("text", 3, "text must be a text, not 3"),
    ("per_axis", [], "per_axis must be a whole number of at least 1, or one for each spatial axis, not []"),
    ("per_axis", [1, None], "per_axis must be a whole number of at least 1, or one for each spatial axis, not null"),
    ("per_axis", "3x3", "per_axis must be a whole number of at least 1, or one for each spatial axis, not the text '3x3'"),
    ("padding", -1, "padding must be a whole number of at least 0, not -1"),
    ("padding", "full", f"padding must be {PAIRS}, not the text 'full'"),
    ("padding", [[1, 2, 3]], f"padding must be {PAIRS}, not [1, 2, 3]"),
    ("padding", [[0, 1], 2], "padding has a pair for one axis, and a number for another"),
    ("integers", [], "integers must be a list of whole numbers of at least 1, not []"),
    ("sizes", [0], "sizes must be a whole number of at least 1, not 0"),
    ("sizes", "7x", "sizes must be a list of sizes, or sizes as 3x224x224, not the text '7x'"),
    ("sizes", [-1], "sizes must be a whole number of at least 1, not -1"),
    ("inferred", [-2], "inferred must be a whole number of at least 1, or -1 for the size to infer, not -2"),
    ("inferred", [0, 2], "inferred must be a whole number of at least 1, or -1 for the size to infer, not 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "text"), REFUSED, ids=[f"{i}-{case[0]}" for i, case in enumerate(REFUSED)])
def test_invalid_values(name: str, given: Any, text: str) -> None:
    with pytest.raises(LayerError) as caught:
        getattr(Sorts, name).normalise(given)
    assert caught.value.message == text
    assert caught.value.argument == name


def test_the_nearest_word_is_suggested() -> None:
    with pytest.raises(LayerError) as caught:
        Sorts.choice.normalise("reflekt")
    assert caught.value.hint == "did you mean reflect?"


def test_long_values_are_truncated() -> None:
    with pytest.raises(LayerError) as caught:
        Sorts.integer.normalise("x" * 10_000)
    assert len(caught.value.message) < 150


@pytest.mark.parametrize("name", ["integer", "number", "per_axis", "padding", "integers", "sizes", "factors"])
def test_non_int_dimensions_are_kept(name: str) -> None:
    n = traces.leaf(5, "n")
    assert n in (getattr(Sorts, name).normalise(n), *per_axis(getattr(Sorts, name).normalise(n), 1))


def test_one_value_applies_to_every_axis() -> None:
    assert per_axis(3, 2) == (3, 3)
    assert per_axis((3, 4), 2) == (3, 4)
    assert Sorts.per_axis.expand(3, 2) == [3, 3]
    assert Sorts.per_axis.expand(None, 2) is None
    assert Sorts.padding.expand("same", 2) == "same"
    assert Sorts.padding.expand(((0, 1), (2, 3)), 2) == [[0, 1], [2, 3]]
    assert Sorts.factors.expand(0.5, 2) == [0.5, 0.5]
    assert Sorts.sizes.expand((7, 7), 0) == [7, 7]


def arguments() -> dict[str, Argument]:
    sorts = {name: value for name, value in vars(Sorts).items() if isinstance(value, Argument)}
    return sorts | {f"{kind}.{name}": value for kind, cls in KINDS.items() for name, value in cls.arguments.items()}


@pytest.mark.slow
def test_the_schema_agrees_with_reading() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for name, argument in arguments().items():
        validator = jsonschema.Draft202012Validator(argument.schema())
        jsonschema.Draft202012Validator.check_schema(argument.schema())
        default = argument.default
        if not argument.required and default is not None:
            assert validator.is_valid(argument.expand(default, 2) if isinstance(default, tuple) else default), name
    for name, given, _ in READ:
        if given is not None and not isinstance(given, tuple):
            assert jsonschema.Draft202012Validator(getattr(Sorts, name).schema()).is_valid(given), (name, given)
    for name, given, _ in REFUSED:
        finite = not isinstance(given, float) or math.isfinite(given)
        if finite and not (isinstance(given, int) and given > MAX_SIZE) and [name, given] not in UNSAID:
            assert not jsonschema.Draft202012Validator(getattr(Sorts, name).schema()).is_valid(given), (name, given)


UNSAID: list[list[Any]] = [["inferred", [0, 2]]]
"""Values that the schema allows and reading does not: 0, where -1 and positive numbers are allowed."""
