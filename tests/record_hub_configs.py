"""Records what transformers builds from files as the hub has them: `python tests/record_hub_configs.py > tests/data/hub_configs.json`.

The configs are in that file itself: they are those of published models, recalled, with what such files leave out, and with
fields of older versions and of the models' own code. Each model is built on the meta device.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import record_configs
import record_parameter_shapes
from record_configs import TOKENS

__all__ = ["record"]

RECORD = Path(__file__).parent / "data" / "hub_configs.json"
RENAMED = {
    "LLaMAForCausalLM": "LlamaForCausalLM",
    "MPTForCausalLM": "MptForCausalLM",
    "T5WithLMHeadModel": "T5ForConditionalGeneration",
}
"""Classes of older versions, and of the models' own code."""


def built(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a model of that name, its figures, and the sizes of its parameters."""
    fields = {field: value for field, value in config.items() if field not in ("model_type", "architectures")}
    (class_,) = config["architectures"]
    known = RENAMED.get(class_, class_)
    found = record_configs.built(config["model_type"], fields, known)
    shapes = record_parameter_shapes.built({**config, "architectures": [known]}, "")["shapes"]
    return {"name": name, **found, "config": config, "shapes": shapes}


def record(only: str = "") -> dict[str, Any]:
    """The figures of every config of the record, or of those with a word in their names."""
    import torch
    import transformers

    warnings.simplefilter("ignore")
    models = json.loads(RECORD.read_text(encoding="utf-8"))["models"]
    return {
        "source": f"transformers {transformers.__version__} with PyTorch {torch.__version__}, meta device, {TOKENS} tokens",
        "models": [built(model["name"], model["config"]) for model in models if only in model["name"]],
    }


if __name__ == "__main__":
    record_ = record(*sys.argv[1:2])
    lines = ",\n".join(f"  {json.dumps(model, separators=(',', ':'))}" for model in record_["models"])
    print(f'{{"source": {json.dumps(record_["source"])}, "models": [\n{lines}\n]}}')
