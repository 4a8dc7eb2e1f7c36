"""The bytes that `shapecalc memory` totals, for many settings in one pass: weights, buffers, activations at their peak.

The tensors and their liveness are the same for all settings that only change sizes: they are planned once, by
`shapecalc.questions.memory`, and evaluated here on sizes of any kind of number. Whether a layer can overwrite one of
its inputs is decided for each setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import matched, maximum, prod
from shapecalc.errors import ShapeError
from shapecalc.model.generic_inference import infer_generic
from shapecalc.model.inference import infer
from shapecalc.model.rows import own
from shapecalc.questions.memory import memory
from shapecalc.questions.memory.cache import cache_of, cached_elements
from shapecalc.questions.memory.in_place import ALL, read_in_place
from shapecalc.questions.memory.plan import MemoryPlan, make_plan, stored
from shapecalc.questions.memory.serving.capacity import ServedDecoder, Serving, check_serving
from shapecalc.questions.memory.serving.decoding import with_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.generic_inference import GenericReport
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["Live", "bytes_of", "exact_bytes", "live_bytes", "plan_of"]


class Live(NamedTuple):
    """The plan of a network's live tensors. At a `context` it is that of a step of decoding, after so many past tokens.

    `axes` are those of inputs that the sequence of the decoder is (`shapecalc.questions.memory.serving.decoding`).
    """

    plan: MemoryPlan
    context: int | None = None
    axes: tuple[tuple[str, int], ...] = ()


def exact_bytes(graph: Graph, bits: int, context: int | None = None) -> int:
    """Return the total of `shapecalc memory`, all elements with this number of bits. Errors: `ShapeError`."""
    return memory(infer(graph), weights=bits, activations=bits, buffers=bits, context=context).total


def plan_of(graph: Graph, bits: int, context: int | None = None) -> Live | None:
    """Return the plan of live tensors; None for a network with shape errors.

    Errors: `UsageError` for a context of a network that has no cache.
    """
    may = read_in_place(ALL)[1]
    try:
        report = infer(graph)
    except ShapeError:
        return None
    if context is None:
        return Live(make_plan(report, bits, may))
    served = ServedDecoder(
        report,
        check_serving(Serving(context), report, cache_of(report, bits, bits)),
        lambda run: make_plan(run, bits, may),
        bits,
    )
    return Live(served.run_at(context)[1], context, served.decoder.axes)


def bytes_of(inferred: GenericReport, live: Live | None, bits: int) -> Any:
    """Return the bytes of weights, buffers and what is live (omitted without a plan)."""
    elements: Any = 0
    for node, sizing in zip(inferred.graph.nodes, inferred.sizings, strict=True):
        mine = own(node, sizing)
        for sizes in (*mine.weight_shapes.values(), *mine.buffer_shapes.values()):
            elements = elements + stored(prod(sizes), bits)
    return elements + (live_bytes(inferred.graph, inferred.sizings, live, bits) if live else 0)


def live_bytes(graph: Graph, sizings: Sequence[Sizing], live: Live, bits: int) -> Any:
    """Return the peak of activations, on any kind of number; at a context that of a step of decoding, and the cache."""
    if live.context is None:
        return peak_of(graph, sizings, live.plan, bits)
    step, ran = graph, sizings
    if live.axes:
        step = with_length(graph, live.axes, 1)
        ran = infer_generic(step, counts=False).sizings
    return peak_of(step, ran, live.plan, bits) + cached_elements(graph.nodes, sizings).needed(live.context, bits, bits)


def _sizes(graph: Graph, sizings: Sequence[Sizing], plan: MemoryPlan, bits: int) -> list[Any]:
    """Return the bytes of every storage of a plan; those of equal shape are one object."""
    known: dict[int, Any] = {}
    sizes: list[Any] = [0] * len(plan.storages)
    for i, shape in enumerate(graph.inputs.values()):
        known[id(shape)] = stored(shape.elements, bits)
        sizes[i] = known[id(shape)] if plan.storages[i].size else 0  # what a step of decoding does not read
    for step in plan.steps:
        for storage, shape in zip(step.writes, sizings[step.node].outputs, strict=True):
            if id(shape) not in known:
                known[id(shape)] = stored(shape.elements, bits)
            sizes[storage] = known[id(shape)]
    return sizes


def peak_of(graph: Graph, sizings: Sequence[Sizing], plan: MemoryPlan, bits: int) -> Any:
    """Return the peak, by the rules of `shapecalc.questions.memory.liveness`, on any kind of number.

    A storage that is overwritten is not needed after this step, so later liveness does not depend on which settings
    overwrite it.
    """
    storages, sizes = plan.storages, _sizes(graph, sizings, plan, bits)
    left = [len(storage.users) for storage in storages]
    held = set(range(plan.inputs))
    live: Any = sum((sizes[i] for i in held), start=0)
    most = live
    for i in [i for i in held if not left[i] and not storages[i].is_output]:
        held.discard(i)
        live = live - sizes[i]
    for step in plan.steps:
        before = live
        for i in step.writes:
            held.add(i)
            live = live + sizes[i]
        written, saved = sizes[step.writes[0]], 0
        if step.may_overwrite and len(step.writes) == 1:
            over = [sizes[i] for i in step.reads if left[i] == 1 and not storages[i].is_output]
            saved = matched(written, over)
        most = maximum(most, before if saved is written else live - saved)
        for i in step.reads:
            left[i] -= 1
        touched = dict.fromkeys((*step.reads, *step.writes))
        gone = [i for i in touched if i in held and not left[i] and not storages[i].is_output]
        held.difference_update(gone)
        if len(gone) == len(step.writes) == 1 and sizes[gone[0]] is written:
            live = before  # as much is freed as is written
        else:
            for i in gone:
                live = live - sizes[i]
    return most
