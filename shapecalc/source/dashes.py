"""Items without the space after their dash: `-relu`, `-conv: 64`. YAML takes the dash for a part of the word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import Mark, Problem, Source
from shapecalc.source.colons import structural_lines
from shapecalc.source.values import short

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["dash_problems"]

_ITEM = re.compile(r"-(?=[\w\"'\[{])(?!\d).*")

_ANY = re.compile(r"(?m)^\s*-(?=[\w\"'\[{])(?!\d)")
_COMMENT = re.compile(r"(^|\s)#.*")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def dash_problems(source: Source) -> list[Problem]:
    """Return the problems of the lines that begin with a dash and no space after it, where a list may be."""
    if not _ANY.search(source.text):
        return []
    return [
        Problem("a space is missing after this `-`", Mark(source, number, indent + 1), hint=f"write `- {short(rest)}`")
        for number, indent, rest in _without_space(source)
    ]


def _without_space(source: Source) -> Iterator[tuple[int, int, str]]:
    """Yield the number, the indent and the words of each such line that is not within brackets."""
    above, deeper, brackets = "", 0, 0
    for number, indent, line in structural_lines(source.text.split("\n")):
        words = _COMMENT.sub("", line).strip()
        is_item = above.startswith("-") or above.endswith(":") or deeper > indent
        if _ITEM.match(words) and is_item and not brackets:
            yield number + 1, indent, words[1:]
        plain = _QUOTED.sub("", words)
        brackets = max(0, brackets + sum(map(plain.count, "[{")) - sum(map(plain.count, "]}")))
        above, deeper = words, indent
