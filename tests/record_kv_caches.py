"""Records the contents of transformers' caches: `python tests/record_kv_caches.py > tests/data/kv_caches.json`.

Small models of random weights, on the CPU. Elements are those of one sample: of self-attention for each generated
token, of cross-attention for each token of the source. Of recurrences the elements, and their bits where the model
computes in bf16.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["CONFIGS", "RECURRENT", "record", "record_states"]

CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_layer": 3, "n_head": 4, "n_embd": 32, "vocab_size": 50, "n_positions": 16},
    "llama": {"num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 64,
              "intermediate_size": 48, "vocab_size": 50},
    "t5": {"num_layers": 2, "num_decoder_layers": 2, "num_heads": 3, "d_kv": 16, "d_model": 32, "d_ff": 40,
           "vocab_size": 50},
    "whisper": {"encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
                "d_model": 32, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "vocab_size": 50, "num_mel_bins": 8,
                "max_source_positions": 10, "pad_token_id": 0, "decoder_start_token_id": 1, "bos_token_id": 1,
                "eos_token_id": 2},
    "bart": {"encoder_layers": 1, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
             "d_model": 24, "encoder_ffn_dim": 40, "decoder_ffn_dim": 40, "vocab_size": 50, "pad_token_id": 0,
             "decoder_start_token_id": 1, "bos_token_id": 1, "eos_token_id": 2, "forced_eos_token_id": 2},
    "bert": {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64,
             "vocab_size": 50},
    "vit": {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64,
            "image_size": 32, "patch_size": 16},
}  # fmt: skip
"""The configuration of each family."""

RECURRENT: dict[str, dict[str, Any]] = {
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 5, "vocab_size": 50, "conv_kernel": 3},
    "mamba2": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "vocab_size": 50, "num_heads": 8,
               "head_dim": 8, "n_groups": 2, "expand": 2, "chunk_size": 8},
    "jamba": {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
              "intermediate_size": 40, "vocab_size": 50, "attn_layer_period": 2, "attn_layer_offset": 1,
              "expert_layer_period": 2, "expert_layer_offset": 1, "num_experts": 2, "mamba_d_state": 4,
              "mamba_dt_rank": 4},
    "qwen3_next": {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
                   "head_dim": 8, "intermediate_size": 40, "moe_intermediate_size": 16,
                   "shared_expert_intermediate_size": 16, "num_experts": 4, "num_experts_per_tok": 2, "vocab_size": 50,
                   "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8,
                   "linear_value_head_dim": 6},
}  # fmt: skip
"""The configuration of each model with recurrences."""

_SOURCE, _WRITTEN = 7, 5


def record() -> dict[str, dict[str, int]]:
    """Return for every family the elements that its cache holds for a token."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        return {name: _held(name, config) for name, config in CONFIGS.items()}


def record_states() -> dict[str, dict[str, list[int]]]:
    """Return for every model with recurrences the elements of its cache and their bits, by what they are."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        return {name: _states(name, config) for name, config in RECURRENT.items()}


def _states(name: str, config: dict[str, Any]) -> dict[str, list[int]]:
    import torch
    import transformers

    made = transformers.AutoConfig.for_model(name, **config)
    model = transformers.AutoModelForCausalLM.from_config(made, dtype=torch.bfloat16).eval()
    cache = model(torch.randint(3, 50, (1, _WRITTEN)), use_cache=True)["cache"]
    found: dict[str, list[int]] = {}
    for layer in cache.layers:
        for what in ("conv_states", "recurrent_states", "keys", "values"):
            held = getattr(layer, what, None)
            for tensor in held.values() if isinstance(held, dict) else [held]:
                if tensor is not None:
                    elements, bits = found.get(what, [0, 8 * tensor.element_size()])
                    assert bits == 8 * tensor.element_size()
                    found[what] = [elements + tensor.numel(), bits]
    return found


def _held(name: str, config: dict[str, Any]) -> dict[str, int]:
    import torch
    import transformers

    classes = {"gpt2": "GPT2LMHeadModel", "llama": "LlamaForCausalLM", "t5": "T5ForConditionalGeneration",
               "whisper": "WhisperForConditionalGeneration", "bart": "BartForConditionalGeneration",
               "bert": "BertModel", "vit": "ViTModel"}  # fmt: skip
    made = transformers.AutoConfig.for_model(name, **config)
    model = getattr(transformers, classes[name])(made).eval()
    tokens = torch.randint(3, 50, (1, _WRITTEN))
    if name == "vit":
        found = model(torch.zeros(1, 3, 32, 32))
    elif name == "bert":
        found = model(tokens)
    elif name == "whisper":
        found = model(torch.zeros(1, 8, 2 * config["max_source_positions"]), decoder_input_ids=tokens, use_cache=True)
    elif name in ("t5", "bart"):
        found = model(torch.randint(3, 50, (1, _SOURCE)), decoder_input_ids=tokens, use_cache=True)
    else:
        found = model(tokens, use_cache=True)
    cache = found.get("cache") if "cache" in found else found.get("past_key_values")  # the name in an older version
    if cache is None:
        return {"cache": "", "token": 0, "source_token": 0}
    itself = getattr(cache, "self_attention_cache", cache)
    cross = getattr(cache, "cross_attention_cache", None)
    return {
        "cache": type(cache).__name__,
        "token": _elements(itself, _WRITTEN),
        "source_token": _elements(cross, config.get("max_source_positions", _SOURCE)) if cross else 0,
    }


def _elements(cache: Any, tokens: int) -> int:
    """Return the elements for each token of a cache."""
    tensors = [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    assert {tensor.shape[-2] for tensor in tensors} == {tokens}
    return sum(tensor.numel() for tensor in tensors) // tokens


if __name__ == "__main__":
    import torch
    import transformers

    versions = f"transformers {transformers.__version__} on PyTorch {torch.__version__}"
    source = f"{versions}, run by tests/record_kv_caches.py: elements that past_key_values holds for a token"
    widths = f"elements of the cache after {_WRITTEN} tokens of a model in bf16, and their bits"
    recorded = {"source": source, "families": record(), "source of states": widths, "states": record_states()}
    print(json.dumps(recorded, indent=1))
