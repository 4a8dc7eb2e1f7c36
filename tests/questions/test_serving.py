"""Memory to serve a decoder: a step of decoding, a prefill, the scores of eager attention, tables, and known figures."""

from __future__ import annotations

import time
from typing import Any

import pytest

import shapecalc
from shapecalc.questions.memory.serving.decoding import decoder_of

UsageError = shapecalc.UsageError


def net(*layers: Any, **rest: Any) -> Any:
    return shapecalc.load(
        {"input": [6], "layers": [{"embedding": {"num_embeddings": 11, "embedding_dim": 8}}, *layers], **rest}
    )


HEADS = {"num_heads": 2, "is_causal": True, "bias": False}
SMALL = ({"mha": HEADS, "name": "attention"}, {"linear": {"out_features": 11, "bias": False}, "name": "head"})


# Known figures.


def test_deepseek_v3_caches_70272_bytes_a_token() -> None:
    """vLLM's MLAAttentionSpec: one latent of 512 and one key of 64 for each of 61 layers, at 16 bits."""
    found = shapecalc.load("deepseek-v3").memory(weights=8, activations=16, context="4k")
    assert found.kv_cache == 70_272
    assert found.context is not None
    assert found.context.bytes == found.context.reserved == 4_096 * 70_272


def test_a_page_of_vllm() -> None:
    """vllm/v1/kv_cache_interface.py, FullAttentionSpec: 2 · block_size · num_kv_heads · head_size · bytes a layer."""
    found = shapecalc.load("llama-3-8b").memory(activations=16, context=16)
    assert found.context is not None
    assert found.context.bytes == 32 * (2 * 16 * 8 * 128 * 2)


# A step of decoding.


def test_a_step_of_decoding_by_hand() -> None:
    found = net(*SMALL).memory(context=5)
    # token id, then 8 features; attention reads 8 and writes 8; the head reads 8 and writes 11 scores: 4 bytes each
    assert found.activations.peak == (8 + 11) * 4
    assert found.activations.inputs == 4
    assert found.context.bytes == 5 * 16 * 4
    assert found.total == found.weights + (8 + 11) * 4 + 5 * 16 * 4
    assert found.run == ("decoding", 1, "last", "flash", {})


@pytest.mark.parametrize("spec", ["llama-3-8b", "gpt2", "mamba-130m", "deepseek-v2-lite"])
def test_it_is_the_network_at_one_token(spec: str) -> None:
    step = shapecalc.load(spec).memory(context=100)
    alone = shapecalc.load(spec, vars={"seq": 1}).memory()
    assert step.activations == alone.activations
    assert step.weights == alone.weights == shapecalc.load(spec).memory().weights
    assert [layer.live for layer in step.layers] == [layer.live for layer in alone.layers]


def test_the_own_length_of_a_network_does_not_count() -> None:
    figures = {
        shapecalc.load("llama-3-8b", vars={"seq": seq}).memory(context=50, batch=3).total for seq in (1, 2, 128, 8192)
    }
    assert len(figures) == 1
    lengths = {shapecalc.load("t5-small", vars={"target_seq": seq}).memory(context=5).total for seq in (1, 2, 128)}
    assert len(lengths) == 1


def test_a_table_as_long_as_the_input_keeps_its_weights() -> None:
    found = net("position_embedding", *SMALL).memory(context=5)
    assert found.weights == (11 * 8 + 6 * 8 + 4 * 64 + 8 * 11) * 4


@pytest.mark.parametrize(
    ("spec", "axes"),
    [
        ("llama-3-8b", (("input", 0),)),
        ("t5-small", (("targets", 0),)),
        ("whisper-tiny", (("tokens", 0),)),
        ("mamba-130m", (("input", 0),)),
        ("alexnet", ()),
        ("bert-base-uncased", ()),
    ],
)
def test_the_axis_of_a_sequence(spec: str, axes: Any) -> None:
    assert decoder_of(shapecalc.load(spec).infer()).axes == axes


