"""Partial reports: all layers that could be inferred are shown, then the shape error."""

from __future__ import annotations

import json
import pickle

import pytest
from running import run

import shapecalc
from shapecalc.renderers import FORMATS

CHAIN = """\
name: mine
input: 3x224x224
layers:
- conv: {out_channels: 64, kernel_size: 11, stride: 4, padding: 2}
- max_pool: {kernel_size: 3, stride: 2}
- conv: {out_channels: 128, kernel_size: 5, padding: 2}
- fc: {out_features: 10, in_features: 9216}
- softmax
expect: {params: 1}
"""

BRANCHES = """\
input: 3x8x8
layers:
- conv: {out_channels: 4, kernel_size: 3}
  name: good
- conv: {out_channels: 4, kernel_size: 9}
  name: bad
- relu:
  name: behind
  from: bad
- conv: {out_channels: 6, kernel_size: 1}
  name: also_good
  from: good
- concat: [behind, also_good]
- conv: {out_channels: 6, kernel_size: 1}
  name: user
  from: good
  share: bad
outputs: [concat1, also_good, user]
"""

ERROR = "features of the input (=93312) must equal in_features (=9216)"
KNOWN = ["conv1", "max_pool1", "conv2"]


@pytest.mark.parametrize("command", ["summary", "explain", "rf"])
def test_sizes_are_shown_up_to_the_error(command):
    ran = run(command, "-", text=CHAIN)
    assert ran.status == 1
    assert "128×27×27" in ran.out
    assert "fc1" not in ran.out
    assert ERROR in ran.err
    assert "its input is 128×27×27 = 93,312 from conv2" in ran.err
    contract = json.loads(run(command, "-", "--format", "json", text=CHAIN).out)
    assert [layer["name"] for layer in contract["layers"]] == KNOWN
    assert contract["complete"] is False
    assert contract["missing"] == 2
    (problem,) = contract["problems"]
    assert (problem["line"], problem["layer"]) == (7, "fc1")
    assert ERROR in problem["message"]


def test_a_complete_report_has_no_partial_keys():
    contract = json.loads(run("summary", "alexnet", "--format", "json").out)
    assert not {"complete", "missing", "problems"} & {*contract}
    assert "Incomplete" not in run("summary", "alexnet").out


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format(format_):
    ran = run("summary", "-", "--format", format_, text=CHAIN)
    assert ran.status == 1
    assert "conv2" in ran.out
    assert ERROR in ran.err


def test_a_file_is_written_only_if_the_report_is_complete(tmp_path):
    file = tmp_path / "sizes.md"
    file.write_text("before")
    for command in ("summary", "explain", "rf"):
        ran = run(command, "-", "-o", file, text=CHAIN)
        assert (ran.status, ran.out) == (1, "")
        assert ERROR in ran.err
    assert file.read_text() == "before"


def test_named_layers():
    for command in ("explain", "rf"):
        ran = run(command, "-", "conv2", text=CHAIN)
        assert ran.status == 1
        assert "conv2" in ran.out
        assert ERROR in ran.err
        ran = run(command, "-", "fc1", text=CHAIN)
        assert (ran.status, ran.out) == (1, "")
        assert ERROR in ran.err
    ran = run("explain", "-", "fc1", "conv1", text=CHAIN)
    assert "conv1 · conv" in ran.out
    assert "max_pool1 ·" not in ran.out


def test_an_error_in_the_first_layer():
    for command in ("summary", "explain", "rf"):
        ran = run(command, "-", text="input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 9}}]")
        assert ran.status == 1
        assert "window does not fit" in ran.err
        assert "Traceback" not in ran.err


def test_every_branch_up_to_its_failure():
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.load(BRANCHES).infer()
    report = caught.value.report
    assert [row.name for row in report] == ["good", "also_good", "user"]
    assert [row.from_ for row in report] == [("input",), ("good",), ("good",)]
    assert report.outputs == {"also_good": (6, 6, 6), "user": (6, 6, 6)}
    assert report["user"].params == 30, "the owner of its weights is not there to count them"
    assert (report.is_complete, report.missing) == (False, 3)
    assert report.problems == caught.value.problems
    whole = shapecalc.load(BRANCHES.replace("kernel_size: 9", "kernel_size: 1").replace("share: bad", "when: true"))
    for row in report:
        assert row.output_shapes == whole.infer()[row.name].output_shapes
    assert pickle.loads(pickle.dumps(caught.value)).problems[0].message == caught.value.problems[0].message


def test_in_features_after_a_shape_error():
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.in_features(CHAIN)
    with pytest.raises(shapecalc.ShapeError):
        _ = caught.value.report.in_features


def test_expectations_are_not_checked_on_partial_reports():
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.load(CHAIN).check()
    assert caught.value.report.graph.expectations == ()
    assert "not 1" not in run("check", "-", text=CHAIN).err


SHARED = """\
input: 8x8x8
layers:
- conv: {out_channels: 8, kernel_size: 3, padding: 1}
  name: owner
- conv: {out_channels: 8, kernel_size: 3, padding: 1}
  name: user
  share: owner
- chunk: 2
- conv: {out_channels: 3, kernel_size: 9}
  from: chunk1[1]
outputs: ["chunk1[5]", "chunk1[1]", conv1]
"""


