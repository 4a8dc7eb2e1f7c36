"""Recorded models of torchvision against our reports: layer by layer, along the graph.

`tests/data/torchvision/NAME.json` lists the calls of torchvision's model, in order: its leaf modules and the functions
between them, with the numbers of their input and output tensors (see `tests/data/README.md`). Both this and a report
are converted to a normal form, a list of steps, and compared as graphs: two steps are equal if they have the same
operation, output size, weights and MACs, and equal steps as inputs. So neither names nor the order of branches matter,
but a wrong connection does.

    compare(shapecalc.load("resnet18").infer(), read("resnet18")) == []

The normal form:
- what changes no number while the network is used (dropout), or only how numbers lie in memory (flatten, permute,
  channel shuffle), is no step: the wire goes through it. The same holds of an adaptive pool that keeps the size, of
  a concatenation of one tensor, and of a softmax at the very end, which torchvision leaves to the loss;
- sizes are channels first, without axes of size 1;
- an average over all of space is one step, whatever it is called, and so is a concatenation of concatenations;
- a learned tensor (class token, position embedding, layer scale) is part of the step that takes it.

To add a model: `python tests/torchvision_models.py FULL.json > tests/data/torchvision/NAME.json` keeps of a full record what
is needed here.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from shapecalc import Report

__all__ = ["compare", "read", "steps_of_model", "steps_of_report", "trimmed"]

FOLDER = Path(__file__).parent / "data" / "torchvision"

# What each module, function and kind does, in one word; those that do nothing to a number are the wire itself.
WIRE = "wire"
WORDS = {
    "Conv1d": "conv", "Conv2d": "conv", "Conv3d": "conv", "conv": "conv", "depthwise_conv": "conv",
    "ConvTranspose2d": "transposed_conv",
    "Linear": "linear", "fc": "linear",
    "BatchNorm2d": "batch_norm",
    "LayerNorm": "layer_norm", "LayerNorm2d": "layer_norm",
    "MultiheadAttention": "multi_head_attention",
    "ReLU": "relu", "relu_": "relu", "ReLU6": "relu6", "GELU": "gelu", "SiLU": "silu", "Sigmoid": "sigmoid",
    "Hardswish": "hardswish", "Hardsigmoid": "hardsigmoid",
    "MaxPool2d": "max_pool", "max_pool2d": "max_pool",
    "AvgPool2d": "avg_pool", "avg_pool2d": "avg_pool",
    "AdaptiveAvgPool2d": "adaptive_avg_pool", "adaptive_avg_pool2d": "adaptive_avg_pool",
    "global_avg_pool": "adaptive_avg_pool", "mean": "adaptive_avg_pool",
    "interpolate": "upsample",
    "add_": "add", "__add__": "add", "__iadd__": "add", "__mul__": "mul", "layer_scale": "mul",
    "position_embedding": "add",
    "cat": "concat", "class_token": "concat",
    "__getitem__": "slice",
    "split": "chunk",
    "Dropout": WIRE, "dropout": WIRE, "StochasticDepth": WIRE, "stochastic_depth": WIRE,
    "Identity": WIRE, "identity": WIRE, "contiguous": WIRE, "expand": WIRE, "squeeze": WIRE, "unsqueeze": WIRE,
    "Flatten": WIRE, "flatten": WIRE, "reshape": WIRE, "view": WIRE, "unflatten": WIRE, "to_tokens": WIRE,
    "Permute": WIRE, "permute": WIRE, "transpose": WIRE, "channel_shuffle": WIRE,
}  # fmt: skip
COMMUTATIVE = ("add", "mul")
WHOLE_KERNELS = ("conv", "linear")
"""Operations whose weight tensor has the same layout everywhere; for others the number of parameters is compared."""

Tensor = "tuple[Hashable, ...]"


class Step(NamedTuple):
    """One step of a network in the normal form; `inputs` are its input tensors, by the steps that computed them."""

    name: str
    what: str
    sizes: tuple[tuple[int, ...], ...]
    weights: tuple[Hashable, ...]
    macs: int
    inputs: tuple[Hashable, ...]

    @property
    def meaning(self) -> Hashable:
        """Everything except the name."""
        return self[1:]

    def __str__(self) -> str:
        sizes = " and ".join("×".join(map(str, size)) or "1" for size in self.sizes)
        return f"{self.name}: {self.what} → {sizes}, weights {self.weights}, {self.macs:,} MACs"


class _Graph:
    """Steps in order, and the step that computed each tensor: a number for each step with another meaning."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}
        self.pieces: dict[Hashable, tuple[Hashable, ...]] = {}

    def add(self, step: Step) -> tuple[Step, list[Hashable]]:
        """Return the step in its normal form, and its output tensors."""
        inputs = step.inputs
        if step.what == "concat":
            inputs = tuple(piece for tensor in inputs for piece in self.pieces.get(tensor, (tensor,)))
        elif step.what in COMMUTATIVE:
            inputs = tuple(sorted(inputs, key=repr))
        elif step.what == "multi_head_attention" and len(set(inputs)) == 1:
            inputs = inputs[:1]
        step = step._replace(inputs=inputs)
        number = self.numbers.setdefault(step.meaning, len(self.numbers))
        tensors: list[Hashable] = [(number, output) for output in range(len(step.sizes))]
        if step.what == "concat":
            self.pieces[tensors[0]] = inputs
        return step, tensors


