"""Notation of traced numbers: with symbols or with numbers, as text or as LaTeX.

trace ──algebra──▶ expression, as short as a textbook's ──tree──▶ symbols, numbers, steps ──writers──▶ text
"""

from __future__ import annotations

from shapecalc.dims.notation.algebra import Algebra, same
from shapecalc.dims.notation.expressions import SUM, SYMBOL, Expression
from shapecalc.dims.notation.tree import (
    NAME,
    NUMBER,
    PRODUCT,
    Tree,
    chain,
    steps,
    with_names,
    with_numbers,
    with_symbols,
)
from shapecalc.dims.notation.writers import LATEX, TEXT, Latex, TextWriter

__all__ = ["LATEX", "NAME", "NUMBER", "PRODUCT", "SUM", "SYMBOL", "TEXT", "Algebra", "Expression", "Latex",
           "TextWriter", "Tree", "chain", "same", "steps", "with_names", "with_numbers", "with_symbols"]  # fmt: skip
