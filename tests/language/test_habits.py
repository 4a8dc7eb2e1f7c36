"""Hints for what is written as in Python or in other tools; those not in tests/bad_specs/habits_of_python.yaml."""

from __future__ import annotations

import pytest

import shapecalc
from shapecalc.errors import SpecError


def hint(item: str) -> str:
    with pytest.raises(SpecError) as caught:
        shapecalc.load(f"input: 3x32x32\nlayers:\n- {item}\n")
    (problem,) = caught.value.problems
    return str(problem.hint)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("torch.nn.Flatten", "write `- Flatten`"),
        ("nn.Conv2d: {out_channels: 3, kernel_size: 3}", "write `- Conv2d: {out_channels: …, kernel_size: …}`"),
        ("'Conv2d(16, (3, 3), stride=(2, 2))'", "write `- Conv2d: {out_channels: 16, kernel_size: (3, 3), stride: (2, 2)}`"),
        ("Linear(10)", "write `- Linear: {out_features: 10}`"),
        ("Lineer(10)", "did you mean linear?"),
        ("Seq: [relu, {fc: 10}]", "layers in sequence need no kind around them: list them here, or name them as a block "
         "under `blocks:`"),
        ("Foo: [1, 2]", "`shapecalc layers` lists the kinds"),
        ("Foo: []", "`shapecalc layers` lists the kinds"),
        ("transformer_encoder_layer: {num_heads: 1, dim_feedforward: 8, activaton: relu}", "did you mean activation?"),
        ("conv: many", "variables are given under `vars:`"),
        ("conv: out_channels=16", "write `conv: {out_channels: 16, kernel_size: …}`"),
    ],
)  # fmt: skip
def test_hint(item: str, expected: str) -> None:
    assert hint(item) == expected