def test_the_axis_of_a_sequence_of_one_token() -> None:
    one = shapecalc.load("t5-small", vars={"seq": 1, "target_seq": 1}).infer()
    assert decoder_of(one).axes == (("targets", 0),)


def test_a_hybrid_has_a_cache_and_a_state() -> None:
    network = net({"mamba": {}}, *SMALL)
    found = network.memory(context=5)
    assert found.run.tokens == 1
    assert found.context.bytes == 5 * 16 * 4 + found.state_cache
    assert found.state_cache == 2 * 8 * (4 + 16) * 4
    assert "KV cache and state, 5 past tokens" in found.render(width=100)


def test_inputs_of_one_sequence_change_together() -> None:
    table = {"num_embeddings": 11, "embedding_dim": 8}
    network = shapecalc.load({
        "inputs": {"tokens": [6], "segments": [6]},
        "layers": [
            {"embedding": table, "from": "tokens", "name": "a"},
            {"embedding": table, "from": "segments", "name": "b"},
            {"add": None, "from": ["a", "b"]},
            *SMALL,
        ],
    })  # fmt: skip
    assert decoder_of(network.infer()).axes == (("tokens", 0), ("segments", 0))
    assert network.memory(context=5).run.tokens == 1


def test_a_sequence_that_is_no_axis_is_said() -> None:
    patches = shapecalc.load({"input": [3, 8, 8], "layout": "CHW", "layers": [
        {"conv": {"out_channels": 8, "kernel_size": 2, "stride": 2}}, "to_tokens", {"mha": HEADS},
    ]})  # fmt: skip
    found = patches.memory(context=5)
    assert found.run.tokens == 0
    text = " ".join(found.render(width=100).split())
    assert "Activations are those of a forward pass over the network's own input: no axis of an input is the" in text
    assert found.activations.peak == patches.memory().activations.peak


def test_a_length_in_arguments_is_said() -> None:
    fixed = net({"reshape": [6, 2, 4]}, {"reshape": [6, 8]}, *SMALL)
    assert fixed.memory(context=5).run.tokens == 0
    assert fixed.memory(context=5).activations.peak == fixed.memory().activations.peak


def test_layers_of_the_source_do_not_run_in_a_step() -> None:
    found = shapecalc.load("whisper-tiny").memory(context=100, activations=16)
    by_name = {layer.name: layer for layer in found.layers}
    assert by_name["conv1"].live is None
    assert max(layer.live or 0 for layer in found.layers) == (384 + 51_865) * 2  # the last norm, and the scores
    prefill = shapecalc.load("whisper-tiny").memory(context=100, prefill=True, activations=16)
    conv1 = next(layer for layer in prefill.layers if layer.name == "conv1")
    assert conv1.live == (80 + 384) * 3000 * 2 + 100 * 2  # it does then, while the tokens wait
    assert found.run.sources == {"mel": (80, 3000)}
    assert "The source keeps its own size, mel 80×3000" in " ".join(found.render(width=100).split())


# A prefill, and logits.


def test_a_prefill_by_hand() -> None:
    last = net(*SMALL).memory(context=5, prefill=True)
    assert last.run.tokens == 5
    assert last.activations.peak == 2 * 5 * 8 * 4  # attention; the head has the scores of one token: 5·8 + 11
    every = net(*SMALL).memory(context=5, prefill=True, logits="all")
    assert every.activations.peak == (5 * 8 + 5 * 11) * 4
    assert every.activations.at == "head"
    chunk = net(*SMALL).memory(context=5, prefill=2, logits="all")
    assert chunk.activations.peak == (2 * 8 + 2 * 11) * 4
    assert chunk.context.bytes == every.context.bytes == 5 * 16 * 4
    assert net(*SMALL).memory(contexts=[5], prefill=50).run.tokens == 5


