"""Archives of torch.export (.pt2): the tensors that one holds, from what it states of them.

Since version 2.9 that is JSON beside the tensors, with their types, sizes and files; before, a file of torch.save
within the archive, of which only the pickle is read, by a reader that can run nothing.
Source: `torch/export/pt2_archive/_package.py` and `torch/_export/serde/schema.py` of PyTorch 2.13.
"""

from __future__ import annotations

import io
import json
from itertools import accumulate
from math import prod
from operator import mul
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import ZIP_STORED, ZipFile

from shapecalc.checkpoints.allowed import TensorStorage, TensorView
from shapecalc.checkpoints.contents import broken, check_objects
from shapecalc.checkpoints.pickles import read_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zipfile import ZipInfo

__all__ = ["HeldTensor", "held_tensors", "is_exported"]

_PROGRAM = ("/models/", "serialized_exported_program.json")
_CONFIGS = ("_weights_config.json", "_constants_config.json")
_SAVED = ("serialized_state_dict.pt", "serialized_state_dict.json", "serialized_constants.pt",
          "serialized_constants.json")  # fmt: skip
"""Files of torch.save in archives before 2.8; those of the first versions are named .json, and are none."""
_OF_2_8 = ("/data/weights/", "/data/constants/")
"""Where the same files are in archives of version 2.8."""
_LONGEST = 2**26
_LOCAL_HEADER = 30
_TYPES = {
    1: "U8", 2: "I8", 3: "I16", 4: "I32", 5: "I64", 6: "F16", 7: "F32", 8: "F64", 9: "C32", 10: "C64", 11: "C128",
    12: "BOOL", 13: "BF16", 28: "U16", 29: "F8_E4M3", 30: "F8_E5M2", 31: "F8_E4M3FNUZ", 32: "F8_E5M2FNUZ",
    33: "F8_E8M0", 34: "U32", 35: "U64",
}  # fmt: skip
"""The types of elements by their numbers: `ScalarType` of schema.py."""


class HeldTensor(NamedTuple):
    """A tensor of an archive: which elements it is, whether it is a parameter, and one that is trained.

    `view` is None where the archive names only the file of its elements, `key`; `trainable` is None for no parameter.
    """

    view: TensorView | None
    key: str
    is_param: bool
    trainable: bool | None = None

    @property
    def identity(self) -> str:
        """The same for two tensors of the same elements."""
        view = self.view
        return self.key if view is None else f"{self.key} {view.offset} {view.shape} {view.strides}"


def is_exported(archive: ZipFile) -> bool:
    """Return whether a zip file is an archive of torch.export."""
    return any(_PROGRAM[0] in f"/{name}" or name.endswith(_PROGRAM[1]) for name in archive.namelist())


def held_tensors(archive: ZipFile, path: str) -> dict[str, HeldTensor]:
    """Return the tensors of an archive by their names in the module. Errors: `CheckpointError` for broken ones."""
    found: dict[str, HeldTensor] = {}
    for info in archive.infolist():
        name = info.filename
        if name.endswith(_CONFIGS):
            found.update(_of_config(path, name, _content(archive, info, path)))
        elif name.endswith(_SAVED) or (name.endswith(".pt") and any(part in f"/{name}" for part in _OF_2_8)):
            for key, held in _of_saved(archive, info, path):
                found.setdefault(key, held)
    return found


def _content(archive: ZipFile, info: ZipInfo, path: str) -> bytes:
    if info.file_size > _LONGEST:
        raise broken(path, f"its {info.filename[:200]} has {info.file_size:,} bytes: at most {_LONGEST:,} are read")
    with archive.open(info) as stream:
        return stream.read(_LONGEST + 1)


def _of_config(path: str, entry: str, content: bytes) -> Iterator[tuple[str, HeldTensor]]:
    """Yield the tensors of a config by their names."""
    check_objects(path, content, content.count(b'"path_name"') * _OBJECTS)
    try:
        config = json.loads(content).get("config", {})
        for name, item in config.items():
            if isinstance(item, dict) and "path_name" in item:
                key, meta = str(item["path_name"]), item.get("tensor_meta") or {}
                if (meta.get("device") or {}).get("type") == "meta":
                    key = f"{key} {name}"  # all tensors without elements have the same, empty file
                is_param, stated = (
                    bool(item.get("is_param")),
                    isinstance(meta, dict) and {"dtype", "sizes"} <= meta.keys(),
                )
                trainable = meta.get("requires_grad") if is_param else None
                view = _view(key, meta) if stated else None
                yield str(name), HeldTensor(view, key, is_param, None if trainable is None else bool(trainable))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        message = f"its {entry[:200]} is not as it must be ({type(error).__name__}: {str(error)[:80]})"
        raise broken(path, message) from None


_OBJECTS = 80
"""The most brackets of JSON that the entry of a tensor has: one for each axis, twice."""


def _view(key: str, meta: dict[str, Any]) -> TensorView:
    dtype, sizes = _TYPES[meta["dtype"]], tuple([_whole(size) for size in meta["sizes"]])
    strides = tuple([_whole(stride) for stride in meta.get("strides", ())])
    if len(strides) != len(sizes):
        strides = tuple(accumulate((1, *sizes[:0:-1]), mul))[::-1]
    offset = _whole(meta.get("storage_offset", 0))
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    return TensorView(TensorStorage(dtype, key, last + 1 if prod(sizes) else 0), dtype, offset, sizes, strides)


def _whole(value: Any) -> int:
    found = value.get("as_int") if isinstance(value, dict) else value
    if type(found) is not int or found < 0:
        raise ValueError(f"a size is {str(found)[:40]!r}")
    return found


def _of_saved(archive: ZipFile, info: ZipInfo, path: str) -> Iterator[tuple[str, HeldTensor]]:
    """Yield the tensors of a file of torch.save within an archive, of which only the pickle is read."""
    if info.compress_type == ZIP_STORED and archive.fp is not None:
        inner: Any = _Part(archive.fp, info)
    else:
        inner = io.BytesIO(_content(archive, info, path))
    with ZipFile(inner) as saved:
        entry = min((one for one in saved.namelist() if one.endswith("data.pkl")), key=len, default="")
        if not entry:
            raise broken(path, f"its {info.filename[:200]} holds no tensors")
        tensors = read_pickle(path, _content(saved, saved.getinfo(entry), path))[0]
    for name, view in tensors.items() if isinstance(tensors, dict) else ():
        if isinstance(view, TensorView):
            key = f"{info.filename}:{view.storage.key}" if view.storage else str(name)
            yield str(name), HeldTensor(view, key, view.trainable is not None, view.trainable)


class _Part(io.RawIOBase):
    """An entry of a zip file that is stored as it is, as a file of its own: no byte of it is read twice, or in vain."""

    def __init__(self, stream: Any, info: ZipInfo) -> None:
        self._stream, self._size, self._at = stream, info.file_size, 0
        stream.seek(info.header_offset)
        header = stream.read(_LOCAL_HEADER)
        self._start = (
            info.header_offset + _LOCAL_HEADER + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        )

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(offset + (0, self._at, self._size)[whence], 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._stream.seek(self._start + self._at)
        data = self._stream.read(max(min(len(buffer), self._size - self._at), 0))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
