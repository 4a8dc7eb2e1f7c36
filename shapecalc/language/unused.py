"""Variables, and arguments of blocks, that nothing uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, Problems
from shapecalc.source import words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.language.document import Document

__all__ = ["unused_names"]


def unused_names(document: Document, problems: Iterable[Problem]) -> Problems:
    """Return a warning for every variable, and every argument of a block, that is not used.

    These are warnings because drafts often have some. Nor is there one where the hint of a problem names it.
    """
    unused = list(_not_mentioned(document))
    meant = {word for problem in problems for word in re.findall(r"\w+", problem.hint)} if unused else set()
    return Problems([warning for name, warning in unused if name not in meant])


def _not_mentioned(document: Document) -> Iterator[tuple[str, Problem]]:
    hint = "remove it, or use it"
    for block in document.blocks.values():
        mentioned = words_in([*block.values(), *block.outputs, block.layers]) if block.arguments else set()
        for name, value in block.arguments.items():
            if name not in mentioned:
                message = f"the argument {name} of the block {block.name} is never used"
                yield name, Problem(message, (value or block).mark, hint=hint)
    if not document.variables:
        return
    skipped = ("name", "source", "description", "family", "task", "expect", "variants")
    parts = [value for key, value in document.keys.items() if key not in skipped]
    for block in document.blocks.values():
        parts += [*block.values(), *block.outputs, block.layers]
    mentioned = words_in(parts)
    for name, value in document.variables.items():
        if name not in mentioned:
            yield name, Problem(f"the variable {name} is never used", value.mark, hint=hint)
