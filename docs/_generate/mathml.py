"""Formulas as MathML, written when the site is built: browsers show it without a script."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

__all__ = ["of_latex", "visit", "visit_block"]

_LETTERS = re.compile(r'(?:<mi mathvariant="normal">\w</mi>){2,}')


def of_latex(latex: str, display: str = "inline") -> str:
    """Return a formula as MathML, in which a word (the `in` of an index) is one identifier, not one for each letter."""
    return _LETTERS.sub(lambda found: f"<mi>{re.sub('<[^>]*>', '', found[0])}</mi>", convert(latex, display=display))


def visit(translator: Any, node: Any) -> None:
    """Write a formula within a line."""
    translator.body.append(of_latex(node.astext()))
    raise nodes.SkipNode


def visit_block(translator: Any, node: Any) -> None:
    """Write a formula on lines of its own."""
    translator.body.append(f'<div class="math">{of_latex(node.astext(), "block")}</div>')
    raise nodes.SkipNode
