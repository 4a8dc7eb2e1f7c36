"""Records names and sizes of parameters: `python tests/record_parameter_shapes.py [HUB] > tests/data/parameter_shapes.json`.

For the configs of tests/data/configs.json that have fields: what transformers builds of them on the meta device, by
`named_parameters()` (tied ones once). Of a type with several classes there each class has some; of the first config of
another type its other heads are recorded too. HUB is a folder of models of the hub, each with its config.json and a
truth.json.gz that was made from it in the same way; names of labels are left out, but not their number.

Names are a tree of their parts, and numbered modules that follow one another and are alike are one: `"layers": {"0-3":
{"mlp": {"weight": [8, 4]}}}`; the test expands them.
"""

from __future__ import annotations

import gzip
import json
import sys
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from record_configs import CLASSES

__all__ = ["expanded", "folded", "record"]

CONFIGS = Path(__file__).parent / "data" / "configs.json"
TASKS = ("", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
HEADS = ["", *(f"AutoModel{task}" for task in TASKS)]
EACH = 2
"""How many configs of a class, of a type with several, are recorded."""

Shapes = dict[str, list[int]]
Tree = dict[str, Any]


def folded(shapes: Shapes) -> Tree:
    """Sizes by name as a tree of modules, with numbered ones that are alike, one after the other, as one."""
    tree: Tree = {}
    for name, shape in shapes.items():
        *modules, last = name.split(".")
        module = tree
        for part in modules:
            module = module.setdefault(part, {})
        module[last] = list(shape)
    return _runs(tree)


def _runs(tree: Tree) -> Tree:
    found: Tree = {}
    first = last = -1
    for name, member in tree.items():
        part = _runs(member) if isinstance(member, dict) else member
        if name.isdigit() and first >= 0 and int(name) == last + 1 and part == found[_run(first, last)]:
            del found[_run(first, last)]
            last += 1
        else:
            first = last = int(name) if name.isdigit() else -1
        found[_run(first, last) if name.isdigit() else name] = part
    return found


def _run(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def expanded(tree: Tree, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Sizes by name, as they were before `folded`."""
    found: dict[str, tuple[int, ...]] = {}
    for name, member in tree.items():
        first, _, last = name.partition("-")
        for part in range(int(first), int(last or first) + 1) if first.isdigit() else [name]:
            full = f"{prefix}{part}"
            found.update(expanded(member, f"{full}.") if isinstance(member, dict) else {full: tuple(member)})
    return found


def built(config: dict[str, Any], head: str) -> dict[str, Any]:
    """The config of a model with a class, its own or one an automatic one, and the sizes of the parameters."""
    import torch
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    fields = {name: value for name, value in config.items() if name not in ("model_type", "architectures")}
    made = CONFIG_MAPPING[config["model_type"]](**fields)
    with torch.device("meta"):
        if head:
            model = getattr(transformers, head).from_config(made)
        else:
            model = getattr(transformers, config["architectures"][0])._from_config(made)
    shapes = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    return {"config": {**config, "architectures": [type(model).__name__]}, "shapes": folded(shapes)}


def record(hub: Path | None = None) -> dict[str, Any]:
    """The parameters of every config, and of the models of the hub."""
    import torch
    import transformers

    warnings.simplefilter("ignore")
    models: list[dict[str, Any]] = []
    seen: Counter[str] = Counter()
    for model in json.loads(CONFIGS.read_text(encoding="utf-8"))["models"]:
        config = model["config"]
        kind, (name,) = config["model_type"], config["architectures"]
        if len(config) == 2 or (kind in CLASSES and seen[name] == EACH):  # the class's defaults are large
            continue
        heads = HEADS if kind not in CLASSES and not seen[name] else [""]
        seen.update([kind, name])
        for head in heads:
            with suppress(ValueError):  # no such head
                models.append(built(config, head))
    for folder in sorted(hub.iterdir()) if hub else ():
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        truth = json.loads(gzip.decompress((folder / "truth.json.gz").read_bytes()))
        labels = config.pop("id2label", None)
        config.pop("label2id", None)
        if labels:
            config["num_labels"] = len(labels)
        if config["model_type"] in seen:
            models.append({"name": folder.name, "config": config, "shapes": folded(truth["param_shapes"])})
    return {
        "source": f"transformers {transformers.__version__} with PyTorch {torch.__version__}, meta device",
        "models": models,
    }


if __name__ == "__main__":
    record_ = record(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    lines = ",\n".join(f"  {json.dumps(model, separators=(',', ':'))}" for model in record_["models"])
    print(f'{{"source": {json.dumps(record_["source"])}, "models": [\n{lines}\n]}}')
