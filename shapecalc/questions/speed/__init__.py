"""Lower bounds on the time that a network needs on a device: the roofline model.

Williams, Waterman & Patterson 2009, Roofline: an insightful visual performance model (CACM 52(4)): no kernel is faster
than its bytes at the bandwidth of the memory, nor than its operations at the peak rate. Both limits are those of a
datasheet, which no program reaches: the times are bounds, not predictions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapecalc.questions.memory  # noqa: F401  (the room before a part of it: threads)
from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.weights.formats import read_bits
from shapecalc.questions.memory.weights.stored_bytes import average_bits, choose_storing, weight_bytes
from shapecalc.questions.speed.decoding import check_tokens, decoder_of
from shapecalc.questions.speed.devices import Device, Peak, bundled_devices, device_text, find_device
from shapecalc.questions.speed.results import (
    COMPUTE,
    MEMORY,
    Bound,
    Decoding,
    ElementBits,
    LayerSpeed,
    Prompt,
    Roofline,
    Routing,
    Speed,
)
from shapecalc.questions.speed.work import layers_work, network_bytes
from shapecalc.text.units import parse_bits, parse_tokens

if TYPE_CHECKING:
    from shapecalc.model.report import Report
    from shapecalc.questions.memory.weights.stored_bytes import Storing

__all__ = [
    "COMPUTE",
    "MEMORY",
    "Bound",
    "Decoding",
    "Device",
    "ElementBits",
    "LayerSpeed",
    "Peak",
    "Prompt",
    "Roofline",
    "Routing",
    "Speed",
    "bundled_devices",
    "device_text",
    "find_device",
    "speed",
]


def speed(
    report: Report,
    *,
    device: Any,
    weights: int | str | None = None,
    weights_of: Any = (),
    activations: int | str | None = None,
    kv_bits: int | str | None = None,
    prompt: int | str | None = None,
    context: int | str | None = None,
) -> Speed:
    """Return lower bounds on the time that a network needs on a device, for the batch of the report.

    `device` is the name of a bundled device, the path of a file, or a mapping with its keys. `weights` and
    `activations` are bits of an element: 16 by default, or those of the model's own file; `weights` may be a format
    (`"q4_k_m"`), `weights_of` are patterns of layers with another. `kv_bits` are by default those of activations.
    Arithmetic has the width of activations. Of a decoder, also the time to the first token after a `prompt`, by
    default as long as the input, and that of a decoding step after a `context`, by default the prompt: both are
    numbers of tokens, or `"8k"`.
    Errors: `UsageError` for an invalid option, `SpecError` for a wrong file of a device.
    """
    chosen, asked = find_device(device), {"prompt": prompt, "context": context}
    own = report.graph.stored
    asked_weights = _USUAL if weights is None and not (own and own.weights) else weights
    storing, _ = choose_storing(report, asked_weights, weights_of)
    each = weight_bytes(report, storing)
    usual = own.activations if own and own.activations else _USUAL
    width = parse_bits(usual if activations is None else activations, "activations")
    kv_cache = width if kv_bits is None else read_bits(kv_bits, "the KV cache")
    average = average_bits(report, storing, each)
    widths = ElementBits(average, width, kv_cache, storing.format.name if storing.is_named else "")
    roofline = Roofline(chosen.bandwidth, chosen.peak_at(width))
    work = layers_work(report, storing, width)
    layers = tuple([
        LayerSpeed(row.name, row.kind, one.weights, one.activations, roofline.bound(one.bytes, one.macs))
        for row, one in zip(report.rows, work, strict=True)
    ])  # fmt: skip
    moved = network_bytes(report, [one.weights for one in work], width)
    whole = roofline.bound(moved, sum(one.macs for one in work))
    found = Speed(report, chosen, widths, roofline, layers, whole, sum(each))
    tokens = [None if given is None else parse_tokens(given, f"the {what}") for what, given in asked.items()]
    return _with_decoding(found, storing, *tokens)


_USUAL = 16
"""Bits of weights and activations, as models are served."""


def _with_decoding(
    found: Speed,
    storing: Storing,
    prompt: int | None,
    context: int | None,
) -> Speed:
    """Return the bounds with those on decoding. Errors: `UsageError` if these are asked for and there are none."""
    try:
        decoder = decoder_of(found.report, found.roofline, found.widths, storing, prompt)
        first = decoder.first_token() if decoder else None
    except UsageError as error:
        if prompt is not None or context is not None:
            raise
        return _changed(found, why_no_decoding=error.problems[0].message)
    if decoder is None or first is None:
        if prompt is not None or context is not None:
            message = f"{found.name or 'the network'} is not a decoder: it caches no keys and values, and no state"
            raise UsageError(Problem(message, hint="leave out the prompt and the context"))
        return found
    limit = None if decoder.cache.limit is None else decoder.cache.limit - 1
    if context is not None:
        check_tokens(context, "context", 0, decoder.cache.limit, more=1)
    past = context if context is not None else first.tokens if limit is None else min(first.tokens, limit)
    return _changed(found, prompt=first, decoding=decoder.step(past))


def _changed(found: Speed, **fields: Any) -> Speed:
    return Speed(
        found.report, found.device, found.widths, found.roofline, found.layers, found.network, found.stored, **fields
    )
