"""Serving a decoder: what is in memory at a context and a batch, and which of them fit into a budget.

In memory are the weights and buffers, for each sample the cache of its tokens, and the activations of one run: a step
of decoding (a new token of each sample, after `context` past ones), or a chunk of a prompt (the last of its `context`
tokens). Activations grow in proportion to the tokens of a run, but for the scores of eager attention: so they are
inferred twice, and a table of contexts and batches is arithmetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.cache import check_length
from shapecalc.questions.memory.implementation import EAGER, FLASH, read_attention
from shapecalc.questions.memory.liveness import BEGINNING, run
from shapecalc.questions.memory.serving.decoding import (
    decoder_of,
    scores_of,
    with_scores,
    with_sizes_of,
    without_idle,
)
from shapecalc.questions.memory.serving.results import FitTable, ServedRun
from shapecalc.text.given import plain, read_flag, read_string
from shapecalc.text.units import MOST_TOKENS, parse_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.questions.memory.cache import Cache
    from shapecalc.questions.memory.plan import MemoryPlan
    from shapecalc.questions.memory.serving.decoding import Decoder, Scores

    Plan = Callable[[Report], MemoryPlan]

__all__ = [
    "LOGITS",
    "Capacity",
    "ServedDecoder",
    "Serving",
    "check_serving",
    "read_serving",
    "table_of",
]

LAST, ALL = LOGITS = ("last", "all")

_ROWS, _COLUMNS = 6, 6
_MOST_CELLS = 64
"""The maximum number of contexts, and of batches, in a table."""
_DEFAULT_TOP = 32_768
"""The longest context of a table where nothing limits it, and the network's own sequence is shorter."""


class Serving(NamedTuple):
    """How a decoder is served. `kv_bits` is as it was given; of a prompt, `prefill` tokens are run at once.

    `prefill` is None for a step of decoding, 0 for the whole prompt at once.
    """

    context: int | None = None
    kv_bits: Any = None
    prefill: int | None = None
    logits: str = LAST
    attention: str = FLASH
    table: bool = False
    contexts: tuple[int, ...] = ()
    batches: tuple[int, ...] = ()

    @property
    def is_asked(self) -> bool:
        """Whether the memory is that of serving."""
        return self.context is not None or self.table

    def queries(self, context: int) -> int:
        """Return the tokens that one run computes at a context."""
        return 1 if self.prefill is None else max(min(self.prefill or context, context), 1)

    def keys(self, context: int) -> int:
        """Return the tokens that the last token of a run attends to, itself included."""
        return context + 1 if self.prefill is None else max(context, 1)

    def limit(self, positions: int | None) -> int | None:
        """Return the longest context with a table of that many positions (None: no table); a step adds a token."""
        return positions - 1 if positions is not None and self.prefill is None else positions


def read_serving(given: Mapping[str, Any], attention: str = FLASH) -> Serving:
    """Return the options of serving, by the names of its fields. Errors: `UsageError` for a wrong value."""
    asked = {name: value for name, value in given.items() if value is not None and value is not False}
    if "logits" in asked and read_string(asked["logits"], "logits") not in LOGITS:
        raise UsageError(Problem(f"logits cannot be {asked['logits']}", hint=f"it is {' or '.join(LOGITS)}"))
    if "table" in asked:
        asked["table"] = read_flag(asked["table"], "table")
    if "prefill" in asked:
        asked["prefill"] = 0 if asked["prefill"] is True else parse_tokens(asked["prefill"], "the chunk of a prompt")
    if "context" in asked:
        asked["context"] = parse_tokens(asked["context"])
        if asked.get("prefill", 0) > asked["context"]:
            message = f"a chunk of {asked['prefill']:,} tokens is more than the context, {asked['context']:,}"
            raise UsageError(Problem(message, hint="the chunk is a part of the context: its last tokens"))
    for name, least in (("contexts", 0), ("batches", 1)):
        if name in asked:
            asked[name] = _numbers(asked[name], name, least)
            asked["table"] = True
    serving = Serving(**asked, attention=read_attention(attention))
    needless = [name for name in ("prefill", "logits") if name in asked]
    if needless and not serving.is_asked:
        message = f"{needless[0]} is for a context"
        raise UsageError(Problem(message, hint="add --context 8k, or --table for several"))
    return serving


