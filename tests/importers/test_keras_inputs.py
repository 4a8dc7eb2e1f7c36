"""Inputs of Keras models: dynamic sizes and how to give them, the other layout, and what other sizes change.

Keras 3.15 refuses what is an error here: an input with other channels than those that the layers were built for.
"""

from __future__ import annotations

import json

import pytest
from test_keras import CONV, LITTLE, entry, error, functional, layer, load, sequential, sizes

import shapecalc

NAMED = functional(entry(None, 30, name="enc"), entry(None, 40, name="dec"), layer("Dense", "a", ["enc"], units=4),
                   layer("Dense", "b", ["dec"], units=4), inputs=("enc", "dec"), outputs=["a", "b"])  # fmt: skip
ONE_OF_TWO = functional(entry(None, name="title"), entry(12, name="tags"), layer("Embedding", "a", ["title"], input_dim=9, output_dim=4),
                        layer("Dense", "b", ["tags"], units=4), inputs=("title", "tags"), outputs=["a", "b"])  # fmt: skip
FULLY_CONVOLUTIONAL = sequential(entry(None, None, 3), layer("Conv2D", "conv", **CONV))


def test_the_hint_for_dynamic_inputs_names_each_where_there_are_several():
    assert error(NAMED) == (
        "the sizes of inputs of <bytes> are dynamic: enc is ?×30, dec is ?×40\n"
        '   give them: --input enc=128x30 --input dec=128x40 (input={"enc": "128x30", "dec": "128x40"} in Python)'
    )
    assert sizes(NAMED, input={"enc": "128x30", "dec": "128x40"}) == [(128, 4), (128, 4)]
    assert error(NAMED, input={"enc": "7x30"}) == (
        "the size of the input dec of <bytes> is dynamic: ?×40\n"
        '   give it: --input dec=128x40 (input={"dec": "128x40"} in Python)'
    )
    assert error(ONE_OF_TWO) == (
        "the size of the input title of <bytes> is dynamic: ?\n"
        '   give it: --input title=128 (input={"title": "128"} in Python)'
    )
    assert sizes(ONE_OF_TWO, input={"title": "128"}) == [(128, 4), (4,)]


class InMemory:
    """A model in memory, as `from_keras` asks it."""

    __module__ = "keras.models"
    name = "net"

    def __init__(self, config):
        self.to_json = lambda: json.dumps(config)


def test_a_model_in_memory_with_dynamic_sizes():
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.from_keras(InMemory(FULLY_CONVOLUTIONAL))
    assert str(caught.value) == (
        'the size of the input x of net is dynamic: ?×?×3\n   give it: --input 224x224x3 (input="224x224x3" in Python)'
    )
    network = shapecalc.from_keras(InMemory(FULLY_CONVOLUTIONAL), input="9x10x3")
    assert network.infer().rows[0].output_shape == (7, 8, 4)
    both = shapecalc.from_keras(InMemory(NAMED), input={"enc": [5, 30], "dec": "6x40"})
    assert [row.output_shape for row in both.infer().rows] == [(5, 4), (6, 4)]


@pytest.mark.parametrize(
    ("own", "given", "meant"),
    [
        ((None, None, 3), "3x64x48", "64x48x3"),
        ((None, None, 3), "1x3x64x48", "64x48x3"),
        ((8, 8, 3), "3x8x8", "8x8x3"),
        ((8, 8, 3), "3x9x10", "9x10x3"),
        ((3, 8, 8), "8x8x3", "3x8x8"),
        ((3, None, None), "9x10x3", "3x9x10"),
        ((None, 30), "30x7", "7x30"),
        ((5, None, None, 3), "3x5x9x9", "5x9x9x3"),
        ((None, None, 3), "9x10x3", ""),
        ((None, None, 3), "9x10x1", ""),
        ((None, None, 3), "3x3x3", ""),
        ((None, None, None), "3x8x8", ""),
        ((28, 28, 1), "32x32x1", ""),
        ((28, 28, 1), "32x32x3", ""),
        ((8, 8, 8), "8x9x9", ""),
        ((None, 30), "30x30", ""),
        ((30,), "7", ""),
    ],
)
def test_sizes_in_the_other_layout_are_an_error(own, given, meant):
    model = sequential(entry(*own), layer("ReLU", "a"))
    if not meant:
        assert len(sizes(model, input=given)) == 1
        return
    stated = "×".join("?" if size is None else str(size) for size in own)
    found = given.removeprefix("1x").replace("x", "×")
    assert error(model, input=given) == (f"the input x is {stated} in the file, not {found}\n   did you mean {meant}?")


def warnings(model, **given):
    return [str(warning) for warning in load(model, **given).warnings]


def test_weights_that_are_others_with_this_input_are_named():
    assert warnings(LITTLE) == warnings(LITTLE, input="8x8x3") == []
    assert warnings(LITTLE, input="9x8x3") == [
        "<bytes>: layer[3] Dense fc: linear: its weight is 10×144 in the file, but 10×168 with this input"
    ]
    assert warnings(LITTLE, input="8x8x1") == [
        "<bytes>: layer[1] Conv2D conv: its weight is 4×3×3×3 in the file, but 4×1×3×3 with this input"
    ]
    assert warnings(FULLY_CONVOLUTIONAL, input="9x10x3") == []
    assert warnings(FULLY_CONVOLUTIONAL, input="9x10x2") == [
        "<bytes>: layer[1] Conv2D conv: its weight is 4×3×3×3 in the file, but 4×2×3×3 with this input"
    ]
    pooled = sequential(entry(8, 8, 3), layer("Conv2D", "conv", **CONV), layer("GlobalMaxPooling2D", "pool"),
                        layer("Dense", "fc", units=2))  # fmt: skip
    assert warnings(pooled, input="64x64x3") == []


def test_the_file_may_state_sizes_that_are_impossible():
    small = sequential(entry(2, 2, 3), layer("Conv2D", "conv", **CONV), layer("Dense", "fc", units=2))
    assert warnings(small, input="8x8x3") == []
    assert sizes(small, input="8x8x3") == [(6, 6, 4), (6, 6, 2)]
