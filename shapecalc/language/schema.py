"""The JSON Schema of a specification, made from the declarations of the kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.language.document import KEYS
from shapecalc.language.entries import OWN_WORDS
from shapecalc.layers import KINDS
from shapecalc.layers.base.cell import Cell
from shapecalc.layers.base.layer import stated_rank
from shapecalc.layers.base.per_axis import Factors, Padding, PerAxis
from shapecalc.model.graph import BYTES, OF_LAYERS, OF_NETWORKS, SIZE
from shapecalc.text.comparisons import NOT_ASCII, SIGNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.layer import Layer

__all__ = ["LAYER_KEYS", "specification_schema"]

_EXPRESSION = {"type": "string", "description": "an expression, such as width * 2"}
_NAME = {"type": "string", "minLength": 1}
_NAMES = {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1}]}
LAYER_KEYS: dict[str, Any] = {
    "name": {**_NAME, "description": "name, for references from other layers"},
    "from": {**_NAMES, "description": "its input, if that is not the layer above; m{i + 2} in a loop"},
    "repeat": {"anyOf": [{"type": "integer", "minimum": 0}, _EXPRESSION], "description": "copies, one after another"},
    "for": {"type": "object", "description": "a copy for each value of the lists; in a merge a branch for each"},
    "when": {"type": ["boolean", "string"], "description": "left out if false"},
    "share": {**_NAME, "description": "use the weights of that layer: counted once"},
    "frozen": {"type": ["boolean", "string"], "description": "its parameters are not trained"},
    "uncounted": {**_NAMES, "description": "its weights that are not counted: constants, or those of another layer"},
}


def specification_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a specification."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "shapecalc specification",
        "description": "The architecture of a neural network: its input, its layers, what is expected of it.",
        # Not anyOf: a validator would then call the whole "not valid under any of the given schemas".
        "if": {"type": "array"},
        "then": {"$ref": "#/$defs/layers"},
        "else": {"$ref": "#/$defs/document"},
        "$defs": {
            "document": _document(),
            "layers": {"type": "array", "items": {"$ref": "#/$defs/layer"}},
            "layer": _layer(),
            "branches": _branches(),
            "size": _size(),
            "expect": _expect(),
            **{_definition(cls, rank): _arguments(cls, rank) for cls in KINDS.values() for rank in _ranks(cls)},
        },
    }


_CONTEXT: dict[str, Any] = {"type": ["integer", "string"]}


def _document() -> dict[str, Any]:
    properties: dict[str, Any] = {key: {"description": doc} for key, doc in KEYS.items()}
    for key in ("name", "source", "description", "family", "task"):
        properties[key]["type"] = ["string", "number"]
    properties["layout"]["enum"] = ["CHW", "HWC", "chw", "hwc"]
    properties["input"]["$ref"] = "#/$defs/size"
    size = {"$ref": "#/$defs/size"}
    given = {"size": size, "when": LAYER_KEYS["when"]}
    some = {"type": "object", "properties": given, "required": list(given), "additionalProperties": False}
    properties["inputs"] |= {"type": "object", "additionalProperties": {"anyOf": [size, some]}}
    properties["context"] |= _CONTEXT
    properties["vars"]["type"] = "object"
    properties["choices"] |= {"type": "object", "additionalProperties": {"type": "array"}}
    properties["use"] |= _NAMES
    properties["layers"] |= {"$ref": "#/$defs/layers"}
    properties["output"]["type"] = "string"
    several = {
        "type": "object",
        "properties": {key: LAYER_KEYS[key] for key in ("for", "from")},
        "required": ["for", "from"],
    }
    listed = {"anyOf": [_NAME, {**several, "additionalProperties": False}]}
    properties["outputs"] |= {"anyOf": [_NAME, {"type": "array", "items": listed, "minItems": 1}]}
    properties["expect"]["$ref"] = "#/$defs/expect"
    properties["blocks"] |= {"type": "object", "additionalProperties": _block()}
    properties["variants"] |= {"type": "object", "additionalProperties": _variant()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _block() -> dict[str, Any]:
    properties = {"args": {"type": "object"}, "layers": {"$ref": "#/$defs/layers"}, "outputs": _NAMES}
    mapping = {"type": "object", "properties": properties, "required": ["layers"], "additionalProperties": False}
    return {"anyOf": [mapping, {"$ref": "#/$defs/layers"}]}


def _variant() -> dict[str, Any]:
    words = {key: {"type": ["string", "number"]} for key in ("name", "source", "description", "task")}
    properties = {
        "vars": {"type": "object"},
        "expect": {"$ref": "#/$defs/expect"},
        "input": {"$ref": "#/$defs/size"},
        "context": _CONTEXT,
        **words,
    }
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _size() -> dict[str, Any]:
    axes = ("height", "width", "depth", "length", "channels", "features")
    number = {"type": ["integer", "string"]}
    return {
        "anyOf": [
            {"type": "string"},
            {"type": "integer", "minimum": 1},
            {"type": "array", "items": number},
            {"type": "object", "properties": dict.fromkeys(axes, number), "additionalProperties": False},
        ]
    }


def _expect() -> dict[str, Any]:
    size = {"$ref": "#/$defs/size"}
    layer = {"type": "object", "properties": _figures(OF_LAYERS), "additionalProperties": False}
    properties = {
        **_figures(OF_NETWORKS),
        "outputs": {"type": "object", "additionalProperties": size},
        "layer": {"type": "object", "additionalProperties": layer},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _figures(known: Mapping[str, str]) -> dict[str, Any]:
    """Return the schemas of expected figures: a size, a whole number, or comparisons with units."""
    found: dict[str, Any] = {}
    for name, sort in known.items():
        units = "320 KiB" if sort == BYTES else "5M"
        text = {
            "type": "string",
            "pattern": rf"^\s*({'|'.join([*SIGNS, *NOT_ASCII])})?\s*\d",
            "description": f"such as <= {units}",
        }
        found[name] = {"$ref": "#/$defs/size"} if sort == SIZE else {"anyOf": [{"type": "integer", "minimum": 0}, text]}
    return found


def _layer() -> dict[str, Any]:
    """Return the schema of an item: a kind, or one kind with its arguments and layer-level keys."""
    words = {name: cls for cls in KINDS.values() for name in (cls.kind, *cls.also)}
    kinds = {name: _kind(cls, stated_rank(name) if _is_per_axis(cls) else None) for name, cls in words.items()}
    alone = {"anyOf": [{"enum": list(words)}, _NAME], "description": "a kind of layer, or a block"}
    own = {word: LAYER_KEYS[word] for word in OWN_WORDS}
    with_words = {"type": "object", "properties": {**own, **kinds}, "minProperties": 1}
    return {"if": {"type": "string"}, "then": alone, "else": with_words}


def _kind(cls: type[Layer], rank: int | None) -> dict[str, Any]:
    return {"description": cls.summary(), "$ref": f"#/$defs/{_definition(cls, rank)}"}


def _definition(cls: type[Layer], rank: int | None) -> str:
    return f"kind.{cls.kind}" + (f".{rank}d" if rank else "")


def _ranks(cls: type[Layer]) -> list[int | None]:
    """Return the ranks that the names of a kind imply and its arguments depend on; None for names that imply none."""
    stated = {stated_rank(word) for word in cls.also} if _is_per_axis(cls) else set()
    return [None, *sorted(rank for rank in stated if rank)]


def _is_per_axis(cls: type[Layer]) -> bool:
    return any(isinstance(argument, (PerAxis, Factors)) for argument in cls.arguments.values())


def _branches() -> dict[str, Any]:
    branch = {"anyOf": [_NAME, {"$ref": "#/$defs/layers"}, {"$ref": "#/$defs/layer"}]}
    return {"type": "array", "items": branch, "minItems": 1}


def _arguments(cls: type[Layer], rank: int | None) -> dict[str, Any]:
    """Return the schema of the value of a kind: its arguments, or only its first argument.

    Under a name that implies a rank, a list has one number for each axis.
    """
    properties: dict[str, Any] = {}
    for name, argument in cls.arguments.items():
        for word in (name, *argument.also):
            properties[word] = _argument(argument, rank)
    forms: list[dict[str, Any]] = [{"type": "null"}]
    if cls.branches:
        properties["branches"] = {"$ref": "#/$defs/branches"}
        forms += [{"$ref": "#/$defs/branches"}, _NAME]
    elif properties:
        firsts = {first.name: first for word in (cls.kind, *cls.also) if (first := cls.first_argument(word))}
        forms += [_argument(first, rank) for first in firsts.values()]
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"description": cls.summary(), "anyOf": [*forms, mapping]}


def _argument(argument: Argument, rank: int | None) -> dict[str, Any]:
    own = argument.schema()
    if isinstance(argument, Cell):
        of_kind = {word: {"$ref": f"#/$defs/{_definition(cls, None)}"} for cls in argument.kinds()
                   for word in (cls.kind, *cls.also)}  # fmt: skip
        own = {"anyOf": [{**form, "properties": of_kind} if "properties" in form else form for form in own["anyOf"]]}
    if rank and isinstance(argument, (PerAxis, Factors)):
        most = 2 if rank == 1 and isinstance(argument, Padding) else rank  # start and end of the one axis
        forms = [{**form, "minItems": rank, "maxItems": most} if "items" in form else form for form in own["anyOf"]]
        own = {**own, "anyOf": forms}
    schema = {"description": argument.doc, **_or_variable(own)}
    if not argument.required and isinstance(argument.default, (int, float, str, bool)):
        schema["default"] = argument.default
    return schema


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that also allows an expression for a number, and a variable's name for a word."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_or_variable(form) for form in schema["anyOf"]]}
    if "items" in schema:
        return {**schema, "items": _or_variable(schema["items"])}
    if schema.get("type") in ("integer", "number", "boolean"):
        return {"anyOf": [schema, _EXPRESSION]}
    if "enum" in schema:
        return {"anyOf": [schema, {"type": "string", "pattern": r"^[A-Za-z_]\w*$", "description": "a variable"}]}
    return schema
