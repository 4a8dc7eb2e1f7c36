"""The interface between questions and a network, and between a network and its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import TypeIs

    from shapecalc.errors import Problem
    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report

__all__ = ["NetworkLike", "Origin", "TextOrigin", "first_difference", "has_text", "is_origin"]


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


def first_difference(network: NetworkLike) -> str:
    """Return the name of the first layer that differs with other sizes of the inputs; empty if none does.

    Layers after one that does not fit are not compared: no size is right for them. Where weights are stored with the
    layers, one whose weights have other sizes is another one.
    """
    from shapecalc.model.inference import sizings_of

    own, stored = network.graph, getattr(network.origin, "stores_weights", True)
    sizings, _ = sizings_of(own)
    for more in _MORE:
        sizes = {}
        for name, shape in own.inputs.items():
            fixed = shape.channel_axis if shape.rank > 1 else -1
            sizes[name] = tuple([size + more * (i != fixed) for i, size in enumerate(shape.sizes)])
        other, problems = network.origin.build(network.variables, sizes)
        if problems:
            continue
        is_first = True
        for mine, its, sizing, found in zip(own.nodes, other.nodes, sizings, sizings_of(other)[0], strict=False):
            if stored and sizing and found and sizing.weight_shapes != found.weight_shapes:
                return mine.name
            if (
                stored and sizing and sizing.weight_shapes and not found and is_first
            ):  # it reads features, which are its own
                return mine.name
            is_first = is_first and not (sizing and sizing.weight_shapes)
            assert mine.layer is not None
            assert its.layer is not None
            same = mine.kind == its.kind and mine.inputs == its.inputs
            if (same or mine.layer.is_unknown) and mine.layer.values() != its.layer.values():
                return mine.name
            if not same:
                break
    return ""
