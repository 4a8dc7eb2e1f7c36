"""Which files are specifications, and what the command says where pygls is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from running import run

from shapecalc.editor.recognition import is_specification

ROOT = Path(__file__).parents[2]
OTHERS = {
    "compose": "version: '3'\nservices:\n  web: {image: nginx}\n",
    "a workflow": "name: CI\non: [push]\njobs:\n  test:\n    steps:\n    - run: make\n",
    "a list": "- a\n- b\n",
    "layers of a map": "map: world\nlayers: [roads]\ntiles: x\nzoom: 3\n",
    "layers and input of another tool": "layers: [a]\ninput: x\ntrain: 1\noptimizer: adam\nepochs: 3\nseed: 1\n",
    "blocks of others": "blocks:\n  x: {kind: header}\ntitle: page\n",
    "nothing": "",
}
OWN = {
    "a comment": "# shapecalc\n- relu\n",
    "a schema": "# yaml-language-server: $schema=shapecalc.schema.json\nvars: {}\n",
    "input and layers": "input: 3x8x8\nlayers:\n- relu\n",
    "a slip": "input: 3x8x8\nlayers:\n- relu\nexpct: {params: 0}\n",
    "blocks": "blocks:\n  cell: [relu]\n",
    "broken": "input: 3x8x8\nlayers:\n- conv: {\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files(name):
    assert not is_specification(OTHERS[name], "/work/file.yaml", "yaml")
    assert is_specification(OTHERS[name], "/work/file.yaml", "shapecalc")
    assert is_specification(OTHERS[name], "/work/file.shapecalc.yaml", "yaml")


@pytest.mark.parametrize("name", OWN)
def test_specifications(name):
    assert is_specification(OWN[name], "/work/file.yaml", "yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_bundled_specification(path):
    assert is_specification(path.read_text(encoding="utf-8"), "net.yaml", "yaml")


def test_the_error_names_the_extra(monkeypatch):
    for name in [one for one in sys.modules if one.startswith("shapecalc.editor.se")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("lsprotocol", "pygls", "pygls.lsp.server"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = run("lsp")
    assert ran.status == 2
    assert "the language server needs pygls, which is not installed" in ran.err
    assert "pip install 'shapecalc-nn[lsp]'" in ran.err
