"""`shapecalc layer`: one layer from the command line, its options made from the kind's declaration."""

from __future__ import annotations

import json
import re
import shlex

import click
import pytest
from running import run
from searching import some

from shapecalc.cli.layer import command
from shapecalc.layers import KINDS
from shapecalc.renderers.answers.examples import example_command

CONV = "layer conv --input 227x227x3 --layout hwc --out-channels 96 --kernel-size 11 --stride 4"
CASES = [(kind, number) for kind, cls in KINDS.items() for number in range(len(cls.examples))]


def layer(text, **rest):
    return run(*shlex.split(text), **rest)


def test_a_convolution():
    ran = layer(CONV)
    assert ran.out == (
        "conv  227×227×3 → 55×55×96\n\n"
        "  params       34,944  34,848 weights + 96 biases\n"
        "  MACs    105,415,200  for one sample\n"
        "  bytes      1.11 MiB  of its output: 290,400 elements × 4 bytes\n"
    )
    assert (ran.status, ran.err) == (0, "")


def test_explain_of_a_layer():
    out = layer(f"{CONV} --explain").out
    assert "(11²·3 + 1)·96 = (363 + 1)·96 = 34,944" in out
    assert "C_out = 96 (out_channels), k = 11 (kernel_size), s = 4 (stride)" in out
    assert "layers[" not in out
    assert json.loads(layer(f"{CONV} --explain --format json").out)["layers"][0]["params"] == 34_944
    assert layer(f"{CONV} --explain --format markdown").out.startswith("## ")


@pytest.mark.parametrize(("kind", "number"), some(CASES, 30))
def test_every_example_of_every_kind(kind, number):
    cls = KINDS[kind]
    example = cls.examples[number]
    ran = layer(example_command(cls, example).removeprefix("shapecalc ") + " --format json")
    assert (ran.status, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert report["total"]["params"] == example.params
    assert report["total"]["macs"] == example.macs
    outputs = example.output if isinstance(example.output, list) else [example.output]
    assert report["layers"][-1]["output_shapes"] == [list(sizes) for sizes in outputs]


@pytest.mark.parametrize("kind", some(KINDS, 20))
def test_every_argument_is_an_option_and_in_the_help(kind):
    cls = KINDS[kind]
    made = command.get_command(click.Context(command), kind)
    spelled = [name for option in made.params for name in (*option.opts, *option.secondary_opts)]
    assert len(spelled) == len(set(spelled)), "no option is spelled like another"
    for word in cls.argument_names():
        assert f"--{word.replace('_', '-')}" in spelled
        assert word != "help"
    printed = layer(f"layer {kind} --help").out
    for argument in cls.arguments.values():
        assert f"--{argument.name.replace('_', '-')}" in printed


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ("--kernel-size 3x5", "(3×5 + 1)"),
        ("--kernel-size 3,5", ""),
        ("--kernel-size [3,5]", ""),
    ],
)
def test_one_number_per_axis(options, given):
    report = json.loads(layer(f"layer conv --input 3x9x9 --out-channels 4 {options} --format json").out)
    assert report["layers"][0]["arguments"]["kernel_size"] == [3, 5]


@pytest.mark.parametrize(
    ("padding", "read"),
    [
        ("1", [1, 1]),
        ("1x2", [1, 2]),
        ("0:1x2:3", [[0, 1], [2, 3]]),
        ("[[0,1],[2,3]]", [[0, 1], [2, 3]]),
        ("(1,2)", [1, 2]),
        ("((0,1),(2,3))", [[0, 1], [2, 3]]),
        ("same", "same"),
    ],
)
def test_padding(padding, read):
    text = f"layer conv --input 3x9x9 --out-channels 4 --kernel-size 3 --padding {padding} --format json"
    assert json.loads(layer(text).out)["layers"][0]["arguments"]["padding"] == read


def test_keras_names_and_flags():
    out = layer("layer conv --input 3x9x9 --filters 4 --kernel-size 3 --strides 2 --no-use-bias --format json").out
    entry = json.loads(out)["layers"][0]
    assert (entry["biases"], entry["arguments"]["stride"]) == (0, [2, 2])


@pytest.mark.parametrize("options", ["--dim 2 --dim 3", "--dim 2x3", "--dim 2,3", "--axis 2 --dim 3", "--dim [2,3]"])
def test_a_list_is_one_option_or_several(options):
    assert layer(f"layer mean --input 3x8x9 {options}").out.startswith("mean  3×8×9 → 3\n")


def test_help_shows_how_lists_are_written():
    assert "--dims N|NxN " in layer("layer permute --help").out
    assert "--dim, --axis N|NxN|channels " in layer("layer mean --help").out


_USED_TWICE = "layer conv --input 3x9x9 --out-channels 4 --kernel-size 3 "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_USED_TWICE + "--kernel-size 5", "Invalid value for '--kernel-size': it is given 2 times, but is one value; for "
         "different axes, write --kernel-size 3x5"),
        (_USED_TWICE + "--out-channels 5", "Invalid value for '--out-channels' / '--filters': it is given 2 times, but is "
         "one value"),
        ("layer permute --input 3x8x9 --dims 2 3 1", "Got unexpected extra arguments (3 1): write a list as one word: --dims "
         "2x3x1"),
        (_USED_TWICE + "--bias=false", "Option '--bias' does not take a value: write --no-bias alone"),
        (_USED_TWICE + "--bias=true", "Option '--bias' does not take a value: write --bias alone"),
        (_USED_TWICE + "--bias False", "Got unexpected extra argument (False): write --no-bias alone"),
        (_USED_TWICE + "--use-bias yes", "Got unexpected extra argument (yes): write --bias alone"),
        (_USED_TWICE + "--no-bias false", "Got unexpected extra argument (false): --no-bias has no value"),
        ("layer conv 3x9x9", "Got unexpected extra argument (3x9x9)"),
    ],
)  # fmt: skip
def test_repeated_options_and_words_left_over(text, message):
    ran = layer(text)
    assert ran.status == 2
    assert ran.err.splitlines()[-1] == f"Error: {message}"


