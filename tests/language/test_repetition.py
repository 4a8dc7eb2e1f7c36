"""Several copies of a layer, as other programs write them: the hint, followed to the letter, is what was meant."""

from __future__ import annotations

import re
import textwrap

import pytest

import shapecalc
from shapecalc.errors import ShapecalcError

CONV = "conv: {out_channels: 8, kernel_size: 3, padding: 1}"
TEXT = """\
input: 8x16x16
blocks:
  res: [{0}, relu]
  wide: {{args: {{c: required}}, layers: [conv: {{out_channels: c, kernel_size: 1}}]}}{1}
layers:
- relu
{2}
"""


def network(item: str, block: str = "") -> str:
    return TEXT.format("{" + CONV + "}", f"\n  {block}" if block else "", textwrap.indent(item, ""))


def hint_for(item: str) -> str:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load(network(item)).infer()
    (problem,) = caught.value.problems
    return problem.hint


def followed(hint: str) -> str:
    """Return the specification that follows a hint, whose other words are known."""
    block = re.search(r"write `(\w+: \[.*\])` under `blocks:`, and here ", hint)
    item = re.search(r"(?:write|and here) `- ([^`]*)`", hint)
    times = re.search(r", with `repeat: (\d+)` below it$", hint)
    assert item, hint
    return network(f"- {item[1]}" + (f"\n  repeat: {times[1]}" if times else ""), block[1] if block else "")


def layers_of(text: str) -> list[tuple[str, int]]:
    return [(row.kind, row.params) for row in shapecalc.load(text).infer().rows]


RES3 = "- res\n  repeat: 3"
BOTH3 = "- stage\n  repeat: 3"
STAGE = f"stage: [{{{CONV}}}, relu]"

