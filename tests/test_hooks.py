"""The hooks of pre-commit (.pre-commit-hooks.yaml), run by pre-commit itself on a sample repository."""

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
from running import run

HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}

GOOD = "input: 3x8x8\nlayers: [{conv: {out_channels: 8, kernel_size: 3}}, {fc: 10}]\n"
BAD = "input: 3x8x8\nlayers:\n  - conv: {out_channels: 8, kernel_size: 9}\n"
OTHERS = {
    ".pre-commit-config.yaml": "", "docker-compose.yml": "services: {web: {image: x}}\n", "empty.yaml": "", "list.yaml": "- 1\n- 2\n",
    "serverless.yml": "service: x\nlayers:\n  libraries: {path: x}\n", "mkdocs.yml": "nav: [a]\n", "broken.yaml": "a: [\n\tb\n",
    "chart/templates/x.yaml": "{{- if .Values.layers }}\nlayers: {{ .Values.inputs }}\n{{- end }}\n", "two.yaml": "a: 1\n---\nb: 2\n",
}  # fmt: skip
"""YAML files of other programs, which are no errors of specifications."""


def test_a_hook_runs_what_the_command_has(tmp_path, monkeypatch):
    """As pre-commit runs it: the entry, its arguments, and the names of all YAML files."""
    monkeypatch.chdir(new_repository(tmp_path))
    write(tmp_path, {**OTHERS, "models/net.yaml": GOOD, "-x.yaml": GOOD})
    hook = HOOKS["shapecalc-check"]
    words = [*hook["entry"].split()[1:], *hook["args"]]
    ran = run(*words, *OTHERS, "models/net.yaml", "-x.yaml")
    assert (ran.status, ran.out.count("ok "), ran.err) == (0, 2, "")
    assert run(*words, *OTHERS) == (0, "", "")
    write(tmp_path, {"models/bad.yaml": BAD})
    ran = run(*words, *OTHERS, "models/bad.yaml")
    assert (ran.status, ran.out) == (1, "wrong  models/bad.yaml: 1 problem\n")
    assert run(*words, "missing.yaml").status == 2, "no error is hidden"
    git(tmp_path, "add", "models/net.yaml")
    write(tmp_path, {"models/net.yaml": BAD})  # the commit has what is staged
    ran = run(*HOOKS["shapecalc-changes"]["entry"].split()[1:])
    assert ran.status == 0
    assert "added: models/net.yaml" in ran.out
    assert "models/bad.yaml" not in ran.out


def test_what_uses_a_file_is_checked_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(new_repository(tmp_path))
    block = "blocks:\n  stem:\n    - conv: {out_channels: 8, kernel_size: KERNEL}\n"
    write(tmp_path, {
        **OTHERS, "models/parts/stem.yaml": block.replace("KERNEL", "3"), "models/net.yaml": f"use: parts/stem.yaml\n{GOOD}",
        "models/user.yml": "use:\n- parts/stem.yaml\ninput: 3x8x8\nlayers: [stem]\n", "models/alone.yaml": GOOD,
    })  # fmt: skip
    words = [
        *HOOKS["shapecalc-check"]["entry"].split()[1:],
        *HOOKS["shapecalc-check"]["args"],
        "models/parts/stem.yaml",
    ]
    ran = run(*words)
    assert (ran.status, [line.split()[1] for line in ran.out.splitlines()]) == (
        0, ["models/parts/stem.yaml:", "models/net.yaml:", "models/user.yml:"],
    )  # fmt: skip
    write(tmp_path, {"models/parts/stem.yaml": block.replace("KERNEL", "9")})
    ran = run(*words)
    assert ran.status == 1
    assert "wrong  models/user.yml: 1 problem" in ran.out
    assert ran.err.startswith("models/parts/stem.yaml:3:7: stem1.conv1 (conv): the 9×9 window does not fit")
    write(tmp_path, {"models/parts/stem.yaml": block.replace("conv", "covn")})
    assert run(*words).out.count("wrong") == 2, "also by itself"


def test_files_that_look_like_specifications_are_checked(tmp_path):
    """With errors of any kind, and keys in quotes."""
    for number, text in enumerate(
        (BAD, '"input": 3\n"layers" : [nothing]\n', "layers: [relu]\nvars: {\n", "\ufefflayers: [x]\ninputs: 3\n")
    ):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        assert run("check", "--skip-others", file).status == 1, text


@pytest.mark.slow  # pre-commit installs shapecalc into an environment of its own
def test_pre_commit(tmp_path):
    command = shutil.which("pre-commit", path=os.path.dirname(sys.executable)) or shutil.which("pre-commit")
    if not os.environ.get("SHAPECALC_REQUIRE_HOOKS"):
        pytest.skip("it installs packages")
    assert command, "pre-commit is not installed"
    source = new_repository(tmp_path / "source")
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "--", "shapecalc", "specs", "*.toml", "README.md",
                    "LICENSE", ".pre-commit-hooks.yaml").splitlines():  # fmt: skip
        if (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    revision = commit(source, {})
    folder = new_repository(tmp_path / "sample")
    (config,) = [one for one in blocks_of(DOCS / "ci.md", "yaml") if one.startswith("repos:")]  # but for where they are
    config = re.sub(r"rev: .*", f"rev: {revision}", re.sub(r"repo: .*", f"repo: {source.as_uri()}", config))
    assert [config.count(f"id: {name}\n") for name in HOOKS] == [1, 1]
    commit(folder, {**OTHERS, ".pre-commit-config.yaml": config, "models/net.yaml": GOOD})
    git(folder, "config", "user.name", "a")

    def pre_commit():
        git(folder, "add", "-A")
        environment = {**os.environ, **OWN, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PRE_COMMIT_COLOR": "never"}
        ran = subprocess.run([command, "run"], cwd=folder, check=False, capture_output=True, text=True, env=environment)
        return ran.returncode, re.sub(r"\.{2,}", "…", ran.stdout)

    write(folder, {"models/net.yaml": GOOD.replace("8, k", "16, k"), "mkdocs.yml": "nav: [b]\n", "-x.yaml": GOOD})
    status, out = pre_commit()
    assert status == 0, out
    assert "shapecalc check…Passed" in out
    assert "params: 3,114 → 6,218 (+3,104, +99.7 %)" in out
    write(folder, {"models/net.yaml": BAD})
    status, out = pre_commit()
    assert status == 1
    assert "shapecalc check…Failed" in out
    assert "models/net.yaml:3:5: conv1 (conv): the 9×9 window does not fit its 8×8 input" in out
    assert "shapecalc changes…Passed" in out
    assert "broken: models/net.yaml" in out
    git(folder, "reset", "-q", "--hard")
    write(folder, {"a.txt": "no YAML"})
    status, out = pre_commit()
    assert (status, out.count("Skipped")) == (0, 2)
