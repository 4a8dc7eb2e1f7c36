"""The interface between questions and a network, and between a network and its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from typing_extensions import TypeIs

    from shapecalc.errors import Problem
    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Sizing

__all__ = ["NetworkLike", "Origin", "TextOrigin", "first_difference", "has_text", "has_weights_for", "held_graph",
           "is_origin"]  # fmt: skip


class Origin(Protocol):
    """Where a graph comes from: a specification, an imported file."""

    @property
    def name(self) -> str:
        """Its name in errors: the path of a file."""

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these variables and input sizes, of any kind of number, and all problems.

        Sizes are in the layout of the origin, and the name "" stands for the only input.
        """


class TextOrigin(Origin, Protocol):
    """An origin with a text, which fixes change: a specification."""

    def reread(self, text: str) -> Origin:
        """Return the same origin with another text. Errors: `SpecError`."""


def has_text(origin: Origin) -> TypeIs[TextOrigin]:
    """Return whether an origin has a text."""
    return hasattr(origin, "reread")


def is_origin(given: Any) -> TypeIs[Origin]:
    """Return whether something is the origin of a network."""
    return hasattr(given, "build") and hasattr(given, "name")


class NetworkLike(Protocol):
    """A network: the graph of an origin with these variables and inputs in place of its own."""

    @property
    def origin(self) -> Origin:
        """The origin of the graph."""

    @property
    def graph(self) -> Graph:
        """The graph built from the origin, with the variables and inputs that are set."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables that are set."""

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """The sizes of inputs that are set, in the layout of the origin."""

    @property
    def name(self) -> str:
        """The name of the network."""

    def infer(
        self,
        *,
        input: Any = None,  # noqa: A002
        vars: Mapping[str, Any] | None = None,  # noqa: A002
        batch: int = 1,
        layout: str = "",
    ) -> Report:
        """Return its report."""


_MORE = (1, 2, 32)
"""What is added to sizes of inputs, to see whether layers change: any of the strides that networks have, or none."""
_FURTHER = (64, 128, 256)
"""What is added where layers do not fit with any of these, so that those behind them were not seen."""


def first_difference(network: NetworkLike, axes: Iterable[tuple[str, int]] | None = None) -> str:
    """Return the name of the first layer that differs with other sizes of the inputs; empty if none does.

    `axes` are those of inputs that have other sizes, by default all that are free. Layers after one that does not fit
    are not compared: no size is right for them. Where weights are stored with the layers, one whose weights have other
    sizes is another one; so is one that cannot even be read with other sizes.
    """
    from shapecalc.model.inference import sizings_of

    own = network.graph
    chosen = {(name, axis) for name in own.inputs for axis in own.free_axes(name)} if axes is None else {*axes}
    sizings, _ = sizings_of(own)
    reached_end, doubtful = False, ""
    for more in (*_MORE, *_FURTHER):
        if reached_end and not doubtful and more in _FURTHER:
            break
        found, is_sure = _difference(network, more, sizings, chosen)
        if found and is_sure:
            return found
        doubtful = doubtful if found is None else found  # a larger size that is legal shows that a smaller one was not
        reached_end |= found == ""
    return doubtful


def _with_larger(network: NetworkLike, more: int, axes: Container[tuple[str, int]]) -> tuple[Graph, list[Problem]]:
    """Return the graph that is read with larger axes of the inputs, and its problems."""
    sizes = {
        name: tuple([size + more * ((name, i) in axes) for i, size in enumerate(shape.sizes)])
        for name, shape in network.graph.inputs.items()
    }
    return network.origin.build(network.variables, sizes)


def _difference(
    network: NetworkLike, more: int, sizings: Sequence[Sizing | None], axes: Container[tuple[str, int]]
) -> tuple[str | None, bool]:
    """Return the name of the first layer that differs with larger axes; empty for none, None if not all were seen.

    And whether that is sure: one that cannot be read, or becomes another kind, may be so because that size is illegal.
    """
    from shapecalc.model.inference import sizings_of

    own, stored = network.graph, getattr(network.origin, "stores_weights", True)
    other, problems = _with_larger(network, more, axes)
    if problems:
        return None, False
    is_first, all_fit, failed = True, True, ""
    for mine, its, sizing, found in zip(own.nodes, other.nodes, sizings, sizings_of(other)[0], strict=False):
        assert mine.layer is not None
        assert its.layer is not None
        if sizing and getattr(its.layer, "is_unread", False):
            return failed or mine.name, False
        if sizing and not found:
            all_fit, failed = False, failed or mine.name
        if stored and sizing and sizing.weight_shapes:
            # the first of them reads features, which are its own
            if (found and sizing.weight_shapes != found.weight_shapes) or (not found and is_first):
                return mine.name if found else failed, True
            is_first = False
        same = mine.kind == its.kind and mine.inputs == its.inputs
        if (same or mine.layer.is_unknown) and mine.layer.values() != its.layer.values():
            return mine.name, True
        if not same:
            return (mine.name if all_fit else None), False
    return ("" if all_fit else None), True


_MOST_AXES = 16
"""The most axes of inputs of which each is tried by itself."""


def held_graph(network: NetworkLike) -> Graph | None:
    """Return the graph of a network whose layers differ with other sizes, with the axes held that they differ with.

    A note names them. None if no axis is then free, or layers differ all the same.
    """
    graph = network.graph
    axes = [(name, axis) for name in graph.inputs for axis in graph.free_axes(name)]
    if not 1 < len(axes) <= _MOST_AXES:
        return None
    held = {axis: layer for axis in axes if (layer := first_difference(network, [axis]))}
    free = [axis for axis in axes if axis not in held]
    if not free or not held or first_difference(network, free):
        return None
    notes = [
        f"the size {graph.inputs[name].sizes[axis]:,} of {name} is held: {layer} is right for it only"
        for (name, axis), layer in held.items()
    ]
    return graph._replace(held=frozenset(held), notes=(*graph.notes, *notes))


def has_weights_for(network: NetworkLike, layer: str) -> bool:
    """Return whether a layer has weights, or reads parameters, that do not fit inputs of other sizes."""
    from shapecalc.model.inference import sizings_of

    own = network.graph
    sizings = sizings_of(own)[0]
    index = next(i for i, node in enumerate(own.nodes) if node.name == layer)
    node, sizing = own.nodes[index], sizings[index]
    if sizing is None or not (
        sizing.weight_shapes or any(ref.node in _parameters(own, sizings) for ref in node.inputs)
    ):
        return False
    axes = {(name, axis) for name in own.inputs for axis in own.free_axes(name)}
    for more in (*_MORE, *_FURTHER):
        other, problems = _with_larger(network, more, axes)
        its = other.nodes[index] if not problems and index < len(other.nodes) else None
        if its is not None and (its.name, its.kind, its.inputs) == (node.name, node.kind, node.inputs):
            found = sizings_of(other)[0][index]
            if not found or found.weight_shapes != sizing.weight_shapes:
                return True
    return False


def _parameters(graph: Graph, sizings: Sequence[Sizing | None]) -> set[int]:
    """Return the nodes that are whole parameters, moved perhaps: a part of one may be that of a size of the input."""
    found: dict[int, int] = {}
    for index, (node, sizing) in enumerate(zip(graph.nodes, sizings, strict=True)):
        is_moved = bool(node.inputs) and all(ref.node in found for ref in node.inputs)
        if sizing and (is_moved or (not node.inputs and sizing.weight_shapes)):
            elements = sum([shape.elements for shape in sizing.outputs])
            if not is_moved or elements == sum([found[ref.node] for ref in node.inputs]):
                found[index] = elements
    return {*found}
