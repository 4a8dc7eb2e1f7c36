"""Mistakes on the command line: what is reported, and the hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from running import run

if TYPE_CHECKING:
    from pathlib import Path

NET = """\
vars: {width: 16, depth: 2}
input: 3x32x32
layers:
  - conv: {out_channels: width, kernel_size: 3}
    repeat: depth
    name: stage
  - fc: 10
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["summary", "-", "--batch", "abc"], "Error: Invalid value for '--batch': 'abc' is not a valid whole number."),
        (["summary", "-", "--set", "width=8:16"], "--set width=8:16 is more than one value\n"
         "   try several values with shapecalc sweep SPEC --set width=8:16, or with solve --for"),
        (["summary", "-", "--set", "width=8,16"], "--set width=8,16 is more than one value\n"
         "   if width is a list, write --set 'width=[8,16]'; otherwise try several values with shapecalc sweep SPEC "
         "--set width=8,16, or with solve --for"),
        (["solve", "-", "--params", "5M", "--for", "depth", "--set", "width=8:32:8"],
         "--set width=8:32:8 is more than one value\n"),
        (["summary", "-", "--json"], "Error: No such option '--json': write --format json"),
        (["layer", "conv2d", "--out", "64"], "Error: No such option '--out'. Did you mean --out-channels?"),
        (["layer", "conv2d", "--pad", "1"], "Error: No such option"),
        (["summary", "resnet18", "--kind", "conv1"], "the network has no layer of kind conv1\n"
         '   conv1 is a layer of kind conv: write --kind conv (kind="conv" in Python)'),
        (["summary", "-", "width=8"], "Error: Got unexpected extra argument (width=8): write --set width=8"),
        (["summary", "-", "other.yaml"], "Error: Got unexpected extra argument (other.yaml)\n"),
        (["layer", "conv", "out_channels=16", "kernel_size=3"],
         "Error: Got unexpected extra arguments (out_channels=16 kernel_size=3): write --out-channels 16"),
        (["layer", "conv", "colour=3"], "Error: Got unexpected extra argument (colour=3)\n"),
        (["sweep", "-", "--set", "width=1-4"], "--set width: '1-4' is not a range of numbers\n"
         "   write FROM:TO:STEP, as in 16:128:16\n"),
        (["sweep", "-", "--set", "width=8..16"], "--set width: '8..16' is not a range of numbers\n"
         "   write FROM:TO:STEP, as in 16:128:16"),
        (["solve", "-", "--params", "10k"], "name the variables to find\n"
         "   choose some with --for (find= in Python): width, depth, input"),
    ],
)  # fmt: skip
def test_misuse(words: list[str], told: str) -> None:
    ran = run(*words, text=NET)
    assert ran.status == 2
    assert told in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("setting", "why"), [("width=a", "width is the text 'a'"), ("depth=1.5", "depth is 1.5"), ("width=0", "width is 0")]
)
def test_a_value_that_is_refused_is_shown_with_its_variable(setting: str, why: str) -> None:
    ran = run("summary", "-", "--set", setting, text=NET)
    assert ran.status == 1
    assert f"   {why}\n" in ran.err


def test_a_list_in_brackets_is_one_value() -> None:
    text = "vars: {sizes: [3, 3]}\ninput: 3x32x32\nlayers:\n- conv: {out_channels: 4, kernel_size: sizes}\n"
    assert "4×28×30" in run("summary", "-", "--set", "sizes=[5, 3]", text=text).out


def test_a_repeated_item_is_all_its_copies() -> None:
    both = run("explain", "-", "stage", text=NET).out
    assert "\nstage.0 · conv" in both
    assert "\nstage.1 · conv" in both
    assert "fc1" not in both
    assert run("explain", "-", "stage.1", text=NET).out.startswith("stage.1 · conv")
    assert run("explain", "-", "stag", text=NET).status == 2


def test_a_file_of_python_is_no_specification(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("import torch\nclass Net(nn.Module):\n    def __init__(self):\n        pass\n", encoding="utf-8")
    ran = run("summary", str(file))
    assert ran.status == 1
    assert ": this is Python, not a specification\n" in ran.err
    assert "`shapecalc init` writes one" in ran.err
