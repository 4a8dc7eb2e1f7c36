"""The memory that a network needs: its parts, the live tensors at the peak, and notes on what is counted."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.renderers.answers.serving import (
    attention_notes,
    cache_name,
    context_notes,
    draw_fits,
    past_stated,
    serving_notes,
    show_bits,
    show_both,
    weights_note,
)
from shapecalc.renderers.answers.small_devices import draw_placement, placement_notes
from shapecalc.renderers.answers.training import training_amounts, training_notes
from shapecalc.renderers.bars import show_share
from shapecalc.renderers.blocks import Note, Paragraph, Table, Title, draw_blocks
from shapecalc.renderers.cells import NOTHING, show_bytes, show_size
from shapecalc.renderers.drawing import TableLine
from shapecalc.renderers.footer import opening
from shapecalc.renderers.view import check_depth
from shapecalc.text.cells import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.memory import FitTable, LayerMemory, Memory
    from shapecalc.renderers.blocks import Block

__all__ = ["ORDERS", "amounts_of", "draw_memory"]

_MOST_HELD = 12
_NAME = 36


def draw_memory(
    memory: Memory, format_: str = "text", *, layers: bool = False, depth: int | None = None, width: int | None = None,
    color: bool = False,
) -> str:  # fmt: skip
    """Return the memory in a format; `layers` adds a line for every layer, in order of execution.

    At a `depth`, which implies it, blocks below that are a line each.
    """
    check_depth(depth)
    blocks: list[Block] = [Title(_title(memory)), _parts(memory)]
    if layers or depth is not None:
        shown, collapsed = _collapsed(memory.layers, depth)
        blocks.append(_layers(shown, memory.activations.peak, width))
        blocks += [Note(f"{opening(collapsed, depth)}. {_OF_BLOCKS}")] if collapsed and depth else []
    elif not memory.training and not memory.fits:
        blocks += [Paragraph(_at(memory)), _held(memory)]
    if memory.fits:
        blocks += [Paragraph(_of_table(memory.fits)), draw_fits(memory.fits)]
    blocks += draw_placement(memory)
    if memory.budget:
        blocks.append(Paragraph(_budget(memory)))
    return draw_blocks([*blocks, *map(Note, [*_notes(memory), *memory.notes])], format_, width, color=color)


def _title(memory: Memory) -> str:
    sizes = [f"{clean(name)} {show_size(size)}" for name, size in memory.inputs.items()]
    batch = [f"batch {memory.batch:,}"] if memory.batch != 1 else []
    return " · ".join([clean(memory.name), ", ".join(sizes), *batch]).removeprefix(" · ")


def amounts_of(memory: Memory) -> Iterator[tuple[str, int]]:
    """Yield the parts of the total, by their names."""
    yield "weights", memory.weights
    if memory.buffers:
        yield "buffers", memory.buffers
    if memory.training is None:
        yield "activations, at the peak", memory.activations.peak
        if memory.context:
            yield cache_name(memory, memory.context.tokens), memory.context.bytes
        return
    yield from training_amounts(memory.training)


def _parts(memory: Memory) -> Table:
    whole = memory.total
    lines = [
        TableLine(
            (name, f"{amount:,}" if amount else NOTHING, show_bytes(amount), show_share(Fraction(amount, whole or 1)))
        )
        for name, amount in amounts_of(memory)
    ]
    total = ("total", f"{whole:,}", show_bytes(whole), "")
    return Table(("Memory", "bytes", "", "share"), lines, total=total, numbers=(1, 2))


def _at(memory: Memory) -> str:
    peak = memory.activations
    where = f"while {clean(peak.at)} runs" if peak.at else "before the first layer runs"
    over = f" and overwrites {clean(peak.overwritten)}" if peak.overwritten else ""
    return f"Activation memory peaks {where}{over}:"


def _held(memory: Memory) -> Table:
    held = memory.activations.held
    shown = held if len(held) <= _MOST_HELD else sorted(held, key=lambda tensor: -tensor.bytes)[: _MOST_HELD - 1]
    lines = [
        TableLine((shorten(clean(tensor.name), _NAME), f"{tensor.bytes:,}", show_bytes(tensor.bytes)))
        for tensor in shown
    ]
    if len(held) > len(shown):
        rest = sum(tensor.bytes for tensor in held) - sum(tensor.bytes for tensor in shown)
        lines.append(TableLine((f"{len(held) - len(shown):,} more", f"{rest:,}", show_bytes(rest)), "dim"))
    return Table(("Tensor", "bytes", ""), lines, numbers=(1, 2))


_OF_BLOCKS = "Of a block, weights and outputs are the sums over its layers, and live is the maximum."


def _collapsed(layers: Sequence[LayerMemory], depth: int | None) -> tuple[list[LayerMemory], int]:
    """Return the lines of layers at a depth, and how many of them are of blocks."""
    if depth is None:
        return list(layers), 0
    runs: list[list[LayerMemory]] = []
    for layer in layers:
        if runs and len(layer.scopes) >= depth and layer.scopes[:depth] == runs[-1][-1].scopes[:depth]:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    lines = [_as_one(run, depth) if len(run[0].scopes) >= depth else run[0] for run in runs]
    return lines, sum(len(run[0].scopes) >= depth for run in runs)


def _as_one(run: Sequence[LayerMemory], depth: int) -> LayerMemory:
    """Return the layers of a block as one line."""
    live = [layer.live for layer in run if layer.live is not None]
    return run[0]._replace(
        name=run[0].scopes[depth - 1], weights=sum(layer.weights for layer in run),
        buffers=sum(layer.buffers for layer in run), output=sum(layer.output for layer in run),
        live=max(live, default=None), overwrites="",
    )  # fmt: skip


def _layers(layers: Sequence[LayerMemory], most: int, width: int | None) -> Table:
    peak = most or 1
    narrow = width is not None and width < 110
    names = [clean(layer.name) for layer in layers]
    room = min(_NAME, max(map(len, names), default=1)) if not narrow else 22
    lines = []
    for name, layer in zip(names, layers, strict=True):
        live = "" if layer.live is None else show_share(Fraction(layer.live, peak))
        cells = (shorten(name, room), show_bytes(layer.weights + layer.buffers), show_bytes(layer.output),
                 show_bytes(layer.live or 0), live)  # fmt: skip
        over = () if narrow else (shorten(clean(layer.overwrites), room),)
        style = "bold" if layer.live == most else ""
        lines.append(TableLine((*cells, *over), style))
    headings = ("Layer", "Weights", "Output", "Live", "of the peak", *(() if narrow else ("Overwrites",)))
    return Table(headings, lines, numbers=(1, 2, 3))


def _of_table(fits: FitTable) -> str:
    """Return what the table is of."""
    if fits.budget is None:
        return "Totals by context (past tokens of each sample) and batch:"
    return (
        f"Totals by context (past tokens of each sample) and batch. over: more than {show_both(fits.budget)}; largest: "
        "the largest batch at a context; longest: the longest context with a batch."
    )


_FEW_BYTES = 1024
"""A budget of fewer bytes is one of GiB, whose unit was left out."""


def _budget(memory: Memory) -> str:
    budget = memory.budget
    assert budget is not None
    each = f"{show_bytes(budget.fixed)} + {show_bytes(budget.sample)} for each sample"
    given = show_both(budget.bytes)
    if not budget.batch:
        unit = f" A number alone is in bytes: write {budget.bytes}GiB." if budget.bytes < _FEW_BYTES else ""
        return f"{given} are not enough for one sample, which needs {each}.{unit}"
    fits = f"The largest batch that fits into {given} is {budget.batch:,}. It needs {show_bytes(budget.total)}: {each}."
    if budget.context is None:
        return fits
    batch = "one sample" if memory.batch == 1 else f"a batch of {memory.batch:,}"
    of = "" if memory.run else " of decoding"
    beyond = past_stated(memory, budget.context)
    longest = f"{count_noun(budget.context, 'past token')}{beyond and f', {beyond}'}"
    return f"{fits} The longest context{of} with {batch} is {longest}."


def _notes(memory: Memory) -> Iterator[str]:
    """Yield sentences on what every figure includes."""
    bits = memory.widths
    yield f"{weights_note(memory)} Buffers: running statistics and tables, at {show_bits(bits.buffers)} bits."
    yield from serving_notes(memory)
    yield from context_notes(memory)
    yield f"Activations: at {show_bits(bits.activations)} bits, for {_samples(memory)}. {_liveness(memory)}"
    yield from attention_notes(memory)
    if memory.training:
        yield from training_notes(memory, memory.training)
    if memory.kv_cache:
        yield _cache(memory)
        yield from _windows(memory)
    if memory.state_cache:
        amount = f"{show_both(memory.state_cache)} for a sample"
        others = (
            f"those of other recurrences, and the last inputs of convolutions, at {show_bits(bits.activations)} bits"
        )
        where = "in" if memory.context else "not in"
        yield (
            f"State of recurrences: {amount}, however many tokens are past: states of state-space layers in fp32, as "
            f"transformers keeps them; {others}; {where} the total."
        )
    if memory.cross_kv_cache:
        each = memory.cross_kv_cache_per_source_token
        yield (
            f"Cross-attention caches the keys and values of the source once: {show_both(each)} for "
            f"each source token, {show_both(memory.cross_kv_cache)} for a sample; "
            f"{'in the KV cache above' if memory.context else 'not in the total'}."
        )
    yield from placement_notes(memory)
    yield "Not counted: kernel workspaces, fragmentation, the runtime itself. 1 KiB is 1,024 bytes."


def _cache(memory: Memory) -> str:
    each = f"{show_both(memory.kv_cache)} for each past token of a sample"
    bits = f"at {show_bits(memory.kv_bits)} bits"
    return (
        f"KV cache, during autoregressive decoding: {each}, {bits}; {'in' if memory.context else 'not in'} the total."
    )


def _windows(memory: Memory) -> Iterator[str]:
    """Yield what of the cache is only needed within a window."""
    for window, each in memory.kv_windows.items():
        tokens = count_noun(window, "token")
        yield f"Of these, {show_both(each)} are needed of the last {tokens} alone."
    if memory.context and memory.context.reserved > memory.context.bytes:
        yield (
            f"A cache that keeps all {count_noun(memory.context.tokens, 'token')} in every layer reserves "
            f"{show_both(memory.context.reserved)}."
        )


def _samples(memory: Memory) -> str:
    return "one sample" if memory.batch == 1 else f"a batch of {memory.batch:,}"


ORDERS = {
    "given": "Layers run in the order of the specification.",
    "exact": "Layers run in the order with the minimum peak.",
    "heuristic": "Layers run in the best order found (by a heuristic: there are too many orders to try all).",
}


def _liveness(memory: Memory) -> str:
    peak = memory.activations
    eager = "" if memory.placement else "; as eager PyTorch runs it is larger: --in-place torch"
    return (
        "A tensor is live from the layer that outputs it (an input of the network: from the start) to the last layer "
        f"that reads it (an output of the network: to the end). {_in_place(memory.in_place)}"
        + (f" (without in-place layers the peak at inference is {show_bytes(peak.peak_without_in_place)}{eager})"
           if memory.in_place not in {("none",), ("torch",)} and not memory.training and not memory.patches else "")
        + f". Views (reshape, flatten, dropout at inference) need no memory. {ORDERS[memory.order]}"
    )  # fmt: skip


def _in_place(words: Sequence[str]) -> str:
    if tuple(words) == ("none",):
        return "No layer runs in place"
    if tuple(words) == ("torch",):
        return (
            "As eager PyTorch runs: layers run in place where they are written so (inplace: true), the input of a "
            "module is alive until it returns, and indices of max pools and statistics of norms are written"
        )
    others = [clean(word) for word in words if word not in ("all", "depthwise", "residual")]
    named = f" ({', '.join(others)})" if others else ""
    which = [f"element-wise layers{named}"] if others or "all" in words else []
    which += ["depthwise convolutions, by channel,"] if "depthwise" in words else []
    said = [f"{' and '.join(which)} run in place where no later layer reads their input"] if which else []
    said += [_RESIDUAL] if "residual" in words else []
    shown = "; ".join(said)
    return f"{shown[0].upper()}{shown[1:]}"


_RESIDUAL = (
    "a convolution or fully connected layer whose output is only added to a tensor that nothing else needs any more "
    "adds it onto that tensor, as it is computed"
)
