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
    from shapecalc.layers.kinds.scaled_dot_product import ScaledDotProductAttention

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


TRANSFORMERS = {
    "Qwen3Attention": (
        4096,
        {"num_heads": 32, "head_dim": 128, "bias": False, "qk_norm": "head"},
        67_109_120,
        671_907_840,
    ),
    "Qwen3NextAttention": (
        2048,
        {"num_heads": 16, "num_kv_heads": 2, "head_dim": 256, "bias": False, "qk_norm": "head", "gate": True},
        27_263_488,
        273_448_960,
    ),
    "GptOssAttention": (
        2880,
        {"num_heads": 64, "num_kv_heads": 8, "head_dim": 64, "sinks": True, "window": 128},
        26_550_144,
        266_240_000,
    ),
    "Olmo2Attention": (
        4096,
        {"num_heads": 32, "num_kv_heads": 8, "bias": False, "qk_norm": "width"},
        41_948_160,
        420_249_600,
    ),
    "CohereAttention": (
        8192,
        {"num_heads": 64, "num_kv_heads": 8, "bias": False, "qk_norm": "heads"},
        151_004_160,
        1_511_587_840,
    ),
}
"""Each class of transformers 5.24.0 on the meta device, with 10 tokens: features, arguments, parameters, and MACs by
PyTorch's flop counter. The configs are the defaults, but 8 heads of keys in Olmo2 and Cohere, and use_qk_norm in Cohere.
"""


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_attention_of_language_models_is_that_of_transformers(name: str) -> None:
    width, arguments, params, macs = TRANSFORMERS[name]
    found = sized("multi_head_attention", (10, width), **arguments)
    assert (found.weights + found.biases, found.macs) == (params, macs)


def test_one_norm_for_every_head_has_as_many_weights_as_one_over_the_width() -> None:
    shapes = {
        norm: sized("mha", (5, 12), num_heads=3, qk_norm=norm).weight_shapes
        for norm in ("none", "head", "heads", "width")
    }
    assert "q_norm.weight" not in shapes["none"]
    assert [shapes[norm]["q_norm.weight"] for norm in ("head", "heads", "width")] == [(4,), (3, 4), (12,)]


def test_norms_of_queries_and_keys_may_have_biases() -> None:
    plain, biased = (sized("mha", (5, 12), num_heads=3, qk_norm="head", qk_norm_bias=bias) for bias in (False, True))
    assert (biased.weights, biased.biases) == (plain.weights, plain.biases + 2 * 4)
    assert sized("mha", (5, 12), num_heads=3, qk_norm_bias=True).biases == sized("mha", (5, 12), num_heads=3).biases


def test_a_gate_has_biases_where_the_projections_have() -> None:
    plain, gated, bare = (
        sized("mha", (5, 12), num_heads=3, **words) for words in ({}, {"gate": True}, {"gate": True, "bias": False})
    )
    assert gated.weights == bare.weights == plain.weights + 12 * 12
    assert (gated.biases, bare.biases) == (plain.biases + 12, 0)
    assert gated.macs == plain.macs + 5 * 12 * 12


@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7), (1, 5, 7), (1, 1), (7,), ()])
def test_a_mask_is_broadcast_to_the_scores(shape: tuple[int, ...]) -> None:
    inputs = [(5, 12), (7, 12), (7, 12), shape]
    masked = sized("multi_head_attention", *inputs, num_heads=3, attn_mask=True)
    assert masked.macs == sized("multi_head_attention", *inputs[:3], num_heads=3).macs
    assert outputs(sized("sdpa", (3, 5, 4), (3, 7, 4), (3, 7, 4), shape)) == [(3, 5, 4)]


