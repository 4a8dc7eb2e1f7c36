"""Hints for names that no layer has: never one that cannot be meant, for it depends on the layer that names it."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.errors import MAX_PROBLEMS, ShapecalcError
from shapecalc.language import keys_beside


def hints(layers: str, blocks: str = "{}") -> list[str]:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(f"input: 3x8x8\nblocks: {blocks}\nlayers: {layers}\n").infer()
    return [str(problem.hint) for problem in caught.value.problems]


CONV = "conv: {out_channels: 3, kernel_size: 1}"


@pytest.mark.parametrize(
    ("layers", "hint"),
    [
        (f"[{{{CONV}, name: c1}}, relu, {{{CONV}, from: con1}}]", "known here: c1, input, relu1"),
        (f"[{{{CONV}, name: stem}}, relu, add: [stem, ad1]]", "known here: input, relu1, stem"),
        (f"[{{{CONV}, name: c1}}, relu, add: [c1, prev]]", "known here: c1, input, relu1"),
        (f"[{{{CONV}, from: con1}}, {{{CONV}, name: con2}}, relu]", "known here: input"),
        (f"[relu, {{res: , from: res}}, {CONV}]", "known here: input, relu1"),
        (f"[{{{CONV}, from: ato}}, {{relu: , name: b}}, {{{CONV}, from: input, name: atom}}, add: [b, atom]]",
         "did you mean atom?"),
        ("[relu, add: [input, add]]", "a branch of one layer is a list: write `[add]`"),
    ],
)  # fmt: skip
def test_a_name_that_depends_on_the_layer_is_no_hint(layers: str, hint: str) -> None:
    assert hints(layers, "{res: [relu]}") == [hint]


def test_a_name_within_a_block_that_depends_on_the_layer_is_no_hint() -> None:
    enc = "{enc: [{relu: , name: c}]}"
    assert hints("[relu, add: [c, input], enc]", enc) == ["known here: input, relu1"]
    assert hints("[enc, add: [c, input], enc]", enc) == ["did you mean enc1.c?"]


def test_many_unknown_names_are_found_in_bounded_time() -> None:
    """The layer with the mistake, relu1, is left out, but of very large networks, where that would take long."""
    for count, first in ((900, "relu10"), (3_000, "relu1, relu10")):
        layers = ", ".join(f"{{relu: , from: none{number}}}" for number in range(count))
        assert hints(f"[{layers}]")[0].startswith(f"known here: input, {first}")


def test_of_many_unknown_keys_only_those_that_are_listed_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    meant_key = keys_beside.meant_key
    monkeypatch.setattr(keys_beside, "meant_key", lambda *words: compared.append(words[0]) or meant_key(*words))
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load("".join(f"layrs{number}: 1\n" for number in range(5_000)))
    assert caught.value.problems[0].hint == "did you mean layers?"
    assert {*compared} <= {f"layrs{number}" for number in range(MAX_PROBLEMS)}
