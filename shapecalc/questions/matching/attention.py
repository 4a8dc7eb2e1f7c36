"""Attention of two networks: one layer, or its projections with the products between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import prod
from shapecalc.layers.base.arguments import HEADS, KV_HEADS
from shapecalc.questions.matching.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.rows import Row
    from shapecalc.questions.matching.pairs import Side

__all__ = ["attention_facts", "is_of_scores", "is_product", "part_facts", "unite_attention"]

_SCORES = 6
"""As many steps are between the product of queries and keys and what is computed of it: scale, mask, softmax."""


def unite_attention(sides: Sequence[Side]) -> None:
    """Compare attention as one layer, where one network has it so, and perhaps the other its projections."""
    wholes = [[one for one in side.steps if _score_heads(side.rows[one])] for side in sides]
    if not any(wholes):
        return
    for side, own in zip(sides, wholes, strict=True):
        for one in own:
            side.unite((one,))
        for last in [*side.steps]:
            parts = _projections(side, last)
            if parts:
                side.unite((*sorted(parts), last))


def _projections(side: Side, last: int) -> set[int]:
    """Return the layers of which attention is computed that a layer projects; none if it is no such layer."""
    between = side.between(side.rows[last].node.inputs)[1]
    cores = [one for one in between if _heads(side.rows[one])]
    if not cores or (len(cores) != 2 and not _score_heads(side.rows[cores[0]])):
        return set()
    parts = {one for core in cores for one in side.between(side.rows[core].node.inputs)[0] if one >= 0}
    norms = {one for one in parts if side.axes(one) == 1 and not side.is_tensor(one)}
    if len(norms) > 1:  # of queries and keys
        parts |= {one for norm in norms for one in side.between(side.rows[norm].node.inputs)[0] if one >= 0}
    return parts


def attention_facts(one: Sequence[Row], other: Sequence[Row]) -> Iterator[Fact]:
    """Yield in what attention differs, of the layers that compute it: its heads, and whether it is causal."""
    heads, kept = ([max(map(count, rows), default=0) for rows in (one, other)] for count in (_heads, _kv_heads))
    if all(heads) and heads[0] != heads[1]:
        yield Fact("heads", *heads)
    if all(kept) and kept[0] != kept[1] and kept != heads:
        yield Fact("heads of keys and values", *kept)
    causal = [_causal(rows) for rows in (one, other)]
    if None not in causal and causal[0] != causal[1]:
        yield Fact("causal mask", *(str(value).lower() for value in causal))


def part_facts(model: Side, one: int, spec: Side, other: int) -> Iterator[Fact]:
    """Yield the weights of attention that differ, where one network has it as several layers."""
    yield Fact("parameters", f"{model.params(one):,}", f"{spec.params(other):,}")
    yield Fact("weights", _weights(model.parts(one)), _weights(spec.parts(other)))


def _weights(parts: Sequence[Row]) -> str:
    found = []
    for row in parts:
        shapes = ["×".join(map(str, shape)) for shape in row.sizing.weight_shapes.values()]
        name = row.name.rpartition(".")[2]
        found.append(f"{name} {' + '.join(shapes)}")
    return ", ".join(found)


def is_of_scores(side: Side, number: int) -> bool:
    """Return whether a layer computes on the product of queries and keys, or is one of the products: no activation."""
    waiting, steps = [number], 0
    while waiting and steps < _SCORES:
        steps += 1
        one = waiting.pop()
        row = side.rows[one]
        if row.sizing.weight_shapes or row.node.layer is None:
            continue
        if _heads(row):
            return True
        if row.node.layer.elementwise:
            waiting += [used for used in side.used(one) if used >= 0]
    return False


def is_product(row: Row) -> bool:
    """Return whether a layer multiplies tensors, as attention does, and is not one with weights."""
    return bool(_heads(row)) and not row.sizing.weight_shapes


def _score_heads(row: Row) -> Any:
    return row.node.layer.score_heads(*row.sizing.inputs) if row.node.layer else 0


def _heads(row: Row) -> Any:
    """Return the heads of attention, or of a product of tensors."""
    heads = _score_heads(row)
    if heads or row.sizing.weight_shapes or not row.macs:
        return heads
    return prod(row.sizing.outputs[0].sizes[:-2])


def _kv_heads(row: Row) -> Any:
    """Return the heads of keys and values; 0 where that is not known."""
    layer = row.node.layer
    if not _score_heads(row) or layer is None:
        return 0
    roles = {argument.role: vars(layer)[name] for name, argument in layer.arguments.items()}
    if row.sizing.weight_shapes:
        return roles.get(KV_HEADS) or roles.get(HEADS, 0)
    return prod(row.sizing.inputs[1].sizes[:-2])


def _causal(rows: Sequence[Row]) -> bool | None:
    """Return whether attention is causal; None where a mask, or arithmetic, may make it so."""
    found = [row for row in rows if _score_heads(row)]
    if len(found) != 1 or (len(rows) > 1 and len([*filter(_heads, rows)]) > 1):
        return None
    (row,) = found
    masked = len(row.node.inputs) > (1 if row.sizing.weight_shapes else 3)
    return None if masked or row.node.layer is None else bool(row.node.layer.is_causal)