def test_tied_scores_are_of_the_last_token_too() -> None:
    found = shapecalc.load("gpt2").memory(context=512, prefill=True)
    assert found.activations.outputs == 50_257 * 4
    assert (
        shapecalc.load("gpt2").memory(context=512, prefill=True, logits="all").activations.outputs == 512 * 50_257 * 4
    )


def test_a_whole_prompt_is_the_network_at_its_length() -> None:
    found = shapecalc.load("llama-3-8b").memory(context=300, prefill=True, logits="all")
    assert found.activations == shapecalc.load("llama-3-8b", vars={"seq": 300}).memory().activations


# Eager attention.


def test_the_scores_of_eager_attention() -> None:
    flash, eager = (net(*SMALL).memory(context=70, activations=16, attention=kind) for kind in ("flash", "eager"))
    scores = 2 * 1 * 71 * (2 + 4)  # heads, queries, keys; and the softmax in fp32
    assert eager.activations.peak == (8 + 8) * 2 + scores
    assert eager.activations.at == "attention"
    assert eager.activations.held[-1] == ("scores of attention", scores)
    assert flash.activations.peak == (8 + 11) * 2
    assert "Flash attention has no scores in memory (--attention eager counts them)." in flash.render(width=100)
    assert "Eager attention has its scores in memory" in eager.render(width=100)


def test_a_window_limits_the_scores() -> None:
    windowed = net({"mha": {**HEADS, "window": 8}, "name": "attention"}, *SMALL[1:])
    assert windowed.memory(context=70, attention="eager").activations.held[-1].bytes == 2 * 8 * (4 + 4)
    chunk = windowed.memory(context=70, attention="eager", prefill=4)
    assert chunk.activations.held[-1].bytes == 2 * 4 * (7 + 4) * (4 + 4)  # 7 tokens before the first of the chunk
    fits = windowed.memory(contexts=[2, 5, 70], prefill=4, attention="eager").fits
    totals = [
        windowed.memory(context=context, prefill=min(4, context), attention="eager").total for context in fits.contexts
    ]
    assert [row[0] for row in fits.totals] == totals


def test_cross_attention_has_the_keys_of_its_source() -> None:
    found = shapecalc.load("whisper-tiny").memory(context=10, attention="eager")
    names = {held.name: held.bytes for held in found.activations.held}
    assert names.get("scores of decoder.0.cross_attn.cross_attn", 6 * 1500 * 8) == 6 * 1500 * 8


def test_the_scores_of_eager_attention_without_a_context() -> None:
    """The whole sequence attends to itself: two heads, 7 queries and 7 keys; a windowed layer's keys are fewer."""
    wide = {**HEADS, "is_causal": True}
    network = shapecalc.load({"input": [7, 8], "layers": [{"mha": wide, "name": "attention"}]})
    found = network.memory(attention="eager", activations=16, batch=3)
    assert found.activations.held[-1] == ("scores of attention", 3 * 2 * 7 * 7 * (2 + 4))
    assert found.activations.peak == network.memory(activations=16, batch=3).activations.peak + 3 * 2 * 7 * 7 * 6
    assert (found.run, found.attention, found.to_dict()["attention"]) == (None, "eager", "eager")
    assert "Eager attention has its scores in memory" in found.render(width=100)
    swin = shapecalc.load("swin_t").memory(attention="eager")  # stage 1: 64 windows of 49 tokens, 3 heads
    assert "scores of stage1.0.attn.attn" in {held.name for held in swin.activations.held}
    assert swin.activations.held[-1].bytes == 64 * 3 * 49 * 49 * (4 + 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "eager", "order": "best"}, "the best order is found without the scores of eager attention"),
        ({"in_place": "torch", "order": "best"}, "PyTorch runs layers in their own order"),
        ({"optimzer": "adam"}, "memory has no option optimzer"),
        ({"context": 9, "lora": 8}, "a context is for decoding, not for training"),
    ],
)
def test_options_of_serving_and_training_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        shapecalc.load("gpt2").memory(**options)
    assert caught.value.problems[0].message == message


# Tables.


