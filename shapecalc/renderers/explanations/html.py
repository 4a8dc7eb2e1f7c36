"""An explanation as a fragment of HTML: headings and prose, formulas laid out as in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.renderers.blocks import Code, Note, Paragraph, Title, draw_blocks
from shapecalc.renderers.explanations.page import ending, legend, sections, title, totals
from shapecalc.renderers.explanations.text import text_lines
from shapecalc.text.cells import PROSE

if TYPE_CHECKING:
    from shapecalc.questions.explain import Explanation
    from shapecalc.renderers.blocks import Block

__all__ = ["draw"]


def draw(explanation: Explanation, width: int | None = None) -> str:  # noqa: ARG001  (the same for every format)
    """Return the explanation as HTML."""
    blocks: list[Block] = [Title(title(explanation)), Paragraph(" ".join(legend(explanation)))]
    for section in sections(explanation):
        blocks.append(Title(f"{section.name} · {section.kind} · {section.sizes}"))
        blocks += [Paragraph(paragraph) for paragraph in section.doc]
        blocks += [Code(text_lines(section.lines, PROSE))] if section.lines else []
    sums = totals(explanation)
    if sums:
        blocks += [Title(ending(explanation)), Code(text_lines(sums, PROSE))]
    return draw_blocks([*blocks, *map(Note, explanation.notes)], "html")
