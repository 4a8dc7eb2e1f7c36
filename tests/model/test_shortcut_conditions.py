"""Blocks whose arguments decide which shortcuts need a projection, or, in MobileNet, have no addition at all."""

from __future__ import annotations

import re

import pytest

import shapecalc

MOBILE = """
input: 24x56x56
blocks:
  inverted_residual:
    args: {inp: required, oup: required, stride: 1, t: 6}
    layers:
      - Conv2d: {out_channels: inp * t, kernel_size: 1, bias: false}
      - BatchNorm2d
      - ReLU6
      - Conv2d: {out_channels: inp * t, kernel_size: 3, stride: stride, padding: 1, groups: inp * t, bias: false}
      - BatchNorm2d
      - ReLU6
      - Conv2d: {out_channels: oup, kernel_size: 1, bias: false}
      - BatchNorm2d
      - add: input
layers:
  - inverted_residual: {inp: 24, oup: 32}
  - inverted_residual: {inp: 32, oup: 32}
  - inverted_residual: {inp: 32, oup: 64, stride: 2}
"""
PROJECTED = "[[], [{conv: {out_channels: oup, kernel_size: 1, stride: stride, bias: false}, from: input, WHEN}, {batch_norm: {}, WHEN}]]"
STRIDED = MOBILE.replace("add: input", "add: " + PROJECTED.replace("WHEN", "when: stride != 1"))
BOTH = "when: stride != 1 or inp != oup"
# torchvision 0.28: torchvision.models.mobilenetv2.InvertedResidual(24, 32, 1, 6), (32, 32, 1, 6) and (32, 64, 2, 6): their parameters.
PARAMS = 10_000 + 14_848 + 21_056
# torch.nn.Conv2d(24, 32, 1, bias=False) and (32, 64, 1, bias=False), each with a BatchNorm2d.
PROJECTIONS = 24 * 32 + 2 * 32 + 32 * 64 + 2 * 64


def hint_of(text: str) -> str:
    (problem,) = shapecalc.load(text).problems()
    return problem.hint


def test_the_addition_of_mobilenet_is_only_where_it_fits() -> None:
    found = re.search(r"\nor, as in MobileNet, .*: write `(when: .*)` beside add$", hint_of(MOBILE))
    assert found
    text = MOBILE.replace("- add: input", f"- add: input\n        {found[1]}")
    assert shapecalc.load(text).infer().total.params == PARAMS
    assert hint_of(MOBILE.replace("add: input", "add: input\n        when: t == 6")).count("\n") == 0  # it has one


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MOBILE, "input", PROJECTED.replace("WHEN", BOTH)),
        (STRIDED, "when: stride != 1", BOTH),  # there at a stride alone, not at other channels
    ],
)
def test_the_projection_is_where_channels_or_sizes_differ(text: str, old: str, new: str) -> None:
    assert f"write `{new}` in place of {f'`{old}`' if ':' in old else old}" in hint_of(text)
    at = text.index("- add:")
    followed = text[:at] + text[at:].replace(old, new, 2 if ":" in old else 1)
    assert shapecalc.load(followed).infer().total.params == PARAMS + PROJECTIONS
    (fix, *_) = shapecalc.solve(text, fix=True).fixes
    assert fix.changes[-1].edit.text.strip() == followed.strip()


def test_channels_that_are_not_of_the_argument_decide_nothing() -> None:
    """The argument `inp` of the last copy is not its input's channels: what it needs, no condition of these says."""
    text = MOBILE.replace("{inp: 32, oup: 64, stride: 2}", "{inp: 64, oup: 64}")
    assert "inp != oup" not in hint_of(text)
