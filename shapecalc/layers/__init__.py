"""The layer kinds, one family a file.

A network uses a few of the families, and only those are loaded: `families` lists the names in each. The rest are loaded
on demand, by `KINDS` or for a name that is not in that list.

Safe to use from several threads: a family counts as loaded when its module is complete, which the import system waits
for, and no kind is looked up in one that is not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.layers.base import layer
from shapecalc.layers.families import FAMILIES

if TYPE_CHECKING:
    from shapecalc.layers.base.layer import KINDS, Layer

__all__ = ["KINDS", "find_kind", "is_kind_word", "kind_words"]

_family_of = {word: family for family, words in FAMILIES.items() for word in words.split()}
_complete: set[str] = set()
"""The families whose modules are completely loaded."""
_found: dict[str, type[Layer]] = {}
"""The kinds of completely loaded families, by the names that they were looked up by."""


def _load(family: str) -> None:
    if family not in _complete:
        import_module(f"{__name__}.kinds.{family}")
        _complete.add(family)


def find_kind(word: str) -> type[Layer] | None:
    """Return the kind of that name or also-name, or None."""
    found = _found.get(word)
    if found is not None:
        return found
    if word.startswith("-"):
        return None
    family = _family_of.get(word) or _family_of.get(layer.normalise_word(word))
    for name in [family] if family else FAMILIES:
        _load(name)
    found = layer.registered(word)
    if found and (word == found.kind or word in found.also):
        _found[word] = found
    return found


def is_kind_word(word: str) -> bool:
    """Return whether a word is a name of a kind; no family is loaded for it."""
    return word in _family_of or layer.normalise_word(word) in _family_of


def kind_words() -> list[str]:
    """Return all names of a kind."""
    return [word for cls in _all_kinds().values() for word in (cls.kind, *cls.also)]


def _all_kinds() -> dict[str, type[Layer]]:
    """Return every kind by its name, family by family, whichever of them were loaded first."""
    for family in FAMILIES:
        _load(family)
    return dict(sorted(layer.KINDS.items(), key=lambda item: item[1].family))


def __getattr__(name: str) -> object:
    if name == "KINDS":
        return _all_kinds()
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
