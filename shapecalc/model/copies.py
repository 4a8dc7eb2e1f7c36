"""A mistake in a block that is used, or repeated, many times: one problem, with how many copies have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.errors import Problem

__all__ = ["gathered"]

_NUMBERED = r"[\w.×]*\d[\w.×]*"
"""The parts that differ between copies: names with a number in them (stage.3.conv2), and sizes."""


def gathered(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems, with those of the copies of one layer merged into the first.

    They have one location, and the same text except for names and numbers.
    """
    found: dict[Any, Problem] = {}
    for index, problem in enumerate(problems):
        key = (problem.mark, re.sub(_NUMBERED, "#", problem.message)) if problem.mark else index
        first = found.get(key)
        found[key] = problem if first is None else first._replace(copies=first.copies + problem.copies)
    return list(found.values())
