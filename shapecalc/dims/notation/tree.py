"""Notation of expressions: with symbols, with numbers, and evaluated step by step.

A `Tree` is written as it is, without further simplification: 2·0 stays 2·0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.notation.expressions import CEIL, EXACT, FLOOR, MAX, MIN, PART, SUM

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.dims.notation.expressions import Atom, Expression, Term
    from shapecalc.dims.traces import Trace

__all__ = ["DOTS", "NAME", "NUMBER", "POWER", "PRODUCT", "ROUNDED", "Tree", "chain", "steps", "with_names",
           "with_numbers", "with_symbols"]  # fmt: skip

NUMBER = "number"
NAME = "name"
PRODUCT = "product"
POWER = "power"
ROUNDED = "rounded"
DOTS = "dots"

_ROUNDING = (FLOOR, CEIL)
_FUNCTIONS = (FLOOR, CEIL, EXACT, MAX, MIN, PART, ROUNDED)
_LONG = 9
"""The maximum number of terms of a sum that are written; a longer one is abbreviated to its first and last terms."""

_MOST_STEPS = 4


class Tree(NamedTuple):
    """Something to write: NUMBER (`value`), NAME (`name`), a sum, a PRODUCT, a quotient, a function of its `parts`.

    A POWER is of a base and an exponent, its `parts`. In a sum, parts with a sign of -1 are subtracted (`signs`).
    ROUNDED is a `fraction` between the brackets of its `name` (FLOOR, CEIL). DOTS stands for the terms that a long sum
    leaves out.
    """

    sort: str
    value: Any = 0
    name: str = ""
    parts: tuple[Tree, ...] = ()
    signs: tuple[int, ...] = ()
    fraction: float = 0.0

    @property
    def is_atomic(self) -> bool:
        """Whether it is a number or a name."""
        return not self.parts and self.sort != ROUNDED

    @property
    def is_worked(self) -> bool:
        """Whether a function or a quotient is in it."""
        return self.sort in _FUNCTIONS or any(part.is_worked for part in self.parts)


def _number(value: Any) -> Tree:
    return Tree(NUMBER, value)


def with_symbols(expression: Expression) -> Tree:
    """Return an expression as a rule, in the field's symbols."""
    return _sum(expression, lambda leaf: Tree(NAME, leaf.value, leaf.symbol))


def with_numbers(expression: Expression) -> Tree:
    """Return an expression with the number for every symbol."""
    return _sum(expression, lambda leaf: _number(leaf.value))


def with_names(expression: Expression, name: Callable[[Trace], str]) -> Tree:
    """Return an expression with other names for its symbols."""
    return _sum(expression, lambda leaf: Tree(NAME, leaf.value, name(leaf)))


def chain(expression: Expression) -> tuple[Tree, ...]:
    """Return the rule, the rule with numbers, its steps and the number: the parts between the equals signs."""
    rule, numbers = with_symbols(expression), with_numbers(expression)
    between = () if numbers.is_atomic else (numbers,)
    return (*(() if rule.sort == NUMBER else (rule,)), *between, *steps(numbers))


def _sum(expression: Expression, show: Callable[[Trace], Tree]) -> Tree:
    terms = expression.terms
    if not terms:
        return _number(0)
    if len(terms) == 1:
        return _product(terms[0], show, terms[0].coefficient)
    # No sum begins with a minus, if another term can be first.
    ahead = next((i for i, term in enumerate(terms) if term.coefficient > 0), 0)
    ordered = [terms[ahead], *terms[:ahead], *terms[ahead + 1 :]]
    dropped = len(ordered) > _LONG
    shown = [*ordered[:3], ordered[-1]] if dropped else ordered
    parts = [_product(term, show, abs(term.coefficient)) for term in shown]
    signs = [1 if term.coefficient > 0 else -1 for term in shown]
    if dropped:
        parts.insert(3, Tree(DOTS, sum([term.value for term in ordered[3:-1]])))
        signs.insert(3, 1)
    if signs[0] < 0:
        parts[0], signs[0] = _product(shown[0], show, shown[0].coefficient), 1
    return Tree(SUM, expression.value, "", tuple(parts), tuple(signs))


def _product(term: Term, show: Callable[[Trace], Tree], coefficient: int) -> Tree:
    times: dict[int, int] = {}
    for atom in term.factors:
        times[atom.serial] = times.get(atom.serial, 0) + 1
    factors = {atom.serial: atom for atom in term.factors}.values()
    parts = [_power(_atom(atom, show), times[atom.serial]) for atom in factors]
    if coefficient != 1 or not parts:
        parts.insert(0, _number(coefficient))
    if len(parts) == 1:
        return parts[0]
    return Tree(PRODUCT, coefficient * math.prod([atom.value for atom in term.factors]), "", tuple(parts))


def _power(base: Tree, exponent: int) -> Tree:
    return base if exponent == 1 else Tree(POWER, base.value**exponent, "", (base, _number(exponent)))


def _atom(atom: Atom, show: Callable[[Trace], Tree]) -> Tree:
    if atom.leaf is not None:
        return show(atom.leaf)
    if atom.sort == SUM:
        return _sum(atom.parts[0], show)
    parts = [_sum(part, show) for part in atom.parts]
    if atom.sort == PART:
        factor = int(atom.factor) if atom.factor.is_integer() else atom.factor
        return Tree(PART, atom.value, "", (parts[0], _number(factor)))
    return Tree(atom.sort, atom.value, "", tuple(parts))


def steps(tree: Tree) -> list[Tree]:
    """Return the evaluation of a tree of numbers, step by step: at the end its value alone.

    Products that a reader computes at once are not split: 11·11·3·96 has no steps but the last.
    """
    found: list[Tree] = []
    while not tree.is_atomic and len(found) < _MOST_STEPS:
        plain = not tree.is_worked
        tree = _step(tree)
        if tree.is_atomic or any(part.sort == DOTS for part in tree.parts):
            break
        found.append(tree)
        if plain or _has_fraction(tree):
            break
    return [*found, _number(tree.value)]


def _has_fraction(tree: Tree) -> bool:
    return tree.sort == ROUNDED or any(_has_fraction(part) for part in tree.parts)


def _step(tree: Tree) -> Tree:
    """Return a tree with its innermost parts evaluated."""
    if tree.is_atomic:
        return tree
    if all(part.is_atomic for part in tree.parts):
        return _fraction(tree) if tree.sort in (*_ROUNDING, PART) else _number(tree.value)
    if tree.sort in _ROUNDING and tree.parts[1].value == 1:
        return _number(tree.value)
    if tree.sort == PRODUCT and not tree.is_worked:
        nested = any(_is_nested(part) for part in tree.parts)
        return tree._replace(parts=tuple([_step(part) for part in tree.parts])) if nested else _number(tree.value)
    return tree._replace(parts=tuple([_step(p) if p.is_worked else _number(p.value) for p in tree.parts]))


def _is_nested(tree: Tree) -> bool:
    """Return whether a factor is a sum of more than plain numbers: (6·6·256 + 1), but not (4,096 + 1)."""
    return not all(part.is_atomic for part in tree.parts)


def _fraction(tree: Tree) -> Tree:
    """Return a quotient of plain numbers: its value, or if it is rounded the fraction between brackets."""
    top, bottom = tree.parts[0].value, tree.parts[1].value
    exact = top * bottom if tree.sort == PART else top / bottom
    if exact == tree.value:
        return _number(tree.value)
    return Tree(ROUNDED, tree.value, CEIL if tree.sort == CEIL else FLOOR, fraction=exact)