@pytest.mark.parametrize("options", [{}, {"prefill": True}, {"prefill": 64}, {"attention": "eager"},
                                     {"attention": "eager", "prefill": True}, {"prefill": True, "logits": "all"},
                                     {"weights": "q4_k_m", "kv_bits": "q8_0", "activations": 8}])  # fmt: skip
@pytest.mark.parametrize("spec", ["gpt2", "t5-small", "mamba-130m"])
def test_a_cell_is_the_total_there(spec: str, options: dict[str, Any]) -> None:
    network = shapecalc.load(spec)
    fits = network.memory(contexts=[1, 33, 500], batches=[1, 3], budget="1GiB", **options).fits
    for i, context in enumerate(fits.contexts):
        chunk = {"prefill": min(64, context)} if options.get("prefill") == 64 else {}
        for j, batch in enumerate(fits.batches):
            assert fits.totals[i][j] == network.memory(context=context, batch=batch, **{**options, **chunk}).total


@pytest.mark.parametrize("options", [{}, {"attention": "eager"}, {"prefill": True}])
def test_the_limits_are_exact(options: dict[str, Any]) -> None:
    budget = 600_000_000
    network = shapecalc.load("gpt2")
    fits = network.memory(contexts="100,400", batches="1,2,4", budget=budget, **options).fits
    for context, batch in zip(fits.contexts, fits.largest_batch, strict=True):
        assert network.memory(context=context, batch=batch, **options).total <= budget
        assert network.memory(context=context, batch=batch + 1, **options).total > budget
    for batch, context in zip(fits.batches, fits.longest_context, strict=True):
        assert network.memory(context=context, batch=batch, **options).total <= budget
        longer = (1_023 if not options.get("prefill") else 1_024) if context >= 1_023 else context + 1
        assert context >= 1_023 or network.memory(context=longer, batch=batch, **options).total > budget


def test_the_default_axes() -> None:
    fits = shapecalc.load("gpt2").memory(table=True).fits
    assert fits.contexts == (32, 64, 128, 256, 512, 1023)
    assert fits.batches == (1, 2, 4, 8, 16, 32)
    assert (fits.budget, fits.largest_batch, fits.longest_context) == (None, (), ())
    assert shapecalc.load("gpt2").memory(table=True, prefill=True).fits.contexts[-1] == 1_024
    assert shapecalc.load("mistral-7b").memory(table=True).fits.contexts[0] == 1_024
    assert shapecalc.load("gpt-oss-20b").memory(table=True).fits.contexts[-1] == 131_072
    # the rest of the answer is at the shortest context
    assert shapecalc.load("gpt2").memory(contexts="8,16").context.tokens == 8


def test_no_context_or_no_batch_fits() -> None:
    fits = shapecalc.load("gpt2").memory(table=True, budget="1MiB").fits
    assert set(fits.largest_batch) == {0} == set(fits.longest_context)
    windowed = net({"mha": {**HEADS, "window": 8}}).memory(table=True, budget="1GiB").fits
    assert set(windowed.longest_context) == {None}


def test_the_table_is_shown() -> None:
    text = shapecalc.load("llama-3-8b").memory(
        weights="q4_k_m", activations=16, contexts="4k,8k", batches="1,16", budget="8GiB"
    ).render(width=80)  # fmt: skip
    lines = [line.split() for line in text.splitlines()]
    assert ["Context", "batch", "1", "16", "largest"] in lines
    assert ["4,096", "5.08", "GiB", "over", "6"] in lines
    assert ["longest", "28,051", "1,751"] in lines
    page = shapecalc.load("gpt2").memory(table=True, budget="1GiB")
    assert "<td" in page.render("html")
    assert "| **longest** |" in page.render("markdown")
    assert page.to_dict()["fits"]["largest_batch"] == list(page.fits.largest_batch)


