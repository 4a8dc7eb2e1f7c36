"""The fields of a config.json, and where they are in its text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem, Source, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.errors import Hint

__all__ = ["NEVER_NULL", "Fields", "mistyped", "nearest_types", "no_pair", "read_fields"]

_LARGEST = 10**9
"""The maximum number of a field."""

NEVER_NULL = frozenset({
    "vocab_size", "hidden_size", "n_embd", "d_model", "dim", "num_hidden_layers", "n_layer", "n_layers", "num_layers",
    "encoder_layers", "decoder_layers", "num_attention_heads", "n_head", "n_heads", "num_heads",
    "encoder_attention_heads", "decoder_attention_heads",
})  # fmt: skip
"""Fields without which there is no model, under all their names: null in one is no default of its class."""


def read_fields(content: bytes, name: str) -> Fields:
    """Return the fields of a config.json, which has a model_type; `name` is its name in errors. Errors: `SpecError`."""
    source = Source(name, content.decode("utf-8-sig", "replace"))
    found = _parsed(source)
    if not isinstance(found, dict):
        raise SpecError([Problem("it is not an object of fields", Mark(source, 1, 1))])
    config = Fields(source, found)
    kind = found.get("model_type")
    if kind is None:
        hint = "the config.json of a model names its type, such as llama"
        raise SpecError([Problem(f"{name} has no model_type", hint=hint)])
    if not isinstance(kind, str):
        raise SpecError([config.wrong("model_type", "a text")])
    return config


def _parsed(source: Source) -> Any:
    """Return what a JSON text holds. Errors: `SpecError` if it is none, or has a field twice."""
    twice: list[str] = []

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for field, value in pairs:
            if field in fields:
                twice.append(field)
            fields[field] = value
        return fields

    try:
        found = json.loads(source.text, object_pairs_hook=object_of)
    except json.JSONDecodeError as error:
        mark = Mark(source, error.lineno, error.colno)
        raise SpecError([Problem(f"it is not JSON: {error.msg.lower()}", mark)]) from None
    except (RecursionError, ValueError) as error:
        reason = "its nesting is too deep" if isinstance(error, RecursionError) else "a number in it is too long"
        raise SpecError([Problem(f"{source.name} cannot be read: {reason}")]) from None
    if twice:
        message = f"{twice[0][:80]} is there twice"
        raise SpecError([Problem(message, _second(source, twice[0]), hint="leave one of them out")])
    return found


def nearest_types(kind: str, known: Sequence[str]) -> str:
    """Return the hint for a type that is not known: the one that is meant, where it is but letters that are mistaken.

    Other digits are another type: qwen4 is not qwen3.
    """
    from difflib import SequenceMatcher, get_close_matches  # only for the error

    near = get_close_matches(kind.lower(), known, 3)
    if not near:
        return f"known types: {', '.join(known)}"
    edits = SequenceMatcher(None, kind.lower(), near[0], autojunk=False).get_opcodes()
    changed = "".join(kind[i:j] + near[0][k:m] for what, i, j, k, m in edits if what != "equal")
    if len(changed) <= _MOST_MISTAKEN and not any(character.isdigit() for character in changed):
        return f"did you mean {near[0]}?"
    return f"a type of its own; near in name are {', '.join(near)}"


class Fields(NamedTuple):
    """The fields of a config.json, or of an object within one, and where they are."""

    source: Source
    fields: dict[str, Any]
    within: tuple[str, ...] = ()
    """The names of the object, from the outside in, if it is not the file's own."""

    def wrong(self, field: str, due: str, hint: Hint | str = "") -> Problem:
        """Return the problem of a field that must be something else."""
        found = json.dumps(self.fields[field])
        return Problem(f"{field} is {found[:40]}: it must be {due}", self.mark(field), hint=hint)

    def mark(self, field: str) -> Mark | None:
        """Return the location of a field; None if it is not in the text."""
        path = (*self.within, field)
        found = next((place for name, place in _places(self.source.text) if name == path), None)
        if found is None:
            return None
        return _mark_at(self.source, found, field)

    def nested(self, names: Sequence[str]) -> Fields:
        """Return the object within this one under the first of the names that has one; an empty one for none."""
        name = next((name for name in names if self.fields.get(name) is not None), names[-1])
        found = self.fields.get(name)
        if not isinstance(found, (dict, type(None))):
            raise SpecError([self.wrong(name, "an object of fields")])
        return Fields(self.source, found or {}, (*self.within, name))

    def own_mark(self) -> Mark | None:
        """Return the location of what these are the fields of: of the type of the model, or of the object's name."""
        *outer, name = self.within or ("model_type",)
        return self._replace(within=tuple(outer)).mark(name)

    def task(self, known: Sequence[str]) -> str:
        """Return the task of the model's class: causal_lm of LlamaForCausalLM, base of LlamaModel.

        Errors: `SpecError` for a class that is not known.
        """
        classes = self.fields.get("architectures")
        if classes is None or classes == []:
            return known[0]
        name = classes[0] if isinstance(classes, list) else None
        if not isinstance(name, str):
            raise SpecError([self.wrong("architectures", "a list of the name of a class")])
        found = _task(name)
        if found == "text" and self.fields["model_type"].endswith("_text"):  # Gemma3TextModel: there is no other part
            found = "base"
        if found not in known:
            message, hint = f"{name} is not a class that is known", f"known tasks: {', '.join(known)}"
            raise SpecError([Problem(message, self.mark("architectures"), hint=hint)])
        return found

    def longest_context(self) -> int | None:
        """Return the longest sequence that the file states, its text model's if that has fields of its own, or None."""
        text = self.fields.get("text_config")
        for fields in (self.fields, text if isinstance(text, dict) else {}):
            tokens = fields.get("max_position_embeddings")
            if type(tokens) is int and tokens > 0:
                return tokens
        return None

    def labels(self, usual: int) -> int:
        """Return the number of labels that a head tells apart: those of its class if none are given.

        Errors: `SpecError` for what is no object of labels or no number of them.
        """
        labels, number = self.fields.get("id2label"), self.fields.get("num_labels")
        if not isinstance(labels, (dict, type(None))):
            raise SpecError([self.wrong("id2label", "an object of labels")])
        if number is not None and not (type(number) is int and number > 0):
            raise SpecError([self.wrong("num_labels", "a whole number of at least 1")])
        return len(labels) if labels else number or usual


