"""Where the sizes of a layer's input come from, followed back through the network: 227 → 55 → 27 → 13 → 6 → 9,216."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from shapecalc.dims.notation import (
    NAME,
    NUMBER,
    PRODUCT,
    TEXT,
    Tree,
    chain,
    steps,
    with_names,
    with_numbers,
    with_symbols,
)
from shapecalc.questions.explain.items import Chain, Name, labelled
from shapecalc.questions.explain.leaves import INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.dims.notation import Expression
    from shapecalc.dims.traces import Trace
    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Row
    from shapecalc.questions.explain.items import ExplanationLine, Item
    from shapecalc.questions.explain.working import Working

__all__ = ["Trail", "TrailStep", "trail_lines", "trails_of"]

_MOST_TRAILS = 24
"""Of one layer: nested sizes of sizes."""


class TrailStep(NamedTuple):
    """A layer that works a size out of the one before it, and the rule by which it does."""

    layer: str
    rule: Expression


class Trail(NamedTuple):
    """How one size of a layer's input is computed, from its origin to the layer.

    `symbol` is its sign in the layer. It begins as the size `start` of `source`: of an input of the network (`made` is
    None), or of a layer that made it by the rule `made` of its arguments, or of several sizes. `steps` are the layers
    that change it from there on, in order: those that leave it as it is are left out.
    """

    symbol: str
    source: str
    start: int
    made: Expression | None
    steps: tuple[TrailStep, ...]

    @property
    def sizes(self) -> list[int]:
        """The sizes on the way, the first and each change."""
        return [self.start, *[step.rule.value for step in self.steps]]

    @property
    def is_product(self) -> bool:
        """Whether it begins as a product of several sizes of one tensor: a flattening."""
        return self.made is not None and _is_product(_sizes_in(self.made))

    @property
    def likeness(self) -> Any:
        """A key that is equal for axes computed alike: height and width, usually."""
        rules = [(step.layer, TEXT.write(with_names(step.rule, lambda leaf: leaf.origin.role))) for step in self.steps]
        return self.source, self.made is None, tuple(rules), tuple(self.sizes)

    def to_dict(self) -> dict[str, Any]:
        """Return the trail as the JSON contract has it."""
        made = {} if self.made is None else {"rule": TEXT.write(with_symbols(self.made))}
        steps = [
            {"layer": s.layer, "numbers": TEXT.write(with_numbers(s.rule)), "value": s.rule.value} for s in self.steps
        ]
        return {"symbol": self.symbol, "sizes": self.sizes, "from": self.source, **made, "steps": steps}


_Size: TypeAlias = "tuple[int, int, int]"
"""The position of a size: the node, its output, the axis."""


def trails_of(graph: Graph, row: Row, working: Working, at: Callable[[int], Working]) -> tuple[Trail, ...]:
    """Return how the sizes of a layer's inputs are computed, and the sizes that they are computed from.

    `at` returns the working of a node.
    """
    waiting: list[tuple[_Size, str]] = [
        ((reference.node, reference.output, axis), size.symbol)
        for reference, sizes in zip(row.node.inputs, working.inputs, strict=True)
        for axis, size in enumerate(sizes)
    ]
    found: dict[_Size, Trail] = {}
    for size, symbol in waiting:  # which grows
        if size not in found and len(found) < _MOST_TRAILS:
            found[size], made_of = _follow(graph, size, symbol, at)
            waiting += made_of
    return tuple(found.values())


def _follow(
    graph: Graph, size: _Size, symbol: str, at: Callable[[int], Working]
) -> tuple[Trail, list[tuple[_Size, str]]]:
    """Return the trail of a size, and the sizes whose product it begins with, where there are several."""
    taken: list[TrailStep] = []
    while size[0] >= 0:
        node, output, axis = size
        working, name = at(node), graph.nodes[node].name
        rule = working.axes[output][axis]
        leaves = _sizes_in(rule)
        if len(leaves) != 1:
            trail = Trail(symbol, name, rule.value, rule, tuple(taken[::-1]))
            made_of = leaves if _is_product(leaves) else []
            return trail, [(_before(graph, node, working, leaf), leaf.symbol) for leaf in made_of]
        size = _before(graph, node, working, leaves[0])
        if rule.value != leaves[0].value:
            taken.append(TrailStep(name, rule))
    inputs = list(graph.inputs)
    source = inputs[-1 - size[0]]
    return Trail(symbol, source, graph.inputs[source].sizes[size[2]], None, tuple(taken[::-1])), []


def _sizes_in(rule: Expression) -> list[Trace]:
    """Return the sizes of inputs that a rule works with."""
    return [leaf for leaf in rule.leaves() if leaf.origin.sort == INPUT]


def _is_product(leaves: Sequence[Trace]) -> bool:
    """Return whether several sizes are of one tensor: of two they are a sum, channels side by side."""
    return len(leaves) > 1 and len({leaf.origin.place for leaf in leaves}) == 1


def _before(graph: Graph, node: int, working: Working, leaf: Trace) -> _Size:
    """Return the position of the size that a leaf of a layer's rules is."""
    reference = graph.nodes[node].inputs[leaf.origin.place]
    sizes = working.inputs[leaf.origin.place]
    return reference.node, reference.output, next(i for i, other in enumerate(sizes) if other is leaf)


