"""The inputs of a model: its input layers, and their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem
from shapecalc.importers.inputs import InputSizes, ValueInfo, input_tensors
from shapecalc.importers.keras.structure import INPUT
from shapecalc.layers.base.shape import HWC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.importers.keras.structure import LayerRecord, ModelRecord

__all__ = ["input_shapes", "own_sizes"]


def input_shapes(
    model: ModelRecord, layout: str, variables: Mapping[str, Any], given: Mapping[str, tuple[Any, ...]],
    problems: list[Problem], name: str,
) -> InputSizes:  # fmt: skip
    """Return the sizes of the inputs of a model, with these in place of its own, in its layout.

    Errors: `UsageError` for an input that does not exist.
    """
    infos = [
        ValueInfo(layer.name, _stated(layer, problems, name), example=_example(layer.config.get("read_by")))
        for layer in _input_layers(model)
    ]
    if not infos:
        problems.append(Problem(f"{name} has no input layer"))
    axes = {info.name: 0 if info.dims else -1 for info in infos}
    found = input_tensors(infos, axes, variables, given, problems, name)
    is_last = layout == HWC
    inputs = {key: (shape._replace(channels_last=is_last), batch) for key, (shape, batch) in found.inputs.items()}
    return found._replace(inputs=inputs)


def own_sizes(model: ModelRecord, found: InputSizes) -> dict[str, tuple[Any, ...]]:
    """Return the sizes of the inputs that the file states; dynamic dimensions are those that were found."""
    own = {}
    for layer in _input_layers(model):
        sizes = found.inputs[layer.name][0].sizes
        stated = _stated(layer, [], "") or ()
        own[layer.name] = tuple(
            [one if isinstance(one, int) else size for one, size in zip(stated[1:], sizes, strict=False)]
        )
    return own


def _example(reader: Any) -> str:
    """Return a size that the class of layer which reads an input could expect."""
    op = reader if isinstance(reader, str) else ""
    if op == "Embedding":
        return "128"
    if "3D" in op:
        return "16x112x112x3"
    if "1D" in op or op in ("LSTM", "GRU", "SimpleRNN", "Bidirectional", "RNN"):
        return "128x64"
    return "784" if op == "Dense" else "224x224x3"


def _input_layers(model: ModelRecord) -> list[LayerRecord]:
    """Return the layers that are inputs: in the order in which the model is called on them, then any others."""
    layers = {one.name: one for one in model.layers if one.op == INPUT}
    first = [ref.layer for _, ref in model.inputs if ref.layer in layers]
    return [layers[one] for one in dict.fromkeys([*first, *layers])]


def _stated(layer: LayerRecord, problems: list[Problem], name: str) -> tuple[int | str, ...] | None:
    """Return the size of an input with the batch, in which a dynamic dimension is ""; None for none."""
    given = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    if not isinstance(given, list) or not given:
        return None
    if any(size is not None and type(size) is not int for size in given):
        problems.append(Problem(f"the input {layer.name} of {name} has the impossible size {given}"))
        return None
    return tuple(["" if size is None else size for size in given])
