"""Whether a YAML file is a specification: editors offer a server every YAML file of a workspace."""

from __future__ import annotations

import os
import re

from shapecalc.language import recognition

__all__ = ["LANGUAGE", "is_specification"]

LANGUAGE = "shapecalc"
"""The identifier of the language in editors, and the word before the ending of a file: `net.shapecalc.yaml`."""

_COMMENT = re.compile(r"\A\ufeff?(?:[ \t]*(?:#[^\n]*)?\r?\n)*?[ \t]*#[^\n]*\bshapecalc\b")


def is_specification(text: str, path: str = "", language: str = "") -> bool:
    """Return whether a text is a specification.

    It is if the language of the document or the name of its file says so, or a comment above everything else that names
    shapecalc; or by its keys and the kinds of its layers, which may have slips of the pen.
    """
    if language == LANGUAGE or f".{LANGUAGE}." in os.path.basename(path).lower():
        return True
    return bool(_COMMENT.match(text)) or recognition.is_specification(text)
