"""Trees as text and as LaTeX."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims.notation.expressions import CEIL, EXACT, FLOOR, MAX, MIN, PART, SUM
from shapecalc.dims.notation.tree import DOTS, NAME, NUMBER, POWER, PRODUCT, ROUNDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapecalc.dims.notation.tree import Tree

__all__ = ["LATEX", "RAISED", "TEXT", "Latex", "TextWriter"]

_OPEN = {FLOOR: "⌊", CEIL: "⌈", PART: "⌊"}
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_CLOSE = {FLOOR: "⌋", CEIL: "⌉", PART: "⌋"}
_SYMBOL = re.compile(r"([A-Za-z])(?:_(.+))?|([A-Za-z]{2,}(?:_[A-Za-z]+)*)(?:_(\w{1,2}|before|after))?")


class TextWriter:
    """Trees as plain text: `⌊(H_in + 2·p − k) / s⌋ + 1`."""

    times = "·"
    plus = " + "
    minus = " − "
    dots = "…"
    by = "×"

    def write(self, tree: Tree) -> str:
        """Return a tree as text."""
        way = self._ways.get(tree.sort)
        return way(self, tree) if way else self.quotient(tree)

    def _number(self, tree: Tree) -> str:
        return self.number(tree.value)

    def _name(self, tree: Tree) -> str:
        return self.symbol(tree.name)

    def _dots(self, _: Tree) -> str:
        return self.dots

    def _product(self, tree: Tree) -> str:
        return self.times.join([self._within(part, is_factor=True) for part in tree.parts])

    def _power(self, tree: Tree) -> str:
        base, exponent = tree.parts
        return self.power(self._within(base), exponent.value)

    def _rounded(self, tree: Tree) -> str:
        return self.bracketed(tree.name, _decimal(tree.fraction))

    def _part(self, tree: Tree) -> str:
        return self.bracketed(PART, self._product(tree))

    def _extreme(self, tree: Tree) -> str:
        return self.function(tree.sort, [self.write(part) for part in tree.parts])

    def _sum(self, tree: Tree) -> str:
        text = ""
        for part, sign in zip(tree.parts, tree.signs, strict=True):
            written = self._negative(part) if part.sort != SUM else self.enclosed(self.write(part))
            text += (self.plus if sign > 0 else self.minus) + written if text else written
        return text

    def _negative(self, tree: Tree) -> str:
        """Return a term of a sum: a number below 0 in brackets."""
        written = self.write(tree)
        return self.enclosed(written) if tree.sort == NUMBER and tree.value < 0 else written

    def _within(self, tree: Tree, *, is_factor: bool = False) -> str:
        """Return a part of a product or a quotient, in brackets where it needs them."""
        needs = tree.sort == SUM or (tree.sort == NUMBER and tree.value < 0)
        needs = needs or (tree.sort == EXACT and self.quotient_is_flat) or (tree.sort == PRODUCT and not is_factor)
        written = self.write(tree)
        return self.enclosed(written) if needs else written

    quotient_is_flat = True
    """Whether a quotient is written on one line, and so needs brackets in a product."""

    def number(self, value: Any) -> str:
        """Return a number, with separators."""
        return f"{value:,}".replace("-", "−") if isinstance(value, int) else f"{value:g}"

    def power(self, base: str, exponent: int) -> str:
        """Return a base, in brackets where it needs them, with its exponent."""
        return base + str(exponent).translate(RAISED)

    def symbol(self, name: str) -> str:
        """Return a symbol."""
        return name

    def enclosed(self, text: str) -> str:
        """Return a text in brackets."""
        return f"({text})"

    def bracketed(self, sort: str, text: str) -> str:
        """Return a text between the brackets of rounding."""
        return f"{_OPEN[sort]}{text}{_CLOSE[sort]}"

    def function(self, name: str, parts: list[str]) -> str:
        """Return a function of several numbers."""
        return f"{name}({', '.join(parts)})"

    def quotient(self, tree: Tree) -> str:
        """Return a quotient, rounded or exact."""
        top, bottom = tree.parts
        above = self._within(top, is_factor=True)
        written = f"{above} / {self._within(bottom)}"
        if tree.sort == EXACT:
            return f"{above}/{self._within(bottom)}"
        return self.bracketed(tree.sort, written)

    def relation(self, sign: str) -> str:
        """Return a relation between two numbers: ≤, <, =, divides."""
        return sign

    def words(self, text: str) -> str:
        """Return words among symbols."""
        return text

    def chain(self, symbol: str, trees: Iterable[Tree]) -> str:
        """Return equal parts: a symbol, or none, and the trees."""
        start = f"{self.symbol(symbol)} = " if symbol else ""
        return start + " = ".join([self.write(tree) for tree in trees])

    def comparison(self, left: Tree, sign: str, right: Tree) -> str:
        """Return a relation between two numbers."""
        return f"{self.write(left)} {self.relation(sign)} {self.write(right)}"

    def sizes(self, symbols: Iterable[str], values: Iterable[int]) -> str:
        """Return the sizes of a tensor: `H_in×W_in×C_in = 227×227×3`, without separators, as sizes are everywhere."""
        numbers = list(values)
        shown = map(str, numbers) if len(numbers) > 1 else map(self.number, numbers)
        return f"{self.by.join(map(self.symbol, symbols))} = {self.by.join(shown)}"

    _ways: ClassVar[dict[str, Callable[[Any, Tree], str]]] = {
        NUMBER: _number, NAME: _name, DOTS: _dots, SUM: _sum, PRODUCT: _product, POWER: _power, ROUNDED: _rounded,
        PART: _part, MAX: _extreme, MIN: _extreme,
    }  # fmt: skip


class Latex(TextWriter):
    """Trees as LaTeX, for between dollars.

    There is no backslash before punctuation, which Markdown would remove.
    """

    times = r" \cdot "
    minus = " - "
    dots = r"\cdots"
    by = r" \times "
    quotient_is_flat = False
    fraction = r"\frac"

    def number(self, value: Any) -> str:
        """Return a number with separators that are not spaced as commas of a list."""
        return super().number(value).replace(",", "{,}").replace("−", "-")

    def power(self, base: str, exponent: int) -> str:
        """Return a base with its exponent; a fraction in brackets."""
        return f"{self.enclosed(base) if base.startswith(self.fraction) else base}^{{{exponent}}}"

    def symbol(self, name: str) -> str:
        """Return a symbol; a subscript that is a word is upright."""
        found = _SYMBOL.fullmatch(name)
        if not found:
            return self.words(name)
        letter, below, word, index = found.groups()
        if letter is None:
            return self.words(word.replace("_", " ")) + (f"_{{{_upright(index)}}}" if index else "")
        return letter + (f"_{{{_upright(below)}}}" if below else "")

    def enclosed(self, text: str) -> str:
        """Return a text in brackets of its height."""
        return rf"\left( {text} \right)" if r"\frac" in text else f"({text})"

    def bracketed(self, sort: str, text: str) -> str:
        """Return a text between the brackets of rounding."""
        side = "ceil" if sort == CEIL else "floor"
        return rf"\left\l{side} {text} \right\r{side}"

    def function(self, name: str, parts: list[str]) -> str:
        """Return a function of several numbers."""
        inner = ", ".join(parts)
        return rf"\{name}\left( {inner} \right)" if r"\frac" in inner else rf"\{name}({inner})"

    def quotient(self, tree: Tree) -> str:
        """Return a fraction, rounded or exact."""
        top, bottom = tree.parts
        written = rf"\frac{{{self.write(top)}}}{{{self.write(bottom)}}}"
        return written if tree.sort == EXACT else self.bracketed(tree.sort, written)

    def relation(self, sign: str) -> str:
        """Return a relation between two numbers."""
        return {"≤": r"\le", "<": "<", "=": "=", "divides": r"\mid"}.get(sign, rf"\text{{ {sign} }}")

    def words(self, text: str) -> str:
        """Return words among symbols."""
        return rf"\text{{{text.replace('_', ' ')}}}"


def _upright(below: str) -> str:
    return below if len(below) == 1 or below.isdigit() else rf"\mathrm{{{below}}}"


def _decimal(value: float) -> str:
    """Return a fraction to two digits, or to enough digits to show that it is not a whole number."""
    for digits in range(2, 7):
        cut = math.floor(abs(value) * 10**digits) / 10**digits
        if cut != int(cut):
            sign = "−" if value < 0 else ""
            return f"{sign}{cut:,.{digits}f}".rstrip("0")
    return f"{value:,}"


TEXT = TextWriter()
LATEX = Latex()
