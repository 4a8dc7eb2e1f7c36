"""docs/ci.md: every command, workflow and hook on the page runs in a sample repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from pages import DOCS, ROOT, blocks_of
from repositories import OWN, commit, git, new_repository, write

import shapecalc

PAGE = DOCS / "ci.md"
TEXT = PAGE.read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
NET = "name: net\ninput: 3x8x8\nlayers:\n  - conv: {out_channels: 16, kernel_size: 3}\n  - relu\n  - fc: 10\n"

for_a_shell = pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="it is for a shell")


def blocks(language):
    return blocks_of(PAGE, language)


WORKFLOWS = [one for text in blocks("yaml") if "jobs" in (one := yaml.safe_load(text))]
HOOKS = [one for text in blocks("yaml") if "repos" in (one := yaml.safe_load(text))]


@pytest.fixture
def repository(tmp_path):
    """A repository with two networks; in the branch `feature` one is wider, and so it is in the working tree."""
    folder = new_repository(tmp_path / "sample")
    commit(folder, {"models/net.yaml": NET, "models/other.yaml": "input: 4\nlayers: [{fc: 2}]\n"})
    git(folder, "switch", "-q", "-c", "feature")
    commit(folder, {"models/net.yaml": NET.replace("16", "20")})
    git(folder, "switch", "-q", "main")
    write(folder, {"models/net.yaml": NET.replace("16", "24")})
    return folder


def run(line, folder):
    """Run a command of a shell, and return its output."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-ec", line], cwd=folder, capture_output=True, encoding="utf-8", check=False, env={**os.environ, **OWN, "PATH": path, "COLUMNS": "80"}
    )  # fmt: skip


@pytest.mark.slow  # a process for each command
@for_a_shell
def test_commands(repository, request):
    first, *others = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(others) == 5
    shown = next(text for text in blocks("text") if "→ the working tree" in text)
    ran = run(first, repository)
    fresh = ran.stdout.replace(git(repository, "rev-parse", "HEAD")[:12], "COMMIT")
    if request.config.getoption("--renew"):
        PAGE.write_text(TEXT.replace(shown, fresh), encoding="utf-8")
        shown = fresh
    assert (ran.returncode, fresh, ran.stderr) == (0, shown, "")
    git(repository, "add", ".")  # for --staged
    words = ("→ 9,322", "→ 9,322", "7,770", "| models/net.yaml | changed |", "an architecture has changed")
    for line, expected in zip(others, words, strict=True):
        ran = run(line, repository)
        assert (ran.returncode, ran.stderr) == (0, ""), line
        assert expected in ran.stdout, line


@for_a_shell
def test_workflows(repository):
    own, action = WORKFLOWS
    command = own["jobs"]["sizes"]["steps"][-1]["run"]
    assert run(command, repository).stdout.count("ok     models/") == 2
    (step,) = [one for one in action["jobs"]["networks"]["steps"] if one["uses"].startswith("shapecalc/")]
    assert {*step["with"]} <= {*ACTION["inputs"]}
    assert action["permissions"]["pull-requests"] == "write"
    assert re.findall(r"^\| `([a-z-]+)` \| .* \| .* \|$", TEXT, re.MULTILINE)[-7:] == [*ACTION["inputs"]]
    assert all(f"`{name}`" in TEXT for name in ACTION["outputs"])


def test_the_expectations(tmp_path):
    """The first block of the page, in place of those of docs/budget.yaml."""
    block = next(text for text in blocks("yaml") if text.startswith("expect:"))
    text = (ROOT / "docs" / "budget.yaml").read_text(encoding="utf-8").partition("expect:")[0] + block
    assert shapecalc.load(text).check().graph.expectations
    assert len(blocks("yaml")) == 1 + len(WORKFLOWS) + len(HOOKS), "every block is one of these"


@pytest.mark.slow
def test_workflows_are_valid_for_github(tmp_path):
    if not os.environ.get("SHAPECALC_REQUIRE_HOOKS"):
        pytest.importorskip("check_jsonschema")
    for number, one in enumerate(WORKFLOWS):
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump({("on" if key is True else key): value for key, value in one.items()}))
        subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", file], check=True
        )


@pytest.mark.torch
def test_the_assertion(repository, monkeypatch, request):
    """The module of the example is that of the working tree: wider than the specification of the last commit."""
    torch = pytest.importorskip("torch")
    from torch import nn

    git(repository, "checkout", "-q", "models")

    class Net(nn.Module):
        def __init__(self, width=24):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU())
            self.head = nn.Linear(width * 36, 10)

        def forward(self, x):
            return self.head(torch.flatten(self.features(x), 1))

    monkeypatch.chdir(repository)
    (block,) = blocks("py")
    names = {"Net": Net}
    exec(block, names)
    shown = next(text for text in blocks("text") if "Net is not net" in text)
    with pytest.raises(AssertionError) as caught:
        names["test_net"]()
    fresh = f"{caught.value}\n"
    if request.config.getoption("--renew"):
        PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(shown, fresh), encoding="utf-8")
        shown = fresh
    assert fresh == shown
    names["Net"] = lambda: Net(16)
    names["test_net"]()
