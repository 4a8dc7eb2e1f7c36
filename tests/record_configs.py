"""Records what transformers builds from a config: `python tests/record_configs.py > tests/data/configs.json`.

For every model_type of `configs` in specs/: its class's default config, and small ones with random fields, of which some
are left out; each model is built on the meta device, and its parameters are counted (tied ones once). MACs are those of
PyTorch's flop counter for one text or image, where no layer depends on the data.
"""

from __future__ import annotations

import copy
import inspect
import json
import random
import warnings
from typing import Any

__all__ = ["CLASSES", "FIELDS", "INPUTS", "PARTLY_COUNTED", "TOKENS", "record"]

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
_BERT = {**_SIZES, "tie_word_embeddings": _FLAG, "max_position_embeddings": [16, 40], "type_vocab_size": [1, 3],
         "hidden_act": ["gelu", "gelu_new", "relu"], "num_labels": [1, 2, 5], "is_decoder": _FLAG}  # fmt: skip
_TOWER = {"hidden_size": [48, 64], "num_hidden_layers": [1, 3], "num_attention_heads": [4, 8],
          "intermediate_size": [48, 100], "hidden_act": ["gelu", "quick_gelu", "gelu_new"], "image_size": [32, 40],
          "patch_size": [8, 16], "num_channels": [1, 3]}  # fmt: skip
_VIT = {**_TOWER, "image_size": [32, 40, [32, 48]], "patch_size": [8, [8, 16]], "qkv_bias": _FLAG, "encoder_stride": [8],
        "num_labels": [3, 5]}  # fmt: skip
del _VIT["intermediate_size"]
_TEXT = {"hidden_size": [48, 64], "num_hidden_layers": [1, 3], "num_attention_heads": [4, 8],
         "intermediate_size": [48, 100], "vocab_size": [100, 333], "max_position_embeddings": [6, 10]}  # fmt: skip


