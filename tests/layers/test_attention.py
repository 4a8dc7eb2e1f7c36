"""Attention: laws, and PyTorch itself."""

from __future__ import annotations

import random

import pytest
from sizing import outputs, parameters, sized, torch_macs

from shapecalc.errors import LayerError


def test_grouped_heads_with_all_heads_are_plain_heads() -> None:
    plain = sized("multi_head_attention", (10, 64), num_heads=8)
    grouped = sized("multi_head_attention", (10, 64), num_heads=8, num_kv_heads=8)
    assert (plain.weights, plain.biases, plain.macs) == (grouped.weights, grouped.biases, grouped.macs)


def test_three_equal_inputs_are_self_attention() -> None:
    alone = sized("multi_head_attention", (10, 64), num_heads=8)
    for count in (2, 3):
        several = sized("multi_head_attention", *[(10, 64)] * count, num_heads=8)
        assert (alone.weights + alone.biases, alone.macs) == (several.weights + several.biases, several.macs)


def test_windows_attend_separately() -> None:
    one = sized("multi_head_attention", (49, 64), num_heads=8)
    many = sized("multi_head_attention", (16, 49, 64), num_heads=8)
    assert many.macs == 16 * one.macs
    assert many.weights == one.weights


def test_attention_is_projections_and_products() -> None:
    whole = sized("multi_head_attention", (10, 64), num_heads=8)
    projections = sum(sized("linear", (10, 64), out_features=width).macs for width in (192, 64))
    products = sized("scaled_dot_product_attention", *[(8, 10, 8)] * 3).macs
    assert whole.macs == projections + products


@pytest.mark.parametrize(
    ("arguments", "shape", "numbers"),
    [
        ({"num_heads": 32}, (1, 4096), 8192),  # Llama-2-7B: 2·32·128 a layer
        ({"num_heads": 32, "num_kv_heads": 8}, (1, 4096), 2048),  # Llama-3-8B: 2·8·128 a layer
        ({"num_heads": 8, "head_dim": 64}, (1, 512), 1024),  # T5-small: 2·8·64 a layer
        ({"num_heads": 4, "num_kv_heads": 2, "head_dim": 5, "v_head_dim": 3}, (6, 16), 2 * (5 + 3)),  # Keras' value_dim
    ],
)
def test_cache_for_each_position(arguments: dict[str, int], shape: tuple[int, int], numbers: int) -> None:
    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.kinds.attention import MultiHeadAttention

    x = Shape(shape)
    assert MultiHeadAttention(**arguments, is_causal=True).kv_cache(x) == numbers
    assert MultiHeadAttention(**arguments).kv_cache(x) == 0  # not causal: it never decodes
    assert MultiHeadAttention(**arguments).cross_kv_cache(x) == (0, 0)
    assert MultiHeadAttention(**arguments).cross_kv_cache(x, Shape((9, shape[1]))) == (numbers, 9)
    assert MultiHeadAttention(**arguments, is_causal=True).cross_kv_cache(x, x) == (0, 0)
    assert MultiHeadAttention(**arguments, is_causal=True).kv_cache(Shape((4, *shape))) == 4 * numbers  # four sequences


def test_cache_of_attention_without_projections() -> None:
    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.kinds.attention import ScaledDotProductAttention

    q, k, v = Shape((4, 5, 8)), Shape((4, 7, 8)), Shape((4, 7, 3))
    assert ScaledDotProductAttention(is_causal=True).kv_cache(q, k, v) == 4 * (8 + 3)
    assert ScaledDotProductAttention(is_causal=True).cross_kv_cache(q, k, v) == (0, 0)
    assert ScaledDotProductAttention().kv_cache(q, k, v) == 0
    assert ScaledDotProductAttention().cross_kv_cache(q, k, v) == (4 * (8 + 3), 7)


