"""What a decoder caches during autoregressive decoding: keys and values of its past tokens, and of its source.

Causal attention caches a key and a value for each past token; within a window, of no more tokens than that. A
recurrence keeps a state of one size, however many tokens are past. Cross-attention caches keys and values of its
source, once: it is the attention whose queries depend on a causal attention and whose keys do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import minimum, total
from shapecalc.questions.memory.plan import stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from shapecalc.model.graph import Node
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Sizing

__all__ = ["Cache", "Cached", "cache_of", "cached_elements"]

UNLIMITED = 0
"""The window of attention to all past tokens."""


class Cached(NamedTuple):
    """What a decoder caches for one sample, in elements of any kind of number.

    `past` has for each layer its window (0: all past tokens) and what it caches for each token within it.
    """

    past: list[tuple[Any, Any]]
    source_token: Any
    source: Any
    state: Any

    def needed(self, tokens: int) -> Any:
        """Return the elements after that many tokens: within a window, no more tokens are needed than it has."""
        within = [each * (tokens if window is UNLIMITED else minimum(tokens, window)) for window, each in self.past]
        return total(within) + self.source + self.state


def cached_elements(nodes: Sequence[Node], sizings: Sequence[Sizing]) -> Cached:
    """Return what the layers of a decoder cache; nothing if no attention is causal."""
    follows: list[bool] = []
    past: list[tuple[Any, Any]] = []
    source_token: Any = 0
    source: Any = 0
    state: Any = 0
    for node, sizing in zip(nodes, sizings, strict=True):
        layer = node.layer
        assert layer is not None
        each = layer.kv_cache(*sizing.inputs)
        caches = type(each) is not int or each > 0
        state = state + layer.state_cache(*sizing.inputs)
        after = [ref.node >= 0 and follows[ref.node] for ref in node.inputs]
        follows.append(caches or any(after))
        if caches:
            window = layer.cache_window()
            past.append((UNLIMITED if window is None else window, each))
        if len(after) > 1 and after[0] and not after[1]:
            each, positions = layer.cross_kv_cache(*sizing.inputs)
            source_token = source_token + each
            source = source + each * positions
    return Cached(past, source_token, source, state)


class Cache(NamedTuple):
    """What a decoder caches for one sample, in elements of `bits` each, and of `state_bits` in states of recurrences.

    `past` is, for each window (0: all past tokens), what is cached for each token within it; `source_token` is for each
    token of the source, and `source` for all of it; `state` is that of recurrences, however many tokens are past;
    `limit` is the longest sequence that the network works on, if there is one.
    """

    bits: int | Fraction
    state_bits: int | Fraction
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

    @property
    def states(self) -> int:
        """The bytes of the states of recurrences."""
        return stored(self.state, self.state_bits)

    def needed(self, tokens: int) -> int:
        """Return the bytes after that many tokens: within a window, no more tokens are needed than it has."""
        elements = sum(each * (min(tokens, window) if window else tokens) for window, each in self.past.items())
        return stored(elements + self.source, self.bits) + self.states

    def reserved(self, tokens: int) -> int:
        """Return the bytes after that many tokens if all are kept, also those outside the windows."""
        return stored(sum(self.past.values()) * tokens + self.source, self.bits) + self.states


def cache_of(report: Report, bits: int | Fraction, state_bits: int | Fraction | None = None) -> Cache:
    """Return what a decoder caches, with this number of bits per element; empty if no attention is causal.

    `state_bits` are those of states of recurrences, which are computed with: by default the same.
    """
    found = cached_elements([row.node for row in report.rows], [row.sizing for row in report.rows])
    past: dict[int, int] = {}
    for window, each in found.past:
        past[window] = past.get(window, 0) + each
    limits = {row.node.layer.longest_sequence() for row in report.rows if row.node.layer}
    limit = min(filter(None, limits), default=None)
    return Cache(
        bits, bits if state_bits is None else state_bits, past, found.source_token, found.source, found.state, limit
    )
