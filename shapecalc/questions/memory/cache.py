"""What a decoder caches during autoregressive decoding: keys and values of its past tokens, and of its source.

Causal attention caches a key and a value for each past token; within a window, of no more tokens than that. A
recurrence keeps a state of one size, however many tokens are past. Cross-attention caches keys and values of its
source, once: it is the attention whose queries depend on a causal attention and whose keys do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.questions.memory.plan import stored

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.model.report import Report

__all__ = ["Cache", "cache_of"]

UNLIMITED = 0
"""The window of attention to all past tokens."""


class Cache(NamedTuple):
    """What a decoder caches for one sample, in elements of `bits` each.

    `past` is, for each window (0: all past tokens), what is cached for each token within it; `source_token` is for each
    token of the source, and `source` for all of it; `state` is that of recurrences, however many tokens are past;
    `limit` is the longest sequence that the network works on, if there is one.
    """

    bits: int | Fraction
    past: dict[int, int]
    source_token: int
    source: int
    state: int = 0
    limit: int | None = None

    @property
    def per_token(self) -> int:
        """The bytes for each past token, within all windows."""
        return stored(sum(self.past.values()), self.bits)

    @property
    def windows(self) -> dict[int, int]:
        """The bytes for each past token, by the window that it must be within; without those that need all."""
        return {window: stored(each, self.bits) for window, each in self.past.items() if window != UNLIMITED}

    def needed(self, tokens: int) -> int:
        """Return the bytes after that many tokens: within a window, no more tokens are needed than it has."""
        elements = sum(each * (min(tokens, window) if window else tokens) for window, each in self.past.items())
        return stored(elements + self.source + self.state, self.bits)

    def reserved(self, tokens: int) -> int:
        """Return the bytes after that many tokens if all are kept, also those outside the windows."""
        return stored(sum(self.past.values()) * tokens + self.source + self.state, self.bits)


def cache_of(report: Report, bits: int | Fraction) -> Cache:
    """Return the KV cache of a decoder, with this number of bits per element; empty if no attention is causal."""
    follows: list[bool] = []
    past: dict[int, int] = {}
    source_token = source = state = 0
    limits: set[int | None] = set()
    for row in report.rows:
        layer, inputs = row.node.layer, row.node.inputs
        assert layer is not None
        each = layer.kv_cache(*row.sizing.inputs)
        state += layer.state_cache(*row.sizing.inputs)
        limits.add(layer.longest_sequence())
        after = [ref.node >= 0 and follows[ref.node] for ref in inputs]
        follows.append(bool(each) or any(after))
        if each:
            window = layer.cache_window() or UNLIMITED
            past[window] = past.get(window, 0) + each
        if len(inputs) > 1 and after[0] and not after[1]:
            each, positions = layer.cross_kv_cache(*row.sizing.inputs)
            source_token += each
            source += each * positions
    return Cache(bits, past, source_token, source, state, min(filter(None, limits), default=None))
