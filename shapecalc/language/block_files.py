"""Files with blocks alone, which specifications use: what is wrong inside them, without a network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shapecalc.language import Specification
from shapecalc.source import MapValue, read_text

if TYPE_CHECKING:
    from shapecalc.errors import Problem

__all__ = ["is_of_blocks", "problems_of_blocks"]

_USE = "<use of each block>"
_VALUES = (8, 12)
_MOST = 200
"""As many blocks of a file are looked into."""


def is_of_blocks(specification: Specification) -> bool:
    """Return whether a specification has only blocks for others: neither layers nor an input."""
    document = specification.document
    return (
        document is not None and bool(_own(specification)) and {"input", "inputs", "layers"}.isdisjoint(document.keys)
    )


def _own(specification: Specification) -> list[str]:
    """Return the names of the blocks that are written in the file itself."""
    written = specification.document.keys.get("blocks") if specification.document else None
    return list(written.keys()) if isinstance(written, MapValue) else []


def problems_of_blocks(specification: Specification) -> tuple[Problem, ...]:
    """Return what is wrong in a file of blocks: of its keys, and inside each block.

    Each block is used once with one number for all arguments that it needs, and once with another: what is wrong with
    both, in the same words, does not depend on them. Sizes are those of no input, and are not worked out.
    """
    found = [_problems_with(specification, number) for number in _VALUES]
    return tuple([problem for fact, problem in found[0].items() if all(fact in other for other in found[1:])])


def _problems_with(specification: Specification, number: int) -> dict[Any, Problem]:
    document = specification.document
    if document is None:
        return {(problem.mark, problem.message): problem for problem in specification.problems}
    uses, names = [], []
    for index, name in enumerate(_own(specification)[:_MOST]):
        block = document.blocks.get(name)
        if block is not None:
            required = {argument: number for argument, default in block.arguments.items() if default is None}
            names.append(f"use{index}")
            uses.append({name: required or None, "from": "input", "name": names[-1]})
    value, _ = read_text(json.dumps({"input": "8x64x64", "layers": uses, "outputs": names}), _USE)
    assert isinstance(value, MapValue)
    keys = {**document.keys, **{key.text: item for key, item in value.pairs}}
    whole = Specification(specification.name, document._replace(keys=keys), (), specification.problems)
    _, problems = whole.build()
    places = [(problem.mark, problem) for problem in problems]
    return {
        (mark.source.name, mark.line, mark.column, problem.message): problem._replace(
            also=tuple([(words, place) for words, place in problem.also if place.source.name != _USE])
        )
        for mark, problem in places
        if mark and mark.source.name != _USE and mark != document.mark
    }
