"""A mistake in a block that is used, or repeated, many times: one problem, with how many copies have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.errors import Problem

__all__ = ["gathered"]

_WORD = r"[\w.×]+"
"""Names and sizes; those with a digit (stage.3.conv2, 3×8×8) differ between copies."""


def gathered(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems, with those of the copies of one layer merged into the first.

    They have one location, and the same text except for names and numbers.
    """
    found: dict[Any, Problem] = {}
    for index, problem in enumerate(problems):
        key = (problem.mark, re.sub(_WORD, _unnumbered, problem.message)) if problem.mark else index
        first = found.get(key)
        found[key] = problem if first is None else first._replace(copies=first.copies + problem.copies)
    return list(found.values())


def _unnumbered(word: re.Match[str]) -> str:
    return "#" if re.search(r"\d", word[0]) else word[0]
