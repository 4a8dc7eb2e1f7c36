"""Inputs with a condition, and outputs with a loop."""

from __future__ import annotations

import pytest

import shapecalc

TOWERS = """
name: towers
inputs:
  image: {size: [3, side, side], when: sees}
  text: {size: [seq], when: not sees}
vars: {side: 8, seq: 5, sees: true}
layers:
  - conv: {out_channels: 4, kernel_size: 3}
    name: seen
    from: "{'image' if sees else 'text'}"
    when: sees
  - embedding: {num_embeddings: 10, embedding_dim: 6}
    name: read
    from: "{'image' if sees else 'text'}"
    when: not sees
outputs: [seen, read]
"""

PYRAMID = """
input: 3x32x32
vars: {taken: [1, 3]}
layers:
  - conv: {out_channels: 4 * i + 4, kernel_size: 2, stride: 2}
    repeat: 3
    name: stage{i + 1}
outputs: [{for: {n: taken}, from: "stage{n}"}]
"""


def test_an_input_is_there_if_its_condition_is_true() -> None:
    net = shapecalc.load(TOWERS)
    assert [list(net.infer(vars={"sees": sees}).graph.inputs) for sees in (True, False)] == [["image"], ["text"]]
    assert list(net.infer(vars={"sees": False}).outputs.values()) == [(5, 6)]
    assert list(net.infer(input="3x10x10").outputs.values()) == [(4, 8, 8)]  # the only one needs no name
    with pytest.raises(shapecalc.UsageError, match="there is no input text"):
        net.infer(input={"text": [3]})


def test_both_conditions_may_be_true() -> None:
    both = TOWERS.replace("not sees", "seq > 0").replace(
        "from: \"{'image' if sees else 'text'}\"\n    when: seq", "from: text\n    when: seq"
    )
    assert shapecalc.load(both).infer().outputs == {"seen": (4, 6, 6), "read": (5, 6)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("when: not sees}", "when: sees and not sees}", "no input is left: every `when` is false"),
        ("{size: [seq], when: not sees}", "{when: not sees}", "an input with `when` has a `size`, and nothing else"),
        ("{size: [seq], when: not sees}", "{size: [seq], when: sees, name: x}", "has a `size`, and nothing else"),
        ("when: sees}", "when: 3}", "`when` must be true or false, not 3"),
        ("when: sees}", "when: seas}", "`seas` is not a variable"),
    ],
)
def test_what_is_wrong_with_a_condition(old: str, new: str, message: str) -> None:
    text = TOWERS.replace(old, new)
    assert text != TOWERS
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(text, vars={"sees": "sees and" not in new})
    assert message in str(caught.value)


def test_outputs_of_a_loop() -> None:
    net = shapecalc.load(PYRAMID)
    assert net.infer().outputs == {"stage1": (4, 16, 16), "stage3": (12, 4, 4)}
    assert net.infer(vars={"taken": [2]}).outputs == {"stage2": (8, 8, 8)}
    assert net.infer(vars={"taken": []}).outputs == {"stage3": (12, 4, 4)}  # none: the last layer


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("taken: [1, 3]", "taken: [1, 4]", "no layer, block or input is called stage4 here"),
        ("taken: [1, 3]", "taken: 3", "n must be a list of values"),
        ('from: "stage{n}"', "to: stage1", "a reference must be a word, not a mapping"),
    ],
)
def test_what_is_wrong_with_outputs_of_a_loop(old: str, new: str, message: str) -> None:
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load(PYRAMID.replace(old, new)).infer()
    assert message in str(caught.value)
