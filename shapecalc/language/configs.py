"""The config.json of a model, as the hub of Hugging Face has it: a bundled family, and what sets its variables.

A family says under `configs:`, for each `model_type`, which defaults its class has for fields that a file leaves out,
or has as "auto" (`defaults`), and for those that are null (`nulls`); other names of fields (`aliases`); and which
expressions of fields set its variables (`vars`). `like` names a type that it begins from. Besides the fields of the
file, expressions have `task`, from the name of the class under `architectures` (causal_lm, sequence_classification,
base…: those in `tasks`), and `num_labels`.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Mark, Problem, Source, SpecError
from shapecalc.language.files import bundled_keys, read_bytes
from shapecalc.language.values import BadValueError, plain
from shapecalc.source import MapValue, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.source import Value

__all__ = ["ConfiguredFamily", "model_types", "read_config"]

_LARGEST = 10**9


class ConfiguredFamily(NamedTuple):
    """The family of a model: its file, the variables that the config sets, the name of the model, and its location."""

    path: str
    variables: dict[str, Any]
    name: str
    mark: Mark | None = None


def read_config(path: str) -> ConfiguredFamily:
    """Return the family of the model of a config.json, with its variables.

    Errors: `UsageError` if the file cannot be read, `SpecError` if it is no config, its type is not known, or a field
    has another type than that of its class.
    """
    config = _Config(path)
    kind, known = config.fields["model_type"], _families()
    family = known.get(kind)
    if family is None:
        from difflib import get_close_matches  # only for the error

        near = get_close_matches(kind.lower(), sorted(known), 3)
        hint = f"known types: {', '.join(sorted(known))}"
        hint = f"a type of its own; near in name are {', '.join(near)}" if near else hint
        raise SpecError([Problem(f"model_type {kind} is not known", config.mark("model_type"), hint=hint)])
    parts = _parts(family, kind)
    name = config.fields.get("_name_or_path")
    folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
    named = name if isinstance(name, str) and name else folder
    return ConfiguredFamily(
        family, config.variables(parts), os.path.basename(named.rstrip("/")) or kind, config.mark("model_type")
    )


def model_types() -> tuple[str, ...]:
    """Return every model_type that a bundled family knows."""
    return tuple(_families())


def _families() -> dict[str, str]:
    """Return the file of the family of every model_type, found in their texts."""
    return {kind: path for path, kinds in bundled_keys("configs") for kind in kinds or ()}


def _parts(path: str, kind: str) -> _Parts:
    """Return the parts of a type: those of the type that it is like, and its own in their place."""
    value, _ = read_text(read_bytes(path), os.path.basename(path))
    types = _members(_members(value)["configs"])
    chain = [_members(types[kind])]
    while "like" in chain[-1]:
        chain.append(_members(types[plain(chain[-1]["like"], {})]))
    merged = {
        part: {name: item for own in reversed(chain) if part in own for name, item in _members(own[part]).items()}
        for part in ("defaults", "nulls", "aliases", "vars")
    }
    return _Parts(next(plain(own["tasks"], {}) for own in chain if "tasks" in own), **merged)


def _members(value: Value | None) -> dict[str, Value]:
    return {key.text: item for key, item in value.pairs} if isinstance(value, MapValue) else {}


class _Parts(NamedTuple):
    """What a family says of a model_type."""

    tasks: Sequence[str]
    defaults: dict[str, Value]
    nulls: dict[str, Value]
    aliases: dict[str, Value]
    vars: dict[str, Value]


class _Config:
    """A config.json: its fields, and where they are."""

    def __init__(self, path: str) -> None:
        self.name = path
        self.content = read_bytes(path).decode("utf-8-sig", "replace")
        self.source = Source(path, self.content)
        self.fields = self._read()
        kind = self.fields.get("model_type")
        if kind is None:
            hint = "the config.json of a model names its type, such as llama"
            raise SpecError([Problem(f"{path} has no model_type", hint=hint)])
        if not isinstance(kind, str):
            raise SpecError([self.wrong("model_type", "a text")])

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self.content)
        except json.JSONDecodeError as error:
            mark = Mark(self.source, error.lineno, error.colno)
            raise SpecError([Problem(f"it is not JSON: {error.msg.lower()}", mark)]) from None
        except (RecursionError, ValueError) as error:
            reason = "its nesting is too deep" if isinstance(error, RecursionError) else "a number in it is too long"
            raise SpecError([Problem(f"{self.name} cannot be read: {reason}")]) from None
        if not isinstance(found, dict):
            raise SpecError([Problem("it is not an object of fields", Mark(self.source, 1, 1))])
        return found

    def wrong(self, field: str, due: str) -> Problem:
        """Return the problem of a field that must be something else."""
        return Problem(f"{field} is {json.dumps(self.fields[field])[:40]}: it must be {due}", self.mark(field))

    def mark(self, field: str) -> Mark | None:
        """Return the location of a field; None if it is not in the text."""
        found = re.search(rf'"{re.escape(field)}"\s*:', self.content)
        if found is None:
            return None
        start = self.content.rfind("\n", 0, found.start()) + 1
        line = self.content.count("\n", 0, found.start()) + 1
        return Mark(self.source, line, found.start() - start + 1, len(field) + 2)

    def variables(self, parts: _Parts) -> dict[str, Any]:
        """Return the variables of the family. Errors: `SpecError` with every field that is wrong."""
        scope: dict[str, Any] = {"task": self._task(), "num_labels": self._labels()}
        problems = self._unknown_task(scope["task"], parts.tasks)
        try:
            for field, value in parts.defaults.items():
                name = field if field in self.fields or field not in parts.aliases else plain(parts.aliases[field], {})
                given, is_null = self._given(name), name in self.fields
                default = plain(parts.nulls.get(field, value) if is_null else value, scope)
                wrong = "" if given is None else _wrong(given, default)
                problems += [self.wrong(name, wrong)] if wrong else []
                usable = default if given is None or wrong else given
                scope[field] = tuple(usable) if isinstance(usable, list) else usable
            if not problems:
                return {name: plain(value, scope) for name, value in parts.vars.items()}
        except BadValueError as error:
            problems.append(Problem(f"its fields do not go together: {error.problem.message}", self.mark("model_type")))
        raise SpecError(problems)

    def _given(self, field: str) -> Any:
        """Return the value of a field; None where the class's own is meant."""
        value = self.fields.get(field)
        return None if value == "auto" else value

    def _task(self) -> str:
        """Return the task of the model's class: causal_lm of LlamaForCausalLM, base of LlamaModel."""
        classes = self.fields.get("architectures")
        first = classes[0] if isinstance(classes, list) and classes else classes or "ForCausalLM"
        name = first if isinstance(first, str) and isinstance(classes, (list, type(None))) else ""
        found = re.search(r"For([A-Z]\w*)$", name)
        if found:
            return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", found[1]).lower()
        if name.endswith("LMHeadModel"):
            return "causal_lm"
        return "base" if re.search(r"(?<!Heads)(?<!Head)Model$", name) else name

    def _unknown_task(self, task: str, known: Sequence[str]) -> list[Problem]:
        if task in known:
            return []
        if not isinstance(self.fields["architectures"], list):
            return [self.wrong("architectures", "a list of the name of a class")]
        message = f"{self.fields['architectures'][0]} is not a class that is known"
        return [Problem(message, self.mark("architectures"), hint=f"known tasks: {', '.join(known)}")]

    def _labels(self) -> int:
        labels, number = self.fields.get("id2label"), self.fields.get("num_labels")
        if isinstance(labels, dict) and labels:
            return len(labels)
        return number if type(number) is int and number > 0 else 2


def _wrong(given: Any, default: Any) -> str:
    """Return what a field must be, from its default, if what is given is something else; else nothing."""
    if isinstance(default, bool):
        return "" if isinstance(given, bool) else "true or false"
    if isinstance(default, int):
        return "" if _is_count(given) else f"a whole number from 0 to {_LARGEST:,}"
    if isinstance(default, float):
        return "" if type(given) in (int, float) and 0 <= given <= 1 else "a fraction from 0 to 1"
    if isinstance(default, str):
        return "" if isinstance(given, str) else "a text"
    sorts = {type(item) for item in given} if isinstance(given, list) else {None}
    known = [{int}, {str}, set()] if not default else [{type(default[0])}]
    return "" if sorts in known else "a list of whole numbers or of texts"


def _is_count(given: Any) -> bool:
    return type(given) is int and 0 <= given <= _LARGEST
