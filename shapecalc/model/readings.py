"""Other readings of the sizes of a network's inputs: without a batch axis, or with the channel axis that they lack.

A reading is one only if inference agrees: more layers can be inferred than with the sizes as written, and none less.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shapecalc.errors import Hint, LayerError
from shapecalc.layers.base.arguments import STATED
from shapecalc.layers.base.layer import FEATURES_LAST, Layer
from shapecalc.layers.base.shape import UNKNOWN, Shape
from shapecalc.model.checks import NO_BATCH, OR_BATCH, check_inputs
from shapecalc.model.graph import ONE_AXIS
from shapecalc.model.inference import inputs_of, sizings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.dims import Dim
    from shapecalc.errors import Problem
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = [
    "IMAGE_CHANNELS",
    "IMAGE_RANK",
    "MIN_IMAGE",
    "as_product",
    "as_square_image",
    "batch_note",
    "hints_on_batch",
    "is_batch_of_images",
    "is_batch_of_turned_images",
    "is_image",
    "needs_all_axes",
    "with_channels",
    "with_length",
    "without_batch",
]

IMAGE_CHANNELS = (1, 3, 4)
"""The channels that images have."""

IMAGE_RANK = 3
MIN_IMAGE = 16
_MAX_IMAGE = 1024
"""The longest side of an image, of a size with one spatial axis: a signal is longer."""
_COLOURS = (1, 3)
_ALPHA = 4
"""Channels of an image with transparency."""
_MOST_NODES = 5_000


def is_image(sizes: Sequence[Dim]) -> bool:
    """Return whether sizes, the channels first, are those of an image."""
    channels, *spatial = sizes
    return channels in IMAGE_CHANNELS and min(spatial, default=0) >= MIN_IMAGE


def is_batch_of_images(shape: Shape) -> bool:
    """Return whether sizes are those of an image with a batch axis before it (in HWC: a batch of 1).

    (In HWC, several images are as likely a video clip; 4 channels as likely the slices of a volume.)
    """
    if shape.rank != IMAGE_RANK + 1:
        return False
    batch, *sizes = shape.sizes
    sizes = sizes[::-1] if shape.channels_last else sizes
    return is_image(sizes) and sizes[0] != _ALPHA and (batch == 1 or not shape.channels_last)


def is_batch_of_turned_images(shape: Shape) -> bool:
    """Return whether sizes whose channels are read first are those of images with their channels last: N×H×W×3."""
    if shape.rank != IMAGE_RANK + 1 or shape.channels_last:
        return False
    sizes = shape.sizes[:0:-1]
    return is_image(sizes) and sizes[0] != _ALPHA


def needs_all_axes(graph: Graph) -> bool:
    """Return whether a layer has a shape error for its number of axes without the first of the inputs."""
    less = graph._replace(inputs={name: shape.without_first_axis() for name, shape in graph.inputs.items()})
    return len(graph.nodes) <= _MOST_NODES and _first_refusal(less) < _first_refusal(graph)


def hints_on_batch(graph: Graph, _: object) -> Callable[[int, Problem], Problem]:
    """Return what takes the batch out of a hint, where a layer needs the axis that it would be."""

    def with_hint(_: int, problem: Problem) -> Problem:
        def work() -> str:
            first, others, _ = problem.hint.partition(OR_BATCH)
            return first if others and needs_all_axes(graph) else problem.hint

        return problem._replace(hint=Hint(work))

    return with_hint


def _first_refusal(graph: Graph) -> int:
    """Return the first layer with a shape error for the number of axes of its inputs; one after the last for none."""
    sizings, _ = sizings_of(graph)
    wrong = (i for i, sizing in enumerate(sizings) if sizing is None and _refuses_axes(graph, sizings, i))
    return next(wrong, len(graph.nodes))


def without_batch(graph: Graph, sizings: Sequence[Sizing | None]) -> dict[str, Shape]:
    """Return the inputs without their first axis, if they begin with one size and more layers then fit.

    Where only those with most axes do, only those. Empty if they do not, for an image, in the other layout only before
    a layer on sequences, and (unless that size is 1, or they are batches of images) where the first layer that then
    fits did not have too many axes before.
    """
    less = _without_first_axis(graph)
    index = _gained(graph, less, sizings) if less else -1
    layer = graph.nodes[index].layer if index >= 0 else None
    if layer is None or (layer.axis_order != FEATURES_LAST and any(map(_is_turned_image, graph.inputs.values()))):
        return {}
    whole = [graph.inputs[name] for name in less]
    is_likely = all(shape.sizes[:1] == (1,) or is_batch_of_images(shape) for shape in whole)
    return less if is_likely or _refuses_axes(graph, sizings, index) else {}


def with_channels(graph: Graph, sizings: Sequence[Sizing | None]) -> Iterator[dict[str, Shape]]:
    """Yield the one input with an axis for channels, of 1 and of 3, if more layers then fit: first as a flat image."""
    if len(graph.inputs) != 1 or len(graph.nodes) > _MOST_NODES:
        return
    ((name, shape),) = graph.inputs.items()
    if shape is UNKNOWN or not 0 < shape.rank < (IMAGE_RANK if is_image(shape.sizes) else _needed_rank(graph)):
        return
    spatial = [(channels, shape.sizes) for channels in _COLOURS[: shape.rank]]
    for channels, axes in [*_flat_image(shape), *spatial]:
        sizes = (*axes, channels) if shape.channels_last else (channels, *axes)
        more = {name: shape._replace(sizes=sizes, is_map=len(sizes) >= IMAGE_RANK)}
        index = _gained(graph, more, sizings)
        layer = graph.nodes[index].layer if index >= 0 else None
        if layer and layer.expected_ranks():  # it needs channels and spatial axes, not a length and features
            yield more


def _flat_image(shape: Shape) -> list[tuple[int, tuple[int, int]]]:
    """Return the channels and the sides of the square image that has the size of the one axis: 784 is 1×28×28."""
    size = shape.sizes[0] if shape.rank == 1 else 0
    sides = {channels: math.isqrt(size // channels) for channels in _COLOURS}
    return [(n, (side, side)) for n, side in sides.items() if n * side**2 == size and MIN_IMAGE <= side <= _MAX_IMAGE]


def _needed_rank(graph: Graph) -> int:
    """Return the number of axes of an image, or of a volume where the input is that of a layer for volumes."""
    readers = [node.layer for node in graph.nodes if node.layer and any(ref.node < 0 for ref in node.inputs)]
    least = [ranks[0] for layer in readers if (ranks := layer.expected_ranks())]
    return max(IMAGE_RANK, *(rank + 1 for rank in least)) if least else IMAGE_RANK


def with_length(graph: Graph, sizings: Sequence[Sizing | None]) -> dict[str, Shape]:
    """Return the one input, the features of one step, with a length before it, if the layers that state them then fit.

    The length is only an example.
    """
    if len(graph.inputs) != 1 or len(graph.nodes) > _MOST_NODES:
        return {}
    ((name, shape),) = graph.inputs.items()
    if shape is UNKNOWN or shape.rank != 1:
        return {}
    more = {name: shape._replace(sizes=(_STEPS, *shape.sizes))}
    index = _gained(graph, more, sizings)
    layer = graph.nodes[index].layer if index >= 0 else None
    stated = [name for name, argument in layer.arguments.items() if argument.role == STATED] if layer else []
    is_stated = any(getattr(layer, argument) == shape.sizes[0] for argument in stated)
    return more if layer and layer.axis_order == FEATURES_LAST and is_stated else {}


_STEPS = 50


def as_square_image(graph: Graph, sizings: Sequence[Sizing | None]) -> dict[str, Shape]:
    """Return the one input, colours × one size of an image, with that size twice, if more layers then fit."""
    if len(graph.inputs) != 1 or len(graph.nodes) > _MOST_NODES:
        return {}
    ((name, shape),) = graph.inputs.items()
    if shape is UNKNOWN or shape.rank != IMAGE_RANK - 1 or shape.channels not in _COLOURS:
        return {}
    (size,) = shape.spatial
    if not MIN_IMAGE <= size <= _MAX_IMAGE:
        return {}
    image = {name: shape.map_of(shape.channels, (size, size))}
    return image if _gained(graph, image, sizings) >= 0 else {}


def as_product(graph: Graph, sizings: Sequence[Sizing | None]) -> dict[str, Shape]:
    """Return the input that is written as a product, `3*32*32`, with its factors as sizes, if more layers then fit."""
    note = next((note for note in graph.notes if note.startswith(ONE_AXIS)), "")
    sizes = tuple(int(size) for size in note.partition(" write ")[2].partition(" for ")[0].split("x") if size)
    for name, shape in graph.inputs.items():
        is_product = sizes and shape.rank == 1 and not shape.sizes[0] % math.prod(sizes)  # or one of a batch with it
        if is_product and len(graph.nodes) <= _MOST_NODES:
            whole = {name: Shape(sizes, shape.channels_last, is_map=len(sizes) >= IMAGE_RANK)}
            return whole if _gained(graph, whole, sizings) >= 0 else {}
    return {}


def batch_note(graph: Graph, sizings: Sequence[Sizing]) -> str:
    """Return the note that the first axis of the inputs of a valid network may be the batch axis; empty for none."""
    less = _parallel(graph, sizings)
    if not less:
        return ""
    names = [("x".join(map(str, x.sizes)), "x".join(map(str, graph.inputs[name].sizes))) for name, x in less.items()]
    size = names[0][1].partition("x")[0]
    written = " and ".join([f"{one}, not {whole}" for one, whole in names])
    if size == "1":
        return f"{NO_BATCH}: write {written}, if 1 is the batch"
    return f"no layer combines the {size} along the first axis: write {written}, if {size} is the batch"


def _parallel(graph: Graph, sizings: Sequence[Sizing]) -> dict[str, Shape]:
    """Return the inputs of a valid network without their first axis, if no layer combines what is along it.

    That is so if all weights then stay as they are, and every output and the MACs have the size of that axis as a
    factor: it may be the batch axis. Along an axis of 1 there is nothing to combine: what ends otherwise without it is
    enough. Empty for any other network, for the sizes of a map with its channels last, for one layer on features, which
    is a part of a network on positions × features, and for the one channel of an image.
    """
    less = _without_first_axis(graph)
    if not less or _are_tokens(graph):
        return {}
    macs = sum(sizing.macs for sizing in sizings)
    is_network = any(node.layer and node.layer.sequences for node in graph.nodes)
    is_part = not is_network and sum(sizing.macs > 0 for sizing in sizings) < 2
    if is_part or not macs or any(shape.channels_last and shape.rank > 1 for shape in less.values()):
        return {}
    size = graph.inputs[next(iter(less))].sizes[0]
    if size == 1 and not is_network and any(shape.rank >= IMAGE_RANK - 1 for shape in less.values()):
        return {}
    found, problems = sizings_of(graph._replace(inputs={**graph.inputs, **less}))
    if problems:
        return {}
    one = [sizing for sizing in found if sizing is not None]
    same = all(a.weight_shapes == b.weight_shapes for a, b in zip(sizings, one, strict=True))
    ends = [(sizings[ref.node].outputs[ref.output], one[ref.node].outputs[ref.output]) for ref in graph.outputs
            if ref.node >= 0]  # fmt: skip
    if size == 1:
        is_batch = all(whole.sizes != part.sizes for whole, part in ends)
    else:
        is_batch = macs == size * sum(sizing.macs for sizing in one)
        is_batch = is_batch and all(whole.sizes == (size, *part.sizes) for whole, part in ends)
    return less if same and is_batch else {}


def _are_tokens(graph: Graph) -> bool:
    """Return whether the inputs are tokens × features, or less: there are experts, which only tokens choose."""
    layers = {type(node.layer) for node in graph.nodes if node.layer}
    has_experts = any(cls.active_weights is not Layer.active_weights for cls in layers)
    return has_experts and all(shape.rank <= 2 for shape in graph.inputs.values())


def _without_first_axis(graph: Graph) -> dict[str, Shape]:
    """Return the inputs without the first axis that they have in common; where they differ, those with most axes."""
    inputs = graph.inputs
    if not inputs or len(graph.nodes) > _MOST_NODES or any(shape is UNKNOWN for shape in inputs.values()):
        return {}
    if len({shape.sizes[:1] for shape in inputs.values()}) > 1:
        most = max(shape.rank for shape in inputs.values())
        inputs = {name: shape for name, shape in inputs.items() if shape.rank == most}
    first = {shape.sizes[:1] for shape in inputs.values()}
    if len(first) > 1 or any(shape.rank < 2 for shape in inputs.values()):
        return {}
    if first != {(1,)} and any(_is_an_image(shape) for shape in inputs.values()):
        return {}
    rests = {name: shape.without_first_axis() for name, shape in inputs.items()}
    return {name: rest._replace(is_map=rest.rank >= IMAGE_RANK) for name, rest in rests.items()}


def _is_an_image(shape: Shape) -> bool:
    """Return whether an input has the sizes of an image in its own layout, or of a small square one."""
    sizes = shape.sizes[::-1] if shape.channels_last else shape.sizes
    return shape.rank == IMAGE_RANK and (is_image(sizes) or (sizes[0] in IMAGE_CHANNELS and sizes[1] == sizes[2]))


def _is_turned_image(shape: Shape) -> bool:
    """Return whether an input has the sizes of an image in the other layout."""
    return shape.rank == IMAGE_RANK and is_image(shape.sizes if shape.channels_last else shape.sizes[::-1])


def _refuses_axes(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> bool:
    """Return whether a layer has a shape error for the number of axes of its inputs, not for a size."""
    node = graph.nodes[index]
    inputs = tuple(inputs_of(node, graph, list(graph.inputs.values()), sizings, []))
    if node.layer is None or len(inputs) < len(node.inputs):
        return False
    try:
        check_inputs(node.layer, inputs)
        tuple(node.layer.constraints(*inputs))
    except LayerError:
        return True
    return False


def _gained(graph: Graph, inputs: Mapping[str, Shape], sizings: Sequence[Sizing | None]) -> int:
    """Return the first layer that can be inferred only with other sizes of some inputs; -1 if others then cannot."""
    found, _ = sizings_of(graph._replace(inputs={**graph.inputs, **inputs}))
    gained = [i for i, pair in enumerate(zip(sizings, found, strict=True)) if pair[0] is None and pair[1] is not None]
    lost = any(new is None and old is not None for old, new in zip(sizings, found, strict=True))
    return gained[0] if gained and not lost else -1