def _task(name: str) -> str:
    """Return the task of a class: image_classification of ViTForImageClassification, text of CLIPTextModel."""
    for ending, task in _HEADS.items():
        if name.endswith(ending):
            return task
    head, tower = r"For([A-Z]\w*)$", r"(?<!Heads)(?<!Head)((?:Text|Vision)?)Model(WithProjection)?$|(Backbone)$"
    found = re.search(head, name) or re.search(tower, name)
    words = "".join(filter(None, found.groups())) or "Base" if found else name
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", words).lower() if found else name


_MOST_MISTAKEN = 2
"""Letters of a name that may be mistaken: one too many and one too few, or two that are exchanged."""

_HEADS = {
    "WithLMHeadModel": "conditional_generation",  # of T5, until 2020
    "LMHeadModel": "causal_lm",
    "DoubleHeadsModel": "double_heads",
    "EncoderModel": "encoder",
}
"""The tasks of classes that are named otherwise than after them, by the ends of their names."""

_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"(?=(\s*:)?)|[{}\[\]]')


def _mark_at(source: Source, place: int, field: str) -> Mark:
    """Return the mark of a field whose name is at a place of the text."""
    start = source.text.rfind("\n", 0, place) + 1
    return Mark(source, source.text.count("\n", 0, place) + 1, place - start + 1, len(field) + 2)


def _second(source: Source, field: str) -> Mark | None:
    """Return the mark of a field where it is a second time; None if it is not found in the text."""
    seen: set[tuple[str, ...]] = set()
    for path, place in _places(source.text):
        if path[-1] == field and path in seen:
            return _mark_at(source, place, field)
        seen.add(path)
    return None


def _places(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the path of every field of a JSON text, and where its name is."""
    path: list[str] = []
    for found in _MARKS.finditer(text):
        mark = found[0]
        if mark in "{[":
            path.append("")
        elif mark in "}]":
            path.pop()
        elif found[1]:
            path[-1] = mark[1:-1]
            yield tuple(path), found.start()


def no_pair(given: Any) -> str:
    """Return what a field must be that is one number or two, if it is something else; else nothing."""
    numbers = given if isinstance(given, list) and len(given) == len(("height", "width")) else [given]
    return "" if all(map(_is_count, numbers)) else "a whole number, or two of them: height and width"


def mistyped(given: Any, default: Any) -> str:
    """Return what a field must be, from its default, if what is given is something else; else nothing."""
    if isinstance(default, (list, tuple)):
        return _no_list(given, default)
    if isinstance(default, bool):
        return "" if isinstance(given, bool) else "true or false"
    if isinstance(default, str):
        return "" if isinstance(given, str) else "a text"
    if isinstance(default, float):
        fits = type(given) in (int, float) and 0 <= given <= _LARGEST
        return "" if fits else f"a number from 0 to {_LARGEST:,}"
    least = min(default, 0)  # -1, where it is the default, means none
    return "" if _is_count(given, least) else f"a whole number from {least} to {_LARGEST:,}"


def _no_list(given: Any, default: Sequence[Any]) -> str:
    """Return what a field must be that is a list, if it is something else; its items are as those of the default."""
    items = given if isinstance(given, list) else [None]
    if not default:
        return "" if {type(item) for item in items} in ({int}, {str}, set()) else "a list of whole numbers or of texts"
    wrong = next((due for item in items if (due := mistyped(item, default[0]))), "")
    return f"a list of at least one item{wrong and f', each {wrong}'}" if wrong or not items else ""


def _is_count(given: Any, least: int = 0) -> bool:
    return type(given) is int and least <= given <= _LARGEST
