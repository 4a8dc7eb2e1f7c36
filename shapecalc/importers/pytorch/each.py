"""Layers on maps that are used on several maps of each sample, as on those of several heads: on one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.pytorch.operations import AtenCall
from shapecalc.importers.tensors import Batch, Data

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["of_each_map"]

_MOST = 32


def of_each_map(call: AtenCall, work: Callable[[AtenCall], Any], x: Data) -> Data:
    """Return the maps that a layer makes of each of these, stacked again. Errors: `NotCoveredError` for too many.

    The layers share their weights, which count once.
    """
    count = x.shape.sizes[0]
    if not 1 < count <= _MOST or call.is_used(1):
        raise NotCoveredError("the first axis of its input is not the batch alone")
    made = []
    for part in call.emit("chunk", x, batch=x.batch, chunks=count, dim=1):
        one = call.frame.without_axis(call.place, part, 0)._replace(batch=Batch(0, own=True))
        arguments = {name: one if value == x else value for name, value in call.arguments.items()}
        trial = AtenCall(call.node, call.place, arguments, call.frame, call.used)
        trial.stored = call.stored
        found = work(trial)
        made.append(found[0] if isinstance(found, list) else found)
    if any(not isinstance(one, Data) or one.batch != Batch(0, own=True) for one in made):
        raise NotCoveredError("what it makes of each map could not be joined")
    return call.one("stack", *made, batch=x.batch, dim=1)
