"""Members of families in one's own files: how one is chosen, and the note where none is."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import run

import shapecalc

FAMILY = """\
input: 3x8x8
vars: {width: 8}
layers: [{conv: {out_channels: width, kernel_size: 3}}]
variants: {small: {vars: {width: 2}}, base: {}, large: {vars: {width: 16}}}
"""
PARAMS = {"small": 56, "base": 224, "large": 448}
NOTE = "this is small, the first of 3 variants: choose another with family.yaml:base (or large)"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("family.yaml").write_text(FAMILY, encoding="utf-8")


@pytest.mark.parametrize("variant", PARAMS)
def test_every_variant_can_be_chosen(variant):
    for network in (
        shapecalc.load(f"family.yaml:{variant}"),
        shapecalc.load("family.yaml", variant=variant),
        shapecalc.load(Path("family.yaml"), variant=variant),
        shapecalc.load(FAMILY, variant=variant),
        shapecalc.load(shapecalc.load("family.yaml"), variant=variant),
    ):
        assert (network.name, network.infer().total.params, network.graph.notes) == (variant, PARAMS[variant], ())
    assert f"{PARAMS[variant]} parameters" in run("check", f"family.yaml:{variant}").out


def test_commands_take_several_members():
    ran = run("compare", "family.yaml:small", "family.yaml:large")
    assert "params 56 448 8×" in " ".join(ran.out.split())


def test_a_variant_has_texts_of_its_own_before_those_of_the_family():
    texts = "name: Family\nsource: a paper\n"
    own = FAMILY.replace("base: {}", "base: {name: Base, source: another}").replace(
        "width: 16}", "width: 16}, name: [1]"
    )
    named = {variant: shapecalc.load(texts + own, variant=variant).graph for variant in ("", *PARAMS)}
    assert [(graph.name, graph.source) for graph in named.values()] == [
        ("Family", "a paper"), ("small", "a paper"), ("Base", "another"), ("large", "a paper")
    ]  # fmt: skip
    assert shapecalc.load(texts + FAMILY, variant="base").name == "base", "with nothing of its own"


def test_the_first_variant_has_a_note():
    assert shapecalc.load("family.yaml").infer().notes == (NOTE,)
    assert shapecalc.load("family.yaml").infer().total.params == PARAMS["small"]
    assert run("summary", "family.yaml").out.splitlines()[-1] == NOTE
    assert run("summary", "-", text=FAMILY).out.splitlines()[-1] == (
        "this is small, the first of 3 variants: choose another in a file, as FILE:base (or large)"
    )
    assert NOTE not in run("check", "family.yaml").out  # which checks all of them
    Path("a family.yaml").write_text(FAMILY, encoding="utf-8")
    assert "choose another in a file, as FILE:base" in run("summary", "a family.yaml").out
    Path("family.yaml").write_text(FAMILY.replace(", base: {}, large: {vars: {width: 16}}", ""), encoding="utf-8")
    assert shapecalc.load("family.yaml").infer().notes == ("this is small, the only variant",)


def test_the_own_variables_of_a_file_with_an_expectation_have_none():
    Path("family.yaml").write_text(f"{FAMILY}expect: {{params: 224}}\n", encoding="utf-8")
    assert shapecalc.load("family.yaml").check().notes == ()


def test_notes_on_bundled_families():
    assert shapecalc.load("resnet").graph.notes == (
        "this is resnet50, the first of 12 variants: choose another by its name: resnet18 "
        "(or resnet34, resnet101, resnet152, resnext50_32x4d, resnext101_32x8d, resnext101_64x4d, …)",
    )
    for name in ("resnet18", "unet", "resnet:resnet18"):  # unet.yaml has unet
        assert shapecalc.load(name).graph.notes == ()


@pytest.mark.parametrize(
    ("spec", "variant", "words"),
    [
        ("family.yaml:larg", "", "family.yaml has no variant larg\n   did you mean large?"),
        ("family.yaml", "x", "family.yaml has no variant x\n   known here: base, large, small"),
        ("alexnet:x", "", "alexnet.yaml has no variant x\n   it has no `variants:`"),
        ("nosuch.yaml:small", "", "there is no file nosuch.yaml:small, and no bundled specification of that name"
                                  "\n   `shapecalc specs` lists the bundled ones"),
        ("family.yaml", 3, "variant must be a string, not 3"),
    ],
)  # fmt: skip
def test_unknown_variants(spec, variant, words):
    with pytest.raises(shapecalc.UsageError) as caught:
        shapecalc.load(spec, variant=variant)
    assert str(caught.value) == words


def test_a_file_whose_name_has_a_colon_is_that_file():
    Path("family.yaml:large").write_text(FAMILY.replace("width: 2", "width: 1"), encoding="utf-8")
    assert shapecalc.load("family.yaml:large").infer().total.params == 28


def test_a_file_that_cannot_be_read_is_reported_as_such():
    Path("family.yaml").write_text("variants: [", encoding="utf-8")
    with pytest.raises(shapecalc.SpecError):
        shapecalc.load("family.yaml:small")
