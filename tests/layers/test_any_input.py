"""Every kind with any arguments, on inputs of any number and any axes: sizes, or a `LayerError`."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import product
from typing import Any

import pytest
from searching import some

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.arguments import Argument, Choice, Flag, Text
from shapecalc.layers.base.layer import Composite, Layer
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer

KIND_NAMES = [kind for kind, cls in KINDS.items() if not issubclass(cls, Composite)]

VALUES: list[Any] = [
    0, 1, 2, 3, 7, 10**6, 10**12, 10**13, -1, -2, 0.5, 1e9, None, [], [1], [2, 3], [1, 2, 3], [2] * 4, [1] * 5, [-1],
    [-1, 2], [3, 1, 2], [0], [1, -1], [10**12], [[1, 2]], [[0, 1], [2, 3]], [[1, 2]] * 3, [1] * 300, "3x3", "7x7x2",
    "channels", "same", "nothing",
]  # fmt: skip
EQUATIONS = ["", "ab->a", "a,b->ab", "->", "abc", "...i,i->...", "aa->a", "ab,bc->ac", "x" * 50]


def values_for(argument: Argument) -> list[Any]:
    if isinstance(argument, Flag):
        return [True, False]
    return EQUATIONS if isinstance(argument, Text) else list(argument.words) if isinstance(argument, Choice) else VALUES


def check(layer: Layer, shapes: tuple[Shape, ...]) -> None:
    with suppress(LayerError):
        sizing = size_layer(layer, shapes)
        for output in sizing.outputs:
            assert all(type(size) is int and size >= 1 for size in output.sizes)
            assert not shapes or output.channels_last == shapes[0].channels_last


@pytest.mark.parametrize("kind", some(KIND_NAMES, 20))
def test_any_inputs(kind: str) -> None:
    rng = random.Random(kind)
    cls = KINDS[kind]
    names = cls.argument_names()
    layers = [cls(**{names[word]: value for word, value in example.arguments.items()}) for example in cls.examples]
    assert layers
    for layer, count, is_last, is_map in product(layers, range(4), (False, True), (False, True)):
        for ranks in product(range(6), repeat=min(count, 2)):
            ranks = (*ranks, *ranks[-1:] * (count - len(ranks)))
            sizes = [tuple(rng.choice([1, 2, 3, 4, 8, 100]) for _ in range(rank)) for rank in ranks]
            check(layer, tuple(Shape(one, is_last, is_map) for one in sizes))


@pytest.mark.parametrize("kind", some(KIND_NAMES, 20))
def test_any_arguments(kind: str) -> None:
    rng = random.Random(kind)
    cls = KINDS[kind]
    names = cls.argument_names()
    for example in cls.examples:
        given = {names[word]: value for word, value in example.arguments.items()}
        inputs = example.input if isinstance(example.input, list) else [example.input]
        is_last = example.layout == "HWC"
        shapes = [tuple(Shape(sizes, is_last, is_map=len(sizes) > 1) for sizes in inputs)]
        shapes += [tuple(Shape((4,) * rank, is_last, is_map=rank > 1) for _ in inputs) for rank in (0, 1, 3, 4)]
        cases = [{**given, name: v} for name, argument in cls.arguments.items() for v in values_for(argument)]
        for _ in range(40):
            chosen = rng.sample(sorted(cls.arguments), min(len(cls.arguments), 3))
            cases.append({**given, **{name: rng.choice(values_for(cls.arguments[name])) for name in chosen}})
        for case in cases:
            with suppress(LayerError):
                layer = cls(**case)
                for one in shapes:
                    check(layer, one)