def _numbers(given: Any, what: str, least: int) -> tuple[int, ...]:
    listed = given.split(",") if isinstance(given, str) else plain(given)
    listed = list(listed) if isinstance(listed, (list, tuple, range)) else [listed]
    if not 0 < len(listed) <= _MOST_CELLS:
        raise UsageError(Problem(f"there are {len(listed):,} {what}", hint=f"give 1 to {_MOST_CELLS}: 1,4,16"))
    numbers = sorted({parse_tokens(one, f"one of the {what}") for one in listed})
    if numbers[0] < least:
        raise UsageError(Problem(f"one of the {what} is {numbers[0]}", hint=f"give numbers of at least {least}"))
    return tuple(numbers)


class ServedDecoder:
    """A decoder that is served: the reports and plans of its runs. `plan` makes the plan of a report."""

    def __init__(self, report: Report, serving: Serving, plan: Plan, bits: int | Fraction) -> None:
        self.report, self.serving, self.plan, self.bits = report, serving, plan, bits
        self.decoder: Decoder = decoder_of(report)
        self._plans: dict[int, tuple[Report, MemoryPlan]] = {}
        self._idle = self.decoder.idle() if serving.prefill is None else frozenset()
        self._tail = self.decoder.after_output() if serving.logits == LAST else frozenset()

    def plan_of(self, queries: int) -> tuple[Report, MemoryPlan]:
        """Return the report and the plan of a run over that many tokens, without the scores of eager attention."""
        if queries in self._plans:
            return self._plans[queries]
        report = self.decoder.run_of(queries)
        plan = without_idle(self.plan(report), self._idle)
        if self._tail and queries > 1 and self.decoder.axes:
            plan = with_sizes_of(plan, self.plan_of(1)[1], self._tail)
        self._plans[queries] = report, plan
        return report, plan

    def run_at(self, context: int) -> tuple[Report, MemoryPlan]:
        """Return the report and the plan of a run at a context."""
        report, plan = self.plan_of(self.serving.queries(context))
        if self.serving.attention == EAGER:
            plan = with_scores(plan, report, self.serving.keys(context), self.bits)
        return report, plan

    def served(self, context: int) -> ServedRun:
        """Return what a run is, for an answer."""
        tokens = self.serving.queries(context) if self.decoder.axes else 0
        others = [name for name in self.report.inputs if name not in dict(self.decoder.axes)]
        sources = {name: self.report.inputs[name] for name in others} if self.decoder.axes else {}
        phase = "decoding" if self.serving.prefill is None else "prefill"
        return ServedRun(phase, tokens, self.serving.logits, self.serving.attention, sources)

    def peaks(self) -> tuple[LiveLine, ...]:
        """Return the lines whose maximum is the peak of the activations of one sample."""
        first = 2 if self.serving.prefill is not None and self.decoder.axes else 1
        report, plan = self.plan_of(first)
        live = _live(plan, report.batch)
        slopes = [0] * len(live)
        if first > 1:
            after = _live(self.plan_of(first + 1)[1], report.batch)
            slopes = [more - less for more, less in zip(after, live, strict=True)]
        scores: list[Scores | None] = [None]
        scores += [scores_of(report.rows[step.node]) for step in plan.steps]
        is_eager = self.serving.attention == EAGER
        lines = [
            LiveLine(bytes_ - first * slope, slope, found if is_eager else None)
            for bytes_, slope, found in zip(live, slopes, scores, strict=True)
        ]
        return tuple(dict.fromkeys(lines))


