"""Whether a YAML file is meant as a specification: of all those of a repository, also one with mistakes in its keys.

It is decided by the keys of the top level and by how many items under them are kinds of layers, without reading YAML.
"""

from __future__ import annotations

import re
from functools import lru_cache

from shapecalc.language.document import KEYS
from shapecalc.layers import is_kind_word
from shapecalc.suggestions import edits

__all__ = ["is_specification"]

_LONGEST = 1_000_000
_KEY = re.compile(r"^([ \t]*)(['\"]?)([A-Za-z][\w.-]*)\2[ \t]*(:(?=\s|$)|$|:(?=[\w\[{])|=)")
_ITEM = re.compile(r"^\s*(?:(?:- *)+[\[{]?|[\[{])\s*['\"]?([A-Za-z][\w.]*)(?=['\"]?\s*(?:[:,\]}(#]|$))")
_FLOW = re.compile(r"[\[,]\s*\{?\s*['\"]?([A-Za-z][\w.]*)(?=['\"]?\s*[:,\]}])")

_LAYERS, _INPUT, _BLOCKS = "layers", "input", "blocks"
_LIKE = {
    word: key
    for key, words in (
        (_INPUT, "inputs input_size input_shape input_dim"),
        (_LAYERS, "network model architecture modules nodes net sequential stages"),
    )
    for word in words.split()
}
"""Words that people write in place of a key."""
_LONGEST_KEY = 16
_ITEMS = 200
"""As many items are looked at."""


def is_specification(text: str | bytes, *, of_blocks: bool = True) -> bool:
    """Return whether a text is a specification, or was meant as one: it may have any error in it.

    `of_blocks`: so is a file of blocks alone, for others.
    """
    head = text[:_LONGEST]
    keys, items = _parts(head.decode("utf-8", "replace") if isinstance(head, bytes) else head)
    exact, meant = {*keys} & {*KEYS}, {_meant(key) for key in keys}
    kinds = sum(map(is_kind_word, items))
    if _INPUT in meant and _LAYERS not in meant:  # perhaps layers as keys
        kinds += sum(map(is_kind_word, {*keys} - exact))
    has_kinds = kinds > 0 and kinds * 2 >= len(items)
    others = sum(not _meant(key) and not is_kind_word(key) for key in keys)
    if _LAYERS in exact and _INPUT in meant and not has_kinds:  # other programs have both, with numbers and names
        return len(exact) > 1 and others <= len(exact) // 4 and (not others or bool(items))
    if not has_kinds:
        return False
    if _LAYERS in exact:
        return True
    if _BLOCKS in exact and meant.isdisjoint((_LAYERS, _INPUT)):
        return of_blocks and others <= len(exact) // 2
    if meant.issuperset((_LAYERS, _INPUT)):
        return others <= 2 * kinds
    is_likely = not keys or not meant.isdisjoint((_LAYERS, _BLOCKS)) or _INPUT in exact
    return is_likely and kinds > 1 and others <= 2


def _parts(text: str) -> tuple[list[str], list[str]]:
    """Return the keys of the top level, and the words that items below `layers:`, `blocks:` or no key begin with."""
    keys: list[str] = []
    items: list[str] = []
    margin, is_within = "", True
    for line in text.lstrip("\ufeff").splitlines():
        bare = line.strip()
        if not bare or bare[0] in "#%" or bare in ("---", "...", "{", "}"):
            continue
        if not keys and not items:
            margin = line[: len(line) - len(line.lstrip())]
        found = _KEY.match(line)
        if found and found[1] == margin:
            keys.append(found[3])
            meant = _meant(found[3])
            is_within = meant in (_LAYERS, _BLOCKS, _INPUT)
        if is_within and len(items) < _ITEMS:
            item = _ITEM.match(line)
            items += [item[1]] if item else _FLOW.findall(line)
    return keys, items


@lru_cache(4096)
def _meant(key: str) -> str:
    """Return the key of specifications that a word is, or is meant for; empty for another word."""
    word = key.lower()
    if word in KEYS:
        return _LIKE.get(word, word)
    if word in _LIKE:
        return _LIKE[word]
    known_words = KEYS if len(word) <= _LONGEST_KEY else ()
    near = [known for known in known_words if len(known) > 3 and edits(word, known) <= (1 if len(known) < 5 else 2)]
    return _LIKE.get(near[0], near[0]) if near else ""
