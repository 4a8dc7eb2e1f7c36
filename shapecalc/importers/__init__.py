"""Importers: other people's files to graphs. One module a format; a file is recognised by its name and first bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from shapecalc.model.origin import Origin

__all__ = ["find_import", "import_bytes"]

_HEAD = 64
_SUFFIXES = (".onnx", ".ort")


def find_import(path: str) -> Origin | None:
    """Return the origin of a file of another format; None for one that is none, such as a specification.

    Errors: `SpecError` for a broken file; `UsageError` for one that cannot be read.
    """
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD)
        if not _is_binary(path, head):
            return None
        from shapecalc.importers import onnx  # only for such a file

        return onnx.read(path, path) if onnx.matches(path, head) else None
    except OSError as error:
        raise UsageError(Problem(f"{path} cannot be read: {error.strerror}")) from None


def import_bytes(data: bytes, name: str) -> Origin | None:
    """Return the origin of the content of a file of another format; None for any other. Errors: `SpecError`."""
    if not _is_binary(name, data[:_HEAD]):
        return None
    from shapecalc.importers import onnx

    return onnx.read_bytes(data, name) if onnx.matches(name, data[:_HEAD]) else None


def _is_binary(name: str, head: bytes) -> bool:
    """Return whether a file may be of one of the formats: what YAML never begins with, or a name."""
    return head[:1] == b"\x08" or name.lower().endswith(_SUFFIXES)
