"""The layers with weights of two networks, in pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations, groupby
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.questions.compare import aligned

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["ALIGNMENTS", "Key", "Side", "paired", "plain_size", "same_sizes"]

_Sizes = tuple[Any, ...]
_Pair = tuple["int | None", "int | None"]
_MOST_PARTS = 24
"""Among as many layers the parts of one layer are searched: attention has its projections, biases and tables."""


class Side:
    """The layers with weights of one network, `steps`, by their numbers in the report.

    Those that are `passed` are looked through: the other network has none for them, has them as a tensor, or has one
    layer for several (attention for its projections), of which the last is `merged`, as that one layer is.
    """

    def __init__(self, report: Report, *, by_branch: bool = False) -> None:
        self.report = report
        self.rows = report.rows
        order = self._by_branch() if by_branch else range(len(self.rows))
        self.steps = [number for number in order if self.rows[number].sizing.weight_shapes]
        self.passed: set[int] = set()
        self.merged: dict[int, tuple[int, ...]] = {}
        """The layers that are compared as one with those of the other network, by the last of them."""
        self._known = {*self.steps}

    def _by_branch(self) -> list[int]:
        """Return the layers in an order that does not depend on that of execution: each branch before the next."""
        found: dict[int, None] = {}
        waiting = [*range(len(self.rows)), *(one.node for one in reversed(self.report.graph.outputs))]
        while waiting:
            one = waiting[-1]
            inputs = [] if one < 0 else [ref.node for ref in self.rows[one].node.inputs if ref.node not in found]
            if one < 0 or one in found or not any(node >= 0 for node in inputs):
                waiting.pop()
                found.update({one: None} if one >= 0 else {})
            else:
                waiting += reversed(inputs)
        return [*found]

    def weights(self, number: int) -> Hashable:
        """Return the sizes of the weights of a layer, without axes of size 1, in any order; of several their sum."""
        if number in self.merged:
            return (self.params(number),)
        shapes = self.rows[number].sizing.weight_shapes.values()
        return tuple(sorted(tuple(size for size in shape if size != 1) for shape in shapes))

    def axes(self, number: int) -> int:
        """Return how many axes the largest of the weights of a layer has: those of `fc` and `linear` have two."""
        return max(map(len, self.rows[number].sizing.weight_shapes.values()))

    def params(self, number: int) -> Any:
        """Return how many elements the weights of a layer have, shared or not."""
        rows = self.parts(number) or (self.rows[number],)
        return sum(prod(shape) for row in rows for shape in row.sizing.weight_shapes.values())

    def parts(self, number: int) -> tuple[Row, ...]:
        """Return the layers that are compared as one, of which this is the last; none where that is this alone."""
        return tuple([self.rows[one] for one in self.merged.get(number, ())])

    def computing(self, number: int) -> list[Row]:
        """Return the layers that compute what is compared as one, with the products between its projections."""
        parts = self.merged.get(number, ())
        if len(parts) < 2:
            return [self.rows[number]]
        between = self.between(self.rows[number].node.inputs)[1]
        return [row for one in between if not (row := self.rows[one]).sizing.weight_shapes]

    def unite(self, parts: Sequence[int]) -> None:
        """Compare layers as one: the last of them."""
        self.merged[parts[-1]] = tuple(parts)
        gone = {*parts[:-1]}
        self.passed |= gone
        self.steps = [number for number in self.steps if number not in gone]

    def output(self, number: int) -> tuple[_Sizes, ...]:
        """Return the sizes of the outputs of a layer; none of a learned tensor, which may be one with what uses it."""
        row = self.rows[number]
        return tuple(map(plain_size, row.sizing.outputs)) if row.node.inputs else ()

    def is_tensor(self, number: int) -> bool:
        """Return whether a layer is only a learned tensor, without inputs."""
        return not self.rows[number].node.inputs

    def used(self, number: int) -> list[int]:
        """Return the layers whose outputs a layer uses; not those of which only the size counts."""
        row = self.rows[number]
        inputs = [reference.node for reference in row.node.inputs]
        return [inputs[index] for index in dict.fromkeys(look.input for look in row.looks())] if inputs[1:] else inputs

    def between(self, references: Sequence[Reference]) -> tuple[frozenset[int], list[int]]:
        """Return the sources that tensors are computed of, and the layers between, in order.

        Sources are layers with weights; -1, -2, … are the inputs of the network.
        """
        sources: set[int] = set()
        found: set[int] = set()
        waiting = [reference.node for reference in references]
        while waiting:
            one = waiting.pop()
            if one < 0 or (one in self._known and one not in self.passed):
                sources.add(one)
            elif one not in found:
                found.add(one)
                waiting += self.used(one)
        return frozenset(sources), sorted(found)


def plain_size(shape: Shape) -> _Sizes:
    """Return a size with the channels first, without axes of size 1."""
    return tuple(size for size in shape.in_layout("CHW") if size != 1)


def same_sizes(one: Sequence[_Sizes], other: Sequence[_Sizes]) -> bool:
    """Return whether sizes agree, also in another order of axes, as where a library has the channels last."""
    return [*map(sorted, one)] == [*map(sorted, other)]


Key = Callable[[Side, int], "Hashable"]


def _weights_and_output(side: Side, number: int) -> Hashable:
    return side.weights(number), side.output(number)


def _kind(side: Side, number: int) -> Hashable:
    return "" if number in side.merged else side.rows[number].kind  # attention


ALIGNMENTS: tuple[tuple[Key, ...], ...] = ((_weights_and_output, Side.weights, _kind), (Side.weights, _kind))
"""The keys by which layers are aligned: with their outputs, or, as after another stride, without."""


def paired(model: Side, spec: Side, keys: Sequence[Key]) -> list[_Pair]:
    """Return the layers with weights in pairs: by their structure, or else in order, by weights and sizes."""
    hashes = [_structure(side) for side in (model, spec)]
    if Counter(hashes[0].values()) == Counter(hashes[1].values()):
        waiting: dict[int, list[int]] = {}
        for number, value in reversed(hashes[1].items()):
            waiting.setdefault(value, []).append(number)
        return [(number, waiting[value].pop()) for number, value in hashes[0].items()]
    pairs = _by_keys(model.steps, model, spec.steps, spec, keys)
    pairs = _merged(pairs, model, spec)
    return [pair for is_lone, own in _runs(pairs) for pair in (_likened(own, model, spec) if is_lone else own)]


def _runs(pairs: list[_Pair]) -> Iterator[tuple[bool, list[_Pair]]]:
    """Yield the pairs in stretches: those of one layer alone, and those of two."""
    for is_lone, run in groupby(pairs, key=lambda pair: None in pair):
        yield is_lone, [*run]


def _likened(own: list[_Pair], model: Side, spec: Side) -> list[_Pair]:
    """Return a stretch of layers alone with those in pairs that may be meant for each other: `fc` and `linear`."""
    one, other = ([number for number in part if number is not None] for part in zip(*own, strict=True))
    return _by_keys(one, model, other, spec, [Side.axes])


def _by_keys(one: list[int], model: Side, other: list[int], spec: Side, keys: Sequence[Key]) -> list[_Pair]:
    """Return layers in pairs by keys, of which each decides between those that are the same by the one before."""
    steps = [(model, number) for number in one], [(spec, number) for number in other]

    def of_step(key: Key) -> Callable[[tuple[Side, int]], Hashable]:
        return lambda step: key(*step)

    pairs = aligned(*steps, [*map(of_step, keys)])
    return [(a[1] if a else None, b[1] if b else None) for a, b in pairs]


def _merged(pairs: list[_Pair], model: Side, spec: Side) -> list[_Pair]:
    """Return the pairs with a layer of one network beside the last of several that are the same in the other."""
    found: list[_Pair] = []
    for is_lone, held in _runs(pairs):
        if not is_lone:
            found += held
            continue
        own = [one for one, _ in held if one is not None], [other for _, other in held if other is not None]
        partners = _wholes(own[0], model, own[1], spec)
        partners |= {part: whole for whole, part in _wholes(own[1], spec, own[0], model).items()}
        taken = {*partners.values()}
        found += [(one, partners.get(one)) for one in own[0] if one not in model.passed]
        found += [(None, other) for other in own[1] if other not in taken and other not in spec.passed]
    return found


def _wholes(parts: list[int], of: Side, wholes: list[int], side: Side) -> dict[int, int]:
    """Return the last of each sequence of layers that has the parameters of one layer of the other network."""
    found: dict[int, int] = {}
    start = 0
    for whole in wholes:
        for first, last in combinations(range(start, min(len(parts), start + _MOST_PARTS)), 2):
            if sum(map(of.params, parts[first : last + 1])) == side.params(whole):
                found[parts[last]] = whole
                of.passed.update(parts[first:last])
                of.merged[parts[last]] = tuple(parts[first : last + 1])
                side.merged[whole] = (whole,)
                start = last + 1
                break
    return found


def _structure(side: Side) -> dict[int, int]:
    """Return a number for each layer that follows from its weights and output, and those of all before and after it."""
    before: dict[int, int] = {}
    users: dict[int, list[int]] = {}
    for number in side.steps:
        sources, _ = side.between(side.rows[number].node.inputs)
        for source in sources:
            users.setdefault(source, []).append(number)
        sizes = tuple(sorted(tuple(sorted(size)) for size in side.output(number)))
        before[number] = hash((side.weights(number), sizes, *sorted(before.get(source, source) for source in sources)))
    found: dict[int, int] = {}
    for number in reversed(side.steps):
        found[number] = hash((before[number], *sorted(found[user] for user in users.get(number, ()))))
    return dict(reversed(found.items()))