def test_a_table_of_deepseek_v3_is_instant() -> None:
    """No more than a few times what it takes to load and to infer the network: cells are arithmetic."""
    begun = time.process_time()
    network = shapecalc.load("deepseek-v3")
    network.infer()
    loaded = time.process_time()
    network.memory(contexts=range(64), batches=range(1, 65), budget="1TiB", weights="fp8-block128", activations=16)
    assert time.process_time() - loaded < max(1, 5 * (loaded - begun))


# Other questions.


@pytest.mark.parametrize("spec", ["llama-3-8b", "t5-small", "whisper-tiny"])
def test_sweeps_have_the_same_figures(spec: str) -> None:
    rows = shapecalc.sweep(spec, vars={"layers": [1, 2]}, context="1k" if spec != "whisper-tiny" else 100, batch=3)
    for layers, found in zip((1, 2), rows["memory"], strict=True):
        context = 100 if spec == "whisper-tiny" else 1024
        assert found == shapecalc.load(spec, vars={"layers": layers}).memory(context=context, batch=3).total
    wide = shapecalc.sweep("llama-3-8b", vars={"layers": 1, "hidden": [1024, 2048]}, context=64)
    for hidden, found in zip((1024, 2048), wide["memory"], strict=True):
        assert found == shapecalc.load("llama-3-8b", vars={"layers": 1, "hidden": hidden}).memory(context=64).total


def test_solve_has_the_same_figures() -> None:
    found = shapecalc.solve("gpt2", find={"hidden": range(768, 1600, 192)}, memory="1GiB", bits=16, context=1000)
    best = found.solutions[0]
    alone = shapecalc.load("gpt2", vars=best.settings).memory(weights=16, activations=16, buffers=16, context=1000)
    assert alone.total == best.amounts["memory"]
    assert found.to_dict()["context"] == 1000
    with pytest.raises(UsageError, match=r"^context is for a budget of memory"):
        shapecalc.solve("gpt2", find="hidden", params="5M", context=8)
    with pytest.raises(UsageError, match="AlexNet has no KV cache"):
        shapecalc.sweep("alexnet", input=["227x227x3", "256x256x3"], context=8)


# Options.


@pytest.mark.parametrize(("given", "tokens"), [("8k", 8192), ("8K", 8192), ("1m", 2**20), ("8,192", 8192), (" 5 ", 5)])
def test_numbers_of_tokens(given: str, tokens: int) -> None:
    assert shapecalc.load("llama-3-8b").memory(context=given).context.tokens == tokens


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefill": 5}, "prefill is for a context"),
        ({"logits": "first", "context": 4}, "logits cannot be first"),
        (
            {"context": 1024},
            "a context of 1,024 tokens and the next one are more than the 1,024 positions of the network",
        ),
        (
            {"context": 1025, "prefill": True},
            "a context of 1,025 tokens is more than the 1,024 positions of the network",
        ),
        ({"contexts": "4k"}, "a context of 4,096 tokens and the next one are more than the 1,024 positions"),
        ({"context": "8k", "prefill": "9k"}, "a chunk of 9,216 tokens is more than the context, 8,192"),
        ({"contexts": ""}, "one of the contexts is ''"),
        ({"contexts": []}, "there are 0 contexts"),
        ({"contexts": range(65)}, "there are 65 contexts"),
        ({"batches": 0}, "one of the batches is 0"),
        ({"batches": 2.5}, "one of the batches is 2.5"),
        ({"context": "1.5k"}, "the context is '1.5k'"),
        ({"context": 5, "order": "best", "attention": "eager"}, "the best order is found without the scores"),
        ({"context": 5, "training": True}, "a context is for decoding, not for training"),
        ({"kontext": 5}, "memory has no option kontext"),
        ({"context": 5, "kv_bits": "q4_k_m"}, "the bits of the KV cache are 'q4_k_m'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        shapecalc.load("gpt2").memory(**options)
    assert message in caught.value.problems[0].message


def test_a_network_without_attention_has_no_note_on_it() -> None:
    assert "Flash attention" not in shapecalc.load("mamba-130m").memory(context=10).render(width=100)
