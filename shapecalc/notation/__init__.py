"""Traced numbers as they are written: in the field's symbols or with numbers, as text or as LaTeX.

trace ──algebra──▶ expression, as short as a textbook's ──tree──▶ symbols, numbers, steps ──writers──▶ text
"""

from __future__ import annotations

from shapecalc.notation.algebra import Algebra, Expression, same
from shapecalc.notation.tree import NAME, NUMBER, Tree, chain, steps, with_names, with_numbers, with_symbols
from shapecalc.notation.writers import LATEX, TEXT, Latex, Text

__all__ = ["LATEX", "NAME", "NUMBER", "TEXT", "Algebra", "Expression", "Latex", "Text", "Tree", "chain", "same",
           "steps", "with_names", "with_numbers", "with_symbols"]  # fmt: skip