def _nested(fields: dict[str, list[Any]], **more: list[Any]) -> list[Any]:
    """Return a function that draws an object within a config, which may be missing."""
    return [lambda draw: chosen({**fields, **more}, draw), lambda draw: None]


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
    "gemma3": {"text_config": _nested(_HEADS), "mm_tokens_per_image": [1, 4], "tie_word_embeddings": _FLAG,
               "vision_config": _nested(_TOWER, vision_use_head=_FLAG)[:1]},
    "phi3": {**_LLAMA, "attention_bias": [True], "mlp_bias": [True], "vocab_size": [32064]},
    "gpt_oss": {**_HEADS, "num_local_experts": [4], "num_experts_per_tok": [2]},
    "cohere": {**_BIASED, "use_qk_norm": _FLAG},
    "stablelm": {**_LLAMA, "head_dim": [16], "use_qkv_bias": _FLAG, "qk_layernorm": _FLAG, "use_parallel_residual": _FLAG},
    "starcoder2": {**_LLAMA, "use_bias": _FLAG},
    "phi": {**_LLAMA, "qk_layernorm": _FLAG},
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
    "mamba2": {"vocab_size": [100], "hidden_size": [64], "state_size": [4, 16], "num_hidden_layers": [1, 3],
               "num_heads": [8], "head_dim": [16], "n_groups": [1, 4], "expand": [2], "conv_kernel": [3, 4],
               "use_bias": _FLAG, "use_conv_bias": _FLAG, "tie_word_embeddings": _FLAG},
    "jamba": {**_LLAMA, "num_experts": [1, 4], "num_experts_per_tok": [1], "expert_layer_period": [2, 3],
              "expert_layer_offset": [0, 1], "attn_layer_period": [2, 3], "attn_layer_offset": [0, 1],
              "mamba_d_state": [4, 16], "mamba_d_conv": [3, 4], "mamba_expand": [1, 2], "mamba_dt_rank": ["auto", 7],
              "mamba_conv_bias": _FLAG, "mamba_proj_bias": _FLAG},
    "qwen3_next": {**_HEADS, **_QWEN_MOE, "shared_expert_intermediate_size": [24, 56], "linear_key_head_dim": [8, 16],
                   "linear_value_head_dim": [8, 24], "linear_num_key_heads": [2, 4], "linear_num_value_heads": [4, 8],
                   "linear_conv_kernel_dim": [2, 4], "full_attention_interval": [2, 3],
                   "layer_types": [None, None, ["full_attention", "linear_attention"] * 2]},
    "vit": {**_VIT, "intermediate_size": [48, 100], "pooler_output_size": [None, 20], "pooler_act": ["relu", "tanh"]},
    "deit": {**_VIT, "intermediate_size": [48, 100], "pooler_output_size": [None, 20]},
    "dinov2": {**_VIT, "mlp_ratio": [2, 3], "use_swiglu_ffn": _FLAG, "use_mask_token": _FLAG,
               "reshape_hidden_states": _FLAG},
    "clip": {"text_config": _nested(_TEXT, projection_dim=[12]), "vision_config": _nested(_TOWER, projection_dim=[12]),
             "projection_dim": [16, 24], "num_labels": [5]},
    "clip_text_model": {**_TEXT, "projection_dim": [16, 24]},
    "clip_vision_model": {**_TOWER, "projection_dim": [16, 24]},
    "siglip": {"text_config": _nested(_TEXT, hidden_size=[64], projection_size=[64])[:1], "num_labels": [5],
               "vision_config": _nested(_TOWER, hidden_size=[64])[:1]},
    "siglip_text_model": {**_TEXT, "projection_size": [None, 24]},
    "siglip_vision_model": {**_TOWER, "vision_use_head": _FLAG},
    "swin": {"image_size": [64, [64, 96], 60], "patch_size": [2, [2, 2]], "num_channels": [1, 3], "embed_dim": [24, 36],
             "depths": [[1, 2, 1], [2, 1, 1]], "num_heads": [[2, 3, 4]], "window_size": [4, 5], "mlp_ratio": [2.0, 3.3, 4],
             "qkv_bias": _FLAG, "use_absolute_embeddings": _FLAG, "encoder_stride": [4], "num_labels": [5],
             "out_indices": [None, [1, 2]], "hidden_act": ["relu", "gelu"]},
    "convnext": {"image_size": [64, [64, 96]], "patch_size": [2, 4], "num_channels": [1, 3], "num_stages": [3],
                 "hidden_sizes": [[8, 16, 20], [12, 12, 30]], "depths": [[1, 2, 1]], "hidden_act": ["relu", "gelu"],
                 "layer_scale_init_value": [0.0, 1e-6], "num_labels": [5], "out_indices": [None, [1, 3]]},
    "resnet": {"num_channels": [1, 3], "embedding_size": [16, 32], "hidden_sizes": [[32, 40, 64], [34, 34, 50]],
               "depths": [[1, 2, 1], [2, 1, 1]], "layer_type": ["basic", "bottleneck"], "num_labels": [5],
               "hidden_act": ["relu", "gelu"], "downsample_in_first_stage": _FLAG, "downsample_in_bottleneck": _FLAG,
               "out_indices": [None, [1, 3]]},
    "segformer": {"num_channels": [1, 3], "num_encoder_blocks": [3], "depths": [[1, 2, 1]], "sr_ratios": [[4, 2, 1]],
                  "hidden_sizes": [[16, 24, 32]], "patch_sizes": [[7, 3, 3], [4, 5, 2]], "strides": [[4, 2, 2], [3, 2, 1]],
                  "num_attention_heads": [[1, 2, 4]], "mlp_ratios": [[4, 2, 3]], "decoder_hidden_size": [20],
                  "reshape_last_stage": _FLAG, "num_labels": [5], "hidden_act": ["relu", "gelu"]},
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
"""The fields of each type, with values to choose from; those of an object within a config are a function of the draw."""

_HEADS_OF_TEXTS = ("ForMaskedLM", "ForMultipleChoice", "ForSequenceClassification", "ForTokenClassification",
                   "ForQuestionAnswering")  # fmt: skip
