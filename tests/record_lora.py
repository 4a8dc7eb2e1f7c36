"""Records adapters of the peft library: `python tests/record_lora.py > tests/data/lora.json`; it needs peft.

Trainable parameters of whole models (on the meta device), and what small ones save for the backward pass for one
sample, as tests/record_language_models.py records it.
"""

from __future__ import annotations

import json
from typing import Any

from record_language_models import MODELS, _as_on_a_gpu, _inputs, _saved

__all__ = ["COUNTED", "KEPT", "record"]

_LLAMA_2 = (
    "Llama",
    {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
)
_LLAMA_3 = ("Llama", {"vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
                      "num_attention_heads": 32, "num_key_value_heads": 8})  # fmt: skip
COUNTED: list[tuple[str, tuple[str, dict[str, Any]], int, str]] = [
    ("llama-2-7b", _LLAMA_2, 8, "q_proj,v_proj"),
    ("llama-2-7b", _LLAMA_2, 8, "all-linear"),
    ("llama-2-7b", _LLAMA_2, 8, "gate_proj,down_proj"),
    ("llama-3-8b", _LLAMA_3, 16, "q_proj,k_proj,v_proj,o_proj"),
    ("llama-3-8b", _LLAMA_3, 16, "all-linear"),
    ("gpt2", ("GPT2", {}), 8, "c_attn"),
    ("gpt2", ("GPT2", {}), 8, "all-linear"),
    ("t5-small", ("T5", {}), 8, "q,v"),
]
"""A bundled network, the class and config of its model, a rank and targets."""
KEPT = [("llama", 4, "q_proj,v_proj"), ("llama", 4, "all-linear"), ("gpt2", 4, "c_attn"), ("mixtral", 4, "q_proj"),
        ("mixtral", 4, "q_proj,experts.gate_up_proj,experts.down_proj"), ("mixtral", 4, "q_proj,experts.down_proj"),
        ("deepseek_v3", 4, "q_a_proj,o_proj")]  # fmt: skip
"""A model of `MODELS`, a rank and targets."""

MODULES = [
    "BertForMaskedLM query,value", "BertForMaskedLM all-linear", "BertModel dense",
    "BertForSequenceClassification all-linear", "ViTForImageClassification q_proj,v_proj",
    "DistilBertForMaskedLM q_lin,v_lin", "AlbertForMaskedLM all-linear", "ElectraForMaskedLM all-linear",
    "DebertaV2ForMaskedLM query_proj,value_proj", "ModernBertForMaskedLM all-linear", "ModernBertForMaskedLM Wi",
    "T5ForConditionalGeneration wi,wo", "BartForConditionalGeneration q_proj,v_proj",
    "BartForConditionalGeneration all-linear", "GPT2LMHeadModel lm_head", "GPT2LMHeadModel c_proj",
    "Phi3ForCausalLM all-linear", "Phi3ForCausalLM gate_up_proj", "GPTNeoXForCausalLM dense", "CLIPModel all-linear",
    "Dinov2Model all-linear", "LlamaForSequenceClassification all-linear",
    "ElectraForSequenceClassification out_proj", "MixtralForCausalLM q_proj,v_proj", "MixtralForCausalLM all-linear",
    "MixtralForCausalLM w1,w2,w3", "MixtralForCausalLM experts.gate_up_proj,experts.down_proj",
    "Qwen3MoeForCausalLM all-linear", "Qwen3MoeForCausalLM gate_proj,up_proj,down_proj", "OlmoeForCausalLM all-linear",
    "Qwen2MoeForCausalLM q_proj,gate_proj", "GptOssForCausalLM all-linear", "GptOssForCausalLM experts.gate_up_proj",
    "DeepseekV3ForCausalLM q_a_proj,kv_a_proj_with_mqa,o_proj", "DeepseekV3ForCausalLM experts.gate_up_proj",
]  # fmt: skip
"""A class of transformers, with the defaults of its config, and targets; the rank is 4. Experts' are parameters."""

_CLASSES = {"Llama": "LlamaForCausalLM", "GPT2": "GPT2LMHeadModel", "T5": "T5ForConditionalGeneration"}


def _targets(names: Any) -> dict[str, Any]:
    """Return peft's arguments: experts are parameters, not modules."""
    parameters = [] if isinstance(names, str) else [name for name in names if name.startswith("experts.")]
    if not parameters:
        return {"target_modules": names}
    return {"target_modules": [name for name in names if name not in parameters], "target_parameters": parameters}


def record_modules() -> dict[str, dict[str, Any]]:
    """Return the trainable parameters of every class and targets, with the config.json that says what they are of."""
    import peft
    import torch
    import transformers

    found = {}
    for case in MODULES:
        name, targets = case.split()
        kind = getattr(transformers, name)
        modules = targets if targets == "all-linear" else targets.split(",")
        with torch.device("meta"):
            network = peft.get_peft_model(kind(kind.config_class()), peft.LoraConfig(r=4, **_targets(modules)))
        config = {"model_type": kind.config_class.model_type, "architectures": [name]}
        found[case] = {"config": config, "trainable": network.get_nb_trainable_parameters()[0]}
    return found


def record() -> dict[str, Any]:
    """Return the trainable parameters of every network, and the bytes that every model saves with flash attention."""
    import peft
    import torch
    import transformers

    def adapted(name: str, fields: dict[str, Any], rank: int, targets: str) -> Any:
        config = getattr(transformers, f"{name}Config")(**fields)
        kind = getattr(transformers, _CLASSES.get(name, f"{name}ForCausalLM"))
        network = kind._from_config(config, attn_implementation="sdpa").train()
        modules = targets if targets == "all-linear" else targets.split(",")
        return peft.get_peft_model(network, peft.LoraConfig(r=rank, **_targets(modules)))

    trainable, saved, once = {}, {}, {}
    for spec, (name, fields), rank, targets in COUNTED:
        with torch.device("meta"):
            trainable[f"{spec} {rank} {targets}"] = adapted(name, fields, rank, targets).get_nb_trainable_parameters()[
                0
            ]
    for kind, rank, targets in KEPT:
        model = MODELS[kind]
        network = adapted(model.name, model.fields, rank, targets)
        network.config.use_cache = False
        with _as_on_a_gpu():
            two, four = (_saved(network, _inputs(model, batch, torch.float32), autocast=False) for batch in (2, 4))
        saved[f"{kind} {rank} {targets}"] = (four - two) // 2
        if "experts." in targets:  # copies of weights, whatever the batch, and tables of a few bytes
            once[f"{kind} {rank} {targets}"] = 2 * two - four
    return {
        "source": f"peft {peft.__version__}, transformers {transformers.__version__}",
        "trainable": trainable,
        "saved": saved,
        "once": once,
        "modules": record_modules(),
    }


if __name__ == "__main__":
    print(json.dumps(record(), indent=1))
