"""Residual blocks whose shortcut lacks its projection: the hint and the fix lead to the network of torchvision."""

from __future__ import annotations

import re

import pytest

import shapecalc

BASIC = """
      - conv: {out_channels: planes, kernel_size: 3, padding: 1, stride: stride, bias: false}
      - batch_norm
      - relu
      - conv: {out_channels: planes, kernel_size: 3, padding: 1, bias: false}
      - batch_norm
"""
BOTTLENECK = """
      - conv: {out_channels: planes, kernel_size: 1, bias: false}
      - batch_norm
      - relu
      - conv: {out_channels: planes, kernel_size: 3, padding: 1, stride: stride, bias: false}
      - batch_norm
      - relu
      - conv: {out_channels: planes * 4, kernel_size: 1, bias: false}
      - batch_norm
"""
NETWORK = """
input: 3x224x224
blocks:
  res:
    args: {planes: required, stride: 1}
    layers:BODY
layers:
  - conv: {out_channels: 64, kernel_size: 7, stride: 2, padding: 3, bias: false}
  - batch_norm
  - relu
  - max_pool: {kernel_size: 3, stride: 2, padding: 1}
STAGES
  - global_avg_pool
  - fc: 1000
"""


def network(body: str, merge: str, depths: tuple[int, ...]) -> str:
    """Return a ResNet with a body of its blocks, as a branch of the merge or before it."""
    if merge == "add: [[BODY], []]":
        lines = body.strip("\n").splitlines()
        inner = "\n".join(f"          {'- ' if not i else '  '}{line.strip()}" for i, line in enumerate(lines))
        body, merge = "\n", f"add:\n{inner}\n          - []"
    stages = ["  - res: 64\n    repeat: " + str(depths[0])]
    for depth, planes in zip(depths[1:], (128, 256, 512), strict=True):
        stages.append(f"  - res: {{planes: {planes}, stride: 2}}\n  - res: {planes}\n    repeat: {depth - 1}")
    return NETWORK.replace("BODY", f"{body}      - {merge}\n      - relu").replace("STAGES", "\n".join(stages))


CASES = {
    "resnet18, by name": (BASIC, "add: [batch_norm2, input]", (2, 2, 2, 2), "input", "[", "stride != 1"),
    "resnet18, alone": (BASIC, "add: input", (2, 2, 2, 2), "input", "[[], [", "stride != 1"),
    "resnet18, by branches": (BASIC, "add: [[BODY], []]", (2, 2, 2, 2), "[]", "[", "stride != 1"),
    "resnet50, by name": (BOTTLENECK, "add: [batch_norm3, input]", (3, 4, 6, 3), "input", "[", "project"),
    "resnet50, by branches": (BOTTLENECK, "add: [[BODY], []]", (3, 4, 6, 3), "[]", "[", "project"),
}
# torchvision 0.28, with the MACs of its convolutions and the fully connected layer.
EXPECTED = {"resnet18": (11_689_512, 1_814_073_344), "resnet50": (25_557_032, 4_089_184_256)}


def totals(text: str) -> tuple[int, int]:
    """Return the parameters and MACs of a specification."""
    total = shapecalc.load(text).infer().total
    return total.params, total.macs


@pytest.mark.parametrize("name", CASES)
def test_the_hint_is_written_as_it_stands(name: str) -> None:
    body, merge, depths, given, begins, when = CASES[name]
    text = network(body, merge, depths)
    (problem,) = shapecalc.load(text).problems()
    found = re.search(r"write `(.*?)` in place of (\S+?)(?:$|\n)", problem.hint)
    assert found
    assert found[2] == given
    assert found[1].startswith(f"{begins}{{conv: ")
    assert found[1].count(f"when: {when}}}") == 2  # of the convolution and of the normalisation
    lines = text.splitlines()
    at = max(i for i, line in enumerate(lines) if line.endswith((f"{given}]", f": {given}", f"- {given}")) and i < 20)
    head, _, tail = lines[at].rpartition(given)
    lines[at] = f"{head}{found[1]}{tail}"
    if when == "project":
        lines[4] = lines[4].replace("stride: 1", "stride: 1, project: false")
        needed = re.findall(r"`project: (true|i == 0)` in lines? ([\d and]+)", problem.hint)
        assert [value for value, _ in needed] == ["i == 0", "true"]
        for value, numbers in needed:
            for number in map(int, re.findall(r"\d+", numbers)):
                use = lines[number - 1]
                use = use.replace("res: 64", "res: {planes: 64}").replace("}", f", project: {value}}}")
                lines[number - 1] = use
    assert totals("\n".join(lines)) == EXPECTED[name.partition(",")[0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_fix_is_the_network_that_was_meant(name: str) -> None:
    body, merge, depths, *_ = CASES[name]
    fix = shapecalc.solve(network(body, merge, depths), fix=True).fixes[0]
    assert fix.changes[-1].edit
    assert totals(fix.changes[-1].edit.text) == EXPECTED[name.partition(",")[0]]
