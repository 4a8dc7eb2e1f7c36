"""What a decoder caches during autoregressive decoding: keys and values of its past tokens, and of its source.

Causal attention caches a key and a value for each past token. Cross-attention caches those of its source, once: it is
the attention whose queries depend on a causal attention and whose keys do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.questions.memory.plan import stored

if TYPE_CHECKING:
    from shapecalc.model.report import Report

__all__ = ["Cache", "cache_of"]


class Cache(NamedTuple):
    """The bytes of the key/value cache of one sample.

    `per_token` is for each past token, `per_source_token` for each token of the source, and `source` for all of it.
    """

    per_token: int
    per_source_token: int
    source: int


def cache_of(report: Report, bits: int) -> Cache:
    """Return the KV cache of a decoder, with this number of bits per element; 0 if no attention is causal."""
    follows: list[bool] = []
    per_token = per_source_token = source = 0
    for row in report.rows:
        layer, inputs = row.node.layer, row.node.inputs
        assert layer is not None
        past = layer.kv_cache(*row.sizing.inputs)
        after = [ref.node >= 0 and follows[ref.node] for ref in inputs]
        follows.append(bool(past) or any(after))
        per_token += past
        if len(inputs) > 1 and after[0] and not after[1]:
            each, positions = layer.cross_kv_cache(*row.sizing.inputs)
            per_source_token += each
            source += each * positions
    return Cache(stored(per_token, bits), stored(per_source_token, bits), stored(source, bits))
