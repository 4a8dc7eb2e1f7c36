"""Formulas as text, LaTeX and Python."""

# ruff: noqa: N802, N815  (sympy looks for printing methods under these names)

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from shapecalc.dims.notation.writers import RAISED

__all__ = ["WRITERS"]


def _quotient(part: Any) -> tuple[Any, Any]:
    numerator, denominator = sympy.fraction(sympy.together(part))
    return sympy.expand(numerator), denominator


class _Text(StrPrinter):  # type: ignore[misc]
    """As in print: ⌊(H − 7)/4⌋·64."""

    def _print_Integer(self, number: Any) -> str:
        return f"{int(number):,}"

    _print_One = _print_NegativeOne = _print_Zero = _print_Integer

    def _print_floor(self, expression: Any) -> str:
        numerator, denominator = _quotient(expression.args[0])
        top = self._print(numerator)
        return f"⌊{f'({top})' if numerator.is_Add else top}/{self._print(denominator)}⌋"

    def _print_Mul(self, expression: Any) -> str:
        text: str = super()._print_Mul(expression)
        return text.replace("*", "·")

    def _print_Pow(self, expression: Any, rational: bool = False) -> str:  # noqa: ARG002
        base, exponent = expression.args
        shown = self._print(base) if isinstance(base, sympy.floor) else self.parenthesize(base, 100)
        small = str(exponent).translate(RAISED)
        return f"{shown}{small}" if str(exponent).isdigit() else f"{shown}^{self._print(exponent)}"

    def _print_Max(self, expression: Any) -> str:
        return f"max({', '.join(self._print(part) for part in expression.args)})"

    def _print_Min(self, expression: Any) -> str:
        return f"min({', '.join(self._print(part) for part in expression.args)})"


class _Python(StrPrinter):  # type: ignore[misc]
    """As Python on ints: (H - 7)//4*64."""

    def _print_floor(self, expression: Any) -> str:
        numerator, denominator = _quotient(expression.args[0])
        top = self._print(numerator)
        return f"({f'({top})' if numerator.is_Add else top}//{self._print(denominator)})"

    def _print_Max(self, expression: Any) -> str:
        return f"max({', '.join(self._print(part) for part in expression.args)})"

    def _print_Min(self, expression: Any) -> str:
        return f"min({', '.join(self._print(part) for part in expression.args)})"


class _Latex(LatexPrinter):  # type: ignore[misc]
    def _print_floor(self, expression: Any, exp: Any = None) -> str:
        numerator, denominator = _quotient(expression.args[0])
        text = rf"\left\lfloor \frac{{{self._print(numerator)}}}{{{self._print(denominator)}}} \right\rfloor"
        return rf"{text}^{{{exp}}}" if exp else text

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:  # noqa: ARG002
        name = str(expr.name)
        return name if len(name) == 1 else rf"\mathit{{{name}}}".replace("_", r"\_")


def _text(expression: Any) -> str:
    return str(_Text().doprint(_shared_denominator(expression))).replace("-", "−")


def _python(expression: Any) -> str:
    numerator, denominator = _quotient(expression)
    text = str(_Python().doprint(numerator))
    return text if denominator == 1 else f"({text})//{denominator}"


def _latex(expression: Any) -> str:
    return str(_Latex().doprint(_shared_denominator(expression)))


def _shared_denominator(expression: Any) -> Any:
    """Return a sum of fractions over one denominator: (H − 12)/16, not H/16 − 3/4."""
    numerator, denominator = _quotient(expression)
    if denominator == 1:
        return numerator
    return sympy.Mul(sympy.Rational(1, denominator), numerator, evaluate=False)


WRITERS = {"text": _text, "latex": _latex, "python": _python}
"""The writer of each notation."""
