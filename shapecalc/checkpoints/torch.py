"""State dicts as PyTorch saves them: a zip archive with a pickle and a file for each storage; and the older format.

Only the pickle is read, by a reader that can run nothing (`pickles.py`); of storages only their sizes.
Source: `torch/serialization.py` of PyTorch 2.13 (`_save`, `_legacy_save`).
"""

from __future__ import annotations

import mmap
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.checkpoints.allowed import SparseParts, TensorView
from shapecalc.checkpoints.contents import Checkpoint, StoredTensor, broken, check_sizes, open_file, stored_bytes
from shapecalc.checkpoints.exported import HeldTensor, held_tensors, is_exported
from shapecalc.checkpoints.pickles import read_pickle
from shapecalc.errors import count_noun

if TYPE_CHECKING:
    from zipfile import ZipFile

    from shapecalc.errors import CheckpointError

__all__ = ["MAGIC", "read_legacy", "read_zip"]

MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""The first bytes of the older format: a pickle of a certain number."""
_PROTOCOL = 1001
_LONGEST = 32 * 2**20
_DEEPEST = 20
_ENCRYPTED = 1


def read_zip(path: str) -> Checkpoint:
    """Return the tensors of a zip archive. Errors: `CheckpointError` for another archive, or a broken one."""
    from struct import error as struct_error
    from zipfile import BadZipFile, ZipFile
    from zlib import error as zlib_error

    stream, size = open_file(path)
    try:
        with stream, ZipFile(stream) as archive:
            if is_exported(archive):
                return _exported(path, held_tensors(archive, path), size)
            root, content = _pickle_of(path, archive)
            sizes = {info.filename: info.file_size for info in archive.infolist()}
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib_error,
            struct_error) as error:  # fmt: skip
        hint = "the file is cut short, or was not written to its end: copy or download it again"
        raise broken(path, f"its zip archive is broken: {str(error)[:80].lower()}", hint) from None
    found, containers, sparse = _walk(path, read_pickle(path, content)[0])
    for storage in {tensor.storage.key: tensor.storage for _, tensor in found if tensor.storage}.values():
        name, needed = f"{root}data/{storage.key}", stored_bytes(storage.dtype, storage.elements)
        if sizes.get(name) != needed:
            held = f"has {sizes[name]:,} bytes" if name in sizes else "is missing"
            raise broken(path, f"its storage {name[:200]} {held}, and its tensors need {needed:,}")
    return _checkpoint(path, "PyTorch", found, size, containers, sparse)


def _exported(path: str, held: dict[str, HeldTensor], size: int) -> Checkpoint:
    """Return the tensors of an archive of torch.export: of these only parameters count as such."""
    if not held:
        raise broken(path, "it is an archive of torch.export that states none of its tensors",
                     "shapecalc summary shows its layers")  # fmt: skip
    views = [(name, one.view) for name, one in held.items() if one.view is not None]
    found = _checkpoint(path, "PyTorch, torch.export", views, size, [], 0)
    tensors = [one if held[one.name].is_param else one._replace(params=0) for one in found.tensors]
    return found._replace(tensors=tensors)


def _pickle_of(path: str, archive: ZipFile) -> tuple[str, bytes]:
    """Return the folder of the tensors within an archive, and the pickle that names them."""
    names = archive.namelist()
    roots = [name.removesuffix("data.pkl") for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if not roots:
        raise _other_archive(path, names)
    root = min(roots, key=len)
    if f"{root}constants.pkl" in names:
        hint = "save the tensors alone: torch.save(torch.jit.load(FILE).state_dict(), OTHER)"
        raise broken(path, "it is a TorchScript archive, which holds code", hint)
    info = archive.getinfo(f"{root}data.pkl")
    if info.flag_bits & _ENCRYPTED:
        raise broken(path, "its zip archive is encrypted")
    if info.file_size > _LONGEST:
        raise broken(path, f"its pickle has {info.file_size:,} bytes: at most {_LONGEST:,} are read")
    with archive.open(info) as stream:
        return root, stream.read(_LONGEST + 1)


def _other_archive(path: str, names: list[str]) -> CheckpointError:
    """Return the error of a zip archive that is not PyTorch's."""
    if any(name.endswith(".npy") for name in names):
        return broken(path, "it is an archive of numpy arrays (.npz)", "save the tensors as safetensors")
    if "config.json" in names or "metadata.json" in names:
        return broken(path, "it is a model of Keras (.keras)", "save the weights as safetensors")
    if any("/aotinductor/" in f"/{name}" for name in names):
        return broken(
            path, "it is a compiled package of AOTInductor", "save the state dict, or the module by torch.export"
        )
    return broken(path, "it is a zip archive without the data.pkl of PyTorch")


def read_legacy(path: str) -> Checkpoint:
    """Return the tensors of a file as PyTorch before 1.6 wrote them. Errors: `CheckpointError`."""
    stream, size = open_file(path)
    with stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at, parts = 0, []
        for _ in range(5):  # a magic number, the protocol, facts on the system, the state dict, the keys of storages
            part, at = read_pickle(path, content, at)
            parts.append(part)
        if parts[1] != _PROTOCOL:
            raise broken(path, f"it is of the protocol {str(parts[1])[:20]} of PyTorch: {_PROTOCOL} is known")
        found, containers, sparse = _walk(path, parts[3])
        storages = {tensor.storage.key: tensor.storage for _, tensor in found if tensor.storage}
        needed = sum(8 + stored_bytes(storage.dtype, storage.elements) for storage in storages.values())
        if needed > size - at:
            message = f"its storages need {needed:,} bytes, and the file has {size - at:,} after its pickles"
            raise broken(path, message, "the file is cut short: copy or download it again")
    return _checkpoint(path, "PyTorch, the format before version 1.6", found, size, containers, sparse)


