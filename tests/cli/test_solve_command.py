"""`shapecalc solve` at the terminal."""

from __future__ import annotations

import json

import pytest
from running import run


def test_a_kind():
    ran = run("solve", "conv", "--input", "227", "--output", "55")
    assert ran.status == 0
    assert ran.out.splitlines()[4].split() == ["11", "4", "0", "1", "yes"]
    fixed = run("solve", "max_pool", "--input", "55", "--output", "27", "--pool-size=3", "--stride", "2")
    assert "kernel_size=3, stride=2" in fixed.out


def test_json():
    ran = run("solve", "conv", "--input", "227", "--output", "55", "--format", "json", "--top", "2")
    found = json.loads(ran.out)
    assert found["version"] == 1
    assert len(found["solutions"]) == 2
    assert found["solutions"][0]["arguments"] == {"kernel_size": 11, "stride": 4, "padding": 0, "dilation": 1}
    found = json.loads(run("solve", "unet", "--for", "width", "--params", "5M", "--format", "json").out)
    assert found["solutions"][0] == {"settings": {"width": 25}, "amounts": {"params": 4736702}, "used": 0.94734}
    found = json.loads(run("solve", "alexnet", "--fix", "--format", "json").out)
    assert (found["problems"], found["fixes"]) == ([], [])


def test_no_solution_is_exit_status_1():
    ran = run("solve", "conv", "--input", "10", "--output", "300")
    assert (ran.status, "nearest:" in ran.out) == (1, True)
    ran = run("solve", "unet", "--for", "width", "--params", "500")
    assert (ran.status, "the minimum is:" in ran.out) == (1, True)


def test_answers_fit_a_terminal():
    ran = run("solve", "mobilenet_v1", "--for", "classes=1000:2000:1000", "--params", "10", columns=80)
    assert max(map(len, ran.out.splitlines())) <= 80
    fixed = run("solve", "max_pool", "--input", "112", "--output", "56", "--ceil-mode", "true", "--stride", "2")
    assert fixed.out.startswith("max_pool, 112 → 56, ceil_mode=true, stride=2\n")


def test_fixes():
    text = "input: 3x8x8\nlayers:\n  - conv: {out_channels: 4, kernel_size: 9}\n"
    ran = run("solve", "-", "--fix", "--top", "1", text=text)
    assert ran.status == 0
    assert "      3 -   - conv: {out_channels: 4, kernel_size: 9}" in ran.out
    assert "      3 +   - conv: {out_channels: 4, kernel_size: 9, padding: 1}" in ran.out


def test_memory_says_what_it_includes():
    ran = run("solve", "unet", "--for", "width", "--memory", "64MiB", "--bits", "8", columns=80)
    printed = " ".join(ran.out.split())
    assert "weights, buffers and live activations at their peak" in printed
    assert "`shapecalc memory --weights 8 --activations 8 --buffers 8`" in printed
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.slow
def test_fractions_and_variables_without_effect():
    ran = run("solve", "mobilenet_v1", "--for", "width", "--params", "1M")
    assert "width from 0.05 to 4 in steps of 0.05" in ran.out
    ran = run("solve", "mobilenet_v1", "--for", "width=0.25,0.5,1", "--params", "1M")
    assert "470,072" in ran.out
    assert "3 values of width from 0.25 to 1" in ran.out
    ran = run("solve", "resnet50", "--for", "input", "--params", "30M")
    assert (ran.status, "no setting" in ran.out, "input does not change params" in ran.out) == (1, False, True)


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ("--ceil-mode", "true"),
        ("--ceil-mode true", "true"),
        ("--no-ceil-mode", "false"),
        ("--ceil-mode=false", "false"),
    ],
)
def test_flags_of_a_kind(options, flag):
    ran = run("solve", "max_pool", "--input", "112", "--output", "56", *options.split(), "--stride", "2", "--top", "1")
    assert ran.out.startswith(f"max_pool, 112 → 56, ceil_mode={flag}, stride=2\n")
    assert ran.out.endswith("exact: every window ends at the edge of the padded input; no row is left out\n")


def test_channels_among_the_sizes():
    ran = run("solve", "conv", "--input", "3x32x32", "--output", "64x16x16")
    note = "sizes are spatial: if the first are channels, leave them out: 32x32 and 16x16"
    assert (ran.status, ran.out.splitlines()[-1]) == (1, note)
    ran = run("solve", "conv", "--input", "32x32x3", "--output", "16x16x64", "--format", "json")
    assert json.loads(ran.out)["notes"] == [
        "sizes are spatial: if the last are channels, leave them out: 32x32 and 16x16"
    ]
    assert "notes" not in json.loads(
        run("solve", "conv", "--input", "9x9x9", "--output", "7x7x7", "--format", "json").out
    )


