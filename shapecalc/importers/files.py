"""The bytes of a file of another format: mapped, and what it is if it is none."""

from __future__ import annotations

import mmap
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, SpecError
from shapecalc.files import input_file

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["broken", "check_first_bytes", "mapped"]

_FOREIGN = {
    b"version https://git-lfs": "it is a pointer of Git LFS, not the file: fetch it with git lfs pull",
    b"<!doctype": "it is a web page: the download failed, and its text says why",
    b"<html": "it is a web page: the download failed, and its text says why",
    b"pk\3\4": "it is a zip archive: unpack it first",
    b"\x1f\x8b": "it is compressed (gzip): decompress it first",
    b"\x89hdf": "it is a file of HDF5, as Keras writes them",
}
"""First bytes of what else is found under the name of such a file."""


@contextmanager
def mapped(path: str, name: str, format: str) -> Iterator[mmap.mmap]:  # noqa: A002  (that of the file)
    """Map a file, so that only what is needed is read. Errors: `SpecError` for an empty one; `OSError`."""
    with input_file(path) as stream:
        if os.fstat(stream.fileno()).st_size == 0:
            raise broken(name, format, "it is empty")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def check_first_bytes(data: bytes | mmap.mmap, name: str, format: str, *, allowed: tuple[bytes, ...] = ()) -> None:  # noqa: A002
    """Check that a file is not one of another sort under this name; `allowed` starts are of the format itself.

    Errors: `SpecError`.
    """
    head = data[:64].lstrip().lower()
    foreign = next((text for start, text in _FOREIGN.items() if head.startswith(start) and start not in allowed), "")
    if foreign:
        raise broken(name, format, foreign)


def broken(name: str, format: str, message: str, *, hint: str = "") -> SpecError:  # noqa: A002
    """Return the error of a file that is none of its format: `a Keras model`, `an ONNX file`."""
    check = "" if "not the file" in message else f"check that the file is whole, and that it is {format}"
    return SpecError(Problem(f"{name} cannot be read as {format}: {message}", hint=hint or check))