def compare(report: Report, model: dict[str, Any]) -> list[str]:
    """Return every difference between a report and a recorded model of torchvision."""
    graph = _Graph()
    theirs, ours = list(steps_of_model(model, graph)), list(steps_of_report(report, graph))
    return [*_differing_totals(report, model), *_differing_steps(theirs, ours, graph)]


def _differing_totals(report: Report, model: dict[str, Any]) -> Iterator[str]:
    counters = len({call["path"] for call in model["calls"] if call.get("cls", "").startswith("BatchNorm")})
    sizes = [shape.in_layout("CHW") for shape in report.graph.inputs.values()]
    if sizes != [tuple(model["input"][1:])]:
        yield f"input: torchvision {model['input'][1:]}, here {sizes}"
    due = {"params": model["params"], "macs": model["macs"], "buffers": model["buffers"] - counters}
    for name, expected in due.items():
        found = getattr(report.total, name)
        if found != expected:
            yield f"{name} in total: torchvision {expected:,}, here {found:,}"


def _differing_steps(theirs: list[Step], ours: list[Step], graph: _Graph) -> Iterator[str]:
    """Yield the steps that only one side has, without those that differ only in having such a step as input."""
    counts = [Counter(step.meaning for step in steps) for steps in (theirs, ours)]
    for side, steps, surplus in (
        ("only torchvision has", theirs, counts[0] - counts[1]),
        ("only the specification has", ours, counts[1] - counts[0]),
    ):
        strange = {graph.numbers[meaning] for meaning in surplus}
        for step in steps:
            if surplus[step.meaning] > 0:
                surplus[step.meaning] -= 1
                if not any(isinstance(tensor, tuple) and tensor[0] in strange for tensor in step.inputs):
                    yield f"{side} {step}"


def steps_of_model(model: dict[str, Any], graph: _Graph) -> Iterator[Step]:
    """Yield the steps of a recorded model, in the normal form."""
    tensors: dict[int, Hashable] = {0: "input"}
    learned: dict[int, int] = {}
    for call in model["calls"]:
        shapes = _as_shapes(call["out_shape"])
        word = call.get("cls") or call["fn"].rpartition(".")[2]
        what = _word(word, shapes, _as_shapes(call["in_shapes"]))
        for tensor, shape in zip(call["in_ids"], _as_shapes(call["in_shapes"]), strict=True):
            if tensor not in tensors and tensor not in learned:
                learned[tensor] = math.prod(shape)
        if what == WIRE:
            source = call["in_ids"][0]
            if source in learned:
                learned[call["out_ids"][0]] = learned[source]
            else:
                tensors[call["out_ids"][0]] = tensors[source]
            continue
        held = call.get("weight") if what in WHOLE_KERNELS else None
        params = call.get("params", 0) + sum(learned[tensor] for tensor in call["in_ids"] if tensor in learned)
        step, given = graph.add(
            Step(
                name=call["path"] or "(the model itself)",
                what=what,
                sizes=tuple(_size(shape) for shape in shapes),
                weights=(params, tuple(held)) if held else (params,),
                macs=call.get("macs", 0),
                inputs=tuple(tensors[tensor] for tensor in call["in_ids"] if tensor not in learned),
            )
        )
        tensors.update(zip(call["out_ids"], given, strict=True))
        yield step


