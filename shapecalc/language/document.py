"""The top level of a specification: its keys, variables, blocks, variants and expectations."""

from __future__ import annotations

import posixpath
import re
from types import NoneType
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.errors import Mark, Problem, Problems, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.blocks import BlockDefinition
from shapecalc.language.entries import OWN_WORDS
from shapecalc.language.values import BadValueError, bad, describe, named_pairs, word
from shapecalc.source import ListValue, MapValue, Scalar, words_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.source import Value

    Reader = Callable[[str, Mark], "tuple[Value | None, list[Problem]]"]

__all__ = ["BLOCK_KEYS", "KEYS", "VARIANT_KEYS", "Document", "find_name_fault", "read_document"]

KEYS = {
    "name": "name of the network",
    "source": "source of the architecture and its figures",
    "description": "one-sentence description of the network",
    "family": "family of the network, for `shapecalc specs`",
    "task": "task of the network: classification, segmentation, language…",
    "layout": "how sizes are written here: CHW (the default) or HWC",
    "input": "the size of the input: 3x224x224, a list, or {height: 224, width: 224, channels: 3}",
    "inputs": "several inputs: names and sizes",
    "context": "the longest sequence it was made for, in tokens: a number, or a variable whose value here it is",
    "vars": "variables, with their values; --set overrides them",
    "choices": "the values that a variable may have: a list for each",
    "use": "files whose blocks are used here",
    "blocks": "groups of layers with arguments, used like kinds",
    "layers": "the layers, in order",
    "output": "the layer whose output is the network's: the last one by default",
    "outputs": "the layers whose outputs are the network's",
    "expect": "expected figures: params, macs, output…; `shapecalc check` checks them",
    "configs": "what a config.json of Hugging Face sets, by its model_type; in bundled families",
    "variants": "members of the family: a name, and for each its variables and expectations",
}

MAX_VARIABLES = 200
"""The maximum number of variables of a specification, or of arguments of a block."""

MAX_FILES = 100
"""The maximum number of files that a specification may use."""

MAX_VARIANTS = 1_000
"""The maximum number of members of a family."""

RESERVED = ("i", "true", "false", "none", "null", "and", "or", "not", "in", "if", "else", "input")
_RESERVED_FOR = {"i": "the index of `repeat:` and `for:`", "input": "the input"}
_REQUIRED = "required"
BLOCK_KEYS = ("args", "layers", "outputs")
VARIANT_KEYS = ("vars", "expect", "input", "context", "name", "source", "description", "task")


class Variant(NamedTuple):
    """A member of a family: its variables and its expectations."""

    name: str
    mark: Mark
    keys: dict[str, Value]


class Document(NamedTuple):
    """The parts of a specification, before any variable has its value.

    It is `incomplete` if blocks are missing, because a file that `use:` names could not be read.
    """

    keys: dict[str, Value]
    marks: dict[str, Mark]
    variables: dict[str, Value]
    blocks: dict[str, BlockDefinition]
    variants: dict[str, Variant]
    mark: Mark
    incomplete: bool = False

    def text(self, key: str, variant: str = "") -> str:
        """Return the text of a key, of a variant before that of the whole; empty if it is absent."""
        value = (self.variants[variant].keys.get(key) if variant else None) or self.keys.get(key)
        return value.text if isinstance(value, Scalar) and value.value is not None else ""


def read_document(value: Value, reader: Reader | None) -> tuple[Document, Sequence[Problem]]:
    """Return the parts of a specification, and the problems of its top level.

    `reader` reads the files that `use:` names; without one there are none.
    """
    problems = Problems()
    if isinstance(value, ListValue):  # only a list of layers
        return Document({"layers": value}, {"layers": value.mark}, {}, {}, {}, value.mark), problems
    if not isinstance(value, MapValue):
        message = f"a specification is a mapping with `layers:`, not {describe(value)}"
        hint = "it has an input:, such as 3x224x224, and a list under layers:"
        return Document({}, {}, {}, {}, {}, value.mark), [Problem(message, value.mark, hint=hint)]
    known = [(key, item) for key, item in value.pairs if key.text in KEYS]
    keys = {key.text: item for key, item in known}
    marks = {key.text: key.mark for key, _ in known}
    variables: dict[str, Value] = {}
    if len(known) < len(value.pairs):
        variables = _read_unknown_keys(value, keys, marks, problems)
    for one, other in (("input", "inputs"), ("output", "outputs")):
        if one in keys and other in keys:
            message = f"{one} and {other} cannot be used together"
            problems.append(Problem(message, marks[other], hint="keep one of the two"))
    before = len(problems)
    blocks = _used_blocks(keys, reader, problems)
    incomplete = len(problems) > before
    own, written = _blocks(keys.get("blocks"), problems), keys.get("blocks")
    incomplete = incomplete or (len(own) < len(written.pairs) if isinstance(written, MapValue) else written is not None)
    blocks.update(own)
    variables.update(_variables(keys.get("vars"), problems))
    variants = _variants(keys.get("variants"), problems)
    return Document(keys, marks, variables, blocks, variants, value.mark, incomplete), problems


