"""Caffe's prototxt files: the text of a net, of all three dialects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.files import input_file
from shapecalc.importers.caffe.graph import NetImport, read_state
from shapecalc.importers.caffe.messages import read_net
from shapecalc.importers.caffe.text import ProtoText, read_text_format
from shapecalc.importers.files import broken, check_first_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.errors import Problem
    from shapecalc.importers.caffe.messages import Net
    from shapecalc.model.graph import Graph

__all__ = ["CaffeFile", "matches", "read", "read_bytes"]

_FORMAT = "a Caffe net"
_LARGEST = 2**26
_BEGIN = re.compile(rb"(?m)^\s*(layers?|input_shape)\s*:?\s*\{|^\s*input_dim\s*:\s*\d")


def matches(name: str, head: bytes) -> bool:
    """Return whether a file is one by its name, or by a line in which a layer begins."""
    return name.lower().endswith((".prototxt", ".caffemodel")) or (b"\0" not in head and bool(_BEGIN.search(head)))


class CaffeFile:
    """A prototxt file as the origin of a network. It holds no weights: their sizes follow from those of the inputs."""

    stores_weights = False

    def __init__(self, name: str, net: Net) -> None:
        self.name = name
        self.net = net

    def __repr__(self) -> str:
        return f"<CaffeFile {self.name}: {len(self.net.layers)} layers>"

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph in a state (phase, level, stage) and with these input sizes, and all problems.

        Without a phase it is that of TEST, or of TRAIN for a file whose layers only fit together there.
        """
        state = read_state(self.net, variables)
        found = NetImport(self.net, state, inputs)
        if not found.is_complete and "phase" not in variables:
            other = state._replace(phase="TRAIN" if state.phase == "TEST" else "TEST")
            second = NetImport(self.net, other, inputs)
            found = second if second.is_complete else found
        return found.graph()


def read(path: str, name: str) -> CaffeFile:
    """Return the origin of a file. Errors: `SpecError` for a broken one; `OSError`."""
    with input_file(path) as stream:
        return read_bytes(stream.read(_LARGEST + 1), name)


def read_bytes(data: bytes, name: str) -> CaffeFile:
    """Return the origin of the bytes of a file. Errors: `SpecError`."""
    check_first_bytes(data, name, _FORMAT)
    if not data.strip():
        raise broken(name, _FORMAT, "it is empty")
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if b"\0" in data[:4096] and not is_wide:
        message = "it is binary: the weights of a net are in a .caffemodel, its layers in a .prototxt"
        raise broken(name, _FORMAT, message)
    if len(data) > _LARGEST:
        raise broken(name, _FORMAT, f"it is larger than {_LARGEST // 2**20} MiB")
    file = ProtoText(name, data.decode("utf-16" if is_wide else "utf-8-sig", "replace").replace("\r\n", "\n"))
    return CaffeFile(name, read_net(file, read_text_format(file)))