def steps_of_report(report: Report, graph: _Graph) -> Iterator[Step]:
    """Yield the steps of a report's network, in the normal form."""
    from shapecalc.exporters.chart import read_inputs

    tensors: dict[tuple[int, int], Hashable] = {(-1 - i, 0): "input" for i in range(len(report.inputs))}
    learned: dict[tuple[int, int], int] = {}
    ends = {ref.node for ref in report.graph.outputs}
    for index, row in enumerate(report.rows):
        shapes = [shape.in_layout("CHW") for shape in row.sizing.outputs]
        kind = row.arguments["function"] if row.kind == "activation" else row.kind
        what = _word(kind, shapes, [shape.in_layout("CHW") for shape in row.sizing.inputs])
        read = read_inputs(row)
        sources = [(ref.node, ref.output) for number, ref in enumerate(row.node.inputs) if number in read]
        if not sources:
            learned[index, 0] = row.params
            continue
        if what == WIRE or (what == "softmax" and index in ends):
            if sources[0] in learned:
                learned[index, 0] = learned[sources[0]]
            else:
                tensors[index, 0] = tensors[sources[0]]
            continue
        held = row.sizing.weight_shapes.get("weight") if what in WHOLE_KERNELS else None
        params = row.params + sum(learned[source] for source in sources if source in learned)
        step, given = graph.add(
            Step(
                name=row.name,
                what=what,
                sizes=tuple(_size(shape) for shape in shapes),
                weights=(params, tuple(held)) if held else (params,),
                macs=row.macs,
                inputs=tuple(tensors[source] for source in sources if source not in learned),
            )
        )
        tensors.update({(index, output): tensor for output, tensor in enumerate(given)})
        yield step


def _word(word: str, outputs: list[Any], inputs: list[Any]) -> str:
    what = WORDS.get(word, word)
    if what == "adaptive_avg_pool" and outputs[0] == inputs[0]:
        return WIRE
    if what == "concat" and len(inputs) == 1 and outputs[0] == inputs[0]:
        return WIRE
    if what == "avg_pool" and math.prod(outputs[0][-2:]) == 1:
        return "adaptive_avg_pool"
    return what


def _as_shapes(shapes: list[Any]) -> list[Any]:
    return shapes if shapes and isinstance(shapes[0], list) else [shapes]


def _size(shape: Any) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def read(name: str) -> dict[str, Any]:
    """Return the recorded model of that name."""
    model: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return model


def trimmed(model: dict[str, Any]) -> dict[str, Any]:
    """Return of a full record what is compared here; the batch axis, which is 1, goes with the other axes of size 1."""
    kept = ("path", "cls", "fn", "in_shapes", "in_ids", "out_shape", "out_ids", "params", "macs")
    calls = []
    for call in model["calls"]:
        small = {key: call[key] for key in kept if call.get(key)}
        weight = call.get("param_shapes", {}).get("weight")
        calls.append({"path": "", **small, **({"weight": weight} if weight else {})})
    return {**model, "calls": calls}


def _write(model: dict[str, Any]) -> str:
    """Return a record as JSON, one call per line."""
    head = {key: value for key, value in model.items() if key != "calls"}
    calls = ",\n".join(json.dumps(call, separators=(",", ":")) for call in model["calls"])
    return f'{json.dumps(head)[:-1]}, "calls": [\n{calls}\n]}}\n'


if __name__ == "__main__":
    sys.stdout.write(_write(trimmed(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
