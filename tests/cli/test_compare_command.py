"""`shapecalc compare` and `shapecalc diff` as they are run."""

from __future__ import annotations

import json

import pytest
from cli.running import run

import shapecalc
from shapecalc.questions.compare import compare

VGG = """\
− VGG11, input 3×224×224
+ VGG13, input 3×224×224

   Layer                  Kind  Output        Params           MACs
───────────────────────────────────────────────────────────────────
   … 2 unchanged layers
+  conv1_2.conv           conv  64×224×224    36,928  1,849,688,064
+  conv1_2.relu           relu  64×224×224         0              0
   … 3 unchanged layers
+  conv2_2.conv           conv  128×112×112  147,584  1,849,688,064
+  conv2_2.relu           relu  128×112×112        0              0
   … 24 unchanged layers

layers: 0 changed, 4 added, 0 removed, 29 the same
params: 132,863,336 → 133,047,848 (+184,512, +0.1 %)
MACs: 7,609,090,048 → 11,308,466,176 (+3,699,376,128, +48.6 %)
activations: 16,409,040 → 26,042,832 (+9,633,792, +58.7 %)
"""


def test_diff_at_80_columns():
    assert run("diff", "vgg11", "vgg13", columns=80) == (0, VGG, "")


CHANGED = """\
− net, input 3×64×64
+ net, input 3×64×64

   Layer               Output         Params        MACs  Arguments
───────────────────────────────────────────────────────────────────────────
−  a_first_…nvolution  128×32×32       3,456   3,538,944  out_channels=128,
                                                          kernel_size=3×3,
                                                          stride=2,
                                                          padding=1
+                      256×64×64      19,200  78,643,200  out_channels=256,
                                                          kernel_size=5×5,
                                                          stride=1,
                                                          padding=2
−  fc1                 10          1,310,730   1,310,720
+                                 10,485,770  10,485,760

"""


def test_what_changed_is_wrapped_and_never_cut(tmp_path):
    for name, arguments in (
        ("a", "out_channels: 128, kernel_size: 3, stride: 2, padding: 1"),
        ("b", "out_channels: 256, kernel_size: 5, stride: 1, padding: 2"),
    ):
        layers = f"- conv: {{{arguments}, bias: false}}\n  name: a_first_convolution\n- fc: 10\n"
        (tmp_path / f"{name}.yaml").write_text(f"name: net\ninput: 3x64x64\nlayers:\n{layers}")
    assert run("diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), columns=80).out.startswith(CHANGED)


def test_diff_of_settings_and_of_sizes():
    ran = run("diff", "resnet50", "--set-b", "width_per_group=128")
    assert ran.status == 0
    assert "−  layer1.0.conv1        conv        64×56×56        4,096   12,845,056  out_channels=64" in ran.out
    assert "+                                    128×56×56       8,192   25,690,112  out_channels=128" in ran.out
    assert "params: 25,557,032 → 68,883,240 (+43,326,208, +169.5 %)" in ran.out
    ran = run("diff", "alexnet", "--input-a", "256x256x3", "--input-b", "227x227x3")
    assert ran.out.startswith("− AlexNet, input 256×256×3\n+ AlexNet, input 227×227×3\n")
    both = run("diff", "resnet18", "--set", "classes=10", "--set-b", "classes=20")
    assert "layers: 1 changed, 0 added, 0 removed, 68 the same" in both.out


def test_diff_of_equal_networks_succeeds():
    ran = run("diff", "alexnet", "alexnet")
    assert (ran.status, "all layers are the same" in ran.out) == (0, True)
    assert run("diff", "lenet5", "lenet5", "--all").out.count("\n   ") > 5


def test_diff_of_one_specification_needs_two_settings():
    ran = run("diff", "alexnet")
    assert ran.status == 2
    assert "give a second SPEC, or a change to compare" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("words", [("diff", "resnet18", "resnet50"), ("diff", "alexnet", "bert-base-uncased"),
                                   ("compare", "alexnet", "vgg16", "resnet50", "mobilenet_v2", "unet")])  # fmt: skip
def test_no_output_is_wider_than_the_terminal(words, columns):
    ran = run(*words, columns=columns)
    assert ran.status == 0
    if columns >= 80:
        assert max(map(len, ran.out.splitlines())) <= columns


def test_colour_only_on_terminals():
    plain, colored = run("diff", "vgg11", "vgg13"), run("diff", "vgg11", "vgg13", columns=120, color=True)
    assert "\x1b" not in plain.out
    assert "\x1b[32m" in colored.out
    assert "\x1b" not in run("compare", "vgg11", "vgg13").out
    assert "\x1b" in run("compare", "vgg11", "vgg13", columns=120, color=True).out


def test_compare_three_networks():
    ran = run("compare", "alexnet", "vgg16")
    assert ran.status == 0
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "params 62,378,344 138,357,544 2.22×" in lines
    assert "fc 94.0 % 89.4 %" in lines
    assert "layers 21 39 1.86×" in lines


def test_compare_needs_two_networks():
    assert run("compare", "alexnet").status == 2


@pytest.mark.parametrize("command", ["compare", "diff"])
def test_json_and_markdown(command, tmp_path):
    printed = json.loads(run(command, "alexnet", "vgg16", "--format", "json").out)
    assert printed["version"] == 1
    file = tmp_path / "out.md"
    assert run(command, "alexnet", "vgg16", "--format", "markdown", "-o", file) == (0, "", "")
    table = [line for line in file.read_text().splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert set(table[1]) <= set("|:- ")


def test_names_with_escape_sequences_are_escaped():
    text = 'name: "a\\e[31m|*b*"\ninput: [3]\nlayers: [{relu: {}, name: "x|y*"}]\n'
    ran = run("compare", "-", "lenet5", text=text)
    assert "\x1b" not in ran.out


def test_a_batch_is_that_of_macs_and_of_activations():
    for command in ("compare", "diff"):
        one, two = (run(command, "alexnet", "vgg11", "--batch", batch, "--format", "json") for batch in ("1", "2"))
        one, two = (json.loads(ran.out) for ran in (one, two))
        before, after = ([found["a"], found["b"]] if "a" in found else found["networks"] for found in (one, two))
        for single, double in zip(before, after, strict=True):
            factors = {"params": 1, "active_params": 1, "macs": 2, "buffers": 1, "activations": 2, "layers": 1}
            assert double["total"] == {name: factors[name] * value for name, value in single["total"].items()}
            assert ("batch" in single, double["batch"]) == (False, 2)
            for kind, doubled in zip(single.get("kinds", ()), double.get("kinds", ()), strict=True):
                assert doubled["activations"] == 2 * kind["activations"]
        note = "MACs and activations are for a batch of 2.\n"
        assert run(command, "alexnet", "vgg11", "--batch", "2").out.endswith(note)
        assert "MACs and activations are" not in run(command, "alexnet", "vgg11").out


def test_batches_that_differ_are_named():
    alexnet = shapecalc.load("alexnet")
    printed = str(compare([alexnet.infer(), alexnet.infer(batch=2)]))
    assert printed.endswith("MACs and activations are AlexNet for one sample, AlexNet for a batch of 2.")


@pytest.mark.parametrize("command", ["compare mlp alexnet", "diff mlp alexnet", "diff unet mlp"])
def test_an_error_of_a_variable_names_the_network(command):
    ran = run(*command.split(), "--set", "width=8")
    assert (ran.status, ran.err) == (2, "mlp: there is no variable width to set\n   known here: classes, hidden\n")
    ran = run(*command.split(), "--set", "width")
    assert ran.err == "--set width is not NAME=VALUE\n   write for instance --set width=32\n"
