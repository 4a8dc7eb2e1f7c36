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
        (["summary", "-", "other.yaml"], "Error: Got unexpected extra argument (other.yaml): one network at a time; "
         "`shapecalc compare` shows several side by side, `shapecalc diff` layer by layer\n"),
        (["summary", "-", "--input", "3", "64", "64"], "Error: Got unexpected extra arguments (64 64): write --input 3x64x64\n"),
        (["summary", "--input", "3", "64", "64", "-"], "Error: Got unexpected extra arguments (64 -): write --input 3x64x64\n"),
        (["layer", "conv", "--input", "3", "8", "8"],
         "Error: Got unexpected extra arguments (8 8): write a list as one word: --input 3x8x8\n"),
        (["summary", "--input", "3", "-", "x"], "Error: Got unexpected extra argument (x)\n"),
        (["summary", "-", "--set", "width", "32"], "Error: Got unexpected extra argument (32): write --set width=32\n"),
        (["summary", "--set", "width", "32", "net.yaml"],
         "Error: Got unexpected extra argument (net.yaml): write --set width=32\n"),
        (["summary", "--set", "a=1", "net.yaml", "x"], "Error: Got unexpected extra argument (x)\n"),
        (["explain", "-", "--layer", "conv1"],
         "Error: No such option '--layer': LAYER is written without it, as in the usage above\n"),
        (["rf", "-", "--layer", "conv1"],
         "Error: No such option '--layer': LAYER is written without it, as in the usage above\n"),
        (["--input", "3", "summary", "-"], "Error: No such option '--input': it is written behind the command\n"),
        (["--nonsense"], "Error: No such option '--nonsense'.\n"),
        (["sweep", "-", "--set", "width=range(16,64,16)"], "--set width: range(16,64,16) is a call of Python\n"
         "   write 16:48:16\n"),
        (["sweep", "-", "--set", "width=range(2, 6)"], "   write 2:5\n"),
        (["sweep", "-", "--set", "width=range(6, 6)"], "a list is written out"),
        (["sweep", "-", "--set", "width=4,8", "--where", "memory < 1 MB && params < 1M"],
         "where: `memory < 1 MB && params < 1M` is not an expression: it cannot be read from `& params < 1M` on\n"
         "   write `and`\n"),
        (["sweep", "-", "--set", "width=4,8", "--where", "params < 1M && memory < 1 MB"],
         "where: `params < 1M && memory < 1 MB` is not an expression: it cannot be read from `& memory < 1 MB` on\n"),
        (["specs", "mobilnet"], "no bundled network matches\n   did you mean mobilenet?\n"),
        (["specs", "xyzzyx"], "no bundled network matches\n   `shapecalc specs` lists all\n"),
        (["summary", "docs"], "docs is a directory, not a file\n   its specifications are docs/*.yaml\n"),
        (["summary", "tests/cli"], "tests/cli is a directory, not a file\n"),
        (["summary", "-", "--nonsense"], "Error: No such option '--nonsense'.\n"),
        (["compare", "-", "--columns", "params"], "Error: No such option '--columns': it is an option of summary\n"),
        (["memory", "-", "--gradient-checkpointing"],
         "Error: No such option '--gradient-checkpointing'. Did you mean --checkpoint?\n"),
        (["memory", "-", "--quantize", "int8"], "Error: No such option '--quantize'. Did you mean --weights?\n"),
        (["convert", "lenet5", "net.onnx"], "Error: Got unexpected extra argument (net.onnx): write -o net.onnx\n"),
        (["convert", "lenet5", "net.PY"], "Error: Got unexpected extra argument (net.PY): write -o net.PY\n"),
        (["convert", "lenet5", "net.onnx", "-o", "net.py"],
         "Error: Got unexpected extra argument (net.onnx): one network at a time;"),
        (["summary", "-", "net.csv"], "Error: Got unexpected extra argument (net.csv): write -o net.csv\n"),
        (["convert", "lenet5", "--to", "torch"], ": did you mean pytorch?\n"),
        (["convert", "lenet5", "-o", "net.pt"], "net.pt: PyTorch is written as source, without weights, not as .pt\n"
         "   write -o net.py\n"),
        (["memory", "resnet18", "--checkpoint", "all"], "there is no block all to checkpoint\n"
         "   write blocks for every block\n"),
        (["memory", "resnet18", "--checkpoint", "block"], "   did you mean blocks?\n"),
        (["memory", "resnet18", "--checkpoint"], "Error: Option '--checkpoint' requires an argument. BLOCKS: Use "
         "activation (gradient) checkpointing: save only the inputs of blocks, and recompute the rest. `blocks` for "
         "each block, N for groups"),
        (["layer", "conv", "--kernel-size"], "Error: Option '--kernel-size' requires an argument.\n"),
        (["solve", "conv", "--input", "3x32x32", "--output", "16"], "give the same number of each, 1 to 3\n"
         "   sizes are without channels: write 32x32 for the input and 16x16 for the output\n"),
        (["solve", "conv", "--input", "32x30", "--output", "16"], "give the same number of each, 1 to 3\n"),
        (["solve", "Conv2d", "--input", "1x3x32x32"], "give its output size\n   --input 32x32 --output 55\n"),
        (["solve", "conv", "--input", "3x32x32"], "give its output size\n   --input 3x32x32 --output 55\n"),
        (["solve", "Conv2d", "--input", "1x3x32x32", "--output", "1x8x16x16"],
         "   write 32x32, if the others are channels and the batch\n"),
        (["solve", "conv", "--input", "1x30x32x3", "--output", "1x16x16x8"],
         "   write 32x3, if the others are channels and the batch\n"),
        (["solve", "conv", "--input", "1x32x32x3", "--output", "1x16x16x8"],
         "   write 32x32, if the others are channels and the batch\n"),
        (["resnet18"], "Error: there is no command 'resnet18': write shapecalc summary resnet18\n"),
        ([__file__], f"Error: there is no command '{__file__}': write shapecalc summary {__file__}\n"),
        (["summary", "torchvision.models.ResNet18"],
         "there is no file torchvision.models.ResNet18, and no bundled specification of that name\n   did you mean resnet18?\n"),
        (["sumary"], "Error: there is no command 'sumary': did you mean summary?\n"),
        (["summary", "-", "other"], "Error: Got unexpected extra argument (other)\n"),
        (["explain", "conv"], "there is no file conv, and no bundled specification of that name\n   conv is a kind of layer: "
         "`shapecalc layers conv` explains it, `shapecalc layer conv` computes one\n"),
        (["summary", "resnet50", "--groups", "2"], "Error: No such option '--groups': write --set groups=2\n"),
        (["summary", "resnet50", "--width-per-group=64"],
         "Error: No such option '--width-per-group': write --set width_per_group=64\n"),
        (["summary", "resnet50", "--groups"], "Error: No such option '--groups': write --set groups=…\n"),
        (["summary", "resnet50", "--gruops", "2"], "Error: No such option '--gruops'.\n"),
        (["solve", "resnet50", "--width-per-group", "1:3"],
         "no such option --width-per-group\n   write --for width_per_group=1:3\n"),
        (["layer", "lstm", "--batch-first"],
         "Error: No such option '--batch-first': remove it: sizes have no batch axis, and a sequence is (length, features)"),
        (["layer", "conv2d", "--requires-grad"], "Error: No such option '--requires-grad'.\n"),
        (["solve", "-", "--params", "10KB", "--for", "width"],
         "the budget of params is not a count: '10KB'\n   KB is a unit of bytes, not of a count: write 10K\n"),
        (["solve", "-", "--params", "10 bytes", "--for", "width"],
         "the budget of params is not a count: '10 bytes'\n   bytes is a unit of bytes, not of a count: write 10\n"),
        (["sweep", "-", "--set", "width=8:9", "--where", "params < 5MB"],
         "where: params is not compared with a count: 5MB\n   MB is a unit of bytes, not of a count: write 5M\n"),
        (["sweep", "-", "--set", "width=8:9", "--where", "memory < 5 kB and 1 MiB >= macs"],
         "where: macs is not compared with a count: 1 MiB\n   MiB is a unit of bytes, not of a count: write 1M\n"),
        (["diff", "lenet5", "--set-b", "width"],
         "--set-b width is not NAME=VALUE\n   write for instance --set-b width=32\n"),
        (["diff", "resnet18", "--set-b", "wide=1"], "resnet18 (the second network): there is no variable wide to set\n"),
        (["diff", "resnet18", "--set-a", "wide=1"], "resnet18 (the first network): there is no variable wide to set\n"),
        (["diff", "lenet5", "--input-b", "a=3x8x8"], "lenet5 (the second network): there is no input a\n"),
        (["layer", "conv", "out_channels=16", "kernel_size=3"],
         "Error: Got unexpected extra arguments (out_channels=16 kernel_size=3): write --out-channels 16"),
        (["layer", "conv", "colour=3"], "Error: Got unexpected extra argument (colour=3)\n"),
        (["sweep", "-", "--set", "width=1-4"], "--set width: '1-4' is not a range of numbers\n"
         "   write FROM:TO:STEP, as in 16:128:16\n"),
        (["sweep", "-", "--set", "width=8..16"], "--set width: '8..16' is not a range of numbers\n"
         "   write FROM:TO:STEP, as in 16:128:16"),
        (["memory", "-", "--dtype", "fp16"], "Error: No such option '--dtype'. Did you mean --weights?\n"),
        (["memory", "-", "--gpus", "4"], "Error: No such option '--gpus'. Did you mean --devices?\n"),
        (["summary", "-", "-b", "4"], "Error: No such option '-b'. Did you mean --batch?\n"),
        (["summary", "-", "--unit", "M"], "Error: No such option '--unit'.\n"),
        (["layer", "conv2d", "--out_channels", "4"],
         "Error: No such option '--out_channels'. Did you mean --out-channels?\n"),
        (["layer", "conv2d", "3", "64", "--kernel-size", "3"],
         "Error: Got unexpected extra arguments (3 64): write --in-channels 3 --out-channels 64\n"),
        (["layer", "relu", "3", "64"], "Error: Got unexpected extra arguments (3 64)\n"),
        (["weights", "gpt2"], "there is no file gpt2\n   a checkpoint is a file of weights, such as model.safetensors"),
        (["solve", "conv", "--pad", "3"], "conv has no argument --pad\n   did you mean --padding?"),
        (["solve", "conv", "--inptu", "227"], "conv has no argument --inptu\n   did you mean --input?"),
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
    ("words", "meant"),
    [
        ("memory lenet5 --optimizer sgdm", "momentum"), ("memory lenet5 --optimizer paged_adamw_8bit", "adamw8bit"),
        ("memory lenet5 --precision bfloat16", "bf16"), ("memory lenet5 --loss crossentrpy", "cross_entropy"),
        ("memory lenet5 --attention flash_attn", "flash"), ("memory lenet5 --logits lst", "last"),
        ("memory lenet5 --order bset", "best"), ("summary lenet5 --layout channels_last", "hwc"),
        ("summary lenet5 --convention pytorch", "torch"), ("summary lenet5 --format md", "markdown"),
        ("specs --sort -parms", "-params"),
        ("layer relu --input 3 --layout nchw", "chw"), ("memory lenet5 --optimizer adan", "adam"),
    ],
)  # fmt: skip
def test_a_word_that_is_no_choice_gets_the_nearest(words: str, meant: str) -> None:
    ran = run(*words.split())
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.endswith(f": did you mean {meant}?\n")
    assert "' is not one of " in ran.err


