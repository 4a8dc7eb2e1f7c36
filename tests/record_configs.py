"""Records what transformers builds from a config: `python tests/record_configs.py > tests/data/configs.json`.

For every model_type of `configs` in specs/: its class's default config, and small ones with random fields, of which some
are left out; each model is built on the meta device, and its parameters are counted (tied ones once). MACs are those of
PyTorch's flop counter for one text, where no layer depends on the data.
"""

from __future__ import annotations

import json
import random
import warnings
from typing import Any

__all__ = ["FIELDS", "PARTLY_COUNTED", "TOKENS", "record"]

TOKENS = 6
_EACH = 3
_RARELY = 0.2
"""How often a field is left out."""

_FLAG = [True, False]
_SIZES = {"hidden_size": [64, 128, 192], "intermediate_size": [48, 96, 100], "num_hidden_layers": [1, 3, 4],
          "num_attention_heads": [8], "vocab_size": [100, 333]}  # fmt: skip
_LLAMA = {**_SIZES, "num_key_value_heads": [1, 2, 4, 8], "tie_word_embeddings": _FLAG}
_BIASED = {**_LLAMA, "attention_bias": _FLAG}
_HEADS = {**_BIASED, "head_dim": [8, 16, 32]}
_QWEN_MOE = {"num_experts": [8], "num_experts_per_tok": [1, 2, 3], "moe_intermediate_size": [16, 40],
             "decoder_sparse_step": [1, 2, 3], "mlp_only_layers": [[], [0], [1, 2]]}  # fmt: skip
_GPT = {"n_embd": [64, 128], "n_layer": [1, 4], "n_head": [8], "vocab_size": [100], "n_inner": [None, 77],
        "tie_word_embeddings": _FLAG}  # fmt: skip
_DEEPSEEK = {**_SIZES, "tie_word_embeddings": _FLAG, "attention_bias": _FLAG, "num_experts_per_tok": [1, 2],
             "moe_intermediate_size": [16, 40], "n_routed_experts": [8], "n_shared_experts": [1, 2],
             "kv_lora_rank": [8, 16], "q_lora_rank": [None, 12], "qk_nope_head_dim": [8], "qk_rope_head_dim": [4],
             "v_head_dim": [6], "first_k_dense_replace": [0, 1, 2]}  # fmt: skip
