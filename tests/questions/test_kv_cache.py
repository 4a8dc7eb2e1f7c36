"""The key/value cache: against the caches of transformers, and only in decoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_kv_caches import CONFIGS, RECURRENT, record, record_states

import shapecalc

_DATA = json.loads((Path(__file__).parent.parent / "data" / "kv_caches.json").read_text(encoding="utf-8"))
RECORDED, STATES = _DATA["families"], _DATA["states"]


def spec(family: str) -> tuple[Any, dict[str, Any]]:
    """Return a specification and its variables for a configuration of transformers."""
    c = CONFIGS[family]
    if family == "gpt2":
        variables = {"layers": c["n_layer"], "heads": c["n_head"], "hidden": c["n_embd"], "seq": 16, "context": 16}
    elif family == "llama":
        variables = {"layers": c["num_hidden_layers"], "heads": c["num_attention_heads"], "hidden": c["hidden_size"],
                     "kv_heads": c["num_key_value_heads"], "seq": 16}  # fmt: skip
    elif family == "t5":
        variables = {"layers": c["num_layers"], "heads": c["num_heads"], "head_dim": c["d_kv"], "hidden": c["d_model"]}
    elif family == "whisper":
        variables = {"layers": c["decoder_layers"], "heads": c["decoder_attention_heads"], "hidden": c["d_model"]}
    elif family == "bart":
        return BART, {}
    elif family == "bert":
        variables = {"layers": c["num_hidden_layers"], "heads": c["num_attention_heads"], "hidden": c["hidden_size"]}
    else:
        variables = {}
    return {"llama": "llama-2-7b", "t5": "t5-small", "whisper": "whisper-tiny", "bert": "bert-base-uncased",
            "vit": "vit_b_32"}.get(family, family), variables  # fmt: skip


BART = {
    "inputs": {"tokens": [7, 24], "targets": [5, 24]},
    "layers": [
        {"transformer_encoder_layer": {"d_model": 24, "nhead": 4, "dim_feedforward": 40}, "from": "tokens", "name": "encoder"},
        *(
            {"transformer_decoder_layer": {"d_model": 24, "nhead": 4, "dim_feedforward": 40},
             "from": [f"decoder{i - 1}" if i else "targets", "encoder"], "name": f"decoder{i}"}
            for i in range(3)
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize("family", RECORDED)
def test_the_cache_agrees_with_transformers(family: str) -> None:
    network, variables = spec(family)
    found = shapecalc.load(network).memory(activations=8, vars=variables)
    assert found.kv_cache == RECORDED[family]["token"]
    assert found.cross_kv_cache_per_source_token == RECORDED[family]["source_token"]
    sources = {"t5": 128, "whisper": 1500, "bart": 7}
    assert found.cross_kv_cache == RECORDED[family]["source_token"] * sources.get(family, 0)


def test_every_family_is_recorded() -> None:
    assert [*RECORDED] == [*CONFIGS]
    assert sum(entry["token"] > 0 for entry in RECORDED.values()) == 5


@pytest.mark.parametrize("name", ["vit_b_16", "bert-base-uncased", "clip-vit-base-patch32", "swin_t", "resnet18"])
def test_networks_that_never_decode_have_no_cache(name: str) -> None:
    found = shapecalc.load(name).memory()
    assert (found.kv_cache, found.cross_kv_cache, found.cross_kv_cache_per_source_token) == (0, 0, 0)


HEADS = {"num_heads": 2, "embed_dim": 8}


def cache(*layers: Any, **inputs: Any) -> tuple[int, int, int]:
    found = shapecalc.load({"inputs": inputs or {"x": [5, 8]}, "layers": [*layers]}).memory(activations=8)
    return found.kv_cache, found.cross_kv_cache_per_source_token, found.cross_kv_cache


def test_cross_attention_follows_causal_attention_and_reads_another_input() -> None:
    own = {"mha": {**HEADS, "is_causal": True}, "name": "own", "from": "x"}
    cross = {"mha": HEADS, "from": ["own", "y"]}
    both = {"x": [5, 8], "y": [7, 8]}
    assert cache(own, cross, **both) == (16, 16, 7 * 16)
    assert cache({**own, "mha": HEADS}, cross, **both) == (0, 0, 0)  # DETR's decoder: all at once
    assert cache(own, {"mha": HEADS, "from": ["own", "own"]}) == (16, 0, 0)  # its own sequence, not a source
    assert cache({"mha": HEADS, "name": "encoded", "from": "y"}, own, {**cross, "from": ["own", "encoded"]}, **both) == (
        16, 16, 7 * 16)  # fmt: skip
    wide = {"mha": {**HEADS, "kdim": 6, "vdim": 6}, "from": ["own", "y", "y"]}
    assert cache(own, wide, x=[5, 8], y=[9, 6]) == (16, 16, 9 * 16)


def test_a_decoder_layer_is_causal_by_default() -> None:
    words = {"d_model": 8, "nhead": 2, "dim_feedforward": 4}
    both = {"x": [5, 8], "y": [7, 8]}
    assert cache({"transformer_decoder_layer": words, "from": ["x", "y"]}, **both) == (16, 16, 7 * 16)
    detr = {"transformer_decoder_layer": {**words, "tgt_is_causal": False}, "from": ["x", "y"]}
    assert cache(detr, **both) == (0, 0, 0)
    assert cache({"transformer_encoder_layer": words}) == (0, 0, 0)
    assert cache({"transformer_encoder_layer": {**words, "is_causal": True}}) == (16, 0, 0)


@pytest.mark.elsewhere
@pytest.mark.filterwarnings("ignore")
def test_the_record_agrees_with_the_installed_transformers() -> None:
    pytest.importorskip("transformers")
    assert record() == RECORDED
    assert record_states() == STATES


def gemma_3_27b(**more: Any) -> dict[str, Any]:
    """The attention of Gemma 3 27B: five layers with a window of 1,024 tokens, then one without, 62 in all."""
    arguments = {"num_heads": 32, "num_kv_heads": 16, "head_dim": 128, "is_causal": True, "bias": False}
    local = {**arguments, "window": 1024}
    layers = [{"mha": arguments if i % 6 == 5 else local, "name": f"layer{i}"} for i in range(62)]
    return {"name": "gemma", "input": [1, 5376], "layers": layers, **more}


def test_a_window_needs_no_more_than_its_tokens() -> None:
    """Gemma-3-27B at 128 K tokens in 16 bits: about 10.4 GiB with its windows, and 62 GiB without."""
    net = shapecalc.load(gemma_3_27b())
    found = net.memory(activations=16, context=131_072)
    each = 2 * 2 * 16 * 128  # key and value of 16 heads, 2 bytes an element
    assert found.context.bytes == each * (10 * 131_072 + 52 * 1024)
    assert round(found.context.bytes / 2**30, 1) == 10.4
    assert found.context.reserved == each * 62 * 131_072 == 62 * 2**30
    assert (found.kv_cache, found.kv_windows) == (62 * each, {1024: 52 * each})
    short = net.memory(activations=16, context=100)
    assert short.context.bytes == short.context.reserved == each * 62 * 100


def test_the_cache_at_a_context_is_in_the_total_and_in_the_batch_of_a_budget() -> None:
    net = shapecalc.load("llama-3-8b")
    plain, found = (
        net.memory(vars={"seq": 1}, batch=4, weights=4, activations=16, budget="24GiB", **more)
        for more in ({}, {"context": 8192})
    )
    assert found.context.bytes == 4 * 2**30  # 128 KiB a token (Llama 3: 32 layers, 8 heads of 128, keys and values)
    assert found.total == plain.total + found.context.bytes
    assert found.budget.sample == plain.budget.sample + 2**30
    assert found.budget.batch == 20
    assert 4_015_130_624 + 20 * found.budget.sample <= 24 * 2**30 < 4_015_130_624 + 21 * found.budget.sample
    longest = found.budget.context
    assert longest == plain.budget.context == 41_491
    fits = [
        net.memory(vars={"seq": 1}, batch=4, weights=4, activations=16, context=n).total for n in (longest, longest + 1)
    ]
    assert fits[0] <= 24 * 2**30 < fits[1]


def test_bits_of_the_cache_are_those_of_activations_unless_given() -> None:
    net = shapecalc.load("llama-3-8b")
    words = {"vars": {"seq": 1}, "activations": 16, "context": 10}
    assert net.memory(**words).context.bytes == 10 * 2**17
    assert net.memory(**words, kv_bits=8).context.bytes == 10 * 2**16
    assert net.memory(**words, kv_bits=4).kv_cache == 2**15
    assert net.memory(**words, kv_bits=8).kv_bits == 8


def test_the_longest_context_is_unlimited_where_all_attention_has_a_window() -> None:
    local = {"num_heads": 2, "is_causal": True, "window": 8}
    net = shapecalc.load({"input": [1, 16], "layers": [{"mha": local}]})
    all_, few = 8 * 2 * 16 * 4, 3 * 2 * 16 * 4
    base = net.memory().total
    assert net.memory(budget=base + all_).budget.context is None
    assert net.memory(budget=base + all_ - 1).budget.context == 7
    assert net.memory(budget=base + few).budget.context == 3
    assert net.memory(budget=base).budget.context == 0
    assert net.memory(budget=base - 1).budget.context is None


def test_a_table_of_positions_limits_the_context() -> None:
    net = shapecalc.load("gpt2")
    words = {"vars": {"seq": 1}, "activations": 16}
    assert net.memory(**words, budget="24GiB").budget.context == 1023
    assert net.memory(**words, context=1023).context.tokens == 1023
    with pytest.raises(shapecalc.UsageError) as caught:
        net.memory(**words, context=1024)
    message = "a context of 1,024 tokens and the next one are more than the 1,024 positions of the network"
    assert (caught.value.problems[0].message, caught.value.problems[0].hint) == (message, "give at most 1,023")


def test_a_cross_cache_is_part_of_the_context() -> None:
    net = shapecalc.load("t5-small")
    found = net.memory(context=100, batch=2)
    assert found.context.bytes == 2 * (100 * found.kv_cache + found.cross_kv_cache)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        ("alexnet", {"context": 3}, "AlexNet has no KV cache: no attention is causal"),
        ("llama-3-8b", {"context": 3, "training": True}, "a context is for decoding, not for training"),
        ("llama-3-8b", {"context": -1}, "the context is -1"),
        ("llama-3-8b", {"context": 10**9 + 1}, "the context is 1000000001"),
        ("llama-3-8b", {"context": True}, "the context is True"),
        ("llama-3-8b", {"context": "8x"}, "the context is '8x'"),
        ("llama-3-8b", {"kv_bits": 0}, "the bits of the KV cache are 0: they must be a number from 1 to 64"),
    ],
)
def test_contexts_that_cannot_be(network: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(shapecalc.UsageError) as caught:
        shapecalc.load(network).memory(**options)
    assert caught.value.problems[0].message == message


def test_the_text_and_the_json_have_the_context() -> None:
    found = shapecalc.load(gemma_3_27b()).memory(activations=16, context=2048, budget="1TiB")
    text = " ".join(found.render(width=100).split())
    assert "KV cache, 2,048 past tokens 603,979,776 576 MiB" in text
    each = "507,904 bytes (496 KiB) for each past token of a sample, at 16 bits; in the total."
    assert f"KV cache, during autoregressive decoding: {each}" in text
    assert "Of these, 425,984 bytes (416 KiB) are needed of the last 1,024 tokens alone." in text
    assert "A cache that keeps all 2,048 tokens in every layer reserves 1,040,187,392 bytes (992 MiB)." in text
    assert "The longest context with one sample is " in text
    data = found.to_dict()
    assert data["context"] == {
        "tokens": 2048,
        "bytes": 603_979_776,
        "reserved": 1_040_187_392,
    }
    assert (data["kv_cache_bits"], data["kv_cache_windows"]) == (16, [{"tokens": 1024, "bytes": 425_984}])
    assert "reserves" not in shapecalc.load("gpt2").memory(context=100).render(width=100)
    plain = " ".join(shapecalc.load("gpt2").memory().render(width=100).split())
    assert "at 32 bits; not in the total." in plain
    assert "longest context" not in plain


@pytest.mark.parametrize("name", RECURRENT)
def test_states_agree_with_transformers(name: str, tmp_path: Path) -> None:
    """Of a model in bf16 the convolution's inputs and attention's keys have 16 bits, the recurrence's states 32."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"model_type": name, "dtype": "bfloat16", **RECURRENT[name]}), encoding="utf-8")
    expected = {what: elements * bits // 8 for what, (elements, bits) in STATES[name].items()}
    found = shapecalc.load(config).memory(context=5)
    assert found.state_cache == expected["conv_states"] + expected["recurrent_states"]
    assert found.context.bytes == sum(expected.values())
    assert found.run.tokens == 1
    speed = shapecalc.load(config).speed("h100", context=5)
    assert speed.decoding.cache == sum(expected.values())


def test_a_state_is_kept_however_long_the_context_is() -> None:
    """mamba-130m in transformers' cache: 24 layers, 1,536 channels with 4 columns of the convolution and 16 states."""
    net = shapecalc.load("mamba-130m")
    state = 24 * 1536 * (4 * 2 + 16 * 4)
    found = [net.memory(vars={"seq": 1}, activations=16, context=tokens) for tokens in (0, 10, 1_000_000)]
    assert {memory.context.bytes for memory in found} == {state}
    assert (found[0].kv_cache, found[0].state_cache) == (0, state)
    assert found[0].total == net.memory(vars={"seq": 1}, activations=16).total + state
    text = " ".join(found[1].render(width=100).split())
    assert "state, 10 past tokens" in text
    said = "State of recurrences: 2,654,208 bytes (2.53 MiB) for a sample, however many tokens are past"
    first = "states of state-space layers in fp32, as transformers keeps them"
    others = "those of other recurrences, and the last inputs of convolutions, at 16 bits"
    assert f"{said}: {first}; {others}; in the total." in text
    fits = net.memory(vars={"seq": 1}, activations=16, budget="8GiB").budget
    assert fits.context is None  # there is no limit


@pytest.mark.parametrize(("bits", "state_bits"), [(8, 32), (16, 32), (32, 32), (64, 64)])
def test_states_are_no_keys_and_values(bits: int, state_bits: int) -> None:
    """Keys and values alone are quantised; states are no narrower than fp32, and no narrower than activations."""
    found = shapecalc.load("mamba-130m").memory(activations=bits, kv_bits=4, context=10)
    assert found.context
    assert found.state_cache == found.context.bytes == 24 * 1536 * (4 * bits + 16 * state_bits) // 8


def test_a_hybrid_has_a_cache_of_fewer_bits_than_its_state() -> None:
    net = shapecalc.load("jamba-v0.1", vars={"seq": 1})
    wide, narrow = (net.memory(activations=16, kv_bits=bits, context=1000) for bits in (16, 8))
    assert wide.context
    assert narrow.context
    assert narrow.state_cache == wide.state_cache
    assert narrow.kv_cache * 2 == wide.kv_cache == 4 * 2 * 8 * 128 * 2  # 4 layers, 8 heads of 128
    assert narrow.context.bytes == 1000 * narrow.kv_cache + narrow.state_cache
    assert narrow.context.reserved == narrow.context.bytes
