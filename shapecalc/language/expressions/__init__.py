"""Expressions of the specification language: `planes * 4`, `width // 2`, `64 if i > 0 else 32`.

A small arithmetic with Python's grammar: the text is parsed to a tree, every part of the tree is checked against a list
of what is allowed, and the tree becomes a function that does the arithmetic. No code of the text ever runs, and no
number or list grows beyond the limits below. Variables may be dimensions of any kind (see `dims`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from shapecalc.language.expressions.arithmetic import MAX_EXPONENT
from shapecalc.language.expressions.functions import FUNCTIONS
from shapecalc.language.expressions.operands import MAX_ITEMS, MAX_SIZE, ExpressionError
from shapecalc.language.expressions.reading import MAX_NESTING, MAX_PARTS, Reader
from shapecalc.language.expressions.syntax import tree_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.language.expressions.reading import Run

__all__ = [
    "FUNCTIONS",
    "MAX_EXPONENT",
    "MAX_ITEMS",
    "MAX_LENGTH",
    "MAX_NESTING",
    "MAX_PARTS",
    "MAX_SIZE",
    "ExpressionError",
    "SpecExpression",
    "parse",
]

MAX_LENGTH = 1_000
"""The maximum length of an expression."""


class SpecExpression:
    """A parsed expression: its text, the names of its free variables, and its value."""

    __slots__ = ("_run", "names", "text")

    def __init__(self, text: str, names: frozenset[str], run: Run) -> None:
        self.text = text
        self.names = names
        self._run = run

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the value of the expression with these variables; raise ExpressionError if it has none."""
        return self._run(variables)


def parse(text: str) -> SpecExpression:
    """Parse an expression; raise ExpressionError if it is not one, or contains something that is not allowed."""
    found = _parsed(text)
    if isinstance(found, SpecExpression):
        return found
    raise ExpressionError(found.message, found.offset, found.length, found.hint)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> SpecExpression | ExpressionError:
    """Return an expression, or its error: cached, since blocks may be repeated many times."""
    try:
        return _read(text)
    except ExpressionError as error:
        from shapecalc.language.expressions.slips import slip_hint  # only when something is wrong

        error.hint = slip_hint(text, error.hint)
        return error.with_traceback(None)


def _read(text: str) -> SpecExpression:
    if len(text) > MAX_LENGTH:
        message = f"an expression of {len(text):,} characters is too long: at most {MAX_LENGTH:,}"
        raise ExpressionError(message, hint="give its parts names under `vars:`")
    if not text.strip():
        message = "the expression is empty"
        raise ExpressionError(message, hint="write a number, a variable or some arithmetic")
    tree = tree_of(text)
    reader = Reader(text)
    run = reader.read(tree)
    return SpecExpression(text, frozenset(reader.names), run)
