"""Expressions: sums of products of atoms: symbols and indivisible parts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from shapecalc.dims.traces import Trace

__all__ = ["CEIL", "EXACT", "FLOOR", "MAX", "MIN", "PART", "SUM", "SYMBOL", "Atom", "Expression", "Term"]

SYMBOL = "symbol"
SUM = "sum"
FLOOR = "floor"
CEIL = "ceil"
EXACT = "exact"
MAX = "max"
MIN = "min"
PART = "part"


class Atom(NamedTuple):
    """A factor of a product: a symbol, or an indivisible expression.

    `sort` is SYMBOL (`leaf` is the traced number), SUM (`parts` is the sum, as a factor), FLOOR, CEIL or EXACT
    (numerator and denominator), MAX or MIN (the operands), PART (⌊parts·factor⌋). Equal atoms of an `Algebra` have the
    same `serial`.
    """

    serial: int
    sort: str
    value: int
    parts: tuple[Expression, ...] = ()
    leaf: Trace | None = None
    factor: float = 1.0


class Term(NamedTuple):
    """A product: a whole number, and atoms in the order in which they are written."""

    coefficient: int
    factors: tuple[Atom, ...] = ()

    @property
    def value(self) -> int:
        """Its value."""
        return self.coefficient * math.prod([atom.value for atom in self.factors])


class Expression(NamedTuple):
    """A sum of products, in the order in which they are written; an empty one is 0."""

    terms: tuple[Term, ...]
    value: int

    @property
    def constant(self) -> int | None:
        """The number, if it is only a number."""
        if not self.terms:
            return 0
        first = self.terms[0]
        return first.coefficient if len(self.terms) == 1 and not first.factors else None

    @property
    def symbol(self) -> Trace | None:
        """The leaf, if it is only a leaf."""
        if len(self.terms) != 1 or self.terms[0].coefficient != 1 or len(self.terms[0].factors) != 1:
            return None
        return self.terms[0].factors[0].leaf

    @property
    def is_rounded(self) -> bool:
        """Whether it contains more than sums and products."""
        return any(_is_rounded(atom) for term in self.terms for atom in term.factors)

    @property
    def has_brackets(self) -> bool:
        """Whether it contains ⌊ ⌋ or ⌈ ⌉: a division with a remainder."""
        atoms = [atom for term in self.terms for atom in term.factors]
        return any(atom.sort in (FLOOR, CEIL, PART) or any(p.has_brackets for p in atom.parts) for atom in atoms)

    def leaves(self) -> list[Trace]:
        """Return its leaves, each once, in the order in which they are written."""
        found: dict[int, Trace] = {}
        waiting: list[Any] = [self]
        while waiting:
            item = waiting.pop()
            if isinstance(item, Expression):
                waiting += [atom for term in reversed(item.terms) for atom in reversed(term.factors)]
            elif item.leaf is not None:
                found.setdefault(id(item.leaf), item.leaf)
            else:
                waiting += reversed(item.parts)
        return list(found.values())


def _is_rounded(atom: Atom) -> bool:
    return atom.sort not in (SYMBOL, SUM) or any(part.is_rounded for part in atom.parts)
