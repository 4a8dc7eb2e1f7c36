"""Suggestions for hints: the known word nearest to an unknown one, and lists of known words."""

from __future__ import annotations

import difflib
import heapq
import os
from functools import partial
from typing import TYPE_CHECKING

from shapecalc.escaping import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["list_of_words", "meant_word", "nearest_file", "nearest_word"]

_LONGEST = 300
"""The maximum length of words that are compared."""

_LISTED = 24
_LONGEST_COMPARED = 60
_COMPARED = 50_000  # pairs of letters: some ten milliseconds
_MOST_SCANNED = 5_000
_MOST_FILES = 1_000
_NEAR = 0.6
_TRIED = 5
_SHORTEST_PART = 3
_SYNONYMS = """
momentum | sgdm sgd_momentum sgd_with_momentum nesterov
adamw8bit | paged_adamw_8bit
fp32 | float32 float single
fp16 | float16 half
bf16 | bfloat16
amp | autocast
mixed | mixed_precision
flash | sdpa flash_attention xformers memory_efficient
chw | channels_first nchw bchw
hwc | channels_last nhwc bhwc
CHW | channels_first nchw bchw
HWC | channels_last nhwc bhwc
markdown | md
latex | tex
cross_entropy | ce nll
weights | dtype bits quantization quantize
macs | flops mult_adds madds
output | shape
torch | pytorch
pytorch | torch
keras | tensorflow tf
vars | variables constants hparams
params | total_params parameters total_parameters num_params num_parameters param_count
trainable | trainable_params trainable_parameters
"""
"""Words of the field for choices: the hint for one is what it is called here, where that is known."""
_NOTES = {("flops", "macs"): " 1 MAC is 2 FLOPs"}
"""What has to be changed besides the word."""


def nearest_word(word: str, words: dict[str, None]) -> str:
    """Return the hint with the known word nearest to one; empty if none is near."""
    before, colon, after = word[:_LONGEST].partition(":")
    if colon and after and before in words:
        return clean(f"write a space after the colon: `{before}: {after}`")
    meant = meant_word(word, words)
    return f"did you mean {meant}?{_NOTES.get((word.lower(), meant), '')}" if meant else ""


def nearest_file(path: str) -> str:
    """Return the hint for a file that is not there: the nearest name in its folder; empty if none is near."""
    try:
        names = os.listdir(os.path.dirname(path) or ".")[:_MOST_FILES]
    except (OSError, ValueError):
        return ""
    meant = meant_word(os.path.basename(path), names)
    return clean(f"did you mean {os.path.join(os.path.dirname(path), meant)}?") if meant else ""


def meant_word(word: str, words: Iterable[str]) -> str:
    """Return the known word that is nearest to one; empty if none is near.

    A word that begins with the one, or that it abbreviates, is nearer than any that differs from it in a letter:
    `bert-base` is the beginning of `bert-base-cased`, however alike `roberta-base` is, and `lrelu` is not `relu`.
    """
    if len(word) > _LONGEST_COMPARED:
        return ""
    plain = word.lower().replace("-", "_").replace(" ", "_")
    rows = [line.split(" | ") for line in _SYNONYMS.strip().splitlines()]
    synonym = next((one for one, others in rows if plain in others.split() and one in words), "")
    if synonym:
        return synonym
    longer = _longer(plain.rstrip("_"), words) or _abbreviated(plain.replace("_", ""), words)
    longer = longer or _shortened(plain, words)
    if longer:
        return longer
    for text in (word, plain) if plain != word else (word,):
        near = difflib.get_close_matches(text, _candidates(text, words), n=_TRIED, cutoff=_NEAR)
        found = [one for one in near if _is_meant(text, one)]
        meant = min(found, key=partial(_order, text), default="")
        if meant:
            return meant
    return ""


def _order(word: str, known: str) -> tuple[int, bool, bool]:
    """Return the key that orders known words by how near they are to one: of its own letters before its beginning."""
    return _distance(word, known), sorted(word) != sorted(known), not word.startswith(known)


def _longer(start: str, words: Iterable[str]) -> str:
    """Return the shortest word with a beginning, be it written with - or _; empty if there is none."""
    size = len(start)
    if size < _SHORTEST_PART:
        return ""
    return min((one for one in words if one[:size].lower().replace("-", "_") == start), key=len, default="")


