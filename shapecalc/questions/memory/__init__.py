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
from shapecalc.questions.memory.figures import activations_of, layers_of
from shapecalc.questions.memory.formats import read_bits
from shapecalc.questions.memory.in_place import ALL, read_in_place
from shapecalc.questions.memory.liveness import run
from shapecalc.questions.memory.order import best_order
from shapecalc.questions.memory.plan import MemoryPlan, inputs_read, make_plan, stored
from shapecalc.questions.memory.results import (
    Activations,
    Budget,
    Context,
    FitTable,
    Held,
    LayerMemory,
    Memory,
    ServedRun,
    Training,
    WeightFormat,
    Widths,
    plain_bits,
)
from shapecalc.questions.memory.serving import (
    EAGER,
    Capacity,
    ServedDecoder,
    check_serving,
    read_serving,
    table_of,
)
from shapecalc.questions.memory.training import check_optimizer, optimizer_bytes, train
from shapecalc.questions.memory.weights import average_bits, choose_storing, unread, weight_bytes, weight_format
from shapecalc.text.given import read_flag, read_string
from shapecalc.text.units import parse_bits, parse_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    from shapecalc.layers.base.layer import WeightShapes
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Sizing

__all__ = [
    "Activations",
    "Budget",
    "Context",
    "FitTable",
    "Held",
    "LayerMemory",
    "Memory",
    "ServedRun",
    "Training",
    "WeightFormat",
    "Widths",
    "memory",
]

GIVEN = "given"
BEST = "best"
_EXACT = "exact"
_HEURISTIC = "heuristic"
_LEAST_TRAINED = 8
"""Bits of the narrowest weights and activations that are trained: those of FP8 (Micikevicius et al. 2022)."""


class _Order(NamedTuple):
    """An order of the steps of a plan, and how it was found: given, exact (the optimum) or heuristic."""

    steps: Sequence[int]
    method: str


def memory(  # noqa: PLR0913  (each is an option of its own)
    report: Report,
    *,
    weights: Any = None,
    weights_of: Any = (),
    activations: int | str | None = None,
    buffers: int | str = 32,
    in_place: str | Sequence[str] = ALL,
    order: str = GIVEN,
    training: bool = False,
    optimizer: str | None = None,
    mixed_precision: bool = False,
    budget: int | str | None = None,
    **serving: Any,
) -> Memory:
    """Return the bytes that a network needs, for the batch of the report.

    `weights`, `activations` and `buffers` are bits of an element: 32 by default, or those of the model's own file; 16
    for the first two with `mixed_precision`. `weights` may be a format (`"q4_k_m"`), `weights_of` are patterns of
    layers with another: `["lm_head=16"]`. `in_place` are the element-wise layers that overwrite their input if nothing
    else needs it: all, none, or some (`"activations"`, `["relu", "add"]`). `order` is given or best: the one with the
    minimum peak. `training` adds gradients, what the backward pass needs, and the state of the `optimizer` (adam by
    default); an optimizer and mixed precision imply it. `budget`, bytes as an int or `"24GiB"`, adds the largest batch,
    and for a decoder the longest context. `serving` are the options of a decoder that generates text: `context`, past
    tokens of every sample, adds their KV cache, and the activations are those of a step of decoding; `kv_bits`,
    `prefill`, `logits`, `attention`; `table`, `contexts`, `batches` (`shapecalc.questions.memory.serving.Serving`).
    Errors: `UsageError` for an invalid option, or one that contradicts another.
    """
    mixed_precision = read_flag(mixed_precision, "mixed_precision")
    trains = read_flag(training, "training") or mixed_precision or optimizer is not None
    _check_order(order, trains=trains)
    asked = read_serving(serving)
    if asked.is_asked and trains:
        raise UsageError(Problem("a context is for decoding, not for training", hint="leave one of the two out"))
    storing, origin = choose_storing(report, weights, weights_of, trains=trains, mixed_precision=mixed_precision)
    stored_weights = weight_bytes(report, storing)
    widths = _widths(report, average_bits(report, storing, stored_weights), activations, buffers, trains=trains,
                     mixed_precision=mixed_precision)  # fmt: skip
    if trains:
        _check_trained(report, widths, storing.is_named)
    cache = cache_of(report, widths.activations if asked.kv_bits is None else read_bits(asked.kv_bits, "the KV cache"))
    asked = check_serving(asked, report, cache)
    words, may = read_in_place(in_place)
    served, ran, plan = None, report, None
    if (cache.past or cache.state) and not trains and (asked.is_asked or budget is not None):
        served = ServedDecoder(report, asked, lambda run: make_plan(run, widths.activations, may), widths.activations)
    if served and asked.context is not None:
        ran, plan = served.run_at(asked.context)
    read = inputs_read(ran)
    plan = plan or make_plan(ran, widths.activations, may, read=read)
    chosen = _order(plan, order, is_eager=asked.attention == EAGER)
    found = run(plan, chosen.steps)
    buffer_bytes = _own_bytes(report, lambda sizing: sizing.buffer_shapes, widths.buffers)
    result = Memory(
        name=report.name,
        inputs=report.inputs,
        batch=report.batch,
        widths=widths,
        in_place=words,
        order=chosen.method,
        weights=sum(stored_weights),
        buffers=sum(buffer_bytes),
        activations=activations_of(ran, plan, found),
        kv_cache=cache.per_token,
        cross_kv_cache=stored(cache.source, cache.bits),
        cross_kv_cache_per_source_token=stored(cache.source_token, cache.bits),
        layers=layers_of(ran, plan, found, stored_weights, buffer_bytes),
        kv_bits=cache.bits,
        kv_windows=cache.windows,
        state_cache=stored(cache.state, cache.bits),
        context=None if asked.context is None else _context(report, cache, asked.context),
        notes=(*report.notes, *unread(report, weights)),
        weight_format=weight_format(storing, origin),
        run=served.served(asked.context) if served and asked.context is not None else None,
    )
    if trains:
        trained = make_plan(report, widths.activations, may, training=True, read=read)
        result = result._replace(
            training=_training(
                report, trained, stored_weights, "adam" if optimizer is None else optimizer, mixed_precision
            )
        )
    return _with_budget(result, None if budget is None else parse_bytes(budget), cache, served)


