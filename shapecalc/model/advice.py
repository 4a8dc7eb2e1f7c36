"""Hints about the input of a network with shape errors: the smallest valid size, the other layout, a batch axis."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shapecalc.errors import Hint
from shapecalc.layers.base.ranks import extent, names_of_axes
from shapecalc.layers.base.shape import CHW, HWC
from shapecalc.model.checks import NO_BATCH
from shapecalc.model.graph import ONE_AXIS
from shapecalc.model.inference import sizings_of
from shapecalc.model.readings import (
    IMAGE_RANK,
    MIN_IMAGE,
    as_product,
    as_square_image,
    hints_on_batch,
    is_batch_of_images,
    is_batch_of_turned_images,
    is_image,
    needs_all_axes,
    with_channels,
    with_length,
    without_batch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.errors import Problem
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["advised", "input_doubt", "may_be_doubted", "override_doubt", "smallest_input"]

_MOST_NODES = 5_000
_MOST_WORK = 100_000  # nodes sized, over all trials: about a second
_MOST_TRIALS = 60
_MOST_DOUBLINGS = 22


def advised(graph: Graph, problems: Sequence[Problem], overridden: str = "") -> list[Problem]:
    """Return the problems of sizing a network, with hints on its input: first the note on sizes that replace others.

    Hints are on what a person wrote: of an imported file only those on what could not be read are kept.
    """
    if not graph.is_written:
        unread = {node.name for node in graph.nodes if getattr(node.layer, "is_unread", False)}
        return [problem if problem.layer in unread else problem._replace(hint="") for problem in problems]
    if not all(node.layer for node in graph.nodes):  # what could not be read may be the cause of any other doubt
        return _with_doubt(problems, overridden or _batch_doubt(graph))
    others = overridden or _product_doubt(graph) or _batch_doubt(graph) or _reading(graph)
    other_layout = "" if others else _layout_doubt(graph)
    others = others or _channel_doubt(graph)
    found = list(problems)
    if not other_layout and any(problem.too_small for problem in problems):
        advice = smallest_input(graph)
        found = [_with_advice(problem, advice) if advice and problem.too_small else problem for problem in problems]
    if not other_layout:
        found = _with_hints_of_causes(graph, found)
    doubt = other_layout or others
    is_of_batch = doubt.startswith(ONE_AXIS) and doubt.endswith("is the batch")  # a reshape would mix the samples
    is_alone = bool(doubt and ((other_layout and _MOVED in found[0].hint) or _is_square(graph) or is_of_batch))
    return _with_doubt(found, doubt, is_alone=is_alone)


def _with_doubt(problems: Sequence[Problem], doubt: str, *, is_alone: bool = False) -> list[Problem]:
    """Return the problems with the doubt before the hint of the first one, or in its place."""
    if not doubt:
        return [*problems]
    first, *rest = problems
    known = "" if is_alone or first.hint.startswith(NO_BATCH) else first.hint
    return [first._replace(hint="\n".join([doubt, *([f"otherwise {known}"] if known else [])])), *rest]


def _product_doubt(graph: Graph) -> str:
    """Return the note on a size that is a product, `3*32*32`, if its factors as sizes have fewer errors; or empty."""
    found = [note for note in graph.notes if note.startswith(ONE_AXIS)]
    return found[0] if found and as_product(graph, sizings_of(graph)[0]) else ""


def _with_hints_of_causes(graph: Graph, problems: list[Problem]) -> list[Problem]:
    """Return problems, each with the hints on its cause elsewhere: in another branch, copy, or layer before it."""
    from shapecalc.model.branches import hints_on_branches  # only where something is wrong
    from shapecalc.model.copies import hints_for_copies, hints_on_repeats
    from shapecalc.model.forgotten import hints_of_forgotten
    from shapecalc.model.shortcuts import hints_on_shortcuts
    from shapecalc.model.upstream import hints_on_upstream

    index_of = {node.name: index for index, node in enumerate(graph.nodes)}
    if len(index_of) > _MOST_NODES:
        return problems
    sizings = cache(lambda: sizings_of(graph)[0])  # once for all hints, if one needs them
    every = (hints_on_batch, hints_on_branches, hints_on_shortcuts, hints_for_copies, hints_on_upstream,
             hints_of_forgotten, hints_on_repeats)  # fmt: skip
    for hints in every:
        with_hint = hints(graph, sizings)
        if with_hint:
            problems = [
                with_hint(index_of[problem.layer], problem) if problem.layer in index_of else problem
                for problem in problems
            ]
    return problems


def _with_advice(problem: Problem, advice: str) -> Problem:
    return problem._replace(hint=Hint(lambda: "; ".join(filter(None, (problem.hint, advice)))))


def input_doubt(graph: Graph) -> str:
    """Return a note that the sizes of an image may be wrong; empty for none."""
    return _layout_doubt(graph) or _batch_doubt(graph) or _channel_doubt(graph)


def may_be_doubted(graph: Graph) -> bool:
    """Return whether an input of a network with spatial layers has other than the three axes of an image."""
    is_image = all(shape.rank == IMAGE_RANK for shape in graph.inputs.values())
    return not is_image and any(node.layer and node.layer.expected_ranks() for node in graph.nodes)


def override_doubt(graph: Graph, written: Mapping[str, Shape]) -> str:
    """Return a note that the sizes that replace those of an image have another number of axes; empty for none.

    One more, before the same channels, is the batch's; an image with fewer lacks those that the specification has.
    """
    for name, shape in graph.inputs.items():
        own = written.get(name, shape)
        if own.rank < IMAGE_RANK or shape.rank == own.rank:
            continue
        rest = shape.without_first_axis()
        turned = own.in_layout(CHW if own.channels_last else HWC)
        rest = own if rest.sizes == turned else rest
        if rest.rank == own.rank and rest.channels == own.channels:
            batch = shape.sizes[0]
            return f"{NO_BATCH}: write {_written(rest)}, not {_written(shape)}, if {batch} is the batch"
        if shape.rank < own.rank:
            due = _written(_completed(shape, own))
            return f"the input in the specification is {_written(own)}, not {_written(shape)}: write {due}"
    return ""


def _completed(shape: Shape, own: Shape) -> Shape:
    """Return too few sizes with those that they lack: one is that of every spatial axis, several lack the channels."""
    sizes = shape.sizes[1:] if shape.rank == 2 and shape.sizes[0] == own.channels else shape.sizes
    spatial = sizes * len(own.spatial) if len(sizes) == 1 else sizes
    fits = len(spatial) == len(own.spatial) and min(spatial) >= MIN_IMAGE
    return own.map_of(own.channels, spatial) if fits else own


def _layout_doubt(graph: Graph) -> str:
    """Return a note that the layout of an image may be wrong; empty for none."""
    for shape in graph.inputs.values():
        if shape.rank != IMAGE_RANK or not is_image(shape.sizes if shape.channels_last else shape.sizes[::-1]):
            continue
        if shape.channels_last:
            read, layout, end, turned = "height × width × channels", CHW, "first", (*shape.sizes[1:], shape.sizes[0])
        else:
            read, layout, end, turned = "channels × height × width", HWC, "last", (shape.sizes[2], *shape.sizes[:2])
        written = "x".join(map(str, turned))
        return f"sizes are read as {read} here: write {written}, or layout: {layout} if the channels come {end}"
    return ""


def _batch_doubt(graph: Graph) -> str:
    """Return a note that an input may be an image with a batch axis before it. Several must have the same sizes."""
    shape, *others = graph.inputs.values()
    is_turned = is_batch_of_turned_images(shape)
    if any(other != shape for other in others) or not (is_turned or is_batch_of_images(shape)) or needs_all_axes(graph):
        return ""
    if is_turned:
        found, written = _written(shape), "x".join(map(str, shape.sizes[1:]))
        return f"{NO_BATCH}: write layout: HWC and {written}, not {found}, if {shape.sizes[0]} is the batch"
    batch, *sizes = shape.sizes
    written, found = ("x".join(map(str, one)) for one in (sizes, shape.sizes))
    return f"{NO_BATCH}: write {written}, not {found}, if {batch} is the batch"


def _channel_doubt(graph: Graph) -> str:
    """Return a note that a square input may be an image without its channel axis; empty for none.

    It is then read as a sequence, by layers that work in any number of dimensions.
    """
    for index, shape in enumerate(graph.inputs.values()):
        if shape.rank != IMAGE_RANK - 1 or shape.sizes[0] != shape.sizes[1] or shape.sizes[0] < MIN_IMAGE:
            continue
        readers = [
            node.layer for node in graph.nodes if node.layer and any(ref.node == -1 - index for ref in node.inputs)
        ]
        ranks = [layer.expected_ranks() for layer in readers]
        if any(found and found[0] <= 1 < (found[1] or IMAGE_RANK) for found in ranks):
            read, at = ("length × channels", -1) if shape.channels_last else ("channels × length", 0)
            sizes = [*map(str, shape.sizes)]
            sizes.insert(len(sizes) if at else 0, "3")
            return f"{shape.text} is read as {read} here: an image has a channel axis too, such as {'x'.join(sizes)}"
    return ""


def _reading(graph: Graph) -> str:
    """Return the hint that an input has a batch axis, or lacks its channel axis, with which more layers fit."""
    if len(graph.nodes) > _MOST_NODES:
        return ""
    sizings, _ = sizings_of(graph)
    if less := without_batch(graph, sizings):
        batch = graph.inputs[next(iter(less))].sizes[0]
        pairs = [f"{_written(shape)}, not {_written(graph.inputs[name])}" for name, shape in less.items()]
        return f"{NO_BATCH}: write {' and '.join(dict.fromkeys(pairs))}, if {batch} is the batch"
    square = [_written(shape) for shape in as_square_image(graph, sizings).values()]
    if square:
        return f"an image has two spatial axes: write {square[0]}"
    sequences = [*with_length(graph, sizings).values()]
    if sequences:
        size = sequences[0].sizes[-1]
        return f"the input has no length: write it before the {size} features, such as {_written(sequences[0])}"
    return _on_channels(graph, sizings)


def _on_channels(graph: Graph, sizings: Sequence[Sizing | None]) -> str:
    """Return the hint that the input lacks its channel axis, or is an image as one axis; empty for none."""
    found = [_written(shape) for inputs in with_channels(graph, sizings) for shape in inputs.values()]
    if not found:
        return ""
    if next(iter(graph.inputs.values())).rank == 1 and found[0].count("x") == IMAGE_RANK - 1:
        signal = f", or {found[1]} for a signal" if len(found) > 1 else ""
        return f"an image is written with its axes: write {found[0]}{signal}"
    colour = f", or {found[1]} in colour" if len(found) > 1 else ""
    return f"the input has no channel axis: write {found[0]}{colour}"


def _written(shape: Shape) -> str:
    """Return a size as specifications have it."""
    return "x".join(map(str, shape.sizes))


def _is_square(graph: Graph) -> bool:
    """Return whether the input has the sizes of a square image without its channels: no sequence is meant."""
    shape, *others = graph.inputs.values()
    sizes = shape.sizes
    return not others and len(sizes) == IMAGE_RANK - 1 and sizes[0] == sizes[1] and sizes[0] >= MIN_IMAGE


_MOVED = "`- permute:"


def smallest_input(graph: Graph) -> str:
    """Return a hint on the smallest valid size of the one input, as `…the smallest input is 259×259`.

    A square input stays square; otherwise axes that are long enough keep their length. The hint is empty if no
    size was found in bounded time, or if a larger one does not help.
    """
    maps = [name for name, shape in graph.inputs.items() if shape.rank > 1]
    if len(maps) != 1 or len(graph.nodes) > _MOST_NODES:
        return ""
    start = graph.inputs[maps[0]].spatial
    try:
        sizes = _Trials(graph, maps[0]).smallest()
    except _TooMuchError:
        return ""
    if not sizes:
        return ""
    if len(set(start)) == 1:
        return f"with this stack the smallest input that works is {'×'.join(map(str, sizes))}"
    words = [extent(size, name) for name, size in zip(names_of_axes(len(sizes)), sizes, strict=True)]
    longer = [word for word, size, old in zip(words, sizes, start, strict=True) if size > old]
    return f"with this stack the input must be at least {' and '.join(longer)}"


class _TooMuchError(Exception):
    """The limit of work is reached."""


class _Trials:
    """A network tried with other sizes of an input."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name
        self.shape: Shape = graph.inputs[name]
        self.left = min(_MOST_TRIALS, _MOST_WORK // max(1, len(graph.nodes)))

    def problems(self, spatial: Sequence[int]) -> list[Problem]:
        """Return the problems of the network for an input of these spatial sizes."""
        self.left -= 1
        if self.left < 0:
            raise _TooMuchError
        sizes = (*spatial, self.shape.channels) if self.shape.channels_last else (self.shape.channels, *spatial)
        inputs = {**self.graph.inputs, self.name: self.shape._replace(sizes=sizes)}
        return sizings_of(self.graph._replace(inputs=inputs))[1]

    def is_large_enough(self, spatial: Sequence[int]) -> bool:
        """Return whether every window is at most as long as its input: that then holds for all larger inputs."""
        return not any(problem.too_small for problem in self.problems(spatial))

    def smallest(self) -> tuple[int, ...]:
        """Return the smallest spatial sizes without problems; empty where none were found."""
        start = self.shape.spatial
        large = start
        for _ in range(_MOST_DOUBLINGS):
            large = tuple(2 * size for size in large)
            if self.is_large_enough(large):
                break
        else:
            return ()
        if len(set(start)) == 1:
            size = self._bisected(large[0] // 2, large[0], lambda size: (size,) * len(start))
            while self.problems((size,) * len(start)):  # large enough, but merged branches may differ in size
                size += 1
            return (size,) * len(start)
        for axis in range(len(start)):
            large = self._shortened(large, axis, start[axis])
        return () if self.problems(large) else large

    def _shortened(self, large: tuple[int, ...], axis: int, shortest: int) -> tuple[int, ...]:
        """Return sizes that are large enough with one axis as short as it may be, but no shorter than it was."""

        def with_size(size: int) -> tuple[int, ...]:
            return (*large[:axis], size, *large[axis + 1 :])

        is_enough = self.is_large_enough(with_size(shortest))
        return with_size(shortest if is_enough else self._bisected(shortest, large[axis], with_size))

    def _bisected(self, low: int, high: int, sizes: Callable[[int], tuple[int, ...]]) -> int:
        """Return the minimum number that makes sizes large enough, between one that does not and one that does."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.is_large_enough(sizes(middle)) else (middle, high)
        return high
