"""The learned tensors of a network, and what each is to it: what formats of weights decide by.

A kind declares the roles of its weights. What a PROJECTION is follows from where it stands: the output layer of a
language model has the size of its table of tokens; a router's scores choose experts; the second layer of a feed-forward
network reads nothing but element-wise functions of other projections, which are its first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.layers.base.roles import (
    EXPERTS_DOWN,
    EXPERTS_UP,
    FEED_FORWARD_DOWN,
    FEED_FORWARD_UP,
    FROM_LATENT,
    OUTPUT,
    PROJECTION,
    QUERY,
    QUERY_KEY_VALUE,
    ROUTER,
    TOKENS,
    VALUE,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["Tensor", "Traits", "roles_of_projections", "tensors_of", "traits_of"]

VALUES = (VALUE, QUERY_KEY_VALUE, FROM_LATENT)
"""The roles of a weight that attention's values come from: one in each layer of attention."""

_FEED_FORWARD = (FEED_FORWARD_UP, FEED_FORWARD_DOWN, EXPERTS_UP, EXPERTS_DOWN)
_MOST_FOLLOWED = 8
"""The maximum number of projections that one value is followed back to: more are no feed-forward network."""


class Tensor(NamedTuple):
    """A learned tensor: its layer, its name, its sizes, and its role.

    Tensors of one sort are numbered by the layers of the network: it is `number`, from 0, of `numbered`.
    """

    layer: str
    name: str
    sizes: tuple[int, ...]
    role: str
    number: int = 0
    numbered: int = 1


class Traits(NamedTuple):
    """What a mixture of formats asks of a whole network.

    `sharing` is how many heads of queries share one of keys and values, `experts` how many there are in a layer (0:
    none), `layers` those with attention; `tied` is whether no output layer has weights of its own.
    """

    sharing: int
    experts: int
    layers: int
    tied: bool


def tensors_of(report: Report) -> list[tuple[Tensor, ...]]:
    """Return the learned tensors of every layer; none of one that shares those of another."""
    roles = roles_of_projections(report)
    rows = [_tensors(row, roles.get(index, PROJECTION)) for index, row in enumerate(report.rows)]
    return _numbered(rows)


def traits_of(rows: Sequence[Iterable[Tensor]]) -> Traits:
    """Return what a mixture asks of a network, from the tensors of its layers."""
    every = [tensor for row in rows for tensor in row]
    sizes = {role: next((tensor.sizes for tensor in every if tensor.role == role), ()) for role in (QUERY, VALUE)}
    sharing = sizes[QUERY][0] // sizes[VALUE][0] if all(sizes.values()) else 1
    experts = next((tensor.sizes[0] for tensor in every if tensor.role == EXPERTS_DOWN), 0)
    layers = sum(tensor.role in VALUES for tensor in every)
    return Traits(sharing, experts, layers, all(tensor.role != OUTPUT for tensor in every))


def _tensors(row: Row, projection: str) -> tuple[Tensor, ...]:
    layer = row.node.layer
    if layer is None or row.node.shares >= 0:
        return ()
    shapes = {name: sizes for name, sizes in row.sizing.weight_shapes.items() if name not in row.node.held}
    roles = {name: layer.weight_roles.get(name, "") for name in shapes}
    return tuple(
        [
            Tensor(row.name, name, sizes, projection if roles[name] == PROJECTION else roles[name])
            for name, sizes in shapes.items()
        ]
    )


def _numbered(rows: Sequence[tuple[Tensor, ...]]) -> list[tuple[Tensor, ...]]:
    """Return the tensors with their numbers: those of values in their order, others by the layer of attention before.

    So the experts of a layer and those that all of its tokens share have the same number.
    """
    values, after = 0, []
    own: list[list[int]] = []
    for row in rows:
        places = []
        for tensor in row:
            values += tensor.role in VALUES
            places.append(values)
            if tensor.role in _FEED_FORWARD:
                after.append(values)
        own.append(places)
    networks = {place: index for index, place in enumerate(dict.fromkeys(after))}

    def numbered(tensor: Tensor, place: int) -> Tensor:
        if tensor.role in VALUES:
            return tensor._replace(number=place - 1, numbered=values)
        if tensor.role in _FEED_FORWARD:
            return tensor._replace(number=networks[place], numbered=len(networks))
        return tensor

    return [tuple(map(numbered, row, places)) for row, places in zip(rows, own, strict=True)]


class _Path(NamedTuple):
    """The projections that a value comes from through layers without weights, and by what: all were element-wise.

    `functions` is whether any of them computes.
    """

    projections: tuple[int, ...]
    elementwise: bool = True
    functions: bool = False


def roles_of_projections(report: Report) -> dict[int, str]:
    """Return the roles of layers with a projection, by their index, where they follow from the network."""
    roles: dict[int, str] = {}
    paths: list[_Path | None] = []
    tables: set[tuple[int, ...]] = set()
    for index, row in enumerate(report.rows):
        layer = row.node.layer
        assert layer is not None
        before = [paths[ref.node] if ref.node >= 0 else None for ref in row.node.inputs]
        declared = {role: row.sizing.weight_shapes[name] for name, role in layer.weight_roles.items()
                    if name in row.sizing.weight_shapes}  # fmt: skip
        if TOKENS in declared:
            tables.add(declared[TOKENS])
        if PROJECTION in declared:
            if declared[PROJECTION] in tables:
                roles[index] = OUTPUT
            elif before[0] and before[0].functions and before[0].elementwise:
                roles[index] = FEED_FORWARD_DOWN
                roles.update((i, FEED_FORWARD_UP) for i in before[0].projections if i not in roles)
            if layer.routed_by is not None:
                roles[index] = EXPERTS_DOWN if roles.get(index) == FEED_FORWARD_DOWN else EXPERTS_UP
        if layer.routed_by is not None and layer.routed_by < len(before):
            scores = before[layer.routed_by]
            roles.update((i, ROUTER) for i in (scores.projections if scores else ()))
        paths.append(_path(row, index, before, is_projection=PROJECTION in declared))
    return roles


def _path(row: Row, index: int, before: Sequence[_Path | None], *, is_projection: bool) -> _Path | None:
    """Return the path to the output of a layer; None where it does not come from projections alone."""
    layer = row.node.layer
    assert layer is not None
    if is_projection:
        return _Path((index,))
    known = [path for path in before if path]
    if row.sizing.weight_shapes or not known or len(known) < len(before):
        return None
    projections = tuple(dict.fromkeys(i for path in known for i in path.projections))
    if len(projections) > _MOST_FOLLOWED:
        return None
    elementwise = all(path.elementwise for path in known) and (layer.elementwise or layer.view or layer.only_training)
    computes = layer.elementwise and not layer.only_training
    return _Path(projections, elementwise, computes or any(path.functions for path in known))
