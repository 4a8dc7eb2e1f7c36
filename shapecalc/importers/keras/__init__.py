"""Keras models: `.keras` archives, JSON and `.h5` of Keras 1 to 3, read without the library and without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem
from shapecalc.importers.keras.graph import ModelImport
from shapecalc.importers.keras.inputs import own_sizes
from shapecalc.importers.keras.layouts import layout_of
from shapecalc.importers.keras.reading import HDF5, ZIP, config_of_bytes, config_of_file
from shapecalc.importers.keras.records import read_model
from shapecalc.importers.tensors import sizes_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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

    def __init__(self, name: str, model: ModelRecord) -> None:
        self.name = name
        self.model = model
        self.layout = layout_of(model)
        self._own_weights: tuple[Any, Any] | None = None

    def __repr__(self) -> str:
        return f"<KerasFile {self.name}: {len(self.model.layers)} layers>"

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these input sizes, and all problems."""
        found = ModelImport(self.name, self.model, self.layout, variables, inputs)
        graph, problems = found.graph()
        if found.is_as_stated or problems:
            return graph, problems
        return graph._replace(warnings=(*graph.warnings, *self._other_weights(found))), problems

    def _other_weights(self, found: ModelImport) -> Iterator[Problem]:
        """Yield a warning for each layer whose weights depend on the input, which is another than the file's."""
        sizes = own_sizes(self.model, found.sizes)
        if self._own_weights is None or self._own_weights[0] != sizes:
            own = ModelImport(self.name, self.model, self.layout, {}, sizes)
            self._own_weights = sizes, {} if own.graph()[1] else own.frame.owners.weights()
        before = self._own_weights[1]
        for names, (index, shapes) in found.frame.owners.weights().items():
            stated = before.get(names, (0, shapes))[1]
            for name in (name for name, shape in shapes.items() if stated.get(name, shape) != shape):
                node, here, there = found.frame.nodes[index], shapes[name], stated[name]
                message = f"its {name} is {sizes_text(there)} in the file, but {sizes_text(here)} with this input"
                yield Problem(message, node.mark, node.kind)


def read(path: str, name: str) -> KerasFile:
    """Return the origin of a file. Errors: `SpecError` for a broken one; `MissingExtraError` for h5py; `OSError`."""
    return KerasFile(name, read_model(config_of_file(path, name), name))


def read_bytes(data: bytes, name: str) -> KerasFile:
    """Return the origin of the bytes of a file. Errors: as `read`."""
    return KerasFile(name, read_model(config_of_bytes(data, name), name))
