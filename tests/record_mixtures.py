"""Record tests/data/mixtures: small language models with mixtures of experts, as torch.export saves them.

    pip install torch==2.13.0 torchvision==0.28.0 transformers==5.24.0
    python tests/record_mixtures.py

Beside each archive is a JSON file: the model's config.json, its parameters, and half of what PyTorch's FLOP counter counts of
a run on random tokens in which each expert is a matrix product of its own tokens (`experts_implementation="eager"`), without
the angles of rotary embeddings. The archives are of transformers' default, grouped matrix products.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from record_pt2 import without_tensors
from torch.utils.flop_counter import FlopCounterMode

FOLDER = Path(__file__).parent / "data" / "mixtures"
_SIZES = {"vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4,
          "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0, "eos_token_id": 1}  # fmt: skip
MODELS = {
    "Mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2},
    "Qwen2Moe": {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 24,
                 "shared_expert_intermediate_size": 40},
    "DeepseekV3": {"num_hidden_layers": 2, "num_key_value_heads": 4, "n_routed_experts": 8, "num_experts_per_tok": 2,
                   "moe_intermediate_size": 24, "n_shared_experts": 1, "kv_lora_rank": 8, "q_lora_rank": 16,
                   "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_group": 2, "topk_group": 1,
                   "first_k_dense_replace": 1},
    "GptOss": {"num_local_experts": 4, "num_experts_per_tok": 2, "head_dim": 8},
    "Jamba": {"num_hidden_layers": 2, "num_experts": 4, "num_experts_per_tok": 2, "attn_layer_period": 2,
              "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 4,
              "mamba_dt_rank": 4},
}  # fmt: skip
TOKENS = 6


def record(name, fields):
    import transformers

    config = getattr(transformers, f"{name}Config")(**{**_SIZES, **fields})
    cls = getattr(transformers, f"{name}ForCausalLM")
    config.architectures = [cls.__name__]
    model = cls(config).eval()
    ids = torch.arange(2, 2 + TOKENS)[None]
    program = torch.export.export(model, (ids,), {"use_cache": False})
    path = FOLDER / f"{name}.pt2"
    torch.export.save(program, path)
    path.write_bytes(without_tensors(path.read_bytes()))
    counted = cls._from_config(config, attn_implementation="eager", experts_implementation="eager").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        counted(ids, use_cache=False)
    flops = counter.get_flop_counts()
    angles = sum(sum(found.values()) for module, found in flops.items() if module.endswith("rotary_emb"))
    answer = {
        "params": sum(one.numel() for one in model.parameters()),
        "macs": (counter.get_total_flops() - angles) // 2,
        "config": json.loads(config.to_json_string()),
    }
    FOLDER.joinpath(f"{name}.json").write_text(json.dumps(answer) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    for name, fields in MODELS.items():
        record(name, fields)
