"""An explanation as Markdown for READMEs and notebooks: a heading for each layer, formulas between dollars.

GitHub and Jupyter render text between dollars as mathematics.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.dims.notation import LATEX
from shapecalc.escaping import markdown, markdown_code
from shapecalc.questions.explain.items import Bytes, Chain, Name, Relation, SizesItem
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.explanations.page import broken, ending, legend, sections, title, totals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.questions.explain import Explanation
    from shapecalc.questions.explain.items import ExplanationLine, Item

__all__ = ["draw", "markdown_doc", "markdown_list"]

_ROOM = 70
"""The maximum length of an equation in one pair of dollars, as text: lines break only between pairs."""

_code = re.compile(r"`[^`]*`")


def draw(explanation: Explanation, width: int | None = None) -> str:  # noqa: ARG001  (the same for every format)
    """Return the explanation as Markdown."""
    lines = [f"## {markdown(title(explanation))}", "", markdown(" ".join(legend(explanation)))]
    for section in sections(explanation):
        lines += ["", f"### {markdown_code(section.name)} · {section.kind} · {section.sizes}", ""]
        for paragraph in section.doc:
            lines += [f"*{markdown_doc(paragraph)}*" if paragraph is section.doc[0] else markdown_doc(paragraph), ""]
        lines += markdown_list(section.lines)
    sums = totals(explanation)
    if sums:
        lines += ["", f"### {markdown(ending(explanation))}", "", *markdown_list(sums)]
    for note in explanation.notes:
        lines += ["", markdown(note)]
    return "\n".join(lines)


def markdown_list(lines: Iterable[ExplanationLine]) -> list[str]:
    """Return lines as a list: an item for each label, and those without one below it."""
    items: list[list[str]] = []
    for line in lines:
        written = "".join(map(_written, line.items))
        if line.label or not items:
            items.append([f"- **{line.label}** {written}"])
        else:
            items[-1].append(written)
    return ["  \n  ".join(parts) for parts in items]  # two blanks at its end are a line break


def _written(item: Item) -> str:
    if isinstance(item, Name):
        return markdown_code(item)
    if isinstance(item, str):
        return markdown(item)
    if isinstance(item, Chain):
        return _equation(item)
    if isinstance(item, Relation):
        return f"${LATEX.comparison(*item)}$"
    if isinstance(item, SizesItem):
        return f"${LATEX.sizes(*item)}$" if item.values else "a number"
    if isinstance(item, Bytes):
        return show_bytes(item.number)
    raise AssertionError(item)


def _equation(chain: Chain) -> str:
    """Return an equation between dollars: one pair, or one for each part of a long one."""
    lines = broken(chain, _ROOM)
    first = LATEX.chain(chain.symbol, lines[0])
    parts = [f"${first}$", *[f"$= {LATEX.chain('', sides)}$" for sides in lines[1:]]]
    return " ".join(parts).replace(r"\frac", r"\dfrac")


def markdown_doc(paragraph: str) -> str:
    """Return a docstring's paragraph, with its code spans."""
    written, end = "", 0
    for found in _code.finditer(paragraph):
        written += markdown(paragraph[end : found.start()]) + found[0]
        end = found.end()
    return written + markdown(paragraph[end:])
