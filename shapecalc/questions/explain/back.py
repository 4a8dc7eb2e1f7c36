"""Where the sizes of a layer's input come from, followed back through the network: 227 → 55 → 27 → 13 → 6 → 9,216.

A size is followed through the input that determines it: the largest of several that are added up (concatenated
channels), the first of several that are equal. It ends at an input of the network, or at a layer that sets it by its
arguments; spatial sizes that a layer sets (adaptive pooling) are followed on through its own input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.notation import TEXT, with_names, with_numbers, with_symbols
from shapecalc.questions.explain.leaves import INPUT, is_spatial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.dims.notation import Expression
    from shapecalc.dims.traces import Trace
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Row
    from shapecalc.questions.explain.working import Working

__all__ = ["EQUAL_INPUTS", "LARGEST", "LARGEST_OF_EQUALS", "Merge", "Trail", "TrailStep", "trails_of"]

_MOST_TRAILS = 100
"""Of one layer: it may have thousands of inputs, and each way may be as long as the network."""

LARGEST = "largest"
LARGEST_OF_EQUALS = "first of the largest"
EQUAL_INPUTS = "all are equal"


class TrailStep(NamedTuple):
    """A layer that works a size out of the one before it, and the rule by which it does.

    `is_set` is whether the layer sets it, whatever the size before: `set_by` are the arguments by which.
    """

    layer: str
    rule: Expression
    is_set: bool = False

    @property
    def set_by(self) -> list[str]:
        """The arguments of a size that the layer sets."""
        return _arguments(self.rule) if self.is_set else []

    def to_dict(self) -> dict[str, Any]:
        """Return the step as the JSON contract has it."""
        set_by = {"set_by": self.set_by} if self.is_set else {}
        numbers = TEXT.write(with_numbers(self.rule))
        return {"layer": self.layer, "numbers": numbers, "value": self.rule.value, **set_by}


class Merge(NamedTuple):
    """A layer with several inputs that determine a size, the one that is followed (from 0), and why that one."""

    layer: str
    place: int
    reason: str


class Trail(NamedTuple):
    """How one size of a layer's input is computed, from its origin to the layer.

    `symbol` is its sign in the layer. It begins as the size `start` of `source`: of an input of the network (`made` is
    None), or of a layer that made it by the rule `made` of its arguments, or of several sizes. `steps` are the layers
    that change it from there on, in order: those that leave it as it is are left out. `merges` are those on the way
    at which other inputs could have been followed. `whole` is the trail that begins as a product of this one's size.
    """

    symbol: str
    source: str
    start: int
    made: Expression | None
    steps: tuple[TrailStep, ...]
    merges: tuple[Merge, ...] = ()
    whole: Trail | None = None

    @property
    def sizes(self) -> list[int]:
        """The sizes on the way, the first and each change."""
        found = [self.start]
        for step in self.steps:
            if step.rule.value != found[-1]:
                found.append(step.rule.value)
        return found

    @property
    def is_product(self) -> bool:
        """Whether it begins as a product of several sizes of one tensor: a flattening."""
        return self.made is not None and bool(_sizes_in(self.made))

    @property
    def of(self) -> str:
        """The layer of whose input it is a size: empty for the layer that is traced back."""
        return "" if self.whole is None else self.whole.source

    @property
    def is_from_input(self) -> bool:
        """Whether it begins at an input of the network."""
        return self.made is None

    @property
    def set_by(self) -> list[str]:
        """The arguments of the layer that sets the size it begins with."""
        return [] if self.made is None or self.is_product else _arguments(self.made)

    @property
    def likeness(self) -> Any:
        """A key that is equal for axes computed alike: height and width, usually."""
        rules = [(step.layer, TEXT.write(with_names(step.rule, lambda leaf: leaf.origin.role))) for step in self.steps]
        return self.source, self.is_from_input, tuple(rules), tuple(self.sizes), self.merges

    def to_dict(self) -> dict[str, Any]:
        """Return the trail as the JSON contract has it."""
        of = {"of": self.of} if self.of else {}
        entry: dict[str, Any] = {"symbol": self.symbol, **of, "sizes": self.sizes, "from": self.source}
        if self.made is not None:
            entry["rule"] = TEXT.write(with_symbols(self.made))
            if not self.is_product:
                entry["set_by"] = self.set_by
        entry["steps"] = [step.to_dict() for step in self.steps]
        if self.merges:
            entry["followed"] = [{"layer": m.layer, "input": m.place, "why": m.reason} for m in self.merges]
        return entry


class _Size(NamedTuple):
    """The position of a size: the node, its output, the axis."""

    node: int
    output: int
    axis: int


def trails_of(graph: Graph, row: Row, working: Working, at: Callable[[int], Working]) -> tuple[tuple[Trail, ...], int]:
    """Return how the sizes of a layer's inputs are computed, and the sizes that they are computed from.

    The second is how many sizes of very many are not followed. `at` returns the working of a node.
    """
    waiting: list[tuple[_Size, str, Trail | None]] = [
        (_Size(reference.node, reference.output, axis), size.symbol, None)
        for reference, sizes in zip(row.node.inputs, working.inputs, strict=True)
        for axis, size in enumerate(sizes)
    ]
    found: dict[_Size, Trail] = {}
    left: set[_Size] = set()
    for size, symbol, whole in waiting:  # which grows
        if size in found:
            continue
        if len(found) == _MOST_TRAILS:
            left.add(size)
        else:
            trail, parts = _follow(graph, size, symbol, at)
            found[size] = trail._replace(whole=whole)
            waiting += [(part, name, found[size]) for part, name in parts]
    return tuple(found.values()), len(left)


def _follow(
    graph: Graph, size: _Size, symbol: str, at: Callable[[int], Working]
) -> tuple[Trail, list[tuple[_Size, str]]]:
    """Return the trail of a size, and the sizes whose product it begins with, where there are several."""
    taken: list[TrailStep] = []
    merges: list[Merge] = []
    while size.node >= 0:
        working, name = at(size.node), graph.nodes[size.node].name
        rule = working.axes[size.output][size.axis]
        leaves = _sizes_in(rule)
        followed = _determining(leaves) if leaves else _unused(working, size)
        if len(followed) != 1:
            trail = Trail(symbol, name, rule.value, rule, tuple(taken[::-1]), tuple(merges[::-1]))
            return trail, [(_before(graph, size.node, working, leaf), leaf.symbol) for leaf in followed]
        (leaf,) = followed
        merges += _merges(name, working, leaves, leaf)
        size = _before(graph, size.node, working, leaf)
        if rule.value != leaf.value or not leaves:
            taken.append(TrailStep(name, rule, is_set=not leaves))
    source = list(graph.inputs)[-1 - size.node]
    start = graph.inputs[source].sizes[size.axis]
    return Trail(symbol, source, start, None, tuple(taken[::-1]), tuple(merges[::-1])), []


def _sizes_in(rule: Expression) -> list[Trace]:
    """Return the sizes of inputs that a rule works with."""
    return [leaf for leaf in rule.leaves() if leaf.origin.sort == INPUT]


def _arguments(rule: Expression) -> list[str]:
    return list(dict.fromkeys([leaf.origin.name for leaf in rule.leaves() if leaf.origin.name]))


def _determining(leaves: Sequence[Trace]) -> list[Trace]:
    """Return the sizes of a rule to follow: those of one tensor (a flattening), or the largest of several tensors."""
    if len({leaf.origin.place for leaf in leaves}) == 1:
        return list(leaves)
    return [max(leaves, key=lambda leaf: leaf.value)]  # the first of equals


def _unused(working: Working, size: _Size) -> list[Trace]:
    """Return the size of the same spatial axis of the input of a layer that sets its output's whatever that is.

    None where there is no such axis, or where the layer's other checks depend on its size: a reshape.
    """
    sizes = working.inputs[0] if working.inputs else ()
    if len(sizes) != len(working.axes[size.output]) or not is_spatial(sizes[size.axis]):
        return []
    leaf = sizes[size.axis]
    checked = [side for check in working.checks if check.is_equality for side in (check.left, check.right)]
    return [] if any(leaf is other for side in checked for other in side.leaves()) else [leaf]


def _merges(name: str, working: Working, leaves: Sequence[Trace], followed: Trace) -> Iterator[Merge]:
    """Yield why one of several inputs is followed: none where the layer has no other for this size."""
    place = followed.origin.place
    if len(leaves) > 1:
        is_tie = sum(leaf.value == followed.value for leaf in leaves) > 1
        yield Merge(name, place, LARGEST_OF_EQUALS if is_tie else LARGEST)
    elif any(_is_held_equal(check.left.symbol, check.right.symbol, followed) for check in working.checks):
        yield Merge(name, place, EQUAL_INPUTS)


def _is_held_equal(left: Trace | None, right: Trace | None, followed: Trace) -> bool:
    """Return whether a check is that a size of another input equals the one that is followed."""
    other = right if left is followed else left if right is followed else None
    if other is None or other.origin.sort != INPUT:
        return False
    return other.origin.place != followed.origin.place and other.value == followed.value


def _before(graph: Graph, node: int, working: Working, leaf: Trace) -> _Size:
    """Return the position of the size that a leaf of a layer's rules is."""
    reference = graph.nodes[node].inputs[leaf.origin.place]
    sizes = working.inputs[leaf.origin.place]
    return _Size(reference.node, reference.output, next(i for i, other in enumerate(sizes) if other is leaf))
