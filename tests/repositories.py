"""Sample repositories of git, for what reads commits."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["commit", "git", "new_repository", "write"]

OWN = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_ALLOW_PROTOCOL": "file",
}  # fmt: skip
"""The environment in which git has no settings of the one who runs the tests."""


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, and return its output."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | OWN
    ran = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, env=environment
    )
    return ran.stdout.strip()


def new_repository(folder: Path) -> Path:
    """Make a folder a repository without commits, whose branch is `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    """Write files into a repository; those that are None are removed."""
    for name, text in files.items():
        path = folder / name
        if text is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def commit(folder: Path, files: Mapping[str, str | None]) -> str:
    """Write files into a repository and commit all; return the commit."""
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "x")
    return git(folder, "rev-parse", "HEAD")
