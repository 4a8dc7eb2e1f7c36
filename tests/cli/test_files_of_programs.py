"""Files made by programs: merges of one input, unused inputs, scalars, padding of any axis.

Every command accepts them.
"""

from __future__ import annotations

import json

import pytest
from running import run
from searching import some

import shapecalc

SPEC = """
name: exported
inputs: {image: 3x8x8, text: 5x9, unused: 4, scale: [], one: 1}
layers:
  - parameter: []
    name: temperature
  - add: {branches: [scale, temperature]}
    name: factor
  - conv: {out_channels: 4, kernel_size: 3}
    name: features
    from: image
  - concat: [features]
  - add: {}
  - pad: {padding: [[1, 3]], dim: channels}
  - pad: {padding: [[0, 1], [2, -1]], dim: [1, -1], mode: constant}
  - mul: {branches: [pad2, factor]}
  - sum: {}
    name: total
  - reshape: []
  - mul: {branches: [reshape1, one]}
    name: scaled
  - fc: 7
    name: left_out
    from: text
outputs: [total, scaled, pad2]
expect: {params: 113, output: [], outputs: {total: [], scaled: 1, pad2: 9x6x7}, layer: {temperature: {output: [], params: 1}}}
"""

COMMANDS = [
    ("summary",), ("summary", "--format", "json"), ("summary", "--format", "csv"), ("summary", "--format", "markdown"),
    ("summary", "--format", "latex"), ("summary", "--format", "html"), ("summary", "--format", "svg"), ("summary", "--shares"),
    ("explain",), ("explain", "--format", "markdown"), ("explain", "--format", "latex"), ("explain", "--format", "json"),
    ("memory",), ("memory", "--layers"), ("memory", "--training"), ("memory", "--order", "best"),
    ("memory", "--format", "json"), ("rf",), ("rf", "--format", "json"), ("formula",), ("formula", "--format", "latex"),
    ("formula", "--format", "python"), ("formula", "--format", "json"), ("check",), ("check", "--format", "json"),
    ("sizes",), ("sizes", "--format", "json"), ("sweep", "--input", "image=3x{8,9}x8"), ("solve", "--fix"),
]  # fmt: skip


@pytest.fixture
def spec(tmp_path):
    file = tmp_path / "exported.yaml"
    file.write_text(SPEC)
    return file


@pytest.mark.parametrize("command", some(map(list, COMMANDS), 14), ids=" ".join)
def test_every_command_accepts_them(command, spec):
    name, *options = command
    ran = run(name, spec, *options)
    assert (ran.status, ran.err) == (0, ""), ran.err
    assert ran.out


def test_two_of_them_compared(spec):
    assert run("compare", spec, spec).status == 0
    assert run("diff", spec, spec).status == 0


def test_sizes_are_correct(spec):
    report = shapecalc.load(spec).infer()
    assert {name: row.output_shapes for name, row in ((row.name, row) for row in report.rows)} == {
        "temperature": [()], "factor": [()], "features": [(4, 6, 6)], "concat1": [(4, 6, 6)], "add1": [(4, 6, 6)],
        "pad1": [(8, 6, 6)], "pad2": [(9, 6, 7)], "mul1": [(9, 6, 7)], "total": [()], "reshape1": [()], "scaled": [(1,)],
    }  # fmt: skip
    assert report.inputs == {"image": (3, 8, 8), "text": (5, 9), "unused": (4,), "scale": (), "one": (1,)}


def test_unused_inputs_are_noted(spec):
    out = " ".join(run("summary", spec).out.split())
    assert "left out, since the outputs do not need it: 1 layer (left_out)" in out
    assert "not used, since the outputs do not need it: 2 inputs (text, unused)" in out


def test_without_outputs_an_unused_input_is_an_error(tmp_path):
    file = tmp_path / "two.yaml"
    file.write_text("inputs: {a: 3, b: 4}\nlayers: [{relu: , from: a}]\n")
    ran = run("summary", file)
    assert ran.status == 1
    assert "the input b is not used" in ran.err


