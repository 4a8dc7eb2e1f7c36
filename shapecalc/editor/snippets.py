"""Completions of kinds as a page inserts them: with the arguments that they require, each a field to be filled."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from shapecalc.language.files import bundled_members, read_bytes
from shapecalc.layers import find_kind

if TYPE_CHECKING:
    from shapecalc.editor.analysis import Analysis
    from shapecalc.editor.completion import Completion

__all__ = ["snippet_of", "times_used"]

_KIND = "kind"


def times_used(kind: str) -> int:
    """Return how many times the bundled specifications use a kind under this name."""
    return _uses()[kind]


@cache
def _uses() -> Counter[str]:
    found: Counter[str] = Counter()
    for path in {path for path, _ in bundled_members()}:
        found.update(re.findall(r"(?<=- )[a-z]\w*", read_bytes(path).decode("utf-8")))
    return found


def snippet_of(analysis: Analysis, completion: Completion) -> str:
    """Return what is inserted for a kind that requires arguments: `conv: {out_channels: ${}}`; empty for any other.

    Fields are written as those of CodeMirror. Where something is behind the word, there are none.
    """
    cls = find_kind(completion.label) if completion.sort == _KIND else None
    line, character = completion.range.end
    if cls is None or completion.new_text != completion.label or analysis.text.line(line)[character:].strip(" ]}"):
        return ""
    required = [name for name, argument in cls.arguments.items() if argument.required]
    if not required:
        return ""
    first = cls.first_argument(completion.label)
    if len(required) == 1 and first is not None and first.name == required[0]:
        return f"{completion.label}: ${{{required[0]}}}"
    return f"{completion.label}: {{{', '.join(f'{name}: ${{{name}}}' for name in required)}}}"
