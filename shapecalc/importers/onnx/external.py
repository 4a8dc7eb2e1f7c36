"""Elements of tensors that lie in a file beside an ONNX file: a few small ones are read there.

Source of the fields: onnx/onnx.proto3 of ONNX 1.23 (`external_data`). A location is only the name of a file in the same
folder here: whatever else a file names is not opened. A file of weights is only recorded: a command that has read the
model does not overwrite it.
"""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from shapecalc.files import input_file, note_beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Neighbours", "OutsideData"]

_MOST_FILES = 16
_MOST_BYTES = 16 * 2**20
_LONGEST = 20


class OutsideData(NamedTuple):
    """Where the elements of a tensor lie: the name of the file, the first byte there, and how many there are."""

    location: str
    start: int
    length: int


def _outside_data(entries: Sequence[Mapping[str, str]], due: int) -> OutsideData | None:
    """Return where a tensor of so many bytes lies; None where its entries do not say so."""
    found = _fields(entries)
    numbers = [found.get("offset") or "0", found.get("length") or str(due)]
    if not found.get("location") or not all(text.isascii() and text.isdigit() for text in numbers):
        return None
    start, length = (int(text) if len(text) < _LONGEST else -1 for text in numbers)
    return OutsideData(found["location"], start, length) if start >= 0 and length == due else None


def _fields(entries: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {entry.get("key", ""): entry.get("value", "") for entry in entries}


class Neighbours:
    """The files beside a model: opened when something of them is needed, and closed together.

    `unread` is what could not be read: why, by the names of the files.
    """

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self.unread: dict[str, str] = {}
        self._files: dict[str, IO[bytes] | None] = {}
        self._noted: set[str] = set()
        self._left = _MOST_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for stream in self._files.values():
            if stream is not None:
                stream.close()

    def find(self, entries: Sequence[Mapping[str, str]], due: int) -> OutsideData | None:
        """Return where a tensor of so many bytes lies, if that is said; its file is recorded as one of the model."""
        location = _fields(entries).get("location", "")
        if self.folder is not None and location not in self._noted:
            self._noted.add(location)
            note_beside(self.folder, location)
        return _outside_data(entries, due)

    def read(self, place: OutsideData, at: int, count: int) -> bytes | None:
        """Return some bytes of a tensor; None where they cannot be read."""
        if place.location not in self._files:
            self._files[place.location] = self._opened(place.location)
        stream = self._files[place.location]
        if stream is None or count > self._left:
            return None
        self._left -= count
        try:
            stream.seek(place.start + at)
            found = stream.read(count)
        except (OSError, OverflowError, ValueError):
            found = b""
        if len(found) < count:
            self.unread[place.location] = "it is shorter than the file says"
            return None
        return found

    def _opened(self, location: str) -> Any:
        """Return a file of the same folder that was opened; None for any other."""
        wrong = "its name is not that of a file beside the model"
        is_name = location not in ("", ".", "..") and not {"/", "\\", "\0", ":"} & set(location)
        if self.folder is None:
            wrong = "only files are looked for beside files"
        elif is_name and len(self._files) < _MOST_FILES:
            path = os.path.join(self.folder, location)
            try:
                if stat.S_ISREG(os.stat(path).st_mode):
                    return input_file(path)
                wrong = "it is not a regular file"
            except (OSError, ValueError):
                wrong = "it is not there"
        self.unread[location] = wrong
        return None
