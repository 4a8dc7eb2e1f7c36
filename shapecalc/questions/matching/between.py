"""What is compared of the layers between those with weights: pools, activations, merges, dropout.

Reshapes and arithmetic are not compared; nor are pools over everything (a mean), which are written in many
ways.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shapecalc.layers.base.windowed import Windowed
from shapecalc.questions.matching.attention import attention_facts, is_of_scores, is_product
from shapecalc.questions.matching.facts import Fact, arguments, kind_name, kind_of, kinds, sizes_text
from shapecalc.questions.matching.pairs import plain_size, same_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.rows import Row
    from shapecalc.questions.matching.pairs import Side

__all__ = ["function_pairs"]

_Pair = tuple["Row | None", "Row | None"]

_POOL, _ACTIVATION, _MERGE, _DROPOUT = range(1, 5)


def function_pairs(
    sides: Sequence[Side], numbers: Sequence[Sequence[int]], *, is_end: bool = False
) -> Iterator[tuple[_Pair, tuple[Fact, ...]]]:
    """Yield the pairs of layers between layers with weights that differ, with what does; None for one that is absent.

    `numbers` are those of the layers between, of the model and of the specification. Dropout is compared if the
    specification has any: many leave it out, as it has no effect on sizes. `is_end`: behind them is the output. A
    softmax there may be in the loss of the model.
    """
    has_dropout = any(_sort(row) == _DROPOUT for row in sides[1].rows)
    rows = [
        [side.rows[number] for number in own if not is_of_scores(side, number)]
        for side, own in zip(sides, numbers, strict=True)
    ]
    is_composed = [any(map(_is_arithmetic, own)) for own in rows]
    for sort in (_POOL, _ACTIVATION, _MERGE, *([_DROPOUT] if has_dropout else [])):
        one, other = ([row for row in own if _sort(row) == sort] for own in rows)
        if is_end:
            other = [row for row in other if not _is_of_loss(row) or any(kind_of(row) is kind_of(like) for like in one)]
        for pair in _paired(one, other):
            if None not in pair:
                facts = [*kinds(*pair)] if sort == _MERGE else _facts(*pair)  # type: ignore[arg-type]
                if facts and not (sort == _ACTIVATION and facts[0].what == "kind" and any(is_composed)):
                    yield pair, tuple(facts)
            elif not (sort == _ACTIVATION and any(is_composed)) and not _may_be_absent(pair[0] or pair[1]):
                yield pair, ()
    cores = [[row for number in own if is_product(row := side.rows[number])]
             for side, own in zip(sides, numbers, strict=True)]  # fmt: skip
    facts = [*attention_facts(*cores)]
    if facts:
        yield (cores[0][0], cores[1][0]), tuple(facts)
    orders = [[row for row in own if _sort(row) in (_POOL, _ACTIVATION)] for own in rows]
    order = [[*map(kind_name, own)] for own in orders]
    if order[0] != order[1] and Counter(order[0]) == Counter(order[1]) and all(map(_is_chain, sides, numbers)):
        yield (orders[0][0], orders[1][0]), (Fact("order", *(", ".join(own) for own in order)),)


def _sort(row: Row) -> int:
    """Return what a layer is compared as; 0 if it is not."""
    layer, kind = row.node.layer, kind_of(row)
    if isinstance(layer, Windowed):
        return _POOL
    if layer is None or kind is None or layer.view or kind.view or row.sizing.weight_shapes:
        return 0
    if "activations" in kind.sorts:
        return _DROPOUT if layer.only_training else _ACTIVATION
    return _MERGE if layer.branches and len(row.node.inputs) > 1 else 0


def _is_arithmetic(row: Row) -> bool:
    """Return whether a layer computes each element by itself, and is no activation: one may be composed of several."""
    layer = row.node.layer
    return (
        layer is not None
        and layer.elementwise
        and len(row.node.inputs) == 1
        and not _sort(row)
        and not layer.view
        and not layer.only_training
    )


def _is_of_loss(row: Row) -> bool:
    kind = kind_of(row)
    return kind is not None and kind.in_losses


def _may_be_absent(row: Row | None) -> bool:
    """Return whether a layer of one network alone may be written in another way, or not at all.

    It is a merge, a pool over all of its input, or one that changes nothing.
    """
    assert row is not None
    if _sort(row) == _MERGE:  # a branch that is missing is found by what is computed of it
        return True
    if _sort(row) != _POOL:
        return False
    before, after = (plain_size(sizes[0]) for sizes in (row.sizing.inputs, row.sizing.outputs))
    return before == after or len(after) <= 1


def _paired(one: list[Row], other: list[Row]) -> Iterator[_Pair]:
    """Yield layers in pairs: those of the same kind in order, then the others in order."""
    waiting = list(other)
    left: list[Row] = []
    for row in one:
        same = next((i for i, like in enumerate(waiting) if kind_name(like) == kind_name(row)), -1)
        if same < 0:
            left.append(row)
        else:
            yield row, waiting.pop(same)
    both = min(len(left), len(waiting))
    yield from zip(left[:both], waiting[:both], strict=True)
    yield from ((row, None) for row in left[both:])
    yield from ((None, row) for row in waiting[both:])


def _is_chain(side: Side, numbers: Sequence[int]) -> bool:
    return all(len({*side.used(number)}) == 1 for number in numbers)


def _facts(a: Row, b: Row) -> list[Fact]:
    """Return in what two layers without weights differ."""
    is_resized = not same_sizes(*([plain_size(x) for x in row.sizing.outputs] for row in (a, b)))
    facts = [*kinds(a, b), *arguments(a, b, is_resized=is_resized)]
    if facts and is_resized:
        facts.append(Fact("output", *(sizes_text(row.sizing.outputs) for row in (a, b))))
    return facts
