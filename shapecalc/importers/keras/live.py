"""A model of Keras in memory: it is asked for its config, and for the sizes of its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.importers.keras import KerasFile
from shapecalc.importers.keras.reading import parsed
from shapecalc.importers.keras.records import read_model
from shapecalc.importers.keras.structure import PROJECTIONS
from shapecalc.importers.keras.trees import TensorRef, changed_tree, tensors_of

if TYPE_CHECKING:
    from shapecalc.importers.keras.structure import ModelRecord

__all__ = ["origin_of"]

_MODULES = ("keras", "tf_keras", "tensorflow")


def origin_of(model: Any) -> KerasFile:
    """Return the origin of a model. Errors: `UsageError` for what is none, `SpecError` for a model without a graph."""
    if isinstance(model, type):
        raise UsageError(Problem(f"from_keras expects a model, not the class {model.__name__}",
                                 hint=f"from_keras({model.__name__}(…))"))  # fmt: skip
    modules = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    if modules.isdisjoint(_MODULES) or not callable(getattr(model, "to_json", None)):
        hint = "shapecalc.load reads files, from_torch modules of PyTorch"
        raise UsageError(Problem(f"from_keras expects a model of Keras, not {type(model).__name__}", hint=hint))
    name = str(getattr(model, "name", "") or type(model).__name__)
    try:
        text = model.to_json()
    except Exception as error:  # whatever a layer's own get_config raises
        message = f"the config of {name} cannot be made: {type(error).__name__}: {error}"
        raise UsageError(Problem(message, hint="give its own layers a get_config")) from error
    config = parsed(str(text).encode(), name)
    _add_projections(config, model)
    record = _with_shared(read_model(config, name), model, {})
    sizes = _output_sizes(model)
    refs = tensors_of(record.outputs)
    if len(sizes) == len(refs):
        known = dict(zip(refs, sizes, strict=True))
        outputs = changed_tree(record.outputs, lambda ref: _sized(ref, known))
        record = record._replace(outputs=outputs)
    return KerasFile(name, record)


def _add_projections(raw: Any, layer: Any) -> None:
    """Add to configs of attention what Keras leaves out: that they are quantised, projections with adapters of LoRA."""
    config = raw.get("config") if isinstance(raw, dict) else None
    if not isinstance(config, dict):
        return
    wrapped = getattr(layer, "layer", None)
    if wrapped is not None:
        _add_projections(config.get("layer"), wrapped)
    inner = {one.name: one for one in getattr(layer, "layers", None) or ()}
    for one in config.get("layers", ()) if inner else ():
        name = one.get("config", {}).get("name")
        if name in inner:
            _add_projections(one, inner[name])
    parts = [one for one in getattr(layer, "_layers", None) or () if hasattr(one, "lora_enabled")]
    if inner or wrapped is not None or not parts:
        return
    if any(one.lora_enabled for one in parts):
        config[PROJECTIONS] = {one.name: {"class_name": type(one).__name__, "config": _listed(one)} for one in parts}
    if any(getattr(one, "quantization_mode", None) for one in parts):
        config["dtype"] = parts[0].get_config().get("dtype")


def _with_shared(record: ModelRecord, model: Any, keys: dict[int, str]) -> ModelRecord:
    """Return the record of a model in which a layer has one key in all models that hold it; in files it has several.

    `keys` are those of the layers so far.
    """
    held = {one.name: one for one in getattr(model, "layers", None) or ()}
    layers = []
    for one in record.layers:
        layer = held.get(one.name)
        if layer is not None:
            inner = one.model and _with_shared(one.model, layer, keys)
            own = None if inner else _weights(layer)
            one = one._replace(key=keys.setdefault(id(layer), one.key), model=inner, weights=own)  # noqa: PLW2901
        layers.append(one)
    return record._replace(layers=tuple(layers))


def _weights(layer: Any) -> tuple[tuple[str, tuple[int, ...]], ...] | None:
    """Return the names and sizes of the parameters of a layer and those within it; None where they are not known.

    Source: `_trainable_variables` of keras/src/layers/layer.py of Keras 3.11, and of Keras 2 `_trainable_weights`:
    frozen ones included.
    """
    try:
        if not layer.built:
            return None
        every = {id(x): x for one in layer._flatten_layers() for x in _learned(one)}  # noqa: SLF001  (no public name)
        return tuple(
            [(f"{x.name}_{i}".replace("/", "_"), tuple(map(int, x.shape))) for i, x in enumerate(every.values())]
        )
    except (AttributeError, TypeError, ValueError):
        return None


def _learned(layer: Any) -> Any:
    found = getattr(layer, "_trainable_variables", None)
    return layer._trainable_weights if found is None else found  # noqa: SLF001


def _listed(layer: Any) -> dict[str, Any]:
    """Return the config of a layer with lists for tuples, as in a file."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in layer.get_config().items()}


def _sized(ref: TensorRef, known: dict[TensorRef, Any]) -> TensorRef:
    return ref._replace(shape=known[ref])


def _output_sizes(model: Any) -> list[tuple[Any, ...]]:
    """Return the sizes of the outputs of a model, with the batch; none where it was not built."""
    try:
        return [tuple(output.shape) for output in model.outputs]
    except (AttributeError, TypeError, ValueError):
        return []
