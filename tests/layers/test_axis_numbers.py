"""How axes are named: one rule for every kind."""

from __future__ import annotations

from typing import Any

import pytest

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers, axis_index, axis_of
from shapecalc.layers.base.layer import Composite
from shapecalc.layers.base.shape import Shape


def test_axes_are_numbered_with_the_batch_as_0() -> None:
    assert [axis_of(dim, 3) for dim in (1, 2, 3, -3, -2, -1)] == [0, 1, 2, 0, 1, 2]
    assert [axis_of(dim, 1) for dim in (1, -1)] == [0, 0]


@pytest.mark.parametrize(("dim", "rank"), [(0, 3), (-4, 3), (0, 0), (-2, 1)])
def test_the_batch_axis_is_rejected(dim: int, rank: int) -> None:
    with pytest.raises(LayerError, match=f"start_dim {dim} is the batch axis") as caught:
        axis_of(dim, rank, "start_dim")
    assert caught.value.argument == "start_dim"


@pytest.mark.parametrize(("dim", "rank"), [(4, 3), (-5, 3), (1, 0), (2, 1)])
def test_a_missing_axis_is_an_error(dim: int, rank: int) -> None:
    with pytest.raises(LayerError, match=f"dim {dim} is out of range"):
        axis_of(dim, rank)


@pytest.mark.parametrize(("rank", "why", "hint"), [
    (0, "its input is a scalar: it has no axes except the batch's, which is 0", ""),
    (1, "its input has 1 axis: it is 1 or -1", "use 1 for its first axis"),
    (2, "its input has 2 axes: they are 1 to 2, or -2 to -1 from the end; 0 is the batch's",
     "use 1 for its first axis, 2 or -1 for its last"),
])  # fmt: skip
def test_an_error_lists_the_axes(rank: int, why: str, hint: str) -> None:
    with pytest.raises(LayerError) as caught:
        axis_of(7, rank)
    assert (caught.value.why, caught.value.hint) == ((why,), hint)


def test_channels_is_a_word_for_an_axis_in_either_layout() -> None:
    assert axis_index("channels", Shape((3, 8, 9))) == 0
    assert axis_index("channels", Shape((8, 9, 3), channels_last=True)) == 2
    assert axis_index(-1, Shape((3, 8, 9))) == 2


class Sliced:
    one = AxisNumber("an axis", channels=True)
    plain = AxisNumber("an axis")
    several = AxisNumbers("axes", channels=True)


@pytest.mark.parametrize(("name", "given", "kept"), [
    ("one", 2, 2), ("one", "channels", "channels"), ("one", -3, -3), ("plain", 2.0, 2),
    ("several", 2, (2,)), ("several", [2, -1], (2, -1)), ("several", "channels", "channels"),
])  # fmt: skip
def test_valid_values(name: str, given: Any, kept: Any) -> None:
    assert getattr(Sliced, name).normalise(given) == kept


@pytest.mark.parametrize(("name", "given", "text"), [
    ("one", "height", "one must be the number of an axis (1 is the first, -1 the last) or channels, not the text 'height'"),
    ("plain", "channels", "plain must be the number of an axis (1 is the first, -1 the last), not the text 'channels'"),
    ("plain", 1.5, "plain must be the number of an axis (1 is the first, -1 the last), not 1.5"),
    ("one", -65, "one must be the number of an axis (1 is the first, -1 the last) or channels, not -65"),
    ("several", [1, 1.5], "several must be the number of an axis (1 is the first, -1 the last), not 1.5"),
    ("several", [1, True],
     "several must be a list of axis numbers (1 is the first, -1 the last) or channels, not true"),
])  # fmt: skip
def test_invalid_values(name: str, given: Any, text: str) -> None:
    with pytest.raises(LayerError) as caught:
        getattr(Sliced, name).normalise(given)
    assert caught.value.message == text


def test_every_axis_argument_is_an_axis_number() -> None:
    for kind, cls in KINDS.items():
        if (
            issubclass(cls, Composite) or kind == "tile"
        ):  # `dim` is a width there, `dims` how often each axis is repeated
            continue
        for word, argument in cls.arguments.items():
            if word in ("dim", "dims", "axis", "start_dim", "end_dim", "dim0", "dim1", "shared_axes"):
                assert isinstance(argument, (AxisNumber, AxisNumbers)), (kind, word)
