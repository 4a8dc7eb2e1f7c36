"""Records what transformers builds from a config: `python tests/record_configs.py > tests/data/configs.json`.

For every model_type of `configs` in specs/: its class's default config, and small ones with random fields, of which some
are left out; each model is built on the meta device, and its parameters are counted (tied ones once). MACs are those of
PyTorch's flop counter for one text, where no layer depends on the data. Of the types in `MODELS` each class is built, and
the size of its first output is recorded too.
"""

from __future__ import annotations

import inspect
import json
import random
import warnings
from typing import Any, NamedTuple

__all__ = ["FIELDS", "MODELS", "PARTLY_COUNTED", "TOKENS", "record"]

TOKENS = 6
_EACH = 3
_OF_A_CLASS = 2
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
_BERT = {**_SIZES, "tie_word_embeddings": _FLAG, "max_position_embeddings": [16, 40], "type_vocab_size": [1, 3],
         "hidden_act": ["gelu", "gelu_new", "relu"], "num_labels": [1, 2, 5], "is_decoder": _FLAG}  # fmt: skip
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
    **{kind: {**_BERT, **more} for kind, more in {
        "bert": {}, "roberta": {},
        "albert": {"embedding_size": [16, 64], "num_hidden_groups": [1, 2, 3], "inner_group_num": [1, 2]},
        "electra": {"embedding_size": [16, 64]},
        "deberta-v2": {
            "embedding_size": [16, 64], "type_vocab_size": [0, 2], "relative_attention": _FLAG, "max_relative_positions": [-1, 7],
            "position_buckets": [-1, 5], "position_biased_input": _FLAG, "share_att_key": _FLAG, "legacy": _FLAG,
            "pos_att_type": [None, ["c2p"], ["p2c", "c2p"], "p2c|c2p"], "norm_rel_ebd": ["none", "layer_norm"],
            "conv_kernel_size": [0, 3], "conv_groups": [1, 4],
        },
    }.items()},
    "distilbert": {"dim": [64, 128], "n_layers": [1, 3], "n_heads": [8], "hidden_dim": [48, 100], "vocab_size": [100],
                   "max_position_embeddings": [16, 40], "tie_word_embeddings": _FLAG, "num_labels": [2, 2, 5]},
    "modernbert": {**_SIZES, "tie_word_embeddings": _FLAG, "num_labels": [1, 5], "norm_bias": _FLAG, "attention_bias": _FLAG,
                   "mlp_bias": _FLAG, "decoder_bias": _FLAG, "classifier_bias": _FLAG,
                   "classifier_pooling": ["cls", "mean"], "local_attention": [4], "pad_token_id": [0]},
    "t5": {"d_model": [32, 64], "d_kv": [8, 12], "d_ff": [48], "num_layers": [1, 3], "num_decoder_layers": [None, 2],
           "num_heads": [3, 4], "vocab_size": [100], "relative_attention_num_buckets": [8, 16],
           "feed_forward_proj": ["relu", "gated-gelu", "gated-silu", "gelu"], "num_labels": [1, 4],
           "tie_word_embeddings": _FLAG},
    "bart": {"d_model": [32, 64], "encoder_layers": [1, 2], "decoder_layers": [1, 3], "encoder_attention_heads": [4],
             "decoder_attention_heads": [8], "encoder_ffn_dim": [48], "decoder_ffn_dim": [56], "vocab_size": [100],
             "max_position_embeddings": [16, 40], "num_labels": [2, 5], "activation_function": ["relu", "gelu_new"],
             "tie_word_embeddings": _FLAG},
    "whisper": {"d_model": [32, 64], "encoder_layers": [1, 2], "decoder_layers": [1, 3], "encoder_attention_heads": [4],
                "decoder_attention_heads": [8], "encoder_ffn_dim": [48], "decoder_ffn_dim": [56], "vocab_size": [100],
                "num_mel_bins": [20, 80], "max_source_positions": [12], "max_target_positions": [16, 40],
                "classifier_proj_size": [9], "num_labels": [2, 5], "tie_word_embeddings": _FLAG, "pad_token_id": [0]},
    "wav2vec2": {"hidden_size": [32, 64], "num_hidden_layers": [1, 2], "num_attention_heads": [4], "intermediate_size": [48],
                 "vocab_size": [20], "feat_extract_norm": ["group", "layer"], "conv_dim": [[8, 12, 16]],
                 "conv_stride": [[5, 2, 2]], "conv_kernel": [[10, 3, 2]], "conv_bias": _FLAG, "do_stable_layer_norm": _FLAG,
                 "num_conv_pos_embeddings": [6, 7], "num_conv_pos_embedding_groups": [4], "mask_time_prob": [0.05, 0.0],
                 "add_adapter": _FLAG, "output_hidden_size": [24], "adapter_kernel_size": [3], "num_adapter_layers": [1, 2],
                 "adapter_attn_dim": [None, 6], "classifier_proj_size": [9], "num_labels": [2, 5],
                 "num_codevectors_per_group": [10], "codevector_dim": [12], "proj_codevector_dim": [14]},
}  # fmt: skip
"""The fields of each type, with values to choose from."""


class Models(NamedTuple):
    """The classes of a type that are built, the sizes of their inputs, and the variables that set these sizes."""

    classes: str
    inputs: dict[str, tuple[int, ...]] = {"input_ids": (TOKENS,)}  # noqa: RUF012  (never changed)
    variables: dict[str, int] = {"seq": TOKENS}  # noqa: RUF012
    without: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    """Fields that some of the classes do not allow."""


