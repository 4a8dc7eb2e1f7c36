"""What a shell completes: specifications, layers, variables, kinds, and the words of options."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from running import commands, run
from searching import some

from shapecalc.cli import cli


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def completed(monkeypatch):
    """What bash is offered for the last of the words, which it separates at each `=` and `:`."""

    def complete(*words, shell="bash"):
        parts = [part for word in words for part in (re.findall("[=:]|[^=:]+", word) if shell == "bash" else [word])]
        parts += [""] if words[-1] == "" else []
        monkeypatch.setenv("_SHAPECALC_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["shapecalc", *parts]))
        monkeypatch.setenv("COMP_CWORD", str(len(parts)))
        ran = run()
        assert ran.err == ""
        lines = ran.out.split("\n") if ran.out.strip() else []
        return [line.partition(",")[2] for line in lines if line] if shell == "bash" else lines[1::3]

    return complete


def test_specifications_are_completed(completed):
    Path("lemon.yaml").write_text("x", encoding="utf-8")
    Path("lemon.txt").write_text("x", encoding="utf-8")
    os.mkdir("legs")
    Path("legs/one.yml").write_text("x", encoding="utf-8")
    assert completed("summary", "le") == ["lenet5", "lenet5_1998", "lenet5_fc", "legs/", "lemon.yaml"]
    assert completed("summary", "legs/") == ["legs/one.yml"]
    assert completed("summary", "leg") == ["legs/", "legs/one.yml"]
    assert completed("init", "le") == ["lenet5", "lenet5_1998", "lenet5_fc"]
    assert completed("solve", "lene") == ["lenet5", "lenet5_1998", "lenet5_fc"]
    assert completed("solve", "max_p") == ["max_pool"]
    assert completed("compare", "alexnet", "lenet5_f") == ["lenet5_fc"]


def test_layers_and_variables_are_completed(completed):
    assert completed("explain", "lenet5", "c") == ["c1", "c3", "c5"]
    assert completed("rf", "resnet18", "layer1.0.c") == ["layer1.0.conv1", "layer1.0.conv2"]
    assert "layer1.0" in completed("explain", "resnet18", "layer1")
    assert completed("summary", "unet", "--set", "wid") == ["width=64"]
    assert completed("sweep", "resnet50", "--set", "")[:7] == [
        "bottleneck=true", "depths=", "groups=1", "width_per_group=64", "stride_in_1x1=false", "as_caffe=false", "classes=1000"
    ]  # fmt: skip
    assert completed("explain", "nosuch", "c") == []
    assert completed("explain", "-", "c") == []


def test_variants_of_a_file(completed):
    Path("family.yaml").write_text(
        "input: 3\nvars: {w: 1}\nlayers: [fc: w]\nvariants: {small: {}, slim: {}, base: {}}\n", encoding="utf-8"
    )
    every = ["family.yaml", "family.yaml:small", "family.yaml:slim", "family.yaml:base"]
    assert completed("summary", "fam") == completed("summary", "fam", shell="zsh") == every
    assert completed("summary", "family.yaml:") == ["small", "slim", "base"]  # what bash puts behind the colon
    assert completed("compare", "alexnet", "family.yaml:s") == ["small", "slim"]
    assert completed("summary", "family.yaml:s", shell="zsh") == every[1:3]
    assert completed("summary", "family.yaml:base", "--set", "w") == ["w=1"]
    Path("broken.yaml").write_text("variants: [", encoding="utf-8")
    assert completed("summary", "broken") == ["broken.yaml"]
    assert completed("summary", "nosuch.yaml:") == []


@pytest.mark.parametrize(
    "name",
    some(
        [one for one in commands() if one not in ("devices", "init", "layer", "lsp", "schema", "specs", "weights")], 2
    ),
)
def test_every_command_completes_its_first_word(completed, name):
    words = completed(name, "max_pool" if name == "layers" else "unet_p")
    assert words == (["max_pool"] if name == "layers" else ["unet_padded"])


def test_a_word_in_quotes_is_completed_as_it_is(completed):
    Path("lemon tart.yaml").write_text("x", encoding="utf-8")
    Path("lemon\nade.yaml").write_text("x", encoding="utf-8")  # no shell can be offered it a line each
    assert completed("summary", "lemon") == completed("summary", r"lemon\ ") == [r"lemon\\ tart.yaml"]
    assert completed("summary", '"lemon') == ["lemon tart.yaml"]
    Path("it's.yaml").write_text("x", encoding="utf-8")
    assert completed("summary", r"it\'") == [r"it\\'s.yaml"]
    assert completed("summary", '"it') == ["it's.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_in_a_shell(shell):
    """What the documentation says, typed into a real shell."""
    if not shutil.which(shell) and not os.environ.get("SHAPECALC_REQUIRE_SHELLS"):
        pytest.skip(f"{shell} is not installed")
    Path("bin").mkdir()
    program = Path("bin/shapecalc")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m shapecalc "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    Path("lemon.yaml").write_text("x", encoding="utf-8")
    Path("lemon $(tart).yaml").write_text("x", encoding="utf-8")
    path = f"{Path('bin').resolve()}{os.pathsep}{os.environ['PATH']}"
    script = {
        "bash": 'eval "$(_SHAPECALC_COMPLETE=bash_source shapecalc)"; complete -p shapecalc >/dev/null || exit 3; '
                'COMP_WORDS=(shapecalc summary le); COMP_CWORD=2; _shapecalc_completion shapecalc; '
                'printf "%s\\n" "${COMPREPLY[@]}"',
        "zsh": 'autoload -Uz compinit && compinit -u -D; eval "$(_SHAPECALC_COMPLETE=zsh_source shapecalc)"; '
               '[[ -n ${_comps[shapecalc]} ]] || exit 3; function compadd { print -l -- ${(P)argv[-1]} }; '
               'function _describe { print -l -- ${(P)argv[-1]} }; words=(shapecalc summary le); CURRENT=3; '
               '_shapecalc_completion',
    }[shell]  # fmt: skip
    ran = subprocess.run([shell, "-c", script], capture_output=True, text=True, env={**os.environ, "PATH": path},
                         check=False)  # fmt: skip
    assert ran.returncode == 0, ran
    quoted = r"lemon\ \$\(tart\).yaml" if shell == "bash" else "lemon $(tart).yaml"  # zsh quotes by itself
    assert {"lenet5", "lenet5_fc", "lemon.yaml", quoted} <= set(ran.stdout.splitlines())


# ---- the words of options --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("summary alexnet --sort m", ["macs", "macs_share"]),
        ("summary alexnet --sort +mac", ["+macs", "+macs_share"]),
        ("summary alexnet --sort=mac", ["macs", "macs_share"]),
        ("summary alexnet --sort r", ["rf"]),
        ("summary alexnet --sort ke", []),  # no order: kernel
        ("rf alexnet --sort ju", ["jump"]),
        ("summary alexnet --columns rf", ["rf"]),
        ("summary alexnet --columns +r", ["+rf"]),
        ("summary alexnet --columns name,ar", ["name,arguments"]),
        ("summary alexnet --columns name,na", []),
        ("summary alexnet --columns +rf,pad", ["+rf,padding", "+rf,pad"]),
        ("summary alexnet --columns rf,+pa", []),
        ("summary alexnet --kind c", ["conv", "conv1d", "conv2d", "conv3d", "convolution"]),
        ("summary alexnet --kind Lin", ["Linear"]),
        ("summary alexnet --kind MaxPool1", ["MaxPool1d"]),
        ("summary llama-2-7b --kind=dec", ["decoder_layer"]),
        ("summary --kind lst", ["lstm", "lstm_cell"]),
        ("summary alexnet --format=m", ["markdown"]),
        ("summary alexnet --layout h", ["hwc"]),
        ("summary alexnet --depth a", ["all", "auto"]),
        ("sweep unet --where pa", ["params"]),
        ("sweep unet --set width=2,4 --where wi", ["width"]),
        ("sweep unet --set width=2,4 --sort params,-wi", ["params,-width"]),
        ("sweep unet --set width=2,4 --pareto params,+m", ["params,+macs", "params,+memory"]),
        ("sweep unet --input 3x{64,128}x= --sort in", ["input_height", "input_width"]),
        ("sweep unet --pareto +params,par", []),
        ("sweep nosuch --sort pa", ["params"]),
        ("sweep --sort pa", ["params"]),
        ("sweep unet --sort out", []),
        ("memory alexnet --in-place a", ["all", "activation", "activations", "additions", "abs", "add", "average"]),
        ("memory alexnet --in-place activations,addi", ["activations,additions"]),
        ("memory alexnet --in-place conv", []),
        ("memory alexnet --weights b", ["bf16"]),
        ("memory alexnet --buffers=fp1", ["fp16"]),
        ("memory alexnet --weights=q4_k", ["q4_k_s", "q4_k_m"]),
        ("specs --family Al", ["AlexNet"]),
        ("specs --task cla", ["classification"]),
        ("formula alexnet --what params,m", ["params,macs"]),
        ("formula unet -s w", ["width"]),
        ("formula alexnet --symbol H", ["H"]),
        ("solve unet --for wi", ["width"]),
        ("solve unet --for in", ["input"]),
        ("solve conv --for in", []),
        ("diff unet --set-b wid", ["width=64"]),
        ("diff unet unet --set wid", ["width=64"]),
        ("summary unet --set=width=", ["64"]),
        ("summary unet --set width=6", ["64"]),
        ("layer conv --padding s", ["same"]),
        ("layer conv --padding-mode=re", ["reflect", "replicate"]),
    ],
)
def test_words_of_options(completed, words, found):
    offered = completed(*words.split())
    assert offered == found
    if "=" not in words.split()[-1]:
        zsh = completed(*words.split(), shell="zsh")
        assert zsh == offered


def test_a_condition_is_completed_where_its_last_word_is_a_column(completed):
    assert completed("sweep", "unet", "--where", "'params < 5M and va") == [
        "params < 5M and variant", "params < 5M and valid"
    ]  # fmt: skip
    assert completed("sweep", "unet", "--where", "params\\ <\\ mem") == [r"params\\ \\<\\ memory"]
    assert completed("sweep", "unet", "--where", "'5M") == []
    assert completed("sweep", "unet", "--where", "'par", shell="zsh") == ["params"]
    assert completed("sweep", "unet", "--where", "") == [
        "variant", "params", "active_params", "macs", "buffers", "activations", "memory", "valid"
    ]  # fmt: skip
    assert completed("sweep", "unet", "--where", "'max(pa") == ["max(params"]


def test_families_and_tasks_are_those_of_the_bundled_networks(completed):
    families, tasks = completed("specs", "--family", ""), completed("specs", "--task", "")
    assert {"AlexNet", "ResNet"} <= {*families}
    assert {"classification", "segmentation", "audio"} <= {*tasks}
    assert all(families + tasks)


def test_the_kinds_that_are_there_are_offered_and_their_other_names_once_begun(completed):
    assert completed("summary", "alexnet", "--kind", "") == ["conv", "relu", "max_pool", "fc", "dropout", "softmax"]
    assert completed("summary", "alexnet", "--kind", "fully_connected_") == ["fully_connected_layer"]
    assert completed("summary", "alexnet", "--kind", "dens") == ["dense"]


FREE = {
    "--input", "--input-a", "--input-b",  # sizes
    "--params", "--macs", "--memory", "--budget", "--max-params", "--min-params", "--output-size",  # amounts
    "--context", "--contexts", "--batches", "--prefill", "--prompt",  # tokens and samples
    "--weights-of",  # a pattern of names
    "--at",  # a position
    "--of",  # columns, with commas
    "--flash", "--sram", "--patches",  # amounts; patches, with a layer
    "--host",  # an address
}  # fmt: skip
"""Options whose values are numbers: nothing can be offered for them."""


@pytest.mark.parametrize("name", commands())
def test_every_option_is_completed(name):
    """A new option has a type with a list of words, a completion of its own, or a value of which there is no list."""
    for option in cli.get_command(click.Context(cli), name).params:
        if not isinstance(option, click.Option) or option.is_flag or FREE & {*option.opts}:
            continue
        is_listed = isinstance(option.type, (click.Choice, click.Path, click.IntRange))
        assert is_listed or option._custom_shell_complete, f"{name} {option.opts[0]}"


def test_checkpoints_are_completed(folder, completed):
    for name in ("m.safetensors", "m.gguf", "m.pt", "m.bin", "model.safetensors.index.json", "m.yaml", "m.json"):
        (folder / name).touch()
    assert completed("weights", "m") == ["m.bin", "m.gguf", "m.pt", "m.safetensors", "model.safetensors.index.json"]
