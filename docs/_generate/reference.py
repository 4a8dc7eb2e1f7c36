"""The reference: pages of the layer kinds, family by family, of the commands, and of the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _generate import commands, kinds, python

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write"]


def write(folder: Path) -> None:
    """Write every page and picture into a folder: those that changed, so that only they are built again."""
    files = {**kinds.files(), **commands.files(), **python.files()}
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    for file in [*folder.rglob("*.md"), *folder.rglob("*.svg")]:
        if str(file.relative_to(folder).as_posix()) not in files:
            file.unlink()