def test_flops_are_twice_the_macs() -> None:
    ran = run("explain", "lenet5", "--what", "params,flops")
    assert ran.err.endswith(": did you mean macs? 1 MAC is 2 FLOPs\n")
    ran = run("sweep", "resnet", "--set", "stem=32,64", "--where", "flops < 5G")
    assert "did you mean macs? 1 MAC is 2 FLOPs" in ran.err


def test_every_choice_of_every_option_is_one_of_that_sort() -> None:
    import click

    from shapecalc.cli import cli
    from shapecalc.cli.options import OneOf

    names = cli.list_commands(click.Context(cli))
    commands = [cli.get_command(click.Context(cli), name) for name in names]
    types = [param.type for command in commands if command for param in command.params]
    chosen = [one for one in types if isinstance(one, click.Choice)]
    assert len(chosen) > 20
    assert all(isinstance(one, OneOf) for one in chosen)


def test_another_spelling_of_a_choice_is_that_choice() -> None:
    for word in ("adamw8bit", "AdamW-8bit", "adamw_8bit"):
        assert (
            run("memory", "lenet5", "--optimizer", word).out == run("memory", "lenet5", "--optimizer", "adamw8bit").out
        )
    assert (
        run("specs", "vgg", "--sort", "-PARAMS").out
        == run("specs", "vgg", "--sort", "-params").out
        != run("specs", "vgg", "--sort", "params").out
    )


