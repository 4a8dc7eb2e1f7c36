"""Branches of a merge that are written with keys, `add: {conv: {…}, identity: }`: the hint to write them as a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.language.values import bad, describe
from shapecalc.layers import find_kind
from shapecalc.source import ListValue, MapValue, Scalar, flow_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["check_keys"]

_INPUT = "identity shortcut skip residual input x"
"""Keys without layers that are the input of the merge."""
_LONGEST = 200


def check_keys(cls: type[Layer], word: str, value: MapValue, inner: Value | None, blocks: Collection[str]) -> None:
    """Check that a merge without a list of branches has no keys that are branches: kinds, blocks, lists of layers.

    `value` are its arguments, `inner` what is under `branches`, if anything. Errors: `BadValueError`.
    """
    names = cls.argument_names()
    given = inner if isinstance(inner, MapValue) else value
    pairs = [(key, item) for key, item in given.pairs if key.text not in (*names, "branches")]
    if len(pairs) > 1 and all(isinstance(item, Scalar) and item.value is None for _, item in given.pairs):  # `{a, b}`
        words = ["input" if key.text in _INPUT.split() else key.text for key, _ in pairs]
        if not any(one in blocks or find_kind(one) for one in words):
            raise bad(f"the branches of {word} are a list", value.mark, clean(f"write {_merge(word, words, [])}"))
    if not any(key.text in blocks or find_kind(key.text) or isinstance(item, ListValue) for key, item in pairs):
        if inner is not None:
            hint = "write for instance branches: [a, b]"
            empty = "not an empty list" if isinstance(inner, ListValue) else f"not {describe(inner)}"
            raise bad(f"branches must be a list of branches and references, {empty}", inner.mark, hint)
        return
    if len(pairs) == 1 and isinstance(only := pairs[0][1], ListValue):  # `inputs: [a, b]`
        branches = [flow_text(item) for item in only.items]
    else:
        branches = [_branch(key.text, item, blocks) for key, item in pairs]
    others = [pair for pair in value.pairs if pair[0].text in names]
    hint = f"write {_merge(word, branches, others)}"
    if cls.elementwise and "[]" not in branches and not any(isinstance(item, ListValue) for _, item in pairs):
        sequence = f"[{', '.join(branch[1:-1] for branch in branches)}]"
        hint += f"; layers in sequence, beside the input, are {_merge(word, [sequence, '[]'], others)}"
    raise bad(f"the branches of {word} are a list, without keys", pairs[0][0].mark, clean(hint))


def _merge(word: str, branches: list[str], others: list[tuple[Scalar, Value]]) -> str:
    listed = f"[{', '.join(branches)}]"
    if len(listed) > _LONGEST:
        return f"`- {word}:` and each branch below it as an item, `- - …`"
    given = "".join(f", {key.text}: {flow_text(item)}" for key, item in others)
    return f"`- {word}: {{branches: {listed}{given}}}`" if given else f"`- {word}: {listed}`"


def _branch(key: str, value: Value, known: Collection[str]) -> str:
    """Return a branch as it is written in a list."""
    if isinstance(value, ListValue):
        return flow_text(value)
    is_empty = isinstance(value, MapValue) and not value.pairs
    is_empty = is_empty or (isinstance(value, Scalar) and value.value is None)
    if is_empty and key in _INPUT.split():
        return "[]"
    if key not in known and not find_kind(key):  # a name
        return flow_text(value) if isinstance(value, Scalar) else f"[{flow_text(value)}]"
    return f"[{key}]" if is_empty else f"[{{{key}: {flow_text(value)}}}]"
