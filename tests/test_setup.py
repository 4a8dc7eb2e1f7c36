"""The settings of set-up, CI and tests agree: versions, commands, warnings, searches."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import searching
import yaml
from hypothesis import settings

ROOT = Path(__file__).parent.parent
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    """Return the packages that a text pins, with their versions."""
    return {name.lower(): version for name, version in re.findall(r"([\w-]+)==([\w.]+)", text)}


def test_hooks_have_the_versions_of_ci() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    lint = pins(re.findall(r"^lint = .*$", PROJECT, re.MULTILINE)[0])
    found = {}
    for repo in hooks:
        name = re.sub(r"-pre-commit$|^mirrors-", "", repo["repo"].rpartition("/")[2])
        found[name] = repo["rev"].removeprefix("v")
        for hook in repo["hooks"]:
            found |= pins(" ".join(hook.get("additional_dependencies", [])))
            asked = [word for word in hook.get("additional_dependencies", []) if ">=" in word]
            assert all(f'"{word}"' in PROJECT for word in asked), asked
    assert found == lint
    assert len(lint) == 3


def test_every_supported_python_is_tested() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", PROJECT)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised
    assert f'requires-python = ">={promised[0]}"' in PROJECT


def test_ci_runs_the_slow_tests() -> None:
    readme, ci = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", ".ci/run"))
    assert "pytest -q -n auto -m 'not slow'\n" in readme
    assert '-m "slow or hypothesis" --hypothesis-profile=thorough\n' in ci


def test_ci_keeps_what_is_compiled_and_compiles_only_what_is_used() -> None:
    """Without the files of its modules compiled, a process takes 0.3 s of the processor in place of 0.06."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert ci.index("\nunset PYTHONDONTWRITEBYTECODE\n") < ci.index("README.md")
    installs = re.findall(r"pip install .*--group.*", ci)
    assert installs
    assert all("--no-compile" in line for line in installs)


def test_hypothesis_has_no_deadline(pytestconfig: pytest.Config) -> None:
    assert settings.default.deadline is None


@pytest.mark.parametrize("name", ["quick", "thorough", "explore"])
def test_only_the_scheduled_job_uses_random_seeds(name: str) -> None:
    """Tests of users and of changes are deterministic."""
    profile = settings.get_profile(name)
    assert (profile.deadline, profile.database, profile.derandomize) == (None, None, name != "explore")
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    runs = [step["run"] for step in workflow["jobs"]["explore"]["steps"] if "pytest" in step.get("run", "")]
    assert [run.rpartition(" -m ")[2] for run in runs] == ['"slow or hypothesis" --hypothesis-profile=explore']
    assert "schedule" in workflow["jobs"]["explore"]["if"]


def test_a_users_run_collects_a_part_and_ci_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WHOLE", [False])
    assert searching.some(range(10), 3) == [0, 3, 6]
    assert searching.some([("a", 1), ("b", 2)], 1) == [("a", 1)]
    monkeypatch.setattr(searching, "WHOLE", [True])
    every = searching.some([("a", 1), ("b", 2)], 1)
    assert every == [("a", 1), pytest.param("b", 2, marks=pytest.mark.slow)]
    assert len(searching.some(range(10), 3)) == 10
    assert [value for value in searching.some(range(10), 3) if type(value) is int] == [0, 3, 6]


@pytest.mark.parametrize("module", ["shapecalc.dims.columns", "test_setup"])
def test_our_own_warnings_are_errors(module: str) -> None:
    with pytest.raises(RuntimeWarning):
        warnings.warn_explicit("an overflow", RuntimeWarning, "file.py", 1, module)


def test_warnings_of_other_packages_are_ignored(pytestconfig: pytest.Config) -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.warn_explicit("of another package", UserWarning, "file.py", 1, "numpy.core")
        if pytestconfig.getini("filterwarnings")[1:]:  # in CI, what will be dropped is an error
            for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
                warnings.warn_explicit("will be dropped", category, "file.py", 1, "shapecalc.dims.columns")
            assert len(heard) == 4
    assert heard


def test_child_processes_of_tests_receive_interrupts() -> None:
    """Also if the tests run in the background, where a shell ignores interrupts."""
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units, or there is none")
def test_benchmarks_measure_the_memory_of_a_process_without_that_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from measuring import process

    filled = b"x" * (300 << 20)
    memory = [process([sys.executable, "-I", "-c", code])[1] for code in ("pass", "x = b'x' * (100 << 20)")]
    assert memory[0] < 40, len(filled)
    assert 99 < memory[1] - memory[0] < 110
    with pytest.raises(SystemExit, match="failed"):
        process([sys.executable, "-c", "raise SystemExit(1)"])
