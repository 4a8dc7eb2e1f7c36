"""Every command on the pages, and what is there for PyTorch, runs as it is written; tests/importers has that for Keras."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from pages import DOCUMENTS, ROOT, blocks_of

sys.path.insert(0, str(Path(__file__).parent / "cli"))
from running import run

import shapecalc

CONFIGS = json.loads((ROOT / "tests" / "data" / "hub_configs.json").read_text(encoding="utf-8"))["models"]
OF_SHELLS = (".venv/", "git ", "pip ", "python")
"""Beginnings of commands that are none of shapecalc: README's two are those that CI begins with."""

OTHERS = {"ci": "test_ci_page.py", "live-page": "server/test_served_files.py"}
"""Pages whose commands need a repository or a server, and where these are tested."""


def commands_of(block):
    """Return the commands of a block for a shell, without comments; lines that end with \\ go on."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


COMMANDS = [
    pytest.param(page, commands_of(block), id=f"{page.stem}-{number}")
    for page in DOCUMENTS
    for number, block in enumerate(blocks_of(page, "sh"))
    if not block.startswith(OF_SHELLS) and page.stem not in OTHERS
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what the pages speak of: configs of models, and a device."""
    for model in CONFIGS:
        path = tmp_path / "path" / "to" / model["name"]
        path.mkdir(parents=True)
        (path / "config.json").write_text(json.dumps(model["config"]), encoding="utf-8")
    (device,) = [block for block in blocks_of(ROOT / "docs" / "speed.md", "yaml") if block.startswith("name: ")]
    (tmp_path / "my.yaml").write_text(device, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "commands"), COMMANDS)
def test_a_command_of_a_page(page, commands, folder):
    for command in commands:
        word, *arguments = shlex.split(command)
        assert word == "shapecalc", page.name
        arguments = [name.lower() if name.startswith("path/to/") else name for name in arguments]
        if any(name.endswith((".pdf", ".png")) for name in arguments):
            pytest.importorskip("matplotlib")
        ran = run(*arguments)
        assert (ran.status, "Traceback" in ran.err) == (0, False), (command, ran.err)
        written = [name for name in arguments if re.fullmatch(r"[\w-]+\.(svg|pdf|png|onnx)", name)]
        assert ran.out or all((folder / name).stat().st_size for name in written), command


def test_commands_of_pages_are_found():
    assert len(COMMANDS) > 20
    assert all((ROOT / "tests" / name).is_file() for name in OTHERS.values())
    assert {block.id.rpartition("-")[0] for block in COMMANDS} >= {"README", "fits", "hugging-face", "speed"}


@pytest.mark.torch
def test_the_modules_of_the_page_of_pytorch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    from vision_models import models

    monkeypatch.chdir(tmp_path)
    first, second = blocks_of(ROOT / "docs" / "pytorch.md", "py")
    names = {"MyModule": models.resnet18}
    exec(first, names)
    assert names["net"].infer().total.params == 11_689_512
    names |= {"torch": torch, "net": torch.nn.Linear(32, 8)}
    exec(second, names)
    assert shapecalc.load("net.pt2", input="12x32").infer().total.macs == 12 * 32 * 8
