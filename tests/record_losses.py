"""Records what losses of transformers save: `python tests/record_losses.py > tests/data/losses.json`.

What a model saves for the backward pass with labels less what it saves without them, for one sample: that of four less
that of two, halved. The models are those of `record_language_models`, in fp32, bf16, and autocast to bf16.
"""

from __future__ import annotations

import json
from typing import Any

from record_language_models import MODELS, _inputs, _saved

__all__ = ["KINDS", "record"]

KINDS = ("gpt2", "llama", "mixtral", "roberta", "deberta-v2", "t5", "bart", "whisper", "vit")
"""Causal language models, masked ones, encoders with a decoder, and a classifier."""


def _labels(kind: str, inputs: dict[str, Any]) -> Any:
    import torch

    if kind == "vit":
        return torch.zeros(len(inputs["pixel_values"]), dtype=torch.long)
    return inputs.get("decoder_input_ids", inputs.get("input_ids")).clone()


def record() -> dict[str, dict[str, int]]:
    """Return the bytes that the loss of every model saves for one sample, by precision."""
    import torch
    import transformers

    entries: dict[str, dict[str, int]] = {}
    for kind in KINDS:
        model = MODELS[kind]
        config = getattr(transformers, f"{model.name}Config")(**model.fields)
        cls = getattr(transformers, f"{model.name}{model.head}")
        entries[kind] = {}
        for precision in ("fp32", "bf16", "amp"):
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            network = cls._from_config(config, attn_implementation=model.attention[-1]).to(dtype).eval()
            network.config.use_cache = False
            saved = []
            for batch in (2, 4):
                inputs = _inputs(model, batch, dtype)
                both = [inputs, {**inputs, "labels": _labels(kind, inputs)}]
                without, with_loss = [_saved(network, given, autocast=precision == "amp") for given in both]
                saved.append(with_loss - without)
            entries[kind][precision] = (saved[1] - saved[0]) // 2
    return entries


if __name__ == "__main__":
    import logging
    import warnings

    import torch
    import transformers

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    source = f"transformers {transformers.__version__}, PyTorch {torch.__version__} on the CPU, run by tests/record_losses.py; bytes for a sample"
    lines = [f"  {json.dumps(kind)}: {json.dumps(entry)}" for kind, entry in record().items()]
    print(f'{{\n "source": {json.dumps(source)},\n "models": {{\n' + ",\n".join(lines) + "\n }\n}")
