"""The interface between questions and a network, and between a network and its origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import TypeIs

    from shapecalc.errors import Problem
    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Sizing

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
_FURTHER = (64, 128, 256)
"""What is added where layers do not fit with any of these, so that those behind them were not seen."""


def first_difference(network: NetworkLike) -> str:
    """Return the name of the first layer that differs with other sizes of the inputs; empty if none does.

    Layers after one that does not fit are not compared: no size is right for them. Where weights are stored with the
    layers, one whose weights have other sizes is another one; so is one that cannot even be read with other sizes.
    """
    from shapecalc.model.inference import sizings_of

    sizings, _ = sizings_of(network.graph)
    reached_end, doubtful = False, ""
    for more in (*_MORE, *_FURTHER):
        if reached_end and not doubtful and more in _FURTHER:
            break
        found, is_sure = _difference(network, more, sizings)
        if found and is_sure:
            return found
        doubtful = doubtful if found is None else found  # a larger size that is legal shows that a smaller one was not
        reached_end |= found == ""
    return doubtful


def _difference(network: NetworkLike, more: int, sizings: Sequence[Sizing | None]) -> tuple[str | None, bool]:
    """Return the name of the first layer that differs with larger inputs; empty for none, None if not all were seen.

    And whether that is sure: one that cannot be read, or becomes another kind, may be so because that size is illegal.
    """
    from shapecalc.model.inference import sizings_of

    own, stored = network.graph, getattr(network.origin, "stores_weights", True)
    sizes = {}
    for name, shape in own.inputs.items():
        free = own.free_axes(name)
        sizes[name] = tuple([size + more * (i in free) for i, size in enumerate(shape.sizes)])
    other, problems = network.origin.build(network.variables, sizes)
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
