"""What a config says of a model, in one form for all versions of Keras: layers, and their calls on tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, SpecError
from shapecalc.importers.files import broken
from shapecalc.importers.keras.keras1 import modern
from shapecalc.importers.keras.reading import FORMAT
from shapecalc.importers.keras.sequential import chained
from shapecalc.importers.keras.structure import LayerRecord, ModelRecord, RecordError
from shapecalc.importers.keras.trees import TensorRef, changed, changed_tree, from_nodes, tensors_of, with_stated

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_layer", "read_model"]

_DEEPEST = 32
_LONGEST_PATH = 160
_FUNCTIONAL, _SEQUENTIAL = ("Functional", "Model", "Container"), "Sequential"
_OWN_MODULES = ("keras", "tf_keras", "tensorflow", "tensorflow_core")


def read_model(root: Any, name: str) -> ModelRecord:
    """Return the model of a config. Errors: `SpecError`."""
    try:
        layer = read_layer(_rooted(root), "", 0)
    except RecordError as error:
        raise broken(name, FORMAT, str(error)) from None
    if layer.model is None:
        raise _not_stated(layer, name)
    return layer.model


def _rooted(root: Any) -> Any:
    """Return the config with its class, if only what is in it was saved."""
    if isinstance(root, list):
        return {"class_name": _SEQUENTIAL, "config": root}
    if isinstance(root, dict) and "class_name" not in root:
        inner = root.get("model_config")
        if isinstance(inner, dict):
            return inner
        if "layers" in root:
            return {"class_name": "Functional" if "input_layers" in root else _SEQUENTIAL, "config": root}
    return root


def _not_stated(record: LayerRecord, name: str) -> SpecError:
    from shapecalc.importers.keras.calls import layer  # a .h5 file does not say whose class it is

    if record.is_own and record.op not in _FUNCTIONAL and layer.find(record.op):
        return broken(name, FORMAT, f"it is a layer {record.title}, not a model")
    message = f"{name} cannot be read as {FORMAT}: the layers of {record.title} are in its Python code"
    made = f"inputs = keras.Input({_sample_size(record.build)}); keras.Model(inputs, model.call(inputs))"
    return SpecError(Problem(message, hint=f"make a functional model of it, which is read: {made}"))


def _sample_size(build: Mapping[str, Any]) -> str:
    """Return the size of one sample that a model was built for, as an argument of `keras.Input`."""
    sizes = build.get("input_shape")
    if not isinstance(sizes, list) or not all(size is None or isinstance(size, int) for size in sizes[1:]):
        return "…"
    return str(tuple(sizes[1:]))


def read_layer(raw: Any, place: str, depth: int, parent: str = "") -> LayerRecord:
    """Return a layer. `place` is where it is in its list: `layer[3]`. Errors: `RecordError`."""
    if not isinstance(raw, dict) or not isinstance(raw.get("class_name"), str):
        raise RecordError(f"{parent}{place}", "it has no class_name, as every layer has")
    if depth > _DEEPEST:
        raise RecordError(f"…{place}", f"models are nested more than {_DEEPEST} deep")
    title, module = raw["class_name"], raw.get("module")
    op = title.rpartition(">")[2]
    registered = raw.get("registered_name")
    custom = ">" in title or (isinstance(registered, str) and (">" in registered or raw.get("module", "keras") is None))
    is_own = not custom and (not isinstance(module, str) or module.partition(".")[0] in _OWN_MODULES)
    config = raw.get("config")
    listed = {"layers": config} if isinstance(config, list) else config
    if not isinstance(listed, dict):
        raise RecordError(f"{parent}{place} {title}".strip(), "its config is not an object")
    name = next((one for one in (raw.get("name"), listed.get("name")) if isinstance(one, str) and one), "")
    key = f"{parent}{' '.join(filter(None, (place, title, name)))}"
    path = key if len(key) <= _LONGEST_PATH else f"…{key[-_LONGEST_PATH:]}"
    build = raw.get("build_config")
    build = build if isinstance(build, dict) else {}
    if is_own:
        op, listed = modern(op, listed)
    calls = with_stated(from_nodes(raw.get("inbound_nodes")), build.get("input_shape"))
    record = LayerRecord(op, title, is_own, name, listed, path, calls, build, None, key, _is_operation(raw, listed))
    is_model = op in _FUNCTIONAL or op == _SEQUENTIAL or "input_layers" in listed
    if not is_model or not isinstance(listed.get("layers"), list):
        return record
    inside = f"{key}: " if place else ""
    return record._replace(model=_model(record, inside, depth))


def _is_operation(raw: dict[str, Any], config: dict[str, Any]) -> bool:
    """Return whether a class is an operation, as `keras.ops.add`, and not a layer.

    In .h5 files Keras 3 states no module: there an operation lacks the argument that every layer with inputs has.
    """
    module, nodes = raw.get("module"), raw.get("inbound_nodes")
    if isinstance(module, str):
        return module.startswith(("keras.src.ops", "keras.ops"))
    is_of_keras_3 = isinstance(nodes, list) and any(isinstance(node, dict) for node in nodes)
    return "module" not in raw and is_of_keras_3 and "trainable" not in config


def _model(record: LayerRecord, inside: str, depth: int) -> ModelRecord:
    config = record.config
    layers = [read_layer(raw, f"layer[{i}]", depth + 1, inside) for i, raw in enumerate(config["layers"])]
    if "input_layers" not in config:
        return chained(record, layers, inside, read_layer)
    names = [layer.name for layer in layers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(record.path if inside else "", f"two layers are called {twice}")
    given = config["input_layers"]
    inputs = _named_inputs(given)
    outputs = from_nodes([[config.get("output_layers")]] if config.get("output_layers") else None)
    tree = outputs[0].args[0] if outputs else []
    layers, tree = _counted_from_zero(layers, tree)
    return ModelRecord(record.name, tuple(layers), inputs, tree, False, record.build)


def _counted_from_zero(layers: list[LayerRecord], outputs: Any) -> tuple[list[LayerRecord], Any]:
    """Return layers and outputs that count the calls of a model from 0.

    In a model of its own a model was called once before, when it was made: Keras 1 and 2 count that call, Keras 3 only
    in the outputs of a model, and not if it is sequential.
    """
    models = {layer.name: layer.model.is_sequential for layer in layers if layer.model is not None}
    if not models:
        return layers, outputs
    old = [call for layer in layers for call in layer.calls if call.is_old]
    calls: dict[str, list[int]] = {}
    for ref in [*tensors_of(outputs), *[ref for call in old for ref in tensors_of((call.args, call.kwargs))]]:
        calls.setdefault(ref.layer, []).append(ref.call)
    moved = {name for name, is_sequential in models.items()
             if min(calls.get(name, [0])) > 0 and (old or not is_sequential)}  # fmt: skip

    def change(ref: TensorRef) -> TensorRef:
        return ref._replace(call=ref.call - 1) if ref.layer in moved else ref

    found = [
        layer._replace(calls=tuple([changed(call, change) if call.is_old else call for call in layer.calls]))
        for layer in layers
    ]
    return found, changed_tree(outputs, change)


def _named_inputs(given: Any) -> tuple[tuple[str, TensorRef], ...]:
    """Return the inputs of a model, with their keys where they are a dict."""
    if isinstance(given, dict):
        return tuple([(str(key), ref) for key, one in sorted(given.items()) for ref in _refs(one)])
    return tuple([("", ref) for ref in _refs(given)])


def _refs(tree: Any) -> list[TensorRef]:
    calls = from_nodes([tree])
    return tensors_of(calls[0].args) if calls else []
