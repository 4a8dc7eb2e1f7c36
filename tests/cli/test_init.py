"""`shapecalc init`, `specs --show`: specifications to begin from; and what a shell completes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import commands, run
from searching import some

import shapecalc
from shapecalc.language.copies import STARTER, bundled_text, starting_files
from shapecalc.language.files import bundled_folder, bundled_members

NAMES = [name for _, name in bundled_members()]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", some(NAMES, 6))
def test_a_copy_is_the_same_network(name):
    ran = run("init", name)
    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith(f"wrote {name}.yaml")
    copy, original = shapecalc.load(f"{name}.yaml"), shapecalc.load(name)
    assert copy.infer().to_dict() == original.infer().to_dict()
    printed = [
        [(expectation.what, expectation.expected) for expectation in one.check().graph.expectations]
        for one in (copy, original)
    ]
    assert printed[0] == printed[1] != []


def test_a_single_network_is_copied_verbatim():
    original = Path(bundled_folder(), "lenet5.yaml").read_text(encoding="utf-8")
    assert run("specs", "--show", "lenet5") == (0, original, "")
    assert run("init", "lenet5.yaml", "-o", "-") == (0, original, "")
    run("init", "lenet5")
    assert Path("lenet5.yaml").read_text(encoding="utf-8") == original


def test_a_copied_member_has_no_siblings():
    text = bundled_text("bert-large-cased")
    assert text.count("    expect:") == 1
    assert text.rstrip().endswith("outputs: {pooled: 1024}}")
    assert "bert-base-cased:" not in text
    assert "encoder_layer:" in text


@pytest.mark.parametrize("file", ["mine.yaml", "mine.YML", "mine.txt", "mine"])
def test_a_file_of_a_specification(file):
    assert run("specs", "--show", "lenet5", "-o", file).status == 0
    assert run("summary", file).out == run("summary", "lenet5").out
    assert run("init", "lenet5", "-o", f"copy{file}").status == 0
    assert Path(f"copy{file}").read_bytes() == Path(file).read_bytes()


def test_existing_files_are_not_overwritten():
    Path("lenet5.yaml").write_text("mine", encoding="utf-8")
    Path("fcn.yaml").write_text("mine", encoding="utf-8")
    for words, taken in ((["lenet5"], "lenet5.yaml"), (["deeplabv3_resnet50"], "fcn.yaml"),
                         (["unet", "-o", "lenet5.yaml"], "lenet5.yaml"), (["-o", "fcn.yaml"], "fcn.yaml")):  # fmt: skip
        assert run("init", *words) == (2, "", f"{taken} exists already\n   choose another file: -o FILE\n")
    assert sorted(os.listdir()) == ["fcn.yaml", "lenet5.yaml"]
    assert {Path(name).read_text(encoding="utf-8") for name in os.listdir()} == {"mine"}
    os.symlink("nowhere", "network.yaml")
    assert run("init").status == 2


def test_init_ignores_a_local_file_of_the_same_name():
    Path("lenet5.yaml").write_text("mine", encoding="utf-8")
    Path("lenet5").write_text("mine", encoding="utf-8")
    for words in (["specs", "--show", "lenet5"], ["specs", "--show", "lenet5.yaml"], ["init", "lenet5", "-o", "-"]):
        assert run(*words).out.startswith("name: LeNet-5\n")


def test_used_files_are_copied_too():
    assert list(starting_files("deeplabv3_resnet50")) == ["deeplabv3_resnet50.yaml", "fcn.yaml"]
    os.mkdir("nets")
    ran = run("init", "deeplabv3_resnet50", "-o", "nets/mine.yaml")
    assert "wrote nets/mine.yaml, and nets/fcn.yaml, which it uses" in ran.err
    assert run("check", "nets/mine.yaml").status == 0


def test_the_starter_is_valid_and_its_comments_are_true():
    assert run("init").err == "wrote network.yaml\n   to see it, run `shapecalc summary network.yaml`\n"
    assert Path("network.yaml").read_text(encoding="utf-8") == STARTER
    assert run("check", "network.yaml").out.endswith("1 expectation met\n")
    wider = run("summary", "network.yaml", "--set", "width=64")
    assert wider.status == 0
    assert "total" in wider.out
    assert run("init", "-o", "-").out == STARTER


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["init", "lenet"], "there is no bundled specification lenet\n   did you mean lenet5?"),
        (["specs", "--show", "zzzz"], "there is no bundled specification zzzz\n   `shapecalc specs` lists"),
        (["init", "/etc/passwd"], "there is no bundled specification /etc/passwd"),
        (["init", "../lenet5"], "there is no bundled specification ../lenet5"),
        (["init", "lenet5", "-o", ""], "the name of the file is empty"),
        (["init", "lenet5", "-o", "no/such/x.yaml"], "no/such/x.yaml cannot be written"),
        (["init", "lenet5", "-o", "x.json"], "x.json: a specification is YAML, not .json\n   name it .yaml\n"),
        (["specs", "--show", "lenet5", "-o", "x.html"], "x.html: a specification is YAML, not .html\n"),
        (["specs", "-o", "x.png", "--show", "lenet5"], "x.png: a specification is YAML, not .png\n"),
        (["specs", "--format", "json", "--show", "lenet5"], "a specification is YAML, not json"),
        (["specs", "--show", "lenet5", "alexnet"], "--show prints one specification: leave out alexnet"),
        (["specs", "lenet", "-o", "x.yaml"], "x.yaml: no format has the suffix .yaml"),
    ],
)
def test_errors_of_init(words, printed):
    ran = run(*words)
    assert (ran.status, ran.out) == (2, "")
    assert printed in ran.err
    assert os.listdir() == []


# ---- completion ------------------------------------------------------------------------------------------------------


def completed(*words):
    """What bash is offered for the last of the words."""
    environment = {**os.environ, "_SHAPECALC_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["shapecalc", *words]),
                   "COMP_CWORD": str(len(words))}  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-c", "from shapecalc.cli import main; main()"], capture_output=True, text=True,
        env=environment, check=True,
    )  # fmt: skip
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


@pytest.mark.slow
def test_specifications_are_completed():
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


@pytest.mark.slow
def test_layers_and_variables_are_completed():
    assert completed("explain", "lenet5", "c") == ["c1", "c3", "c5"]
    assert completed("rf", "resnet18", "layer1.0.c") == ["layer1.0.conv1", "layer1.0.conv2"]
    assert "layer1.0" in completed("explain", "resnet18", "layer1")
    assert completed("summary", "unet", "--set", "wid") == ["width=64"]
    assert completed("sweep", "resnet50", "--set", "") == [
        "bottleneck=true", "depths=", "groups=1", "width_per_group=64", "stride_in_1x1=false", "as_caffe=false", "classes=1000"
    ]  # fmt: skip
    assert completed("explain", "nosuch", "c") == []
    assert completed("explain", "-", "c") == []


@pytest.mark.parametrize(
    "name", some([one for one in commands() if one not in ("init", "layer", "schema", "specs")], 2)
)
def test_every_command_completes_its_first_word(name):
    words = completed(name, "max_pool" if name == "layers" else "unet_p")
    assert words == (["max_pool"] if name == "layers" else ["unet_padded"])


@pytest.mark.slow
def test_a_word_in_quotes_is_completed_as_it_is():
    Path("lemon tart.yaml").write_text("x", encoding="utf-8")
    Path("lemon\nade.yaml").write_text("x", encoding="utf-8")  # no shell can be offered it a line each
    assert completed("summary", "lemon") == completed("summary", r"lemon\ ") == [r"lemon\\ tart.yaml"]
    assert completed("summary", '"lemon') == ["lemon tart.yaml"]


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
