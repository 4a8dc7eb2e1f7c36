"""`shapecalc layers`: the list of kinds, and one kind's page, from their declarations."""

from __future__ import annotations

import json

import jsonschema
import pytest
from running import run
from searching import some

from shapecalc.layers import KINDS
from shapecalc.layers.base.layer import Composite
from shapecalc.text.cells import cell_width


def test_the_list_has_every_kind_and_its_summary():
    out = run("layers").out
    words = " ".join(out.split())
    for kind, cls in KINDS.items():
        assert f"\n  {kind} " in f"\n{out}"
        assert " ".join(cls.summary().split()) in words
    assert max(map(cell_width, run("layers", columns=80).out.splitlines())) <= 80


def is_one_number(cls):
    """Whether a kind outputs a scalar and has no parameters, so that nothing is to be worked out: a loss."""
    return all(example.output == () and not example.params for example in cls.examples)


@pytest.mark.parametrize("kind", some(KINDS, 20))
def test_every_kind_has_its_page(kind):
    cls = KINDS[kind]
    ran = run("layers", kind, columns=80)
    assert ran.status == 0
    page = " ".join(ran.out.split())
    for argument in cls.arguments.values():
        assert argument.name in page
        assert " ".join(argument.doc.split()) in page
        assert all(word in page for word in argument.also)
    for example in cls.examples:
        assert " ".join(example.source.split()) in page
    assert ("\nformulas\n" in ran.out) != (issubclass(cls, Composite) or is_one_number(cls))
    for line in ran.out.partition("try it")[0].splitlines():
        assert cell_width(line) <= 80 or issubclass(cls, Composite), line


def test_the_rules_are_general():
    out = run("layers", "conv").out
    assert "H_out = ⌊(H_in + 2·p − d·(k − 1) − 1) / s⌋ + 1; W_out likewise" in out
    assert "(k²·(C_in/g) + 1)·C_out" in out
    assert "g divides C_in (groups divides channels of the input)" in out
    assert "shapecalc layer conv --input 227x227x3 --layout hwc" in out


@pytest.mark.slow
def test_json_has_every_key():
    data = json.loads(run("layers", "--format", "json").out)
    assert data["version"] == 1
    assert [kind["kind"] for kind in data["kinds"]] == list(KINDS)
    for kind in data["kinds"]:
        arguments = {argument["name"]: argument for argument in kind["arguments"]}
        assert set(arguments) == set(KINDS[kind["kind"]].arguments)
        for argument in arguments.values():
            jsonschema.Draft202012Validator.check_schema(argument["schema"])
        assert kind["rules"] or "layers" in kind or is_one_number(KINDS[kind["kind"]])
    one = json.loads(run("layers", "fc", "--format", "json").out)["kinds"][0]
    assert {"label": "params", "rule": "(H_in·W_in·C_in + 1)·F_out"} in one["rules"]


def test_markdown():
    out = run("layers", "conv", "max_pool", "--format", "markdown").out
    assert "### `conv`" in out
    assert "| `kernel_size` | k | size of the window |" in out
    assert r"$H_{\mathrm{out}} = \left\lfloor" in out
    assert "### `relu`" in run("layers", "--format", "markdown").out


def test_also_names():
    assert run("layers", "Conv2d").out.startswith("conv\n")


def test_an_unknown_kind():
    ran = run("layers", "cnv")
    assert ran.status == 2
    assert ran.err == "there is no kind of layer called cnv\n   did you mean conv?\n"
