"""Checkpoints: the tensors of a file of weights, from its header alone. One module a format.

A file is recognised by its first bytes, whatever its name. No tensor's data is read, and nothing in a file is run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from shapecalc.checkpoints.contents import Checkpoint, StoredTensor, broken, open_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.errors import CheckpointError

__all__ = ["Checkpoint", "StoredTensor", "read_checkpoint"]

_HEAD = 600
_TAR = slice(257, 262)


def read_checkpoint(path: str) -> Checkpoint:
    """Return the tensors of a checkpoint: a file, an index of shards beside it, or the folder of one of these.

    Errors: `UsageError` for what cannot be read, `CheckpointError` for a file of another format, or a broken one.
    """
    if path.endswith(".json"):
        from shapecalc.checkpoints.shards import read_index

        return read_index(path, _read_file)
    if not os.path.isdir(path):
        return _read_file(path)
    from shapecalc.checkpoints.shards import find_in_folder, is_part, read_index, read_parts

    first, *others = find_in_folder(path)
    if first.endswith(".json"):
        return read_index(first, _read_file)
    return read_parts([first, *others], _read_file) if others or is_part(first) else _read_file(first)


def _read_file(path: str) -> Checkpoint:
    stream, _ = open_file(path)
    with stream:
        head = stream.read(_HEAD)
    return _reader(path, head)(path)


def _reader(path: str, head: bytes) -> Callable[[str], Checkpoint]:
    """Return the function that reads a file with these first bytes. Errors: `CheckpointError` for another format."""
    if head[8:9] == b"{" and not head.startswith(b"PK"):
        from shapecalc.checkpoints import safetensors

        return safetensors.read
    if head.startswith(b"GGUF"):
        from shapecalc.checkpoints import gguf

        return gguf.read
    if head.startswith((b"PK\3\4", b"PK\5\6", b"\x80")):
        from shapecalc.checkpoints import torch

        if head.startswith(b"PK"):
            return torch.read_zip
        if head.startswith(torch.MAGIC):
            return torch.read_legacy
    if head[:1] == b"\x08":
        from shapecalc.checkpoints import onnx

        if onnx.is_onnx(head):
            return onnx.read
    raise _other_format(path, head)


_OTHERS = {
    b"\x89HDF": ("it is a file of HDF5, as Keras writes them", "save the weights as safetensors"),
    b"\x80": ("it is a pickle, but not one of torch.save", "save the state dict by torch.save, or as safetensors"),
    b"\x1f\x8b": ("it is compressed (gzip)", "decompress it first"),
    b"7z\xbc\xaf": ("it is compressed (7z)", "decompress it first"),
    b"\x28\xb5\x2f\xfd": ("it is compressed (zstd)", "decompress it first"),
    b"ggml": ("it is of the format before GGUF", "convert it with llama.cpp's current tools"),
    b"lmgg": ("it is of the format before GGUF", "convert it with llama.cpp's current tools"),
    b"tjgg": ("it is of the format before GGUF", "convert it with llama.cpp's current tools"),
    b"\x93NUMPY": ("it is an array of numpy", "save the tensors as safetensors"),
}
"""First bytes of files of other formats: what they are, and what to do."""


_READ = "weights reads safetensors, GGUF, ONNX, PyTorch's state dicts and .pt2"
_NETWORKS = {
    ".cfg": ("it is a cfg of darknet: it has layers, and no weights", "shapecalc summary shows their sizes"),
    ".prototxt": ("it is a net of Caffe: it has layers, and no weights", "shapecalc summary shows their sizes"),
    ".weights": ("the weights of a darknet network are not read", f"{_READ}; shapecalc summary reads its .cfg"),
    ".caffemodel": ("the weights of a Caffe net are not read", f"{_READ}; shapecalc summary reads its .prototxt"),
}
"""Files of networks in formats without a checkpoint that is read: what is said of them, by the end of their names."""


def _other_format(path: str, head: bytes) -> CheckpointError:  # noqa: PLR0911  (one for each sort of file)
    """Return the error of a file that no module reads: what it is instead."""
    if not head:
        return broken(path, "it is empty")
    if head.startswith(b"version https://git-lfs"):
        size = next((line[5:] for line in head.decode("ascii", "replace").splitlines() if line.startswith("size ")), "")
        held = f" of {int(size):,} bytes" if size.isdecimal() and len(size) < 20 else ""
        hint = "fetch the file itself: git lfs pull"
        return broken(path, f"it is a pointer of Git LFS to the file{held}, not the file", hint)
    if head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return broken(path, "it is a web page, not a checkpoint", "the download failed: its text says why")
    if head[_TAR] == b"ustar" or head[:8].rstrip(b"\0") == b"storages":
        hint = "convert it where PyTorch is: torch.save(torch.load(FILE, map_location='cpu'), OTHER)"
        return broken(path, "it is a tar archive, the format of PyTorch before version 0.1.10", hint)
    known = next((found for start, found in _OTHERS.items() if head.startswith(start)), None)
    if known:
        return broken(path, *known)
    network = next((found for end, found in _NETWORKS.items() if path.lower().endswith(end)), None)
    if network:
        return broken(path, *network)
    if head.lstrip()[:1] in (b"{", b"["):
        return broken(path, "it is JSON, not a checkpoint", "an index of shards is named *.index.json")
    shown = " ".join(f"{byte:02x}" for byte in head[:16])
    hint = "known are safetensors (with { as the ninth byte), GGUF, ONNX, and PyTorch's state dicts"
    return broken(path, f"its format is not known: it begins with the bytes {shown}", hint)