def test_sharing_and_outputs_beyond_the_error():
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.load(SHARED).infer()
    report = caught.value.report
    assert [(row.name, row.params, row.shares) for row in report] == [
        ("owner", 584, ""),
        ("user", 0, "owner"),
        ("chunk1", 0, ""),
    ]
    assert report.outputs == {"chunk1[1]": (4, 8, 8)}
    assert [problem.headline for problem in caught.value.problems] == [
        "conv1 (conv): the 9×9 window does not fit its 8×8 input",
        "outputs: chunk1 has 2 outputs: there is no chunk1[5]",
    ]


UNSHARED = """input: 8x10x10
layers:
- conv: {out_channels: 8, kernel_size: 3}
  name: a
- conv: {out_channels: 16, kernel_size: 3}
  share: a
"""


def test_weights_that_cannot_be_shared_are_the_layers_own():
    ran = run("summary", "-", text=UNSHARED)
    assert "Incomplete: there is 1 error, though every layer could be inferred.\n1,752 parameters" in ran.out
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.load(UNSHARED).infer()
    assert [(row.params, row.shares) for row in caught.value.report] == [(584, ""), (16 * (8 * 9 + 1), "")]
    both = UNSHARED + "outputs: [conv1, 'conv1[4]']\n"
    assert "Incomplete: there are 2 errors, though" in run("summary", "-", text=both).out


@pytest.mark.parametrize(
    "command", ["summary", "check", "sizes", "formula", "sweep", "memory", "explain", "compare - -"]
)
def test_a_missing_output_is_an_error(command):
    text = SHARED.replace("kernel_size: 9", "kernel_size: 1")
    name, *more = command.split()
    ran = run(name, *(more or ["-"]), text=text)
    assert "Traceback" not in ran.err
    if name != "compare":
        assert "chunk1 has 2 outputs: there is no chunk1[5]" in " ".join((ran.err + ran.out).split()), ran.out


BLOCKS = """\
input: 3x40x40
blocks:
  inner: {layers: [relu, relu]}
  res:
    layers:
      - inner
      - conv: {out_channels: 16, kernel_size: 3}
      - add: [conv1, input]
layers:
  - inner
  - conv: {out_channels: 16, kernel_size: 1}
  - res
  - inner
"""


def test_a_block_that_is_not_finished_is_not_collapsed():
    """Else its line would have the counts of a part, and the output of a layer within."""
    with pytest.raises(shapecalc.ShapeError) as caught:
        shapecalc.load(BLOCKS).infer()
    report = caught.value.report
    assert [line.name for line in report.lines(1)] == ["inner1", "conv1", "res1.inner1", "res1.conv1"]
    expanded = ["inner1.relu1", "inner1.relu2", "conv1", "res1.inner1", "res1.conv1"]
    assert [line.name for line in report.lines(2)] == expanded
    assert {report.graph.blocks[index].name for index in report.unfinished} == {"res1", "inner2"}
    assert "res1.conv1" in run("summary", "-", "--depth", "1", text=BLOCKS).out


def test_a_square_input_without_channels_is_doubted():
    doubt = "28×28 is read as channels × length here: an image has a channel axis too, such as 3x28x28"
    conv = "layers: [{%s: {out_channels: 8, kernel_size: %d}}]\n"
    assert doubt in run("summary", "-", text="input: 28x28\n" + conv % ("conv", 3)).out
    assert doubt in run("summary", "-", text="input: 28x28\n" + conv % ("conv", 31)).err
    turned = run("summary", "-", text="layout: HWC\ninput: 28x28\n" + conv % ("conv", 3)).out
    assert "28×28 is read as length × channels here: an image has a channel axis too, such as 28x28x3" in turned
    for text in ("input: 28x28\n" + conv % ("conv1d", 3), "input: 28x29\n" + conv % ("conv", 3),
                 "input: 8x8\n" + conv % ("conv", 3), "input: 28x28\nlayers: [{linear: 3}]\n"):  # fmt: skip
        assert "is read as" not in run("summary", "-", text=text).out


@pytest.mark.parametrize(
    ("size", "layer", "words"),
    [
        ("3x8", "conv", "Sizes are C×L, "),
        ("3x8x8", "conv", "Sizes are C×H×W, "),
        ("3x8x8x8", "conv", "Sizes are C×D×H×W, "),
        ("3x8x8x8", "mean: {dim: 2}", "Sizes are without"),
    ],
)
def test_sizes_are_named_by_their_number_of_axes(size, layer, words):
    layer = "conv: {out_channels: 2, kernel_size: 3}" if layer == "conv" else layer
    assert words in run("summary", "-", text=f"input: {size}\nlayers: [{{{layer}}}]\n").out


def test_errors_are_wrapped_to_the_terminal_and_the_lines_they_cite_are_cut():
    text = (
        "input: 3x8x8\nlayers:\n"
        "- conv: {in_channels: 7, out_channels: 8, kernel_size: 3, padding: 1, stride: 2, dilation: 1}\n"
    )
    assert run("check", "-", text=text, columns=60).err == (
        "<stdin>:3:3: conv1 (conv): channels of the input (=3) must\n"
        "   equal in_channels (=7)\n"
        "    3 │ - conv: {in_channels: 7, out_channels: 8, kernel_si…\n"
        "      │   ^^^^\n"
        "   in_channels: 3 would fit, or leave it out: it is inferred\n"
    )
    wrong = text.replace("dilation: 1", "dilation: no").replace("7", "3")
    assert [line for line in run("check", "-", text=wrong, columns=60).err.splitlines() if "│" in line] == [
        "    3 │ …ernel_size: 3, padding: 1, stride: 2, dilation: no}",
        "      │                                                  ^^",
    ]
    assert "channels of the input (=3) must equal in_channels (=7)\n" in run("check", "-", text=text).err
