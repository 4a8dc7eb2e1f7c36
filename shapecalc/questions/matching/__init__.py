"""Whether a model in memory is the network of a specification: layer by layer, whatever the names.

Compared are the layers with weights, aligned by the sizes of their weights and outputs: their arguments, their sizes,
how they are connected, and the windows of the layers between them. Activations, dropout, views, and the names and
blocks of layers are not compared; nor is whether attention is one layer, or its projections. What follows from another
difference (the channels of the next layer) is only counted.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.layers.base.arguments import Integer, Stated
from shapecalc.layers.base.per_axis import Padding
from shapecalc.layers.base.windowed import Windowed
from shapecalc.questions.matching.pairs import ALIGNMENTS, Side, paired, plain_size, same_sizes

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.matching.pairs import Key

__all__ = ["Fact", "LayerMismatch", "Matching", "match"]


class Fact(NamedTuple):
    """One thing that differs, as the model and as the specification have it; empty where one has nothing of it."""

    what: str
    model: Any
    spec: Any


class LayerMismatch(NamedTuple):
    """A layer of the model and the one of the specification (None: absent), and in what they differ."""

    model: Row | None
    spec: Row | None
    facts: tuple[Fact, ...] = ()


class Matching(NamedTuple):
    """How a model differs from a specification: nothing, if `is_same`.

    `layers` are the layers that differ by themselves; `following` is how many more do because of these; `ends` are
    differences of the inputs and outputs of the networks; `matching` is how many layers with weights are the same.
    """

    model: Report
    spec: Report
    layers: tuple[LayerMismatch, ...]
    ends: tuple[Fact, ...]
    matching: int
    following: int

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.layers or self.ends or self.following) and self.model.total.params == self.spec.total.params


def match(model: Report, spec: Report) -> Matching:
    """Return how a model differs from a specification: of the ways to align them, that with the fewest differences."""
    found = []
    for by_branch, keys in product((False, True), ALIGNMENTS):
        sides = (Side(report, by_branch=by_branch) for report in (model, spec))
        found.append(_Matcher(*sides, keys=keys).result())
        if found[-1].is_same:
            break
    return min(found, key=lambda one: len(one.layers) + len(one.ends))


class _Matcher:
    """One comparison, layer by layer."""

    def __init__(self, model: Side, spec: Side, *, keys: Sequence[Key]) -> None:
        self.sides = model, spec
        self.pairs = paired(model, spec, keys)
        self.numbers: list[dict[int, int]] = [{}, {}]
        self.disturbed: set[int] = set()
        self.lone: list[set[int]] = [set(), set()]
        self.found: list[LayerMismatch] = []
        self.reported: set[Hashable] = set()
        for index, pair in enumerate(self.pairs):
            is_tensor = any(one is not None and side.is_tensor(one) for side, one in zip(self.sides, pair, strict=True))
            for which, one in enumerate(pair):
                if one is None:
                    continue
                self.numbers[which][one] = index
                if is_tensor or None in pair:
                    self.sides[which].passed.add(one)
                if None in pair:
                    self.lone[which].add(one)

    def result(self) -> Matching:
        """Return what differs."""
        matching = following = 0
        for index, (one, other) in enumerate(self.pairs):
            if one is None or other is None:
                self._add_lone(one, other)
                continue
            facts, follows = self._compare(one, other)
            if facts:
                self.found.append(LayerMismatch(self.sides[0].rows[one], self.sides[1].rows[other], facts))
            if facts or follows:
                self.disturbed.add(index)
            following += bool(follows and not facts)
            matching += not (facts or follows)
        ends = tuple(self._ends())
        model, spec = (side.report for side in self.sides)
        return Matching(model, spec, tuple(self.found), ends, matching, following)

    def _add_lone(self, one: int | None, other: int | None) -> None:
        rows = [None if number is None else side.rows[number]
                for side, number in zip(self.sides, (one, other), strict=True)]  # fmt: skip
        self.found.append(LayerMismatch(rows[0], rows[1]))

    def _compare(self, one: int, other: int) -> tuple[tuple[Fact, ...], bool]:
        """Return in what two layers differ by themselves, and whether they do because of others."""
        model, spec = self.sides
        a, b = model.rows[one], spec.rows[other]
        if model.is_tensor(one) or spec.is_tensor(other):
            return (), False
        follows = self._inputs_differ(a.node.inputs, b.node.inputs, (a, b))
        is_merged = one in model.merged
        has_other = not is_merged and model.weights(one) != spec.weights(other)
        is_resized = not same_sizes(model.output(one), spec.output(other))
        facts = [] if is_merged else [*_kinds(a, b), *_arguments(a, b, is_resized=is_resized and not follows)]
        weights = [[*row.sizing.weight_shapes.values()] for row in (a, b)]
        if has_other:
            if facts or not follows or len(weights[0]) != len(weights[1]):
                facts += _weights(a, b)
        elif not is_merged and a.params != b.params:
            facts.append(Fact("parameters", f"{a.params:,}{_shared(a)}", f"{b.params:,}{_shared(b)}"))
        if is_resized and (facts or not follows):
            facts.append(Fact("output", *(_text(row.sizing.outputs) for row in (a, b))))
        return tuple(facts), follows and (is_resized or has_other)

    def _inputs_differ(
        self, one: Sequence[Reference], other: Sequence[Reference], users: tuple[Row | None, Row | None] = (None, None)
    ) -> bool:
        """Return whether the inputs of two layers differ, in size or in what they are computed of, and add why."""
        sides = list(zip(self.sides, self.numbers, (one, other), strict=True))
        traced = [side.between(references) for side, _, references in sides]
        names = [
            frozenset(number if number < 0 else numbers[number] for number in sources)
            for (_, numbers, _), (sources, _) in zip(sides, traced, strict=True)
        ]
        differ = any(name in self.disturbed for part in names for name in part)
        differ |= any(number in lone for lone, (_, rows) in zip(self.lone, traced, strict=True) for number in rows)
        differ |= self._windows_differ([rows for _, rows in traced])
        missing = {("missing", name) for name in names[1] - names[0]} | {
            ("extra", name) for name in names[0] - names[1]
        }
        if missing - self.reported:
            self.reported |= missing
            self._add_branch([sources for sources, _ in traced], [rows for _, rows in traced], names, users)
        return differ or bool(missing)

    def _windows_differ(self, rows: Sequence[Sequence[int]]) -> bool:
        """Return whether the windows between layers and their sources differ (pools), and add in what."""
        windows = [
            [side.rows[number] for number in numbers if isinstance(side.rows[number].node.layer, Windowed)]
            for side, numbers in zip(self.sides, rows, strict=True)
        ]
        if len(windows[0]) != len(windows[1]):
            return False
        differ = False
        for a, b in zip(*windows, strict=True):
            is_resized = not same_sizes(*([plain_size(x) for x in row.sizing.outputs] for row in (a, b)))
            facts = [*_kinds(a, b), *_arguments(a, b, is_resized=is_resized)]
            if not facts:
                continue
            differ = True
            if (a.name, b.name) not in self.reported:
                self.reported.add((a.name, b.name))
                if is_resized:
                    facts.append(Fact("output", *(_text(row.sizing.outputs) for row in (a, b))))
                self.found.append(LayerMismatch(a, b, tuple(facts)))
        return differ

    def _add_branch(
        self, sources: Sequence[frozenset[int]], rows: Sequence[Sequence[int]], names: Sequence[frozenset[int]],
        users: tuple[Row | None, Row | None],
    ) -> None:  # fmt: skip
        """Add the layer that merges a branch, which only one network has, of several the nearest; or the user."""
        merging = [
            [number for number in numbers if len({*side.used(number)}) > 1]
            for side, numbers in zip(self.sides, rows, strict=True)
        ]
        own = 0 if names[0] - names[1] and not names[1] - names[0] else 1
        pair = users
        if len(merging[own]) > len(merging[1 - own]):
            row = self.sides[own].rows[merging[own][-1]]
            pair = (None, row) if own else (row, None)
        texts = []
        for side, part, numbers, mine, others in zip(
            self.sides, sources, self.numbers, names, reversed(names), strict=True
        ):
            found = [number for number in sorted(part) if (number if number < 0 else numbers[number]) in mine - others]
            texts.append(", ".join("the input" if number < 0 else side.rows[number].name for number in found))
        fact = Fact("computed of", *(text and f"also {text}" for text in texts))
        self.found.append(LayerMismatch(*pair, (fact,)))

    def _ends(self) -> Iterator[Fact]:
        graphs = [side.report.graph for side in self.sides]
        inputs = [[*graph.inputs.values()] for graph in graphs]
        if not same_sizes(*([plain_size(shape) for shape in shapes] for shapes in inputs)):
            yield Fact("input", *map(_text, inputs))
        outputs = [[side.report.shape_of(*one) for one in graph.outputs]
                   for side, graph in zip(self.sides, graphs, strict=True)]  # fmt: skip
        if len(outputs[0]) != len(outputs[1]):
            yield Fact("output", *map(_text, outputs))
            return
        differ = self._inputs_differ(graphs[0].outputs, graphs[1].outputs)
        is_same = same_sizes(*(sorted(map(plain_size, shapes)) for shapes in outputs))
        if not is_same and not differ:
            yield Fact("output", *map(_text, outputs))


def _kinds(a: Row, b: Row) -> Iterator[Fact]:
    """Yield the kinds of two layers that differ; sums of products (`fc`, `linear`) differ in their sizes."""
    one, other = (type(row.node.layer) for row in (a, b))
    if not (issubclass(one, other) or issubclass(other, one) or (a.macs and b.macs)):
        yield Fact("kind", a.kind, b.kind)


def _arguments(a: Row, b: Row, *, is_resized: bool) -> list[Fact]:
    """Return the sizes and counts among the arguments that two layers both have, and that differ.

    Padding alone is none if the output has the same size: `same`, and zeros added by another layer before.
    """
    known = [row.node.layer.arguments if row.node.layer else {} for row in (a, b)]
    found, is_padding = [], True
    for name, argument in known[0].items():
        if isinstance(argument, Integer) and not isinstance(argument, Stated) and name in known[1]:
            one, other = (_value(row, name) for row in (a, b))
            if one != other and None not in (one, other):  # what is not stated follows from weights
                found.append(Fact(name, *map(_shown, (one, other))))
                is_padding &= isinstance(argument, Padding)
    return found if is_resized or not is_padding else []


def _value(row: Row, name: str) -> Any:
    layer = row.node.layer
    assert layer is not None
    value = vars(layer)[name]
    rank = len(row.sizing.inputs[0].spatial) if row.sizing.inputs and row.sizing.inputs[0].sizes else 0
    return None if value is None else layer.arguments[name].expand(value, rank)


def _shown(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _weights(a: Row, b: Row) -> Iterator[Fact]:
    """Yield the weights that differ, by their names where both have them."""
    shapes = [row.sizing.weight_shapes for row in (a, b)]
    for name in dict.fromkeys([*shapes[0], *shapes[1]]):
        one, other = (side.get(name) for side in shapes)
        if one != other:
            yield Fact(name, *("none" if side is None else "×".join(map(str, side)) for side in (one, other)))


def _shared(row: Row) -> str:
    return f", shares those of {row.shares}" if row.shares else ""


def _text(shapes: Sequence[Shape]) -> str:
    return ", ".join("×".join(map(str, shape.in_layout("CHW"))) or "a scalar" for shape in shapes)
