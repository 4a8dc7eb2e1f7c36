"""Changes that may fix shape errors: other values of arguments, at and before the shape error, and input sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, ShapeError, UsageError
from shapecalc.layers.base.arguments import STATED, Count
from shapecalc.layers.base.layer import KINDS, Composite, Layer
from shapecalc.model.branches import padded_layers
from shapecalc.model.copies import alike, proposals_at
from shapecalc.model.forgotten import forgotten_before_view
from shapecalc.model.inference import inputs_of, size_layer
from shapecalc.model.partial import reads_input_of_composite
from shapecalc.model.readings import (
    IMAGE_CHANNELS,
    IMAGE_RANK,
    as_product,
    as_square_image,
    with_channels,
    without_batch,
)
from shapecalc.model.shortcuts import projection_of
from shapecalc.model.upstream import upstream_of
from shapecalc.questions.sizes import find_sizes, free_sizes, with_sizes
from shapecalc.questions.solve.argument_change import ArgumentChange
from shapecalc.questions.solve.costs import (
    cost_of_added,
    cost_of_batch_axis,
    cost_of_change,
    cost_of_channel_axis,
    cost_of_input,
    cost_of_layout,
    cost_of_upstream,
)
from shapecalc.questions.solve.editing import given_arguments
from shapecalc.questions.solve.values import CandidateValues

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from shapecalc.errors import Insertion, Problem, Proposal
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Block, Graph, Node
    from shapecalc.model.rows import Sizing
    from shapecalc.model.shortcuts import ShortcutProjection

__all__ = ["candidates"]

_MOST_LAYERS = 60


def candidates(
    graph: Graph, sizings: Sequence[Sizing | None], problems: Sequence[Problem], given: Collection[str] = ()
) -> Iterator[ArgumentChange]:
    """Yield the changes to try: at the layers with shape errors first, then at those before them.

    `given` are the inputs whose sizes are not those of the text.
    """
    wrong = {problem.layer for problem in problems}
    failing = [i for i, node in enumerate(graph.nodes) if node.name in wrong]
    distances = _distances(graph, failing)
    hints = _hints(graph, sizings, failing)
    proposals = {index: proposals_at(graph, sizings, index) for index in failing}
    proposed = {index: _by_value(graph.nodes[index], every) for index, every in proposals.items()}
    is_too_small = any(problem.too_small for problem in problems)
    yield from _readings(graph, sizings, given)
    yield from _input_changes(graph, given, _ANY if is_too_small else _FARTHEST)
    by_location: dict[Any, list[int]] = {}
    for index in sorted(distances, key=lambda i: (distances[i], -i)):
        node = graph.nodes[index]
        key = (node.mark.source.name, *node.mark[1:3]) if node.mark and node.mark.line else index
        by_location.setdefault(key, []).append(index)
    for indices in list(by_location.values())[:_MOST_LAYERS]:
        index = indices[0]
        block = _composite(graph, index)
        copies = alike(graph, index)
        values = CandidateValues(hints, _gathered(proposed.get(i, {}) for i in copies))
        kind = graph.nodes[index].kind
        every = tuple([i for i in copies if graph.nodes[i].kind == kind])
        if index in proposed:
            yield from _upstream(graph, sizings, index)
            yield from _padded(graph, sizings, index)
            yield from _added(graph, sizings, index)
        if block is not None:
            yield from _composite_changes(graph, block, copies, values, distances[index])
        else:
            sizing = sizings[index]
            yield from _layer_changes(graph.nodes, every, values, distances[index], sizing.inputs if sizing else ())


def _inputs_of(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> list[Shape]:
    """Return the input shapes of a layer, without those that could not be inferred."""
    return inputs_of(graph.nodes[index], graph, list(graph.inputs.values()), sizings, [])


def _by_value(node: Node, proposals: Iterable[Proposal]) -> dict[int, list[Any]]:
    """Return the values proposed for the arguments of a layer, by their present value."""
    own = node.layer.values() if node.layer else {}
    found: dict[int, list[Any]] = {}
    for proposal in proposals:
        old = own[proposal.argument]
        if type(old) is int:
            found.setdefault(old, []).extend(proposal.values)
    return found


def _gathered(proposed: Iterable[Mapping[int, list[Any]]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for one in proposed:
        for old, values in one.items():
            found.setdefault(old, []).extend(values)
    return found


def _added(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Iterator[ArgumentChange]:
    """Yield the layers to add: what the hint of a layer's shape error inserts before it, or before a layer above."""
    places = [(index, layer) for layer in _forgotten(graph, sizings, index)]
    if above := forgotten_before_view(graph, sizings, index):
        places.append((above[0], above[1]))
    for at, layer in places:
        node, block, number = graph.nodes[at], _composite(graph, at), layer.input
        every = tuple([i for i in alike(graph, at) if graph.nodes[i].kind == node.kind])
        names = tuple([block.name if block else graph.nodes[i].name for i in every])
        composite = block.kind if block else ""
        cost = cost_of_added(len(every))
        on_input = layer if node.layer and node.layer.branches and len(node.inputs) > 1 else None
        if on_input or not number:
            yield ArgumentChange(
                names, layer.item, None, "before", cost, node.mark, None, every, composite, adds=True, on_input=on_input
            )
    if projection := projection_of(graph, sizings, index):
        yield _projected(graph, index, projection)


