"""A mistake in a block that is used, or repeated, many times: one problem, with how many copies have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.errors import Problem

__all__ = ["gathered"]

_NUMBERED = r"[\w.×]*\d[\w.×]*"
"""What differs from copy to copy: names with a number in them (stage.3.conv2), and sizes."""


def gathered(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems, those of the copies of one layer of a source as the first of them.

    They have one location, and say the same but for names and numbers.
    """
    found: dict[Any, Problem] = {}
    for index, problem in enumerate(problems):
        key = (problem.mark, re.sub(_NUMBERED, "#", problem.message)) if problem.mark else index
        first = found.get(key)
        found[key] = problem if first is None else first._replace(copies=first.copies + problem.copies)
    return list(found.values())
