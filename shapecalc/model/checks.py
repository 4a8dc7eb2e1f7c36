"""Whether inputs are what a layer expects, and the hints of a shape error: only such that do fix the layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import EQUAL, holds, prod
from shapecalc.errors import Insertion, LayerError, count_noun, hint_of
from shapecalc.layers.base.arguments import STATED
from shapecalc.layers.base.layer import FEATURES_LAST, normalise_word, stated_rank
from shapecalc.layers.base.ranks import wrong_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.dims import Constraint
    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape

__all__ = ["NO_BATCH", "OR_BATCH", "check_inputs", "check_number", "with_hint"]


def check_inputs(layer: Layer, inputs: Sequence[Shape]) -> None:
    """Check the number of inputs of a layer, and their numbers of axes against the rank in its name.

    Errors: `LayerError`.
    """
    check_number(layer, len(inputs))
    ranks = layer.expected_ranks()
    if ranks is None or not inputs:
        return
    rank = layer.spatial_rank(inputs[0])
    if not layer.expects_rank(rank, layer.name_used):
        hint = _rank_hint(layer, inputs[0], rank) if layer.name_used else ""
        error = wrong_rank(layer.name_used or layer.kind, inputs[0], ranks, hint)
        if not hint and inputs[0].rank == 1:
            known = error.hint
            error.suggest(lambda place: place(vector) if (vector := _vector(layer, inputs[0])) else known)
        raise error


def _vector(layer: Layer, x: Shape) -> Insertion | None:
    """Return the reshape of a vector that fits a convolution."""
    from shapecalc.model.vectors import map_of_vector  # only where something is wrong

    return map_of_vector(layer, x, _fits)


def with_hint(constraint: Constraint, layer: Layer, inputs: tuple[Shape, ...]) -> LayerError:
    """Return the error of a constraint that is not met, with only those of its proposals that fix the layer."""
    error = constraint.error()
    error.sides = (constraint.left, constraint.right)
    stated = [proposal for proposal in error.proposals if proposal.argument in layer.arguments]

    def work(place: Callable[[Insertion], str]) -> str:
        batch = _without_batch(layer, inputs[0]) if stated and constraint.relation == EQUAL else ""
        batch = "" if _is_colour_image(inputs[0]) else batch
        if batch and inputs[0].sizes[0] == 1:
            return batch
        moved = _moved_axis(constraint, layer, inputs)
        if moved and (not batch or inputs[0].rank == 2):  # length × features, or a batch of vectors
            axis = inputs[0].sizes.index(constraint.right) + 1
            hint = f"axis {axis} of its input is {constraint.right}: {place(moved)}"
            return f"{hint}{OR_BATCH}{inputs[0].sizes[0]} is the batch, leave that out: {NO_BATCH}" if batch else hint
        hint = hint_of(
            proposal
            for proposal in stated
            if all(_would_do(layer, proposal.argument, value, inputs) for value in proposal.values)
        )
        if hint and constraint.relation == EQUAL and layer.arguments[stated[0].argument].role == STATED:
            hint += ", or leave it out: it is inferred"
        if not (batch or hint) and (projection := _projection(constraint, layer, inputs)):
            hint = place(projection)
        return "; ".join(filter(None, (batch, hint)))

    if error.proposals:
        error.suggest(work)
    return error


def _projection(constraint: Constraint, layer: Layer, inputs: tuple[Shape, ...]) -> Insertion | None:
    """Return the fully connected layer that gives an input the features that are due; None where it would not fit."""
    left, relation, right = constraint[:3]
    if relation != EQUAL or layer.axis_order != FEATURES_LAST:
        return None
    for i, x in enumerate(inputs):
        if x.rank > 1 and x.sizes[-1] == left:
            projected = x._replace(sizes=(*x.sizes[:-1], right))
            if _fits(layer, *inputs[:i], projected, *inputs[i + 1 :]):
                return Insertion(f"linear: {right}", i)
    return None


def _moved_axis(constraint: Constraint, layer: Layer, inputs: tuple[Shape, ...]) -> Insertion | None:
    """Return the layer that moves the axis that has the stated size to where it is expected: the forgotten transpose.

    For a layer on sequences the channels of a map move behind all its positions, which become one axis.
    None where no axis, or more than one, has the size, or where that alone would not fit.
    """
    x, (left, relation, right) = inputs[0], constraint[:3]
    name = constraint.right_name
    if relation != EQUAL or name not in layer.arguments or layer.arguments[name].role != STATED:
        return None
    if x.sizes.count(right) != 1 or left not in x.sizes or left == right:
        return None
    found = x.sizes.index(right)
    if layer.of_map and x.rank > 2 and found == x.channel_axis:
        tokens = x.plain(prod(x.spatial), right)
        return Insertion(layer.of_map) if _fits(layer, tokens, *inputs[1:]) else None
    for axis in (i for i, size in enumerate(x.sizes) if size == left):
        order = [i for i in range(x.rank) if i != found]
        order.insert(axis, found)
        turned = x._replace(sizes=tuple([x.sizes[i] for i in order]))
        if _fits(layer, turned, *inputs[1:]):
            return Insertion(f"permute: {[i + 1 for i in order]}")
    return None


def _would_do(layer: Layer, name: str, value: Any, inputs: tuple[Shape, ...]) -> bool:
    """Return whether a layer fits with another value for an argument, and for those that default to it."""
    try:
        value = layer.arguments[name].normalise(value)
        takers = {
            taker: value
            for taker, argument in layer.arguments.items()
            if argument.default_from == name and getattr(layer, taker) == getattr(layer, name)
        }
        changes = [{name: value}, {**takers, name: value}] if takers else [{name: value}]
        return all(holds(c) for values in changes for c in layer.with_values(values).constraints(*inputs))
    except LayerError:
        return False


def check_number(layer: Layer, found: int) -> None:
    """Check the number of inputs of a layer. Errors: `LayerError`."""
    fewest, most = layer.inputs
    if fewest <= found and (most is None or found <= most):
        return
    if most == fewest:
        due = count_noun(fewest, "input")
    elif most is None:
        due = f"at least {count_noun(fewest, 'input')}"
    else:
        due = f"{fewest} to {count_noun(most, 'input')}"
    names = ", ".join(layer.input_names)
    due += f" ({names})" if names else ""
    hint = "combine them with add or concat first" if most == 1 else ""
    if fewest > found:
        hint = f"name them all: from: [{', '.join('abcdefgh'[:fewest])}]"
    if names and found < fewest:
        hint = f"name the layers of all of them: from: [{names}]"
    raise LayerError(f"{layer.kind} expects {due}, but has {found}", hint=hint)


def _rank_hint(layer: Layer, x: Shape, rank: int) -> str:
    """Return the hint for an input of another rank than the layer's name implies: no batch axis, another name."""
    hint = _without_batch(layer, x)
    if hint and (x.sizes[0] == 1 or _differs(layer, x)):
        return hint
    if hint and stated_rank(layer.name_used) == 2 and x.without_first_axis().channels in _IMAGE_CHANNELS:
        return hint
    if not layer.expects_rank(rank) or not _fits(layer.with_values({"name_used": ""}), x):
        return ""
    other = layer.name_used.replace(f"{stated_rank(layer.name_used)}", f"{rank}", 1)
    known = normalise_word(other) in map(normalise_word, layer.also)
    return f"use {other if known else layer.kind}" + (
        f", or {layer.kind} for any number of spatial axes" if known else ""
    )


