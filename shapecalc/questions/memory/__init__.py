"""The bytes that a network needs: parameters, buffers, live activations, and what training adds.

The peak of the activations is that of `liveness`: a tensor is live from the step that writes it to the last that reads
it. Not counted is the runtime's own memory: kernel workspaces, fragmentation, the framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.model.rows import once
from shapecalc.questions.memory.cache import Cache, cache_of
from shapecalc.questions.memory.figures import activations_of, layers_of
from shapecalc.questions.memory.implementation import EAGER, FLASH, with_attention
from shapecalc.questions.memory.in_place import ALL, TORCH, read_in_place
from shapecalc.questions.memory.liveness import run
from shapecalc.questions.memory.order import best_order
from shapecalc.questions.memory.plan import MemoryPlan, inputs_read, make_plan, stored
from shapecalc.questions.memory.results import (
    Activations,
    Budget,
    Held,
    LayerMemory,
    Memory,
    WeightFormat,
    Widths,
)
from shapecalc.questions.memory.serving.capacity import (
    Capacity,
    ServedDecoder,
    Serving,
    check_serving,
    read_serving,
    table_of,
)
from shapecalc.questions.memory.serving.decoding import with_scores
from shapecalc.questions.memory.serving.results import Context, FitTable, ServedRun
from shapecalc.questions.memory.training.lora import lora_notes
from shapecalc.questions.memory.training.options import TRAINING, read_training
from shapecalc.questions.memory.training.results import Training
from shapecalc.questions.memory.training.step import training_of
from shapecalc.questions.memory.weights.formats import read_bits
from shapecalc.questions.memory.weights.stored_bytes import (
    average_bits,
    choose_storing,
    tensor_bytes,
    unread,
    weight_format,
)
from shapecalc.questions.memory.widths import check_trained, choose_widths
from shapecalc.text.given import read_string
from shapecalc.text.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
    "known_options",
    "memory",
]

_OF_ALL = (
    "batch", "weights", "weights_of", "activations", "buffers", "in_place", "order", "budget", "layout", "flash",
    "sram", "fold_batch_norm", "patches",
)  # fmt: skip
"""Options of `Network.memory` that are arguments of functions."""

GIVEN = "given"
BEST = "best"
_EXACT = "exact"
_HEURISTIC = "heuristic"


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
    attention: str = FLASH,
    budget: int | str | None = None,
    **options: Any,
) -> Memory:
    """Return the bytes that a network needs, for the batch of the report.

    `weights`, `activations` and `buffers` are bits of an element: 32 by default, or those of the model's own file; in
    training those of its precision. `weights` may be a format (`"q4_k_m"`), `weights_of` are patterns of layers with
    another: `["lm_head=16"]`. `in_place` are the element-wise layers that overwrite their input if nothing else needs
    it: all, none, as eager torch has it, or some (`"activations"`, `["relu", "add"]`). `order` is given or best: the
    one with the minimum peak. `attention` is flash, or eager, which has its scores in memory. `budget`, bytes as an int
    or `"24GiB"`, adds the largest batch, and for a decoder the longest context.

    Other options are those of training, or of a decoder that generates text. `training` adds gradients, what the
    backward pass needs, and the state of the optimizer; its options, which imply it, are those of `read_training`.
    `context`, past tokens of every sample, adds their KV cache, and the activations are those of a step of decoding;
    `kv_bits`, `prefill`, `logits`; `table`, `contexts`, `batches` (`memory.serving.capacity.Serving`).
    Errors: `UsageError` for an invalid option, or one that contradicts another.
    """
    _check_options(options)
    training = read_training(**{name: given for name, given in options.items() if name in TRAINING})
    asked = read_serving({name: given for name, given in options.items() if name in Serving._fields}, attention)
    words, may = read_in_place(in_place)
    _check_order(order, words, trains=training is not None, is_eager=asked.attention == EAGER)
    if asked.is_asked and training:
        raise UsageError(Problem("a context is for decoding, not for training", hint="leave one of the two out"))
    storing, origin = choose_storing(report, weights, weights_of, training.precision.weights if training else None)
    tensors = tensor_bytes(report, storing)
    stored_weights = [sum(own.values()) for own in tensors]
    widths = choose_widths(report, average_bits(report, storing, stored_weights), activations, buffers, training)
    if training:
        check_trained(report, widths, training, is_named=storing.is_named)
    report = with_attention(report, asked.attention)
    kv_bits = widths.activations if asked.kv_bits is None else read_bits(asked.kv_bits, "the KV cache")
    cache = cache_of(report, kv_bits, widths.activations)
    asked = check_serving(asked, report, cache)
    eager = words == (TORCH,)
    served, ran, plan = None, report, None
    if (cache.past or cache.states) and not training and (asked.is_asked or budget is not None):
        served = ServedDecoder(
            report, asked, lambda run: make_plan(run, widths.activations, may, eager=eager), widths.activations
        )
    if served and asked.context is not None:
        ran, plan = served.run_at(asked.context)
    read = inputs_read(ran)
    if plan is None:
        plan = make_plan(ran, widths.activations, may, read=read, eager=eager)
        plan = with_scores(plan, ran, None, widths.activations) if asked.attention == EAGER else plan
    chosen = _order(plan, order)
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
        state_cache=cache.states,
        context=None if asked.context is None else _context(report, cache, asked.context),
        notes=(*report.notes, *unread(report, weights, storing)),
        weight_format=weight_format(storing, origin),
        run=served.served(asked.context) if served and asked.context is not None else None,
        attention=asked.attention,
        stated_context=report.graph.stated_context if cache.past else None,
    )
    if training:
        trained = training_of(report, training.with_widths(widths), may, read, tensors, eager=eager)
        notes = lora_notes(report, training.lora) if training.lora else ()
        result = result._replace(training=trained, weights=trained.weights, notes=(*result.notes, *notes))
    return _with_budget(result, None if budget is None else parse_bytes(budget), cache, served)


def _check_options(options: Mapping[str, Any]) -> None:
    known = (*Serving._fields, *TRAINING)
    for name in options:
        if name not in known:
            raise UsageError(Problem(f"memory has no option {name}", hint=did_you_mean(name, known_options())))


def known_options() -> list[str]:
    """Return the names of all options of `Network.memory`, for hints."""
    return [*Serving._fields, *TRAINING, *_OF_ALL]


def _check_order(order: str, in_place: Sequence[str], *, trains: bool, is_eager: bool) -> None:
    if read_string(order, "order") not in (GIVEN, BEST):
        raise UsageError(Problem(f"there is no order {order}", hint=f"it is {GIVEN} or {BEST}"))
    if order == GIVEN:
        return
    if trains:
        raise UsageError(Problem("the best order is for inference, not for training", hint="leave one of the two out"))
    if is_eager:
        message = "the best order is found without the scores of eager attention"
        raise UsageError(Problem(message, hint="leave one of the two out"))
    if tuple(in_place) == (TORCH,):
        raise UsageError(Problem("PyTorch runs layers in their own order", hint="leave --order best out"))


def _order(plan: MemoryPlan, order: str) -> _Order:
    if order == GIVEN:
        return _Order(range(len(plan.steps)), GIVEN)
    steps, is_exact = best_order(plan)
    return _Order(steps, _EXACT if is_exact else _HEURISTIC)


def _own_bytes(report: Report, shapes: Callable[[Sizing], WeightShapes], bits: int | Fraction) -> list[int]:
    """Return the bytes of some tensors of every layer: 0 where it shares those of another."""
    tensors = once(lambda row: sum(stored(prod(sizes), bits) for sizes in shapes(row.sizing).values()))
    return [tensors(row) if row.node.shares < 0 else 0 for row in report.rows]


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