_IMAGES = ["Model", "ForImageClassification"]
CLASSES: dict[str, list[str]] = {
    "gemma3": ["Gemma3ForConditionalGeneration", "Gemma3Model", "Gemma3ForSequenceClassification"],
    "vit": [f"ViT{name}" for name in (*_IMAGES, "ForMaskedImageModeling")],
    "deit": [f"DeiT{name}" for name in (*_IMAGES, "ForMaskedImageModeling", "ForImageClassificationWithTeacher")],
    "dinov2": [f"Dinov2{name}" for name in (*_IMAGES, "Backbone")],
    "clip": ["CLIPModel", "CLIPForImageClassification"],
    "clip_text_model": ["CLIPTextModel", "CLIPTextModelWithProjection"],
    "clip_vision_model": ["CLIPVisionModel", "CLIPVisionModelWithProjection"],
    "siglip": ["SiglipModel", "SiglipForImageClassification"],
    "siglip_text_model": ["SiglipTextModel"],
    "siglip_vision_model": ["SiglipVisionModel"],
    "swin": [f"Swin{name}" for name in (*_IMAGES, "ForMaskedImageModeling", "Backbone")],
    "convnext": [f"ConvNext{name}" for name in (*_IMAGES, "Backbone")],
    "resnet": [f"ResNet{name}" for name in (*_IMAGES, "Backbone")],
    "segformer": [f"Segformer{name}" for name in (*_IMAGES, "ForSemanticSegmentation")],
    **{kind: [f"{stem}{name}" for name in ("Model", *_HEADS_OF_TEXTS, *more.split())] for kind, stem, more in (
        ("bert", "Bert", "ForPreTraining ForNextSentencePrediction LMHeadModel"), ("roberta", "Roberta", "ForCausalLM"),
        ("distilbert", "DistilBert", ""), ("albert", "Albert", "ForPreTraining"),
        ("electra", "Electra", "ForPreTraining ForCausalLM"), ("deberta-v2", "DebertaV2", ""),
        ("modernbert", "ModernBert", ""),
    )},
    "t5": [f"T5{name}" for name in ("Model", "ForConditionalGeneration", "EncoderModel", *_HEADS_OF_TEXTS[2:])],
    "bart": [f"Bart{name}" for name in ("Model", "ForConditionalGeneration", "ForSequenceClassification",
                                        "ForQuestionAnswering")],
    "whisper": [f"Whisper{name}" for name in ("Model", "ForConditionalGeneration", "ForAudioClassification")],
    "wav2vec2": [f"Wav2Vec2{name}" for name in ("Model", "ForCTC", "ForSequenceClassification",
                                                "ForAudioFrameClassification", "ForPreTraining")],
}  # fmt: skip
"""The classes of each type; the causal language model of a type that is not here."""

_ALWAYS = {*_SIZES, *_GPT, *_VIT, "depths", "num_heads", "embed_dim", "hidden_sizes", "num_stages", "window_size",
           "layer_type", "sr_ratios", "patch_sizes", "strides", "mlp_ratios", "num_encoder_blocks", "expand", "n_groups", "linear_num_key_heads", "linear_num_value_heads", "projection_size", "text_config", "vision_config", "d_model", "n_layers", "n_heads", "num_key_value_heads", "num_experts", "num_local_experts",
           "n_routed_experts", "num_experts_per_tok", "embedding_size", "dim", "encoder_layers",
           "decoder_layers", "encoder_attention_heads", "decoder_attention_heads", "max_source_positions",
           "pad_token_id", "conv_dim", "conv_stride", "conv_kernel", "num_conv_pos_embedding_groups"}  # fmt: skip
"""Fields that are never left out: their defaults do not go with the others."""


WITHOUT = {
    "DistilBertForQuestionAnswering": ["num_labels"], "DebertaV2ForMaskedLM": ["embedding_size"],
    "Wav2Vec2ForSequenceClassification": ["add_adapter"], "Wav2Vec2ForAudioFrameClassification": ["add_adapter"],
    "Wav2Vec2ForPreTraining": ["output_hidden_size"],
}  # fmt: skip
"""Fields that a class does not allow."""

_SPLIT = ("ForQuestionAnswering", "ElectraForPreTraining")
"""Classes whose first output has lost an axis."""

_TWO_TEXTS = {"tokens": ("input_ids", [TOKENS]), "targets": ("decoder_input_ids", [5])}
INPUTS: dict[str, dict[str, tuple[str, list[int]]]] = {
    **{kind: {"text": ("input_ids", [TOKENS])} for kind in ("bert", "roberta", "distilbert", "albert", "electra",
                                                            "modernbert")},
    "gemma3": {"text": ("input_ids", [TOKENS])},
    "deberta-v2": {"text": ("input_ids", [TOKENS]), "mask": ("attention_mask", [TOKENS])},
    "t5": _TWO_TEXTS,
    "bart": _TWO_TEXTS,
    "whisper": {"mel": ("input_features", [80, 24]), "tokens": ("decoder_input_ids", [TOKENS])},
    "wav2vec2": {"sound": ("input_values", [1, 700])},
}  # fmt: skip
"""The inputs of a type by their names here, with the library's name of each and its size."""

PARTLY_COUNTED = ("mamba", "mamba2", "jamba", "qwen3_next")
"""Types of which the flop counter sees only a part of the recurrence: tests/layers/test_state_space.py has their MACs."""


