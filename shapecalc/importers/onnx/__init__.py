"""ONNX files: read without the library, and without their weights."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, SpecError
from shapecalc.importers.onnx.graph import Importing
from shapecalc.importers.onnx.inputs import NOWHERE, SECOND
from shapecalc.importers.onnx.messages import read_model
from shapecalc.importers.wire import WireError, WireReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.importers.onnx.messages import Model
    from shapecalc.model.graph import Graph

__all__ = ["OnnxFile", "matches", "read"]

_NEXT_FIELDS = b"\x12\x1a\x22\x28\x32\x3a\x42\x72"
_LATEST = 32


def matches(name: str, head: bytes) -> bool:
    """Return whether a file is one by its name, or by its first bytes: a version, then another field."""
    if name.lower().endswith((".onnx", ".ort")):
        return True
    return len(head) > 2 and head[0] == 8 and 0 < head[1] < _LATEST and head[2] in _NEXT_FIELDS


class OnnxFile:
    """An ONNX file as the origin of a network."""

    def __init__(self, name: str, model: Model) -> None:
        self.name = name
        self.model = model

    def __repr__(self) -> str:
        return f"<OnnxFile {self.name}: {len(self.model.graph.nodes)} nodes>"

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these values of dynamic dimensions and input sizes, and all problems."""
        first = Importing(self.name, self.model, variables, inputs)
        best = first.graph()
        if not first.has_several_readings:
            return best
        unknown = first.counts["unknown"]
        for reading in (SECOND, NOWHERE):
            other = Importing(self.name, self.model, variables, inputs, reading)
            found = other.graph()
            if not found[1] and other.counts["unknown"] < unknown:
                best, unknown = found, other.counts["unknown"]
        return best


def read(path: str, name: str) -> OnnxFile:
    """Return the origin of a file, which is mapped, so that only what is needed is read.

    Errors: `SpecError` for a broken file; `OSError`.
    """
    with open(path, "rb") as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise _broken(name, "it is empty")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return read_bytes(data, name)


def read_bytes(data: bytes | mmap.mmap, name: str) -> OnnxFile:
    """Return the origin of the bytes of a file. Errors: `SpecError`."""
    head = data[:64]
    foreign = next((text for start, text in _FOREIGN.items() if head.lstrip().lower().startswith(start)), "")
    if foreign:
        raise _broken(name, foreign)
    try:
        return OnnxFile(name, read_model(WireReader(data)))
    except WireError as error:
        raise _broken(name, str(error)) from None


_FOREIGN = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file: fetch it with git lfs pull",
    b"<!doctype": "it is a web page: the download failed, and its text says why",
    b"<html": "it is a web page: the download failed, and its text says why",
    b"pk\3\4": "it is a zip archive: unpack it first",
    b"\x1f\x8b": "it is compressed (gzip): decompress it first",
    b"\x89hdf": "it is a file of HDF5, as Keras writes them",
}
"""First bytes of what else is found under the name of an ONNX file."""


def _broken(name: str, message: str) -> SpecError:
    hint = "" if "not the file" in message else "check that the file is whole, and that it is one of ONNX"
    return SpecError(Problem(f"{name} is no ONNX file that can be read: {message}", hint=hint))
