"""The config.json of a model, as the hub of Hugging Face has it: a bundled family, and what sets its variables.

A family says under `configs:`, for each `model_type`, which defaults its class has for fields that a file leaves out,
or has as "auto" (`defaults`), and for those that are null (`nulls`); other names of fields (`aliases`); which fields
are one number or two (`pairs`), or one of a few words (`choices`: listed, or those of a kind of layer); what must hold
of a field, or of each item `i` of a list (`needs`); what separates the items of a list that may be a text
(`separators`); which expressions of fields set its variables (`vars`); and which names its parameters have in the
library (`names`, as `model/naming.py` reads them, with `base`, the prefix of its base model). `like` names a type that
it begins from, `nested` types whose fields are an object within the file, and under which names it may be: their
variables are set too, and their names are in the library behind one of `prefixes` (or several, as of `names`). A type
that begins with _ is always an object within another. Besides the fields of the file, expressions have `task`, from the
name of the class under `architectures` (causal_lm, sequence_classification, base…: those in `tasks`, of which the first
is meant without one), and `num_labels`.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, SpecError, did_you_mean
from shapecalc.language.config_fields import NEVER_NULL, mistyped, nearest_types, no_pair, read_fields
from shapecalc.language.files import bundled_keys, read_bytes
from shapecalc.language.rotations import wrong_rotations
from shapecalc.language.scope import reference_text
from shapecalc.language.stored import read_stored
from shapecalc.language.values import BadValueError, condition, plain
from shapecalc.layers import find_kind
from shapecalc.model.graph import StatedContext
from shapecalc.model.naming import Naming
from shapecalc.source import ListValue, MapValue, Scalar, read_text, shown_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.errors import Mark
    from shapecalc.language.config_fields import Fields
    from shapecalc.model.graph import Stored
    from shapecalc.source import Value

__all__ = ["ConfiguredFamily", "model_types", "read_config"]

_LABELS = "num_labels"


class ConfiguredFamily(NamedTuple):
    """The family of a model: its file, the variables that the config sets, the name of the model, and its location.

    `stored` is how the config says that its weights are stored, `context` the longest sequence that it states;
    `fields` are those that each variable follows from.
    """

    path: str
    variables: dict[str, Any]
    name: str
    mark: Mark | None = None
    naming: Naming | None = None
    stored: Stored | None = None
    context: StatedContext | None = None
    fields: dict[str, tuple[str, ...]] = {}  # noqa: RUF012  (never written on)


def read_config(content: bytes, path: str) -> ConfiguredFamily:
    """Return the family of the model of a config.json, with its variables; `path` is its name in errors.

    Errors: `SpecError` if it is no config, its type is not known, or a field has another type than that of its class.
    """
    config = read_fields(content, path)
    kind, known = config.fields["model_type"], _families()
    family = known.get(kind)
    if family is None:
        problem = Problem(
            f"model_type {kind} is not known", config.mark("model_type"), hint=nearest_types(kind, sorted(known))
        )
        raise SpecError([problem])
    parts = _parts(family, kind)
    name = config.fields.get("_name_or_path")
    named = name if isinstance(name, str) and name else _name_of(path)
    values = _Config(config, parts, config.task(parts.tasks))
    variables = values.variables()
    title = os.path.basename(named.rstrip("/")) or kind
    origin = os.path.basename(path)
    stored, tokens = read_stored(config.fields, origin), config.longest_context()
    context = None if tokens is None else StatedContext(tokens, origin)
    mark = config.mark("model_type")
    return ConfiguredFamily(family, variables, title, mark, values.naming(), stored, context, values.sources())


def _name_of(path: str) -> str:
    """Return the name of the model of a file: that of its folder, or its own if it is not called config.json."""
    stem, _ = os.path.splitext(os.path.basename(path))
    if stem.startswith("<"):  # standard input, a text
        return ""
    return stem if stem != "config" else os.path.basename(os.path.dirname(os.path.abspath(path)))


def model_types() -> tuple[str, ...]:
    """Return every model_type that a bundled family knows."""
    return tuple(_families())


def _families() -> dict[str, str]:
    """Return the file of the family of every model_type, found in their texts."""
    return {kind: path for path, kinds in bundled_keys("configs") for kind in kinds or () if kind[0] != "_"}


def _parts(path: str, kind: str) -> _Parts:
    """Return the parts of a type: those of the type that it is like, and its own in their place."""
    types = _types(path)
    chain = [_members(types[kind])]
    while "like" in chain[-1]:
        chain.append(_members(types[plain(chain[-1]["like"], {})]))
    merged = {
        part: {name: item for own in reversed(chain) if part in own for name, item in _members(own[part]).items()}
        for part in ("defaults", "nulls", "aliases", "choices", "needs", "separators", "vars", "names")
    }
    base = next((own["base"] for own in chain if "base" in own), None)
    nested, prefixes = (
        next((_members(own[part]) for own in chain if part in own), {}) for part in ("nested", "prefixes")
    )
    tasks, pairs = (next((plain(own[part], {}) for own in chain if part in own), ()) for part in ("tasks", "pairs"))
    return _Parts(path, tasks, pairs, **merged, nested=nested, prefixes=prefixes, base=base)


@cache
def _types(path: str) -> dict[str, Value]:
    """Return what a bundled family says of each of its types; `nested` ones are in the same family."""
    value, _ = read_text(read_bytes(path), os.path.basename(path))
    return _members(_members(value)["configs"])


def _members(value: Value | None) -> dict[str, Value]:
    return {key.text: item for key, item in value.pairs} if isinstance(value, MapValue) else {}


class _Parts(NamedTuple):
    """What a family says of a model_type."""

    path: str
    tasks: Sequence[str]
    pairs: Sequence[str]
    defaults: dict[str, Value]
    nulls: dict[str, Value]
    aliases: dict[str, Value]
    choices: dict[str, Value]
    needs: dict[str, Value]
    separators: dict[str, Value]
    vars: dict[str, Value]
    names: dict[str, Value]
    nested: dict[str, Value]
    prefixes: dict[str, Value]
    base: Value | None


class _Config:
    """A config, or an object within one, as a type reads it: every field has its own value or the default."""

    def __init__(self, file: Fields, parts: _Parts, task: str) -> None:
        self.file = file
        self.parts = parts
        self.task = task
        usual = plain(parts.defaults[_LABELS], {}) if _LABELS in parts.defaults else 2  # as in transformers
        self.scope: dict[str, Any] = {"task": task, _LABELS: file.labels(usual)}
        self.nested: dict[str, _Config] = {}

    def variables(self) -> dict[str, Any]:
        """Return the variables of the family. Errors: `SpecError` with every field that is wrong."""
        fields = [field for field in self.parts.defaults if field != _LABELS]
        problems = [problem for field in fields for problem in self._read(field)]
        problems += wrong_rotations(self.file)
        problems = problems or [problem for field in self.parts.needs for problem in self._unmet(field)]
        found: dict[str, Any] = {}
        for kind, names in self.parts.nested.items():
            try:
                nested = self.file.nested(plain(names, {}))
                self.nested[kind] = _Config(nested, _parts(self.parts.path, kind), self.task)
                found |= self.nested[kind].variables()
            except SpecError as error:
                problems += error.problems
        if not problems:
            try:
                return found | {name: plain(value, self.scope) for name, value in self.parts.vars.items()}
            except BadValueError as error:
                problems = [self._contradiction(error)]
        raise SpecError(problems)

    def sources(self) -> dict[str, tuple[str, ...]]:
        """Return the fields that each variable follows from, by their names in the file, after `variables`."""
        found = {name: fields for nested in self.nested.values() for name, fields in nested.sources().items()}
        for name, value in self.parts.vars.items():
            words = re.findall(r"[a-z_]\w*", value.text) if isinstance(value, Scalar) else ()
            found[name] = tuple([self._name(word) for word in dict.fromkeys(words) if word in self.parts.defaults])
        return found

    def naming(self) -> Naming | None:
        """Return the library's names of parameters, after `variables`; None where the family states none."""
        parts, names = self.parts, self.names()
        return Naming(names, _texts(parts.base, self.scope)[0] if parts.base else "") if names else None

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the library's names of parameters, those of nested types behind their prefixes."""
        parts, found = self.parts, dict[str, tuple[str, ...]]()
        for kind, prefixes in parts.prefixes.items():
            before = [f"/{prefix}" for prefix in _texts(prefixes, self.scope)]
            for ours, texts in self.nested[kind].names().items():
                found[ours] = tuple([_behind(prefix, text) for text in texts for prefix in before])
        return {**found, **{ours: _texts(value, self.scope) for ours, value in parts.names.items()}}

    def _contradiction(self, error: BadValueError) -> Problem:
        return Problem(f"its fields do not go together: {error.problem.message}", self.file.own_mark())

    def _read(self, field: str) -> list[Problem]:
        """Add the value of a field to the scope: its own or the default. Return its problem, if it has one."""
        parts, name = self.parts, self._name(field)
        is_null = name in self.file.fields
        try:
            default = plain(
                parts.nulls.get(field, parts.defaults[field]) if is_null else parts.defaults[field], self.scope
            )
        except BadValueError as error:
            self.scope[field] = 0
            return [self._contradiction(error)]
        given = self.file.fields.get(name)
        if is_null and given is None and name in NEVER_NULL and field not in parts.nulls:
            self.scope[field] = default
            return [self.file.wrong(name, mistyped(None, default), "leave it out for the default of its class")]
        given = None if given == "auto" else self._split(field, given)
        wrong = [] if given is None else self._wrong(field, given, default)
        usable = default if given is None or wrong else given
        if field in parts.pairs and not isinstance(usable, (list, tuple)):
            usable = [usable, usable]
        self.scope[field] = tuple(usable) if isinstance(usable, list) else usable
        return wrong

    def _split(self, field: str, given: Any) -> Any:
        """Return the list that a text stands for; what is given itself in other fields."""
        if not isinstance(given, str) or field not in self.parts.separators:
            return given
        parts = given.lower().split(plain(self.parts.separators[field], {}))
        return [part.strip() for part in parts if part.strip()]

    def _name(self, field: str) -> str:
        """Return the name under which the file has a field: its own, or the other one."""
        aliases = self.parts.aliases
        return field if field in self.file.fields or field not in aliases else plain(aliases[field], {})

    def _wrong(self, field: str, given: Any, default: Any) -> list[Problem]:
        """Return the problem of a field of another type, or of another word, than those of its class."""
        name = self._name(field)
        wrong = no_pair(given) if field in self.parts.pairs else mistyped(given, default)
        if wrong:
            return [self.file.wrong(name, wrong)]
        if field not in self.parts.choices:
            return []
        words = _words(self.parts.choices[field])
        odd = next((item for item in (given if isinstance(given, list) else [given]) if item not in words), None)
        return [] if odd is None else [self.file.wrong(name, "another word", did_you_mean(odd, words))]

    def _unmet(self, field: str) -> list[Problem]:
        """Return the problem of a field of which what it needs does not hold; with an `i` for one of its items."""
        value, given = self.parts.needs[field], self.scope[field]
        text = value.text if isinstance(value, Scalar) else ""
        is_each = isinstance(given, tuple) and re.search(r"\bi\b", text)
        scopes = ({**self.scope, "i": i} for i in range(len(given))) if is_each else iter([self.scope])
        scope = next((scope for scope in scopes if not self._holds(value, scope, field)), None)
        if scope is None:
            return []
        others = [name for name in dict.fromkeys(re.findall(r"[a-z]\w*", text)) if name in scope and name != field]
        why = (", ".join(f"{name} is {shown_value(scope[name])}" for name in others),) if others else ()
        marks = (self.file.mark(self._name(name)) for name in (field, *others))
        mark = next(filter(None, marks), None) or self.file.own_mark()
        return [Problem(f"{field} is {shown_value(given)}: {text} must hold", mark, why=why)]

    def _holds(self, value: Value, scope: dict[str, Any], field: str) -> bool:
        try:
            return condition(value, scope, field)
        except BadValueError:  # a division by zero, or a list that is too short
            return False


def _texts(value: Value, scope: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of a value: one, with values in braces, alternatives, or that of an expression of texts."""
    if isinstance(value, ListValue):
        return tuple([text for item in value.items for text in _texts(item, scope)])
    text = value.text if isinstance(value, Scalar) else ""
    if "{" in text:
        return (reference_text(value, scope),)
    return (str(plain(value, scope)),) if "'" in text else (text,)


def _behind(prefix: str, text: str) -> str:
    """Return the names of a text behind a prefix, but those that are not within the base model themselves."""
    return " + ".join(name if name[0] == "/" else prefix + name for name in text.split(" + "))


def _words(value: Value) -> Sequence[str]:
    """Return the words that a field may have: those that are listed, or those of a kind's first argument."""
    listed = plain(value, {})
    kind = find_kind(listed) if isinstance(listed, str) else None
    return next(iter(kind.arguments.values())).words if kind else listed