class LiveLine(NamedTuple):
    """The live bytes of one sample at a step: `at_none`, and `each` for every token of a run, and scores."""

    at_none: int
    each: int
    scores: Scores | None

    def bytes(self, queries: int, keys: int, bits: int | Fraction) -> int:
        """Return the live bytes for so many queries and keys."""
        scores = 0
        if self.scores:
            of_source = self.scores.keys and self.scores.keys == self.scores.queries  # an encoder's own length
            asked = self.scores if of_source else self.scores._replace(queries=queries)
            scores = asked.bytes(keys, bits)
        return self.at_none + queries * self.each + scores


def _live(plan: MemoryPlan, batch: int) -> list[int]:
    """Return the live bytes of a sample, before the first step and at each."""
    found = {moment.step: moment.live // batch for moment in run(plan).moments}
    return [found[step] for step in (BEGINNING, *range(len(plan.steps)))]


class Capacity(NamedTuple):
    """The bytes of a served decoder at any context and batch. `fixed` are those of weights and buffers."""

    fixed: int
    cache: Cache
    lines: tuple[LiveLine, ...]
    serving: Serving
    bits: int | Fraction

    def sample(self, context: int) -> int:
        """Return the bytes of one sample: its cache, and its share of the activations."""
        queries, keys = self.serving.queries(context), self.serving.keys(context)
        return max(line.bytes(queries, keys, self.bits) for line in self.lines) + self.cache.needed(context)

    def total(self, context: int, batch: int) -> int:
        """Return the bytes at a context and a batch."""
        return self.fixed + batch * self.sample(context)

    def largest_batch(self, budget: int, context: int) -> int:
        """Return the largest batch that fits at a context; 0 where none does."""
        return max((budget - self.fixed) // max(self.sample(context), 1), 0)

    def longest_context(self, budget: int, batch: int) -> int | None:
        """Return the longest context that fits with a batch; 0 where none does, None where any does."""
        limit = self.serving.limit(self.cache.limit)
        low, high = 0, MOST_TOKENS if limit is None else limit
        if self.total(high, batch) <= budget:
            return limit
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.total(middle, batch) <= budget else (low, middle)
        return low


def table_of(capacity: Capacity, budget: int | None) -> FitTable:
    """Return the table of contexts and batches that is asked for."""
    contexts, batches = capacity.serving.contexts, capacity.serving.batches
    samples = [capacity.sample(context) for context in contexts]
    totals = tuple(tuple(capacity.fixed + batch * each for batch in batches) for each in samples)
    if budget is None:
        return FitTable(contexts, batches, totals)
    largest = tuple(capacity.largest_batch(budget, context) for context in contexts)
    longest = tuple(capacity.longest_context(budget, batch) for batch in batches)
    return FitTable(contexts, batches, totals, budget, largest, longest)


def check_serving(serving: Serving, report: Report, cache: Cache) -> Serving:
    """Return the options of serving with the axes of a table, and its shortest context if no other is asked for.

    Errors: `UsageError` for a network without a cache, or a context that is longer than it works on.
    """
    if not serving.is_asked:
        return serving
    if not cache.past and not cache.states:
        message = f"{report.name or 'the network'} has no KV cache: no attention is causal"
        raise UsageError(Problem(message, hint="leave the context out, or write `is_causal: true` on its attention"))
    limit = serving.limit(cache.limit)
    if serving.table:
        contexts = serving.contexts or _contexts(limit, report)
        batches = serving.batches or tuple(2**power for power in range(_COLUMNS))
        context = contexts[0] if serving.context is None else serving.context
        serving = serving._replace(contexts=contexts, batches=batches, context=context)
    for tokens in (serving.context or 0, *serving.contexts):
        check_length(tokens, "context", cache.limit, more=0 if serving.prefill is not None else 1)
    return serving


def _contexts(limit: int | None, report: Report) -> tuple[int, ...]:
    """Return powers of two up to the longest context of a network: its limit, or else its own sequence."""
    own = max((size for sizes in report.inputs.values() for size in sizes), default=1)
    top = max(own, _DEFAULT_TOP) if limit is None else limit
    powers = [2**power for power in range(top.bit_length()) if 2**power < top][-_ROWS + 1 :]
    return (*powers, top)
