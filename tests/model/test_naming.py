"""The dictionary of names: patterns, joins, transpositions, parts, alternatives."""

from __future__ import annotations

import pytest

from shapecalc.errors import UsageError
from shapecalc.model.naming import Naming, library_shapes

CASES = {
    "an index and a leaf": ({"a.*.w.*": ["m.*.x.*"]}, {"a.3.w.bias": (2,)}, {"m.3.x.bias": (2,)}),
    "a part that is not in theirs": ({"a.?.*": ["b.*"]}, {"a.layer_norm1.weight": (2,)}, {"b.weight": (2,)}),
    "a part of a word": ({"q_proj_*": ["q.*"]}, {"q_proj_weight": (2, 3)}, {"q.weight": (2, 3)}),
    "joined": ({"q": ["qkv"], "k": ["qkv"], "v": ["qkv"]}, {"q": (8, 4), "k": (2, 4), "v": (2, 4)}, {"qkv": (12, 4)}),
    "joined and transposed": ({"q": ["c ^T"], "k": ["c ^T"]}, {"q": (8, 4), "k": (2, 4)}, {"c": (4, 10)}),
    "transposed in its last axes": ({"e": ["f ^T"]}, {"e": (2, 3, 5)}, {"f": (2, 5, 3)}),
    "one for each index": ({"e": ["e.#.w"]}, {"e": (2, 3, 5)}, {"e.0.w": (3, 5), "e.1.w": (3, 5)}),
    "in parts": ({"gu": ["g + u"]}, {"gu": (6, 5)}, {"g": (3, 5), "u": (3, 5)}),
    "in parts for each index": (
        {"l.*.gu": ["l.*.#.g + l.*.#.u"]}, {"l.7.gu": (1, 6, 5)}, {"l.7.0.g": (3, 5), "l.7.0.u": (3, 5)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_dictionary(case: str) -> None:
    names, ours, theirs = CASES[case]
    assert library_shapes(Naming(names), ours) == theirs
    based = {f"model.{name}": shape for name, shape in theirs.items()}
    assert library_shapes(Naming(names, "model."), ours) == based


def test_a_head_is_outside_the_base_model() -> None:
    naming = Naming({"h": ["/head"], "w": ["w"]}, "model.")
    assert library_shapes(naming, {"h": (1,), "w": (2,)}) == {"head": (1,), "model.w": (2,)}


def test_of_alternatives_the_one_that_is_there() -> None:
    naming = Naming({"e": ["packed", "e.#.w"]})
    assert library_shapes(naming, {"e": (2, 3)}) == {"packed": (2, 3)}
    assert library_shapes(naming, {"e": (2, 3)}, {"other"}) == {"packed": (2, 3)}
    assert library_shapes(naming, {"e": (2, 3)}, {"e.0.w", "e.1.w"}) == {"e.0.w": (3,), "e.1.w": (3,)}


def test_the_first_pattern_counts() -> None:
    assert library_shapes(Naming({"a": ["x"], "*": ["y.*"]}), {"a": (1,), "b": (2,)}) == {"x": (1,), "y.b": (2,)}


def test_a_parameter_without_a_name() -> None:
    with pytest.raises(UsageError, match=r"a\.b has no name in the library"):
        library_shapes(Naming({"a": ["x"]}), {"a.b": (1,)})
    assert Naming({"a.*": ["x"]}).knows("a.b")
    assert not Naming({"a.*": ["x"]}).knows("a.b.c")
