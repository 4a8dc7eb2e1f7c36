"""What a call of Python is applied to: the layer above, one with a name, or an operation on several, `x + identity`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.language.expressions import ExpressionError
from shapecalc.language.expressions.syntax import tree_of
from shapecalc.layers import KINDS, find_kind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.layers.base.layer import Layer

__all__ = [
    "RUNNING",
    "Operand",
    "as_merge",
    "hint_for_expression",
    "is_number",
    "listed_names",
    "note_on",
    "read_operand",
]

RUNNING = ("x", "input", "inputs", "out")
"""What programs call the tensor that goes from layer to layer: the output of the layer above."""

_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
_SIGN_BETWEEN = re.compile(r"[+*@]|\s[-/]\s")
_CHANGED = re.compile(r"\s*([A-Za-z_]\w*)\s*([-+*/@]?)=(?!=)(.+)", re.DOTALL)


class Operand(NamedTuple):
    """What a call is applied to: a name, or the item that computes it from the tensors of several `names`.

    `name` and `item` are empty where neither is certain.
    """

    name: str = ""
    item: str = ""
    names: tuple[str, ...] = ()


def read_operand(text: str, known: Collection[str]) -> Operand:
    """Return what the text of an argument is; `known` are the names of layers and inputs."""
    tree = _parsed(text)
    if isinstance(tree, ast.Name):
        return Operand(tree.id, names=(tree.id,))
    sign, names = _operation(tree)
    cls = _kind_of(sign) if names else None
    if cls is None:
        return Operand()
    return Operand("", f"- {as_merge(cls.kind, names, known)}", tuple(names))


def hint_for_expression(text: str, known: Collection[str]) -> str:
    """Return the hint for an operation in place of a layer, as `x + identity`; empty for any other text."""
    changed = _CHANGED.fullmatch(text)
    if changed:
        text = f"{changed[1]} {changed[2]} ({changed[3]})" if changed[2] else changed[3]
    tree = _parsed(text) if _SIGN_BETWEEN.search(text) else None
    cls = _kind_of(_operation(tree)[0])
    words = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)] if tree else []
    if tree is None or cls is None or not words or all(word not in known and find_kind(word) for word in words[:2]):
        return ""
    operand = read_operand(text, known)
    if operand.item:
        return f"write `{operand.item}`{note_on(operand.names, known)}"
    if isinstance(tree, ast.BinOp) and any(map(_is_scalar, (tree.left, tree.right))):
        other = tree.right if _is_scalar(tree.left) else tree.left
        is_name = isinstance(other, ast.Name) or _is_scalar(other)
        return "a number changes no size: remove " + (
            "the item" if is_name else f"it: write `- {ast.unparse(other)}` alone"
        )
    return f"write `- {cls.kind}:` with a list of its branches: a name, a list of layers, or [] for the layer above"


def is_number(text: str) -> bool:
    """Return whether a text is a number or another constant."""
    return isinstance(_parsed(text), ast.Constant)


def _is_scalar(tree: ast.expr) -> bool:
    """Return whether a part of an operation is a number, or a call of `math`."""
    function = tree.func if isinstance(tree, ast.Call) else None
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(tree, ast.Constant) or (isinstance(owner, ast.Name) and owner.id == "math")


def listed_names(text: str) -> list[str]:
    """Return the names of a list or a tuple; empty for one that has anything else in it."""
    tree = _parsed(text)
    return _names(tree.elts) if isinstance(tree, (ast.List, ast.Tuple)) else []


def _names(items: Sequence[ast.expr]) -> list[str]:
    names = [item.id for item in items if isinstance(item, ast.Name)]
    return names if len(names) == len(items) else []


def _parsed(text: str) -> ast.expr | None:
    try:
        return tree_of(text)
    except ExpressionError:
        return None


def _operation(tree: ast.expr | None) -> tuple[str, list[str]]:
    """Return the sign of an operation, and the names that it combines: none if it combines anything else.

    A sum may have several: `a + b + c` is read from the left.
    """
    if not isinstance(tree, ast.BinOp):
        return "", []
    sign, sides = _SIGNS.get(type(tree.op), ""), [tree.left, tree.right]
    while isinstance(sides[0], ast.BinOp) and _SIGNS.get(type(sides[0].op)) == sign:
        sides[:1] = [sides[0].left, sides[0].right]
    cls = _kind_of(sign)
    return sign, _names(sides) if cls and len(sides) <= (cls.inputs[1] or len(sides)) else []


def _kind_of(sign: str) -> type[Layer] | None:
    return next((cls for cls in KINDS.values() if sign and cls.operator == sign), None)


def as_merge(word: str, names: Sequence[str], known: Collection[str], given: str = "") -> str:
    """Return the item of a merge of names, with its other arguments: [] is the output of the layer above."""
    shown = ", ".join("[]" if name in RUNNING and name not in known else name for name in names)
    return f"{word}: {{branches: [{shown}], {given}}}" if given else f"{word}: [{shown}]"


def note_on(names: Sequence[str], known: Collection[str], *, is_merge: bool = True) -> str:
    """Return what to do about names that no layer has, as the end of a hint; empty where there are none."""
    unknown = [name for name in dict.fromkeys(names) if name not in known and not (is_merge and name in RUNNING)]
    if not unknown:
        return ""
    *others, last = unknown
    which = f"{', '.join(others)} and {last} are not names" if others else f"{last} is not a name"
    branch = ", a list of layers for a branch," if is_merge else ""
    return f"; {which} here: write `input` for the input{branch} or `name: {unknown[0]}` below the layer that is meant"
