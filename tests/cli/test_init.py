"""`shapecalc init`, `specs --show`: specifications to begin from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from running import run
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
