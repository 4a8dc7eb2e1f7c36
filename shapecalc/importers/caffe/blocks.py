"""The blocks of a Caffe net: what several layers have before a `/` in their names."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shapecalc.importers.blocks import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.tensors import NodePlace

__all__ = ["in_blocks"]


def in_blocks(places: Sequence[NodePlace]) -> list[NodePlace]:
    """Return the places of layers with their blocks: `inception_3a/1x1` and `inception_3a/3x3` are in one.

    So is a layer that has the name of a block itself: `conv1`, where there is a `conv1/relu`. What is alone before a
    `/` is no block, but a part of the name.
    """
    if not any("/" in place.name for place in places):
        return list(places)
    whole = {place.path: _parts(place) for place in places}
    inside = Counter(parts for name in whole.values() for parts in _beginnings(name))
    for path, name in whole.items():
        if inside[tuple(name)]:
            whole[path] = [*name, name[-1]]
            inside[tuple(name)] += 1
    return [_divided(place, _parts(place), whole[place.path], inside) for place in places]


def _parts(place: NodePlace) -> list[str]:
    """Return the parts of a name: what is deeper than blocks are is one."""
    return place.name.split("/", DEEPEST)


def _beginnings(name: list[str]) -> list[tuple[str, ...]]:
    return [tuple(name[:depth]) for depth in range(1, len(name))]


def _divided(place: NodePlace, name: list[str], whole: list[str], inside: Counter[tuple[str, ...]]) -> NodePlace:
    """Return a place with the blocks and the own name of its layer."""
    whole = whole if name == whole[: len(name)] and len(whole) > len(name) else name
    depth = next((d for d in range(1, len(whole)) if inside[tuple(whole[:d])] < 2), len(whole)) - 1
    return place._replace(blocks=tuple([part for part in whole[:depth] if part]), name="/".join(whole[depth:]))
