"""Cfg files of darknet: YOLO and its relatives, in the dialects of pjreddie, AlexeyAB and YOLOR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import SpecError
from shapecalc.files import input_file
from shapecalc.importers.darknet.cfg import FORMAT, MOST_BYTES, NET, read_cfg, sections_in
from shapecalc.importers.files import broken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.errors import Problem
    from shapecalc.importers.darknet.cfg import Cfg
    from shapecalc.model.graph import Graph

__all__ = ["DarknetFile", "matches", "read", "read_bytes"]


class DarknetFile:
    """A cfg as the origin of a network. It holds no weights: their sizes follow from that of the input."""

    stores_weights = False

    def __init__(self, name: str, cfg: Cfg) -> None:
        self.name = name
        self.cfg = cfg

    def __repr__(self) -> str:
        return f"<DarknetFile {self.name}: {len(self.cfg.sections)} sections>"

    def build(self, variables: Mapping[str, Any], inputs: Mapping[str, tuple[Any, ...]]) -> tuple[Graph, list[Problem]]:
        """Return the graph with this size of the input, and all problems."""
        from shapecalc.importers.darknet.graph import CfgImport

        return CfgImport(self.cfg, variables, inputs).graph()


_COMPANIONS = {
    ".weights": "it holds the weights of a darknet network, not its layers",
    ".data": "it is a list of the files of a data set",
    ".names": "it is a list of the names of classes",
}
"""Files that lie beside a cfg, and are given in its place."""


def matches(name: str, head: bytes) -> bool:
    """Return whether a file is a cfg by the section that it begins with, or by any for its name; or belongs to one."""
    if _companion(name, head):
        return True
    is_net = next(iter(sections_in(head, only_first=True)), "").lower() in NET
    if is_net or not name.lower().endswith(".cfg"):
        return is_net
    return not head.strip() or any(one.lower() in NET or _is_section(one) for one in sections_in(head))


def _is_section(name: str) -> bool:
    from shapecalc.importers.darknet.calls import find_section
    from shapecalc.importers.darknet.cfg import OptionError

    try:
        return bool(find_section(name))
    except OptionError:
        return False


def _companion(name: str, head: bytes) -> str:
    """Return what a file beside a cfg is; empty for any other."""
    end = next((end for end in _COMPANIONS if name.lower().endswith(end)), "")
    begin = head.lstrip()
    is_one = {
        ".weights": b"\0" in head[:20],
        ".data": begin.startswith(b"classes") and b"=" in begin[:12],
        ".names": not any(sign in head for sign in (b":", b"[", b"{", b"\0")),
    }
    return _COMPANIONS[end] if end and begin and is_one[end] else ""


def read(path: str, name: str) -> DarknetFile:
    """Return the origin of a file. Errors: `SpecError` for a broken file; `OSError`."""
    with input_file(path) as stream:
        return read_bytes(stream.read(MOST_BYTES + 1), name)


def read_bytes(data: bytes, name: str) -> DarknetFile:
    """Return the origin of the bytes of a file. Errors: `SpecError`."""
    other = _companion(name, data[:4096])
    if other:
        error = broken(name, FORMAT, other).problems[0]
        raise SpecError(error._replace(hint="give the .cfg that it belongs to"))
    return DarknetFile(name, read_cfg(data, name))
