"""Records what transformers saves for the backward pass: `python tests/record_language_models.py > tests/data/language_models.json`.

Small models with random weights, in training mode, forward on the CPU under `torch.autograd.graph.saved_tensors_hooks`,
in fp32 and bf16 (and autocast to bf16), with attention by PyTorch's `scaled_dot_product_attention` (sdpa) and eager.
Tensors in the same storage count once; parameters do not count. The figure is for one sample: that of four less that of
two, halved, so that what is saved once for a batch (tables of rotations) is left out. Dropout is a GPU's, with a mask of
a byte an element, and none inside sdpa: a GPU's flash attention saves the state of its random numbers alone.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from record_saved_tensors import _dropout

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AUTOCAST", "MODELS", "TOKENS", "Model", "record"]

TOKENS = 20
AUTOCAST = ("llama", "mistral", "qwen2", "gemma")
"""Models without LayerNorm or softmax of their own, which autocast has in fp32 on a GPU and not on the CPU."""


class Model(NamedTuple):
    """A class of transformers and the fields of its config; a bundled spec of it too, and the options of `memory`.

    `attention` are its implementations: some classes have only their own.
    """

    name: str
    fields: dict[str, Any]
    spec: str = ""
    options: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    head: str = "ForCausalLM"
    attention: tuple[str, ...] = ("sdpa", "eager")
    model_type: str = ""

    @property
    def kind(self) -> str:
        """Its model_type."""
        return self.model_type or self.name.lower()

    @property
    def with_config(self) -> dict[str, Any]:
        """The options of `memory` with the config.json of the model."""
        if self.options and not self.spec:
            return self.options
        return {} if {"image_size", "vision_config"} & set(self.fields) else {"vars": {"seq": TOKENS}}


_SMALL = {"vocab_size": 101, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6}
_GATED = {**_SMALL, "intermediate_size": 80, "num_key_value_heads": 2}
_HEADS = {**_GATED, "head_dim": 8}
_ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
_TEXT = {**_SMALL, "intermediate_size": 80, "max_position_embeddings": 64}
_MOE = {**_HEADS, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 40}
_LATENT = {**_GATED, "num_key_value_heads": 6, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
           "moe_intermediate_size": 40, "kv_lora_rank": 16, "q_lora_rank": 12, "qk_nope_head_dim": 8,
           "qk_rope_head_dim": 4, "v_head_dim": 12, "first_k_dense_replace": 1, "n_group": 1,
           "topk_group": 1}  # fmt: skip
"""Of DeepSeek, with values as wide as keys: PyTorch's attention on the CPU is fused for no others."""
_TOWER = {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4,
          "image_size": 32, "patch_size": 8}  # fmt: skip
_BOTH = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 6, "decoder_attention_heads": 6,
         "encoder_ffn_dim": 80, "decoder_ffn_dim": 80, "d_model": 48, "vocab_size": 101}  # fmt: skip
_LABELS = "ForImageClassification"
_WORDS = "ForMaskedLM"
_OWN = ("eager",)
_IMAGE = {"input": "3x64x64"}