def _read_unknown_keys(
    value: MapValue, keys: dict[str, Value], marks: dict[str, Mark], problems: Problems
) -> dict[str, Value]:
    """Record the problems of unknown keys, and read those that another one is meant by as that one.

    What is missing without it is then no problem of its own. Return the variables among them: `num_classes: 10`.
    """
    from shapecalc.language.keys_beside import meant_key, unknown_key  # only when something is wrong

    variables: dict[str, Value] = {}
    given = frozenset(keys)  # without those that others are read as
    used = words_in([item for word, item in keys.items() if word in ("layers", "blocks", "input", "inputs")])
    for key, item in value.pairs:
        if key.text in KEYS:
            continue
        if key.text in used and isinstance(item, Scalar) and not isinstance(item.value, (str, NoneType)):
            hint = clean(f"variables are given under `vars:`: write `vars: {{{key.text}: {item.text}}}`")
            problems.append(Problem(f"a specification has no key {key.text}", key.mark, hint=hint))
            variables[key.text] = item
            continue
        problems.append(unknown_key(key, KEYS, given))
        if problems.unlisted:  # the rest are only counted
            continue
        meant = meant_key(key.text, KEYS)
        others = (meant, *_INPUTS) if meant in _INPUTS else (meant,)
        if isinstance(item, _READ_AS_MEANT.get(meant, ())) and not any(other in keys for other in others):
            keys[meant], marks[meant] = item, key.mark
    return variables


_INPUTS = ("input", "inputs")
_READ_AS_MEANT: dict[str, tuple[type[Value], ...]] = {
    "input": (Scalar, ListValue, MapValue), "inputs": (MapValue,), "layers": (ListValue,), "vars": (MapValue,),
    "blocks": (MapValue,),
}  # fmt: skip
"""The keys without which others would be wrong too, and the types of their values."""


def find_name_fault(key: Scalar) -> Problem | None:
    """Return the problem of the name of a variable. It must be ASCII: Python normalises other letters."""
    if key.text in RESERVED:
        why = f"it is reserved for {_RESERVED_FOR.get(key.text, 'expressions')}"
        hint = "choose another name, here and where it is used"
    elif key.text.isidentifier() and key.text.isascii():
        return None
    else:
        why = "a name has ASCII letters, digits and _ only"
        joined = re.sub(r"[-. ]", "_", key.text)
        is_meant = joined.isidentifier() and joined.isascii() and joined not in RESERVED
        hint = f"write {joined}, here and where it is used" if is_meant else ""
    return Problem(f"'{key.text}' cannot be the name of a variable: {why}", key.mark, hint=hint)


def _is_variable_name(key: Scalar, problems: Problems) -> bool:
    fault = find_name_fault(key)
    if fault is not None:
        problems.append(fault)
    return fault is None


def _variables(value: Value | None, problems: Problems) -> dict[str, Value]:
    found = {key.text: item for key, item in named_pairs(value, "vars", problems) if _is_variable_name(key, problems)}
    if value is not None and len(found) > MAX_VARIABLES:
        problems.append(Problem(f"there are {len(found):,} variables: at most {MAX_VARIABLES}", value.mark))
        return {}
    return found


def _blocks(value: Value | None, problems: Problems) -> dict[str, BlockDefinition]:
    blocks = []
    for key, item in named_pairs(value, "blocks", problems):
        try:
            blocks.append(_block(key, item, problems))
        except BadValueError as error:
            problems.append(error.problem)
    return {block.name: block for block in blocks}


def _block(key: Scalar, value: Value, problems: Problems) -> BlockDefinition:
    name, stated = _name_of_block(key, problems)
    if isinstance(value, ListValue):
        value = MapValue([(Scalar("layers", "layers", key.mark), value)], key.mark)
    if not isinstance(value, MapValue):
        from shapecalc.layers import find_kind  # only when something is wrong

        hint = f"write {clean(name)}: [{value.text if find_kind(value.text) else 'relu, …'}]"
        raise bad(f"the block {name} must be a list of layers, not {describe(value)}", value.mark, hint)
    parts: dict[str, Value] = {}
    for inner, item in value.pairs:
        if inner.text in BLOCK_KEYS:
            parts[inner.text] = item
            continue
        own = f"write it below `- {clean(name)}`, where it is used" if inner.text in OWN_WORDS else ""
        given = f": write `args: {{{inner.text}: {item.text}}}`" if isinstance(item, Scalar) else ""
        near = did_you_mean(inner.text, BLOCK_KEYS, clean(f"arguments are given under `args:`{given}"), lists=False)
        problems.append(Problem(f"a block has no key {inner.text}", inner.mark, hint=own or near))
        meant = next((key for key in BLOCK_KEYS if near == f"did you mean {key}?"), "")
        if meant and not own:
            parts.setdefault(meant, item)
    layers = parts.get("layers")
    if not isinstance(layers, ListValue):
        raise _without_list(name, key, value, layers)
    arguments: dict[str, Value | None] = {}
    for argument, default in named_pairs(parts.get("args", stated), "args", problems, _REQUIRED):
        if _is_variable_name(argument, problems):
            required = isinstance(default, Scalar) and default.value == _REQUIRED and not default.quoted
            arguments[argument.text] = None if required else default
    if len(arguments) > MAX_VARIABLES:
        raise bad(f"the block {name} has {len(arguments):,} arguments: at most {MAX_VARIABLES}", key.mark)
    outputs = parts.get("outputs")
    items = outputs.items if isinstance(outputs, ListValue) else [outputs] if outputs else []
    return BlockDefinition(name, arguments, layers, tuple(items), key.mark)


