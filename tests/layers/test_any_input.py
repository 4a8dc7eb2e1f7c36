"""Every kind on inputs of any number and any axes: sizes, or a `Misfit`."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import product

import pytest

from shapecalc.errors import Misfit
from shapecalc.inference import misfits, size_layer
from shapecalc.layer import Composite
from shapecalc.layers import KINDS
from shapecalc.shape import Shape

KIND_NAMES = [kind for kind, cls in KINDS.items() if not issubclass(cls, Composite)]


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_sizes_or_a_misfit(kind: str) -> None:
    rng = random.Random(kind)
    cls = KINDS[kind]
    names = cls.argument_names()
    layers = [cls(**{names[word]: value for word, value in example.arguments.items()}) for example in cls.examples]
    assert layers
    for layer, count, is_last, is_map in product(layers, range(4), (False, True), (False, True)):
        for ranks in product(range(6), repeat=min(count, 2)):
            ranks = (*ranks, *ranks[-1:] * (count - len(ranks)))
            shapes = tuple(
                Shape(tuple(rng.choice([1, 2, 3, 4, 8, 100]) for _ in range(rank)), is_last, is_map) for rank in ranks
            )
            with suppress(Misfit):
                sizing = size_layer(layer, shapes)
                assert misfits(layer, shapes) == []
                for output in sizing.outputs:
                    assert all(type(size) is int and size >= 1 for size in output.sizes)
                    assert output.channels_last == is_last or not shapes
