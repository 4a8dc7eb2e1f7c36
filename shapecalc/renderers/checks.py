"""What was checked, as a table with what is wrong below: for Markdown and HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shapecalc.errors import count_noun
from shapecalc.renderers.blocks import Code, Table, Title, draw_blocks
from shapecalc.renderers.drawing import TableLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.errors import Problem
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_checks"]


class Checked(Protocol):
    """What was found of one specification: what it is, how many expectations it has, and what is wrong."""

    @property
    def spec(self) -> str: ...
    @property
    def told(self) -> str: ...
    @property
    def claims(self) -> int: ...
    @property
    def problems(self) -> tuple[Problem, ...]: ...


def draw_checks(results: Sequence[Checked], format_: str) -> str:
    """Return a line for each specification, and below the table the problems of those that are wrong."""
    lines = [
        TableLine(("wrong" if one.problems else "ok", one.spec, one.told, f"{one.claims:,}", f"{len(one.problems):,}"))
        for one in results
    ]
    blocks: list[Block] = [Table(("", "spec", "network", "expectations", "problems"), lines, numbers=(3, 4))]
    for one in results:
        if one.problems:
            blocks.append(Title(f"{one.spec}: {count_noun(len(one.problems), 'problem')}"))
            blocks += [Code(problem.lines()) for problem in one.problems]
    return draw_blocks(blocks, format_)