def test_known_parameters_of_special_attentions() -> None:
    whisper = sized("mha", (1500, 384), num_heads=6, k_bias=False)
    assert whisper.weights + whisper.biases == 4 * 384 * 384 + 3 * 384  # transformers' WhisperAttention: k without bias
    t5 = sized("mha", (10, 512), num_heads=8, head_dim=64, bias=False, relative_buckets=32)
    assert t5.weights == 4 * 512 * 512 + 32 * 8  # transformers' T5Attention with its relative_attention_bias
    keras = sized("mha", (10, 16), num_heads=2, head_dim=5, v_head_dim=7)  # Keras: key_dim, value_dim
    assert keras.weights + keras.biases == 2 * (16 * 10 + 10) + (16 * 14 + 14) + (14 * 16 + 16)
    more = sized("mha", (10, 16), num_heads=2, head_dim=5, v_head_dim=7, add_bias_kv=True)
    assert more.weights + more.biases == keras.weights + keras.biases + 10 + 14  # one more key, one more value


@pytest.mark.parametrize(
    ("arguments", "shapes", "message"),
    [
        ({"num_heads": 5}, [(6, 12)], "num_heads (=5) must divide embed_dim (=12)"),
        ({"num_heads": 4, "embed_dim": 16}, [(6, 12)], "features of the input (=12) must equal embed_dim (=16)"),
        ({"num_heads": 4, "num_kv_heads": 3}, [(6, 12)], "num_kv_heads (=3) must divide num_heads (=4)"),
        ({"num_heads": 4, "kdim": 7}, [(6, 12), (5, 8)], "features of the keys' input (=8) must equal kdim (=7)"),
        ({"num_heads": 4}, [(12,)], "multi_head_attention needs a length and features, but its input is 12"),
        (
            {"num_heads": 4},
            [(6, 12), (5, 12), (4, 12)],
            "length of the values' input (=4) must equal that of the keys' input (=5)",
        ),
    ],
)
def test_invalid_inputs(arguments: dict[str, int], shapes: list[tuple[int, ...]], message: str) -> None:
    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.kinds.attention import MultiHeadAttention
    from shapecalc.model.inference import size_layer

    with pytest.raises(LayerError) as caught:
        size_layer(MultiHeadAttention(**arguments), tuple(Shape(sizes) for sizes in shapes))
    assert message in str(caught.value)


@pytest.mark.torch
def test_multi_head_attention_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = random.Random(1)
    for _ in range(60):
        heads, bias, extra = rng.randint(1, 4), rng.random() < 0.5, rng.random() < 0.3
        width, length, keys = heads * rng.randint(1, 6), rng.randint(1, 9), rng.randint(1, 9)
        kdim, vdim = (rng.randint(1, 9), rng.randint(1, 9)) if rng.random() < 0.5 else (None, None)
        zero = rng.random() < 0.3
        module = torch.nn.MultiheadAttention(
            width, heads, bias=bias, add_bias_kv=extra, add_zero_attn=zero, kdim=kdim, vdim=vdim, batch_first=True
        )
        shapes = [(length, width), (keys, kdim or width), (keys, vdim or width)]
        tensors = [torch.randn(1, *shape) for shape in shapes]
        flags = {"bias": bias, "add_bias_kv": extra, "add_zero_attn": zero}
        found = sized("mha", *shapes, num_heads=heads, kdim=kdim, vdim=vdim, need_weights=True, **flags)
        assert outputs(found) == [tuple(given.shape[1:]) for given in module(*tensors)]
        assert found.weights + found.biases == parameters(module)
        assert found.macs == torch_macs(module, *tensors)


@pytest.mark.torch
def test_packed_parameters_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.MultiheadAttention(12, 3, add_bias_kv=True)
    found = sized("mha", (6, 12), num_heads=3, add_bias_kv=True)
    assert found.weight_shapes == {name: tuple(p.shape) for name, p in module.named_parameters()}


@pytest.mark.torch
def test_scaled_dot_product_attention_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    attend = torch.nn.functional.scaled_dot_product_attention
    rng = random.Random(2)
    for _ in range(40):
        kv_heads, share = rng.randint(1, 3), rng.randint(1, 3)
        length, keys, dim, v_dim = (rng.randint(1, 8) for _ in range(4))
        shapes = [(kv_heads * share, length, dim), (kv_heads, keys, dim), (kv_heads, keys, v_dim)]
        tensors = [torch.randn(1, *shape) for shape in shapes]
        found = sized("sdpa", *shapes, enable_gqa=True)
        assert outputs(found) == [tuple(attend(*tensors, enable_gqa=True).shape[1:])]
        assert found.macs == torch_macs(attend, *tensors, enable_gqa=True)
