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
    """A class of transformers and the fields of its config; the bundled spec and its options, where it reads no config."""

    name: str
    fields: dict[str, Any]
    spec: str = ""
    options: dict[str, Any] = {}  # noqa: RUF012  (never changed)

    @property
    def kind(self) -> str:
        """Its model_type."""
        return self.name.lower()


_SMALL = {"vocab_size": 101, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6}
_GATED = {**_SMALL, "intermediate_size": 80, "num_key_value_heads": 2}

MODELS = {
    model.kind: model
    for model in (
        Model("GPT2", {"vocab_size": 101, "n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 64}),
        Model("Llama", _GATED),
        Model("Mistral", {**_GATED, "head_dim": 8}),
        Model("Qwen2", _GATED),
        Model("OPT", {**_SMALL, "ffn_dim": 80, "max_position_embeddings": 64, "word_embed_proj_dim": 48}),
        Model("Starcoder2", {**_GATED, "bos_token_id": 1, "eos_token_id": 1}),
        Model("Gemma", {**_GATED, "head_dim": 8}),
        Model("Bert", {**_SMALL, "intermediate_size": 192, "max_position_embeddings": 64}, "bert-base-uncased",
              {"vars": {"vocab": 101, "hidden": 48, "layers": 2, "heads": 6, "context": 64, "seq": TOKENS}}),
        Model("T5", {"vocab_size": 101, "d_model": 48, "d_kv": 12, "d_ff": 80, "num_layers": 2, "num_heads": 4},
              "t5-small", {"vars": {"vocab": 101, "hidden": 48, "layers": 2, "heads": 4, "head_dim": 12,
                                    "feed_forward": 80, "seq": TOKENS}}),
        Model("ViT", {"hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4,
                      "image_size": 32, "patch_size": 8}, "vit_b_16",
              {"input": "3x32x32", "vars": {"hidden": 48, "mlp": 80, "depth": 2, "heads": 4, "patch": 8, "classes": 2,
                                            "softmax_in_fp32": True}}),
        Model("Swin", {"image_size": 64, "patch_size": 4, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4],
                       "window_size": 4}, "swin_t",
              {"input": "64x64x3", "vars": {"width": 24, "depths": [2, 2], "heads": [2, 4], "window": 4, "classes": 2,
                                            "attn_implementation": "math", "softmax_in_fp32": True}}),
    )
}  # fmt: skip
"""Every model by its model_type."""

_CLASSES = {"Bert": "BertModel", "T5": "T5ForConditionalGeneration", "ViT": "ViTForImageClassification",
            "Swin": "SwinForImageClassification", "GPT2": "GPT2LMHeadModel"}  # fmt: skip


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

    if "image_size" in model.fields:
        side = model.fields["image_size"]
        return {"pixel_values": torch.randn(batch, 3, side, side, dtype=dtype)}
    tokens = torch.randint(5, 100, (batch, TOKENS))
    return {"input_ids": tokens, **({"decoder_input_ids": tokens.clone()} if model.name == "T5" else {})}


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
        config = getattr(transformers, f"{model.name}Config")(**model.fields)
        cls = getattr(transformers, _CLASSES.get(model.name, f"{model.name}ForCausalLM"))
        saved: dict[str, int] = {}
        for precision in ("fp32", "bf16", *(["amp"] if kind in AUTOCAST else [])):
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            for attention in ("sdpa", "eager"):
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