def _abbreviated(word: str, words: Iterable[str]) -> str:
    """Return the shortest word that one abbreviates: `hswish` hardswish, `nheads` num_heads, `gap` global_avg_pool."""
    if len(word) < _SHORTEST_PART:
        return ""
    start, end = word[0], word[-_SHORTEST_PART:]
    found = []
    for one in words:
        if one[:1].lower() == start and len(one) > len(word):
            parts = one.lower().replace("-", "_").split("_")
            letters = "".join(parts)
            is_shorter = len(word) > _SHORTEST_PART and letters.endswith(end) and len(letters) > len(word)
            if (is_shorter and _is_within(word, letters)) or word == "".join(part[:1] for part in parts):
                found.append(one)
    return min(found, key=len, default="")


def _shortened(word: str, words: Iterable[str]) -> str:
    """Return the shortest word whose parts one shortens: `dim_ff` dim_feedforward; empty where another is misspelt."""
    parts = word.split("_")
    found = [one for one in words if _is_shortened(parts, one.lower().split("_"))] if len(parts) > 1 else []
    return "" if not found or any(_is_near(word, one) for one in words) else min(found, key=len)


def _is_shortened(short: list[str], parts: list[str]) -> bool:
    """Return whether the parts of a word are those of another, one as it is and the others cut to half or less."""
    pairs = list(zip(short, parts, strict=False))
    return (
        len(short) == len(parts) > 1
        and any(one == part and len(one) > 1 for one, part in pairs)
        and all(
            one == part or (one[:1] == part[:1] and 2 * len(one) <= len(part) and _is_within(one, part))
            for one, part in pairs
        )
    )


def _is_within(word: str, text: str) -> bool:
    """Return whether a text has the letters of a word, in order."""
    letters = iter(text)
    return all(letter in letters for letter in word)


def _is_meant(word: str, known: str) -> bool:
    """Return whether a word may be a misspelt known one: a part of it, or different in a third of its letters."""
    word, known = (text.lower().replace("-", "_") for text in (word, known))
    is_part = len(word) >= _SHORTEST_PART and (known.startswith(word) or word in known.split("_"))
    is_part = is_part or 4 * _common_start(word, known) >= 3 * min(len(word), len(known)) > 4
    return is_part or _is_near(word, known)


def _is_near(word: str, known: str) -> bool:
    return edits(word, known) <= max(1, len(word) // 3)


def _distance(word: str, known: str) -> int:
    """Return how far a known word is from one: misspelt, the word without a part (`input_shape`), or akin to it."""
    word, known = (text.lower().replace("-", "_") for text in (word, known))
    return 0 if _is_near(word, known) else 1 if known in word.split("_") else 2


def edits(word: str, other: str) -> int:
    """Return the edit distance of two words: letters added, left out, replaced or swapped."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        above, before, row = before, row, [i]
        for j, own in enumerate(other, 1):
            lowest = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != own))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == own:
                lowest = min(lowest, above[j - 2] + 1)
            row.append(lowest)
    return row[-1]


def _candidates(word: str, words: Iterable[str]) -> list[str]:
    """Return the candidates for a word: all that may be near, or the most similar of very many."""
    lowest, most = len(word) * _NEAR / (2 - _NEAR), len(word) * (2 - _NEAR) / _NEAR
    found = [one for one in words if lowest <= len(one) <= most]
    if sum(map(len, found)) * len(word) <= _COMPARED:
        return found
    found = [one for one in found if one[:1] == word[:1] and abs(len(one) - len(word)) <= 2][:_MOST_SCANNED]
    found.sort(key=lambda one: _common_start(one[::-1], word[::-1]) + _common_start(one, word), reverse=True)
    return found[: max(1, _COMPARED // (len(word) * (len(word) + 2)))]


def _common_start(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def list_of_words(words: dict[str, None]) -> str:
    """Return the hint that lists the known words."""
    if not words:
        return ""
    shown = ", ".join(heapq.nsmallest(_LISTED, words)) + (", …" if len(words) > _LISTED else "")
    return f"known here: {shown}"
