"""Whether a model in memory is the network of a specification: layer by layer, whatever the names.

Compared are the layers with weights, aligned by the sizes of their weights and outputs: their arguments, their sizes,
how they are connected, and the layers between them: pools, activations, dropout. Views, and the names and blocks of
layers are not compared; nor is whether attention is one layer, or its projections. What follows from another difference
(the channels of the next layer) is only counted.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.questions.matching.attention import attention_facts, part_facts, unite_attention
from shapecalc.questions.matching.between import function_pairs
from shapecalc.questions.matching.facts import Fact, arguments, kinds, shared, sizes_text, weights
from shapecalc.questions.matching.pairs import ALIGNMENTS, Side, paired, plain_size, same_sizes

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.matching.pairs import Key

__all__ = ["Fact", "LayerMismatch", "Matching", "match"]


class LayerMismatch(NamedTuple):
    """A layer of the model and the one of the specification (None: absent), and in what they differ.

    `parts` are the layers that are one together, such as the projections of attention, of each: the last is the layer.
    """

    model: Row | None
    spec: Row | None
    facts: tuple[Fact, ...] = ()
    parts: tuple[tuple[Row, ...], tuple[Row, ...]] = ((), ())


class Matching(NamedTuple):
    """How a model differs from a specification: nothing, if `is_same`.

    `layers` are the layers that differ by themselves; `following` is how many more do because of these; `ends` are
    differences of the inputs and outputs of the networks; `matching` is how many layers with weights are the same;
    `unused` are the names and sizes of parameters of the model that it does not use, where these are not allowed.
    """

    model: Report
    spec: Report
    layers: tuple[LayerMismatch, ...]
    ends: tuple[Fact, ...]
    matching: int
    following: int
    unused: Mapping[str, tuple[int, ...]] = {}

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return (
            not (self.layers or self.ends or self.following or self.unused)
            and self.model.total.params == self.spec.total.params
        )


def match(model: Report, spec: Report, *, allow_unused: bool = True) -> Matching:
    """Return how a model differs from a specification: of the ways to align them, that with the fewest differences.

    Parameters that the model does not use are a difference if they are not allowed.
    """
    found = []
    for by_branch, keys in product((False, True), ALIGNMENTS):
        sides = [Side(report, by_branch=by_branch) for report in (model, spec)]
        unite_attention(sides)
        found.append(_Matcher(*sides, keys=keys).result())
        if found[-1].is_same:
            break
    best = min(found, key=lambda one: len(one.layers) + len(one.ends))
    return best if allow_unused else best._replace(unused=model.graph.unused)


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
                self.found.append(self._mismatch(one, other))
                continue
            facts, follows = self._compare(one, other)
            if facts:
                self.found.append(self._mismatch(one, other, facts))
            if facts or follows:
                self.disturbed.add(index)
            following += bool(follows and not facts)
            matching += not (facts or follows)
        ends = tuple(self._ends())
        model, spec = (side.report for side in self.sides)
        return Matching(model, spec, tuple(self.found), ends, matching, following)

    def _mismatch(self, one: int | None, other: int | None, facts: tuple[Fact, ...] = ()) -> LayerMismatch:
        pairs = list(zip(self.sides, (one, other), strict=True))
        rows = [None if number is None else side.rows[number] for side, number in pairs]
        parts = [side.parts(number) if number is not None else () for side, number in pairs]
        return LayerMismatch(rows[0], rows[1], facts, (parts[0], parts[1]))

    def _compare(self, one: int, other: int) -> tuple[tuple[Fact, ...], bool]:
        """Return in what two layers differ by themselves, and whether they do because of others."""
        model, spec = self.sides
        a, b = model.rows[one], spec.rows[other]
        if model.is_tensor(one) or spec.is_tensor(other):
            return (), False
        is_merged = one in model.merged
        follows = self._inputs_differ(a.node.inputs, b.node.inputs, (a, b), is_merged=is_merged)
        is_resized = not same_sizes(model.output(one), spec.output(other))
        if is_merged:
            has_other = model.params(one) != spec.params(other)
            facts = [
                *attention_facts(
                    *(side.computing(number) for side, number in zip(self.sides, (one, other), strict=True))
                )
            ]
            facts += part_facts(model, one, spec, other) if has_other and (facts or not follows) else []
        else:
            has_other = model.weights(one) != spec.weights(other)
            facts = [*kinds(a, b), *arguments(a, b, is_resized=is_resized and not follows)]
            if has_other and (facts or not follows or len(a.sizing.weight_shapes) != len(b.sizing.weight_shapes)):
                facts += weights(a, b)
            elif not has_other and a.params != b.params:
                facts.append(Fact("parameters", f"{a.params:,}{shared(a)}", f"{b.params:,}{shared(b)}"))
        if is_resized and (facts or not follows):
            facts.append(Fact("output", *(sizes_text(row.sizing.outputs) for row in (a, b))))
        return tuple(facts), follows and (is_resized or has_other)

    def _inputs_differ(
        self, one: Sequence[Reference], other: Sequence[Reference], users: tuple[Row | None, Row | None] = (None, None),
        *, is_merged: bool = False,
    ) -> bool:  # fmt: skip
        """Return whether the inputs of two layers differ, in size or in what they are computed of, and add why."""
        sides = list(zip(self.sides, self.numbers, (one, other), strict=True))
        traced = [side.between(references) for side, _, references in sides]
        names = [
            frozenset(number if number < 0 else numbers[number] for number in sources)
            for (_, numbers, _), (sources, _) in zip(sides, traced, strict=True)
        ]
        differ = any(name in self.disturbed for part in names for name in part)
        differ |= any(number in lone for lone, (_, rows) in zip(self.lone, traced, strict=True) for number in rows)
        if names[0] == names[1] and not is_merged:
            differ |= self._functions_differ([rows for _, rows in traced], is_end=users[0] is None)
        missing = {("missing", name) for name in names[1] - names[0]} | {
            ("extra", name) for name in names[0] - names[1]
        }
        if missing - self.reported:
            self.reported |= missing
            self._add_branch([sources for sources, _ in traced], [rows for _, rows in traced], names, users)
        return differ or bool(missing)

    def _functions_differ(self, rows: Sequence[Sequence[int]], *, is_end: bool) -> bool:
        """Return whether the layers between layers and their sources differ (pools, activations), and add in what."""
        differ = False
        for pair, facts in function_pairs(self.sides, rows, is_end=is_end):
            differ = True
            key = tuple(row.name if row else "" for row in pair)
            if key not in self.reported:
                self.reported.add(key)
                self.found.append(LayerMismatch(*pair, facts))
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
            yield Fact("input", *map(sizes_text, inputs))
        outputs = [[side.report.shape_of(*one) for one in graph.outputs]
                   for side, graph in zip(self.sides, graphs, strict=True)]  # fmt: skip
        if len(outputs[0]) != len(outputs[1]):
            yield Fact("output", *map(sizes_text, outputs))
            return
        differ = self._inputs_differ(graphs[0].outputs, graphs[1].outputs)
        is_same = same_sizes(*(sorted(map(plain_size, shapes)) for shapes in outputs))
        if not is_same and not differ:
            yield Fact("output", *map(sizes_text, outputs))
