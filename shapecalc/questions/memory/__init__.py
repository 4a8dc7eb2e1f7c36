"""The bytes that a network needs: parameters, buffers, live activations, and what training adds.

The peak of the activations is that of `liveness`: a tensor is live from the step that writes it to the last that reads
it. Not counted is the runtime's own memory: kernel workspaces, fragmentation, the framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError
from shapecalc.model.rows import once
from shapecalc.questions.memory.cache import Cache, cache_of
from shapecalc.questions.memory.implementation import FLASH, read_attention, with_attention
from shapecalc.questions.memory.in_place import ALL, TORCH, read_in_place
from shapecalc.questions.memory.liveness import Moment, Run, run
from shapecalc.questions.memory.order import best_order
from shapecalc.questions.memory.plan import MemoryPlan, inputs_read, make_plan, stored
from shapecalc.questions.memory.precision import PRECISIONS
from shapecalc.questions.memory.results import Activations, Budget, Context, Held, LayerMemory, Memory, Training, Widths
from shapecalc.questions.memory.training_options import TrainingOptions, read_training
from shapecalc.questions.memory.training_step import training_of
from shapecalc.text.given import read_string
from shapecalc.text.units import parse_bits, parse_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.layers.base.layer import WeightShapes
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Sizing

__all__ = ["Activations", "Budget", "Context", "Held", "LayerMemory", "Memory", "Training", "Widths", "memory"]

GIVEN = "given"
BEST = "best"
_EXACT = "exact"
_HEURISTIC = "heuristic"
_LEAST_TRAINED = 8
"""Bits of the narrowest weights and activations that are trained: those of FP8 (Micikevicius et al. 2022)."""


_LONGEST = 10**9
"""The most past tokens that can be asked for."""


class _Order(NamedTuple):
    """An order of the steps of a plan, and how it was found: given, exact (the optimum) or heuristic."""

    steps: Sequence[int]
    method: str


def memory(  # noqa: PLR0913  (each is an option of its own)
    report: Report,
    *,
    weights: int | str | None = None,
    activations: int | str | None = None,
    buffers: int | str = 32,
    in_place: str | Sequence[str] = ALL,
    order: str = GIVEN,
    budget: int | str | None = None,
    context: int | None = None,
    kv_bits: int | str | None = None,
    attention: str = FLASH,
    **training: Any,
) -> Memory:
    """Return the bytes that a network needs, for the batch of the report.

    `weights`, `activations` and `buffers` are bits of an element (32 by default; in training those of its
    precision). `in_place` are the element-wise layers that overwrite their input if nothing else needs it: all,
    none, as eager torch has it, or some (`"relu"`). `order` is given or best: the one with the minimum peak.
    `training` adds gradients, what the backward pass needs, and the state of the optimizer; its options, which
    imply it, are those of `read_training`. `attention` is flash, or eager, which stores its scores. `budget`, bytes
    as an int or `"24GiB"`, adds the largest batch, and for a decoder the longest context. `context` adds the KV
    cache of that many past tokens of every sample to the total, at `kv_bits` (by default those of activations).
    Errors: `UsageError` for an invalid option, or one that contradicts another.
    """
    options = read_training(**training)
    trains = options is not None
    _check_order(order, trains=trains)
    widths = _widths(weights, activations, buffers, options)
    report = with_attention(report, read_attention(attention))
    if options is not None and not options.lora:
        _check_trained(report, widths)
    words, may = read_in_place(in_place)
    read = inputs_read(report)
    eager = words == (TORCH,)
    if eager and order == BEST:
        raise UsageError(Problem("PyTorch runs layers in their own order", hint="leave --order best out"))
    plan = make_plan(report, widths.activations, may, read=read, eager=eager)
    chosen = _order(plan, order)
    found = run(plan, chosen.steps)
    weight_bytes = _own_bytes(report, lambda sizing: sizing.weight_shapes, widths.weights)
    buffer_bytes = _own_bytes(report, lambda sizing: sizing.buffer_shapes, widths.buffers)
    layers = _layers(report, plan, found, weight_bytes, buffer_bytes)
    cache = cache_of(report, widths.activations if kv_bits is None else parse_bits(kv_bits, "the KV cache"))
    _check_context(report, cache, context, trains=trains)
    result = Memory(
        name=report.name,
        inputs=report.inputs,
        batch=report.batch,
        widths=widths,
        in_place=words,
        order=chosen.method,
        weights=sum(weight_bytes),
        buffers=sum(buffer_bytes),
        activations=_activations(report, plan, found),
        kv_cache=cache.per_token,
        cross_kv_cache=stored(cache.source, cache.bits),
        cross_kv_cache_per_source_token=stored(cache.source_token, cache.bits),
        layers=layers,
        kv_bits=cache.bits,
        kv_windows=cache.windows,
        state_cache=stored(cache.state, cache.bits),
        context=None if context is None else _context(report, cache, context),
        notes=report.notes,
    )
    if options is not None:
        bits = options.precision.weights if options.lora else widths.weights
        precision = options.precision.with_weights(bits)._replace(activations=widths.activations)
        trained = training_of(report, options._replace(precision=precision), may, read, widths.weights, eager=eager)
        result = result._replace(training=trained, weights=trained.weights)
    return (
        result
        if budget is None
        else result._replace(budget=_budget(result, parse_bytes(budget), None if trains else cache))
    )


def _check_order(order: str, *, trains: bool) -> None:
    if read_string(order, "order") not in (GIVEN, BEST):
        raise UsageError(Problem(f"there is no order {order}", hint=f"it is {GIVEN} or {BEST}"))
    if order == BEST and trains:
        raise UsageError(Problem("the best order is for inference, not for training", hint="leave one of the two out"))


def _widths(weights: Any, activations: Any, buffers: Any, options: TrainingOptions | None) -> Widths:
    usual = PRECISIONS["fp32"] if options is None else options.precision
    widths = Widths(
        parse_bits(usual.weights if weights is None else weights, "weights"),
        parse_bits(usual.activations if activations is None else activations, "activations"),
        parse_bits(buffers, "buffers"),
    )
    own = options is None or not options.lora  # LoRA leaves the weights as they are, at any bits
    if own and (usual.master or usual.autocast) and widths.weights != usual.weights:
        name = "mixed precision" if usual.master else usual.name
        message = f"{name} has weights of {usual.weights} bits, not {widths.weights}"
        raise UsageError(Problem(message, hint="leave one of the two out"))
    if usual.autocast and widths.activations != usual.activations:
        raise UsageError(
            Problem(f"{usual.name} chooses the bits of activations itself", hint="leave one of the two out")
        )
    return widths


def _check_trained(report: Report, widths: Widths) -> None:
    """Check that gradients may have these widths. Errors: `UsageError`."""
    for bits, what in ((widths.weights, "weights"), (widths.activations, "activations")):
        if bits < _LEAST_TRAINED and any(row.trainable for row in report.rows):
            raise UsageError(
                Problem(
                    f"{what} of {bits} bits cannot be trained: their gradients would have {bits} bits too",
                    why=("fine-tuning of quantised weights freezes them, and trains others (QLoRA)",)
                    if what == "weights"
                    else (),
                    hint=f"train with {what} of {_LEAST_TRAINED} bits or more, or leave training out",
                )
            )


def _order(plan: MemoryPlan, order: str) -> _Order:
    if order == GIVEN:
        return _Order(range(len(plan.steps)), GIVEN)
    steps, is_exact = best_order(plan)
    return _Order(steps, _EXACT if is_exact else _HEURISTIC)


def _own_bytes(report: Report, shapes: Callable[[Sizing], WeightShapes], bits: int) -> list[int]:
    """Return the bytes of the weights, or of the buffers, of every layer: 0 where it shares those of another."""
    tensors = once(lambda row: sum(stored(prod(sizes), bits) for sizes in shapes(row.sizing).values()))
    return [tensors(row) if row.node.shares < 0 else 0 for row in report.rows]


def _activations(report: Report, plan: MemoryPlan, found: Run) -> Activations:
    peak = found.peak
    names = [storage.name for storage in plan.storages]
    nothing = found
    if any(step.may_overwrite for step in plan.steps):
        kept = plan._replace(steps=tuple([step._replace(may_overwrite=False) for step in plan.steps]))
        nothing = run(kept, [moment.step for moment in found.moments[1:]])
    return Activations(
        peak=peak.live,
        at=_name(report, plan, peak),
        held=tuple([Held(names[i], plan.storages[i].size) for i in found.held if plan.storages[i].size]),
        overwritten=names[peak.overwritten] if peak.overwritten >= 0 else "",
        peak_without_in_place=nothing.peak.live,
        inputs=sum(storage.size for storage in plan.storages[: plan.inputs]),
        outputs=sum(storage.size for storage in plan.storages if storage.is_output),
        written=sum(plan.storages[i].size for step in plan.steps for i in step.writes),
    )


def _name(report: Report, plan: MemoryPlan, moment: Moment) -> str:
    return report.rows[plan.steps[moment.step].node].name if moment.step >= 0 else ""


def _layers(
    report: Report, plan: MemoryPlan, found: Run, weights: Sequence[int], buffers: Sequence[int]
) -> tuple[LayerMemory, ...]:
    """Return every layer in the order in which they run; views right after their input."""
    moments = {plan.steps[moment.step].node: moment for moment in found.moments if moment.step >= 0}
    layers = []
    for node in _sequence(report, list(moments)):
        row, moment = report.rows[node], moments.get(node)
        written = sum(plan.storages[i].size for i in plan.steps[moment.step].writes) if moment else 0
        layers.append(
            LayerMemory(
                name=row.name,
                kind=row.kind,
                weights=weights[node],
                buffers=buffers[node],
                output=written,
                live=moment.live if moment else None,
                overwrites=plan.storages[moment.overwritten].name if moment and moment.overwritten >= 0 else "",
                scopes=report.blocks_of(row),
            )
        )
    return tuple(layers)


def _sequence(report: Report, order: Sequence[int]) -> list[int]:
    """Return the indices of all layers: the steps in their order, each view as early as possible."""
    views = set(range(len(report.rows))).difference(order)
    takers: dict[int, list[int]] = {}
    for view in sorted(views):
        for ref in report.rows[view].node.inputs[:1] or [None]:
            takers.setdefault(ref.node if ref and ref.node >= 0 else -1, []).append(view)
    sequence: list[int] = []
    waiting = [*reversed(order), -1]
    while waiting:
        node = waiting.pop()
        if node >= 0:
            sequence.append(node)
        waiting.extend(reversed(takers.pop(node, [])))
    return sequence


def _check_context(report: Report, cache: Cache, context: Any, *, trains: bool) -> None:
    """Check that a context can be answered. Errors: `UsageError`."""
    if context is None:
        return
    if type(context) is not int or not 0 <= context <= _LONGEST:
        message = f"context is {context!r}"
        raise UsageError(Problem(message, hint=f"give the number of past tokens, at most {_LONGEST:,}"))
    if trains:
        raise UsageError(Problem("a context is for decoding, not for training", hint="leave one of the two out"))
    if cache.limit is not None and context >= cache.limit:
        tokens = f"a context of {context:,} tokens and the next one"
        message = f"{tokens} are more than the {cache.limit:,} positions of the network"
        raise UsageError(Problem(message, hint=f"give at most {cache.limit - 1:,}"))
    if not cache.past and not cache.state:
        message = f"{report.name or 'the network'} has no KV cache: no attention is causal"
        raise UsageError(Problem(message, hint="leave the context out, or write `is_causal: true` on its attention"))


def _context(report: Report, cache: Cache, tokens: int) -> Context:
    return Context(tokens, report.batch * cache.needed(tokens), report.batch * cache.reserved(tokens))


def _budget(result: Memory, budget: int, cache: Cache | None) -> Budget:
    """Return the largest batch that fits: only live activations, and the cache at a context, grow with the batch.

    Of a `cache`, also the longest context with the batch of the report.
    """
    live = result.training.peak if result.training else result.activations.peak
    one = (live + (result.context.bytes if result.context else 0)) // result.batch
    fixed = result.total - one * result.batch
    if not one:
        raise UsageError(Problem("the batch is unlimited: this network has no activations"))
    batch = max((budget - fixed) // one, 0)
    room = (budget - result.weights - result.buffers - live) // result.batch
    context = cache.longest(room) if cache and (cache.past or cache.state) and room >= 0 else None
    return Budget(budget, batch, fixed + batch * one, fixed, one, context)
