"""The controls of a page: the variables of a text and the sizes of its inputs, each with the range of a slider."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Any

from shapecalc.editor.shown import written_variable
from shapecalc.language.values import BadValueError, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.editor.shown import ShownText
    from shapecalc.language.document import Document
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph

__all__ = ["inputs_of", "variables_of"]

_TIMES = 4
"""How many times its value a slider goes up to."""
_LEAST = 16
_COARSEST = 8
"""Sizes of layers are multiples of this, more often than not: so are the steps of a slider, if the value is."""


def variables_of(shown: ShownText) -> list[dict[str, Any]]:
    """Return the variables of a text, with the values that they have in it, and those that are set."""
    document = shown.document
    if document is None:
        return []
    own = shown.network.graph.variables if shown.network else {}
    choices = _choices(document)
    found = []
    for name, default in _defaults(document, shown.variant).items():
        value = own.get(name, shown.settings.variables.get(name, default))
        entry = {"name": name, "value": value, "default": default, "choices": choices.get(name)}
        found.append({**entry, **_range(default), "text": _text_of(document, name, shown.variant)})
    return found


def _text_of(document: Document, name: str, variant: str) -> str:
    return str(getattr(written_variable(document, name, variant), "text", ""))


def _defaults(document: Document, variant: str) -> dict[str, Any]:
    """Return the values of variables in the text; None for one that is wrong."""
    found: dict[str, Any] = {}
    for name in document.variables:
        found[name] = _plain(written_variable(document, name, variant), found)
    return found


def _plain(value: Any, variables: Mapping[str, Any]) -> Any:
    try:
        return plain(value, variables)
    except BadValueError:
        return None


def _choices(document: Document) -> Mapping[str, Any]:
    pairs = getattr(document.keys.get("choices"), "pairs", ())
    listed = {key.text: _plain(item, {}) for key, item in pairs}
    return {name: values for name, values in listed.items() if isinstance(values, list)}


def _range(value: Any) -> dict[str, Any]:
    """Return the range of the slider of a variable; one that is no whole number has none."""
    if type(value) is not int:
        return {"is_whole": False, "min": None, "max": None, "step": None}
    low = 1 if value > 0 else min(value, 0)
    return {"is_whole": True, "min": low, "max": max(_TIMES * value, _LEAST), "step": gcd(value, _COARSEST) or 1}


def inputs_of(shown: ShownText) -> list[dict[str, Any]]:
    """Return the inputs of a network, in the layout that is shown: sizes, letters of axes, and which have sliders."""
    graph, layout = _graph_of(shown), shown.settings.layout
    if graph is None:
        return []
    layout = layout or graph.layout
    found = []
    for name, shape in graph.inputs.items():
        free = graph.free_axes(name)
        letters = _letters(shape)
        flags = [axis in free for axis in range(shape.rank)]
        sizes, axes, are_free = [
            list(shape._replace(sizes=tuple(one)).in_layout(layout)) for one in (shape.sizes, letters, flags)
        ]
        found.append({"name": name, "sizes": sizes, "axes": axes, "free": are_free})
    return found


def _graph_of(shown: ShownText) -> Graph | None:
    """Return the graph whose inputs are shown: of a text that is only wrong as it is set, that of the text alone."""
    found = (shown.report, shown.network, shown.alone.report, shown.alone.network)
    return next((one.graph for one in found if one is not None), None)


def _letters(shape: Shape) -> list[str]:
    """Return the letters of the axes of an input; of one without any, their numbers."""
    maps = {2: "CL", 3: "CHW", 4: "CDHW"}
    if shape.is_map and shape.rank in maps:
        letters = list(maps[shape.rank])
        return letters[1:] + letters[:1] if shape.channels_last else letters
    return {1: ["F"], 2: ["L", "F"]}.get(shape.rank, [str(axis) for axis in range(shape.rank)])