MEANT = {
    **dict.fromkeys(
        (
            "- repeat: 3\n  block: res", "- repeat: 3\n  use: res", "- block: res\n  n: 3", "- n: 3\n  block: res",
            "- res * 3", "- res*3", "- res x3", "- res x 3", "- res × 3", "- 3 x res", "- 3x res", "- 3 * res",
            "- repeat(3): res", "- repeat 3: res", "- repeat x3: res", "- repeat(res, 3)", "- repeat(3, res)",
            "- repeat(3):\n    - res", "- for i in range(3):\n    - res", "- for _ in range(3): res",
            "- repeat: {times: 3, layers: [res]}", "- repeat: {n: 3, layer: res}", "- repeat: {n: 3, res: }", "- repeat: [3, res]", "- repeat: [res, 3]", "- repeat: res x 3",
            "- times: {count: 3, block: res}", "- loop: {n: 3, body: [res]}",
        ),
        RES3,
    ),
    **dict.fromkeys(("- block: res", "- use: res"), "- res"),
    **dict.fromkeys(("- relu x3", "- relu*3", "- repeat(3): relu", "- ReLU x 3", "- nn.ReLU() * 3", "- repeat: {n: 3, relu: {}}"),
                    "- relu\n  repeat: 3"),
    **dict.fromkeys(
        (f"- repeat: [3, {CONV}]", f"- repeat: {{n: 3, {CONV}}}", f"- repeat(3): {{{CONV}}}",
         f"- conv x3: {CONV[6:]}", "- nn.Conv2d(8, 8, 3, padding=1) * 3", f"- repeat:\n    times: 3\n    layers:\n    - {CONV}"),
        f"- {CONV}\n  repeat: 3",
    ),
    "- wide x3: {c: 8}": "- wide: {c: 8}\n  repeat: 3",
    **dict.fromkeys(
        (f"- repeat: 3\n  layers:\n    - {CONV}\n    - relu", f"- repeat: 3\n  block: [{CONV}, relu]",
         f"- repeat: {{times: 3, layers: [{CONV}, relu]}}", f"- repeat(3): [{CONV}, relu]",
         f"- repeat: [3, {CONV}, relu]", f"- repeat: {{n: 3, {CONV}, relu: }}", f"- module: [{CONV}, relu]\n  repeat: 3",
         f"- for i in range(3):\n    - {CONV}\n    - relu"),
        BOTH3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("item", MEANT)
def test_the_network_that_follows_the_hint_is_the_one_that_was_meant(item: str) -> None:
    meant = MEANT[item]
    block = STAGE if "stage" in meant else ""
    assert layers_of(followed(hint_for(item))) == layers_of(network(meant, block))


LOOPS = {
    **dict.fromkeys(("3", "range(3)", "i in range(3)", "_ in range(3)", "{i: 3}", "{_: 3}"),
                    ("write `repeat: 3` in place of `for`", "repeat: 3", "8")),
    "k in range(3)": ("write `repeat: 3` in place of `for`, and `i` for k, which counts from 0", "repeat: 3", "8"),
    **dict.fromkeys(("c in [4, 6]", '"c in (4, 6)"', "\n  - c: 4\n  - c: 6", "c in range(4, 8, 2)"),
                    ("write `for: {c: [4, 6]}`", "for: {c: [4, 6]}", "c")),
    "i in [4, 6]": ("write `for: {n: [4, 6]}`, and n in place of i", "for: {n: [4, 6]}", "n"),
    "[4, 6]": ("write `for: {n: [4, 6]}`, and n for the value", "for: {n: [4, 6]}", "n"),
    '{c: "4, 6"}': ("write c: [4, 6]", "for: {c: [4, 6]}", "c"),
    "\n  - {c: 4, k: 1}\n  - {c: 6, k: 3}": ("write `for: {c: [4, 6], k: [1, 3]}`", "for: {c: [4, 6], k: [1, 3]}", "c"),
    "3 times": ("write for: {planes: [64, 128]}", "for: {planes: [64, 128]}", "planes"),
}  # fmt: skip


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_as_others_write_it(loop: str) -> None:
    expected, fixed, name = LOOPS[loop]
    assert hint_for(f"- linear: {{out_features: 8}}\n  for: {loop}") == expected
    followed = f"- linear: {{out_features: {name}}}\n  {fixed}"
    assert len(layers_of(network(followed))) == (4 if "repeat" in fixed else 3)


def test_a_number_of_copies_without_a_layer() -> None:
    for item in ("- repeat: 3\n- relu", "- repeat(3)\n- relu", "- times: 3\n- relu"):
        assert hint_for(item) == (
            "remove the item, and write `repeat: 3` below the layer that repeats, beside its kind; "
            "several layers that repeat are a block, named under `blocks:`"
        )


def test_what_is_no_copy() -> None:
    """A tensor's own `repeat`, and an operation on tensors."""
    assert "tile" in hint_for("- repeat: [2, 1, 1]")
    assert "tile" in hint_for("- x.repeat(1, 2, 1, 1)")
    assert hint_for("- x * 3") == "a number changes no size: remove the item"
    assert hint_for("- relu1 * 2") == "a number changes no size: remove the item"
    assert hint_for("- for: {c: 16}\n  linear: c") == "write c: [16, …]"


def test_many_layers_are_named_by_hand() -> None:
    layers = ", ".join(["{conv: {out_channels: 8, kernel_size: 3, padding: 1}}"] * 9)
    assert hint_for(f"- repeat: {{n: 3, layers: [{layers}]}}") == (
        "layers that repeat are a block: name them under `blocks:`; then `- NAME`, and `repeat: 3` below it"
    )


def test_a_block_that_repeats_itself() -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load("input: 4\nblocks: {res: {repeat: 3, layers: [relu]}}\nlayers: [relu]\n").infer()
    assert caught.value.problems[0].hint == "write it below `- res`, where it is used"


def test_a_name_of_a_layer_is_no_kind_that_repeats() -> None:
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load("input: 4\nlayers: [{relu: , name: gelu}, gelu * 3]\n").infer()
    assert caught.value.problems[0].hint == "a number changes no size: remove the item"


def test_an_item_that_repeats_within_a_container_is_in_a_block_of_its_own() -> None:
    hint = hint_for("- repeat: {n: 3, layers: [{relu: , repeat: 2}]}")
    assert "write `stage: [{relu: null, repeat: 2}]` under `blocks:`" in hint
    with pytest.raises(ShapecalcError) as caught:
        shapecalc.load("input: 4\nblocks: {stage: [relu]}\nlayers: [repeat: [3, stage, relu]]\n").infer()
    assert "write `stage2: [stage, relu]` under `blocks:`" in caught.value.problems[0].hint
