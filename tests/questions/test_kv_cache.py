"""The key/value cache: against the caches of transformers, and only in decoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_kv_caches import CONFIGS, record

import shapecalc

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "kv_caches.json").read_text(encoding="utf-8"))[
    "families"
]


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
