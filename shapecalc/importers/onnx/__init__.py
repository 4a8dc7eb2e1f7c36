"""ONNX files: read without the library, and without their weights."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.onnx import is_onnx
from shapecalc.checkpoints.quantisation import quantisation_of
from shapecalc.checkpoints.wire import WireError, WireReader
from shapecalc.importers.files import broken, check_first_bytes, mapped
from shapecalc.importers.onnx.external import Neighbours
from shapecalc.importers.onnx.graph import Importing
from shapecalc.importers.onnx.masks import computed, stored_masks, was_constant
from shapecalc.importers.onnx.messages import read_model
from shapecalc.importers.onnx.repeats import repeated_along, transposed_tables
from shapecalc.importers.readings import best_reading

if TYPE_CHECKING:
    import mmap
    from collections.abc import Mapping

    from shapecalc.errors import Problem
    from shapecalc.importers.onnx.messages import Model
    from shapecalc.model.graph import Graph

__all__ = ["OnnxFile", "matches", "read"]

_FORMAT = "an ONNX file"


def matches(name: str, head: bytes) -> bool:
    """Return whether a file is one by its name, or by its first bytes: a version, then another field."""
    return name.lower().endswith((".onnx", ".ort")) or is_onnx(head)


class OnnxFile:
    """An ONNX file as the origin of a network."""

    def __init__(self, name: str, model: Model) -> None:
        self.name = name
        self.model = model

    def __repr__(self) -> str:
        return f"<OnnxFile {self.name}: {len(self.model.graph.nodes)} nodes>"

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these values of dynamic dimensions and input sizes, and all problems."""
        return best_reading(partial(Importing, self.name, self.model, variables), inputs)


def read(path: str, name: str) -> OnnxFile:
    """Return the origin of a file, which is mapped, so that only what is needed is read.

    Errors: `SpecError` for a broken file; `OSError`.
    """
    with mapped(path, name, _FORMAT) as data:
        return _read(data, name, os.path.dirname(os.path.abspath(path)))


def read_bytes(data: bytes | mmap.mmap, name: str) -> OnnxFile:
    """Return the origin of the bytes of a file. Errors: `SpecError`."""
    return _read(data, name, None)


def _read(data: bytes | mmap.mmap, name: str, folder: str | None) -> OnnxFile:
    check_first_bytes(data, name, _FORMAT)
    try:
        with Neighbours(folder) as neighbours:
            reader = WireReader(data)
            model = read_model(reader, neighbours)
            masks, unread = stored_masks(model.graph, reader, neighbours)
            masks = masks.union(filter(was_constant, model.graph.weights), computed(model.graph))
            files = tuple([f"small tensors are in {key[:200]}: {why}" for key, why in neighbours.unread.items()])
            graph = model.graph
            found = quantisation_of(((node.op, node.inputs, node.outputs) for node in graph.nodes), graph.weights)
            quantised = frozenset([weight for weight, _ in found.groups])
            return OnnxFile(
                name,
                model._replace(
                    masks=masks,
                    notes=_notes(unread),
                    unread=files,
                    quantised=quantised,
                    scales=found.scales,
                    repeated=repeated_along(graph, reader, neighbours),
                    tied=transposed_tables(graph, reader, neighbours),
                ),
            )
    except WireError as error:
        raise broken(name, _FORMAT, str(error)) from None


def _notes(masks: list[str]) -> tuple[str, ...]:
    """Return the note on tensors that may be masks, as they are added to scores, but could not be read."""
    more = f" and {len(masks) - 1} more" if len(masks) > 1 else ""
    return (f"{masks[0]}{more} may be a mask, but is counted: its elements could not be read",) if masks else ()
