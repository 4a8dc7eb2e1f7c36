"""Keras models: `.keras` archives, JSON and `.h5` of Keras 1 to 3, read without the library and without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.files import uncollected
from shapecalc.importers.keras.graph import ModelImport
from shapecalc.importers.keras.layouts import layout_of
from shapecalc.importers.keras.reading import HDF5, ZIP, config_of_bytes, config_of_file
from shapecalc.importers.keras.records import read_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.errors import Problem
    from shapecalc.importers.keras.structure import ModelRecord
    from shapecalc.model.graph import Graph

__all__ = ["KerasFile", "matches", "read", "read_bytes"]

_SUFFIXES = (".keras", ".h5", ".hdf5")


def matches(name: str, head: bytes) -> bool:
    """Return whether a file is one: by its name, as an archive of Keras, or as JSON that names classes of layers."""
    if name.lower().endswith(_SUFFIXES) or head.startswith(HDF5):
        return True
    if head.startswith(ZIP):
        return head[30:].startswith((b"metadata.json", b"config.json"))
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")) and b'"class_name"' in head


class KerasFile:
    """A model of Keras as the origin of a network."""

    def __init__(self, name: str, model: ModelRecord, stated: Mapping[int, Any] | None = None) -> None:
        self.name = name
        self.model = model
        self.layout = layout_of(model)
        self.stated = stated or {}

    def __repr__(self) -> str:
        return f"<KerasFile {self.name}: {len(self.model.layers)} layers>"

    @uncollected()
    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these input sizes, and all problems."""
        return ModelImport(self.name, self.model, self.layout, variables, inputs).graph()


def read(path: str, name: str) -> KerasFile:
    """Return the origin of a file. Errors: `SpecError` for a broken one; `MissingExtraError` for h5py; `OSError`."""
    return KerasFile(name, read_model(config_of_file(path, name), name))


def read_bytes(data: bytes, name: str) -> KerasFile:
    """Return the origin of the bytes of a file. Errors: as `read`."""
    return KerasFile(name, read_model(config_of_bytes(data, name), name))
