"""Traced numbers as expressions that are as short as in a textbook.

The steps that computed a number (`1·(k − 1) + 1`, `p + p`) become sums of products with like terms combined: `k`,
`2·p`. Only identities of whole numbers are used, so that an expression always has the value of its trace. Products are
not expanded (`d·(k − 1)` stays) and no symbol is replaced.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shapecalc.dims.notation.expressions import CEIL, EXACT, FLOOR, MAX, MIN, PART, SUM, SYMBOL, Atom, Expression, Term
from shapecalc.dims.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Algebra", "same"]

_QUOTIENTS = {"//": FLOOR, "ceil": CEIL}
"""The operations of traces that divide and round."""

_MOST_TERMS = 60
"""The maximum number of terms of a sum that is searched for common factors."""


def _number(value: int) -> Expression:
    return Expression((Term(value),) if value else (), value)


def _of(terms: Iterable[Term]) -> Expression:
    kept = tuple(terms)
    return Expression(kept, sum([term.value for term in kept]))


def same(left: Expression, right: Expression) -> bool:
    """Return whether two expressions are identical, whatever the values of their symbols."""
    return bool(_key(left) == _key(right))


def _never(_: Trace) -> bool:
    return False


class Algebra:
    """The expressions of one layer, with equal parts identified.

    `is_argument` is which leaves are arguments of the layer, not sizes; `is_neutral` which of them are left out if they
    have no effect: a factor or divisor of 1, an addend of 0. `left_out` has those that were left out.
    """

    def __init__(
        self, is_argument: Callable[[Trace], bool] = _never, is_neutral: Callable[[Trace], bool] = _never
    ) -> None:
        self._is_argument = is_argument
        self._is_neutral = is_neutral
        self.left_out: dict[int, Trace] = {}
        self._atoms: dict[Any, Atom] = {}
        self._read: dict[int, tuple[Any, Expression]] = {}
        self._divides: set[tuple[Any, Any]] = set()
        self._names: dict[Any, Expression] = {}

    def read(self, number: Any) -> Expression:
        """Return a traced number, or a plain one, as an expression."""
        if not isinstance(number, Trace):
            return _number(number)
        known = self._read.get(id(number))
        if known is None:
            found = self._named(self._work_out(number))
            known = self._read[id(number)] = (number, found)
        return known[1]

    def divides(self, left: Any, right: Any) -> None:
        """Record that one number divides another: their quotient is then exact."""
        self._divides.add((_key(self.read(left)), _key(self.read(right))))
        self._read.clear()

    def name(self, number: Any, leaf: Trace) -> None:
        """Replace rounded numbers by their symbols from now on."""
        expression = self.read(number)
        if expression.is_rounded:
            self._names.setdefault(_key(expression), self._symbol(leaf))

    def forget(self) -> None:
        """Clear the cached expressions, so that they are read again with the symbols named since."""
        self._read.clear()

    def _named(self, expression: Expression) -> Expression:
        return self._names.get(_key(expression), expression) if self._names else expression

    def _work_out(self, number: Trace) -> Expression:
        operation = number.operation
        if not operation:
            return self._symbol(number)
        if operation in "+-":
            return self._add(self._addends(number))
        parts = [self.read(part) for part in number.operands if not isinstance(part, float)]
        if operation == "*":
            return self.product(parts)
        if operation in _QUOTIENTS:
            return self._quotient(_QUOTIENTS[operation], parts[0], parts[1])
        if operation == "floor":
            return self._single(PART, number.value, tuple(parts), number.operands[1])
        return self._extreme(operation, parts)

    def _addends(self, number: Trace) -> list[tuple[int, Expression]]:
        """Return the numbers that a sum adds, each with its sign: long sums are chains, and are not recursed into."""
        found: list[tuple[int, Expression]] = []
        sign, node = 1, number
        while node.operation in ("+", "-"):
            if len(node.operands) == 1:
                sign, node = -sign, node.operands[0]
            else:
                found.append((-sign if node.operation == "-" else sign, self.read(node.operands[1])))
                node = node.operands[0]
            if not isinstance(node, Trace):
                break
        found.append((sign, self.read(node)))
        return found[::-1]

    def total(self, expressions: Iterable[Expression]) -> Expression:
        """Return a sum with like terms combined; the plain number is last."""
        return self._add([(1, expression) for expression in expressions])

    def _add(self, addends: Sequence[tuple[int, Expression]]) -> Expression:
        sums: dict[Any, Term] = {}
        for sign, expression in addends:
            if self._is_left_out(expression, 0):
                continue
            for term in expression.terms:
                key = _monomial(term)
                known = sums.get(key)
                coefficient = sign * term.coefficient + (known.coefficient if known else 0)
                sums[key] = Term(coefficient, (known or term).factors)
        terms = [term for term in sums.values() if term.coefficient]
        if len(terms) > 1:
            terms.sort(key=lambda term: not term.factors)  # stable: only the plain number moves
        return _of(terms)

    def product(self, expressions: Sequence[Expression]) -> Expression:
        """Return a product; a sum among its factors is kept as it is."""
        coefficient = 1
        factors: list[Atom] = []
        sums = 0
        for expression in expressions:
            if not expression.terms or self._is_left_out(expression, 0):
                return _number(0)
            if self._is_left_out(expression, 1):
                continue
            if len(expression.terms) == 1:
                coefficient *= expression.terms[0].coefficient
                factors += expression.terms[0].factors
            else:
                sums += 1
                factors.append(self._atom(SUM, expression.value, (expression,)))
        if sums == 1 and len(factors) == 1 and coefficient in (1, -1):
            return self._add([(coefficient, factors[0].parts[0])])
        return self._cancelled(coefficient, factors)

    def _cancelled(self, coefficient: int, factors: list[Atom]) -> Expression:
        """Return a product, in which (a / g) · g is a."""
        for i, atom in enumerate(factors):
            if atom.sort != EXACT:
                continue
            rest = _without(factors[:i] + factors[i + 1 :], atom.parts[1])
            if rest is not None:
                return self.product([_of([Term(coefficient, tuple(rest))]), atom.parts[0]])
        return _of([Term(coefficient, tuple(factors))]) if coefficient else _number(0)

    def _quotient(self, sort: str, numerator: Expression, denominator: Expression) -> Expression:
        if denominator.constant == 1 or self._is_left_out(denominator, 1):
            return numerator
        top, bottom = numerator.constant, denominator.constant
        if top is not None and bottom:
            return _number(top // bottom if sort == FLOOR else -(-top // bottom))
        if (_key(denominator), _key(numerator)) in self._divides:
            sort = EXACT
            if len(numerator.terms) == 1:
                term = numerator.terms[0]
                rest = _without(list(term.factors), denominator)
                if rest is not None:
                    return _of([Term(term.coefficient, tuple(rest))])
        value = numerator.value // denominator.value if sort != CEIL else -(-numerator.value // denominator.value)
        return self._single(sort, value, (numerator, denominator))

    def _extreme(self, sort: str, parts: list[Expression]) -> Expression:
        left, right = parts
        if _key(left) == _key(right):
            return left
        pick = max if sort == MAX else min
        constants = [part.constant for part in parts]
        if None not in constants:
            return _number(pick(left.value, right.value))
        symbol = left.symbol or right.symbol
        if sort == MIN and 1 in constants and symbol is not None and self._is_argument(symbol):
            return _number(min(symbol.value, 1))  # 0 or 1: fixed once the layer is known
        return self._single(sort, pick(left.value, right.value), (left, right))

    def factored(self, expression: Expression, rank: Callable[[Trace], int] = lambda _: 0) -> Expression:
        """Return a count with common factors of its terms factored out: k·C_in·C_out + C_out = (k·C_in + 1)·C_out.

        Factors are put in order by the `rank` of their first leaf.
        """
        terms = [Term(term.coefficient, _sorted(term.factors, rank)) for term in expression.terms]
        return _of(self._gathered(terms) if len(terms) <= _MOST_TERMS else terms)

    def _gathered(self, terms: list[Term]) -> list[Term]:
        """Return terms, with those combined that another whole term divides, the smallest first."""
        for smallest in sorted(terms, key=lambda term: len(term.factors)):
            if not smallest.factors:
                continue
            inside: list[Term] = []
            outside: list[Term] = []
            index = -1
            for term in terms:
                rest = _without(list(term.factors), _of([Term(1, smallest.factors)]))
                if rest is None:
                    outside.append(term)
                else:
                    index = len(outside) if index < 0 else index
                    inside.append(Term(term.coefficient, tuple(rest)))
            if len(inside) > 1:
                common = math.gcd(*[term.coefficient for term in inside])
                parts = self._gathered([Term(term.coefficient // common, term.factors) for term in inside])
                sum_ = self._add([(1, _of(parts))])
                whole = Term(common, (self._atom(SUM, sum_.value, (sum_,)), *smallest.factors))
                return self._gathered([*outside[:index], whole, *outside[index:]])
        return terms

    def _is_left_out(self, expression: Expression, value: int) -> bool:
        """Return whether an expression is a neutral symbol of that value, and if so record it."""
        leaf = expression.symbol
        if leaf is None or leaf.value != value or not self._is_neutral(leaf):
            return False
        self.left_out[id(leaf)] = leaf
        return True

    def _symbol(self, leaf: Trace) -> Expression:
        key = (SYMBOL, id(leaf))
        atom = self._atoms.get(key)
        if atom is None:
            atom = self._atoms[key] = Atom(len(self._atoms), SYMBOL, leaf.value, leaf=leaf)
        return Expression((Term(1, (atom,)),), leaf.value)

    def _atom(self, sort: str, value: int, parts: tuple[Expression, ...], factor: float = 1.0) -> Atom:
        key = (sort, tuple([_key(part) for part in parts]), factor)
        atom = self._atoms.get(key)
        if atom is None:
            atom = self._atoms[key] = Atom(len(self._atoms), sort, value, parts, factor=factor)
        return atom

    def _single(self, sort: str, value: int, parts: tuple[Expression, ...], factor: float = 1.0) -> Expression:
        return Expression((Term(1, (self._atom(sort, value, parts, factor),)),), value)


def _monomial(term: Term) -> tuple[int, ...]:
    return tuple(sorted([atom.serial for atom in term.factors]))


def _key(expression: Expression) -> Any:
    """Return a key that is equal for equal expressions, whatever their order."""
    return frozenset([(term.coefficient, _monomial(term)) for term in expression.terms])


def _without(factors: list[Atom], divisor: Expression) -> list[Atom] | None:
    """Return the factors without those of a divisor; None if some of them are missing."""
    if len(divisor.terms) != 1 or divisor.terms[0].coefficient != 1:
        return None
    rest = list(factors)
    for atom in divisor.terms[0].factors:
        at = next((i for i, other in enumerate(rest) if other.serial == atom.serial), -1)
        if at < 0:
            return None
        del rest[at]
    return rest


def _sorted(factors: tuple[Atom, ...], rank: Callable[[Trace], int]) -> tuple[Atom, ...]:
    def first(atom: Atom) -> int:
        leaves = [atom.leaf] if atom.leaf is not None else [leaf for part in atom.parts for leaf in part.leaves()]
        return rank(leaves[0]) if leaves else 0

    return tuple(sorted(factors, key=first))