def test_several_inputs():
    assert "96×28×28" in layer("layer concat --input 64x28x28 --input 32x28x28").out


def test_a_kind_without_inputs():
    assert "100×256" in layer("layer parameter --shape 100x256").out


def test_a_composite_kind_is_a_table():
    out = layer("layer feed_forward --input 197x768 --dim 768 --hidden-dim 3072").out
    assert "linear2" in out
    assert "4,722,432" in out


def test_also_names_of_kinds():
    assert layer("layer Conv2d --input 3x9x9 --out-channels 4 --kernel-size 3").status == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layer cnv", "there is no kind of layer called 'cnv': did you mean conv?"),
        ("layer conv --input 3x9x9 --kernl-size 3", "No such option.*--kernl-size.*--kernel-size"),
        ("layer conv --input 3x9x9", r"conv needs --out-channels \(.*\), --kernel-size \(size of the window\)"),
        ("layer conv --out-channels 3 --kernel-size 3", "conv needs --input"),
        ("layer conv --input 3x9x9 --out-channels x --kernel-size 3", "'x' is not a whole number"),
        (
            "layer conv --input 3x9x9 --out-channels 0 --kernel-size 3",
            "out_channels must be a whole number of at least 1",
        ),
        ("layer conv --input 3x9x9 --out-channels 3 --kernel-size 3 --padding sme", "did you mean same"),
        ("layer conv --input 3x9x9 --out-channels 3 --kernel-size 3 --format pdf", "'pdf' is not one of"),
        ("layer conv --input 3xx9 --out-channels 3 --kernel-size 3", "'3xx9' is not a size"),
        ("layer conv --input 3x9x9 --out-channels 3 --kernel-size 3 --explain --format csv", "there is no format csv"),
    ],
)
def test_wrong_commands(text, words):
    ran = layer(text)
    assert ran.status == 2
    assert re.search(words, ran.err), ran.err
    assert ran.out == ""
    assert "<dict>" not in ran.err


def test_a_shape_error():
    ran = layer("layer conv --input 3x5x5 --out-channels 3 --kernel-size 9")
    assert ran.status == 1
    assert ran.err.startswith("the 9×9 window does not fit its 5×5 input\n")
    ran = layer("layer relu --input 3 --input 3")
    assert ran.status == 1
    assert "relu expects 1 input" in ran.err


OTHER_LAYOUT = (
    "sizes are read as channels × height × width here: write 3x224x224, or layout: HWC if the channels come last"
)


def test_a_doubtful_input_has_the_notes_of_summary():
    out = layer("layer linear --input 224x224x3 --out-features 10").out
    notes = " ".join(out.partition("bytes")[2].partition("\n\n")[2].split())
    flatten = "linear works along the last axis of 224×224×3 alone: put `- flatten` before it, or use fc, for all its features"
    assert notes == f"{OTHER_LAYOUT} {flatten}"
    assert max(map(len, out.splitlines())) <= 100


def test_a_shape_error_has_the_hints_of_summary():
    ran = layer("layer conv --input 224x224x3 --in-channels 3 --out-channels 8 --kernel-size 7")
    assert ran.err == f"channels of the input (=224) must equal in_channels (=3)\n   {OTHER_LAYOUT}\n"


def test_help_has_few_lines():
    out = layer("layer --help").out
    assert "shapecalc layer conv --input 227x227x3" in out
    assert len(out.splitlines()) < 20


@pytest.mark.parametrize("kind", ["separable_conv", "transformer_encoder_layer", "scaled_dot_product_attention"])
def test_the_example_in_the_help_is_one_command_in_lines_that_fit(kind):
    out = run("layer", kind, "--help", columns=80).out
    example = out[out.index("  shapecalc layer ") : out.index("\nOptions:")].strip()
    assert max(map(len, example.splitlines())) <= 78
    words = shlex.split(example.replace("\\\n", " "))
    assert words == shlex.split(example_command(KINDS[kind], KINDS[kind].examples[0]))
    assert run(*words[1:]).status == 0


@pytest.mark.parametrize(("padding", "size"), [("0:1x2:2", "4×7×10"), ("0:1x2", ""), ("2x0:1", "")])
def test_padding_as_pairs_is_a_pair_for_each_axis(padding, size):
    """Of torch.nn.functional.pad(x, (2, 2, 0, 1)) and Conv2d(3, 4, 3)."""
    ran = run("layer", "conv", "--input", "3x8x8", "--out-channels", "4", "--kernel-size", "3", "--padding", padding)
    if size:
        assert size in ran.out
    else:
        assert ran.status == 2
        assert f"{padding} has a pair for one axis, and a number for another" in ran.err
        assert "2 before and after is 2:2" in ran.err