def _check_order(order: str, *, trains: bool) -> None:
    if read_string(order, "order") not in (GIVEN, BEST):
        raise UsageError(Problem(f"there is no order {order}", hint=f"it is {GIVEN} or {BEST}"))
    if order == BEST and trains:
        raise UsageError(Problem("the best order is for inference, not for training", hint="leave one of the two out"))


def _widths(
    report: Report, weights: int | Fraction, activations: Any, buffers: Any, *, trains: bool, mixed_precision: bool
) -> Widths:
    own = report.graph.stored
    usual: Any = 16 if mixed_precision else own.activations if own and not trains else 32
    return Widths(
        weights,
        parse_bits(usual if activations is None else activations, "activations"),
        parse_bits(buffers, "buffers"),
    )


def _check_trained(report: Report, widths: Widths, is_named: bool) -> None:
    """Check that gradients may have these widths. Errors: `UsageError`."""
    if is_named and any(row.trainable for row in report.rows):
        message = "weights in a format of stored weights cannot be trained: their gradients have no such format"
        raise UsageError(Problem(message, hint="train with weights of 16 or 32 bits, or freeze those in the format"))
    for bits, what in ((widths.weights, "weights"), (widths.activations, "activations")):
        if bits < _LEAST_TRAINED and any(row.trainable for row in report.rows):
            shown = plain_bits(bits)
            raise UsageError(
                Problem(
                    f"{what} of {shown} bits cannot be trained: their gradients would have {shown} bits too",
                    why=("fine-tuning of quantised weights freezes them, and trains others (QLoRA)",)
                    if what == "weights"
                    else (),
                    hint=f"train with {what} of {_LEAST_TRAINED} bits or more, or leave training out",
                )
            )


def _order(plan: MemoryPlan, order: str, *, is_eager: bool) -> _Order:
    if order != GIVEN and is_eager:
        message = "the best order is found without the scores of eager attention"
        raise UsageError(Problem(message, hint="leave one of the two out"))
    if order == GIVEN:
        return _Order(range(len(plan.steps)), GIVEN)
    steps, is_exact = best_order(plan)
    return _Order(steps, _EXACT if is_exact else _HEURISTIC)


def _own_bytes(report: Report, shapes: Callable[[Sizing], WeightShapes], bits: int | Fraction) -> list[int]:
    """Return the bytes of some tensors of every layer: 0 where it shares those of another."""
    tensors = once(lambda row: sum(stored(prod(sizes), bits) for sizes in shapes(row.sizing).values()))
    return [tensors(row) if row.node.shares < 0 else 0 for row in report.rows]


def _training(
    report: Report, plan: MemoryPlan, weights: Sequence[int], optimizer: str, mixed_precision: bool
) -> Training:
    optimizer = check_optimizer(optimizer)
    moments = train(plan)
    peak = max(moments, key=lambda moment: moment.live, default=None)
    return Training(
        optimizer=optimizer,
        mixed_precision=mixed_precision,
        gradients=sum(size for row, size in zip(report.rows, weights, strict=True) if not row.node.frozen),
        state=optimizer_bytes(optimizer, sum(row.trainable for row in report.rows), mixed_precision=mixed_precision),
        kept=max((moment.kept for moment in moments), default=0),
        peak=peak.live if peak else 0,
        at=report.rows[plan.steps[peak.step].node].name if peak else "",
        direction=peak.direction if peak else "",
        activation_gradients=peak.gradients if peak else 0,
    )


def _context(report: Report, cache: Cache, tokens: int) -> Context:
    return Context(tokens, report.batch * cache.needed(tokens), report.batch * cache.reserved(tokens))


def _with_budget(result: Memory, budget: int | None, cache: Cache, served: ServedDecoder | None) -> Memory:
    """Return the memory with what fits into a budget, and with a table where one is asked for."""
    longest = None
    if served and (budget is not None or served.serving.table):
        fixed = result.weights + result.buffers
        capacity = Capacity(fixed, cache, served.peaks(), served.serving, result.widths.activations)
        if budget is not None and capacity.total(0, result.batch) <= budget:
            longest = capacity.longest_context(budget, result.batch)
        if served.serving.table:
            result = result._replace(fits=table_of(capacity, budget))
    return result if budget is None else result._replace(budget=_budget(result, budget, longest))


def _budget(result: Memory, budget: int, context: int | None) -> Budget:
    """Return the largest batch that fits: only live activations, and the cache at a context, grow with the batch."""
    live = result.training.peak if result.training else result.activations.peak
    one = (live + (result.context.bytes if result.context else 0)) // result.batch
    fixed = result.total - one * result.batch
    if not one:
        raise UsageError(Problem("the batch is unlimited: this network has no activations"))
    batch = max((budget - fixed) // one, 0)
    return Budget(budget, batch, fixed + batch * one, fixed, one, context)
