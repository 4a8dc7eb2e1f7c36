r"""An explanation as a LaTeX document for pdflatex: a section for each layer, equations broken at equals signs.

Letters outside Latin (a Chinese name) need XeLaTeX or LuaLaTeX and a font that has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.dims.notation import LATEX, TEXT
from shapecalc.escaping import latex
from shapecalc.questions.explain.items import Bytes, Chain, Name, Relation, SizesItem
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.explanations.page import broken, ending, legend, sections, title, totals
from shapecalc.text.cells import cell_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.questions.explain import Explanation
    from shapecalc.questions.explain.items import ExplanationLine, Item

__all__ = ["draw"]

_ROOM = 76
"""The maximum length of a line of an equation, as text: it fits a page next to its label."""

_PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb}
\usepackage[margin=2.2cm]{geometry}
\usepackage{enumitem}
\setlength{\parindent}{0pt}
\setlength{\emergencystretch}{3em}
\setlength{\parskip}{4pt}
\newlist{working}{description}{1}
\setlist[working]{leftmargin=5em,labelwidth=4.6em,labelsep=0.4em,itemsep=2pt,parsep=1pt,topsep=3pt,font=\normalfont\itshape,style=sameline}
\begin{document}"""


def draw(explanation: Explanation, width: int | None = None) -> str:  # noqa: ARG001  (the same for every format)
    """Return the explanation as a document."""
    lines = [_PREAMBLE, rf"\section*{{{latex(title(explanation))}}}", latex(" ".join(legend(explanation)))]
    for section in sections(explanation):
        heading = rf"\texttt{{{latex(section.name)}}} --- {latex(section.kind)}"
        lines += ["", rf"\subsection*{{{heading} \hfill \normalfont\normalsize {latex(section.sizes)}}}"]
        lines += [r"\par ".join(map(_doc, section.doc))] if section.doc else []
        lines += _list(section.lines)
    sums = totals(explanation)
    if sums:
        lines += ["", rf"\subsection*{{{latex(ending(explanation))}}}", *_list(sums)]
    for note in explanation.notes:
        lines += ["", latex(note)]
    return "\n".join([*lines, r"\end{document}"])


def _list(lines: Sequence[ExplanationLine]) -> list[str]:
    if not lines:
        return []
    items = [_item(line) for line in lines]
    return [r"\begin{working}", *items, r"\end{working}"]


def _item(line: ExplanationLine) -> str:
    first = line.items[0] if line.items else ""
    if isinstance(first, Chain) and len(first.trees) > 1:
        rest = "".join(map(_written, line.items[1:]))
        return rf"\item[{latex(line.label)}] {_equation(first, rest)}"
    return rf"\item[{latex(line.label)}] {''.join(map(_written, line.items))}"


def _written(item: Item) -> str:
    if isinstance(item, Name):
        return rf"\texttt{{{latex(item)}}}"
    if isinstance(item, str):
        return latex(item)
    if isinstance(item, Chain):
        return f"${LATEX.chain(*item)}$"
    if isinstance(item, Relation):
        return f"${LATEX.comparison(*item)}$"
    if isinstance(item, SizesItem):
        return f"${LATEX.sizes(*item)}$" if item.values else "a number"
    if isinstance(item, Bytes):
        return latex(show_bytes(item.number))
    raise AssertionError(item)


def _equation(chain: Chain, rest: str) -> str:
    """Return an equation; several lines are aligned at their equals signs."""
    lines = broken(chain, _ROOM)
    if len(lines) == 1:
        return rf"$\displaystyle {LATEX.chain(*chain)}${rest}"
    if any(cell_width(TEXT.write(side)) > _ROOM for sides in lines for side in sides):
        return f"${LATEX.chain(*chain)}${rest}"  # TeX breaks lines within it
    start = f"{LATEX.symbol(chain.symbol)} &= " if chain.symbol else "&"
    rows = [f"{'&= ' if i else start}{LATEX.chain('', sides)}" for i, sides in enumerate(lines)]
    aligned = r" \\ ".join(rows).replace(r"\frac", r"\dfrac")
    return rf"$\begin{{aligned}}[t] {aligned} \end{{aligned}}${rest}"


def _doc(paragraph: str) -> str:
    """Return a docstring's paragraph: text between backticks is code."""
    parts = paragraph.split("`")
    return "".join([rf"\texttt{{{latex(part)}}}" if i % 2 else latex(part) for i, part in enumerate(parts)])
