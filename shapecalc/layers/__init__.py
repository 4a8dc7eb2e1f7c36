"""The layer kinds, one family a file. A module in this folder is found by being here.

A network uses a few of the families: those that mention a word are loaded when the word is looked up, the rest only
when they are asked for, by `KINDS` or by a word that is no kind.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc import layer

if TYPE_CHECKING:
    from shapecalc.layer import KINDS, Layer

__all__ = ["KINDS", "find_kind"]

_waiting: dict[str, str] = {}
"""The families that are not loaded yet: name and text."""


def _list_families() -> None:
    folder = os.path.dirname(__file__)
    for file in sorted(os.listdir(folder)):
        name, ending = os.path.splitext(file)
        if ending == ".py" and not name.startswith("_"):
            with open(os.path.join(folder, file), encoding="utf-8") as stream:
                _waiting[name] = stream.read()


def _load(families: list[str]) -> None:
    for name in families:
        del _waiting[name]
        import_module(f"{__name__}.{name}")


def find_kind(word: str) -> type[Layer] | None:
    """Return the kind of that name or also-name, or None."""
    kind = layer.find_kind(word)
    if kind is None and _waiting:
        quoted = f'"{word}"'
        _load([name for name, text in _waiting.items() if quoted in text])
        kind = layer.find_kind(word)
        if kind is None:
            _load(list(_waiting))
            kind = layer.find_kind(word)
    return kind


def __getattr__(name: str) -> object:
    if name == "KINDS":
        _load(list(_waiting))
        return layer.KINDS
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


_list_families()