def _projected(graph: Graph, index: int, found: ShortcutProjection) -> ArgumentChange:
    """Return the change that adds a projection, with the argument of its block that decides where it is."""
    names, node = tuple([graph.nodes[i].name for i in found.nodes]), graph.nodes[index]
    block = graph.blocks[node.block].kind if found.argument else ""
    places = [*([(found.declared, "false")] if found.declared else []), *found.uses]
    besides = [
        ArgumentChange((block,), found.argument, None, value, 0, mark, is_given=False, block=block)
        for mark, value in places
    ]
    return ArgumentChange(
        names, found.layers.item, None, "before", cost_of_added(len(names)), node.mark, None, found.nodes, adds=True,
        on_input=found.layers, besides=tuple(besides),
    )  # fmt: skip


def _upstream(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Iterator[ArgumentChange]:
    """Yield the argument of a layer upstream that the hint of a layer's shape error names."""
    found = upstream_of(graph, sizings, index)
    layer = graph.nodes[found.place].layer if found else None
    if found and layer:
        node, every = graph.nodes[found.place], alike(graph, found.place)
        names, old = tuple([graph.nodes[i].name for i in every]), getattr(layer, found.argument)
        old = old[0] if type(old) is tuple and len(old) == 1 else old
        cost = cost_of_upstream(len(every))
        yield ArgumentChange(names, found.argument, old, found.value, cost, node.mark, None, every, layer=layer)


def _padded(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Iterator[ArgumentChange]:
    """Yield the padding that the hint on a merge of unequal branches names, if it is one argument of one layer."""
    for at, new in padded_layers(graph, sizings, index).items():
        node, every = graph.nodes[at], alike(graph, at)
        assert node.layer is not None
        old, values = node.layer.values(), new.values()
        changed = [name for name in old if old[name] != values[name]]
        if len(changed) == 1:
            (name,), names = changed, tuple([graph.nodes[i].name for i in every])
            cost = cost_of_upstream(len(every))
            yield ArgumentChange(
                names, name, _plain(old[name]), _plain(values[name]), cost, node.mark, None, every, layer=node.layer
            )


def _forgotten(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> list[Insertion]:
    """Return the layers that the hint of a layer's shape error inserts: the first before it, or any of a merge."""
    layer, inputs = graph.nodes[index].layer, _inputs_of(graph, sizings, index)
    if layer is None or len(inputs) < len(graph.nodes[index].inputs):
        return []
    if _composite(graph, index) and not reads_input_of_composite(graph, index, sizings):
        return []
    try:
        size_layer(layer, tuple(inputs))
    except LayerError as error:
        found = [one for one in error.insertions() if "…" not in one.item]
        return found if layer.branches else [one for one in found if not one.input][:1]
    return []


def _composite(graph: Graph, index: int) -> Block | None:
    """Return the composite that a layer is a part of: the outermost, which is in the text."""
    found, number = None, graph.nodes[index].block
    while number >= 0:
        block = graph.blocks[number]
        if issubclass(KINDS.get(block.kind, Layer), Composite):
            found = block
        number = block.parent
    return found


def _composite_changes(
    graph: Graph, block: Block, indices: tuple[int, ...], values: CandidateValues, distance: int
) -> Iterator[ArgumentChange]:
    """Yield the changes of a composite's own arguments that are written as numbers."""
    mark, cls = graph.nodes[indices[0]].mark, KINDS[block.kind]
    if mark is None or not mark.line or not mark.source.text:
        return
    given = given_arguments(mark.source.text, mark, cls)
    for name, argument in cls.arguments.items():
        old = given.get(name, argument.default)
        for new in values.of(argument, old) if type(old) is int else ():
            cost = cost_of_change(argument, old, new, distance, 1)
            yield ArgumentChange((block.name,), name, old, new, cost, mark, None, indices, block.kind)


def _distances(graph: Graph, failing: Sequence[int]) -> dict[int, int]:
    """Return the distance of each layer to the next layer with a shape error."""
    found = dict.fromkeys(failing, 0)
    waiting = list(failing)
    while waiting:
        index = waiting.pop(0)
        for ref in graph.nodes[index].inputs:
            if ref.node >= 0 and ref.node not in found:
                found[ref.node] = found[index] + 1
                waiting.append(ref.node)
    return found


def _hints(graph: Graph, sizings: Sequence[Sizing | None], failing: Sequence[int]) -> list[int]:
    """Return the numbers that disagree in the shape errors."""
    hints: dict[int, None] = {}
    for index in failing:
        for shape in _inputs_of(graph, sizings, index):
            hints.update(dict.fromkeys(shape.sizes))
            hints[shape.elements] = None
    return list(hints)


def _layer_changes(
    nodes: Sequence[Node], indices: tuple[int, ...], values: CandidateValues, distance: int, inputs: Sequence[Shape]
) -> Iterator[ArgumentChange]:
    node = nodes[indices[0]]
    layer = node.layer
    if layer is None:
        return
    for name, argument in layer.arguments.items():
        old = layer.values()[name]
        # Copies have inputs of different sizes, so that no number need fit all of them.
        left_out = [None] if argument.role == STATED and old is not None and len(indices) > 1 else []
        for new in [*left_out, *values.of(argument, old)]:
            is_named = not distance and new in values.first_proposed(old)
            cost = cost_of_change(argument, old, new, distance, len(indices), is_named=is_named)
            change = ArgumentChange(
                tuple(nodes[i].name for i in indices), name, _plain(old), _plain(new), cost, node.mark, None, indices,
                layer=layer,
            )  # fmt: skip
            try:
                argument.normalise(new)
            except LayerError:
                continue
            if isinstance(argument, Count) and inputs and layer.with_values({name: new}).doubt(*inputs):
                continue  # pieces of unequal sizes
            yield change


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_FARTHEST, _ANY = 4, math.inf
"""How many times larger an input may become: any number, if it is too small for a window."""


def _readings(graph: Graph, sizings: Sequence[Sizing | None], given: Collection[str]) -> Iterator[ArgumentChange]:
    """Yield the inputs without their batch axis, with the axes that they lack, or in the other layout.

    A size that is a product of sizes lacks these.
    """
    likely = [(without_batch(graph, sizings), cost_of_batch_axis())]
    product = as_product(graph, sizings)
    images = [product] if product else [as_square_image(graph, sizings), *with_channels(graph, sizings)]
    likely += [(inputs, cost_of_channel_axis()) for inputs in images]
    read = [(name, shape.sizes, cost) for inputs, cost in likely for name, shape in inputs.items()]
    turned = [(name, sizes) for name, shape in graph.inputs.items() for sizes in _in_other_layout(shape)]
    for name, sizes, cost in [*read, *((name, sizes, cost_of_layout()) for name, sizes in turned)]:
        yield _input_change(graph, name, sizes, cost, given)


def _input_change(
    graph: Graph, name: str, sizes: tuple[int, ...], cost: float, given: Collection[str]
) -> ArgumentChange:
    mark = next((node.mark for node in graph.nodes if node.mark), None)
    return ArgumentChange((), name, list(graph.inputs[name].sizes), sizes, cost, mark, overrides=name in given)


def _input_changes(graph: Graph, given: Collection[str], times: float) -> Iterator[ArgumentChange]:
    """Yield the inputs with the nearest legal sizes."""
    try:
        entries = find_sizes(graph).axes
    except (ShapeError, UsageError):  # no size would fix it, or the search is too large
        return
    for entry in entries:
        for name in entry.inputs:
            shape = graph.inputs[name]
            free = free_sizes(graph, name)
            for pick in (-1, 0):
                near = [entry.legal.nearest(size) for size in free]
                if not all(near):
                    continue
                picked = {(name, axis): one[pick] for axis, one in enumerate(near)}
                new = with_sizes(graph, picked).inputs[name].sizes
                if new != shape.sizes and all(size <= times * old for size, old in zip(new, shape.sizes, strict=True)):
                    yield _input_change(graph, name, new, cost_of_input(free, list(picked.values())), given)


def _in_other_layout(shape: Shape) -> list[tuple[int, ...]]:
    """Return the sizes of an image with its channels at the other end, if they may be there."""
    if shape.rank < IMAGE_RANK:
        return []
    first, last = shape.sizes[0], shape.sizes[-1]
    if (first in IMAGE_CHANNELS) == (last in IMAGE_CHANNELS):
        return []
    if shape.channels_last:
        return [(*shape.sizes[1:], first)] if first in IMAGE_CHANNELS else []
    return [(last, *shape.sizes[:-1])] if last in IMAGE_CHANNELS else []
