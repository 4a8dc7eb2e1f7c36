"""Names of definitions: those of the blocks of the graph, or what is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.exporters.structure.runs import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.structure.parts import Definition
    from shapecalc.model.graph import Graph

__all__ = ["name_definitions"]

_GENERIC = ("", "block")
_LISTED = 3


def name_definitions(graph: Graph, definitions: Sequence[Definition], is_free: Callable[[str], bool]) -> None:
    """Give each definition but the last, which is the network, a name of its own that `is_free`."""
    stems: dict[int, dict[str, None]] = {}
    for definition in definitions:
        for body in definition.bodies:
            for part in body.parts:
                if part.body and part.body.definition:
                    known = stems.setdefault(id(part.body.definition), {})
                    known.update(dict.fromkeys(numbered(name)[0].rstrip("_.") for name in part.names))
    taken: set[str] = set()
    for definition in definitions[:-1]:
        stem = _identifier(definition.kind)
        if stem in _GENERIC:
            own = [_identifier(name.rpartition(".")[2]) for name in stems.get(id(definition), ())]
            stem = own[0] if len(own) == 1 and own[0] not in _GENERIC else _by_content(graph, definition)
            stem = numbered(stem)[0].rstrip("_") or stem
        name = stem
        number = 1
        while name in taken or not is_free(name):
            number += 1
            name = f"{stem}{number}" if stem in taken else f"{stem}_block{number if number > 2 else ''}"
        taken.add(name)
        definition.name = name


def _identifier(text: str) -> str:
    """Return the letters of a name that every language permits in names."""
    word = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return word if word and not word[0].isdigit() else ""


def _by_content(graph: Graph, definition: Definition) -> str:
    """Return what a definition without a name is: by its merges, or by the few kinds in it."""
    layers = [graph.nodes[item.part.start].layer for item in definition.items if not item.definition]
    merges = [layer for layer in layers if layer is not None and layer.branches]
    if any(layer.is_sum for layer in merges):
        return "residual"
    if any(not layer.elementwise for layer in merges):
        return "joined"
    if len(definition.items) <= _LISTED:
        words = [item.word for item in definition.items]
        return "_".join(map(_identifier, words))
    return "block"