@pytest.mark.parametrize(
    "words",
    [
        "memory lenet5 --optimizer lamb", "summary lenet5 --format docx", "sumary lenet5", "summary",
        "summary lenet5 --no-such-option-of-any-command-that-is-quite-long-and-does-not-fit-a-line",
        "layer conv2d --input 3x9x9 --kernel-size 3 --stride 1 2 3", "layer nosuchkind", "solve conv --kernl 3 --input 5",
        "summary /a/folder/that/is/not/there/but/has/a/rather/long/name/as/folders/of/people/often/have.yaml",
        "solve - --params 5M --for depth,width,height,layers,channels,hidden,features,outputs,inputs,positions,heads",
        "layer conv2d --input 3x9x9 --kernel-size 3",
    ],
)  # fmt: skip
def test_usage_errors_fit_80_columns(words: str) -> None:
    """But a word longer than that is not cut: it may be a path, to be copied."""
    ran = run(*words.split(), columns=80, text=NET)
    assert ran.status == 2
    lines = ran.err.splitlines()
    assert all(len(line) <= 80 or len(line.split()) <= 2 for line in lines), ran.err
    whole = " ".join(ran.err.split())
    assert whole == " ".join(run(*words.split(), text=NET).err.split())


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
    assert ran.err == (
        f"{file} is source of Python, which is not run\n"
        "   shapecalc.from_torch(module, example) and shapecalc.from_keras(model) read a model in memory; "
        "`shapecalc init` writes a specification to begin with\n"
    )


def test_a_file_with_nearly_the_name_is_the_hint(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET, encoding="utf-8")
    ran = run("summary", str(tmp_path / "net.yam"))
    assert (ran.status, ran.err.split()[-1]) == (2, f"{tmp_path / 'net.yaml'}?")
    assert "did you mean" not in run("summary", str(tmp_path / "other.json")).err
