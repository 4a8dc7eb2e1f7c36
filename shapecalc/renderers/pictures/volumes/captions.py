"""What is written below a feature map: its layer, the window, what follows it, the parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.model.rows import sum_rows
from shapecalc.renderers.cells import UNKNOWN, show_size
from shapecalc.renderers.pictures.cards import params_text
from shapecalc.renderers.pictures.letters import fitted, text_width, wrapped
from shapecalc.renderers.pictures.scene import Label
from shapecalc.renderers.pictures.volumes.boxes import size_texts
from shapecalc.text.amounts import show_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap

__all__ = ["LINE", "caption_of", "short_names", "title_of"]

LINE = 13.0
"""The distance of lines."""
_ROOM, _DETAIL = 130.0, 104.0
"""The width of a name, and of the lines below it."""
_LINES = 2
"""The lines of a detail before the last, which is cut where it does not fit."""
_WORDS = 20
"""The most words of a name that are weighed."""
_LEAST, _MOST = 3, 40
"""The fewest letters that are left of a word, and more than there is room for."""
_LIST = ", "
"""Between the numbers of blocks that are repeated in turn: their name is whole, in lines."""
_MARK = "\n"
"""Between words that are compared; no name has it."""
_WORD = re.compile(r"[._]*(?:[^\d._]+|\d[^._]*)|[._]+$")
_NAME, _SMALL = 11.0, 9.5


def caption_of(one: FeatureMap, name: str, key: str) -> list[Label]:
    """Return the lines of a caption below a short name, from its top at the origin, around their middle."""
    details = [line for text in _details(one) for line in _in_lines(text)]
    names = wrapped(name, _NAME, _ROOM) if _LIST in name else [name]
    lines = [*names, *[line for line in details if line != name], *_count(one)]
    labels = []
    for number, text in enumerate(lines):
        is_name = number < len(names)
        size, color = (_NAME, "ink") if is_name else (_SMALL, "quiet")
        labels.append(
            Label(0, (number + 1) * LINE - 3, text, size, "middle", color, bold=is_name, key=f"caption {key}")
        )
    return labels


def short_names(names: Sequence[str]) -> list[str]:
    """Return names that fit: without words, or ends of words, by which they do not differ from one another."""
    words = [_WORD.findall(clean(name)) for name in names]
    every = [_MARK.join(["", *[word.lstrip("._") for word in own], ""]) for own in words if len(own) <= _WORDS]
    cut = [_short(own, every) if len(own) <= _WORDS else _cut("".join(own)) for own in words]
    return [clean(name) if _LIST in name else short for name, short in zip(names, cut, strict=True)]


def _short(words: list[str], every: Sequence[str]) -> str:
    """Return words that fit: without those by which a name does not differ from others, its last part kept whole."""
    kept = list(words)
    last = max([index for index, word in enumerate(words) if word[0] in "._"], default=0)
    while not _fits(_joined(kept)) and any(kept[:last]):
        ways = [(_alike(kept, index, every), _has_digit(word), index) for index, word in enumerate(kept[:last]) if word]
        alike, _, index = min(ways)
        shorter = _shortened(kept, last) if alike > 1 else ""
        if shorter:
            return shorter
        kept[index] = ""
    for index, word in enumerate(words):  # what there is room for after all
        fuller = [*kept[:index], word, *kept[index + 1 :]]
        kept = fuller if _fits(_joined(fuller)) else kept
    return _cut(_joined(kept))


def _alike(kept: Sequence[str], without: int, every: Sequence[str]) -> int:
    """Return how many names a reader may take these words but one for: the name itself, and others."""
    runs = [[""]]
    for index, word in enumerate(kept):
        if word and index != without:
            runs[-1].append(word.lstrip("._"))
        elif runs[-1]:
            runs.append([])
    pieces = [_MARK.join(["", *run, ""]) for run in (runs[0][1:], *runs[1:])]
    return sum(_has(name, pieces) for name in every)


def _has(name: str, pieces: Sequence[str]) -> bool:
    """Return whether a name has pieces in their order, the first at its start and the last at its end."""
    first, last = pieces[0], pieces[-1]
    at = len(first) - 1
    for piece in pieces[1:-1]:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece) - 1
    return name.startswith(first) and name.endswith(last) and len(name) - len(last) >= (at if pieces[1:] else 0)


def _shortened(kept: Sequence[str], last: int) -> str:
    """Return words with the ends of the longest left out; empty where that is not enough."""
    lengths = [min(len(word), _MOST) for word in kept]
    while True:
        ends = [
            word if len(word) == length else f"{word[:length]}…" for word, length in zip(kept, lengths, strict=True)
        ]
        text = _joined(ends)
        longest = max(range(last), key=lambda index: 0 if _has_digit(kept[index]) else lengths[index])
        if _fits(text) or lengths[longest] <= _LEAST or _has_digit(kept[longest]):
            return text if _fits(text) else ""
        lengths[longest] -= 1


def _joined(kept: Sequence[str]) -> str:
    text = ""
    for word in kept:
        if not word:
            text = f"{text.removesuffix('…')}…"
        else:
            text += word.lstrip("._") if text.endswith("…") else word
    return text


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _fits(text: str) -> bool:
    return text_width(text, _NAME, bold=True) <= _ROOM


def _cut(text: str) -> str:
    return fitted(text, _NAME, _ROOM, bold=True)


def _in_lines(text: str) -> list[str]:
    """Return a text as few lines that fit."""
    lines = wrapped(text, _SMALL, _DETAIL)
    return [*lines[:_LINES], *([fitted(" ".join(lines[_LINES:]), _SMALL, _DETAIL)] if lines[_LINES:] else [])]


def _details(one: FeatureMap) -> Iterator[str]:
    if one.line is None:
        yield "input"
        return
    yield f"{clean(one.line.kind)}{_window_text(one)}"
    if one.mark:
        yield clean(one.mark)
    more = [clean(line.name if line.is_block else line.kind) for line in one.merged]
    if more:
        yield "+ " + ", ".join(dict.fromkeys(more))
    if one.passed:
        outputs = ", ".join(f"{clean(name)} {'×'.join(filter(None, size_texts(sides)))}" for name, sides in one.passed)
        yield f"{'each ' if one.line.copies > 1 else ''}{'also ' if one.is_read else ''}outputs {outputs}"
    if one.is_output:
        yield "output"
    is_shared = any(row.shares for row in one.line.rows) and not sum_rows(one.line.rows).params
    if one.params == 0 or is_shared:
        lines = [one.line] if one.params else [one.line, *one.merged]
        yield from [text for text in (params_text(line.rows) for line in lines) if text][:1]


def _window_text(one: FeatureMap) -> str:
    """Return kernel, stride and dilation of the window that slides: that of a layer, or a wide one of a block."""
    axes = one.window
    is_plain = one.line and one.line.is_block and max([axis.kernel for axis in axes], default=1) == 1
    if not axes or not one.line or is_plain or not one.is_seen_by_window:
        return ""
    kernel = show_size([axis.kernel for axis in axes])
    stride = _show_alike([axis.stride for axis in axes])
    dilation = _show_alike([axis.dilation if axis.kernel != 1 else 1 for axis in axes])
    is_named = len(axes) > 1 and kernel.replace("×", "x") in one.line.kind  # `conv3x3`
    shown = "" if is_named else f"{' ' if len(axes) > 1 else ', kernel '}{kernel}"
    shown += f" /{stride}" if stride != "1" else ""
    is_said = "dilation " in one.mark
    return shown + (f", dilation {dilation}" if dilation != "1" and not is_said else "")


def _show_alike(sizes: Sequence[int]) -> str:
    """Return a size along each axis, once where all are the same."""
    return show_size(sizes if len(set(sizes)) > 1 else sizes[:1])


def _count(one: FeatureMap) -> Iterator[str]:
    """Yield the number of parameters, which is never cut."""
    if one.params is None:
        yield f"{UNKNOWN} params"
    elif one.params:
        sums = " in all" if one.line and one.line.copies > 1 else ""
        yield f"{show_count(one.params)} param{'' if one.params == 1 else 's'}{sums}"


def title_of(one: FeatureMap, sizes: str) -> str:
    """Return all about a map, for a pointer that rests on it."""
    return " · ".join([one.name, sizes, *_details(one), *_count(one)])
