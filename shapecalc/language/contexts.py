"""The longest sequence that a specification says its network was made for: `context`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import did_you_mean
from shapecalc.language.values import bad, describe
from shapecalc.model.graph import StatedContext
from shapecalc.source import MapValue, Scalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.language.document import Document
    from shapecalc.source import Value

__all__ = ["read_context"]


def read_context(document: Document, variant: Mapping[str, Value], file: str) -> StatedContext | None:
    """Return the context of a specification, or of a member of a family by its keys; None without one.

    It is a number, or the variable whose value in the file it is, whatever it is set to. Errors: `BadValueError`.
    """
    value = variant.get("context") or document.keys.get("context")
    if value is None:
        return None
    word = value.text if isinstance(value, Scalar) else ""
    if word in document.variables:
        settings = variant.get("vars")
        set_ = settings.get(word) if isinstance(settings, MapValue) else None
        tokens = _length(set_ or document.variables[word])
        return None if tokens is None else StatedContext(tokens, file, "context")
    tokens = _length(value)
    if tokens is None:
        message = f"context must be a whole number of at least 1, or the name of a variable, not {describe(value)}"
        raise bad(message, value.mark, did_you_mean(word, document.variables, lists=False))
    return StatedContext(tokens, file, "context")


def _length(value: Value) -> int | None:
    """Return the number that a value is, from 1 on; None for any other, and for an expression."""
    found = value.value if isinstance(value, Scalar) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None