FIELDS: dict[str, dict[str, list[Any]]] = {
    "llama": {**_HEADS, "mlp_bias": _FLAG},
    "granite": {**_BIASED, "mlp_bias": _FLAG},
    "mistral": {**_LLAMA, "head_dim": [8, 16], "sliding_window": [None, 16]},
    "mixtral": {**_LLAMA, "attention_bias": [True], "num_local_experts": [4, 8], "num_experts_per_tok": [2]},
    "qwen2": _LLAMA,
    "qwen3": _HEADS,
    "qwen2_moe": {**_LLAMA, **_QWEN_MOE, "shared_expert_intermediate_size": [24, 56], "qkv_bias": _FLAG},
    "qwen3_moe": {**_HEADS, **_QWEN_MOE},
    "olmoe": {**_BIASED, "mlp_bias": [True], "num_experts": [8], "num_experts_per_tok": [2]},
    "olmo2": _BIASED,
    "gemma": _HEADS,
    "gemma2": _HEADS,
    "gemma3_text": _HEADS,
    "phi3": {**_LLAMA, "attention_bias": [True], "mlp_bias": [True], "vocab_size": [32064]},
    "gpt_oss": {**_HEADS, "num_local_experts": [4], "num_experts_per_tok": [2]},
    "cohere": {**_BIASED, "use_qk_norm": _FLAG},
    "stablelm": {**_LLAMA, "head_dim": [16], "use_qkv_bias": _FLAG, "qk_layernorm": _FLAG, "use_parallel_residual": _FLAG},
    "starcoder2": {**_LLAMA, "use_bias": _FLAG},
    "phi": {**_LLAMA, "head_dim": [16], "qk_layernorm": _FLAG},
    "gpt_neox": {**_SIZES, "tie_word_embeddings": _FLAG, "attention_bias": _FLAG, "use_parallel_residual": _FLAG},
    "gptj": {**_GPT, "rotary_dim": [8]},
    "gpt2": {**_GPT, "n_positions": [32, 64]},
    "opt": {**_SIZES, "ffn_dim": [99, 128], "tie_word_embeddings": _FLAG, "do_layer_norm_before": _FLAG,
            "enable_bias": _FLAG, "max_position_embeddings": [40], "layer_norm_elementwise_affine": _FLAG,
            "word_embed_proj_dim": [64, 32], "_remove_final_layer_norm": _FLAG},
    "bloom": {"hidden_size": [64], "num_hidden_layers": [3], "n_head": [8], "vocab_size": [99], "tie_word_embeddings": _FLAG},
    "mpt": {"hidden_size": [64], "n_layers": [3], "n_heads": [8], "vocab_size": [99], "expansion_ratio": [2, 4],
            "tie_word_embeddings": _FLAG},
    "falcon": {"hidden_size": [64], "num_hidden_layers": [3], "num_attention_heads": [8], "vocab_size": [99],
               "tie_word_embeddings": _FLAG, "bias": _FLAG, "alibi": _FLAG, "multi_query": _FLAG,
               "parallel_attn": [True], "new_decoder_architecture": _FLAG, "num_kv_heads": [2],
               "num_ln_in_parallel_attn": [None, 1, 2]},
    "mamba": {"vocab_size": [100], "hidden_size": [40, 64], "state_size": [4, 16], "num_hidden_layers": [1, 3],
              "expand": [1, 2], "conv_kernel": [3, 4], "use_bias": _FLAG, "use_conv_bias": _FLAG,
              "time_step_rank": ["auto", 5], "tie_word_embeddings": _FLAG},
    "deepseek_v2": {**_DEEPSEEK, "mlp_bias": _FLAG},
    "deepseek_v3": {**_DEEPSEEK, "n_group": [1], "topk_group": [1], "mlp_bias": [True]},
}  # fmt: skip
"""The fields of each type, with values to choose from."""

_ALWAYS = {*_SIZES, *_GPT, "d_model", "n_layers", "n_heads", "num_key_value_heads", "num_experts", "num_local_experts",
           "n_routed_experts", "num_experts_per_tok"}  # fmt: skip
"""Fields that are never left out: their defaults do not go with the others."""


PARTLY_COUNTED = ("mamba",)
"""Types of which the flop counter sees only a part of the recurrence: tests/layers/test_state_space.py has their MACs."""


def built(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a model, and its figures as transformers has them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[kind](**fields)
    config._attn_implementation = "eager"
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        found = {
            "config": {"model_type": kind, "architectures": [type(model).__name__], **fields},
            "params": sum(parameter.numel() for parameter in model.parameters()),
        }
        if kind in PARTLY_COUNTED:
            return found
        try:
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                model(input_ids=torch.zeros(1, TOKENS, dtype=torch.long))
            found["macs"] = counter.get_total_flops() // 2
        except (RuntimeError, NotImplementedError, AttributeError, TypeError):
            pass  # experts are chosen by the data; some models make masks from data
    return found


def record() -> dict[str, Any]:
    """Return the figures of every config."""
    import torch
    import transformers

    warnings.simplefilter("ignore")
    draw = random.Random(11)
    models = []
    for kind, fields in FIELDS.items():
        models.append(built(kind, {}))
        for _ in range(_EACH):
            chosen = {name: draw.choice(values) for name, values in fields.items()}
            models.append(built(kind, {n: v for n, v in chosen.items() if n in _ALWAYS or draw.random() > _RARELY}))
    source = f"transformers {transformers.__version__} with PyTorch {torch.__version__}, meta device, {TOKENS} tokens"
    return {"source": source, "models": models}


if __name__ == "__main__":
    found = record()
    lines = ",\n".join(f"  {json.dumps(model)}" for model in found["models"])
    print(f'{{"source": {json.dumps(found["source"])}, "models": [\n{lines}\n]}}')
