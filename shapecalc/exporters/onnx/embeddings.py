"""Embeddings, learned and constant tensors: looked up, added or prepended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.exporters.onnx.table import ALIKE, OWN, ROTARY, writes

if TYPE_CHECKING:
    from shapecalc.exporters.onnx.table import LayerSite

__all__ = ["positions"]


def positions(site: LayerSite, length: int) -> str:
    """Add the numbers 0, 1, … as fractions; they are computed once for the whole network."""
    key = ("positions", length)
    cache = site.graph.cache
    if key not in cache:
        number = site.graph.number
        cache[key] = site.op("Cast", site.op("Range", number(0), number(length), number(1)), to=1)
    return cache[key]


@writes("embedding", order=OWN)
def _embedding(site: LayerSite) -> str:
    return str(site.op("Gather", site.weight("weight"), site.names[0], axis=0))


@writes("position_embedding")
def _position_embedding(site: LayerSite) -> str:
    rows, features = site.weights["weight"]
    table, length, offset = site.weight("weight"), site.x.sizes[-2], site.given["offset"] or 0
    if site.given["interpolate"] and rows != length:
        columns = site.op("Reshape", site.op("Transpose", table, perm=[1, 0]), site.graph.numbers(1, features, rows))
        resized = site.op("Resize", columns, "", "", site.graph.numbers(1, features, length), mode="linear")
        table = site.op("Transpose", resized, perm=[0, 2, 1])
    elif (rows, offset) != (length, 0):
        table = site.slice(table, 0, offset, offset + length)
    return str(site.op("Add", site.names[0], table))


@writes("sinusoidal_embedding")
def _sinusoidal_embedding(site: LayerSite) -> str:
    length, features = site.x.sizes[-2:]
    key = ("sinusoids", length, features)
    if key not in site.graph.cache:
        angles = _angles(site, length, -(-features // 2), features, 10_000.0)
        table = site.op("Concat", site.op("Sin", angles), site.op("Cos", angles), axis=-1)
        site.graph.cache[key] = table if features % 2 == 0 else site.slice(table, 1, 0, features)
    return str(site.op("Add", site.names[0], site.graph.cache[key]))


def _angles(site: LayerSite, length: int, count: int, features: int, base: float) -> str:
    """Add the angle of each position and pair of features: position / base^(2i / features)."""
    from math import log

    frequencies = site.op("Exp", site.scale(positions(site, count), -2 * log(base) / features))
    rows = site.op("Reshape", positions(site, length), site.graph.numbers(length, 1))
    return str(site.op("Mul", rows, frequencies))


def rotated(site: LayerSite, x: str, length: int, width: int, rotary_dim: int, base: float) -> str:
    """Add the rotation of pairs of the first features of queries or keys (…, length, width) by their position."""
    half, key = rotary_dim // 2, ("rotation", length, rotary_dim, base)
    cache = site.graph.cache
    if key not in cache:
        angles = _angles(site, length, half, rotary_dim, base)
        cache[key] = site.op("Cos", angles)
        cache["sines", key] = site.op("Sin", angles)
    cos, sin = cache[key], cache["sines", key]
    sizes = [half, half, *([width - rotary_dim] if width > rotary_dim else [])]
    one, other, *rest = site.op("Split", x, site.graph.numbers(*sizes), outputs=len(sizes), axis=-1)
    first = site.op("Sub", site.op("Mul", one, cos), site.op("Mul", other, sin))
    second = site.op("Add", site.op("Mul", other, cos), site.op("Mul", one, sin))
    return str(site.op("Concat", first, second, *rest, axis=-1))


@writes(ROTARY)
def _rotary_embedding(site: LayerSite) -> str:
    """It is a part of the attention after it."""
    return site.names[0]


@writes("parameter")
def _parameter(site: LayerSite) -> str:
    return _for_each(site, site.weight("weight"))


@writes("constant")
def _constant(site: LayerSite) -> str:
    return _for_each(site, site.graph.filled(site.outputs[0].sizes, is_integer=bool(site.integers)))


def _for_each(site: LayerSite, tensor: str) -> str:
    """Return a tensor with a first axis of 1, where others have the batch."""
    found = site.op("Reshape", tensor, site.graph.numbers(1, *site.outputs[0].sizes))
    site.graph.fixed.add(found)
    return str(found)


@writes("class_token")
def _class_token(site: LayerSite) -> str:
    graph, x = site.graph, site.names[0]
    lead = site.x.rank - 1
    shape = graph.op("Slice", graph.op("Shape", x), graph.numbers(0), graph.numbers(lead), graph.numbers(0))
    token = site.weight("weight")
    full = graph.op("Expand", token, graph.op("Concat", shape, graph.numbers(*site.weights["weight"]), axis=0))
    return str(site.op("Concat", full, x, axis=lead))


@writes("mask_token", order=ALIKE)
def _mask_token(site: LayerSite) -> str:
    """Nothing is hidden at inference: the token is chosen nowhere."""
    nowhere = site.op("Cast", site.graph.filled((site.x.sizes[-1],)), to=9)
    return str(site.op("Where", nowhere, site.weight("weight"), site.names[0]))
