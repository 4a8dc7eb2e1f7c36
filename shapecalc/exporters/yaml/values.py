"""Values of the specification language as text: numbers, words, lists, expressions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from shapecalc.escaping import json_text
from shapecalc.exporters.structure.parts import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UnwritableError", "mapping", "reference", "size_text", "value_text", "word"]


class UnwritableError(Exception):
    """Something that the language has no words for. The text says what."""


_PLAIN = r"[A-Za-z_][\w.]*"
_TRAPS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "i", "input", "nan", "inf"})


def word(text: str) -> str:
    """Return a name or a word; in quotes, if YAML or the language would read anything else."""
    if re.fullmatch(_PLAIN, text, re.ASCII) and text.lower() not in _TRAPS:
        return text
    return json_text(text)


def reference(text: str) -> str:
    """Return the name of a tensor, of which `input` is one."""
    return text if text == "input" else word(text)


def value_text(given: Any, names: frozenset[str] = frozenset()) -> str:
    """Return a value; `names` are variables, which a word in quotes is none of. Errors: `UnwritableError`."""
    if isinstance(given, Variable):
        return _expression(given)
    if isinstance(given, (list, tuple)):
        return f"[{', '.join([value_text(item, names) for item in given])}]"
    if isinstance(given, dict):
        return mapping({key: value_text(item, names) for key, item in given.items()})
    if isinstance(given, str):
        return json_text(given) if given in names else word(given)
    if given is None or isinstance(given, (bool, int, float)):
        text = json.dumps(given)
        return text if "e-" not in text or "." in text else text.replace("e", ".0e")
    raise UnwritableError(f"there is no text for {type(given).__name__}")


def _expression(given: Variable) -> str:
    if given.times > 1:
        return f"{given.name} * {given.times}"
    return f"{given.name} // {given.over}" if given.over > 1 else given.name


def mapping(pairs: Mapping[str, str]) -> str:
    """Return a mapping of names to texts of values, on one line."""
    return "{" + ", ".join([f"{word(key)}: {text}" for key, text in pairs.items()]) + "}"


def size_text(sizes: tuple[Any, ...]) -> str:
    """Return the size of a tensor."""
    return "x".join(map(str, sizes)) if len(sizes) > 1 else f"[{', '.join(map(str, sizes))}]"
