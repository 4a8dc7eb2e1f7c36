"""Warnings of valid but odd specifications; a mistake in a repeated block is one error."""

from __future__ import annotations

import json

import pytest
from running import run

import shapecalc
from shapecalc.model.copies import gathered

DRAFT = """\
input: 16x8x8
vars: {width: 16, depth: 3}
blocks:
  body:
    args: {planes: required, rate: 3}
    layers:
    - conv: {out_channels: planes, kernel_size: 3, padding: 1}
layers:
- body: width
  repeat: 24
"""

WARNINGS = """\
<stdin>:5:36: warning: the argument rate of the block body is never used
    5 │     args: {planes: required, rate: 3}
      │                                    ^
   remove it, or use it

<stdin>:2:26: warning: the variable depth is never used
    2 │ vars: {width: 16, depth: 3}
      │                          ^
   remove it, or use it

"""


@pytest.mark.parametrize(
    "command",
    [
        "summary",
        "explain",
        "rf",
        "memory",
        "sizes",
        "check",
        "sweep",
        "formula",
        "solve --for width --params 1M",
    ],
)
def test_unused_variables_are_warnings(command):
    name, *options = command.split()
    ran = run(name, "-", *options, text=DRAFT)
    assert (ran.status, ran.err) == (0, WARNINGS), ran.err
    assert ran.out


def test_a_warning_is_printed_once(tmp_path):
    file = tmp_path / "draft.yaml"
    file.write_text(DRAFT)
    assert run("diff", file, file).err.count(" warning: ") == 2


def test_check_shows_warnings():
    assert run("check", "-", text=DRAFT).out == "ok     -: , 55,680 parameters, no expectations, 2 warnings\n"
    (result,) = json.loads(run("check", "-", "--format", "json", text=DRAFT).out)["results"]
    assert (result["ok"], [found["line"] for found in result["warnings"]]) == (True, [5, 2])
    lines = run("check", "-", "--format", "github", text=DRAFT).out.splitlines()
    assert lines[1].startswith("::warning file=<stdin>,line=2,col=26,title=shapecalc::the variable depth is never used")


def test_warnings_with_errors():
    wrong = DRAFT.replace("kernel_size: 3", "kernel: 3")
    for command in ("check", "summary"):
        ran = run(command, "-", text=wrong)
        assert ran.status == 1
        assert ran.err.index("kernel") < ran.err.index("warning: the variable depth")
    assert len(json.loads(run("check", "-", "--format", "json", text=wrong).out)["results"][0]["warnings"]) == 2
    assert len(shapecalc.load(DRAFT).warnings) == 2
    assert shapecalc.load("alexnet").warnings == ()


def test_a_misspelt_variable_is_not_also_unused():
    for wrong in ("widht", "2width", "${width}"):
        ran = run("check", "-", text=f"vars: {{width: 16, n: 1}}\ninput: 3\nlayers:\n- fc:\n    units: {wrong}\n")
        assert ran.status == 1
        assert "width" in ran.err
        assert "the variable width" not in ran.err
        assert "the variable n is never used" in ran.err


def test_bundled_specifications_have_no_warnings():
    ran = run("check", "vgg16", "swin", "unet", "--format", "json")
    assert [result["warnings"] for result in json.loads(ran.out)["results"]] == [[], [], []]


def problems(text):
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(text).infer()
    return caught.value.problems


def test_one_mistake_in_a_block_is_one_error():
    unused = DRAFT.replace(
        "layers:\n    -", "layers:\n    - relu: {}\n      name: lost\n    - identity: {}\n      from: input\n    -", 1
    )
    (problem,) = problems(unused)
    assert (problem.copies, problem.subject) == (24, "body1.lost")
    assert problem.headline == "body1.lost: the output of this layer is not used (in 24 copies)"
    ran = run("check", "-", "--format", "json", text=unused)
    assert json.loads(ran.out)["results"][0]["problems"][0]["copies"] == 24
    assert ran.err == ""


def test_copies_with_different_errors():
    text = """\
input: 16x8x8
blocks:
  head:
    args: {planes: required}
    layers:
    - conv: {out_channels: planes, kernel_size: 1}
    - fc: {out_features: 3, in_features: 5}
layers:
- concat:
  - - head: 4
  - - head: 8
  - - head: 12
"""
    (problem,) = problems(text)
    assert problem.copies == 3
    assert "features of the input (=256) must equal in_features (=5) (in 3 copies)" in problem.headline
    assert "(in 3 copies)" in run("summary", "-", text=text).err
    two = text.replace("in_features: 5", "in_features: 256")
    assert [found.copies for found in problems(two)] == [2]


def test_errors_at_two_locations_are_two():
    text = "input: 3x8x8\nlayers:\n- conv: {out_channels: 4, kernel_size: 9}\n- conv: {out_channels: 4, kernel_size: 9}\n  from: input\n"
    text += "- add: [conv1, conv2]\n"
    assert [found.copies for found in problems(text)] == [1, 1]


def test_problems_without_a_location_are_separate():
    from shapecalc.errors import Mark, Problem, Source

    assert len(gathered([Problem("a"), Problem("a")])) == 2
    mark = Mark(Source("net.yaml"), 3, 5)
    found = gathered([Problem("a1", mark, copies=2), Problem("b", mark), Problem("a2", mark, copies=3)])
    assert [(problem.message, problem.copies) for problem in found] == [("a1", 5), ("b", 1)]


BUNDLED = """\
warning: there is no file lenet5.yaml here: this is the bundled specification lenet5
   `shapecalc init lenet5` writes a copy

"""


@pytest.mark.parametrize(
    "command",
    ["summary", "check", "explain", "rf", "memory", "sizes", "formula", "diff lenet5", "compare lenet5", "sweep"],
)
def test_a_bundled_specification_in_place_of_a_file_is_said(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *others = command.split()
    ran = run(name, *others, "lenet5.yaml")
    assert (ran.status, ran.err) == (0, BUNDLED)


def test_a_file_is_no_bundled_specification(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet5.yaml").write_text("name: mine\ninput: 3x8x8\nlayers: [relu]\n")
    for name in ("lenet5.yaml", "./lenet5.yaml", "lenet5"):
        ran = run("summary", name)
        assert ran.err == ""
        assert ran.out.startswith("mine") is (name != "lenet5")


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        *((spec, "   lenet5 is a bundled specification: `shapecalc init lenet5` writes a copy\n")
          for spec in ("lenet5.yml", "./lenet5.yaml", "nets/lenet5", "nets/lenet5.yml", "lenet5.onnx")),
        ("nets/net.yaml", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["summary", "solve --fix", "check"])
def test_a_path_without_a_file_is_an_error(command, spec, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = run(*command.split(), spec)
    assert (ran.status, ran.err) == (2, f"there is no file {spec}\n{hint}")


@pytest.mark.parametrize(("spec", "there"), [("net", "net.yaml"), ("net.yml", "net.yaml"), ("net.yaml", "net.yml")])
def test_a_file_with_the_other_ending_is_suggested(spec, there, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / there).write_text("input: 3\nlayers: [{fc: 4}]\n")
    ran = run("summary", spec)
    assert (ran.status, ran.out, ran.err) == (2, "", f"there is no file {spec}\n   did you mean {there}?\n")
