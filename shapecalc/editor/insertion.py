"""What a completion of a kind or block inserts: with the arguments that it needs, to be filled in.

Snippets are as the protocol of editors and CodeMirror have them: `${1:name}` is a field, with what is in it at first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.language.blocks import BlockDefinition
    from shapecalc.layers.base.layer import Layer

__all__ = ["of_block", "of_kind"]


def of_kind(word: str, cls: type[Layer]) -> tuple[str, str]:
    """Return what follows the name of a kind, and the snippet of the whole; both empty where it needs nothing."""
    if cls.branches:
        return ": ", f"{_escaped(word)}: [${{1}}]"
    first = cls.first_argument(word)
    required = [name for name, argument in cls.arguments.items() if argument.required]
    return _written(word, required, is_alone=first is not None and required == [first.name])


def of_block(block: BlockDefinition) -> tuple[str, str]:
    """Return the same of a block."""
    required = [name for name, default in block.arguments.items() if default is None]
    return _written(block.name, required, is_alone=required == [*block.arguments][:1])


def _written(word: str, required: Sequence[str], *, is_alone: bool) -> tuple[str, str]:
    if not required:
        return "", ""
    fields = [f"${{{number}:{_escaped(name)}}}" for number, name in enumerate(required, 1)]
    if is_alone:
        return ": ", f"{_escaped(word)}: {fields[0]}"
    parts = ", ".join(f"{_escaped(name)}: {field}" for name, field in zip(required, fields, strict=True))
    return ": ", f"{_escaped(word)}: {{{parts}\\}}"


def _escaped(word: str) -> str:
    return re.sub(r"([\\$}])", r"\\\1", word)