BAD = [
    (
        ["Conv2d", "--input", "32", "--output", "16"],
        "Conv2d needs 2 spatial axes, but its input has 1 size\n   write 32x32\n",
    ),
    (
        ["Conv2d", "--input", "3x32x32", "--output", "8x16x16"],
        "Conv2d needs 2 spatial axes, but its input has 3 sizes\n   write 32x32, if the first are channels\n",
    ),
    (
        ["resnet50", "--for", "bottleneck", "--params", "5M"],
        "not a number in the specification, but true\n   only variables",
    ),
    (
        ["max_pool", "--input", "9", "--output", "3", "--stride", "--ceil-mode"],
        "--stride is not an option with a value",
    ),
    (["conv", "--input", "227"], "--input 227 --output 55"),
    (["conv"], "to solve conv, give its input and output sizes"),
    (["convv", "--input", "3", "--output", "3"], "did you mean conv?"),
    (["convv", "--input", "3"], "did you mean conv?"),
    (["nn.Conv2d", "--input", "9x9", "--output", "5x5"], "is not a kind of layer\n   did you mean Conv2d?"),
    (["unet", "--parms", "5M"], "no such option --parms\n   did you mean --params?\n"),
    (["unet", "--mac=1G"], "no such option --mac\n   did you mean --macs?\n"),
    (
        ["unet", "--flops", "1G"],
        "no such option --flops\n   use --macs with half the number: a multiply-accumulate is two FLOPs\n",
    ),
    (["unet", "--latency", "1"], "no such option --latency\n   see shapecalc solve --help\n"),
    (["unet", "--kernel-size", "3"], "--kernel-size does not apply: unet is not a kind of layer\n"),
    (["unet", "--no-ceil-mode"], "--no-ceil-mode does not apply: unet is not a kind of layer\n"),
    (["unet", "--for", "width"], "--params 5M, --macs 300M or --memory 512KiB"),
    (
        ["conv", "--input", "227", "--output", "55", "--params", "5M"],
        "--params does not apply: conv is a kind of layer",
    ),
    (
        ["conv", "--input", "227", "--output", "55", "--kernel", "5"],
        "no argument --kernel\n   did you mean --kernel-size?\n",
    ),
    (["conv", "--input", "227", "--output", "55", "--stride"], "not an option with a value"),
    (["conv", "--input", "22x", "--output", "55"], "is not a size"),
    (["unet", "--for", "width", "--params", "5X"], "the budget of params is not a count: '5X'"),
    (["unet", "--for", "width=9:3", "--params", "5M"], "is empty"),
    (
        ["unet", "--for", "width", "--params", "5M", "--stride", "3"],
        "--stride does not apply: unet is not a kind of layer",
    ),
    (["nothing_of_the_sort", "--fix"], "there is no file"),
    (["unet", "--for", "width=1:9999999", "--params", "5M"], "at most"),
]


@pytest.mark.parametrize(("words", "printed"), BAD)
def test_wrong_options(words, printed):
    ran = run("solve", *words)
    assert ran.status == 2
    assert printed in ran.err
    assert not ran.out


def test_sizes_prints_the_given_size_on_separate_lines() -> None:
    text = "input: 33\nlayers:\n  - avg_pool: {kernel_size: 2, stride: 2}\n    name: long\n"
    out = run("sizes", "-", text=text.replace("33", "3x33x33")).out
    assert (
        "  given     33 is legal but not exact: it is rounded at\n            long\n            the nearest are 32 and 34\n"
        in out
    )


@pytest.mark.parametrize("kernel", ["3", "3,3", "3x3", "(3,3)", "[3, 3]"])
def test_lists_are_written_as_for_a_layer(kernel):
    ran = run("solve", "conv", "--input", "16x16", "--output", "8x8", "--kernel-size", kernel, "--top", "1")
    assert ran.out.startswith("conv, 16×16 → 8×8, kernel_size=3\n")
    layer = run("layer", "conv", "--input", "1x16x16", "--out-channels", "1", "--kernel-size", kernel)
    assert "1×14×14" in layer.out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--kernel-size", "abc"],
         "--kernel-size: 'abc' is not a whole number of at least 1, or one for each spatial axis\n"),
        (["--stride", "0"], "--stride: stride must be a whole number of at least 1, not 0\n"),
        (["--stride", "1", "--stride", "2"], "--stride is given twice\n   give each option once\n"),
    ],
)  # fmt: skip
def test_values_of_arguments_that_are_wrong(options, error):
    ran = run("solve", "conv", "--input", "16", "--output", "8", *options)
    assert (ran.status, ran.err) == (2, error)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["conv", "--input", "3x32x32", "--output", "3x16x16"], "if the first are channels, leave them out: 32x32 and 16x16"),
        (["max_pool", "--input", "64x56x56", "--output", "64x28x28"], "leave them out: 56x56 and 28x28"),
        (["conv", "--input", "32x32x3", "--output", "16x16x3"], "if the last are channels, leave them out: 32x32 and 16x16"),
        (["Conv3d", "--input", "16x56x56", "--output", "16x28x28"], ""),
        (["conv", "--input", "16x56x56", "--output", "8x28x28"], ""),
        (["conv", "--input", "16x56x56", "--output", "16x56x56"], ""),
    ],
)  # fmt: skip
def test_sizes_that_may_be_channels(words, told):
    """Three sizes of which the first, or the last, stays as it is; not under a name with 3d."""
    ran = run("solve", *words)
    assert ran.status == 0
    assert told in " ".join(ran.out.split())
    assert ("channels" in ran.out) == bool(told)


def test_why_no_setting_fits():
    """The shape error of the specification itself, and where the sizes that fit are listed."""
    ran = run("solve", "unet", "--for", "width", "--params", "5M", "--input", "1x512x512")
    assert ran.status == 1
    assert "each has a shape error" in ran.out
    assert "with the values of the specification: up3.concat1 (concat): its inputs differ along height" in ran.out
    assert "`shapecalc sizes` lists the input sizes that fit" in ran.out
    found = run("solve", "unet", "--for", "width", "--params", "1", "--input", "1x572x572").out
    assert "the minimum is" in found
    assert "shapecalc sizes" not in found
