"""Attention within windows, and learned biases of distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.onnx.attention import attend, buckets, joined
from shapecalc.exporters.onnx.embeddings import positions
from shapecalc.exporters.onnx.table import NoCounterpartError, writes
from shapecalc.layers.base.per_axis import per_axis

if TYPE_CHECKING:
    from shapecalc.exporters.onnx.table import LayerSite


@writes("window_attention")
def _window_attention(site: LayerSite) -> str:
    """With a bias for the distance of each pair of tokens of a window."""
    given, weights = site.given, site.weights
    *leading, length, channels = site.x.sizes
    heads, width = given["num_heads"], channels // given["num_heads"]
    if given["position"] == "mlp":
        raise NoCounterpartError("the biases of Swin v2, which a network computes of distances")
    bias = site.weight("qkv.bias") if "qkv.bias" in weights else None
    every = site.project(site.names[0], site.weight("qkv.weight"), bias)
    n = len(leading) + 1
    parts = site.op("Split", every, site.graph.numbers(*[channels] * 3), outputs=3, axis=-1)
    order = [*range(n), n + 1, n, n + 2]
    q, k, v = [site.transpose(site.reshape(part, (*leading, length, heads, width)), order) for part in parts]

    def change(scores: str) -> str:
        if "relative_position_table" not in weights:
            return scores
        table = site.op("Gather", site.weight("relative_position_table"), _window_index(site), axis=0)
        return str(site.op("Add", scores, site.op("Transpose", table, perm=[2, 0, 1])))

    found, _ = attend(site, (q, k, v), leading, (heads, heads), (length, length), (width, width), change)
    proj = site.weight("proj.bias") if "proj.bias" in weights else None
    return site.project(joined(site, found, leading, length, channels), site.weight("proj.weight"), proj)


@writes("relative_position_bias")
def _relative_position_bias(site: LayerSite) -> str:
    """The biases of the distances in a window, or of T5's buckets of them."""
    count = site.given["num_buckets"]
    length, keys = site.x.sizes[-2:]
    at = _window_index(site) if count is None else buckets(site, length, keys, count, is_causal=False)
    table = site.op("Gather", site.weight("weight"), at, axis=0)
    return str(site.op("Add", site.names[0], site.op("Transpose", table, perm=[2, 0, 1])))


def _window_index(site: LayerSite) -> str:
    """Add which row of the table each pair of tokens of a window has (Swin, Liu et al. 2021, section 3.2)."""
    height, width = per_axis(site.given["window_size"], 2)
    key = ("window", height, width)
    cache = site.graph.cache
    if key not in cache:
        number, tokens = site.graph.number, positions(site, height * width)
        row = site.op("Floor", site.scale(tokens, 1 / width + 1e-7))
        column = site.op("Sub", tokens, site.scale(row, float(width)))
        along = []
        for at, size in ((row, height), (column, width)):
            rows = site.op("Reshape", at, site.graph.numbers(height * width, 1))
            along.append(site.op("Add", site.op("Sub", rows, at), number(float(size - 1))))
        index = site.op("Add", site.scale(along[0], float(2 * width - 1)), along[1])
        cache[key] = site.op("Cast", index, to=7)
    return cache[key]
