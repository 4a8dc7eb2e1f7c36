"""Texts that a page begins with: a dropped file of any format, a bundled network."""

from __future__ import annotations

import base64
import binascii
import os
from functools import cache
from typing import Any

from shapecalc.errors import Problem, ShapecalcError, ShapeError, UsageError
from shapecalc.escaping import clean

__all__ = ["example", "examples", "opened", "own_name"]

_YAML = (".yaml", ".yml")
_UNNAMED = "net.yaml"
_MOST_FILES = 8


def own_name(given: Any) -> str:
    """Return the name of a text, without folders: it is only shown, and names what is downloaded."""
    name = given if isinstance(given, str) else ""
    name = name.replace("\\", "/").rpartition("/")[2].replace("\0", "")
    return clean(name)[:100] if name.strip(".") else _UNNAMED


def opened(files: Any, inputs: Any = None, variables: Any = None) -> dict[str, Any]:
    """Return the text of the first of some dropped files that is a network, with its name, and a note on what it was.

    `inputs` and `variables` are sizes and values that a file of another format leaves open.
    Errors: `UsageError`, `SpecError` for one that cannot be read.
    """
    if not isinstance(files, list) or not files:
        raise UsageError("no file was dropped")
    first: ShapecalcError | None = None
    for file in files[:_MOST_FILES]:
        try:
            return _opened(file, inputs or None, variables or None)
        except ShapecalcError as error:  # noqa: PERF203  (why the first is none is said, if no other is one)
            first = first or error
    assert first is not None
    raise first


def _opened(file: Any, inputs: Any, variables: Any) -> dict[str, Any]:
    try:
        name = own_name(file["name"])
        content = base64.b64decode(file["base64"], validate=True)
    except (TypeError, KeyError, ValueError, binascii.Error):
        raise UsageError("a dropped file has a name, and its content in base64") from None
    from shapecalc.importers import import_bytes
    from shapecalc.language.files import is_config
    from shapecalc.language.members import find_member

    origin = import_bytes(content, name)
    if origin is None and is_config(content):
        origin = find_member(content)
    if origin is None:
        return _as_text(content, name)
    from shapecalc.network import load

    network = load(origin, input=inputs, vars=variables)
    try:
        text = network.convert("yaml")
    except ShapeError as error:
        raise UsageError(error.problems) from None
    assert isinstance(text, str)
    stem = name.rpartition(".")[0] or name
    return {"text": text, "name": f"{stem}.yaml", "note": f"{name} was converted to YAML"}


def _as_text(content: bytes, name: str) -> dict[str, Any]:
    from shapecalc.errors import Source
    from shapecalc.source.assembly import StopReadingError
    from shapecalc.source.decoding import decode

    try:
        text = decode(content, Source(name))
    except StopReadingError:
        hint = "it reads YAML, ONNX, PyTorch's .pt2, Keras, Caffe, darknet, and config.json of Hugging Face"
        raise UsageError(Problem(f"{name} is of no format that shapecalc reads", hint=hint)) from None
    return {"text": text, "name": name if name.lower().endswith(_YAML) else f"{name}.yaml", "note": ""}


@cache
def examples() -> list[dict[str, str]]:
    """Return the bundled networks: name, title and family of each."""
    from shapecalc.language.files import bundled_members
    from shapecalc.language.members import find_members

    found = []
    for path in dict.fromkeys(path for path, _ in bundled_members()):
        for member in find_members(path):
            document = member.specification.document
            assert document is not None  # a bundled one is valid
            name = member.variant or os.path.splitext(os.path.basename(path))[0]
            title = document.text("name", member.variant) or name
            task = document.text("task", member.variant)
            found.append({"name": name, "title": title, "family": document.text("family") or title, "task": task})
    return found


def example(given: Any) -> dict[str, Any]:
    """Return the text of a bundled network, with its name. Errors: `UsageError` for an unknown one."""
    from shapecalc.language.copies import bundled_text

    if not isinstance(given, str) or len(given) > 100:
        raise UsageError("an example has a name")
    return {"text": bundled_text(given), "name": f"{given.removesuffix('.yaml')}.yaml"}
