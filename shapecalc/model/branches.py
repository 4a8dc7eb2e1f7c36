"""Hints on branches that merge with unequal spatial sizes: the padding left out in one, or the nearest input sizes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shapecalc.errors import Hint
from shapecalc.layers.base.windowed import Windowed
from shapecalc.model.doubts import on_token_ids
from shapecalc.model.inference import sizings_of
from shapecalc.model.partial import is_made_of_others

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Problem
    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph, Reference
    from shapecalc.model.rows import Sizing

__all__ = ["hints_on_branches", "padded_layers"]

_WRITE = "write `"
_MOST_TRIED = 8
_FARTHEST = 64
"""How far from the size of the input others are tried: U-Nets have periods up to 64."""
_MOST_WORK = 100_000  # nodes sized, over all sizes tried: about a second


def hints_on_branches(
    graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]
) -> Callable[[int, Problem], Problem]:
    """Return what adds the hint of its cause to the problem of a layer that merges branches of unequal sizes."""
    trials = _Trials(graph, sizings)

    def with_hint(index: int, problem: Problem) -> Problem:
        layer = graph.nodes[index].layer
        is_merge = layer is not None and layer.branches and len(graph.nodes[index].inputs) > 1
        return _with_hint(trials, index, problem) if is_merge else problem

    return with_hint


def _with_hint(trials: _Trials, index: int, problem: Problem) -> Problem:
    def work() -> str:
        misread = _misread(trials.graph, index)
        if misread:
            return misread
        merge = _Merge(trials.graph, index, trials.sizings())
        if not merge.differs():
            return problem.hint
        also = "; and " if merge.differs_in_channels() else "; or "
        cause = _padding_hint(merge, trials) or trials.input_hint
        if cause and problem.hint.count(_WRITE) > 1:  # several crops: too long
            return cause
        return also.join(filter(None, (cause, problem.hint)))

    return problem._replace(hint=Hint(work))


def _misread(graph: Graph, index: int) -> str:
    """Return the note on an embedding whose branch the layer merges, if it reads the features of another as ids."""
    for ref in graph.nodes[index].inputs:
        node = graph.nodes[ref.node] if ref.node >= 0 else None
        note = on_token_ids(graph, node) if node else ""
        if node and note:
            return f"{node.name} {note}"
    return ""


class _Trials:
    """A network that is tried with other layers and inputs, up to a limit of work for all of its problems together."""

    def __init__(self, graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]) -> None:
        self.graph, self.sizings = graph, sizings
        self.left = _MOST_WORK
        self._known: dict[tuple[int, ...], bool] = {}

    def may(self) -> bool:
        """Count the work of one more trial, and return whether it is within the limit."""
        self.left -= len(self.graph.nodes)
        return self.left >= 0

    @cached_property
    def input_hint(self) -> str:
        """The hint on the nearest sizes of its one input that fit; empty if none is near."""
        ((_, shape), *others) = self.graph.inputs.items()
        if others or shape.rank < 2:
            return ""
        near = [[size for size in (self._nearest(old, -1), self._nearest(old, 1)) if size] for old in shape.spatial]
        if not all(near):
            return ""
        below, above = tuple(sizes[0] for sizes in near), tuple(sizes[-1] for sizes in near)
        good = [shape.map_of(shape.channels, size).text for size in dict.fromkeys((below, above)) if self._fits(size)]
        return f"an input of {' or '.join(good)} would fit: `shapecalc sizes` lists more" if good else ""

    def _nearest(self, size: int, step: int) -> int:
        """Return the nearest size in a direction of which a square fits; 0 for none, or only one below half of it."""
        (shape,) = self.graph.inputs.values()
        sizes = (size + step * i for i in range(_FARTHEST + 1))
        return next((one for one in sizes if 2 * one >= size and self._fits((one,) * len(shape.spatial))), 0)

    def _fits(self, spatial: tuple[int, ...]) -> bool:
        """Return whether an input of other spatial sizes fits; False where the limit of work is reached."""
        found = self._known.get(spatial)
        if found is None:
            ((name, shape),) = self.graph.inputs.items()
            graph = self.graph._replace(
                inputs={name: shape._replace(sizes=shape.map_of(shape.channels, spatial).sizes)}
            )
            found = self._known[spatial] = self.may() and not sizings_of(graph)[1]
        return found


_Change: TypeAlias = "dict[int, tuple[str, Layer]]"
"""Layers to replace by others, each with what is written for it."""


class _Merge(NamedTuple):
    """A layer that merges branches, in a network whose layers have these sizes."""

    graph: Graph
    place: int
    sizings: Sequence[Sizing | None]

    @property
    def inputs(self) -> tuple[Reference, ...]:
        return self.graph.nodes[self.place].inputs

    def shapes(self) -> list[Shape]:
        """Return its inputs; empty where they are not channels and spatial axes of one number."""
        shapes = list(self.graph.inputs.values())
        found = []
        for ref in self.inputs:
            sizing = self.sizings[ref.node] if ref.node >= 0 else None
            if ref.node >= 0 and (sizing is None or ref.output >= len(sizing.outputs)):
                return []
            found.append(shapes[-1 - ref.node] if sizing is None else sizing.outputs[ref.output])
        ranks = {x.rank for x in found}
        return found if len(ranks) == 1 and min(ranks) > 1 else []

    def sizes(self) -> list[tuple[int, ...]]:
        """Return the spatial sizes of its inputs."""
        return [x.spatial for x in self.shapes()]

    def differs(self) -> bool:
        """Return whether its inputs differ along spatial axes."""
        return len(set(self.sizes())) > 1

    def differs_in_channels(self) -> bool:
        """Return whether it needs equal channels, and its inputs differ in them."""
        layer = self.graph.nodes[self.place].layer
        return layer is not None and layer.elementwise and len({x.channels for x in self.shapes()}) > 1

    def changes(self) -> list[tuple[int, list[_Change]]]:
        """Return the smaller inputs, each with what may make it as large as the largest.

        That is the padding left out in its windows, in all or in one of them, or a stride of 1 with it.
        """
        sizes = self.sizes()
        largest = tuple(max(axis) for axis in zip(*sizes, strict=True))
        found = []
        for number, own in enumerate(sizes):
            if own == largest:
                continue
            windows = self._windows(number)
            padded = {index: new for index, layer in windows.items() if (new := layer.padded(len(own)))}
            every = {**padded, **{i: new for i, layer in windows.items() if (new := layer.unstrided(len(own)))}}
            trials = [padded, *({index: new} for index, new in padded.items()), every]
            found.append((number, [trial for trial in trials if trial]))
        return found

    def _windows(self, number: int) -> dict[int, Windowed]:
        """Return the layers with a window that only one input depends on, in their order."""
        others = self._behind([other for i, other in enumerate(self.inputs) if i != number])
        found = {}
        index = self.inputs[number].node
        while index >= 0 and index not in others:
            node = self.graph.nodes[index]
            if isinstance(node.layer, Windowed) and not self._is_inside(node.block):
                found[index] = node.layer
            index = node.inputs[0].node if len(node.inputs) == 1 else -1
        return dict(sorted(found.items()))

    def _is_inside(self, block: int) -> bool:
        return block >= 0 and is_made_of_others(self.graph.blocks[block].kind)

    def _behind(self, refs: Sequence[Reference]) -> set[int]:
        """Return all layers that some tensors depend on."""
        waiting, found = [ref.node for ref in refs], set[int]()
        while waiting:
            index = waiting.pop()
            if index >= 0 and index not in found:
                found.add(index)
                waiting += [ref.node for ref in self.graph.nodes[index].inputs]
        return found

    def is_largest_with(self, number: int, layers: _Change) -> bool:
        """Return whether one input has the spatial sizes of the largest, with other layers."""
        nodes = [node._replace(layer=layers[i][1]) if i in layers else node for i, node in enumerate(self.graph.nodes)]
        merge = self._replace(sizings=sizings_of(self.graph._replace(nodes=tuple(nodes)))[0])
        sizes = merge.sizes()
        return bool(sizes) and sizes[number] == tuple(max(axis) for axis in zip(*self.sizes(), strict=True))


def padded_layers(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> dict[int, Layer]:
    """Return the layers with the padding that the hint on a merge of unequal branches names; empty for none."""
    layer = graph.nodes[index].layer
    merge = _Merge(graph, index, sizings)
    is_merge = layer is not None and layer.branches and len(merge.inputs) > 1 and merge.differs()
    found = _padding(merge, _Trials(graph, lambda: sizings)) if is_merge else {}
    return {at: new for at, (_, new) in found.items()}


def _padding(merge: _Merge, limit: _Trials) -> _Change:
    """Return the layers with the paddings and strides that make the branches equal; empty if there are none for all."""
    chosen: _Change = {}
    for number, trials in merge.changes():
        fitting = (trial for trial in trials[:_MOST_TRIED] if limit.may() and merge.is_largest_with(number, trial))
        found = next(fitting, None)
        if found is None:
            return {}
        chosen.update(found)
    return chosen


def _padding_hint(merge: _Merge, limit: _Trials) -> str:
    """Return the hint on the paddings and strides that make the branches equal; empty if there are none for all."""
    chosen = _padding(merge, limit)
    if not chosen:
        return ""
    names: dict[str, list[str]] = {}
    for index, (text, _) in sorted(chosen.items()):
        names.setdefault(text, []).append(merge.graph.nodes[index].name)
    given = ", and ".join(f"{text} in {_listed(layers)}" for text, layers in names.items())
    return f"{given} would make their spatial sizes equal"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
