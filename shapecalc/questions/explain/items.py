"""The parts of a line of an explanation: words, names from the specification, and formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.dims.notation import Tree

__all__ = ["KEPT", "Bytes", "Chain", "ExplanationLine", "Item", "Name", "Relation", "SizesItem", "labelled"]

KEPT = "\N{NO-BREAK SPACE}"
"""A space at which no line is broken."""


class Name(str):
    """A name from the specification, or of an argument."""

    __slots__ = ()


class Chain(NamedTuple):
    """Equal parts: a symbol (or none), a rule, the rule with numbers, …, the number."""

    symbol: str
    trees: tuple[Tree, ...]


class Relation(NamedTuple):
    """A relation between two numbers."""

    left: Tree
    sign: str
    right: Tree


class SizesItem(NamedTuple):
    """The sizes of a tensor: H_in×W_in×C_in = 227×227×3."""

    symbols: tuple[str, ...]
    values: tuple[int, ...]


class Bytes(NamedTuple):
    """A number of bytes."""

    number: int


Item: TypeAlias = "str | Chain | Relation | SizesItem | Bytes"


class ExplanationLine(NamedTuple):
    """One line of a layer's explanation."""

    label: str
    items: tuple[Item, ...]


def labelled(label: str, rows: Iterable[Sequence[Item]]) -> list[ExplanationLine]:
    """Return rows as lines, the first of them with the label."""
    return [ExplanationLine("" if i else label, tuple(items)) for i, items in enumerate(rows)]