def _walk(path: str, value: Any) -> tuple[list[tuple[str, TensorView]], list[str], int]:
    """Return the tensors of nested dicts and lists, with their names joined by dots, and the names of these dicts.

    The number is how many are sparse tensors, which are dicts of what they store. Each container is gone through once.
    """
    if not isinstance(value, (dict, list, tuple, TensorView)):
        raise broken(path, "it holds no tensors", "a state dict is saved by torch.save(model.state_dict(), FILE)")
    seen: set[int] = set()
    found: list[tuple[str, TensorView]] = []
    containers: list[str] = []
    sparse = 0
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        name, value, depth = stack.pop()
        if isinstance(value, TensorView):
            found.append((name, value))
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            containers.append(name)
            sparse += isinstance(value, SparseParts)
            if depth > _DEEPEST:
                raise broken(path, f"{name[:200]} is nested too deeply")
            items = value.items() if isinstance(value, dict) else enumerate(value)
            inner = [(f"{name}.{key}" if name else str(key), item, depth + 1) for key, item in items]
            stack += inner[::-1]
    return found, [name for name in containers if name], sparse


def _checkpoint(
    path: str, format_: str, found: list[tuple[str, TensorView]], size: int, containers: list[str], sparse: int
) -> Checkpoint:
    """Return the checkpoint. Of tensors that share a storage the largest is counted first: others are views of it."""
    extents = [_extent(path, name, tensor) for name, tensor in found]
    counts: dict[str, _Counted] = {}
    stored: dict[int, StoredTensor] = {}
    for index in sorted(range(len(found)), key=lambda index: extents[index][0] - extents[index][1]):
        stored[index] = _stored(*found[index], extents[index], counts)
    held = f"{count_noun(sparse, 'sparse tensor')}: counted are the values that are stored, not the zeros between them."
    tensors = [stored[index] for index in range(len(found))]
    return Checkpoint(path, format_, tensors, size=size, containers=containers,
                      notes=[held] if sparse else [])  # fmt: skip


class _Counted:
    """What of a storage was counted: its bytes in all, and the ranges of its tensors."""

    __slots__ = ("bytes", "ranges")

    def __init__(self) -> None:
        self.bytes = 0
        self.ranges: list[tuple[int, int, str]] = []

    def holder(self, start: int, end: int) -> str:
        """Return the name of a tensor that has all elements of a range; empty if there is none."""
        return next((name for first, last, name in self.ranges if first <= start and end <= last), "")


def _extent(path: str, name: str, tensor: TensorView) -> tuple[int, int]:
    """Return where in its storage a tensor begins and ends, in bytes. Errors: `CheckpointError` if it cannot."""
    wrong = _wrong_sizes(tensor)
    if wrong:
        raise broken(path, f"its tensor {name[:200]} cannot have its shape: {wrong}")
    storage = tensor.storage
    if storage is None or not prod(tensor.shape):
        return 0, 0
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    unit, whole = stored_bytes(tensor.dtype, 1), stored_bytes(storage.dtype, storage.elements)
    start, end = tensor.offset * unit, (tensor.offset + last + 1) * unit
    if end > whole:
        raise broken(path, f"its tensor {name[:200]} goes beyond its storage, which has {whole:,} bytes")
    return start, end


def _stored(name: str, tensor: TensorView, extent: tuple[int, int], counts: dict[str, _Counted]) -> StoredTensor:
    """Return a tensor with what it adds: nothing where it is a view of elements that were counted before."""
    storage, elements = tensor.storage, prod(tensor.shape)
    if storage is None or not elements:
        return StoredTensor(name, tensor.dtype, tensor.shape, elements, 0)
    start, end = extent
    unit, whole = stored_bytes(tensor.dtype, 1), stored_bytes(storage.dtype, storage.elements)
    counted = counts.setdefault(storage.key, _Counted())
    shares = counted.holder(start, end)
    added = 0 if shares else min(elements * unit, end - start, whole - counted.bytes)
    if added and len(counted.ranges) < _MOST_RANGES:
        counted.ranges.append((start, end, name))
    counted.bytes += added
    shares = shares or ("" if added else counted.ranges[0][2])
    return StoredTensor(name, tensor.dtype, tensor.shape, added // unit, added, shares)


_MOST_RANGES = 1000
"""The maximum number of tensors of one storage that another is compared to."""


def _wrong_sizes(tensor: TensorView) -> str:
    """Return what is wrong with the sizes of a tensor; empty for valid ones."""
    shape, strides = tensor.shape, tensor.strides
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        return "its sizes are not a list"
    numbers = (*strides, tensor.offset)
    if len(strides) != len(shape) or any(type(n) is not int or n < 0 for n in numbers):
        return "its strides and its offset are not whole numbers"
    return check_sizes(shape)
