"""Whether a YAML file is a specification: editors offer a server every YAML file of a workspace."""

from __future__ import annotations

import os
import re

from shapecalc.language.document import KEYS

__all__ = ["LANGUAGE", "is_specification"]

LANGUAGE = "shapecalc"
"""The identifier of the language in editors, and the word before the ending of a file: `net.shapecalc.yaml`."""

_TOP_KEY = re.compile(r"^(['\"]?)([\w.-]+)\1[ \t]*:(?=[ \t\r\n]|$)", re.MULTILINE)
_COMMENT = re.compile(r"\A\ufeff?(?:[ \t]*(?:#[^\n]*)?\r?\n)*?[ \t]*#[^\n]*\bshapecalc\b")
_LONGEST = 2_000_000


def is_specification(text: str, path: str = "", language: str = "") -> bool:
    """Return whether a text is a specification.

    It is if the language of the document or the name of its file says so, or a comment above everything else that names
    shapecalc; or if it has `layers:` with an input, or blocks with layers, and no key of the top level that a
    specification has not (one that may be a slip of the pen is allowed).
    """
    if language == LANGUAGE or f".{LANGUAGE}." in os.path.basename(path).lower():
        return True
    head = text[:_LONGEST]
    if _COMMENT.match(head):
        return True
    keys = [found[2] for found in _TOP_KEY.finditer(head)]
    known = {*keys} & {*KEYS}
    has_layers = "layers" in known and not known.isdisjoint(("input", "inputs", "blocks"))
    has_blocks = "blocks" in known and bool(
        re.search(r"^[ \t]+(?:\w[\w.-]*: *\[|layers[ \t]*:|- )", head, re.MULTILINE)
    )
    is_only_blocks = has_blocks and len(known) == len({*keys})
    return (has_layers or is_only_blocks) and len({*keys} - known) <= 1 + len(known) // 4
