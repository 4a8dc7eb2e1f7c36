"""The inputs of a model: their sizes without the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import plain_of
from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.importers.keras.records import INPUT
from shapecalc.layers.base.shape import HWC, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.importers.keras.records import LayerRecord, ModelRecord

__all__ = ["InputSizes", "input_shapes"]

_LARGEST = 2**31
_HINT = "give sizes their values: --input"


class InputSizes(NamedTuple):
    """The sizes of the inputs; the size of the batch in the file, if it states one; whether these are its own sizes."""

    inputs: dict[str, Shape]
    batch: int
    are_as_stated: bool


def input_shapes(
    model: ModelRecord, layout: str, variables: Mapping[str, Any], given: Mapping[str, tuple[Any, ...]],
    problems: list[Problem], name: str,
) -> InputSizes:  # fmt: skip
    """Return the sizes of the inputs of a model, with these in place of its own.

    Errors: `UsageError` for an input that does not exist.
    """
    layers = _input_layers(model)
    names = [layer.name for layer in layers]
    _check_names(names, variables, given)
    only = {names[0]: given[""]} if "" in given and names else {}
    sizes = {**only, **{key: value for key, value in given.items() if key}}
    found: dict[str, Shape] = {}
    batches, are_as_stated = set(), True
    for layer in layers:
        stated = _stated(layer)
        batches.add(stated[0] if stated else None)
        shape = _shape(layer.name, stated, sizes.get(layer.name), problems, name, several=len(layers) > 1)
        if shape is None:
            continue
        own = zip(stated[1:], shape, strict=False) if stated else ()
        are_as_stated = are_as_stated and all(due is None or due == size for due, size in own)
        found[layer.name] = Shape(shape, channels_last=layout == HWC, is_map=len(shape) >= 3)
    only_batch = batches.pop() if len(batches) == 1 else None
    batch = only_batch if type(only_batch) is int and 0 < only_batch < _LARGEST else 1
    return InputSizes(found, batch, are_as_stated)


def _input_layers(model: ModelRecord) -> list[LayerRecord]:
    """Return the layers that are inputs: in the order in which the model is called on them, then any others."""
    layers = {layer.name: layer for layer in model.layers if layer.op == INPUT}
    first = [ref.layer for _, ref in model.inputs if ref.layer in layers]
    return [layers[one] for one in dict.fromkeys([*first, *layers])]


def _stated(layer: LayerRecord) -> list[Any] | None:
    given = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    return given if isinstance(given, list) and given else None


def _check_names(names: list[str], variables: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for key in given:
        if key and key not in names:
            raise UsageError(Problem(f"there is no input {key}", hint=did_you_mean(key, names)))
    if "" in given and len(names) > 1:
        size = "x".join(map(str, given[""]))
        raise UsageError(Problem(f"name the input that is {size}: {', '.join(names)}", hint=f"write {names[0]}={size}"))
    for key in variables:
        hint = "a model of Keras has no variables: give sizes of inputs with --input"
        raise UsageError(Problem(f"there is no variable {key} to set", hint=hint))


def _shape(
    input_name: str, stated: list[Any] | None, given: tuple[Any, ...] | None, problems: list[Problem], name: str,
    *, several: bool,
) -> tuple[int, ...] | None:  # fmt: skip
    """Return the size of an input without the batch; None for a problem."""
    to = f"{input_name}=" if several else ""
    own = stated[1:] if stated is not None else None
    if given is not None:
        if own is not None and len(given) != len(own):
            text, due = "x".join(map(str, given)), _text(own)
            count = f"{len(own)} {'axis' if len(own) == 1 else 'axes'}"
            raise UsageError(Problem(f"the input {input_name} has {count} without the batch, {due}: not {text}"))
        sizes: list[Any] = [plain_of(size, f"the structure of {name}", _HINT) for size in given]
    elif own is None:
        hint = f"give it: --input {to}224x224x3, without the batch"
        problems.append(Problem(f"{name} does not state the size of its input {input_name}", hint=hint))
        return None
    else:
        sizes = own
    if any(size is None for size in sizes):
        example = "x".join("224" if size is None and len(sizes) > 2 else "128" if size is None else str(size)
                           for size in sizes)  # fmt: skip
        message = f"the size of the input {input_name} of {name} is dynamic: {_text(sizes)}"
        problems.append(Problem(message, hint=f"give it: --input {to}{example}"))
        return None
    wrong = next((size for size in sizes if type(size) is not int or not 1 <= size < _LARGEST), None)
    if wrong is not None:
        problems.append(Problem(f"the input {input_name} of {name} has an axis of the impossible size {wrong}"))
        return None
    return tuple(sizes)


def _text(sizes: list[Any]) -> str:
    return "×".join("?" if size is None else str(size) for size in sizes) or "a scalar"
