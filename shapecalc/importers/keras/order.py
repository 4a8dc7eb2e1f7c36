"""The order in which the calls of a model are worked through: each after those whose outputs it uses."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from shapecalc.importers.keras.structure import INPUT
from shapecalc.importers.keras.trees import tensors_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.importers.keras.structure import LayerRecord, ModelRecord
    from shapecalc.importers.keras.trees import CallRecord

__all__ = ["ordered"]


def ordered(model: ModelRecord) -> Iterator[tuple[LayerRecord, int, CallRecord]]:
    """Yield each call with its layer and number: as in the file, but after the calls that it depends on.

    Calls that depend on themselves, or on what does not exist, come last.
    """
    items = [(layer, number, call) for layer in model.layers for number, call in enumerate(layer.calls)]
    known = {(layer.name, number) for layer, number, _ in items}
    waits: list[int] = []
    users: dict[tuple[str, int], list[int]] = {}
    for i, (_, _, call) in enumerate(items):
        needed = {(ref.layer, ref.call) for ref in tensors_of((call.args, call.kwargs))} & known
        waits.append(len(needed))
        for key in needed:
            users.setdefault(key, []).append(i)
    ready = [i for i, count in enumerate(waits) if not count]
    heapify(ready)
    done = 0
    while ready:
        i = heappop(ready)
        done += 1
        layer, number, _ = items[i]
        yield items[i]
        for user in users.get((layer.name, number), ()):
            waits[user] -= 1
            if not waits[user]:
                heappush(ready, user)
    if done < len(items):
        yield from [item for item, count in zip(items, waits, strict=True) if count and item[0].op != INPUT]