NO_BATCH = "sizes are given without the batch axis"
OR_BATCH = "; or, if "
"""What is between the hint that moves an axis and the one that takes it for the batch."""
_IMAGE_CHANNELS = (1, 3, 4)


def _without_batch(layer: Layer, x: Shape) -> str:
    """Return the hint to remove the first axis of an input: empty if the layer would not fit without it either."""
    rest = x.without_first_axis()
    if not rest.sizes or not _fits(layer, rest):
        return ""
    return f"{NO_BATCH}: write {rest.text}, not {x.text}"


def _fits(layer: Layer, *inputs: Shape) -> bool:
    try:
        check_inputs(layer, inputs)
        return all(type(c.left) is type(c.right) is int and holds(c) for c in layer.constraints(*inputs))
    except LayerError:
        return False


def _is_colour_image(x: Shape) -> bool:
    """Return whether an input has the three channels of a square image: they are no batch."""
    return x.is_map and x.rank == _IMAGE_RANK and x.sizes[0] == _COLOURS and x.sizes[1] == x.sizes[2]


_COLOURS, _IMAGE_RANK = 3, 3


def _differs(layer: Layer, x: Shape) -> bool:
    """Return whether an argument states another size than the input has: in_channels, num_features."""
    try:
        return any(c.relation == EQUAL and not holds(c) for c in layer.constraints(x))
    except LayerError:
        return False