_TWO = ({"input_ids": (TOKENS,), "decoder_input_ids": (5,)}, {"seq": TOKENS, "target_seq": 5})
_CLASSES = ("SequenceClassification", "TokenClassification", "QuestionAnswering")
_TEXT = ("MaskedLM", "MultipleChoice", *_CLASSES)


def _classes(stem: str, *tasks: str) -> str:
    return " ".join([f"{stem}Model", *(f"{stem}For{task}" for task in tasks)])


MODELS = {
    "bert": Models(_classes("Bert", "PreTraining", "NextSentencePrediction", *_TEXT) + " BertLMHeadModel"),
    "roberta": Models(_classes("Roberta", "CausalLM", *_TEXT)),
    "distilbert": Models(_classes("DistilBert", *_TEXT), without={"DistilBertForQuestionAnswering": ("num_labels",)}),
    "albert": Models(_classes("Albert", "PreTraining", *_TEXT)),
    "electra": Models(_classes("Electra", "PreTraining", "CausalLM", *_TEXT)),
    "deberta-v2": Models(_classes("DebertaV2", *_TEXT), {"input_ids": (TOKENS,), "attention_mask": (TOKENS,)},
                         without={"DebertaV2ForMaskedLM": ("embedding_size",)}),
    "modernbert": Models(_classes("ModernBert", *_TEXT)),
    "t5": Models(_classes("T5", "ConditionalGeneration", *_CLASSES) + " T5EncoderModel", *_TWO),
    "bart": Models(_classes("Bart", "ConditionalGeneration", "SequenceClassification", "QuestionAnswering"), *_TWO),
    "whisper": Models(_classes("Whisper", "ConditionalGeneration", "AudioClassification"),
                      {"input_features": (0, 24), "decoder_input_ids": (TOKENS,)}, {"seq": TOKENS}),
    "wav2vec2": Models(_classes("Wav2Vec2", "CTC", "SequenceClassification", "AudioFrameClassification", "PreTraining"),
                       {"input_values": (700,)}, {"samples": 700},
                       dict.fromkeys(("Wav2Vec2ForSequenceClassification", "Wav2Vec2ForAudioFrameClassification"),
                                     ("add_adapter",)) | {"Wav2Vec2ForPreTraining": ("output_hidden_size",)}),
}  # fmt: skip
"""The types that are not decoders of texts."""

_ALWAYS = {*_SIZES, *_GPT, "d_model", "n_layers", "n_heads", "num_key_value_heads", "num_experts", "num_local_experts",
           "n_routed_experts", "num_experts_per_tok", "embedding_size", "dim", "encoder_layers",
           "decoder_layers", "encoder_attention_heads", "decoder_attention_heads", "max_source_positions", "num_heads",
           "pad_token_id", "conv_dim", "conv_stride", "conv_kernel", "num_conv_pos_embedding_groups",
           "max_position_embeddings"}  # fmt: skip
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


def built_class(kind: str, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the config of a model of a class, its figures, and the variables of the sizes of its inputs."""
    import torch
    import transformers
    from torch.utils.flop_counter import FlopCounterMode
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    of = MODELS[kind]
    config = CONFIG_MAPPING[kind](**fields)
    found: dict[str, Any] = {"config": {"model_type": kind, "architectures": [name], **fields}, "vars": of.variables}
    with torch.device("meta"):
        model = getattr(transformers, name)._from_config(config, attn_implementation="eager").eval()
        found["params"] = sum(parameter.numel() for parameter in model.parameters())
        inputs = {}
        for word, sizes in of.inputs.items():
            if word not in inspect.signature(model.forward).parameters:
                continue
            sizes = (config.num_mel_bins, 2 * config.max_source_positions) if word == "input_features" else sizes
            sizes = (1, *sizes) if name.endswith("MultipleChoice") else sizes
            inputs[word] = torch.zeros(1, *sizes, dtype=torch.long if word.endswith(("ids", "mask")) else None)
        try:
            with FlopCounterMode(display=False) as counter:
                first = next(iter(model(**inputs).values()))
            found["macs"] = counter.get_total_flops() // 2
            if name != "ElectraForPreTraining" and not name.endswith("QuestionAnswering"):  # it is split
                found["output"] = list(first.shape[1:])
        except (RuntimeError, NotImplementedError, AttributeError, TypeError, ValueError):
            pass  # the position of the last token is data; some models make masks from data
    return found


def record_classes(kind: str) -> list[dict[str, Any]]:
    """Return the figures of every class of a type: of the first with its default config, too."""
    draw, of = random.Random(f"configs of {kind}"), MODELS[kind]  # their own: other types do not change them
    models = [built_class(kind, of.classes.split()[0], {})]
    for name in of.classes.split():
        for _ in range(_OF_A_CLASS):
            chosen = {field: draw.choice(values) for field, values in FIELDS[kind].items()}
            kept = {field: v for field, v in chosen.items() if field in _ALWAYS or draw.random() > _RARELY}
            models.append(built_class(kind, name, {f: v for f, v in kept.items() if f not in of.without.get(name, ())}))
    return models


def record() -> dict[str, Any]:
    """Return the figures of every config."""
    import torch
    import transformers

    warnings.simplefilter("ignore")
    draw = random.Random(11)
    models = []
    for kind, fields in FIELDS.items():
        if kind in MODELS:
            models += record_classes(kind)
            continue
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
