"""Bundled specifications with mistakes put into them: whatever comes of it, it is an error of ours, or none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapecalc.claims import broken_claims
from shapecalc.errors import ShapecalcError
from shapecalc.locate import bundled_folder
from shapecalc.network import Network
from shapecalc.spec import read_specification

TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(bundled_folder()).glob("*.yaml"))}
TOKENS = """
0 -1 1 2 3 7 64 1.5 -0.5 .nan .inf 1000000000000 99999999999999999999 10**9 9**9**9 1//0 yes no true false null ~ ''
'3' "a b" [] {} [1] [1,2] [[1,2]] {a: 1} [a: 1] * *a &a !a !!int | > - -- ? : , # % @ ` ( ) + i input input[1] relu conv
fc add concat split batch_norm name from repeat for when share frozen layers blocks args vars expect output outputs
variants use required same valid channels 3x224x224 224x224x3 1x1 x × ½ é 日本 \t \\ \x00 \x07 \ufeff planes width depth
""".split(" ")
TOKENS = [token.strip("\n") for part in TOKENS for token in part.split("\n")]


def mutated(text: str, rng: random.Random) -> str:
    """Return the text with one mistake more."""
    lines = text.split("\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(10)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(at, lines[other])
    elif how == 2:
        lines[at] = lines[other]
    elif how == 3:
        lines[at], lines[other] = lines[other], lines[at]
    elif how == 4:
        lines[at] = " " * rng.randint(0, 8) + lines[at].lstrip()
    elif how == 5:
        lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
    elif how == 6:
        place = rng.randint(0, len(lines[at]))
        lines[at] = lines[at][:place] + rng.choice(TOKENS) + lines[at][place:]
    else:
        words = lines[at].split(" ")
        word = rng.randrange(len(words))
        if how == 7:
            words[word] = rng.choice(lines[other].split(" "))
        else:
            ending = words[word][-1:] if words[word][-1:] in ",}]:" else ""
            words[word] = rng.choice(TOKENS) + ending
        lines[at] = " ".join(words)
    return "\n".join(lines)


def outcome(text: str, rng: random.Random) -> str:
    """Return the error that a text is answered with, or nothing."""
    try:
        specification = read_specification(text, "mutated.yaml")
        variant = rng.choice(["", *specification.variants[:40]])
        report = Network(specification, variant=variant).infer()
        report.to_dict()
        return "\n".join(map(str, broken_claims(report)))
    except ShapecalcError as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(TEXTS)))
def test_mutations_are_answered_with_our_errors(seed: int, name: str) -> None:
    rng = random.Random(seed)
    text = TEXTS[name]
    for _ in range(rng.randint(1, 4)):
        text = mutated(text, rng)
    told = outcome(text, rng)
    assert "Traceback" not in told
    assert len(told) < 200_000


@pytest.mark.parametrize("name", ["alexnet", "resnet"])
def test_mutations_do_make_mistakes(name: str) -> None:
    rng = random.Random(3)
    told = [outcome(mutated(mutated(TEXTS[name], rng), rng), rng) for _ in range(40)]
    assert 5 < sum(map(bool, told)) < 40