def chosen(fields: dict[str, list[Any]], draw: random.Random) -> dict[str, Any]:
    """Return a value for each field, of which some are left out."""
    found = {name: draw.choice(values) for name, values in fields.items()}
    kept = {n: v for n, v in found.items() if n in _ALWAYS or draw.random() > _RARELY}
    return {name: value(draw) if callable(value) else value for name, value in kept.items()}


def _inputs(model: Any) -> dict[str, tuple[str, list[int]]]:
    """Return the names and sizes of the inputs of a model, by their names here, without the batch axis."""
    config = model.config
    needed = inspect.signature(model.forward).parameters
    if config.model_type in INPUTS:
        sizes = {name: (word, size) for name, (word, size) in INPUTS[config.model_type].items() if word in needed}
        if type(model).__name__.endswith("XVector"):  # its convolutions need 15 frames
            sizes["sound"] = ("input_values", [1, 6000])
        if "mel" in sizes:
            sizes["mel"] = ("input_features", [config.num_mel_bins, 2 * config.max_source_positions])
        return sizes
    text, vision = getattr(config, "text_config", config), getattr(config, "vision_config", config)
    sizes = {}
    if "pixel_values" in needed:
        size = getattr(vision, "image_size", 64 if config.model_type == "resnet" else 128)
        sizes["image"] = "pixel_values", [vision.num_channels, *([size, size] if isinstance(size, int) else size)]
    if "input_ids" in needed:
        length = getattr(text, "max_position_embeddings", TOKENS)
        sizes["text"] = "input_ids", [length if sizes or config.model_type in CLASSES else TOKENS]
    return sizes


def _tensor(word: str, sizes: list[int], name: str) -> Any:
    """Return an input of a batch of one; of sounds the channel is the batch, of multiple choice there is one choice."""
    import torch

    axes = [] if word == "input_values" else [1, 1] if name.endswith("MultipleChoice") else [1]
    return torch.zeros(*axes, *sizes, dtype=torch.long if word.endswith(("ids", "mask")) else None)


def built(kind: str, fields: dict[str, Any], name: str = "") -> dict[str, Any]:
    """Return the config of a model, and its figures as transformers has them."""
    import torch
    import transformers
    from torch.utils.flop_counter import FlopCounterMode
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    fields = {field: value for field, value in fields.items() if field not in WITHOUT.get(name, ())}
    config = CONFIG_MAPPING[kind](**copy.deepcopy(fields))
    config._attn_implementation = "eager"
    with torch.device("meta"):
        if name:
            model = getattr(transformers, name)._from_config(config, attn_implementation="eager").eval()
        else:
            model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        found: dict[str, Any] = {
            "config": {"model_type": kind, "architectures": [name or type(model).__name__], **fields},
            "params": sum(parameter.numel() for parameter in model.parameters()),
        }
        if kind in PARTLY_COUNTED:
            return found
        inputs = _inputs(model)
        if name:
            found["inputs"] = {word: sizes for word, (_, sizes) in inputs.items() if word != "mask"}
        given = {word: _tensor(word, sizes, name) for word, sizes in inputs.values()}
        try:
            with FlopCounterMode(display=False) as counter:
                outputs = model(**given)
            found["macs"] = counter.get_total_flops() // 2
        except (RuntimeError, NotImplementedError, AttributeError, TypeError, ValueError):
            return found  # experts are chosen by the data; some models make masks from data
        if name and not name.endswith(_SPLIT):
            first = next(iter(outputs.values()))
            found["output"] = list((first[0] if isinstance(first, tuple) else first).shape[1:])
    return found


def record() -> dict[str, Any]:
    """Return the figures of every config."""
    import torch
    import transformers

    warnings.simplefilter("ignore")
    models = []
    for kind, fields in FIELDS.items():
        draw = random.Random(kind)  # so that another type changes no line of this one
        names = CLASSES.get(kind, [""])
        models.append(built(kind, {}, names[0]))
        models += [built(kind, chosen(fields, draw), name) for _ in range(_EACH) for name in names]
    source = f"transformers {transformers.__version__} with PyTorch {torch.__version__}, meta device, {TOKENS} tokens"
    return {"source": source, "models": models}


if __name__ == "__main__":
    found = record()
    lines = ",\n".join(f"  {json.dumps(model)}" for model in found["models"])
    print(f'{{"source": {json.dumps(found["source"])}, "models": [\n{lines}\n]}}')
