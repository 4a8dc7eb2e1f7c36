"""What a decoder caches during autoregressive decoding: keys and values of its past tokens, and of its source.

Causal attention caches a key and a value for each past token; within a window, of no more tokens than that. A
recurrence keeps a state of one size, however many tokens are past, in fp32; the last inputs of its convolution are
activations (as in transformers 5.24, tests/data/kv_caches.json). Cross-attention caches keys and values of its source,
once: it is the attention whose queries depend on a causal attention and whose keys do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import minimum, total
from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.plan import stored

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from shapecalc.model.graph import Node
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Sizing

__all__ = ["Cache", "Cached", "ContextError", "cache_of", "cached_elements", "check_length"]

UNLIMITED = 0
"""The window of attention to all past tokens."""

_RECURRENT_BITS = 32
"""The bits of a recurrence's state, if activations have no more."""


class ContextError(UsageError):
    """A context is longer than the sequences that a network works on."""


def check_length(tokens: int, what: str, positions: int | None, *, more: int) -> None:
    """Check that a network has positions for `tokens` of a context or a prompt, and `more` for the next one (0 or 1).

    Errors: `ContextError`.
    """
    if positions is not None and tokens + more > positions:
        words = f"a {what} of {tokens:,} tokens {'and the next one are' if more else 'is'}"
        hint = f"give at most {positions - more:,}"
        raise ContextError(Problem(f"{words} more than the {positions:,} positions of the network", hint=hint))


class Cached(NamedTuple):
    """What a decoder caches for one sample, in elements of any kind of number.

    `past` has for each layer its window (0: all past tokens) and what it caches for each token within it. `state` are
    states of recurrences, and `inputs` the last ones of their convolutions.
    """

    past: list[tuple[Any, Any]]
    source_token: Any
    source: Any
    state: Any
    inputs: Any

    def needed(self, tokens: int, bits: int | Fraction, activation_bits: int | Fraction) -> Any:
        """Return the bytes after that many tokens: within a window, no more tokens are needed than it has."""
        within = [each * (tokens if window is UNLIMITED else minimum(tokens, window)) for window, each in self.past]
        return stored(total(within) + self.source, bits) + self.states(activation_bits)

    def states(self, activation_bits: int | Fraction) -> Any:
        """Return the bytes that recurrences keep."""
        return stored(self.inputs, activation_bits) + stored(self.state, max(_RECURRENT_BITS, activation_bits))


def cached_elements(nodes: Sequence[Node], sizings: Sequence[Sizing]) -> Cached:
    """Return what the layers of a decoder cache; nothing if no attention is causal."""
    follows: list[bool] = []
    past: list[tuple[Any, Any]] = []
    source_token: Any = 0
    source: Any = 0
    state: Any = 0
    inputs: Any = 0
    for node, sizing in zip(nodes, sizings, strict=True):
        layer = node.layer
        assert layer is not None
        each = layer.kv_cache(*sizing.inputs)
        caches = type(each) is not int or each > 0
        recurrent = layer.recurrent_state(*sizing.inputs)
        state = state + recurrent
        inputs = inputs + (layer.state_cache(*sizing.inputs) - recurrent)
        after = [ref.node >= 0 and follows[ref.node] for ref in node.inputs]
        follows.append(caches or any(after))
        if caches:
            window = layer.cache_window()
            past.append((UNLIMITED if window is None else window, each))
        if len(after) > 1 and after[0] and not after[1]:
            each, positions = layer.cross_kv_cache(*sizing.inputs)
            source_token = source_token + each
            source = source + each * positions
    return Cached(past, source_token, source, state, inputs)


class Cache(NamedTuple):
    """What a decoder caches for one sample, in elements of `bits` each, and the bytes of what recurrences keep.

    `past` is, for each window (0: all past tokens), what is cached for each token within it; `source_token` is for each
    token of the source, and `source` for all of it; `states` are the bytes of states, however many tokens are past;
    `limit` is the longest sequence that the network works on, if there is one.
    """

    bits: int | Fraction
    past: dict[int, int]
    source_token: int
    source: int
    states: int = 0
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
        return stored(elements + self.source, self.bits) + self.states

    def reserved(self, tokens: int) -> int:
        """Return the bytes after that many tokens if all are kept, also those outside the windows."""
        return stored(sum(self.past.values()) * tokens + self.source, self.bits) + self.states


def cache_of(report: Report, bits: int | Fraction, activation_bits: int | Fraction) -> Cache:
    """Return what a decoder caches, with this number of bits per element; empty if no attention is causal."""
    found = cached_elements([row.node for row in report.rows], [row.sizing for row in report.rows])
    past: dict[int, int] = {}
    for window, each in found.past:
        past[window] = past.get(window, 0) + each
    return Cache(bits, past, found.source_token, found.source, found.states(activation_bits), _limit_of(report))


def _limit_of(report: Report) -> int | None:
    """Return the longest sequence that the tables of positions of a decoder allow, or None.

    Tables of other sequences, as of an image before the text, are those with another length than what is cached.
    """
    rows = [(row.node.layer, row.sizing.inputs) for row in report.rows if row.node.layer]
    lengths = {inputs[0].sizes[-2] for layer, inputs in rows if layer.kv_cache(*inputs)}
    tables = [(limit, inputs) for layer, inputs in rows if (limit := layer.longest_sequence())]
    return min((limit for limit, inputs in tables if not lengths or inputs[0].sizes[-2] in lengths), default=None)
