"""Blocks of imported graphs, from the hierarchy of their nodes."""

from __future__ import annotations

import pytest

from shapecalc.importers.blocks import DEEPEST, without_reuse
from shapecalc.importers.tensors import NodePlace


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (("a.relu", "a.conv", "a.relu"), "a a.conv a"),  # one operation, called again
        (("a.relu", "a.relu", "a.conv"), "a.relu a.relu a.conv"),  # two operations, one after the other
        (("a.relu", "a.conv"), "a.relu a.conv"),  # one call
        (("a.relu", "a.conv", "a.relu.own", "a.relu"), "a.relu a.conv a.relu.own a.relu"),  # it has a module too
        (("relu", "conv", "relu"), "- conv -"),
    ],
)
def test_a_module_that_is_one_operation_is_no_block(paths, found):
    places = [NodePlace(str(i), tuple(path.split(".")), "op") for i, path in enumerate(paths)]
    assert " ".join([".".join(place.blocks) or "-" for place in without_reuse(places)]) == found


def test_a_module_of_two_operations_is_a_block():
    places = [NodePlace(str(i), ("a",), name) for i, name in enumerate(("relu", "conv", "tanh"))]
    places[1] = places[1]._replace(blocks=("b",))
    assert without_reuse(places) == places


def test_what_is_deeper_than_blocks_is_named_by_its_path():
    places = [NodePlace(str(i), (name,) * (DEEPEST + 1), "op") for i, name in enumerate("aba")]
    assert without_reuse(places) == places
