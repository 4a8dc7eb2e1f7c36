"""Records names and sizes of parameters: `python tests/record_parameter_shapes.py [HUB] > tests/data/parameter_shapes.json`.

For the configs of tests/data/configs.json that have fields: what transformers builds of them on the meta device, by
`named_parameters()` (tied ones once), and of the first config of a type its other heads too. HUB is a folder of models of
the hub, each with its config.json and a truth.json.gz that was made from it in the same way.

Numbered modules that are alike are one line: `model.layers.0-3.mlp.up_proj.weight`; the test expands them.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

__all__ = ["expanded", "folded", "record"]

CONFIGS = Path(__file__).parent / "data" / "configs.json"
TASKS = ("", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
Shapes = dict[str, list[int]]
NUMBER = re.compile(r"(?<=\.)(\d+)(?=\.)")


def folded(shapes: Shapes) -> Shapes:
    """Sizes by name, with the names that differ in their first number, one after the other, as one."""
    found: Shapes = {}
    runs: dict[tuple[str, ...], list[int]] = {}
    for name, shape in shapes.items():
        parts = NUMBER.split(name, maxsplit=1)
        if len(parts) == 1:
            found[name] = list(shape)
            continue
        key = (parts[0], parts[2], *map(str, shape))
        runs.setdefault(key, []).append(int(parts[1]))
    for (start, end, *shape), numbers in runs.items():
        first = last = numbers[0]
        for number in [*numbers[1:], -1]:
            if number != last + 1:
                found[f"{start}{first}-{last}{end}"] = [*map(int, shape)]
                first = number
            last = number
    return found


def expanded(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Sizes by name, as they were before `folded`."""
    found = {}
    for name, shape in shapes.items():
        run = re.search(r"(\d+)-(\d+)", name)
        numbers = range(int(run[1]), int(run[2]) + 1) if run else [0]
        found.update({name.replace(run[0], str(n), 1) if run else name: tuple(shape) for n in numbers})
    return found


def built(kind: str, fields: dict[str, Any], class_: Any) -> tuple[str, Shapes]:
    """The name of the class of a model, and its parameters."""
    import torch
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    with torch.device("meta"):
        model = class_.from_config(CONFIG_MAPPING[kind](**fields))
    return type(model).__name__, {name: list(parameter.shape) for name, parameter in model.named_parameters()}


def record(hub: Path | None = None) -> dict[str, Any]:
    """The parameters of every config, and of the models of the hub."""
    import torch
    import transformers

    warnings.simplefilter("ignore")
    models, seen = [], set()
    for model in json.loads(CONFIGS.read_text(encoding="utf-8"))["models"]:
        config = dict(model["config"])
        kind, (name,) = config.pop("model_type"), config.pop("architectures")
        if not config:
            continue
        classes = [name] if kind in seen else [name, *(f"AutoModel{task}" for task in TASKS)]
        seen.add(kind)
        for class_ in classes:
            maker = transformers.AutoModelForCausalLM if class_ == name else getattr(transformers, class_)
            try:
                found, shapes = built(kind, config, maker)
            except ValueError:  # no such head
                continue
            models.append({"config": {**model["config"], "architectures": [found]}, "shapes": folded(shapes)})
    for folder in sorted(hub.iterdir()) if hub else ():
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        truth = json.loads(gzip.decompress((folder / "truth.json.gz").read_bytes()))
        if config["model_type"] in seen:
            models.append({"name": folder.name, "config": config, "shapes": folded(truth["param_shapes"])})
    return {
        "source": f"transformers {transformers.__version__} with PyTorch {torch.__version__}, meta device",
        "models": models,
    }


if __name__ == "__main__":
    record_ = record(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    lines = ",\n".join(f"  {json.dumps(model)}" for model in record_["models"])
    print(f'{{"source": {json.dumps(record_["source"])}, "models": [\n{lines}\n]}}')
