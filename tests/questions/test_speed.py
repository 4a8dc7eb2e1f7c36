"""Bounds on speed: published rooflines and decoding times, counts by brute force, and what a bound must hold for."""

from __future__ import annotations

import itertools
import json
import os
import random

import pytest
from searching import some

import shapecalc
from shapecalc.errors import SpecError, UsageError
from shapecalc.layers.kinds.scaled_dot_product import hidden_pairs
from shapecalc.questions.speed import COMPUTE, MEMORY, bundled_devices, find_device

# The roofline paper and published articles.

OPTERON = {"name": "Opteron X2", "bandwidth": "15 GB/s", "peak": {"fp64": "17.6 GFLOP/s"}}
"""Williams, Waterman & Patterson 2009, figure 1a: 17.6 GFLOP/s in double precision, 15 GB/s."""


def network(layers, size="16", **rest):
    return shapecalc.load({"input": [int(n) for n in size.split("x")], "layers": layers, **rest})


def test_the_roofline_of_the_paper():
    """Attainable GFLOP/s = min(peak, bandwidth × operational intensity); the ridge point is where both are equal."""
    found = network([{"fc": 1000}], "1000").speed(OPTERON, weights=64, activations=64)
    roofline = found.roofline
    assert roofline.ridge == pytest.approx(17.6 / 15)
    assert 15 * roofline.ridge == pytest.approx(17.6)
    for intensity in (1 / 4, 1 / 2, 1, 2, 16):
        moved = 10**9
        bound = roofline.bound(moved, int(intensity * moved) // 2)
        attainable = 2 * bound.macs / bound.seconds
        assert attainable == pytest.approx(min(17.6e9, 15e9 * intensity)), intensity
        assert bound.bound == (COMPUTE if intensity > roofline.ridge else MEMORY)


PUBLISHED_RIDGES = {
    ("h100", 16): 295,  # 989 TFLOP/s / 3.35 TB/s: "How to Scale Your Model", Google DeepMind 2025, and many others
    ("a10", 16): 208.3,  # "A guide to LLM inference and performance", Baseten 2023: 125 TF / 600 GB/s
    ("tpu-v5e", 16): 240,  # "How to Scale Your Model": 1.97e14 / 8.2e11
    ("a100-80gb", 16): 153,  # 312 TFLOP/s / 2.039 TB/s
}


@pytest.mark.parametrize(("device", "bits"), PUBLISHED_RIDGES)
def test_published_ridge_points(device, bits):
    found = find_device(device)
    assert found.peak_at(bits).rate / found.bandwidth == pytest.approx(PUBLISHED_RIDGES[device, bits], rel=0.005)


def test_a_published_decoding_time():
    """Baseten 2023: Llama 2 7B in 16 bits on an A10 is 14 GB / 600 GB/s = 23 ms a token.

    7 billion are 6,738,415,616 parameters, of which the 32,000 × 4,096 of the embeddings are looked up.
    """
    step = shapecalc.load("llama-2-7b").speed("a10", context=0).decoding
    read = 6_738_415_616 - 31_999 * 4_096
    assert step.weights == 2 * read
    assert step.bound.seconds == pytest.approx(2 * read / 600e9)
    assert step.bound.seconds == pytest.approx(0.023, rel=0.07)
    assert step.bound.bound == MEMORY


def test_llama_3_8b_by_hand():
    """15.01 GB of weights in 3.35 TB/s; with all parameters, as is often said, it would be 4.79 ms."""
    found = shapecalc.load("llama-3-8b").speed("h100", prompt=8192, context=8192)
    read = 8_030_261_248 - 128_255 * 4_096
    assert found.decoding.weights == 2 * read == 15_009_857_536
    assert found.decoding.cache == 8192 * 32 * 8 * 2 * 128 * 2
    assert found.decoding.bound.seconds == pytest.approx((2 * read + 2**30) / 3.35e12)
    assert found.decoding.tokens_per_second == pytest.approx(208.29, rel=1e-4)
    # one MAC for each weight of a matrix, and 2·32·128 for each of the keys in 32 layers
    norms = 65 * 4096
    assert found.decoding.bound.macs == read - norms - 4096 + 32 * 2 * 32 * 128 * (8192 + 1)
    assert found.prompt.bound.bound == COMPUTE


def test_a_batch_reads_the_weights_once_and_every_cache():
    one, many = (shapecalc.load("llama-3-8b").speed("h100", batch=n, context=1000).decoding for n in (1, 32))
    assert many.weights == one.weights
    assert many.cache == 32 * one.cache
    assert many.bound.macs == 32 * one.bound.macs
    assert many.tokens_per_second == pytest.approx(32 / many.bound.seconds)


def test_tied_tables_are_read_whole():
    """GPT-2's output layer has the weights of the embedding, which are then read once; of the positions one row."""
    step = shapecalc.load("gpt2").speed("h100", context=0).decoding
    assert step.weights == 2 * (124_439_808 - 1_023 * 768)
    assert shapecalc.load("gpt2").speed("h100").decoding.context == 1_023, "the last position that it has"


def test_experts_of_a_batch():
    """Mixtral: 32 layers of 8 experts of 3·4096·14336, 2 for each token."""
    net = shapecalc.load("mixtral-8x7b")
    expert, others = 3 * 4_096 * 14_336, 1_605_636_096 - 31_999 * 4_096
    for batch, most in ((1, 2), (2, 4), (3, 6), (4, 8), (64, 8)):
        step = net.speed("h200", batch=batch, context=0, prompt=1).decoding
        assert step.weights == 2 * (32 * 2 * expert + others)
        if batch == 1:
            assert step.spread is None
        else:
            assert step.spread.weights == 2 * (32 * most * expert + others + (batch - 1) * 4_096)
            assert step.spread.tokens_per_second == pytest.approx(batch / step.spread.bound.seconds)


def test_windows_and_states_are_what_a_step_reads():
    layers = [{"embedding": {"num_embeddings": 50, "embedding_dim": 32}},
              {"multi_head_attention": {"num_heads": 4, "is_causal": True, "window": 8}}, {"linear": 50}]  # fmt: skip
    net = network(layers, "64", name="windowed")
    for context, past in ((0, 0), (3, 3), (7, 7), (8, 7), (1000, 7)):
        step = net.speed("h100", context=context).decoding
        assert step.cache == past * 2 * 32 * 2
        assert step.bound.macs == 4 * 32 * 32 + (past + 1) * 2 * 32 + 32 * 50
    mamba = shapecalc.load("mamba-130m")
    assert {mamba.speed("h100", context=n).decoding.cache for n in (0, 100, 10**6)} == {24 * 1536 * (4 * 2 + 16 * 4)}


# The first token: by counting every position.


def test_the_first_token_of_a_small_decoder_by_hand():
    layers = [{"embedding": {"num_embeddings": 50, "embedding_dim": 8}},
              {"multi_head_attention": {"num_heads": 2, "is_causal": True}}, {"linear": 8},
              {"multi_head_attention": {"num_heads": 2, "is_causal": True}}, {"linear": 50}]  # fmt: skip
    found = network(layers, "5").speed("h100", prompt=5)
    first_attention = 5 * 4 * 64 + 15 * 16  # four projections, and 1 + 2 + … + 5 keys, 2·8 MACs each
    last_attention = 4 * 64 + 5 * 16  # for the last position alone
    assert found.prompt.bound.macs == first_attention + 5 * 64 + last_attention + 8 * 50
    whole = first_attention * 2 + 5 * 64 + 5 * 8 * 50
    assert found.network.macs == whole


@pytest.mark.parametrize("name", ["gpt2", "llama-3-8b", "deepseek-v2-lite", "mamba-130m", "gpt-oss-20b", "qwen3-0.6b"])
def test_a_prompt_of_one_token_is_a_step_without_context(name):
    found = shapecalc.load(name).speed("h100", prompt=1, context=0)
    assert found.prompt.bound.macs == found.decoding.bound.macs
    assert found.decoding.bound.bytes - found.prompt.bound.bytes == found.decoding.cache
    assert bool(found.decoding.cache) == (name == "mamba-130m"), "its state"


@pytest.mark.parametrize("name", ["gpt2", "llama-3-8b", "deepseek-v2-lite", "mamba-130m", "gpt-oss-20b"])
def test_a_prompt_is_no_less_than_its_last_step_and_no_more_than_all_positions(name):
    for tokens in (2, 100):
        found = shapecalc.load(name).speed("h100", prompt=tokens, context=tokens - 1)
        assert found.decoding.bound.macs < found.prompt.bound.macs
        whole = shapecalc.load(name, input=[tokens]).speed("h100").network
        assert found.prompt.bound.macs <= whole.macs
        assert found.prompt.bound.seconds <= whole.seconds


# Pairs that a mask or a window hides: by counting them.


@pytest.mark.parametrize("is_causal", [True, False])
def test_hidden_pairs_are_those_that_a_loop_counts(is_causal):
    for length, extra, window in itertools.product(range(1, 8), (0, 2), (None, 1, 2, 3, 5, 20)):
        hidden = 0
        for query, key in itertools.product(range(length), repeat=2):
            seen = window is None or (query - key < window if is_causal else abs(query - key) <= window // 2)
            hidden += not (seen and (key <= query or not is_causal))
        assert hidden_pairs(length, length + extra, window, is_causal=is_causal) == hidden, (length, extra, window)


def test_no_pair_of_a_longer_or_shorter_sequence_of_keys_is_taken_away():
    assert hidden_pairs(9, 4, None, is_causal=False) == 0
    assert hidden_pairs(1, 4, None, is_causal=True) == 0


@pytest.mark.parametrize("kind", [
    {"multi_head_attention": {"num_heads": 4, "is_causal": True}},
    {"multi_head_attention": {"num_heads": 4, "is_causal": True, "num_kv_heads": 2, "window": 3}},
    {"multi_head_attention": {"num_heads": 4, "window": 4}},
    {"multi_head_attention": {"num_heads": 4}},
    {"multi_head_latent_attention": {"num_heads": 2, "kv_lora_rank": 4, "is_causal": True}},
])  # fmt: skip
def test_needed_macs_of_attention_are_those_of_the_pairs_that_are_seen(kind):
    (name, arguments), length = next(iter(kind.items())), 6
    report = network([kind], f"{length}x16").infer()
    (row,) = report.rows
    each = 2 * 16 if name == "multi_head_attention" else 2 * (128 + 64 + 128)
    window, causal = arguments.get("window"), arguments.get("is_causal", False)
    seen = sum(
        (k <= q and (window is None or q - k < window)) if causal else (window is None or abs(q - k) <= window // 2)
        for q in range(length)
        for k in range(length)
    )
    needed = row.node.layer.needed_macs(row.sizing.output, *row.sizing.inputs)
    assert needed == row.macs - each * (length * length - seen)


# The bytes of layers.


def test_bytes_of_a_layer_by_hand():
    found = network([{"conv": {"out_channels": 8, "kernel_size": 3}}, "relu"], "4x10x10").speed(
        "h100", batch=3, weights=8
    )
    conv, relu = found.layers
    assert (conv.weights, conv.activations) == (8 * 4 * 9 + 8, 3 * 2 * (4 * 100 + 8 * 64))
    assert (relu.weights, relu.activations) == (0, 3 * 2 * 2 * 8 * 64)
    assert conv.bound.bytes == conv.weights + conv.activations
    assert conv.bound.macs == 3 * 8 * 4 * 9 * 64
    assert conv.bound.intensity == 2 * conv.bound.macs / conv.bound.bytes
    assert relu.bound.intensity == 0
    assert found.network.bytes == conv.weights + 3 * 2 * (400 + 512)
    assert found.layer_by_layer == conv.bound.seconds + relu.bound.seconds


@pytest.mark.parametrize(("layer", "size", "read"), [
    ({"conv": {"out_channels": 2, "kernel_size": 1, "stride": 2, "bias": False}}, "3x9x9", 3 * 25),
    ({"conv": {"out_channels": 2, "kernel_size": 1, "stride": 2, "bias": False}}, "3x8x8", 3 * 16),
    ({"max_pool": {"kernel_size": 2, "stride": 3}}, "3x8x8", 3 * 36),
    ({"max_pool": {"kernel_size": 3, "stride": 2}}, "3x9x9", 3 * 81),
    ({"index_select": {"index": [0, 5], "dim": 1}}, "9x4", 2 * 4),
    ("gelu", "9x4", 36),
])  # fmt: skip
def test_only_elements_that_are_used_are_read(layer, size, read):
    """A window that steps over rows does not read them: counted by a loop over the positions of the window."""
    found = network([layer], size).speed("h100", weights=8, activations=8)
    (row,) = found.report.rows
    assert found.layers[0].activations == read + row.output_shapes[0][0] * _rest(row)


def _rest(row):
    rest = 1
    for size in row.output_shapes[0][1:]:
        rest *= size
    return rest


def test_views_move_nothing_and_are_read_once():
    layers = [{"fc": 12}, {"reshape": [3, 4]}, "flatten", {"add": [[], ["relu"]]}]
    found = {layer.name: layer for layer in network(layers, "6").speed("h100").layers}
    assert [found[name].bound.bytes for name in ("reshape1", "flatten1")] == [0, 0]
    assert found["reshape1"].bound.bound == ""
    assert found["add1"].activations == 2 * 3 * 12


def test_chunks_of_one_tensor_are_no_more_than_that():
    layers = (
        network([{"split": {"sizes": 4}, "name": "s"}, {"concat": {"dim": 1}, "from": ["s[0]", "s[1]"]}], "8")
        .speed("h100")
        .layers
    )
    assert layers[-1].activations == 2 * (8 + 8)
    halves = network([{"split": {"sizes": 4}, "name": "s"}, {"relu": None, "from": "s[1]"}], "8").speed("h100").layers
    assert halves[-1].activations == 2 * (4 + 4)


NETWORKS = ["alexnet", "resnet50", "mobilenet_v2", "vit_b_16", "unet", "densenet121", "gpt2", "bert-base-cased", "t5-small",
            "whisper-tiny", "swin_t", "llama-3-8b", "mamba-130m", "mixtral-8x7b"]  # fmt: skip


@pytest.mark.parametrize("name", some(NETWORKS, 4))
def test_what_bounds_what(name):
    """The whole network is bounded by less than its layers one by one; a faster device, fewer bits never need longer."""
    net = shapecalc.load(name)
    found = net.speed("a100-40gb")
    assert found.network.seconds <= found.layer_by_layer
    assert found.network.bytes <= sum(layer.bound.bytes for layer in found.layers)
    assert found.network.macs == sum(layer.bound.macs for layer in found.layers) <= found.report.total.macs
    assert net.speed("a100-80gb").network.seconds <= found.network.seconds
    narrower = net.speed("a100-40gb", weights=8, activations=8)
    assert narrower.layer_by_layer < found.layer_by_layer
    for layer in found.layers:
        memory = layer.bound.bytes / found.device.bandwidth
        compute = 2 * layer.bound.macs / found.roofline.peak.rate
        assert layer.bound.seconds == max(memory, compute)
        assert layer.bound.bound == (
            "" if not layer.bound.bytes + layer.bound.macs else MEMORY if memory >= compute else COMPUTE
        )


@pytest.mark.parametrize("seed", range(4))
def test_weights_read_are_no_more_than_there_are(seed):
    name = random.Random(seed).choice(NETWORKS)
    found = shapecalc.load(name).speed("h100")
    for layer, row in zip(found.layers, found.report.rows, strict=True):
        assert layer.weights <= 2 * sum(_product(sizes) for sizes in row.sizing.weight_shapes.values()) or row.shares


def _product(sizes):
    found = 1
    for size in sizes:
        found *= size
    return found


# Devices.


@pytest.mark.parametrize("name", some(bundled_devices(), 24))
def test_bundled_devices_are_complete(name):
    device = find_device(name)
    assert device.key == name
    assert device.name != name
    assert device.source
    assert 10**10 < device.bandwidth < 10**13
    assert 10**11 < device.peak_at(8).rate < 10**16
    by_width = [device.peak_at(bits).rate for bits in (4, 8, 16, 32)]
    assert by_width == sorted(by_width, reverse=True), "narrower formats are no slower"
    assert not any(peak.rate % 2 and peak.rate > 10**18 for peak in device.peaks)


def test_peaks_are_dense():
    """With sparsity datasheets of NVIDIA since Ampere have twice these."""
    dense = {
        "a100-80gb": 312e12,
        "h100": 989.4e12,
        "h200": 989.4e12,
        "l4": 121e12,
        "mi300x": 1307.4e12,
        "b200": 2250e12,
    }
    assert {name: find_device(name).peak_at(16).rate for name in dense} == dense


def test_a_width_without_a_peak_is_computed_in_a_wider_format():
    v100, tpu = find_device("v100"), find_device("tpu-v5e")
    assert v100.peak_at(8).format == "fp16"
    assert v100.peak_at(17).format == "fp32"
    assert tpu.peak_at(32).format == "bf16", "the widest that it has: faster than fp32 can be"
    assert find_device("h100").peak_at(32).format == "tf32", "the fastest of a width"
    assert find_device("h100").peak_at(8).rate == 1978.9e12
    assert "there is no peak of 8 bits" in str(shapecalc.load("lenet5").speed("v100", activations=8))


def test_names_of_devices_in_other_spellings():
    assert find_device("RTX 4090") == find_device("rtx_4090") == find_device("rtx-4090")
    with pytest.raises(UsageError, match="did you mean h100"):
        find_device("h10")
    with pytest.raises(UsageError, match="no file"):
        find_device("./missing.yaml")


def test_a_device_of_ones_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("bandwidth: 2 GB/s\npeak: {int8: 8 GOP/s, fp16: '4 GFLOPS'}\nmemory: 1 GiB\n")
    found = shapecalc.load("lenet5").speed(path)
    assert found.device.bandwidth == 2 * 10**9
    assert found.device.memory == 2**30
    assert found.device.to_dict()["peaks"] == {"int8": 8 * 10**9, "fp16": 4 * 10**9}
    same = shapecalc.load("lenet5").speed({"bandwidth": "2GB/s", "peak": {"int8": "8GOP/s", "fp16": "4 GFLOP/s"}})
    assert same.network == found.network


@pytest.mark.parametrize(("text", "words"), [
    ("", "is empty"),
    ("[]", "a device is a mapping"),
    ("3", "a device is a mapping"),
    ("bandwidth: 1 TB/s", "the device has no peak"),
    ("peak: {fp16: 1 TFLOP/s}", "the device has no bandwidth"),
    ("bandwidth: 1 TB/s\npeak: {}", "peak is a mapping"),
    ("bandwidth: 1 TB/s\npeak: 3", "peak is a mapping"),
    ("bandwidth: 1 TFLOP/s\npeak: {fp16: 1 TFLOP/s}", "bandwidth is 1 TFLOP/s"),
    ("bandwidth: 0 TB/s\npeak: {fp16: 1 TFLOP/s}", "bandwidth is 0 TB/s"),
    ("bandwidth: -1 TB/s\npeak: {fp16: 1 TFLOP/s}", "bandwidth is -1 TB/s"),
    ("bandwidth: 1e9\npeak: {fp16: 1 TFLOP/s}", "bandwidth is 1e9"),
    (f"bandwidth: 1{'0' * 30} B/s\npeak: {{fp16: 1 TFLOP/s}}", "bandwidth is 1"),
    ("bandwidth: [1]\npeak: {fp16: 1 TFLOP/s}", "a list or a mapping"),
    ("bandwidth: 1 TB/s\npeak: {fp16: 1 TB/s}", "the peak of fp16 is 1 TB/s"),
    ("bandwidth: 1 TB/s\npeak: {half: 1 TFLOP/s}", "half is not a number format"),
    ("bandwidth: 1 TB/s\npeak: {fp160: 1 TFLOP/s}", "fp160 is not a number format"),
    ("bandwidth: 1 TB/s\npeak: {fp16: 1 TFLOP/s}\nmemory: much", "memory is much"),
    ("bandwidth: 1 TB/s\npeak: {fp16: 1 TFLOP/s}\nname: [a]", "this is not a text"),
    ("bandwidth: 1 TB/s\npeak: {fp16: 1 TFLOP/s}\nbandwith: 3", "a device has no bandwith"),
    ("{", "the `{` is not closed"),
])  # fmt: skip
def test_wrong_files_of_devices(text, words, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as error:
        find_device(path)
    assert words in str(error.value)
    problem = error.value.problems[0]
    assert problem.hint
    assert str(path) in str(error.value)


def test_all_errors_of_a_file_are_reported():
    wrong = {"bandwidth": "x", "peak": {"a": "y", "fp16": 3}, "foo": 1}
    with pytest.raises(SpecError) as error:
        find_device(wrong)
    assert len(error.value.problems) == 5


# What cannot be answered.


@pytest.mark.parametrize(("name", "options", "words"), [
    ("lenet5", {"prompt": 3}, "is not a decoder"),
    ("bert-base-cased", {"context": 3}, "is not a decoder"),
    ("t5-small", {"context": 3}, "attends to a source"),
    ("gpt2", {"prompt": 1025}, "a prompt of 1,025 tokens is more than the 1,024 positions of the network"),
    ("gpt2", {"context": 1024}, "a context of 1,024 tokens and the next one are more than the 1,024 positions"),
    ("gpt2", {"context": -1}, "context is -1"),
    ("gpt2", {"prompt": 0}, "prompt is 0"),
    ("gpt2", {"prompt": True}, "prompt is True"),
    ("gpt2", {"weights": 0}, "the bits of weights"),
    ("gpt2", {"kv_bits": "x"}, "the bits of the KV cache"),
])  # fmt: skip
def test_what_cannot_be_answered(name, options, words):
    with pytest.raises(UsageError, match=words):
        shapecalc.load(name).speed("h100", **options)


def test_a_decoder_whose_length_is_fixed_has_no_bounds_on_decoding():
    layers = [{"reshape": [4, 8]}, {"multi_head_attention": {"num_heads": 2, "is_causal": True}}]
    net = network(layers, "4x8", name="fixed")
    found = net.speed("h100")
    assert found.decoding is None
    assert "No bounds on decoding: the length of fixed cannot be changed to 1." in str(found).replace("\n", " ")
    with pytest.raises(UsageError, match="cannot be changed"):
        net.speed("h100", context=3)


def test_networks_without_work():
    found = network(["identity"], "8").speed("h100")
    assert found.network.bound == MEMORY, "its input and output are moved"
    assert found.layers[0].bound == (0, 0, 0.0, "")
    assert json.dumps(found.to_dict())


def test_json_has_what_the_library_has():
    found = shapecalc.load("mixtral-8x7b").speed("h100", batch=2, context=5, prompt=7, weights=4, kv_bits=8)
    contract = json.loads(json.dumps(found.to_dict()))
    assert contract["bits"] == {"weights": 4, "activations": 16, "kv_cache": 8}
    assert contract["prompt"]["tokens"] == 7
    assert contract["decoding"]["context"] == 5
    assert contract["decoding"]["cache"] == 2 * 5 * 65_536
    assert contract["decoding"]["tokens_per_second"] == 2 * contract["decoding"]["tokens_per_second_per_sample"]
    assert contract["decoding"]["experts_spread"]["weights"] > contract["decoding"]["weights"]
    assert len(contract["layers"]) == len(found.report.rows)
    assert sum(layer["seconds"] for layer in contract["layers"]) == pytest.approx(contract["layer_by_layer"])
    assert os.fspath(contract["device"]["key"]) == "h100"


def test_named_formats_of_weights_are_those_of_memory():
    net = shapecalc.load("llama-3-8b")
    found = net.speed("h100", weights="q4_k_m", context="8k")
    memory = net.memory(weights="q4_k_m")
    own = {layer.name: layer.weights for layer in memory.layers}
    table = "embed_tokens"
    for layer in found.layers:
        if layer.name != table:
            assert abs(layer.weights - own[layer.name]) < 8, layer.name  # tensors are rounded up to bytes
    row = own[table] // 128256  # one row of the table
    assert found.decoding.weights == pytest.approx(memory.weights - own[table] + row, abs=8 * 32)
    assert found.decoding.context == 8192
    assert found.to_dict()["bits"] == {"weights": 4.8944, "activations": 16, "kv_cache": 16, "format": "q4_k_m"}
    assert "Weights in q4_k_m, on average 4.89 bits" in found.render("text", width=200)


def test_other_formats_of_some_layers():
    report = shapecalc.load("gpt2")  # its head shares the table of tokens
    usual = report.speed("h100", weights=8, context=9)
    wider = report.speed("h100", weights=8, weights_of="wte=16", context=9)
    table = 50257 * 768
    assert wider.decoding.weights - usual.decoding.weights == table
    assert wider.network.bytes - usual.network.bytes == table


@pytest.mark.parametrize(
    ("name", "options", "note"),
    [
        ("mixtral-8x7b", {"context": 0}, "It does not fit: the weights, 93.4 GB, are more than the 80.0 GB of the device."),
        ("llama-3-8b", {"context": "1M", "batch": 1},
         "It does not fit: the weights, 16.1 GB, and the cache, 137 GB, are more than the 80.0 GB of the device."),
        ("llama-3-8b", {}, ""),
        ("mixtral-8x7b", {"context": 0, "weights": "q4_k_m"}, ""),
    ],
)  # fmt: skip
def test_all_weights_and_the_cache_must_fit(name, options, note):
    found = shapecalc.load(name).speed("h100", **options)
    text = " ".join(found.render("text", width=200, depth=1).split())
    assert note in text if note else "does not fit" not in text
    assert found.to_dict()["weights"] == found.stored


def test_what_is_stored_is_all_weights():
    assert shapecalc.load("mixtral-8x7b").speed("h100").stored == 2 * 46_702_792_704


def test_states_of_recurrences_are_no_keys_and_values():
    half = shapecalc.load("mamba-130m").speed("h100", context=5)
    assert half.decoding.cache == shapecalc.load("mamba-130m").memory(activations=16).state_cache
    assert shapecalc.load("mamba-130m").speed("h100", context=5, kv_bits=4).decoding.cache == half.decoding.cache


def test_modules_that_a_config_keeps_unquantised_are_read_wider(tmp_path):
    config = {"model_type": "llama", "num_hidden_layers": 2, "torch_dtype": "float16",
              "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128}}  # fmt: skip
    stored = []
    for kept in ([], ["down_proj"]):
        config["quantization_config"]["modules_to_not_convert"] = kept
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        net = shapecalc.load(str(tmp_path / "config.json"), input=[8])
        assert net.speed("h100").stored == net.memory().weights
        stored.append(net.speed("h100").decoding.weights)
    assert stored[1] - stored[0] == pytest.approx(2 * 11008 * 4096 * (16 - 4.15625) / 8, rel=1e-3)
