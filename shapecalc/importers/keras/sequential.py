"""Sequential models: each layer is called on the output of the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.keras.structure import INPUT, LayerRecord, ModelRecord, RecordError
from shapecalc.importers.keras.trees import CallRecord, TensorRef

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["chained"]


def chained(
    record: LayerRecord, layers: list[LayerRecord], inside: str, read: Callable[..., LayerRecord]
) -> ModelRecord:
    """Return a sequential model as a graph; `read` reads a layer. Errors: `RecordError`."""
    names = [one.name or f"{one.op.lower()}_{i}" for i, one in enumerate(layers)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(record.path if inside else "", f"two layers are called {twice}")
    layers = [layer._replace(name=name) for layer, name in zip(layers, names, strict=True)]
    branches = layers[0].config.get("branches") if layers else None
    inputs, heads = _merged(layers[0], inside, read) if isinstance(branches, list) else ([], [])
    if not heads and layers:
        first = layers[0]
        if first.op != INPUT:
            layers = [_input(first, record), *layers]
        inputs = [TensorRef(layers[0].name, 0, 0)]
    found = [*heads]
    before = TensorRef(layers[0].name, 0, 0) if layers else None
    for i, layer in enumerate(layers):
        if i == 0:
            found.append(layer._replace(calls=(_all(heads),)) if heads else layer)
            continue
        assert before is not None
        stated = _sizes(layer.build.get("input_shape"))
        found.append(layer._replace(calls=(CallRecord((before._replace(shape=stated),), {}),)))
        before = TensorRef(layer.name, 0, 0)
    return ModelRecord(record.name, tuple(found), tuple([("", ref) for ref in inputs]), before, True, record.build)


def _sizes(given: Any) -> tuple[Any, ...] | None:
    return tuple(given) if isinstance(given, list) and not any(isinstance(one, list) for one in given) else None


def _input(first: LayerRecord, record: LayerRecord) -> LayerRecord:
    """Return the input of a model without an input layer: its size is that of its first layer.

    Or else it is what the model was built for. Keras names it after the first layer too.
    """
    stated = [first.config.get("batch_shape"), first.config.get("batch_input_shape")]
    if first.model is not None and first.model.inputs:
        ref = first.model.inputs[0][1]
        inner = next((layer for layer in first.model.layers if layer.name == ref.layer), None)
        stated += [inner.config.get("batch_shape"), inner.config.get("batch_input_shape")] if inner else []
    stated += [record.config.get("build_input_shape"), record.build.get("input_shape"), first.build.get("input_shape")]
    sizes = next((list(one) for one in stated if isinstance(one, (list, tuple))), None)
    name = f"{first.name}_input"
    return LayerRecord(
        INPUT,
        INPUT,
        True,
        name,
        {"batch_shape": sizes, "read_by": first.op},
        f"input {name}",
        (),
        {},
        None,
        f"{first.key}#input",
    )


def _all(heads: list[LayerRecord]) -> CallRecord:
    return CallRecord(([TensorRef(head.name, 0, 0) for head in heads if head.op != INPUT],), {})


def _merged(
    merge: LayerRecord, inside: str, read: Callable[..., LayerRecord]
) -> tuple[list[TensorRef], list[LayerRecord]]:
    """Return the inputs and the models whose outputs a sequential model of Keras 1 merges first."""
    inputs: list[TensorRef] = []
    heads: list[LayerRecord] = []
    for i, raw in enumerate(merge.config["branches"]):
        head = read(raw, f"branch[{i}]", 1, inside)
        name = head.name or f"branch_{i}"
        if head.model is None or len(head.model.inputs) != 1:
            raise RecordError(f"{inside}branch[{i}]", "it is not a model of one input")
        entry = _input(head._replace(name=name), head)
        ref = TensorRef(entry.name, 0, 0)
        inputs.append(ref)
        heads += [entry, head._replace(name=name, calls=(CallRecord((ref,), {}),))]
    return inputs, heads