def test_a_network_of_scalars(tmp_path):
    file = tmp_path / "number.yaml"
    file.write_text("input: []\nlayers: [relu, {add: {branches: [relu1]}}, {mul: [[], []]}]\nexpect: {output: []}\n")
    assert run("sizes", file).out == "number\n\nno input has an axis whose size can vary\n"
    assert json.loads(run("sizes", file, "--format", "json").out)["inputs"] == []
    out = run("formula", file).out
    assert "  output = scalar\n" in out
    assert out.endswith("verified by inference at 1 points\n")
    assert r"\text{output} &= \text{scalar} \\" in run("formula", file, "--format", "latex").out
    assert run("check", file).status == 0
    ran = run("rf", file)
    assert (ran.status, "no input has channels and spatial axes" in ran.err) == (2, True)
    assert run("layer", "relu", "--input", "[]").out.startswith("relu  scalar → scalar\n")
    assert run("summary", file, "--input", "[]").status == 0
    assert shapecalc.load(file, input=[]).infer().outputs == {"mul1": ()}


def test_a_size_of_zero_is_rejected(tmp_path):
    file = tmp_path / "zero.yaml"
    file.write_text("input: [0]\nlayers: [relu]\n")
    assert "an input size must be a whole number of at least 1, not 0" in run("summary", file).err


def test_padding_of_named_axes_is_named_by_axis_number(spec):
    out = run("explain", spec).out
    assert "C_out = C_in + p_before + p_after = 4 + 1 + 3 = 8" in out
    assert "C_out = C_in + p_before1 + p_after1 = 8 + 0 + 1 = 9" in out
    assert "W_out = W_in + p_before2 + p_after2 = 6 + 2 + (−1) = 7" in out


def test_layer_checks_the_rank_in_the_name():
    ran = run(
        "layer", "conv2d", "--input", "1x3x9x9", "--in-channels", "3", "--out-channels", "3", "--kernel-size", "3"
    )
    assert (ran.status, ran.err) == (1, (
        "conv2d needs channels and 2 spatial axes, but its input 1×3×9×9 has 4 axes in all\n"
        "   sizes are given without the batch axis: write 3x9x9, not 1x3x9x9, if 1 is the batch\n"
    ))  # fmt: skip
    assert run("layer", "conv2d", "--input", "3x9x9", "--out-channels", "3", "--kernel-size", "3").status == 0


def test_solve_checks_the_rank_in_the_name():
    ran = run("solve", "conv1d", "--input", "32x32", "--output", "16x16")
    assert (ran.status, ran.err) == (
        2,
        "conv1d needs 1 spatial axis, but its input has 2 sizes\n   write 32, if the first are channels\n",
    )
    assert run("solve", "conv1d", "--input", "32", "--output", "16").status == 0
    assert run("solve", "Conv2d", "--input", "32x32", "--output", "16x16").status == 0


@pytest.mark.parametrize(
    ("kind", "inputs"), [("matmul", "2"), ("concat", "1 or more"), ("lstm", "1 to 3"), ("conv", "")]
)
def test_a_kinds_page_shows_the_number_of_inputs(kind, inputs):
    for format_ in ("markdown", "html"):
        page = run("layers", kind, "--format", format_).out
        assert (f"Inputs: {inputs}." in page) == bool(inputs)
    assert f"inputs {inputs or 1} " in " ".join(run("layers", kind).out.split())


@pytest.mark.parametrize(("kind", "axes"), [
    ("conv", "channels and 1, 2 or 3 spatial axes; as many as a name with 1d, 2d or 3d in it states"),
    ("pixel_shuffle", "channels and 2 spatial axes"),
    ("instance_norm", "channels and at least 1 spatial axis; as many as a name with 1d, 2d or 3d in it states"),
])  # fmt: skip
def test_a_kinds_page_shows_the_number_of_axes(kind, axes):
    assert f"axes {axes} " in " ".join(run("layers", kind).out.split())
    assert f"Axes of the input: {axes}." in run("layers", kind, "--format", "markdown").out
    assert json.loads(run("layers", "pixel_shuffle", "--format", "json").out)["kinds"][0]["spatial_axes"] == [2, 2]
