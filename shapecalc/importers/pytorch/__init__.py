"""Modules of PyTorch: archives of torch.export (.pt2), read without PyTorch, and modules in memory."""

from __future__ import annotations

import io
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from shapecalc.files import input_file
from shapecalc.importers.files import broken, check_first_bytes
from shapecalc.importers.inputs import ValueInfo
from shapecalc.importers.pytorch.archive import FORMAT, HOW, read_archive
from shapecalc.importers.readings import best_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

    from shapecalc.errors import Problem
    from shapecalc.importers.pytorch.batch import Reading
    from shapecalc.importers.pytorch.graph import ModuleImport
    from shapecalc.importers.pytorch.program import Program
    from shapecalc.model.graph import Graph

__all__ = ["ExportedModule", "matches", "read", "read_bytes"]

_SOME_SIZE = 13
_NAMES = (b"/archive_format", b"/data/weights/", b"/models/", b"/data.pkl", b"/byteorder", b"/version",
          b"/constants.pkl", b"serialized_exported_program.json", b"serialized_state_dict")  # fmt: skip
"""Names of which one is among the first entries of a zip file that PyTorch writes."""


def matches(name: str, head: bytes) -> bool:
    """Return whether a file is one by its name, or by the names of the first entries of a zip file."""
    if name.lower().endswith((".pt2", ".ptc")):
        return True
    is_zip = head.startswith(b"PK\3\4")
    if name.lower().endswith((".pt", ".pth")):
        return is_zip or head.startswith(b"\x80")
    return is_zip and any(word in head for word in _NAMES)


class ExportedModule:
    """A program of torch.export as the origin of a network."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self.program = program

    @property
    def hint_on_sizes(self) -> str:
        """How to get a program for other sizes of its inputs; empty where it was exported for several."""
        from shapecalc.importers.pytorch.ranges import hint_on_sizes

        axes = self._readings[0].axes
        return hint_on_sizes([self.program.graph.stated.get(one, ()) for one in axes], axes.values())

    @cached_property
    def _readings(self) -> list[Reading]:
        """Where the batch may be in the inputs, the likeliest first."""
        from shapecalc.importers.pytorch.batch import readings_of

        return readings_of(self._infos, self.program)

    @property
    def _infos(self) -> list[ValueInfo]:
        return [ValueInfo(one, self.program.graph.stated.get(one)) for one in self.program.inputs]

    def __repr__(self) -> str:
        return f"<ExportedModule {self.name}: {len(self.program.graph.nodes)} nodes>"

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with these values of dynamic dimensions and input sizes, and all problems."""
        from shapecalc.importers.pytorch.graph import ModuleImport

        trial = partial(ModuleImport, self.name, self.program, self._infos)
        readings = _with_dynamic_batch(trial, self._readings)
        return best_reading(partial(trial, variables), inputs, readings)


def _with_dynamic_batch(importing: Callable[..., ModuleImport], readings: list[Reading]) -> list[Reading]:
    """Return readings with one first whose batch is dynamic, if the likeliest takes it for a length and is worse."""
    first = readings[0]
    other = next((one for one in readings if str(one.size).isidentifier()), first)
    if other is first or type(first.size) is not int or first.size <= 1:
        return readings
    unknown = []
    for variables, reading in (({str(other.size): _SOME_SIZE}, first), ({}, other)):
        trial = importing(variables, {}, reading)
        if trial.graph()[1]:
            return readings
        unknown.append(trial.understanding.unclear)
    return [other, *readings] if unknown[1] < unknown[0] else readings


def read(path: str, name: str) -> ExportedModule:
    """Return the origin of a file, of which only the program is read. Errors: `SpecError`; `OSError`."""
    with input_file(path) as stream:
        return _read(stream, name)


def read_bytes(data: bytes, name: str) -> ExportedModule:
    """Return the origin of the bytes of a file. Errors: `SpecError`."""
    return _read(io.BytesIO(data), name)


def _read(stream: IO[bytes], name: str) -> ExportedModule:
    from shapecalc.importers.pytorch.schema import program_of

    head = stream.read(64)
    if not head:
        raise broken(name, FORMAT, "it is empty")
    if head.startswith(b"\x80"):
        message = "it is a pickle of Python, as old versions of torch.save wrote: it is not executed"
        raise broken(name, FORMAT, message, hint=HOW)
    check_first_bytes(head, name, FORMAT, allowed=(b"pk\3\4",))
    stream.seek(0)
    return ExportedModule(name, program_of(read_archive(stream, name), name))
