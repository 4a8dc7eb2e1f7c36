"""How memory to serve is shown: the table of contexts and batches, formats of weights, and what a run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.blocks import Table
from shapecalc.renderers.cells import show_bytes, show_size
from shapecalc.renderers.drawing import TableLine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from shapecalc.questions.memory import FitTable, Memory
    from shapecalc.questions.memory.totals import MemoryQuestion

__all__ = [
    "cache_name",
    "context_notes",
    "draw_fits",
    "memory_note",
    "past_stated",
    "serving_notes",
    "show_bits",
    "show_both",
    "weights_note",
]

_MOST_OTHERS = 8
"""Most patterns of layers with other formats that a note lists."""

OVER = "over"
"""Shown where a total does not fit into the budget."""


def show_both(number: int) -> str:
    """Return a number of bytes in full, and in binary units where these are others."""
    shown = show_bytes(number)
    return (
        count_noun(number, "byte") if shown.endswith(" B") or not number else f"{count_noun(number, 'byte')} ({shown})"
    )


def show_bits(bits: int | Fraction) -> str:
    """Return bits as `16` or `4.89`."""
    return str(bits) if isinstance(bits, int) else f"{float(bits):.2f}".rstrip("0").rstrip(".")


def cache_name(memory: Memory, tokens: int) -> str:
    """Return what a decoder caches, by its name."""
    kept = {"KV cache": memory.kv_cache, "state": memory.state_cache}
    words = " and ".join([name for name, size in kept.items() if size])
    return f"{words}, {count_noun(tokens, 'past token')}"


def draw_fits(fits: FitTable) -> Table:
    """Return the table: a row for each context, a column for each batch, and with a budget what fits."""
    most = fits.budget
    lines = []
    for i, (context, totals) in enumerate(zip(fits.contexts, fits.totals, strict=True)):
        cells = [show_bytes(total) if most is None or total <= most else OVER for total in totals]
        largest = () if most is None else (f"{fits.largest_batch[i]:,}",)
        lines.append(TableLine((f"{context:,}", *cells, *largest)))
    first, *others = (f"{batch:,}" for batch in fits.batches)
    headings = ("Context", f"batch {first}", *others, *(() if most is None else ("largest",)))
    total: tuple[str, ...] = ()
    if most is not None:
        longest = ["any" if context is None else f"{context:,}" for context in fits.longest_context]
        total = ("longest", *longest, "")
    return Table(headings, lines, total=total, numbers=tuple(range(len(headings))))


def weights_note(memory: Memory) -> str:
    """Return the note on the format of weights."""
    found, bits = memory.weight_format, show_bits(memory.widths.weights)
    shared = "shared parameters are counted once."
    if found is None:
        return f"Weights: all parameters, biases included, at {bits} bits; {shared}"
    origin = f", as {clean(found.origin)} says" if found.origin else ""
    source = f" ({clean(found.source)})" if found.source else ""
    shown = list(found.others.items())[:_MOST_OTHERS]
    others = "".join(f"; {clean(pattern)}: {clean(name)}" for pattern, name in shown)
    others += f"; and {len(found.others) - len(shown):,} more" if len(found.others) > len(shown) else ""
    average = f", on average {bits} bits for each parameter" if source or others else ""
    return f"Weights: {clean(found.name)}{origin}{source}{others}{average}; {shared}"


def attention_notes(memory: Memory) -> Iterator[str]:
    """Yield the note on the scores of eager attention."""
    if memory.attention != "eager":
        return
    if memory.training:
        yield "Eager attention saves the softmax of its scores for the backward pass."
    else:
        yield (
            "Eager attention has its scores in memory, and their softmax in fp32; keys and values that are repeated "
            "for groups of heads are not counted."
        )


def past_stated(memory: Memory, tokens: int) -> str:
    """Return the words on a context beyond the one that the file of a model states; empty for one within it."""
    stated = memory.stated_context
    if stated is None or tokens <= stated.tokens:
        return ""
    return f"beyond the {count_noun(stated.tokens, 'token')} that {clean(stated.origin)} states"


def context_notes(memory: Memory) -> Iterator[str]:
    """Yield the note on contexts that are asked for, or in a table, beyond the one that the file of a model states."""
    asked = [memory.context.tokens] if memory.context else []
    shown = [*memory.fits.contexts, *(context or 0 for context in memory.fits.longest_context)] if memory.fits else []
    longest = max((*asked, *shown), default=0)
    words = past_stated(memory, longest)
    if words and memory.stated_context:
        yield f"A context of {count_noun(longest, 'token')} is {words} ({memory.stated_context.field})."


def serving_notes(memory: Memory) -> Iterator[str]:
    """Yield the notes on what a run is, and what of it is counted."""
    run = memory.run
    if run is None or memory.context is None:
        return
    tokens = count_noun(memory.context.tokens, "past token")
    if not run.tokens:
        yield (
            "Activations are those of a forward pass over the network's own input: no axis of an input is the length "
            "of its sequence, or its layers fix that length (--set may change it)."
        )
    elif run.phase == "decoding":
        yield f"Activations are those of a step of decoding: one new token of each sample, after {tokens}."
    else:
        every = run.tokens == memory.context.tokens
        which = "all" if every else f"the last {run.tokens:,} of"
        logits = ", with the logits of the last one alone" if run.logits == "last" else ""
        tokens = f"{which} {memory.context.tokens:,} tokens of each sample at once"
        yield f"Activations are those of a prefill: {tokens}{logits}."
    if run.attention == "flash" and (memory.kv_cache or memory.cross_kv_cache):
        yield "Flash attention has no scores in memory (--attention eager counts them)."
    if run.sources:
        sizes = ", ".join(f"{clean(name)} {show_size(size)}" for name, size in run.sources.items())
        idle = "; its layers do not run in a step of decoding" if run.phase == "decoding" else ""
        yield f"The source keeps its own size, {sizes}{idle}."


def memory_note(question: MemoryQuestion) -> str:
    """Return what the memory of many settings is: the total of a command."""
    context = question.context
    cache = "" if context is None else f", and the cache of {count_noun(context, 'past token')}"
    samples = "one sample" if question.batch == 1 else f"a batch of {question.batch:,}"
    bits = "" if question.bits is None else f", at {question.bits} bits per element"
    return (
        f"weights, buffers and live activations at their peak{cache}, for {samples}{bits}; the total of "
        f"`shapecalc memory{clean(question.words())}`"
    )
