"""Embeddings and learned tensors: laws, known counts, refusals."""

from __future__ import annotations

import random

import pytest
from sizing import outputs, parameters, sized

from shapecalc.errors import LayerError
from shapecalc.layers import find_kind


@pytest.mark.torch
def test_embedding_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(4)
    for _ in range(20):
        rows, width = rng.randint(1, 20), rng.randint(1, 20)
        shape = tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 3)))
        module = torch.nn.Embedding(rows, width)
        found = sized("embedding", shape, num_embeddings=rows, embedding_dim=width)
        assert outputs(found) == [tuple(module(torch.zeros(1, *shape, dtype=torch.long)).shape[1:])]
        assert found.weights == parameters(module)


def test_a_parameter_has_no_input() -> None:
    found = sized("parameter", shape=[1, 768])
    assert (outputs(found), found.weights, found.macs) == ([(1, 768)], 768, 0)


def test_a_constant_is_no_parameter() -> None:
    for buffer, stored in ((False, 0), (True, 768)):
        found = sized("constant", shape=[1, 768], buffer=buffer)
        assert (outputs(found), found.weights, found.buffers) == ([(1, 768)], 0, stored)


def test_position_embeddings_change_no_size() -> None:
    for kind in ("position_embedding", "sinusoidal_embedding", "rotary_embedding"):
        assert outputs(sized(kind, (50, 64))) == [(50, 64)]
    assert sized("sinusoidal_embedding", (50, 64)).weights == 0
    assert sized("position_embedding", (50, 64)).weights == 50 * 64
    assert sized("position_embedding", (16, 50, 64)).weights == 50 * 64


def test_rows_of_no_position_are_stored_and_shorten_the_longest_sequence() -> None:
    assert sized("position_embedding", (10, 8), num_positions=12, offset=2).weights == 12 * 8
    assert sized("position_embedding", (10, 8), offset=2).weights == 12 * 8
    assert find_kind("position_embedding")(num_positions=12, offset=2).longest_sequence() == 10
    assert find_kind("position_embedding")(offset=2).longest_sequence() is None


@pytest.mark.parametrize(
    ("shape", "layout", "dim", "channels"),
    [
        ((96, 56, 48), "CHW", None, 96),
        ((56, 48, 96), "HWC", None, 96),
        ((197, 768), "CHW", None, 768),
        ((56, 48, 96), "CHW", -1, 96),
        ((16, 49, 96), "CHW", "channels", 16),
        ((16, 49, 96), "CHW", [1, -1], 16 * 96),
    ],
)
def test_layer_scale_finds_the_channels(
    shape: tuple[int, ...], layout: str, dim: int | str | list[int] | None, channels: int
) -> None:
    for words, learned in (({}, 1), ({"bias": True}, 2), ({"bias": True, "scale": False}, 1)):
        found = sized("layer_scale", shape, layout=layout, dim=dim, **words)
        assert found.weights + found.biases == learned * channels
    found = sized("bias_add", shape, layout=layout, dim=dim)
    assert (found.weights, found.biases) == (0, channels)


@pytest.mark.parametrize(
    ("kind", "arguments", "shape", "message"),
    [
        ("position_embedding", {"num_positions": 512}, (513, 8), "length of the input (=513) must be at most"),
        (
            "position_embedding",
            {"num_positions": 514, "offset": 2},
            (513, 8),
            "length of the input (=513) must be at most num_positions − offset (=512)",
        ),
        (
            "position_embedding",
            {"num_positions": 2, "offset": 2, "interpolate": True},
            (513, 8),
            "offset (=2) must be less than num_positions (=2)",
        ),
        (
            "position_embedding",
            {"embedding_dim": 9},
            (5, 8),
            "features of the input (=8) must equal embedding_dim (=9)",
        ),
        ("class_token", {}, (8,), "class_token needs a length and features, but its input is 8"),
        ("layer_scale", {"channels": 9}, (5, 8), "channels of the input (=8) must equal channels (=9)"),
        ("parameter", {"shape": [1, 8]}, (5, 8), "parameter expects 0 inputs, but has 1"),
    ],
)
def test_invalid_inputs(kind: str, arguments: dict[str, int], shape: tuple[int, ...], message: str) -> None:
    from shapecalc.layers.base.layer import KINDS
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(KINDS[kind](**arguments), (Shape(shape),))
    assert message in str(caught.value)


def test_partial_rotation_is_of_an_even_number_of_features_of_the_input() -> None:
    assert sized("rotary_embedding", (5, 64), rotary_dim=32).outputs[0].sizes == (5, 64)
    for rotary_dim, message in ((31, "a pair (=2) must divide rotary_dim (=31)"),
                                (66, "rotary_dim (=66) must be at most features of the input (=64)")):  # fmt: skip
        with pytest.raises(LayerError) as caught:
            sized("rotary_embedding", (5, 64), rotary_dim=rotary_dim)
        assert caught.value.message == message
