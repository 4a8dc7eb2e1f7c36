"""The lines that follow the sizes of a layer's input back through the network."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.dims.notation import NAME, NUMBER, PRODUCT, Tree, chain, steps, with_numbers
from shapecalc.questions.explain.back import EQUAL_INPUTS, LARGEST, LARGEST_OF_EQUALS
from shapecalc.questions.explain.items import Chain, Name, labelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.explain.back import Merge, Trail
    from shapecalc.questions.explain.items import ExplanationLine, Item

__all__ = ["trail_lines"]

_REASONS = {
    LARGEST: "it is the largest",
    LARGEST_OF_EQUALS: "it is the first of the largest",
    EQUAL_INPUTS: "all inputs have this size",
}


def trail_lines(
    trails: Sequence[Trail], symbols: Sequence[str], sizes: Sequence[int], not_followed: int = 0
) -> list[ExplanationLine]:
    """Return the lines that follow a layer's input back.

    `sizes` are those whose product a fully connected layer has as its input features, with their `symbols`: none for
    other layers. Of very many sizes some are `not_followed`.
    """
    alike: dict[Any, list[Trail]] = {}
    for trail in trails:
        alike.setdefault(trail.likeness, []).append(trail)
    rows: list[tuple[Item, ...]] = []
    for first, *others in alike.values():
        rows += _rows(first)
        if others:
            rows.append((*_signs(others), " by the same steps"))
    if not_followed:
        rows.append((f"{not_followed:,} more {'size is' if not_followed == 1 else 'sizes are'} not followed",))
    features = [prod(sizes)] if len(sizes) > 1 else []
    if features:
        signs = tuple([Tree(NAME, size, symbol) for symbol, size in zip(symbols, sizes, strict=True)])
        numbers = tuple([Tree(NUMBER, size) for size in sizes])
        product = [Tree(PRODUCT, features[0], "", parts) for parts in (signs, numbers)]
        rows.append((Chain("", (*product, Tree(NUMBER, features[0]))), " input features"))
    way = [*_main_sizes(trails), *features]
    if len(way) > len(features) + 1:
        changes = [size for i, size in enumerate(way) if not i or size != way[i - 1]]
        rows.insert(0, (" → ".join([f"{size:,}" for size in changes]),))
    return labelled("back", rows)


def _main_sizes(trails: Sequence[Trail]) -> list[int]:
    """Return the sizes along the longest trail, if possible from an input of the network, and those it is a part of."""
    main = max(trails, key=lambda trail: (trail.is_from_input and bool(trail.steps), len(trail.steps)))
    found, trail = list(main.sizes), main
    while trail.whole is not None:
        trail = trail.whole
        found += trail.sizes
    return found


def _rows(trail: Trail) -> Iterator[tuple[Item, ...]]:
    yield tuple(_start(trail))
    for step in trail.steps:
        numbers = with_numbers(step.rule)
        if step.is_set:
            yield Name(step.layer), ": ", Chain("", chain(step.rule)), *_set_by(step.set_by), " whatever its input"
        else:
            yield Name(step.layer), ": ", Chain("", (numbers, *steps(numbers)))
    yield from _merges(trail.merges)


def _start(trail: Trail) -> Iterator[Item]:
    """Yield the origin of a size: `C_in = C_out = 256, set by out_channels of conv5`."""
    if trail.made is None:
        size = (Tree(NUMBER, trail.start),)
        yield from [*_signs([trail]), ": ", Chain("", size)] if trail.steps else [Chain(trail.symbol, size)]
        yield ", the network's input"
        if trail.source != "input":  # the name of an unnamed input
            yield " "
            yield Name(trail.source)
        return
    rule = chain(trail.made)
    yield from [*_signs([trail]), ": ", Chain("", rule)] if trail.steps else [Chain(trail.symbol, rule)]
    if trail.is_product:
        yield " from "
    else:
        yield from _set_by(trail.set_by)
        yield " of " if trail.set_by else " by "
    yield Name(trail.source)


def _set_by(arguments: Sequence[str]) -> Iterator[Item]:
    yield ", set"
    for i, argument in enumerate(arguments):
        yield " by " if not i else " and " if i == len(arguments) - 1 else ", "
        yield Name(argument)


def _merges(merges: Sequence[Merge]) -> Iterator[tuple[Item, ...]]:
    """Yield which of several inputs is followed, those with one reason as one."""
    alike: dict[tuple[int, str], list[str]] = {}
    for merge in reversed(merges):
        alike.setdefault((merge.place, merge.reason), []).append(merge.layer)
    for (place, reason), (last, *others) in alike.items():
        more = f" and of {len(others):,} before it" if others else ""
        yield f"input {place + 1} of ", Name(last), f"{more} is followed: {_REASONS[reason]}"


def _signs(trails: Sequence[Trail]) -> Sequence[Item]:
    signs = [Chain("", (Tree(NAME, 0, trail.symbol),)) for trail in trails]
    return [item for sign in signs for item in (", ", sign)][1:]
