"""The condition under which a shortcut needs its projection, in the arguments of the block: other channels or a stride.

Of MobileNet it is the condition under which the block has no addition, turned around.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.model.locations import branches_at, key_beside
from shapecalc.source import ListValue, MapValue, Scalar

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from shapecalc.dims import Dim
    from shapecalc.model.graph import Graph, Node

__all__ = ["ShortcutCondition", "condition_of", "condition_within", "has_condition"]


class ShortcutCondition(NamedTuple):
    """The pairs of expressions of which one differs in each copy that needs a projection, and in no other."""

    pairs: tuple[tuple[str, str], ...]

    @property
    def differs(self) -> str:
        """The condition of a projection."""
        return " or ".join(f"{a} != {b}" for a, b in self.pairs)

    @property
    def agrees(self) -> str:
        """The condition of an addition without a projection."""
        return " and ".join(f"{a} == {b}" for a, b in self.pairs)


def condition_of(
    graph: Graph, every: Sequence[int], needed: Collection[int], channels: Dim, other: Sequence[str], *, is_exact: bool
) -> ShortcutCondition | None:
    """Return the condition of the copies of a merge that need a projection, of the arguments of their block.

    One argument is the channels of the first that does, the first of `other` those of the other branch, the second its
    stride if that is an argument too. None where these are not what decides it (`is_exact`: for all copies).
    """
    out, stride = other
    given = {i: _arguments(graph.nodes[i]) for i in every}
    first = given[min(needed)]
    own = next((name for name, value in first.items() if value == channels and name not in (out, stride)), "")
    if not own or out not in first:
        return None
    pairs = ((stride, "1"), (own, out)) if stride in first else ((own, out),)
    differ = {i for i, one in given.items() if any(one.get(a) != one.get(b, 1) for a, b in pairs)}
    return ShortcutCondition(pairs) if differ == {*needed} or (differ > {*needed} and not is_exact) else None


def _arguments(node: Node) -> dict[str, int]:
    """Return the arguments that the innermost block around a layer has, as far as they are whole numbers."""
    words = node.uses[0][0] if node.uses else ""
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)(?=[,:])", words)}


def condition_within(node: Node, number: int) -> str:
    """Return the one condition that all layers of a branch of a merge have in the text; empty where they have none."""
    given = branches_at(node.mark.source.text, node.mark) if node.mark and node.mark.source.text else None
    branch = given.items[number] if isinstance(given, ListValue) and number < len(given.items) else None
    layers = branch.items if isinstance(branch, ListValue) else []
    found = [layer.get("when") if isinstance(layer, MapValue) else None for layer in layers]
    texts = {one.text if isinstance(one, Scalar) else "" for one in found}
    return texts.pop() if len(texts) == 1 else ""


def has_condition(node: Node) -> bool:
    """Return whether the item of a layer has a condition in the text."""
    mark = node.mark
    return bool(mark and mark.source.text and key_beside(mark.source.text, mark, "when"))