_DECODERS = (
    Model("GPT2", {"vocab_size": 101, "n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 64}, head="LMHeadModel"),
    Model("Llama", _GATED),
    Model("Mistral", _HEADS),
    Model("Qwen2", _GATED),
    Model("OPT", {**_SMALL, "ffn_dim": 80, "max_position_embeddings": 64, "word_embed_proj_dim": 48}),
    Model("Starcoder2", {**_GATED, "bos_token_id": 1, "eos_token_id": 1}),
    Model("Gemma", _HEADS),
    Model("GPTNeoX", {**_SMALL, "intermediate_size": 192, "attention_dropout": 0.1, "hidden_dropout": 0.1},
          model_type="gpt_neox"),
    Model("Phi", {**_GATED, "resid_pdrop": 0.1, "attention_dropout": 0.1}),
    Model("Phi3", {**_GATED, **_ENDS, "resid_pdrop": 0.1}),
    Model("GPTJ", {"vocab_size": 101, "n_embd": 64, "n_layer": 2, "n_head": 4, "rotary_dim": 8, "n_positions": 64}),
    Model("Falcon", _SMALL),
    Model("Bloom", {"vocab_size": 101, "hidden_size": 48, "n_layer": 2, "n_head": 6, "hidden_dropout": 0.1,
                    "attention_dropout": 0.1}, attention=_OWN),
    Model("Mpt", {"vocab_size": 101, "d_model": 64, "n_layers": 2, "n_heads": 4}, attention=_OWN),
    Model("StableLm", _GATED),
    Model("Cohere", {**_GATED, **_ENDS}),
    Model("Granite", _GATED),
    Model("Olmo2", {**_GATED, **_ENDS}),
    Model("Gemma2", _HEADS, attention=_OWN),
    Model("Gemma3", _HEADS, model_type="gemma3_text"),
    Model("Qwen3", _HEADS),
    Model("Mixtral", {**_HEADS, "num_local_experts": 4, "num_experts_per_tok": 2}),
    Model("Qwen2Moe", {**_MOE, "shared_expert_intermediate_size": 40}, model_type="qwen2_moe"),
    Model("Qwen3Moe", _MOE, model_type="qwen3_moe"),
    Model("Olmoe", {**_GATED, **_ENDS, "num_experts": 4, "num_experts_per_tok": 2}),
    Model("GptOss", {**_HEADS, "num_local_experts": 4, "num_experts_per_tok": 2, "pad_token_id": 0, "eos_token_id": 1},
          attention=_OWN, model_type="gpt_oss"),
    Model("DeepseekV2", {**_LATENT, "topk_method": "greedy"}, model_type="deepseek_v2"),
    Model("DeepseekV3", _LATENT, model_type="deepseek_v3"),
)  # fmt: skip
_OTHERS = (
    Model("Bert", {**_SMALL, "intermediate_size": 192, "max_position_embeddings": 64}, "bert-base-uncased",
          {"vars": {"vocab": 101, "hidden": 48, "layers": 2, "heads": 6, "context": 64, "seq": TOKENS}}, "Model"),
    Model("Roberta", _TEXT, head=_WORDS),
    Model("DistilBert", {"vocab_size": 101, "dim": 48, "n_layers": 2, "n_heads": 6, "hidden_dim": 80,
                         "max_position_embeddings": 64}, head=_WORDS),
    Model("Albert", {**_TEXT, "embedding_size": 32}, head=_WORDS),
    Model("Electra", {**_TEXT, "embedding_size": 32}, head=_WORDS),
    Model("DebertaV2", {**_TEXT, "relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"],
                        "norm_rel_ebd": "layer_norm", "share_att_key": True}, head=_WORDS, attention=_OWN,
          model_type="deberta-v2"),
    Model("ModernBert", {**_SMALL, **_ENDS, "num_hidden_layers": 3, "intermediate_size": 80, "cls_token_id": 1,
                         "sep_token_id": 1}, head=_WORDS),
    Model("T5", {"vocab_size": 101, "d_model": 48, "d_kv": 12, "d_ff": 80, "num_layers": 2, "num_heads": 4},
          "t5-small", {"vars": {"vocab": 101, "hidden": 48, "layers": 2, "heads": 4, "head_dim": 12,
                                "feed_forward": 80, "seq": TOKENS}}, "ForConditionalGeneration"),
    Model("Bart", {**_BOTH, "max_position_embeddings": 64, "attention_dropout": 0.1, "activation_dropout": 0.1},
          head="ForConditionalGeneration"),
    Model("Whisper", {**_BOTH, **_ENDS, "num_mel_bins": 16, "max_source_positions": 30, "max_target_positions": TOKENS,
                      "decoder_start_token_id": 1, "dropout": 0.1},
          options={"input": {"mel": "16x60", "tokens": str(TOKENS)}}, head="ForConditionalGeneration"),
    Model("Wav2Vec2", {**_SMALL, "vocab_size": 32, "intermediate_size": 80, "conv_dim": [32] * 7, "layerdrop": 0.0,
                       "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4},
          options={"input": "1x4000"}, head="ForCTC"),
    Model("CLIP", {"projection_dim": 32, "text_config": {**_TEXT, "max_position_embeddings": TOKENS},
                   "vision_config": _TOWER}, head="Model"),
    Model("Siglip", {"text_config": {**_TEXT, "max_position_embeddings": TOKENS}, "vision_config": _TOWER},
          head="Model"),
    Model("ViT", _TOWER, "vit_b_16",
          {"input": "3x32x32", "vars": {"hidden": 48, "mlp": 80, "depth": 2, "heads": 4, "patch": 8, "classes": 2,
                                        "softmax_in_fp32": True}}, _LABELS),
    Model("DeiT", _TOWER, head=_LABELS),
    Model("Dinov2", _TOWER, head=_LABELS),
    Model("Swin", {"image_size": 64, "patch_size": 4, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4],
                   "window_size": 4}, "swin_t",
          {"input": "64x64x3", "vars": {"width": 24, "depths": [2, 2], "heads": [2, 4], "window": 4, "classes": 2,
                                        "attn_implementation": "math", "softmax_in_fp32": True}}, _LABELS),
    Model("ConvNext", {"image_size": 64, "hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]}, options=_IMAGE,
          head=_LABELS, attention=_OWN),
    Model("ResNet", {"image_size": 64, "embedding_size": 16, "hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]},
          options=_IMAGE, head=_LABELS, attention=_OWN),
    Model("Segformer", {"image_size": 64, "hidden_sizes": [16, 32, 40, 64], "num_attention_heads": [1, 2, 5, 8],
                        "depths": [1, 1, 1, 1], "decoder_hidden_size": 32}, options=_IMAGE,
          head="ForSemanticSegmentation"),
)  # fmt: skip
MODELS = {model.kind: model for model in (*_DECODERS, *_OTHERS)}
"""Every model by its model_type."""


@contextmanager
def _as_on_a_gpu() -> Iterator[None]:
    import torch

    functional = torch.nn.functional
    dropout, attention = functional.dropout, functional.scaled_dot_product_attention

    def without_dropout(*inputs: Any, **words: Any) -> Any:
        return attention(*inputs, **{**words, "dropout_p": 0.0})

    functional.dropout = _dropout
    functional.scaled_dot_product_attention = without_dropout
    try:
        yield
    finally:
        functional.dropout, functional.scaled_dot_product_attention = dropout, attention


def _inputs(model: Model, batch: int, dtype: Any) -> dict[str, Any]:
    import torch

    tokens = {"input_ids": torch.randint(5, 100, (batch, TOKENS))}
    if model.name == "Whisper":
        sound = torch.randn(batch, 16, 60, dtype=dtype)
        return {"input_features": sound, "decoder_input_ids": tokens["input_ids"]}
    if model.name == "Wav2Vec2":
        return {"input_values": torch.randn(batch, 4000, dtype=dtype)}
    side = model.fields.get("image_size") or model.fields.get("vision_config", {}).get("image_size")
    pictures = {"pixel_values": torch.randn(batch, 3, side, side, dtype=dtype)} if side else {}
    if "image_size" in model.fields:
        return pictures
    if model.name in ("T5", "Bart"):
        return {**tokens, "decoder_input_ids": tokens["input_ids"].clone()}
    return {**tokens, **pictures}


def _saved(network: Any, inputs: dict[str, Any], *, autocast: bool) -> int:
    import torch

    kept: list[Any] = []

    def pack(tensor: Any) -> Any:
        kept.append(tensor)
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        found = network(**inputs)
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    sizes = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in kept}
    del found
    return sum(size for at, size in sizes.items() if at not in own)


def record() -> dict[str, dict[str, Any]]:
    """Return the config of every model, and the bytes that it saves for one sample, by precision and attention."""
    import torch
    import transformers

    entries: dict[str, dict[str, Any]] = {}
    for kind, model in MODELS.items():
        text = "Text" if model.kind.endswith("_text") else ""
        config = getattr(transformers, f"{model.name}{text}Config")(**model.fields)
        cls = getattr(transformers, f"{model.name}{model.head}")
        saved: dict[str, int] = {}
        for precision in ("fp32", "bf16", *(["amp"] if kind in AUTOCAST else [])):
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            for attention in model.attention:
                torch.manual_seed(0)
                network = cls._from_config(config, attn_implementation=attention).to(dtype).train()
                if hasattr(network.config, "use_cache"):
                    network.config.use_cache = False
                with _as_on_a_gpu():
                    two, four = (
                        _saved(network, _inputs(model, batch, dtype), autocast=precision == "amp") for batch in (2, 4)
                    )
                saved[f"{precision} {attention}"] = (four - two) // 2
        fields = {**model.fields, "model_type": kind, "architectures": [cls.__name__]}
        entries[kind] = {"config": fields, "saved": saved}
    return entries


if __name__ == "__main__":
    import logging
    import warnings

    import torch
    import transformers

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    source = f"transformers {transformers.__version__}, PyTorch {torch.__version__} on the CPU, run by tests/record_language_models.py; bytes for a sample"
    lines = [f"  {json.dumps(kind)}: {json.dumps(entry)}" for kind, entry in record().items()]
    print(f'{{\n "source": {json.dumps(source)},\n "models": {{\n' + ",\n".join(lines) + "\n }\n}")
