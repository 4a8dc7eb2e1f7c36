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
    is_named = _are_symbols_shared(trails)
    for first, *others in alike.values():
        rows += _rows(first, is_named=is_named)
        if others:
            rows.append((*_signs(others, is_named=is_named), " by the same steps"))
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


def _are_symbols_shared(trails: Sequence[Trail]) -> bool:
    """Return whether a symbol is that of sizes of several layers, each of which is then named with its layer."""
    owners: dict[str, set[str]] = {}
    for trail in trails:
        owners.setdefault(trail.symbol, set()).add(trail.of)
    return any(len(names) > 1 for names in owners.values())


def _main_sizes(trails: Sequence[Trail]) -> list[int]:
    """Return the sizes along the longest trail, if possible from an input of the network, and those it is a part of."""
    main = max(trails, key=lambda trail: (trail.is_from_input and bool(trail.steps), len(trail.steps)))
    found, trail = list(main.sizes), main
    while trail.whole is not None:
        trail = trail.whole
        found += trail.sizes
    return found


def _rows(trail: Trail, *, is_named: bool) -> Iterator[tuple[Item, ...]]:
    yield tuple(_start(trail, is_named=is_named))
    for step in trail.steps:
        numbers = with_numbers(step.rule)
        if step.is_set:
            yield Name(step.layer), ": ", Chain("", chain(step.rule)), *_set_by(step.set_by), " whatever its input"
        else:
            yield Name(step.layer), ": ", Chain("", (numbers, *steps(numbers)))
    yield from _merges(trail.merges)


def _start(trail: Trail, *, is_named: bool) -> Iterator[Item]:
    """Yield the origin of a size: `C_in = C_out = 256, set by out_channels of conv5`."""
    rule = (Tree(NUMBER, trail.start),) if trail.made is None else chain(trail.made)
    if trail.steps or (is_named and trail.of):
        yield from [*_signs([trail], is_named=is_named), ": ", Chain("", rule)]
    else:
        yield Chain(trail.symbol, rule)
    if trail.made is None:
        yield ", the network's input"
        if trail.source != "input":  # the name of an unnamed input
            yield " "
            yield Name(trail.source)
        return
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


def _signs(trails: Sequence[Trail], *, is_named: bool) -> Sequence[Item]:
    """Return the symbols of sizes, with their layers if `is_named`: `H_in of flatten2, W_in of flatten2`."""
    found: list[Item] = []
    for trail in trails:
        found += [", ", Chain("", (Tree(NAME, 0, trail.symbol),))]
        found += [" of ", Name(trail.of)] if is_named and trail.of else []
    return found[1:]