def _name_of_block(key: Scalar, problems: Problems) -> tuple[str, Value | None]:
    """Return the name of a block, and the arguments that are stated in it."""
    name = word(key, "the name of a block")
    if "(" in name:
        from shapecalc.language.habits import as_function  # only when something is wrong

        return as_function(key, problems)
    return name, None


def _without_list(name: str, key: Scalar, value: MapValue, layers: Value | None) -> BadValueError:
    """Return the error of a block without a list of layers."""
    first = layers.text if isinstance(layers, Scalar) and layers.text else "relu, …"
    on_one_line = layers is not None or not value.pairs or value.pairs[0][0].mark.line == key.mark.line
    hint = f"write layers: [{first}]" if on_one_line else "write each layer after a dash: - relu"
    return bad(f"the block {name} must have a list under `layers:`", (layers or key).mark, clean(hint))


def _used_blocks(keys: dict[str, Value], reader: Reader | None, problems: Problems) -> dict[str, BlockDefinition]:
    """Return the blocks of the files that `use:` names, and of those that they use; a file's own take precedence."""
    if "use" not in keys:
        return {}
    blocks: dict[str, BlockDefinition] = {}
    read: set[str] = set()
    own = posixpath.basename(keys["use"].mark.source.name.replace("\\", "/"))
    waiting: list[_Use | dict[str, BlockDefinition]] = _uses_of(keys["use"], (own,))
    while waiting:
        use = waiting.pop()
        if isinstance(use, dict):  # those of a file, after those of the files that it uses
            blocks.update(use)
            continue
        try:
            path = _used_path(use.item, use.chain)
            if path in read:
                continue
            if reader is None:
                raise bad("files can be used only by a specification that is a file itself", use.item.mark)
            if len(read) >= MAX_FILES:
                hint = "put their blocks into fewer"
                problems.append(Problem(f"more than {MAX_FILES} files are used", use.item.mark, hint=hint))
                break
        except BadValueError as error:
            problems.append(error.problem)
            continue
        read.add(path)
        value, wrong = reader(path, use.item.mark)
        problems.extend(wrong)
        parts = {key.text: inner for key, inner in value.pairs} if isinstance(value, MapValue) else {}
        waiting.append(_blocks(parts.get("blocks"), problems))
        if "use" in parts:
            waiting += _uses_of(parts["use"], (*use.chain, path))
    return blocks


class _Use(NamedTuple):
    """A file to use, and the files that lead to it."""

    item: Value
    chain: tuple[str, ...]


def _uses_of(value: Value, chain: tuple[str, ...]) -> list[_Use | dict[str, BlockDefinition]]:
    """Return the files that a `use:` names, the last first."""
    items = value.items if isinstance(value, ListValue) else [value]
    return [_Use(item, chain) for item in reversed(items)]


def _used_path(item: Value, chain: tuple[str, ...]) -> str:
    """Return the path of a file to use, from the specification's folder; `chain` are the files that lead to it."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(chain[-1]), word(item, "a file to use")))
    if path in chain:
        cycle = " → ".join((*chain[chain.index(path) :], path))
        raise bad(f"the files use each other in a cycle: {cycle}", item.mark, "remove one `use:` of the cycle")
    return path


def _variants(value: Value | None, problems: Problems) -> dict[str, Variant]:
    variants: dict[str, Variant] = {}
    pairs = named_pairs(value, "variants", problems)
    if value is not None and len(pairs) > MAX_VARIANTS:
        problems.append(Problem(f"there are {len(pairs):,} variants: at most {MAX_VARIANTS:,}", value.mark))
        return variants
    for key, item in pairs:
        parts: dict[str, Value] = {"name": key}
        for inner, part in named_pairs(item, f"the variant {key.text}", problems, example="{vars: {NAME: …}}"):
            if inner.text in VARIANT_KEYS:
                parts[inner.text] = part
            else:
                hint = did_you_mean(inner.text, VARIANT_KEYS, f"write vars: {{{clean(inner.text)}: …}}", lists=False)
                problems.append(Problem(f"a variant has no key {inner.text}", inner.mark, hint=hint))
        variants[key.text] = Variant(key.text, key.mark, parts)
    return variants