@pytest.mark.parametrize(
    ("inputs", "arguments", "message", "hint"),
    [
        ([(5, 12), (5, 6)], {"attn_mask": True}, "an axis of the mask (=6) must be 1 or equal that of the scores (=5)", ""),
        ([(5, 12), (4, 5)], {"attn_mask": True}, "an axis of the mask (=4) must be 1 or equal that of the scores (=5)", ""),
        ([(5, 12), (2, 3, 5, 5)], {"attn_mask": True}, "the mask has 4 axes, but the scores have 3", "reshape the mask"),
        ([(5, 12)], {"attn_mask": True}, "multi_head_attention expects queries, keys and values, but has 1 input",
         "write `from: [x, mask]`"),
        ([(5, 12)] * 4, {}, "multi_head_attention expects queries, keys and values, but has 4 inputs",
         "write `attn_mask: true` if the last one is a mask"),
    ],
)  # fmt: skip
def test_masks_that_do_not_fit(
    inputs: list[tuple[int, ...]], arguments: dict[str, bool], message: str, hint: str
) -> None:
    with pytest.raises(LayerError) as caught:
        sized("multi_head_attention", *inputs, num_heads=3, **arguments)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ({"window": 4, "is_causal": True}, range(3, 7)),
        ({"window": 4}, range(4, 9)),
        ({"window": 5}, range(4, 9)),
        ({"window": 1}, range(6, 7)),
        ({"window": 1, "is_causal": True}, range(6, 7)),
    ],
)
def test_a_window_bounds_what_a_position_sees(arguments: dict[str, int], seen: range) -> None:
    """Mistral's sliding window is the position and 3 before it; ModernBERT's 4 are 2 on either side."""
    import shapecalc

    spec = {"input": [20, 12], "layers": [{"mha": {"num_heads": 3, **arguments}, "name": "a"}]}
    looks = shapecalc.load(spec).infer()["a"].looks()
    assert [look.axes[0][0].at(6) for look in looks] == [seen]


def test_queries_are_seen_one_by_one_and_keys_as_a_whole() -> None:
    for kind, shapes, arguments in (
        ("multi_head_attention", [(5, 12), (7, 12)], {"num_heads": 3}),
        ("sdpa", [(3, 5, 4), (3, 7, 4), (3, 7, 4)], {}),
    ):
        import shapecalc

        inputs = {f"i{n}": list(sizes) for n, sizes in enumerate(shapes)}
        spec = {"inputs": inputs, "layers": [{kind: arguments, "from": list(inputs), "name": "a"}]}
        looks = shapecalc.load(spec).infer()["a"].looks()
        assert [look.axes[-2][1] for look in looks] == [len(shapes[0]) - 2, *[-1] * (len(shapes) - 1)]


LATENT = {
    "DeepseekV3Attention": (
        7168,
        {"num_heads": 128, "kv_lora_rank": 512, "q_lora_rank": 1536},
        187_107_328,
        1_875_148_800,
    ),
    "DeepseekV2Attention": (2048, {"num_heads": 16, "kv_lora_rank": 512}, 13_763_072, 138_137_600),
}
"""As above: DeepSeek-V3, and DeepSeek-V2-Lite's sizes."""


@pytest.mark.parametrize("name", LATENT)
def test_latent_attention_is_that_of_transformers(name: str) -> None:
    width, arguments, params, macs = LATENT[name]
    found = sized("multi_head_latent_attention", (10, width), **arguments)
    assert (found.weights + found.biases, found.macs) == (params, macs)
    biased = sized("mla", (10, width), **arguments, bias=True)
    assert biased.biases == width + 512 + 64 + arguments.get("q_lora_rank", 0)


def test_a_latent_cache_is_the_latent_and_the_shared_key() -> None:
    """DeepSeek-V3 at 16 bits: 61 layers, 70,272 bytes a token (DeepSeek-AI 2024)."""
    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.kinds.latent_attention import MultiHeadLatentAttention

    arguments = {"num_heads": 128, "kv_lora_rank": 512, "q_lora_rank": 1536}
    assert 61 * 2 * MultiHeadLatentAttention(**arguments, is_causal=True).kv_cache(Shape((1, 7168))) == 70_272
    assert MultiHeadLatentAttention(**arguments).kv_cache(Shape((1, 7168))) == 0
