"""Importers: other people's files to graphs. One module a format; a file is recognised by its name and first bytes.

The module of a format has `matches(name, head)`, which answers whether a file is one; `read(path, name)` and
`read_bytes(data, name)`, which return its origin. Errors of these: `SpecError` for a broken file, `OSError`,
`MissingExtraError`.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.files import input_file

if TYPE_CHECKING:
    from shapecalc.model.origin import Origin

__all__ = ["endings", "find_import", "import_bytes"]

_HEAD = 4096
_ARCHIVES = (b"PK\3\4", b"\x89HDF")
"""What zip archives and files of HDF5 begin with."""
_SAVED_MODEL = "saved_model.pb"
"""The file by which a folder is a model of TensorFlow."""


class _Format(NamedTuple):
    """A format: its module, the ends of the names of its files, and what the bytes of one may begin with, or have."""

    module: str
    suffixes: tuple[str, ...]
    starts: tuple[bytes, ...] = ()
    parts: tuple[bytes, ...] = ()


_FORMATS = (
    _Format("foreign", (".py", ".ipynb", ".tflite", ".safetensors", ".gguf")),
    _Format("onnx", (".onnx", ".ort"), (b"\x08",)),
    _Format("foreign", (".pb",)),  # what is no ONNX file: many of these are called `model.pb`
    _Format("pytorch", (".pt2", ".ptc", ".pt", ".pth"), (b"PK\3\4",)),
    _Format("keras", (".keras", ".h5", ".hdf5"), (b"PK\3\4", b"\x89HDF"), (b'"class_name"',)),
    _Format("darknet", (".cfg", ".weights", ".data", ".names"), parts=(b"[net", b"[NET", b"[Net")),
    _Format(
        "caffe", (".prototxt", ".caffemodel"), (b"layer {", b"layer{", b"layers {", b"layers{"),
        (b"\nlayer {", b"\nlayer{", b"\nlayers {", b"\nlayers{", b"\ninput_dim:", b"\ninput_shape {"),
    ),
)  # fmt: skip
"""The formats in the order in which they are asked. Most commands read no such file: a module is loaded for one."""


def endings() -> tuple[str, ...]:
    """Return what the names of files of other formats end with."""
    return tuple([end for one in _FORMATS for end in one.suffixes])


def find_import(path: str) -> Origin | None:
    """Return the origin of a file of another format; None for one that is none, such as a specification.

    Errors: `SpecError` for a broken file; `UsageError` for one that cannot be read.
    """
    if os.path.isdir(path):
        path = os.path.join(path, _SAVED_MODEL)
    if not os.path.isfile(path):
        return None
    try:
        with input_file(path) as stream:
            head = stream.read(_HEAD)
        module = _module_of(path, head)
        return module.read(path, path) if module else None
    except OSError as error:
        raise UsageError(Problem(f"{path} cannot be read: {error.strerror}")) from None


def import_bytes(data: bytes, name: str) -> Origin | None:
    """Return the origin of the content of a file of another format; None for any other. Errors: `SpecError`."""
    module = _module_of(name, data[:_HEAD])
    return module.read_bytes(data, name) if module else None


def _module_of(name: str, head: bytes) -> Any:
    """Return the module of the format of a file, or None."""
    lower, begin = name.lower(), head.lstrip()
    if begin.startswith(_ARCHIVES):  # of one format whatever the name is: that of the name is asked first
        found = [one for one in _FORMATS if begin.startswith(one.starts)]
        for one in sorted(found, key=lambda one: not lower.endswith(one.suffixes)):
            module = import_module(f"shapecalc.importers.{one.module}")
            if module.matches("", head):
                return module
    for one in _FORMATS:
        if lower.endswith(one.suffixes) or begin.startswith(one.starts) or any(part in head for part in one.parts):
            module = import_module(f"shapecalc.importers.{one.module}")
            if module.matches(name, head):
                return module
    return None