def trail_lines(trails: Sequence[Trail], symbols: Sequence[str], sizes: Sequence[int]) -> list[ExplanationLine]:
    """Return the lines that follow a layer's input back.

    `sizes` are those whose product a fully connected layer has as its input features, with their `symbols`: none for
    other layers.
    """
    alike: dict[Any, list[Trail]] = {}
    for trail in trails:
        alike.setdefault(trail.likeness, []).append(trail)
    rows: list[tuple[Item, ...]] = []
    for first, *others in alike.values():
        rows += _rows(first)
        if others:
            rows.append((*_signs(others), " by the same steps"))
    ends = [trail.start for trail in trails if trail.is_product][:1]
    if len(sizes) > 1:
        signs = tuple([Tree(NAME, size, symbol) for symbol, size in zip(symbols, sizes, strict=True)])
        numbers = tuple([Tree(NUMBER, size) for size in sizes])
        ends = [prod(sizes)]
        product = [Tree(PRODUCT, ends[0], "", parts) for parts in (signs, numbers)]
        rows.append((Chain("", (*product, Tree(NUMBER, ends[0]))), " input features"))
    longest = max(trails, key=lambda trail: len(trail.steps))
    if longest.steps:
        rows.insert(0, (" → ".join([f"{size:,}" for size in [*longest.sizes, *ends]]),))
    return labelled("back", rows)


def _rows(trail: Trail) -> Iterator[tuple[Item, ...]]:
    if trail.made is not None and not trail.steps:
        yield Chain(trail.symbol, chain(trail.made)), " from ", Name(trail.source)
        return
    start = Tree(NUMBER, trail.start)
    if trail.made is not None:
        yield *_signs([trail]), ": ", Chain("", chain(trail.made)), " from ", Name(trail.source)
    elif trail.steps:
        yield *_signs([trail]), ": ", Chain("", (start,)), *_given(trail)
    else:
        yield Chain(trail.symbol, (start,)), *_given(trail)
    for step in trail.steps:
        yield Name(step.layer), ": ", Chain("", (with_numbers(step.rule), *steps(with_numbers(step.rule))))


def _given(trail: Trail) -> Iterator[Item]:
    yield ", the network's input"
    if trail.source != "input":  # the name of an unnamed input
        yield " "
        yield Name(trail.source)


def _signs(trails: Sequence[Trail]) -> Sequence[Item]:
    signs = [Chain("", (Tree(NAME, 0, trail.symbol),)) for trail in trails]
    return [item for sign in signs for item in (", ", sign)][1:]
