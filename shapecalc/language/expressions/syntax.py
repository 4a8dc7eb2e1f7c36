"""From text to Python's tree, and the parts of Python that an expression cannot contain."""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from typing import NoReturn

from shapecalc.language.expressions.operands import ExpressionError, Piece, short
from shapecalc.text.comparisons import before_ascii, in_ascii, misspelt_comparison

__all__ = ["HINT", "NO_VARIABLE", "OPERATORS_REFUSED", "REFUSED", "one_line", "tree_of"]


def one_line(text: str) -> str:
    """Return a text of the same length without line breaks and tabs."""
    return "".join(" " if c in "\n\r\t\f" else c for c in text)


def tree_of(text: str) -> ast.expr:
    """Return Python's tree of the text, or raise an ExpressionError for any syntax error."""
    line = in_ascii(one_line(text))
    start = len(line) - len(line.lstrip(" "))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whatever Python warns about is rejected below, or does not matter
            tree = ast.parse(line[start:], mode="eval").body
    except SyntaxError as error:
        at = min(start + max((error.offset or 1) - 1, 0), len(line.rstrip()))
        _refuse_syntax(text, before_ascii(text, at))
    except (ValueError, MemoryError, RecursionError, OverflowError):
        Piece(text, 0).refuse("{} is not an expression", "write numbers, variables and + - * / between them")
    rest = line.encode()[start + (tree.end_col_offset or 0) :].decode()
    if "#" in rest:
        comment = rest[rest.index("#") :]
        Piece(comment, len(line) - len(comment)).refuse(
            "{} is a comment, which an expression cannot contain", "remove it"
        )
    return tree


_SLIPS = (
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("!", "write `not`, or `!=` for unequal"),
    ("?", "write `x if condition else y`"),
    ("×", "write `*` to multiply"),
    ("^", "write `**` for a power"),
)


_OF_EXPRESSIONS = ("and", "or", "not", "if", "else", "in", "is", "None", "True", "False")
_PYTHONS_OWN = rf"\b(?:{'|'.join([word for word in keyword.kwlist if word not in _OF_EXPRESSIONS])})\b"
_UNFINISHED = r"(?:[-+*/%<>=,(\[]|\b(?:and|or|not|if|else|in))\s*$"


def _refuse_syntax(text: str, at: int) -> NoReturn:
    """Report where a text stops being an expression, as far as Python's own error tells."""
    misspelt = misspelt_comparison(text)
    hint = f"write `{misspelt.meant}`" if misspelt else ""
    hint = hint or next((hint for slip, hint in _SLIPS if slip in text.replace("!=", "")), "")
    while 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum():
        at -= 1  # Python stops within `10x`
    rest = text[at:].strip()
    if words := re.fullmatch(r"\s*(\d+)\s+([^\W\d]\w*)\s*", text):
        hint = f"write {words[1]}; a comment is after ` #`: {words[1]}  # {words[2]}"
    if re.search(_UNFINISHED, in_ascii(text)):
        where, at, rest = ": it ends too early", len(text.rstrip()), ""
    elif text.count("(") > text.count(")"):
        where, hint = ": a `)` is missing", "close every `(`; in [ ] or { } put texts with a comma in quotes"
    elif text.count("[") > text.count("]"):
        where, hint = ": a `]` is missing", "close every `[`"
    elif match := re.search(_PYTHONS_OWN, text):
        where, hint = (
            f": `{match[0]}` is a Python keyword",
            hint or "a variable of that name cannot be part of an expression: choose another name",
        )
    else:
        where = f": it cannot be read from `{short(rest)}` on" if rest and rest != text.strip() else ""
    message = f"`{short(text)}` is not an expression{where}"
    raise ExpressionError(message, at, max(1, len(rest)), hint)


NO_VARIABLE = "variables are given under `vars:`"
"""The hint for a name that is no variable, and like none."""
HINT = "an expression is arithmetic on numbers and variables, with comparisons, `x if c else y` and a few functions"

# Python syntax that expressions do not have.
REFUSED: dict[type[ast.expr], tuple[str, str]] = {
    ast.Attribute: ("an attribute", "use the variables as they are, without `.`"),
    ast.Lambda: ("a function of its own", HINT),
    ast.ListComp: ("a loop", "write the items in full, or use `repeat:`"),
    ast.SetComp: ("a loop", "write the items in full, or use `repeat:`"),
    ast.DictComp: ("a loop", "write the items in full, or use `repeat:`"),
    ast.GeneratorExp: ("a loop", "write the items in full, or use `repeat:`"),
    ast.JoinedStr: ("a formatted string", "texts are only compared"),
    ast.NamedExpr: ("an assignment", "give the part a name under `vars:`"),
    ast.Dict: ("a mapping", HINT),
    ast.Set: ("a set", "write a list: `[a, b]`"),
    ast.Tuple: ("a tuple", "write a list: `[a, b]`"),
    ast.Slice: ("a slice", "take one item: `list[0]`"),
    ast.Starred: ("a `*` that unpacks a list", "min, max and sum take the list itself"),
}

OPERATORS_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.BitXor: ("^", "write `**` for a power"),
    ast.BitOr: ("|", "write `or`"),
    ast.BitAnd: ("&", "write `and`"),
    ast.LShift: ("<<", "multiply by a power of 2"),
    ast.RShift: (">>", "divide by a power of 2, with `//`"),
    ast.MatMult: ("@", "write `*` to multiply"),
    ast.Invert: ("~", "write `not`"),
    ast.Is: ("is", "write `==`"),
    ast.IsNot: ("is not", "write `!=`"),
}
